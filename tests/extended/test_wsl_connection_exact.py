# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection plugin itself over the wire of every carrier: every exit code, every byte both ways, and large files in constant memory."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.utils.display import Display

from tests.harness import REPOSITORY, Stations, environment, serve
from tests.integration.test_wsl_connection import CARRIERS, HOST
from tests.wsl_plugin import connection, variables

EVERY_BYTE = bytes(range(256))
LARGE = 200 * 1024 * 1024
SMALL = 1024
# What the worker may need more for the large file than for the small one: pieces of 6 MiB in a few shapes (bytes, base64, base64 in XML).
MORE_MEMORY_KB = 64 * 1024


@pytest.fixture(scope="module", params=CARRIERS)
def stations(request: pytest.FixtureRequest) -> Iterator[Stations]:
    with serve(HOST, options=CARRIERS[request.param]) as running:
        yield running
        assert running.errors(HOST) == []


def test_every_exit_code_is_exact(stations: Stations) -> None:
    plugin = connection(variables(stations, HOST))
    ended = [plugin.exec_command(f"echo {code}; echo {code} >&2; exit {code}") for code in range(256)]
    plugin.close()
    assert ended == [(code, b"%d\n" % code, b"%d\n" % code) for code in range(256)]


def test_every_byte_goes_in_and_comes_out_of_both_streams(stations: Stations) -> None:
    data, other = EVERY_BYTE * 4096, EVERY_BYTE[::-1] * 1024
    plugin = connection(variables(stations, HOST))
    taken = plugin.exec_command("cat > /tmp/other", in_data=other)
    ended = plugin.exec_command("cat; cat; cat /tmp/other >&2; exit 87", in_data=data)
    plugin.close()
    assert taken == (0, b"", b"")
    assert ended == (87, data, other)


def test_input_ends_also_when_there_is_none(stations: Stations) -> None:
    plugin = connection(variables(stations, HOST))
    ended = plugin.exec_command("cat; echo end")
    plugin.close()
    assert ended == (0, b"end\n", b"")


def test_a_large_file_crosses_in_constant_memory_and_tells_how_far_it_is(stations: Stations, tmp_path: Path) -> None:
    small, large = (_in_a_process_of_its_own(variables(stations, HOST), size, tmp_path) for size in (SMALL, LARGE))
    assert large["memory"] - small["memory"] < MORE_MEMORY_KB, (small, large)
    said = "\n".join(large["said"])
    for line in (f"PUT: {LARGE // 2 // 6291456 * 6291456} of {LARGE} bytes", f"PUT: {LARGE} of {LARGE} bytes", f"FETCH: {LARGE} bytes"):
        assert line in said


def _in_a_process_of_its_own(known: dict[str, Any], size: int, directory: Path) -> dict[str, Any]:
    program = "import tests.conftest; from tests.extended.test_wsl_connection_exact import transfer; transfer()"
    order = json.dumps({"known": known, "size": size, "directory": str(directory)})
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, env=environment(), input=order, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    *said, memory = done.stdout.splitlines()
    return {"said": said, "memory": int(memory)}


def transfer() -> None:
    """Put a file and fetch it again at -vvv; the last line printed is the most memory that was in use, in KB."""
    order = json.load(sys.stdin)
    Display().verbosity = 3
    source, back = Path(order["directory"], "source"), Path(order["directory"], "back")
    with source.open("wb") as file:
        for number in range(0, order["size"], len(EVERY_BYTE)):
            file.write(hashlib.sha256(b"%d" % number).digest() * (len(EVERY_BYTE) // 32))
    plugin = connection(order["known"])
    plugin.put_file(str(source), "/tmp/large")
    plugin.fetch_file("/tmp/large", str(back))
    plugin.exec_command("rm /tmp/large")
    plugin.close()
    assert _digest(source) == _digest(back)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
