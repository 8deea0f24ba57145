# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment variables of a Windows user and their expansion."""

from __future__ import annotations

import re
from typing import Any

State = dict[str, Any]


def variables(state: State, user: str, *, interactive: bool = False) -> dict[str, str]:
    windows = state["windows"]
    profile = windows["users"][user]["profile"]
    found = {
        "ALLUSERSPROFILE": "C:\\ProgramData",
        "APPDATA": profile + "\\AppData\\Roaming",
        "CommonProgramFiles": "C:\\Program Files\\Common Files",
        "COMPUTERNAME": windows["computer_name"],
        "ComSpec": "C:\\Windows\\system32\\cmd.exe",
        "HOMEDRIVE": "C:",
        "HOMEPATH": profile[2:],
        "LOCALAPPDATA": profile + "\\AppData\\Local",
        "NUMBER_OF_PROCESSORS": str(windows["logical_processors"]),
        "OS": "Windows_NT",
        "Path": ";".join(search_path(state)),
        "PATHEXT": ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC;.CPL",
        "PROCESSOR_ARCHITECTURE": "AMD64",
        "ProgramData": "C:\\ProgramData",
        "ProgramFiles": "C:\\Program Files",
        "ProgramFiles(x86)": "C:\\Program Files (x86)",
        "ProgramW6432": "C:\\Program Files",
        "PUBLIC": "C:\\Users\\Public",
        "SystemDrive": "C:",
        "SystemRoot": "C:\\Windows",
        "TEMP": profile + "\\AppData\\Local\\Temp",
        "TMP": profile + "\\AppData\\Local\\Temp",
        "USERDOMAIN": windows["computer_name"],
        "USERNAME": user,
        "USERPROFILE": profile,
        "windir": "C:\\Windows",
    }
    if interactive:
        found["SESSIONNAME"] = "Console"
    found.update(windows.get("environment", {}))
    return found


def search_path(state: State) -> list[str]:
    """The directories of PATH; the WSL and Docker Desktop installers append theirs."""
    folders = ["C:\\Windows\\system32", "C:\\Windows", "C:\\Windows\\System32\\WindowsPowerShell\\v1.0"]
    if state["wsl"]["package"]:
        folders.append("C:\\Program Files\\WSL")
    if state["docker"]["desktop"]:
        folders.append("C:\\Program Files\\Docker\\Docker\\resources\\bin")
    return folders


def get(state: State, user: str, name: str, *, interactive: bool = False) -> str | None:
    for known, value in variables(state, user, interactive=interactive).items():
        if known.casefold() == name.casefold():
            return value
    return None


def expand(state: State, user: str, text: str) -> str:
    """`[Environment]::ExpandEnvironmentVariables`: an unknown name stays as it is written."""
    return re.sub(r"%([^%]+)%", lambda match: _value_or_text(state, user, match), text)


def _value_or_text(state: State, user: str, match: re.Match[str]) -> str:
    value = get(state, user, match.group(1))
    return match.group(0) if value is None else value
