# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of Windows as a distribution of WSL sees it: where it lies, what keeps it from being written, and how it is replaced.

DrvFs keeps no modes without its option `metadata`, and may refuse to change them (microsoft/WSL#7225): nothing here depends on them.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import stat
import tempfile
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import decode, parse
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import WSL_CONF

DRIVES = "/mnt"
_WINDOWS = re.compile(r"^([A-Za-z]):[\\/](.*)$")


class Obstacle(Exception):
    """The file cannot be reached or written: a code of the catalogue, and what was seen."""

    def __init__(self, code: str, seen: str, **details: str) -> None:
        super().__init__(seen)
        self.code, self.seen, self.details = code, seen, details


@dataclass(frozen=True)
class Automount:
    """What /etc/wsl.conf says of the drives of Windows."""

    enabled: bool = True
    root: str = DRIVES


def automount(path: str = "/etc/wsl.conf") -> Automount:
    try:
        with open(path, "rb") as file:
            values = parse(decode(file.read(), WSL_CONF), WSL_CONF).values
    except OSError:
        return Automount()
    return Automount(values.get("automount.enabled", True), str(values.get("automount.root") or DRIVES).rstrip("/"))


def as_seen_here(path: str, drives: Automount) -> str:
    """A path of Windows below the drives' mount points; any other as it is."""
    match = _WINDOWS.match(path)
    if match is None:
        return os.path.realpath(path)
    drive = f"{drives.root}/{match.group(1).lower()}"
    seen = os.path.realpath(f"{drive}/{match.group(2)}".replace("\\", "/"))
    above = os.path.dirname(os.path.dirname(seen))
    if not os.path.isdir(above):
        if not drives.enabled or not os.path.isdir(drive):
            why = "automount is off in /etc/wsl.conf" if not drives.enabled else f"there is no {drive}"
            raise Obstacle("EXPORT-001", f"no folder {above}", why=why)
        raise Obstacle("EXPORT-004", f"no folder {above}", folder=above)
    return seen


def refuse_unwritable(path: str) -> None:
    """Before anything is written, and in check mode, which has to predict it."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise Obstacle("EXPORT-002", f"{folder}: read-only file system")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Obstacle("EXPORT-003", f"{folder}: no right to write")


def content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def replace(path: str, before: bytes | None, after: bytes) -> str:
    """The file in one step, old or new; the path of the backup, empty where there was none. What was there goes into a file of its own before."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".gpudev-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if content(path) != before:
            raise Obstacle("EXPORT-003", f"{path} was changed by another program meanwhile; run again")
        backup = "" if before is None else _backup(path, before)
        if before is not None:
            with contextlib.suppress(PermissionError):
                os.chmod(part, stat.S_IMODE(os.stat(path).st_mode))
        os.replace(part, path)
    except PermissionError as error:
        raise Obstacle("EXPORT-003", f"{path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
    return backup


def _backup(path: str, before: bytes) -> str:
    """For the user alone, like the file; a name that Windows can have too."""
    backup = f"{path}.{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%S%f}Z.bak"
    with os.fdopen(os.open(backup, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(before)
    return backup
