# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action in front of the module: refusals without a connection, one round trip when nothing is to be done, a job that is followed."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.playbook.task import Task

from ansible_collections.gpudev.workstation.plugins.action import minikube_gpu_cluster as action
from ansible_collections.gpudev.workstation.plugins.plugin_utils import _followed_job

OK = {"layers": [{"layer": "cluster", "status": "ok"}], "changed": False}
DONE = {"layers": [{"layer": "cluster", "status": "changed"}], "changed": True}


def job(running: bool, texts: list[str], offset: int = 0, result: dict[str, Any] | None = None, elapsed: float = 1.0) -> dict[str, Any]:
    lines = [{"at": 1.0, "text": text} for text in texts]
    return {"id": "j1", "running": running, "lines": lines, "offset": offset, "result": result, "elapsed": elapsed, "deadline": 60.0}


class Bed:
    """The action with prepared answers of the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], answers: list[dict[str, Any]]) -> None:
        task = MagicMock(Task)
        task.args, task.async_val, task.check_mode, task.diff, task.action = args, 0, False, False, action.ActionModule.module_name
        self.shown: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.module = action.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        pending = iter(answers)

        def execute(module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
            assert module_name == "gpudev.workstation.minikube_gpu_cluster"
            self.sent.append(module_args)
            return next(pending)

        monkeypatch.setattr(self.module, "_execute_module", execute)
        monkeypatch.setattr(_followed_job.display, "display", self.shown.append)

    def run(self) -> dict[str, Any]:
        done: dict[str, Any] = self.module.run(task_vars={"inventory_hostname": "ws1"})
        return done


def test_nothing_to_do_is_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, {"memory": "16g"}, [dict(OK)])
    done = bed.run()
    assert (done["changed"], bed.sent, bed.shown) == (False, [{"memory": "16g", "background": True}], [])


def test_the_steps_of_a_job_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, Any]] = [
        {**OK, "changed": True, "job": job(True, ["start"])},
        {"changed": False, "job": job(True, ["step 8/19"], 40)},
        {"changed": False, "job": job(False, ["step 19/19"], 80, DONE)},
    ]
    bed = Bed(monkeypatch, {}, answers)
    done = bed.run()
    assert (done["changed"], done["layers"][0]["status"], "job" in done) == (True, "changed", False)
    assert bed.shown == [f"ws1: {text} (1 s, at most 60 s)" for text in ("start", "step 8/19", "step 19/19")]
    assert [sent.get("job_offset") for sent in bed.sent] == [None, 0, 40]


def test_a_job_of_an_earlier_run_is_followed_and_then_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, Any]] = [{"changed": True, "job": job(True, []), "attached": True}, {"job": job(False, ["step 19/19"], 9, DONE)}, dict(OK)]
    bed = Bed(monkeypatch, {}, answers)
    done = bed.run()
    assert (done["changed"], done["layers"][0]["status"]) == (True, "ok")


def test_a_killed_job_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[dict[str, Any]] = [{"changed": True, "job": job(True, [])}, {"job": job(False, [])}, {"changed": True, "job": job(False, [], result=DONE)}]
    bed = Bed(monkeypatch, {}, answers)
    assert bed.run()["layers"][0]["status"] == "changed"
    assert bed.shown == ["ws1: the job was killed, looking again"]


def test_a_job_that_is_killed_each_time_ends_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, {}, [{"changed": True, "job": job(False, [])} for _attempt in range(3)])
    with pytest.raises(AnsibleActionFail, match="killed each time"):
        bed.run()


def test_a_job_far_behind_its_deadline_ends_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, {}, [{"changed": True, "job": job(True, [], elapsed=181.0)}])
    with pytest.raises(AnsibleActionFail, match="60 s were allowed"):
        bed.run()


def test_a_poll_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, {}, [{"changed": True, "job": job(True, [])}, {"failed": True, "msg": "no route"}])
    with pytest.raises(AnsibleActionFail, match="no route"):
        bed.run()


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ({"cpus": "lots"}, "whole number"),
        ({"driver": "kvm2"}, "driver: docker"),
        ({"extra_start_args": ["--kvm-gpu"]}, "gpus: all"),
        ({"nodes": 2}, "nodes: 1"),
        ({"extra_config": {"kubelet.cgroupDriver": "systemd"}}, "kubelet.cgroup-driver"),
    ],
)
def test_bad_declarations_never_reach_the_target(monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], word: str) -> None:
    bed = Bed(monkeypatch, args, [])
    done = bed.run()
    assert (done["failed"], bed.sent, done["layers"][0]["status"]) == (True, [], "unsupported")
    assert word in done["msg"]


def test_only_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    bed = Bed(monkeypatch, {"cpus": "8", "validate_only": True}, [])
    assert (bed.run()["changed"], bed.sent) == (False, [])
