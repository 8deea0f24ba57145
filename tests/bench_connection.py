# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task inside WSL costs over each carrier: requests, bytes, seconds and CPU, beside the stock winrm connection's own `raw` on Windows."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness import REPOSITORY, Stations, environment, serve

CARRIERS = ("winrm", "psrp", "ssh")
TASKS = ("raw", "ping", "setup", "copy")
COPIED_BYTES = 100_000
REPEATS_OF_ONE_STATION = 3
IN_WSL = {
    "ansible_connection": "gpudev.workstation.wsl",
    "ansible_wsl_distribution": "Ubuntu-24.04",
    "ansible_wsl_user": "dev",
    "ansible_shell_type": "sh",
    "ansible_become_method": "gpudev.workstation.wsl",
    "ansible_python_interpreter": "/usr/bin/python3",
}
# A script of win_reboot, which the station knows; any other would cost the same.
WINDOWS_RAW = "(Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime).LastBootUpTime.ToFileTime()"
HEADER = (
    f"{'connection':<12} {'pipelined':<9} {'task':<6} {'requests':>8} {'KB up':>7} {'KB down':>7} {'seconds':>8} {'x raw':>6} {'ctl ms':>7} {'station ms':>10}"
)


@dataclass(frozen=True)
class Usage:
    """Wall seconds, and CPU seconds of the controller and of the stations with what runs in their distributions."""

    wall: float
    controller: float
    stations: float

    def minus(self, other: Usage) -> Usage:
        return Usage(max(self.wall - other.wall, 0.001), self.controller - other.controller, self.stations - other.stations)


@dataclass(frozen=True)
class Cost:
    """One task on one host; `seconds` is the wall time in which all hosts did it."""

    connection: str
    pipelined: str
    task: str
    requests: float
    up: float
    down: float
    usage: Usage

    def line(self, baseline: float) -> str:
        wire = f"{self.requests:>8.1f} {self.up / 1000:>7.1f} {self.down / 1000:>7.1f}"
        cpu = f"{self.usage.controller * 1000:>7.0f} {self.usage.stations * 1000:>10.0f}"
        return f"{self.connection:<12} {self.pipelined:<9} {self.task:<6} {wire} {self.usage.wall:>8.3f} {self.usage.wall / baseline:>6.1f} {cpu}"


class Meter:
    """Runs plays against one set of stations and says what a task of theirs costs."""

    def __init__(self, stations: Stations, forks: int) -> None:
        self.stations = stations
        self.forks = forks
        self.hosts = len(stations.hosts)
        self.repeats = REPEATS_OF_ONE_STATION if self.hosts == 1 else 1
        (stations.directory / "copied").write_bytes(os.urandom(COPIED_BYTES))
        self._run([_task("raw")], IN_WSL)  # the first contact makes the trees of the distributions
        self.start_up = min((self._run([{"ansible.builtin.meta": "noop"}], {}) for _number in range(2)), key=lambda usage: usage.wall)

    def windows_raw(self) -> Cost:
        return self._cost("winrm stock", "-", "raw", [{"ansible.builtin.raw": WINDOWS_RAW}] * self.repeats, {})

    def in_wsl(self, carrier: str, task: str, pipelined: bool) -> Cost:
        tasks = [_task(task) for _number in range(self.repeats)]
        return self._cost(f"wsl/{carrier}", "yes" if pipelined else "no", task, tasks, {**IN_WSL, "ansible_pipelining": pipelined})

    def _cost(self, connection: str, pipelined: str, task: str, tasks: list[dict[str, t.Any]], variables: dict[str, t.Any]) -> Cost:
        self.stations.forget_requests()
        usage = self._run(tasks, variables).minus(self.start_up)
        log = self.stations.requests()
        each = self.hosts * self.repeats
        up, down = sum(entry["bytes_in"] for entry in log), sum(entry["bytes_out"] for entry in log)
        per_task = Usage(usage.wall / self.repeats, usage.controller / each, usage.stations / each)
        return Cost(connection, pipelined, task, len(log) / each, up / each, down / each, per_task)

    def _run(self, tasks: list[dict[str, t.Any]], variables: dict[str, t.Any]) -> Usage:
        play = [{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}]
        playbook = self.stations.directory / "bench.json"
        playbook.write_text(json.dumps(play))
        command = ["ansible-playbook", "-f", str(self.forks), "-i", str(self.stations.inventory), str(playbook)]
        begun, controller, stations = time.monotonic(), _children_seconds(), _process_seconds(self.stations.process.pid)
        finished = subprocess.run(command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            raise RuntimeError(f"{tasks[:1]} failed:\n{finished.stdout[-3000:]}{finished.stderr[-1000:]}")
        return Usage(time.monotonic() - begun, _children_seconds() - controller, _process_seconds(self.stations.process.pid) - stations)


def _task(name: str) -> dict[str, t.Any]:
    if name == "raw":
        return {"ansible.builtin.raw": "/bin/true"}
    if name == "copy":
        return {"ansible.builtin.copy": {"src": "copied", "dest": f"/tmp/bench-{secrets.token_hex(4)}", "mode": "0600"}}
    return {f"ansible.builtin.{name}": None}


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _process_seconds(pid: int) -> float:
    """CPU time of a process and of the children it has waited for: fields 14 to 17 of proc(5)'s stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def compare(stations: int, carriers: Sequence[str], tasks: Sequence[str], pipelining: Sequence[bool], forks: int) -> None:
    """Print the costs of all combinations at one size; every set of stations is measured against its own baseline."""
    print(f"\nWSL connection, {stations} simulated station(s), forks {forks}, loopback, no added delay; per task and host, without Ansible's start.")
    print("seconds: until all hosts have done it; x raw: against the stock winrm connection; CPU of controller (ctl) and station in ms.")
    print(HEADER)
    baseline = 0.0
    for carrier in carriers:
        with serve("healthy", hosts=stations, options=["--carrier", carrier]) as running:
            meter = Meter(running, forks)
            if carrier == "winrm":
                cost = meter.windows_raw()
                baseline = cost.usage.wall
                print(cost.line(baseline), flush=True)
            for task in tasks:
                for pipelined in pipelining if task != "raw" else (True,):
                    print(meter.in_wsl(carrier, task, pipelined).line(baseline), flush=True)
