# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at who offers GPUs in a cluster, and put the look into words as layer `device_plugin`.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils import _kube
from ansible_collections.gpudev.workstation.plugins.module_utils._device_plugin import (
    ADDON,
    CATALOGUE,
    DRA,
    NONE,
    Counts,
    Diagnosis,
    Provider,
    View,
    container_state,
    diagnose,
    find_providers,
    gpu_counts,
    node_ready,
    of_minikube,
    on_wsl,
    shares_otherwise,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import Api, KubeError, Readiness
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, UNKNOWN, UNREACHABLE, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import MIG, Sharing
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed

LAYER = "device_plugin"

_ERROR_CODES = {
    _kube.UNREACHABLE: "PLUGIN-API-001",
    _kube.BUSY: "PLUGIN-API-001",
    _kube.UNAUTHORIZED: "PLUGIN-API-002",
    _kube.FORBIDDEN: "PLUGIN-API-003",
    _kube.SCHEMA: "PLUGIN-API-005",
    _kube.CONFIG: "PLUGIN-API-006",
    _kube.CONFLICT: "PLUGIN-API-007",
}


def look(kube: Api) -> View:
    """Nodes, providers and their pods; logs and events only of those that do not simply run."""
    nodes = kube.find("Node")
    providers = find_providers(kube.find("DaemonSet"), kube.find("Pod"), _slices(kube))
    for provider in providers:
        _hear(kube, provider)
    return View(
        counts=gpu_counts(nodes),
        providers=providers,
        diagnoses=[diagnose(provider) for provider in providers],
        nodes_ready=any(node_ready(node) for node in nodes),
        wsl=any(on_wsl(node) for node in nodes),
        minikube=bool(nodes) and all(of_minikube(node) for node in nodes),
    )


def _slices(kube: Api) -> list[dict[str, t.Any]]:
    try:
        return kube.find("ResourceSlice")
    except KubeError as error:
        # Before Kubernetes 1.34 there is no such resource.
        if error.kind == _kube.NOT_FOUND:
            return []
        raise


def _hear(kube: Api, provider: Provider) -> None:
    """What the provider's pod has said, or what was said about it."""
    if provider.kind == "ResourceSlice":
        return
    if not provider.pods:
        provider.events = kube.events(provider.namespace, provider.name, provider.kind)
        return
    pod = provider.pods[0]
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    state = container_state(status)
    restarted = any(container.get("restartCount", 0) for container in status.get("containerStatuses") or [])
    if "waiting" in state:
        provider.events = kube.events(provider.namespace, name)
    if "waiting" not in state or restarted:
        container = str((status.get("containerStatuses") or [{}])[0].get("name") or "")
        provider.log = kube.log(name, provider.namespace, container)
        provider.previous_log = kube.log(name, provider.namespace, container, previous=True) if restarted and not provider.log else ""


def facts_of(view: View) -> dict[str, t.Any]:
    active = view.active
    return {
        "provider": active.origin if active else NONE,
        "providers": [{"origin": one.origin, "kind": one.kind, "namespace": one.namespace, "name": one.name, "image": one.image} for one in view.providers],
        "version": active.version if active else "",
        "capacity": view.counts.capacity or 0,
        "allocatable": view.counts.allocatable or 0,
        "resources": {name: {"capacity": capacity, "allocatable": allocatable} for name, (capacity, allocatable) in view.counts.resources.items()},
        "sharing": active.sharing.told() if active and active.sharing else "",
    }


def layer_of(view: View, context: str, waited: float = 0, wanted: Sharing | None = None) -> Layer:
    """The verdict on what was seen: exactly one provider, and a GPU that is allocatable, in the way that is declared."""
    details: dict[str, t.Any] = {"context": context, "seconds": f"{waited:.0f}", "capacity": view.counts.capacity or 0}
    if not view.providers:
        return _layer(
            view, BROKEN, "no device plugin in any namespace", [CATALOGUE["PLUGIN-ABSENT-001"].finding(view.counts.told(), **details), *_node(view, details)]
        )
    if len(view.others) > 1:
        names = " and ".join(provider.told() for provider in view.providers)
        finding = CATALOGUE["PLUGIN-TWO-001"].finding(names, count=len(view.providers), providers=names, **details)
        return _layer(view, BROKEN, f"{len(view.providers)} providers on one node", [finding])
    active = view.active or view.providers[0]
    beside = _beside(view, details)
    for other in view.others:
        if wanted is not None and shares_otherwise(other, wanted):
            return _layer(view, BROKEN, f"{other.told()} is there, {wanted.told()} is declared", [_shared_otherwise(other, wanted, details), *beside])
    if active.origin == DRA:
        return _layer(view, OK, f"offered by {active.told()}", [CATALOGUE["PLUGIN-DRA-001"].finding(active.name, **details), *beside])
    if view.counts.usable and not view.nodes_ready:
        return _layer(view, BROKEN, f"{view.counts.told()}, but no node is Ready", [*_node(view, details), *beside])
    if view.serves(active, wanted):
        return _layer(view, OK, f"{view.counts.told()}, offered by {active.told()}", beside)
    return _failing(view, active, wanted, details, beside)


def _failing(view: View, active: Provider, wanted: Sharing | None, details: dict[str, t.Any], beside: list[Finding]) -> Layer:
    """There is a provider, and no GPU, or not in the way that is declared."""
    diagnosis = view.diagnosis(active)
    if diagnosis.starting:
        finding = CATALOGUE["PLUGIN-STARTING-001"].finding(view.counts.told(), **details)
        return _layer(view, UNKNOWN, f"{active.told()} is still starting", [finding, *_node(view, details), *beside])
    if view.counts.usable and wanted is not None:
        code = "PLUGIN-SHARE-004" if wanted.mode == MIG else "PLUGIN-SHARE-007"
        finding = CATALOGUE[code].finding(view.counts.told(), wanted=wanted.told(), **details)
        return _layer(view, BROKEN, f"{view.counts.told()}, {wanted.told()} is declared", [finding, *beside])
    finding = _failure(diagnosis, view.counts, active, details)
    more = [*_nested(view, active), *_node(view, details), *beside]
    return _layer(view, BROKEN, f"{view.counts.told()}, though there is {active.told()}", [finding, *more])


def _nested(view: View, active: Provider) -> list[Finding]:
    """On WSL2 a plugin that sees libdxcore.so says `wsl`."""
    platform = re.search(r"Detected platform: (?!wsl).*", active.log or active.previous_log) if view.wsl else None
    return [CATALOGUE["PLUGIN-WSL-001"].finding(platform.group())] if platform else []


def _shared_otherwise(other: Provider, wanted: Sharing, details: dict[str, t.Any]) -> Finding:
    code = "PLUGIN-SHARE-005" if other.origin in (ADDON, "deprecated_addon") else "PLUGIN-SHARE-006"
    seen = other.sharing.told() if other.sharing else "shares in its own way"
    return CATALOGUE[code].finding(f"{other.told()}: {seen}", provider=other.told(), wanted=wanted.told(), **details)


def _layer(view: View, status: str, summary: str, findings: list[Finding]) -> Layer:
    return Layer(LAYER, status, summary, facts_of(view), findings)


def _failure(diagnosis: Diagnosis, counts: Counts, provider: Provider, details: dict[str, t.Any]) -> Finding:
    """Why an existing provider offers nothing: its own words, else what the node's numbers mean."""
    pod = provider.pods[0]["metadata"]["name"] if provider.pods else provider.name
    named = {**details, "name": provider.name, "namespace": provider.namespace, "pod": pod}
    if diagnosis.entry is not None:
        return diagnosis.entry.finding(diagnosis.symptom, **named)
    if counts.capacity is None:
        return CATALOGUE["PLUGIN-ALLOC-001"].finding(counts.told(), **named)
    return CATALOGUE["PLUGIN-ALLOC-002" if counts.capacity == 0 else "PLUGIN-ALLOC-003"].finding(counts.told(), **named)


def _node(view: View, details: dict[str, t.Any]) -> list[Finding]:
    return [] if view.nodes_ready else [CATALOGUE["PLUGIN-NODE-001"].finding("no node has condition Ready=True", **details)]


def _beside(view: View, details: dict[str, t.Any]) -> list[Finding]:
    if view.own is None or not view.others:
        return []
    names = " and ".join(provider.told() for provider in view.others)
    return [CATALOGUE["PLUGIN-TWO-002"].finding(f"{len(view.providers)} providers", providers=names, **details)]


def layer_of_error(error: KubeError, context: str) -> Layer:
    """A cluster that cannot be asked, or that refused."""
    entry = CATALOGUE[_ERROR_CODES.get(error.kind, "PLUGIN-API-008")]
    right = re.search(r'cannot (\w+) resource "([^"]+)"(?: in API group "([^"]*)")?', error.text)
    verb, resource = (right.group(1), ".".join(part for part in right.groups()[1:] if part)) if right else ("see", "what was seen")
    return Layer(LAYER, entry.status or BROKEN, str(error), {}, [entry.finding(error.text or str(error), context=context, verb=verb, resource=resource)])


def layer_of_deadline(passed: DeadlinePassed, context: str) -> Layer:
    """Something was not seen in time: most often /readyz, whose last answer is told."""
    last = passed.last
    if isinstance(last, KubeError):
        return layer_of_error(last, context)
    if not isinstance(last, Readiness):
        return Layer(LAYER, UNKNOWN, str(passed), {}, [CATALOGUE["PLUGIN-API-008"].finding(str(passed), context=context)])
    finding = CATALOGUE["PLUGIN-API-004"].finding(last.text, context=context, seconds=f"{passed.seconds:.0f}")
    return Layer(LAYER, UNREACHABLE, f"the API server is {last.told()} after {passed.seconds:.0f} s", {}, [finding])
