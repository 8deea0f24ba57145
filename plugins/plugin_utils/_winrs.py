# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A byte-exact channel to Windows programs: a remote shell (WinRS), whichever library speaks the protocol, with its quotas and busy answers.

What may be repeated and what not: a request that the host refused (busy, over quota, 503) was not begun and is repeated until a deadline. A request
whose answer was lost may have been begun; it makes the host unreachable at once. Input that is refused for another reason is not repeated either, but its
program may have ended before it, and is heard.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until
from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import ENVIRONMENT, Target, sends, winrs_line

display = Display()

UTF8_CODE_PAGE = 65001

# ERROR_BUSY: an earlier request is still being worked on.
BUSY = 170
# ERROR_WSMAN_OPERATION_TIMEDOUT: nothing to tell yet.
NOTHING_YET = 2150858793
# ERROR_WSMAN_INVALID_SELECTORS: the shell is gone, for example after its idle timeout.
SHELL_GONE = 2150858843
# ERROR_WSMAN_QUOTA_MAX_OPERATIONS: a shell never counts down its finished commands ([MS-WSMV] note 118), only a new one helps.
OPERATIONS_USED_UP = 0x803381A6
# ERROR_WSMAN_QUOTA_MAX_SHELLS, _USER, _SYSTEM, _MAX_SHELLUSERS: others hold what there is, until they end (wsmerror.h).
HELD_BY_OTHERS = frozenset({0x803381A5, 0x803381A7, 0x803381A8, 0x803381AB})
SERVICE_UNAVAILABLE = 503

PATIENCE = 30.0
PAUSE = 2.0

Answer = t.TypeVar("Answer")


class WireFailure(Exception):
    """The library's failure, told apart by the code of the WSMan fault or of HTTP."""

    def __init__(self, text: str, codes: t.Iterable[int | None] = ()) -> None:
        super().__init__(text)
        self.codes = frozenset(code for code in codes if code is not None)

    @property
    def passes(self) -> bool:
        """The host refused without beginning, because of a load that goes away."""
        return bool(self.codes & (HELD_BY_OTHERS | {BUSY, SERVICE_UNAVAILABLE}))

    @property
    def passes_for_a_new_shell(self) -> bool:
        """What is used up in one shell is only short when it is asked for another."""
        return self.passes or OPERATIONS_USED_UP in self.codes

    @property
    def needs_new_shell(self) -> bool:
        return bool(self.codes & {OPERATIONS_USED_UP, SHELL_GONE})

    @property
    def is_silence(self) -> bool:
        return NOTHING_YET in self.codes


class Wire(t.Protocol):
    """One remote shell, spoken by a library. Every method raises WireFailure, and nothing else, for what goes wrong between here and the host."""

    largest_send: int

    @property
    def is_open(self) -> bool: ...

    def open(self, environment: t.Mapping[str, str]) -> None: ...

    def start(self, line: str) -> str:
        """The id of a command that reads a pipe, not a console, which would translate bytes and never end."""

    def send(self, command: str, data: bytes, last: bool) -> None: ...

    def receive(self, command: str) -> tuple[bytes, bytes, int, bool]:
        """Standard output, standard error, exit code and whether it ended."""

    def end(self, command: str) -> None: ...

    def close(self) -> None: ...


class WinRSChannel:
    """wsl.exe in a remote shell of its own; the shell is opened by the first command and lives as long as the task."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def open(self) -> None:
        if not self.wire.is_open:
            try:
                self._patiently("the host grants a remote shell", lambda: self.wire.open(ENVIRONMENT), lambda failure: failure.passes_for_a_new_shell)
            except WireFailure as failure:
                raise AnsibleConnectionFailure(str(failure)) from failure

    def close(self) -> None:
        """Give the shell back; a shell or a connection that is gone already is closed enough."""
        try:
            self.wire.close()
        except WireFailure as gone:
            display.vvvv(f"The remote shell could not be closed: {gone}")

    def reset(self) -> None:
        self.close()

    def run(self, target: Target, stdin: bytes) -> Ended:
        line = winrs_line(target)
        self.open()
        try:
            command = self._start(line)
            try:
                return self._fed(command, stdin)
            finally:
                self._clean_up(command)
        except WireFailure as failure:
            raise AnsibleConnectionFailure(f"WinRM failed while a command ran: {failure}") from failure

    def _start(self, line: str) -> str:
        """The command's id. When the shell has had its number of commands, or is gone, a new one takes over."""
        try:
            return self._patiently("the command is started", lambda: self.wire.start(line))
        except WireFailure as failure:
            if not failure.needs_new_shell:
                raise
            display.vvvv(f"The remote shell is used up or gone, opening another: {failure}")
            self.close()
            self.open()
            return self._patiently("the command is started", lambda: self.wire.start(line))

    def _fed(self, command: str, stdin: bytes) -> Ended:
        for data, last in sends(stdin, self.wire.largest_send):
            try:
                self._send(command, data, last)
            except WireFailure as refused:
                return self._ended_without_reading(command, refused)
        return self._receive(command)

    def _ended_without_reading(self, command: str, refused: WireFailure) -> Ended:
        """The pipe of a program that has ended takes nothing, but what the program said is still there, as for a cmd.exe that finds no wsl.exe.

        Not by the code of the fault: which one it is, is known from public reports only (https://github.com/ansible/ansible/issues/69595).
        """
        if not refused.codes:
            raise refused  # the answer was lost
        try:
            return self._receive(command, silence_ends=True)
        except WireFailure as unheard:
            display.vvvv(f"Nothing was heard of a command whose input was refused: {unheard}")
            raise refused from None

    def _send(self, command: str, data: bytes, last: bool) -> None:
        try:
            self._patiently("the command takes its input", lambda: self.wire.send(command, data, last))
        except WireFailure as failure:
            if not failure.is_silence:
                raise
            # Under load the answer can be late; the input was taken all the same (ansible-core's winrm.py, _winrm_write_stdin).
            display.vvvv("WinRM was late to confirm input; going on")

    def _receive(self, command: str, silence_ends: bool = False) -> Ended:
        output, errors = bytearray(), bytearray()
        while True:
            try:
                out, err, rc, done = self._patiently("the host tells the output", lambda: self.wire.receive(command))
            except WireFailure as failure:
                if silence_ends or not failure.is_silence:
                    raise
                continue  # nothing was printed for a while: the protocol's way to say that the command still runs
            output += out
            errors += err
            if done:
                return Ended(rc, bytes(output), bytes(errors))

    def _clean_up(self, command: str) -> None:
        """End the command on the host. That it cannot be ended must not hide what it said."""
        try:
            self.wire.end(command)
        except WireFailure as failure:
            display.vvvv(f"A finished command could not be cleaned up: {failure}")

    @staticmethod
    def _patiently(awaited: str, act: t.Callable[[], Answer], passes: t.Callable[[WireFailure], bool] = lambda failure: failure.passes) -> Answer:
        """What `act` gives, as soon as the host is no longer too busy for it."""

        def attempt() -> tuple[WireFailure | None, list[Answer]]:
            try:
                return None, [act()]
            except WireFailure as failure:
                if not passes(failure):
                    raise
                display.vvvv(f"The host is busy ({failure}); trying again")
                return failure, []

        try:
            return wait_until(awaited, attempt, lambda tried: tried[0] is None, PATIENCE, PAUSE)[1][0]
        except DeadlinePassed as passed:
            raise AnsibleConnectionFailure(f"The host stayed busy for {passed.seconds:.0f} s. {passed.last[0]}") from passed
