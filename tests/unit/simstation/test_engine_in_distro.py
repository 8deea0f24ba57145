# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine inside the simulated distro: installed by apt, run by systemd, given the GPU by NVIDIA's toolkit; its words against the recorded ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simstation import distro, scenarios
from tests.simstation.linux.apt_sources import SIMULATED_KEY
from tests.simstation.station import Station
from tests.simstation.windows import wsl_service

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "docker"
DISTRO = scenarios.base.DISTRIBUTION
SOURCE = "Types: deb\nURIs: https://nvidia.github.io/libnvidia-container/stable/deb/amd64\nSuites: /\nSigned-By: /etc/apt/keyrings/nvidia.asc\n"
TOOLKIT = "nvidia-container-toolkit=1.17.8-1"
SMI = ("docker", "run", "--rm", "--gpus", "all", "ubuntu:24.04", "nvidia-smi", "-L")
pytestmark = pytest.mark.skipif(not distro.namespaces_work(), reason="this kernel forbids user namespaces; the station says so too")


class Bed:
    def __init__(self, root: Path, scenario: str) -> None:
        self.station = Station("ws1", scenarios.document("ws1", scenario), root, time_scale=0.01)
        self.etc = distro.create(self.station, DISTRO) / "etc"

    def run(self, *argv: str, user: str = "root") -> tuple[int, str, str]:
        process = distro.popen(self.station, DISTRO, argv, user=user)
        out, error = process.communicate(timeout=60)
        return process.returncode, out.decode(), error.decode()

    def done(self, *argv: str, user: str = "root") -> str:
        code, out, error = self.run(*argv, user=user)
        assert code == 0, (argv, out, error)
        return out

    def info(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.done("docker", "info", "--format", "json"))
        return data

    def know_nvidia(self) -> None:
        (self.etc / "apt" / "keyrings").mkdir()
        (self.etc / "apt" / "keyrings" / "nvidia.asc").write_text(SIMULATED_KEY)
        (self.etc / "apt" / "sources.list.d" / "nvidia.sources").write_text(SOURCE)

    def restart(self) -> None:
        assert wsl_service.manage(self.station, "dev", ["--terminate", DISTRO])[0] == 0

    def close(self) -> None:
        distro.close(self.station)
        self.station.close()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "ws1", "engine_in_distro")
    yield made
    made.close()
    assert made.station.errors == []


@pytest.fixture
def with_engine(bed: Bed) -> Bed:
    bed.done("apt-get", "install", "-y", "docker.io")
    return bed


def recorded(name: str, *argv: str) -> dict[str, Any]:
    data = json.loads((RECORDINGS / f"{name}.json").read_text())
    calls = data if isinstance(data, list) else [data]
    return next(call for call in calls if not argv or call["argv"] == ["docker", *argv])


def test_there_is_no_docker_at_first(bed: Bed) -> None:
    assert bed.run("sh", "-c", "command -v docker dockerd nvidia-ctk")[1] == ""
    assert bed.run("systemctl", "is-active", "docker")[:2] == (4, "inactive\n")


def test_an_installed_engine_runs_and_describes_itself(with_engine: Bed) -> None:
    assert with_engine.done("systemctl", "is-active", "docker") == "active\n"
    assert with_engine.done("systemctl", "is-enabled", "docker") == "enabled\n"
    version = json.loads(with_engine.done("docker", "version", "--format", "json"))
    assert version["Server"].keys() == json.loads(recorded("version_json")["stdout"])["Server"].keys()
    assert (version["Server"]["Platform"]["Name"], version["Server"]["Version"]) == ("", "24.0.7")
    info = with_engine.info()
    assert (info["CgroupDriver"], sorted(info["Runtimes"]), info["OperatingSystem"]) == ("systemd", ["io.containerd.runc.v2", "runc"], "Ubuntu 24.04.3 LTS")
    assert "microsoft" in info["KernelVersion"]


def test_only_its_group_may_talk_to_it(with_engine: Bed) -> None:
    refused = with_engine.run("docker", "info", "--format", "json", user="dev")
    assert refused[0] == 1
    assert refused[2] == recorded("permission_denied", "info", "--format", "json")["stderr"].replace("v1.50", "v1.43")
    refused = with_engine.run(*SMI, user="dev")
    assert (refused[0], refused[2]) == (126, recorded("permission_denied", "run", "--rm", "--gpus", "all", "bb", "nvidia-smi")["stderr"])
    with_engine.done("usermod", "-aG", "docker", "dev")
    with_engine.done("docker", "info", user="dev")


