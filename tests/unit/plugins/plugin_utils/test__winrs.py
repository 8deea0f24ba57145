# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel: shell with our environment, transports in turn, used-up shells, late and busy answers, and nothing lost in cleaning up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

from ansible_collections.gpudev.workstation.plugins.plugin_utils import _winrs
from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import BUSY, QUOTA_REACHED, SHELL_GONE, Ended, WinRSChannel

ENVIRONMENT = {"WSL_UTF8": "1"}


def fault(wsman: int | None = None, wmi: int | None = None) -> WSManFaultError:
    return WSManFaultError(500, "message", "response", "reason", wsman_fault_code=wsman, wmierror_code=wmi)


@dataclass
class FakeProtocol:
    """pywinrm's Protocol as far as the channel uses it; `trouble` maps a verb to errors that come before it works."""

    trouble: dict[str, list[Exception]] = field(default_factory=dict)
    output: list[tuple[bytes, bytes, int, bool]] = field(default_factory=lambda: [(b"out", b"err", 0, True)])
    log: list[tuple[Any, ...]] = field(default_factory=list)
    shells: int = 0

    def _turn(self, *entry: Any) -> None:
        self.log.append(entry)
        waiting = self.trouble.get(entry[0], [])
        if waiting:
            raise waiting.pop(0)

    def open_shell(self, codepage: int, env_vars: dict[str, str]) -> str:
        self._turn("create", codepage, tuple(env_vars.items()))
        self.shells += 1
        return f"shell{self.shells}"

    def run_command(self, shell: str, line: str, console_mode_stdin: bool, skip_cmd_shell: bool) -> str:
        self._turn("command", shell, line, console_mode_stdin, skip_cmd_shell)
        return "command"

    def send_command_input(self, shell: str, command: str, data: bytes, end: bool) -> None:
        self._turn("send", data, end)

    def get_command_output_raw(self, shell: str, command: str) -> tuple[bytes, bytes, int, bool]:
        self._turn("receive")
        return self.output.pop(0)

    def cleanup_command(self, shell: str, command: str) -> None:
        self._turn("signal")

    def close_shell(self, shell: str) -> None:
        self._turn("delete", shell)

    def verbs(self) -> list[str]:
        return [entry[0] for entry in self.log]


class FakeCarrier:
    """The private parts of ansible-core's winrm connection that the channel relies on."""

    def __init__(self, protocol: FakeProtocol, transports: list[str] | None = None) -> None:
        self.fake = protocol
        self.wanted = transports or ["ntlm"]
        self.protocol: FakeProtocol | None = None
        self.shell_id: str | None = None
        self._connected = False

    def _build_winrm_kwargs(self) -> None:
        self._winrm_transport = list(self.wanted)

    def _winrm_connect(self) -> FakeProtocol:
        assert self.shell_id, "without a shell's name the connection would open its own"
        return self.fake

    def close(self) -> None:
        if self.protocol and self.shell_id:
            self.protocol.close_shell(self.shell_id)
        self.protocol = self.shell_id = None
        self._connected = False


def run(protocol: FakeProtocol, stdin: list[tuple[bytes, bool]] | None = None) -> tuple[Ended, bytes]:
    out: list[bytes] = []
    ended = WinRSChannel(FakeCarrier(protocol), ENVIRONMENT).run("line", stdin or [(b"in", True)], out.append)
    return ended, b"".join(out)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_winrs, "SEND_PAUSE", 0.0)
    monkeypatch.setattr(_winrs, "SEND_PATIENCE", 0.2)


def test_one_command() -> None:
    protocol = FakeProtocol()
    assert run(protocol) == (Ended(0, b"err"), b"out")
    assert protocol.log == [
        ("create", 65001, (("WSL_UTF8", "1"),)),
        ("command", "shell1", "line", False, False),
        ("send", b"in", True),
        ("receive",),
        ("signal",),
    ]


