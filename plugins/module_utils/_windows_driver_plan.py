# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps bring the NVIDIA driver of Windows to the declared minimum, and what each of them needs.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._address import without_secrets
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Item, native
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_driver import CATALOGUE, NvidiaDriver

INSTALL, SHUTDOWN = "install", "shutdown"
DRIVER_INSTALL, WSL_SHUTDOWN = "driver_install", "wsl_shutdown"
# As NVIDIA's packages for Windows are installed by unattended scripts in public repositories; no page of NVIDIA describes them (not proven here).
SILENT = ("-s", "-noreboot", "-noeula")
SECONDS_TO_INSTALL = 1800


@dataclass(frozen=True)
class Wanted:
    """What is declared of the driver; `minimum` is never empty."""

    minimum: str
    installer: str = ""
    arguments: t.Tuple[str, ...] = SILENT
    allow: t.FrozenSet[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Step:
    kind: str
    why: str
    consent: str


def plan(found: NvidiaDriver, vm_started: str, wanted: Wanted) -> t.List[Step]:
    """The steps in their order; empty when the driver is as declared, and when no driver could help."""
    if found.gpus and not older(found.driver_version, wanted.minimum):
        return []
    if not wanted.installer or not (found.gpus or found.without_driver):
        return []
    steps = [Step(INSTALL, f"NVIDIA driver {found.driver_version or '(none)'} is replaced from {without_secrets(wanted.installer)}", DRIVER_INSTALL)]
    if vm_started:
        steps.append(Step(SHUTDOWN, "wsl --shutdown, because a running virtual machine keeps the old driver", WSL_SHUTDOWN))
    return steps


def refused(found: NvidiaDriver, steps: t.Sequence[Step], wanted: Wanted) -> t.List[Finding]:
    """One finding for all words that nobody gave."""
    missing = [step for step in steps if step.consent not in wanted.allow]
    if not missing:
        return []
    symptom = "; ".join(f"{step.why} ({step.consent})" for step in missing)
    return [CATALOGUE["DRIVER-006"].finding(symptom, version=found.driver_version or "none", minimum=wanted.minimum)]


def install_command(path: str, wanted: Wanted) -> Item:
    return native(path, wanted.arguments, timeout=SECONDS_TO_INSTALL)


def managed(found: NvidiaDriver) -> t.Dict[str, t.Any]:
    """The managed state, for the diff."""
    return {"driver_version": found.driver_version or None}


def predicted(wanted: Wanted) -> t.Dict[str, t.Any]:
    return {"driver_version": f">= {wanted.minimum}"}
