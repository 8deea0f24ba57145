# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`--powershell PATH`: the language answered by real PowerShell on the look-alike, over the station's own state.

For one request the station's files lie on a real drive C:, its registry and CIM rows are written out, and each of its programs is a real program that asks
the station. What PowerShell changes on the drive goes back into the state. PowerShell for another system than Windows says a few
things in that system's way; `Translation` is the whole list of what is put right, and nothing else of a reply is touched.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import powershell, script_hashes
from ..process import Call
from ..station import Station, UnknownRequest
from . import cim, environment, files, programs, registry
from .drive import Drive
from .failure import Failure
from .lookalike import MODULE, Ended, Machine, PowerShell, cim_key

Item = dict[str, Any]
FRAME = re.compile(r"<<gpudev:([A-Za-z0-9+/=\s]*)>>")
# Of these PowerShell on another system makes its own sense.
NOT_PASSED_ON = {"Path", "PATHEXT"}
DEFAULT_TIMEOUT = 30
# A lock that is held (EWOULDBLOCK) and a disk that is full (ENOSPC), as .NET says them on Linux and on Windows.
HRESULTS = {"0x0000000B": "0x80070020", "0x0000001C": "0x80070070"}


def run(station: Station, user: str, bootstrap: str, call: Call) -> int:
    """The product's bootstrap as it came over the wire, executed."""
    frame = json.loads(call.stdin.decode("ascii"))
    request = frame["request"]
    if not script_hashes.is_present_text(script_hashes.PROGRAM, frame["script"]):
        station.unknown("program for real PowerShell that is not the workstation.ps1 of this checkout", frame["script"][:2000])
    items = list(every_item(request.get("items", [])))
    refuse_what_is_not_known(station, user, items)
    if any(is_kept_from_writing(station, user, item) for item in items):
        call.write(powershell.reply_line(station, user, call.stdin.decode("ascii")).encode() + b"\r\n")
        return 0
    with Execution(station, user, items, station.transient["powershell"]) as execution:
        ended = execution.run(bootstrap, call.stdin.decode("ascii"))
        stdout = FRAME.sub(lambda match: execution.translated(match[1], request), ended.stdout)
    call.write(stdout.replace("\r\n", "\n").replace("\n", "\r\n").encode())
    call.write_error(ended.stderr.encode())
    return ended.rc


def every_item(items: list[Item]) -> Iterator[Item]:
    """Those of `in_session` as well."""
    for item in items:
        yield item
        yield from every_item(item.get("items", []))


def machine_of(station: Station, user: str, items: list[Item]) -> Machine:
    """What the look-alike shows of a station, as far as these items ask."""
    state = station.state
    keys = {path: registry.plain(state, user, values) for path, values in registry.all_keys(state, user).values()}
    rows = {cim_key(item["class"], item.get("namespace"), item.get("filter")): cim_rows(station, item) for item in items if asks_cim(item)}
    here = any(session["user"] == user for session in state["windows"]["sessions"])
    return Machine(keys, tuple(state["windows"].get("registry_denied", [])), rows, here)


def asks_cim(item: Item) -> bool:
    return item.get("verb") == "cim" and "class" in item and "properties" in item


def cim_rows(station: Station, item: Item) -> list[dict[str, Any]] | str:
    try:
        cim.answer(station, item["class"], list(item["properties"]), item.get("filter"), item.get("namespace"))
        rows = cim.rows_of(station, item["class"])
    except Failure as invalid:
        return str(invalid.error["message"])
    return [row for row in rows if not item.get("filter") or cim.matches(station, row, item["filter"])]


def refuse_what_is_not_known(station: Station, user: str, items: list[Item]) -> None:
    """A key or a program of Windows that the station does not know would be absent on the look-alike, and that is no answer."""
    keys = registry.all_keys(station.state, user)
    for item in items:
        if item.get("verb") == "native" and "program" in item:
            programs.find(station, user, item["program"])
        if item.get("verb") == "registry" and "path" in item:
            try:
                key = registry.canonical(station, user, item["path"])
            except Failure:
                continue
            if key.casefold() not in keys and not registry.is_denied(station.state, key):
                registry.refuse_what_is_not_known(station, key, item["path"])


def is_kept_from_writing(station: Station, user: str, item: Item) -> bool:
    """By a full disk, missing rights or another program's lock. Only Windows puts up such obstacles for one folder or file, so the imitation answers."""
    if item.get("verb") != "write_file" or "path" not in item:
        return False
    try:
        path = files.resolve(station, user, item["path"])
    except Failure:
        return False
    entry = files.find(station.state, path) or {}
    locked = entry.get("held_open") not in (None, "None") or "read-only" in entry.get("attributes", [])
    return locked or files.denied(station.state, path) or files.disk_full(station.state, path)


def spellings(station: Station, user: str, items: list[Item]) -> dict[str, str]:
    """Windows does not tell `System32` from `system32`; the look-alike's drive does, so it is laid out in the request's own spelling."""
    found: list[str | None] = []
    for item in items:
        if item.get("verb") == "native" and "program" in item:
            found.append(programs.find(station, user, item["program"]))
        if item.get("verb") in ("file", "write_file") and "path" in item:
            try:
                found.append(files.resolve(station, user, item["path"]))
            except Failure:
                continue
    return {path.casefold(): path for path in found if path is not None}


