# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: wsl
short_description: Run tasks inside a WSL distribution through the Windows host's own connection
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Runs commands and transfers files inside a Windows Subsystem for Linux distribution of a Windows host.
  - Everything travels through the connection that the inventory already has for the Windows host, its O(carrier). There is no SSH server,
    no second port and no second credential. All options and variables of the carrier (C(ansible_user), C(ansible_password), C(ansible_port),
    C(ansible_winrm_*) and so on) keep their meaning; none is declared again here.
  - Inside the distribution ordinary Python modules run. The shell is always C(sh), whatever C(ansible_shell_type) says for Windows, and the become
    method C(runas) is replaced by P(gpudev.workstation.wsl#become).
  - No command line on Windows ever contains user data. The command and its input travel on standard input, so there is no limit on their length and
    nothing to quote.
  - Exit codes from 0 to 255, standard output, standard error and transferred files are exact. Files of any size are transferred in pieces, with
    progress at C(-vvv).
  - An answer of the host that says busy, or that a quota is used up, is waited out for half a minute.
  - What C(wsl.exe) itself has to complain about makes the host unreachable, with its text, the cause and the remedy.
requirements:
  - On the controller, for the carrier V(winrm), pywinrm >= 0.5.0; for V(psrp), pypsrp >= 0.8.0; for V(ssh), the OpenSSH client.
  - C(/bin/sh) and C(base64) in the distribution; for files also C(sha256sum), C(dd), C(head) and C(tail). Those of coreutils and of busybox do.
options:
  carrier:
    description:
      - The connection plugin that reaches the Windows host.
      - V(psrp) takes the login of P(ansible.builtin.psrp#connection), but no PowerShell runs - bytes cross a remote shell as they are.
      - V(ssh) needs the OpenSSH server of Windows. See O(carrier_shell).
    type: string
    default: winrm
    choices:
      - winrm
      - psrp
      - ssh
      - ansible.builtin.winrm
      - ansible.builtin.psrp
      - ansible.builtin.ssh
    vars:
      - name: ansible_wsl_carrier
  carrier_shell:
    description:
      - With the carrier V(ssh), the C(DefaultShell) of the OpenSSH server, which nothing in the protocol tells.
      - V(powershell) stands for Windows PowerShell and for PowerShell 7.
    type: string
    default: cmd
    choices:
      - cmd
      - powershell
    vars:
      - name: ansible_wsl_carrier_shell
  distribution:
    description:
      - The distribution to work in, as C(wsl -l -q) shows it.
      - Without it, the default distribution of the Windows user.
      - It belongs to the Windows user who connects. Only letters, digits, C(.), C(_) and C(-) are accepted, because C(wsl.exe) knows no quotes here.
    type: string
    default: ''
    vars:
      - name: ansible_wsl_distribution
  remote_user:
    description:
      - The Linux user to work as. It needs no password.
      - Without it, the default user of the distribution.
      - C(ansible_user) remains the Windows user.
    type: string
    default: ''
    vars:
      - name: ansible_wsl_user
  executable:
    description:
      - The C(wsl.exe) of the Windows host.
      - RV(gpudev.workstation.host_info#module:workstation.wsl.executable) says where it is.
      - When nothing is given, or what is given does not start, C(C:\Program Files\WSL\wsl.exe) is tried, where the MSI of WSL 2 puts it, and then
        C(C:\Windows\System32\wsl.exe), which can be the stub of a Store application that does not start from the session that WinRM works in.
    type: string
    default: ''
    vars:
      - name: ansible_wsl_executable
  pipelining:
    description: Whether modules go in on standard input instead of being copied first. Each copied module costs four more starts of C(wsl.exe).
    type: boolean
    default: true
    vars:
      - name: ansible_pipelining
      - name: ansible_wsl_pipelining
notes:
  - The password of C(sudo), C(su) and other become methods that read it from standard input is given when they ask. With
    P(gpudev.workstation.wsl#become) none is needed.
  - With the carrier V(ssh), what the C(ssh) program itself says ends up in standard error, as it does with P(ansible.builtin.ssh#connection).
  - The play that works inside WSL should set C(ansible_python_interpreter), C(ansible_become_method), C(ansible_shell_type), C(ansible_remote_tmp)
    and C(ansible_async_dir) in its C(vars), so that nothing the inventory says for the Windows side is taken for the Linux side.
  - Programs that a task leaves running do not keep the distribution alive once nobody uses it.
seealso:
  - plugin: gpudev.workstation.wsl
    plugin_type: become
  - plugin: ansible.builtin.winrm
    plugin_type: connection
  - plugin: ansible.builtin.psrp
    plugin_type: connection
  - plugin: ansible.builtin.ssh
    plugin_type: connection
"""

EXAMPLES = r"""
- name: Work inside WSL on the hosts of the Windows inventory
  hosts: workstations
  gather_facts: false
  vars:
    ansible_connection: gpudev.workstation.wsl
    ansible_wsl_distribution: Ubuntu-24.04
    ansible_wsl_user: dev
    ansible_shell_type: sh
    ansible_become_method: gpudev.workstation.wsl
    ansible_python_interpreter: /usr/bin/python3
  tasks:
    - name: Look whether the distribution answers
      ansible.builtin.ping:
"""

import base64
import hashlib
import os
import secrets
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes
from ansible.playbook.play_context import PlayContext
from ansible.plugins.become import BecomeBase
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import become_loader, get_shell_plugin
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.plugin_utils import _file_pieces
from ansible_collections.gpudev.workstation.plugins.plugin_utils._become_password import built_by, refusal, with_password, without_prompt
from ansible_collections.gpudev.workstation.plugins.plugin_utils._carriers import Carrier
from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Channel, Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import (
    DEFAULT_EXECUTABLE,
    NOTHING_TO_DO,
    SYSTEM32_EXECUTABLE,
    Target,
    own_words,
    script,
    split_trailer,
    winrs_line,
)

if t.TYPE_CHECKING:
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_complaints import Complaint

display = Display()

BECOME_METHOD = "gpudev.workstation.wsl"
DEFAULT_CARRIER = "winrm"


class Connection(ConnectionBase):
    """Commands inside WSL, carried by the host's own Windows connection."""

    transport = BECOME_METHOD
    has_pipelining = True
    has_tty = False

    def __init__(self, play_context: PlayContext, *args: t.Any, **kwargs: t.Any) -> None:
        # The shell is given, or else ansible_shell_type of the Windows host would choose it.
        kwargs.setdefault("shell", get_shell_plugin(shell_type="sh", executable=play_context.executable))
        super().__init__(play_context, *args, **kwargs)
        self._carrier: Carrier | None = None
        self._carrier_variables: dict[str, t.Any] | None = None
        self._working_executable = ""

    # Options: ours to us, the carrier's to the carrier.

    def _resolve_option_variables(self, variables: dict[str, t.Any], templar: t.Any) -> dict[str, t.Any]:
        """Private in ansible-core, but the only place that sees every variable; present from 2.17 to 2.19 (facts/winrm.md 3.4)."""
        own: dict[str, t.Any] = super()._resolve_option_variables(variables, templar)
        carrier = self._loaded_carrier(str(own.get("ansible_wsl_carrier", DEFAULT_CARRIER)))
        self._carrier_variables = carrier.plugin._resolve_option_variables(variables, templar)
        return own

    def set_options(
        self, task_keys: dict[str, t.Any] | None = None, var_options: dict[str, t.Any] | None = None, direct: dict[str, t.Any] | None = None
    ) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        variables = self._carrier_variables if self._carrier_variables is not None else var_options
        self._loaded_carrier(self.get_option("carrier")).plugin.set_options(task_keys=task_keys, var_options=variables, direct=direct)

    def _loaded_carrier(self, name: str) -> Carrier:
        """The same one for every item of a loop, because its connection is kept."""
        if self._carrier is None or self._carrier.name != name:
            self._carrier = Carrier(name, self._play_context)
        return self._carrier

    def set_become_plugin(self, plugin: BecomeBase | None) -> None:
        """`runas` is what an inventory says for Windows; it means nothing in Linux."""
        if plugin is not None and plugin.name == "runas":
            plugin = become_loader.get(BECOME_METHOD)
        self.become = plugin

    # Life cycle

    def _connect(self) -> Connection:
        if not self._connected:
            # A name that cannot be is refused before anything is sent.
            for executable in self._executables():
                winrs_line(self._target(executable))
            self._channel().open()
            self._connected = True
        return self

    def _channel(self) -> Channel:
        if self._carrier is None:
            raise AnsibleError("The connection was used before its options were set.")
        return self._carrier.channel(self.get_option("carrier_shell"))

    def close(self) -> None:
        if self._carrier is not None:
            self._carrier.close()
        self._connected = False

    def reset(self) -> None:
        """Also on a connection that never connected: `meta: reset_connection` makes one of its own."""
        self._channel().reset()
        self._connected = False

    # Work

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)  # type: ignore[safe-super]
        become = built_by(self.become, cmd)
        if become is None:
            ended = self._run(cmd, in_data or b"")
            return ended.rc, ended.stdout, ended.stderr
        command, data = with_password(become, cmd, in_data or b"")
        ended = self._run(command, data, self._user_for(cmd))
        # Once the other user has said the word of success, what stands on standard error is the command's own, even if it is sudo's words again.
        if ended.rc != 0 and not become.check_success(ended.stdout) and (reason := refusal(become, ended.stderr)):
            raise AnsibleError(reason)
        return ended.rc, ended.stdout, without_prompt(become, ended.stderr)

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)  # type: ignore[safe-super]
        source = to_bytes(in_path, errors="surrogate_or_strict")
        if not os.path.exists(source):
            raise AnsibleFileNotFound(f"file or module does not exist: {in_path}")
        size, digest, answer = os.path.getsize(source), hashlib.sha256(), b""
        display.vvv(f"PUT {in_path} TO {out_path} ({size} bytes)", host=self._host())
        with open(source, "rb") as file:
            for number, piece, last in _file_pieces.pieces(file):
                digest.update(piece)
                ended = self._run(_file_pieces.write_piece(out_path, number, last), base64.b64encode(piece) + b"\n")
                if ended.rc != 0:
                    raise AnsibleError(f"Could not write {out_path} in {self._place()}: exit code {ended.rc}: {own_words(ended.stderr)}")
                answer = ended.stdout
                self._progress("PUT", number, len(piece), size)
        if answer.split()[:1] != [digest.hexdigest().encode("ascii")]:
            raise AnsibleError(f"{out_path} in {self._place()} differs from {in_path} after the transfer (SHA-256); run again.")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)  # type: ignore[safe-super]
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self._host())
        with open(to_bytes(out_path, errors="surrogate_or_strict"), "wb") as file:
            number, piece = -1, b""
            while number < 0 or len(piece) == _file_pieces.PIECE:
                number += 1
                piece = self._fetched_piece(in_path, number)
                file.write(piece)
                self._progress("FETCH", number, len(piece))

    def _fetched_piece(self, path: str, number: int) -> bytes:
        failed = secrets.token_hex(8)
        ended = self._run(_file_pieces.read_piece(path, number, failed), b"")
        if ended.rc != 0 or failed.encode() in ended.stderr:
            words = own_words(ended.stderr).replace(failed, "").strip()
            raise AnsibleError(f"Could not read {path} in {self._place()}: exit code {ended.rc or 1}: {words}")
        try:
            return base64.b64decode(ended.stdout)
        except ValueError as cut:
            raise AnsibleConnectionFailure(f"The transfer of {path} ended in the middle of a group of base64 characters; run again.") from cut

    def _progress(self, verb: str, number: int, length: int, size: int | None = None) -> None:
        if number:
            display.vvv(f"{verb}: {number * _file_pieces.PIECE + length}{f' of {size}' if size else ''} bytes", host=self._host())

    def _run(self, command: str, data: bytes, user: str | None = None) -> Ended:
        """A command in the distribution, by the first wsl.exe that gets there."""
        complaints: list[Complaint] = []
        for executable in self._executables():
            target = self._target(executable, user)
            mark = secrets.token_hex(8)
            ended = self._sent(target, command, data, mark)
            stderr, rc = (ended.stderr, 0) if ended.rc == 0 else split_trailer(ended.stderr, mark)
            if rc is not None:
                self._working_executable = executable
                return Ended(rc, ended.stdout, stderr)
            complaint = _complaint(target, ended)
            complaints.append(complaint)
            if complaint.another_executable_may_do():
                # A command whose distribution was stopped under it can end alike, and another wsl.exe would run it a second time.
                complaint.compare(self._channel().run(target, NOTHING_TO_DO))
            if not complaint.another_executable_may_do():
                break
        raise _unreachable(complaints)

    def _sent(self, target: Target, command: str, data: bytes, mark: str) -> Ended:
        display.vvv(f"WSL EXEC in {target.distribution or 'the default distribution'} as {target.user or 'its default user'}", host=self._host())
        if not self._play_context.no_log:
            display.vvvvv(f"WSL COMMAND {command}", host=self._host())
        # Only ASCII is certain to cross every Windows pipe unharmed; Ansible's own modules are ASCII.
        encoded = not data.isascii()
        stdin = script(command, mark, encoded) + (base64.encodebytes(data) if encoded else data)
        return self._channel().run(target, stdin)

    def _executables(self) -> list[str]:
        """The one that was named, then the usual places; once one has worked, only that."""
        if self._working_executable:
            return [self._working_executable]
        named = [self.get_option("executable")] if self.get_option("executable") else []
        return list(dict.fromkeys([*named, DEFAULT_EXECUTABLE, SYSTEM32_EXECUTABLE]))

    def _target(self, executable: str, user: str | None = None) -> Target:
        return Target(executable, self.get_option("distribution") or "", user if user is not None else self.get_option("remote_user") or "")

    def _user_for(self, command: str) -> str | None:
        marks = getattr(self.become, "marks", None)
        if self.become is None or marks is None or not marks(command):
            return None
        return str(self.become.get_option("become_user"))

    def _host(self) -> str:
        return self._carrier.address() if self._carrier is not None else ""

    def _place(self) -> str:
        return f"the WSL distribution {self.get_option('distribution') or '(default)'} of {self._host()}"


def _complaint(target: Target, ended: Ended) -> Complaint:
    # Imported by a failure only: ansible-core compiles the Python of a collection anew in every worker of every task.
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_complaints import Complaint

    return Complaint(target, ended)


def _unreachable(complaints: list[Complaint]) -> AnsibleConnectionFailure:
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_complaints import unreachable

    return unreachable(complaints)
