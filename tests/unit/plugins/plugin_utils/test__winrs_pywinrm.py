# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remote shell of pywinrm: transports in turn, our environment and a pipe, and every failure of the library told apart by its code."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from requests.exceptions import ConnectionError as LostConnection
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import NOTHING_YET, WireFailure
from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs_pywinrm import PywinrmShell

ENVIRONMENT = {"WSL_UTF8": "1"}


class FakeProtocol:
    """pywinrm's Protocol as far as the shell uses it; `trouble` comes first."""

    def __init__(self, *trouble: Exception) -> None:
        self.trouble = list(trouble)
        self.log: list[tuple[Any, ...]] = []

    def _turn(self, *entry: Any) -> None:
        self.log.append(entry)
        if self.trouble:
            raise self.trouble.pop(0)

    def open_shell(self, codepage: int, env_vars: dict[str, str]) -> str:
        self._turn("create", codepage, env_vars)
        return "shell"

    def run_command(self, shell: str, line: str, console_mode_stdin: bool, skip_cmd_shell: bool) -> str:
        self._turn("command", shell, line, console_mode_stdin, skip_cmd_shell)
        return "command"

    def send_command_input(self, shell: str, command: str, data: bytes, end: bool) -> None:
        self._turn("send", command, data, end)

    def get_command_output_raw(self, shell: str, command: str) -> tuple[bytes, bytes, int, bool]:
        self._turn("receive", command)
        return b"out", b"err", 0, True

    def cleanup_command(self, shell: str, command: str) -> None:
        self._turn("signal", command)

    def close_shell(self, shell: str) -> None:
        self._turn("delete", shell)


class FakeCarrier:
    """The private parts of ansible-core's winrm connection that the shell relies on."""

    def __init__(self, protocol: FakeProtocol, transports: list[str] | None = None, unbuildable: dict[str, str] | None = None) -> None:
        self.fake = protocol
        self.wanted = transports or ["ntlm"]
        self.unbuildable = unbuildable or {}
        self.protocol: FakeProtocol | None = None
        self.shell_id: str | None = None
        self._connected = False

    def _build_winrm_kwargs(self) -> None:
        self._winrm_transport = list(self.wanted)

    def _winrm_connect(self) -> FakeProtocol:
        assert self.shell_id, "without a shell's name the connection would open its own"
        (transport,) = self._winrm_transport
        if transport in self.unbuildable:
            raise AnsibleConnectionFailure(self.unbuildable[transport])
        return self.fake

    def close(self) -> None:
        if self.protocol and self.shell_id:
            self.protocol.close_shell(self.shell_id)
        self.protocol = self.shell_id = None
        self._connected = False


def test_every_verb() -> None:
    protocol = FakeProtocol()
    shell = PywinrmShell(FakeCarrier(protocol))
    shell.open(ENVIRONMENT)
    command = shell.start("line")
    shell.send(command, b"in", True)
    assert shell.receive(command) == (b"out", b"err", 0, True)
    shell.end(command)
    shell.close()
    assert not shell.is_open
    assert protocol.log == [
        ("create", 65001, ENVIRONMENT),
        ("command", "shell", "line", False, False),
        ("send", "command", b"in", True),
        ("receive", "command"),
        ("signal", "command"),
        ("delete", "shell"),
    ]


def test_transports_are_tried_in_turn() -> None:
    carrier = FakeCarrier(FakeProtocol(InvalidCredentialsError("no")), ["kerberos", "ntlm"])
    PywinrmShell(carrier).open(ENVIRONMENT)
    assert carrier._winrm_transport == ["ntlm"]
    assert carrier._connected


NO_LIBRARY = {"kerberos": "the python kerberos library is not installed", "credssp": "credssp: requests-credssp is not installed"}


@pytest.mark.parametrize("missing", NO_LIBRARY)
def test_a_transport_without_its_library_is_no_obstacle_for_the_next(missing: str) -> None:
    carrier = FakeCarrier(FakeProtocol(), [missing, "ntlm"], NO_LIBRARY)
    PywinrmShell(carrier).open(ENVIRONMENT)
    assert carrier._winrm_transport == ["ntlm"]
    assert carrier._connected


def test_when_no_transport_works_each_says_why() -> None:
    carrier = FakeCarrier(FakeProtocol(InvalidCredentialsError("no")), ["kerberos", "ntlm"], NO_LIBRARY)
    with pytest.raises(WireFailure, match="^the python kerberos library is not installed, ntlm: the specified credentials were rejected by the server$"):
        PywinrmShell(carrier).open(ENVIRONMENT)


def test_refused_credentials_are_told_without_them() -> None:
    with pytest.raises(WireFailure, match="^ntlm: the specified credentials were rejected by the server$"):
        PywinrmShell(FakeCarrier(FakeProtocol(InvalidCredentialsError("secret")))).open(ENVIRONMENT)


FAILURES: list[tuple[Exception, set[int]]] = [
    (WinRMOperationTimeoutError(), {NOTHING_YET}),
    (WSManFaultError(500, "m", "r", "reason", wsman_fault_code=170), {170}),
    (WSManFaultError(500, "m", "r", "reason", wmierror_code=0x803381A6), {0x803381A6}),
    (WinRMTransportError("http", 503, "x"), {503}),
    (LostConnection("reset by peer"), set()),
    (ET.ParseError("no element found"), set()),
    (StopIteration(), set()),
    (AssertionError(), set()),
]


@pytest.mark.parametrize(("failure", "codes"), FAILURES, ids=[type(failure).__name__ for failure, _codes in FAILURES])
@pytest.mark.parametrize("verb", ["open", "start", "send", "receive", "end", "close"])
def test_failures_keep_their_code(verb: str, failure: Exception, codes: set[int]) -> None:
    protocol = FakeProtocol()
    shell = PywinrmShell(FakeCarrier(protocol))
    if verb != "open":
        shell.open(ENVIRONMENT)
    protocol.trouble = [failure]
    arguments: dict[str, tuple[Any, ...]] = {"open": (ENVIRONMENT,), "start": ("line",), "send": ("c", b"", True), "close": ()}
    with pytest.raises(WireFailure, match=r".") as translated:
        getattr(shell, verb)(*arguments.get(verb, ("c",)))
    assert translated.value.codes == codes
    if verb == "close":
        assert not shell.is_open
