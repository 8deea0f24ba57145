# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smoke test's pod: how it is asked for, what its status, events and log mean, and how its GPU compares with the one that Docker showed.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue, Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_plugin import POD_ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._device_plugin import container_state, gpu_counts, warnings_of
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import QUERY, Gpu, parse_list, parse_query, parse_summary
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_objects import MANAGED_BY, OWN_LABELS
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import RESOURCE, SHARED_RESOURCE

CATALOGUE = Catalogue(POD_ENTRIES)
NAME = "gpudev-smoke-test"
LABELS = {"app.kubernetes.io/name": NAME, MANAGED_BY: OWN_LABELS[MANAGED_BY]}
SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())
# Same source as in roles/workstation/defaults/main/versions.yml: a plain glibc image without NVIDIA variables.
DEFAULT_IMAGE = "docker.io/library/ubuntu:24.04"

_STATUS_CODES = ("POD-ADMISSION", "POD-IMAGE", "POD-START")
_SCHEDULER_CODES = ("POD-PENDING-003", "POD-PENDING-004", "POD-PENDING-005")
_LOG_CODES = ("POD-START-001", "POD-START-002", "POD-SMI", "POD-CUDA")
_FINAL_IMAGE_CODES = ("POD-IMAGE-001", "POD-IMAGE-002", "POD-START")

Json = t.Mapping[str, t.Any]


