# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the smoke test's pod on a cluster and put the outcome into words as layer `pod`.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_load as load
from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_pod as smoke
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import FORBIDDEN, Api, KubeError, wait_for
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_objects import AUTO, runtime_class
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_view import layer_of_error
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed

LAYER = "pod"
# A pod refused at admission never comes back; three in a row are no coincidence.
MOST_TRIES = 3
# Between two tries the kubelet has to learn of the plugin again, which shows as allocatable.
BETWEEN_TRIES_SECONDS = 15.0
# A GPU that running pods hold may be free only when they end, in hours; one that was just given back is free within this time.
TAKEN_SECONDS = 10.0

# The log of a pod that succeeded -> what it proves.
Judge = t.Callable[[str], Layer]


class SmokeTest:
    """One smoke test on one cluster; leaves no pod behind."""

    def __init__(self, kube: Api, params: dict[str, t.Any], every: float = 1.0) -> None:
        self.kube = kube
        self.params = params
        self.namespace: str = params["namespace"]
        self.seconds: int = params["timeout"]
        self.context: str = params["context"]
        self.expected = {key: value for key, value in (params.get("expected") or {}).items() if value}
        self.every = every
        self.deadline = 0.0
        self.returned: dict[str, t.Any] = {}

    def run(self) -> Layer:
        """What runs nvidia-smi first; a program that computes, and one that keeps the GPU busy, only when that worked."""
        self.returned["leftovers"] = self._remove_leftovers()
        place = self._place()
        layer = self._tried(smoke.smi_program(self.params["image"]), place, self._judge)
        for program, judge in self._computing():
            if layer.status == OK:
                layer = self._added(layer, self._tried(program, place, judge))
        return layer

    def _place(self) -> smoke.Place:
        resource = self.params.get("resource") or smoke.resource_to_ask_for(smoke.gpu_counts(self.kube.find("Node")).offered)
        self.returned["resource"] = resource
        return smoke.Place(self.namespace, resource, runtime_class(self.kube, self.params.get("runtime_class", AUTO)))

    def _computing(self) -> list[tuple[smoke.Program, Judge]]:
        image, command, seconds = self.params.get("cuda_check"), self.params.get("cuda_command") or [], self.params.get("load_seconds") or 0
        if not image:
            return []
        programs: list[tuple[smoke.Program, Judge]] = [(smoke.Program("cuda", image, tuple(command)), self._judge_cuda)]
        if seconds:
            programs.append((smoke.Program("load", image, load.command(seconds, command), seconds), self._judge_load))
        return programs

    @staticmethod
    def _added(before: Layer, after: Layer) -> Layer:
        summary = f"{before.summary}; {after.summary}" if after.status == OK else after.summary
        return Layer(LAYER, after.status, summary, {**before.facts, **after.facts}, [*before.findings, *after.findings])

    def _tried(self, program: smoke.Program, place: smoke.Place, judge: Judge) -> Layer:
        """A pod, and fresh ones as long as they may do better."""
        self.deadline = time.monotonic() + self.seconds + program.seconds
        tries = 0
        while True:
            tries += 1
            layer, again = self._one_pod(program, place, judge)
            self.returned["tries"] = tries
            if not again or tries >= MOST_TRIES or self._left() <= 0:
                return layer
            self._await_allocatable()

    def _left(self) -> float:
        return self.deadline - time.monotonic()

    def _remove_leftovers(self) -> list[str]:
        names = [pod["metadata"]["name"] for pod in self.kube.find("Pod", self.namespace, labels=smoke.SELECTOR)]
        for name in names:
            self.kube.delete("Pod", name, self.namespace, grace_seconds=0)
        return names

    def _one_pod(self, program: smoke.Program, place: smoke.Place, judge: Judge) -> tuple[Layer, bool]:
        """The layer, and whether a fresh pod may do better."""
        name = smoke.new_name()
        try:
            self.kube.create(smoke.manifest(name, program, place, self.seconds))
        except KubeError as error:
            if error.transient:
                # No answer is no proof that it was not made.
                self._take_back(name)
            return self._refused(error), False
        self.returned["pod"] = name
        try:
            seen = self._follow(name)
            log = self.kube.log(name, self.namespace, program.name) if seen.over and seen.state != "gone" else ""
            return self._judged(seen, log, judge), seen.worth_another_pod
        finally:
            self.kube.delete("Pod", name, self.namespace, grace_seconds=0)

    def _take_back(self, name: str) -> None:
        """As far as the API server answers; otherwise its own deadline ends the pod, and the next run removes it."""
        try:
            self.kube.delete("Pod", name, self.namespace, grace_seconds=0)
        except KubeError:
            return

    def _follow(self, name: str) -> smoke.Progress:
        """Until it is over; a pod that waits for good reasons is given the whole time."""
        last: list[smoke.Progress] = []
        patient_until = time.monotonic() + TAKEN_SECONDS

        def look() -> smoke.Progress:
            pod = self.kube.get("Pod", name, self.namespace)
            phase = ((pod or {}).get("status") or {}).get("phase")
            events = self.kube.events(self.namespace, name) if phase in (None, "Pending", "Failed") else []
            last[:] = [smoke.progress(pod, events)]
            return last[0]

        def settled(seen: smoke.Progress) -> bool:
            return seen.over or (time.monotonic() >= patient_until and self._taken(seen))

        try:
            return wait_for("the end of the smoke test's pod", look, settled, max(0.0, self._left()), self.every)
        except DeadlinePassed as passed:
            if isinstance(passed.last, KubeError):
                raise passed.last from passed
            return last[0]

    def _taken(self, seen: smoke.Progress) -> bool:
        """All GPUs are held by pods of which none is about to end."""
        if seen.state != "Unschedulable":
            return False
        pods = self.kube.find("Pod")
        ending = smoke.gpu_holders(pod for pod in pods if pod["metadata"].get("deletionTimestamp"))
        return not ending and smoke.why_unschedulable(seen, self.kube.find("Node"), pods)[0].code == "POD-PENDING-002"

    def _judged(self, seen: smoke.Progress, log: str, judge: Judge) -> Layer:
        """What is the same for all programs: one that did not succeed."""
        if not seen.over:
            return self._late(seen)
        if seen.entry is not None or seen.state != "Succeeded":
            self.returned["log"] = log
            seen = smoke.why_failed(seen, log)
            entry = seen.entry or smoke.CATALOGUE["POD-EXIT-001"]
            return self._broken(entry, seen.symptom, exit_code=seen.exit_code, state=seen.state)
        return judge(log)

    def _judge(self, log: str) -> Layer:
        self.returned["log"] = log
        gpus = smoke.gpus_in(log)
        if not gpus:
            return self._broken(smoke.why_no_gpu(log), log or "an empty log")
        self.returned["gpu"] = gpus[0].as_dict()
        different = smoke.differences(gpus[0], self.expected)
        if different:
            return self._broken(smoke.CATALOGUE["POD-MISMATCH-001"], log, difference="; ".join(different))
        driver = f", driver {gpus[0].driver_version}" if gpus[0].driver_version else ""
        unknown = smoke.not_compared(gpus[0], self.expected)
        facts = {"gpu": gpus[0].as_dict(), "compared": sorted(set(self.expected) - set(unknown)), "not_compared": unknown}
        return Layer(LAYER, OK, f"a pod with one {self.returned['resource']} saw {gpus[0].name}{driver}", facts)

    def _judge_cuda(self, log: str) -> Layer:
        self.returned["cuda_log"] = log
        return Layer(LAYER, OK, f"{self.params['cuda_check']} computed on it")

    def _judge_load(self, log: str) -> Layer:
        found = load.load_in(log)
        if found is None:
            return self._broken(smoke.CATALOGUE["POD-PERF-002"], log or "no sample")
        self.returned["load"] = found.as_dict()
        findings = [self._low(found)] if found.low else []
        return Layer(LAYER, OK, found.told(), {"load": found.as_dict()}, findings)

    def _low(self, found: load.Load) -> Finding:
        """A warning: what starves a program that feeds the GPU is most often the node."""
        allocatable = (self.kube.find("Node") or [{}])[0].get("status", {}).get("allocatable") or {}
        return smoke.CATALOGUE["POD-PERF-001"].finding(found.told(), cpus=allocatable.get("cpu", "?"), memory=allocatable.get("memory", "?"))

    def _late(self, seen: smoke.Progress) -> Layer:
        if seen.state == "Unschedulable":
            entry, details = smoke.why_unschedulable(seen, self.kube.find("Node"), self.kube.find("Pod"))
            return self._broken(entry, seen.symptom, **details)
        if seen.entry is not None:
            return self._broken(seen.entry, seen.symptom)
        return self._broken(smoke.CATALOGUE["POD-DEADLINE-001"], seen.symptom or seen.state, state=seen.state)

    def _broken(self, entry: t.Any, symptom: str, **details: t.Any) -> Layer:
        finding = entry.finding(symptom, context=self.context, seconds=self.seconds, **details)
        return Layer(LAYER, entry.status or BROKEN, f"no pod on the GPU: {finding.cause}", {"tries": self.returned.get("tries", 1)}, [finding])

    def _refused(self, error: KubeError) -> Layer:
        """A quota is a 403 too, and has its own cure."""
        quota = smoke.CATALOGUE["POD-PENDING-004"]
        if error.kind == FORBIDDEN and quota.matches(error.text):
            return self._broken(quota, error.text)
        return layer_of_api_error(error, self.context)

    def _await_allocatable(self) -> None:
        """A fresh pod is refused again unless the plugin is back; that it is not, the next pod will say."""
        patience = max(0.0, min(BETWEEN_TRIES_SECONDS, self._left()))
        try:
            wait_for("an allocatable GPU", lambda: self.kube.find("Node"), lambda nodes: smoke.gpu_counts(nodes).usable, patience, self.every)
        except DeadlinePassed:
            return


def layer_of_api_error(error: KubeError, context: str) -> Layer:
    """What stops the API below stops the pod too."""
    layer = layer_of_error(error, context)
    return Layer(LAYER, layer.status, layer.summary, layer.facts, [replace(finding, layer=LAYER) for finding in layer.findings])


def smoke_test(kube: Api, params: dict[str, t.Any], every: float = 1.0) -> tuple[Layer, dict[str, t.Any]]:
    """The layer and what the module returns beside it."""
    test = SmokeTest(kube, params, every)
    try:
        layer = test.run()
    except KubeError as error:
        layer = layer_of_api_error(error, params["context"])
    return layer, test.returned
