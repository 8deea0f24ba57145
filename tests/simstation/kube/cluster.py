# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One minikube profile's cluster: start, stop, delete, addons. Its whole state is `station.state["clusters"][name]`."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from . import applications
from .api import Api
from .autoscaler import Autoscaler
from .bootstrap import bootstrap
from .certificates import Certificates
from .engine import Context, Engine
from .kubelet import Kubelet
from .node_status import NodeStatus
from .registry import Registry
from .scheduler import Scheduler
from .server import Server
from .store import Store, resource
from .workloads import ControllerManager

Object = dict[str, Any]

# What minikube v1.38.1 applies (facts/minikube.md); the object is that of recordings/gpu/plugin_ds.json.
ADDON = "nvidia-device-plugin"
METRICS = "metrics-server"
ADDON_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.18.2"
ADDON_NAME = "nvidia-device-plugin-daemonset"
# Part of a slow start in which connections are refused; the rest answers 500 on /readyz (recordings/kube/readyz_not_ready.jsonl).
REFUSED_PART = 0.4


def addon_daemon_set(image: str) -> Object:
    container = {
        "name": "nvidia-device-plugin-ctr",
        "image": image,
        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "false"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "device-plugin", "mountPath": "/var/lib/kubelet/device-plugins"}],
    }
    template_spec = {
        "containers": [container],
        "priorityClassName": "system-node-critical",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "volumes": [{"name": "device-plugin", "hostPath": {"path": "/var/lib/kubelet/device-plugins"}}],
    }
    labels = {"name": "nvidia-device-plugin-ds"}
    spec = {
        "selector": {"matchLabels": dict(labels)},
        "template": {"metadata": {"labels": dict(labels)}, "spec": template_spec},
        "updateStrategy": {"type": "RollingUpdate"},
    }
    metadata: Object = {"annotations": {}, "name": ADDON_NAME, "namespace": "kube-system"}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}


