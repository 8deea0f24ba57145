# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task scheduler's root folder: tasks as XML, read when they are registered, and run when their user logs on.

A task is a file of its name below `C:\\Windows\\System32\\Tasks`, in UTF-16 with a byte order mark; `windows.scheduled_tasks` of the document keeps how its
last run ended. Elements and their defaults: the task scheduler's schema ([MS-TSCH] 2.5). An element that is not imitated is refused as unknown.
`windows.on_battery` of the document: a task starts then only if it says that it may.
"""

from __future__ import annotations

import re
import threading
from typing import Any
from xml.etree import ElementTree

from .. import argv
from ..station import Station, UnknownRequest, timestamp
from . import files, programs
from .failure import Failure

State = dict[str, Any]

FOLDER = "C:\\Windows\\System32\\Tasks"
NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
CIM_EXCEPTION = "Microsoft.Management.Infrastructure.CimException"
# Task Scheduler error and success constants (learn.microsoft.com), winerror.h.
SCHED_E_NAMESPACE = "0x80041317"
SCHED_E_MALFORMEDXML = "0x8004131A"
E_ACCESSDENIED = "0x80070005"
ERROR_NONE_MAPPED = "0x80070534"
SCHED_S_TASK_RUNNING = 0x00041301
SCHED_S_TASK_TERMINATED = 0x00041306
FILE_NOT_FOUND = 0x80070002
# What is imitated of each element; those of the settings with the schema's default.
SETTINGS = {
    "MultipleInstancesPolicy": "IgnoreNew",
    "DisallowStartIfOnBatteries": "true",
    "StopIfGoingOnBatteries": "true",
    "ExecutionTimeLimit": "PT72H",
    "Enabled": "true",
}
IMITATED = {
    "RegistrationInfo": {"Author", "Description", "URI"},
    "Triggers": {"LogonTrigger", "Enabled", "UserId"},
    "Principals": {"Principal", "UserId", "LogonType", "RunLevel"},
    "Settings": set(SETTINGS),
    "Actions": {"Exec", "Command", "Arguments"},
}


def names(state: State) -> list[str]:
    below = FOLDER.casefold() + "\\"
    stored = [path[len(below) :] for path in state["windows"]["files"] if path.casefold().startswith(below)]
    return sorted({*state["windows"].get("scheduled_tasks", {}), *stored})


def register(station: Station, user: str, name: str, definition: str) -> None:
    """`Register-ScheduledTask -TaskName -Xml -Force`."""
    if not re.fullmatch(r"[\w.-]+", name):
        station.unknown("name of a scheduled task", name)
    if not station.state["windows"]["users"][user].get("administrator"):
        raise failed(E_ACCESSDENIED, "Access is denied.")
    task = read(definition)
    refuse_what_is_not_imitated(station, task)
    for element in task.iter(NAMESPACE + "UserId"):
        if account(station.state, element.text or "") is None:
            raise failed(ERROR_NONE_MAPPED, "No mapping between account names and security IDs was done.")
    with station.changed() as state:
        state["windows"].setdefault("scheduled_tasks", {})[name] = {}
    files.put(station, f"{FOLDER}\\{name}", definition.encode("utf-16"))


def failed(code: str, message: str) -> Failure:
    """As errors of CIM arrive: the code is in the id (recordings/powershell: `HRESULT 0x80041010,Get-CimInstance`)."""
    return Failure(CIM_EXCEPTION, message, "0x80131500", f"HRESULT {code.lower()},Register-ScheduledTask")


def read(definition: str) -> ElementTree.Element:
    try:
        task = ElementTree.fromstring(definition)
    except ElementTree.ParseError as problem:
        raise failed(SCHED_E_MALFORMEDXML, "The task XML is malformed.") from problem
    if task.tag != NAMESPACE + "Task":
        raise failed(SCHED_E_NAMESPACE, "The task XML contains an element or attribute from an unexpected namespace.")
    return task


def refuse_what_is_not_imitated(station: Station, task: ElementTree.Element) -> None:
    for part in task:
        known = IMITATED.get(bare(part), set())
        unknown = [bare(element) for element in part.iter() if element is not part and bare(element) not in known]
        if unknown or not known:
            station.unknown("element of a scheduled task", f"{bare(part)}: {', '.join(unknown)}")
    if value(task, "Principals/Principal/LogonType") != "InteractiveToken":
        station.unknown("scheduled task that runs without its user's desktop", ElementTree.tostring(task, "unicode"))


def bare(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(NAMESPACE)


def value(task: ElementTree.Element, path: str, otherwise: str = "") -> str:
    found = task.findtext("/".join(NAMESPACE + step for step in path.split("/")))
    return otherwise if found is None else found


def setting(task: ElementTree.Element, name: str) -> str:
    return value(task, f"Settings/{name}", SETTINGS[name])


def account(state: State, identifier: str) -> str | None:
    """The user of this computer with that SID or name."""
    windows = state["windows"]
    domain, _backslash, name = identifier.rpartition("\\")
    if domain.casefold() not in ("", windows["computer_name"].casefold(), "."):
        return None
    known = windows["users"].items()
    return next((user for user, held in known if identifier == held["sid"] or name.casefold() == user.casefold()), None)


def run_at_logon(station: Station, user: str) -> None:
    for name in names(station.state):
        data = files.read(station.state, f"{FOLDER}\\{name}")
        if data and starts(station.state, read(data.decode("utf-16")), user):
            threading.Thread(target=run, args=(station, name, user), name=f"scheduled task {name}", daemon=True).start()


def starts(state: State, task: ElementTree.Element, user: str) -> bool:
    if task.find(f"{NAMESPACE}Triggers/{NAMESPACE}LogonTrigger") is None or setting(task, "Enabled") != "true":
        return False
    awaited = value(task, "Triggers/LogonTrigger/UserId")
    if value(task, "Triggers/LogonTrigger/Enabled", "true") != "true" or (awaited and account(state, awaited) != user):
        return False
    on_battery = state["windows"].get("on_battery", False)
    return account(state, value(task, "Principals/Principal/UserId")) == user and not (on_battery and setting(task, "DisallowStartIfOnBatteries") == "true")


def run(station: Station, name: str, user: str) -> None:
    """Its action, with the user's desktop; the exit code becomes the last result."""
    task = read((files.read(station.state, f"{FOLDER}\\{name}") or b"").decode("utf-16"))
    keep(station, name, last_run=timestamp(station.now()), last_result=SCHED_S_TASK_RUNNING)
    try:
        path = programs.find(station, user, value(task, "Actions/Exec/Command"))
        if path is None:
            keep(station, name, last_result=FILE_NOT_FOUND)
            return
        words = argv.split_arguments(value(task, "Actions/Exec/Arguments"))
        ended = programs.run(programs.Invocation(station, user, path, words, interactive=True, timeout=seconds(setting(task, "ExecutionTimeLimit"))))
        keep(station, name, last_result=SCHED_S_TASK_TERMINATED if ended is None else ended.rc)
    except UnknownRequest:
        # Written down where it was asked; nobody waits for a task.
        keep(station, name, last_result=1)


def keep(station: Station, name: str, **result: Any) -> None:
    with station.changed() as state:
        state["windows"].setdefault("scheduled_tasks", {}).setdefault(name, {}).update(result)


def seconds(duration: str) -> float:
    """An ISO 8601 duration; PT0S is no limit."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", duration)
    days, hours, minutes, rest = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest or threading.TIMEOUT_MAX


def delete(station: Station, name: str) -> bool:
    """True when it was there."""
    if name not in names(station.state):
        return False
    with station.changed() as state:
        state["windows"].get("scheduled_tasks", {}).pop(name, None)
    files.remove(station, f"{FOLDER}\\{name}")
    return True
