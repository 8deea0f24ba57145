# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What minikube prints and keeps, as data, and the state that it means: text and dicts in, dataclasses and findings out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue, Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_cluster import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._docker import Container
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding

CATALOGUE = Catalogue(ENTRIES)

EVENT_PREFIX = "io.k8s.sigs.minikube."
MADE_BY = "created_by.minikube.sigs.k8s.io"
NAMED = "name.minikube.sigs.k8s.io"
PLUGIN_ADDON = "nvidia-device-plugin"
# The version of a profile made with `start --no-kubernetes`.
NO_KUBERNETES = "v0.0.0"

# --- events -----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """One line of `-o json`: a CloudEvent whose data values are all strings."""

    kind: str
    message: str
    name: str = ""
    step: int | None = None
    total: int | None = None
    exit_code: int | None = None

    def told(self) -> str:
        where = f"step {self.step}/{self.total} {self.name}: " if self.step is not None and self.total else ""
        return f"{where}{' '.join(self.message.split())}"


def parse_event(line: str) -> Event | None:
    """None for a line that is no event: real programs mix in text (log lines, docker's own words)."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    if not isinstance(parsed, dict) or not str(parsed.get("type", "")).startswith(EVENT_PREFIX):
        return None
    data = parsed.get("data") or {}
    kind = str(parsed["type"])[len(EVENT_PREFIX) :]
    message = str(data.get("message") or data.get("artifact") or "")
    step, total, code = (_integer(data.get(key)) for key in ("currentstep", "totalsteps", "exitcode"))
    return Event(kind, message, str(data.get("name", "")), step, total, code)


def _integer(value: t.Any) -> int | None:
    text = str(value) if value is not None else ""
    return int(text) if text.isdigit() else None


def parse_events(text: str) -> list[Event]:
    return [event for event in (parse_event(line) for line in text.splitlines()) if event is not None]


def addons_not_applied(stdout: str) -> dict[str, str]:
    """Addons that could not be applied, and what was said of each: only a warning to minikube, which ends well all the same."""
    told = (event.message for event in parse_events(stdout) if event.kind == "warning")
    matches = ((re.match(r"Enabling '([\w-]+)' returned an error", message), message) for message in told)
    return {match.group(1): message for match, message in matches if match}


@dataclass(frozen=True)
class Reason:
    """Why minikube ended as it did: the reason's name when it gave one, and what it said."""

    name: str
    message: str

    @property
    def text(self) -> str:
        return f"{self.name}: {self.message}" if self.name else self.message


def exit_reason(stdout: str, stderr: str) -> Reason:
    """The last error event with an exit code, else `Exiting due to NAME: ...`, else whatever was said.

    An error event without exit code is chatter: start goes on after it.
    """
    for event in reversed(parse_events(stdout)):
        if event.kind == "error" and event.exit_code is not None:
            return Reason(event.name, event.message)
    text = "\n".join(part for part in (stderr, stdout) if part.strip())
    match = re.search(r"Exiting due to (\w+): (.*)", text, re.DOTALL)
    if match:
        return Reason(match.group(1), match.group(2).split("\n* \n")[0].strip())
    return Reason("", text.strip())


def classify(reason: Reason, journal: str = "") -> tuple[Entry, Finding]:
    """What a failure means, by the words of minikube and of the kubelet: one name and one exit code stand for many causes."""
    text = f"{reason.text}\n{journal}"
    entry = CATALOGUE.recognise(text, ["cluster"]) or CATALOGUE["MK-199"]
    return entry, entry.finding(CATALOGUE.excerpt(entry, text) if entry.patterns else reason.text)


# --- status -----------------------------------------------------------------------------------------------------------------------------

OBJECT = "object"
NULL = "null"
ABSENT_PROFILE = "absent"
DAMAGED = "damaged"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Status:
    """`minikube status -o json`, which is not always a status object."""

    kind: str
    host: str = ""
    kubelet: str = ""
    apiserver: str = ""
    kubeconfig: str = ""
    text: str = ""

    @property
    def processes_run(self) -> bool:
        return self.kind == OBJECT and self.host == "Running" and self.kubelet == "Running" and self.apiserver == "Running"

    @property
    def paused(self) -> bool:
        return "Paused" in (self.host, self.apiserver)

    def as_dict(self) -> dict[str, str]:
        return {"host": self.host, "kubelet": self.kubelet, "apiserver": self.apiserver, "kubeconfig": self.kubeconfig}


