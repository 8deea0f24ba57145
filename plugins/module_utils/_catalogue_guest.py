# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the GPU out of a distribution: missing devices and libraries, a Linux driver, its own settings, the kind of WSL. Layer distro.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import UNSUPPORTED

_CUDA_ON_WSL = "https://docs.nvidia.com/cuda/wsl-user-guide/index.html"
_CONF = "https://learn.microsoft.com/windows/wsl/wsl-config#wslconf"
_SOURCE = "https://github.com/microsoft/WSL/blob/master/src/linux/init/WslDistributionConfig.cpp"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="GUEST-001",
        layer="distro",
        cause="The distro has no GPU device: /dev/dxg is missing.",
        remedy=(
            "Set gpuSupport=true (or leave it out) in [wsl2] of .wslconfig, keep [gpu] enabled=true in /etc/wsl.conf, "
            "update the Windows driver and WSL, then run wsl --shutdown."
        ),
        reference="https://learn.microsoft.com/windows/wsl/wsl-config",
        rows=("S1",),
    ),
    Entry(
        code="GUEST-002",
        layer="distro",
        cause="A Linux NVIDIA display driver is installed inside WSL ({packages}); only the Windows driver belongs there.",
        remedy="Add package_removal to workstation_allow: role gpu_guest then purges exactly these packages, never the container toolkit.",
        reference=_CUDA_ON_WSL,
        rows=("G7", "S4"),
    ),
    Entry(
        code="GUEST-003",
        layer="distro",
        cause="Driver libraries lie outside /usr/lib/wsl ({files}) and shadow those that WSL provides.",
        remedy="Remove these files (they came from a Linux driver or a runfile installer), run ldconfig, then wsl --terminate the distro.",
        reference=_CUDA_ON_WSL,
        rows=("G7", "S4"),
    ),
    Entry(
        code="GUEST-004",
        layer="distro",
        cause="The dynamic linker finds libcuda.so.1 first at {first}, not in /usr/lib/wsl/lib.",
        remedy="Remove the package or file that owns it, run ldconfig, and check that /etc/ld.so.conf.d/ld.wsl.conf is there.",
        reference=_CUDA_ON_WSL,
        rows=("S4",),
    ),
    Entry(
        code="GUEST-005",
        layer="distro",
        severity="warning",
        status=None,
        cause="nvidia-smi on PATH is {path}, not the one that WSL provides in /usr/lib/wsl/lib.",
        remedy="Remove the package nvidia-utils of the distribution; WSL brings its own nvidia-smi.",
        reference="https://github.com/microsoft/WSL/issues/9166",
        rows=("S4",),
    ),
    Entry(
        code="GUEST-006",
        layer="distro",
        cause="WSL provides no NVIDIA libraries: libcuda.so.1 is not in /usr/lib/wsl/lib.",
        remedy="Install or update the NVIDIA driver on Windows, then run wsl --update and wsl --shutdown.",
        reference=_CUDA_ON_WSL,
        rows=("S1",),
    ),
    Entry(
        code="GUEST-007",
        layer="distro",
        cause="This Linux host has no NVIDIA device (/dev/nvidiactl is missing): the kernel driver is not loaded.",
        remedy="Install the NVIDIA driver of your distribution, reboot, and check nvidia-smi.",
        reference="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
        rows=("S1",),
    ),
    Entry(
        code="GUEST-008",
        layer="distro",
        patterns=(r"GPU access blocked by the operating system",),
        cause="NVML is blocked: a Linux driver shadows the one of WSL, the GPU is in TCC mode, or driver and WSL kernel do not fit.",
        remedy="Remove the Linux driver from the distro, set the GPU to WDDM mode, use WSL 2 of today (not older than 1.3.10), then run wsl --shutdown.",
        reference="https://github.com/microsoft/WSL/issues/9938",
        rows=("S4",),
    ),
    Entry(
        code="GUEST-009",
        layer="distro",
        status=None,
        severity="info",
        patterns=(r"libcuda\.so\.1 is not a symbolic link",),
        cause="ldconfig says that libcuda.so.1 is not a symbolic link: a harmless flaw in how NVIDIA packages its WSL libraries.",
        remedy="Nothing needs to be done.",
        reference="https://github.com/microsoft/WSL/issues/5663",
    ),
    Entry(
        code="GUEST-020",
        layer="distro",
        cause="/etc/wsl.conf has enabled=false in [gpu], so this distribution gets no GPU although others may.",
        remedy="Remove the line (the default is true) and run wsl --terminate for the distribution.",
        reference=_CONF,
        rows=("S1",),
    ),
    Entry(
        code="GUEST-021",
        layer="distro",
        status=None,
        severity="warning",
        cause="/etc/wsl.conf has {setting}=false, so the dynamic linker does not look into /usr/lib/wsl/lib.",
        remedy="Remove the line (the default is true) and run wsl --terminate for the distribution.",
        reference=_SOURCE,
        rows=("S1",),
    ),
    Entry(
        code="GUEST-022",
        layer="distro",
        status=UNSUPPORTED,
        cause="This distribution runs on WSL 1, which has no GPU.",
        remedy="Run wsl --set-version <distribution> 2, or let role gpudev.workstation.wsl do it.",
        reference="https://learn.microsoft.com/windows/wsl/compare-versions",
    ),
    Entry(
        code="GUEST-023",
        layer="distro",
        cause="WSL's driver store /usr/lib/wsl/drivers is empty, so the libraries in /usr/lib/wsl/lib have no driver to talk to.",
        remedy="Update the NVIDIA driver on Windows, then run wsl --shutdown.",
        reference=_CUDA_ON_WSL,
        rows=("S1",),
    ),
    Entry(
        code="GUEST-024",
        layer="distro",
        cause="nvidia-smi does not find a GPU in the distribution.",
        remedy="Run playbook gpudev.workstation.doctor: it names the first broken link among driver, WSL and distribution.",
        reference=_CUDA_ON_WSL,
        rows=("S1",),
    ),
    Entry(
        code="GUEST-025",
        layer="distro",
        status=None,
        severity="warning",
        cause="The distribution has device nodes of the Linux driver ({nodes}), which WSL does not make: its GPU is /dev/dxg alone.",
        remedy="Find out which program made them (a Linux driver, nvidia-modprobe) and remove it; they disappear with wsl --shutdown.",
        reference=_CUDA_ON_WSL,
        rows=("G7",),
    ),
    Entry(
        code="GUEST-026",
        layer="distro",
        status=None,
        severity="warning",
        cause="The NVIDIA driver of this Linux host has no CUDA library: the dynamic linker knows no libcuda.so.1.",
        remedy="Install the driver's compute library (Ubuntu libnvidia-compute-NNN, Debian libcuda1, Fedora xorg-x11-drv-nvidia-cuda), or run ldconfig.",
        reference="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
        rows=("S1",),
    ),
    Entry(
        code="GUEST-027",
        layer="distro",
        status=None,
        severity="warning",
        cause="A Linux driver was removed from this distribution since it started; programs that run since then keep the old libraries.",
        remedy="Put the word 'wsl_shutdown' into workstation_allow: role gpu_guest then restarts the distribution. Or type 'wsl --terminate {distribution}' in "
        "a PowerShell of Windows.",
        reference=_CUDA_ON_WSL,
        rows=("G7", "S4"),
    ),
)
