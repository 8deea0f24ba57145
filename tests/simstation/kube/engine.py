# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controllers as steps: what is to be done next follows from the stored objects alone, so a station can be restarted at any point."""

from __future__ import annotations

import datetime
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .logs import Logs
from .registry import Registry, seconds
from .status import StatusError
from .store import Resource, Store, resource

Object = dict[str, Any]

# How long the thread may sleep before it looks whether the station is closing, or its document changed.
LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Step:
    """Something a controller will do `delay` simulated seconds after it became necessary."""

    key: str
    label: str
    delay: float
    run: Callable[[], None]


class Context:
    """What all controllers of one cluster share."""

    def __init__(self, station: Any, store: Store) -> None:
        self.station = station
        self.store = store
        self.virtual: datetime.datetime | None = None
        self.registry = Registry(store, self.now)
        self.logs = Logs(store)

    @property
    def section(self) -> Object:
        return self.store.section

    @property
    def knobs(self) -> Object:
        found: Object = self.section.setdefault("knobs", {})
        return found

    def now(self) -> datetime.datetime:
        return self.virtual or self.station.now()

    def stamp(self) -> str:
        return seconds(self.now())

    def precise(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def all(self, key: str, namespace: str = "") -> list[Object]:
        """To look at only."""
        return self.store.peek(resource(key), namespace)

    def node(self) -> Object:
        return self.all("nodes")[0]

    def runtime(self, uid: str) -> Object:
        """What the kubelet knows of a pod beyond its status."""
        found: Object = self.section.setdefault("runtime", {}).setdefault(uid, {})
        return found

    def set_status(self, kind: Resource, item: Object, change: Callable[[Object], None], manager: str) -> None:
        metadata = item["metadata"]

        def edit(found: Object) -> None:
            change(found.setdefault("status", {}))

        self.registry.edit(kind, metadata.get("namespace", ""), metadata["name"], edit, manager, subresource="status")

    def event(self, item: Object, kind: str, reason: str, message: str, *, warning: bool = False, source: str = "kubelet", field_path: str = "") -> None:
        """Write an event, or count the same one up."""
        metadata = item["metadata"]
        namespace = metadata.get("namespace", "default")
        for known in self.all("events", namespace):
            same = known["involvedObject"].get("uid") == metadata["uid"] and (known["reason"], known["message"]) == (reason, message)
            if same and known.get("count"):
                self.store.put(resource("events"), {**known, "metadata": dict(known["metadata"]), "count": known["count"] + 1, "lastTimestamp": self.stamp()})
                return
        involved: Object = {"kind": kind, "namespace": namespace, "name": metadata["name"], "uid": metadata["uid"]}
        involved.update(apiVersion="v1" if kind in ("Pod", "Node") else "apps/v1", resourceVersion=metadata.get("resourceVersion", ""))
        if kind == "Node":
            involved.pop("namespace")
        if field_path:
            involved["fieldPath"] = field_path
        made = self._event_body(involved, namespace, reason, message, "Warning" if warning else "Normal", source)
        try:
            self.registry.create(resource("events"), made, source)
        except StatusError:
            # A namespace that is being terminated takes no events; a real component logs that and goes on.
            return

    def _event_body(self, involved: Object, namespace: str, reason: str, message: str, kind: str, source: str) -> Object:
        name = f"{involved['name']}.{int(self.now().timestamp() * 1e9):x}{self.store.revision % 256:02x}"
        made: Object = {"metadata": {"name": name, "namespace": namespace}, "involvedObject": involved, "reason": reason, "message": message, "type": kind}
        if source == "default-scheduler":
            # The scheduler writes the newer form (recordings/kube/gpu_pod_success.jsonl).
            made.update(source={}, firstTimestamp=None, lastTimestamp=None, eventTime=self.precise(), action="Binding" if kind == "Normal" else "Scheduling")
            made.update(reportingComponent=source, reportingInstance="default-scheduler-minikube")
            return made
        where: Object = {"component": source}
        if source == "kubelet":
            where["host"] = self.node()["metadata"]["name"]
        made.update(source=where, firstTimestamp=self.stamp(), lastTimestamp=self.stamp(), count=1, eventTime=None)
        made.update(reportingComponent=source, reportingInstance=where.get("host", ""))
        return made


Planner = Callable[[], Iterable[Step]]


class Engine:
    """Runs the steps of the planners: in a thread with scaled time, or at once in virtual time."""

    def __init__(self, context: Context, planners: list[Planner]) -> None:
        self.context = context
        self.planners = planners
        self._due: dict[str, tuple[str, float]] = {}
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self.context.store.on_change = self._wake.set
            self._thread = threading.Thread(target=self._loop, name=f"kube-{self.context.store.name}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)

    def look(self) -> None:
        """Something outside the store (a knob) may have changed."""
        self._wake.set()

    def _loop(self) -> None:
        """Plan when the store or the station's document changed or a step is due; with hundreds of stations a look at nothing new has to cost nothing."""
        station = self.context.station
        seen, due = -1, 0.0
        scale = max(station.time_scale, 1e-6)
        while not self._stopped.is_set() and not station.closing:
            now = time.monotonic() / scale
            if self._wake.is_set() or station.revision != seen or now >= due:
                self._wake.clear()
                seen = station.revision
                due = now + self._turn(now)
            self._wake.wait(min((due - now) * scale, LOOK_SECONDS))

    def _turn(self, now: float) -> float:
        """Run what is due; simulated seconds until the next step."""
        steps = self._planned(now)
        due = [step for step in steps if self._due[step.key][1] <= now]
        for step in sorted(due, key=lambda step: self._due[step.key][1]):
            if self._stopped.is_set():
                return 0.0
            self._run(step)
        if due:
            return 0.0
        return min((self._due[step.key][1] - now for step in steps), default=math.inf)

    def _planned(self, now: float) -> list[Step]:
        with self.context.store.locked():
            steps = [step for planner in self.planners for step in planner()]
        fresh: dict[str, tuple[str, float]] = {}
        for step in steps:
            known = self._due.get(step.key)
            fresh[step.key] = known if known and known[0] == step.label else (step.label, now + step.delay)
        self._due = fresh
        return steps

    def _run(self, step: Step) -> None:
        self._due.pop(step.key, None)
        try:
            with self.context.store.locked():
                step.run()
        except StatusError as error:
            self.context.station.record_error(f"kubernetes controller: {step.key} {step.label}", str(error))

    def next_step(self, longest: float = 30.0) -> bool:
        """Run the one step that is due first; False when nothing is left to do that takes at most `longest` simulated seconds."""
        steps = [step for step in self._planned(0.0) if step.delay <= longest]
        if not steps:
            return False
        self._run(min(steps, key=lambda entry: entry.delay))
        return True

    def settle(self, horizon: float = 90.0) -> None:
        """Let `horizon` simulated seconds pass at once, in virtual time from now on backwards: the station finds a cluster at rest."""
        start = self.context.station.now() - datetime.timedelta(seconds=horizon)
        now = 0.0
        while True:
            self.context.virtual = start + datetime.timedelta(seconds=now)
            steps = self._planned(now)
            if not steps:
                break
            step = min(steps, key=lambda entry: self._due[entry.key][1])
            now = max(now, self._due[step.key][1])
            if now > horizon:
                break
            self.context.virtual = start + datetime.timedelta(seconds=now)
            self._run(step)
        self.context.virtual = None
        self._due = {}