def test_without_the_toolkit_it_has_no_gpu_and_with_it_only_after_a_restart(with_engine: Bed) -> None:
    refused = with_engine.run(*SMI)
    assert refused[0] == 125
    assert refused[2].endswith(recorded("gpus_no_hook")["stderr"])
    with_engine.know_nvidia()
    with_engine.done("apt-get", "update")
    with_engine.done("apt-get", "install", "-y", TOOLKIT)
    assert with_engine.run(*SMI)[0] == 125
    with_engine.done("systemctl", "restart", "docker")
    assert "RTX 4050" in with_engine.done(*SMI)


def test_the_runtime_counts_from_the_next_start(with_engine: Bed) -> None:
    with_engine.know_nvidia()
    with_engine.done("apt-get", "update")
    with_engine.done("apt-get", "install", "-y", TOOLKIT)
    (with_engine.etc / "docker").mkdir()
    (with_engine.etc / "docker" / "daemon.json").write_text('{"log-driver": "local"}')
    with_engine.done("nvidia-ctk", "runtime", "configure", "--runtime=docker", "--set-as-default")
    assert json.loads((with_engine.etc / "docker" / "daemon.json").read_text()) == {
        "log-driver": "local", "default-runtime": "nvidia", "runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}},
    }  # fmt: skip
    assert "nvidia" not in with_engine.info()["Runtimes"]
    with_engine.done("systemctl", "restart", "docker")
    assert (with_engine.info()["DefaultRuntime"], "nvidia" in with_engine.info()["Runtimes"]) == ("nvidia", True)


@pytest.mark.parametrize(("key", "said"), [(None, "NO_PUBKEY DDCAE044F796ECB0"), ("not a key", "NO_PUBKEY DDCAE044F796ECB0")])
def test_a_source_without_its_key_is_refused(bed: Bed, key: str | None, said: str) -> None:
    bed.know_nvidia()
    file = bed.etc / "apt" / "keyrings" / "nvidia.asc"
    file.unlink() if key is None else file.write_text(key)
    code, _out, error = bed.run("apt-get", "update")
    assert (code, said in error) == (100, True)


def test_another_version_than_the_source_has_is_not_found(bed: Bed) -> None:
    bed.know_nvidia()
    bed.done("apt-get", "update")
    assert bed.run("apt-get", "install", "nvidia-container-toolkit=1.0")[::2] == (100, "E: Version '1.0' for 'nvidia-container-toolkit' was not found\n")


def test_drop_ins_count_after_daemon_reload_and_a_restart(with_engine: Bed) -> None:
    folder = with_engine.etc / "systemd" / "system" / "docker.service.d"
    folder.mkdir()
    (folder / "proxy.conf").write_text('[Service]\nEnvironment="HTTP_PROXY=http://user:p%%40ss@proxy:3128"\n')
    with_engine.done("systemctl", "restart", "docker")
    assert with_engine.info()["HttpProxy"] == ""
    with_engine.done("systemctl", "daemon-reload")
    assert with_engine.info()["HttpProxy"] == ""
    with_engine.done("systemctl", "restart", "docker")
    assert with_engine.info()["HttpProxy"] == "http://user:p%40ss@proxy:3128"


def test_settings_that_are_no_json_keep_it_from_starting(with_engine: Bed) -> None:
    (with_engine.etc / "docker").mkdir()
    (with_engine.etc / "docker" / "daemon.json").write_text("{")
    code, _out, error = with_engine.run("systemctl", "restart", "docker")
    assert (code, "Job for docker.service failed" in error) == (1, True)
    assert "Cannot connect to the Docker daemon at unix:///var/run/docker.sock" in with_engine.run("docker", "version")[2]


def test_an_enabled_engine_comes_back_with_the_distro(with_engine: Bed) -> None:
    with_engine.restart()
    assert not with_engine.station.state["wsl"]["distros"][DISTRO]["services"]["docker"]["active"]
    with_engine.done("docker", "info")


def test_without_systemd_nothing_starts_it(with_engine: Bed) -> None:
    (with_engine.etc / "wsl.conf").write_text("[boot]\nsystemd=false\n")
    assert with_engine.done("systemctl", "is-active", "docker") == "active\n"
    with_engine.restart()
    assert with_engine.run("systemctl", "is-active", "docker") == (
        1, "", "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n",
    )  # fmt: skip
    assert "Is the docker daemon running?" in with_engine.run("docker", "ps")[2]


def test_docker_desktops_integration_beside_it_is_not_imitated(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "ws1", "healthy")
    bed.done("apt-get", "install", "-y", "docker.io")
    assert bed.run("docker", "ps")[0] == 97
    assert [error["detail"] for error in bed.station.errors] == ["Docker Desktop's integration in a distro that has an engine of its own"]
    bed.close()
