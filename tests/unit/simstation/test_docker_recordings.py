# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The imitated docker CLI against what the real one said: the same shape of JSON, the same exit codes, the same words where the engine is not to blame."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simstation import distro, scenarios
from tests.simstation.linux import docker as docker_program
from tests.simstation.station import Station

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "docker"
DISTRO = scenarios.base.DISTRIBUTION
IMAGE = "ubuntu:24.04"
pytestmark = pytest.mark.skipif(not distro.namespaces_work(), reason="this kernel forbids user namespaces; the station says so too")


class Bed:
    def __init__(self, root: Path, scenario: str = "healthy", time_scale: float = 0.01) -> None:
        self.station = Station("ws1", scenarios.document("ws1", scenario), root, time_scale=time_scale)

    def run(self, *argv: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
        process = distro.popen(self.station, DISTRO, argv, env=env)
        out, error = process.communicate(timeout=60)
        return process.returncode, out.decode(), error.decode()

    def docker(self, *arguments: str) -> tuple[int, str, str]:
        return self.run("docker", *arguments)

    def close(self) -> None:
        distro.close(self.station)
        self.station.close()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "ws1")
    yield made
    made.close()
    assert made.station.errors == []


def recorded(name: str, *argv: str) -> dict[str, Any]:
    """One call of a recording file; the only one where no arguments are given."""
    data = json.loads((RECORDINGS / f"{name}.json").read_text())
    calls = data if isinstance(data, list) else [data]
    return next(call for call in calls if not argv or call["argv"] == ["docker", *argv])


def keys(value: Any) -> Any:
    """The names in a JSON object, without the values; lists by their first element."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    return "..."


def test_version_has_the_recorded_shape(bed: Bed) -> None:
    ours = json.loads(bed.docker("version", "--format", "json")[1])
    theirs = json.loads(recorded("version_json")["stdout"])
    assert keys(ours) == keys(theirs)
    assert ours["Server"]["Platform"]["Name"] == "Docker Desktop 4.91.0 (239619)"
    assert bed.docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}") == (0, "linux/amd64\n", "")


def test_info_has_the_recorded_fields(bed: Bed) -> None:
    ours = json.loads(bed.docker("info", "--format", "json")[1])
    theirs = json.loads(recorded("gpu_engine_info_json")["stdout"])
    assert set(theirs) <= set(ours)
    assert (ours["OperatingSystem"], ours["CgroupDriver"], ours["CgroupVersion"], sorted(ours["Runtimes"])) == (
        "Docker Desktop", "cgroupfs", "2", ["io.containerd.runc.v2", "nvidia", "runc"],
    )  # fmt: skip
    assert (ours["MemTotal"], ours["NCPU"]) == (20 * 1024**3, 12)


def test_templates(bed: Bed) -> None:
    refused = recorded("info_templates", "info", "--format", "{{.NoSuchField}}")
    assert bed.docker("info", "--format", "{{.NoSuchField}}") == (refused["rc"], refused["stdout"], refused["stderr"])
    assert bed.docker("info", "--format", "{{.DefaultRuntime}}")[1] == recorded("info_templates", "info", "--format", "{{.DefaultRuntime}}")["stdout"]


@pytest.mark.parametrize("arguments", [
    ("version", "--format", "json"), ("info", "--format", "json"), ("info", "--format", "{{.CgroupDriver}}"), ("image", "ls"),
])
def test_engine_not_reachable(bed: Bed, arguments: tuple[str, ...]) -> None:
    theirs = recorded("daemon_not_running", *arguments)
    code, out, error = bed.run("docker", *arguments, env=theirs["env"])
    assert (code, error) == (theirs["rc"], theirs["stderr"])
    if out.startswith("{"):
        assert set(json.loads(theirs["stdout"])) <= set(json.loads(out))
    else:
        assert out == theirs["stdout"]


def test_run_without_an_engine(bed: Bed) -> None:
    theirs = next(call for call in json.loads((RECORDINGS / "daemon_not_running.json").read_text()) if call["argv"][1] == "run")
    assert bed.run(*theirs["argv"], env=theirs["env"]) == (theirs["rc"], theirs["stdout"], theirs["stderr"])


def test_malformed_host(bed: Bed) -> None:
    theirs = next(call for call in json.loads((RECORDINGS / "wrong_docker_host.json").read_text()) if call.get("env", {}).get("DOCKER_HOST") == "nonsense://x")
    assert bed.run("docker", "version", env=theirs["env"]) == (theirs["rc"], theirs["stdout"], theirs["stderr"])


def test_gpu_in_a_container(bed: Bed) -> None:
    code, out, _error = bed.docker("run", "--rm", "--gpus", "all", "--pull", "never", IMAGE, "nvidia-smi", "-L")
    assert code == 0
    assert re.fullmatch(r"GPU 0: NVIDIA GeForce RTX 4050 Laptop GPU \(UUID: GPU-[\w-]+\)\n", out)
    query = bed.docker("run", "--rm", "--gpus", "all", IMAGE, "nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    assert query == (0, "NVIDIA GeForce RTX 4050 Laptop GPU, 591.59\n", "")
    assert bed.docker("ps", "-a", "--filter", "name=simulated", "--quiet")[1] == ""


def test_no_gpu_without_the_flag(bed: Bed) -> None:
    code, _out, error = bed.docker("run", "--rm", IMAGE, "nvidia-smi")
    assert code == 127
    assert 'exec: "nvidia-smi": executable file not found in $PATH' in error


@pytest.mark.parametrize(("trouble", "recording"), [
    ("no_hook", "gpus_no_hook"), ("old_cuda", "gpus_stub_cuda"), ("no_library", "gpus_stub_nodriver"), ("no_smi", "gpus_stub_nosmi"),
])
def test_gpu_trouble(bed: Bed, trouble: str, recording: str) -> None:
    """Exit code and the part of the message that the collection's findings go by."""
    bed.station.state["docker"]["gpu"] = trouble
    theirs = recorded(recording)
    code, out, error = bed.docker("run", "--rm", "--gpus", "all", IMAGE, "nvidia-smi")
    tail = re.search(r"(could not select.*|nvidia-container-cli: .*|exec: .*)", theirs["stderr"].replace(": unknown", ""))
    assert tail
    assert (code, out) == (theirs["rc"], "")
    assert tail[1] in error


