# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What device_plugin_fallback does to a cluster, and never does, from recorded objects and logs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_objects as objects
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import UNREACHABLE, KubeError, Readiness
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_fallback import converge
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from tests.unit.plugins.fake_cluster import FIXTURES, GOOD, NOT_SUPPORTED, FakeCluster, addon, plugin_pod, recorded

OWN = objects.OWN_NAME
OWN_UID = f"uid-{OWN}"
FAST = 0.001


class FakeRunner:
    """A machine whose nvidia-smi says this, by its first argument; without it there is no nvidia-smi."""

    def __init__(self, smi: dict[str, Completed] | None) -> None:
        self.smi = smi or {}

    def run(self, argv: Sequence[str], *_more: Any, **_options: Any) -> Completed:
        return self.smi.get(argv[1].split("=")[0], Completed(tuple(argv), None, "", "", 0.0, missing=True))


def run(cluster: FakeCluster, check_mode: bool = False, smi: dict[str, Completed] | None = None, **params: Any) -> dict[str, Any]:
    defaults = {
        "state": "present",
        "image": objects.DEFAULT_IMAGE,
        "grace": 0,
        "timeout": 0,
        "ready_timeout": 0,
        "repair": True,
        "context": "gpu",
        "awaiting": [],
    }
    return converge(cluster, {**defaults, **params}, check_mode, FakeRunner(smi), FAST)


def layer(answer: dict[str, Any]) -> dict[str, Any]:
    (only,) = answer["layers"]
    return dict(only)


def codes(answer: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in layer(answer)["findings"]]


def own_comes_up(cluster: FakeCluster, body: dict[str, Any]) -> None:
    """What controller, kubelet and plugin do about a new DaemonSet."""
    plugin_pod(cluster, body["metadata"]["uid"], f"{body['metadata']['name']}-bbbbb", GOOD)
    cluster.gpus("node_1_1")


def with_own(node: str = "node_1_1") -> FakeCluster:
    cluster = FakeCluster(node)
    cluster.apply(objects.manifest(objects.DEFAULT_IMAGE))
    plugin_pod(cluster, OWN_UID, f"{OWN}-bbbbb", GOOD)
    cluster.changes.clear()
    return cluster


def test_working_addon_is_left_alone() -> None:
    cluster = FakeCluster("node_1_1")
    addon(cluster)
    answer = run(cluster)
    assert "failed" not in answer
    assert (answer["changed"], answer["provider"], answer["allocatable"], answer["version"]) == (False, "addon", 1, "0.20.0")
    assert cluster.changes == []


def test_absent_provider_is_replaced_by_our_own() -> None:
    cluster = FakeCluster()
    cluster.when_created = own_comes_up
    answer = run(cluster)
    assert layer(answer)["status"] == "changed"
    assert (answer["changed"], answer["provider"], answer["allocatable"]) == (True, "fallback", 1)
    assert cluster.real_changes() == [("apply", "DaemonSet", OWN)]
    assert answer["diff"]["before"] == {}
    assert answer["diff"]["after"]["spec"]["template"]["spec"]["containers"][0]["image"] == objects.DEFAULT_IMAGE


def test_addon_that_comes_within_the_grace_period_makes_the_fallback_unnecessary() -> None:
    cluster = FakeCluster()

    def addon_arrives(here: FakeCluster) -> None:
        addon(here)
        here.gpus("node_1_1")

    cluster.then = [lambda here: None, lambda here: None, addon_arrives]
    answer = run(cluster, grace=5)
    assert (answer["changed"], answer["provider"]) == (False, "addon")
    assert cluster.changes == []


