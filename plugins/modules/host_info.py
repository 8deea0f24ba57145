# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file only documents: the implementation is the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Look at the whole Windows side of a workstation in one round trip
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Observes what a GPU pod needs of Windows - build, virtualisation, optional features, pending restart, policies, the NVIDIA driver and its GPUs,
    WSL with its distributions, C(.wslconfig), and Docker Desktop - and says of the layers C(windows), C(nvidia_driver) and C(wsl) what is wrong with them.
  - Everything is asked in one request. The registry and CIM are asked first; text of C(wsl.exe) is read by its position and never by its words, so the
    language of Windows does not matter.
  - It never fails because of what it finds. Look at RV(layers).
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.info
  - gpudev.workstation._attributes.windows
options:
  windows_user:
    description:
      - The Windows user who works on this machine. WSL, C(.wslconfig) and the settings of Docker Desktop belong to one Windows user, so a connection
        as somebody else is a finding.
      - Empty means whoever is logged on, and when nobody is, the account of the connection.
    type: str
    default: ""
  distribution:
    description:
      - The WSL distribution that has to be there. Empty means that none is asked for.
    type: str
    default: ""
  min_build:
    description:
      - The oldest Windows build that is accepted.
      - By default 19045 (Windows 10 22H2) and 22631 (Windows 11 23H2), as Docker Desktop requires.
    type: int
  min_driver_version:
    description:
      - The oldest NVIDIA driver that is accepted.
      - By default 472.12 on Windows 11 and 496.76 on Windows 10.
    type: str
  min_wsl_version:
    description:
      - The oldest WSL that is accepted.
    type: str
    default: 2.1.5
  min_docker_desktop_version:
    description:
      - The oldest Docker Desktop that is accepted; below it RV(workstation.docker_desktop) has a finding that says why for the driver at hand.
    type: str
    default: 4.31.1
  docker:
    description:
      - Which engine serves the distribution, V(desktop) for Docker Desktop, V(engine) for one inside the distribution.
      - With V(desktop) a Docker Desktop that does not run is a finding. With V(engine) one whose WSL integration is on for O(distribution) is, because both
        would want the same program and socket; and that WSL ends an idle distribution is a warning.
    type: str
    choices:
      - desktop
      - engine
    default: desktop
  logon_timeout:
    description:
      - Seconds to wait until somebody is logged on, for use after a restart. What is seen then is reported, with or without a logon.
    type: int
    default: 0
notes:
  - When the virtual machine of WSL started is read from its process, C(vmmemWSL) or C(vmmem).
seealso:
  - module: gpudev.workstation.wsl
  - module: gpudev.workstation.docker_desktop
  - module: gpudev.workstation.gpu_chain_info
"""

EXAMPLES = r"""
- name: Look at the Windows side
  gpudev.workstation.host_info:
    distribution: Ubuntu-24.04
  register: seen

- name: Say which driver serves which GPU
  ansible.builtin.debug:
    msg: "{{ seen.workstation.nvidia_driver.gpus | map(attribute='name') | join(', ') }}: {{ seen.workstation.nvidia_driver.driver_version }}"

- name: Stop where Windows itself is not fit
  ansible.builtin.assert:
    that: seen.layers | selectattr('layer', 'eq', 'windows') | map(attribute='status') | first == 'ok'
"""

RETURN = r"""
layers:
  description:
    - What is known of the layers C(windows), C(nvidia_driver) and C(wsl), each with its status, a summary, facts and findings.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: nvidia_driver
      status: ok
      summary: "NVIDIA GeForce RTX 4050 Laptop GPU, driver 591.59 (at least 472.12)"
      facts: {}
      findings: []
