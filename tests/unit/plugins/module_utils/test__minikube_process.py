# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A minikube that somebody else has started is found by its process; with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _jobs
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_process import at_work
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import wait_until


class Bed:
    """A home directory, and a program named minikube that does nothing for a while."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".minikube"
        (self.home / "config").mkdir(parents=True)
        self.program = root / "minikube"
        self.program.write_text("#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.1; done\n")
        self.program.chmod(0o755)
        self.started: list[subprocess.Popen[bytes]] = []

    def type(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([str(self.program), *words], env={"PATH": os.environ["PATH"], "HOME": str(self.root), **environment})
        self.started.append(process)
        wait_until("exec", lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes(), lambda seen: b"minikube" in seen, 5.0, every=0.02)
        return process

    def seen(self, name: str) -> str:
        return at_work(str(self.home), name)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.wait()


def test_nothing_is_at_work(bed: Bed) -> None:
    assert bed.seen("minikube") == ""


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("start", "-p", "gpu", "--gpus=all"), "gpu"),
        (("start", "--profile=gpu"), "gpu"),
        (("-pgpu", "start"), "gpu"),
        (("--profile=gpu", "delete"), "gpu"),
        (("stop",), "minikube"),
    ],
)
def test_a_typed_command_is_found_until_it_ends(bed: Bed, words: tuple[str, ...], name: str) -> None:
    process = bed.type(*words)
    assert bed.seen(name).endswith(" ".join(words))
    assert bed.seen("another") == ""
    process.kill()
    process.wait()
    assert bed.seen(name) == ""


def test_the_profile_that_was_chosen_before(bed: Bed) -> None:
    (bed.home / "config" / "config.json").write_text('{"profile": "gpu"}')
    bed.type("start")
    assert bed.seen("gpu")
    assert not bed.seen("minikube")


@pytest.mark.parametrize(("words", "environment"), [(("tunnel",), {}), (("status", "-p", "minikube"), {}), (("start",), {"MINIKUBE_PROFILE": "other"})])
def test_what_does_not_work_on_the_cluster(bed: Bed, words: tuple[str, ...], environment: dict[str, str]) -> None:
    bed.type(*words, **environment)
    assert bed.seen("minikube") == ""


def test_another_home_is_another_profile(bed: Bed, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".minikube").mkdir(parents=True)
    bed.type("start", MINIKUBE_HOME=str(other))
    assert bed.seen("minikube") == ""
    assert at_work(str(other / ".minikube"), "minikube")


def test_what_a_killed_job_left_running_is_found(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL gives a job no time to end its minikube; the next run finds it by its process."""
    monkeypatch.setenv("HOME", str(bed.root))
    monkeypatch.delenv("MINIKUBE_HOME", raising=False)

    def work(tell: _jobs.Tell) -> dict[str, Any]:
        tell(str(os.getpid()))
        LocalRunner().run([str(bed.program), "start", "-p", "gpu"], timeout=60)
        return {}

    view = _jobs.start(str(tmp_path / "jobs"), work, 60)
    assert view is not None
    job = int(_jobs.follow(str(tmp_path / "jobs"), view.job, 0, 5.0).lines[0]["text"])
    wait_until("minikube", lambda: bed.seen("gpu"), bool, 5.0, every=0.05)
    os.kill(job, signal.SIGKILL)
    wait_until("job gone", lambda: _jobs.current(str(tmp_path / "jobs")), lambda seen: seen is None, 5.0, every=0.05)
    left = bed.seen("gpu")
    assert left.endswith("start -p gpu")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and left.split()[-4:] == _words(entry)[-4:]:
            os.kill(int(entry.name), signal.SIGKILL)
    wait_until("ended", lambda: bed.seen("gpu"), lambda seen: not seen, 5.0, every=0.05)


def _words(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []
