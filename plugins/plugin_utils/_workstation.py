# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel to the Windows side: a list of questions and changes goes in, a list of typed answers comes back, in one round trip.

The PowerShell texts beside this file are constant. Only the bootstrap stands on the command line; the program and its request travel as
ASCII JSON on stdin, the reply comes back as one marked line of base64(JSON). Which questions to ask and what the answers mean is Python.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import typing as t
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import ParseError

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._language import (
    NOT_DONE,
    Answer,
    Failure,
    Item,
    NotAnswered,
    answer_from,
    cim,
    environment,
    file,
    in_session,
    native,
    registry,
    shell,
    write_file,
)
from ansible_collections.gpudev.workstation.plugins.plugin_utils._background import Limit, NoEnd, Tell, run_as_job
from ansible_collections.gpudev.workstation.plugins.plugin_utils._clixml import readable_errors

display = Display()

__all__ = [
    "Answer",
    "BlockedByPolicy",
    "Failure",
    "Item",
    "NotAnswered",
    "Workstation",
    "WorkstationError",
    "cim",
    "environment",
    "file",
    "in_session",
    "native",
    "registry",
    "shell",
    "write_file",
]

# Character for character what the winrm and psrp connections look for: they pass such a line on as it is (facts: winrm, 1.4).
COMMAND_PREFIX = "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand "
FRAME = re.compile(r"<<gpudev:([A-Za-z0-9+/=\s]*)>>")
REFUSED = re.compile(r"<<gpudev!(\w+)>>")
CARRIER = "ansible.windows.win_powershell"
# The verbs that cannot change anything; what a program does, nobody knows.
READING_VERBS = ("shell", "environment", "registry", "file", "cim")


class WorkstationError(AnsibleError):
    """Nothing usable came back from the Windows side; the message says what was tried, what came back, and what to do."""


class BlockedByPolicy(WorkstationError):
    """PowerShell runs in a restricted language mode, so nothing can be asked."""

    def __init__(self, language_mode: str) -> None:
        super().__init__(
            f"PowerShell on the workstation runs in {language_mode} (an application control policy such as WDAC or AppLocker): "
            "nothing beyond plain cmdlets is allowed. Exempt the managing account or sign-off the collection's scripts in that policy."
        )
        self.language_mode = language_mode


@cache
def powershell_text(name: str) -> str:
    return (Path(__file__).parent / "powershell" / name).read_text(encoding="ascii")


def command_line() -> str:
    return COMMAND_PREFIX + base64.b64encode(powershell_text("bootstrap.ps1").encode("utf-16-le")).decode("ascii")


def framed(items: t.Sequence[Item], stop_on_error: bool) -> str:
    """The one line of ASCII JSON that the bootstrap reads from stdin."""
    request: dict[str, t.Any] = {"items": list(items)}
    if stop_on_error:
        request["stop_on_error"] = True
    return json.dumps({"script": powershell_text("workstation.ps1"), "request": request}, ensure_ascii=True)


class Workstation:
    """The Windows side of one inventory host, through its own connection; one `ask` is one round trip."""

    def __init__(self, action: t.Any, task_vars: t.Mapping[str, t.Any] | None = None, always_as_job: Limit | None = None) -> None:
        self._action = action
        self._task_vars = task_vars or {}
        self._always_as_job = always_as_job
        self.round_trips = 0

    def ask(self, items: t.Sequence[Item], stop_on_error: bool = False) -> list[Answer]:
        """One answer per item, in order. With `stop_on_error` nothing is done after the first failure."""
        if self._always_as_job is not None:
            return self._as_job(items, stop_on_error, self._always_as_job, lambda _seen, _left: None)
        frame = self._framed(items, stop_on_error)
        become = getattr(self._action._connection, "become", None) is not None
        with connection_trouble_explained(items):
            return _answered(items, self._by_module(frame) if become else self._by_connection(frame))

    def ask_in_background(self, items: t.Sequence[Item], seconds: int, tell: Tell) -> list[Answer]:
        """The same for items that take minutes: a job on the workstation, at most `seconds`, that is polled; `tell` hears each poll."""
        return self._as_job(items, False, Limit(seconds), tell)

    def _as_job(self, items: t.Sequence[Item], stop_on_error: bool, limit: Limit, tell: Tell) -> list[Answer]:
        try:
            result = run_as_job(self._action, self._task_vars, CARRIER, carried(self._framed(items, stop_on_error)), limit, tell)
        except NoEnd as error:
            raise WorkstationError(f"the job on the workstation: {error}. It may still run there; run again when it has ended.") from error
        return _answered(items, _reply_of_module(result))

    def _framed(self, items: t.Sequence[Item], stop_on_error: bool) -> str:
        self.round_trips += 1
        display.vvv(f"workstation request: {', '.join(item['verb'] for item in items)}")
        return framed(items, stop_on_error)

    def _by_connection(self, frame: str) -> dict[str, t.Any]:
        rc, stdout, stderr = self._action._connection.exec_command(command_line(), in_data=frame.encode("ascii") + b"\n", sudoable=False)
        return reply_from_output(_text(stdout), _text(stderr), rc)

    def _by_module(self, frame: str) -> dict[str, t.Any]:
        """With become the same texts go through win_powershell, which knows how to change users."""
        return _reply_of_module(self._action._execute_module(module_name=CARRIER, module_args=carried(frame), task_vars=dict(self._task_vars)))


