# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler: binds pods to the one node or says in its own words why not (recordings/kube/gpu_pod_pending, gpu_pod_busy)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from .engine import Context, Step
from .store import resource
from .workloads import node_matches

Object = dict[str, Any]

DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS: dict[str, int | Fraction] = {**DECIMAL, "m": Fraction(1, 1000), "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
NOT_HELPFUL = "Preemption is not helpful for scheduling."
NO_VICTIMS = "No preemption victims found for incoming pod."
NEVER_COUNTED = ("Succeeded", "Failed")


def quantity(text: str) -> Fraction:
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text))
    if not match or match.group(2) not in UNITS:
        return Fraction(0)
    return Fraction(match.group(1)) * UNITS[match.group(2)]


def requests(pod: Object) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for container in pod["spec"]["containers"]:
        for name, amount in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = total.get(name, Fraction(0)) + quantity(amount)
    return total


def used(pods: list[Object]) -> dict[str, Fraction]:
    """What the pods on the node hold."""
    total: dict[str, Fraction] = {}
    for pod in pods:
        if pod["spec"].get("nodeName") and pod.get("status", {}).get("phase") not in NEVER_COUNTED:
            for name, amount in requests(pod).items():
                total[name] = total.get(name, Fraction(0)) + amount
    return total


def tolerated(spec: Object, taint: Object) -> bool:
    for entry in spec.get("tolerations") or []:
        key_matches = not entry.get("key") or entry["key"] == taint["key"]
        value_matches = entry.get("operator") == "Exists" or entry.get("value", "") == taint.get("value", "")
        if key_matches and value_matches and entry.get("effect") in (None, "", taint["effect"]):
            return True
    return False


class Scheduler:
    def __init__(self, context: Context) -> None:
        self.context = context

    def plan(self) -> Iterator[Step]:
        pods = self.context.all("pods")
        for pod in pods:
            waiting = not pod["spec"].get("nodeName") and not pod["metadata"].get("deletionTimestamp")
            if not waiting or pod["spec"].get("schedulerName") != "default-scheduler":
                continue
            uid = pod["metadata"]["uid"]
            message = self.obstacle(pod, pods)
            if message is None:
                yield Step(f"schedule-{uid}", "bind", 0.02, self._binder(pod))
                return  # one at a time: the next one sees what this one took
            if message != self._told(pod):
                yield Step(f"schedule-{uid}", message, 0.02, self._refuser(pod, message))

    def obstacle(self, pod: Object, pods: list[Object]) -> str | None:
        """The message of FailedScheduling; None when the pod fits."""
        node = self.context.node()
        reason, helpful = self._reason(pod, pods, node)
        if reason is None:
            return None
        preemption = NO_VICTIMS if helpful else NOT_HELPFUL
        return f"0/1 nodes are available: 1 {reason}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 {preemption}"

    def _reason(self, pod: Object, pods: list[Object], node: Object) -> tuple[str | None, bool]:
        spec = pod["spec"]
        for taint in node["spec"].get("taints") or []:
            if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerated(spec, taint):
                return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}", False
        if not node_matches(spec, node):
            return "node(s) didn't match Pod's node affinity/selector", False
        allocatable = {name: quantity(amount) for name, amount in node["status"]["allocatable"].items()}
        held = used(pods)
        short = [name for name, amount in requests(pod).items() if amount > allocatable.get(name, Fraction(0)) - held.get(name, Fraction(0))]
        if not short:
            return None, False
        helpful = all(requests(pod)[name] <= allocatable.get(name, Fraction(0)) for name in short)
        return ", 1 ".join(f"Insufficient {name}" for name in sorted(short)), helpful

    def _told(self, pod: Object) -> str:
        for entry in pod.get("status", {}).get("conditions") or []:
            if entry["type"] == "PodScheduled":
                return str(entry.get("message", ""))
        return ""

    def _binder(self, pod: Object) -> Any:
        metadata = pod["metadata"]

        def bind() -> None:
            node = self.context.node()["metadata"]["name"]

            def change(found: Object) -> None:
                found["spec"]["nodeName"] = node
                condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": self.context.stamp()}
                found["status"]["conditions"] = [condition]

            found = self.context.store.get(resource("pods"), metadata["namespace"], metadata["name"])
            if found is None:
                return
            change(found)
            self.context.store.put(resource("pods"), found)
            text = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
            self.context.event(pod, "Pod", "Scheduled", text, source="default-scheduler")

        return bind

    def _refuser(self, pod: Object, message: str) -> Any:
        def refuse() -> None:
            def change(status: Object) -> None:
                condition = {
                    "type": "PodScheduled",
                    "observedGeneration": pod["metadata"].get("generation", 1),
                    "status": "False",
                    "lastProbeTime": None,
                    "lastTransitionTime": self.context.stamp(),
                    "reason": "Unschedulable",
                    "message": message,
                }
                status["conditions"] = [condition]

            self.context.set_status(resource("pods"), pod, change, "kube-scheduler")
            self.context.event(pod, "Pod", "FailedScheduling", message, warning=True, source="default-scheduler")

        return refuse
