# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: wsl
short_description: Become another user of a WSL distribution without a password
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Runs a command as another Linux user of a WSL distribution by telling C(wsl.exe) to start it as that user (C(-u)).
  - Whoever owns a WSL distribution in Windows may do that for every user in it, root included. No C(sudo) is needed in the
    distribution, and no password.
  - It only works with the connection P(gpudev.workstation.wsl#connection).
options:
  become_user:
    description:
      - The Linux user to become.
      - The variable C(ansible_become_user) is deliberately not read, because an inventory of Windows hosts holds a Windows account in it.
        Use the keyword C(become_user).
    type: string
    default: root
    keyword:
      - name: become_user
    vars:
      - name: ansible_wsl_become_user
notes:
  - With a native Linux host in the same play, leave O(become_user) at its default and let the host's own C(ansible_become_method) decide.
"""

EXAMPLES = r"""
- name: Work inside WSL, now and then as root
  hosts: workstations
  gather_facts: false
  vars:
    ansible_connection: gpudev.workstation.wsl
    ansible_wsl_distribution: Ubuntu-24.04
    ansible_wsl_user: dev
    ansible_become_method: gpudev.workstation.wsl
    ansible_python_interpreter: /usr/bin/python3
  tasks:
    - name: Refresh the library cache
      ansible.builtin.command: ldconfig
      become: true
      changed_when: false
"""

import shlex

from ansible.errors import AnsibleError
from ansible.plugins.become import BecomeBase
from ansible.plugins.shell import ShellBase


class BecomeModule(BecomeBase):
    """Only marks the command; the connection sees the mark and starts it as the other user."""

    name = "gpudev.workstation.wsl"
    pipelining = True

    def build_become_command(self, cmd: str, shell: ShellBase) -> str:
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        if not self.get_option("become_user"):
            raise AnsibleError("become_user is empty: name the Linux user to become.")
        # The mark is for the connection alone; printing it, as other methods do, would cost a round trip of its own.
        marked = shlex.quote(f": {self.success}; {cmd}")
        return f"{getattr(shell, 'executable', None) or '/bin/sh'} -c {marked}"

    def marks(self, command: str) -> bool:
        """Whether this command was built to run as the other user; the mark is a new random word each time."""
        return bool(self.success) and self.success in command
