# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Play recorded exchanges of a real Kubernetes API server against the simulated one, one controller step at a time."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.simstation.kube import Cluster
from tests.simstation.kube.access import User
from tests.simstation.kube.api import Answer, Request
from tests.simstation.kube.store import resource
from tests.simstation.station import Station

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "kube"
USERS = {
    "admin": User("kubernetes-admin", ("system:masters", "system:authenticated")),
    "viewer": User("viewer", ("system:authenticated",)),
    "anonymous": User(),
}
# The images of the recorded node (recordings/README.md, "What is simulated, what is real").
IMAGES = [
    "nvcr.io/nvidia/k8s-device-plugin:v0.20.0",
    "nvcr.io/nvidia/k8s-device-plugin:v0.20.0-real",
    "nvcr.io/nvidia/cuda:12.6.0-base-ubuntu22.04",
    "docker.io/library/bb:latest",
]
GPU = {
    "name": "NVIDIA GeForce RTX 4090",
    "uuid": "GPU-00000000-0000-0000-0000-000000000000",
    "driver_version": "580.00",
    "memory_mib": 24564,
    "compute_cap": "8.9",
}
MAX_STEPS = 60


def exchanges(name: str) -> list[dict[str, Any]]:
    with (RECORDINGS / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class World:
    """A cluster as the recorded one was, whose controllers move only when asked."""

    def __init__(self, root: Path, **knobs: Any) -> None:
        knobs = {"images": list(IMAGES), "image_pull": "back_off", **knobs}
        section = {"version": "v1.36.2", "knobs": knobs}
        self.station = Station("replay", {"windows": {"gpus": [dict(GPU)]}, "clusters": {"minikube": section}}, root)
        self.cluster = Cluster(self.station, "minikube", root / "minikube")
        self.cluster.create()
        self.settle()

    def settle(self) -> None:
        for _step in range(MAX_STEPS):
            if not self.cluster.engine.next_step():
                return

    def namespace(self) -> None:
        body = {"metadata": {"name": "rec", "labels": {"app.kubernetes.io/managed-by": "recording"}}}
        self.cluster.registry.apply(resource("namespaces"), "", "rec", body, "coll")
        self.settle()

    def first_of(self, name: str) -> None:
        """Play the first exchange of another recording, as preparation."""
        self.play(exchanges(name)[0])
        self.settle()

    def drop_daemon_set(self) -> None:
        self.cluster.registry.delete(resource("daemonsets.apps"), "kube-system", "nvidia-device-plugin-daemonset")
        self.settle()

    def knob(self, **values: Any) -> None:
        self.station.state["clusters"]["minikube"]["knobs"].update(values)

    def daemon_set(self, *, settled: bool = True) -> None:
        """What ssa_daemonset_create applied."""
        body = exchanges("ssa_daemonset_create")[1]["request_body"]
        self.cluster.registry.apply(resource("daemonsets.apps"), "kube-system", body["metadata"]["name"], body, "coll")
        if settled:
            self.settle()

    def play(self, exchange: dict[str, Any]) -> Answer:
        headers = {name.lower(): value for name, value in (exchange.get("request_headers") or {}).items()}
        headers.setdefault("user-agent", "Python-urllib/3.11")
        if "Authorization header" in exchange.get("note", "") and exchange["user"] == "anonymous":
            headers["authorization"] = "Bearer invalid"
        body = exchange.get("request_body")
        data = b"" if body is None else json.dumps(body).encode()
        query = dict(parse_qsl(exchange.get("query", ""), keep_blank_values=True))
        path, query = self._renamed(exchange["path"]), {name: self._renamed(value) for name, value in query.items()}
        request = Request(exchange["method"], path, query, headers, data, USERS[exchange["user"]])
        return self.cluster.api.handle(request)

    def _renamed(self, text: str) -> str:
        """The recorded name of a DaemonSet's pod stands for the one that is here."""

        def ours(match: re.Match[str]) -> str:
            found = [pod["metadata"] for pod in self.cluster.registry.store.items(resource("pods"), "kube-system")]
            names = [item["name"] for item in sorted(found, key=lambda item: int(item["resourceVersion"])) if item["name"].startswith(match.group(1))]
            return str(names[-1]) if names else match.group(0)

        return GENERATED.sub(ours, text)


def body_of(answer: Answer) -> Any:
    data = b"".join(answer.stream) if answer.stream is not None else answer.body
    text = data.decode()
    if "json" in answer.content_type:
        return json.loads(text) if text else None
    return text


# --- what may differ ---

TIMES = {
    "creationTimestamp", "deletionTimestamp", "lastTransitionTime", "lastProbeTime", "lastHeartbeatTime", "startedAt", "finishedAt", "startTime",
    "firstTimestamp", "lastTimestamp", "eventTime", "time", "lastUpdateTime",
}  # fmt: skip
IDENTITIES = {"uid", "resourceVersion", "containerID", "imageID", "hostIP", "podIP", "podIPs", "hostIPs", "reportingInstance", "resourceID", "continue"}
KLOG = re.compile(r"(?m)^[IWEF]\d{4} [0-9:.]+ +\d+ (?=\S+:\d+\])")
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
GENERATED = re.compile(r"(nvidia-device-plugin-daemonset)-(?!daemo)[0-9a-z]{5}(?![0-9a-z])")
HASH = re.compile(r"(nvidia-device-plugin-daemonset)-[0-9a-f]{8,10}\b")
EVENT_NAME = re.compile(r"\.[0-9a-f]{14,20}$")
RUNTIME_IDS = re.compile(r"(containerd|docker)://[0-9a-f]+")
# Parts of the recorded fork and recorder that are not vanilla (recordings/README.md).
FOREIGN_CONFIG_MAPS = {"openshift-service-ca.crt"}
FOREIGN_EVENTS = {"MissingClusterDNS"}


def normalised(value: Any, key: str = "") -> Any:
    """A copy in which everything that two servers may do differently is the same."""
    if key in TIMES:
        return "<time>" if value else None
    if key == "count":
        return "<count>"
    if key in IDENTITIES:
        return f"<{key}>"
    if key == "managedFields":
        # A server sorts them by time; which second a request falls into is chance.
        return sorted((_managed(entry) for entry in value if entry["operation"] == "Apply"), key=lambda entry: str(entry["manager"]))
    if isinstance(value, dict) and {"spec", "status", "metadata"} <= value.keys() and "capacity" in (value["status"] or {}):
        return _node(value)
    if isinstance(value, dict):
        return {name: normalised(entry, name) for name, entry in value.items() if not _skipped(name, entry)}
    if isinstance(value, list):
        kept = [normalised(entry) for entry in value if not _foreign(entry)]
        return _sorted_by_name(kept)
    if isinstance(value, str):
        return _text(value, key)
    return value


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """Of a node only what does not depend on the machine: its GPUs and its conditions."""
    status = node["status"]
    gpus = {kind: {name: amount for name, amount in status[kind].items() if "/" in name} for kind in ("capacity", "allocatable")}
    return {"name": node["metadata"]["name"], "conditions": [normalised(entry) for entry in status["conditions"]], **gpus}


def _skipped(name: str, entry: Any) -> bool:
    if name == "managedFields":
        return not any(item["operation"] == "Apply" for item in entry)
    return name in ("controller-revision-hash", "pod-template-generation", "serverAddress") or (name == "metadata" and not normalised(entry))


def _managed(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "time"}


def _foreign(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    name = (entry.get("metadata") or {}).get("name") or (entry.get("configMap") or {}).get("name")
    return name in FOREIGN_CONFIG_MAPS or entry.get("reason") in FOREIGN_EVENTS


def _sorted_by_name(items: list[Any]) -> list[Any]:
    if items and all(isinstance(item, dict) and "revision" in item for item in items):
        return sorted(items, key=lambda item: int(item["revision"]))
    if items and all(isinstance(item, dict) and "involvedObject" in item for item in items):
        return sorted(items, key=lambda item: (item["reason"], item["message"]))
    return items


def _text(value: str, key: str) -> str:
    value = KLOG.sub("<klog> ", UID.sub("<uid>", value)).replace('version="unknown"', 'version="v0.20.0"')
    value = GENERATED.sub(r"\1-<suffix>", HASH.sub(r"\1-<hash>", value))
    value = re.sub(r"kube-api-access-[0-9a-z]{5}", "kube-api-access-<suffix>", value)
    value = RUNTIME_IDS.sub("<container>", value)
    value = re.sub(r"^\d{4}-\d\d-\d\dT[0-9:.]+Z ", "<time> ", value)
    value = re.sub(r"lookup (\S+) on [0-9.]+:\d+", r"lookup \1", value)
    if key == "name":
        value = EVENT_NAME.sub(".<event>", value)
    if key == "deprecated.daemonset.template.generation":
        return value
    return value


def differences(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two normalised answers differ."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in sorted(recorded.keys() | ours.keys()):
            if key not in ours:
                yield f"{path}.{key}: missing here, recorded {json.dumps(recorded[key])[:200]}"
            elif key not in recorded:
                yield f"{path}.{key}: not recorded, here {json.dumps(ours[key])[:200]}"
            else:
                yield from differences(recorded[key], ours[key], f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for index, (first, second) in enumerate(zip(recorded, ours)):
            yield from differences(first, second, f"{path}[{index}]")
    elif recorded != ours:
        yield f"{path}: recorded {json.dumps(recorded)[:300]}, here {json.dumps(ours)[:300]}"


def compare(exchange: dict[str, Any], answer: Answer) -> list[str]:
    if exchange["status"] != answer.code:
        return [f"status: recorded {exchange['status']}, here {answer.code} {answer.body[:300]!r}"]
    recorded = copy.deepcopy(exchange.get("response_body"))
    found = list(differences(normalised(recorded), normalised(body_of(answer))))
    # status.resources of the recorded containerd node holds unlimited memory; minikube's docker node has {} (recordings/gpu/pod_smi.json).
    return [entry for entry in found if ".status.resources." not in entry and not (recorded is None and answer.body == b"")]


# --- whole files ---


@dataclass
class Plan:
    """How a recording is played: what is there before, what happens in between, which exchanges cannot agree and why."""

    prepare: tuple[str, ...] = ("namespace", "daemon_set")
    before: dict[int, str] = field(default_factory=dict)
    exceptions: dict[int, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


def agree(world: World, exchange: dict[str, Any], ignore: tuple[str, ...]) -> list[str]:
    """Play one exchange; a GET is repeated, one controller step at a time, until the answer is the recorded one."""
    first: list[str] = []
    for _step in range(MAX_STEPS):
        found = [entry for entry in compare(exchange, world.play(exchange)) if not any(part in entry for part in ignore)]
        first = first or found
        if not found:
            return []
        if exchange["method"] != "GET" or not world.cluster.engine.next_step():
            break
    return first


def playable(exchange: dict[str, Any]) -> bool:
    """No watches (tests of their own), no refused connections, no Tables (not imitated: kubectl's form of a list)."""
    wants_table = "as=Table" in (exchange.get("request_headers") or {}).get("accept", "")
    return exchange["status"] is not None and "stream" not in exchange and not wants_table


def replay(name: str, plan: Plan, world: World) -> list[str]:
    """The disagreements of a whole file."""
    for step in plan.prepare:
        getattr(world, step)()
    found: list[str] = []
    for exchange in exchanges(name):
        if exchange["seq"] in plan.before:
            getattr(world, plan.before[exchange["seq"]])()
        if not playable(exchange):
            continue
        if exchange["seq"] in plan.exceptions:
            if exchange["method"] != "GET":
                world.play(exchange)
            continue
        label = f"{name} {exchange['seq']} {exchange['method']} {exchange['path']}"
        found += [f"{label}: {entry}" for entry in agree(world, exchange, plan.ignore)]
    return found
