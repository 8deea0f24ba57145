# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The station's task scheduler: what it takes, how a task is seen, when it runs, and what it refuses to imitate."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.simstation import wsl_exe
from tests.simstation.station import UnknownRequest
from tests.simstation.windows import programs, registry, session, tasks
from tests.unit.simstation.test_windows_changes import ask, make

NAME = "start-something"
XML = """<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers><LogonTrigger><UserId>{user}</UserId></LogonTrigger></Triggers>
<Principals><Principal><UserId>{user}</UserId><LogonType>{logon}</LogonType></Principal></Principals>
<Settings>{settings}</Settings>
<Actions><Exec><Command>C:\\Windows\\System32\\hostname.exe</Command></Exec></Actions></Task>"""


def definition(user: str = "dev", logon: str = "InteractiveToken", settings: str = "") -> str:
    return XML.format(user=user, logon=logon, settings=settings)


def register(station: Any, xml: str, user: str = "dev") -> dict[str, Any]:
    from tests.simstation.windows import language

    (entry,) = language.answer(station, user, {"items": [{"verb": "register_task", "name": NAME, "definition": xml}]})["result"]["answers"]
    found: dict[str, Any] = entry
    return found


def test_a_task_is_seen_as_a_file_and_in_the_registry(tmp_path: Path) -> None:
    station = make(tmp_path, "healthy")
    assert register(station, definition()) == {"answer": {"registered": NAME}}
    seen = ask(station, {"verb": "file", "path": f"%SystemRoot%\\System32\\Tasks\\{NAME}"})
    assert base64.b64decode(seen["content"]).decode("utf-16") == definition()
    assert NAME in registry.answer(station, "dev", registry.TASKS, True)["subkeys"]
    assert ask(station, {"verb": "native", "program": "schtasks.exe", "arguments": ["/delete", "/tn", NAME, "/f"]})["rc"] == 0
    assert ask(station, {"verb": "file", "path": f"%SystemRoot%\\System32\\Tasks\\{NAME}"})["exists"] is False


@pytest.mark.parametrize(
    ("xml", "code"),
    [("<Task", "0x8004131a"), ("<Task/>", "0x80041317"), (definition(user="nobody"), "0x80070534"), (definition(user="ELSEWHERE\\dev"), "0x80070534")],
)
def test_a_definition_that_is_wrong_is_refused_by_its_code(tmp_path: Path, xml: str, code: str) -> None:
    assert register(make(tmp_path, "healthy"), xml)["error"]["id"] == f"HRESULT {code},Register-ScheduledTask"


def test_only_an_administrator_registers_one(tmp_path: Path) -> None:
    station = make(tmp_path, "healthy")
    station.state["windows"]["users"]["dev"]["administrator"] = False
    assert "0x80070005" in register(station, definition())["error"]["id"]


@pytest.mark.parametrize("xml", [definition(logon="S4U"), definition(settings="<WakeToRun>true</WakeToRun>")])
def test_what_is_not_imitated_is_an_error(tmp_path: Path, xml: str) -> None:
    with pytest.raises(UnknownRequest):
        register(make(tmp_path, "healthy"), xml)


@pytest.mark.parametrize(
    ("user", "settings", "logs_on", "on_battery", "runs"),
    [
        ("dev", "", "dev", False, True),
        ("dev", "", "admin", False, False),
        ("dev", "<Enabled>false</Enabled>", "dev", False, False),
        ("dev", "", "dev", True, False),
        ("dev", "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>", "dev", True, True),
    ],
)
def test_it_runs_when_its_user_logs_on(tmp_path: Path, user: str, settings: str, logs_on: str, on_battery: bool, runs: bool) -> None:
    station = make(tmp_path, "healthy")
    register(station, definition(user, settings=settings))
    station.state["windows"].update(sessions=[], on_battery=on_battery)
    task = tasks.read(definition(user, settings=settings))
    assert tasks.starts(station.state, task, logs_on) is runs
    if runs:
        session.log_on(station, logs_on)
        tasks.run(station, NAME, logs_on)
        assert station.state["windows"]["scheduled_tasks"][NAME]["last_result"] == 0


def test_the_schemas_durations() -> None:
    assert (tasks.seconds("PT72H"), tasks.seconds("P3D"), tasks.seconds("PT1M30S")) == (259200, 259200, 90)
    assert tasks.seconds("PT0S") > 1e6


def test_wslg_takes_a_command_without_a_shell_and_knows_no_exec(tmp_path: Path) -> None:
    parsed = wsl_exe.parse_wslg('-d Ubuntu-24.04 -u dev --shell-type none -- /bin/echo "a b"')
    assert (parsed.distribution, parsed.user, parsed.command) == ("Ubuntu-24.04", "dev", ["/bin/echo", "a b"])
    for wrong in ("--exec /bin/true", "-d Ubuntu-24.04", "--list", "--shell-type fancy -- /bin/true"):
        with pytest.raises(wsl_exe.Refused):
            wsl_exe.parse_wslg(wrong)
    assert programs.find(make(tmp_path, "healthy"), "dev", "%ProgramFiles%\\WSL\\wslg.exe") == "C:\\Program Files\\WSL\\wslg.exe"
