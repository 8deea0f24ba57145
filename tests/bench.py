# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: what a run costs on the wire, counted from the station's request log, beside the bounds the project promises."""

from __future__ import annotations

import sys
from dataclasses import dataclass

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


def main() -> None:
    print("One simulated healthy workstation, loopback, no added delay; per host.")
    print(f"{'run':<24} {'requests':>9} {'KB up':>9} {'KB down':>9} {'seconds':>8} {'changed':>8}  promise")
    costs: list[Cost] = []
    with serve("healthy") as stations:
        for name, arguments in RUNS.items():
            costs.append(measure(stations, name, *arguments))
            print(costs[-1].line(), flush=True)
    if not all(cost.kept for cost in costs):
        sys.exit("A promise is broken.")


if __name__ == "__main__":
    main()
