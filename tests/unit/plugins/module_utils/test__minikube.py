# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""minikube's recorded words and files, and what is concluded from them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_plan as planning
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_cluster import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._docker import Container, parse_container
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import Look, Node, Status
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_plan import Drift
from tests.unit.recorded import FIXTURES, recording

START_FAILURES = {
    "start_as_root": "MK-120",
    "start_as_root_text": "MK-120",
    "start_bad_driver": "MK-122",
    "start_bad_runtime": "MK-145",
    "start_container_removed": "MK-113",
    "start_corrupt_config": "MK-131",
    "start_cpus_above_engine": "MK-128",
    "start_cpus_too_few": "MK-128",
    "start_cpus_word": "MK-110",
    "start_docker_cli_missing": "MK-124",
    "start_docker_daemon_down": "MK-123",
    "start_downgrade_running": "MK-126",
    "start_driver_mismatch": "MK-125",
    "start_driver_mismatch_kvm2_running": "MK-125",
    "start_driver_mismatch_running": "MK-125",
    "start_extra_config_component": "MK-145",
    "start_extra_config_shape": "MK-147",
    "start_gpus_bad_value": "MK-104",
    "start_gpus_containerd": "MK-104",
    "start_gpus_default_runtime": "MK-110",
    "start_gpus_podman": "MK-124",
    "start_gpus_wrong_driver": "MK-124",
    "start_insecure_ports": "MK-145",
    "start_k8s_downgrade": "MK-126",
    "start_k8s_garbage": "MK-145",
    "start_k8s_patchless_unknown": "MK-127",
    "start_k8s_too_old": "MK-127",
    "start_kubelet_camelcase": "MK-146",
    "start_memory_above_engine": "MK-107",
    "start_memory_bad_unit": "MK-145",
    "start_memory_too_small": "MK-107",
    "start_no_docker_in_node": "MK-116",
    "start_no_node_image": "MK-110",
    "start_profile_name_bad": "MK-145",
    "start_static_ip_public": "MK-145",
    "start_subnet_bad": "MK-145",
    "start_unknown_flag": "MK-147",
    "start_wait_bad": "MK-110",
    "start_after_kill_3_0s": "MK-115",
    "start_force_systemd": "MK-146",
    "first_start_no_gpu_runtime": "MK-146",
    "addons_enable_half_made": "MK-143",
    "addons_enable_paused": "MK-143",
    "addons_enable_unknown_running": "MK-144",
    "stop_half_made": "MK-137",
}


@pytest.mark.parametrize(("name", "code"), START_FAILURES.items())
def test_recorded_failures(name: str, code: str) -> None:
    call = recording(f"minikube/{name}")
    assert call["rc"] != 0
    entry, finding = mk.classify(mk.exit_reason(call["stdout"], call["stderr"]))
    assert entry.code == code
    assert finding.symptom


def test_no_recorded_failure_is_forgotten() -> None:
    failed = {path.stem for path in FIXTURES.glob("minikube/*start_*.json") if recording(f"minikube/{path.stem}").get("rc", 0) != 0}
    assert failed - set(START_FAILURES) == set()


