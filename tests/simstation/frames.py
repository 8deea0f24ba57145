# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's exec frame (ansible-core 2.19): stdin holds the exec wrapper, a line of four NULs, and a manifest of scripts and actions.

Module name and arguments are plain JSON in it, so a module can be imitated without PowerShell. Every script of ansible-core in the frame
must be a reviewed text (`script_hashes`); modules are known by name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.simstation import jobs, script_hashes
from tests.simstation.process import Call
from tests.simstation.station import Station

SEPARATOR = b"\n\0\0\0\0\n"
MODULE_PREFIX = "ansible_collections."
MODULE_INFIX = ".plugins.modules."
Params = dict[str, Any]


def run(station: Station, user: str, call: Call) -> int:
    parts = call.stdin.split(SEPARATOR, 2)
    if len(parts) < 2:
        station.unknown("input of Ansible's bootstrap wrapper", f"{len(parts)} parts")
    wrapper, manifest = json.loads(parts[0]), json.loads(parts[1])
    if wrapper["name"] != "exec_wrapper":
        station.unknown("wrapper of Ansible's frame", wrapper["name"])
    _require_reviewed(station, "exec_wrapper.ps1", wrapper["script"])
    actions = manifest["actions"]
    limit = None
    for action in actions[:-1]:
        _require_reviewed(station, action["name"], base64.b64decode(manifest["scripts"].get(action["name"], {"script": ""})["script"]).decode("utf-8-sig"))
        if action["name"] in ("async_wrapper.ps1", "async_watchdog.ps1"):
            limit = {**(limit or {}), **action["params"]}
        else:
            user = _wrapped_user(station, user, action)
    name, params = actions[-1]["name"], actions[-1]["params"]
    if name not in ACTIONS:
        station.unknown("action of Ansible's frame", name)
    _require_reviewed(station, name, base64.b64decode(manifest["scripts"][name]["script"]).decode("utf-8-sig"))
    if limit is not None:
        return jobs.start(station, user, limit, lambda: _module_result(station, user, params), call)
    return ACTIONS[name](station, user, params, parts[2] if len(parts) > 2 else b"", call)


def _require_reviewed(station: Station, name: str, script: str) -> None:
    if script_hashes.identify(script) != name:
        station.unknown(f"text of ansible-core's {name}", "its hash is not in powershell_hashes.json; `review-powershell` lists the installed ones")


def _wrapped_user(station: Station, user: str, action: Params) -> str:
    """`become_method: runas` with a password logs that account on; every other wrapper (coverage) is unknown."""
    if action["name"] != "become_wrapper.ps1":
        station.unknown("wrapper of Ansible's frame", action["name"])
    wanted = action["params"]["BecomeUser"].rpartition("\\")[2]
    accounts = station.state["windows"]["users"]
    known = next((name for name in accounts if name.lower() == wanted.lower()), None)
    if known is None or accounts[known]["password"] != action.get("secure_params", {}).get("BecomePassword"):
        station.unknown("become as an account of another kind or with a wrong password", f"{user} -> {wanted}")
    return known


def _module(station: Station, user: str, params: Params, _data: bytes, call: Call) -> int:
    result = _module_result(station, user, params)
    call.write(json.dumps(result).encode() + b"\r\n")
    return 1 if result.get("failed") else 0


def _module_result(station: Station, user: str, params: Params) -> Params:
    if not params.get("ForModule"):
        station.unknown("script of Ansible's frame that is not a module", str(params.get("Script")))
    arguments = next(variable["Value"] for variable in params["Variables"] if variable["Name"] == "complex_args")
    own = {name: value for name, value in arguments.items() if not name.startswith("_ansible_")}
    from tests.simstation.windows import modules

    name = module_name(params["Script"])
    return modules.run(station, user, name, own, bool(arguments.get("_ansible_check_mode")), bool(arguments.get("_ansible_diff")))


def module_name(script: str) -> str:
    """`ansible_collections.ansible.windows.plugins.modules.win_ping.ps1` is `ansible.windows.win_ping`."""
    return script.removesuffix(".ps1").removeprefix(MODULE_PREFIX).replace(MODULE_INFIX, ".", 1)


def _put_file(station: Station, user: str, params: Params, data: bytes, call: Call) -> int:
    from tests.simstation.windows import files

    content = b"".join(base64.b64decode(line) for line in data.replace(b"\r\n", b"\n").split(b"\n") if line)
    path = files.resolve(station, user, params["Path"])
    if not files.folder_exists(station.state, path.rpartition("\\")[0]):
        call.write_error(f"Could not find a part of the path '{path}'.\r\n".encode())
        return 1
    files.put(station, path, content)
    call.write(json.dumps({"sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest()}).encode() + b"\r\n")
    return 0


def _fetch_file(station: Station, user: str, params: Params, _data: bytes, call: Call) -> int:
    from tests.simstation.windows import files

    path = files.resolve(station, user, params["Path"])
    content = files.read(station.state, path)
    if content is not None:
        piece = content[params["Offset"] : params["Offset"] + params["BufferSize"]]
        call.write(base64.b64encode(piece) + b"\r\n" if piece else b"")
        return 0
    if files.folder_exists(station.state, path):
        call.write(b"[DIR]\r\n")
        return 0
    call.write_error(f"{params['Path']} does not exist\r\n".encode())
    return 1


def _mkdtemp(station: Station, user: str, params: Params, _data: bytes, call: Call) -> int:
    from tests.simstation.windows import files

    path = files.resolve(station, user, f"{params['Directory']}\\{params['Name']}")
    if not files.make_folder(station, path):
        call.write_error(f"New-Item : An item with the specified name {path} already exists.\r\n".encode())
        return 1
    call.write(f"{path}\r\n".encode())
    return 0


def _expand_user(station: Station, user: str, params: Params, _data: bytes, call: Call) -> int:
    path, profile = params["Path"], station.state["windows"]["users"][user]["profile"]
    if path == "~":
        path = profile
    elif path.startswith("~\\"):
        path = f"{profile}\\{path[2:]}"
    call.write(f"{path}\r\n".encode())
    return 0


ACTIONS: dict[str, Callable[[Station, str, Params, bytes, Call], int]] = {
    "module_wrapper.ps1": _module,
    "winrm_put_file.ps1": _put_file,
    "winrm_fetch_file.ps1": _fetch_file,
    "powershell_mkdtemp.ps1": _mkdtemp,
    "powershell_expand_user.ps1": _expand_user,
}
