# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What minikube_gpu_cluster sees of a node container on a real engine: a fake minikube makes it, `docker inspect` and `docker exec` are real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_cluster import Cluster, Tools
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from tests.docker.engine import IMAGE, Engine

FAKE = Path(__file__).resolve().parent / "minikube" / "minikube"
NAME = "gpu-node"


@pytest.fixture
def cluster(engine: Engine, tmp_path: Path) -> Iterator[Cluster]:
    engine.mode("ok")
    runner = LocalRunner({**engine.environment, "NODE_IMAGE": IMAGE})
    tools = Tools(str(FAKE), "docker", str(tmp_path), str(tmp_path / "kubeconfig"))
    yield Cluster(runner, Declaration(name=NAME), tools, ask_node=lambda: mk.Node(True, True, "", "v1.36.2"))
    engine.docker("rm", "--force", NAME, check=False)


def start(cluster: Cluster) -> None:
    seen = cluster.assess()
    assert cluster.apply(seen) is None


def test_a_node_with_the_gpu(cluster: Cluster) -> None:
    assert cluster.assess().state == mk.ABSENT
    start(cluster)
    seen = cluster.assess()
    layer = cluster.layer(seen)
    assert (seen.state, seen.steps, layer.status, [finding.code for finding in layer.findings]) == (mk.RUNNING, [], "ok", [])
    assert [gpu["name"] for gpu in layer.facts["gpu_in_node"]["gpus"]] == ["NVIDIA GeForce RTX 4090"]
    assert seen.look.container is not None
    assert seen.look.container.gpus == "all"


@pytest.mark.parametrize(("mode", "code"), [("no_nvidia_smi", "MK-033"), ("blocked", "MK-033")])
def test_a_node_whose_gpu_does_not_work(cluster: Cluster, engine: Engine, mode: str, code: str) -> None:
    engine.mode(mode)
    start(cluster)
    layer = cluster.layer(cluster.assess())
    assert layer.findings[0].code == code
    assert layer.facts["gpu_in_node"] == {"devices": ["/dev/nvidiactl"], "libraries": [], "gpus": []}


def test_a_node_that_somebody_stopped_or_removed(cluster: Cluster, engine: Engine) -> None:
    start(cluster)
    engine.docker("stop", "--time", "0", NAME)
    assert cluster.assess().state == mk.STOPPED
    start(cluster)
    assert cluster.assess().state == mk.RUNNING
    engine.docker("rm", "--force", NAME)
    assert cluster.assess().state == mk.CONTAINER_GONE


def test_a_foreign_container_of_that_name(cluster: Cluster, engine: Engine) -> None:
    engine.docker("run", "--detach", "--name", NAME, IMAGE, "sleep", "infinity")
    assert cluster.assess().state == mk.FOREIGN_CONTAINER
    assert not cluster.assess().steps
