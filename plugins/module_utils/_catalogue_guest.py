# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the GPU out of a distribution by its own settings: `/etc/wsl.conf`, and the kind of WSL. The rest is in `_catalogue_docker`.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import UNSUPPORTED

_CONF = "https://learn.microsoft.com/windows/wsl/wsl-config#wslconf"
_SOURCE = "https://github.com/microsoft/WSL/blob/master/src/linux/init/WslDistributionConfig.cpp"

ENTRIES: tuple[Entry, ...] = (
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
        reference="https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        rows=("S1",),
    ),
    Entry(
        code="GUEST-024",
        layer="distro",
        cause="nvidia-smi does not find a GPU in the distribution.",
        remedy="Run playbook gpudev.workstation.doctor: it names the first broken link among driver, WSL and distribution.",
        reference="https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        rows=("S1",),
    ),
)
