# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote shell through pywinrm, with all that the host's own `winrm` connection knows about logging in.

It opens a shell beside that connection's because the environment of a shell's programs can only be given when it is made.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t
import xml.etree.ElementTree as ET

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import NOTHING_YET, UTF8_CODE_PAGE, WireFailure
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import SEND_CHUNK

IMPORT_ERROR: ImportError | None = None
FAILURES: tuple[type[Exception], ...] = ()
try:
    from requests.exceptions import RequestException
    from spnego.exceptions import SpnegoError
    from winrm.exceptions import WinRMError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

    # The last three are what pywinrm lets through when an answer is cut off or is not the one that it waits for.
    FAILURES = (WinRMError, WinRMTransportError, WinRMOperationTimeoutError, RequestException, SpnegoError, ET.ParseError, StopIteration, AssertionError)
except ImportError as error:
    IMPORT_ERROR = error

# The winrm connection opens its own shell unless it has the name of one.
NOT_YET_OPEN = "not yet open"


class PywinrmShell:
    """The shell of a `winrm` connection plugin that is told its options and never connects by itself."""

    largest_send = SEND_CHUNK

    def __init__(self, carrier: t.Any) -> None:
        self.carrier = carrier

    @property
    def is_open(self) -> bool:
        return self.carrier.protocol is not None

    def open(self, environment: t.Mapping[str, str]) -> None:
        """Log in by the first of the carrier's transports that works, and open a shell."""
        if IMPORT_ERROR is not None:
            raise AnsibleError(f"The carrier winrm needs the Python package pywinrm 0.5.0 or later on the controller: {IMPORT_ERROR}")
        self.carrier._build_winrm_kwargs()
        refusals: list[WireFailure] = []
        for transport in tuple(self.carrier._winrm_transport):
            try:
                with failures_translated(f"{transport}: "):
                    self._open_by(transport, environment)
                return
            except WireFailure as refused:
                refusals.append(refused)
        raise WireFailure(", ".join(map(str, refusals)), refusals[-1].codes if refusals else ())

    def _open_by(self, transport: str, environment: t.Mapping[str, str]) -> None:
        self.carrier._winrm_transport = [transport]
        self.carrier.shell_id = NOT_YET_OPEN
        try:
            protocol = self.carrier._winrm_connect()
        except AnsibleConnectionFailure as failure:
            # No library, or no ticket, for this transport; the next one may have what it needs.
            raise WireFailure(str(failure)) from failure
        self.carrier.shell_id = None
        self.carrier.shell_id = protocol.open_shell(codepage=UTF8_CODE_PAGE, env_vars=dict(environment))
        self.carrier.protocol = protocol
        self.carrier._connected = True

    def start(self, line: str) -> str:
        with failures_translated():
            return t.cast(str, self.carrier.protocol.run_command(self.carrier.shell_id, line, console_mode_stdin=False, skip_cmd_shell=False))

    def send(self, command: str, data: bytes, last: bool) -> None:
        with failures_translated():
            self.carrier.protocol.send_command_input(self.carrier.shell_id, command, data, end=last)

    def receive(self, command: str) -> tuple[bytes, bytes, int, bool]:
        with failures_translated():
            return t.cast("tuple[bytes, bytes, int, bool]", self.carrier.protocol.get_command_output_raw(self.carrier.shell_id, command))

    def end(self, command: str) -> None:
        with failures_translated():
            self.carrier.protocol.cleanup_command(self.carrier.shell_id, command)

    def close(self) -> None:
        try:
            with failures_translated():
                self.carrier.close()
        finally:
            self.carrier.protocol = self.carrier.shell_id = None
            self.carrier._connected = False


@contextlib.contextmanager
def failures_translated(prefix: str = "") -> t.Iterator[None]:
    try:
        yield
    except FAILURES as failure:
        raise WireFailure(prefix + _reason(failure), _codes(failure)) from failure


def _codes(failure: Exception) -> list[int | None]:
    if isinstance(failure, WinRMOperationTimeoutError):
        return [NOTHING_YET]
    if isinstance(failure, WSManFaultError):
        return [failure.wsman_fault_code, failure.wmierror_code]
    return [failure.code] if isinstance(failure, WinRMTransportError) else []


def _reason(failure: Exception) -> str:
    if getattr(failure, "code", None) == 401:
        return "the specified credentials were rejected by the server"
    if isinstance(failure, WinRMOperationTimeoutError):
        return "the host did not do it within the operation timeout"
    if isinstance(failure, ET.ParseError):
        return f"the host's answer was cut off, or is no XML: {failure}"
    return str(failure).strip() or type(failure).__name__
