# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer 3, WSL itself: which WSL, which distributions of this Windows user, and since when its virtual machine runs.

The registry is asked first: it is not localised and works in any logon type. Text of wsl.exe only fills in what is not there.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_wsl import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, cim, file, native, registry
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import Seen
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import parse

CATALOGUE = Catalogue(ENTRIES)

LXSS = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Lxss"
STORE, INBOX, ABSENT = "store", "inbox", "absent"
# States of `wsl.exe --list --verbose` are English in every language.
RUNNING = "Running"
EXECUTABLE = "%ProgramFiles%\\WSL\\wsl.exe"
WSLCONFIG = "%USERPROFILE%\\.wslconfig"
# Its own text in UTF-8, without the warnings about .wslconfig.
WSL_ENVIRONMENT = {"WSL_UTF8": "1", "WSL_DISABLE_WARNINGS": "1"}
# Docker Desktop asks for WSL 2.1.5 since 4.42.
MINIMUM = "2.1.5"
# Bit VM_MODE of the value Flags (microsoft/WSL#6924); the value Version is something else.
VM_MODE = 0x8
# The memory of the virtual machine shows as one process that lives as long as the machine; the name depends on the Windows release. Other virtual
# machines (Windows Sandbox, isolated containers) are called vmmem too, so the name that is WSL's alone counts first.
VM_PROCESSES = ("vmmemWSL", "vmmem")
SECONDS_FOR_QUESTIONS = 20


def wsl_command(*arguments: str, timeout: int = SECONDS_FOR_QUESTIONS, executable: str = EXECUTABLE) -> Item:
    return native(executable, arguments, timeout=timeout, environment=WSL_ENVIRONMENT)


def questions() -> t.Dict[str, Item]:
    wanted = " OR ".join(f"Name='{name}'" for name in VM_PROCESSES)
    return {
        "wsl_package": registry(f"HKLM:\\{LXSS}\\MSI"),
        "wsl_inbox": registry(f"HKLM:\\{LXSS}"),
        "wsl_distributions": registry(f"HKCU:\\{LXSS}", subkeys=True),
        "wsl_policies": registry("HKLM:\\SOFTWARE\\Policies\\WSL"),
        "wsl_version": wsl_command("--version"),
        "wsl_list": wsl_command("--list", "--verbose"),
        "wsl_vm": cim("Win32_Process", ("Name", "CreationDate"), filter=wanted),
        "wslconfig": file(WSLCONFIG),
    }


@dataclass(frozen=True)
class Distribution:
    name: str
    version: int
    default: bool
    guid: str
    state: str

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {name: getattr(self, name) for name in ("name", "version", "default", "guid", "state")}


@dataclass(frozen=True)
class Wsl:
    """What is known of WSL for the connecting Windows user."""

    kind: str
    version: str
    kernel: str
    executable: str
    distributions: t.Tuple[Distribution, ...]
    vm_started: str
    wslconfig_path: str
    wslconfig_written: str
    forbidden_by: str
    trouble: str
    # In check mode: an earlier task of the run would have written .wslconfig.
    wslconfig_pending: bool = False
    # Which WSL a new distribution gets; 2 where nothing else was chosen.
    default_version: int = 2

    @property
    def default(self) -> t.Optional[Distribution]:
        return next((distribution for distribution in self.distributions if distribution.default), None)

    def named(self, name: str) -> t.Optional[Distribution]:
        return next((distribution for distribution in self.distributions if distribution.name.casefold() == name.casefold()), None)

    @property
    def restart_owed(self) -> bool:
        """.wslconfig is read when the virtual machine starts, and only then."""
        return bool(self.vm_started) and (self.wslconfig_pending or self.wslconfig_written > self.vm_started)

    def restart_evidence(self) -> str:
        written = "would be written by this run" if self.wslconfig_pending else f"written {self.wslconfig_written}"
        return f"{written}, virtual machine started {self.vm_started}"

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {
            "kind": self.kind,
            "version": self.version,
            "kernel": self.kernel,
            "executable": self.executable,
            "distributions": [distribution.as_dict() for distribution in self.distributions],
            "default_version": self.default_version,
            "default_distribution": self.default.name if self.default else None,
            "vm_started": self.vm_started or None,
            "restart_owed": self.restart_owed,
        }


def localhost_reaches_linux(text: str) -> bool:
    """Whether Windows reaches 127.0.0.1 of the distributions: by localhost forwarding, which only NAT has, or because the network is mirrored."""
    values = parse(text).values
    mode = str(values.get("wsl2.networkingMode") or "Nat")
    return bool(values.get("wsl2.localhostForwarding", True)) if mode == "Nat" else mode not in ("None", "Bridged")


def wsl(seen: Seen) -> Wsl:
    package, versions = seen["wsl_package"].values(), version_lines(seen["wsl_version"].native().stdout)
    version = str(package.get("Version") or "") or versions.get("wsl", "")
    kind = STORE if version else INBOX if seen["wsl_distributions"].subkeys() or seen["wsl_inbox"].values().get("KernelVersion") else ABSENT
    folder = str(package.get("InstallLocation") or "").rstrip("\\")
    inbox = "C:\\Windows\\System32\\wsl.exe" if kind == INBOX else ""
    wslconfig = seen["wslconfig"].value or {}
    return Wsl(
        kind=kind,
        version=version,
        kernel=versions.get("kernel", "") or str(seen["wsl_inbox"].values().get("KernelVersion") or ""),
        executable=f"{folder}\\wsl.exe" if folder else inbox,
        distributions=_distributions(seen["wsl_distributions"], listed(seen["wsl_list"].native().stdout)),
        vm_started=vm_started(seen["wsl_vm"]),
        wslconfig_path=str(wslconfig.get("path") or WSLCONFIG),
        wslconfig_written=str(wslconfig.get("written") or ""),
        forbidden_by="AllowWSL" if seen["wsl_policies"].values().get("AllowWSL") == 0 else "",
        trouble=_trouble(seen["wsl_version"].native()) if kind == STORE else "",
        default_version=1 if seen["wsl_distributions"].values().get("DefaultVersion") == 1 else 2,
    )