def test_the_journal_names_what_minikube_does_not() -> None:
    """147 s, exit code 80, and not a word of the flag: rows R5, S9 and S10."""
    call = recording("minikube/start_kubelet_camelcase")
    reason = mk.exit_reason(call["stdout"], call["stderr"])
    assert "cgroupDriver" not in reason.message
    entry, finding = mk.classify(reason, recording("minikube/kubelet_camelcase_journal")["stdout"])
    assert entry.code == "MK-100"
    assert "unknown flag: --cgroupDriver" in finding.symptom


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # names of facts/minikube.md without a recording, as `NAME: message`
        ('GUEST_PROVISION: docker run: could not select device driver "" with capabilities: [[gpu]]', "MK-102"),
        ("GUEST_PROVISION: nvidia-container-cli: initialization error: driver not loaded", "MK-103"),
        ("GUEST_PROVISION: NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler", "MK-105"),
        ("PR_DOCKER_IP_CONFLICT: cannot find cgroup mount destination", "MK-106"),
        ("MK_USAGE: Docker has only 7703MB memory but you specified 16000MB", "MK-107"),
        ("RSRC_INSUFFICIENT_CONTAINER_MEMORY: x", "MK-107"),
        ("RSRC_DOCKER_STORAGE: Docker is out of disk space", "MK-109"),
        ("PROVIDER_DOCKER_NEWGRP: permission denied", "MK-111"),
        ("PROVIDER_DOCKER_VERSION_ERROR: x", "MK-112"),
        ("K8S_KUBELET_NOT_RUNNING: [kubelet-check] curl -sSL http://localhost:10248/healthz: context deadline exceeded", "MK-114"),
        ("RUNTIME_ENABLE: Failed to enable container runtime: cri-docker.service not running", "MK-116"),
        ("DRV_NEEDS_ROOT: x", "MK-121"),
        ("HOST_HOME_PERMISSION: x", "MK-129"),
        ("HOST_PIDS_CGROUP: x", "MK-130"),
        ("GUEST_CP_CONFIG: x", "MK-131"),
        ("INET_REPO: x", "MK-132"),
        ("DRV_PORT_FORWARD: x", "MK-133"),
        ("DRV_CREATE_TIMEOUT: x", "MK-134"),
        ("PR_DOCKER_NO_SSH: x", "MK-135"),
        ("IF_DEDICATED_NETWORK: x", "MK-136"),
        ("GUEST_NOT_FOUND: x", "MK-138"),
        ("K8S_DNS_TIMEOUT: x", "MK-139"),
        ("K8S_KUBELET_NOT_RUNNING: x", "MK-140"),
        ("K8S_INSTALL_FAILED_CONTAINER_RUNTIME_NOT_RUNNING: x", "MK-141"),
        ("MK_WRONG_BINARY_WSL: x", "MK-142"),
    ],
)
def test_reasons_by_name_and_message(text: str, code: str) -> None:
    name, _colon, message = text.partition(": ")
    entry, finding = mk.classify(mk.Reason(name, message))
    assert entry.code == code
    assert message in finding.symptom


# Names of fixtures/minikube/reasons.txt that `start`, `stop`, `delete`, `unpause`, `addons` and `update-context` cannot end with on the docker driver.
ELSEWHERE = {
    "virtual machines": r".*(VBOX|HYPERV|HYPERKIT|KVM|QEMU|VMNET|VIRT_|VTX_|SVM_)\w*|PR_(PRECREATE_EXIT_1|POWERSHELL_CONSTRAINED)"
    r"|IF_(BOOTPD_FIREWALL|HOST_CIDR\w*)|DRV_(CORRUPT|EXITED_1|MISSING_ADDRESS|NO_IP|RESTART_NO_IP|AUX_\w+)",
    "minikube.exe, macOS, ChromeOS": r"HOST_NON_C_DRIVE|GUEST_FILE_IN_USE|IF_SSH_NO_RESPONSE|RSRC_SCP_OOM|HOST_DOCKER_CHROMEOS",
    "the drivers podman and none": r"\w*PODMAN\w*|GUEST_MISSING_(CONNTRACK|CRICTL)",
    "commands that are not called": r"MK_(CACHE_LIST|COMPLETION|CONFIG_\w+|CREDENTIALS_\w+|DAEMONIZE|DEL_CONFIG|DOCKER_SCRIPT|ENV_SCRIPT|FORMAT_USAGE"
    r"|GENERATE_DOCS|LOG_FOLLOW|OUTPUT_USAGE|SHELL_DETECT|(JSON|YAML)_MARSHAL|STATUS_\w+|VIEW_\w+)|ENV_(DRIVER|MULTINODE)_CONFLICT|SVC_\w+|TUNNEL_\w+"
    r"|SSH_AGENT_START|IF_MOUNT_\w+|IF_SSH_CLIENT|HOST_(BROWSER|DEL_CACHE|KILL_MOUNT_PROC|KUBECTL_PROXY|MOUNT_PID|PATH_\w+|PURGE|UNSUPPORTED)|GUEST_PAUSE",
    "module cluster_image": r"GUEST_IMAGE_\w+",
}
DOCUMENTED = [
    name
    for name in (FIXTURES / "minikube" / "reasons.txt").read_text().splitlines()
    if not name.startswith("#") and not any(re.fullmatch(pattern, name) for pattern in ELSEWHERE.values())
]
# Named otherwise: the states of the docker driver (pkg/minikube/registry/drvs/docker/docker.go) and one of start.go.
DOCUMENTED += [
    "PROVIDER_DOCKER_NOT_FOUND", "PROVIDER_DOCKER_NOT_RUNNING", "PROVIDER_DOCKER_NEWGRP", "PROVIDER_DOCKER_VERSION_EXIT_1", "PROVIDER_DOCKER_VERSION_ERROR",
    "PROVIDER_DOCKER_DESKTOP_VERSION_BAD", "RSRC_OVER_ALLOC_MEM",
]  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_reason_that_can_occur_has_a_remedy(name: str) -> None:
    entry, finding = mk.classify(mk.Reason(name, "words of minikube"))
    assert entry.code != "MK-199"
    assert finding.remedy
    assert "words of minikube" in finding.symptom


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    entry, finding = mk.classify(mk.Reason("SOMETHING_NEW", "first line\nand, the rest"))
    assert (entry.code, entry.status) == ("MK-199", "unknown")
    # On one line, as findings are.
    assert finding.symptom == "SOMETHING_NEW: first line and, the rest"


