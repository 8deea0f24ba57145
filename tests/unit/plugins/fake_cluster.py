# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in memory for decision tests: holds objects, remembers what was asked of it, and plays a small script of what happens next."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.gpudev.workstation.plugins.module_utils._kube import FORBIDDEN, KubeError, Readiness

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
OBJECTS: dict[str, Any] = {key: entry["object"] for key, entry in json.loads((FIXTURES / "kube" / "objects.json").read_text()).items()}
LOGS: dict[str, str] = {key: entry["text"] for key, entry in json.loads((FIXTURES / "kube" / "logs.json").read_text()).items()}

NOT_SUPPORTED = (FIXTURES / "plugin" / "own_v0.20.0_stub_wsl_init_not_supported.log").read_text()
GOOD = json.loads((FIXTURES / "plugin" / "gpu_plugin_logs.json").read_text())["stdout"]


def recorded(key: str) -> dict[str, Any]:
    return copy.deepcopy(OBJECTS[key])


class FakeCluster:
    """Serves `find`, `get` and the rest from `objects`; `then` holds one callable per look at the nodes."""

    def __init__(self, node: str = "node_no_key") -> None:
        self.node_object = recorded(node)
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.logs: dict[str, str] = {}
        self.event_objects: list[dict[str, Any]] = []
        self.then: list[Callable[[FakeCluster], None]] = []
        self.when_created: Callable[[FakeCluster, dict[str, Any]], None] | None = None
        self.when_deleted: Callable[[FakeCluster, str, str], None] | None = None
        self.changes: list[tuple[str, str, str, bool]] = []
        self.readiness = [Readiness(True, "ok")]
        self.refuse: dict[str, KubeError] = {}

    def gpus(self, node: str) -> None:
        self.node_object = recorded(node)

    def add(self, body: dict[str, Any]) -> None:
        self.objects[(body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"])] = copy.deepcopy(body)

    def readyz(self) -> Readiness:
        return self.readiness.pop(0) if len(self.readiness) > 1 else self.readiness[0]

    def node(self, name: str = "") -> dict[str, Any]:
        return self.find("Node")[0]

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    def find(self, kind: str, namespace: str = "", labels: str = "", fields: str = "") -> list[dict[str, Any]]:
        self._may(kind)
        if kind == "Node":
            if self.then:
                self.then.pop(0)(self)
            return [copy.deepcopy(self.node_object)]
        wanted = dict(pair.split("=", 1) for pair in labels.split(",")) if labels else {}
        return [
            copy.deepcopy(body)
            for (its_kind, where, _name), body in sorted(self.objects.items())
            if its_kind == kind and namespace in ("", where) and wanted.items() <= (body["metadata"].get("labels") or {}).items()
        ]

    def apply(self, body: dict[str, Any], dry_run: bool = False) -> dict[str, Any]:
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        self.changes.append(("apply", body["kind"], name, dry_run))
        live = self.get(body["kind"], name, namespace)
        # What is stored carries defaults that the applied object lacks, as with a real server.
        stored = dict(body)
        if "spec" in body:
            stored.update(spec={"revisionHistoryLimit": 10, **body["spec"]}, status=(live or {}).get("status", {}))
        stored["metadata"] = {**body["metadata"], "uid": "uid-" + name, "resourceVersion": str(len(self.changes))}
        if not dry_run:
            self.add(stored)
            if live is None and self.when_created:
                self.when_created(self, stored)
        return copy.deepcopy(stored)

    def create(self, body: dict[str, Any], dry_run: bool = False) -> dict[str, Any]:
        self._may("create")
        self.changes.append(("create", body["kind"], body["metadata"]["name"], dry_run))
        self.add(body)
        if self.when_created:
            self.when_created(self, body)
        return body

    def delete(self, kind: str, name: str, namespace: str = "", dry_run: bool = False, grace_seconds: int | None = None) -> bool:
        self.changes.append(("delete", kind, name, dry_run))
        if dry_run:
            return (kind, namespace, name) in self.objects
        gone = self.objects.pop((kind, namespace, name), None)
        if kind == "DaemonSet" and gone:
            for key in [key for key, body in self.objects.items() if key[0] == "Pod" and _owner(body) == gone["metadata"]["uid"]]:
                del self.objects[key]
        if self.when_deleted:
            self.when_deleted(self, kind, name)
        return gone is not None

    def log(self, pod: str, namespace: str, container: str = "", previous: bool = False, tail: int = 400) -> str:
        return "" if previous else self.logs.get(pod, "")

    def events(self, namespace: str, name: str, kind: str = "Pod") -> list[dict[str, Any]]:
        return copy.deepcopy(self.event_objects)

    def real_changes(self) -> list[tuple[str, str, str]]:
        return [(verb, kind, name) for verb, kind, name, dry_run in self.changes if not dry_run]

    def _may(self, what: str) -> None:
        if what in self.refuse:
            raise self.refuse[what]


def _owner(pod: dict[str, Any]) -> str:
    return str((pod["metadata"].get("ownerReferences") or [{}])[0].get("uid"))


def forbidden(text: str) -> KubeError:
    return KubeError(FORBIDDEN, "create Pod x", text, 403)


def addon(
    cluster: FakeCluster, log: str = GOOD, name: str = "nvidia-device-plugin-daemonset", uid: str = "addon", labels: dict[str, str] | None = None
) -> None:
    """minikube's addon as recorded on a real GPU, with its pod running and saying this."""
    daemonset = json.loads((FIXTURES / "plugin" / "gpu_plugin_ds.json").read_text())["stdout"]
    body = json.loads(daemonset)
    body["metadata"].update(name=name, uid=uid)
    if labels:
        body["spec"]["template"]["metadata"]["labels"] = labels
    cluster.add(body)
    plugin_pod(cluster, uid, f"{name}-aaaaa", log)


def plugin_pod(cluster: FakeCluster, uid: str, name: str, log: str) -> None:
    pod = json.loads(json.loads((FIXTURES / "plugin" / "gpu_plugin_pod.json").read_text())["stdout"])["items"][0]
    pod["metadata"].update(name=name, namespace="kube-system")
    pod["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": uid, "uid": uid, "controller": True}]
    if uid == "uid-gpudev-device-plugin":
        pod["metadata"]["labels"] = {"app.kubernetes.io/name": "gpudev-device-plugin"}
    cluster.add(pod)
    cluster.logs[name] = log
