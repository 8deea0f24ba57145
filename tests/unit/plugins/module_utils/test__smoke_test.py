# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test explains every recorded end of a pod, tries again only where that helps, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_load as load
from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_pod as smoke
from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_test
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
    spec = smoke.manifest("x", smoke.smi_program("image"), smoke.Place("default"), 60)["spec"]
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


@pytest.mark.parametrize("ending", [False, True])
def test_a_gpu_that_is_taken_is_waited_for_only_while_it_is_given_back(ending: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_smoke_test, "TAKEN_SECONDS", 0.05)
    cluster = cluster_in_which_pods_become("pod_unschedulable", node="node_1_1")
    holder = recorded("pod_succeeded")
    holder["metadata"].update(name="training", namespace="chat", **({"deletionTimestamp": "2026-11-21T09:00:00Z"} if ending else {}))
    holder["status"]["phase"] = "Running"
    cluster.add(holder)
    began = time.monotonic()
    layer, _returned = run(cluster, timeout=1)
    assert [finding.code for finding in layer.findings] == ["POD-PENDING-002"]
    assert (time.monotonic() - began >= 1) == ending


def test_pod_refused_at_admission_is_replaced_by_a_fresh_one() -> None:
    cluster = cluster_in_which_pods_become("pod_admission_error", "pod_succeeded")
    layer, returned = run(cluster, timeout=30)
    assert (layer.status, returned["tries"]) == ("ok", 2)
    names = [name for verb, _kind, name in cluster.real_changes() if verb == "create"]
    assert len(set(names)) == 2


def test_a_refusal_that_a_fresh_pod_would_meet_too_is_not_retried() -> None:
    """Words of NVIDIA/k8s-device-plugin's README, "With CUDA Time-Slicing"."""
    pod = recorded("pod_admission_error")
    why = "request for 'nvidia.com/gpu: 2' too large: maximum request size for shared resources is 1"
    pod["status"]["message"] = f"Pod was rejected: Allocate failed due to rpc error: code = Unknown desc = {why}, which is unexpected"
    seen = smoke.progress(pod)
    assert seen.entry is not None
    assert (seen.entry.code, seen.worth_another_pod) == ("POD-ADMISSION-002", False)


def test_admission_errors_are_not_retried_for_ever() -> None:
    layer, returned = run(cluster_in_which_pods_become("pod_admission_error"), timeout=30)
    assert (layer.status, returned["tries"]) == ("broken", 3)


def test_leftovers_of_killed_runs_are_removed_by_label_and_nothing_else() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    cluster.add(smoke.manifest("gpudev-smoke-test-dead", smoke.smi_program("image"), smoke.Place("default"), 60))
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


# --- what is asked for, computing, load ---


def created(cluster: FakeCluster) -> list[dict[str, Any]]:
    """Catches the pods' specs, because the pods are gone in the end."""
    specs: list[dict[str, Any]] = []
    becomes = cluster.when_created
    assert becomes is not None

    def note(here: FakeCluster, body: dict[str, Any]) -> None:
        specs.append(body["spec"])
        becomes(here, body)

    cluster.when_created = note
    return specs


def test_the_pod_asks_for_what_the_node_offers() -> None:
    """recordings/gpu/ts_rename_node: the plain name is still there, with nothing to be had."""
    cluster = cluster_in_which_pods_become("pod_succeeded")
    cluster.node_object = json.loads(json.loads((FIXTURES / "plugin" / "gpu_ts_rename_node.json").read_text())["stdout"])
    specs = created(cluster)
    layer, returned = run(cluster)
    assert specs[0]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu.shared": "1"}
    assert (layer.status, returned["resource"]) == ("ok", "nvidia.com/gpu.shared")
    run(cluster, resource="nvidia.com/mig-1g.5gb")
    assert specs[1]["containers"][0]["resources"]["limits"] == {"nvidia.com/mig-1g.5gb": "1"}


