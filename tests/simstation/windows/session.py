# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logged-on users: the verb `in_session`, and logon and reboot, which are simulated."""

from __future__ import annotations

import threading
import time
from typing import Any

from ..station import Station, UnknownRequest, timestamp

State = dict[str, Any]
SECONDS_TO_ENABLE_FEATURE = 10
# For so long the language waits for a task that has not begun, before it says that nobody is logged on.
SECONDS_TASK_IS_GIVEN = 15
SECONDS_TO_BOOT = 16


def session_of(state: State, user: str) -> dict[str, Any] | None:
    return next((session for session in state["windows"]["sessions"] if session["user"] == user), None)


def run_in_session(station: Station, user: str, items: list[dict[str, Any]], timeout: float) -> dict[str, Any]:
    """The items, as a scheduled task of the connecting user runs them on that user's desktop; it stays ready while there is none."""
    session = session_of(station.state, user)
    if session is None:
        station.pause(min(timeout, SECONDS_TASK_IS_GIVEN))
        return {"logged_on": False, "user": None, "finished": False, "answers": []}
    found = {"logged_on": True, "user": f"{station.state['windows']['computer_name']}\\{session['user']}", "finished": False, "answers": []}
    outcome: list[dict[str, Any] | UnknownRequest] = []
    arguments = (station, session["user"], items, outcome)
    task = threading.Thread(target=_run_task, args=arguments, name="scheduled task", daemon=True)
    task.start()
    task.join(timeout)
    if task.is_alive():
        return found
    if not outcome:
        station.unknown("scheduled task", "the simulator crashed in it; see the traceback on stderr")
    if isinstance(outcome[0], UnknownRequest):
        raise outcome[0]
    return {**found, "finished": True, "answers": outcome[0]["result"]["answers"]}


def _run_task(station: Station, user: str, items: list[dict[str, Any]], outcome: list[dict[str, Any] | UnknownRequest]) -> None:
    from . import language

    try:
        outcome.append(language.answer(station, user, {"items": items}, interactive=True))
    except UnknownRequest as refusal:
        outcome.append(refusal)


def log_on(station: Station, user: str) -> None:
    """Simulated: a person sits down and logs on."""
    from . import tasks

    with station.changed() as state:
        windows = state["windows"]
        if user not in windows["users"]:
            raise ValueError(f"no such Windows user: {user}")
        if any(session["user"] == user for session in windows["sessions"]):
            return
        number = max((session["id"] for session in windows["sessions"]), default=0) + 1
        windows["sessions"].append({"user": user, "id": number, "state": "Active", "since": timestamp(station.now())})
    start_docker_at_logon(station, user)
    tasks.run_at_logon(station, user)


def start_docker_at_logon(station: Station, user: str) -> None:
    """Docker Desktop's own setting AutoStart."""
    from . import docker_desktop, files

    if station.state["docker"]["desktop"] is None:
        return
    data = files.read(station.state, docker_desktop.settings_path(station.state, user))
    if data is not None and (docker_desktop.parsed(data) or {}).get("AutoStart"):
        threading.Thread(target=docker_desktop.start, args=(station, user), name="Docker Desktop at logon", daemon=True).start()


def enable_feature(station: Station, name: str) -> None:
    """`Enable-WindowsOptionalFeature -NoRestart` and dism: in force after the restart."""
    station.pause(SECONDS_TO_ENABLE_FEATURE)
    with station.changed() as state:
        state["windows"]["features"][name] = "EnablePending"


def disable_feature(station: Station, name: str) -> None:
    station.pause(SECONDS_TO_ENABLE_FEATURE)
    with station.changed() as state:
        state["windows"]["features"][name] = "DisablePending"


def reboot(station: Station) -> None:
    """Simulated: what a restart changes, and the while in which nobody reaches the machine."""
    from . import docker_desktop, wsl_service

    station.power(False)
    if station.state["docker"]["desktop"]:
        docker_desktop.write_settings_back(station)
    wsl_service.stop_vm(station)
    with station.changed() as state:
        windows = state["windows"]
        settled = {"EnablePending": "Enabled", "DisablePending": "Disabled"}
        windows["features"] = {name: settled.get(held, held) for name, held in windows["features"].items()}
        needs_hypervisor = windows["features"].get("VirtualMachinePlatform") == "Enabled"
        # `bcdedit /set hypervisorlaunchtype off` keeps it from starting whatever else is right.
        launched = windows["virtualization_firmware_enabled"] and windows.get("hypervisor_launch") != "off"
        windows["hypervisor_present"] = needs_hypervisor and launched
        settle_registry(windows["registry"])
        for gpu in windows["gpus"]:
            gpu["driver_version"] = gpu.pop("driver_after_restart", gpu["driver_version"])
        windows["sessions"] = []
        windows["boots"] += 1
        windows["boot_time"] = timestamp(station.now())
    station.pause(SECONDS_TO_BOOT)
    # Updates, a question of BitLocker, another address: whatever keeps it away until somebody sees to it.
    while station.state["windows"].get("stays_down"):
        time.sleep(0.05)
    station.power(True)
    autologon = station.state["windows"]["autologon"]
    if autologon:
        log_on(station, autologon)


def settle_registry(stored: dict[str, dict[str, Any]]) -> None:
    """The signs of a pending restart are gone."""
    from . import registry

    pending = {registry.CBS_REBOOT_PENDING.casefold(), registry.WINDOWS_UPDATE_REBOOT.casefold()}
    for key in list(stored):
        if key.casefold() in pending:
            del stored[key]
        elif key.casefold() == registry.SESSION_MANAGER.casefold():
            stored[key].pop("PendingFileRenameOperations", None)
