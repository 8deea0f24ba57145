# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real pywinrm clients against the WSMan server: verbs, faults, authentication, encryption, TLS, going down and up."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
import xmltodict
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError
from winrm.protocol import Protocol

from tests.simstation.wsman.http import Connection
from tests.simstation.wsman.server import WsmanServer
from tests.simstation.wsman.shells import Quotas
from tests.simstation.wsman.tls import create_authority
from tests.unit.simstation.wire_bench import EVERY_BYTE, PASSWORD, Bench, running


def client(server: WsmanServer, transport: Literal["ntlm", "basic"] = "ntlm", **options: Any) -> Protocol:
    scheme = "https" if "ca_trust_path" in options else "http"
    arguments = {"username": "dev", "password": PASSWORD, "proxy": None, "ca_trust_path": None, **options}
    return Protocol(f"{scheme}://127.0.0.1:{server.port}/wsman", transport=transport, **arguments)


def run(protocol: Protocol, line: str, stdin: bytes | None = None) -> tuple[bytes, bytes, int]:
    shell = protocol.open_shell()
    command = protocol.run_command(shell, line, console_mode_stdin=stdin is None)
    if stdin is not None:
        for start in range(0, max(1, len(stdin)), 200000):
            protocol.send_command_input(shell, command, stdin[start : start + 200000], end=start + 200000 >= len(stdin))
    result = protocol.get_command_output(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    return result


def plain(bench: Bench) -> WsmanServer:
    return bench.serve(allow_unencrypted=True)


def with_basic(bench: Bench) -> Protocol:
    return client(plain(bench), "basic")


def with_ntlm_and_encryption(bench: Bench) -> Protocol:
    return client(bench.serve(), "ntlm", message_encryption="always")


def with_ntlm_over_https(bench: Bench) -> Protocol:
    authority = create_authority(bench.directory)
    return client(bench.serve(tls=authority.context), "ntlm", ca_trust_path=str(authority.ca_file))


def with_basic_over_https(bench: Bench) -> Protocol:
    authority = create_authority(bench.directory)
    return client(bench.serve(tls=authority.context), "basic", ca_trust_path=str(authority.ca_file))


WAYS_IN = [with_basic, with_ntlm_and_encryption, with_ntlm_over_https, with_basic_over_https]


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_every_way_in_runs_commands_and_moves_every_byte(bench: Bench, way_in: Callable[[Bench], Protocol]) -> None:
    protocol = way_in(bench)
    assert run(protocol, "echo a  b") == (b"echo a  b", b"dev", 0)
    assert run(protocol, "cat", EVERY_BYTE) == (EVERY_BYTE, b"", 0)
    assert run(protocol, "reverse", b"abc") == (b"cba", b"reversed", 3)
    assert bench.errors == []


def test_wire_log_has_one_line_per_request(bench: Bench) -> None:
    run(with_ntlm_and_encryption(bench), "reverse", b"abc")
    lines = bench.lines()
    assert [line["verb"] for line in lines] == ["Create", "Command", "Send", "Receive", "Signal", "Delete"]
    assert {line["host"] for line in lines} == {"WS0"}
    assert all(line["bytes_in"] > 1000 and line["bytes_out"] > 500 for line in lines)
    command = lines[1]["command_id"]
    assert [line["command_id"] for line in lines] == [None, command, command, command, command, None]


@pytest.mark.parametrize("transport", ["basic", "ntlm"])
def test_wrong_password_is_rejected(bench: Bench, transport: Literal["ntlm", "basic"]) -> None:
    with pytest.raises(InvalidCredentialsError):
        run(client(plain(bench), transport, password="wrong"), "echo x")


@pytest.mark.parametrize("name", ["DEV", ".\\dev", "ws0\\dev"])
def test_account_may_be_written_as_windows_allows(bench: Bench, name: str) -> None:
    assert run(client(plain(bench), username=name), "echo x")[1] == b"dev"


def test_account_of_another_domain_is_rejected(bench: Bench) -> None:
    with pytest.raises(InvalidCredentialsError):
        run(client(plain(bench), "basic", username="CORP\\dev"), "echo x")


def test_unencrypted_traffic_is_refused_by_default(bench: Bench) -> None:
    with pytest.raises(WinRMTransportError):
        run(client(bench.serve(), "basic"), "echo x")


def test_certificate_of_an_unknown_authority_is_rejected_by_the_client(bench: Bench) -> None:
    authority = create_authority(bench.directory)
    server = bench.serve(tls=authority.context)
    (bench.directory / "other").mkdir()
    other = create_authority(bench.directory / "other")
    with pytest.raises(requests.exceptions.SSLError):
        run(client(server, ca_trust_path=str(other.ca_file)), "echo x")


def test_receive_times_out_until_there_is_output(bench: Bench) -> None:
    protocol = client(plain(bench), operation_timeout_sec=1, read_timeout_sec=5)
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "slow")
    with pytest.raises(WinRMOperationTimeoutError):
        protocol.get_command_output_raw(shell, command)
    assert protocol.get_command_output(shell, command)[0] == b"done\n"


def test_the_same_receive_again_gets_the_same_answer_and_a_new_one_does_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = client(plain(bench))
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "echo once")
    send, sent = protocol.send_message, list[str]()

    def noted(message: str) -> bytes:
        sent.append(message)
        return send(message)

    monkeypatch.setattr(protocol, "send_message", noted)
    assert protocol.get_command_output_raw(shell, command)[0] == b"echo once"
    assert base64.b64encode(b"echo once") in send(sent[0])
    assert protocol.get_command_output_raw(shell, command)[0] == b""


