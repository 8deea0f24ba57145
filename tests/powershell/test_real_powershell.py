# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's PowerShell, executed: the recorded requests give the recorded replies, and each thing that can go wrong is told and leaves nothing half."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.powershell.real import BOOTSTRAP, OPTIONS, PWSH, WORKSTATION, Lookalike, lookalike, needs_powershell, small_file_system
from tests.powershell.recorded_requests import LINUX, RECORDINGS, normalised, prepare
from tests.simstation.scenarios import document
from tests.simstation.station import Station
from tests.simstation.windows import programs, registry

pytestmark = needs_powershell
WSL = "C:\\windows\\system32\\wsl.exe"
HOME = "C:\\Users\\dev"
CONFIG = HOME + "\\.wslconfig"
OLD, NEW = b"[wsl2]\r\nmemory=8GB\r\n", b"[wsl2]\r\nmemory=16GB\r\n"


def recorded() -> list[dict[str, Any]]:
    """The rows of PowerShell on Linux: as this PowerShell is no Windows' either, nothing has to be allowed for."""
    rows = map(json.loads, (RECORDINGS / LINUX).read_text(encoding="utf-8").splitlines())
    return [row for row in rows if "request" in row]


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setattr(programs, "PROGRAMS", {WSL: (programs.always, None)})
    # The recorded machine held the keys of its description and nothing else.
    monkeypatch.setattr(registry, "derived", lambda _state: {})
    station = Station("ws1", document("ws1", "healthy"), tmp_path / "station", time_scale=0.01)
    station.state["windows"]["files"] = {}
    return station


@pytest.fixture
def machine(station: Station, tmp_path: Path) -> Iterator[Lookalike]:
    """With the recorded machine's description, and .wslconfig as it was before most rows."""
    prepare(station, LINUX, {"name": "", "given": {CONFIG: base64.b64encode(OLD).decode()}})
    with lookalike(station, tmp_path, {}) as ready:
        yield ready


# --- the recorded requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", recorded(), ids=[row["name"] for row in recorded()])
def test_reply_is_the_recorded_one(row: dict[str, Any], station: Station, tmp_path: Path) -> None:
    prepare(station, LINUX, row)
    with contextlib.ExitStack() as stack:
        if "C:\\small\\f" in row.get("given", {}):
            stack.enter_context(small_file_system(tmp_path / "C" / "small"))
        ready = stack.enter_context(lookalike(station, tmp_path, row["request"]))
        if "read-only file system" in row["name"]:
            subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "C" / "small")], check=True)
        reply = ready.reply(row["request"], row.get("script", WORKSTATION))
    assert comparable(reply) == comparable(row["reply"])


def comparable(reply: dict[str, Any]) -> Any:
    """Without what differs from run to run; the test program lay in a folder of its own when it was recorded."""
    told = normalised(reply)
    for entry in (told.get("result") or {}).get("answers", []) if isinstance(told.get("result"), dict) else []:
        answer = entry.get("answer")
        if isinstance(answer, dict) and str(answer.get("path", "")).endswith("wsl.exe"):
            answer["path"] = "wsl.exe"
    return told


# --- files -------------------------------------------------------------------------------------------------------------------


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(path: str, content: bytes, expect: str, **more: Any) -> dict[str, Any]:
    return {"verb": "write_file", "path": path, "content": base64.b64encode(content).decode(), "expect": expect, **more}


def test_replacing_keeps_the_old_file_as_a_backup_and_nothing_else(machine: Lookalike) -> None:
    (entry,) = machine.ask([write(CONFIG, NEW, sha256(OLD))])
    folder = machine.real(HOME)
    assert entry["answer"]["changed"] is True
    assert (folder / ".wslconfig").read_bytes() == NEW
    (backup,) = folder.glob(".wslconfig.*")
    assert backup.name.endswith(".bak")
    assert backup.read_bytes() == OLD


def test_a_plan_made_for_another_file_changes_nothing(machine: Lookalike) -> None:
    (entry,) = machine.ask([write(CONFIG, NEW, sha256(b"other"))])
    assert entry["error"]["message"].startswith("changed meanwhile: ")
    assert [path.name for path in machine.real(HOME).glob(".wslconfig*")] == [".wslconfig"]
    assert machine.real(CONFIG).read_bytes() == OLD