class Execution:
    """One request: a folder for the look-alike, a socket for its programs, and the way back into the state."""

    def __init__(self, station: Station, user: str, items: list[Item], pwsh: str) -> None:
        self.station = station
        self.user = user
        self.items = items
        self.codes: list[int] = []
        self._moving = threading.RLock()
        # Short, because the name of a socket is limited to about 100 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="lookalike-"))
        self.drive = Drive(station, self._folder / "C", self._folder / "program", spellings(station, user, items))
        variables = {name: value for name, value in environment.variables(station.state, user).items() if name not in NOT_PASSED_ON}
        path = os.pathsep.join([*(str(self.drive.real(folder)) for folder in environment.search_path(station.state)), os.environ["PATH"]])
        variables |= {"PATH": path, "LOOKALIKE_SOCKET": str(self._folder / "socket")}
        self.powershell = PowerShell(pwsh, self._folder, variables)
        self._server = socket.socket(socket.AF_UNIX)
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Execution:
        self._folder.joinpath("program").write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(MODULE.with_name("program.py")))} "$0" "$@"\n', encoding="utf-8"
        )
        try:
            self._write()
            self._server.bind(str(self._folder / "socket"))
            self._server.listen()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._serve, name="programs of the look-alike", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        # shutdown wakes who waits, here for a program and there a program that hangs; close alone would not.
        for waiting in (self._server, *self._connections):
            with contextlib.suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        self._server.close()
        self.drive.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, script: str, stdin: str) -> Ended:
        mode = self.station.state["windows"].get("language_mode", "FullLanguage")
        ended = self.powershell.run(script, stdin, language_mode=mode)
        with self._moving:
            self.drive.read_back()
        return ended

    def translated(self, framed: str, request: Item) -> str:
        reply = json.loads(base64.b64decode(framed))
        if reply.get("ok"):
            Translation(self).answers(request.get("items", []), reply["result"]["answers"])
        text = json.dumps(reply, separators=(",", ":"), ensure_ascii=False)
        return f"<<gpudev:{base64.b64encode(text.encode()).decode()}>>"

    # --- what the look-alike shows

    def _write(self) -> None:
        with self._moving, self.station.lock:
            self.drive.write_out()
            machine_of(self.station, self.user, self.items).write(self._folder)

    # --- its programs

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._answer, args=(connection,), name="program of the look-alike", daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            line = stream.readline()
            if not line:
                return
            with self._moving:
                self.drive.read_back()
            ended = self._completed(json.loads(line))
            if ended is None:
                # The program hangs until PowerShell ends it.
                stream.readline()
                return
            self._write()
            told = {"rc": ended.rc, "stdout": base64.b64encode(ended.stdout).decode(), "stderr": base64.b64encode(ended.stderr).decode()}
            try:
                connection.sendall(json.dumps(told).encode() + b"\n")
            except OSError:
                return  # its deadline came first

    def _completed(self, asked: dict[str, Any]) -> programs.Completed | None:
        """What the station's imitation gave; None when it hangs."""
        path = self.drive.windows(asked["path"])
        item = next((item for item in self.items if self._is_of(item, path)), {})
        call = programs.Invocation(
            station=self.station,
            user=self.user,
            path=path,
            arguments=asked["arguments"],
            environment={name: asked["environment"][name] for name in item.get("environment", {}) if name in asked["environment"]},
            interactive=asked["session"],
            timeout=item.get("timeout", DEFAULT_TIMEOUT),
        )
        try:
            if item.get("detach"):
                programs.start(call)
                return programs.Completed(0)
            ended = programs.run(call)
        except UnknownRequest as refusal:
            ended = programs.Completed(1, b"", f"{refusal}\n".encode())
        if ended is not None:
            self.codes.append(ended.rc)
        return ended

    def _is_of(self, item: Item, path: str) -> bool:
        if item.get("verb") != "native" or "program" not in item:
            return False
        found = programs.find(self.station, self.user, item["program"])
        return found is not None and found.casefold() == path.casefold()


class Translation:
    """What a reply says in the way of the system it ran on, said as Windows says it."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._codes = iter(execution.codes)
        self._root = re.compile(re.escape(str(execution.drive.root)) + r"((?:/[^'\":]*)?)")

    def answers(self, items: list[Item], answers: list[dict[str, Any]]) -> None:
        for item, entry in zip(items, answers, strict=False):
            if "error" in entry:
                self._error(entry["error"])
            elif isinstance(entry.get("answer"), dict):
                self._answer(item, entry["answer"])

    def _error(self, error: dict[str, str]) -> None:
        """Paths in messages, and the two codes that differ."""
        for name in ("message", "id"):
            error[name] = self._root.sub(lambda match: files_path(match[1]), error[name])
        error["hresult"] = HRESULTS.get(error.get("hresult", ""), error.get("hresult", ""))

    def _answer(self, item: Item, answer: dict[str, Any]) -> None:
        windows = self._execution.station.state["windows"]
        for name in ("path", "backup"):
            if answer.get(name):
                answer[name] = self._execution.drive.windows(answer[name])
        if item["verb"] == "shell":
            answer.update(ui_culture=windows["locale"], user=self._execution.user)
        elif item["verb"] == "native" and answer.get("rc") is not None:
            # A system like Linux keeps eight bits of an exit code.
            answer["rc"] = next(self._codes, answer["rc"])
        elif item["verb"] == "in_session":
            if answer.get("user"):
                answer["user"] = f"{windows['computer_name']}\\{self._execution.user}"
            self.answers(item["items"], answer.get("answers", []))


def files_path(rest: str) -> str:
    """What comes behind the root of drive C: in a message; `changed meanwhile: PATH is …` has no quotes around it."""
    path, verb, text = rest.partition(" is ")
    return "C:" + path.replace("/", "\\") + verb + text