workstation:
  description:
    - The facts, in plain units.
  returned: when the workstation answered
  type: dict
  contains:
    windows:
      description: Windows itself.
      returned: always
      type: dict
      sample:
        product: Windows 11 Pro
        edition: Professional
        build: 26100
        revision: 4349
        display_version: 24H2
        locale: en-US
        booted: "2026-11-21T05:00:00.0000000Z"
        memory_mib: 32768
        logical_processors: 16
        virtualization: true
        hypervisor: true
        features: {VirtualMachinePlatform: enabled, Microsoft-Windows-Subsystem-Linux: disabled}
        required_features: [VirtualMachinePlatform]
        reboot_pending: {pending: false, reasons: []}
        policies: {}
    user:
      description: >-
        The account of the connection, who is logged on (at the console, and the account of the connection itself also by remote desktop), and whether
        that is the workstation's user.
      returned: always
      type: dict
      sample:
        connected: dev
        connected_sid: S-1-5-21-1004336348-1177238915-682003330-1001
        logged_on: [dev]
        profile: C:\Users\dev
        workstation_user: dev
        is_workstation_user: true
    controller:
      description: >-
        Whether this run's controller lives in the WSL of this very workstation, so that stopping WSL or Windows would end the run; C(restart) is then the
        finding that says what to type instead.
      returned: always
      type: dict
      sample: {inside_wsl: false, restart: null}
    nvidia_driver:
      description: GPUs and driver; C(source) says whether nvidia-smi or the display adapter told.
      returned: always
      type: dict
      sample:
        driver_version: "591.59"
        source: nvidia-smi
        gpus:
          - index: 0
            uuid: GPU-5b1f0c5e-3c0d-4a7e-9d6b-405040504050
            name: NVIDIA GeForce RTX 4050 Laptop GPU
            driver_version: "591.59"
            memory_mib: 6141
            driver_model: WDDM
    wsl:
      description: WSL for the connecting user.
      returned: always
      type: dict
      contains:
        kind:
          description: V(store) for the WSL package, V(inbox) for the one that came with Windows, V(absent) for none.
          returned: always
          type: str
          sample: store
        version:
          description: Version of the WSL package, empty when there is none.
          returned: always
          type: str
          sample: 2.6.3.0
        kernel:
          description: Version of the packaged kernel, empty when it is not known.
          returned: always
          type: str
          sample: 6.6.87.2-1
        executable:
          description: The C(wsl.exe) that works in any logon type, empty when WSL is not installed.
          returned: always
          type: str
          sample: C:\Program Files\WSL\wsl.exe
        distributions:
          description: The distributions of this Windows user, the default one first. C(version) is 1 or 2 for WSL 1 or 2.
          returned: always
          type: list
          elements: dict
          sample:
            - {name: Ubuntu-24.04, version: 2, default: true, guid: "{7f1c5e0a-53a6-4f0e-9a54-0d3f0c1d2e01}", state: Running}
        default_version:
          description: Whether new distributions are made for WSL 1 or 2.
          returned: always
          type: int
          sample: 2
        default_distribution:
          description: Name of the default distribution, or null.
          returned: always
          type: str
          sample: Ubuntu-24.04
        vm_started:
          description: When the virtual machine of WSL started (UTC), or null when it does not run.
          returned: always
          type: str
          sample: "2026-11-21T05:00:00.0000000Z"
        restart_owed:
          description: Whether C(.wslconfig) is newer than the running virtual machine, and so not in force.
          returned: always
          type: bool
          sample: false
    wslconfig:
      description:
        - The text of C(.wslconfig) of the connecting user, and whether with it programs of Windows reach C(127.0.0.1) of the distributions.
      returned: always
      type: dict
      sample: {path: C:\Users\dev\.wslconfig, exists: true, text: "[wsl2]\nmemory=20GB\n", localhost_reaches_linux: true}
    start_at_logon:
      description: Whether Windows has the scheduled task of M(gpudev.workstation.start_at_logon).
      returned: always
      type: bool
      sample: false
    docker_desktop:
      description: Docker Desktop, its settings, its engine as C(docker version) shows it, and what is to be said of its release.
      returned: always
      type: dict
      sample:
        installed: true
        version: 4.91.0
        scope: machine
        running: true
        settings_path: C:\Users\dev\AppData\Roaming\Docker\settings-store.json
        settings: {IntegratedWslDistros: [Ubuntu-24.04]}
        engine: {version: 29.8.0, os: linux, platform: Docker Desktop 4.91.0 (239619), kernel: 6.6.87.2-microsoft-standard-WSL2}
        findings: []
ansible_facts:
  description:
    - The name of the workstation's Windows user, from which the name of the Linux user is derived.
  returned: when the workstation answered
  type: dict
  contains:
    workstation_user:
      description: The declared user, or whoever is logged on, or the account of the connection.
      returned: always
      type: str
      sample: dev
"""
