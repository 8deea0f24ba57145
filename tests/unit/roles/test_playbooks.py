# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml by tags, native Linux hosts, and that the shipped inventories say who connects as whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(sys.executable).parent
NATIVE = {"linux_workstations": {"hosts": {"here": {"ansible_connection": "local", "ansible_user": "nobody-of-this-machine"}}}}


def ansible(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run([str(PROGRAMS / program), *arguments], capture_output=True, text=True, env=environment, cwd=ROOT, check=False, timeout=120)


@pytest.fixture
def native(tmp_path: Path) -> str:
    inventory = tmp_path / "native.yml"
    inventory.write_text(yaml.safe_dump(NATIVE))
    return str(inventory)


def test_a_tag_leaves_what_it_needs(native: str) -> None:
    """The refusals, the shared look at Windows, the sorting of hosts and the chain run with any tag; other roles do not."""
    listed = ansible("ansible-playbook", "site.yml", "-i", native, "--list-tasks", "--tags", "docker_gpu").stdout
    for task in (
        "Refuse an inventory without workstations",
        "Refuse words that are no consent",
        "Look at Windows, its user, driver, WSL and Docker Desktop in one round trip",
        "Sort by whether there is a distribution to look into",
        "There is no Windows below a native Linux host",
        "Run nvidia-smi in a container",
        "Show the chain of each workstation",
    ):
        assert task in listed
    assert "Bring WSL and its distribution to the declared state" not in listed
    assert "Ask for user, Python and kubernetes client" not in listed


def test_a_native_host_is_worked_on_as_the_account_that_connects(native: str) -> None:
    ended = ansible("ansible-playbook", "site.yml", "-i", native, "--check", "--tags", "distro")
    assert ended.returncode == 2
    assert "but workstation_linux_user is 'nobody-of-this-machine'" in ended.stdout + ended.stderr
    assert "set ansible_user to" in ended.stdout + ended.stderr


def test_doctor_reports_a_host_on_which_nothing_can_be_run(native: str, tmp_path: Path) -> None:
    no_python = ("-e", "ansible_python_interpreter=/nonexistent/python3")
    ended = ansible("ansible-playbook", "playbooks/doctor.yml", "-i", native, *no_python, "-e", f"workstation_report_directory={tmp_path}")
    report = json.loads((tmp_path / "here.json").read_text())
    assert (ended.returncode, report["first_broken"]) == (2, "distro")
    assert "/nonexistent/python3" in next(layer["summary"] for layer in report["layers"] if layer["layer"] == "distro")


@pytest.mark.parametrize("wanted", [True, False])
def test_site_writes_a_report_where_one_is_wanted_also_of_a_run_that_stops_and_in_check_mode(native: str, tmp_path: Path, wanted: bool) -> None:
    arguments = ("-e", f"workstation_report_directory={tmp_path / 'drift'}") if wanted else ()
    ended = ansible("ansible-playbook", "site.yml", "-i", native, "--check", "--tags", "distro", *arguments)
    assert ended.returncode == 2, ended.stdout
    assert (tmp_path / "drift").exists() == wanted
    if wanted:
        report = json.loads((tmp_path / "drift" / "here.json").read_text())
        assert (report["host"], report["check_mode"]) == ("here", True)


@pytest.mark.parametrize("inventory", ["example_team", "localhost"])
def test_shipped_inventories_name_the_account_of_each_host(inventory: str) -> None:
    listed: dict[str, Any] = json.loads(ansible("ansible-inventory", "-i", f"inventories/{inventory}", "--list").stdout)
    hosts = listed["_meta"]["hostvars"]
    for name in listed.get("windows_workstations", {}).get("hosts", []):
        assert hosts[name]["workstation_windows_user"]
        assert hosts[name]["ansible_winrm_transport"] in ("ntlm", "kerberos")
        assert hosts[name]["ansible_winrm_server_cert_validation"] == "validate"
        assert hosts[name]["ansible_winrm_ca_trust_path"]
    for name in listed["linux_workstations"]["hosts"]:
        assert "ansible_user" in hosts[name] or "workstation_linux_user" in hosts[name]
