# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers are found, numbers read and failures named, from what real clusters and real plugins said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _device_plugin as plugin
from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_decision as decision
from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_objects as objects
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_plugin import ENTRIES
from tests.unit.plugins.fake_cluster import FIXTURES, LOGS, recorded


def said(name: str) -> str:
    text = (FIXTURES / "plugin" / name).read_text()
    return str(json.loads(text)["stdout"]) if name.endswith(".json") else text


LOG_CASES = [
    ("own_v0.20.0_nolib_fail_false.log", "PLUGIN-NVML-001"),
    ("own_v0.20.0_nolib_fail_true.log", "PLUGIN-NVML-001"),
    ("own_v0.20.0_timeslicing_nolib.log", "PLUGIN-NVML-001"),
    ("gpu_novis_logs.json", "PLUGIN-NVML-001"),
    ("gpu_novis_tolerant_logs.json", "PLUGIN-NVML-001"),
    ("gh_kdp303_legacy_v0.9_could_not_load.log", "PLUGIN-NVML-002"),
    ("own_v0.20.0_stub_wsl_init_not_supported.log", "PLUGIN-NVML-004"),
    ("gh_nct1739_minikube_wsl2_addon_not_supported.log", "PLUGIN-NVML-004"),
    ("own_v0.20.0_stub_wsl_init_unknown_error.log", "PLUGIN-NVML-005"),
    ("own_v0.20.0_stub_wsl_init_version_mismatch.log", "PLUGIN-NVML-006"),
    ("own_v0.20.0_stub_wsl_init_driver_not_loaded.log", "PLUGIN-NVML-007"),
    ("own_v0.20.0_stub_linux_zero_gpus.log", "PLUGIN-DEVICE-004"),
    ("own_v0.20.0_stub_linux_kubelet_absent.log", "PLUGIN-REGISTER-002"),
    ("own_v0.20.0_no_kubelet_dir.log", "PLUGIN-REGISTER-001"),
    ("own_v0.20.0_stub_linux_mps_daemon_missing.log", "PLUGIN-MPS-001"),
    ("gh_kdp679_v0.15_mps_health.log", "PLUGIN-MPS-001"),
    # These were run with an empty KUBELET_SOCKET.
    ("own_v0.20.0_stub_success_linux.log", "PLUGIN-CONFIG-004"),
    ("own_v0.20.0_stub_success_wsl_2gpus.log", "PLUGIN-CONFIG-004"),
    ("own_v0.20.0_stub_success_wsl_timeslicing_renamed.log", "PLUGIN-CONFIG-004"),
    ("gh_kdp189_xid_unhealthy.log", "PLUGIN-HEALTH-002"),
]


@pytest.mark.parametrize(("name", "code"), LOG_CASES)
def test_plugin_log_is_put_down_to_its_first_cause(name: str, code: str) -> None:
    diagnosis = plugin.diagnose_log(said(name))
    assert diagnosis.entry is not None
    assert diagnosis.entry.code == code
    assert diagnosis.symptom
    assert not diagnosis.registered


@pytest.mark.parametrize(
    "name",
    [
        "gpu_plugin_logs.json",
        "gpu_ts_logs.json",
        "gpu_two_plugins_logs_addon.json",
        "gpu_two_plugins_logs_own.json",
    ],
)
def test_good_start_is_registered(name: str) -> None:
    diagnosis = plugin.diagnose_log(said(name))
    assert diagnosis.entry is None
    assert diagnosis.registered


def test_each_refused_configuration_is_a_configuration_error() -> None:
    lines = [line for line in said("own_v0.20.0_config_errors.log").splitlines() if not line.startswith("#")]
    codes = [diagnosis.entry.code if diagnosis.entry else None for diagnosis in map(plugin.diagnose_log, lines)]
    assert len(lines) == 12
    assert set(codes) == {"PLUGIN-CONFIG-001", "PLUGIN-CONFIG-002", "PLUGIN-CONFIG-003"}