def test_refused_flags_and_images(bed: Bed) -> None:
    theirs = recorded("gpus_flag_errors")
    assert bed.docker(*theirs["argv"][1:]) == (theirs["rc"], theirs["stdout"], theirs["stderr"])
    missing = "nvcr.io/nvidia/cuda:12.6.0-base-ubuntu22.04"
    for arguments in (("run", "--rm", "--pull", "never", missing, "nvidia-smi"), ("image", "inspect", missing), ("run", "--rm", "BAD NAME", "x")):
        theirs = recorded("image_missing_no_registry", *arguments)
        assert bed.docker(*arguments) == (theirs["rc"], theirs["stdout"], theirs["stderr"])


def test_removed_tag(bed: Bed) -> None:
    """samples/windows/docker_gpu_errors.txt, NVIDIA/libnvidia-container#181"""
    code, _out, error = bed.docker("run", "--rm", "--gpus", "all", "nvidia/cuda:11.0-base", "nvidia-smi")
    assert code == 125
    assert "manifest for nvidia/cuda:11.0-base not found: manifest unknown" in error


def test_inspect(bed: Bed) -> None:
    theirs = recorded("inspect_gpus_all", "inspect", "gpu-inspect", "--format", "{{json .HostConfig.DeviceRequests}}")
    assert bed.docker("inspect", "minikube", "--format", "{{json .HostConfig.DeviceRequests}}") == (0, theirs["stdout"], "")
    theirs = recorded("inspect_gpus_all", "inspect", "no-such-container")
    assert bed.docker("inspect", "no-such-container") == (theirs["rc"], theirs["stdout"], theirs["stderr"])
    rows = json.loads(recorded("inspect_gpus_all", "ps", "--format", "json")["stdout"])
    assert set(json.loads(bed.docker("ps", "--format", "json")[1])) == set(rows)


def test_stub_where_the_integration_is_off(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "ws1", "drifted")
    try:
        assert bed.docker("version") == (1, docker_program.STUB, "")
        assert bed.run("sh", "-c", "command -v docker")[1] == "/mnt/c/Program Files/Docker/Docker/resources/bin/docker\n"
        code, out, _error = bed.run("minikube", "status", "-o", "json")
        assert (code, out) == (7, "null")
    finally:
        bed.close()


def test_killed_client_of_a_hanging_hook(bed: Bed) -> None:
    """The imitation stops with its client."""
    bed.station.state["docker"]["gpu"] = "hang"
    process = distro.popen(bed.station, DISTRO, ["docker", "run", "--rm", "--gpus", "all", IMAGE, "nvidia-smi"])
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    bed.station.state["docker"]["gpu"] = "ok"
    assert bed.docker("run", "--rm", "--gpus", "all", IMAGE, "nvidia-smi", "-L")[0] == 0


def test_killed_first_start_is_left_half_made(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "ws1", time_scale=0.1)
    try:
        assert bed.run("minikube", "delete")[0] == 0
        process = distro.popen(bed.station, DISTRO, ["minikube", "start", "--driver=docker", "--container-runtime=docker", "--gpus=all", "-o", "json"])
        assert process.stdout is not None
        for line in process.stdout:
            if b"Preparing Kubernetes" in line:
                break
        process.kill()
        process.communicate(timeout=10)
        time.sleep(0.2)
        code, out, _error = bed.run("minikube", "status", "-o", "json")
        assert code == 6
        assert json.loads(out) == {
            "Name": "minikube", "Host": "Running", "Kubelet": "Stopped", "APIServer": "Stopped", "Kubeconfig": "Misconfigured", "Worker": False,
        }
    finally:
        bed.close()
