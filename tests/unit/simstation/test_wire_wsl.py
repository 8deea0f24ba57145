# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wsl.exe with a distro behind it: bytes, exit codes, its own errors, and programs that end with their client or station."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.simstation import process, wsl_exe
from tests.simstation.serve import Simulation, Wishes
from tests.simstation.station import Station

UTF8 = {"WSL_UTF8": "1"}


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    simulation = Simulation(Wishes(["healthy"]))
    simulation.start()
    yield simulation.stations["healthy"]
    errors = list(simulation.stations["healthy"].errors)
    simulation.stop()
    assert errors == []


def run(station: Station, *arguments: str, stdin: bytes = b"", utf8: bool = True) -> tuple[int, bytes, bytes]:
    return wsl_exe.run(station, "dev", list(arguments), UTF8 if utf8 else {}, stdin=stdin)


def test_bytes_and_exit_code_of_a_command_pass_through(station: Station) -> None:
    every = bytes(range(256)) * 1000
    assert run(station, "--exec", "cat", stdin=every, utf8=False) == (0, every, b"")
    assert run(station, "-u", "root", "--exec", "/bin/sh", "-c", "id -un; echo e >&2; exit 66") == (66, b"root\n", b"e\n")


@pytest.mark.parametrize("code", [67, 87])
def test_two_exit_codes_of_linux_are_taken_for_errors_of_wsl(station: Station, code: int) -> None:
    returned, stdout, _stderr = run(station, "--exec", "/bin/sh", "-c", f"exit {code}")
    assert returned == -1
    assert b"Error code: Wsl/WSL_E_" in stdout


def test_own_errors_go_to_stdout_with_minus_one(station: Station) -> None:
    assert run(station, "-d", "Nope", "--exec", "id") == (-1, wsl_exe.encode(wsl_exe.DISTRO_NOT_FOUND, UTF8), b"")
    code, stdout, stderr = run(station, "-u", "nobody-here", "--exec", "id")
    assert (code, stdout) == (-1, b"User not found.\r\nError code: Wsl/WSL_E_USER_NOT_FOUND\r\n")
    assert b"getpwnam(nobody-here) failed" in stderr


def test_own_text_is_utf16_unless_asked(station: Station) -> None:
    listed = run(station, "-l", "-q", utf8=False)[1]
    assert listed.decode("utf-16-le") == run(station, "-l", "-q")[1].decode() == "Ubuntu-24.04\r\ndocker-desktop\r\n"


def test_without_exec_a_shell_reads_the_text(station: Station) -> None:
    assert run(station, "--", "echo", "$((40 + 2))")[1] == b"42\n"


def test_a_cancelled_program_ends(station: Station) -> None:
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    started = time.monotonic()
    code, _stdout, _stderr = wsl_exe.run(station, "dev", ["--exec", "sleep", "60"], UTF8, cancelled)
    assert (code, time.monotonic() - started < 5) == (137, True)


def test_the_reaper_ends_every_real_program(station: Station) -> None:
    program = wsl_exe.launch(station, "dev", "--exec sleep 60", UTF8)
    assert program.complete(0.2) is None
    process.kill_everything()
    output = program.complete(5)
    assert output is not None
    assert output.exit_code == 137