# Rows of the table "Plugin log line, cause, remedy" of facts/device-plugin.md that no sample has; sources are in that table.
TABLE_CASES = [
    ("Incompatible strategy detected auto\nerror starting plugins: invalid device discovery strategy", "PLUGIN-NVML-003"),
    ("Incompatible platform detected\nerror: platform detection failed", "PLUGIN-NVML-003"),
    ("nvml init failed: ERROR_UNKNOWN", "PLUGIN-NVML-005"),
    ("nvml init failed: ERROR_LIB_RM_VERSION_MISMATCH", "PLUGIN-NVML-006"),
    ("Failed to initialize NVML: Insufficient Permissions.", "PLUGIN-NVML-008"),
    ("failed to initialize nvml: not supported", "PLUGIN-NVML-004"),
    ("error getting GPU device minor number: Not Supported", "PLUGIN-DEVICE-001"),
    ("invalid MIG configuration: at least one device with migEnabled=true was not configured correctly", "PLUGIN-DEVICE-002"),
    ("all devices on the node must be configured with the same migEnabled value", "PLUGIN-DEVICE-002"),
    ('mig-strategy="mixed" is only supported with NVML', "PLUGIN-DEVICE-003"),
    ("GRPC server for 'nvidia.com/gpu' has repeatedly crashed recently. Quitting", "PLUGIN-REGISTER-003"),
    ("Device GPU-1 is too old to support healthchecking.\n'nvidia.com/gpu' device marked unhealthy: GPU-1", "PLUGIN-HEALTH-001"),
]


@pytest.mark.parametrize(("text", "code"), TABLE_CASES)
def test_documented_lines_are_recognised(text: str, code: str) -> None:
    entry = plugin.diagnose_log(text).entry
    assert entry is not None
    assert entry.code == code


def registered(name: str) -> str:
    """A log as it reads where the plugin may register: these samples were run with an empty KUBELET_SOCKET."""
    return "\n".join(line for line in said(name).splitlines() if "Skipping registration" not in line)


def test_earlier_failure_does_not_count_after_a_later_registration() -> None:
    text = said("own_v0.20.0_stub_linux_kubelet_absent.log") + registered("own_v0.20.0_stub_success_linux.log")
    assert plugin.diagnose_log(text).registered


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (registered("own_v0.20.0_stub_linux_marked_unhealthy.log"), "PLUGIN-HEALTH-003"),
        (registered("own_v0.20.0_stub_success_linux.log") + "\n'nvidia.com/gpu' device marked unhealthy: GPU-1", "PLUGIN-HEALTH-002"),
    ],
)
def test_unhealthy_after_registration_counts(text: str, code: str) -> None:
    entry = plugin.diagnose_log(text).entry
    assert entry is not None
    assert entry.code == code


@pytest.mark.parametrize(
    ("node", "capacity", "allocatable"),
    [("node_no_key", None, None), ("node_1_1", 1, 1), ("node_1_0", 1, 0), ("node_2_1", 2, 1), ("node_0_0", 0, 0)],
)
def test_absent_gone_and_unhealthy_are_told_apart(node: str, capacity: int | None, allocatable: int | None) -> None:
    counts = plugin.gpu_counts([recorded(node)])
    assert (counts.capacity, counts.allocatable) == (capacity, allocatable)
    assert counts.usable == bool(allocatable)


def daemonset(name: str, labels: dict[str, str], container: dict[str, Any], namespace: str = "x") -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"kind": "DaemonSet", "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"}, "spec": {"template": template}}


NVIDIA = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"


@pytest.mark.parametrize(
    ("labels", "container", "origin"),
    [
        ({"name": "nvidia-device-plugin-ds"}, {"name": "nvidia-device-plugin-ctr", "image": NVIDIA}, "addon"),
        ({"app.kubernetes.io/name": "nvidia-device-plugin"}, {"name": "nvidia-device-plugin-ctr", "image": NVIDIA}, "helm"),
        ({"app": "nvidia-device-plugin-daemonset"}, {"name": "nvidia-device-plugin", "image": "nvcr.io/nvidia/gpu-operator:1"}, "operator"),
        ({"k8s-app": "nvidia-gpu-device-plugin"}, {"name": "nvidia-gpu-device-plugin", "image": "k8s.gcr.io/nvidia-gpu-device-plugin:1"}, "deprecated_addon"),
        ({"app.kubernetes.io/name": "gpudev-device-plugin"}, {"name": "nvidia-device-plugin-ctr", "image": NVIDIA}, "fallback"),
        ({"app": "plug"}, {"name": "c", "image": "local/k8s-device-plugin:v0.20.0"}, "other"),
    ],
)
def test_provider_is_found_by_container_and_named_by_label(labels: dict[str, str], container: dict[str, str], origin: str) -> None:
    (provider,) = plugin.find_providers([daemonset("d", labels, container)], [])
    assert provider.origin == origin


def container(name: str, command: str = "") -> dict[str, Any]:
    return {"name": name, "image": NVIDIA, **({"command": [command]} if command else {})}


