# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer 1, Windows itself: build, virtualisation, optional features, pending restart, policies.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, cim, registry, shell
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import CATALOGUE, Seen, WindowsUser

_MICROSOFT = "HKLM:\\SOFTWARE\\Microsoft\\"
CURRENT_VERSION = _MICROSOFT + "Windows NT\\CurrentVersion"
SERVICING = _MICROSOFT + "Windows\\CurrentVersion\\Component Based Servicing\\RebootPending"
WINDOWS_UPDATE = _MICROSOFT + "Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"
SESSION_MANAGER = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"
# wslpolicies.h of microsoft/WSL: ROOT_POLICIES_KEY "\\WSL".
WSL_POLICIES = "HKLM:\\SOFTWARE\\Policies\\WSL"

PLATFORM = "VirtualMachinePlatform"
SUBSYSTEM = "Microsoft-Windows-Subsystem-Linux"
FEATURES = (PLATFORM, SUBSYSTEM)
INSTALL_STATES = {1: "enabled", 2: "disabled", 3: "absent"}

FIRST_WINDOWS_11 = 22000
# docs.docker.com, "Install Docker Desktop on Windows": 22H2 of Windows 10, 23H2 of Windows 11.
MINIMUM_BUILD_10 = 19045
MINIMUM_BUILD_11 = 22631
WORKSTATION_PRODUCT = 1


def questions() -> t.Dict[str, Item]:
    wanted = " OR ".join(f"Name='{name}'" for name in FEATURES)
    return {
        "shell": shell(),
        "current_version": registry(CURRENT_VERSION),
        "operating_system": cim("Win32_OperatingSystem", ("Caption", "ProductType", "LastBootUpTime")),
        "processor": cim("Win32_Processor", ("VirtualizationFirmwareEnabled",)),
        "features": cim("Win32_OptionalFeature", ("Name", "InstallState"), filter=wanted),
        **pending_questions(),
        "policies": registry(WSL_POLICIES),
    }


@dataclass(frozen=True)
class Windows:
    """Facts of Windows itself, in plain units."""

    product: str
    edition: str
    build: int
    revision: int
    display_version: str
    locale: str
    is_workstation: bool
    booted: str
    memory_mib: int
    logical_processors: int
    hypervisor: bool
    firmware_virtualization: bool
    features: t.Mapping[str, str]
    reboot_reasons: t.Tuple[str, ...]
    policies: t.Mapping[str, t.Any]

    @property
    def is_windows_11(self) -> bool:
        return self.build >= FIRST_WINDOWS_11

    @property
    def required_features(self) -> t.Tuple[str, ...]:
        """Windows 11 needs the second one for WSL 1 only (microsoft/WSL, WslInstall.cpp)."""
        return (PLATFORM,) if self.is_windows_11 else (PLATFORM, SUBSYSTEM)

    @property
    def missing_features(self) -> t.Tuple[str, ...]:
        """A running hypervisor speaks for a feature that could not be asked about."""
        good = ("enabled", "unknown") if self.hypervisor else ("enabled",)
        return tuple(name for name in self.required_features if self.features[name] not in good)

    @property
    def virtualization(self) -> bool:
        """The firmware's flag reads false once a hypervisor runs, so either is enough."""
        return self.hypervisor or self.firmware_virtualization

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {
            "product": self.product,
            "edition": self.edition,
            "build": self.build,
            "revision": self.revision,
            "display_version": self.display_version,
            "locale": self.locale,
            "booted": self.booted,
            "memory_mib": self.memory_mib,
            "logical_processors": self.logical_processors,
            "virtualization": self.virtualization,
            "hypervisor": self.hypervisor,
            "features": dict(self.features),
            "required_features": list(self.required_features),
            "reboot_pending": {"pending": bool(self.reboot_reasons), "reasons": list(self.reboot_reasons)},
            "policies": dict(self.policies),
        }


def windows(seen: Seen) -> Windows:
    version = seen["current_version"].values()
    system = next(iter(seen["operating_system"].rows()), {})
    computer = next(iter(seen["computer"].rows()), {})
    build = build_number(seen)
    return Windows(
        product=_product(str(system.get("Caption") or version.get("ProductName") or ""), build),
        edition=str(version.get("EditionID") or ""),
        build=build,
        revision=_number(version.get("UBR")),
        display_version=str(version.get("DisplayVersion") or version.get("ReleaseId") or ""),
        locale=str((seen["shell"].value or {}).get("ui_culture") or ""),
        is_workstation=system.get("ProductType", WORKSTATION_PRODUCT) == WORKSTATION_PRODUCT,
        booted=str(system.get("LastBootUpTime") or ""),
        memory_mib=_number(computer.get("TotalPhysicalMemory")) // 1024**2,
        logical_processors=_number(computer.get("NumberOfLogicalProcessors")),
        hypervisor=bool(computer.get("HypervisorPresent")),
        firmware_virtualization=any(bool(row.get("VirtualizationFirmwareEnabled")) for row in seen["processor"].rows()),
        features=_features(seen["features"]),
        reboot_reasons=reboot_reasons(seen),
        policies=seen["policies"].values(),
    )


