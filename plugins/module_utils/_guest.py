# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer 4 judged: what a distribution has of the GPU, and what stands in its way. Facts in, layer out.

Rules: facts/nvidia.md, "Linux driver conflict inside the distribution" and "What WSL provides".

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_guest import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import OK, Finding, Layer

CATALOGUE = Catalogue(ENTRIES)

WSL2, WSL1, NATIVE = "wsl2", "wsl1", "native"

# Packages of a Linux display driver: Ubuntu's and NVIDIA's, Debian's, and those of Fedora, RHEL and RPM Fusion. The container toolkit and its library are none.
DRIVER_PACKAGES = (
    *("nvidia-driver-*", "libnvidia-compute-*", "nvidia-utils-*", "nvidia-dkms-*", "cuda-drivers*", "libcuda1"),
    *("nvidia-driver", "nvidia-smi", "nvidia-kernel-dkms", "libnvidia-ml1"),
    *("akmod-nvidia*", "kmod-nvidia*", "xorg-x11-drv-nvidia*", "nvidia-kmod*"),
)
NEVER_REMOVED = ("libnvidia-container*", "nvidia-container-toolkit*")

WSL_LIBRARIES = "/usr/lib/wsl"
# Made by role gpu_guest when it removes a driver; /run is a tmpfs in WSL, so a restart of the distribution takes it away.
RESTART_OWED = "/run/gpudev.workstation.restart_owed"
LIBRARIES = ("libcuda.so.1", "libnvidia-ml.so.1", "libdxcore.so")
DRIVER_LIBRARIES = LIBRARIES[:2]


@dataclass(frozen=True)
class Guest:
    """What was seen inside a distribution, or on a native Linux host."""

    platform: str
    kernel: str = ""
    distribution: str = ""
    release: str = ""
    python: str = ""
    devices: tuple[str, ...] = ()
    # Library -> its path in /usr/lib/wsl/lib, on native Linux where the dynamic linker finds it; empty when it is missing.
    libraries: t.Mapping[str, str] = field(default_factory=dict)
    driver_store: bool = False
    packages: t.Mapping[str, str] = field(default_factory=dict)
    stray_libraries: tuple[str, ...] = ()
    # Stray library -> the package it belongs to, empty for one that no package owns.
    library_owners: t.Mapping[str, str] = field(default_factory=dict)
    linker_first: str = ""
    nvidia_smi: str = ""
    nvidia_smi_output: str = ""
    nvidia_smi_ok: t.Optional[bool] = None
    gpus: tuple[str, ...] = ()
    wsl_conf: t.Mapping[str, t.Any] = field(default_factory=dict)
    user: t.Mapping[str, t.Any] = field(default_factory=dict)
    # A driver was removed since the distribution started.
    restart_owed: bool = False
    venv_ready: bool = False
    kubernetes_client: str = ""

    @property
    def conflicting_packages(self) -> list[str]:
        return conflicting(self.packages) if self.platform == WSL2 else []

    def as_dict(self) -> dict[str, t.Any]:
        seen = ("platform", "kernel", "distribution", "release", "python", "driver_store", "linker_first", "nvidia_smi", "restart_owed")
        plain = (*seen, "venv_ready", "kubernetes_client")
        return {
            **{name: getattr(self, name) for name in plain},
            "devices": list(self.devices),
            "libraries": dict(self.libraries),
            "conflicting_packages": self.conflicting_packages,
            "stray_libraries": list(self.stray_libraries),
            "library_owners": dict(self.library_owners),
            "gpus": list(self.gpus),
            "wsl_conf": dict(self.wsl_conf),
            "user": dict(self.user),
        }


def conflicting(packages: t.Iterable[str]) -> list[str]:
    """The names, exactly as installed, of the packages that belong to a Linux display driver."""
    return sorted(
        name
        for name in packages
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in DRIVER_PACKAGES) and not any(fnmatch.fnmatchcase(name, pattern) for pattern in NEVER_REMOVED)
    )


def platform_of(kernel: str, in_wsl: bool) -> str:
    """WSL 2 has a kernel of its own; the one of WSL 1 is the letter of a Linux 4.4 by 'Microsoft'."""
    if re.search(r"-Microsoft$", kernel):
        return WSL1
    return WSL2 if in_wsl or "microsoft" in kernel.lower() else NATIVE


