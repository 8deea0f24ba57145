# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection plugin in this very process against a simulated workstation, for tests that want its bytes and exceptions rather than a task's JSON."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from tests.bench_connection import IN_WSL
from tests.harness import Stations, environment


def variables(stations: Stations, host: str, **changed: Any) -> dict[str, Any]:
    """What an inventory and a play say of a station."""
    return {**_host_variables(stations.inventory, host), **IN_WSL, **changed}


@functools.cache
def _host_variables(inventory: Path, host: str) -> dict[str, Any]:
    listing = ["ansible-inventory", "-i", str(inventory), "--host", host]
    known: dict[str, Any] = json.loads(subprocess.run(listing, env=environment(), capture_output=True, text=True, check=True).stdout)
    return known


def connection(known: dict[str, Any]) -> Any:
    """The plugin as a task gets it."""
    plugin = connection_loader.get(known["ansible_connection"], PlayContext(), "/dev/null")
    resolved = plugin._resolve_option_variables(known, Templar(loader=DataLoader(), variables=known))
    plugin.set_options(task_keys={"timeout": 10}, var_options=resolved)
    return plugin