def test_folders_are_made_when_asked_for(machine: Lookalike) -> None:
    path = HOME + "\\AppData\\Roaming\\New\\settings.json"
    refused, made = machine.ask([write(path, NEW, "absent"), write(path, NEW, "absent", make_folder=True)])
    assert refused["error"]["type"] == "System.IO.DirectoryNotFoundException"
    assert made["answer"]["changed"] is True
    assert machine.real(path).read_bytes() == NEW


def test_names_and_texts_beyond_ascii(machine: Lookalike) -> None:
    path, content = HOME + "\\Grüße 漢字 😀.txt", "ñ € 漢字 😀".encode()
    written, read = machine.ask([write(path, content, "absent"), {"verb": "file", "path": path}])
    assert written["answer"]["changed"] is True
    assert base64.b64decode(read["answer"]["content"]) == content
    assert read["answer"]["sha256"] == sha256(content)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run as an ordinary user")
def test_access_denied_leaves_the_old_file(machine: Lookalike) -> None:
    folder = machine.real(HOME)
    folder.chmod(0o555)
    try:
        (entry,) = machine.ask([write(CONFIG, NEW, sha256(OLD))])
    finally:
        folder.chmod(0o755)
    assert (entry["error"]["type"], entry["error"]["hresult"]) == ("System.UnauthorizedAccessException", "0x80070005")
    assert {path.name: path.read_bytes() for path in folder.glob(".wslconfig*")} == {".wslconfig": OLD}


@pytest.mark.parametrize("moment", range(8))
def test_killed_while_writing_the_file_is_old_or_new(machine: Lookalike, moment: int) -> None:
    new = b"y" * 3_000_000
    frame = json.dumps({"script": WORKSTATION, "request": {"items": [write(CONFIG, new, sha256(OLD))]}})
    script = base64.b64encode((machine.powershell.prelude() + BOOTSTRAP).encode("utf-16-le")).decode()
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen([str(PWSH), *OPTIONS, script], stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, env=machine.powershell.environment)
    assert process.stdin is not None
    process.stdin.write(frame.encode())
    process.stdin.close()
    time.sleep(0.4 + 0.25 * moment)
    process.kill()
    process.wait()
    assert machine.real(CONFIG).read_bytes() in (OLD, new)


# --- programs ----------------------------------------------------------------------------------------------------------------


def wsl(*arguments: str, **more: Any) -> dict[str, Any]:
    return {"verb": "native", "program": "wsl.exe", "arguments": list(arguments), **more}


def test_both_pipes_may_be_flooded(machine: Lookalike) -> None:
    (entry,) = machine.ask([wsl("--flood")])
    answer = entry["answer"]
    sizes = {name: len(base64.b64decode(answer[name])) for name in ("stdout", "stderr")}
    assert (sizes, answer["rc"], answer["drained"]) == ({"stdout": 3_000_000, "stderr": 300_000}, 4, True)


def test_a_hanging_program_ends_at_its_deadline(machine: Lookalike) -> None:
    began = time.monotonic()
    (entry,) = machine.ask([wsl("--hang", timeout=2)])
    assert (entry["answer"]["timed_out"], entry["answer"]["rc"]) == (True, None)
    assert time.monotonic() - began < 30


def test_its_environment_and_its_empty_stdin(machine: Lookalike) -> None:
    environment, stdin = machine.ask([wsl("--environment", environment={"WSL_UTF8": "1"}), wsl("--stdin")])
    assert base64.b64decode(environment["answer"]["stdout"]) == b"1"
    assert base64.b64decode(stdin["answer"]["stdout"]) == b"0:"


def test_a_full_path_is_found(machine: Lookalike) -> None:
    (entry,) = machine.ask([{"verb": "native", "program": WSL, "arguments": ["--version"]}])
    assert base64.b64decode(entry["answer"]["stdout"]).decode("utf-16-le") == "WSL version: 2.6.1.0\r\n"


def test_a_detached_program_is_not_waited_for(machine: Lookalike) -> None:
    (entry,) = machine.ask([wsl("--version", detach=True)])
    assert entry["answer"]["exists"] is True
    assert entry["answer"]["pid"] > 0
    assert "rc" not in entry["answer"]


