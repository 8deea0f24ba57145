# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of the node as the kubelet writes it: devices of the plugins, readiness."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import bootstrap, device_plugin
from .engine import Context, Step
from .store import resource

Object = dict[str, Any]

MANAGER = "kubelet"
# endpointStopGracePeriod of the kubelet: after it the capacity is gone too (recordings/kube/node_states.jsonl).
DEVICES_EXPIRE = 300.0


class NodeStatus:
    def __init__(self, context: Context) -> None:
        self.context = context

    def plan(self) -> Iterator[Step]:
        node = self.context.node()
        wanted = self._node_resources(node)
        if wanted != (node["status"]["capacity"], node["status"]["allocatable"]):
            yield Step("node-resources", str(wanted), 0.3, self._write_resources)
        ready = bootstrap.READY if self.context.knobs.get("node_ready", True) else bootstrap.NOT_READY
        [current] = [entry for entry in node["status"]["conditions"] if entry["type"] == "Ready"]
        if (current["status"], current["reason"]) != ready[:2]:
            yield Step("node-ready", ready[1], 0.1, lambda: self._write_ready(*ready))
        for name, entry in device_plugin.devices(self.context).items():
            if entry["count"] and not entry["healthy"] and entry.get("pod") is None:
                yield Step(f"devices-{name}", "expire", DEVICES_EXPIRE, self._expirer(name))

    def _node_resources(self, node: Object) -> tuple[Object, Object]:
        capacity, allocatable = dict(node["status"]["capacity"]), dict(node["status"]["allocatable"])
        for name, entry in device_plugin.devices(self.context).items():
            capacity[name], allocatable[name] = str(entry["count"]), str(entry["healthy"])
        return capacity, allocatable

    def _write_resources(self) -> None:
        node = self.context.node()
        capacity, allocatable = self._node_resources(node)

        def change(status: Object) -> None:
            status.update(capacity=capacity, allocatable=allocatable)

        self.context.set_status(resource("nodes"), node, change, MANAGER)

    def _write_ready(self, value: str, reason: str, message: str) -> None:
        node = self.context.node()
        name = node["metadata"]["name"]

        def change(status: Object) -> None:
            for entry in status["conditions"]:
                if entry["type"] == "Ready":
                    now = self.context.stamp()
                    entry.update(status=value, reason=reason, message=message, lastTransitionTime=now, lastHeartbeatTime=now)

        self.context.set_status(resource("nodes"), node, change, MANAGER)
        taints = [{"key": "node.kubernetes.io/not-ready", "effect": effect} for effect in ("NoSchedule", "NoExecute")] if value != "True" else []

        def taint(found: Object) -> None:
            found["spec"]["taints"] = [entry for entry in found["spec"].get("taints") or [] if entry["key"] != "node.kubernetes.io/not-ready"] + taints

        self.context.registry.edit(resource("nodes"), "", name, taint, "kube-controller-manager")
        said = "NodeReady" if value == "True" else "NodeNotReady"
        self.context.event(self.context.node(), "Node", said, f"Node {name} status is now: {said}")

    def _expirer(self, name: str) -> Callable[[], None]:
        def expire() -> None:
            with self.context.station.changed():
                device_plugin.devices(self.context)[name]["count"] = 0

        return expire
