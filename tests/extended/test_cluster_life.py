# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster through its life on a simulated workstation: killed at several points of a start and finished, stopped, started, deleted, each only once."""

from __future__ import annotations

import json
import os
import signal
import typing as t
from pathlib import Path

import pytest

from tests.harness import Run, Stations, chain_of, kill_playbook_at, playbook, serve

HOST = "healthy"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def station(state: Path) -> t.Iterator[Stations]:
    """A start takes half the recorded time here, so that there is something to kill."""
    with serve(HOST, options=("--time-scale", "0.5", "--state-dir", str(state))) as running:
        yield running
        assert running.errors(HOST) == []


def minikube(station: Stations, *arguments: str) -> Run:
    return playbook(station, "playbooks/site.yml", "--tags", "minikube", *arguments)


def assert_done(run: Run, status: str) -> None:
    assert run.rc == 0, run.output
    assert chain_of(run, HOST)["cluster"] == status


def profile(station: Stations) -> dict[str, t.Any]:
    containers: dict[str, t.Any] = station.state(HOST)["docker"]["engine"]["containers"]
    return t.cast("dict[str, t.Any]", containers.get("minikube", {}))


@pytest.mark.parametrize("marker", ["delete: memory is", "step 8/19", "step 13/19"])
def test_the_controller_is_killed_and_the_next_run_finishes(station: Stations, marker: str) -> None:
    """Each time another memory, so that there is a start to kill; the job on the target lives on and is followed."""
    memory = {"delete: memory is": "17000mb", "step 8/19": "17100mb", "step 13/19": "17200mb"}[marker]
    killed = kill_playbook_at(station, marker, "playbooks/site.yml", "--tags", "minikube", "-e", f"minikube_memory={memory}")
    assert marker in killed.output
    assert minikube(station, "-e", f"minikube_memory={memory}").rc == 0
    assert profile(station)["memory"] == int(memory[:-2]) * 1024 * 1024


def test_the_job_itself_is_killed_and_the_next_run_finishes(station: Stations, state: Path) -> None:
    """SIGKILL for the controller and for what works on the target: a half-made cluster is left, and made anew without a word."""
    killed = kill_playbook_at(station, "step 8/19", "playbooks/site.yml", "--tags", "minikube", "-e", "minikube_memory=17300mb")
    assert "step 8/19" in killed.output
    at_work = jobs(state)
    assert at_work
    for process in at_work:
        os.kill(process, signal.SIGKILL)
    done = minikube(station, "-e", "minikube_memory=17300mb")
    assert done.rc == 0, done.output
    assert profile(station)["memory"] == 17300 * 1024 * 1024
    again = minikube(station, "-e", "minikube_memory=17300mb")
    assert_done(again, "ok")
    assert again.changed() == 0


def jobs(state: Path) -> list[int]:
    """The Python processes in this station's distribution, and in no other: its directory is among their mounts."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if b"python" in command and str(state) in (entry / "mountinfo").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(("wanted", "status"), [("stopped", "ok"), ("started", "ok"), ("absent", "not_applicable")])
def test_each_state_is_reached_once(station: Stations, wanted: str, status: str) -> None:
    options = ("-e", f"minikube_state={wanted}", "-e", "minikube_memory=auto")
    first = minikube(station, *options)
    assert first.rc == 0, first.output
    second = minikube(station, *options)
    assert_done(second, status)
    assert second.changed() == 0


def test_proxy_certificates_and_mirrors_reach_the_node(station: Stations, tmp_path: Path) -> None:
    """The proxy with every start; mirrors only when the cluster is made (minikube keeps them in the profile)."""
    certificate = tmp_path / "corporate-ca.pem"
    certificate.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    network = {
        "workstation_proxy": {"http": "http://proxy.example.com:3128", "no_proxy": ".example.com"},
        "workstation_ca_certificates": [str(certificate)],
        "workstation_registry_mirrors": ["https://mirror.example.com"],
    }
    assert minikube(station, "-e", "minikube_state=absent").rc == 0
    options = ("-e", "minikube_memory=auto", "-e", json.dumps(network))
    assert minikube(station, *options).rc == 0
    seen = profile(station)["provisioned"]
    assert "HTTP_PROXY=http://proxy.example.com:3128" in seen["docker_env"]
    assert any(entry.startswith("NO_PROXY=.example.com,localhost,") and "192.168.49.0/24" in entry for entry in seen["docker_env"])
    assert (seen["registry_mirrors"], seen["certificates"]) == (["https://mirror.example.com"], ["gpudev-corporate-ca.pem"])
    again = minikube(station, *options)
    assert_done(again, "ok")
    assert again.changed() == 0


def test_the_context_is_carried_over_and_kubectl_linked_once(station: Stations) -> None:
    """To a file of the Linux side: the simulated drive of Windows cannot be written through /mnt/c."""
    assert minikube(station, "-e", "minikube_memory=auto").rc == 0
    switches = ("minikube_memory=auto", "minikube_export_kubeconfig=true", "minikube_export_dest=/home/dev/windows.kubeconfig", "minikube_kubectl=minikube")
    options = [word for switch in switches for word in ("-e", switch)]
    predicted = minikube(station, "--check", *options)
    first = minikube(station, *options)
    assert (first.rc, first.changed(), predicted.changed()) == (0, 2, 2), first.output
    assert minikube(station, *options).changed() == 0
