# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gpu_chain_info stops at the first broken link, and neither starts nor fetches anything."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_cluster
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, SKIPPED, UNKNOWN, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_inside import MARK
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from ansible_collections.gpudev.workstation.plugins.modules.gpu_chain_info import ChainLook
from tests.unit.recorded import FIXTURES, RecordedRunner, answer, completed, recording

ORDER = ["distro", "docker", "docker_gpu", "cluster", "device_plugin", "pod"]
PARAMS: dict[str, Any] = {
    "cluster": "minikube",
    "kubeconfig": "/nonexistent/config",
    "image": "ubuntu:24.04",
    "gpus": "all",
    "timeout": 5,
    "min_driver_version": "",
    "cluster_gpus": "all",
    "cluster_state": "started",
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


# --- the cluster as it was declared


class Declared(ChainLook):
    """The recorded cluster of profile `gpu`, and a device plugin that nobody may ask."""

    def __init__(self, home: Path, gpus: str = "all", host: str = "running", **params: Any) -> None:
        profile = home / ".minikube" / "profiles" / "gpu" / "config.json"
        profile.parent.mkdir(parents=True)
        data = json.loads((FIXTURES / "minikube" / "profile_config_running.json").read_text())
        profile.write_text(json.dumps({**data, "GPUs": gpus}))
        node = json.loads(recording("minikube/docker_inspect_node")["stdout"])
        node[0]["State"]["Status"] = host
        # pkg/drivers/kic/oci/oci.go of minikube: `--device nvidia.com/gpu=all` becomes a request of driver cdi.
        node[0]["HostConfig"]["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}] if gpus == "nvidia.com" else []
        inside = ("/dev/nvidiactl", recording("minikube/node_daemon")["stdout"], "cgroupDriver: cgroupfs", recording("minikube/node_nvidia_smi")["stdout"])
        answers: dict[str, Any] = {
            "minikube version": completed(recording("minikube/version")),
            "docker container inspect gpu": answer(json.dumps(node)),
            "minikube status": completed(recording("minikube/status_running")),
            "docker exec gpu sh -c": answer(f"\n{MARK}\n".join(inside)),
        }
        super().__init__({**PARAMS, "cluster": "gpu", "minikube_home": str(home), **params}, RecordedRunner(answers), check_mode=False)

    def distro(self) -> Layer:
        return Layer("distro", OK, "distro")

    docker = docker_gpu = distro


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_minikube_cluster.Cluster, "_ask_node", lambda self: mk.Node(True, True, "", "v1.36.2"))
    return tmp_path


@pytest.mark.parametrize(("made_with", "declared", "codes"), [("nvidia.com", "nvidia.com", []), ("", "", []), ("nvidia.com", "all", ["MK-031"])])
def test_node_that_has_the_declared_gpus_is_not_broken(home: Path, made_with: str, declared: str, codes: list[str]) -> None:
    layer = Declared(home, made_with, cluster_gpus=declared).cluster()
    assert [finding.code for finding in layer.findings if finding.severity == "error"] == codes
    assert (layer.status == BROKEN) is bool(codes), layer.summary


def test_cluster_that_is_stopped_as_declared_is_no_broken_link(home: Path) -> None:
    chain = Declared(home, host="exited", cluster_state="stopped", pod=True)
    _distro, _docker, _docker_gpu, *behind = chain.layers()
    assert [(layer.layer, layer.status) for layer in behind] == [("cluster", SKIPPED), ("device_plugin", SKIPPED), ("pod", SKIPPED)]
    assert all("the cluster is stopped, as declared" in layer.summary for layer in behind)


@pytest.mark.parametrize(("host", "state", "status"), [("exited", "started", BROKEN), ("exited", "absent", BROKEN), ("running", "stopped", OK)])
def test_cluster_that_is_not_at_rest_as_declared_is_judged_as_ever(home: Path, host: str, state: str, status: str) -> None:
    assert Declared(home, "nvidia.com", host, cluster_gpus="nvidia.com", cluster_state=state).cluster().status == status