def test_every_symptom_of_the_guides_has_an_entry() -> None:
    assert {row for entry in ENTRIES for row in entry.rows} >= {"S5", "S8", "S9", "S10", "R5", "S16"}


def test_chatter_is_not_the_reason() -> None:
    """A good start contains error events; only one with an exit code ends minikube."""
    events = mk.parse_events(recording("minikube/start_gpus_all_fresh")["stdout"])
    assert [event.exit_code for event in events if event.kind == "error"] == [None]
    assert events[0].told() == "step 0/19 Initial Minikube Setup: [gpu] minikube v1.38.1 on Debian 12.11 (docker/amd64)"


# --- state


def container(**changes: Any) -> Container:
    found = parse_container(recording("minikube/docker_inspect_node")["stdout"])
    assert found is not None
    return replace(found, **changes)


def profile(name: str = "profile_config_running", **changes: Any) -> mk.Profile:
    found = mk.parse_profile((FIXTURES / "minikube" / f"{name}.json").read_text(encoding="utf-8"))
    assert found is not None
    return replace(found, **changes)


def status(name: str) -> Status:
    call = recording(f"minikube/{name}")
    return mk.parse_status(call["rc"], call["stdout"], call["stderr"])


READY = Node(True, True, "", "v1.36.2")
HALF = "config_gpu_after_failed_first_start"
# minikube v1.38.1, pkg/minikube/constants: NoKubernetesVersion. The processes of such a node say the same as those of one that was killed early.
NO_K8S = {"kubernetes_version": "v0.0.0"}

STATES: list[tuple[str, Look, str]] = [
    ("healthy", Look(True, "", container(), profile(), False, True, status("status_running"), READY), mk.RUNNING),
    ("not ready", Look(True, "", container(), profile(), False, True, status("status_running"), Node(True, False, "cni")), mk.NOT_READY),
    ("not asked", Look(True, "", container(), profile(), False, True, status("status_running"), Node(False, False, "x")), mk.API_SILENT),
    ("paused", Look(True, "", container(), profile(), False, True, status("status_paused")), mk.PAUSED),
    ("kubelet stopped", Look(True, "", container(), profile(), False, True, status("status_kubelet_stopped")), mk.KUBELET_DOWN),
    ("API server stopped", Look(True, "", container(), profile(), False, True, status("status_apiserver_stopped")), mk.API_DOWN),
    ("kubeconfig stale", Look(True, "", container(), profile(), False, True, status("status_kubeconfig_stale")), mk.STALE_KUBECONFIG),
    ("other environment", Look(True, "", container(), profile(), False, True, status("wsl_status_without_variable")), mk.STALE_KUBECONFIG),
    ("stopped", Look(True, "", container(status="exited"), profile(), False, False, status("status_stopped")), mk.STOPPED),
    ("container removed", Look(True, "", None, profile(), False, True, status("status_container_removed")), mk.CONTAINER_GONE),
    ("engine down", Look(False, "Cannot connect", None, profile(), False, True, status("daemon_down_status")), mk.ENGINE_UNREACHABLE),
    ("engine down, no profile", Look(False, "Cannot connect", None, None, False, False), mk.ENGINE_UNREACHABLE),
    ("absent", Look(True, "", None, None, False, False, status("status_absent")), mk.ABSENT),
    ("profile directory of a dry run", Look(True, "", None, None, False, False, status("status_after_dry_run")), mk.ABSENT),
    ("config cut short", Look(True, "", container(), None, True, True, status("status_corrupt_config")), mk.CORRUPT),
    ("first start failed", Look(True, "", None, profile(HALF), False, False, status("status_after_failed_first_start")), mk.HALF_MADE),
    ("killed after 3 s", Look(True, "", container(), profile(HALF), False, False, status("status_killed_after_3_0s")), mk.HALF_MADE),
    ("killed after 16 s", Look(True, "", container(), profile(HALF), False, False, status("status_killed_after_16_0s")), mk.HALF_MADE),
    ("camelCase", Look(True, "", container(), profile("profile_config_kubelet_camelcase"), False, False, status("status_kubelet_camelcase")), mk.HALF_MADE),
    ("force-systemd", Look(True, "", container(), profile(HALF), False, False, status("status_force_systemd")), mk.HALF_MADE),
    ("--no-kubernetes", Look(True, "", container(), profile(HALF, **NO_K8S), False, False, status("status_killed_after_8_0s")), mk.API_DOWN),
    ("--no-kubernetes, stopped", Look(True, "", container(status="exited"), profile(HALF, **NO_K8S)), mk.STOPPED),
    ("killed at the very end", Look(True, "", container(), profile(addons=None), False, True, status("status_running"), READY), mk.RUNNING),
    ("somebody's container", Look(True, "", container(labels={}), None), mk.FOREIGN_CONTAINER),
    ("typed start", Look(True, "", container(), profile(HALF), False, False, status("status_killed_after_8_0s"), at_work="minikube start"), mk.BUSY),
    ("typed start on a stopped one", Look(True, "", container(status="exited"), profile(), at_work="minikube start"), mk.BUSY),
    ("typed start of which nothing is there yet", Look(True, at_work="minikube start"), mk.BUSY),
    ("somebody's volume", Look(True, volume=True, volume_foreign=True), mk.FOREIGN_VOLUME),
    ("typed start on somebody's volume", Look(True, volume=True, volume_foreign=True, at_work="minikube start"), mk.BUSY),
    ("volume left", Look(True, volume=True), mk.LEFTOVER),
    ("minikube.exe's node", Look(True, "", container(), None), mk.FOREIGN_PROFILE),
]


