# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DaemonSets, Deployments, owners and namespaces: the controller manager."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from .engine import Context, Step
from .selectors import matches_selector
from .status import StatusError
from .store import resource

Object = dict[str, Any]

MANAGER = "kube-controller-manager"
AUTOSCALERS = "horizontalpodautoscalers.autoscaling"
DAEMON_TOLERATIONS = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
]


def template_hash(template: Object) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def owned(items: list[Object], owner: Object) -> list[Object]:
    uid = owner["metadata"]["uid"]
    return [item for item in items if any(entry["uid"] == uid for entry in item["metadata"].get("ownerReferences") or [])]


def reference(kind: str, owner: Object) -> Object:
    metadata = owner["metadata"]
    return {"apiVersion": "apps/v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}


def is_ready(pod: Object) -> bool:
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod.get("status", {}).get("conditions") or [])


def node_matches(spec: Object, node: Object) -> bool:
    """nodeSelector and required node affinity."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not affinity:
        return True
    for term in affinity.get("nodeSelectorTerms") or []:
        fields = {"metadata.name": node["metadata"]["name"]}
        if matches_selector({"matchExpressions": term.get("matchExpressions")}, labels) and matches_selector(
            {"matchExpressions": term.get("matchFields")}, fields
        ):
            return True
    return False


class ControllerManager:
    def __init__(self, context: Context) -> None:
        self.context = context

    def plan(self) -> Iterator[Step]:
        pods = self.context.all("pods")
        for item in self.context.all("daemonsets.apps"):
            yield from self._daemon_set(item, owned(pods, item))
        for item in self.context.all("deployments.apps"):
            yield from self._deployment(item)
        for item in self.context.all("replicasets.apps"):
            yield from self._replica_set(item, owned(pods, item))
        yield from self._garbage()
        yield from self._namespaces()

    # --- DaemonSet ---

    def _daemon_set(self, item: Object, pods: list[Object]) -> Iterator[Step]:
        uid = item["metadata"]["uid"]
        if item["metadata"].get("deletionTimestamp"):
            yield from self._finish_deletion("daemonsets.apps", item, pods)
            return
        wanted = 1 if node_matches(item["spec"]["template"]["spec"], self.context.node()) else 0
        current = template_hash(item["spec"]["template"])
        dead = [pod for pod in pods if pod.get("status", {}).get("phase") in ("Failed", "Succeeded") and not pod["metadata"].get("deletionTimestamp")]
        stale = [pod for pod in pods if pod["metadata"]["labels"].get("controller-revision-hash") != current or not wanted]
        stale = [pod for pod in stale if not pod["metadata"].get("deletionTimestamp")]
        rolling = item["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        doomed = dead or (stale if rolling or not wanted else [])
        if doomed:
            yield Step(f"ds-{uid}", f"delete-{doomed[0]['metadata']['uid']}", 0.1, lambda: self._drop_pod(item, "DaemonSet", doomed[0]))
        elif not pods and wanted:
            yield Step(f"ds-{uid}", f"create-{current}", 0.1, lambda: self._create_daemon_pod(item, current))
        status = self._daemon_status(item, pods, wanted, current)
        if status != item.get("status"):
            yield Step(f"ds-status-{uid}", json.dumps(status, sort_keys=True), 0.05, lambda: self._write_status("daemonsets.apps", item, status))

    def _daemon_status(self, item: Object, pods: list[Object], wanted: int, current: str) -> Object:
        alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        ready = sum(is_ready(pod) for pod in alive)
        updated = min(sum(pod["metadata"]["labels"].get("controller-revision-hash") == current for pod in alive), wanted)
        status: Object = {
            "currentNumberScheduled": min(len(alive), wanted),
            "numberMisscheduled": max(len(alive) - wanted, 0),
            "desiredNumberScheduled": wanted,
            "numberReady": min(ready, wanted),
            "observedGeneration": item["metadata"]["generation"],
        }
        extra = {"updatedNumberScheduled": updated, "numberAvailable": min(ready, wanted), "numberUnavailable": wanted - min(ready, wanted)}
        status.update({key: value for key, value in extra.items() if value})
        return status

    def _create_daemon_pod(self, item: Object, current: str) -> None:
        pod = self._pod_from(item, "DaemonSet")
        generation = item["metadata"].get("annotations", {}).get("deprecated.daemonset.template.generation", "1")
        pod["metadata"]["labels"].update({"controller-revision-hash": current, "pod-template-generation": generation})
        spec = pod["spec"]
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [self.context.node()["metadata"]["name"]]}]}
        spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [term]}
        spec["tolerations"] = (spec.get("tolerations") or []) + copy.deepcopy(DAEMON_TOLERATIONS)
        self._revision_object(item, current)
        self._create_pod(item, "DaemonSet", pod, "daemonset-controller")

    def _revision_object(self, item: Object, current: str) -> None:
        kind = resource("controllerrevisions.apps")
        namespace, name = item["metadata"]["namespace"], f"{item['metadata']['name']}-{current}"
        if self.context.store.get(kind, namespace, name):
            return
        labels = {**((item["spec"]["template"].get("metadata") or {}).get("labels") or {}), "controller-revision-hash": current}
        metadata = {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [reference("DaemonSet", item)]}
        metadata["annotations"] = dict(item["metadata"].get("annotations") or {})
        data = {"spec": {"template": {"$patch": "replace", **item["spec"]["template"]}}}
        number = 1 + len(owned(self.context.all("controllerrevisions.apps", namespace), item))
        self.context.registry.create(kind, {"metadata": metadata, "data": data, "revision": number}, MANAGER)

    # --- pods of any owner ---

    def _pod_from(self, item: Object, kind: str) -> Object:
        template = copy.deepcopy(item["spec"]["template"])
        metadata = template.get("metadata") or {}
        made: Object = {"generateName": f"{item['metadata']['name']}-", "namespace": item["metadata"]["namespace"]}
        made["labels"] = dict(metadata.get("labels") or {})
        if metadata.get("annotations"):
            made["annotations"] = dict(metadata["annotations"])
        made["ownerReferences"] = [reference(kind, item)]
        return {"metadata": made, "spec": template["spec"]}

    def _create_pod(self, item: Object, kind: str, pod: Object, source: str) -> None:
        try:
            made = self.context.registry.create(resource("pods"), pod, MANAGER)
        except StatusError as error:
            text = f"Error creating: {error.body['message']}".replace(pod["metadata"].get("name", ""), pod["metadata"]["generateName"])
            self.context.event(item, kind, "FailedCreate", text, warning=True, source=source)
            return
        self.context.event(item, kind, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", source=source)

    def _drop_pod(self, item: Object, kind: str, pod: Object) -> None:
        source = "daemonset-controller" if kind == "DaemonSet" else "replicaset-controller"
        self.context.registry.delete(resource("pods"), pod["metadata"]["namespace"], pod["metadata"]["name"])
        self.context.event(item, kind, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", source=source)

    def _write_status(self, key: str, item: Object, status: Object) -> None:
        def change(found: Object) -> None:
            found.clear()
            found.update(status)

        self.context.set_status(resource(key), item, change, MANAGER)

    def _finish_deletion(self, key: str, item: Object, dependents: list[Object]) -> Iterator[Step]:
        """Foreground: dependents first, then the object."""
        uid = item["metadata"]["uid"]
        alive = [entry for entry in dependents if not entry["metadata"].get("deletionTimestamp")]
        kind = resource("replicasets.apps" if key == "deployments.apps" else "pods")

        def drop() -> None:
            for entry in alive:
                self.context.registry.delete(kind, entry["metadata"]["namespace"], entry["metadata"]["name"], {"propagationPolicy": "Foreground"})

        if alive:
            yield Step(f"gone-{uid}", f"dependents-{len(alive)}", 0.05, drop)
        elif not dependents:
            yield Step(f"gone-{uid}", "object", 0.05, lambda: self.context.store.remove(resource(key), item))

    # --- Deployment and ReplicaSet ---

    def _deployment(self, item: Object) -> Iterator[Step]:
        uid = item["metadata"]["uid"]
        sets = owned(self.context.all("replicasets.apps", item["metadata"]["namespace"]), item)
        if item["metadata"].get("deletionTimestamp"):
            yield from self._finish_deletion("deployments.apps", item, sets)
            return
        current = template_hash(item["spec"]["template"])
        newest = [entry for entry in sets if entry["metadata"]["labels"].get("pod-template-hash") == current]
        wanted = item["spec"]["replicas"]
        outdated = [entry for entry in sets if entry not in newest and (entry["spec"]["replicas"] or entry.get("status", {}).get("replicas"))]
        if outdated and item["spec"]["strategy"]["type"] == "Recreate":
            # All pods of the old template go before the first new one comes.
            if outdated[0]["spec"]["replicas"]:
                yield Step(f"deploy-{uid}", f"scale-{outdated[0]['metadata']['uid']}-0", 0.1, lambda: self._scale(outdated[0], 0))
            return
        if not newest:
            yield Step(f"deploy-{uid}", f"create-{current}", 0.1, lambda: self._create_replica_set(item, current))
            return
        ready = newest[0].get("status", {}).get("readyReplicas", 0)
        wrong = [(entry, wanted) for entry in newest if entry["spec"]["replicas"] != wanted]
        wrong += [(entry, 0) for entry in sets if entry not in newest and entry["spec"]["replicas"] and self._may_shrink(item, ready)]
        if wrong:
            entry, size = wrong[0]
            yield Step(f"deploy-{uid}", f"scale-{entry['metadata']['uid']}-{size}", 0.1, lambda: self._scale(entry, size))
        status = self._deployment_status(item, sets, newest[0])
        if status != item.get("status"):
            yield Step(f"deploy-status-{uid}", json.dumps(status, sort_keys=True), 0.05, lambda: self._write_status("deployments.apps", item, status))

    def _may_shrink(self, item: Object, ready: int) -> bool:
        """Old pods go when new ones are ready; at once when the strategy is Recreate or may lack a pod (25 % of one is none)."""
        return item["spec"]["strategy"]["type"] == "Recreate" or ready >= item["spec"]["replicas"]

    def _create_replica_set(self, item: Object, current: str) -> None:
        template = copy.deepcopy(item["spec"]["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})["pod-template-hash"] = current
        selector = copy.deepcopy(item["spec"]["selector"])
        selector.setdefault("matchLabels", {})["pod-template-hash"] = current
        metadata = {
            "name": f"{item['metadata']['name']}-{current}",
            "namespace": item["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "ownerReferences": [reference("Deployment", item)],
        }
        spec = {"replicas": item["spec"]["replicas"], "selector": selector, "template": template}
        made = self.context.registry.create(resource("replicasets.apps"), {"metadata": metadata, "spec": spec}, MANAGER)
        text = f"Scaled up replica set {made['metadata']['name']} from 0 to {spec['replicas']}"
        self.context.event(item, "Deployment", "ScalingReplicaSet", text, source="deployment-controller")

    def _scale(self, entry: Object, size: int) -> None:
        metadata = entry["metadata"]

        def change(found: Object) -> None:
            found["spec"]["replicas"] = size

        self.context.registry.edit(resource("replicasets.apps"), metadata["namespace"], metadata["name"], change, MANAGER)

    def _deployment_status(self, item: Object, sets: list[Object], newest: Object) -> Object:
        total = sum(entry.get("status", {}).get("replicas", 0) for entry in sets)
        ready = sum(entry.get("status", {}).get("readyReplicas", 0) for entry in sets)
        counts = {
            "replicas": total,
            "updatedReplicas": newest.get("status", {}).get("replicas", 0),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(item["spec"]["replicas"] - ready, 0),
        }
        available = ready >= item["spec"]["replicas"]
        known = {entry["type"]: entry for entry in item.get("status", {}).get("conditions") or []}
        condition = self._condition(known.get("Available"), available)
        return {"observedGeneration": item["metadata"]["generation"], **{key: value for key, value in counts.items() if value}, "conditions": [condition]}

    def _condition(self, known: Object | None, available: bool) -> Object:
        value = "True" if available else "False"
        if known and known["status"] == value:
            return known
        reason, text = ("MinimumReplicasAvailable", "has") if available else ("MinimumReplicasUnavailable", "does not have")
        now = self.context.stamp()
        message = f"Deployment {text} minimum availability."
        return {"type": "Available", "status": value, "lastUpdateTime": now, "lastTransitionTime": now, "reason": reason, "message": message}

    def _replica_set(self, item: Object, pods: list[Object]) -> Iterator[Step]:
        uid = item["metadata"]["uid"]
        if item["metadata"].get("deletionTimestamp"):
            yield from self._finish_deletion("replicasets.apps", item, pods)
            return
        alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp") and pod.get("status", {}).get("phase") not in ("Failed", "Succeeded")]
        wanted = item["spec"]["replicas"]
        if len(alive) < wanted:
            yield Step(
                f"rs-{uid}",
                f"create-{len(alive)}",
                0.05,
                lambda: self._create_pod(item, "ReplicaSet", self._pod_from(item, "ReplicaSet"), "replicaset-controller"),
            )
        elif len(alive) > wanted:
            yield Step(f"rs-{uid}", f"delete-{len(alive)}", 0.05, lambda: self._drop_pod(item, "ReplicaSet", alive[-1]))
        ready = sum(is_ready(pod) for pod in alive)
        counts = {"fullyLabeledReplicas": len(alive), "readyReplicas": ready, "availableReplicas": ready}
        status: Object = {"replicas": len(alive), "observedGeneration": item["metadata"]["generation"], **{k: v for k, v in counts.items() if v}}
        if status != item.get("status"):
            yield Step(f"rs-status-{uid}", json.dumps(status, sort_keys=True), 0.05, lambda: self._write_status("replicasets.apps", item, status))

    # --- owners that are gone, namespaces ---

    def _garbage(self) -> Iterator[Step]:
        """Objects whose owner no longer exists, logs and kubelet notes of pods that are gone."""
        keys = ("daemonsets.apps", "deployments.apps", "replicasets.apps", "pods", "controllerrevisions.apps")
        uids = {item["metadata"]["uid"] for key in keys for item in self.context.all(key)}
        for key in ("pods", "replicasets.apps", "controllerrevisions.apps"):
            for item in self.context.all(key):
                references = item["metadata"].get("ownerReferences") or []
                if references and not item["metadata"].get("deletionTimestamp") and not any(entry["uid"] in uids for entry in references):
                    yield Step(f"gc-{item['metadata']['uid']}", "delete", 0.1, self._deleter(key, item))
        for uid in list(self.context.section.get("logs", {})) + list(self.context.section.get("runtime", {})):
            if uid not in uids:
                yield Step(f"forget-{uid}", "forget", 0.0, self._forgetter(uid))

    def _deleter(self, key: str, item: Object) -> Any:
        metadata = item["metadata"]
        return lambda: self.context.registry.delete(resource(key), metadata.get("namespace", ""), metadata["name"])

    def _forgetter(self, uid: str) -> Any:
        def forget() -> None:
            self.context.logs.forget(uid)
            with self.context.station.changed():
                self.context.section.get("runtime", {}).pop(uid, None)

        return forget

    def _namespaces(self) -> Iterator[Step]:
        for item in self.context.all("namespaces"):
            name = item["metadata"]["name"]
            if item["metadata"].get("deletionTimestamp"):
                yield from self._empty_namespace(item)
                continue
            if not self.context.store.get(resource("serviceaccounts"), name, "default"):
                yield Step(f"account-{name}", "create", 0.05, self._creator("serviceaccounts", name, {"metadata": {"name": "default", "namespace": name}}))
            if not self.context.store.get(resource("configmaps"), name, "kube-root-ca.crt"):
                root = {"metadata": {"name": "kube-root-ca.crt", "namespace": name}, "data": {"ca.crt": "simulated\n"}}
                yield Step(f"root-ca-{name}", "create", 0.05, self._creator("configmaps", name, root))

    def _creator(self, key: str, namespace: str, item: Object) -> Any:
        def create() -> None:
            if not self.context.store.get(resource(key), namespace, item["metadata"]["name"]):
                self.context.registry.create(resource(key), item, MANAGER)

        return create

    def _say_what_remains(self, item: Object, remaining: list[str]) -> None:
        """The conditions of a namespace that waits for its pods (recordings/kube/namespace_delete.jsonl)."""
        name = item["metadata"]["name"]
        left = ", ".join(f"unexpected items still remain in namespace: {name} for gvr: /v1, Resource={plural}" for plural in remaining)
        wanted = [
            ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
            ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
            ("NamespaceDeletionContentFailure", "True", "ContentDeletionFailed", f"Failed to delete all resource types, {len(remaining)} remaining: {left}"),
            ("NamespaceContentRemaining", "False", "ContentRemoved", "All content successfully removed"),
            ("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ]
        now = self.context.stamp()
        names = ("type", "status", "reason", "message")
        conditions = [{**dict(zip(names, values)), "lastTransitionTime": now} for values in wanted]
        self.context.set_status(resource("namespaces"), item, lambda status: status.update(conditions=conditions), MANAGER)

    def _empty_namespace(self, item: Object) -> Iterator[Step]:
        name = item["metadata"]["name"]
        keys = ("daemonsets.apps", "deployments.apps", "replicasets.apps", "pods", "configmaps", "secrets", "services", "serviceaccounts", "events")
        left = [(key, entry) for key in (AUTOSCALERS, *keys, "controllerrevisions.apps") for entry in self.context.all(key, name)]
        fresh = [(key, entry) for key, entry in left if not entry["metadata"].get("deletionTimestamp")]

        def clear() -> None:
            for key, entry in fresh:
                found = self.context.store.get(resource(key), name, entry["metadata"]["name"])
                if found:
                    self.context.registry.delete(resource(key), name, entry["metadata"]["name"])

        remaining = sorted({key.partition(".")[0] for key, _item in left})
        if fresh:
            yield Step(f"namespace-{name}", f"clear-{len(fresh)}", 0.3, clear)
        elif left and not item["status"].get("conditions"):
            yield Step(f"namespace-{name}", "conditions", 0.1, lambda: self._say_what_remains(item, remaining))
        elif not left:
            yield Step(f"namespace-{name}", "remove", 0.3, lambda: self.context.store.remove(resource("namespaces"), item))
