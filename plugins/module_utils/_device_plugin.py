# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who offers nvidia.com/gpu in a cluster, how well and in what way: Kubernetes objects and log text in, dataclasses out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue, Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_plugin import ENTRIES, LOG_ENTRIES, STATUS_ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import version_key
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_objects import OWN_NAME
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import RESOURCE, Sharing, in_log

CATALOGUE = Catalogue(ENTRIES)
_STATUS_CATALOGUE = Catalogue(STATUS_ENTRIES)
_LOG_CATALOGUE = Catalogue(LOG_ENTRIES)

_RESOURCES = re.compile(r"nvidia\.com/(gpu(\.shared)?|mig-.+)")
DRA_DRIVER = "gpu.nvidia.com"

FALLBACK = "fallback"
ADDON = "addon"
DRA = "dra"
OTHER = "other"
NONE = "none"

# Label of the pod template, and who uses it (facts: device plugin, "Find a device plugin that is already there").
# minikube's addon and NVIDIA's static manifest are one object: same name, namespace and labels.
_ORIGINS: tuple[tuple[str, str, str], ...] = (
    ("app.kubernetes.io/name", OWN_NAME, FALLBACK),
    ("name", "nvidia-device-plugin-ds", ADDON),
    ("app.kubernetes.io/name", "nvidia-device-plugin", "helm"),
    ("app", "nvidia-device-plugin-daemonset", "operator"),
    ("k8s-app", "nvidia-gpu-device-plugin", "deprecated_addon"),
)
_TOLD = {
    FALLBACK: "the collection's own device plugin",
    ADDON: "minikube's addon (or NVIDIA's static manifest)",
    "helm": "the device plugin's helm chart",
    "operator": "the GPU Operator",
    "deprecated_addon": "the deprecated addon nvidia-gpu-device-plugin",
    DRA: "a DRA driver",
    OTHER: "a device plugin of unknown origin",
    NONE: "nobody",
}
_CONTAINERS = frozenset(("nvidia-device-plugin-ctr", "nvidia-device-plugin", "nvidia-gpu-device-plugin"))
_IMAGE = re.compile(r"(^|/)(k8s-device-plugin|nvidia-gpu-device-plugin)(:|@|$)")
# They share the plugin's image, and with its chart its labels, but offer nothing (NVIDIA/k8s-device-plugin, deployments/helm/nvidia-device-plugin/templates:
# daemonset-gfd.yml, daemonset-mps-control-daemon.yml, and the sidecars in both and in daemonset-device-plugin.yml).
_HELPERS = ("mps-control-daemon", "gpu-feature-discovery", "config-manager")

Json = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Counts:
    """What the nodes say of GPUs; None: the key is absent, so no plugin ever registered.

    A name that a plugin gave up stays for minutes with 0 allocatable (recordings/gpu/ts_rename_node), so capacity and allocatable are those of the names
    under which GPUs are offered, and of all names only when none is.
    """

    capacity: int | None
    allocatable: int | None
    resources: t.Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        return bool(self.allocatable)

    @property
    def offered(self) -> dict[str, int]:
        """What pods can be given, by the name they have to ask for."""
        return {name: allocatable for name, (_capacity, allocatable) in self.resources.items() if allocatable}

    def told(self) -> str:
        if self.capacity is None and self.allocatable is None:
            return f"the node has no {RESOURCE}"
        return f"{self.allocatable or 0} of {self.capacity or 0} {' and '.join(self.offered) or RESOURCE} allocatable"


def gpu_counts(nodes: t.Iterable[Json]) -> Counts:
    """Capacity and allocatable over all nodes, under any name the NVIDIA plugin gives GPUs."""
    resources: dict[str, tuple[int, int]] = {}
    for node in nodes:
        capacities, allocatables = (node.get("status", {}).get(what) or {} for what in ("capacity", "allocatable"))
        for name in (name for name in {**capacities, **allocatables} if _RESOURCES.fullmatch(name)):
            capacity, allocatable = resources.get(name, (0, 0))
            resources[name] = (capacity + int(capacities.get(name, 0)), allocatable + int(allocatables.get(name, 0)))
    counted = [amounts for amounts in resources.values() if amounts[1]] or list(resources.values())
    if not counted:
        return Counts(None, None)
    return Counts(sum(capacity for capacity, _allocatable in counted), sum(allocatable for _capacity, allocatable in counted), resources)


