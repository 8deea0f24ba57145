# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of drive C: in the state document: names without regard to case, content as bytes, folders, and what can stand in the way.

An entry is `{"content": base64, "written": time}`, and may have `attributes: ["read-only"]` and `held_open: "Read" | "None"`
(another program has it open and shares that much). `windows.denied` lists folders that may not be written,
`windows.full` folders on a full disk.
"""

from __future__ import annotations

import base64
import hashlib
import ntpath
import re
from typing import Any

from ..station import Station, timestamp
from . import environment
from .failure import drive_missing

State = dict[str, Any]
Entry = dict[str, Any]


def resolve(station: Station, user: str, path: str) -> str:
    """`GetUnresolvedProviderPathFromPSPath` after the variables: an absolute path on a drive that exists."""
    path = environment.expand(station.state, user, path).replace("/", "\\")
    drive = re.match(r"([^\\:]+):(.*)", path, re.DOTALL)
    if drive is None:
        if path.startswith("\\\\"):
            station.unknown("file on a network path", path)
        base = "C:" if path.startswith("\\") else station.state["windows"]["users"][user]["profile"] + "\\"
        return ntpath.normpath(base + path)
    name, rest = drive.groups()
    if name.upper() != "C":
        raise drive_missing(name)
    return ntpath.normpath(f"{name}:\\{rest.lstrip(chr(92))}")


def find(state: State, path: str) -> Entry | None:
    entry = state["windows"]["files"].get(path)
    if entry is not None:
        return entry
    wanted = path.casefold()
    for known, candidate in state["windows"]["files"].items():
        if known.casefold() == wanted:
            return candidate
    return None


def content(entry: Entry) -> bytes:
    return base64.b64decode(entry["content"])


def read(state: State, path: str) -> bytes | None:
    entry = find(state, path)
    return None if entry is None else content(entry)


def put(station: Station, path: str, data: bytes) -> None:
    """Write as the system itself would: parents appear, an existing file keeps its spelling and attributes."""
    with station.changed() as state:
        entry = find(state, path)
        if entry is None:
            entry = state["windows"]["files"].setdefault(path, {})
        entry["content"] = base64.b64encode(data).decode()
        entry["written"] = timestamp(station.now())


def remove(station: Station, path: str) -> bool:
    with station.changed() as state:
        wanted = path.casefold()
        for known in list(state["windows"]["files"]):
            if known.casefold() == wanted:
                del state["windows"]["files"][known]
                return True
    return False


def folder_exists(state: State, path: str) -> bool:
    """A folder exists when it is listed, or when something below it is."""
    wanted = path.rstrip("\\").casefold()
    inside = wanted + "\\"
    windows = state["windows"]
    if wanted == "c:":
        return True
    return any(known.casefold() == wanted or known.casefold().startswith(inside) for known in windows["directories"]) or any(
        known.casefold().startswith(inside) for known in windows["files"]
    )


def make_folder(station: Station, path: str) -> bool:
    """True when it was not there before."""
    if folder_exists(station.state, path):
        return False
    with station.changed() as state:
        state["windows"]["directories"].append(path.rstrip("\\"))
    return True


def remove_folder(station: Station, path: str) -> bool:
    """With everything below it; True when it was there."""
    if not folder_exists(station.state, path):
        return False
    inside = path.rstrip("\\").casefold()
    with station.changed() as state:
        windows = state["windows"]
        windows["directories"] = [known for known in windows["directories"] if not is_below(known, inside)]
        windows["files"] = {known: entry for known, entry in windows["files"].items() if not is_below(known, inside)}
    return True


def is_below(path: str, folder: str) -> bool:
    """The folder itself counts."""
    path, folder = path.casefold(), folder.rstrip("\\").casefold()
    return path == folder or path.startswith(folder + "\\")


def denied(state: State, path: str) -> bool:
    return any(is_below(path, folder) for folder in state["windows"].get("denied", []))


def disk_full(state: State, path: str) -> bool:
    return any(is_below(path, folder) for folder in state["windows"].get("full", []))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def net_time(text: str) -> str:
    """A time of the document in .NET's round-trip format, which has seven digits."""
    return text.replace("Z", "0Z")
