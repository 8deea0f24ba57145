# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a pod as the kubelet writes it: phase, conditions, container states, addresses, granted devices."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

from . import applications, bootstrap, gpu
from .engine import Context
from .scheduler import quantity, requests
from .store import resource

Object = dict[str, Any]


class PodStatus:
    def __init__(self, context: Context) -> None:
        self.context = context

    def write(
        self,
        pod: Object,
        fields: Object,
        state: Object,
        *,
        ready: bool = False,
        sandbox: bool = True,
        restarts: int = 0,
        code: int | None = None,
        failed: bool = False,
    ) -> None:
        finished = code if code is not None and (failed or pod["spec"]["restartPolicy"] == "Never") else None

        def change(status: Object) -> None:
            known = (status.get("containerStatuses") or [{}])[0]
            address = self._address(pod) if sandbox or fields["phase"] != "Pending" else ""
            status.update(fields, observedGeneration=pod["metadata"].get("generation", 1))
            status["conditions"] = self._conditions(pod, status.get("conditions") or [], ready, sandbox, finished)
            status.update(hostIP=bootstrap.NODE_ADDRESS, hostIPs=[{"ip": bootstrap.NODE_ADDRESS}])
            if address and (state.get("waiting") or {}).get("reason") != "ContainerCreating":
                status.update(podIP=address, podIPs=[{"ip": address}])
            status.setdefault("startTime", self.context.stamp())
            status["containerStatuses"] = [self._container_status(pod, known, state, ready, restarts)]
            status.setdefault("resources", {})
            granted = {name: str(int(amount)) for name, amount in requests(pod).items() if "/" in name}
            if granted:
                status["allocatedResources"] = granted

        self.context.set_status(resource("pods"), pod, change, "kubelet")

    def _address(self, pod: Object) -> str:
        if pod["spec"].get("hostNetwork"):
            return bootstrap.NODE_ADDRESS
        digest = hashlib.sha256(pod["metadata"]["uid"].encode()).digest()
        return f"10.244.0.{2 + digest[0] % 250}"

    def _conditions(self, pod: Object, known: list[Object], ready: bool, sandbox: bool, finished: int | None) -> list[Object]:
        names = ", ".join(container["name"] for container in pod["spec"]["containers"])
        unready: Object = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}
        if finished is not None:
            unready = {"reason": "PodCompleted" if finished == 0 else "PodFailed"}
        wanted: list[tuple[str, bool, Object]] = [
            ("PodReadyToStartContainers", sandbox, {}),
            ("Initialized", True, {"reason": "PodCompleted"} if finished == 0 else {}),
            ("Ready", ready, {} if ready else unready),
            ("ContainersReady", ready, {} if ready else unready),
            ("PodScheduled", True, {}),
        ]
        return [self._condition(kind, value, extra, known, pod) for kind, value, extra in wanted]

    def _condition(self, kind: str, value: bool, extra: Object, known: list[Object], pod: Object) -> Object:
        text = "True" if value else "False"
        old = next((entry for entry in known if entry["type"] == kind), None)
        since = old["lastTransitionTime"] if old and old["status"] == text else self.context.stamp()
        generation = pod["metadata"].get("generation", 1)
        return {"type": kind, "observedGeneration": generation, "status": text, "lastProbeTime": None, "lastTransitionTime": since, **extra}

    def _container_status(self, pod: Object, known: Object, state: Object, ready: bool, restarts: int) -> Object:
        container = pod["spec"]["containers"][0]
        last: Object = copy.deepcopy(known.get("lastState") or {})
        before = known.get("state") or {}
        if "terminated" in before and "terminated" not in state:
            last = {"terminated": before["terminated"]}
        started = "running" in state
        # A container that outlived its pod's deadline still counts as ready until it is killed.
        ready = ready or (started and bool(known.get("ready")))
        made: Object = {"name": container["name"], "state": state, "lastState": last, "ready": ready, "restartCount": restarts, "image": container["image"]}
        exists = started or "terminated" in state or "containerID" in known
        identity = applications.record_of(self.context.section, container["image"]).get("id") or hashlib.sha256(container["image"].encode()).hexdigest()
        made["imageID"] = f"docker://sha256:{identity}" if exists else ""
        if exists:
            made["containerID"] = (state.get("terminated") or {}).get("containerID") or container_id(pod, restarts)
        made["started"] = started
        if exists:
            made["resources"] = copy.deepcopy(container.get("resources") or {})
        self._granted(container, made)
        made["volumeMounts"] = [_mounted(mount) for mount in container.get("volumeMounts") or []]
        return made

    def _granted(self, container: Object, made: Object) -> None:
        asked = {name: amount for name, amount in ((container.get("resources") or {}).get("requests") or {}).items() if "/" in name}
        if not asked:
            return
        if made["imageID"]:
            made["allocatedResources"] = dict(asked)
        gpus = gpu.in_windows(self.context)
        identity = gpus[0]["uuid"] if gpus else "all"
        made["allocatedResourcesStatus"] = [
            {"name": name, "resources": [{"resourceID": identity, "health": "Healthy"}] * int(quantity(amount))} for name, amount in asked.items()
        ]

    def sandbox_gone(self, status: Object) -> None:
        for entry in status["conditions"]:
            if entry["type"] == "PodReadyToStartContainers":
                entry.update(status="False", lastTransitionTime=self.context.stamp())


def container_id(pod: Object, restarts: int) -> str:
    return "docker://" + hashlib.sha256(f"{pod['metadata']['uid']}/{restarts}".encode()).hexdigest()


def _mounted(mount: Object) -> Object:
    return {**mount, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else dict(mount)
