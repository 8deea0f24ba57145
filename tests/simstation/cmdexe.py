# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cmd.exe as WinRM uses it: `cmd /c <line>`, its quoting, its limits, and the two programs that are started through it.

Sources: `cmd /?` for the quote rule, facts/winrm.md 2 and 3.2 for limits and operators. Whatever is not one simple command is unknown here.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Mapping

from tests.simstation import argv, wsl_exe
from tests.simstation.process import EndedProgram, Program
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.wsman.shells import CommandRequest

LONGEST_LINE = 8191
SPECIAL = "&<>()@^|"
OPERATORS = "&|<>()"
WSL_FOLDER = "C:\\Program Files\\WSL\\"
SYSTEM32 = "C:\\Windows\\System32\\"
POWERSHELL_FOLDER = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\"
TOO_LONG = b"The command line is too long.\r\n"
PATH_NOT_FOUND = b"The system cannot find the path specified.\r\n"


class CommandShell:
    """The launcher of one station's shells."""

    def __init__(self, station: Station, powershell_seconds: float = 0.0) -> None:
        self._station = station
        self._powershell_seconds = powershell_seconds

    def __call__(self, request: CommandRequest) -> Program:
        if len(request.line) > LONGEST_LINE:
            return EndedProgram(1, stderr=TOO_LONG)
        from tests.simstation.windows import environment

        variables = environment.variables(self._station.state, request.user) | request.environment
        try:
            line = simple_command(strip_outer_quotes(request.line), variables)
            return self.start(request, line, variables) or EndedProgram(1, stderr=PATH_NOT_FOUND)
        except NotSimple as problem:
            return self.refuse("cmd.exe line", f"{problem}: {request.line}")
        except UnknownRequest as refusal:
            return EndedProgram(1, stderr=f"{refusal}\r\n".encode())

    def start(self, request: CommandRequest, line: str, variables: Mapping[str, str]) -> Program | None:
        """The program of a command line as CreateProcess gets it; None when it is not on this machine."""
        program, rest = argv.split_program(line)
        folder, name = ntpath.split(program.replace("/", "\\"))
        name = name.lower().removesuffix(".exe")
        if name == "wsl" and _in(folder, "", SYSTEM32, WSL_FOLDER):
            if _in(folder, WSL_FOLDER) and folder and not self._station.state["wsl"]["package"]:
                return None
            return wsl_exe.launch(self._station, request.user, rest, variables)
        if name == "powershell" and _in(folder, "", POWERSHELL_FOLDER):
            from tests.simstation import powershell

            return powershell.launch(self._station, request, rest, self._powershell_seconds)
        return self.refuse("program started by a shell", program)

    def refuse(self, what: str, detail: str) -> Program:
        self._station.record_error(what, detail)
        return EndedProgram(1, stderr=f"not simulated: {what}: {detail}\r\n".encode())


def _in(folder: str, *allowed: str) -> bool:
    return folder.lower().rstrip("\\") in [known.lower().rstrip("\\") for known in allowed]


class NotSimple(Exception):
    """More than one simple command: operators, redirections, substitutions."""


def strip_outer_quotes(line: str) -> str:
    """`cmd /c` removes the first and the last quote of a line that begins with one, unless the line is a lone quoted path of a program with a blank."""
    if not line.startswith('"'):
        return line
    last = line.rindex('"')
    inside = line[1:last]
    lone_path = " " in inside and inside.lower().endswith(".exe")
    preserved = line.count('"') == 2 and not any(character in inside for character in SPECIAL) and lone_path
    return line if preserved else inside + line[last + 1 :]


def simple_command(line: str, variables: Mapping[str, str]) -> str:
    """One command after %VARIABLE% expansion and the removal of carets; everything behind a line break is lost."""
    # A leading `@` only keeps the command from being echoed; a quote behind it is not the first character of the line.
    line = expand(re.split(r"[\r\n]", line)[0], variables).lstrip(" @")
    result, quoted, position = [], False, 0
    while position < len(line):
        character = line[position]
        if character == '"':
            quoted = not quoted
        elif not quoted and character == "^":
            position += 1
            character = line[position : position + 1]
        elif not quoted and character in OPERATORS:
            raise NotSimple(f"operator {character}")
        result.append(character)
        position += 1
    # A leading @ only keeps the command from being echoed.
    return "".join(result).strip().lstrip("@").lstrip()


def expand(line: str, variables: Mapping[str, str]) -> str:
    """Also inside quotes; a name that is not set stays as it is written."""
    known = {name.upper(): value for name, value in variables.items()}

    def value(match: re.Match[str]) -> str:
        name, colon, _operation = match.group(1).partition(":")
        if colon and name.upper() in known:
            raise NotSimple(f"substitution {match.group(0)}")
        return known.get(name.upper(), match.group(0))

    return re.sub(r"%([^%\s]+)%", value, line)
