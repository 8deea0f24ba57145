# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test explains every recorded end of a pod, tries again only where that helps, and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_pod as smoke
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import UNREACHABLE, KubeError
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_test import smoke_test
from tests.unit.plugins.fake_cluster import FIXTURES, LOGS, FakeCluster, forbidden, recorded

QUERY = "0, GPU-11111111-2222-3333-4444-555555555555, NVIDIA H200, 580.159.04, 143771\n"
LIST = LOGS["pod_succeeded"]


def cluster_in_which_pods_become(*ends: str, log: str = QUERY, node: str = "node_1_1") -> FakeCluster:
    """Each new pod is at once in the next of these recorded states."""
    cluster = FakeCluster(node)
    left = list(ends)

    def becomes(here: FakeCluster, body: dict[str, Any]) -> None:
        state = recorded(left.pop(0) if len(left) > 1 else left[0])["status"]
        here.objects[("Pod", body["metadata"]["namespace"], body["metadata"]["name"])]["status"] = state
        here.logs[body["metadata"]["name"]] = log

    cluster.when_created = becomes
    return cluster


def run(cluster: FakeCluster, **params: Any) -> tuple[Layer, dict[str, Any]]:
    defaults = {"namespace": "default", "image": smoke.DEFAULT_IMAGE, "timeout": 0, "context": "gpu", "expected": {}}
    return smoke_test(cluster, {**defaults, **params}, every=0.001)


def test_pod_on_the_gpu_is_proof_and_is_removed() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    layer, returned = run(cluster)
    assert layer.status == "ok"
    assert returned["gpu"]["name"] == "NVIDIA H200"
    assert returned["log"] == QUERY
    assert [verb for verb, _kind, _name in cluster.real_changes()] == ["create", "delete"]
    assert not [key for key in cluster.objects if key[0] == "Pod"]


