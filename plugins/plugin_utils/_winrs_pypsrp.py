# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote shell through pypsrp, with all that the host's own `psrp` connection knows about logging in.

Not PSRP itself: a PowerShell pipeline changes encodings and line ends. pypsrp also speaks WinRS, over the same WSMan endpoint and login.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import contextlib
import re
import typing as t
import xml.etree.ElementTree as ET

from ansible.errors import AnsibleError

from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import UTF8_CODE_PAGE, WireFailure
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import SEND_CHUNK

IMPORT_ERROR: ImportError | None = None
FAILURES: tuple[type[Exception], ...] = ()
try:
    from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
    from pypsrp.shell import CommandState, SignalCode, WinRS
    from pypsrp.wsman import NAMESPACES, OptionSet, SelectorSet, WSMan
    from requests.exceptions import RequestException
    from spnego.exceptions import SpnegoError

    FAILURES = (WinRMError, RequestException, SpnegoError, ET.ParseError)
except ImportError as error:
    IMPORT_ERROR = error

# psrp's own default is the limit of Windows Server 2008 R2, which has no WSL; every Windows that has takes 500 KB.
OLDEST_ENVELOPE = 153600

WMI_ERROR_CODE = re.compile(r"error_Code[^>]*>\s*(\d+)\s*<")


class PypsrpShell:
    """A WinRS shell on the endpoint of a `psrp` connection plugin that is told its options and never connects by itself."""

    def __init__(self, carrier: t.Any) -> None:
        self.carrier = carrier
        self.largest_send = SEND_CHUNK
        self._wsman: t.Any = None
        self._shell: t.Any = None

    @property
    def is_open(self) -> bool:
        return self._shell is not None

    def open(self, environment: t.Mapping[str, str]) -> None:
        if IMPORT_ERROR is not None:
            raise AnsibleError(f"The carrier psrp needs the Python package pypsrp 0.8.0 or later on the controller: {IMPORT_ERROR}")
        self.carrier._build_kwargs()
        with failures_translated():
            self._wsman = WSMan(**self.carrier._psrp_conn_kwargs)
            if self._wsman.max_envelope_size != OLDEST_ENVELOPE:
                self.largest_send = self._wsman.max_payload_size
            shell = WinRS(self._wsman, codepage=UTF8_CODE_PAGE, environment=dict(environment))
            shell.open()
        self._shell = shell

    def start(self, line: str) -> str:
        """WinRS.command of pypsrp cannot say that standard input is a pipe."""
        rsp = NAMESPACES["rsp"]
        options = OptionSet()
        options.add_option("WINRS_CONSOLEMODE_STDIN", "FALSE")
        options.add_option("WINRS_SKIP_CMD_SHELL", "FALSE")
        selectors = SelectorSet()
        selectors.add_option("ShellId", self._shell.id)
        request = ET.Element(f"{{{rsp}}}CommandLine")
        ET.SubElement(request, f"{{{rsp}}}Command").text = line
        with failures_translated():
            answer = self._wsman.command(self._shell.resource_uri, request, option_set=options, selector_set=selectors)
        identity = answer.findtext("rsp:CommandResponse/rsp:CommandId", namespaces=NAMESPACES)
        if not identity:
            raise WireFailure("The host answered a Command without the id of a command.")
        return t.cast(str, identity)

    def send(self, command: str, data: bytes, last: bool) -> None:
        with failures_translated():
            self._shell.send("stdin", data, command_id=command, end=last)

    def receive(self, command: str) -> tuple[bytes, bytes, int, bool]:
        with failures_translated():
            state, rc, streams = self._shell.receive("stdout stderr", command)
        return streams["stdout"], streams["stderr"], -1 if rc is None else rc, state == CommandState.DONE

    def end(self, command: str) -> None:
        with failures_translated():
            self._shell.signal(SignalCode.TERMINATE, command)

    def close(self) -> None:
        shell, wsman = self._shell, self._wsman
        self._shell = self._wsman = None
        try:
            if shell is not None:
                with failures_translated():
                    shell.close()
        finally:
            if wsman is not None:
                wsman.close()


@contextlib.contextmanager
def failures_translated() -> t.Iterator[None]:
    try:
        yield
    except FAILURES as failure:
        raise WireFailure(_reason(failure), _codes(failure)) from failure


def _codes(failure: Exception) -> list[int | None]:
    if not isinstance(failure, (WSManFaultError, WinRMTransportError)):
        return []
    # pypsrp does not read the detail MSFT_WmiError, in which Windows tells its quotas; it stands in the answer that the fault was made from.
    answer = getattr(failure.__context__, "response_text", "")
    return [failure.code, *map(int, WMI_ERROR_CODE.findall(answer))]


def _reason(failure: Exception) -> str:
    if isinstance(failure, AuthenticationError):
        return f"failed to authenticate with the server: {failure}"
    if isinstance(failure, ET.ParseError):
        return f"the host's answer was cut off, or is no XML: {failure}"
    return str(failure).strip() or type(failure).__name__
