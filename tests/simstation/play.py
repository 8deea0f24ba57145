# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make sim SCENARIO=drifted`: a station to play with in the foreground, with the commands to try."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.simstation.scenarios import SCENARIOS
from tests.simstation.serve import Wishes, serve

DIRECTORY = Path(__file__).resolve().parents[2] / ".cache" / "sim"
HINTS = """
A simulated workstation ({scenario}) starts. Inventory: {inventory}
In another terminal, in this directory:

  source .venv/bin/activate
  ansible -i {inventory} all -m ansible.windows.win_ping
  ansible-playbook -i inventories/simulated -i {inventory} playbooks/doctor.yml
  ansible-playbook -i inventories/simulated -i {inventory} site.yml --check --diff
  ansible-playbook -i inventories/simulated -i {inventory} site.yml

What was asked of it on the wire: {wire_log}; what it did not know: {error_log}. Stop it with Ctrl-C.
"""


def main(words: list[str]) -> int:
    scenario = words[0] if words else "factory_fresh"
    if scenario not in SCENARIOS:
        print(f"unknown scenario {scenario!r}; known: {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    inventory, wire_log, error_log = (DIRECTORY / name for name in ("hosts.yml", "wire.jsonl", "errors.jsonl"))
    print(HINTS.format(scenario=scenario, inventory=inventory, wire_log=wire_log, error_log=error_log), flush=True)
    return serve(Wishes([scenario], inventory_out=inventory, wire_log=wire_log, error_log=error_log))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
