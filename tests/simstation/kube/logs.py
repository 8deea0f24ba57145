# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container logs: kept in the document per pod and container, read as the kubelet serves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .status import bad_request
from .store import Store, resource

Object = dict[str, Any]
Line = list[str]


class Logs:
    """`section["logs"][pod uid][container]` = {"current": [[time, text]...], "previous": [...]}"""

    def __init__(self, store: Store) -> None:
        self.store = store

    def _kept(self, uid: str) -> dict[str, dict[str, list[Line]]]:
        found: dict[str, dict[str, list[Line]]] = self.store.section.setdefault("logs", {}).setdefault(uid, {})
        return found

    def begin(self, uid: str, container: str) -> None:
        """A container starts: what was current becomes previous."""
        with self.store.station.changed():
            old = self._kept(uid).get(container)
            self._kept(uid)[container] = {"current": [], **({"previous": old["current"]} if old else {})}

    def write(self, uid: str, container: str, text: str, time: str) -> None:
        with self.store.station.changed():
            lines = self._kept(uid).setdefault(container, {"current": []})["current"]
            lines.extend([time, line] for line in text.split("\n")[: -1 if text.endswith("\n") else None])
            self.store.condition.notify_all()

    def forget(self, uid: str) -> None:
        with self.store.station.changed():
            self.store.section.get("logs", {}).pop(uid, None)

    def read(self, pod: Object, query: dict[str, str]) -> Iterator[bytes]:
        """The log as the query wants it; what cannot be read is refused before anything is sent."""
        name = self._container(pod, query)
        previous = query.get("previous", "").lower() in ("true", "1")
        state: Object = next((entry for entry in pod.get("status", {}).get("containerStatuses") or [] if entry["name"] == name), {})
        uid = pod["metadata"]["uid"]
        with self.store.locked():
            kept = self.store.section.get("logs", {}).get(uid, {}).get(name)
            if previous:
                if not kept or "previous" not in kept:
                    raise bad_request(f'previous terminated container "{name}" in pod "{pod["metadata"]["name"]}" not found')
                lines = [list(line) for line in kept["previous"]]
            else:
                self._require_started(pod, name, state, kept)
                lines = [list(line) for line in (kept or {"current": []})["current"]]
        text = shaped(lines, query)
        if query.get("follow", "").lower() in ("true", "1") and not previous:
            return self._follow(pod, name, text, len(lines))
        return iter([text.encode()])

    def _container(self, pod: Object, query: dict[str, str]) -> str:
        names = [entry["name"] for entry in pod["spec"]["containers"]]
        asked = query.get("container")
        if asked and asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {pod['metadata']['name']}")
        if not asked and len(names) > 1:
            raise bad_request(f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(names)}]")
        return asked or str(names[0])

    def _require_started(self, pod: Object, name: str, state: Object, kept: Any) -> None:
        waiting = state.get("state", {}).get("waiting")
        if waiting and not kept:
            reason = "trying and failing to pull image" if waiting["reason"] in ("ErrImagePull", "ImagePullBackOff") else waiting["reason"]
            raise bad_request(f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: {reason}')
        if not state and not kept and pod.get("status", {}).get("phase") == "Failed":
            raise bad_request(f'container "{name}" in pod "{pod["metadata"]["name"]}" is not available')
        if not state and not kept:
            raise bad_request(f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: ContainerCreating')

    def _follow(self, pod: Object, name: str, text: str, count: int) -> Iterator[bytes]:
        yield text.encode()
        metadata = pod["metadata"]
        while True:
            with self.store.condition:
                kept = self.store.section.get("logs", {}).get(metadata["uid"], {}).get(name, {"current": []})["current"]
                fresh, count = kept[count:], len(kept)
                current = self.store.get(resource("pods"), metadata["namespace"], metadata["name"])
                running = current and current.get("status", {}).get("phase") in ("Pending", "Running")
                if not fresh and (not running or self.store.closing):
                    return
                if not fresh:
                    self.store.condition.wait(5)
                    continue
            yield "".join(f"{line[1]}\n" for line in fresh).encode()


def shaped(lines: list[Line], query: dict[str, str]) -> str:
    if query.get("tailLines"):
        count = int(query["tailLines"])
        lines = lines[-count:] if count else []
    stamped = query.get("timestamps", "").lower() in ("true", "1")
    text = "".join(f"{time} {line}\n" if stamped else f"{line}\n" for time, line in lines)
    return text[: int(query["limitBytes"])] if query.get("limitBytes") else text
