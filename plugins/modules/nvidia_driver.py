# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file only documents: the implementation is the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_driver
short_description: Bring the NVIDIA driver of a Windows workstation to a minimum version
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Installs the NVIDIA driver for Windows from a given installer when it is missing or older than a minimum version.
  - The installer runs silently as a job on the workstation. Whether it succeeded is seen by looking at the driver again; its exit code counts for nothing.
  - A running virtual machine of WSL keeps the driver it started with, so C(wsl --shutdown) is run afterwards.
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.consent
  - gpudev.workstation._attributes.windows
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  min_version:
    description:
      - The oldest driver that is accepted. Empty means 472.12 on Windows 11 and 496.76 on Windows 10, the first that serve WSL2.
    type: str
    default: ""
  installer:
    description:
      - NVIDIA's package for this GPU and this Windows, as a path on the workstation or as a URL that the workstation fetches. Whoever gives it accepts the
        licence of the driver.
      - Only used when the driver is missing or older than O(min_version). Installing needs V(driver_install) in O(allow), and V(wsl_shutdown) as well while
        WSL runs.
    type: str
    default: ""
  installer_sha256:
    description:
      - SHA-256 of O(installer). A file with another one is refused. Required for a URL.
    type: str
    default: ""
  installer_arguments:
    description:
      - The arguments that make the installer silent and keep it from restarting Windows. The defaults are those of unattended scripts in public
        repositories; they were not proven on a real workstation.
    type: list
    elements: str
    default: ["-s", "-noreboot", "-noeula"]
  windows_user:
    description:
      - The Windows user who works on this machine; a connection as somebody else is refused before anything changes.
      - Empty means whoever is logged on.
    type: str
    default: ""
seealso:
  - module: gpudev.workstation.host_info
  - module: gpudev.workstation.wsl
"""

EXAMPLES = r"""
- name: A driver for WSL2, from a file on the workstation
  gpudev.workstation.nvidia_driver:
    installer: C:\Installers\591.59-notebook-win10-win11-64bit-international-dch-whql.exe
    installer_sha256: "{{ nvidia_driver_sha256 }}"
    allow: [driver_install, wsl_shutdown]
"""

RETURN = r"""
layers:
  description:
    - What is known of the layer C(nvidia_driver), or of C(windows) when the connection is not that of the workstation's user.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: nvidia_driver
      status: ok
      summary: NVIDIA GeForce RTX 4050 Laptop GPU, driver 591.59 (at least 472.12)
      facts: {}
      findings: []
nvidia_driver:
  description:
    - GPUs and driver after the task, as in the return value C(workstation.nvidia_driver) of M(gpudev.workstation.host_info).
  returned: when the workstation answered
  type: dict
  sample: {driver_version: "591.59", source: nvidia-smi, gpus: []}
reboot_required:
  description:
    - Whether Windows has to be restarted before the driver that was installed is in force.
  returned: when the workstation answered
  type: bool
  sample: false
diff:
  description:
    - The driver's version before and after.
  returned: in diff mode, when something changes
  type: dict
  sample:
    before: {driver_version: "471.96"}
    after: {driver_version: ">= 472.12"}
"""
