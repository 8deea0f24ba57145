# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted troubles as real WinRM clients see them, and that a bad script is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from pypsrp.exceptions import WinRMTransportError as PypsrpTransportError
from pypsrp.shell import Process, WinRS
from pypsrp.wsman import WSMan
from winrm.exceptions import WinRMTransportError, WSManFaultError
from winrm.protocol import Protocol

from tests.simstation.troubles import BadScript, Troubles, parse
from tests.simstation.wsman.server import WsmanServer
from tests.unit.simstation.wire_bench import PASSWORD, Bench


def client(bench: Bench, *rules: dict[str, Any], **options: Any) -> Protocol:
    return log_in(bench.serve(troubles=Troubles(parse(list(rules)))), **options)


def log_in(server: WsmanServer, **options: Any) -> Protocol:
    arguments = {"username": "dev", "password": PASSWORD, "proxy": None, "ca_trust_path": None, **options}
    return Protocol(f"http://127.0.0.1:{server.port}/wsman", transport="ntlm", **arguments)


def echo(protocol: Protocol) -> bytes:
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "echo x")
    output: bytes = protocol.get_command_output(shell, command)[0]
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    return output


def test_a_fault_has_the_code_that_was_asked_for_and_the_next_request_works(bench: Bench) -> None:
    fault = {"trouble": "fault", "verb": "Create", "code": 2150859173, "subcode": "w:QuotaLimit", "message": "too many", "wmi_error": 0x803381A6}
    protocol = client(bench, fault)
    with pytest.raises(WSManFaultError) as caught:
        protocol.open_shell()
    assert (caught.value.wsman_fault_code, caught.value.fault_subcode, caught.value.wmierror_code) == (2150859173, "w:QuotaLimit", 0x803381A6)
    assert echo(protocol) == b"echo x"
    assert [(line["verb"], line["trouble"]) for line in bench.lines()][:2] == [("Create", "fault"), ("Create", None)]


def test_a_status_comes_instead_of_an_answer(bench: Bench) -> None:
    protocol = client(bench, {"trouble": "status", "status": 500, "verb": "Command"})
    with pytest.raises(WinRMTransportError):
        echo(protocol)
    assert echo(protocol) == b"echo x"


def test_busy_503_is_told_as_pywinrm_tells_it(bench: Bench) -> None:
    with pytest.raises(WinRMTransportError, match="Code 503"):
        client(bench, {"trouble": "status", "status": 503}).open_shell()


def test_pypsrp_sees_a_503_and_goes_on_when_told_to_retry(bench: Bench) -> None:
    server = bench.serve(troubles=Troubles(parse([{"trouble": "status", "status": 503, "verb": "Command"}])))
    with (
        WSMan("127.0.0.1", port=server.port, ssl=False, auth="ntlm", username="dev", password=PASSWORD) as wsman,
        WinRS(wsman) as shell,
    ):
        with pytest.raises((PypsrpTransportError, requests.exceptions.RetryError)):
            Process(shell, "echo x").invoke()
        again = Process(shell, "echo x")
        again.invoke()
        assert again.stdout == b"echo x"


def test_401_once_makes_a_client_without_sealing_log_in_again(bench: Bench) -> None:
    server = bench.serve(allow_unencrypted=True, troubles=Troubles(parse([{"trouble": "status", "status": 401, "verb": "Command"}])))
    protocol = log_in(server, message_encryption="never")
    assert echo(protocol) == b"echo x"
    assert [line["status"] for line in bench.lines() if line["verb"] == "Command"] == [401, 200]


def test_401_once_on_a_sealed_connection_is_an_error_for_pywinrm_and_not_a_crash_here(bench: Bench) -> None:
    protocol = client(bench, {"trouble": "status", "status": 401, "verb": "Command"})
    with pytest.raises(WinRMTransportError):
        echo(protocol)
    assert bench.errors == []


@pytest.mark.parametrize(("rule", "performed"), [({"trouble": "drop"}, 1), ({"trouble": "drop", "after": 300}, 1), ({"trouble": "lose"}, 0)])
def test_a_broken_connection_before_or_after_the_work(bench: Bench, rule: dict[str, Any], performed: int) -> None:
    protocol = client(bench, {**rule, "verb": "Create"})
    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        protocol.open_shell()
    assert bench.servers[0].open_shells == performed


def test_truncated_xml_is_whole_for_http(bench: Bench) -> None:
    protocol = client(bench, {"trouble": "truncate", "verb": "Create", "after": 200})
    with pytest.raises(Exception, match="unclosed token|no element found"):
        protocol.open_shell()
    assert bench.lines()[0]["bytes_out"] == 200


def test_slow_is_late_but_right(bench: Bench) -> None:
    protocol = client(bench, {"trouble": "slow", "verb": "Command", "seconds": 0.3})
    begun = time.monotonic()
    assert echo(protocol) == b"echo x"
    assert time.monotonic() - begun > 0.3


def test_rules_strike_the_nth_request_of_each_host_as_often_as_said() -> None:
    troubles = Troubles(parse([{"trouble": "lose", "host": "a*", "verb": "Send", "request": 2, "times": 2}, {"trouble": "drop", "request": 5, "times": 0}]))
    asked = [("a1", "Send")] * 4 + [("a2", "Send")] * 2 + [("b", "Send")] * 6
    found = [rule.trouble if (rule := troubles.next(host, verb)) else "" for host, verb in asked]
    assert found == ["", "lose", "lose", "", "", "lose", "", "", "", "", "drop", "drop"]
    assert [rule["struck"] for rule in troubles.report()] == [3, 2]


@pytest.mark.parametrize(
    "script",
    [
        {},
        [{}],
        [{"trouble": "fire"}],
        [{"trouble": "fault"}],
        [{"trouble": "drop", "bytes": 3}],
        [{"trouble": "slow", "seconds": 1, "verb": "Sned"}],
        [{"trouble": "fault", "code": 1, "verb": "Exec"}],
    ],
)
def test_a_script_that_cannot_be_meant_is_refused(script: Any) -> None:
    with pytest.raises(BadScript):
        parse(script)