def test_signal_ends_a_running_program(bench: Bench) -> None:
    protocol = client(plain(bench))
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "cat", console_mode_stdin=False)
    program = running(bench.servers[0])
    protocol.cleanup_command(shell, command)
    assert program.complete(5) is not None


@pytest.mark.parametrize(("line", "said", "code"), [("echo x", b"echo x", 0), ("brief", b"said\n", 4)])
def test_a_program_that_has_ended_takes_no_input_and_is_heard_all_the_same(bench: Bench, line: str, said: bytes, code: int) -> None:
    protocol = client(plain(bench))
    shell = protocol.open_shell()
    command = protocol.run_command(shell, line, console_mode_stdin=False)
    assert running(bench.servers[0]).complete(5) is not None
    for data, last in ((b"input", False), (b"", True)):
        with pytest.raises(WSManFaultError, match="pipe has been ended") as caught:
            protocol.send_command_input(shell, command, data, end=last)
        assert caught.value.wsman_fault_code == 109
    output, _errors, ended = protocol.get_command_output(shell, command)
    assert (output, ended) == (said, code)
    assert bench.errors == []


def test_operation_quota_is_a_fault_with_the_wmi_code_ansible_looks_for(bench: Bench) -> None:
    protocol = client(bench.serve(quotas=Quotas(max_operations=2)))
    shell = protocol.open_shell()
    for _number in range(2):
        protocol.cleanup_command(shell, protocol.run_command(shell, "echo x"))
    with pytest.raises(WSManFaultError) as caught:
        protocol.run_command(shell, "echo x")
    assert caught.value.wmierror_code == 0x803381A6


def test_shell_quota_and_unknown_shell(bench: Bench) -> None:
    protocol = client(bench.serve(quotas=Quotas(max_shells_per_user=1)))
    shell = protocol.open_shell()
    with pytest.raises(WSManFaultError) as caught:
        protocol.open_shell()
    assert caught.value.fault_subcode == "w:QuotaLimit"
    protocol.close_shell(shell)
    with pytest.raises(WSManFaultError) as caught:
        protocol.run_command(shell, "echo x")
    assert caught.value.fault_subcode == "w:InvalidSelectors"


def test_oversize_envelope_is_a_fault(bench: Bench) -> None:
    protocol = client(bench.serve(quotas=Quotas(max_envelope_kb=20)))
    with pytest.raises(WSManFaultError) as caught:
        run(protocol, "cat", b"x" * 30000)
    assert caught.value.fault_subcode == "w:EncodingLimit"


def test_unknown_action_is_a_fault_and_is_written_down(bench: Bench) -> None:
    protocol = client(plain(bench))
    header = protocol.build_wsman_header("http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate", "http://example.invalid")
    with pytest.raises(WSManFaultError):
        protocol.send_message(xmltodict.unparse({"env:Envelope": {**header, "env:Body": {}}}))
    assert bench.errors == [("WSMan request", "The resource URI http://example.invalid is not simulated.")]


def test_negative_exit_code_travels_as_unsigned(bench: Bench) -> None:
    assert run(with_basic(bench), "minus")[2] == 4294967295


def test_environment_of_the_shell_reaches_the_program(bench: Bench) -> None:
    protocol = with_basic(bench)
    shell = protocol.open_shell(env_vars={"WSL_UTF8": "1"})
    output = protocol.get_command_output_raw(shell, protocol.run_command(shell, "environment"))[0]
    assert json.loads(output) == {"WSL_UTF8": "1"}


def test_a_machine_that_is_down_refuses_and_comes_back_on_the_same_port_without_its_shells(bench: Bench) -> None:
    server = plain(bench)
    protocol = client(server)
    shell = protocol.open_shell()
    protocol.run_command(shell, "cat", console_mode_stdin=False)
    port = server.port
    server.power_off()
    with pytest.raises(requests.exceptions.ConnectionError):
        client(server).open_shell()
    assert server.open_shells == 0
    server.power_on()
    assert server.port == port
    assert run(client(server), "echo x")[2] == 0
    with pytest.raises(WSManFaultError):
        client(server).run_command(shell, "echo x")


def test_many_idle_stations_cost_no_thread(bench: Bench) -> None:
    before = set(threading.enumerate())
    servers = [bench.serve() for _number in range(60)]
    assert set(threading.enumerate()) - before == set()
    assert all(run(client(server), "echo x")[2] == 0 for server in servers[::20])


def test_client_that_vanishes_leaves_the_server_alive(bench: Bench) -> None:
    server = plain(bench)
    protocol = client(server, operation_timeout_sec=1, read_timeout_sec=2)
    shell = protocol.open_shell()
    protocol.run_command(shell, "cat", console_mode_stdin=False)
    session = protocol.transport.session
    assert session is not None
    session.close()
    time.sleep(0.05)
    assert run(client(server), "echo x")[2] == 0
    assert bench.errors == []


class CutConnection(Connection):
    """The machine goes down after the first piece of a request was read; the rest is here, but encrypted."""

    def _fill(self) -> bool:
        more = super()._fill()
        self.sever()
        return more


def test_going_down_in_the_middle_of_a_request_never_passes_encrypted_bytes_for_its_body(tmp_path: Path) -> None:
    authority = create_authority(tmp_path)
    here, there = socket.socketpair()
    body = b"plain" * 12000

    def send() -> None:
        with ssl.create_default_context(cafile=str(authority.ca_file)).wrap_socket(there, server_hostname="127.0.0.1") as secured:
            secured.sendall(b"POST /wsman HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            secured.recv(1)

    sender = threading.Thread(target=send)
    sender.start()
    connection = CutConnection(here)
    connection.secure(authority.context)
    time.sleep(0.2)  # all of it lies in the kernel's buffer
    request = connection.receive()
    connection.close()
    sender.join()
    assert request is not None
    assert request.body == body
