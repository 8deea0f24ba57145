# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make sim SCENARIO=...`: a simulated workstation to play with, until Ctrl-C."""

from __future__ import annotations

import sys

from tests.harness import REPOSITORY, serve

COMMANDS = """\
{host} is up: scenario {scenario}, simulated. Press Ctrl-C to end it. In another terminal, in this directory:

    source .venv/bin/activate
    export ANSIBLE_COLLECTIONS_PATH=$PWD/.ansible/collections
    SIM="-i inventories/simulated -i {inventory}"

    ansible-playbook playbooks/doctor.yml $SIM         # which link is broken, why, and what to do
    ansible-playbook site.yml $SIM --check --diff      # what would change
    ansible-playbook site.yml $SIM                     # change it
    ansible all $SIM -m gpudev.workstation.host_info   # what Windows says
    ansible all $SIM -m ansible.builtin.command -a 'nvidia-smi' -e ansible_connection=gpudev.workstation.wsl -e ansible_wsl_distribution=Ubuntu-24.04 \\
        -e ansible_shell_type=sh -e ansible_python_interpreter=/usr/bin/python3

    curl -s {control}/hosts/{host}/state               # the station's own document
    curl -s {control}/hosts/{host}/errors              # what it was asked and does not know

The inventory:

{listing}"""


def main() -> None:
    scenario = sys.argv[1] if len(sys.argv) > 1 else "healthy"
    with serve(scenario) as stations:
        inventory = stations.inventory.relative_to(REPOSITORY)
        print(
            COMMANDS.format(host=stations.hosts[0], scenario=scenario, inventory=inventory, control=stations.control, listing=stations.inventory.read_text()),
            flush=True,
        )
        try:
            stations.process.wait()
        except KeyboardInterrupt:
            print("\nending the station")


if __name__ == "__main__":
    main()