@contextlib.contextmanager
def connection_trouble_explained(items: t.Sequence[Item]) -> t.Iterator[None]:
    """Carriers raise what their libraries raise: broken connections as OSError, half an answer as ParseError, the rest as errors of Ansible."""
    try:
        yield
    except (WorkstationError, AnsibleAuthenticationFailure):
        raise
    except (AnsibleError, OSError, ParseError) as error:
        if all(item["verb"] in READING_VERBS for item in items):
            told = "The workstation could not be asked; nothing was changed. Run again when it can be reached."
        else:
            told = "The connection was lost. What the workstation was asked to do may be done; a file is the old or the new one. Run again: a run looks first."
        raise AnsibleConnectionFailure(f"{told} The connection said: {' '.join(str(error).split())}") from error


def carried(frame: str) -> dict[str, t.Any]:
    return {"script": powershell_text("carrier.ps1"), "parameters": {"Bootstrap": powershell_text("bootstrap.ps1"), "Frame": frame}}


def _reply_of_module(result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if result.get("failed") or result.get("unreachable"):
        raise WorkstationError(f"{CARRIER}, which carries the request because of become or as a job, failed: {result.get('msg', result)}")
    output = "\n".join(line for line in result.get("output", []) if isinstance(line, str))
    return reply_from_output(output, "\n".join(str(error) for error in result.get("error", [])), 0)


def _answered(items: t.Sequence[Item], reply: t.Mapping[str, t.Any]) -> list[Answer]:
    answers = answers_from_reply(reply)
    verbs = [str(item["verb"]) for item in items]
    told = [Answer(verb, answer.value, answer.failure) for verb, answer in zip(verbs, answers, strict=False)]
    return told + [Answer(verb, failure=NOT_DONE) for verb in verbs[len(answers) :]]


def reply_from_output(stdout: str, stderr: str, rc: int) -> dict[str, t.Any]:
    """The reply in the frame; without one, an error that says why there may be none."""
    refused = REFUSED.search(stdout)
    if refused:
        raise BlockedByPolicy(refused.group(1))
    frame = FRAME.search(stdout)
    if frame is None:
        told = " ".join((readable_errors(stderr) or stdout).split()) or "no output at all"
        raise WorkstationError(f"PowerShell on the workstation ended without an answer (exit code {rc}): {told}")
    try:
        reply = json.loads(base64.b64decode("".join(frame.group(1).split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise WorkstationError(f"the answer of the workstation arrived damaged ({error}); is something rewriting its output?") from error
    if not isinstance(reply, dict):
        raise WorkstationError("the answer of the workstation is not an object")
    return reply


def answers_from_reply(reply: t.Mapping[str, t.Any]) -> list[Answer]:
    if not reply.get("ok"):
        error = reply.get("error") or {}
        told = Failure(str(error.get("type", "")), str(error.get("message", "")), id=str(error.get("id", ""))).told()
        raise WorkstationError(f"the program on the workstation failed as a whole: {told}")
    result = reply.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("answers"), list):
        raise WorkstationError("the answer of the workstation has no list of answers")
    return [answer_from("item", entry) for entry in result["answers"]]


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "replace")
