# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows language: a list of items in, a list of answers out, as real PowerShell answered in `recordings/powershell`.

`answer` gives what the bootstrap puts into its frame: `{"ok": true, "result": {"answers": [...]}}`. What the station does not
know is raised as `UnknownRequest` and is nobody's answer.
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..station import Station, timestamp
from . import builtin_programs, cim, docker_desktop, environment, failure, files, programs, registry, session, tasks
from .failure import Failure, required

Item = dict[str, Any]
# Imported for the programs that they add.
PROGRAM_FAMILIES = (builtin_programs, docker_desktop)
MAX_FILE_CONTENT = 1048576
DEFAULT_TIMEOUT = 30
DEFAULT_SESSION_TIMEOUT = 60
POWERSHELL_VERSION = "5.1.26100.4202"


@dataclass(frozen=True)
class Caller:
    """Whose request it is, and whether it runs in that user's own desktop session or over the network."""

    station: Station
    user: str
    interactive: bool = False

    @property
    def state(self) -> dict[str, Any]:
        return self.station.state


def answer(station: Station, user: str, request: Item, *, interactive: bool = False) -> dict[str, Any]:
    caller = Caller(station, user, interactive)
    try:
        items = required(request, "items")
    except Failure as missing:
        return {"ok": False, "error": {key: missing.error[key] for key in ("type", "message", "id")}}
    return {"ok": True, "result": {"answers": answers(caller, items, bool(request.get("stop_on_error", False)))}}


def answers(caller: Caller, items: list[Item], stop_on_error: bool) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = []
    for item in items:
        try:
            given.append({"answer": one(caller, item)})
        except Failure as problem:
            given.append({"error": problem.error})
            if stop_on_error:
                break
    return given


def one(caller: Caller, item: Item) -> Any:
    verb = required(item, "verb")
    handler = VERBS.get(str(verb).casefold())
    if handler is None:
        raise failure.thrown(f"unknown verb: {verb}")
    return handler(caller, item)


# --- questions ---------------------------------------------------------------------------------------------------------------


def shell(caller: Caller, _item: Item) -> dict[str, Any]:
    windows = caller.state["windows"]
    return {
        "powershell": windows.get("powershell", POWERSHELL_VERSION),
        "language_mode": windows.get("language_mode", "FullLanguage"),
        "ui_culture": windows["locale"],
        "user": caller.user,
        "bits": 64,
        "now": files.net_time(timestamp(caller.station.now())),
    }


def environment_variables(caller: Caller, item: Item) -> dict[str, str | None]:
    names = required(item, "names")
    names = [names] if isinstance(names, str) else names
    return {name: environment.get(caller.state, caller.user, name, interactive=caller.interactive) for name in names}


def registry_key(caller: Caller, item: Item) -> dict[str, Any]:
    with caller.station.lock:
        return registry.answer(caller.station, caller.user, required(item, "path"), bool(item.get("subkeys", False)))


def file(caller: Caller, item: Item) -> dict[str, Any]:
    path = files.resolve(caller.station, caller.user, required(item, "path"))
    entry = files.find(caller.state, path)
    if entry is None:
        return {"exists": False, "path": path}
    data = files.content(entry)
    found: dict[str, Any] = {"exists": True, "path": path, "length": len(data), "written": files.net_time(entry["written"]), "content": None}
    if len(data) <= item.get("max_bytes", MAX_FILE_CONTENT):
        open_for_reading(path, entry)
        found["content"] = entry["content"]
        found["sha256"] = files.sha256(data)
    return found


def open_for_reading(path: str, entry: files.Entry) -> None:
    if entry.get("held_open") == "None":
        raise failure.file_in_use(path)


def cim_instances(caller: Caller, item: Item) -> list[dict[str, Any]]:
    properties = required(item, "properties")
    properties = [properties] if isinstance(properties, str) else properties
    with caller.station.lock:
        return cim.answer(caller.station, required(item, "class"), properties, item.get("filter"), item.get("namespace"))


