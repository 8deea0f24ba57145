# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ansible.windows.win_updates` (3.x): a search, a download and an installation in the background, and the progress that its action plugin polls.

Source: plugins/modules/win_updates.ps1 of ansible.windows. Updates stand in `windows.updates` of the document, as the Windows Update Agent shows them:
`{"id", "title", "kb": ["KB…"], "categories": [...], "needs_restart": bool, "fails": HRESULT?}`; an installed one is gone from the list.
"""

from __future__ import annotations

import threading
import uuid
from typing import Any

from ..station import Station
from . import registry

Args = dict[str, Any]
Progress = dict[str, Any]

SECONDS_TO_SEARCH = 60
SECONDS_TO_INSTALL = 240
SUCCEEDED, FAILED = 2, 4
CATEGORIES = {
    "CriticalUpdates": "Critical Updates",
    "DefinitionUpdates": "Definition Updates",
    "DeveloperKits": "Developer Kits",
    "FeaturePacks": "Feature Packs",
    "SecurityUpdates": "Security Updates",
    "ServicePacks": "Service Packs",
    "UpdateRollups": "Update Rollups",
}


def operate(station: Station, args: Args, check_mode: bool) -> Args:
    """start, poll or cancel, which the action plugin sends one after the other."""
    operation, options = args["_operation"], args["_operation_options"] or {}
    if args["state"] == "downloaded":
        station.unknown("win_updates", "state: downloaded")
    if operation == "start":
        if options:
            station.unknown("win_updates", "start with options, as async sends them")
        return _start(station, args, check_mode)
    if operation == "poll":
        return {"output": _queue(station, options["pipe_name"]).drain()}
    if options.get("cancel_id", "").rpartition("\\")[2] not in station.transient.get("updates", {}):
        station.unknown("win_updates cancel", str(options))
    return {}


class Queue:
    """Progress that was written and not yet polled."""

    def __init__(self) -> None:
        self._written: list[Progress] = []
        self._news = threading.Condition()

    def put(self, task: str, result: Args) -> None:
        with self._news:
            self._written.append({"task": task, "result": result})
            self._news.notify_all()

    def drain(self) -> list[Progress]:
        with self._news:
            self._news.wait_for(lambda: bool(self._written), timeout=10)
            found, self._written = self._written, []
        return found


def _queue(station: Station, pipe: str) -> Queue:
    queues: dict[str, Queue] = station.transient.setdefault("updates", {})
    if pipe not in queues:
        station.unknown("win_updates poll", pipe)
    return queues[pipe]


def _start(station: Station, args: Args, check_mode: bool) -> Args:
    pipe = f"Ansible.Windows.WinUpdates-{uuid.uuid4()}"
    queue = station.transient.setdefault("updates", {}).setdefault(pipe, Queue())
    threading.Thread(target=_work, args=(station, args, check_mode, queue), name="Windows Update", daemon=True).start()
    return {"cancel_options": {"cancel_id": f"Global\\{pipe}", "task_pid": 5151}, "poll_options": {"pipe_name": pipe}}


def _work(station: Station, args: Args, check_mode: bool, queue: Queue) -> None:
    station.pause(SECONDS_TO_SEARCH)
    updates = list(station.state["windows"].get("updates", []))
    wanted = {CATEGORIES.get(name, name) for name in args["category_names"]}
    chosen = [update for update in updates if not wanted or "*" in wanted or wanted & set(update["categories"])]
    shown = [{name: update[name] for name in ("id", "title", "kb", "categories")} for update in updates]
    filtered = [{"id": update["id"], "reasons": ["category_names"]} for update in updates if update not in chosen]
    queue.put("search_result", {"updates": shown, "filtered": filtered})
    end: Args = {"changed": False, "reboot_required": _restart_owed(station), "failed": False}
    if check_mode or args["state"] == "searched" or not chosen:
        queue.put("exit", {**end, "changed": bool(chosen) and args["state"] != "searched"})
    elif end["reboot_required"]:
        queue.put("exit", {**end, "failed": True, "exception": {"message": "A reboot is required before more updates can be installed"}})
    else:
        queue.put("exit", {**end, **_install(station, chosen, queue)})


def _install(station: Station, chosen: list[Args], queue: Queue) -> Args:
    queue.put("download_result", {"info": [{"id": update["id"], "result_code": SUCCEEDED, "hresult": 0} for update in chosen]})
    station.pause(SECONDS_TO_INSTALL)
    failed = [update for update in chosen if update.get("fails")]
    done = [update for update in chosen if not update.get("fails")]
    with station.changed() as state:
        state["windows"]["updates"] = [update for update in state["windows"]["updates"] if update not in done]
        if any(update.get("needs_restart") for update in done):
            state["windows"]["registry"][registry.WINDOWS_UPDATE_REBOOT] = {}
    queue.put("install_result", {"info": [_installed(update) for update in chosen]})
    if failed:
        return {"changed": True, "failed": True, "exception": {"message": "Failed to install all updates - see updates for more information"}}
    return {"changed": True, "reboot_required": _restart_owed(station)}


def _installed(update: Args) -> Args:
    code = update.get("fails")
    return {"id": update["id"], "result_code": FAILED if code else SUCCEEDED, "hresult": code or 0, "reboot_required": bool(update.get("needs_restart"))}


def _restart_owed(station: Station) -> bool:
    return any(key.casefold() == registry.WINDOWS_UPDATE_REBOOT.casefold() for key in station.state["windows"]["registry"])
