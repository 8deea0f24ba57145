# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HorizontalPodAutoscalers: replicas follow the use of CPU, by the rules of the Kubernetes documentation ("Horizontal Pod Autoscaling").

SIMULATED: no container burns CPU here. What metrics-server would measure is the knob `cpu_millicores`, {Deployment: all its pods together}; without the addon
metrics-server there is no measurement, as in a real cluster.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from typing import Any

from .engine import Context, Step
from .scheduler import quantity
from .store import resource
from .workloads import AUTOSCALERS, MANAGER

Object = dict[str, Any]

SYNC_SECONDS = 15.0
TOLERANCE = 0.1
DOWN_WINDOW = 300


class Autoscaler:
    """The controller behind autoscaling/v2."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def plan(self) -> Iterator[Step]:
        known = self.context.section.get("autoscalers", {})
        for item in self.context.all(AUTOSCALERS):
            uid = item["metadata"]["uid"]
            count = len(known.get(uid, []))
            yield Step(f"hpa-{uid}", f"sync-{count}-{known.get(uid, [['']])[-1][0]}", SYNC_SECONDS, self._syncing(item))

    def _syncing(self, item: Object) -> Any:
        return lambda: self._sync(item)

    def _sync(self, item: Object) -> None:
        namespace, target = item["metadata"]["namespace"], item["spec"]["scaleTargetRef"]["name"]
        deployment = self.context.store.get(resource("deployments.apps"), namespace, target)
        if deployment is None:
            self._remember(item, 0)
            self._tell(item, "AbleToScale", "FailedGetScale", f"deployments/scale.apps {target!r} not found")
            return
        if not self.context.section.get("metrics_server"):
            self._remember(item, 0)
            text = "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu"
            self._tell(item, "ScalingActive", "FailedGetResourceMetric", text)
            return
        current = int(deployment["spec"]["replicas"])
        utilization = self._utilization(deployment, current)
        desired = self._desired(item, current, utilization)
        if desired != current:
            self._scale(item, deployment, desired)
        self._write(item, current, desired, utilization)

    def _utilization(self, deployment: Object, current: int) -> float:
        """Of all pods, in percent of what they request."""
        used = float(self.context.knobs.get("cpu_millicores", {}).get(deployment["metadata"]["name"], 0))
        asked = sum(quantity((entry["resources"].get("requests") or {}).get("cpu", "0")) for entry in deployment["spec"]["template"]["spec"]["containers"])
        return 100 * used / (1000 * float(asked) * max(current, 1))

    def _desired(self, item: Object, current: int, utilization: float) -> int:
        spec = item["spec"]
        ratio = utilization / spec["metrics"][0]["resource"]["target"]["averageUtilization"]
        wanted = current if abs(ratio - 1) <= TOLERANCE else math.ceil(current * ratio)
        wanted = min(max(wanted, spec.get("minReplicas", 1)), spec["maxReplicas"])
        recent = self._remember(item, wanted)
        return max(recent) if wanted < current else wanted

    def _remember(self, item: Object, wanted: int) -> list[int]:
        """Recommendations within the window that scaling down looks back on; not more than there are now is removed."""
        now = self.context.now()
        window = ((item["spec"].get("behavior") or {}).get("scaleDown") or {}).get("stabilizationWindowSeconds", DOWN_WINDOW)
        with self.context.station.changed():
            known = self.context.section.setdefault("autoscalers", {})
            oldest = now - datetime.timedelta(seconds=window * float(self.context.station.time_scale))
            kept = [entry for entry in known.get(item["metadata"]["uid"], []) if datetime.datetime.fromisoformat(entry[0]) >= oldest]
            known[item["metadata"]["uid"]] = [*kept, [now.isoformat(), wanted]]
        return [entry[1] for entry in known[item["metadata"]["uid"]]]

    def _scale(self, item: Object, deployment: Object, desired: int) -> None:
        metadata = deployment["metadata"]

        def change(found: Object) -> None:
            found["spec"]["replicas"] = desired

        self.context.registry.edit(resource("deployments.apps"), metadata["namespace"], metadata["name"], change, MANAGER)
        side = "above" if desired > deployment["spec"]["replicas"] else "below"
        text = f"New size: {desired}; reason: cpu resource utilization (percentage of request) {side} target"
        self.context.event(item, "HorizontalPodAutoscaler", "SuccessfulRescale", text, source="horizontal-pod-autoscaler")

    def _write(self, item: Object, current: int, desired: int, utilization: float) -> None:
        metric = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": round(utilization)}}}

        def change(status: Object) -> None:
            status.update(currentReplicas=current, desiredReplicas=desired, currentMetrics=[metric])
            status["conditions"] = [self._condition("ScalingActive", "True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count")]

        self.context.set_status(resource(AUTOSCALERS), item, change, MANAGER)

    def _tell(self, item: Object, kind: str, reason: str, message: str) -> None:
        condition = self._condition(kind, "False", reason, message)
        self.context.set_status(resource(AUTOSCALERS), item, lambda status: status.update(conditions=[condition]), MANAGER)

    def _condition(self, kind: str, value: str, reason: str, message: str) -> Object:
        return {"type": kind, "status": value, "lastTransitionTime": self.context.stamp(), "reason": reason, "message": message}
