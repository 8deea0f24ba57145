# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file only documents: the implementation is the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: start_at_logon
short_description: Start a distribution, and a program in it, when the user logs on to Windows
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Registers one scheduled task, C(gpudev-start-at-logon), that runs a program inside a WSL distribution when the workstation's user logs on.
  - The task is that user's own and runs on that user's desktop with ordinary rights, never as SYSTEM, because distributions of WSL belong to a user. No
    password is stored.
  - It runs C(wslg.exe), which is C(wsl.exe) without a console window, so nothing is seen of it. While the program runs, so does the distribution.
  - It starts on battery power too and has no time limit, so the program has to have its own.
  - What is registered is compared by what it means, so a task that somebody has changed or disabled by hand is put right.
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
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
    description: V(absent) removes the task; the other options do not count then.
    type: str
    choices: [present, absent]
    default: present
  distribution:
    description: The distribution to start. Required with O(state=present).
    type: str
    default: ""
  linux_user:
    description: The Linux user whom the program runs as. Required with O(state=present).
    type: str
    default: ""
  command:
    description:
      - The program by its absolute path in the distribution, and its arguments. No shell reads them. Required with O(state=present).
      - An argument with V(%), V($() or a control character is refused, because the task scheduler would put something else in its place.
    type: list
    elements: str
    default: []
  needs_docker_desktop:
    description:
      - Whether the program needs Docker Desktop. When Docker Desktop does not start at logon (its setting C(AutoStart)), a warning says so; the task is
        registered all the same.
    type: bool
    default: true
  windows_user:
    description:
      - The Windows user who works on this machine; a connection as somebody else is refused, except with O(state=absent).
      - Empty means whoever is logged on.
    type: str
    default: ""
notes:
  - The task's definition follows Microsoft's documentation and was never registered on Windows; the simulated workstation registers it and runs it at a
    simulated logon.
  - To register a task that starts at a logon the account has to be an administrator of the workstation.
seealso:
  - module: gpudev.workstation.wsl
  - module: gpudev.workstation.docker_desktop
"""

EXAMPLES = r"""
- name: Start the cluster when dev logs on
  gpudev.workstation.start_at_logon:
    distribution: Ubuntu-24.04
    linux_user: dev
    command: [/usr/local/bin/minikube, start, -p, minikube]

- name: Not any more
  gpudev.workstation.start_at_logon:
    state: absent
"""

RETURN = r"""
layers:
  description: The layer C(windows) or C(wsl) where that keeps the task from being registered, else none.
  returned: always
  type: list
  elements: dict
  sample: []
task:
  description: The name of the scheduled task, in the root folder of the task scheduler.
  returned: success
  type: str
  sample: gpudev-start-at-logon
findings:
  description: That Docker Desktop does not start at logon.
  returned: when it does not
  type: list
  elements: dict
  sample:
    - code: DESKTOP-021
      layer: docker
      severity: warning
      symptom: "settings-store.json: AutoStart is False"
      cause: The cluster is to start when dev logs on, but Docker Desktop does not.
      remedy: Switch it on in Docker Desktop.
      reference: https://docs.docker.com/desktop/settings-and-maintenance/settings/#general
"""
