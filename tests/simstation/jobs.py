# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's async jobs on Windows: a module that goes on by itself and leaves its result in a file.

Source: ansible-core 2.19 async_wrapper.ps1 and async_watchdog.ps1; ansible.windows 3.x async_status.ps1. The texts are bound by hash.
"""

from __future__ import annotations

import json
import ntpath
import threading
from collections.abc import Callable
from typing import Any

from tests.simstation.process import Call
from tests.simstation.station import Station, UnknownRequest

Params = dict[str, Any]
WATCHDOG = 4242


def start(station: Station, user: str, params: Params, module: Callable[[], Params], call: Call) -> int:
    """async_wrapper: writes the file, starts the watchdog, answers."""
    from tests.simstation.windows import files

    job = f"{params['AsyncJid']}.{WATCHDOG}"
    path = f"{files.resolve(station, user, params['AsyncDir'])}\\{job}"
    files.make_folder(station, ntpath.dirname(path))
    begun = {"started": True, "finished": False, "results_file": path, "ansible_job_id": job}
    answer = {**begun, "_ansible_suppress_tmpdir_delete": True, "ansible_async_watchdog_pid": WATCHDOG}
    _write(station, path, answer)
    threading.Thread(target=_watch, args=(station, path, begun, params["Timeout"], module), name="async_watchdog", daemon=True).start()
    call.write(json.dumps(answer).encode() + b"\r\n")
    return 0


def _watch(station: Station, path: str, begun: Params, seconds: float, module: Callable[[], Params]) -> None:
    """Until the module ends or the limit has passed; a restart of Windows ends both without a word."""
    outcome: list[Params] = []
    boots = station.state["windows"]["boots"]
    worker = threading.Thread(target=_run_into, args=(module, outcome), name="async module", daemon=True)
    worker.start()
    worker.join(seconds * station.time_scale)
    if station.state["windows"]["boots"] != boots:
        return
    late = {"failed": True, "msg": "failure during async watchdog: timed out waiting for module completion", "stdout": None, "stderr": ""}
    _write(station, path, {**begun, "finished": True, **(outcome[0] if outcome else late)})


def _run_into(module: Callable[[], Params], outcome: list[Params]) -> None:
    try:
        outcome.append(module())
    except UnknownRequest as refusal:
        outcome.append({"failed": True, "msg": str(refusal)})


def _write(station: Station, path: str, content: Params) -> None:
    from tests.simstation.windows import files

    files.put(station, path, json.dumps(content).encode())
