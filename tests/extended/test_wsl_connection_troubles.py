# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted troubles on the wire: the stock winrm connection and ours either get over them or say clearly what happened, and the next run works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench_connection import IN_WSL
from tests.harness import REPOSITORY, Stations, environment, serve

OPTIONS = {"winrm": [], "psrp": ["--carrier", "psrp"], "ssh": ["--carrier", "ssh", "--ssh-shell", "powershell"]}
PASSWORD = "Correct-Horse-42"
# Codes as pywinrm and ansible-core know them (facts: soap.py of the station).
QUOTA_SHELLS, QUOTA_OPERATIONS, SHELL_NOT_FOUND = 2150859173, 2150859174, 2150858843
GETS_OVER: dict[str, dict[str, Any]] = {
    "busy": {"trouble": "fault", "verb": "Send", "code": 170, "times": 2},
    "503 for a login": {"trouble": "status", "status": 503, "verb": "Create"},
    "503 for a command": {"trouble": "status", "status": 503, "verb": "Command"},
    "too many shells": {"trouble": "fault", "verb": "Create", "code": QUOTA_SHELLS, "subcode": "w:QuotaLimit"},
    "operations used up": {"trouble": "fault", "verb": "Command", "code": QUOTA_OPERATIONS, "subcode": "w:QuotaLimit", "wmi_error": QUOTA_OPERATIONS},
    "shell gone": {"trouble": "fault", "verb": "Command", "code": SHELL_NOT_FOUND, "subcode": "w:InvalidSelectors"},
    "login forgotten": {"trouble": "status", "status": 401, "verb": "Send"},
    "slow": {"trouble": "slow", "verb": "Receive", "seconds": 1.5},
    "late goodbye lost": {"trouble": "drop", "verb": "Delete"},
}
# What both may be unable to get over, and what is said then: by ours; the stock connection's words are its own.
ENDS_IT: dict[str, dict[str, Any]] = {
    "command lost": {"trouble": "lose", "verb": "Command"},
    "answer lost": {"trouble": "drop", "verb": "Receive", "after": 100},
    "answer cut": {"trouble": "truncate", "verb": "Receive", "after": 300},
    "unknown fault": {"trouble": "fault", "verb": "Command", "code": 2150858999, "message": "The roof is on fire."},
}
STOCK_GETS_OVER = ("operations used up", "login forgotten", "slow", "late goodbye lost")
OVER_SSH: dict[str, tuple[dict[str, Any], bool]] = {
    "slow": ({"trouble": "slow", "verb": "Exec", "seconds": 1}, True),
    "lost before": ({"trouble": "lose", "verb": "Exec", "times": 0}, False),
    "answer lost": ({"trouble": "drop", "verb": "Exec", "times": 0}, False),
}


@pytest.fixture(scope="module")
def stations(request: pytest.FixtureRequest) -> Iterator[Stations]:
    with serve("healthy", options=OPTIONS[request.param]) as running:
        yield running


def over(*carriers: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stations", carriers, indirect=True)


def attempt(stations: Stations, task: dict[str, Any], variables: dict[str, Any], trouble: dict[str, Any] | None) -> tuple[int, str]:
    playbook = stations.directory / "troubled.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": [task]}]))
    stations.script_troubles(*([trouble] if trouble else []))
    command = ["ansible-playbook", "-i", str(stations.inventory), str(playbook)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False, timeout=120)
    if trouble is not None:
        assert stations.troubles_struck() >= 1
        stations.script_troubles()
    output = done.stdout + done.stderr
    assert "Traceback" not in output, output
    assert PASSWORD not in output
    return done.returncode, output


def ours(stations: Stations, trouble: dict[str, Any] | None = None) -> tuple[int, str]:
    return attempt(stations, {"ansible.builtin.ping": None}, IN_WSL, trouble)


def stock(stations: Stations, trouble: dict[str, Any]) -> tuple[int, str]:
    return attempt(stations, {"ansible.windows.win_ping": None}, {}, trouble)


@over("winrm", "psrp")
def test_what_was_not_begun_is_repeated(stations: Stations) -> None:
    failed = {name: output for name, trouble in GETS_OVER.items() for rc, output in [ours(stations, trouble)] if rc != 0}
    assert failed == {}
    assert stations.errors(stations.hosts[0]) == []


@over("winrm", "psrp")
def test_what_may_have_been_begun_ends_in_unreachable_with_its_reason(stations: Stations) -> None:
    for name, trouble in ENDS_IT.items():
        rc, output = ours(stations, trouble)
        assert (rc, "UNREACHABLE!" in output) == (4, True), (name, output)
        assert trouble.get("message", "") in output
    assert ours(stations)[0] == 0
    assert stations.errors(stations.hosts[0]) == []


@over("ssh")
def test_ssh_troubles(stations: Stations) -> None:
    for name, (trouble, gets_over) in OVER_SSH.items():
        rc, output = ours(stations, trouble)
        assert (rc == 0) is gets_over, (name, output)
    assert ours(stations)[0] == 0
    assert stations.errors(stations.hosts[0]) == []


@over("winrm")
def test_the_stock_connection_meets_the_same_troubles(stations: Stations) -> None:
    outcomes = {name: stock(stations, trouble)[0] for name, trouble in {**GETS_OVER, **ENDS_IT}.items() if trouble.get("status") != 503}
    assert {name for name, rc in outcomes.items() if rc == 0} >= set(STOCK_GETS_OVER), outcomes
    assert stations.errors(stations.hosts[0]) == []