def parse_status(rc: int | None, stdout: str, stderr: str = "") -> Status:
    try:
        parsed = json.loads(stdout)
    except ValueError:
        return _status_without_object(rc, stdout, stderr)
    if parsed is None:
        return Status(NULL, text=stderr)
    # Several nodes make a list; the control plane stands first.
    node = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(node, dict) or "Host" not in node:
        return _status_without_object(rc, stdout, stderr)
    host, kubelet, apiserver, kubeconfig = (str(node.get(key, "")) for key in ("Host", "Kubelet", "APIServer", "Kubeconfig"))
    return Status(OBJECT, host, kubelet, apiserver, kubeconfig, stderr)


def _status_without_object(rc: int | None, stdout: str, stderr: str) -> Status:
    reason = exit_reason(stdout, stderr)
    if rc == 85:
        return Status(ABSENT_PROFILE, text=reason.text)
    return Status(DAMAGED if reason.name == "HOST_CONFIG_LOAD" else UNREADABLE, text=reason.text)


def parse_version(stdout: str) -> str:
    """`minikube version -o json`, as 1.38.1; empty when it cannot be read."""
    try:
        parsed = json.loads(stdout)
    except ValueError:
        return ""
    return str(parsed.get("minikubeVersion", "")).lstrip("v") if isinstance(parsed, dict) else ""


# --- profile ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    """The settings that profiles/NAME/config.json keeps."""

    name: str
    driver: str
    container_runtime: str
    memory: int
    cpus: int
    disk_size: int
    gpus: str
    kubernetes_version: str
    base_image: str
    addons: t.Mapping[str, bool] | None
    extra_config: t.Mapping[str, str]
    nodes: int
    static_ip: str = ""
    mounts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "driver": self.driver,
            "container_runtime": self.container_runtime,
            "memory_mb": self.memory,
            "cpus": self.cpus,
            "disk_size_mb": self.disk_size,
            "gpus": self.gpus,
            "kubernetes_version": self.kubernetes_version,
            "base_image": self.base_image,
            "addons": dict(self.addons or {}),
            "extra_config": dict(self.extra_config),
            "nodes": self.nodes,
            "static_ip": self.static_ip,
            "mounts": list(self.mounts),
        }


def parse_profile(text: str) -> Profile | None:
    """None when it is not a profile: minikube's last write is not atomic, so a reader may see half of it."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict) or not data.get("Name"):
        return None
    kubernetes = data.get("KubernetesConfig") or {}
    options = kubernetes.get("ExtraOptions") or []
    return Profile(
        name=str(data["Name"]),
        driver=str(data.get("Driver") or data.get("VMDriver") or ""),
        container_runtime=str(kubernetes.get("ContainerRuntime") or ""),
        memory=int(data.get("Memory") or 0),
        cpus=int(data.get("CPUs") or 0),
        disk_size=int(data.get("DiskSize") or 0),
        gpus=str(data.get("GPUs") or ""),
        kubernetes_version=str(kubernetes.get("KubernetesVersion") or ""),
        base_image=str(data.get("KicBaseImage") or ""),
        addons=data.get("Addons"),
        extra_config={f"{option['Component']}.{option['Key']}": str(option["Value"]) for option in options},
        nodes=len(data.get("Nodes") or [None]),
        static_ip=str(data.get("StaticIP") or ""),
        mounts=tuple(str(mount) for mount in data.get("ContainerVolumeMounts") or []),
    )


def kubeconfig_names(text: str, name: str) -> bool:
    """Whether a kubeconfig has anything of that name; read as text, so that no YAML reader is needed and doubt counts as yes."""
    return re.search(rf"""\bname["']?:\s*["']?{re.escape(name)}["']?\s*[,}}]?\s*$""", text, re.MULTILINE) is not None


def current_context(text: str) -> str | None:
    """The current-context line of a kubeconfig as minikube and kubectl write it; None when there is no such line."""
    match = re.search(r"^current-context:[ \t]*(.*?)[ \t]*$", text, re.MULTILINE)
    return match.group(1).strip("\"'") if match else None


def with_current_context(text: str, value: str) -> str:
    """The kubeconfig with this current-context line and nothing else changed."""
    plain = re.match(r"^[\w./@-]*[A-Za-z][\w./@-]*$", value) is not None
    return re.sub(r"^current-context:.*$", lambda _match: f"current-context: {value if plain else json.dumps(value)}", text, count=1, flags=re.MULTILINE)


# --- state ------------------------------------------------------------------------------------------------------------------------------

ENGINE_UNREACHABLE = "engine unreachable"
ABSENT = "absent"
LEFTOVER = "absent, but its volume is left"
BUSY = "being worked on by another minikube"
CORRUPT = "damaged"
FOREIGN_CONTAINER = "hidden by a foreign container"
FOREIGN_VOLUME = "absent, but a foreign volume has its name"
FOREIGN_PROFILE = "another user's"
HALF_MADE = "half made"
CONTAINER_GONE = "without its container"
STOPPED = "stopped"
PAUSED = "paused"
KUBELET_DOWN = "without kubelet"
API_DOWN = "without API server"
API_SILENT = "running, API server silent"
STALE_KUBECONFIG = "running, kubeconfig stale"
NOT_READY = "running, node not ready"
RUNNING = "running"

# There is no cluster, and nothing of one.
NOT_THERE = (ABSENT, FOREIGN_VOLUME)


@dataclass(frozen=True)
class Node:
    """The Kubernetes node as the API has it: minikube's own word is about processes."""

    asked: bool = False
    ready: bool = False
    reason: str = ""
    kubelet_version: str = ""


