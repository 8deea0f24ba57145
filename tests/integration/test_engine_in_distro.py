# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""workstation_docker: engine on a Windows workstation: an engine in the distribution, from apt to a pod on the GPU; done once, and named when it is down."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from tests.harness import Run, Stations, chain_of, playbook, serve
from tests.integration.conftest import assert_understood

HOST = "engine_in_distro"


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve(HOST) as running:
        yield running


def engine_work(run: Run, verb: str) -> str:
    """What the chain says the engine would get, or got."""
    found = re.search(rf"5 docker +\w+ +{verb} (.+?)(; now: .*)?$", run.output, re.MULTILINE)
    assert found, run.output[-3000:]
    return found[1]


class TestInOrder:
    predicted: t.ClassVar[list[str]] = []

    def test_check_mode_predicts_and_touches_nothing(self, stations: Stations) -> None:
        before = stations.state(HOST)
        run = playbook(stations, "site.yml", "--check")
        assert (run.rc, run.changed()) == (0, 1), run.output
        assert stations.state(HOST) == before
        chain = chain_of(run, HOST)
        assert chain["docker"] == "drift"
        assert {chain[layer] for layer in ("docker_gpu", "cluster", "device_plugin", "pod")} == {"skipped"}
        self.predicted.append(engine_work(run, "would get"))

    def test_it_leads_to_a_pod_on_the_gpu_without_docker_desktop(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml")
        assert run.rc == 0, run.output[-6000:]
        chain = chain_of(run, HOST)
        assert {layer for layer, status in chain.items() if status == "changed"} == {"docker", "cluster"}
        assert (len(chain), set(chain.values())) == (9, {"ok", "changed"})
        assert [engine_work(run, "got")] == self.predicted
        state = stations.state(HOST)
        assert state["docker"]["desktop"] is None
        assert state["docker"]["engine"]["runtimes"] == ["io.containerd.runc.v2", "nvidia", "runc"]
        packages = state["wsl"]["distros"]["Ubuntu-24.04"]["packages"]
        assert packages["nvidia-container-toolkit"] == "1.17.8-1"
        assert "docker.io" in packages

    def test_the_next_run_changes_nothing(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml")
        assert (run.rc, run.changed()) == (0, 0), run.output
        assert set(chain_of(run, HOST).values()) == {"ok"}

    def test_check_mode_is_silent_now(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml", "--check", "--tags", "docker_desktop,distro,docker_engine,docker_gpu")
        assert (run.rc, run.changed()) == (0, 0), run.output
        assert "drift" not in chain_of(run, HOST).values()

    def test_the_doctor_goes_by_what_is_declared_of_the_cluster(self, stations: Stations, tmp_path: Path) -> None:
        declared = playbook(stations, "playbooks/doctor.yml", "-e", f"workstation_report_directory={tmp_path}", "-e", "minikube_gpus=nvidia.com")
        assert (declared.rc, chain_of(declared, HOST)["cluster"]) == (2, "broken"), declared.output
        assert "gpus is all, declared nvidia.com" in declared.output
        stations.post(HOST, "patch", {"docker": {"engine": {"containers": {"minikube": {"state": "exited"}}}}})
        run = playbook(stations, "playbooks/doctor.yml", "-e", f"workstation_report_directory={tmp_path}", "-e", "minikube_state=stopped")
        chain = chain_of(run, HOST)
        assert (run.rc, {chain[layer] for layer in ("cluster", "device_plugin", "pod")}) == (0, {"skipped"}), run.output

    def test_the_doctor_names_a_stopped_engine(self, stations: Stations, tmp_path: Path) -> None:
        stations.post(HOST, "patch", {"wsl": {"distros": {"Ubuntu-24.04": {"services": {"docker": {"active": False}}}}}})
        run = playbook(stations, "playbooks/doctor.yml", "-e", f"workstation_report_directory={tmp_path}")
        assert (run.rc, chain_of(run, HOST)["docker"]) == (2, "unreachable"), run.output
        assert "[DOCKER-006]" in run.output
        assert "sudo systemctl start docker" in run.output

    def test_the_station_was_asked_nothing_it_does_not_know(self, stations: Stations) -> None:
        assert_understood(stations)
