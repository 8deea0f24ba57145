# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs a station has, where they lie, and how they are run from the verb `native`."""

from __future__ import annotations

import ntpath
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .. import argv
from ..station import Station, UnknownRequest
from . import environment, files

State = dict[str, Any]
SYSTEM32 = "C:\\Windows\\system32\\"
DOCKER = "C:\\Program Files\\Docker\\Docker\\"


@dataclass(frozen=True)
class Completed:
    """How a program ended."""

    rc: int
    stdout: bytes = b""
    stderr: bytes = b""


HUNG = Completed(-1, b"", b"(hangs)")


@dataclass(frozen=True)
class Invocation:
    """A program as it is started; `cancelled` is set when its deadline has passed."""

    station: Station
    user: str
    path: str
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    interactive: bool = False
    timeout: float = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> State:
        return self.station.state

    def hang(self) -> Completed:
        """Never ends by itself: whoever waits waits until its deadline, at the station's scale of time."""
        self.station.pause(self.timeout)
        return HUNG

    def refuse(self) -> Completed:
        """These arguments are not imitated."""
        self.station.unknown("arguments of " + ntpath.basename(self.path), " ".join(self.arguments))


Program = Callable[[Invocation], Completed]

# On every Windows, but not imitated: asking for one of them must not be answered with "not there".
NOT_IMITATED_NAMES = (
    "bcdedit.exe certutil.exe cmd.exe cscript.exe curl.exe dism.exe dsregcmd.exe fsutil.exe gpresult.exe icacls.exe ipconfig.exe netsh.exe powercfg.exe "
    "powershell.exe pnputil.exe query.exe quser.exe qwinsta.exe reg.exe robocopy.exe sc.exe sfc.exe systeminfo.exe takeown.exe tar.exe "
    "taskkill.exe tasklist.exe whoami.exe winget.exe wmic.exe wscript.exe wslconfig.exe"
)
NOT_IMITATED = frozenset(NOT_IMITATED_NAMES.split())


def find(station: Station, user: str, name: str) -> str | None:
    """`Get-Command -CommandType Application`: the full path of a program, or None."""
    name = environment.expand(station.state, user, name).replace("/", "\\")
    candidates = [name] if "\\" in name else [f"{folder}\\{name}" for folder in environment.search_path(station.state)]
    if not ntpath.splitext(name)[1]:
        candidates = [candidate + ".exe" for candidate in candidates]
    for candidate in candidates:
        if program_at(station.state, candidate) is not None:
            return candidate
    if ntpath.basename(candidates[0]).casefold() in NOT_IMITATED:
        station.unknown("program of Windows", name)
    return None


def program_at(state: State, path: str) -> Program | None:
    """The imitation of the program at this path, if the station has that program now."""
    folded = path.casefold()
    for known, (present, program) in PROGRAMS.items():
        if known.casefold() == folded:
            return program if present(state) else None
    installer = installer_at(state, path)
    return INSTALLERS.get(installer["kind"]) if installer is not None and folded.endswith(".exe") else None


def installer_at(state: State, path: str) -> dict[str, Any] | None:
    """The installer in this file: one the document lists, or a copy of it."""
    data = files.read(state, path)
    if data is None:
        return None
    for known, entry in state["installers"].items():
        if known.casefold() == path.casefold() or files.read(state, known) == data:
            return entry
    return None


def run(call: Invocation) -> Completed | None:
    """Run to the end; None when the deadline came first."""
    program = program_at(call.state, call.path)
    if program is None:
        call.station.unknown("program", call.path)
    outcome: list[Completed | UnknownRequest] = []
    worker = threading.Thread(target=_run_into, args=(program, call, outcome), name=ntpath.basename(call.path), daemon=True)
    worker.start()
    # In real time: a program in a distro is a real one.
    worker.join(call.timeout)
    if worker.is_alive():
        call.cancelled.set()
        return None
    if not outcome:
        call.station.unknown("program", f"the simulator crashed in {call.path}; see the traceback on stderr")
    if isinstance(outcome[0], UnknownRequest):
        raise outcome[0]
    return None if outcome[0] is HUNG else outcome[0]


def _run_into(program: Program, call: Invocation, outcome: list[Completed | UnknownRequest]) -> None:
    try:
        with shown(call.station, call.path, argv.join([call.path, *call.arguments])):
            outcome.append(program(call))
    except UnknownRequest as refusal:
        outcome.append(refusal)


@contextmanager
def shown(station: Station, path: str, command_line: str) -> Iterator[None]:
    """While a program runs it is among the processes; not state of the workstation, because it does not outlive the simulator."""
    running: dict[str, tuple[str, str]] = station.transient.setdefault("running programs", {})
    key = uuid.uuid4().hex
    running[key] = (path, command_line)
    try:
        yield
    finally:
        del running[key]


def start(call: Invocation) -> int:
    """Start and do not wait: gives a process number."""
    program = program_at(call.state, call.path)
    if program is None:
        call.station.unknown("program", call.path)
    threading.Thread(target=_run_into, args=(program, call, []), name=ntpath.basename(call.path), daemon=True).start()
    return 2000 + zlib.crc32(call.path.encode()) % 60000


def crlf(text: str) -> bytes:
    """Text as a Windows program writes it."""
    return text.replace("\n", "\r\n").encode()


def always(_state: State) -> bool:
    return True


PROGRAMS: dict[str, tuple[Callable[[State], bool], Program]] = {}
INSTALLERS: dict[str, Program] = {}
