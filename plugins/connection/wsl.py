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
  - Exit codes from 0 to 255, standard output, standard error and transferred files are exact.
  - What C(wsl.exe) itself has to complain about makes the host unreachable, with its text, the cause and the remedy.
requirements:
  - pywinrm >= 0.5.0 on the controller, for the carrier V(winrm).
  - C(/bin/sh), C(base64) and C(sha256sum) in the distribution.
options:
  carrier:
    description: The connection plugin that reaches the Windows host.
    type: string
    default: winrm
    choices:
      - winrm
      - ansible.builtin.winrm
    vars:
      - name: ansible_wsl_carrier
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
      - The default is where the MSI of WSL 2 puts it. The C(wsl.exe) in C(System32) can be the stub of a Store application, which does not start from
        the session that WinRM works in.
    type: string
    default: C:\Program Files\WSL\wsl.exe
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
  - The play that works inside WSL should set C(ansible_python_interpreter), C(ansible_become_method) and C(ansible_shell_type) in its C(vars), so
    that nothing the inventory says for the Windows side is taken for the Linux side.
  - Programs that a task leaves running do not keep the distribution alive once nobody uses it.
seealso:
  - plugin: gpudev.workstation.wsl
    plugin_type: become
  - plugin: ansible.builtin.winrm
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
import shlex
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes
from ansible.playbook.play_context import PlayContext
from ansible.plugins.become import BecomeBase
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import become_loader, connection_loader, get_shell_plugin
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_connection import ENTRIES
from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import Channel, WinRSChannel
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import (
    DEFAULT_EXECUTABLE,
    Target,
    chunks,
    command_line,
    own_words,
    script,
    split_trailer,
)

display = Display()

CATALOGUE = Catalogue(ENTRIES)
BECOME_METHOD = "gpudev.workstation.wsl"
CARRIERS = ("winrm", "ansible.builtin.winrm")

# WSL_UTF8: wsl.exe speaks UTF-8 instead of UTF-16; WSL_DISABLE_WARNINGS: its remarks on .wslconfig stay out of the command's standard error.
ENVIRONMENT = {"WSL_UTF8": "1", "WSL_DISABLE_WARNINGS": "1"}

# A multiple of 3, so that pieces of base64 can be joined.
FILE_PIECE = 192 * 1024
PROGRESS_EVERY = 16 * 1024 * 1024


