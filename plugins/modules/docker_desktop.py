# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file only documents: the implementation is the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_desktop
short_description: Install, configure and run Docker Desktop on a Windows workstation
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Installs Docker Desktop from a given installer, or upgrades it below a minimum version, merges settings into its settings file, and starts it in the
    session of the logged-on user, awaiting its engine.
  - Docker Desktop runs only in a desktop session. When its user is not logged on, the layer is C(needs_logon), with what to do.
  - The settings file is C(settings-store.json) since 4.35 and C(settings.json) before. Keys are found whatever their case and keep their spelling; foreign
    keys stay. The file is written without a byte order mark, and only while Docker Desktop is stopped, because a running one writes it back from memory.
  - What takes minutes runs as a job on the workstation that is polled, with a line of progress at each poll.
  - When the controller itself lives in the WSL of this workstation, what would stop Docker Desktop is refused, with the command to type in Windows instead.
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
      - What Docker Desktop has to be.
    type: str
    choices: [running]
    default: running
  installer:
    description:
      - C(Docker Desktop Installer.exe), as a path on the workstation or as a URL that the workstation fetches. It is run as
        C(install --quiet --accept-license --backend=wsl-2); whoever gives it accepts the licence of Docker Desktop.
      - Only used when Docker Desktop is not installed or older than O(min_version).
    type: str
    default: ""
  installer_sha256:
    description:
      - SHA-256 of O(installer). A file with another one is refused. Required for a URL.
    type: str
    default: ""
  min_version:
    description:
      - The oldest Docker Desktop that is accepted. Drivers 555 and later need 4.31.0, because of the container toolkit that it brings.
      - Below it, an upgrade from O(installer) needs V(docker_desktop_upgrade) in O(allow).
    type: str
    default: 4.31.1
  settings:
    description:
      - Settings that have to be in the settings file, such as C(AutoStart). New keys are written as given here.
      - The WSL2 engine and Linux containers are required whatever is declared.
    type: dict
    default: {}
  integration:
    description:
      - WSL distributions that the engine has to serve. They are added to those that are integrated already.
    type: list
    elements: str
    default: []
  start_timeout:
    description:
      - Seconds to wait for the engine after the start.
    type: int
    default: 300
  windows_user:
    description:
      - The Windows user who works on this machine; a connection as somebody else is refused before anything changes.
      - Empty means whoever is logged on.
    type: str
    default: ""
notes:
  - Stopping a running Docker Desktop, to change its settings or because its engine does not answer, needs V(docker_restart) in O(allow).
seealso:
  - module: gpudev.workstation.docker_gpu_probe
  - module: gpudev.workstation.host_info
"""

EXAMPLES = r"""
- name: Docker Desktop serves Ubuntu
  gpudev.workstation.docker_desktop:
    installer: C:\Installers\Docker Desktop Installer.exe
    installer_sha256: "{{ docker_desktop_sha256 }}"
    integration: [Ubuntu-24.04]
    settings:
      AutoStart: true
    allow: [docker_restart]
"""

RETURN = r"""
layers:
  description:
    - What is known of the layer C(docker) as far as Docker Desktop is concerned, or of C(windows) when the connection is not that of the workstation's user.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: docker
      status: ok
      summary: Docker Desktop 4.91.0 runs, engine 29.8.0
      facts: {}
      findings: []
docker_desktop:
  description:
    - Docker Desktop as it is after the task, as in the return value C(workstation.docker_desktop) of M(gpudev.workstation.host_info).
  returned: when the workstation answered
  type: dict
  sample: {installed: true, version: 4.91.0, scope: machine, running: true}
diff:
  description:
    - Version, settings and whether it runs, before and after.
  returned: in diff mode, when something changes
  type: dict
  sample:
    before: {version: 4.91.0, settings: {IntegratedWslDistros: []}, running: true}
    after: {version: 4.91.0, settings: {IntegratedWslDistros: [Ubuntu-24.04]}, running: true}
"""
