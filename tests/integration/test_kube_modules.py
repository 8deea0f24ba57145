# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes modules over HTTPS against the simulated API server (no GPU, no real cluster): what they do in each scenario."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_objects as objects
from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_pod as smoke
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import Kube, connect, wait_for
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_fallback import converge
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_test import smoke_test
from tests.simstation.kube import Cluster, kubelet
from tests.simstation.scenarios import document
from tests.simstation.station import Station

OWN = ("DaemonSet", objects.OWN_NAME, objects.OWN_NAMESPACE)
ADDON = ("DaemonSet", "nvidia-device-plugin-daemonset", "kube-system")
CUDA = "nvcr.io/nvidia/cuda:12.8.1-base-ubuntu24.04"


class Bench:
    """One station's cluster and a client that reached it through a kubeconfig."""

    def __init__(self, directory: Path, scenario: str, knobs: dict[str, Any]) -> None:
        self.station = Station("ws1", document("ws1", scenario), directory / "station", time_scale=0.01)
        self.station.state["clusters"]["minikube"]["knobs"].update(knobs)
        self.cluster = Cluster(self.station, "minikube", directory / ".minikube")
        port = self.cluster.start()
        self.kube: Kube = connect(self._kubeconfig(directory, port), "minikube", 5)

    def _kubeconfig(self, directory: Path, port: int) -> str:
        certificates = self.cluster.certificates
        crt, key = certificates.client
        server = {"certificate-authority": str(certificates.ca), "server": f"https://127.0.0.1:{port}"}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "minikube", "cluster": server}],
            "users": [{"name": "minikube", "user": {"client-certificate": str(crt), "client-key": str(key)}}],
            "contexts": [{"name": "minikube", "context": {"cluster": "minikube", "user": "minikube"}}],
        }
        path = directory / "config"
        path.write_text(yaml.safe_dump(content))
        return str(path)

    def fallback(self, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        waits = {"grace": 2, "timeout": 20, "ready_timeout": 20}
        defaults = {"state": "present", "image": objects.DEFAULT_IMAGE, "repair": True, "context": "minikube", "awaiting": [], **waits}
        return converge(self.kube, {**defaults, **params}, check_mode, LocalRunner(), 0.1)

    def smoke(self, **params: Any) -> tuple[Any, dict[str, Any]]:
        defaults = {"namespace": "default", "image": CUDA, "timeout": 20, "context": "minikube", "expected": {}}
        return smoke_test(self.kube, {**defaults, **params}, 0.1)

    def objects(self) -> str:
        """Everything stored but what controllers and leases rewrite by themselves."""
        with self.station.lock:
            return json.dumps(self.station.state["clusters"]["minikube"].get("objects"), sort_keys=True)

    def close(self) -> None:
        self.cluster.close()
        self.station.close()
        assert self.station.errors == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def start(scenario: str, **knobs: Any) -> Bench:
            made = Bench(tmp_path, scenario, knobs)
            stack.callback(made.close)
            return made

        yield start


def status(answer: dict[str, Any]) -> str:
    return str(answer["layers"][0]["status"])


def codes(answer: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in answer["layers"][0]["findings"]]


def test_healthy_cluster_is_left_as_it_is_and_computes(bench: Callable[..., Bench]) -> None:
    here = bench("healthy")
    before = here.objects()
    answer = here.fallback()
    assert (status(answer), answer["changed"], answer["provider"], answer["allocatable"]) == ("ok", False, "addon", 1)
    assert here.objects() == before
    layer, returned = here.smoke(expected={"driver_version": "591.59"})
    assert layer.status == "ok", layer.message()
    assert returned["gpu"]["name"] == "NVIDIA GeForce RTX 4050 Laptop GPU"
    assert here.kube.find("Pod", "default", labels=smoke.SELECTOR) == []


def test_addon_that_was_never_applied_is_replaced_and_the_second_run_changes_nothing(bench: Callable[..., Bench]) -> None:
    here = bench("addon_never_applied")
    predicted = here.fallback(check_mode=True)
    assert (status(predicted), predicted["changed"]) == ("drift", True)
    assert here.kube.get(*OWN) is None
    done = here.fallback()
    assert (status(done), done["provider"], done["allocatable"]) == ("changed", "fallback", 1)
    assert predicted["actions"] == done["actions"]
    again = here.fallback()
    assert (status(again), again["changed"]) == ("ok", False)
    assert here.smoke()[0].status == "ok"


def test_second_plugin_of_ours_is_withdrawn_and_the_addon_takes_over(bench: Callable[..., Bench]) -> None:
    here = bench("drifted")
    predicted = here.fallback(check_mode=True)
    assert (status(predicted), predicted["changed"]) == ("drift", True)
    assert here.kube.get(*OWN) is not None
    done = here.fallback()
    assert (status(done), done["provider"], done["allocatable"]) == ("changed", "addon", 1)
    assert here.kube.get(*OWN) is None
    assert here.kube.get(*ADDON) is not None
    assert here.fallback()["changed"] is False


def test_addon_that_comes_back_makes_us_withdraw(bench: Callable[..., Bench]) -> None:
    here = bench("addon_never_applied")
    here.fallback()
    here.station.state["clusters"]["minikube"]["knobs"]["addon"] = "works"
    here.cluster.enable_addon("nvidia-device-plugin")
    done = here.fallback()
    assert (status(done), done["provider"], done["allocatable"]) == ("changed", "addon", 1)
    assert here.kube.get(*OWN) is None


def test_plugin_that_cannot_initialise_nvml_is_tried_once_more_and_explained(bench: Callable[..., Bench]) -> None:
    here = bench("nvml_not_supported")
    answer = here.fallback()
    assert (status(answer), answer["changed"], answer["failed"]) == ("broken", True, True)
    assert codes(answer)[0] == "PLUGIN-NVML-004"
    assert here.kube.get(*OWN) is None
    here.station.state["clusters"]["minikube"]["knobs"]["nvml"] = "ok"
    cured = here.fallback()
    assert (status(cured), cured["allocatable"]) == ("changed", 1)


def test_own_plugin_that_cannot_initialise_nvml_is_explained(bench: Callable[..., Bench]) -> None:
    here = bench("addon_never_applied", nvml="library_not_found")
    answer = here.fallback()
    assert (status(answer), answer["failed"]) == ("broken", True)
    assert codes(answer)[0] == "PLUGIN-NVML-001"


def test_slow_api_server_is_waited_for(bench: Callable[..., Bench]) -> None:
    answer = bench("apiserver_slow").fallback(timeout=30)
    assert status(answer) == "ok"


def test_node_that_is_not_ready_is_named(bench: Callable[..., Bench]) -> None:
    here = bench("node_not_ready")
    answer = here.fallback()
    assert (status(answer), answer["changed"], codes(answer)) == ("broken", False, ["PLUGIN-NODE-001"])
    layer, _returned = here.smoke(timeout=1)
    assert [finding.code for finding in layer.findings] == ["POD-PENDING-003"]
    assert here.kube.find("Pod", "default", labels=smoke.SELECTOR) == []


def test_image_that_cannot_be_pulled_is_explained(bench: Callable[..., Bench]) -> None:
    here = bench("healthy", image_pull="back_off")
    layer, _returned = here.smoke(image="docker.io/library/debian:12", timeout=2)
    assert [finding.code for finding in layer.findings] == ["POD-IMAGE-003"]


def test_busy_gpu_names_its_holder(bench: Callable[..., Bench]) -> None:
    here = bench("healthy")
    holder = smoke.manifest("holder", smoke.smi_program(CUDA), smoke.Place("default"), 60000)
    holder["metadata"]["labels"] = {}
    holder["spec"]["containers"][0]["command"] = ["sleep", "60000"]
    here.kube.create(holder)
    wait_for("the holder", lambda: here.kube.get("Pod", "holder", "default") or {}, lambda pod: pod["status"].get("phase") == "Running", 10, 0.1)
    layer, _returned = here.smoke(timeout=2)
    assert [finding.code for finding in layer.findings] == ["POD-PENDING-002"]
    assert "default/holder" in layer.findings[0].cause


def test_leftovers_are_removed(bench: Callable[..., Bench]) -> None:
    here = bench("healthy")
    here.kube.create(smoke.manifest(smoke.new_name(), smoke.smi_program(CUDA), smoke.Place("default"), 600))
    layer, returned = here.smoke()
    assert (layer.status, len(returned["leftovers"])) == ("ok", 1)


def test_absent_takes_only_ours_away(bench: Callable[..., Bench]) -> None:
    here = bench("drifted")
    done = here.fallback(state="absent")
    assert (status(done), done["provider"], done["allocatable"]) == ("changed", "addon", 1)
    assert here.kube.get(*OWN) is None
    assert here.fallback(state="absent")["changed"] is False


def test_a_restart_of_the_kubelet_is_waited_out(bench: Callable[..., Bench]) -> None:
    """recordings/kube/kubelet_restart: 0 of 0 for ten seconds, while the plugin's pod is Running and ready."""
    here = bench("healthy")
    pods = [pod["metadata"]["name"] for pod in here.kube.find("Pod", "kube-system")]
    kubelet.restart(here.cluster._context)
    wait_for("the loss", lambda: here.kube.node()["status"], lambda status: status["allocatable"]["nvidia.com/gpu"] == "0", 10, 0.01)
    answer = here.fallback()
    assert (status(answer), answer["changed"], answer["allocatable"]) == ("ok", False, 1)
    assert [pod["metadata"]["name"] for pod in here.kube.find("Pod", "kube-system")] == pods


def test_a_program_computes_in_a_pod(bench: Callable[..., Bench]) -> None:
    here = bench("healthy")
    layer, returned = here.smoke(cuda_check="nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0")
    assert (layer.status, "Test PASSED" in returned["cuda_log"]) == ("ok", True)
    assert here.kube.find("Pod", "default", labels=smoke.SELECTOR) == []


# --- sharing ---

FOUR = {"mode": "time_slicing", "replicas": 4, "rename": False, "fail_requests_greater_than_one": True}


def phases(here: Bench, names: list[str]) -> list[str]:
    return [((here.kube.get("Pod", name, "default") or {}).get("status") or {}).get("phase", "") for name in names]


def sleeper(here: Bench, name: str, resource: str = "nvidia.com/gpu") -> None:
    """A pod that holds one GPU, or one slice of it, until it is deleted."""
    body = smoke.manifest(name, smoke.smi_program(CUDA), smoke.Place("default", resource), 60000)
    body["metadata"]["labels"] = {}
    body["spec"]["containers"][0]["command"] = ["sleep", "60000"]
    here.kube.create(body)


def settled(here: Bench, names: list[str], wanted: list[str]) -> list[str]:
    return wait_for("the pods", lambda: phases(here, names), lambda found: found == wanted, 10, 0.1)


def test_a_healthy_addon_is_not_shared_and_the_way_out_is_named(bench: Callable[..., Bench]) -> None:
    here = bench("healthy")
    before = here.objects()
    refused = here.fallback(sharing=FOUR)
    assert (refused["failed"], codes(refused), here.objects() == before) == (True, ["PLUGIN-SHARE-005"], True)
    assert "addons: {nvidia-device-plugin: false}" in refused["msg"]
    assert codes(here.fallback(sharing={"mode": "mig", "strategy": "mixed"})) == ["PLUGIN-SHARE-002"]
    assert here.objects() == before


def test_with_four_replicas_four_pods_run_at_once_and_the_fifth_waits(bench: Callable[..., Bench]) -> None:
    here = bench("healthy")
    here.cluster.disable_addon("nvidia-device-plugin")
    done = here.fallback(sharing=FOUR)
    assert (status(done), done["provider"], done["allocatable"], done["sharing"]) == ("changed", "fallback", 4, "time-slicing with 4 replicas")
    assert here.fallback(sharing=FOUR)["changed"] is False
    names = [f"slice-{number}" for number in range(5)]
    for name in names[:4]:
        sleeper(here, name)
    settled(here, names[:4], ["Running"] * 4)
    sleeper(here, names[4])
    wait_for(
        "FailedScheduling",
        lambda: here.kube.events("default", names[4]),
        lambda events: any("Insufficient nvidia.com/gpu" in e["message"] for e in events),
        10,
        0.1,
    )
    assert phases(here, names) == ["Running"] * 4 + ["Pending"]
    here.kube.delete("Pod", names[0], "default", grace_seconds=0)
    settled(here, names[1:], ["Running"] * 4)


def test_sharing_is_changed_renamed_and_given_up_again(bench: Callable[..., Bench]) -> None:
    here = bench("addon_never_applied")
    assert here.fallback(sharing=FOUR)["resources"] == {"nvidia.com/gpu": {"capacity": 4, "allocatable": 4}}
    renamed = here.fallback(sharing={**FOUR, "replicas": 2, "rename": True})
    # The name that was given up stays: recordings/gpu/ts_rename_node.
    assert renamed["resources"] == {"nvidia.com/gpu": {"capacity": 4, "allocatable": 0}, "nvidia.com/gpu.shared": {"capacity": 2, "allocatable": 2}}
    assert (status(renamed), renamed["allocatable"], renamed["capacity"]) == ("changed", 2, 2)
    assert here.smoke()[0].status == "ok"
    back = here.fallback(sharing={"mode": "exclusive"})
    assert (status(back), back["allocatable"], here.kube.get("ConfigMap", *OWN[1:])) == ("changed", 1, None)
    assert here.fallback(sharing={"mode": "exclusive"})["changed"] is False


def test_sharing_in_check_mode_leaves_nothing(bench: Callable[..., Bench]) -> None:
    here = bench("addon_never_applied")
    before = here.objects()
    predicted = here.fallback(check_mode=True, sharing=FOUR)
    assert predicted["actions"] == [f"apply ConfigMap kube-system/{OWN[1]}", f"apply DaemonSet kube-system/{OWN[1]}"]
    assert here.objects() == before
