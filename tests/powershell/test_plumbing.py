# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plumbing tests of `--powershell`: what carries a request to a PowerShell and its reply back, with a stand-in that is no PowerShell (`fake_pwsh.py`).

Nothing here proves anything about the product's PowerShell texts; `test_real_powershell.py` does, where there is a PowerShell.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.powershell.real import BOOTSTRAP, FRAME, WORKSTATION
from tests.simstation import powershell
from tests.simstation.__main__ import parser
from tests.simstation.process import Call
from tests.simstation.scenarios import document
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.windows import files, language, programs, real_powershell

CONFIG = "C:\\Users\\dev\\.wslconfig"
WSL = "C:\\Program Files\\WSL\\wsl.exe"
Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def fake_pwsh(tmp_path: Path) -> str:
    program = tmp_path / "pwsh"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name("fake_pwsh.py")))} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def station(tmp_path: Path, fake_pwsh: str, monkeypatch: pytest.MonkeyPatch) -> Station:
    # A socket's name may have about 100 characters, and pytest's folders are deep.
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    station = Station("ws1", document("ws1", "healthy"), tmp_path / "station", time_scale=0.01)
    station.transient["powershell"] = fake_pwsh
    return station


def call_for(request: Mapping[str, Any], script: str = WORKSTATION) -> tuple[Call, list[bytes]]:
    written: list[bytes] = []
    frame = json.dumps({"script": script, "request": request}).encode()
    return Call(["powershell.exe"], {}, frame, written.append, written.append), written


@pytest.fixture
def ask(station: Station) -> Ask:
    def send(*items: dict[str, Any]) -> list[dict[str, Any]]:
        call, written = call_for({"items": list(items)})
        assert powershell.meaning(powershell.Caller(station, "dev"), BOOTSTRAP)(powershell.Caller(station, "dev"), call) == 0
        framed = FRAME.search(b"".join(written).decode())
        assert framed is not None, written
        return json.loads(base64.b64decode(framed[1]))["result"]["answers"]

    return send


def native(program: str, *arguments: str, **more: Any) -> dict[str, Any]:
    return {"verb": "native", "program": program, "arguments": list(arguments), **more}


def test_a_program_gives_what_its_imitation_gives(station: Station, ask: Ask) -> None:
    item = native("nvidia-smi.exe", "--query-gpu=name,driver_version", "--format=csv")
    (real,) = ask(item)
    (imitated,) = language.answer(station, "dev", {"items": [item]})["result"]["answers"]
    for answer in (real["answer"], imitated["answer"]):
        answer.pop("seconds", None)
        answer.pop("drained", None)
    assert real == imitated


def test_exit_codes_survive_a_system_that_keeps_eight_bits(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, lambda call: programs.Completed(-1 if call.arguments else 3010)))
    assert [entry["answer"]["rc"] for entry in ask(native("wsl.exe", "--nope"), native(WSL))] == [-1, 3010]


def test_a_program_is_told_its_variables_and_its_session(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[programs.Invocation] = []

    def note(call: programs.Invocation) -> programs.Completed:
        seen.append(call)
        return programs.Completed(0)

    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, note))
    ask(native(WSL, "a b", "ü", environment={"WSL_UTF8": "1"}))
    assert [(call.arguments, call.environment, call.interactive, call.path) for call in seen] == [(["a b", "ü"], {"WSL_UTF8": "1"}, False, WSL)]


def test_what_a_program_changes_is_seen_by_the_next_item(station: Station, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_settings(call: programs.Invocation) -> programs.Completed:
        files.put(call.station, "C:\\Users\\dev\\made.txt", b"made")
        return programs.Completed(0)

    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, write_settings))
    path = {"verb": "file", "path": "%USERPROFILE%\\made.txt"}
    before, _ran, after = ask(path, native(WSL), path)
    assert (before["answer"]["exists"], after["answer"]["exists"]) == (False, True)
    assert after["answer"]["path"] == "C:\\Users\\dev\\made.txt"


def test_what_powershell_writes_is_in_the_state(station: Station, ask: Ask) -> None:
    content = b"[wsl2]\r\nmemory=2GB\r\n"
    ask({"verb": "write_file", "path": CONFIG.upper().replace("C:", "c:"), "content": base64.b64encode(content).decode(), "expect": "whatever"})
    assert files.read(station.state, CONFIG) == content


