# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The station answers the recorded requests as real PowerShell did: recordings/powershell, Windows' row before Linux' where both exist."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simstation.scenarios import document
from tests.simstation.station import Station
from tests.simstation.windows import environment, language, programs, registry

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "powershell"
WIN32, LINUX = "workstation_win32.jsonl", "workstation.jsonl"
WSL = "C:\\windows\\system32\\wsl.exe"

# Fields that differ from run to run or from machine to machine; everything else must be equal.
NORMALISED = {
    "now": "time of the request",
    "written": "time of the file",
    "seconds": "duration of a program",
    "user": "name of the account that recorded",
    "powershell": "version of PowerShell: 7.6.4 recorded, 5.1 imitated",
    "ui_culture": "empty on the Linux machine of the recording",
    "path": "directory that held drive C: on the Linux machine; case of the system's folders",
}
# The same inside texts: the time in a backup's name, the random name of a temporary file, the folder that held drive C:.
IN_TEXTS = ((r"\d{8}T\d{9}Z", "TIME"), (r"[0-9a-f]{32}", "RANDOM"))

# Where a row's `note` says that Windows answers otherwise: (type, hresult, id, message).
NEW_OBJECT = "ConstructorInvokedThrowException,Microsoft.PowerShell.Commands.NewObjectCommand"
NOTED: dict[str, dict[str, str]] = {
    # "on Windows access denied is UnauthorizedAccessException 0x80070005"; the sentence is .NET's for a path.
    "write_file read-only file system": {
        "type": "System.UnauthorizedAccessException",
        "hresult": "0x80070005",
        "message": "Access to the path 'C:\\small\\f.RANDOM.tmp' is denied.",
        "id": NEW_OBJECT,
    },
    # "the Windows message is the same sentence, hresult 0x80070020"
    "file locked by another program (FileShare.None)": {"hresult": "0x80070020"},
}


def rows(file: str) -> list[dict[str, Any]]:
    lines = (RECORDINGS / file).read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "request" in row and "script" not in row]


def chosen_rows() -> Iterator[Any]:
    """Those of Windows, then those that only Linux has."""
    of_windows = {row["name"] for row in rows(WIN32)}
    # Another name for the same request, answered by Windows in its own way.
    of_windows |= {"native quoting", "native failing", "native hanging, pipes held by a grandchild"}
    for file, row in [(WIN32, row) for row in rows(WIN32)] + [(LINUX, row) for row in rows(LINUX) if row["name"] not in of_windows]:
        yield pytest.param(file, row, id=f"{file.removesuffix('.jsonl')}: {row['name']}")


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, recorded_test_program))
    monkeypatch.delitem(programs.PROGRAMS, "C:\\Windows\\system32\\wsl.exe")
    # The recorded machine held the keys of its description and nothing else.
    monkeypatch.setattr(registry, "derived", lambda _state: {})
    return Station("ws1", document("ws1", "healthy"), tmp_path, time_scale=0.01)


def recorded_test_program(call: programs.Invocation) -> programs.Completed:
    """The `wsl.exe` of the recordings; station_win32.json describes it."""
    words = call.arguments
    if words == ["--version"]:
        return programs.Completed(0, "WSL version: 2.6.1.0\r\n".encode("utf-16-le"))
    if words[:1] == ["--args"]:
        return programs.Completed(0, "".join(f"<{word}>" for word in words[1:]).encode("utf-16-le"))
    if words == ["--stdin"]:
        return programs.Completed(0, b"0:")
    return call.hang() if words == ["--hang"] else programs.Completed(-1, b"", b"bad")


def prepare(station: Station, file: str, row: dict[str, Any]) -> None:
    """The document behind the recording, and the file the row touches as it was just before."""
    recorded = json.loads((RECORDINGS / ("station_win32.json" if file == WIN32 else "station.json")).read_text(encoding="utf-8"))
    windows = station.state["windows"]
    windows["environment"] = recorded["environment"]
    sid = windows["users"]["dev"]["sid"]
    windows["registry"] = {key.replace("HKCU:", f"HKU:\\{sid}"): values for key, values in recorded["registry"].items()}
    windows.update(registry_denied=recorded.get("denied", []), cim=recorded.get("cim", {}))
    home = recorded["environment"]["USERPROFILE"]
    contents = {f"{home}\\bom.ini": "77u/W3dzbDJdDQo=", f"{home}\\nicht-ascii-ä.txt": "w6Tigqw=", f"{home}\\big.bin": base64.b64encode(b"x" * 3000).decode()}
    windows["directories"].append("C:\\small")
    if "disk full" in row["name"]:
        windows["full"] = ["C:\\small"]
    if "read-only file system" in row["name"]:
        windows["denied"] = ["C:\\small"]
    for path, content in {**contents, **row.get("given", {})}.items():
        if content is not None:
            put(station, environment.expand(station.state, "dev", path), content, row)


def put(station: Station, path: str, content: str, row: dict[str, Any]) -> None:
    entry: dict[str, Any] = {"content": content, "written": "2026-11-21T05:22:06.114187Z"}
    station.state["windows"]["files"][path] = entry
    if row.get("given_attributes") == "read-only":
        entry["attributes"] = ["read-only"]
    if "given_held_open" in row and path in {environment.expand(station.state, "dev", given) for given in row["given"]}:
        entry["held_open"] = row["given_held_open"].rpartition("share ")[2]


def normalised(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: normalised(held, name) for name, held in value.items()}
    if isinstance(value, list):
        return [normalised(held) for held in value]
    if isinstance(value, str):
        for pattern, word in IN_TEXTS:
            value = re.sub(pattern, word, value) if key not in ("sha256", "content", "expect") else value
        value = windows_path(value)
    if key == "path":
        return value.lower().replace("c:\\users\\root", "c:\\users\\dev")
    return f"<{key}>" if key in NORMALISED and value is not None else value


def windows_path(text: str) -> str:
    """The Linux look-alike held drive C: in STATION/root."""
    return re.sub(r"STATION/root([^\s':]*)", lambda match: "C:" + match[1].replace("/", "\\"), text)


def expected(row: dict[str, Any]) -> Any:
    reply = normalised(row["reply"])
    for answer in reply["result"]["answers"]:
        if "error" in answer:
            answer["error"].update(NOTED.get(row["name"], {}))
    return reply


@pytest.mark.parametrize(("file", "row"), list(chosen_rows()))
def test_answer_is_the_recorded_one(station: Station, file: str, row: dict[str, Any]) -> None:
    prepare(station, file, row)
    assert normalised(language.answer(station, "dev", row["request"])) == expected(row)


def test_every_recorded_request_is_used() -> None:
    names = {row["name"] for row in rows(WIN32) + rows(LINUX)}
    used = {parameters.values[1]["name"] for parameters in chosen_rows()}
    assert names - used == {"native quoting", "native failing", "native hanging, pipes held by a grandchild"}
    assert set(NOTED) <= used


def test_a_row_with_a_note_is_not_taken_as_it_stands() -> None:
    noted = {parameters.values[1]["name"] for parameters in chosen_rows() if "note" in parameters.values[1]}
    assert noted == set(NOTED)
