# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: a simulated factory-fresh workstation, provisioned with the real site.yml over real WinRM, and once more to see that nothing changes."""

from __future__ import annotations

import sys
import time

from tests.harness import REPOSITORY, Run, Stations, playbook, serve
from tests.simstation.distro import forbidden

SIMULATED = """\
Simulated here: Windows, PowerShell, WSL, Docker Desktop, minikube, Kubernetes and the GPU. Real here: site.yml, every module and plugin of the
collection, ansible-core, WinRM (NTLM over HTTPS), and the commands that run inside the simulated distribution."""


def announce(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def consents() -> str:
    return (REPOSITORY / "inventories" / "simulated" / "group_vars" / "all.yml").read_text()


def provision(stations: Stations, what: str) -> Run:
    announce(what)
    run = playbook(stations, "site.yml", show=True)
    if run.rc != 0:
        sys.exit(f"The demo stops here: site.yml ended with exit code {run.rc}. The lines above name the layer, the cause and the cure.")
    return run


def main() -> None:
    started = time.monotonic()
    print(SIMULATED)
    if reason := forbidden():
        sys.exit(f"It cannot start here: {reason}")
    announce("The consents and settings of the simulated inventory (inventories/simulated/group_vars/all.yml)")
    print(consents())
    announce("Starting a simulated factory-fresh workstation")
    with serve("factory_fresh") as stations:
        print(f"    {stations.hosts[0]}: WinRM on loopback, inventory {stations.inventory}")
        provision(stations, "First run: from nothing to a pod on the GPU (ansible-playbook site.yml)")
        second = provision(stations, "Second run: nothing left to do (ansible-playbook site.yml)")
        complaints = [error for host in stations.hosts for error in stations.errors(host)]
    if second.changed():
        sys.exit("The second run changed something. That is a bug of this collection, please report it with the output above.")
    if complaints:
        sys.exit(f"The simulated workstation was asked something it does not know: {complaints}")
    announce(f"Done in {time.monotonic() - started:.0f} s: the GPU chain stands, the second run said changed=0, and the station is gone.")


if __name__ == "__main__":
    main()