# --- a policy ----------------------------------------------------------------------------------------------------------------


def test_constrained_language_is_told_in_one_plain_line(machine: Lookalike) -> None:
    ended = machine.run({"items": [{"verb": "shell"}]}, language_mode="ConstrainedLanguage")
    assert (ended.stdout.strip(), ended.rc) == ("<<gpudev!ConstrainedLanguage>>", 0)


# --- scheduled tasks ---------------------------------------------------------------------------------------------------------


def test_a_task_is_registered_by_its_definition_and_replaced(machine: Lookalike) -> None:
    stored = {"verb": "file", "path": "C:\\Windows\\System32\\Tasks\\gpudev-test"}
    for text in ("one", "two"):
        definition = f'<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Data>{text}</Data></Task>'
        registered, file = machine.ask([{"verb": "register_task", "name": "gpudev-test", "definition": definition}, stored])
        assert registered == {"answer": {"registered": "gpudev-test"}}
        assert base64.b64decode(file["answer"]["content"]).decode("utf-16") == definition


# --- the session of the user who is logged on --------------------------------------------------------------------------------


def in_session(*items: Mapping[str, Any], timeout: int = 60) -> dict[str, Any]:
    return {"verb": "in_session", "items": list(items), "timeout": timeout}


def test_in_session_runs_the_same_language(machine: Lookalike) -> None:
    variables, unknown = {"verb": "environment", "names": ["LOOKALIKE_SESSION"]}, {"verb": "nonsense"}
    (entry,) = machine.ask([in_session(variables, {"verb": "file", "path": CONFIG}, wsl("--version"), unknown)])
    answer = entry["answer"]
    assert (answer["logged_on"], answer["finished"]) == (True, True)
    environment, file, native, error = answer["answers"]
    assert environment["answer"] == {"LOOKALIKE_SESSION": "yes"}
    assert base64.b64decode(file["answer"]["content"]) == OLD
    assert native["answer"]["rc"] == 0
    assert error["error"]["message"] == "unknown verb: nonsense"
    assert list(machine.temporary.glob("gpudev-*")) == []


def test_in_session_with_nobody_logged_on(station: Station, tmp_path: Path) -> None:
    station.state["windows"]["sessions"] = []
    prepare(station, LINUX, {"name": ""})
    began = time.monotonic()
    with lookalike(station, tmp_path, {}) as machine:
        (entry,) = machine.ask([in_session({"verb": "shell"})])
    assert entry["answer"] == {"logged_on": False, "user": None, "finished": False, "answers": []}
    assert 15 <= time.monotonic() - began < 50
    assert list(machine.temporary.glob("gpudev-*")) == []


def test_in_session_that_takes_too_long_is_ended(machine: Lookalike) -> None:
    (entry,) = machine.ask([in_session(wsl("--hang", timeout=120), timeout=20)])
    answer = entry["answer"]
    assert (answer["logged_on"], answer["finished"], answer["answers"]) == (True, False, [])
    assert answer["user"]


# --- the look-alike can say no -----------------------------------------------------------------------------------------------

REFUSED = {
    "New-ScheduledTaskAction -Program 'x'": "Program",
    "New-ScheduledTaskPrincipal -UserId 'x' -LogonType 'Desktop'": "LogonType",
    "New-ScheduledTaskSettingsSet -AllowBattery": "AllowBattery",
    "Get-CimInstance -Class 'Win32_ComputerSystem' -Where 'x'": "Where",
    "Get-Item -LiteralPath 'HKLM:\\SOFTWARE' -Value 'x'": "Value",
}


@pytest.mark.parametrize("script", REFUSED)
def test_a_wrong_parameter_fails(machine: Lookalike, script: str) -> None:
    ended = machine.powershell.run(script)
    assert ended.rc != 0
    assert REFUSED[script] in ended.stderr


def test_removing_a_task_asks_unless_told_not_to(machine: Lookalike) -> None:
    """PowerShell -NonInteractive cannot ask: without `-Confirm:$false` nothing would ever be removed."""
    assert machine.powershell.run("Unregister-ScheduledTask -TaskName 'x'").rc != 0
    assert machine.powershell.run("Unregister-ScheduledTask -TaskName 'x' -Confirm:$false").rc == 0