@dataclass(frozen=True)
class Inside:
    """What was seen inside the node: devices and libraries of the GPU, what nvidia-smi said, and who uses which cgroup driver."""

    looked: bool
    files: tuple[str, ...] = ()
    smi: str = ""
    node_cgroup_driver: str = ""
    kubelet_cgroup_driver: str = ""
    text: str = ""


@dataclass(frozen=True)
class Look:
    """Everything that was seen of a cluster in one look."""

    engine_reachable: bool
    engine_text: str = ""
    container: Container | None = None
    profile: Profile | None = None
    profile_damaged: bool = False
    context_known: bool = False
    status: Status = field(default_factory=lambda: Status(UNREADABLE))
    node: Node = field(default_factory=Node)
    # A volume of the cluster's name, asked for when neither profile nor container is there; and whether somebody else made it.
    volume: bool = False
    volume_foreign: bool = False
    # Another minikube process that works on this profile now: its command line.
    at_work: str = ""
    inside: Inside | None = None


def made_by_minikube(labels: t.Mapping[str, str], name: str) -> bool:
    """Whether minikube made a volume, and for this profile: it labels what it makes, not what is there already (pkg/drivers/kic/oci/volumes.go)."""
    return labels.get(MADE_BY) == "true" and labels.get(NAMED, name) == name


def without_kubernetes(look: Look) -> bool:
    """Whether the profile was made so: its start ends well before kubeconfig and addons (minikube, pkg/minikube/node/start.go, handleNoKubernetes)."""
    return look.profile is not None and look.profile.kubernetes_version == NO_KUBERNETES


def never_finished(look: Look) -> bool:
    """Whether the profile's first start never came to its end.

    The map of addons is written at that end and the context just before; a stopped cluster has lost its context but keeps the map
    (recordings/minikube/status_killed_after_*, config_gpu_after_failed_first_start, profile_list_stopped).
    """
    unfinished = look.profile is not None and not look.profile.addons and not look.context_known and not look.status.processes_run
    return unfinished and not without_kubernetes(look)


def judge(look: Look) -> str:
    """In which state the cluster is. Never absent without a working engine, never healthy on minikube's word alone."""
    if not look.engine_reachable:
        return ENGINE_UNREACHABLE
    name = look.profile.name if look.profile else ""
    if look.container is not None and look.container.labels.get(MADE_BY) != "true":
        return FOREIGN_CONTAINER
    state = _judge_remains(look, name)
    # Whoever types `minikube start` at this moment has a profile that looks half made.
    return BUSY if look.at_work and state not in (RUNNING, FOREIGN_PROFILE) else state


def _judge_remains(look: Look, name: str) -> str:
    """By what is there of the cluster: profile, container, volume."""
    if look.profile_damaged:
        return CORRUPT
    if look.profile is None:
        if look.container is not None:
            return FOREIGN_PROFILE
        return ABSENT if not look.volume else FOREIGN_VOLUME if look.volume_foreign else LEFTOVER
    if never_finished(look):
        return HALF_MADE
    if look.container is None:
        return CONTAINER_GONE
    if look.container.labels.get(NAMED, name) != name:
        return FOREIGN_CONTAINER
    return _judge_processes(look)


def _judge_processes(look: Look) -> str:
    status = look.status
    if look.container is not None and not look.container.running or status.host == "Stopped":
        return STOPPED
    if status.paused:
        return PAUSED
    if status.apiserver != "Running":
        return API_DOWN
    if status.kubelet != "Running":
        return KUBELET_DOWN
    if status.kubeconfig != "Configured":
        return STALE_KUBECONFIG
    if not look.node.asked:
        return API_SILENT
    return RUNNING if look.node.ready else NOT_READY
