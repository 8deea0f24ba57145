# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wsl.exe through the OpenSSH server of Windows, by the host's own `ssh` connection.

Only that connection's public methods are used, so that its passwords, retries, control sockets and options work as they always do.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import NOTHING_TO_DO, Target, ssh_cmd_line, ssh_powershell_line

LINES: dict[str, t.Callable[[Target], str]] = {"cmd": ssh_cmd_line, "powershell": ssh_powershell_line}


class SshChannel:
    """`shell` is what the server's DefaultShell is: nothing in the protocol tells it."""

    def __init__(self, carrier: t.Any, shell: str) -> None:
        self.carrier = carrier
        self.line = LINES[shell]

    def open(self) -> None:
        """Nothing: the ssh program connects, or joins the control socket of an earlier one, with each command."""

    def run(self, target: Target, stdin: bytes) -> Ended:
        """A wsl.exe that ends without reading breaks ssh's pipe, and ansible-core may give up before ssh has told what it said.

        It says the same to an empty line, with which nothing runs. If that ends with 0, the connection broke under a command that may have begun.
        """
        try:
            return self._ended(target, stdin)
        except AnsibleConnectionFailure as failure:
            if not isinstance(failure.__cause__ or getattr(failure, "orig_exc", None), BrokenPipeError):
                raise
            # Without any input ansible-core gives ssh a terminal that never ends, and the shell in the distribution would wait for its line.
            ended = self._ended(target, NOTHING_TO_DO)
            if ended.rc == 0:
                raise
            return ended

    def _ended(self, target: Target, stdin: bytes) -> Ended:
        # Not `sudoable`: that would ask for a terminal, which changes bytes, and wait for prompts.
        rc, stdout, stderr = self.carrier.exec_command(self.line(target), in_data=stdin, sudoable=False)
        return Ended(rc, stdout, stderr)

    def close(self) -> None:
        self.carrier.close()

    def reset(self) -> None:
        """Also ends the control socket's connection."""
        self.carrier.reset()