def installed_packages(text: str) -> dict[str, str]:
    """From `dpkg-query -W` with the columns name, version and status."""
    rows = (line.split("\t") for line in text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def owner(text: str) -> str:
    """From `dpkg -S FILE` (`libcuda1:amd64: /usr/lib/...`, or a diversion) or `rpm -qf --qf '%{NAME}\\n' FILE`; empty when no package owns it."""
    line = next((line for line in text.splitlines() if line and not line.startswith("diversion ") and "not owned" not in line), "")
    return line.partition(":")[0].strip()


def first_library(text: str, name: str) -> str:
    """From `ldconfig -p`: where the dynamic linker finds a library first."""
    match = re.search(rf"^\s*{re.escape(name)} \(.*\) => (\S+)$", text, re.MULTILINE)
    return match.group(1) if match else ""


def listed_gpus(text: str) -> tuple[str, ...]:
    """From `nvidia-smi -L`: `GPU 0: NVIDIA GeForce RTX 4050 Laptop GPU (UUID: GPU-...)`."""
    return tuple(match.group(1) for match in re.finditer(r"^GPU \d+: (.+?) \(UUID: \S+\)", text, re.MULTILINE))


def guest_layer(guest: Guest) -> Layer:
    findings = list(_wsl_findings(guest) if guest.platform == WSL2 else _other_findings(guest))
    status = next((str(CATALOGUE[finding.code].status) for finding in findings if CATALOGUE[finding.code].status), OK)
    return Layer("distro", status, summary(guest, status), guest.as_dict(), findings)


def summary(guest: Guest, status: str) -> str:
    place = " ".join(part for part in (guest.distribution, guest.release) if part) or "Linux"
    if guest.conflicting_packages:
        return f"{place} has a Linux driver inside WSL: {', '.join(guest.conflicting_packages)}"
    if status != OK:
        return f"{place} on {guest.platform} cannot use the GPU"
    return f"{place} on {guest.platform}: {', '.join(guest.gpus) or ', '.join(guest.devices) or 'no device'}"


def _wsl_findings(guest: Guest) -> t.Iterator[Finding]:
    """From cause to effect, so that the first one names what to cure."""
    if guest.wsl_conf.get("gpu.enabled") is False:
        yield CATALOGUE["GUEST-020"].finding("[gpu] enabled=false")
    elif "/dev/dxg" not in guest.devices:
        yield CATALOGUE["GUEST-001"].finding("/dev/dxg: No such file or directory")
    nodes = [device for device in guest.devices if device.startswith("/dev/nvidia")]
    if nodes:
        yield CATALOGUE["GUEST-025"].finding(", ".join(nodes), nodes=", ".join(nodes))
    for setting in ("gpu.appendLibPath", "automount.ldconfig"):
        if guest.wsl_conf.get(setting) is False:
            yield CATALOGUE["GUEST-021"].finding(f"{setting}=false", setting=setting)
    if guest.conflicting_packages:
        packages = ", ".join(guest.conflicting_packages)
        yield CATALOGUE["GUEST-002"].finding(packages, packages=packages)
    if guest.restart_owed:
        yield CATALOGUE["GUEST-027"].finding(RESTART_OWED, distribution=guest.distribution)
    yield from _library_findings(guest)
    yield from _nvidia_smi_findings(guest)


def _library_findings(guest: Guest) -> t.Iterator[Finding]:
    if guest.stray_libraries and not guest.conflicting_packages:
        owned = {path: guest.library_owners.get(path, "") for path in guest.stray_libraries}
        files = ", ".join(f"{path} of package {package}" if package else path for path, package in owned.items())
        yield CATALOGUE["GUEST-003"].finding(files, files=files)
    if not guest.libraries.get("libcuda.so.1"):
        if "/dev/dxg" in guest.devices:
            yield CATALOGUE["GUEST-006"].finding("/usr/lib/wsl/lib/libcuda.so.1: No such file or directory")
        return
    if not guest.driver_store:
        yield CATALOGUE["GUEST-023"].finding("/usr/lib/wsl/drivers is empty")
    # The cause is named above already when a package or a file explains it.
    explained = guest.conflicting_packages or guest.stray_libraries
    if guest.linker_first and not guest.linker_first.startswith(WSL_LIBRARIES) and not explained:
        yield CATALOGUE["GUEST-004"].finding(f"libcuda.so.1 => {guest.linker_first}", first=guest.linker_first)


def _nvidia_smi_findings(guest: Guest) -> t.Iterator[Finding]:
    if guest.nvidia_smi and not guest.nvidia_smi.startswith(WSL_LIBRARIES) and not guest.conflicting_packages:
        yield CATALOGUE["GUEST-005"].finding(guest.nvidia_smi, path=guest.nvidia_smi)
    if guest.nvidia_smi_ok is False and "/dev/dxg" in guest.devices and not guest.conflicting_packages:
        entry = CATALOGUE.recognise(guest.nvidia_smi_output, ["distro"])
        # A harmless remark among its words does not explain why it failed.
        yield (entry if entry is not None and entry.status else CATALOGUE["GUEST-024"]).finding(guest.nvidia_smi_output)


def _other_findings(guest: Guest) -> t.Iterator[Finding]:
    if guest.platform == WSL1:
        yield CATALOGUE["GUEST-022"].finding(guest.kernel)
    elif "/dev/nvidiactl" not in guest.devices:
        yield CATALOGUE["GUEST-007"].finding("/dev/nvidiactl: No such file or directory")
    elif guest.nvidia_smi_ok is False:
        yield CATALOGUE["GUEST-024"].finding(guest.nvidia_smi_output)
    elif not guest.linker_first:
        yield CATALOGUE["GUEST-026"].finding("ldconfig -p lists no libcuda.so.1")
