# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A byte-exact channel to Windows programs: a remote shell (WinRS) opened with what the host's own `winrm` connection knows.

All authentication stays in that connection; this opens a second shell beside it because the environment of its programs can only be given
when a shell is made.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

IMPORT_ERROR: ImportError | None = None
FAILURES: tuple[type[Exception], ...] = ()
try:
    from requests.exceptions import RequestException
    from winrm.exceptions import WinRMError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

    FAILURES = (WinRMError, WinRMTransportError, WinRMOperationTimeoutError, RequestException)
except ImportError as error:
    IMPORT_ERROR = error

display = Display()

UTF8_CODE_PAGE = 65001

# ERROR_WSMAN_QUOTA_MAX_OPERATIONS: a shell never counts down its finished commands ([MS-WSMV] note 118), only a new one helps.
QUOTA_REACHED = 0x803381A6
# ERROR_WSMAN_INVALID_SELECTORS: the shell is gone, for example after its idle timeout.
SHELL_GONE = 2150858843
# ERROR_BUSY: an earlier Send is still being worked on.
BUSY = 170

SEND_PATIENCE = 15.0
SEND_PAUSE = 5.0

# The winrm connection opens its own shell unless it has the name of one.
NOT_YET_OPEN = "not yet open"


@dataclass(frozen=True)
class Ended:
    """What is left of a finished Windows command; standard output went to its reader."""

    rc: int
    stderr: bytes


class Channel(t.Protocol):
    """What the connection needs of a carrier: run one command line of cmd.exe with bytes in and bytes out."""

    def open(self) -> None: ...

    def run(self, line: str, stdin: t.Iterable[tuple[bytes, bool]], on_stdout: t.Callable[[bytes], None]) -> Ended: ...

    def close(self) -> None: ...


class WinRSChannel:
    """WinRS through pywinrm, as set up by a `winrm` connection plugin."""

    def __init__(self, carrier: t.Any, environment: t.Mapping[str, str]) -> None:
        self.carrier = carrier
        self.environment = dict(environment)

    def open(self) -> None:
        """Log in by the first of the carrier's transports that works, and open a shell with our environment."""
        if IMPORT_ERROR is not None:
            raise AnsibleError(f"The winrm carrier needs the Python package pywinrm 0.5.0 or later on the controller: {IMPORT_ERROR}")
        if self.carrier.protocol is not None:
            return
        self.carrier._build_winrm_kwargs()
        refusals: list[str] = []
        for transport in tuple(self.carrier._winrm_transport):
            try:
                self._open_by(transport)
                return
            except FAILURES as refused:
                refusals.append(f"{transport}: {_reason(refused)}")
        raise AnsibleConnectionFailure(", ".join(refusals))

    def _open_by(self, transport: str) -> None:
        self.carrier._winrm_transport = [transport]
        self.carrier.shell_id = NOT_YET_OPEN
        protocol = self.carrier._winrm_connect()
        self.carrier.shell_id = None
        self.carrier.shell_id = protocol.open_shell(codepage=UTF8_CODE_PAGE, env_vars=self.environment)
        self.carrier.protocol = protocol
        self.carrier._connected = True

    def close(self) -> None:
        """Give the shell back; a shell or a connection that is gone already is closed enough."""
        try:
            self.carrier.close()
        except FAILURES as gone:
            display.vvvv(f"The remote shell could not be closed: {_reason(gone)}")
            self.carrier.protocol = self.carrier.shell_id = None
            self.carrier._connected = False

    def run(self, line: str, stdin: t.Iterable[tuple[bytes, bool]], on_stdout: t.Callable[[bytes], None]) -> Ended:
        try:
            self.open()
            command = self._start(line)
            try:
                for data, last in stdin:
                    self._send(command, data, last)
                return self._receive(command, on_stdout)
            finally:
                self._clean_up(command)
        except FAILURES as failure:
            raise AnsibleConnectionFailure(f"WinRM failed while a command ran: {_reason(failure)}") from failure

    def _start(self, line: str) -> str:
        """The command's id. When the shell has had its number of commands, or is gone, a new one takes over."""
        try:
            return self._command(line)
        except WSManFaultError as fault:
            if fault.wmierror_code != QUOTA_REACHED and fault.wsman_fault_code not in (QUOTA_REACHED, SHELL_GONE):
                raise
            display.vvvv(f"The remote shell is used up or gone, opening another: {_reason(fault)}")
            self.close()
            self.open()
            return self._command(line)

    def _command(self, line: str) -> str:
        # A console as standard input would translate bytes and never end; cmd.exe is always there (old Windows only can skip it).
        return t.cast(str, self.carrier.protocol.run_command(self.carrier.shell_id, line, console_mode_stdin=False, skip_cmd_shell=False))

    def _send(self, command: str, data: bytes, last: bool) -> None:
        try:
            wait_until("the command takes its input", lambda: self._sent(command, data, last), bool, SEND_PATIENCE, SEND_PAUSE)
        except DeadlinePassed as passed:
            raise AnsibleConnectionFailure(f"WinRM stayed busy (fault {BUSY}): {passed}") from passed

    def _sent(self, command: str, data: bytes, last: bool) -> bool:
        try:
            self.carrier.protocol.send_command_input(self.carrier.shell_id, command, data, end=last)
        except WinRMOperationTimeoutError:
            # Under load the answer can be late; the input was taken all the same (ansible-core's winrm.py, _winrm_write_stdin).
            display.vvvv("WinRM was late to confirm input; going on")
        except WSManFaultError as fault:
            if fault.wsman_fault_code != BUSY:
                raise
            return False
        return True

    def _receive(self, command: str, on_stdout: t.Callable[[bytes], None]) -> Ended:
        errors: list[bytes] = []
        while True:
            try:
                out, err, rc, done = self.carrier.protocol.get_command_output_raw(self.carrier.shell_id, command)
            except WinRMOperationTimeoutError:
                continue  # nothing was printed for a while: the protocol's way to say that the command still runs
            if out:
                on_stdout(out)
            errors.append(err)
            if done:
                return Ended(rc, b"".join(errors))

    def _clean_up(self, command: str) -> None:
        """End the command on the host. That it cannot be ended must not hide what it said."""
        try:
            self.carrier.protocol.cleanup_command(self.carrier.shell_id, command)
        except FAILURES as failure:
            display.vvvv(f"A finished command could not be cleaned up: {_reason(failure)}")


def _reason(failure: BaseException) -> str:
    if getattr(failure, "code", None) == 401:
        return "the specified credentials were rejected by the server"
    return str(failure).strip() or type(failure).__name__