# As NVIDIA's chart writes them, with and without a ConfigMap; and as the GPU Operator does (assets/gpu-feature-discovery), where the image has the command.
@pytest.mark.parametrize(
    "containers",
    [
        [container("mps-control-daemon-ctr", "mps-control-daemon")],
        [container("gpu-feature-discovery-ctr", "gpu-feature-discovery")],
        [container("gpu-feature-discovery-sidecar", "config-manager"), container("gpu-feature-discovery-ctr", "gpu-feature-discovery")],
        [container("gpu-feature-discovery"), container("config-manager", "config-manager")],
    ],
)
def test_helper_is_no_provider_though_labels_and_image_say_so(containers: list[dict[str, Any]]) -> None:
    labels = {"app.kubernetes.io/name": "nvidia-device-plugin"}
    helper = daemonset("helper", labels, containers[0])
    helper["spec"]["template"]["spec"]["containers"] = containers
    plain_pod = {"metadata": {"name": "p", "namespace": "x", "labels": labels}, "spec": {"containers": containers}}
    assert plugin.find_providers([helper], [plain_pod]) == []


@pytest.mark.parametrize("sidecar", [container("nvidia-device-plugin-sidecar", "config-manager"), container("config-manager", "config-manager")])
def test_plugin_with_a_sidecar_is_one_provider(sidecar: dict[str, Any]) -> None:
    found = daemonset("d", {"app.kubernetes.io/name": "nvidia-device-plugin"}, sidecar)
    found["spec"]["template"]["spec"]["containers"].append(container("nvidia-device-plugin-ctr", "nvidia-device-plugin"))
    (provider,) = plugin.find_providers([found], [])
    assert provider.origin == "helm"
    chosen = plugin.plugin_container(found["spec"]["template"]["spec"])
    assert chosen is not None
    assert chosen["name"] == "nvidia-device-plugin-ctr"


def test_dra_driver_is_a_provider() -> None:
    (provider,) = plugin.find_providers([], [], [{"spec": {"driver": "gpu.nvidia.com"}}])
    assert (provider.origin, provider.kind) == ("dra", "ResourceSlice")


def test_other_dra_drivers_are_none() -> None:
    assert plugin.find_providers([], [], [{"spec": {"driver": "net.example.com"}}]) == []


def provider_with(pod: dict[str, Any], log: str = "") -> plugin.Provider:
    provider = plugin.Provider("addon", "DaemonSet", "kube-system", "d", NVIDIA, {"status": {"observedGeneration": 1, "desiredNumberScheduled": 1}}, [pod])
    provider.log = log
    return provider


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        ("pod_err_image_pull", "PLUGIN-IMAGE-004"),
        ("pod_image_pull_backoff", "PLUGIN-IMAGE-004"),
        ("pod_never_pull", "PLUGIN-IMAGE-001"),
        ("pod_invalid_name", "PLUGIN-IMAGE-002"),
        ("pod_config_error", "PLUGIN-START-004"),
        ("pod_start_error", "PLUGIN-START-005"),
        ("pod_selector", "PLUGIN-ABSENT-004"),
    ],
)
def test_pod_that_never_started_is_diagnosed_from_its_status(pod: str, code: str) -> None:
    entry = plugin.diagnose(provider_with(recorded(pod))).entry
    assert entry is not None
    assert entry.code == code


def test_version_mismatch_in_the_hook_is_found_without_a_log() -> None:
    provider = provider_with(recorded("pod_creating"))
    provider.events = [{"type": "Warning", "reason": "Failed", "message": said("gh_kdp1431_version_mismatch_oci_hook.event")}]
    entry = plugin.diagnose(provider).entry
    assert entry is not None
    assert entry.code == "PLUGIN-START-001"


def test_crash_loop_is_diagnosed_from_the_log() -> None:
    (pod,) = recorded("pods_crashloop")["items"]
    diagnosis = plugin.diagnose(provider_with(pod, LOGS["plugin_crashloop"]))
    assert diagnosis.entry is not None
    assert diagnosis.entry.code == "PLUGIN-NVML-001"
    assert diagnosis.final


def test_daemonset_that_matches_no_node_is_not_mistaken_for_a_ready_one() -> None:
    provider = plugin.Provider("helm", "DaemonSet", "x", "nowhere", NVIDIA, recorded("ds_nowhere"))
    entry = plugin.diagnose(provider).entry
    assert entry is not None
    assert entry.code == "PLUGIN-ABSENT-002"


def test_fresh_daemonset_is_starting_though_it_is_ready_zero_of_zero() -> None:
    provider = plugin.Provider("fallback", "DaemonSet", "x", "d", NVIDIA, recorded("ds_created"))
    assert plugin.diagnose(provider).starting


def test_ready_daemonset_without_a_gpu_is_not_well() -> None:
    (pod,) = recorded("pods_ready_without_gpu")["items"]
    diagnosis = plugin.diagnose(provider_with(pod, LOGS["plugin_ready_without_gpu"]))
    assert diagnosis.entry is not None
    assert diagnosis.entry.code == "PLUGIN-NVML-001"


