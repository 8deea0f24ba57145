# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps bring WSL from what it is to what is declared, and what each of them needs.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import ntpath
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.gpudev.workstation.plugins.module_utils._address import without_secrets
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Item
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl import ABSENT, CATALOGUE, INBOX, MINIMUM, RUNNING, STORE, Wsl, wsl_command

PACKAGE, DISTRIBUTION, DEFAULT, DEFAULT_VERSION, SHUTDOWN, TERMINATE = "package", "distribution", "default", "default_version", "shutdown", "terminate"
WSL_SHUTDOWN = "wsl_shutdown"
SYSTEM32_WSL = "%SystemRoot%\\System32\\wsl.exe"
# Before 2.4.4 `--install --from-file` does not exist; `--import` always did.
FIRST_FROM_FILE = "2.4.4"
SECONDS_TO_INSTALL = 1800
SECONDS_TO_SHUT_DOWN = 120
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


@dataclass(frozen=True)
class Wanted:
    """What is declared of WSL. Paths are paths of Windows."""

    distribution: str
    min_version: str = MINIMUM
    installer: str = ""
    rootfs: str = ""
    default: bool = True
    restart: bool = True
    restarted: bool = False
    allow: t.FrozenSet[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Step:
    """One step: why it is owed, and the word of consent it needs."""

    kind: str
    why: str
    consent: str = ""


def plan(found: Wsl, wanted: Wanted) -> t.List[Step]:
    """The steps in their order; empty when everything is as declared."""
    if wanted.restarted:
        return _restart_of_the_distribution(found, wanted)
    steps = []
    if found.kind != STORE or older(found.version, wanted.min_version):
        steps.append(_package_step(found, wanted))
    ours = found.named(wanted.distribution)
    if found.default_version == 1:
        # Before the distribution: without `--version` wsl.exe makes it for the default version (microsoft/WSL, LxssUserSession.cpp).
        steps.append(Step(DEFAULT_VERSION, "new distributions are made for WSL 2"))
    if ours is None:
        way = f"from {without_secrets(wanted.rootfs)}" if wanted.rootfs else "from the store"
        steps.append(Step(DISTRIBUTION, f"{wanted.distribution} is installed {way}"))
    if wanted.default and (ours is not None and not ours.default or ours is None and found.distributions):
        steps.append(Step(DEFAULT, f"{wanted.distribution} becomes the default distribution"))
    stopped_anyway = any(step.kind == PACKAGE for step in steps)
    if wanted.restart and found.restart_owed and not stopped_anyway:
        steps.append(Step(SHUTDOWN, f"wsl --shutdown, because {found.wslconfig_path} is newer than the running virtual machine", WSL_SHUTDOWN))
    return steps


def _restart_of_the_distribution(found: Wsl, wanted: Wanted) -> t.List[Step]:
    """One that does not run starts anew anyway; whoever uses it next starts it."""
    ours = found.named(wanted.distribution)
    if ours is None or ours.state != RUNNING:
        return []
    return [Step(TERMINATE, f"wsl --terminate {ours.name}, as was asked for", WSL_SHUTDOWN)]


def _package_step(found: Wsl, wanted: Wanted) -> Step:
    way = f"from {without_secrets(wanted.installer)}" if wanted.installer else "by wsl.exe"
    if found.kind == ABSENT:
        return Step(PACKAGE, f"WSL is installed {way}")
    before = found.version or "of Windows itself"
    return Step(PACKAGE, f"WSL {before} is updated to {wanted.min_version} or later {way}", WSL_SHUTDOWN if found.vm_started else "")


def refused(found: Wsl, steps: t.Sequence[Step], wanted: Wanted) -> t.List[Finding]:
    """A finding for each step that needs a word nobody gave."""
    findings = []
    for step in steps:
        if not step.consent or step.consent in wanted.allow:
            continue
        if step.kind == PACKAGE:
            findings.append(CATALOGUE["WSL-020"].finding(step.why, version=found.version or "of Windows itself", minimum=wanted.min_version))
        elif step.kind == TERMINATE:
            findings.append(CATALOGUE["WSL-026"].finding(step.why, distribution=wanted.distribution))
        else:
            findings.append(CATALOGUE["WSL-007"].finding(found.restart_evidence(), path=found.wslconfig_path))
    return findings


def by_hand(found: Wsl, step: Step, wanted: Wanted) -> Finding:
    """What the user has to type where this run would end itself."""
    if step.kind == PACKAGE:
        command = f"'msiexec /i {without_secrets(wanted.installer)}'" if wanted.installer else "'wsl --update'"
        details = {"version": found.version or "of Windows itself", "minimum": wanted.min_version, "command": command}
        return CATALOGUE["WSL-025"].finding(step.why, distribution=wanted.distribution, **details)
    if step.kind == TERMINATE:
        return CATALOGUE["WSL-027"].finding(step.why, distribution=wanted.distribution)
    return CATALOGUE["WSL-023"].finding(found.restart_evidence(), why=step.why, distribution=wanted.distribution)


def with_files(wanted: Wanted, paths: t.Mapping[str, str]) -> Wanted:
    """The same with files where they lie on the workstation, which may have been fetched."""
    return replace(wanted, installer=paths.get(PACKAGE, wanted.installer), rootfs=paths.get(DISTRIBUTION, wanted.rootfs))


def package_command(found: Wsl) -> Item:
    """Without a local package wsl.exe fetches one. Its exit code says nothing: the version afterwards does."""
    if found.kind == ABSENT:
        return wsl_command("--install", "--no-distribution", timeout=SECONDS_TO_INSTALL, executable=SYSTEM32_WSL)
    return wsl_command("--update", timeout=SECONDS_TO_INSTALL, executable=SYSTEM32_WSL if found.kind == INBOX else found.executable)


def distribution_command(found: Wsl, wanted: Wanted) -> Item:
    """Never launched: the first launch asks for a user name on a console that is not there."""
    name = wanted.distribution
    if not wanted.rootfs:
        words: t.Tuple[str, ...] = ("--install", "--distribution", name, "--no-launch")
    elif older(found.version, FIRST_FROM_FILE):
        profile = found.wslconfig_path.rpartition("\\")[0]
        words = ("--import", name, f"{profile}\\AppData\\Local\\wsl\\{name}", wanted.rootfs, "--version", "2")
    else:
        words = ("--install", "--from-file", wanted.rootfs, "--name", name, "--no-launch")
    return wsl_command(*words, timeout=SECONDS_TO_INSTALL, executable=found.executable)


def package_process(found: Wsl, wanted: Wanted) -> t.Tuple[str, str]:
    """How an installation of WSL shows among the processes: its program, and words of its command line."""
    if wanted.installer:
        return "msiexec.exe", ntpath.basename(wanted.installer)
    return "wsl.exe", "--no-distribution" if found.kind == ABSENT else "--update"


def distribution_process(wanted: Wanted) -> t.Tuple[str, str]:
    return "wsl.exe", ntpath.basename(wanted.rootfs) or f"--distribution {wanted.distribution} --no-launch"


def set_command(found: Wsl, wanted: Wanted, step: Step) -> Item:
    words = ("--set-default-version", "2") if step.kind == DEFAULT_VERSION else ("--set-default", wanted.distribution)
    return wsl_command(*words, executable=found.executable)


def shutdown_command(found: Wsl) -> Item:
    return wsl_command("--shutdown", timeout=SECONDS_TO_SHUT_DOWN, executable=found.executable)


def terminate_command(found: Wsl, distribution: str) -> Item:
    return wsl_command("--terminate", distribution, timeout=SECONDS_TO_SHUT_DOWN, executable=found.executable)


def managed(found: Wsl) -> t.Dict[str, t.Any]:
    """The managed state, for the diff."""
    return {
        "version": found.version or found.kind,
        "distributions": {entry.name: {"wsl": entry.version, "default": entry.default} for entry in found.distributions},
        "default_version": found.default_version,
        "restart_owed": found.restart_owed,
    }


def predicted(found: Wsl, wanted: Wanted, steps: t.Sequence[Step]) -> t.Dict[str, t.Any]:
    """The managed state as it would be after the steps."""
    after, kinds = managed(found), {step.kind for step in steps}
    distributions = {name: dict(entry) for name, entry in after["distributions"].items()}
    if PACKAGE in kinds:
        after["version"] = f">= {wanted.min_version}"
    if DISTRIBUTION in kinds:
        distributions[wanted.distribution] = {"wsl": 2, "default": not distributions}
    if DEFAULT in kinds:
        for name, entry in distributions.items():
            entry["default"] = name.casefold() == wanted.distribution.casefold()
    if DEFAULT_VERSION in kinds:
        after["default_version"] = 2
    if kinds & {PACKAGE, SHUTDOWN}:
        after["restart_owed"] = False
    return {**after, "distributions": distributions}
