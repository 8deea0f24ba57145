# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's own psrp and ssh connections carry of a request to the Windows side: the very same script and frame. No Windows, no PSRP server."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, command_line, environment, file, framed, powershell_text
from tests.unit.fake_windows import FakeConnection, healthy

# Whatever Python's splitlines() or a code page would take for the end of a line, and a quote of each kind.
ITEMS = [environment(["USERPROFILE"]), file("C:\\Users\\dev\\ñ \u2028 \x85 \x0b \x1c 'a' \"b\" $c %d% `e`")]


def asked(connection: t.Any) -> t.Any:
    action = SimpleNamespace(_connection=connection)
    return Workstation(action).ask(ITEMS)[0].value


def answer_to(frame: str) -> bytes:
    """The frame of a look-alike's answer to this frame."""
    return FakeConnection(healthy()).exec_command(command_line(), frame.encode("ascii"), sudoable=False)[1]


class Runspace:
    """Stands in for pypsrp's PowerShell: keeps what it is told to run."""

    ran: t.ClassVar[list[tuple[str, t.Any]]] = []

    def __init__(self, _pool: t.Any) -> None:
        self.had_errors, self.streams = False, SimpleNamespace(error=[])
        self.output: list[str] = []

    def add_script(self, script: str, use_local_scope: bool) -> None:
        assert use_local_scope
        self.script = script

    def invoke(self, input: t.Any) -> None:
        self.ran.append((self.script, input))
        self.output = [answer_to("\n".join(input)).decode().strip()]


def test_psrp_runs_the_bootstrap_in_its_runspace_with_the_frame_as_its_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connection_loader.get("ansible.builtin.psrp", PlayContext(), "/dev/null")
    # The loader gives the plugin a module of its own.
    monkeypatch.setitem(type(connection)._exec_psrp_script.__globals__, "PowerShell", Runspace)
    monkeypatch.setattr(Runspace, "ran", [])
    connection._connected, connection._psrp_host, connection.runspace = True, "box", MagicMock()
    connection.host = SimpleNamespace(rc=0, ui=SimpleNamespace(stdout=[], stderr=[]))
    assert asked(connection) == {"USERPROFILE": "C:\\Users\\dev"}
    assert Runspace.ran == [(powershell_text("bootstrap.ps1"), [framed(ITEMS, stop_on_error=False)])]


def test_the_bootstrap_reads_its_pipeline_and_never_the_console() -> None:
    """In a runspace there is no standard input: `$input` is there with each carrier, [Console]::In with winrm alone (facts/winrm.md, 1.4)."""
    assert "@($input)" in powershell_text("bootstrap.ps1")
    everything = powershell_text("bootstrap.ps1") + powershell_text("workstation.ps1")
    assert not re.search(r"\[Console\]::(In\b|Out\b|Open|Read|Write)|Write-Host|Read-Host", everything)
    assert not re.search(r"^\s*exit\b", everything, re.MULTILINE), "it would end the runspace's pipeline before the answer"


SSH = """#!/bin/sh
here=$(dirname "$0")
for word; do printf '%s\\0' "$word"; done > "$here/words"
cat > "$here/stdin"
cat "$here/answer"
"""


def test_ssh_carries_the_command_line_as_one_word_and_the_frame_as_standard_input(tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text(SSH)
    program.chmod(0o755)
    frame = framed(ITEMS, stop_on_error=False)
    (tmp_path / "answer").write_bytes(answer_to(frame))
    connection = connection_loader.get("ansible.builtin.ssh", PlayContext(), "/dev/null", shell=SimpleNamespace(_IS_WINDOWS=True))
    options = {"ssh_executable": str(program), "host": "box.example", "control_path_dir": str(tmp_path)}
    connection.set_options(direct=options)
    assert asked(connection) == {"USERPROFILE": "C:\\Users\\dev"}
    words = (tmp_path / "words").read_text().split("\0")[:-1]
    assert words[-2:] == ["box.example", command_line()]
    assert "-tt" not in words, "a terminal would echo the frame and end lines in its own way"
    assert (tmp_path / "stdin").read_bytes() == frame.encode("ascii") + b"\n"
    assert json.loads(frame)["request"]["items"] == ITEMS


def test_the_command_line_means_the_same_to_cmd_and_to_powershell() -> None:
    """OpenSSH hands it to the server's default shell. Nothing in it is special to either, and cmd.exe takes at most 8,191 characters."""
    assert re.fullmatch(r"[A-Za-z0-9+/= -]+", command_line())
    assert len(command_line()) + len("cmd.exe /c ") < 8191