@pytest.mark.parametrize(("look", "state"), [(look, state) for _name, look, state in STATES], ids=[name for name, _look, _state in STATES])
def test_states(look: Look, state: str) -> None:
    assert mk.judge(look) == state


def test_a_null_status_alone_never_means_absent() -> None:
    """The same null and exit code 7 for a removed container and for an engine that is down."""
    gone, down = status("status_container_removed"), status("daemon_down_status")
    assert gone.kind == down.kind == mk.NULL
    assert mk.judge(Look(False, "", None, profile(), status=down)) != mk.judge(Look(True, "", None, profile(), status=gone))


def test_version() -> None:
    assert mk.parse_version(recording("minikube/version")["stdout"]) == "1.38.1"
    assert mk.parse_version("minikube version: v1.38.1") == ""


def test_kubeconfig() -> None:
    text = (FIXTURES / "minikube" / "kubeconfig_running.txt").read_text()
    assert mk.kubeconfig_names(text, "gpu")
    assert not mk.kubeconfig_names(text, "gp")
    assert mk.current_context(text) == "gpu"
    changed = mk.with_current_context(text, "work")
    assert mk.current_context(changed) == "work"
    assert changed.replace("current-context: work", "current-context: gpu") == text
    assert mk.kubeconfig_names('{"contexts": [{"name": "gpu"}]}\n{"name": "gpu"}\n', "gpu")


def test_stopped_kubeconfig_has_lost_its_context() -> None:
    text = (FIXTURES / "minikube" / "kubeconfig_stopped.txt").read_text()
    assert not mk.kubeconfig_names(text, "gpu")


