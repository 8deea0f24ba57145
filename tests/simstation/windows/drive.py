# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive C: of a station as a real folder, for as long as real PowerShell works on it; what changed there goes back into the state document."""

from __future__ import annotations

import datetime
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..station import Station, moment, timestamp
from . import files, programs


class Drive:
    """`root` is C:. Every program of the station stands there as a copy of `program`."""

    def __init__(self, station: Station, root: Path, program: Path, spellings: Mapping[str, str]) -> None:
        self.root = root
        self._spellings = spellings
        self._station = station
        self._program = program
        self._written: dict[Path, tuple[bytes, int]] = {}
        self._programs: set[Path] = set()
        self._folders: set[Path] = set()
        self._held: dict[Path, int] = {}

    def real(self, path: str) -> Path:
        """`C:\\Users\\dev` below the root."""
        return self.root / self._spellings.get(path.casefold(), path)[3:].replace("\\", "/")

    def windows(self, path: str) -> str:
        """The inverse of `real`; a path that lies elsewhere stays as it is."""
        return "C:\\" + path[len(str(self.root)) + 1 :].replace("/", "\\") if path.startswith(f"{self.root}/") else path

    def write_out(self) -> None:
        """Bring the folder to what the state says."""
        windows = self._station.state["windows"]
        for folder in windows["directories"]:
            self.real(folder).mkdir(parents=True, exist_ok=True)
        for path in self._paths_of_programs():
            self._put_program(self.real(path))
        wanted = {self.real(path): entry for path, entry in windows["files"].items()}
        for target in set(self._written) - set(wanted):
            target.unlink(missing_ok=True)
            del self._written[target]
        for target, entry in wanted.items():
            if target not in self._programs:
                self._put(target, entry)
        self._folders = self._present_folders()

    def read_back(self) -> None:
        """Take over what was changed, made and removed in the folder."""
        found = {path for path in self.root.rglob("*") if path.is_file() and path not in self._programs}
        for target in set(self._written) - found:
            files.remove(self._station, self.windows(str(target)))
            del self._written[target]
        for target in found:
            data, changed_at = target.read_bytes(), target.stat().st_mtime_ns
            if self._written.get(target) != (data, changed_at):
                self._take_over(target, data, changed_at)
        for folder in self._present_folders() - self._folders:
            files.make_folder(self._station, self.windows(str(folder)))

    def _present_folders(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if path.is_dir()}

    def _take_over(self, target: Path, data: bytes, changed_at: int) -> None:
        path = self.windows(str(target))
        files.put(self._station, path, data)
        entry = files.find(self._station.state, path)
        if entry is not None:
            with self._station.changed():
                entry["written"] = timestamp(datetime.datetime.fromtimestamp(changed_at / 1e9, datetime.UTC))
        self._written[target] = (data, changed_at)

    def _put(self, target: Path, entry: dict[str, Any]) -> None:
        data = files.content(entry)
        at = moment(entry["written"])
        nanoseconds = int(at.timestamp()) * 10**9 + at.microsecond * 1000
        held = self._written.get(target)
        if held is None or held[0] != data or held[1] // 1000 != nanoseconds // 1000:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            os.utime(target, ns=(nanoseconds, nanoseconds))
            self._written[target] = (data, nanoseconds)
        self._hold(target, entry)

    def _hold(self, target: Path, entry: dict[str, Any]) -> None:
        """.NET shares files by advisory locks on Linux: an exclusive one stands for another program that shares nothing."""
        kind = entry.get("held_open")
        if kind == "None" and target not in self._held:
            self._held[target] = os.open(target, os.O_RDONLY)
            fcntl.flock(self._held[target], fcntl.LOCK_EX)
        elif kind not in (None, "None") or "read-only" in entry.get("attributes", []):
            self._station.unknown("file attribute or lock that only Windows has, with --powershell", str(target))

    def close(self) -> None:
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _paths_of_programs(self) -> set[str]:
        state = self._station.state
        present = {path for path, (is_there, _program) in programs.PROGRAMS.items() if is_there(state)}
        return present | {path for path in state["windows"]["files"] if programs.program_at(state, path) is not None}

    def _put_program(self, target: Path) -> None:
        if target in self._programs:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._program.read_bytes())
        target.chmod(0o755)
        self._programs.add(target)
        self._written.pop(target, None)