class Cluster:
    """One per profile."""

    def __init__(self, station: Any, name: str, certificates: Path) -> None:
        self.station = station
        self.name = name
        self.certificates = Certificates(Path(certificates), name)
        self._guard = threading.RLock()
        self._server: Server | None = None
        self._began: float | None = None
        self._prepare()

    def _prepare(self) -> None:
        """The parts over the section of the document; anew after each stop, because watches and timers end with it."""
        with self.station.lock:
            self.station.state.setdefault("clusters", {}).setdefault(self.name, {})
        self._store = Store(self.station, self.name)
        self._context = Context(self.station, self._store)
        self._applications = applications.Applications(self._context)
        kubelet = Kubelet(self._context, self._applications)
        self._engine = Engine(
            self._context,
            [
                ControllerManager(self._context).plan,
                Autoscaler(self._context).plan,
                Scheduler(self._context).plan,
                kubelet.plan,
                NodeStatus(self._context).plan,
            ],
        )
        self._api = Api(self._store, self._context.registry, self._context.logs, self._progress, self._applications)

    @property
    def section(self) -> Object:
        found: Object = self.station.state["clusters"].get(self.name, {})
        return found

    @property
    def port(self) -> int:
        """Where the API is or was served; 0 before the first start."""
        return int(self.section.get("port", 0))

    # --- life ---

    def start(self) -> int:
        """Serve; gives the port at once, also when the API needs a while (knob apiserver_delay_s)."""
        with self._guard:
            if self._server is not None:
                return self.port
            if self.name not in self.station.state["clusters"]:
                self._prepare()
            self.certificates.ensure()
            self._begin_section()
            self._server = Server(self._api, self.certificates)
            port = self._server.bind(self.port)
            if port != self.section.get("port"):
                with self.station.changed():
                    self.section["port"] = port
            self._begin_serving(self._server)
            self._engine.start()
            return port

    def _begin_section(self) -> None:
        """First start: bootstrap. After a stop: the node boots again. Neither: the document goes on where it was."""
        with self.station.lock:
            if not self._store.objects:
                self.create()
            elif not self.section.get("running", True):
                with self.station.changed():
                    self.section.update(running=True, boots=self.section.get("boots", 0) + 1)
                    for entry in self.section.get("devices", {}).values():
                        entry.update(count=0, healthy=0, pod=None)
                    self._zero_devices()

    def _zero_devices(self) -> None:
        node = self._context.node()
        names = list(self.section.get("devices", {}))

        def change(status: Object) -> None:
            for name in names:
                status["capacity"][name] = status["allocatable"][name] = "0"

        if names:
            self._context.set_status(resource("nodes"), node, change, "kubelet")

    def _delay(self) -> float:
        return float(self._context.knobs.get("apiserver_delay_s", 0)) * float(self.station.time_scale)

    def _begin_serving(self, server: Server) -> None:
        self._began = None
        delay = self._delay()
        if not delay:
            server.listen()
        elif self._context.knobs.get("apiserver_delay_from_first_look"):
            server.on_connect = self._first_look
            server.listen()
        else:
            self._slow_start(server)

    def _slow_start(self, server: Server) -> None:
        self._began = time.monotonic()
        timer = threading.Timer(self._delay() * REFUSED_PART, server.listen)
        timer.daemon = True
        timer.start()

    def _first_look(self) -> bool:
        """The slow start begins when somebody looks: this connection is dropped, the next ones are refused for a while."""
        with self._guard:
            if self._server is None or self._began is not None:
                return False
            self._server.refuse()
            self._slow_start(self._server)
            return True

    def _progress(self) -> float | None:
        """How far the 500 phase of a slow start is (0..1); None when there is none."""
        if self._began is None:
            return None
        elapsed = (time.monotonic() - self._began) / max(self._delay(), 1e-9)
        return max((elapsed - REFUSED_PART) / (1 - REFUSED_PART), 0.0)

    def stop(self) -> None:
        """The node stops: connections break, containers die with it; objects stay."""
        with self._guard:
            self._end()
            with self.station.changed():
                self.section["running"] = False

    def close(self) -> None:
        """End threads and sockets only: the simulator process ends, the document says that the cluster runs."""
        with self._guard:
            self._end()

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        self._engine.stop()
        self._store.close()
        self._applications.close()
        server.close()
        self._prepare()

    def delete(self) -> None:
        with self._guard:
            self._end()
            for path in (*self.certificates.server, *self.certificates.client):
                path.unlink(missing_ok=True)
            with self.station.changed() as state:
                state["clusters"].pop(self.name, None)

    @property
    def ready(self) -> bool:
        """Would /readyz say ok?"""
        with self._guard:
            if self._server is None:
                return False
            if self._delay() and self._began is None:
                self._first_look()
            progress = self._progress()
        return progress is None or progress >= 1

    # --- addons ---

    def enable_addon(self, name: str, image: str | None = None) -> None:
        """`kubectl apply` of the addon's object, as minikube does it inside the node."""
        if self._measures(name, True):
            return
        self._known_addon(name)
        if self._context.knobs.get("addon", "works") == "never_applied":
            return
        wanted = addon_daemon_set(image or ADDON_IMAGE)
        applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(wanted, separators=(",", ":"), sort_keys=True) + "\n"}
        kind = resource("daemonsets.apps")
        body = {**wanted, "metadata": {**wanted["metadata"], "annotations": applied}}
        with self._store.locked():
            if self._store.get(kind, "kube-system", ADDON_NAME):
                body = {"metadata": body["metadata"], "spec": body["spec"]}
                self._context.registry.patch(kind, "kube-system", ADDON_NAME, "strategic", body, "kubectl-client-side-apply")
            else:
                self._context.registry.create(kind, body, "kubectl-client-side-apply")

    def _measures(self, name: str, on: bool) -> bool:
        """metrics-server: here no pods of its own, but whether anything is measured (autoscaler.py)."""
        if name == METRICS:
            with self.station.changed():
                self.section["metrics_server"] = on
        return name == METRICS

    def disable_addon(self, name: str) -> None:
        if self._measures(name, False):
            return
        self._known_addon(name)
        kind = resource("daemonsets.apps")
        with self._store.locked():
            if self._store.get(kind, "kube-system", ADDON_NAME):
                self._context.registry.delete(kind, "kube-system", ADDON_NAME, {"propagationPolicy": "Background"})

    def _known_addon(self, name: str) -> None:
        if name != ADDON:
            self.station.unknown("minikube addon in the cluster", name)

    # --- images in the node ---

    @property
    def running(self) -> bool:
        """What the document says: the node ran when it was written (also when this process does not serve it yet)."""
        return bool(self.section.get("objects")) and bool(self.section.get("running", False))

    def add_image(self, image: str, record: Object | None = None) -> None:
        """`minikube image load` or `build`: the node has it from now on; the record says what it is and what it runs."""
        with self.station.changed():
            images = self._context.knobs.setdefault("images", [])
            if image not in images:
                images.append(image)
            applications.remember(self.section, image, record)
        self._engine.look()

    def remove_image(self, image: str) -> None:
        with self.station.changed():
            images = self._context.knobs.setdefault("images", [])
            if image in images:
                images.remove(image)
            applications.remember(self.section, image, None)

    # --- for scenarios and tests ---

    def create(self) -> None:
        """The objects of a first start, without serving them."""
        if not self._store.objects:
            with self.station.changed():
                self.section.update(running=True, boots=0)
                self.section.setdefault("revision", 0)
            bootstrap(self._context)

    def settle(self, horizon: float = 90.0) -> None:
        """Without serving: let the controllers come to rest in virtual time, so that a station starts with a cluster that has been running."""
        self.create()
        self._engine.settle(horizon)

    def look(self) -> None:
        """Knobs changed: let the controllers look again."""
        self._engine.look()

    @property
    def api(self) -> Api:
        return self._api

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def registry(self) -> Registry:
        return self._context.registry
