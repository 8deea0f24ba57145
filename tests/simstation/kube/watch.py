# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`watch=true`: replay of history, then changes as they happen, bookmarks, and the 410 of a revision that is too old."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .selectors import Predicate
from .status import StatusError, expired
from .store import Event, Resource, Store

Object = dict[str, Any]

# The empty parts of a bookmark's object, as recorded in watch_node and watch_pod.
BOOKMARK_REST: dict[str, Object] = {
    "Pod": {"spec": {"containers": None}, "status": {}},
    "Node": {
        "spec": {},
        "status": {
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": dict.fromkeys(
                (
                    "machineID",
                    "systemUUID",
                    "bootID",
                    "kernelVersion",
                    "osImage",
                    "containerRuntimeVersion",
                    "kubeletVersion",
                    "kubeProxyVersion",
                    "operatingSystem",
                    "architecture",
                ),
                "",
            ),
        },
    },
}
BOOKMARK_LEAD = 1.5


def parse_revision(text: str) -> int:
    try:
        return int(text or "0")
    except ValueError:
        message = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise StatusError(500, message) from None


class Watch:
    """One watch request."""

    def __init__(self, store: Store, kind: Resource, namespace: str, wanted: Predicate, revision: str, timeout: float, bookmarks: bool) -> None:
        self.store = store
        self.kind = kind
        self.namespace = namespace if kind.namespaced else ""
        self.wanted = wanted
        self.start = parse_revision(revision)
        self.deadline = time.monotonic() + timeout
        self.bookmark_at = self.deadline - BOOKMARK_LEAD if bookmarks and timeout > BOOKMARK_LEAD else None

    def events(self) -> Iterator[Object]:
        """Watch events until the timeout, the end of the server, or an error event."""
        with self.store.locked():
            position = self.start or self.store.revision
            initial = [] if self.start else self.store.items(self.kind, self.namespace)
            gone = self.start and self.start < self.store.oldest
            oldest = self.store.oldest
        if gone:
            yield {"type": "ERROR", "object": expired(f"too old resource version: {self.start} ({oldest})").body}
            return
        yield from ({"type": "ADDED", "object": self._complete(item)} for item in initial if self.wanted(item))
        while True:
            batch, position = self._next(position)
            if batch is None:
                return
            yield from batch

    def _next(self, position: int) -> tuple[list[Object] | None, int]:
        """Wait for something to say; None at the end."""
        with self.store.condition:
            while True:
                news = [event for event in self.store.history if event.revision > position and event.key == self.kind.key]
                if news:
                    return [found for event in news for found in self._seen(event)], news[-1].revision
                now = time.monotonic()
                if self.store.closing or now >= self.deadline:
                    return None, position
                if self.bookmark_at is not None and now >= self.bookmark_at:
                    self.bookmark_at = None
                    return [self._bookmark(max(position, self._last()))], position
                self.store.condition.wait((self.bookmark_at or self.deadline) - now)

    def _last(self) -> int:
        return self.store.revision

    def _bookmark(self, revision: int) -> Object:
        return {"type": "BOOKMARK", "object": self._complete({"metadata": {"resourceVersion": str(revision)}, **BOOKMARK_REST.get(self.kind.kind, {})})}

    def _seen(self, event: Event) -> list[Object]:
        """An event as this watch sees it: entering the selection is ADDED, leaving it is DELETED."""
        if self.namespace and event.item["metadata"].get("namespace") != self.namespace:
            return []
        before = event.previous is not None and self.wanted(event.previous)
        now = event.type != "DELETED" and self.wanted(event.item)
        if now:
            return [{"type": "MODIFIED" if before else "ADDED", "object": self._complete(event.item)}]
        return [{"type": "DELETED", "object": self._complete(event.item)}] if before else []

    def _complete(self, item: Object) -> Object:
        return {"kind": self.kind.kind, "apiVersion": self.kind.api_version, **item}