def new_name() -> str:
    """Unique, so that a leftover never is taken for this run's pod."""
    return f"{NAME}-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class Program:
    """What a pod of the smoke test executes; without a command, what its image executes by itself."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    # Beyond the time that is given to scheduling, pulling and a short program.
    seconds: int = 0


def smi_program(image: str) -> Program:
    return Program("nvidia-smi", image, ("nvidia-smi", *QUERY))


@dataclass(frozen=True)
class Place:
    """Where the pod runs and what it asks for."""

    namespace: str
    resource: str = RESOURCE
    runtime_class: str = ""


def manifest(name: str, program: Program, place: Place, seconds: int) -> dict[str, t.Any]:
    """One GPU by limit, one try, a deadline of its own, and no service account: it has nothing to ask of the API."""
    container: dict[str, t.Any] = {
        "name": program.name,
        "image": program.image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"limits": {place.resource: "1"}},
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    if program.command:
        container["command"] = list(program.command)
    spec: dict[str, t.Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": seconds + program.seconds,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "tolerations": [{"key": RESOURCE, "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [container],
    }
    if place.runtime_class:
        spec["runtimeClassName"] = place.runtime_class
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": place.namespace, "labels": dict(LABELS)}, "spec": spec}


def resource_to_ask_for(offered: t.Mapping[str, int]) -> str:
    """The GPU under its plain name if there is one, else a slice, else a MIG instance."""
    return next((name for name in (RESOURCE, SHARED_RESOURCE, *sorted(offered)) if offered.get(name)), RESOURCE)


@dataclass(frozen=True)
class Progress:
    """Where the pod is. `entry` says what is wrong with it; it is `over` when waiting longer changes nothing."""

    over: bool
    state: str
    entry: Entry | None = None
    symptom: str = ""
    exit_code: int | None = None

    @property
    def worth_another_pod(self) -> bool:
        return self.entry is not None and self.entry.code == "POD-ADMISSION-001"


def progress(pod: Json | None, events: t.Sequence[Json] = ()) -> Progress:
    """What status and events say; the log is judged once the pod is over."""
    if pod is None:
        return Progress(True, "gone", CATALOGUE["POD-GONE-001"], "the pod is not there any more")
    status = pod.get("status") or {}
    phase = str(status.get("phase") or "Pending")
    terminated = container_state(status).get("terminated") or {}
    exit_code = terminated.get("exitCode")
    if phase == "Succeeded":
        return Progress(True, phase, exit_code=exit_code)
    if phase == "Failed":
        return _failed(status, terminated, events)
    return _pending(status, phase, events)


def _failed(status: Json, terminated: Json, events: t.Sequence[Json]) -> Progress:
    reason = str(status.get("reason") or terminated.get("reason") or "Failed")
    told = f"{reason}: {status.get('message') or terminated.get('message') or ''}".strip(": ")
    if reason == "DeadlineExceeded":
        return Progress(True, reason, CATALOGUE["POD-DEADLINE-001"], told, terminated.get("exitCode"))
    entry = _recognised(told, _STATUS_CODES) or (None if terminated else _recognised(warnings_of(events), _STATUS_CODES))
    return Progress(True, reason, entry, told, terminated.get("exitCode"))


def _pending(status: Json, phase: str, events: t.Sequence[Json]) -> Progress:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            text = str(condition.get("message") or condition.get("reason") or "")
            return Progress(False, "Unschedulable", _recognised(text, _SCHEDULER_CODES) or CATALOGUE["POD-PENDING-005"], text)
    waiting = container_state(status).get("waiting") or {}
    said = f"{waiting.get('reason', '')}: {waiting.get('message', '')}".strip(": ")
    state = str(waiting.get("reason") or phase)
    entry = _recognised(said, _STATUS_CODES)
    if entry is None and phase == "Pending":
        text = warnings_of(events)
        entry = _recognised(text, _STATUS_CODES)
        said = CATALOGUE.excerpt(entry, text) if entry else said
    return Progress(entry is not None and entry.code.startswith(_FINAL_IMAGE_CODES), state, entry, said)


def _recognised(text: str, codes: tuple[str, ...]) -> Entry | None:
    return next((entry for entry in CATALOGUE.entries.values() if entry.code.startswith(codes) and entry.matches(text)), None)


def why_no_gpu(log: str) -> Entry:
    """A log without a GPU: nvidia-smi says why, or something else ran."""
    return _recognised(log, _LOG_CODES) or CATALOGUE["POD-LOG-001"]


def why_failed(seen: Progress, log: str) -> Progress:
    """A pod that ran and failed has its cause in its log, whatever its status says."""
    entry = _recognised(log, _LOG_CODES)
    if entry is not None:
        return Progress(True, seen.state, entry, CATALOGUE.excerpt(entry, log), seen.exit_code)
    if seen.entry is not None:
        return seen
    return Progress(True, seen.state, CATALOGUE["POD-EXIT-001"], log.strip() or seen.symptom, seen.exit_code)


def why_unschedulable(seen: Progress, nodes: t.Sequence[Json], pods: t.Sequence[Json]) -> tuple[Entry, dict[str, t.Any]]:
    """The scheduler says the same for a GPU that is not there and one that is taken: nodes and pods tell which."""
    entry = seen.entry or CATALOGUE["POD-PENDING-005"]
    if "Insufficient nvidia.com/" not in seen.symptom:
        return entry, {}
    counts = gpu_counts(nodes)
    if not counts.usable:
        return CATALOGUE["POD-PENDING-001"], {}
    holders = gpu_holders(pods)
    if holders:
        return CATALOGUE["POD-PENDING-002"], {"allocatable": counts.allocatable, "holders": ", ".join(holders)}
    return entry, {}


def gpu_holders(pods: t.Iterable[Json]) -> list[str]:
    """Pods that hold a GPU now: asked for one, are on a node, and have not ended."""
    found = []
    for pod in pods:
        spec, phase = pod.get("spec") or {}, (pod.get("status") or {}).get("phase")
        asks = any(name.startswith("nvidia.com/") for container in spec.get("containers") or [] for name in _limits(container))
        if asks and spec.get("nodeName") and phase not in ("Succeeded", "Failed"):
            found.append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")
    return sorted(found)


def _limits(container: Json) -> t.Iterable[str]:
    return (container.get("resources") or {}).get("limits") or {}


def gpus_in(log: str) -> list[Gpu]:
    """The GPUs that the pod saw: from a query, else from a list; a plain nvidia-smi names no UUID."""
    gpus = parse_query(log) or parse_list(log)
    summary = parse_summary(log)
    if summary is not None and summary.driver_version:
        gpus = [Gpu(gpu.index, gpu.uuid, gpu.name, gpu.driver_version or summary.driver_version, gpu.memory_mib) for gpu in gpus]
    return gpus


_COMPARED = ("name", "uuid", "driver_version")


def differences(gpu: Gpu, expected: Json) -> list[str]:
    """Where the pod's GPU differs from what layer 6 saw; what one side does not say cannot be compared."""
    seen = gpu.as_dict()
    return [
        f"{key} is {seen[key]} in the pod and {expected[key]} in Docker"
        for key in _COMPARED
        if expected.get(key) and seen[key] and str(expected[key]) != seen[key]
    ]


def not_compared(gpu: Gpu, expected: Json) -> dict[str, str]:
    """Why something could not be held against layer 6."""
    seen = gpu.as_dict()
    reasons = {}
    for key in _COMPARED:
        if not expected.get(key):
            reasons[key] = "layer 6 was not looked at, or saw several GPUs" if not expected else "layer 6 did not say it"
        elif not seen[key]:
            reasons[key] = "nvidia-smi in the pod does not say it"
    return reasons