# --- declaration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16000mb", 16000),
        ("16g", 16384),
        ("16G", 16384),
        ("16GiB", 16384),
        ("4096", 4096),
        ("2097152k", 2048),
        ("2147483648b", 2048),
        ("16zb", None),
        ("lots", None),
        ("", None),
        ("0", None),
        ("1.5g", None),
    ],
)
def test_sizes(text: str, expected: int | None) -> None:
    assert declaring.size_mb(text) == expected


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"driver": "kvm2"}, "MK-001", "driver: docker"),
    ({"driver": "none"}, "MK-001", "driver: docker"),
    ({"container_runtime": "containerd"}, "MK-002", "container_runtime: docker"),
    ({"extra_start_args": ("--kvm-gpu",)}, "MK-003", "gpus: all"),
    ({"extra_start_args": ("--kvm-gpu=true",)}, "MK-003", "gpus: all"),
    ({"nodes": 2}, "MK-004", "nodes: 1"),
    ({"extra_config": {"kubelet.cgroupDriver": "systemd"}}, "MK-005", "kubelet.cgroup-driver"),
    ({"extra_config": {"kubelet.TLSCertFile": "/x"}}, "MK-005", "kubelet.tls-cert-file"),
    ({"extra_config": {"kubelet.max_pods": "50"}}, "MK-005", "kubelet.max-pods"),
    ({"extra_config": {"kubelet.--max-pods": "50"}}, "MK-005", "kubelet.max-pods"),
    ({"extra_config": {"kubelet.max pods": "50"}}, "MK-005", "kubelet.max-pods"),
    ({"extra_config": {"kubelet.max-pods": ""}}, "MK-007", "one plain value"),
    ({"extra_start_args": ("--cgroupDriver=systemd",)}, "MK-005", "--cgroup-driver"),
    ({"extra_start_args": ("-pother",)}, "MK-008", "name as an option"),
    ({"extra_start_args": ("-n", "3")}, "MK-008", "nodes as an option"),
    ({"extra_start_args": ("--ha",)}, "MK-008", "nodes as an option"),
    ({"extra_start_args": ("--gpus=all",)}, "MK-008", "gpus as an option"),
    ({"extra_start_args": ("--nodes", "3")}, "MK-008", "nodes as an option"),
    ({"extra_start_args": ("--extra-config=kubelet.cgroupDriver=systemd",)}, "MK-008", "extra_config as an option"),
    ({"extra_start_args": ("--delete-on-failure",)}, "MK-008", "without it"),
    ({"extra_start_args": ("--dry-run",)}, "MK-008", "without it"),
    ({"cpus": "lots"}, "MK-007", "whole number"),
    ({"cpus": "1"}, "MK-007", "whole number"),
    ({"memory": "16zb"}, "MK-007", "16000mb or 16g"),
    ({"memory": "1000"}, "MK-007", "at least 1800"),
    ({"disk_size": "big"}, "MK-007", "40g"),
    ({"gpus": "1"}, "MK-007", "all"),
    ({"kubernetes_version": "banana"}, "MK-007", "v1.35.1"),
    ({"name": "my gpu"}, "MK-007", "minikube"),
    ({"static_ip": "8.8.8.8"}, "MK-007", "192.168.200.200"),
    ({"static_ip": "192.168.49.1"}, "MK-007", "192.168.200.200"),
    ({"static_ip": "here"}, "MK-007", "192.168.200.200"),
    ({"wait": ("banana",)}, "MK-007", "node_ready"),
    ({"mounts": ("models:/models",)}, "MK-007", "/home/me/models:/models"),
    ({"mounts": ("/a:/a", "/b:/b")}, "MK-007", "one mount"),
    ({"mounts": ("/a:/a",), "wsl_gpu": "mounts"}, "MK-007", "one mount"),
    ({"force_systemd": True, "cgroup_driver": "cgroupfs"}, "MK-007", "only one"),
    ({"extra_start_args": ("--preload=false",)}, "MK-008", "preload as an option"),
    ({"extra_start_args": ("--mount-string=/a:/a",)}, "MK-008", "mounts as an option"),
    ({"extra_config": {"kublet.max-pods": "10"}}, "MK-007", "kubelet.max-pods"),
    ({"extra_config": {"max-pods": "10"}}, "MK-007", "kubelet.max-pods"),
    ({"addons": {"Metrics Server": True}}, "MK-007", "metrics-server"),
    ({"addons": {"metrics-server": None}}, "MK-007", "metrics-server: true"),
    ({"start_timeout": -1}, "MK-007", "from 0 up"),
    ({"wait_timeout": -1}, "MK-007", "from 0 up"),
    ({"nodes": 0}, "MK-007", "from 1 up"),
]


@pytest.mark.parametrize(("changes", "code", "instead"), REFUSED)
def test_refused_before_anything_is_touched(changes: dict[str, Any], code: str, instead: str) -> None:
    findings = declaring.refusals(Declaration(**changes))
    assert [finding.code for finding in findings] == [code]
    assert instead in findings[0].remedy
    assert not re.search(r"\{\w+\}", findings[0].cause + findings[0].remedy)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory": "16000mb", "cpus": "8", "disk_size": "40g", "kubernetes_version": "v1.35.1", "addons": {"metrics-server": True}},
        {"memory": "max", "cpus": "no-limit", "kubernetes_version": "1.35", "extra_config": {"kubelet.max-pods": "50", "apiserver.v": "4"}},
        {"gpus": "", "driver": "kvm2", "container_runtime": "containerd", "nodes": 3},
        {"extra_start_args": ("--embed-certs", "--listen-address", "127.0.0.1", "--log_file=/tmp/x", "-v", "8")},
        {"memory": "auto", "cpus": "auto", "static_ip": "192.168.200.200", "force_systemd": True, "preload": False, "cache_images": False},
        {"mounts": ("/home/dev/models:/models",), "wait": ("apiserver", "node_ready"), "wsl_gpu": "off"},
        {"wait": ("all",), "wsl_gpu": "mounts", "cgroup_driver": "systemd", "force_systemd": True},
    ],
)
def test_good_declarations(changes: dict[str, Any]) -> None:
    assert declaring.refusals(Declaration(**changes)) == []


