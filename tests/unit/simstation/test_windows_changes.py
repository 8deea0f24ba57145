# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes a simulated Windows by itself: NVIDIA's installer, updates, desktops elsewhere, tasks that were left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.simstation.scenarios import document
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.windows import cim, language, modules, registry, session

INSTALLER = "C:\\Installers\\591.59-notebook-win10-win11-64bit-international-dch-whql.exe"
SILENT = ["-s", "-noreboot", "-noeula"]
TASK = "gpudev-0123456789abcdef0123456789abcdef"
UPDATE = {"id": "u1", "title": "2026-11 Cumulative Update (KB5069999)", "kb": ["KB5069999"], "categories": ["Security Updates"], "needs_restart": True}


def make(directory: Path, scenario: str = "driver_to_install") -> Station:
    return Station("ws1", document("ws1", scenario), directory, time_scale=0)


def ask(station: Station, item: dict[str, Any]) -> Any:
    (answer,) = language.answer(station, "dev", {"items": [item]})["result"]["answers"]
    return answer["answer"]


def run(station: Station, program: str, arguments: list[str]) -> int:
    return int(ask(station, {"verb": "native", "program": program, "arguments": arguments})["rc"])


@pytest.mark.parametrize(
    ("outcome", "at_once", "after_restart"), [(None, "591.59", "591.59"), ("restart", "471.96", "591.59"), ("nothing", "471.96", "471.96")]
)
def test_nvidias_installer(tmp_path: Path, outcome: str | None, at_once: str, after_restart: str) -> None:
    station = make(tmp_path)
    station.state["installers"][INSTALLER]["outcome"] = outcome
    assert run(station, INSTALLER, SILENT) == (1 if outcome == "restart" else 0)
    assert station.state["windows"]["gpus"][0]["driver_version"] == at_once
    session.reboot(station)
    assert station.state["windows"]["gpus"][0]["driver_version"] == after_restart


def test_nvidias_installer_knows_no_other_flags(tmp_path: Path) -> None:
    with pytest.raises(UnknownRequest):
        run(make(tmp_path), INSTALLER, ["-s", "-clean"])


def test_a_gpu_without_a_driver_goes_by_a_name_of_windows(tmp_path: Path) -> None:
    station = make(tmp_path)
    station.state["windows"]["gpus"][0]["driver_version"] = None
    (row,) = cim.answer(station, "Win32_VideoController", ["Name", "PNPDeviceID"], None, None)
    assert row["Name"] == "Microsoft Basic Display Adapter"
    assert "VEN_10DE" in row["PNPDeviceID"]
    assert ask(station, {"verb": "native", "program": "nvidia-smi.exe"}) == {"exists": False}


def test_a_desktop_by_remote_desktop_is_not_the_consoles(tmp_path: Path) -> None:
    station = make(tmp_path, "healthy")
    station.state["windows"]["sessions"][0]["place"] = "RDP-Tcp#0"
    (row,) = cim.answer(station, "Win32_ComputerSystem", ["UserName"], None, None)
    assert row["UserName"] is None
    held = registry.answer(station, "dev", "HKCU:\\Volatile Environment", True)
    assert held["subkeys"] == {"1": {"SESSIONNAME": "RDP-Tcp#0", "CLIENTNAME": ""}}
    assert registry.answer(station, "admin", "HKCU:\\Volatile Environment", True) == {"exists": False}


def test_a_task_that_was_left_behind_can_be_deleted(tmp_path: Path) -> None:
    station = make(tmp_path, "healthy")
    station.state["windows"]["scheduled_tasks"] = {TASK: {}}
    assert set(registry.answer(station, "dev", registry.TASKS, True)["subkeys"]) == {"Microsoft", TASK}
    assert run(station, "schtasks.exe", ["/delete", "/tn", TASK, "/f"]) == 0
    assert set(registry.answer(station, "dev", registry.TASKS, True)["subkeys"]) == {"Microsoft"}
    assert run(station, "schtasks.exe", ["/delete", "/tn", TASK, "/f"]) == 1


def updates(station: Station, **args: Any) -> tuple[list[str], dict[str, Any]]:
    """As the action plugin does: start, poll until the end, cancel; the tasks told of, and the last result."""
    name = "ansible.windows.win_updates"
    begun = modules.run(station, "dev", name, {**args, "_operation": "start", "_operation_options": {}}, bool(args.pop("check", False)))
    told: list[dict[str, Any]] = []
    while not told or told[-1]["task"] != "exit":
        told += modules.run(station, "dev", name, {"_operation": "poll", "_operation_options": begun["poll_options"]})["output"]
    modules.run(station, "dev", name, {"_operation": "cancel", "_operation_options": begun["cancel_options"]})
    return [entry["task"] for entry in told], told[-1]["result"]


def test_updates_are_found_installed_and_gone(tmp_path: Path) -> None:
    station = make(tmp_path, "healthy")
    station.state["windows"]["updates"] = [dict(UPDATE), {**UPDATE, "id": "u2", "categories": ["Drivers"]}]
    assert updates(station, state="searched") == (["search_result", "exit"], {"changed": False, "reboot_required": False, "failed": False})
    tasks, end = updates(station)
    assert tasks == ["search_result", "download_result", "install_result", "exit"]
    assert end == {"changed": True, "reboot_required": True, "failed": False}
    assert [update["id"] for update in station.state["windows"]["updates"]] == ["u2"]
    session.reboot(station)
    assert updates(station)[1] == {"changed": False, "reboot_required": False, "failed": False}


def test_an_update_that_fails(tmp_path: Path) -> None:
    station = make(tmp_path, "healthy")
    station.state["windows"]["updates"] = [{**UPDATE, "fails": -2145124329}]
    _tasks, end = updates(station)
    assert (end["failed"], end["exception"]["message"]) == (True, "Failed to install all updates - see updates for more information")
    assert len(station.state["windows"]["updates"]) == 1


def test_an_option_of_updates_that_is_not_imitated(tmp_path: Path) -> None:
    told = modules.run(make(tmp_path, "healthy"), "dev", "ansible.windows.win_updates", {"accept_list": ["x"]})
    assert told["failed"]
    assert "accept_list" in told["msg"]
