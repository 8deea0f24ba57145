# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: what a run costs on the wire, counted from the station's request log, beside the bounds the project promises; then what a task in WSL costs.

`make bench BENCH='--stations 1,50,200 --tasks raw,ping,setup,copy'` says more; `--help` shows the choices.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from tests.bench_connection import CARRIERS, TASKS, compare
from tests.harness import Stations, playbook, serve

RUNS = {"site.yml --check": ("site.yml", "--check"), "doctor.yml": ("playbooks/doctor.yml",), "site.yml": ("site.yml",)}
BOUNDS = {"site.yml --check": 120, "doctor.yml": 20}


@dataclass(frozen=True)
class Cost:
    """One run: SOAP requests, bytes both ways and seconds, per host."""

    name: str
    requests: float
    bytes_up: float
    bytes_down: float
    seconds: float
    changed: int

    def line(self) -> str:
        bound = BOUNDS.get(self.name)
        promise = f"<= {bound}: {'kept' if self.requests <= bound else 'BROKEN'}" if bound else ""
        wire = f"{self.requests:>9.0f} {self.bytes_up / 1000:>9.0f} {self.bytes_down / 1000:>9.0f}"
        return f"{self.name:<24} {wire} {self.seconds:>8.1f} {self.changed:>8}  {promise}"

    @property
    def kept(self) -> bool:
        return self.requests <= BOUNDS.get(self.name, self.requests)


def measure(stations: Stations, name: str, *arguments: str) -> Cost:
    stations.forget_requests()
    finished = playbook(stations, *arguments)
    if finished.rc != 0:
        sys.exit(f"{name} failed:\n{finished.output}")
    log, hosts = stations.requests(), len(stations.hosts)
    up, down = sum(entry["bytes_in"] for entry in log), sum(entry["bytes_out"] for entry in log)
    return Cost(name, len(log) / hosts, up / hosts, down / hosts, finished.seconds, finished.changed())


def whole_runs() -> bool:
    """The playbooks of the collection on one station; whether all promises are kept."""
    print("One simulated healthy workstation, loopback, no added delay; per host.")
    print(f"{'run':<24} {'requests':>9} {'KB up':>9} {'KB down':>9} {'seconds':>8} {'changed':>8}  promise")
    costs: list[Cost] = []
    with serve("healthy") as stations:
        for name, arguments in RUNS.items():
            costs.append(measure(stations, name, *arguments))
            print(costs[-1].line(), flush=True)
    return all(cost.kept for cost in costs)


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--stations", default="1,50", help="sizes for the WSL connection (default %(default)s)")
    parser.add_argument("--carriers", default=",".join(CARRIERS), help="winrm first: it gives the baseline (default %(default)s)")
    parser.add_argument("--tasks", help=f"of {','.join(TASKS)} (default: all of them at one station, raw and ping at more)")
    parser.add_argument("--pipelining", choices=("yes", "no", "both"), help="(default: both at one station, yes at more)")
    parser.add_argument("--forks", type=int, default=50, help="(default %(default)s)")
    parser.add_argument("--skip-runs", action="store_true", help="leave the playbooks out")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    wishes = parsed(arguments)
    carriers = wishes.carriers.split(",")
    if carriers[0] != "winrm" or not set(carriers) <= set(CARRIERS):
        sys.exit(f"--carriers: winrm, and if wanted {' and '.join(CARRIERS[1:])} behind it")
    kept = wishes.skip_runs or whole_runs()
    for stations in map(int, wishes.stations.split(",")):
        tasks = wishes.tasks.split(",") if wishes.tasks else TASKS if stations == 1 else ("raw", "ping")
        pipelining = {"yes": (True,), "no": (False,), "both": (True, False)}[wishes.pipelining or ("both" if stations == 1 else "yes")]
        compare(stations, carriers, tasks, pipelining, wishes.forks)
    if not kept:
        sys.exit("A promise is broken.")


if __name__ == "__main__":
    main(sys.argv[1:])
