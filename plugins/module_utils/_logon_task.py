# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled task that starts a distribution at logon: its definition, what is registered, and whether that means the same.

A definition is XML of the task scheduler's schema ([MS-TSCH] 2.5). Windows stores it with elements and spellings of its own, so what is compared is
what a task means, with the schema's defaults, never its text.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import subprocess
import typing as t
from xml.etree import ElementTree

from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, file, native, register_task
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import WindowsUser

NAME = "gpudev-start-at-logon"
# The task scheduler keeps each task of its root folder as a file of its name.
STORED = f"%SystemRoot%\\System32\\Tasks\\{NAME}"
NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
AUTHOR = "gpudev.workstation"
# Of the user, on the user's desktop, and with the rights of an ordinary program: distributions belong to a user, and SYSTEM has none (LXSS is below HKCU).
LOGON_TYPE, RUN_LEVEL = "InteractiveToken", "LeastPrivilege"
# Wanted value and the schema's default: a laptop's battery must not keep the cluster away, and the program behind the task has deadlines of its own.
SETTINGS = {
    "Enabled": ("true", "true"),
    "DisallowStartIfOnBatteries": ("false", "true"),
    "StopIfGoingOnBatteries": ("false", "true"),
    "ExecutionTimeLimit": ("PT0S", "PT72H"),
    "MultipleInstancesPolicy": ("IgnoreNew", "IgnoreNew"),
}
Meaning = t.Dict[str, t.Any]


def question() -> Item:
    return file(STORED)


class Program(t.NamedTuple):
    """What the task runs."""

    executable: str
    arguments: str

    def told(self) -> str:
        return f"{self.executable} {self.arguments}".strip()


def in_distribution(executable: str, distribution: str, linux_user: str, command: t.Sequence[str]) -> Program:
    """By wslg.exe, which is wsl.exe without a console window (wsl.dev); it knows no `--exec`, but a command without a shell. Names stand without quotes."""
    return Program(executable, subprocess.list2cmdline(["-d", distribution, "-u", linux_user, "--shell-type", "none", "--", *command]))


def windowless(wsl_executable: str) -> str:
    """wslg.exe lies beside the wsl.exe of the WSL package; the one of Windows itself has no such sibling."""
    folder, _backslash, name = wsl_executable.rpartition("\\")
    return f"{folder}\\wslg.exe" if name.lower() == "wsl.exe" and not folder.lower().endswith("\\system32") else ""


def wanted(user: WindowsUser, program: Program) -> Meaning:
    values = {name: value for name, (value, _default) in SETTINGS.items()}
    return {"at": [f"LogonTrigger {user.connected}"], "as": f"{user.connected} {LOGON_TYPE} {RUN_LEVEL}", "runs": [program.told()], **values}


def definition(user: WindowsUser, program: Program, description: str) -> str:
    """The account stands as SID, which no renaming changes."""
    account = user.connected_sid or f"{user.domain}\\{user.connected}"
    task = ElementTree.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    _add(task, "RegistrationInfo", {"Author": AUTHOR, "Description": description})
    _add(_add(task, "Triggers", {}), "LogonTrigger", {"Enabled": "true", "UserId": account})
    principal = _add(_add(task, "Principals", {}), "Principal", {"UserId": account, "LogonType": LOGON_TYPE, "RunLevel": RUN_LEVEL})
    principal.set("id", "Author")
    _add(task, "Settings", {name: value for name, (value, _default) in SETTINGS.items()})
    actions = _add(task, "Actions", {})
    actions.set("Context", "Author")
    _add(actions, "Exec", {"Command": program.executable, "Arguments": program.arguments})
    return ElementTree.tostring(task, encoding="unicode")


def _add(parent: ElementTree.Element, name: str, values: t.Mapping[str, str]) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name)
    for key, value in values.items():
        ElementTree.SubElement(element, key).text = value
    return element


def registered(answer: Answer, user: WindowsUser) -> Meaning:
    """What the task of that name means; empty when there is none."""
    content = answer.content()
    if content is None:
        return {}
    try:
        task = ElementTree.fromstring(content)
    except ElementTree.ParseError as problem:
        return {"unreadable": str(problem)}
    settings = {name: _text(task, f"Settings/{name}") or default for name, (_wanted, default) in SETTINGS.items()}
    principal = {name: _text(task, f"Principals/Principal/{name}") for name in ("UserId", "LogonType", "RunLevel")}
    known_as = " ".join((_account(principal["UserId"], user), principal["LogonType"], principal["RunLevel"] or RUN_LEVEL))
    return {"at": [_told_trigger(trigger, user) for trigger in _children(task, "Triggers")], "as": known_as, "runs": _commands(task), **settings}


def _told_trigger(trigger: ElementTree.Element, user: WindowsUser) -> str:
    words = [_bare(trigger), _account(_text(trigger, "UserId"), user) or "anybody"]
    more = sorted(_bare(part) for part in trigger if _bare(part) not in ("Enabled", "UserId"))
    return " ".join([*words, *([] if _text(trigger, "Enabled") in ("", "true") else ["disabled"]), *more])


def _commands(task: ElementTree.Element) -> t.List[str]:
    actions = _children(task, "Actions")
    return [Program(_text(action, "Command"), _text(action, "Arguments")).told() if _bare(action) == "Exec" else _bare(action) for action in actions]


def _account(identifier: str, user: WindowsUser) -> str:
    """Windows may keep a SID as it was given, or write the account's name in its place."""
    domain, _backslash, name = identifier.rpartition("\\")
    by_name = domain.casefold() in ("", user.computer.casefold(), user.domain.casefold()) and name.casefold() == user.connected.casefold()
    return user.connected if by_name or (identifier and identifier == user.connected_sid) else identifier


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))) or "").strip()


def _children(task: ElementTree.Element, name: str) -> t.List[ElementTree.Element]:
    return list(task.find(f"{{{NAMESPACE}}}{name}") or ())


def _bare(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def registration(user: WindowsUser, program: Program, description: str) -> Item:
    return register_task(NAME, definition(user, program, description))


def removal() -> Item:
    return native("%SystemRoot%\\System32\\schtasks.exe", ("/delete", "/tn", NAME, "/f"))
