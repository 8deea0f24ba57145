# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module around the probe: which layers it reports, when it fails, and what it predicts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.modules.docker_gpu_probe import Manager, argument_spec
from tests.unit.recorded import RecordedRunner, answer, completed, recording

ROW = "0, GPU-00000000-1111-2222-3333-444444444444, NVIDIA H100 80GB HBM3, 580.159.04, 81559\n"
ENGINE = {"docker version": completed(recording("gpu/docker_version")), "docker info": completed(recording("gpu/docker_info"))}
GOOD: dict[str, Any] = {
    **ENGINE,
    "docker ps --all --filter name=gpudev-probe- ": answer(),
    "docker image inspect": answer("sha256:4b2e\n"),
    "docker run": answer(ROW),
}
NO_IMAGE: dict[str, Any] = {**GOOD, "docker image inspect": completed(recording("docker/image_missing_no_registry", 3)), "docker pull": answer()}
DOWN: dict[str, Any] = {"docker version": completed(recording("docker/daemon_not_running"))}


def run(answers: dict[str, Any], check: bool = False, **options: Any) -> tuple[dict[str, Any], RecordedRunner]:
    params = {name: spec.get("default") for name, spec in argument_spec().items()}
    runner = RecordedRunner(dict(answers))
    return Manager({**params, **options}, check, runner).run(), runner


def statuses(done: dict[str, Any]) -> list[str]:
    return [f"{layer['layer']} {layer['status']}" for layer in done["layers"]]


@pytest.mark.parametrize("check", [False, True])
def test_a_good_host_is_the_same_in_check_mode(check: bool) -> None:
    done, runner = run(GOOD, check)
    assert (done["changed"], statuses(done), done.get("failed")) == (False, ["docker ok", "docker_gpu ok"], None)
    assert done["gpus"][0]["driver_version"] == "580.159.04"
    assert done["engine"]["default_runtime"] == "nvidia"
    assert [command.split()[1] for command in runner.commands()] == ["version", "info", "ps", "image", "run"]


def test_an_unreachable_engine_fails_and_skips_the_gpu() -> None:
    done, runner = run(DOWN)
    assert (done["failed"], statuses(done), len(runner.calls)) == (True, ["docker unreachable", "docker_gpu skipped"], 1)
    assert "Cannot connect to the Docker daemon" in done["msg"]


def test_an_awaited_engine_is_skipped_in_check_mode_only() -> None:
    done, _runner = run(DOWN, check=True, awaiting=["Docker Desktop would be started"])
    assert (done.get("failed"), statuses(done)) == (None, ["docker skipped", "docker_gpu skipped"])
    assert done["layers"][1]["summary"] == "cannot be looked at yet: Docker Desktop would be started"
    assert run(DOWN, awaiting=["Docker Desktop would be started"])[0]["failed"]


def test_pulling_is_a_change_and_is_predicted() -> None:
    done, _runner = run(NO_IMAGE)
    assert (done["changed"], statuses(done)) == (True, ["docker ok", "docker_gpu ok"])
    predicted, runner = run(NO_IMAGE, check=True)
    assert (predicted["changed"], statuses(predicted), predicted.get("failed")) == (True, ["docker ok", "docker_gpu skipped"], None)
    assert not [command for command in runner.commands() if "pull" in command.split()[1:2] or "run" in command.split()[1:2]]


def test_only_the_engine() -> None:
    done, runner = run(GOOD, run=False)
    assert (statuses(done), done["changed"], len(runner.calls)) == (["docker ok", "docker_gpu skipped"], False, 2)


def test_a_failure_tells_symptom_and_cure() -> None:
    cleanup = {"docker rm": answer(), "docker ps": answer()}
    done, _runner = run({**GOOD, **cleanup, "docker run": completed(recording("docker/gpus_no_hook"))})
    assert (done["failed"], statuses(done)) == (True, ["docker ok", "docker_gpu broken"])
    assert 'could not select device driver "" with capabilities: [[gpu]]' in done["msg"]
    assert "What to do:" in done["msg"]