def test_runtime_class_nvidia_is_used_where_it_exists() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    specs = created(cluster)
    run(cluster)
    cluster.add({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"})
    run(cluster)
    run(cluster, runtime_class="")
    assert [spec.get("runtimeClassName") for spec in specs] == [None, "nvidia", None]


def test_a_program_that_computes_runs_after_nvidia_smi() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    specs = created(cluster)
    layer, returned = run(cluster, cuda_check="local/vectoradd:1")
    assert [spec["containers"][0]["image"] for spec in specs] == [smoke.DEFAULT_IMAGE, "local/vectoradd:1"]
    assert "command" not in specs[1]["containers"][0]
    assert (layer.status, returned["gpu"]["name"], returned["cuda_log"]) == ("ok", "NVIDIA H200", QUERY)
    assert "local/vectoradd:1 computed on it" in layer.summary
    assert not [key for key in cluster.objects if key[0] == "Pod"]


@pytest.mark.parametrize(
    ("log", "code"),
    [
        ("Failed to allocate device vector A (error code no CUDA-capable device is detected)!\n", "POD-CUDA-001"),
        ("CUDA driver version is insufficient for CUDA runtime version\n", "POD-CUDA-002"),
        ("no kernel image is available for execution on the device\n", "POD-CUDA-003"),
        ("Result verification failed at element 5!\n", "POD-EXIT-001"),
    ],
)
def test_a_program_that_cannot_compute_is_no_gpu_although_nvidia_smi_worked(log: str, code: str) -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded", "pod_failed")
    becomes = cluster.when_created
    assert becomes is not None

    def say(here: FakeCluster, body: dict[str, Any]) -> None:
        becomes(here, body)
        if body["spec"]["containers"][0]["name"] == "cuda":
            here.logs[body["metadata"]["name"]] = log

    cluster.when_created = say
    layer, returned = run(cluster, cuda_check="local/vectoradd:1")
    assert (layer.status, [finding.code for finding in layer.findings]) == ("broken", [code])
    assert returned["gpu"]["name"] == "NVIDIA H200"


def under_load(log: str) -> tuple[Layer, dict[str, Any], list[dict[str, Any]]]:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    becomes = cluster.when_created
    assert becomes is not None

    def say(here: FakeCluster, body: dict[str, Any]) -> None:
        becomes(here, body)
        if body["spec"]["containers"][0]["name"] == "load":
            here.logs[body["metadata"]["name"]] = log

    cluster.when_created = say
    specs = created(cluster)
    layer, returned = run(cluster, cuda_check="local/vectoradd:1", cuda_command=["vectoradd"], load_seconds=8, timeout=60)
    return layer, returned, specs


def test_a_busy_gpu_is_measured() -> None:
    layer, returned, specs = under_load((FIXTURES / "plugin" / "h200_load_busy.txt").read_text())
    assert (layer.status, layer.findings) == ("ok", [])
    measured = {"utilization_percent": 100, "sm_clock_mhz": 1980, "sm_clock_max_mhz": 1980, "memory_used_mib": 719, "memory_total_mib": 143771}
    assert returned["load"] == {"samples": 8, **measured}
    assert specs[-1]["activeDeadlineSeconds"] == 68
    assert specs[-1]["containers"][0]["command"][-2:] == ["8", "vectoradd"]


def test_a_gpu_that_idles_under_load_is_a_warning_that_names_the_nodes_limits() -> None:
    layer, returned, _specs = under_load((FIXTURES / "plugin" / "h200_load_idle.txt").read_text())
    (finding,) = layer.findings
    assert (layer.status, finding.code, finding.severity) == ("ok", "POD-PERF-001", "warning")
    allocatable = recorded("node_1_1")["status"]["allocatable"]
    assert f"{allocatable['cpu']} CPUs and {allocatable['memory']}" in finding.cause
    assert "utilisation 0 %" in finding.symptom and returned["load"]["sm_clock_mhz"] == 390


def test_what_nvidia_smi_does_not_say_is_no_reason_to_warn() -> None:
    layer, returned, _specs = under_load("load: [N/A], [N/A], [N/A], 300, 6141\n")
    assert (layer.findings, returned["load"]["utilization_percent"], returned["load"]["memory_used_mib"]) == ([], None, 300)


def test_load_without_a_sample_is_unknown() -> None:
    layer, _returned, _specs = under_load("vectorAdd ok\n")
    assert (layer.status, layer.findings[-1].code) == ("unknown", "POD-PERF-002")


@pytest.fixture
def smi_in_path(tmp_path: Path) -> dict[str, str]:
    """A stub that prints a line of the recording; everything else of the script is real."""
    stub = tmp_path / "nvidia-smi"
    stub.write_text("#!/bin/sh\necho '100, 1980, 1980, 719, 143771'\n")
    stub.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("program", "code", "said"), [(["sleep", "0.2"], 0, ""), (["sh", "-c", "echo no device; exit 3"], 3, "no device"), (["sleep", "3"], 0, "")]
)
def test_the_load_script_runs_in_a_real_shell(program: list[str], code: int, said: str, smi_in_path: dict[str, str]) -> None:
    started = time.monotonic()
    done = subprocess.run(load.command(1, program), env=smi_in_path, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, load.load_in(done.stdout) is not None) == (code, True)
    assert said in done.stdout
    assert time.monotonic() - started < 6


def test_what_could_not_be_compared_is_told_with_the_reason() -> None:
    cluster = cluster_in_which_pods_become("pod_succeeded")
    layer, _returned = run(cluster, expected={"driver_version": "580.159.04"})
    assert layer.facts["compared"] == ["driver_version"]
    assert layer.facts["not_compared"] == {"name": "layer 6 did not say it", "uuid": "layer 6 did not say it"}
    assert "several GPUs" in run(cluster)[0].facts["not_compared"]["uuid"]
