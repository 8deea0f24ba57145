# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines with real GPUs showed (tests/gpu) means the same to today's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import Probe, run_probe
from tests.unit.recorded import RecordedRunner, answer, completed

RECORDINGS = Path(__file__).resolve().parents[3] / "gpu" / "recordings"
FAILURES = {
    "bad_field": "DOCKER-GPU-028",
    "no_device": "DOCKER-GPU-026",
    "missing_device": "DOCKER-GPU-009",
    "no_libc": "DOCKER-GPU-027",
    "gpus_all": "DOCKER-GPU-011",
    "runtime_nvidia": "DOCKER-GPU-012",
    "cuda_no_device": "DOCKER-GPU-032",
    "cuda_hidden": "DOCKER-GPU-018",
}


def calls(machine: str, file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDINGS / machine / file).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("machine", ["one", "two"])
def test_every_failed_run_has_its_cause(machine: str) -> None:
    failed = {call["name"]: call for call in calls(machine, "docker.jsonl") if call["rc"] != 0}
    found = {name: _docker.classify_run(call["rc"], completed(call).output)[0].code for name, call in failed.items()}
    assert found == FAILURES


@pytest.mark.parametrize(("machine", "count"), [("one", 1), ("two", 2)])
@pytest.mark.parametrize("name", ["query", "list"])
def test_every_good_run_lists_the_gpus(machine: str, count: int, name: str) -> None:
    call = next(call for call in calls(machine, "docker.jsonl") if call["name"] == name)
    here = {"docker ps --all": answer(), "docker image inspect": answer("sha256:1\n"), "docker run": completed(call)}
    outcome = run_probe(RecordedRunner(dict(here)), Probe(gpus="nvidia.com/gpu=all", min_gpus=count))
    assert (outcome.layer.status, [gpu.name for gpu in outcome.gpus]) == ("ok", ["NVIDIA H200"] * count)
    assert len({gpu.uuid for gpu in outcome.gpus}) == count


@pytest.mark.parametrize("machine", ["one", "two"])
def test_the_probe_cost_little_there(machine: str) -> None:
    (cost,) = calls(machine, "cost.jsonl")
    assert cost["beyond_s"] <= 0.15
