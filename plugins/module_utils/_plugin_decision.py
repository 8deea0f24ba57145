# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a look at a cluster, so that exactly one provider offers its GPUs as declared.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._device_plugin import DRA, FALLBACK, Provider, View, shares_otherwise
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import Sharing

# What is to be done.
NOTHING = "nothing"
DEPLOY = "deploy"
WITHDRAW = "withdraw"
RECREATE = "recreate"
SETTLE = "settle"
REFUSE = "refuse"
BROKEN = "broken"


@dataclass(frozen=True)
class Decision:
    """The next thing to do about a view; `settle` means: wait, then look again."""

    action: str
    provider: Provider | None = None
    why: str = ""


# How long has been waited already: what is missing may still come by itself; what is starting may still become ready; nothing more is expected.
GRACE = "grace"
PATIENCE = "patience"
OVER = "over"


def decide(view: View, repair: bool = True, phase: str = PATIENCE, wanted: Sharing | None = None) -> Decision:
    """The next step towards exactly one working provider that shares as declared."""
    own, others = view.own, view.others
    if len(others) > 1:
        return Decision(REFUSE, None, "several providers")
    if others and shares_otherwise(others[0], wanted):
        return Decision(REFUSE, others[0], "shared otherwise than declared")
    if others and own:
        return _decide_between(view, own, others[0], repair, phase, wanted)
    provider = own or (others[0] if others else None)
    if provider is None:
        return Decision(SETTLE if phase == GRACE else DEPLOY, None, "nothing in the cluster offers GPUs")
    return _decide_one(view, provider, repair, phase, wanted)


def _decide_between(view: View, own: Provider, other: Provider, repair: bool, phase: str, wanted: Sharing | None) -> Decision:
    diagnosis = view.diagnosis(other)
    if diagnosis.registered and other.recreatable:
        return Decision(WITHDRAW, other, f"{other.told()} works")
    if diagnosis.starting and phase == GRACE:
        return Decision(SETTLE, other, f"{other.told()} is starting")
    return _decide_one(view, own, repair, phase, wanted)


def _decide_one(view: View, provider: Provider, repair: bool, phase: str, wanted: Sharing | None) -> Decision:
    diagnosis = view.diagnosis(provider)
    if provider.origin == FALLBACK and provider.replacing and diagnosis.entry is None and phase != OVER:
        # The GPUs are still the old pod's; whether the new one offers any is not known yet.
        return Decision(SETTLE, provider, f"{provider.told()} is being replaced")
    if view.serves(provider, wanted) or provider.origin == DRA:
        return Decision(NOTHING, provider)
    if diagnosis.starting:
        return Decision(BROKEN if phase == OVER else SETTLE, provider, f"{provider.told()} is starting")
    if phase == GRACE and not diagnosis.final:
        # After a restart of node or kubelet a plugin looks Ready seconds before its GPUs are allocatable again; a pull may succeed at the next try.
        return Decision(SETTLE, provider, diagnosis.symptom or f"{provider.told()} runs, no GPU is allocatable yet")
    # GPUs that are shared otherwise than declared are none that a fresh pod would share better.
    if repair and provider.recreatable and not view.counts.usable and (diagnosis.entry is None or diagnosis.repairable):
        return Decision(RECREATE, provider, diagnosis.symptom or view.counts.told())
    return Decision(BROKEN, provider, diagnosis.symptom)