def build_number(seen: Seen) -> int:
    version = seen["current_version"].values()
    return _number(version.get("CurrentBuildNumber") or version.get("CurrentBuild"))


def pending_questions() -> t.Dict[str, Item]:
    """Where Windows writes down that it has to be restarted."""
    return {"servicing": registry(SERVICING), "windows_update": registry(WINDOWS_UPDATE), "session_manager": registry(SESSION_MANAGER)}


def _number(value: t.Any) -> int:
    text = str(value or "").strip()
    return int(text) if text.isdigit() else 0


def _product(name: str, build: int) -> str:
    """The registry calls Windows 11 'Windows 10'; the build number tells them apart."""
    name = name.replace("Microsoft ", "").strip()
    return name.replace("Windows 10", "Windows 11") if build >= FIRST_WINDOWS_11 else name


def _features(answer: Answer) -> t.Dict[str, str]:
    """A question that failed (the class wants an administrator) says nothing about what is there."""
    found = {str(row["Name"]): INSTALL_STATES.get(_number(row.get("InstallState")), "unknown") for row in answer.rows()}
    return {name: found.get(name, "absent" if answer.failure is None else "unknown") for name in FEATURES}


def reboot_reasons(seen: Seen) -> t.Tuple[str, ...]:
    reasons = [("component servicing", seen["servicing"].exists), ("Windows Update", seen["windows_update"].exists)]
    renames = seen["session_manager"].values().get("PendingFileRenameOperations")
    reasons.append(("pending file renames", bool(renames)))
    return tuple(reason for reason, holds in reasons if holds)


def minimum_build(found: Windows, declared: t.Optional[int]) -> int:
    if declared:
        return declared
    return MINIMUM_BUILD_11 if found.is_windows_11 else MINIMUM_BUILD_10


def windows_layer(found: Windows, user: WindowsUser, min_build: t.Optional[int] = None) -> Layer:
    """The verdict: the most fundamental obstacle first, because its status is the layer's."""
    findings = [finding for finding in (user.finding(), *_obstacles(found, min_build)) if finding is not None]
    status = next((str(CATALOGUE[finding.code].status) for finding in findings if CATALOGUE[finding.code].status), OK)
    summary = f"{found.product} {found.display_version} (build {found.build}.{found.revision}), {_virtualization_in_words(found)}"
    return Layer("windows", status, summary, {**found.as_dict(), "user": user.as_dict()}, findings)


def _virtualization_in_words(found: Windows) -> str:
    state = found.features[PLATFORM]
    return f"{PLATFORM} {state}, hypervisor {'runs' if found.hypervisor else 'does not run'}"


def _obstacles(found: Windows, min_build: t.Optional[int]) -> t.Iterator[t.Optional[Finding]]:
    minimum, seen_build = minimum_build(found, min_build), f"{found.product}, build {found.build}.{found.revision}"
    if not found.is_workstation:
        yield CATALOGUE["WIN-009"].finding(seen_build, product=found.product)
    if found.build < minimum:
        yield CATALOGUE["WIN-001"].finding(seen_build, build=found.build, minimum=minimum)
    if not found.virtualization:
        yield CATALOGUE["WIN-002"].finding("HypervisorPresent is False, VirtualizationFirmwareEnabled is False")
    reasons = ", ".join(found.reboot_reasons)
    if found.missing_features:
        # An enabled feature that waits for its restart is not reported as enabled; the pending restart tells.
        if "component servicing" in found.reboot_reasons:
            yield CATALOGUE["WIN-005"].finding(reasons, reasons=reasons)
        for name in found.missing_features:
            yield CATALOGUE["WIN-003"].finding(f"{name}: {found.features[name]}", feature=name)
    elif not found.hypervisor and found.virtualization:
        yield CATALOGUE["WIN-008"].finding(f"{PLATFORM} is enabled, HypervisorPresent is False")
    elif found.reboot_reasons:
        yield CATALOGUE["WIN-007"].finding(reasons, reasons=reasons)
