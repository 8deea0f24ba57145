# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, update, patch, apply and delete as the API server does them: defaults, checks, ownership, generation, storage."""

from __future__ import annotations

import copy
import datetime
import random
import uuid
from collections.abc import Callable
from typing import Any

from . import apply as merging
from . import defaults, schema, validation
from .apply import Manager
from .status import (
    StatusError,
    already_exists,
    bad_request,
    cause,
    details_of,
    forbidden,
    invalid,
    modified,
    not_found,
    qualified,
)
from .store import Resource, Store, resource

Object = dict[str, Any]

WITH_STATUS = {"Pod", "Node", "Namespace", "DaemonSet", "Deployment", "ReplicaSet", "Service", "HorizontalPodAutoscaler"}
WITH_GENERATION = {"Pod", "DaemonSet", "Deployment", "ReplicaSet"}
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
SERVER_FIELDS = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields")


def seconds(moment: datetime.datetime) -> str:
    """The time format of API objects."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Registry:
    """The write side of one cluster's API; controllers use it exactly as requests do."""

    def __init__(self, store: Store, clock: Callable[[], datetime.datetime]) -> None:
        self.store = store
        self.clock = clock
        self._random = random.SystemRandom()

    def now(self) -> str:
        return seconds(self.clock())

    def suffix(self) -> str:
        return "".join(self._random.choice(SUFFIX_LETTERS) for _letter in range(5))

    # --- create ---

    def create(self, kind: Resource, item: Object, manager: str, *, dry_run: bool = False) -> Object:
        with self.store.locked():
            new = self._prepared(kind, item)
            metadata = new["metadata"]
            namespace, name = metadata.get("namespace", ""), metadata["name"]
            self._require_namespace(kind, namespace, name)
            if self.store.get(kind, namespace, name):
                raise already_exists(kind.plural, kind.group, name)
            for field in SERVER_FIELDS:
                metadata.pop(field, None)
            return self._insert(kind, new, Manager(manager, "Update", kind.api_version), dry_run)

    def _prepared(self, kind: Resource, item: Object) -> Object:
        new = defaults.normalise(copy.deepcopy(item), kind.kind)
        new.pop("kind", None)
        new.pop("apiVersion", None)
        metadata = new.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self.suffix()
        if not metadata.get("name"):
            raise invalid(kind.kind, kind.group, "", [cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")])
        if "spec" in schema.fields(schema.root_type(kind.kind) or ""):
            new.setdefault("spec", {})
        return new

    def _insert(self, kind: Resource, new: Object, manager: Manager | None, dry_run: bool) -> Object:
        """Store a new object; without a manager its managedFields are already there."""
        self._fill(kind, new)
        if kind.kind in WITH_STATUS - {"Node", "Namespace"} and kind.kind != "Service":
            self._fresh_status(kind, new)
        self._check(kind, new, None)
        metadata = new["metadata"]
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = self.now()
        if kind.kind in WITH_GENERATION:
            metadata["generation"] = 1
        if kind.kind == "DaemonSet":
            metadata.setdefault("annotations", {})[TEMPLATE_GENERATION] = "1"
        if manager:
            tracked = {key: value for key, value in new.items() if key != "status" or kind.kind == "Node"}
            merging.track_update(None, tracked, kind.kind, manager, self.now())
            new["metadata"] = tracked["metadata"]
        if kind.kind == "Pod":
            self._admit(new)
        return new if dry_run else self.store.put(kind, new)

    def _fill(self, kind: Resource, new: Object) -> None:
        try:
            defaults.fill(new, kind.kind)
        except (KeyError, TypeError, AttributeError):
            # An object so incomplete that defaults cannot be filled in is refused by the checks that follow.
            return

    def _fresh_status(self, kind: Resource, new: Object) -> None:
        new.pop("status", None)
        if kind.kind in ("DaemonSet", "ReplicaSet", "Deployment"):
            self._fill(kind, new)

    def _check(self, kind: Resource, new: Object, old: Object | None) -> None:
        causes = validation.check(new, old, kind.kind)
        if causes:
            raise invalid(kind.kind, kind.group, new["metadata"].get("name", ""), causes)

    def _admit(self, pod: Object) -> None:
        wanted = pod["spec"].get("runtimeClassName")
        name = pod["metadata"]["name"]
        if wanted and not self.store.get(resource("runtimeclasses.node.k8s.io"), "", wanted):
            raise forbidden(f'pods "{name}" is forbidden: pod rejected: RuntimeClass "{wanted}" not found', details_of("pods", "", name))
        defaults.admit_pod(pod, self.suffix())

    def _require_namespace(self, kind: Resource, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.store.get(resource("namespaces"), "", namespace)
        if not found:
            raise not_found("namespaces", "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            text = f'{qualified(kind.plural, kind.group)} "{name}" is forbidden: unable to create new content in namespace {namespace} '
            causes = [cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")]
            raise forbidden(text + "because it is being terminated", {**details_of(kind.plural, kind.group, name), "causes": causes})

    # --- change ---

    def require(self, kind: Resource, namespace: str, name: str) -> Object:
        found = self.store.get(kind, namespace, name)
        if not found:
            raise not_found(kind.plural, kind.group, name)
        return found

    def replace(self, kind: Resource, namespace: str, name: str, item: Object, manager: str, *, subresource: str = "", dry_run: bool = False) -> Object:
        """PUT."""
        with self.store.locked():
            old = self.require(kind, namespace, name)
            new = self._prepared(kind, item)
            self._same_name(new, namespace, name, kind)
            self._same_revision(kind, new, old)
            return self._change(kind, old, new, Manager(manager, "Update", kind.api_version, subresource), dry_run)

    def patch(self, kind: Resource, namespace: str, name: str, form: str, body: Any, manager: str, *, subresource: str = "", dry_run: bool = False) -> Object:
        """PATCH with a JSON, merge or strategic merge patch."""
        with self.store.locked():
            old = self.require(kind, namespace, name)
            base = copy.deepcopy(old)
            if form == "json":
                new = merging.json_patch(base, body)
            elif not isinstance(body, dict):
                raise bad_request("error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}")
            elif form == "merge":
                new = merging.merge_patch(base, body)
            else:
                new = merging.merge(base, body, schema.root_type(kind.kind) or "object", deletes=True)
            new = self._prepared(kind, self._understood(kind, new))
            self._same_name(new, namespace, name, kind)
            self._same_revision(kind, new, old)
            return self._change(kind, old, new, Manager(manager, "Update", kind.api_version, subresource), dry_run)

    def _understood(self, kind: Resource, new: Object) -> Object:
        """What a patch made of the object: unknown fields are dropped, wrong types refused."""
        root = schema.root_type(kind.kind) or "object"
        wrong = [problem for problem in schema.problems(new, root) if problem.text != "field not declared in schema"]
        if wrong:
            causes = [cause("FieldValueInvalid", f"Invalid value: {problem.text}", problem.path.lstrip(".")) for problem in wrong]
            raise invalid(kind.kind, kind.group, new.get("metadata", {}).get("name", ""), causes)
        pruned: Object = schema.pruned(new, root)
        return pruned

    def edit(self, kind: Resource, namespace: str, name: str, change: Callable[[Object], None], manager: str, *, subresource: str = "") -> Object | None:
        """Read, change and store in one go, for controllers; None when the object is gone."""
        with self.store.locked():
            old = self.store.get(kind, namespace, name)
            if old is None:
                return None
            new = copy.deepcopy(old)
            change(new)
            return self._change(kind, old, new, Manager(manager, "Update", kind.api_version, subresource), False)

    def _same_name(self, new: Object, namespace: str, name: str, kind: Resource) -> None:
        metadata = new["metadata"]
        if metadata["name"] != name:
            raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
        if kind.namespaced and metadata.setdefault("namespace", namespace) != namespace:
            raise bad_request(f"the namespace of the object ({metadata['namespace']}) does not match the namespace on the request ({namespace})")

    def _same_revision(self, kind: Resource, new: Object, old: Object) -> None:
        wanted = new["metadata"].get("resourceVersion")
        if wanted and wanted != old["metadata"]["resourceVersion"]:
            raise modified(kind.plural, kind.group, old["metadata"]["name"])

    def _change(self, kind: Resource, old: Object, new: Object, manager: Manager, dry_run: bool) -> Object:
        self._keep_server_fields(kind, old, new, manager.subresource)
        new = defaults.normalise(new, kind.kind)
        if not manager.subresource:
            self._fill(kind, new)
            self._check(kind, new, old)
        merging.track_update(old, new, kind.kind, manager, self.now())
        return self._store_change(kind, old, new, dry_run)

    def _keep_server_fields(self, kind: Resource, old: Object, new: Object, subresource: str) -> None:
        for field in SERVER_FIELDS:
            if field != "uid" and field in old["metadata"]:
                new["metadata"][field] = copy.deepcopy(old["metadata"][field])
            elif field not in ("uid", "managedFields"):
                new["metadata"].pop(field, None)
        new["metadata"].setdefault("uid", old["metadata"]["uid"])
        if subresource == "status":
            kept = {key: value for key, value in old.items() if key not in ("status",)}
            status = new.get("status")
            new.clear()
            new.update(copy.deepcopy(kept))
            new["status"] = status or {}
        elif kind.kind in WITH_STATUS and "status" in old and not subresource:
            new["status"] = copy.deepcopy(old["status"])

    def _store_change(self, kind: Resource, old: Object, new: Object, dry_run: bool) -> Object:
        if kind.kind in WITH_GENERATION and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
            if kind.kind == "DaemonSet" and new["spec"].get("template") != old["spec"].get("template"):
                annotations = new["metadata"].setdefault("annotations", {})
                annotations[TEMPLATE_GENERATION] = str(int(annotations.get(TEMPLATE_GENERATION, "0")) + 1)
        if _without_times(new) == _without_times(old):
            return old
        if dry_run:
            return new
        finished = new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers") and kind.kind not in ("Pod", "Namespace")
        self.store.put(kind, new)
        if finished:
            self.store.remove(kind, new)
        return new

    # --- server-side apply ---

    def apply(
        self,
        kind: Resource,
        namespace: str,
        name: str,
        configuration: Object,
        manager: str,
        *,
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """(the object, was it created)"""
        with self.store.locked():
            if configuration.get("metadata", {}).get("managedFields"):
                raise bad_request("metadata.managedFields must be nil")
            self._check_schema(kind, configuration, namespace, name)
            wanted = self._configuration(kind, configuration, namespace, name, subresource)
            old = self.store.get(kind, namespace, name)
            who = Manager(manager, "Apply", kind.api_version, subresource)
            if old is None:
                return self._apply_new(kind, wanted, who, dry_run), True
            self._same_revision(kind, {"metadata": configuration.get("metadata", {})}, old)
            merged = merging.apply(old, wanted, kind.kind, who, self.now(), force)
            managed = merged["metadata"].get("managedFields")
            if "uid" in configuration.get("metadata", {}):
                merged["metadata"]["uid"] = configuration["metadata"]["uid"]
            self._keep_server_fields(kind, old, merged, subresource)
            merged = defaults.normalise(merged, kind.kind)
            merged["metadata"].pop("managedFields", None)
            if managed:
                merged["metadata"]["managedFields"] = managed
            if not subresource:
                self._fill(kind, merged)
                self._check(kind, merged, old)
            return self._store_change(kind, old, merged, dry_run), False

    def _apply_new(self, kind: Resource, wanted: Object, who: Manager, dry_run: bool) -> Object:
        namespace, name = wanted["metadata"].get("namespace", ""), wanted["metadata"]["name"]
        self._require_namespace(kind, namespace, name)
        merged = merging.apply(None, wanted, kind.kind, who, self.now(), False)
        new = self._prepared(kind, merged)
        return self._insert(kind, new, None, dry_run)

    def _configuration(self, kind: Resource, configuration: Object, namespace: str, name: str, subresource: str) -> Object:
        wanted = defaults.normalise(copy.deepcopy(configuration), kind.kind)
        metadata = wanted.setdefault("metadata", {})
        metadata.setdefault("name", name)
        if kind.namespaced:
            metadata.setdefault("namespace", namespace)
        self._same_name(wanted, namespace, name, kind)
        for field in ("resourceVersion", "uid", "creationTimestamp", "generation"):
            metadata.pop(field, None)
        if kind.kind in WITH_STATUS:
            for part in [key for key in wanted if (key == "status") != (subresource == "status") and key in ("status", "spec")]:
                wanted.pop(part)
        wanted.pop("kind", None)
        wanted.pop("apiVersion", None)
        return wanted

    def _check_schema(self, kind: Resource, configuration: Object, namespace: str, name: str) -> None:
        found = schema.problems(configuration, schema.root_type(kind.kind) or "object")
        if found:
            where = f"{namespace}/{name}" if kind.namespaced else f"/{name}"
            # 500 without a reason, as in recordings/kube/ssa_invalid.jsonl.
            raise StatusError(500, f"failed to create typed patch object ({where}; {kind.api_version}, Kind={kind.kind}): {found[0]}")

    # --- delete ---

    def delete(self, kind: Resource, namespace: str, name: str, options: Object | None = None, *, dry_run: bool = False) -> Object:
        """The object while it still exists, or a Status Success when it is gone at once."""
        options = options or {}
        with self.store.locked():
            found = self.require(kind, namespace, name)
            self._preconditions(kind, found, options)
            if kind.kind == "Pod":
                return self._delete_pod(kind, found, options.get("gracePeriodSeconds"), dry_run)
            if kind.kind == "Namespace":
                return self._mark(kind, found, dry_run, lambda item: item["status"].update(phase="Terminating"))
            policy = options.get("propagationPolicy") or ("Orphan" if options.get("orphanDependents") else "Background")
            if policy == "Foreground" and kind.kind in WITH_GENERATION:
                return self._mark(kind, found, dry_run, lambda item: item["metadata"].setdefault("finalizers", []).append("foregroundDeletion"))
            if not dry_run:
                if policy == "Orphan":
                    self._orphan(found)
                self.store.remove(kind, found)
        details = {**details_of(kind.plural, kind.group, name), "uid": found["metadata"]["uid"]}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _preconditions(self, kind: Resource, found: Object, options: Object) -> None:
        wanted = (options.get("preconditions") or {}).get("uid")
        uid = found["metadata"]["uid"]
        if wanted and wanted != uid:
            name = found["metadata"]["name"]
            text = f'Operation cannot be fulfilled on {qualified(kind.plural, kind.group)} "{name}": '
            text += f"the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
            raise StatusError(409, text, "Conflict", details_of(kind.plural, kind.group, name))

    def _delete_pod(self, kind: Resource, pod: Object, grace: int | None, dry_run: bool) -> Object:
        spec, status = pod["spec"], pod.get("status", {})
        if grace is None:
            grace = pod["metadata"].get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30))
        if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
            grace = 0
        if pod["metadata"].get("deletionTimestamp") and grace:
            return pod
        until = self.clock() + datetime.timedelta(seconds=grace)
        pod["metadata"].update(deletionTimestamp=seconds(until), deletionGracePeriodSeconds=grace, generation=pod["metadata"].get("generation", 1) + 1)
        if dry_run:
            return pod
        self.store.put(kind, pod)
        if grace == 0:
            self.store.remove(kind, pod)
        return pod

    def _mark(self, kind: Resource, found: Object, dry_run: bool, change: Callable[[Object], Any]) -> Object:
        """Deletion that a controller completes."""
        if found["metadata"].get("deletionTimestamp"):
            return found
        found["metadata"]["deletionTimestamp"] = self.now()
        if kind.kind in WITH_GENERATION:
            found["metadata"].update(deletionGracePeriodSeconds=0, generation=found["metadata"].get("generation", 1) + 1)
        change(found)
        return found if dry_run else self.store.put(kind, found)

    def _orphan(self, owner: Object) -> None:
        for key in ("pods", "replicasets.apps", "controllerrevisions.apps"):
            kind = resource(key)
            for item in self.store.items(kind):
                references = item["metadata"].get("ownerReferences") or []
                left = [entry for entry in references if entry["uid"] != owner["metadata"]["uid"]]
                if left != references:
                    item["metadata"]["ownerReferences"] = left
                    self.store.put(kind, item)


def _without_times(item: Object) -> Object:
    """For comparison: the times in managedFields change although nothing else does."""
    copied = copy.deepcopy(item)
    for entry in copied["metadata"].get("managedFields") or []:
        entry.pop("time", None)
    copied["metadata"].pop("resourceVersion", None)
    return copied
