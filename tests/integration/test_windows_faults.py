# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands in the way of a change on Windows: the file is the old one or the new one, the message names the cause, the next run converges."""

from __future__ import annotations

import base64
import json
import subprocess
import typing as t

import pytest

from tests.harness import REPOSITORY, Stations, environment, serve
from tests.integration.conftest import assert_understood

HOST = "healthy"
PROFILE = "C:\\Users\\dev"
PATH = f"{PROFILE}\\.wslconfig"


def started(stations: Stations, settings: dict[str, t.Any]) -> subprocess.Popen[str]:
    arguments = json.dumps({"settings": settings})
    command = ["ansible", HOST, "-i", "inventories/simulated", "-i", str(stations.inventory), "-m", "gpudev.workstation.wslconfig", "-a", arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wslconfig(stations: Stations, settings: dict[str, t.Any]) -> tuple[int, str]:
    process = started(stations, settings)
    output, _nothing = process.communicate(timeout=120)
    return process.returncode, output


def content(stations: Stations) -> str:
    return base64.b64decode(stations.state(HOST)["windows"]["files"][PATH]["content"]).decode()


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve(HOST) as running:
        yield running
        assert_understood(running)


# What stands in the way, how it is put there and taken away (a merge patch of the station's document), and what the message names.
FAULTS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str]] = {
    "disk full": ({"full": [PROFILE]}, {"full": []}, "there is no space left on the disk"),
    "access denied": ({"denied": [PROFILE]}, {"denied": []}, "the connecting user may not write it"),
    "file locked": ({"files": {PATH: {"held_open": "Read"}}}, {"files": {PATH: {"held_open": None}}}, "another program has it open; close it and run again"),
    "policy": (
        {"registry": {"HKLM:\\SOFTWARE\\Policies\\WSL": {"AllowKernelCommandLineUserSetting": 0}}},
        {"registry": {"HKLM:\\SOFTWARE\\Policies\\WSL": None}},
        "AllowKernelCommandLineUserSetting is 0",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_file_stays_and_the_next_run_converges(stations: Stations, fault: str) -> None:
    put, taken_away, told = FAULTS[fault]
    wanted = {"wsl2": {"kernelCommandLine": f"fault={fault.replace(' ', '_')}"}}
    before = content(stations)
    stations.post(HOST, "patch", {"windows": put})
    rc, output = wslconfig(stations, wanted)
    stations.post(HOST, "patch", {"windows": taken_away})
    assert rc == 2, output
    assert told in output
    assert content(stations) == before
    rc, output = wslconfig(stations, wanted)
    assert (rc, '"changed": true' in output) == (0, True), output
    assert wslconfig(stations, wanted)[1].count('"changed": false') == 1


# Which request of the change is hit, how, and whether the workstation carried it out.
LOST: dict[str, tuple[dict[str, t.Any], bool]] = {
    "before the change": ({"verb": "Command", "request": 2, "trouble": "lose"}, False),
    "behind the change": ({"verb": "Receive", "request": 2, "trouble": "drop"}, True),
    "half an answer": ({"verb": "Receive", "request": 2, "trouble": "truncate", "after": 100}, True),
}


@pytest.mark.parametrize("moment", LOST)
def test_a_lost_connection_is_named_and_the_next_run_converges(stations: Stations, moment: str) -> None:
    trouble, carried_out = LOST[moment]
    wanted = {"wsl2": {"kernelCommandLine": f"lost={moment.replace(' ', '_')}"}}
    before = content(stations)
    stations.script_troubles(trouble)
    rc, output = wslconfig(stations, wanted)
    assert stations.troubles_struck() == 1
    stations.script_troubles()
    assert (rc, "The connection was lost. What the workstation was asked to do may be done" in output) == (4, True), output
    after = content(stations)
    assert (after != before) is carried_out
    rc, output = wslconfig(stations, wanted)
    assert (rc, f'"changed": {json.dumps(not carried_out)}' in output) == (0, True), output


def test_of_runs_at_once_each_wins_whole_or_says_that_another_was_faster(stations: Stations) -> None:
    before = content(stations)
    values = {str(number): f"run={number}" for number in range(4)}
    processes = {number: started(stations, {"wsl2": {"kernelCommandLine": value, "kernelBootTimeout": int(number) + 1}}) for number, value in values.items()}
    outputs = {number: process.communicate(timeout=120)[0] for number, process in processes.items()}
    now = content(stations)
    assert now != before
    whole = [number for number, value in values.items() if value in now and f"kernelBootTimeout={int(number) + 1}" in now]
    assert len(whole) == 1, now
    lost = [output for number, output in outputs.items() if processes[number].returncode != 0]
    assert all("another program changed it meanwhile; run again" in output for output in lost), lost
    assert processes[whole[0]].returncode == 0
