# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions for the Windows side share: arguments, one place for what the channel may say, progress, files by checksum.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import abc
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_windows import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, NotAnswered
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BLOCKED_BY_POLICY, CONSENT_WORDS, UNKNOWN, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import BlockedByPolicy, Workstation, WorkstationError

display = Display()

CATALOGUE = Catalogue(ENTRIES)
ALLOW: dict[str, t.Any] = {"type": "list", "elements": "str", "choices": list(CONSENT_WORDS), "default": []}
Arguments = dict[str, t.Any]


class WindowsAction(ActionBase):
    """Validates, then hands over to `converge`; what keeps the channel from answering becomes a layer instead of a traceback."""

    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {}
    # The layer that is spoken of when nothing can be asked at all.
    LAYER: t.ClassVar[str] = "windows"
    READ_ONLY: t.ClassVar[bool] = False

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    @abc.abstractmethod
    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        """The result of the task."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        self._variables = task_vars or {}
        try:
            answer.update(self.converge(Workstation(self, self._variables), arguments))
        except BlockedByPolicy as refusal:
            finding = CATALOGUE["WIN-006"].finding(refusal.language_mode)
            answer.update(self._only(Layer("windows", BLOCKED_BY_POLICY, str(refusal), {"language_mode": refusal.language_mode}, [finding])))
        except (WorkstationError, NotAnswered) as error:
            answer.update(self._only(Layer(self.LAYER, UNKNOWN, str(error))))
        return answer

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

    def checksum(self, path: str) -> str | None:
        """SHA-256 of a file on the workstation, however large; None when it is not there."""
        stat = self._windows_module("ansible.windows.win_stat", {"path": path, "get_checksum": True, "checksum_algorithm": "sha256"})["stat"]
        return str(stat.get("checksum", "")).lower() if stat.get("exists") else None

    def install_package(self, path: str, sha256: str) -> dict[str, t.Any]:
        """Install a Windows installer package (.msi); its product code tells whether it is there already."""
        arguments = {"path": path, "state": "present"}
        if sha256:
            arguments.update(checksum=sha256, checksum_algorithm="sha256")
        return self._windows_module("ansible.windows.win_package", arguments)

    def _windows_module(self, name: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=dict(self._variables))
        if answer.get("failed") or answer.get("unreachable"):
            raise WorkstationError(f"{name} {arguments.get('path', '')}: {answer.get('msg', 'failed without a message')}")
        return answer


def ask_named(station: Workstation, questions: t.Mapping[str, Item], first: t.Sequence[Item] = ()) -> tuple[list[Answer], dict[str, Answer]]:
    """Steps and, in the same round trip, the look at what they led to: answers of the steps, and the questions' by name."""
    answers = station.ask([*first, *questions.values()])
    return answers[: len(first)], dict(zip(questions, answers[len(first) :], strict=True))
