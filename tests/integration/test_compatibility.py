# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compatibility gate in a play: it stops where bad releases meet, lets the user overrule it, and refuses rows that it cannot read."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

from tests.harness import REPOSITORY, environment

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - gpudev.workstation.chain_report:
            add:
              layers:
                - {layer: nvidia_driver, status: ok, summary: seen, facts: {driver_version: '591.59'}, findings: []}
                - {layer: docker, status: ok, summary: seen, facts: {desktop_version: '4.30.0'}, findings: []}
            enforce: "{{ enforce }}"
      rescue:
        - ansible.builtin.import_tasks: REPOSITORY/playbooks/tasks/stop.yml
    - gpudev.workstation.chain_report:
        dest: REPORT
        show: [here]
"""


def play(tmp_path: Path, rows: t.Any = None, enforce: bool = True) -> subprocess.CompletedProcess[str]:
    book = tmp_path / "play.yml"
    book.write_text(PLAY.replace("REPOSITORY", str(REPOSITORY)).replace("REPORT", str(tmp_path / "report.json")))
    variables = json.dumps({"ansible_connection": "local", "enforce": enforce, "workstation_compatibility": rows or []})
    command = ["ansible-playbook", "-i", "here,", "-e", variables, str(book)]
    return subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=120, check=False)


def test_releases_that_do_not_go_together_stop_the_chain_where_they_meet(tmp_path: Path) -> None:
    done = play(tmp_path)
    assert done.returncode != 0
    assert "here: stops at docker: unsupported" in done.stdout
    assert "[COMPAT-009]" in done.stdout
    assert "docker_desktop 4.30.0, windows_driver 591.59" in done.stdout


def test_the_doctor_enters_the_finding_and_goes_on(tmp_path: Path) -> None:
    done = play(tmp_path, enforce=False)
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["first_broken"] == "docker"


def test_a_row_of_the_users_overrules_ours(tmp_path: Path) -> None:
    row = {"component": "docker_desktop", "releases": "== 4.30.0", "verdict": "good", "why": "our own build", "reference": "https://example.org/1"}
    done = play(tmp_path, [row])
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "report.json").read_text())["first_broken"] is None


def test_a_row_that_cannot_be_read_is_refused_with_the_right_spelling(tmp_path: Path) -> None:
    row = {"component": "docker_desktop", "releases": "4.30", "verdict": "bad", "why": "w", "reference": "r"}
    done = play(tmp_path, [row])
    assert done.returncode != 0
    assert "workstation_compatibility cannot be read: row 1: '4.30' is no range of releases; write it as '>= 4.17, < 4.18' or '== 4.17.1'" in done.stdout
