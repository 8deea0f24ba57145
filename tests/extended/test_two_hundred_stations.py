# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred stations on two cores: a ping of all of them takes at most 40 seconds, and none of twenty fails."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.bench_connection import IN_WSL
from tests.harness import REPOSITORY, Stations, environment, serve

STATIONS = 200
FORKS = 50
REPETITIONS = 20
SECONDS = 40.0
CORES = 2


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
    variables = "".join(f"    {name}: {value}\n" for name, value in IN_WSL.items())
    playbook = stations.directory / "ping.yml"
    playbook.write_text(f"- hosts: all\n  gather_facts: false\n  vars:\n{variables}  tasks:\n    - ansible.builtin.ping:\n")
    command = ["ansible-playbook", "-f", str(FORKS), "-i", str(stations.inventory), str(playbook)]
    seconds = []
    for _number in range(REPETITIONS):
        begun = time.monotonic()
        done = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False)
        seconds.append(time.monotonic() - begun)
        assert done.returncode == 0, [line for line in done.stdout.splitlines() if "fatal" in line or "UNREACHABLE" in line][:5]
        assert done.stdout.count(" ok=1 ") == STATIONS
    print("seconds:", ", ".join(f"{value:.1f}" for value in seconds))
    assert [stations.errors(host) for host in stations.hosts if stations.errors(host)] == []
    assert max(seconds) <= SECONDS, seconds
