# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's run: what it calls, what it leaves behind (nothing), and what it concludes."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker_probe as probes
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import Probe, look_at_engine, run_probe
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from tests.unit.recorded import FIXTURES, RecordedRunner, answer, completed, recording

# The five fields asked for; made of recordings/nvidia/query.txt.
ROW = "0, GPU-00000000-1111-2222-3333-444444444444, NVIDIA H100 80GB HBM3, 580.159.04, 81559\n"
PRESENT = answer("sha256:4b2e\n")
HERE: dict[str, Any] = {"docker ps --all --filter name=gpudev-probe- ": answer(), "docker image inspect": PRESENT}
MISSING = completed(recording("docker/image_missing_no_registry", 3))
REMOVED: dict[str, Any] = {"docker rm --force gpudev-probe-": answer(), "docker ps --all --quiet": answer()}


def test_a_good_run() -> None:
    runner = RecordedRunner({**HERE, "docker run": answer(ROW)})
    outcome = run_probe(runner, Probe())
    assert (outcome.layer.status, outcome.pulled, [gpu.name for gpu in outcome.gpus]) == ("ok", False, ["NVIDIA H100 80GB HBM3"])
    command = runner.commands()[-1]
    assert command.startswith("docker run --rm --name gpudev-probe-")
    assert "--pull never --gpus all ubuntu:24.04 nvidia-smi --query-gpu=" in command


def test_several_ids_are_quoted_for_the_client() -> None:
    runner = RecordedRunner({**HERE, "docker run": answer(ROW)})
    run_probe(runner, Probe(gpus="device=0,1"))
    assert '"device=0,1"' in runner.calls[-1]


@pytest.mark.parametrize("name", ["docker/gpus_no_hook", "docker/gpus_stub_nodriver", "docker/gpus_stub_nosmi", "gpu/docker_gpus_device_7"])
def test_a_failed_run_leaves_no_container(name: str) -> None:
    runner = RecordedRunner({**HERE, "docker run": completed(recording(name)), **REMOVED})
    outcome = run_probe(runner, Probe())
    assert outcome.layer.status == "broken"
    container = runner.calls[2][runner.calls[2].index("--name") + 1]
    assert runner.commands()[3:] == [f"docker rm --force {container}", f"docker ps --all --quiet --filter name={container}"]


def test_a_hanging_run_is_killed_and_its_container_removed() -> None:
    hang = completed(recording("docker/gpus_stub_hang"))
    assert hang.timed_out
    runner = RecordedRunner({**HERE, "docker run": hang, **REMOVED})
    outcome = run_probe(runner, Probe(timeout=5))
    assert [finding.code for finding in outcome.layer.findings] == ["DOCKER-GPU-040"]
    assert "5 s" in outcome.layer.summary


def test_a_container_that_cannot_be_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "REMOVE_SECONDS", 0.05)
    in_progress = completed(recording("docker/gpus_stub_hang", 3))
    assert "already in progress" in in_progress.stderr
    still: dict[str, Any] = {"docker rm --force": in_progress, "docker ps --all --quiet": answer("13b8a569ac10\n")}
    runner = RecordedRunner({**HERE, "docker run": answer(rc=None, timed_out=True), **still})
    outcome = run_probe(runner, Probe(timeout=5))
    assert [finding.code for finding in outcome.layer.findings] == ["DOCKER-GPU-040", "DOCKER-GPU-041"]


def test_a_missing_image_is_pulled() -> None:
    runner = RecordedRunner({**HERE, "docker image inspect": MISSING, "docker pull": answer(), "docker run": answer(ROW)})
    outcome = run_probe(runner, Probe())
    assert (outcome.pulled, outcome.layer.status) == (True, "ok")
    assert "docker pull --quiet ubuntu:24.04" in runner.commands()


def test_a_missing_image_in_check_mode_is_said() -> None:
    runner = RecordedRunner({**HERE, "docker image inspect": MISSING})
    outcome = run_probe(runner, Probe(may_change=False))
    assert outcome.layer.status == "skipped"
    assert "ubuntu:24.04 would be pulled" in outcome.layer.summary


def test_a_missing_image_and_pull_never() -> None:
    runner = RecordedRunner({**HERE, "docker image inspect": MISSING})
    assert [finding.code for finding in run_probe(runner, Probe(pull="never")).layer.findings] == ["DOCKER-GPU-021"]


def test_no_registry() -> None:
    runner = RecordedRunner({**HERE, "docker image inspect": MISSING, "docker pull": completed(recording("docker/image_missing_no_registry", 2))})
    assert [finding.code for finding in run_probe(runner, Probe()).layer.findings] == ["DOCKER-GPU-023"]