def test_more_than_the_engine_has() -> None:
    codes = [finding.code for finding in declaring.engine_refusals(Declaration(memory="16000mb", cpus="8"), 7703, 4)]
    assert codes == ["MK-006", "MK-009"]
    assert declaring.engine_refusals(Declaration(memory="16000mb", cpus="8"), 20480, 12) == []


def test_start_arguments_are_only_what_the_declaration_needs() -> None:
    common = ["start", "-p", "minikube", "--driver=docker", "--container-runtime=docker", "--interactive=false", "--keep-context", "-o", "json", "--gpus=all"]
    assert declaring.start_arguments(Declaration()) == common
    wanted = Declaration(
        memory="16000mb",
        cpus="8",
        kubernetes_version="v1.35.1",
        addons={"b": True, "a": True, "c": False},
        extra_config={"kubelet.max-pods": "50"},
        extra_start_args=("--preload=false",),
    )
    tail = ["--memory=16000mb", "--cpus=8", "--kubernetes-version=v1.35.1", "--addons=a", "--addons=b", "--extra-config=kubelet.max-pods=50", "--preload=false"]
    assert declaring.start_arguments(wanted) == common + tail


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        ({"name": "other", "driver": "kvm2", "container_runtime": "containerd"}, ["other", "--driver=kvm2", "--container-runtime=containerd"]),
        ({"disk_size": "40g"}, ["--disk-size=40g"]),
        ({"base_image": "local/kicbase:1"}, ["--base-image=local/kicbase:1"]),
        ({"static_ip": "192.168.200.200"}, ["--static-ip=192.168.200.200"]),
        ({"force_systemd": True}, ["--force-systemd=true"]),
        ({"force_systemd": False}, ["--force-systemd=false"]),
        ({"preload": False}, ["--preload=false"]),
        ({"cache_images": False}, ["--cache-images=false"]),
        ({"wait": ("apiserver", "node_ready")}, ["--wait=apiserver,node_ready"]),
        ({"nodes": 3}, ["--nodes=3"]),
        ({"wait_timeout": 600}, ["--wait-timeout=600s"]),
        ({"mounts": ("/a:/b",)}, ["--mount", "--mount-string=/a:/b"]),
        ({"wsl_gpu": "mounts"}, ["--mount", "--mount-string=/usr/lib/wsl:/usr/lib/wsl"]),
        ({"memory": "auto", "cpus": "auto"}, []),
        ({"memory": "no-limit", "cpus": "max"}, ["--memory=no-limit", "--cpus=max"]),
        ({"start_timeout": 60, "recreate": "never", "state": "stopped"}, []),
    ],
)
def test_each_option_becomes_its_flag(changes: dict[str, Any], added: list[str]) -> None:
    bare = declaring.start_arguments(Declaration())
    assert [argument for argument in declaring.start_arguments(Declaration(**changes)) if argument not in bare] == added


@pytest.mark.parametrize("gpus", ["", "all", "nvidia", "nvidia.com"])
def test_gpus_become_their_flag(gpus: str) -> None:
    assert [word for word in declaring.start_arguments(Declaration(gpus=gpus)) if "gpus" in word] == ([f"--gpus={gpus}"] if gpus else [])


@pytest.mark.parametrize(("choice", "passed"), [("auto", []), ("systemd", ["systemd"]), ("cgroupfs", ["cgroupfs"]), ("match_engine", ["cgroupfs"])])
def test_cgroup_driver(choice: str, passed: list[str]) -> None:
    arguments = declaring.start_arguments(Declaration(cgroup_driver=choice), "cgroupfs")
    assert [argument for argument in arguments if "cgroup" in argument] == [f"--extra-config=kubelet.cgroup-driver={value}" for value in passed]
    assert bool(declaring.advice(Declaration(cgroup_driver=choice))) is bool(passed)


# --- drift and plan

AS_RECORDED = Declaration(name="gpu", memory="6g", cpus="2", kubernetes_version="v1.36.2", addons={"nvidia-device-plugin": True, "metrics-server": False})


def test_no_drift() -> None:
    assert planning.compare(AS_RECORDED, profile(), container()) == []
    assert planning.compare(replace(AS_RECORDED, gpus="nvidia", memory="6144", kubernetes_version="1.36.2"), profile(), container()) == []
    assert planning.compare(Declaration(name="gpu"), profile(), container()) == []


