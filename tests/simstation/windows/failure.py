# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as PowerShell reports them: type, message, HRESULT and error id, from `recordings/powershell`."""

from __future__ import annotations

from typing import Any

COR_E_SYSTEM = "0x80131501"
E_ACCESSDENIED = "0x80070005"
PATH_NOT_FOUND = "0x80070003"
SHARING_VIOLATION = "0x80070020"
NEW_OBJECT = "ConstructorInvokedThrowException,Microsoft.PowerShell.Commands.NewObjectCommand"


class Failure(Exception):
    """One item's error, answered to the client as the language does."""

    def __init__(self, type_name: str, message: str, hresult: str, error_id: str) -> None:
        super().__init__(message)
        self.error = {"type": type_name, "message": message, "hresult": hresult, "id": error_id}


def thrown(message: str) -> Failure:
    """What `throw 'text'` becomes."""
    return Failure("System.Management.Automation.RuntimeException", message, COR_E_SYSTEM, message)


def property_missing(name: str) -> Failure:
    message = f"The property '{name}' cannot be found on this object. Verify that the property exists."
    return Failure("System.Management.Automation.PropertyNotFoundException", message, COR_E_SYSTEM, "PropertyNotFoundStrict")


def drive_missing(name: str, error_id: str = "DriveNotFoundException") -> Failure:
    message = f"Cannot find drive. A drive with the name '{name}' does not exist."
    return Failure("System.Management.Automation.DriveNotFoundException", message, COR_E_SYSTEM, error_id)


def registry_denied() -> Failure:
    kind = "System.Security.SecurityException"
    return Failure(kind, "Requested registry access is not allowed.", "0x8013150A", f"{kind},Microsoft.PowerShell.Commands.GetItemCommand")


def no_such_folder(path: str) -> Failure:
    return Failure("System.IO.DirectoryNotFoundException", f"Could not find a part of the path '{path}'.", PATH_NOT_FOUND, NEW_OBJECT)


def folder_denied(path: str) -> Failure:
    return Failure("System.UnauthorizedAccessException", f"Access to the path '{path}' is denied.", E_ACCESSDENIED, NEW_OBJECT)


def read_only_file() -> Failure:
    kind = "UnauthorizedAccessException"
    return Failure(f"System.{kind}", "Access to the path is denied.", E_ACCESSDENIED, kind)


def file_in_use(path: str | None = None) -> Failure:
    """With a path when opening it failed, without when swapping it failed."""
    if path is None:
        message, error_id = "The process cannot access the file because it is being used by another process.", "IOException"
    else:
        message, error_id = f"The process cannot access the file '{path}' because it is being used by another process.", NEW_OBJECT
    return Failure("System.IO.IOException", message, SHARING_VIOLATION, error_id)


def bad_base64() -> Failure:
    message = (
        "The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding characters, "
        "or an illegal character among the padding characters."
    )
    return Failure("System.FormatException", message, "0x80131537", "FormatException")


def invalid_class() -> Failure:
    return Failure("System.Exception", "Invalid class ", "0x80131500", "HRESULT 0x80041010,Get-CimInstance")


Item = dict[str, Any]


def required(item: Item, name: str) -> Any:
    """`$item.name` under StrictMode."""
    if name not in item:
        raise property_missing(name)
    return item[name]
