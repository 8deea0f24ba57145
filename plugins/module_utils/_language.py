# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small language spoken with the Windows side: the items of a request, and the typed answers that come back.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native, native_from_answer

Item = t.Dict[str, t.Any]

HRESULT_LOCKED = "0x80070020"
HRESULT_DENIED = "0x80070005"
HRESULT_DISK_FULL = "0x80070070"
# What the task scheduler says of a task for a desktop session that is not there: ERROR_NOT_LOGGED_ON, ERROR_REQUEST_REFUSED.
NOBODY_THERE = ("0x800704dd", "0x800710e0")


class NotAnswered(Exception):
    """An answer was needed and a failure came."""


@dataclass(frozen=True)
class Failure:
    """Why one item has no answer. Messages are localised; `id` and `hresult` are not: match on those."""

    type: str
    message: str
    hresult: str = ""
    id: str = ""

    @property
    def locked(self) -> bool:
        return self.hresult == HRESULT_LOCKED

    @property
    def denied(self) -> bool:
        return self.hresult == HRESULT_DENIED or self.type.endswith(("SecurityException", "UnauthorizedAccessException"))

    @property
    def disk_full(self) -> bool:
        """Said by Windows, or found when what was written was read back: a full disk can shorten a write without an error."""
        return self.hresult == HRESULT_DISK_FULL or self.message.startswith("not written whole: ")

    @property
    def changed_meanwhile(self) -> bool:
        return self.message.startswith("changed meanwhile: ")

    @property
    def nobody_there(self) -> bool:
        """CIM errors carry their code in the id only: `HRESULT 0x800704dd,Start-ScheduledTask`."""
        return any(code in f"{self.hresult} {self.id}".lower() for code in NOBODY_THERE)

    def told(self) -> str:
        return " ".join(f"{self.message} ({', '.join(part for part in (self.type, self.hresult, self.id) if part and part != self.message)})".split())


NOT_DONE = Failure("NotDone", "not done, because an earlier step of the same request failed", id="NotDone")


@dataclass(frozen=True)
class Answer:
    """What came back for one item: a value or a failure, never both."""

    verb: str
    value: t.Any = None
    failure: Failure | None = None

    def required(self) -> t.Any:
        """The value; raises NotAnswered where there is none."""
        if self.failure is not None:
            raise NotAnswered(f"{self.verb} on the workstation failed: {self.failure.told()}")
        return self.value

    @property
    def exists(self) -> bool:
        return isinstance(self.value, dict) and bool(self.value.get("exists"))

    def values(self) -> dict[str, t.Any]:
        """Of `registry`: the values of the key; empty when it is absent or may not be read."""
        return dict(self.value.get("values") or {}) if self.exists else {}

    def subkeys(self) -> dict[str, dict[str, t.Any]]:
        """Of `registry`: the values of each subkey."""
        return dict(self.value.get("subkeys") or {}) if self.exists else {}

    def rows(self) -> list[dict[str, t.Any]]:
        """Of `cim`: the instances; empty when the class could not be asked."""
        return list(self.value) if isinstance(self.value, list) else []

    def content(self) -> bytes | None:
        """Of `file`: its bytes; None when it is absent or larger than was asked for."""
        return base64.b64decode(self.value["content"]) if self.exists and self.value.get("content") is not None else None

    def native(self) -> Native:
        """Of `native`: what the program gave back, decoded."""
        return native_from_answer(self.value if isinstance(self.value, dict) else {"exists": False}, "" if self.failure is None else self.failure.told())

    def in_session(self) -> list[Answer]:
        """Of `in_session`: the answers that came from the session."""
        return [answer_from("in_session", entry) for entry in self.value.get("answers", [])] if isinstance(self.value, dict) else []


def shell() -> Item:
    """PowerShell's version and language mode, the UI culture, the user, and the workstation's clock."""
    return {"verb": "shell"}


def environment(names: t.Sequence[str]) -> Item:
    return {"verb": "environment", "names": list(names)}


def registry(path: str, subkeys: bool = False) -> Item:
    """All values of a key (`HKLM:\\...`, `HKCU:\\...`), and with `subkeys` those of its direct children."""
    return {"verb": "registry", "path": path, **({"subkeys": True} if subkeys else {})}


def file(path: str, max_bytes: int | None = None) -> Item:
    """A file's bytes, checksum and time of writing; `%VARIABLES%` are expanded. Beyond `max_bytes` (default 1 MiB) without its content."""
    return {"verb": "file", "path": path, **({} if max_bytes is None else {"max_bytes": max_bytes})}


def cim(class_name: str, properties: t.Sequence[str], filter: str | None = None, namespace: str | None = None) -> Item:
    optional = {"filter": filter, "namespace": namespace}
    return {"verb": "cim", "class": class_name, "properties": list(properties), **{name: value for name, value in optional.items() if value is not None}}


def native(
    program: str,
    arguments: t.Sequence[str] = (),
    timeout: int | None = None,
    environment: t.Mapping[str, str] | None = None,
    detach: bool = False,
) -> Item:
    """Run a program to its end, at most `timeout` seconds (30); with `detach` only start it."""
    item: Item = {"verb": "native", "program": program}
    if arguments:
        item["arguments"] = list(arguments)
    if timeout is not None:
        item["timeout"] = timeout
    if environment:
        item["environment"] = dict(environment)
    if detach:
        item["detach"] = True
    return item


def write_file(path: str, content: bytes, expect: str, backup: bool = True, make_folder: bool = False) -> Item:
    """Replace a file by compare and swap: `expect` is the SHA-256 of what the plan was made for, or `absent`."""
    item = {"verb": "write_file", "path": path, "content": base64.b64encode(content).decode("ascii"), "expect": expect, "backup": backup}
    return {**item, "make_folder": True} if make_folder else item


def register_task(name: str, definition: str) -> Item:
    """Register a scheduled task of the root folder, in place of one of that name; `definition` is XML of the task scheduler's schema."""
    return {"verb": "register_task", "name": name, "definition": definition}


def in_session(items: t.Sequence[Item], timeout: int) -> Item:
    """The same items, run in the session of the connecting user, when that user is logged on."""
    return {"verb": "in_session", "items": list(items), "timeout": timeout}


def answer_from(verb: str, entry: t.Mapping[str, t.Any]) -> Answer:
    """One entry of a reply's list of answers."""
    error = entry.get("error")
    if error is None:
        return Answer(verb, entry.get("answer"))
    return Answer(verb, failure=Failure(*(str(error.get(name, "")) for name in ("type", "message", "hresult", "id"))))
