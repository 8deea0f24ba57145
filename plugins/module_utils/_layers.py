# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nine layers between bare Windows and a pod on the GPU, what can be said of each, and how a chain of them is closed.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

# In this order: a layer can only work when those before it do.
LAYERS: tuple[str, ...] = ("windows", "nvidia_driver", "wsl", "distro", "docker", "docker_gpu", "cluster", "device_plugin", "pod")
# A native Linux host has no Windows below it.
WINDOWS_LAYERS: tuple[str, ...] = LAYERS[:3]

OK = "ok"
CHANGED = "changed"
DRIFT = "drift"
NOT_APPLICABLE = "not_applicable"
BROKEN = "broken"
BLOCKED_BY_POLICY = "blocked_by_policy"
NEEDS_REBOOT = "needs_reboot"
NEEDS_LOGON = "needs_logon"
NEEDS_CONSENT = "needs_consent"
UNSUPPORTED = "unsupported"
UNREACHABLE = "unreachable"
UNKNOWN = "unknown"
SKIPPED = "skipped"

GOES_ON = frozenset((OK, CHANGED, DRIFT, NOT_APPLICABLE))
STOPS = frozenset((BROKEN, BLOCKED_BY_POLICY, NEEDS_REBOOT, NEEDS_LOGON, NEEDS_CONSENT, UNSUPPORTED, UNREACHABLE, UNKNOWN))
STATUSES = GOES_ON | STOPS | {SKIPPED}

SEVERITIES = ("error", "warning", "info")

# Disruptive steps happen only when the user has put their word into O(workstation_allow).
CONSENT_WORDS: tuple[str, ...] = (
    "reboot",
    "wsl_shutdown",
    "docker_restart",
    "docker_desktop_upgrade",
    "cluster_restart",
    "cluster_recreate",
    "node_repair",
    "package_removal",
    "driver_install",
    "windows_update",
)


@dataclass(frozen=True)
class Finding:
    """One thing that was seen, why it is so, and what to do; `symptom` is the observed text, verbatim and trimmed."""

    code: str
    layer: str
    severity: str
    symptom: str
    cause: str
    remedy: str
    reference: str

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("code", "layer", "severity", "symptom", "cause", "remedy", "reference")}

    def sentence(self) -> str:
        """The finding as one message for people: what came back, why, and what to do."""
        return f"[{self.code}] {self.cause} Seen: {self.symptom or 'nothing'}. What to do: {self.remedy}"


@dataclass
class Layer:
    """What is known of one layer."""

    layer: str
    status: str
    summary: str
    facts: dict[str, t.Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise ValueError(f"no such layer: {self.layer}")
        if self.status not in STATUSES:
            raise ValueError(f"no such status: {self.status}")

    @property
    def stops(self) -> bool:
        return self.status in STOPS

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "layer": self.layer,
            "status": self.status,
            "summary": self.summary,
            "facts": self.facts,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def message(self) -> str:
        """Why this layer stops the chain, with the cure: the `msg` of a failing task."""
        told = [finding.sentence() for finding in self.findings if finding.severity == "error"] or [finding.sentence() for finding in self.findings]
        return " ".join([f"Layer {self.layer} is {self.status}: {self.summary}", *told])


def layer_from_dict(data: t.Mapping[str, t.Any]) -> Layer:
    """The inverse of `Layer.as_dict`, for layers that come back from another task."""
    return Layer(data["layer"], data["status"], data["summary"], dict(data.get("facts", {})), [Finding(**finding) for finding in data.get("findings", [])])


def skipped(layer: str, reason: str) -> Layer:
    return Layer(layer, SKIPPED, reason)


def first_broken(layers: t.Iterable[Layer]) -> Layer | None:
    """The first link, in chain order, that stops the chain."""
    by_name = {layer.layer: layer for layer in layers}
    return next((by_name[name] for name in LAYERS if name in by_name and by_name[name].stops), None)


def close_chain(layers: t.Iterable[Layer], missing: str = "nothing was asked of this layer") -> list[Layer]:
    """All nine layers in order: the last word on each, and `skipped` with the reason after the first broken link.

    Facts and findings of a layer behind a broken link are kept out: evidence from there cannot be trusted.
    """
    latest = {layer.layer: layer for layer in layers}
    chain: list[Layer] = []
    broken: Layer | None = None
    for name in LAYERS:
        layer = latest.get(name) or skipped(name, missing)
        if broken is not None:
            layer = skipped(name, f"not judged: {broken.layer} is {broken.status}")
        elif layer.stops:
            broken = layer
        chain.append(layer)
    return chain