def test_a_second_command_uses_the_same_shell_until_it_is_closed() -> None:
    protocol = FakeProtocol(output=[(b"", b"", 0, True)] * 2)
    channel = WinRSChannel(FakeCarrier(protocol), ENVIRONMENT)
    for _time in range(2):
        channel.run("line", [(b"", True)], lambda _data: None)
    channel.close()
    assert protocol.verbs() == ["create", *["command", "send", "receive", "signal"] * 2, "delete"]


def test_output_comes_in_pieces_and_silence_is_no_failure() -> None:
    protocol = FakeProtocol({"receive": [WinRMOperationTimeoutError()]}, [(b"a", b"", -1, False), (b"b", b"x", -1, False), (b"", b"y", 7, True)])
    assert run(protocol) == (Ended(7, b"xy"), b"ab")


@pytest.mark.parametrize("used_up", [fault(wmi=QUOTA_REACHED), fault(wsman=QUOTA_REACHED), fault(wsman=SHELL_GONE)])
def test_a_shell_that_is_used_up_is_replaced_once(used_up: WSManFaultError) -> None:
    protocol = FakeProtocol({"command": [used_up]})
    assert run(protocol)[0].rc == 0
    assert protocol.verbs() == ["create", "command", "delete", "create", "command", "send", "receive", "signal"]


def test_a_send_that_is_late_counts_as_sent_and_a_busy_one_is_repeated() -> None:
    protocol = FakeProtocol({"send": [WinRMOperationTimeoutError(), fault(wsman=BUSY), fault(wsman=BUSY)]})
    run(protocol, [(b"a", False), (b"b", True)])
    assert [entry[1] for entry in protocol.log if entry[0] == "send"] == [b"a", b"b", b"b", b"b"]


def test_a_send_that_stays_busy_is_unreachable() -> None:
    protocol = FakeProtocol({"send": [fault(wsman=BUSY)] * 100000})
    with pytest.raises(AnsibleConnectionFailure, match="stayed busy"):
        run(protocol)


def test_transports_are_tried_in_turn() -> None:
    protocol = FakeProtocol({"create": [InvalidCredentialsError("no")]})
    carrier = FakeCarrier(protocol, ["kerberos", "ntlm"])
    WinRSChannel(carrier, ENVIRONMENT).open()
    assert carrier._winrm_transport == ["ntlm"]
    assert carrier._connected


def test_refused_credentials_are_told_without_them() -> None:
    protocol = FakeProtocol({"create": [InvalidCredentialsError("secret")]})
    with pytest.raises(AnsibleConnectionFailure, match="^ntlm: the specified credentials were rejected by the server$"):
        WinRSChannel(FakeCarrier(protocol), ENVIRONMENT).open()


def test_what_cannot_be_cleaned_up_does_not_hide_the_result() -> None:
    protocol = FakeProtocol({"signal": [WinRMTransportError("http", 400, "Bad Request")]})
    assert run(protocol) == (Ended(0, b"err"), b"out")


def test_a_gone_shell_is_closed_enough() -> None:
    protocol = FakeProtocol({"delete": [fault(wsman=SHELL_GONE)]})
    carrier = FakeCarrier(protocol)
    channel = WinRSChannel(carrier, ENVIRONMENT)
    channel.open()
    channel.close()
    assert (carrier.protocol, carrier.shell_id, carrier._connected) == (None, None, False)


BROKEN: list[Callable[[], Exception]] = [lambda: fault(wsman=1), lambda: WinRMTransportError("http", 503, "x")]


@pytest.mark.parametrize("verb", ["command", "send", "receive"])
@pytest.mark.parametrize("broken", BROKEN)
def test_failures_on_the_wire_are_unreachable(verb: str, broken: Callable[[], Exception]) -> None:
    with pytest.raises(AnsibleConnectionFailure, match="WinRM failed while a command ran"):
        run(FakeProtocol({verb: [broken()]}))
