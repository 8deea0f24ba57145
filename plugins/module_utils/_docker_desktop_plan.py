# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps bring Docker Desktop from what it is to what is declared, and what each of them needs.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._address import without_secrets
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_desktop import (
    CATALOGUE,
    MINIMUM,
    DockerDesktop,
    SettingsFile,
    differing,
    gate_reason,
    merged,
    rendered,
    shown,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Item, in_session, native, write_file
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older

INSTALL, UPGRADE, SETTINGS, START = "install", "upgrade", "settings", "start"
DOCKER_RESTART, UPGRADE_CONSENT = "docker_restart", "docker_desktop_upgrade"
INSTALLER_ARGUMENTS = ("install", "--quiet", "--accept-license", "--backend=wsl-2")
SECONDS_TO_INSTALL = 1800
SECONDS_TO_STOP = 90
SECONDS_TO_LAUNCH = 60
# `docker desktop stop` (docs.docker.com, desktop-cli)
FIRST_WITH_COMMAND = "4.37"


@dataclass(frozen=True)
class Wanted:
    """What is declared of Docker Desktop."""

    min_version: str = MINIMUM
    installer: str = ""
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)
    integration: t.Tuple[str, ...] = ()
    allow: t.FrozenSet[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Step:
    kind: str
    why: str
    consent: str = ""


def settings_wanted(found: SettingsFile, wanted: Wanted) -> t.Dict[str, t.Any]:
    return merged(found, wanted.settings, wanted.integration)


def keys_to_change(found: SettingsFile, wanted: Wanted) -> t.List[str]:
    keys = differing(found.values, settings_wanted(found, wanted))
    return keys or (["byte order mark"] if found.has_bom else [])


def plan(found: DockerDesktop, wanted: Wanted) -> t.List[Step]:
    """The steps in their order; empty when everything is as declared."""
    steps = []
    if not found.installed:
        steps.append(Step(INSTALL, f"Docker Desktop is installed from {without_secrets(wanted.installer)}"))
    elif found.below(wanted.min_version):
        steps.append(Step(UPGRADE, f"Docker Desktop {found.version} is upgraded from {without_secrets(wanted.installer)}", UPGRADE_CONSENT))
    keys = keys_to_change(found.settings, wanted)
    stopped = not found.processes or any(step.kind == UPGRADE for step in steps)
    if keys:
        why = f"settings change ({', '.join(keys)})"
        steps.append(Step(SETTINGS, why if stopped else f"{why}, Docker Desktop is stopped for it", "" if stopped else DOCKER_RESTART))
    if steps or not found.running:
        steps.append(Step(START, "Docker Desktop is started"))
    return steps


def impossible(found: DockerDesktop, wanted: Wanted, driver: str) -> t.List[Finding]:
    """What no consent helps against."""
    if found.settings.problem:
        return [CATALOGUE["DESKTOP-007"].finding(found.settings.problem, path=found.settings.path, problem=found.settings.problem)]
    if not found.installed and not wanted.installer:
        return [CATALOGUE["DESKTOP-001"].finding("no uninstall key, no AppPath")]
    if found.below(wanted.min_version) and not wanted.installer:
        return [_too_old("DESKTOP-002", found, wanted, driver)]
    return []


def refused(found: DockerDesktop, steps: t.Sequence[Step], wanted: Wanted, driver: str) -> t.List[Finding]:
    """A finding for each step that needs a word nobody gave."""
    findings = []
    for step in steps:
        if not step.consent or step.consent in wanted.allow:
            continue
        if step.kind == UPGRADE:
            findings.append(_too_old("DESKTOP-003", found, wanted, driver))
        else:
            findings.append(CATALOGUE["DESKTOP-004"].finding(step.why, keys=", ".join(keys_to_change(found.settings, wanted))))
    return findings


def _too_old(code: str, found: DockerDesktop, wanted: Wanted, driver: str) -> Finding:
    return CATALOGUE[code].finding(f"Docker Desktop {found.version}", version=found.version, minimum=wanted.min_version, reason=gate_reason(driver))


def by_hand(found: DockerDesktop, step: Step, wanted: Wanted) -> Finding:
    """What the user has to type where this run might end itself."""
    stop = "'docker desktop stop'" if not older(found.version, FIRST_WITH_COMMAND) else "nothing, but quit Docker Desktop by the menu of its icon"
    upgrade = f"'& \"{without_secrets(wanted.installer)}\" {' '.join(INSTALLER_ARGUMENTS)}', as administrator"
    return CATALOGUE["DESKTOP-020"].finding(step.why, why=step.why, command=upgrade if step.kind == UPGRADE else stop)


def install_command(installer: str) -> Item:
    return native(installer, INSTALLER_ARGUMENTS, timeout=SECONDS_TO_INSTALL)


def stop_command(found: DockerDesktop) -> Item:
    return in_session([native(found.client, ("desktop", "stop"), timeout=SECONDS_TO_STOP)], SECONDS_TO_STOP + 10)


def start_command(found: DockerDesktop) -> Item:
    return in_session([native(found.program, detach=True)], SECONDS_TO_LAUNCH)


def write_command(found: DockerDesktop, wanted: Wanted) -> Item:
    settings = found.settings
    return write_file(settings.path, rendered(settings_wanted(settings, wanted)), settings.expect, make_folder=True)


def managed(found: DockerDesktop) -> t.Dict[str, t.Any]:
    """The managed state, for the diff."""
    return {"version": found.version or None, "settings": shown(found.settings.values), "running": found.running}


def predicted(found: DockerDesktop, wanted: Wanted, steps: t.Sequence[Step]) -> t.Dict[str, t.Any]:
    """The managed state as it would be after the steps."""
    kinds = {step.kind for step in steps}
    version = f">= {wanted.min_version}" if kinds & {INSTALL, UPGRADE} else found.version
    return {"version": version, "settings": shown(settings_wanted(found.settings, wanted)), "running": True}
