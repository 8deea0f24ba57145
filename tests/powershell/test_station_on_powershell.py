# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`serve --powershell`: over the wire, real PowerShell and its imitation lead the same tasks to the same results and the same state.

All integration tests run this way with `SIMSTATION_POWERSHELL=/path/to/pwsh`; here are the actions of the Windows side, side by side.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.harness import Stations, playbook, serve
from tests.powershell.real import PWSH, needs_powershell

# What differs between any two runs of the imitation, and the PowerShell that answered.
PASSING = {"backup_file", "booted", "vm_started", "powershell"}
PLAY = """\
- hosts: windows_workstations
  gather_facts: false
  tasks:
    - name: Look at the host
      gpudev.workstation.host_info:
      register: seen
    - name: Change .wslconfig
      gpudev.workstation.wslconfig:
        settings: {wsl2: {swap: 2GB}}
      register: changed
    - name: Change it again
      gpudev.workstation.wslconfig:
        settings: {wsl2: {swap: 2GB}}
      register: unchanged
    - name: Keep the results
      ansible.builtin.copy:
        content: "{{ {'seen': seen, 'changed': changed, 'unchanged': unchanged} | to_json }}"
        dest: "{{ kept }}"
        mode: "0600"
      delegate_to: localhost
      connection: local
      vars:
        ansible_connection: local
        ansible_shell_type: sh
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


def results(folder: Path, options: t.Sequence[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    monkeypatch.delenv("SIMSTATION_POWERSHELL", raising=False)
    folder.mkdir()
    play, kept = folder / "play.yml", folder / "kept.json"
    play.write_text(PLAY, encoding="utf-8")
    with serve("healthy", options=options) as stations:
        run = playbook(stations, str(play), "-e", f"kept={kept}")
        assert run.rc == 0, run.output
        assert stations.errors("healthy") == []
        return {**json.loads(kept.read_text(encoding="utf-8")), "file": wslconfig(stations)}


def wslconfig(stations: Stations) -> str:
    return t.cast(str, stations.state("healthy")["windows"]["files"]["C:\\Users\\dev\\.wslconfig"]["content"])


def lasting(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: lasting(held) for name, held in value.items() if name not in PASSING}
    return [lasting(held) for held in value] if isinstance(value, list) else value


@needs_powershell
def test_real_powershell_gives_what_the_imitation_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imitated = results(tmp_path / "imitated", (), monkeypatch)
    real = results(tmp_path / "real", ("--powershell", str(PWSH)), monkeypatch)
    assert lasting(real) == lasting(imitated)
    assert (real["changed"]["changed"], real["unchanged"]["changed"]) == (True, False)