def native(caller: Caller, item: Item) -> dict[str, Any]:
    name = environment.expand(caller.state, caller.user, required(item, "program"))
    path = programs.find(caller.station, caller.user, name)
    if path is None:
        return {"exists": False}
    arguments = item.get("arguments", [])
    call = programs.Invocation(
        station=caller.station,
        user=caller.user,
        path=path,
        arguments=[arguments] if isinstance(arguments, str) else [str(part) for part in arguments],
        environment=dict(item.get("environment", {})),
        interactive=caller.interactive,
        timeout=item.get("timeout", DEFAULT_TIMEOUT),
    )
    if item.get("detach", False):
        return {"exists": True, "path": path, "pid": programs.start(call)}
    return run_to_its_end(call)


def run_to_its_end(call: programs.Invocation) -> dict[str, Any]:
    clock = time.monotonic()
    completed = programs.run(call)
    seconds = time.monotonic() - clock
    if completed is None:
        return _native(call.path, None, b"", b"", call.timeout + seconds % 1)
    return _native(call.path, completed.rc, completed.stdout, completed.stderr, seconds)


def _native(path: str, rc: int | None, stdout: bytes, stderr: bytes, seconds: float) -> dict[str, Any]:
    return {
        "exists": True,
        "path": path,
        "timed_out": rc is None,
        "drained": True,
        "rc": rc,
        "seconds": round(seconds, 3),
        "stdout": base64.b64encode(stdout).decode(),
        "stderr": base64.b64encode(stderr).decode(),
    }


def in_session(caller: Caller, item: Item) -> dict[str, Any]:
    return session.run_in_session(caller.station, caller.user, required(item, "items"), item.get("timeout", DEFAULT_SESSION_TIMEOUT))


# --- changes -----------------------------------------------------------------------------------------------------------------


def write_file(caller: Caller, item: Item) -> dict[str, Any]:
    """In the order of the real script, so that of several obstacles the same one is reported."""
    station = caller.station
    path = files.resolve(station, caller.user, required(item, "path"))
    with station.lock:
        entry = files.find(station.state, path)
        found = found_content(path, entry)
        expected = required(item, "expect")
        if found != expected:
            raise failure.thrown(f"changed meanwhile: {path} is {found}, the plan was made for {expected}")
        data = decoded(required(item, "content"))
        wanted = files.sha256(data)
        if found == wanted:
            return {"changed": False, "sha256": wanted, "backup": None}
        if item.get("make_folder", False):
            files.make_folder(station, path.rpartition("\\")[0])
        write_temporary(station, path)
        backup = swap(station, path, entry, bool(item.get("backup", True)))
        files.put(station, path, data)
    return {"changed": True, "sha256": wanted, "backup": backup}


def found_content(path: str, entry: files.Entry | None) -> str:
    if entry is None:
        return "absent"
    open_for_reading(path, entry)
    return files.sha256(files.content(entry))


def decoded(content: str) -> bytes:
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except binascii.Error as problem:
        raise failure.bad_base64() from problem


def write_temporary(station: Station, path: str) -> None:
    """The temporary file stands beside the wanted one, so what forbids it forbids the change."""
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    folder = path.rpartition("\\")[0]
    if not files.folder_exists(station.state, folder):
        raise failure.no_such_folder(temporary)
    if files.denied(station.state, path):
        raise failure.folder_denied(temporary)
    if files.disk_full(station.state, path):
        raise failure.thrown(f"not written whole: {temporary}")


def swap(station: Station, path: str, entry: files.Entry | None, with_backup: bool) -> str | None:
    if entry is None:
        return None
    if "read-only" in entry.get("attributes", []):
        raise failure.read_only_file()
    if entry.get("held_open"):
        raise failure.file_in_use()
    if not with_backup:
        return None
    backup = f"{path}.{station.now():%Y%m%dT%H%M%S}{station.now().microsecond // 1000:03d}Z.bak"
    station.state["windows"]["files"][backup] = {"content": entry["content"], "written": entry["written"]}
    return backup


def register_task(caller: Caller, item: Item) -> dict[str, Any]:
    name = required(item, "name")
    tasks.register(caller.station, caller.user, name, required(item, "definition"))
    return {"registered": name}


VERBS: dict[str, Callable[[Caller, Item], Any]] = {
    "shell": shell,
    "environment": environment_variables,
    "registry": registry_key,
    "file": file,
    "cim": cim_instances,
    "native": native,
    "write_file": write_file,
    "register_task": register_task,
    "in_session": in_session,
}
