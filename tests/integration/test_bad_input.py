# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before anything is touched, with a message that says what to write instead."""

from __future__ import annotations

import json
import typing as t

import pytest

from tests.harness import Stations, playbook, serve

# What is declared, and what the refusal has to say.
REFUSED: dict[str, tuple[dict[str, t.Any], tuple[str, ...]]] = {
    "unknown .wslconfig section": ({"wsl_config": {"wsl3": {"memory": "8GB"}}}, ("wsl3", "wsl2")),
    "malformed size": ({"wsl_config": {"wsl2": {"memory": "8gb"}}}, ("8gb", "8GB")),
    ".wslconfig memory above the host's": ({"wsl_config": {"wsl2": {"memory": "64GB"}}}, ("64GB", "32")),
    "gpus with another driver": ({"minikube_driver": "podman"}, ("podman", "docker")),
    "--kvm-gpu": ({"minikube_extra_start_args": ["--kvm-gpu"]}, ("--kvm-gpu", "kvm2")),
    "several nodes with GPUs": ({"minikube_nodes": 2}, ("nodes", "1")),
    "camelCase kubelet flag": ({"minikube_extra_config": {"kubelet.cgroupDriver": "systemd"}}, ("cgroupDriver", "cgroup-driver")),
    "cpus: lots": ({"minikube_cpus": "lots"}, ("lots",)),
    "distribution name with blanks": ({"workstation_distribution": "My Ubuntu"}, ("My Ubuntu", "Ubuntu-24.04")),
    "unknown consent": ({"workstation_allow": ["everything"]}, ("everything", "wsl_shutdown")),
    "an address without its checksum": (
        {"docker_desktop_installer": "https://downloads.example/x.exe", "docker_desktop_installer_sha256": ""},
        ("docker_desktop_installer", "SHA-256"),
    ),
    "two providers of one GPU": ({"workstation_gpu_provider": "operator"}, ("nvidia-device-plugin: false", "operator")),
    "a GPU shared by the plugin that is not run": (
        {"workstation_gpu_provider": "operator", "minikube_addons": {"nvidia-device-plugin": False}, "device_plugin_sharing": {"mode": "exclusive"}},
        ("device_plugin_sharing", "gpu_operator_provider"),
    ),
    "cluster memory above the engine's": ({"minikube_memory": "30g"}, ("30", "memory")),
}


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve("drifted") as running:
        yield running


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_anything_is_touched(stations: Stations, case: str) -> None:
    declared, told = REFUSED[case]
    before = stations.state("drifted")
    run = playbook(stations, "site.yml", "-e", json.dumps(declared))
    assert run.rc == 2, run.output
    assert run.changed() == 0
    for words in told:
        assert words in run.output, run.output[-3000:]
    assert stations.state("drifted") == before
