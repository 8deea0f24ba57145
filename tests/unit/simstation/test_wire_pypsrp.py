# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pypsrp's WinRS shells, which the psrp carrier uses, against the WSMan server. PowerShell pipelines (MS-PSRP) are not simulated."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.powershell import RunspacePool
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan

from tests.simstation.wsman.tls import create_authority
from tests.unit.simstation.wire_bench import EVERY_BYTE, PASSWORD, Bench, running

PIECE = 100_000


def connect(port: int, **options: Any) -> WSMan:
    return WSMan("127.0.0.1", port=port, **{"auth": "ntlm", "username": "dev", "password": PASSWORD, **options})


def with_encryption(bench: Bench) -> WSMan:
    return connect(bench.serve().port, ssl=False, encryption="always")


def with_negotiate(bench: Bench) -> WSMan:
    return connect(bench.serve().port, ssl=False, auth="negotiate")


def with_tls(bench: Bench) -> WSMan:
    authority = create_authority(bench.directory)
    return connect(bench.serve(tls=authority.context).port, cert_validation=str(authority.ca_file))


def with_tls_and_encryption(bench: Bench) -> WSMan:
    authority = create_authority(bench.directory)
    return connect(bench.serve(tls=authority.context).port, cert_validation=str(authority.ca_file), encryption="always")


def run(shell: WinRS, line: str, stdin: bytes) -> Process:
    process = Process(shell, line)
    process.begin_invoke()
    for start in range(0, max(1, len(stdin)), PIECE):
        process.send(stdin[start : start + PIECE], end=start + PIECE >= len(stdin))
    process.end_invoke()
    process.signal(SignalCode.TERMINATE)
    return process


@pytest.mark.parametrize("way_in", [with_encryption, with_negotiate, with_tls, with_tls_and_encryption])
def test_every_way_in_moves_every_byte(bench: Bench, way_in: Callable[[Bench], WSMan]) -> None:
    with way_in(bench) as wsman, WinRS(wsman, environment={"WSL_UTF8": "1"}, codepage=65001) as shell:
        process = run(shell, "cat", EVERY_BYTE)
        assert (process.stdout == EVERY_BYTE, process.stderr, process.rc) == (True, b"", 0)
        process = Process(shell, "environment")
        process.invoke()
        assert json.loads(process.stdout) == {"WSL_UTF8": "1"}
    assert bench.servers[0].open_shells == 0
    assert bench.errors == []


def test_a_program_that_has_ended_takes_no_input_and_is_heard_all_the_same(bench: Bench) -> None:
    with with_encryption(bench) as wsman, WinRS(wsman) as shell:
        process = Process(shell, "brief")
        process.begin_invoke()
        assert running(bench.servers[0]).complete(5) is not None
        with pytest.raises(WSManFaultError, match="pipe has been ended") as caught:
            process.send(b"input", end=True)
        process.end_invoke()
        assert (caught.value.code, process.stdout, process.rc) == (109, b"said\n", 4)


def test_output_larger_than_an_envelope_comes_in_pieces_that_fit(bench: Bench) -> None:
    with with_encryption(bench) as wsman, WinRS(wsman) as shell:
        run(shell, "cat", EVERY_BYTE)
    received = [line["bytes_out"] for line in bench.lines() if line["verb"] == "Receive"]
    assert len(received) > 1
    assert max(received) <= wsman.max_envelope_size


def test_wrong_password_is_rejected(bench: Bench) -> None:
    with connect(bench.serve().port, ssl=False, password="wrong") as wsman, pytest.raises(AuthenticationError):
        WinRS(wsman).open()


def test_a_powershell_runspace_is_refused_and_written_down(bench: Bench) -> None:
    with with_encryption(bench) as wsman, pytest.raises(WSManFaultError):
        RunspacePool(wsman).open()
    assert bench.errors == [("WSMan request", "The resource URI http://schemas.microsoft.com/powershell/Microsoft.PowerShell is not simulated.")]
