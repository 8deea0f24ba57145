# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A background job is followed, found again, and its death is noticed; with real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _jobs
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import wait_until


def waits_for(path: Path) -> None:
    wait_until(f"{path.name}", path.exists, bool, 10.0, every=0.02)


def to_the_end(where: str, job: str, offset: int = 0) -> tuple[_jobs.View, list[str]]:
    texts: list[str] = []
    for _poll in range(200):
        view = _jobs.follow(where, job, offset, 5.0)
        texts += [line["text"] for line in view.lines]
        offset = view.offset
        if not view.running:
            return view, texts
    raise AssertionError("the job does not end")


@pytest.fixture
def where(tmp_path: Path) -> str:
    return str(tmp_path / "jobs" / "minikube-gpu")


def begin(where: str, work: Callable[[_jobs.Tell], dict[str, Any]]) -> _jobs.View:
    view = _jobs.start(where, work, 60)
    assert view is not None
    return view


def test_lines_come_while_the_job_runs_and_the_result_at_its_end(where: str, tmp_path: Path) -> None:
    go_on = tmp_path / "go_on"

    def work(tell: _jobs.Tell) -> dict[str, Any]:
        tell("first")
        waits_for(go_on)
        tell("second")
        return {"changed": True}

    view = begin(where, work)
    seen = _jobs.follow(where, view.job, 0, 5.0)
    assert ([line["text"] for line in seen.lines], seen.running, seen.result) == (["first"], True, None)
    go_on.touch()
    end, texts = to_the_end(where, view.job, seen.offset)
    assert (texts, end.result) == (["second"], {"changed": True})
    assert end.as_dict()["deadline"] == 60


def test_a_second_run_finds_the_job_and_starts_no_other(where: str, tmp_path: Path) -> None:
    go_on = tmp_path / "go_on"

    def work(tell: _jobs.Tell) -> dict[str, Any]:
        tell("at work")
        waits_for(go_on)
        return {"changed": True}

    view = begin(where, work)
    assert _jobs.start(where, lambda tell: {}, 60) is None
    current = _jobs.current(where)
    assert current is not None
    assert current.job == view.job
    go_on.touch()
    assert to_the_end(where, view.job)[0].result == {"changed": True}
    wait_until("lock released", lambda: _jobs.current(where), lambda found: found is None, 5.0, every=0.02)


def test_a_killed_job_is_neither_running_nor_done(where: str) -> None:
    def work(tell: _jobs.Tell) -> dict[str, Any]:
        tell(str(os.getpid()))
        signal.pause()
        return {}

    view = begin(where, work)
    line = _jobs.follow(where, view.job, 0, 5.0).lines[0]["text"]
    os.kill(int(line), signal.SIGKILL)
    end, _texts = to_the_end(where, view.job)
    assert (end.running, end.result) == (False, None)
    assert to_the_end(where, begin(where, lambda tell: {"changed": False}).job)[0].result == {"changed": False}


def test_a_job_that_fails_says_why(where: str) -> None:
    def work(tell: _jobs.Tell) -> dict[str, Any]:
        raise ValueError("no such thing")

    end, _texts = to_the_end(where, begin(where, work).job)
    assert end.result is not None
    assert end.result["failed"]
    assert end.result["msg"] == "the job failed: no such thing"
    assert "ValueError" in end.result["exception"]


def test_the_job_is_not_in_the_session_of_its_starter(where: str) -> None:
    def work(tell: _jobs.Tell) -> dict[str, Any]:
        return {"session": os.getsid(0), "stdout": os.readlink("/proc/self/fd/1")}

    end, _texts = to_the_end(where, begin(where, work).job)
    assert end.result is not None
    assert end.result["session"] != os.getsid(0)
    assert end.result["stdout"] == os.devnull


def test_nothing_is_known_of_another_job(where: str) -> None:
    assert _jobs.current(where) is None
    view = _jobs.look(where, "unknown", 0)
    assert (view.running, view.result) == (False, None)
    assert _jobs.directory("minikube-gpu").endswith("gpudev.workstation/jobs/minikube-gpu")


def test_the_directory_is_private(where: str) -> None:
    to_the_end(where, begin(where, lambda tell: {}).job)
    assert os.stat(where).st_mode & 0o777 == 0o700
