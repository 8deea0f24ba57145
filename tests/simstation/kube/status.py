# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refusals of the API server, in the words of `recordings/kube` (a Kubernetes `Status`)."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]


class StatusError(Exception):
    """An answer that is not a success."""

    def __init__(self, code: int, message: str, reason: str | None = None, details: Object | None = None, metadata: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}, "status": "Failure", "message": message}
        if reason:
            self.body["reason"] = reason
        if details is not None:
            self.body["details"] = details
        self.body["code"] = code


def details_of(plural: str, group: str, name: str = "") -> Object:
    details = {"name": name, "group": group, "kind": plural}
    return {key: value for key, value in details.items() if value}


def qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(plural: str, group: str, name: str) -> StatusError:
    return StatusError(404, f'{qualified(plural, group)} "{name}" not found', "NotFound", details_of(plural, group, name))


def no_such_resource() -> StatusError:
    return StatusError(404, "the server could not find the requested resource", "NotFound", {})


def already_exists(plural: str, group: str, name: str) -> StatusError:
    return StatusError(409, f'{qualified(plural, group)} "{name}" already exists', "AlreadyExists", details_of(plural, group, name))


def modified(plural: str, group: str, name: str) -> StatusError:
    text = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": the object has been modified; '
    return StatusError(409, text + "please apply your changes to the latest version and try again", "Conflict", details_of(plural, group, name))


def bad_request(message: str) -> StatusError:
    return StatusError(400, message, "BadRequest")


def forbidden(message: str, details: Object) -> StatusError:
    return StatusError(403, message, "Forbidden", details)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> StatusError:
    return StatusError(405, "the server does not allow this method on the requested resource", "MethodNotAllowed", {})


def cause(reason: str, message: str, field: str) -> Object:
    return {"reason": reason, "message": message, "field": field}


def invalid_value(value: Any, text: str, field: str) -> Object:
    return cause("FieldValueInvalid", f"Invalid value: {compact(value)}: {text}", field)


def required_value(text: str, field: str) -> Object:
    return cause("FieldValueRequired", f"Required value: {text}" if text else "Required value", field)


def invalid(kind: str, group: str, name: str, causes: list[Object]) -> StatusError:
    texts: list[str] = []
    for entry in causes:
        text = f"{entry['field']}: {entry['message']}"
        if text not in texts:
            texts.append(text)
    described = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    message = f'{qualified(kind, group)} "{name}" is invalid: {described}'
    details = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
    return StatusError(422, message, "Invalid", {**details, "causes": causes})


def expired(message: str, metadata: Object | None = None) -> StatusError:
    return StatusError(410, message, "Expired", metadata=metadata)


def compact(value: Any) -> str:
    """JSON as Go prints it: no blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