DRIFTED: list[tuple[dict[str, Any], str, str]] = [
    ({"driver": "podman"}, "driver", planning.RECREATE),
    ({"container_runtime": "containerd"}, "container_runtime", planning.RECREATE),
    ({"nodes": 2}, "nodes", planning.RECREATE),
    ({"cpus": "max"}, "cpus", planning.CANNOT_BE_READ),
    ({"gpus": ""}, "gpus", planning.RECREATE),
    ({"gpus": "nvidia.com"}, "gpus", planning.RECREATE),
    ({"memory": "16000mb"}, "memory", planning.RECREATE),
    ({"memory": "no-limit"}, "memory", planning.RECREATE),
    ({"memory": "max"}, "memory", planning.CANNOT_BE_READ),
    ({"cpus": "8"}, "cpus", planning.RECREATE),
    ({"disk_size": "40g"}, "disk_size", planning.RECREATE),
    ({"kubernetes_version": "v1.36.3"}, "kubernetes_version", planning.RESTART),
    ({"kubernetes_version": "v1.37.0"}, "kubernetes_version", planning.RESTART),
    ({"kubernetes_version": "v1.31.0"}, "kubernetes_version", planning.RECREATE),
    ({"kubernetes_version": "stable"}, "kubernetes_version", planning.CANNOT_BE_READ),
    ({"base_image": "other"}, "base_image", planning.RECREATE),
    ({"static_ip": "192.168.49.9"}, "static_ip", planning.RECREATE),
    ({"mounts": ("/a:/a",)}, "mounts", planning.RECREATE),
    ({"wsl_gpu": "mounts"}, "mounts", planning.RECREATE),
    ({"preload": False}, "preload", planning.CANNOT_BE_READ),
    ({"cache_images": False}, "cache_images", planning.CANNOT_BE_READ),
    ({"force_systemd": True}, "force_systemd", planning.CANNOT_BE_READ),
    ({"extra_config": {"kubelet.max-pods": "50"}}, "extra_config", planning.RESTART),
    ({"addons": {"metrics-server": True}}, "addons.metrics-server", planning.IN_PLACE),
    ({"addons": {"nvidia-device-plugin": False}}, "addons.nvidia-device-plugin", planning.IN_PLACE),
    ({"extra_start_args": ("--embed-certs",)}, "extra_start_args", planning.CANNOT_BE_READ),
]


@pytest.mark.parametrize(("changes", "setting", "effect"), DRIFTED)
def test_drift(changes: dict[str, Any], setting: str, effect: str) -> None:
    found = planning.compare(replace(AS_RECORDED, **changes), profile(), container())
    assert [(item.setting, item.effect) for item in found] == [(setting, effect)]


def test_a_container_without_the_gpu_that_the_profile_promises() -> None:
    assert [item.setting for item in planning.compare(AS_RECORDED, profile(), container(gpus=""))] == ["gpus"]


def test_extra_config_is_compared_as_kept() -> None:
    kept = profile("profile_config_kubelet_camelcase")
    assert kept.extra_config == {"kubelet.cgroupDriver": "systemd"}
    assert planning.compare(replace(AS_RECORDED, addons={}, extra_config={"kubelet.cgroupDriver": "systemd"}), kept, container()) == []


RECREATE = [Drift("memory", "16g", "6144mb", planning.RECREATE)]
RESTART = [Drift("kubernetes_version", "v1.37.0", "v1.36.2", planning.RESTART)]
WITHOUT = [Drift("kubernetes_version", "stable", "v0.0.0", planning.RECREATE)]
ADDON = [Drift("addons.metrics-server", True, False, planning.IN_PLACE)]
ADDON_OFF = [Drift("addons.dashboard", False, True, planning.IN_PLACE)]