def test_own_manifest_collides_with_no_known_object_and_is_recognised_as_ours() -> None:
    body = objects.manifest(objects.DEFAULT_IMAGE)
    assert (body["metadata"]["namespace"], body["metadata"]["name"]) == ("kube-system", "gpudev-device-plugin")
    assert objects.is_ours(body)
    assert plugin.plugin_container(body["spec"]["template"]["spec"]) is not None
    selector = body["spec"]["selector"]["matchLabels"]
    assert selector.items() <= body["spec"]["template"]["metadata"]["labels"].items()


def test_default_image_is_pinned_by_a_digest() -> None:
    name, digest = objects.DEFAULT_IMAGE.split("@sha256:")
    assert len(digest) == 64
    assert name.endswith(":v0.20.0")


def test_every_symptom_row_of_this_area_has_an_entry() -> None:
    rows = {row for entry in ENTRIES for row in entry.rows}
    assert {"S6", "S7", "S11", "S12", "S13", "S14", "S15"} <= rows


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("! Enabling 'nvidia-device-plugin' returned an error: running callbacks: [sudo KUBECONFIG=...]", "PLUGIN-ADDON-001"),
        ("error: no matching resources found", "PLUGIN-LABEL-001"),
        ("The connection to the server 127.0.0.1:32771 was refused - did you specify the right host or port?", "PLUGIN-API-001"),
    ],
)
def test_words_of_other_programs_are_recognised(text: str, code: str) -> None:
    entry = Catalogue(ENTRIES).recognise(text)
    assert entry is not None
    assert entry.code == code


GOOD, STARTING, LOST = plugin.Diagnosis(registered=True), plugin.Diagnosis(starting=True), plugin.Diagnosis(registered=True)
FAILED = plugin.Diagnosis(plugin.CATALOGUE["PLUGIN-NVML-004"], "Not Supported")
PULL = plugin.Diagnosis(plugin.CATALOGUE["PLUGIN-IMAGE-004"], "ImagePullBackOff")
CONFIG = plugin.Diagnosis(plugin.CATALOGUE["PLUGIN-CONFIG-002"], "unable to load config")
G, P, OVER = decision.GRACE, decision.PATIENCE, decision.OVER

DECISIONS = [
    # own, others, allocatable, repair, phase -> action
    (None, [], None, True, G, decision.SETTLE),
    (None, [], None, True, P, decision.DEPLOY),
    (None, [], 1, True, P, decision.DEPLOY),
    (None, [GOOD], 1, True, G, decision.NOTHING),
    (None, [GOOD], 0, True, G, decision.SETTLE),
    (None, [LOST], 0, True, P, decision.RECREATE),
    (None, [LOST], 0, False, P, decision.BROKEN),
    (None, [FAILED], None, True, G, decision.RECREATE),
    (None, [FAILED], None, False, G, decision.BROKEN),
    (None, [STARTING], None, True, G, decision.SETTLE),
    (None, [STARTING], None, True, P, decision.SETTLE),
    (None, [STARTING], None, True, OVER, decision.BROKEN),
    (None, [PULL], None, True, G, decision.SETTLE),
    (None, [PULL], None, True, P, decision.BROKEN),
    (None, [CONFIG], None, True, G, decision.BROKEN),
    (None, [GOOD, GOOD], 1, True, G, decision.REFUSE),
    (GOOD, [], 1, True, G, decision.NOTHING),
    (FAILED, [], None, True, G, decision.RECREATE),
    (GOOD, [GOOD], 1, True, G, decision.WITHDRAW),
    (GOOD, [LOST], 1, True, P, decision.WITHDRAW),
    (GOOD, [FAILED], 1, True, G, decision.NOTHING),
    (GOOD, [PULL], 1, True, P, decision.NOTHING),
    (GOOD, [STARTING], 1, True, G, decision.SETTLE),
    (GOOD, [STARTING], 1, True, P, decision.NOTHING),
    (GOOD, [GOOD, GOOD], 1, True, P, decision.REFUSE),
]


@pytest.mark.parametrize(("own", "others", "allocatable", "repair", "phase", "action"), DECISIONS)
def test_decision_table(own: plugin.Diagnosis | None, others: list[plugin.Diagnosis], allocatable: int | None, repair: bool, phase: str, action: str) -> None:
    providers = [plugin.Provider("fallback", "DaemonSet", "kube-system", objects.OWN_NAME, NVIDIA)] if own else []
    providers += [plugin.Provider("addon", "DaemonSet", "x", f"other-{index}", NVIDIA) for index in range(len(others))]
    view = plugin.View(plugin.Counts(allocatable, allocatable), providers, [*([own] if own else []), *others])
    assert decision.decide(view, repair, phase).action == action
