# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred stations on two cores: a ping of all of them takes at most 40 seconds, and none of twenty times two hundred fails."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench_connection import IN_WSL
from tests.harness import REPOSITORY, Stations, environment, serve

STATIONS = 200
FORKS = 50
REPETITIONS = 20
SECONDS = 40.0
CORES = 2
LOCAL = {"ansible_connection": "local", "ansible_pipelining": "true", "ansible_python_interpreter": IN_WSL["ansible_python_interpreter"]}


@pytest.fixture(scope="module")
def stations() -> Iterator[Stations]:
    """Stations and controller share the cores."""
    whole = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(whole)[:CORES])
    try:
        with serve("healthy", hosts=STATIONS) as running:
            yield running
    finally:
        os.sched_setaffinity(0, whole)


def test_all_stations_answer_in_time_and_always(stations: Stations) -> None:
    """The neighbours of a virtual machine can slow single runs by a third; the floor, measured in the same minutes, tells whether that is why."""
    playbook = written(stations.directory / "ping.yml", IN_WSL)
    seconds = [pinged(stations.inventory, playbook) for _number in range(REPETITIONS)]
    print("seconds:", ", ".join(f"{value:.1f}" for value in seconds), f"(median {statistics.median(seconds):.1f})")
    print(f"floor: ansible-core's own ping of {STATIONS} local hosts, no Windows and no station: {floor(stations):.1f} s")
    assert [stations.errors(host) for host in stations.hosts if stations.errors(host)] == []
    assert max(seconds) <= SECONDS, seconds


def floor(stations: Stations) -> float:
    inventory = stations.directory / "local.ini"
    inventory.write_text("".join(f"local-{number}\n" for number in range(STATIONS)))
    return pinged(inventory, written(stations.directory / "local.yml", LOCAL))


def written(playbook: Path, variables: dict[str, str]) -> Path:
    declared = "".join(f"    {name}: {value}\n" for name, value in variables.items())
    playbook.write_text(f"- hosts: all\n  gather_facts: false\n  vars:\n{declared}  tasks:\n    - ansible.builtin.ping:\n")
    return playbook


def pinged(inventory: Path, playbook: Path) -> float:
    """Seconds until every host of the inventory has answered."""
    begun = time.monotonic()
    command = ["ansible-playbook", "-f", str(FORKS), "-i", str(inventory), str(playbook)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if "fatal" in line or "UNREACHABLE" in line][:5]
    assert done.stdout.count(" ok=1 ") == STATIONS
    return seconds
