# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file only documents: the implementation is the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: wsl
short_description: Bring WSL and one distribution of a Windows workstation to the declared state
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Installs WSL or updates it to a minimum version, installs a distribution from a local image or by its name in the store, makes it the default, and
    runs C(wsl --shutdown) when C(.wslconfig) is newer than the running virtual machine.
  - Exit codes of C(wsl.exe) do not say whether it did what was asked, so the state afterwards is looked at instead.
  - What takes minutes runs as a job on the workstation that is polled, with a line of progress at each poll.
  - A distribution of WSL 1 is refused, not converted. New distributions are made for WSL 2.
  - When the controller itself lives in the WSL of this workstation, what would stop WSL is refused, with the commands to type in Windows instead.
  - A distribution is never launched here, because its first launch asks for a user name on a console.
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
  state:
    description:
      - With V(present), WSL and the distribution are brought to what the other options declare.
      - With V(restarted), only C(wsl --terminate) is run for the distribution, when it runs; the next connection starts it anew. That ends every program in
        it, so it needs V(wsl_shutdown) in O(allow), and it is never done while Docker Desktop is starting. O(distribution), O(windows_user) and O(allow)
        count, the other options do not.
    type: str
    choices: [present, restarted]
    default: present
  distribution:
    description:
      - Name of the distribution. Letters, digits, dot, underscore and hyphen only, because C(wsl.exe) splits its arguments at blanks.
    type: str
    required: true
  min_version:
    description:
      - The oldest WSL that is accepted. Below it, WSL is updated, which needs V(wsl_shutdown) in O(allow) while its virtual machine runs.
    type: str
    default: 2.1.5
  installer:
    description:
      - A WSL package (C(.msi)), as a path on the workstation or as a URL that the workstation fetches; installed with M(ansible.windows.win_package).
      - Empty means that C(wsl.exe --install --no-distribution) or C(wsl.exe --update) fetches it from the internet.
    type: str
    default: ""
  installer_sha256:
    description:
      - SHA-256 of O(installer). A file with another one is refused. Required for a URL.
    type: str
    default: ""
  rootfs:
    description:
      - The image (C(.wsl) or C(.tar.gz)) from which the distribution is installed, as a path on the workstation or as a URL that the workstation fetches.
      - Empty means that it is installed by its name from the store.
    type: str
    default: ""
  rootfs_sha256:
    description:
      - SHA-256 of O(rootfs). A file with another one is refused. Required for a URL.
    type: str
    default: ""
  default:
    description:
      - Whether the distribution has to be the default one.
    type: bool
    default: true
  restart:
    description:
      - With V(needed), C(wsl --shutdown) is run when C(.wslconfig) was written after the virtual machine had started. That stops every distribution and
        Docker Desktop's engine, so it needs V(wsl_shutdown) in O(allow). It is never done while Docker Desktop is starting.
      - With V(never), a C(.wslconfig) that is not in force stays so, and is only told.
    type: str
    choices: [needed, never]
    default: needed
  wslconfig_pending:
    description:
      - In check mode, that an earlier task of the same run would have changed C(.wslconfig), so that a restart would be owed. Ignored otherwise.
    type: bool
    default: false
  windows_user:
    description:
      - The Windows user who works on this machine; a connection as somebody else is refused before anything changes.
      - Empty means whoever is logged on.
    type: str
    default: ""
seealso:
  - module: gpudev.workstation.wslconfig
  - module: gpudev.workstation.host_info
"""

EXAMPLES = r"""
- name: WSL and Ubuntu from local files
  gpudev.workstation.wsl:
    distribution: Ubuntu-24.04
    installer: C:\Installers\wsl.2.6.3.0.x64.msi
    rootfs: C:\Installers\ubuntu-24.04.3-wsl-amd64.wsl
    rootfs_sha256: "{{ ubuntu_image_sha256 }}"

- name: Bring a changed .wslconfig into force
  gpudev.workstation.wsl:
    distribution: Ubuntu-24.04
    allow: [wsl_shutdown]

- name: Restart the distribution
  gpudev.workstation.wsl:
    distribution: Ubuntu-24.04
    state: restarted
    allow: [wsl_shutdown]
"""

RETURN = r"""
layers:
  description:
    - What is known of the layer C(wsl), or of C(windows) when the connection is not that of the workstation's user.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: wsl
      status: ok
      summary: WSL 2.6.3.0, kernel 6.6.87.2-1, Ubuntu-24.04 (WSL 2, Running)
      facts: {}
      findings: []
wsl:
  description:
    - WSL as it is after the task, as in the return value C(workstation.wsl) of M(gpudev.workstation.host_info).
  returned: when the workstation answered
  type: dict
  sample: {kind: store, version: 2.6.3.0, default_distribution: Ubuntu-24.04, restart_owed: false}
reboot_required:
  description:
    - Whether Windows has to be restarted before WSL can be used.
  returned: when the workstation answered
  type: bool
  sample: false
diff:
  description:
    - Version, distributions and owed restart before and after.
  returned: in diff mode, when something changes
  type: dict
  sample:
    before: {version: absent, distributions: {}, restart_owed: false}
    after: {version: ">= 2.1.5", distributions: {Ubuntu-24.04: {wsl: 2, default: true}}, restart_owed: false}
"""
