# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gpu_chain_info stops at the first broken link, and neither starts nor fetches anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, SKIPPED, UNKNOWN, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from ansible_collections.gpudev.workstation.plugins.modules.gpu_chain_info import ChainLook

ORDER = ["distro", "docker", "docker_gpu", "cluster", "device_plugin", "pod"]
PARAMS: dict[str, Any] = {
    "cluster": "minikube",
    "kubeconfig": "/nonexistent/config",
    "image": "ubuntu:24.04",
    "gpus": "all",
    "timeout": 5,
    "min_driver_version": "",
    "memory": "",
    "cpus": "",
    "kubernetes_version": "",
    "docker": "docker",
    "minikube": "minikube",
    "minikube_home": "",
    "venv": "/nonexistent",
    "pod": False,
    "namespace": "default",
    "pod_image": "image",
    "pod_timeout": 1,
}


class Commands:
    """A runner whose programs say that nothing is there; remembers what was run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def run(
        self,
        argv: Sequence[str],
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        self.ran.append(tuple(argv))
        return Completed(tuple(argv), 1, "", f"Error: No such image: {argv[-1]}", 0.0)


class Scripted(ChainLook):
    """The order of the looks, with layers that are as told."""

    def __init__(self, statuses: dict[str, str], **params: Any) -> None:
        super().__init__({**PARAMS, **params}, Commands(), check_mode=False)
        self.statuses = statuses
        self.looked: list[str] = []

    def _scripted(self, name: str) -> Layer:
        self.looked.append(name)
        return Layer(name, self.statuses.get(name, OK), name)

    def distro(self) -> Layer:
        return self._scripted("distro")

    def docker(self) -> Layer:
        return self._scripted("docker")

    def docker_gpu(self) -> Layer:
        return self._scripted("docker_gpu")

    def cluster(self) -> Layer:
        return self._scripted("cluster")

    def device_plugin(self) -> Layer:
        return self._scripted("device_plugin")


@pytest.mark.parametrize("broken", ORDER[:-1])
def test_nothing_behind_the_first_broken_link_is_looked_at(broken: str) -> None:
    chain = Scripted({broken: BROKEN})
    layers = chain.layers()
    reached = ORDER.index(broken) + 1
    assert chain.looked == ORDER[:reached]
    assert [layer.layer for layer in layers] == ORDER
    assert {layer.status for layer in layers[reached:]} == {SKIPPED}
    assert all(layer.summary == f"not judged: {broken} is broken" for layer in layers[reached:])


def test_container_image_that_is_not_there_is_no_broken_link() -> None:
    chain = Scripted({"docker_gpu": SKIPPED})
    assert [layer.status for layer in chain.layers()] == [OK, OK, SKIPPED, OK, OK, SKIPPED]


def test_pod_is_not_run_unless_asked_for() -> None:
    (pod,) = [layer for layer in Scripted({}).layers() if layer.layer == "pod"]
    assert "pod: true" in pod.summary


def test_no_image_is_ever_fetched() -> None:
    commands = Commands()
    layer = ChainLook(PARAMS, commands, check_mode=False).docker_gpu()
    assert layer.status == SKIPPED
    assert "fetches nothing" in layer.summary
    assert [argv[1] for argv in commands.ran] == ["ps", "image"]


def test_missing_client_is_said_not_taken_for_a_broken_plugin() -> None:
    layer = ChainLook(PARAMS, Commands(), check_mode=False, no_client="Failed to import the required Python library (kubernetes)").device_plugin()
    assert (layer.status, "kubernetes" in layer.summary) == (UNKNOWN, True)


def test_cluster_without_a_kubeconfig_is_unreachable() -> None:
    layer = ChainLook(PARAMS, Commands(), check_mode=False).device_plugin()
    assert (layer.status, [finding.code for finding in layer.findings]) == ("unreachable", ["PLUGIN-API-006"])
