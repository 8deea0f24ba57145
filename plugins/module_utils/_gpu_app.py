# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an application's pods run the image that was built, own a GPU and answer; and if not, why.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils import _smoke_pod as smoke
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import trimmed
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import CATALOGUE, bare_id, explain_pull
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_node import ImageProblem, Node
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import Kube, KubeError, wait_for
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_test import LAYER, layer_of_api_error
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed

Json = t.Mapping[str, t.Any]

NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull")
RESOURCE_PREFIX = "nvidia.com/"
# A proxied answer may be a page; the report needs its beginning.
ANSWER_LENGTH = 2000


@dataclass(frozen=True)
class Wanted:
    """What the application is declared to be."""

    name: str
    namespace: str
    image_id: str = ""
    service: str = ""
    port: int = 0
    path: str = "/"
    seconds: float = 180.0
    context: str = "minikube"


@dataclass(frozen=True)
class View:
    """One look at the Deployment and its pods."""

    deployment: Json | None
    pods: tuple[Json, ...] = ()
    progress: tuple[smoke.Progress, ...] = ()
    stuck: Finding | None = None

    @property
    def ready(self) -> bool:
        """All pods of the newest template, and no others: a Deployment is `Available` while an old pod still serves."""
        if self.deployment is None:
            return False
        spec, status = self.deployment["spec"], self.deployment.get("status") or {}
        wanted = spec.get("replicas", 1)
        pods = [int(status.get(key) or 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        rolled_out = status.get("observedGeneration") == self.deployment["metadata"].get("generation") and pods == [wanted] * 3
        return rolled_out and len(self.pods) == wanted


@dataclass
class App:
    """One application on one cluster."""

    kube: Kube
    wanted: Wanted
    # The node whose images can be listed; None for a cluster that is not minikube's, or an image from a registry.
    node: Node | None = None
    every: float = 1.0
    returned: dict[str, t.Any] = field(default_factory=dict)

    def probe(self) -> Layer:
        started = time.monotonic()
        try:
            view = wait_for(f"{self.wanted.name} ready", self._look, lambda seen: seen.ready or seen.stuck is not None, self.wanted.seconds, self.every)
        except DeadlinePassed as passed:
            if isinstance(passed.last, KubeError):
                raise passed.last from passed
            view = passed.last
        self.returned["app"] = told(view)
        if not view.ready:
            return broken(view.stuck or self._late(view))
        other = wrong_image(self.wanted, view.pods)
        if other is not None:
            return broken(other)
        unanswered = self._ask(max(0.0, self.wanted.seconds - (time.monotonic() - started))) if self.wanted.service else None
        return broken(unanswered) if unanswered else self._serves(view)

    def _look(self) -> View:
        deployment = self.kube.get("Deployment", self.wanted.name, self.wanted.namespace)
        if deployment is None:
            return View(None, stuck=CATALOGUE["APP-004"].finding("404", name=self.wanted.name, namespace=self.wanted.namespace))
        labels = ",".join(f"{key}={value}" for key, value in (deployment["spec"]["selector"].get("matchLabels") or {}).items())
        pods = tuple(pod for pod in self.kube.find("Pod", self.wanted.namespace, labels=labels) if counts(pod))
        progress = tuple(smoke.progress(pod) for pod in pods)
        return View(deployment, pods, progress, self._stuck(pods, progress))

    def _stuck(self, pods: t.Sequence[Json], progress: t.Sequence[smoke.Progress]) -> Finding | None:
        """What waiting longer does not change."""
        for pod, seen in zip(pods, progress):
            if seen.state in NO_IMAGE and self.node is not None:
                finding = self._no_image(self.node, pod, seen)
                if finding.severity == "error":
                    return finding
            elif seen.over and seen.entry is not None:
                return self._said(seen)
        return None

    def _no_image(self, node: Node, pod: Json, seen: smoke.Progress) -> Finding:
        container = pod["spec"]["containers"][0]
        try:
            return explain_pull(node.whereabouts(container["image"]), seen.symptom, container.get("imagePullPolicy", ""))
        except ImageProblem as problem:
            return problem.finding

    def _late(self, view: View) -> Finding:
        for pod, seen in zip(view.pods, view.progress):
            if seen.state == "Unschedulable":
                entry, details = smoke.why_unschedulable(seen, self.kube.find("Node"), self.kube.find("Pod"))
                return entry.finding(seen.symptom, context=self.wanted.context, seconds=self.wanted.seconds, **details)
            if seen.state in NO_IMAGE and self.node is not None:
                return self._no_image(self.node, pod, seen)
            if seen.entry is not None:
                return self._said(seen)
        return CATALOGUE["APP-001"].finding(
            self._last_words(view), name=self.wanted.name, namespace=self.wanted.namespace, seconds=f"{self.wanted.seconds:.0f}"
        )

    def _said(self, seen: smoke.Progress) -> Finding:
        entry = seen.entry or CATALOGUE["APP-001"]
        return entry.finding(seen.symptom, context=self.wanted.context, seconds=f"{self.wanted.seconds:.0f}", state=seen.state, exit_code=seen.exit_code)

    def _last_words(self, view: View) -> str:
        """Of the first pod that is not ready: its state, and what it printed, also before its last restart."""
        for pod, seen in zip(view.pods, view.progress):
            if not is_ready(pod):
                name = pod["metadata"]["name"]
                log = self.kube.log(name, self.wanted.namespace, tail=20) or self.kube.log(name, self.wanted.namespace, previous=True, tail=20)
                return f"{name} is {seen.state} {seen.symptom}".strip() + (f"; log: {log}" if log else "")
        return f"{len(view.pods)} pods, Deployment status {json.dumps((view.deployment or {}).get('status') or {})}"

    def _ask(self, seconds: float) -> Finding | None:
        """What it answers; a Service without an endpoint yet is a 503 and is asked again."""
        wanted = self.wanted
        try:
            answer = wait_for(
                "an answer", lambda: self.kube.ask_service(wanted.service, wanted.namespace, wanted.port, wanted.path), lambda _text: True, seconds
            )
        except DeadlinePassed as passed:
            return CATALOGUE["APP-003"].finding(str(passed.last))
        except KubeError as error:
            return CATALOGUE["APP-003"].finding(str(error))
        self.returned["answer"] = decoded(answer)
        return None

    def _serves(self, view: View) -> Layer:
        summary = f"{self.wanted.name} in {self.wanted.namespace}: {len(view.pods)} pods ready"
        if self.wanted.service:
            summary += f", answers {trimmed(json.dumps(self.returned['answer']))[:120]}"
        return Layer(LAYER, OK, summary, dict(self.returned["app"]), list(without_gpu(self.wanted, view.pods)))


def probe(app: App) -> Layer:
    try:
        return app.probe()
    except KubeError as error:
        return layer_of_api_error(error, app.wanted.context)


def broken(finding: Finding) -> Layer:
    return Layer(LAYER, BROKEN, finding.cause, {}, [finding])


def decoded(answer: str) -> t.Any:
    """JSON as it is, anything else as text."""
    try:
        return json.loads(answer)
    except ValueError:
        return answer[:ANSWER_LENGTH]


def counts(pod: Json) -> bool:
    """A pod that goes, or that the kubelet refused for good, is replaced by its owner and says nothing of the application."""
    return not pod["metadata"].get("deletionTimestamp") and (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")


def statuses(pod: Json) -> list[Json]:
    return list((pod.get("status") or {}).get("containerStatuses") or [])


def is_ready(pod: Json) -> bool:
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in (pod.get("status") or {}).get("conditions") or [])


def wrong_image(wanted: Wanted, pods: t.Sequence[Json]) -> Finding | None:
    """A tag says nothing of what runs; the ID in the container's status does."""
    if not wanted.image_id:
        return None
    for pod in pods:
        for status in statuses(pod)[:1]:
            seen = bare_id(str(status.get("imageID") or ""))
            if seen != bare_id(wanted.image_id):
                return CATALOGUE["APP-002"].finding(f"{pod['metadata']['name']}: {status.get('imageID')}", name=wanted.name, seen=seen, wanted=wanted.image_id)
    return None


def without_gpu(wanted: Wanted, pods: t.Sequence[Json]) -> t.Iterator[Finding]:
    for pod in pods:
        limits = [name for container in pod["spec"]["containers"] for name in (container.get("resources") or {}).get("limits") or {}]
        if not any(name.startswith(RESOURCE_PREFIX) for name in limits):
            yield CATALOGUE["APP-005"].finding(f"{pod['metadata']['name']}: limits {', '.join(limits) or 'none'}", name=wanted.name)
            return


def told(view: View) -> dict[str, t.Any]:
    pods = [
        {
            "name": pod["metadata"]["name"],
            "ready": is_ready(pod),
            "state": seen.state,
            "image": pod["spec"]["containers"][0]["image"],
            "image_id": bare_id(str((statuses(pod) or [{}])[0].get("imageID") or "")),
        }
        for pod, seen in zip(view.pods, view.progress)
    ]
    return {"replicas": ((view.deployment or {}).get("spec") or {}).get("replicas", 0), "pods": pods}