def test_pod_asks_for_one_gpu_by_limit_once_and_ends_by_itself() -> None:
    spec = smoke.manifest("x", "default", "image", 60)["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] == 60
    assert len({smoke.new_name() for _count in range(50)}) == 50


ENDS = [
    ("pod_failed", "Failed to initialize NVML: Driver/library version mismatch\n", "POD-SMI-001"),
    ("pod_failed", "something else\n", "POD-EXIT-001"),
    ("pod_start_error", "", "POD-START-001"),
    ("pod_admission_error", "", "POD-ADMISSION-001"),
    ("pod_deadline", "", "POD-DEADLINE-001"),
    ("pod_err_image_pull", "", "POD-IMAGE-003"),
    ("pod_image_pull_backoff", "", "POD-IMAGE-003"),
    ("pod_never_pull", "", "POD-IMAGE-001"),
    ("pod_invalid_name", "", "POD-IMAGE-002"),
    ("pod_config_error", "", "POD-START-003"),
    ("pod_creating", "", "POD-DEADLINE-001"),
    ("pod_selector", "", "POD-PENDING-005"),
    ("pod_succeeded", "hello\n", "POD-LOG-001"),
    ("pod_succeeded", "No devices were found\n", "POD-SMI-002"),
]


@pytest.mark.parametrize(("end", "log", "code"), ENDS)
def test_every_recorded_end_is_explained_and_cleaned_up(end: str, log: str, code: str) -> None:
    cluster = cluster_in_which_pods_become(end, log=log)
    layer, _returned = run(cluster)
    assert layer.stops
    assert [finding.code for finding in layer.findings] == [code]
    assert layer.findings[0].symptom
    assert not [key for key in cluster.objects if key[0] == "Pod"]


def test_no_gpu_offered_is_told_apart_from_a_gpu_that_is_taken() -> None:
    layer, _returned = run(cluster_in_which_pods_become("pod_unschedulable", node="node_1_0"))
    assert [finding.code for finding in layer.findings] == ["POD-PENDING-001"]

    cluster = cluster_in_which_pods_become("pod_unschedulable", node="node_1_1")
    holder = recorded("pod_succeeded")
    holder["metadata"].update(name="training", namespace="chat")
    holder["status"]["phase"] = "Running"
    cluster.add(holder)
    layer, _returned = run(cluster)
    assert [finding.code for finding in layer.findings] == ["POD-PENDING-002"]
    assert layer.status == "unknown"
    assert "chat/training" in layer.findings[0].cause


def test_pod_refused_at_admission_is_replaced_by_a_fresh_one() -> None:
    cluster = cluster_in_which_pods_become("pod_admission_error", "pod_succeeded")
    layer, returned = run(cluster, timeout=30)
    assert (layer.status, returned["tries"]) == ("ok", 2)
    names = [name for verb, _kind, name in cluster.real_changes() if verb == "create"]
    assert len(set(names)) == 2


def test_admission_errors_are_not_retried_for_ever() -> None:
    layer, returned = run(cluster_in_which_pods_become("pod_admission_error"), timeout=30)
    assert (layer.status, returned["tries"]) == ("broken", 3)


def test_leftovers_of_killed_runs_are_removed_by_label_and_nothing_else() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    cluster.add(smoke.manifest("gpudev-smoke-test-dead", "default", "image", 60))
    cluster.add({"kind": "Pod", "metadata": {"name": "gpudev-smoke-test-yours", "namespace": "default", "labels": {}}, "spec": {}})
    layer, returned = run(cluster)
    assert layer.status == "ok"
    assert returned["leftovers"] == ["gpudev-smoke-test-dead"]
    assert [key[2] for key in cluster.objects if key[0] == "Pod"] == ["gpudev-smoke-test-yours"]


def test_pod_that_vanishes_is_not_taken_for_a_failure_of_the_gpu() -> None:
    cluster = FakeCluster("node_1_1")
    cluster.when_created = lambda here, body: here.objects.clear()
    layer, _returned = run(cluster)
    assert (layer.status, [finding.code for finding in layer.findings]) == ("unknown", ["POD-GONE-001"])


def test_quota_is_told_apart_from_a_missing_right() -> None:
    cluster = FakeCluster("node_1_1")
    cluster.refuse["create"] = forbidden('pods "x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 1, limited: 1')
    assert [finding.code for finding in run(cluster)[0].findings] == ["POD-PENDING-004"]
    cluster.refuse["create"] = forbidden('pods is forbidden: User "viewer" cannot create resource "pods" in API group "" in the namespace "rec"')
    (finding,) = run(cluster)[0].findings
    assert (finding.code, finding.layer) == ("PLUGIN-API-003", "pod")


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({"uuid": "GPU-11111111-2222-3333-4444-555555555555", "name": "NVIDIA H200", "driver_version": "580.159.04"}, "ok"),
        ({"uuid": "GPU-99999999-2222-3333-4444-555555555555"}, "broken"),
        ({"driver_version": "591.59"}, "broken"),
        ({"name": None, "uuid": ""}, "ok"),
    ],
)
def test_gpu_in_the_pod_has_to_be_the_one_docker_showed(expected: dict[str, Any], status: str) -> None:
    layer, _returned = run(cluster_in_which_pods_become("pod_succeeded"), expected=expected)
    assert layer.status == status
    assert [finding.code for finding in layer.findings] == ([] if status == "ok" else ["POD-MISMATCH-001"])


def test_what_a_list_does_not_say_is_not_compared() -> None:
    layer, returned = run(cluster_in_which_pods_become("pod_succeeded", log=LIST), expected={"driver_version": "591.59"})
    assert layer.status == "ok"
    assert returned["gpu"]["name"] == "NVIDIA GeForce RTX 4090"


def test_recorded_query_of_a_real_pod_is_read() -> None:
    text = json.loads((FIXTURES / "plugin" / "gpu_pod_query_log.json").read_text())["stdout"]
    row = ", ".join(text.splitlines()[1].replace(" MiB", "").split(", ")[:5])
    (gpu,) = smoke.gpus_in(row)
    assert (gpu.name, gpu.driver_version, gpu.memory_mib) == ("NVIDIA H200", "580.159.04", 143771)


def test_pod_whose_creation_was_not_answered_is_removed_all_the_same() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")

    def made_without_an_answer(_cluster: FakeCluster, _body: dict[str, Any]) -> None:
        raise KubeError(UNREACHABLE, "create Pod x", "Read timed out.")

    cluster.when_created = made_without_an_answer
    layer, _returned = run(cluster)
    assert (layer.status, [key for key in cluster.objects if key[0] == "Pod"]) == ("unreachable", [])