def test_second_run_changes_nothing_although_the_server_rewrote_the_object() -> None:
    cluster = with_own()
    live = cluster.objects[("DaemonSet", "kube-system", OWN)]
    live["metadata"].update(resourceVersion="999", generation=7, managedFields=[{"manager": "kube-controller-manager"}])
    live["status"] = {"observedGeneration": 7, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberReady": 1}
    answer = run(cluster)
    assert (answer["changed"], layer(answer)["status"]) == (False, "ok")
    assert cluster.real_changes() == []


def test_another_image_is_applied() -> None:
    cluster = with_own()
    answer = run(cluster, image="local/k8s-device-plugin:v0.21.0")
    assert answer["changed"] is True
    assert cluster.real_changes() == [("apply", "DaemonSet", OWN)]
    assert answer["diff"]["after"] != answer["diff"]["before"]


def test_the_old_image_does_not_speak_for_the_new_one() -> None:
    """The controller takes the old pod away only after the apply has been answered; until then its GPU is still allocatable."""
    cluster = with_own()
    body = cluster.objects[("DaemonSet", objects.OWN_NAMESPACE, OWN)]
    body["status"] = {"observedGeneration": 1, "desiredNumberScheduled": 1}

    def replaced(here: FakeCluster) -> None:
        for key in [key for key in here.objects if key[0] == "Pod"]:
            del here.objects[key]
        plugin_pod(here, OWN_UID, f"{OWN}-ccccc", NOT_SUPPORTED)
        here.objects[("DaemonSet", objects.OWN_NAMESPACE, OWN)]["status"]["updatedNumberScheduled"] = 1
        here.gpus("node_1_0")

    cluster.then = [lambda here: None, lambda here: None, lambda here: None, replaced]
    answer = run(cluster, image="local/k8s-device-plugin:v0.21.0", grace=5, repair=False)
    assert (answer["failed"], codes(answer)) == (True, ["PLUGIN-NVML-004"])


def test_check_mode_predicts_the_deployment_and_leaves_nothing() -> None:
    cluster = FakeCluster()
    answer = run(cluster, check_mode=True, grace=600, ready_timeout=600)
    assert (answer["changed"], layer(answer)["status"]) == (True, "drift")
    assert answer["actions"] == [f"apply DaemonSet kube-system/{OWN}"]
    assert cluster.real_changes() == []
    assert cluster.objects == {}


def test_own_plugin_is_withdrawn_when_the_addon_works_and_the_survivor_is_recreated() -> None:
    cluster = with_own()
    addon(cluster)

    def survivor(here: FakeCluster, kind: str, name: str) -> None:
        # recordings/gpu/two_plugins_after_delete: capacity 1, allocatable 0 until the survivor's pod is made anew.
        here.gpus("node_1_0" if kind == "DaemonSet" else "node_1_1")
        if kind == "Pod":
            plugin_pod(here, "addon", "nvidia-device-plugin-daemonset-ccccc", GOOD)

    cluster.when_deleted = survivor
    answer = run(cluster)
    assert cluster.real_changes() == [("delete", "DaemonSet", OWN), ("delete", "Pod", "nvidia-device-plugin-daemonset-aaaaa")]
    assert (answer["changed"], answer["provider"], answer["allocatable"], layer(answer)["status"]) == (True, "addon", 1, "changed")
    assert run(cluster)["changed"] is False


def test_withdrawal_is_predicted_by_dry_run() -> None:
    cluster = with_own()
    addon(cluster)
    answer = run(cluster, check_mode=True)
    assert (answer["changed"], layer(answer)["status"]) == (True, "drift")
    assert answer["actions"] == [f"delete DaemonSet kube-system/{OWN}", "recreate Pod kube-system/nvidia-device-plugin-daemonset-aaaaa"]
    assert "PLUGIN-REPAIR-001" not in codes(answer)
    assert cluster.real_changes() == []


def test_own_plugin_stays_beside_an_addon_that_does_not_work() -> None:
    cluster = with_own()
    addon(cluster, log=NOT_SUPPORTED)
    answer = run(cluster)
    assert (answer["changed"], answer["provider"], layer(answer)["status"]) == (False, "fallback", "ok")
    assert codes(answer) == ["PLUGIN-TWO-002"]


def test_two_foreign_providers_are_refused_and_left_alone() -> None:
    cluster = FakeCluster("node_1_1")
    addon(cluster)
    addon(cluster, name="nvdp", uid="helm", labels={"app.kubernetes.io/name": "nvidia-device-plugin"})
    answer = run(cluster)
    assert answer["failed"] is True
    assert codes(answer) == ["PLUGIN-TWO-001"]
    assert cluster.changes == []


def test_pod_that_failed_nvml_is_recreated_once_and_the_cause_is_told_when_it_fails_again() -> None:
    cluster = FakeCluster()
    addon(cluster, log=NOT_SUPPORTED)

    def again(here: FakeCluster, kind: str, name: str) -> None:
        plugin_pod(here, "addon", "nvidia-device-plugin-daemonset-ccccc", NOT_SUPPORTED)

    cluster.when_deleted = again
    started = time.monotonic()
    answer = run(cluster, grace=60, ready_timeout=60)
    assert time.monotonic() - started < 10, "a plugin that failed NVML never tries again, so there is nothing to wait for"
    assert cluster.real_changes() == [("delete", "Pod", "nvidia-device-plugin-daemonset-aaaaa")]
    assert answer["failed"] is True
    assert codes(answer) == ["PLUGIN-NVML-004", "PLUGIN-REPAIR-001"]
    assert "Failed to initialize NVML: Not Supported" in answer["msg"]


def test_pod_that_failed_nvml_works_after_its_cause_is_gone() -> None:
    cluster = FakeCluster()
    addon(cluster, log=NOT_SUPPORTED)

    def works_now(here: FakeCluster, kind: str, name: str) -> None:
        plugin_pod(here, "addon", "nvidia-device-plugin-daemonset-ccccc", GOOD)
        here.gpus("node_1_1")

    cluster.when_deleted = works_now
    answer = run(cluster)
    assert (answer["changed"], layer(answer)["status"], answer["allocatable"]) == (True, "changed", 1)


def test_repair_false_touches_no_pod() -> None:
    cluster = FakeCluster()
    addon(cluster, log=NOT_SUPPORTED)
    answer = run(cluster, repair=False)
    assert answer["failed"] is True
    assert cluster.changes == []
    assert codes(answer) == ["PLUGIN-NVML-004"]


def test_allocatable_that_lags_a_restart_is_waited_for() -> None:
    cluster = FakeCluster("node_0_0")
    addon(cluster)
    cluster.then = [lambda here: None, lambda here: None, lambda here: here.gpus("node_1_1")]
    answer = run(cluster, grace=5)
    assert (answer["changed"], layer(answer)["status"]) == (False, "ok")
    assert cluster.changes == []


@pytest.mark.parametrize(("node", "code"), [("node_1_0", "PLUGIN-ALLOC-003"), ("node_0_0", "PLUGIN-ALLOC-002"), ("node_no_key", "PLUGIN-ALLOC-001")])
def test_registered_plugin_without_allocatable_gpus_is_explained_by_the_numbers(node: str, code: str) -> None:
    cluster = FakeCluster(node)
    addon(cluster)
    answer = run(cluster, repair=False)
    assert answer["failed"] is True
    assert codes(answer) == [code]


def test_api_server_that_is_not_ready_is_waited_for() -> None:
    cluster = FakeCluster("node_1_1")
    addon(cluster)
    cluster.readiness = [Readiness(False, "[-]etcd failed: reason withheld"), Readiness(False, ""), Readiness(True, "ok")]
    assert layer(run(cluster, timeout=5))["status"] == "ok"


def test_api_server_that_never_becomes_ready_shows_its_failing_checks() -> None:
    cluster = FakeCluster()
    cluster.readiness = [Readiness(False, "[+]ping ok\n[-]etcd failed: reason withheld")]
    answer = run(cluster)
    assert layer(answer)["status"] == "unreachable"
    assert "etcd" in answer["msg"]
    assert codes(answer) == ["PLUGIN-API-004"]


class Down(FakeCluster):
    def readyz(self) -> Readiness:
        raise KubeError(UNREACHABLE, "get /readyz", "[Errno 111] Connection refused")


def test_unreachable_api_fails_the_task_but_is_skipped_where_check_mode_awaits_it() -> None:
    assert codes(run(Down())) == ["PLUGIN-API-001"]
    assert run(Down())["failed"] is True
    awaited = run(Down(), check_mode=True, timeout=600, awaiting=["the cluster would be created"])
    assert "failed" not in awaited
    assert layer(awaited)["status"] == "skipped"
    assert layer(awaited)["summary"] == "cannot be looked at yet: the cluster would be created"


def test_missing_right_names_verb_and_resource() -> None:
    cluster = FakeCluster()
    text = 'nodes is forbidden: User "viewer" cannot list resource "nodes" in API group "" at the cluster scope'
    cluster.refuse["Node"] = KubeError("forbidden", "list Node", text, 403)
    answer = run(cluster)
    assert codes(answer) == ["PLUGIN-API-003"]
    assert 'cannot list resource "nodes"' in answer["msg"]


def test_object_of_that_name_that_is_not_ours_is_never_touched() -> None:
    cluster = FakeCluster()
    body = recorded("ds_created")
    body["metadata"].update(name=OWN, namespace="kube-system", labels={})
    cluster.add(body)
    answer = run(cluster)
    assert codes(answer) == ["PLUGIN-OWN-001"]
    assert cluster.changes == []


def test_absent_removes_only_our_own() -> None:
    cluster = with_own()
    answer = run(cluster, state="absent")
    assert (answer["changed"], layer(answer)["status"]) == (True, "changed")
    assert cluster.real_changes() == [("delete", "DaemonSet", OWN)]
    again = run(cluster, state="absent")
    assert (again["changed"], layer(again)["status"]) == (False, "not_applicable")


def test_absent_leaves_the_addon_alone() -> None:
    cluster = FakeCluster("node_1_1")
    addon(cluster)
    answer = run(cluster, state="absent")
    assert (answer["changed"], layer(answer)["status"]) == (False, "ok")
    assert cluster.changes == []


def test_absent_in_check_mode_deletes_nothing() -> None:
    cluster = with_own()
    answer = run(cluster, state="absent", check_mode=True)
    assert answer["changed"] is True
    assert cluster.real_changes() == []


# --- sharing ---

FOUR = {"mode": "time_slicing", "replicas": 4, "rename": False, "fail_requests_greater_than_one": True}
SLICED = json.loads((FIXTURES / "plugin" / "gpu_ts_logs.json").read_text())["stdout"]
H200 = {"--query-gpu": Completed((), 0, "NVIDIA H200, Disabled\n", "", 0.0)}
GEFORCE = {"--query-gpu": Completed((), 0, "NVIDIA GeForce RTX 4090, [N/A]\n", "", 0.0)}


def four(cluster: FakeCluster) -> None:
    """The node of recordings/gpu/ts_node."""
    cluster.node_object["status"].update(capacity={"nvidia.com/gpu": "4"}, allocatable={"nvidia.com/gpu": "4"})


def slices_come_up(cluster: FakeCluster, body: dict[str, Any]) -> None:
    if body["kind"] == "DaemonSet":
        plugin_pod(cluster, body["metadata"]["uid"], f"{OWN}-bbbbb", SLICED)
        four(cluster)


def test_time_slicing_is_applied_with_its_configuration_first_and_is_kept_by_the_second_run() -> None:
    cluster = FakeCluster()
    cluster.when_created = slices_come_up
    answer = run(cluster, sharing=FOUR)
    assert cluster.real_changes() == [("apply", "ConfigMap", OWN), ("apply", "DaemonSet", OWN)]
    assert (layer(answer)["status"], answer["allocatable"], answer["sharing"]) == ("changed", 4, "time-slicing with 4 replicas")
    assert len(answer["diff"]["after"]["spec"]["template"]["metadata"]["annotations"][objects.CONFIG_HASH]) == 64
    assert "replicas: 4" in answer["diff"]["after"]["config"]["config.yaml"]
    cluster.changes.clear()
    assert run(cluster, sharing=FOUR)["changed"] is False
    assert cluster.real_changes() == []


def test_other_replicas_are_another_hash_so_that_the_pod_is_replaced() -> None:
    cluster = FakeCluster()
    cluster.when_created = slices_come_up
    run(cluster, sharing=FOUR)
    cluster.changes.clear()
    predicted = run(cluster, check_mode=True, sharing={**FOUR, "replicas": 2})
    assert predicted["actions"] == [f"apply ConfigMap kube-system/{OWN}", f"apply DaemonSet kube-system/{OWN}"]
    assert cluster.real_changes() == []
    answer = run(cluster, sharing={**FOUR, "replicas": 3})
    assert cluster.real_changes() == [("apply", "ConfigMap", OWN), ("apply", "DaemonSet", OWN)]
    # The node still offers four: that is not what is declared.
    assert (layer(answer)["status"], codes(answer)) == ("broken", ["PLUGIN-SHARE-007"])


def test_exclusive_use_takes_the_configuration_away_again() -> None:
    cluster = FakeCluster()
    cluster.when_created = slices_come_up
    run(cluster, sharing=FOUR)
    cluster.changes.clear()
    run(cluster, sharing={"mode": "exclusive"})
    assert cluster.real_changes() == [("apply", "DaemonSet", OWN), ("delete", "ConfigMap", OWN)]


def test_absent_takes_the_configuration_away_too() -> None:
    cluster = FakeCluster()
    cluster.when_created = slices_come_up
    run(cluster, sharing=FOUR)
    cluster.changes.clear()
    run(cluster, state="absent")
    assert cluster.real_changes() == [("delete", "DaemonSet", OWN), ("delete", "ConfigMap", OWN)]


def test_a_config_map_of_that_name_that_is_not_ours_is_never_touched() -> None:
    cluster = FakeCluster()
    cluster.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": OWN, "namespace": "kube-system", "uid": "x"}, "data": {}})
    answer = run(cluster, sharing=FOUR)
    assert codes(answer) == ["PLUGIN-OWN-001"]
    run(cluster, state="absent")
    assert cluster.real_changes() == []


def test_a_healthy_addon_cannot_share_and_the_refusal_says_how_to_give_it_up() -> None:
    cluster = FakeCluster("node_1_1")
    addon(cluster)
    answer = run(cluster, sharing=FOUR)
    assert (answer["failed"], codes(answer)) == (True, ["PLUGIN-SHARE-005"])
    assert "addons: {nvidia-device-plugin: false}" in answer["msg"]
    assert cluster.changes == []
    assert "failed" not in run(cluster, sharing={"mode": "exclusive"})


def test_an_addon_that_came_back_beside_our_sharing_plugin_is_refused_not_given_way_to() -> None:
    cluster = FakeCluster()
    cluster.when_created = slices_come_up
    run(cluster, sharing=FOUR)
    cluster.changes.clear()
    addon(cluster)
    answer = run(cluster, sharing=FOUR)
    assert codes(answer) == ["PLUGIN-SHARE-005", "PLUGIN-TWO-002"]
    assert cluster.real_changes() == []


def test_another_provider_is_held_to_what_it_says_itself() -> None:
    cluster = FakeCluster()
    four(cluster)
    addon(cluster, SLICED, labels={"app.kubernetes.io/name": "nvidia-device-plugin"})
    assert "failed" not in run(cluster, sharing=FOUR)
    assert codes(run(cluster, sharing={**FOUR, "replicas": 2})) == ["PLUGIN-SHARE-006"]
    assert "failed" not in run(cluster)
    assert cluster.real_changes() == []


@pytest.mark.parametrize(
    ("options", "kernel", "smi", "code", "status"),
    [
        ({"mode": "mps"}, "6.6.87", {}, "PLUGIN-SHARE-001", "unsupported"),
        ({"mode": "mig", "strategy": "mixed"}, "6.6.87.2-microsoft-standard-WSL2", H200, "PLUGIN-SHARE-002", "unsupported"),
        ({"mode": "mig", "strategy": "single"}, "6.6.87", GEFORCE, "PLUGIN-SHARE-003", "unsupported"),
        ({"mode": "mig", "strategy": "single"}, "6.6.87", H200, "PLUGIN-SHARE-004", "broken"),
    ],
)
def test_what_the_platform_cannot_do_is_refused_before_anything_is_touched(
    options: dict[str, Any], kernel: str, smi: dict[str, Completed], code: str, status: str
) -> None:
    cluster = FakeCluster()
    cluster.node_object["metadata"]["labels"]["minikube.k8s.io/name"] = "minikube"
    cluster.node_object["status"]["nodeInfo"]["kernelVersion"] = kernel
    answer = run(cluster, smi=smi, sharing=options)
    assert (layer(answer)["status"], codes(answer)) == (status, [code])
    assert cluster.changes == []


def test_mig_on_somebody_elses_node_is_judged_by_what_the_node_then_offers() -> None:
    """This machine's nvidia-smi says nothing of a node that is not a container here."""
    cluster = FakeCluster()
    cluster.when_created = own_comes_up
    answer = run(cluster, smi=H200, sharing={"mode": "mig", "strategy": "mixed"})
    assert (layer(answer)["status"], codes(answer)) == ("broken", ["PLUGIN-SHARE-004"])


def test_runtime_class_nvidia_is_used_where_it_exists() -> None:
    cluster = FakeCluster()
    cluster.when_created = own_comes_up
    cluster.add({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"})
    run(cluster)
    assert cluster.objects[("DaemonSet", "kube-system", OWN)]["spec"]["template"]["spec"]["runtimeClassName"] == "nvidia"
    run(cluster, runtime_class="")
    assert "runtimeClassName" not in cluster.objects[("DaemonSet", "kube-system", OWN)]["spec"]["template"]["spec"]


def test_timings_are_told() -> None:
    cluster = FakeCluster("node_1_1")
    addon(cluster)
    assert set(run(cluster)["timings"]) == {"api_ready", "verdict"}


@pytest.mark.parametrize(
    ("kernel", "log", "told"),
    [
        ("6.6.87.2-microsoft-standard-WSL2", "own_v0.20.0_nolib_fail_false.log", ["PLUGIN-NVML-001", "PLUGIN-WSL-001"]),
        ("6.6.87", "own_v0.20.0_nolib_fail_false.log", ["PLUGIN-NVML-001"]),
        ("6.6.87.2-microsoft-standard-WSL2", "own_v0.20.0_stub_wsl_init_not_supported.log", ["PLUGIN-NVML-004"]),
    ],
)
def test_a_wsl_node_that_the_plugin_does_not_recognise_is_told_as_such(kernel: str, log: str, told: list[str]) -> None:
    cluster = FakeCluster()
    cluster.node_object["status"]["nodeInfo"]["kernelVersion"] = kernel
    addon(cluster, (FIXTURES / "plugin" / log).read_text())
    answer = run(cluster, repair=False)
    assert codes(answer) == told
    assert any("wsl_gpu" in finding["remedy"] for finding in layer(answer)["findings"]) is ("microsoft" in kernel)


@pytest.mark.parametrize("owners", [[], [{"apiVersion": "v1", "kind": "Node", "name": "minikube", "uid": "n", "controller": True}]])
def test_a_pod_that_nobody_would_make_anew_is_never_deleted(owners: list[dict[str, Any]]) -> None:
    """A pod by itself, and the mirror of a static manifest in the node."""
    cluster = FakeCluster()
    plugin_pod(cluster, "static", "nvidia-device-plugin-minikube", NOT_SUPPORTED)
    cluster.objects[("Pod", "kube-system", "nvidia-device-plugin-minikube")]["metadata"]["ownerReferences"] = owners
    answer = run(cluster)
    assert (answer["provider"], codes(answer)[0]) == ("addon", "PLUGIN-NVML-004")
    assert cluster.changes == []