@pytest.mark.parametrize(
    ("probe", "codes"),
    [
        (Probe(min_gpus=2), ["DOCKER-GPU-050"]),
        (Probe(min_driver_version="591.59"), ["DOCKER-GPU-051"]),
        (Probe(min_driver_version="580.159.04"), []),
        (Probe(min_driver_version="555"), []),
        (Probe(name="h100 80gb"), []),
        (Probe(name="RTX 4050"), ["DOCKER-GPU-052"]),
        (Probe(min_memory_mib=81559), []),
        (Probe(min_memory_mib=81560), ["DOCKER-GPU-053"]),
        (Probe(min_gpus=2, name="RTX", min_memory_mib=90000), ["DOCKER-GPU-050", "DOCKER-GPU-052", "DOCKER-GPU-053"]),
    ],
)
def test_expectations(probe: Probe, codes: list[str]) -> None:
    runner = RecordedRunner({**HERE, "docker run": answer(ROW)})
    layer = run_probe(runner, probe).layer
    assert [finding.code for finding in layer.findings] == codes
    assert layer.stops is bool(codes)


@pytest.mark.parametrize(("stdout", "code"), [("No devices were found\n", "DOCKER-GPU-019"), ("hello\n", "DOCKER-GPU-060"), ("", "DOCKER-GPU-060")])
def test_exit_code_zero_without_a_gpu_proves_nothing(stdout: str, code: str) -> None:
    layer = run_probe(RecordedRunner({**HERE, "docker run": answer(stdout)}), Probe()).layer
    assert layer.stops
    assert [finding.code for finding in layer.findings] == [code]


def test_what_the_driver_does_not_tell_is_a_warning() -> None:
    row = "0, GPU-1-2, NVIDIA GeForce RTX 4050 Laptop GPU, 591.59, [N/A]\n"
    layer = run_probe(RecordedRunner({**HERE, "docker run": answer(row)}), Probe(min_memory_mib=6000)).layer
    assert (layer.status, [finding.code for finding in layer.findings]) == ("ok", ["DOCKER-GPU-054"])


def test_cdi_names_go_to_device() -> None:
    runner = RecordedRunner({**HERE, "docker run": answer(ROW)})
    run_probe(runner, Probe(gpus="nvidia.com/gpu=0,nvidia.com/gpu=1"))
    assert "--pull never --device nvidia.com/gpu=0 --device nvidia.com/gpu=1 ubuntu:24.04" in runner.commands()[-1]


def test_a_driver_that_does_not_know_a_field_still_lists_its_gpus() -> None:
    listed = completed(recording("gpu/docker_gpus_all_L"))
    runs = [completed(recording("gpu/docker_gpus_bad_field")), listed]
    outcome = run_probe(RecordedRunner({**HERE, **REMOVED, "docker run": runs}), Probe())
    assert (outcome.layer.status, [gpu.name for gpu in outcome.gpus]) == ("ok", ["NVIDIA H200"])


CUDA_OK = completed(recording("gpu/docker_cuda"))


@pytest.mark.parametrize(
    ("run", "status", "codes"),
    [
        (CUDA_OK, "ok", []),
        # samples/windows/docker_gpu_errors.txt: NVIDIA/nvidia-container-toolkit#520
        (answer(rc=1, stderr="Error 500: named symbol not found"), "broken", ["DOCKER-GPU-017"]),
        (answer(rc=1, stdout="Result verification failed"), "broken", ["DOCKER-GPU-061"]),
        (answer(rc=None, timed_out=True), "broken", ["DOCKER-GPU-040"]),
    ],
)
def test_a_cuda_program_is_run_when_nvidia_smi_worked(run: probes.Completed, status: str, codes: list[str]) -> None:
    runner = RecordedRunner({**HERE, **REMOVED, "docker run": [answer(ROW), run]})
    layer = run_probe(runner, Probe(cuda_image="local/cuda-base:1", cuda_command=("vectoradd",))).layer
    assert (layer.status, [finding.code for finding in layer.findings]) == (status, codes)
    assert [command for command in runner.commands() if command.endswith("--gpus all local/cuda-base:1 vectoradd")]
    assert layer.facts["cuda"]["image"] == "local/cuda-base:1"


def test_every_good_recording_of_a_real_gpu_is_good() -> None:
    names = [f"gpu/{path.stem}" for path in sorted((FIXTURES / "gpu").glob("docker_*.json"))]
    listed = [name for name in names if recording(name)["rc"] == 0 and recording(name)["argv"][-1] == "-L"]
    assert len(listed) >= 8
    for name in listed:
        outcome = run_probe(RecordedRunner({**HERE, "docker run": completed(recording(name))}), Probe())
        assert (name, outcome.layer.status, [gpu.name for gpu in outcome.gpus]) == (name, "ok", ["NVIDIA H200"])


def test_no_cuda_program_behind_a_broken_nvidia_smi() -> None:
    runner = RecordedRunner({**HERE, **REMOVED, "docker run": completed(recording("docker/gpus_no_hook"))})
    assert run_probe(runner, Probe(cuda_image="cuda")).layer.stops
    assert len([call for call in runner.calls if call[1] == "run"]) == 1


def test_a_missing_cuda_image_is_said_in_check_mode() -> None:
    runner = RecordedRunner({**HERE, "docker run": answer(ROW), "docker image inspect --format {{.Id}} cuda:1": MISSING})
    outcome = run_probe(runner, Probe(cuda_image="cuda:1", may_change=False))
    assert (outcome.layer.status, outcome.pulled) == ("ok", True)
    assert "cuda:1 would be pulled" in outcome.layer.summary