def on_wsl(node: Json) -> bool:
    """Its kernel is Microsoft's, as `uname -r` shows it in WSL2; containers have no kernel of their own."""
    return "microsoft" in str(node.get("status", {}).get("nodeInfo", {}).get("kernelVersion", "")).lower()


def of_minikube(node: Json) -> bool:
    """minikube labels its nodes; with the docker driver they are containers of the machine that minikube runs on."""
    return "minikube.k8s.io/name" in (node["metadata"].get("labels") or {})


def node_ready(node: Json) -> bool:
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in node.get("status", {}).get("conditions") or [])


@dataclass
class Provider:
    """One thing that offers GPUs to the kubelet, with its living pods and what they said."""

    origin: str
    kind: str
    namespace: str
    name: str
    image: str
    body: dict[str, t.Any] = field(default_factory=dict)
    pods: list[dict[str, t.Any]] = field(default_factory=list)
    log: str = ""
    previous_log: str = ""
    events: list[dict[str, t.Any]] = field(default_factory=list)

    @property
    def version(self) -> str:
        match = re.search(r":v?(\d+\.\d+\.\d+[^@]*)", self.image)
        return match.group(1) if match else ""

    @property
    def desired(self) -> int | None:
        """None: the controller has not looked at it yet (a fresh DaemonSet says 0 of 0)."""
        status = self.body.get("status") or {}
        if self.kind != "DaemonSet" or "observedGeneration" not in status:
            return None
        return int(status.get("desiredNumberScheduled", 0))

    @property
    def replacing(self) -> bool:
        """Whether pods of an earlier template still stand in for those of this one; the API leaves out a count of 0."""
        status = self.body.get("status") or {}
        if not self.desired:
            return False
        outdated = int(status["observedGeneration"]) < int(self.body["metadata"].get("generation", 0))
        return outdated or int(status.get("updatedNumberScheduled", 0)) < self.desired

    @property
    def recreatable(self) -> bool:
        """Whether a deleted pod comes back: one without a controller is gone for good, a static one (owned by its node) is not restarted by that."""
        if self.kind != "Pod":
            return self.kind == "DaemonSet"
        owners = self.body["metadata"].get("ownerReferences") or []
        return any(owner.get("controller") and owner.get("kind") != "Node" for owner in owners)

    @property
    def sharing(self) -> Sharing | None:
        """By its own words, else by what its kind can do; None: it does not say. minikube's addon has no setting for it."""
        said = in_log(self.log)
        if said is not None or self.origin not in (ADDON, "deprecated_addon"):
            return said
        spec = self.body.get("spec") or {}
        container = plugin_container((spec.get("template") or {}).get("spec") or spec) or {}
        configured = any(entry.get("name") in ("CONFIG_FILE", "MIG_STRATEGY") for entry in container.get("env") or []) or container.get("args")
        return None if configured else Sharing()

    def told(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{_TOLD[self.origin]}, {self.kind} {where}" + (f", version {self.version}" if self.version else "")


def plugin_container(spec: Json) -> dict[str, t.Any] | None:
    """The container that is an NVIDIA device plugin; a helper beside it, or in a pod of its own, is none."""
    for container in spec.get("containers") or []:
        named = container.get("name") in _CONTAINERS
        imaged = bool(_IMAGE.search(container.get("image") or ""))
        command = [*(container.get("command") or []), container.get("name") or ""]
        if (named or imaged) and not any(helper in word for helper in _HELPERS for word in command):
            return dict(container)
    return None


def _origin(labels: Json) -> str:
    return next((origin for key, value, origin in _ORIGINS if labels.get(key) == value), OTHER)


def find_providers(daemonsets: t.Iterable[Json], pods: t.Iterable[Json], slices: t.Iterable[Json] = ()) -> list[Provider]:
    """Every provider in the cluster, by container and label, in any namespace; the collection's own one first."""
    found: dict[str, Provider] = {}
    for body in daemonsets:
        template = body["spec"]["template"]
        container = plugin_container(template.get("spec") or {})
        if container is not None:
            metadata = body["metadata"]
            origin = _origin(template.get("metadata", {}).get("labels") or {})
            provider = Provider(origin, "DaemonSet", metadata["namespace"], metadata["name"], container.get("image", ""), dict(body))
            found[metadata.get("uid") or f"{metadata['namespace']}/{metadata['name']}"] = provider
    for pod in pods:
        _add_pod(found, pod)
    drivers = sorted({str(item["spec"].get("driver")) for item in slices})
    providers = list(found.values())
    if DRA_DRIVER in drivers:
        providers.append(Provider(DRA, "ResourceSlice", "", DRA_DRIVER, ""))
    return sorted(providers, key=lambda provider: (provider.origin != FALLBACK, provider.namespace, provider.name))


def _add_pod(found: dict[str, Provider], pod: Json) -> None:
    """To the DaemonSet that owns it, or as a provider of its own. A pod that is being deleted or has ended says nothing of now."""
    metadata = pod["metadata"]
    container = plugin_container(pod.get("spec") or {})
    if container is None or metadata.get("deletionTimestamp") or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return
    owner = next((reference for reference in metadata.get("ownerReferences") or [] if reference.get("controller")), None)
    if owner is not None and owner.get("uid") in found:
        found[owner["uid"]].pods.append(dict(pod))
    elif owner is None or owner.get("kind") != "DaemonSet":
        labels = metadata.get("labels") or {}
        name = f"{metadata['namespace']}/{metadata['name']}"
        found[name] = Provider(_origin(labels), "Pod", metadata["namespace"], metadata["name"], container.get("image", ""), dict(pod), [dict(pod)])


_TRIED_ONCE = ("PLUGIN-NVML", "PLUGIN-DEVICE", "PLUGIN-HEALTH", "PLUGIN-REGISTER-003")
_NEEDS_CORRECTION = ("PLUGIN-CONFIG", "PLUGIN-IMAGE-001", "PLUGIN-IMAGE-002", "PLUGIN-REGISTER-001")


@dataclass(frozen=True)
class Diagnosis:
    """How one provider does. Without an entry it is `starting` or `registered`, or nothing bad is known of it."""

    entry: Entry | None = None
    symptom: str = ""
    starting: bool = False
    registered: bool = False

    @property
    def repairable(self) -> bool:
        """A fresh pod may do better: what failed is tried only once in the life of a pod."""
        return self.entry is not None and self.entry.code.startswith(_TRIED_ONCE)

    @property
    def final(self) -> bool:
        """Waiting longer changes nothing."""
        return self.entry is not None and self.entry.code.startswith((*_TRIED_ONCE, *_NEEDS_CORRECTION))


def diagnose(provider: Provider) -> Diagnosis:
    """The first cause in the order in which causes follow from each other: no pod, image, start, configuration, NVML, devices, registration, health."""
    if provider.kind == "ResourceSlice":
        return Diagnosis(registered=True)
    if not provider.pods:
        return _without_pods(provider)
    pod = provider.pods[0]
    status = pod.get("status") or {}
    unscheduled = _condition(status, "PodScheduled")
    if unscheduled and unscheduled.get("status") == "False":
        text = str(unscheduled.get("message") or unscheduled.get("reason") or "")
        return Diagnosis(CATALOGUE["PLUGIN-ABSENT-004"], text)
    state = container_state(status)
    if "running" not in state:
        return _not_running(provider, status, state)
    return diagnose_log(provider.log) if provider.log else _restarting(provider, status)


def _without_pods(provider: Provider) -> Diagnosis:
    if provider.desired == 0:
        return Diagnosis(CATALOGUE["PLUGIN-ABSENT-002"], f"DaemonSet {provider.name}: desired 0, ready 0")
    text = warnings_of(provider.events)
    if _STATUS_CATALOGUE.recognise(text):
        return _recognised(_STATUS_CATALOGUE, text) or Diagnosis(starting=True)
    return Diagnosis(starting=True)


def _not_running(provider: Provider, status: Json, state: Json) -> Diagnosis:
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    said = "\n".join(f"{part.get('reason', '')}: {part.get('message', '')}" for part in (waiting, terminated) if part)
    crashed = bool(terminated) and terminated.get("reason") != "StartError" or waiting.get("reason") == "CrashLoopBackOff"
    if crashed:
        from_log = diagnose_log(provider.log or provider.previous_log)
        return from_log if from_log.entry else Diagnosis(CATALOGUE["PLUGIN-OTHER-001"], _last_line(provider.log or provider.previous_log) or said)
    # The container's own words are newer than its events, which may tell of an earlier try.
    return _recognised(_STATUS_CATALOGUE, said) or _recognised(_STATUS_CATALOGUE, warnings_of(provider.events)) or Diagnosis(starting=True)


def _restarting(provider: Provider, status: Json) -> Diagnosis:
    """Running with nothing said yet: a container that was restarted has said why in its previous life."""
    if any(container.get("restartCount", 0) for container in status.get("containerStatuses") or []):
        return diagnose_log(provider.previous_log)
    return Diagnosis(starting=not provider.log)


def diagnose_log(text: str) -> Diagnosis:
    """What the last start in a plugin's log came to."""
    last_start = max(text.rfind("Starting Plugins."), text.rfind("Loading NVML"), 0)
    current = text[last_start:]
    # The program says "Registered" also where it was told not to register.
    registered = -1 if "Skipping registration with Kubelet" in current else current.rfind("Registered device plugin for")
    # What came before a registration is over; without one, a cause may stand before the last start too, or the log was cut.
    found = _recognised(_LOG_CATALOGUE, current[max(registered, 0) :])
    if found is None and registered < 0:
        found = _recognised(_LOG_CATALOGUE, text)
    return found or Diagnosis(registered=registered >= 0, starting=registered < 0)


def _recognised(catalogue: Catalogue, text: str) -> Diagnosis | None:
    entry = catalogue.recognise(text)
    return None if entry is None else Diagnosis(entry, catalogue.excerpt(entry, text))


def container_state(status: Json) -> dict[str, t.Any]:
    """State of the first container; a pod without statuses is waiting."""
    statuses = status.get("containerStatuses") or [{}]
    return dict(statuses[0].get("state") or {"waiting": {}})


def _condition(status: Json, kind: str) -> dict[str, t.Any] | None:
    return next((condition for condition in status.get("conditions") or [] if condition.get("type") == kind), None)


def warnings_of(events: t.Iterable[Json]) -> str:
    """Reason and message of warning events, newest first."""
    return "\n".join(f"{event.get('reason', '')}: {event.get('message', '')}" for event in reversed(list(events)) if event.get("type") == "Warning")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


# Since this release the plugin offers one device on WSL2, however many GPUs there are.
ONE_DEVICE_SINCE = (0, 19, 1)


@dataclass
class View:
    """One look at the cluster."""

    counts: Counts
    providers: list[Provider]
    diagnoses: list[Diagnosis]
    nodes_ready: bool = True
    wsl: bool = False
    minikube: bool = False

    @property
    def own(self) -> Provider | None:
        return next((provider for provider in self.providers if provider.origin == FALLBACK), None)

    @property
    def others(self) -> list[Provider]:
        return [provider for provider in self.providers if provider.origin != FALLBACK]

    def diagnosis(self, provider: Provider) -> Diagnosis:
        return self.diagnoses[next(index for index, known in enumerate(self.providers) if known is provider)]

    @property
    def active(self) -> Provider | None:
        """Who the GPUs are to be put down to: another one that works, else our own, else whoever is there."""
        working = [provider for provider in self.others if self.diagnosis(provider).registered]
        return next(iter([*working, *([self.own] if self.own else []), *self.others]), None)

    def one_device(self, provider: Provider) -> bool:
        """Whether this provider knows one device, however many GPUs there are; an image by digest alone counts as a current one."""
        return self.wsl and (not provider.version or version_key(provider.version) >= ONE_DEVICE_SINCE)

    def serves(self, provider: Provider, wanted: Sharing | None) -> bool:
        """Whether pods can be given GPUs, and in the way that is declared, if any is."""
        return self.counts.usable and (wanted is None or wanted.met_by(self.counts.offered, self.one_device(provider)))


def shares_otherwise(provider: Provider, wanted: Sharing | None) -> bool:
    """Whether somebody else's plugin is known to share in another way than is declared."""
    if wanted is None:
        return False
    if provider.origin == DRA:
        return wanted != Sharing()
    return provider.sharing is not None and provider.sharing != wanted