PLANS: list[tuple[dict[str, Any], str, list[Drift], list[tuple[str, str]]]] = [
    ({}, mk.RUNNING, [], []),
    ({}, mk.RUNNING, RECREATE, [("delete", "cluster_recreate"), ("start", "")]),
    ({"recreate": "never"}, mk.RUNNING, RECREATE, []),
    ({"recreate": "never"}, mk.RUNNING, [*RECREATE, *ADDON], [("addon", "")]),
    ({}, mk.API_DOWN, WITHOUT, [("delete", "cluster_recreate"), ("start", "")]),
    ({}, mk.STOPPED, WITHOUT, [("delete", "cluster_recreate"), ("start", "")]),
    ({"recreate": "never"}, mk.API_DOWN, WITHOUT, []),
    ({"recreate": "never"}, mk.STOPPED, WITHOUT, []),
    ({"state": "stopped"}, mk.API_DOWN, WITHOUT, [("stop", "cluster_restart")]),
    ({"state": "absent"}, mk.API_DOWN, WITHOUT, [("delete", "cluster_recreate")]),
    ({}, mk.RUNNING, RESTART, [("start", "cluster_restart")]),
    ({}, mk.RUNNING, ADDON, [("addon", "")]),
    ({}, mk.RUNNING, [*RESTART, *ADDON, *ADDON_OFF], [("start", "cluster_restart"), ("addon", "")]),
    ({}, mk.ABSENT, [], [("start", "")]),
    ({}, mk.HALF_MADE, [], [("delete", ""), ("start", "")]),
    ({}, mk.CONTAINER_GONE, [], [("delete", "cluster_recreate"), ("start", "")]),
    ({}, mk.CORRUPT, [], [("delete", "cluster_recreate"), ("start", "")]),
    ({}, mk.STOPPED, [], [("start", "")]),
    ({}, mk.STOPPED, RECREATE, [("delete", "cluster_recreate"), ("start", "")]),
    ({}, mk.PAUSED, [], [("unpause", "")]),
    ({}, mk.STALE_KUBECONFIG, [], [("update-context", "")]),
    ({}, mk.API_DOWN, [], [("start", "cluster_restart")]),
    ({}, mk.KUBELET_DOWN, [], [("start", "cluster_restart")]),
    ({}, mk.NOT_READY, [], [("start", "cluster_restart")]),
    ({}, mk.API_SILENT, [], []),
    ({}, mk.ENGINE_UNREACHABLE, RECREATE, []),
    ({}, mk.FOREIGN_CONTAINER, [], []),
    ({}, mk.FOREIGN_PROFILE, [], []),
    ({}, mk.BUSY, RECREATE, [("await", "")]),
    ({"state": "absent"}, mk.BUSY, [], [("await", "")]),
    ({}, mk.LEFTOVER, [], [("delete", "cluster_recreate"), ("start", "")]),
    ({"state": "stopped"}, mk.LEFTOVER, [], []),
    ({}, mk.FOREIGN_VOLUME, [], []),
    ({"state": "stopped"}, mk.FOREIGN_VOLUME, [], []),
    ({"state": "absent"}, mk.FOREIGN_VOLUME, [], []),
    ({"state": "stopped"}, mk.CONTAINER_GONE, [], []),
    ({"state": "absent"}, mk.LEFTOVER, [], [("delete", "cluster_recreate")]),
    ({"state": "stopped"}, mk.RUNNING, [], [("stop", "cluster_restart")]),
    ({"state": "stopped"}, mk.STOPPED, [], []),
    ({"state": "stopped"}, mk.ABSENT, [], []),
    ({"state": "stopped"}, mk.HALF_MADE, [], [("delete", "")]),
    ({"state": "absent"}, mk.RUNNING, [], [("delete", "cluster_recreate")]),
    ({"state": "absent"}, mk.HALF_MADE, [], [("delete", "")]),
    ({"state": "absent"}, mk.ABSENT, [], []),
    ({"state": "absent"}, mk.ENGINE_UNREACHABLE, [], []),
]


@pytest.mark.parametrize(("changes", "state", "drift", "steps"), PLANS)
def test_plans(changes: dict[str, Any], state: str, drift: list[Drift], steps: list[tuple[str, str]]) -> None:
    assert [(step.action, step.consent) for step in planning.plan(Declaration(**changes), state, drift)] == steps


@pytest.mark.parametrize("declared", ["", "v1.36.2", "v1.36"])
def test_a_profile_without_kubernetes_needs_another_cluster(declared: str) -> None:
    drift = planning.compare(replace(AS_RECORDED, addons={}, kubernetes_version=declared), profile(**NO_K8S), container())
    assert [(item.setting, item.declared, item.found, item.effect) for item in drift] == [
        ("kubernetes_version", declared or "stable", "v0.0.0", planning.RECREATE),
    ]


def test_profile_of_an_older_shape() -> None:
    data = json.loads((FIXTURES / "minikube" / "profile_config_running.json").read_text())
    del data["GPUs"], data["Driver"]
    data["VMDriver"] = "docker"
    found = mk.parse_profile(json.dumps(data))
    assert found is not None
    assert (found.driver, found.gpus) == ("docker", "")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"'])
def test_half_a_profile_is_none(text: str) -> None:
    assert mk.parse_profile(text) is None


def test_flags_that_start_ignored_are_still_drift_afterwards() -> None:
    """A start without --gpus and with less memory ended well and changed neither (recordings/minikube/start_again_no_gpus)."""
    kept = profile("profile_config_after_start_without_gpus")
    assert (kept.gpus, kept.memory) == ("all", 6144)
    wanted = replace(AS_RECORDED, gpus="", memory="5g")
    assert [item.setting for item in planning.compare(wanted, kept, container())] == ["memory", "gpus"]
