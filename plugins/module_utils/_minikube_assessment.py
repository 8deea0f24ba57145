# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a cluster, judged, and what is said of it: the layer's facts, the finding for its state, the findings for what differs.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import glob
import os
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_plan as planning
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import trimmed
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import Outcome
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, NOT_APPLICABLE, OK, UNSUPPORTED, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import CATALOGUE, Look
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_evidence import clean
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_plan import Drift, Step


@dataclass
class Assessment:
    """One look at the cluster, judged."""

    look: Look
    state: str
    drift: list[Drift] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    engine: Outcome | None = None

    @property
    def pending(self) -> list[Drift]:
        return [item for item in self.drift if item.effect != planning.CANNOT_BE_READ]


_STATE_CODES = {
    mk.ENGINE_UNREACHABLE: "MK-020",
    mk.ABSENT: "MK-044",
    mk.LEFTOVER: "MK-052",
    mk.BUSY: "MK-053",
    mk.FOREIGN_CONTAINER: "MK-023",
    mk.FOREIGN_VOLUME: "MK-058",
    mk.FOREIGN_PROFILE: "MK-024",
    mk.HALF_MADE: "MK-021",
    mk.CONTAINER_GONE: "MK-022",
    mk.CORRUPT: "MK-025",
    mk.STOPPED: "MK-045",
    mk.PAUSED: "MK-040",
    mk.KUBELET_DOWN: "MK-027",
    mk.API_DOWN: "MK-026",
    mk.STALE_KUBECONFIG: "MK-028",
    mk.API_SILENT: "MK-042",
    mk.NOT_READY: "MK-029",
}


def state_finding(wanted: Declaration, seen: Assessment) -> tuple[str, Finding | None]:
    """The layer's status for a state, and the finding that explains it; none for the state that is declared."""
    as_declared = {"started": (mk.RUNNING,), "stopped": (mk.STOPPED,), "absent": mk.NOT_THERE}[wanted.state]
    if seen.state in as_declared:
        return (NOT_APPLICABLE if wanted.state == "absent" else OK), None
    look = seen.look
    if seen.state == mk.RUNNING:
        return BROKEN, CATALOGUE["MK-039"].finding(f"state: {wanted.state} is declared", state=seen.state)
    code = _STATE_CODES[seen.state]
    if wanted.state == "stopped" and seen.state in (*mk.NOT_THERE, mk.LEFTOVER):
        code = "MK-049"
    if mk.without_kubernetes(look) and seen.state in (mk.API_DOWN, mk.STOPPED):
        code = "MK-057"
    if seen.state == mk.API_SILENT:
        code = next((known for known in ("MK-030", "MK-047", "MK-056") if CATALOGUE[known].matches(look.node.reason)), code)
    # Of a half-made cluster minikube's status says only in what it stumbled over itself.
    symptoms = {
        mk.HALF_MADE: "",
        mk.ENGINE_UNREACHABLE: look.engine_text,
        mk.NOT_READY: look.node.reason,
        mk.API_SILENT: look.node.reason,
        mk.BUSY: look.at_work,
    }
    entry = CATALOGUE[code]
    made_by = windows_profile(wanted.name) if seen.state == mk.FOREIGN_PROFILE else ""
    symptom = clean(f"found {made_by}" if made_by else symptoms.get(seen.state, look.status.text))
    return entry.status or BROKEN, entry.finding(symptom or f"the cluster is {seen.state}", name=wanted.name, maker=_maker(made_by))


def windows_profile(name: str, mounts: str = "/mnt") -> str:
    """The profile of that name which minikube.exe keeps on the Windows side, as this distro sees it; empty when there is none."""
    found = glob.glob(os.path.join(glob.escape(mounts), "?", "Users", "*", ".minikube", "profiles", glob.escape(name), "config.json"))
    return found[0] if found else ""


def _maker(windows: str) -> str:
    if not windows:
        return "minikube.exe on Windows or another user"
    parts = windows.split(os.sep)
    return f"minikube.exe of the Windows user {parts[parts.index('Users') + 1]}"


def drift_findings(drift: t.Sequence[Drift]) -> list[Finding]:
    found = []
    for effect, code in ((planning.RECREATE, "MK-035"), (planning.RESTART, "MK-036")):
        items = [item for item in drift if item.effect == effect]
        if items:
            found.append(CATALOGUE[code].finding("; ".join(item.told() for item in items), settings=", ".join(item.setting for item in items)))
    return found


def unreadable_findings(drift: t.Sequence[Drift]) -> list[Finding]:
    items = [item.setting for item in drift if item.effect == planning.CANNOT_BE_READ]
    return [CATALOGUE["MK-037"].finding(", ".join(items), settings=", ".join(items))] if items else []


def facts_of(wanted: Declaration, seen: Assessment) -> dict[str, t.Any]:
    look = seen.look
    return {
        "name": wanted.name,
        "state": seen.state,
        "status": look.status.as_dict(),
        "node": {"ready": look.node.ready, "reason": look.node.reason, "kubelet_version": look.node.kubelet_version},
        "profile": look.profile.as_dict() if look.profile else {},
        "container": {"status": look.container.status, "gpus": look.container.gpus, "image": look.container.image} if look.container else {},
        "cgroup_driver": _cgroup_drivers(seen),
    }


def _cgroup_drivers(seen: Assessment) -> dict[str, str]:
    """Row R4 of the guides: who uses which. The engine's is known only where it was asked for."""
    drivers = {"node": seen.look.inside.node_cgroup_driver, "kubelet": seen.look.inside.kubelet_cgroup_driver} if seen.look.inside else {}
    if seen.engine is not None and seen.engine.engine is not None:
        drivers["engine"] = seen.engine.engine.cgroup_driver
    return drivers


def refused_layer(findings: t.Sequence[Finding]) -> Layer:
    return Layer("cluster", UNSUPPORTED, "refused before anything was touched: " + " ".join(finding.cause for finding in findings), {}, list(findings))


def told_steps(steps: t.Sequence[Step]) -> str:
    return trimmed("; ".join(f"{step.action}{' ' + step.subject if step.subject else ''} ({step.why})" for step in steps))
