# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions for the Windows side share: arguments, one place for what the channel may say, progress, steps of minutes.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import abc
import datetime
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._address import without_secrets, without_secrets_within
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_windows import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, NotAnswered
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BLOCKED_BY_POLICY, CONSENT_WORDS, UNKNOWN, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.plugin_utils._background import Limit, NoEnd, Result, Tell, run_as_job
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import BlockedByPolicy, Workstation, WorkstationError

display = Display()

CATALOGUE = Catalogue(ENTRIES)
ALLOW: dict[str, t.Any] = {"type": "list", "elements": "str", "choices": list(CONSENT_WORDS), "default": []}
Arguments = dict[str, t.Any]
FIRE_AND_FORGET = (
    "{action} cannot run with 'poll: 0': it thinks on the controller, and nobody would be there to judge the answer. Give 'poll' a number of seconds, "
    "or leave 'async' out: what takes minutes runs as a job on the workstation anyway, is polled, and tells its progress."
)


class WindowsAction(ActionBase):
    """Validates, then hands over to `converge`; what keeps the channel from answering becomes a layer instead of a traceback."""

    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {}
    # The layer that is spoken of when nothing can be asked at all.
    LAYER: t.ClassVar[str] = "windows"
    READ_ONLY: t.ClassVar[bool] = False

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    @abc.abstractmethod
    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        """The result of the task."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = super().run(tmp, task_vars)
        limit = self._taken_over_from_async()
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        self._variables = task_vars or {}
        try:
            answer.update(self.converge(Workstation(self, self._variables, limit), arguments))
        except BlockedByPolicy as refusal:
            finding = CATALOGUE["WIN-006"].finding(refusal.language_mode)
            answer.update(self._only(Layer("windows", BLOCKED_BY_POLICY, str(refusal), {"language_mode": refusal.language_mode}, [finding])))
        except (WorkstationError, NotAnswered) as error:
            answer.update(self._only(Layer(self.LAYER, UNKNOWN, str(error))))
        return answer

    def _taken_over_from_async(self) -> Limit | None:
        """With `async` every request is a job on the workstation, polled here: Ansible itself would look for one job, and return its raw answer."""
        if not self._task.async_val:
            return None
        if not self._task.poll:
            raise AnsibleActionFail(FIRE_AND_FORGET.format(action=self._task.action))
        limit = Limit(self._task.async_val, self._task.poll)
        self._task.async_val = 0
        return limit

    def _only(self, layer: Layer) -> dict[str, t.Any]:
        return result([layer], changed=False, check_mode=self.check_mode, read_only=self.READ_ONLY)

    @property
    def check_mode(self) -> bool:
        return bool(self._task.check_mode)

    def diff(self, before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
        return {"before": dict(before), "after": dict(after)} if self._task.diff else None

    def progress(self, message: str) -> None:
        """Said at once, because the task's own result comes only at its end."""
        display.display(f"{self._variables.get('inventory_hostname', 'workstation')}: {message}")

    def awaiting(self, subject: str, awaited: str, seconds: float) -> Tell:
        """For polls: says at each look what is awaited, for how long still, and until when."""
        until = datetime.datetime.now() + datetime.timedelta(seconds=seconds)

        def tell(_seen: t.Any, left: float) -> None:
            if left > 0:
                self.progress(f"{subject}: awaiting {awaited}, until {until:%H:%M:%S} at most ({left:.0f} s left)")

        return tell

    def windows_module(self, name: str, arguments: Result) -> Result:
        """A module of ansible.windows; one that fails ends the step."""
        answer: Result = self._execute_module(module_name=name, module_args=arguments, task_vars=dict(self._variables))
        return _succeeded(name, arguments, answer)

    def windows_module_in_background(self, name: str, arguments: Result, seconds: int, tell: Tell) -> Result:
        try:
            return _succeeded(name, arguments, run_as_job(self, self._variables, name, arguments, Limit(seconds), tell))
        except NoEnd as error:
            raise WorkstationError(f"{name} {_about(arguments)}: {error}. It may still run on the workstation; run again when it has ended.") from error


def _succeeded(name: str, arguments: Result, answer: Result) -> Result:
    if answer.get("failed") or answer.get("unreachable"):
        message = without_secrets_within(str(answer.get("msg", "failed without a message")), str(arguments.get("url") or ""))
        raise WorkstationError(f"{name} {_about(arguments)}: {message}")
    return answer


def _about(arguments: Result) -> str:
    return without_secrets(str(arguments.get("url") or arguments.get("path") or ""))


def ask_named(station: Workstation, questions: t.Mapping[str, Item], first: t.Sequence[Item] = ()) -> tuple[list[Answer], dict[str, Answer]]:
    """Steps and, in the same round trip, the look at what they led to: answers of the steps, and the questions' by name."""
    answers = station.ask([*first, *questions.values()])
    return answers[: len(first)], dict(zip(questions, answers[len(first) :], strict=True))


def ask_in_background(
    station: Workstation, questions: t.Mapping[str, Item], step: Item, seconds: int, tell: Tell
) -> tuple[Answer, dict[str, Answer]]:
    """The same for one step of minutes, as a job on the workstation that is polled."""
    answers = station.ask_in_background([step, *questions.values()], seconds, tell)
    return answers[0], dict(zip(questions, answers[1:], strict=True))