def test_files_that_nobody_wrote_stay_as_they_are(station: Station, ask: Ask) -> None:
    before = json.dumps(station.state["windows"]["files"], sort_keys=True)
    ask({"verb": "file", "path": CONFIG}, native("wsl.exe", "--version"))
    assert json.dumps(station.state["windows"]["files"], sort_keys=True) == before


def test_a_program_of_another_spelling_is_found(ask: Ask) -> None:
    (entry,) = ask(native("%SystemRoot%\\System32\\WSL.exe", "--version", environment={"WSL_UTF8": "1"}))
    assert entry["answer"]["exists"] is True


def test_a_hanging_program_is_ended(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, lambda call: call.hang()))
    began = time.monotonic()
    (entry,) = ask(native(WSL, timeout=1))
    assert entry["answer"]["rc"] is None
    assert 1 <= time.monotonic() - began < 10


def test_a_detached_program_is_started(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def note(call: programs.Invocation) -> programs.Completed:
        started.append(call.path)
        return programs.Completed(7)

    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, note))
    detached, plain = ask(native(WSL, detach=True), native("nvidia-smi.exe", "-L"))
    assert detached["answer"]["pid"] > 0
    assert plain["answer"]["rc"] == 0
    assert started == [WSL]


def test_cim_rows_are_those_of_the_station(ask: Ask) -> None:
    (entry,) = ask({"verb": "cim", "class": "Win32_OptionalFeature", "properties": ["Name", "InstallState"], "filter": "Name='VirtualMachinePlatform'"})
    assert entry["answer"] == [{"Name": "VirtualMachinePlatform", "InstallState": 1}]


def test_what_only_this_system_says_is_said_as_windows_says_it(ask: Ask) -> None:
    shell, error = ask({"verb": "shell"}, {"verb": "write_file", "path": "C:\\no such\\x", "content": "", "expect": "absent"})
    assert (shell["answer"]["user"], shell["answer"]["ui_culture"]) == ("dev", "en-US")
    assert (error["error"]["hresult"], error["error"]["message"]) == ("0x80070070", "No space left on device : 'C:\\no such\\x'")


def test_a_language_mode_comes_from_the_state(station: Station) -> None:
    station.state["windows"]["language_mode"] = "ConstrainedLanguage"
    call, written = call_for({"items": []})
    assert real_powershell.run(station, "dev", BOOTSTRAP, call) == 0
    assert b"".join(written) == b"<<gpudev!ConstrainedLanguage>>\r\n"


@pytest.mark.parametrize("item", [{"verb": "registry", "path": "HKLM:\\SYSTEM\\Unknown"}, native("tasklist.exe")])
def test_what_the_station_does_not_know_is_refused(station: Station, item: dict[str, Any]) -> None:
    call, _written = call_for({"items": [item]})
    with pytest.raises(UnknownRequest):
        real_powershell.run(station, "dev", BOOTSTRAP, call)


@pytest.mark.parametrize(
    ("obstacle", "hresult"),
    [({"denied": ["C:\\Users\\dev"]}, "0x80070005"), ({"full": ["C:\\Users\\dev"]}, "0x80131501"), ({"attributes": ["read-only"]}, "0x80070005")],
)
def test_obstacles_that_only_windows_puts_up_are_imitated(station: Station, ask: Ask, obstacle: dict[str, Any], hresult: str) -> None:
    windows = station.state["windows"]
    (windows["files"][CONFIG] if "attributes" in obstacle else windows).update(obstacle)
    expect = files.sha256(files.read(station.state, CONFIG) or b"")
    (entry,) = ask({"verb": "write_file", "path": CONFIG, "content": base64.b64encode(b"new").decode(), "expect": expect})
    assert entry["error"]["hresult"] == hresult


def test_a_text_that_is_not_the_products_is_refused(station: Station) -> None:
    call, _written = call_for({"items": []}, script="param($request) Remove-Item /")
    with pytest.raises(UnknownRequest):
        real_powershell.run(station, "dev", BOOTSTRAP, call)


def test_nothing_is_left_behind(station: Station, ask: Ask) -> None:
    def folders() -> set[str]:
        return {name for name in os.listdir("/tmp") if name.startswith("lookalike-")}

    before = folders()
    ask({"verb": "file", "path": CONFIG})
    assert folders() <= before


def test_the_option_wants_a_program() -> None:
    assert parser().parse_args(["serve", "--scenario", "healthy", "--powershell", sys.executable]).powershell == str(Path(sys.executable).resolve())
    with pytest.raises(SystemExit):
        parser().parse_args(["serve", "--scenario", "healthy", "--powershell", "/no/such/pwsh"])
