# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored objects of one cluster, their revisions, and the history that watches replay."""

from __future__ import annotations

import copy
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .schema import DATA

Object = dict[str, Any]
HISTORY_LENGTH = 4000


@dataclass(frozen=True)
class Resource:
    """One resource type of the API."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def key(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


# What is imitated. Everything else that discovery lists is refused as "not simulated".
IMITATED = {
    "": ["pods", "nodes", "namespaces", "configmaps", "events", "services", "serviceaccounts", "secrets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "apps": ["daemonsets", "deployments", "replicasets", "controllerrevisions"],
    "node.k8s.io": ["runtimeclasses"],
    "resource.k8s.io": ["resourceslices", "deviceclasses"],
    "scheduling.k8s.io": ["priorityclasses"],
}
READ_ONLY = {"resourceslices.resource.k8s.io", "deviceclasses.resource.k8s.io"}


@lru_cache(maxsize=1)
def discovery() -> Object:
    document = dict(json.loads((DATA / "discovery.json").read_text(encoding="utf-8")))
    # The recorded client asked for v1 only; the aggregated answer of the same recording lists the same resources for v2.
    old = document["legacy"]["/apis/autoscaling/v1"]
    document["legacy"]["/apis/autoscaling/v2"] = {**old, "groupVersion": "autoscaling/v2"}
    return document


@lru_cache(maxsize=1)
def resources() -> dict[tuple[str, str, str], Resource]:
    """(group, version, plural) -> resource, for what is imitated."""
    found: dict[tuple[str, str, str], Resource] = {}
    for listing in discovery()["legacy"].values():
        if listing.get("kind") != "APIResourceList":
            continue
        group, _slash, version = listing["groupVersion"].rpartition("/")
        for entry in listing["resources"]:
            if entry["name"] in IMITATED.get(group, []) and (group, version) != ("autoscaling", "v1"):
                found[group, version, entry["name"]] = Resource(group, version, entry["name"], entry["kind"], entry["namespaced"])
    return found


def resource(key: str) -> Resource:
    """By storage key: pods, daemonsets.apps."""
    return next(entry for entry in resources().values() if entry.key == key)


def known(group: str, version: str, plural: str) -> bool:
    """Does discovery list it (imitated or not)?"""
    listing = discovery()["legacy"].get(f"/apis/{group}/{version}" if group else f"/api/{version}")
    return bool(listing) and any(entry["name"] == plural for entry in listing["resources"])


@dataclass(frozen=True)
class Event:
    """One stored change."""

    revision: int
    key: str
    type: str
    item: Object
    previous: Object | None


class Store:
    """Objects live in `station.state["clusters"][name]`; nothing else holds them."""

    def __init__(self, station: Any, name: str) -> None:
        self.station = station
        self.name = name
        self.condition = threading.Condition(station.lock)
        self.history: deque[Event] = deque(maxlen=HISTORY_LENGTH)
        self.closing = False
        self.on_change: Callable[[], None] = lambda: None
        # Watches cannot start before what this process has seen, exactly like a server after a restart.
        self.oldest = self.revision if self.objects else 0

    @property
    def section(self) -> Object:
        section: Object = self.station.state["clusters"][self.name]
        return section

    @property
    def objects(self) -> dict[str, dict[str, Object]]:
        found: dict[str, dict[str, Object]] = self.section.setdefault("objects", {})
        return found

    @property
    def revision(self) -> int:
        return int(self.section.get("revision", 0))

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.station.lock:
            yield

    def get(self, kind: Resource, namespace: str, name: str) -> Object | None:
        found = self.objects.get(kind.key, {}).get(_identity(kind, namespace, name))
        return copy.deepcopy(found) if found else None

    def items(self, kind: Resource, namespace: str = "") -> list[Object]:
        items = self.objects.get(kind.key, {})
        prefix = f"{namespace}/" if namespace and kind.namespaced else ""
        return [copy.deepcopy(item) for identity, item in sorted(items.items()) if identity.startswith(prefix)]

    def peek(self, kind: Resource, namespace: str = "") -> list[Object]:
        """The stored objects themselves, to look at only: they are replaced on every change, never edited."""
        items = self.objects.get(kind.key, {})
        prefix = f"{namespace}/" if namespace and kind.namespaced else ""
        return [item for identity, item in sorted(items.items()) if identity.startswith(prefix)]

    def put(self, kind: Resource, item: Object) -> Object:
        """Store a new version; the revision is the store's."""
        metadata = item["metadata"]
        identity = _identity(kind, metadata.get("namespace", ""), metadata["name"])
        with self.station.changed():
            revision = self._next_revision()
            metadata["resourceVersion"] = str(revision)
            previous = self.objects.setdefault(kind.key, {}).get(identity)
            self.objects[kind.key][identity] = copy.deepcopy(item)
            self._record(Event(revision, kind.key, "MODIFIED" if previous else "ADDED", copy.deepcopy(item), previous))
        return item

    def remove(self, kind: Resource, item: Object) -> None:
        metadata = item["metadata"]
        identity = _identity(kind, metadata.get("namespace", ""), metadata["name"])
        with self.station.changed():
            previous = self.objects[kind.key].pop(identity)
            revision = self._next_revision()
            last = copy.deepcopy(previous)
            last["metadata"]["resourceVersion"] = str(revision)
            self._record(Event(revision, kind.key, "DELETED", last, previous))

    def _next_revision(self) -> int:
        self.section["revision"] = self.revision + 1
        return self.revision

    def _record(self, event: Event) -> None:
        if len(self.history) == HISTORY_LENGTH:
            self.oldest = self.history[0].revision
        self.history.append(event)
        self.condition.notify_all()
        self.on_change()

    def close(self) -> None:
        """End all watches."""
        with self.condition:
            self.closing = True
            self.condition.notify_all()


def _identity(kind: Resource, namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if kind.namespaced else name
