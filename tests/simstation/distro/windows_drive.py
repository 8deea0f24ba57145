# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive C: of the station as its distros see it: one directory that follows the document, and what is written into a user's profile goes back into it.

DrvFs gives a distro the rights of its Windows user (learn.microsoft.com, "File permissions for WSL"). `[automount]` of /etc/wsl.conf says whether (`enabled`),
where (`root`) and how: of `options`, those that are not DrvFs's own are mount options, such as `ro` (microsoft/WSL, src/linux/init/drvfs.cpp).
Simulated in part: only the profile of the distro's owner can be written, at once and not after a restart of the distro, and modes are kept; DrvFs keeps none
without its option `metadata`, and refuses to change them (microsoft/WSL#7225).
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from ..station import Station
from . import shim, tree, wsl_files

DOCKER_RESOURCES = "Program Files/Docker/Docker/resources/bin"
Mark = tuple[int, int, int]


def place(station: Station) -> Path:
    return station.root / "windows-c"


def mount_point(base: Path) -> str | None:
    """Where the distro has the drive; None where automount is off."""
    if wsl_files.wsl_conf(base, "automount", "enabled").lower() in ("false", "0"):
        return None
    return (wsl_files.wsl_conf(base, "automount", "root") or "/mnt").rstrip("/") + "/c"


def mounts(station: Station, base: Path) -> list[list[str]]:
    target = mount_point(base)
    if target is None:
        return []
    plan = [["readonly", str(place(station)), target]]
    profile = profile_of(station, base.name)
    if "ro" not in wsl_files.wsl_conf(base, "automount", "options").strip('"').split(",") and (place(station) / profile).is_dir():
        plan.append(["bind", str(place(station) / profile), f"{target}/{profile}"])
    return plan


def profile_of(station: Station, distro: str) -> str:
    """Of the distro's owner, below the drive."""
    owner = tree.record(station, distro)["owner"]
    return str(station.state["windows"]["users"][owner]["profile"])[3:].replace("\\", "/")


def follow(station: Station) -> None:
    """Both ways: first what distros have written, then what the document says."""
    with station.lock:
        take(station)
        seen = _mark_of_document(station.state)
        if station.transient.get("windows drive shown") != seen:
            place(station).mkdir(exist_ok=True)
            put(station)
            station.transient["windows drive shown"] = _mark_of_document(station.state)


def _mark_of_document(state: dict[str, Any]) -> int:
    return hash((bool(state["docker"]["desktop"]), *((path, file["written"], len(file["content"])) for path, file in state["windows"]["files"].items())))


def put(station: Station) -> None:
    state, directory = station.state, place(station)
    wanted = {}
    for path, entry in state["windows"]["files"].items():
        drive, _colon, rest = path.partition(":")
        if drive.lower() == "c" and rest:
            wanted[directory.joinpath(*rest.strip("\\").split("\\"))] = entry
    for folder in state["windows"].get("directories", []):
        directory.joinpath(*folder[2:].strip("\\").split("\\")).mkdir(parents=True, exist_ok=True)
    there = {file for file in directory.rglob("*") if file.is_file()}
    for file in there - set(wanted):
        file.unlink()
    for file, entry in wanted.items():
        content = base64.b64decode(entry["content"])
        if file not in there or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o755)
    stub = directory / DOCKER_RESOURCES / "docker"
    if state["docker"]["desktop"] and stub not in wanted:
        stub.parent.mkdir(parents=True, exist_ok=True)
        shim.put(stub, "docker")
    station.transient["windows drive"] = _marks(station)


def take(station: Station) -> None:
    """What programs of the distros have changed in a profile becomes part of the document."""
    from ..windows import files

    with station.lock:
        known: dict[str, Mark | None] | None = station.transient.get("windows drive")
        if known is None:
            return
        found = _marks(station)
        for path, mark in found.items():
            if mark is None and path not in known:
                files.make_folder(station, windows_path(station, path))
            elif mark is not None and known.get(path) != mark:
                files.put(station, windows_path(station, path), Path(path).read_bytes())
        for path, mark in known.items():
            if path not in found:
                (files.remove_folder if mark is None else files.remove)(station, windows_path(station, path))
        station.transient["windows drive"] = found


def _marks(station: Station) -> dict[str, Mark | None]:
    """Every file below the profiles, and how it would show that it was changed; None for a folder. Looked at before every command: so no `Path` of each."""
    marks: dict[str, Mark | None] = {}
    for user in station.state["windows"]["users"].values():
        for folder, folders, names in os.walk(place(station) / user["profile"][3:].replace("\\", "/")):
            marks.update({f"{folder}/{name}": None for name in folders})
            for name in names:
                status = os.lstat(f"{folder}/{name}")
                marks[f"{folder}/{name}"] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return marks


def windows_path(station: Station, path: str) -> str:
    return "C:\\" + os.path.relpath(path, place(station)).replace("/", "\\")
