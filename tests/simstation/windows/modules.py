# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imitated `ansible.windows` modules, by name and arguments: results as in recordings/ansible_windows, options as in ansible.windows 3.x.

`run` gives what the module prints; `failed: false`, `exception` and `*_lines` are the controller's. A module or option that is not here is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..station import Station
from . import module_bodies, updates
from .module_bodies import Failed, Task

Args = dict[str, Any]

TRUE = ("true", "yes", "on", "1", "y", "t")
FALSE = ("false", "no", "off", "0", "n", "f")


@dataclass(frozen=True)
class Option:
    """One option of a module."""

    kind: str = "str"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


ALGORITHM = Option(default="sha1", choices=("md5", "sha1", "sha256", "sha384", "sha512"))
PRESENCE = Option(default="present", choices=("absent", "present"))
# Options of ansible.windows' web requests that the station understands; the other ones are refused.
WEB = {"url_timeout": Option("int", 30, aliases=("timeout",)), "validate_certs": Option("bool", True), "use_proxy": Option("bool", True)}

SPECS: dict[str, dict[str, Option]] = {
    "win_ping": {"data": Option(default="pong")},
    "win_optional_feature": {
        "name": Option("list", required=True),
        "state": PRESENCE,
        "include_parent": Option("bool", False),
        "source": Option(),
    },
    "win_package": {
        "arguments": Option("raw"),
        "expected_return_code": Option("list", (0, 3010)),
        "path": Option(),
        "checksum": Option(),
        "checksum_algorithm": ALGORITHM,
        "product_id": Option(),
        "state": PRESENCE,
        "creates_path": Option(),
        "provider": Option(default="auto", choices=("auto", "msi", "registry")),
        "wait_for_children": Option("bool", False),
        **WEB,
    },
    "win_get_url": {
        "url": Option(required=True),
        "dest": Option(required=True),
        "force": Option("bool", True),
        "checksum": Option(),
        "checksum_algorithm": ALGORITHM,
        **WEB,
    },
    "win_stat": {
        "path": Option(required=True, aliases=("dest", "name")),
        "get_checksum": Option("bool", True),
        "get_size": Option("bool", True),
        "checksum_algorithm": ALGORITHM,
        "follow": Option("bool", False),
    },
    "win_file": {"path": Option(required=True, aliases=("dest", "name")), "state": Option(required=True, choices=("absent", "directory"))},
    "win_reg_stat": {"path": Option(required=True, aliases=("key",)), "name": Option(aliases=("entry", "value"))},
    "win_regedit": {
        "path": Option(required=True, aliases=("key",)),
        "name": Option(required=True, aliases=("entry", "value")),
        "data": Option("raw"),
        "type": Option(default="string", choices=("dword", "qword", "string", "expandstring", "multistring"), aliases=("datatype",)),
        "state": Option(default="present", choices=("present",)),
    },
    "win_powershell": {"script": Option(required=True), "parameters": Option("dict")},
    # Options that narrow the search further are not imitated.
    "win_updates": {
        "category_names": Option("list", ("CriticalUpdates", "SecurityUpdates", "UpdateRollups")),
        "state": Option(default="installed", choices=("installed", "searched", "downloaded")),
        "reboot": Option("bool", False),
        "reboot_timeout": Option("int", 1200),
        "_operation": Option(default="start", choices=("start", "cancel", "poll")),
        "_operation_options": Option("dict"),
    },
    "async_status": {"jid": Option(required=True), "mode": Option(default="status", choices=("status", "cleanup")), "_async_dir": Option(required=True)},
}

BODIES: dict[str, Callable[[Task], Args]] = {
    "win_ping": module_bodies.ping,
    "win_optional_feature": module_bodies.optional_feature,
    "win_package": module_bodies.package,
    "win_get_url": module_bodies.get_url,
    "win_stat": module_bodies.stat,
    "win_file": module_bodies.file,
    "win_reg_stat": module_bodies.reg_stat,
    "win_regedit": module_bodies.regedit,
    "win_powershell": module_bodies.powershell,
    "win_updates": lambda task: updates.operate(task.station, task.args, task.check_mode),
    "async_status": module_bodies.async_status,
}


def run(station: Station, user: str, fqcn: str, args: Args, check_mode: bool = False, diff: bool = False) -> Args:
    """The module's result; an unknown module is refused."""
    namespace, _dot, name = fqcn.removesuffix(".ps1").rpartition(".")
    if namespace not in ("ansible.windows", "ansible_collections.ansible.windows.plugins.modules") or name not in SPECS:
        station.unknown("Windows module", fqcn)
    try:
        given = validated(name, {key: value for key, value in args.items() if not key.startswith("_ansible_")})
        return {"changed": False, **BODIES[name](Task(station, user, given, check_mode, diff))}
    except Failed as problem:
        return {"changed": False, **problem.result, "failed": True, "msg": str(problem)}


def validated(name: str, args: Args) -> Args:
    """Aliases resolved, types converted, defaults filled in."""
    spec = SPECS[name]
    names = {alias: option for option, entry in spec.items() for alias in (option, *entry.aliases)}
    unsupported = sorted(set(args) - set(names))
    if unsupported:
        known = ", ".join(sorted(spec))
        raise Failed(f"Unsupported parameters for ({name}) module: {', '.join(unsupported)}. Supported parameters include: {known}")
    given = {names[key]: value for key, value in args.items() if value is not None}
    missing = sorted(option for option, entry in spec.items() if entry.required and option not in given)
    if missing:
        raise Failed(f"missing required arguments: {', '.join(missing)}")
    return {option: converted(option, entry, given[option]) if option in given else entry.default for option, entry in spec.items()}


def converted(name: str, entry: Option, value: Any) -> Any:
    if entry.kind == "bool":
        value = boolean(name, value)
    elif entry.kind == "int":
        value = int(value)
    elif entry.kind == "list":
        value = [part.strip() for part in value.split(",")] if isinstance(value, str) else value if isinstance(value, list) else [value]
    elif entry.kind == "str":
        value = str(value)
    if entry.choices and value not in entry.choices:
        raise Failed(f"value of {name} must be one of: {', '.join(entry.choices)}. Got no match for: {value}")
    return value


def boolean(name: str, value: Any) -> bool:
    word = str(value).lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise Failed(f"argument for {name} is of type {type(value).__name__} and we were unable to convert to bool")
