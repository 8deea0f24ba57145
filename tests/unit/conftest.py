# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every unit test: the same examples in each run, a temporary directory of their own, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A test that fails only sometimes helps nobody who runs `make test`; HYPOTHESIS_PROFILE=search looks for new examples.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A warning is a failure; those about unclosed files come when the collector pleases, at a test that has nothing to do with them."""
    for item in (item for item in items if Path(__file__).parent in item.path.parents):
        item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
        item.add_marker(pytest.mark.filterwarnings("error"), append=False)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No file in the temporary directory, no process: neither a child nor one that still knows the directory from its environment."""
    tmp_path_factory.getbasetemp()  # pytest's own directory stays where it was; pytest removes it
    usual, before = tempfile.gettempdir(), os.environ.get("TMPDIR")
    directory = Path(tempfile.mkdtemp(prefix="unit-"))
    tempfile.tempdir = os.environ["TMPDIR"] = str(directory)
    yield
    tempfile.tempdir = usual
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before
    files, processes = sorted(directory.rglob("*")), remaining(directory)
    shutil.rmtree(directory, ignore_errors=True)
    assert (files, processes) == ([], [])


def remaining(directory: Path) -> list[str]:
    """Processes of these tests, after a moment for those that were just told to end."""
    deadline = time.monotonic() + 5
    while (found := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def processes_of(directory: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"TMPDIR={directory}".encode() in (process / "environ").read_bytes().split(b"\0")
            child = int((process / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
            if ours or child:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
    return found