class Connection(ConnectionBase):
    """Commands inside WSL, carried by the host's own Windows connection."""

    transport = BECOME_METHOD
    has_pipelining = True
    has_tty = False

    def __init__(self, play_context: PlayContext, *args: t.Any, **kwargs: t.Any) -> None:
        # The shell is given, or else ansible_shell_type of the Windows host would choose it.
        kwargs.setdefault("shell", get_shell_plugin(shell_type="sh", executable=play_context.executable))
        super().__init__(play_context, *args, **kwargs)
        self._carrier: t.Any = None
        self._carrier_variables: dict[str, t.Any] | None = None
        self._channel: Channel | None = None

    # Options: ours to us, the carrier's to the carrier.

    def _resolve_option_variables(self, variables: dict[str, t.Any], templar: t.Any) -> dict[str, t.Any]:
        """Private in ansible-core, but the only place that sees every variable; present from 2.17 to 2.19 (facts/winrm.md 3.4)."""
        own: dict[str, t.Any] = super()._resolve_option_variables(variables, templar)
        self._load_carrier(str(own.get("ansible_wsl_carrier", CARRIERS[0])))
        self._carrier_variables = self._carrier._resolve_option_variables(variables, templar)
        return own

    def set_options(
        self, task_keys: dict[str, t.Any] | None = None, var_options: dict[str, t.Any] | None = None, direct: dict[str, t.Any] | None = None
    ) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        if self._carrier is None:
            self._load_carrier(self.get_option("carrier"))
        variables = self._carrier_variables if self._carrier_variables is not None else var_options
        self._carrier.set_options(task_keys=task_keys, var_options=variables, direct=direct)

    def _load_carrier(self, name: str) -> None:
        if name not in CARRIERS:
            raise AnsibleError(f"ansible_wsl_carrier: {name!r} cannot carry this connection; it can be {' or '.join(CARRIERS)}.")
        self._carrier = connection_loader.get(name, self._play_context, os.devnull)
        self._channel = WinRSChannel(self._carrier, ENVIRONMENT)

    def set_become_plugin(self, plugin: BecomeBase | None) -> None:
        """`runas` is what an inventory says for Windows; it means nothing in Linux."""
        if plugin is not None and plugin.name == "runas":
            plugin = become_loader.get(BECOME_METHOD)
        self.become = plugin

    # Life cycle

    def _connect(self) -> Connection:
        if not self._connected:
            # A name that cannot be is refused before anything is sent.
            command_line(self._target())
            self._open_channel().open()
            self._connected = True
        return self

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise AnsibleError("The connection was used before its options were set.")
        return self._channel

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._connected = False

    def reset(self) -> None:
        self.close()

    # Work

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)  # type: ignore[safe-super]
        self._refuse_prompts(cmd)
        out: list[bytes] = []
        data = in_data or b""
        # Only ASCII is certain to cross every Windows pipe unharmed; Ansible's own modules are ASCII.
        encoded = not data.isascii()
        rc, stderr = self._run(cmd, [base64.encodebytes(data) if encoded else data], out.append, self._user_for(cmd), encoded)
        return rc, b"".join(out), stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)  # type: ignore[safe-super]
        if not os.path.exists(to_bytes(in_path, errors="surrogate_or_strict")):
            raise AnsibleFileNotFound(f"file or module does not exist: {in_path}")
        display.vvv(f"PUT {in_path} TO {out_path}", host=self._host())
        digest = hashlib.sha256()
        answer: list[bytes] = []
        target = shlex.quote(out_path)
        rc, stderr = self._run(f"base64 -d > {target} && sha256sum < {target}", self._file_pieces(in_path, digest), answer.append)
        if rc != 0:
            raise AnsibleError(f"Could not write {out_path} in {self._place()}: exit code {rc}: {own_words(stderr)}")
        if b"".join(answer).split()[:1] != [digest.hexdigest().encode("ascii")]:
            raise AnsibleError(f"{out_path} in {self._place()} differs from {in_path} after the transfer (SHA-256); run again.")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)  # type: ignore[safe-super]
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self._host())
        with open(to_bytes(out_path, errors="surrogate_or_strict"), "wb") as file:
            decoder = _Base64Writer(file)
            rc, stderr = self._run(f"base64 < {shlex.quote(in_path)}", [], decoder.write)
            decoder.finish()
        if rc != 0:
            raise AnsibleError(f"Could not read {in_path} in {self._place()}: exit code {rc}: {own_words(stderr)}")

    def _file_pieces(self, path: str, digest: t.Any) -> t.Iterator[bytes]:
        done = 0
        with open(to_bytes(path, errors="surrogate_or_strict"), "rb") as file:
            while piece := file.read(FILE_PIECE):
                digest.update(piece)
                done += len(piece)
                if done % PROGRESS_EVERY < len(piece) and done > len(piece):
                    display.vvv(f"PUT {path}: {done} bytes", host=self._host())
                yield base64.b64encode(piece) + b"\n"

    def _run(
        self, command: str, pieces: t.Iterable[bytes], on_stdout: t.Callable[[bytes], None], user: str | None = None, encoded: bool = False
    ) -> tuple[int, bytes]:
        """Exit code and standard error of a command in the distribution; standard output goes to `on_stdout` as it comes."""
        target = self._target() if user is None else self._target().as_user(user)
        line = command_line(target)
        mark = secrets.token_hex(8)
        head = _Head(on_stdout)
        display.vvv(f"WSL EXEC in {target.distribution or 'the default distribution'} as {target.user or 'its default user'}", host=self._host())
        if not self._play_context.no_log:
            display.vvvvv(f"WSL COMMAND {command}", host=self._host())
        ended = self._open_channel().run(line, chunks(_joined(script(command, mark, encoded), pieces)), head.write)
        if ended.rc == 0:
            return 0, ended.stderr
        stderr, rc = split_trailer(ended.stderr, mark)
        if rc is None:
            raise _unreachable(target, ended.rc, head.kept, stderr)
        return rc, stderr

    def _target(self) -> Target:
        return Target(self.get_option("executable") or DEFAULT_EXECUTABLE, self.get_option("distribution") or "", self.get_option("remote_user") or "")

    def _user_for(self, command: str) -> str | None:
        marks = getattr(self.become, "marks", None)
        if self.become is None or marks is None or not marks(command):
            return None
        return str(self.become.get_option("become_user"))

    def _refuse_prompts(self, command: str) -> None:
        become = self.become
        if become is not None and become.success and become.success in command and become.expect_prompt():
            raise AnsibleError(
                f"The become method {become.name} wants to ask for a password, which this connection cannot answer. "
                f"Set ansible_become_method: {BECOME_METHOD}, which needs no password."
            )

    def _host(self) -> str:
        return str(self._carrier.get_option("remote_addr"))

    def _place(self) -> str:
        return f"the WSL distribution {self.get_option('distribution') or '(default)'} of {self._host()}"


class _Head:
    """Hands output on and keeps its beginning: when wsl.exe fails by itself, that is what it has to say."""

    LENGTH = 8192

    def __init__(self, on_stdout: t.Callable[[bytes], None]) -> None:
        self.on_stdout = on_stdout
        self.kept = b""

    def write(self, data: bytes) -> None:
        if len(self.kept) < self.LENGTH:
            self.kept += data[: self.LENGTH - len(self.kept)]
        self.on_stdout(data)


class _Base64Writer:
    """Decodes base64 text that comes in pieces of any length into a file."""

    def __init__(self, file: t.BinaryIO) -> None:
        self.file = file
        self.pending = b""

    def write(self, data: bytes) -> None:
        text = self.pending + data.translate(None, b"\r\n")
        whole = len(text) // 4 * 4
        self.file.write(base64.b64decode(text[:whole]))
        self.pending = text[whole:]

    def finish(self) -> None:
        if self.pending:
            raise AnsibleConnectionFailure("The transfer ended in the middle of a group of base64 characters; run again.")


def _joined(first: bytes, rest: t.Iterable[bytes]) -> t.Iterator[bytes]:
    yield first
    yield from rest


def _unreachable(target: Target, rc: int, stdout: bytes, stderr: bytes) -> AnsibleConnectionFailure:
    """Why the shell in the distribution never reported an exit code: the words of wsl.exe or cmd.exe, with cause and remedy."""
    said = "\n".join(text for text in (own_words(stdout), own_words(stderr)) if text)
    entry = CATALOGUE.recognise(said) or CATALOGUE["CONN-015"]
    finding = entry.finding(
        said or f"exit code {rc} and no output",
        distribution=target.distribution or "(default)",
        user=target.user or "(default)",
        executable=target.executable,
    )
    return AnsibleConnectionFailure(f"wsl.exe did not run the command (exit code {rc}). {finding.sentence()}")
