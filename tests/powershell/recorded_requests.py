# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded requests of real PowerShell: their rows, the workstation behind them, and what of a reply differs from run to run."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simstation.station import Station
from tests.simstation.windows import environment

RECORDINGS = Path(__file__).resolve().parents[1] / "simstation" / "recordings" / "powershell"
WIN32, LINUX = "workstation_win32.jsonl", "workstation.jsonl"

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