def vm_started(answer: Answer) -> str:
    """When the virtual machine of WSL started; empty when it does not run."""
    others = VM_PROCESSES[1].casefold()
    started = [(str(row["Name"]).casefold() == others, str(row["CreationDate"])) for row in answer.rows() if row.get("CreationDate")]
    return min(started, default=(False, ""))[1]


def _trouble(told: Native) -> str:
    """What wsl.exe said when even its version could not be had."""
    return "" if told.ok else f"wsl.exe --version: {told.told()}"


def version_lines(text: str) -> t.Dict[str, str]:
    """`--version` has its lines in a fixed order and its labels in the user's language: the first dotted number of each counts."""
    names = ("wsl", "kernel", "wslg", "msrdc", "direct3d", "dxcore", "windows")
    written = [line for line in text.splitlines() if line.strip()]
    lines = [re.search(r"\d+(?:\.\d+)+(?:-\d+)?", line) for line in written[: len(names)]]
    if len(lines) < len(names) or not all(lines):
        return {}
    return {name: match.group(0) for name, match in zip(names, lines) if match}


def listed(text: str) -> t.Dict[str, t.Tuple[str, int]]:
    """`--list --verbose`: name -> state and WSL version. Header and states are English in every language."""
    rows = re.findall(r"^[* ] (\S+)\s+(\w+)\s+([12])\s*$", text, re.MULTILINE)
    return {name.casefold(): (state, int(version)) for name, state, version in rows}


def _distributions(answer: Answer, states: t.Mapping[str, t.Tuple[str, int]]) -> t.Tuple[Distribution, ...]:
    default = str(answer.values().get("DefaultDistribution") or "").casefold()
    found = []
    for guid, values in answer.subkeys().items():
        name = str(values.get("DistributionName") or "")
        if not name:
            continue
        flags = values.get("Flags")
        by_flags = 2 if not isinstance(flags, int) or flags & VM_MODE else 1
        state, version = states.get(name.casefold(), ("Unknown", by_flags))
        found.append(Distribution(name, version, guid.casefold() == default, guid, state))
    return tuple(sorted(found, key=lambda distribution: (not distribution.default, distribution.name.casefold())))


def wsl_layer(found: Wsl, distribution: str = "", user: str = "", minimum: str = MINIMUM, left_alone: str = "") -> Layer:
    """`left_alone` says why a .wslconfig that is not in force stays so; without it a shutdown is owed."""
    findings = list(_obstacles(found, distribution, user, minimum, left_alone))
    status = next((str(CATALOGUE[finding.code].status) for finding in findings if CATALOGUE[finding.code].status), OK)
    return Layer("wsl", status, in_words(found, distribution), found.as_dict(), findings)


def in_words(found: Wsl, distribution: str = "") -> str:
    if found.kind == ABSENT:
        return "WSL is not installed"
    ours = found.named(distribution) if distribution else found.default
    told = f"{ours.name} (WSL {ours.version}, {ours.state})" if ours else f"no distribution {distribution}".rstrip()
    return f"WSL {found.version or 'of Windows itself'}, kernel {found.kernel or 'unknown'}, {told}"


def _obstacles(found: Wsl, distribution: str, user: str, minimum: str, left_alone: str) -> t.Iterator[Finding]:
    if found.forbidden_by:
        yield CATALOGUE["WSL-008"].finding(f"{found.forbidden_by} = 0", policy=found.forbidden_by)
    if found.kind == ABSENT:
        yield CATALOGUE["WSL-001"].finding("no package in the registry, no distribution")
        return
    if found.kind == INBOX:
        yield CATALOGUE["WSL-002"].finding("no package in the registry", minimum=minimum)
    elif older(found.version, minimum):
        yield CATALOGUE["WSL-003"].finding(f"WSL {found.version}", version=found.version, minimum=minimum)
    if found.trouble:
        yield recognised(found.trouble)
    yield from _of_distribution(found, distribution, user)
    if found.restart_owed:
        yield CATALOGUE["WSL-030" if left_alone else "WSL-007"].finding(found.restart_evidence(), path=found.wslconfig_path, why=left_alone)


def _of_distribution(found: Wsl, distribution: str, user: str) -> t.Iterator[Finding]:
    if not distribution:
        return
    ours = found.named(distribution)
    if ours is None:
        names = ", ".join(entry.name for entry in found.distributions) or "none"
        yield CATALOGUE["WSL-004"].finding(f"distributions: {names}", distribution=distribution, user=user)
        return
    if ours.version != 2:
        yield CATALOGUE["WSL-005"].finding(f"{ours.name}: WSL {ours.version}", distribution=ours.name)
    if not ours.default and found.default is not None:
        yield CATALOGUE["WSL-006"].finding(f"default: {found.default.name}", default=found.default.name, distribution=ours.name)


def recognised(text: str, otherwise: str = "WSL-022") -> Finding:
    """The finding for something wsl.exe said; error codes are not localised, sentences are."""
    entry = CATALOGUE.recognise(text) or CATALOGUE[otherwise]
    return entry.finding(CATALOGUE.excerpt(entry, text) if entry.patterns else text)