def left_by(pid: int, over: float) -> str:
    own = probes.container_name(0).split("-")
    return "-".join([*own[:3], str(pid), str(int(over)), "0a1b2c3d"])


def test_leftovers_of_a_killed_run_are_removed_and_no_others() -> None:
    later = time.time() + 1000
    mine, dead, late = left_by(os.getpid(), later), left_by(2**22 + 1, later), left_by(os.getpid(), time.time() - 1)
    foreign = "-".join([*mine.split("-")[:2], "1", *mine.split("-")[3:]])
    names = "\n".join([mine, dead, late, foreign, "gpudev-probe-of-somebody"])
    answers = {**HERE, **REMOVED, "docker ps --all --filter name=gpudev-probe- ": answer(names), "docker run": answer(ROW)}
    runner = RecordedRunner(dict(answers))
    assert run_probe(runner, Probe()).leftovers == (dead, late)
    assert runner.commands()[1] == f"docker rm --force {dead} {late}"
    looking = RecordedRunner(dict(answers))
    assert run_probe(looking, Probe(may_change=False)).leftovers == (dead, late)
    assert not [call for call in looking.calls if call[1] == "rm"]


def test_an_exception_leaves_no_container() -> None:
    def stopped(_argv: list[str]) -> probes.Completed:
        raise SystemExit(143)

    runner = RecordedRunner({**HERE, **REMOVED, "docker run": stopped})
    with pytest.raises(SystemExit):
        run_probe(runner, Probe())
    assert [call[1] for call in runner.calls] == ["ps", "image", "run", "rm", "ps"]


def test_the_engine() -> None:
    runner = RecordedRunner({"docker version": completed(recording("docker/version_json")), "docker info": completed(recording("docker/info_json"))})
    outcome = look_at_engine(runner)
    assert (outcome.layer.status, outcome.layer.summary) == ("ok", "Docker Engine, engine 20.10.24+dfsg1, cgroup driver cgroupfs (v1)")


@pytest.mark.parametrize(
    ("reply", "code", "status"),
    [
        (completed(recording("docker/daemon_not_running")), "DOCKER-006", "unreachable"),
        (completed(recording("docker/permission_denied")), "DOCKER-003", "broken"),
        (answer(rc=None, missing=True), "DOCKER-002", "broken"),
        (answer(rc=None, timed_out=True), "DOCKER-013", "unreachable"),
        (replace(completed(recording("docker/daemon_not_running")), rc=0, stderr=""), "DOCKER-099", "unknown"),
    ],
)
def test_an_engine_that_does_not_answer(reply: probes.Completed, code: str, status: str) -> None:
    info = replace(completed(recording("docker/daemon_not_running", 2)), rc=0, stderr="")
    outcome = look_at_engine(RecordedRunner({"docker version": reply, "docker info": info}))
    assert (outcome.layer.findings[0].code, outcome.layer.status, outcome.engine) == (code, status, None)


@pytest.mark.parametrize(
    ("probe", "word"),
    [
        (Probe(gpus="0"), "gpus"),
        (Probe(gpus="all;rm"), "gpus"),
        (Probe(gpus="nvidia.com/gpu"), "gpus"),
        (Probe(cuda_image="a b"), "cuda_image"),
        (Probe(cuda_command=("vectoradd",)), "cuda_command"),
        (Probe(image="a b"), "image"),
        (Probe(image="--privileged"), "image"),
        (Probe(timeout=0), "timeout"),
        (Probe(pull_timeout=0), "pull_timeout"),
        (Probe(min_gpus=0), "min_gpus"),
        (Probe(min_memory_mib=-1), "min_memory_mib"),
        (Probe(min_driver_version="new"), "min_driver_version"),
    ],
)
def test_bad_wishes_are_refused(probe: Probe, word: str) -> None:
    assert probe.problems()[0].startswith(f"{word}:")


GOOD_GPUS = ("all", "1", "device=0", "device=0,1", "device=GPU-5b1f0c5e-3c0d", "nvidia.com/gpu=all", "nvidia.com/gpu=0,nvidia.com/gpu=GPU-1-2")


def test_good_wishes_are_not() -> None:
    assert [problem for gpus in GOOD_GPUS for problem in Probe(gpus=gpus).problems()] == []


def test_the_deadline_ends_a_real_process_that_ignores_sigterm(tmp_path: Path) -> None:
    """A client that hangs in a hook does not end on SIGTERM (recordings/docker/gpus_stub_hang_variants); with the real runner it must end."""
    fake = tmp_path / "docker"
    log = tmp_path / "calls"
    fake.write_text(f'#!/bin/sh\necho "$*" >>{log}\ncase $1 in run) trap "" TERM; while :; do sleep 0.1; done;; image) echo sha256:1;; esac\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    outcome = run_probe(LocalRunner({"PATH": os.environ["PATH"]}), Probe(docker=str(fake), timeout=0.4))
    assert outcome.layer.findings[0].code == "DOCKER-GPU-040"
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["ps", "image", "run", "rm", "ps"]
