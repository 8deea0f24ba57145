# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remote shell of pypsrp, with the library's own code down to the bytes on the wire, which a fake transport takes and answers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from pypsrp import wsman
from pypsrp.exceptions import AuthenticationError, WinRMTransportError
from requests.exceptions import ConnectionError as LostConnection

from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import NOTHING_YET, OPERATIONS_USED_UP, WireFailure
from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs_pypsrp import PypsrpShell

NAMESPACES = " ".join(f'xmlns:{name}="{address}"' for name, address in wsman.NAMESPACES.items())
CREATED = "<rsp:Shell><rsp:ShellId>11</rsp:ShellId></rsp:Shell>"
STARTED = "<rsp:CommandResponse><rsp:CommandId>22</rsp:CommandId></rsp:CommandResponse>"
OUTPUT = (
    '<rsp:ReceiveResponse><rsp:Stream Name="stdout">AP8=</rsp:Stream><rsp:Stream Name="stderr">ZXJy</rsp:Stream>'
    '<rsp:CommandState State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"><rsp:ExitCode>3</rsp:ExitCode></rsp:CommandState>'
    "</rsp:ReceiveResponse>"
)


class FakeTransport:
    """Answers with the next of `answers`: the text of a body, or an error."""

    endpoint = "https://box:5986/wsman"

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []
        self.closed = 0

    def send(self, message: bytes, **_options: Any) -> bytes:
        self.requests.append(message.decode())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        identity = re.search(r"MessageID>(.*?)<", self.requests[-1])
        assert identity
        header = f"<s:Header><wsa:RelatesTo>{identity.group(1)}</wsa:RelatesTo></s:Header>"
        return f"<s:Envelope {NAMESPACES}>{header}<s:Body>{answer}</s:Body></s:Envelope>".encode()

    def close(self) -> None:
        self.closed += 1


class FakeCarrier:
    """What the shell relies on of ansible-core's psrp connection."""

    def __init__(self, **changed: Any) -> None:
        self.changed = changed

    def _build_kwargs(self) -> None:
        self._psrp_conn_kwargs = {"server": "box", "username": "u", "password": "p", "ssl": True, "auth": "ntlm", **self.changed}


def shell(monkeypatch: pytest.MonkeyPatch, transport: FakeTransport, **changed: Any) -> PypsrpShell:
    monkeypatch.setattr(wsman, "_TransportHTTP", lambda *_arguments, **_options: transport)
    return PypsrpShell(FakeCarrier(**changed))


def opened(monkeypatch: pytest.MonkeyPatch, *answers: str | Exception) -> tuple[PypsrpShell, FakeTransport]:
    transport = FakeTransport(CREATED, *answers)
    made = shell(monkeypatch, transport)
    made.open({"WSL_UTF8": "1"})
    return made, transport


def test_every_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    made, transport = opened(monkeypatch, STARTED, "", OUTPUT, "", "")
    command = made.start('@"C:\\x y\\wsl.exe" -d D')
    made.send(command, b"\0\xff", True)
    assert made.receive(command) == (b"\0\xff", b"err", 3, True)
    made.end(command)
    assert made.is_open
    made.close()
    assert (made.is_open, transport.closed) == (False, 1)
    wanted = ['Name="WSL_UTF8">1<', '<rsp:Command>@"C:\\x y\\wsl.exe" -d D</rsp:Command>', ">AP8=<", "Receive", "signal/Terminate", "Delete"]
    assert [want in request for want, request in zip(wanted, transport.requests, strict=True)] == [True] * 6
    assert 'Name="WINRS_CONSOLEMODE_STDIN">FALSE<' in transport.requests[1]
    assert 'Name="ShellId">11<' in transport.requests[1]


def fault(detail: str) -> WinRMTransportError:
    reason = "<s:Code><s:Subcode><s:Value>w:x</s:Value></s:Subcode></s:Code><s:Reason><s:Text>told</s:Text></s:Reason>"
    body = f"<s:Body><s:Fault>{reason}<s:Detail>{detail}</s:Detail></s:Fault></s:Body>"
    return WinRMTransportError("http", 500, f"<s:Envelope {NAMESPACES}>{body}</s:Envelope>")


FAILURES: list[tuple[Exception, int | None]] = [
    (fault(f'<wsmanfault:WSManFault Code="{NOTHING_YET}"/>'), NOTHING_YET),
    (fault('<wsmanfault:WSManFault Code="170"/>'), 170),
    (
        fault(f'<p:MSFT_WmiError xmlns:p="x"><p:error_Code xsi:type="cim:cimUnsignedInt">{OPERATIONS_USED_UP}</p:error_Code></p:MSFT_WmiError>'),
        OPERATIONS_USED_UP,
    ),
    (WinRMTransportError("http", 503, "Service Unavailable"), 503),
    (LostConnection("reset by peer"), None),
    (ET.ParseError("no element found"), None),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
def test_failures_keep_their_code(monkeypatch: pytest.MonkeyPatch, failure: Exception, code: int | None) -> None:
    made, _transport = opened(monkeypatch, failure)
    with pytest.raises(WireFailure) as translated:
        made.start("line")
    assert code in translated.value.codes if code else not translated.value.codes


def test_refused_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WireFailure, match="failed to authenticate with the server"):
        shell(monkeypatch, FakeTransport(AuthenticationError("no"))).open({})


@pytest.mark.parametrize(("envelope", "largest"), [(153600, 256 * 1024), (80000, None)])
def test_a_smaller_envelope_is_obeyed(monkeypatch: pytest.MonkeyPatch, envelope: int, largest: int | None) -> None:
    made = shell(monkeypatch, FakeTransport(CREATED), max_envelope_size=envelope)
    made.open({})
    assert made.largest_send == largest if largest else made.largest_send < envelope * 3 / 4


def test_a_broken_close_still_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    made, transport = opened(monkeypatch, LostConnection("gone"))
    with pytest.raises(WireFailure):
        made.close()
    assert (made.is_open, transport.closed) == (False, 1)
