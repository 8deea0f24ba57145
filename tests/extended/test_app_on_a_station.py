# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application from its first day to its last on a simulated workstation, and a bundle of images: the playbooks as users run them."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.gpudev.workstation.plugins.module_utils._wait import wait_until
from tests.harness import REPOSITORY, Run, Stations, chain_of, playbook, serve

SHARED = {
    "minikube_addons": {"metrics-server": True, "nvidia-device-plugin": False},
    "device_plugin_grace": 2,
    "device_plugin_sharing": {"mode": "time_slicing", "replicas": 4},
    "gpu_app_autoscale": True,
    "gpu_app_autoscale_max": 3,
    "gpu_app_autoscale_down_seconds": 30,
}


@pytest.fixture
def station() -> Iterator[Stations]:
    with serve("healthy") as running:
        yield running
        assert running.errors("healthy") == []


def run(stations: Stations, name: str, changed: bool | None = None, **declared: t.Any) -> Run:
    done = playbook(stations, name, "-e", json.dumps(declared))
    assert done.rc == 0, done.output[-4000:]
    if changed is not None:
        assert (done.changed() > 0) == changed, done.output[-4000:]
    return done


def objects(stations: Stations) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", stations.state("healthy")["clusters"]["minikube"]["objects"])


def load(stations: Stations, millicores: int, pods: int) -> None:
    """The app's use of CPU is a simulated measurement; that pods come and go is what is waited for."""
    stations.post("healthy", "patch", {"clusters": {"minikube": {"knobs": {"cpu_millicores": {"chat-app": millicores}}}}})
    wait_until("replicas", lambda: objects(stations)["deployments.apps"]["chat/chat-app"]["status"].get("availableReplicas"), lambda now: now == pods, 60, 0.2)


def test_an_application_is_deployed_found_by_the_smoke_test_scaled_and_removed(station: Stations) -> None:
    run(station, "playbooks/app.yml", changed=True)
    busy = playbook(station, "site.yml", "--tags", "gpu_smoke_test")
    assert chain_of(busy, "healthy")["pod"] == "unknown" and "chat/chat-app-" in busy.output, busy.output[-4000:]
    assert busy.seconds < 60
    run(station, "playbooks/enablement.yml", changed=True, **SHARED)
    load(station, 400, 3)
    run(station, "playbooks/app.yml", changed=False, **SHARED)
    assert objects(station)["deployments.apps"]["chat/chat-app"]["status"]["availableReplicas"] == 3
    load(station, 5, 1)
    run(station, "playbooks/app.yml", changed=True)
    assert objects(station)["horizontalpodautoscalers.autoscaling"] == {}
    run(station, "playbooks/app.yml", changed=True, gpu_app_state="absent")
    assert not [name for kind in ("deployments.apps", "services") for name in objects(station)[kind] if "chat" in name]
    run(station, "playbooks/app.yml", changed=False, gpu_app_state="absent")


def test_the_declared_chart_is_not_installed_beside_the_addon_and_the_device_plugin_is_not_run(station: Stations) -> None:
    """No chart can be run here: only that the switch is honoured and what the role refuses."""
    declared = {"workstation_gpu_provider": "operator", "minikube_addons": {"nvidia-device-plugin": False}, "gpu_operator_helm": "/bin/true"}
    refused = playbook(station, "site.yml", "--tags", "device_plugin,gpu_operator", "-e", json.dumps(declared))
    assert (refused.rc, refused.changed()) == (2, 0), refused.output[-4000:]
    assert "addon (DaemonSet kube-system/nvidia-device-plugin-daemonset)" in refused.output
    assert refused.output.split("Make exactly one device plugin offer a GPU]")[1].lstrip("* \n").startswith("skipping")
    assert chain_of(refused, "healthy")["device_plugin"] == "unknown"


def test_a_bundle_is_loaded_once_and_refused_when_it_was_tampered_with(station: Stations, tmp_path: Path) -> None:
    run(station, "playbooks/images_save.yml", changed=True)
    run(station, "playbooks/images_save.yml", changed=False)
    run(station, "playbooks/images_load.yml", changed=True)
    run(station, "playbooks/images_load.yml", changed=False)
    tamper = tmp_path / "tamper.yml"
    variables = [str(REPOSITORY / "playbooks" / "vars" / name) for name in ("linux_side_of_windows.yml", "images.yml")]
    line = {"ansible.builtin.shell": "for archive in {{ images_bundle }}/*ubuntu*.tar; do echo more >> $archive; done"}
    role = {"role": "gpudev.workstation.workstation"}
    tamper.write_text(yaml.safe_dump([{"hosts": "windows_workstations", "gather_facts": False, "vars_files": variables, "roles": [role], "tasks": [line]}]))
    run(station, str(tamper))
    refused = playbook(station, "playbooks/images_load.yml")
    assert (refused.rc, refused.changed()) == (2, 0) and "docker.io_library_ubuntu_24.04.tar" in refused.output
