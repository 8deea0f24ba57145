# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSL connection works with ansible-core 2.18 as well: ping, setup and copy over every carrier, from a virtual environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

from tests.bench_connection import IN_WSL
from tests.harness import CACHE, REPOSITORY, Stations, environment, serve

REQUIREMENTS = ("ansible-core==2.18.19", "pywinrm==0.5.0", "requests-ntlm==1.3.0", "pypsrp==0.9.1")
CARRIERS = {"winrm": [], "psrp": ["--carrier", "psrp"], "ssh": ["--carrier", "ssh"]}
TASKS = [
    {"ansible.builtin.ping": None},
    {"ansible.builtin.setup": {"gather_subset": ["!all", "min"]}, "register": "facts", "failed_when": "facts.ansible_facts.ansible_system != 'Linux'"},
    {"ansible.builtin.copy": {"content": "naïve\n", "dest": "/tmp/naïve", "mode": "0600"}},
    {"ansible.builtin.command": "cat /tmp/naïve", "register": "read", "failed_when": "read.stdout != 'naïve'", "changed_when": False},
    {"ansible.builtin.command": "id -un", "become": True, "register": "who", "failed_when": "who.stdout != 'root'", "changed_when": False},
    {"ansible.builtin.meta": "reset_connection"},
    {"ansible.builtin.raw": "exit 67", "register": "ended", "failed_when": "ended.rc != 67", "changed_when": False},
]


@pytest.fixture(scope="module")
def programs() -> Path:
    directory = CACHE / "core-2.18"
    if not (directory / ".ready").exists():
        venv.create(directory, with_pip=True, clear=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
        installed = subprocess.run(pip, capture_output=True, text=True, check=False)
        if installed.returncode:
            pytest.skip(f"ansible-core 2.18 cannot be installed here: {installed.stderr.strip()[-300:]}")
        (directory / ".ready").touch()
    return directory / "bin"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_core_2_18_works_inside_wsl(programs: Path, carrier: str) -> None:
    with serve("healthy", options=CARRIERS[carrier]) as stations:
        done = _play(programs, stations, carrier)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert stations.errors(stations.hosts[0]) == []
    version = subprocess.run([programs / "ansible", "--version"], env=_environment(programs), capture_output=True, text=True, check=True).stdout
    assert version.startswith("ansible [core 2.18.")


def _play(programs: Path, stations: Stations, carrier: str) -> subprocess.CompletedProcess[str]:
    # Passwords over ssh need the program sshpass there: log in with the key that the station takes as well.
    key = {"ansible_password": "", "ansible_ssh_private_key_file": "{{ simstation_ssh_key }}"} if carrier == "ssh" else {}
    playbook = stations.directory / "core-2.18.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "vars": {**IN_WSL, **key}, "tasks": TASKS}]))
    command = [str(programs / "ansible-playbook"), "-i", str(stations.inventory), str(playbook)]
    return subprocess.run(command, cwd=REPOSITORY, env=_environment(programs), capture_output=True, text=True, check=False)


def _environment(programs: Path) -> dict[str, str]:
    return {**environment(), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_HOME": str(CACHE / "ansible-2.18")}
