# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cmd.exe as WinRM uses it: `cmd /c <line>`, its quoting, its limits, and the two programs that are started through it.

Sources: `cmd /?` for the quote rule and for `&` and `||`, `set /?`, `exit /?`, facts/winrm.md 2 and 3.2 for limits and operators. Whatever is not one simple
command, with variables set in front and an exit code for its failure behind, is unknown here.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.simstation import argv, wsl_exe
from tests.simstation.process import EndedProgram, Program, Translated
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
            line = parse(strip_outer_quotes(request.line), variables)
            program = self.start(request, line.command, variables | line.settings) or EndedProgram(1, stderr=PATH_NOT_FOUND)
            return Translated(program, line.exit_code)
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
        if name == "wsl" and ntpath.isabs(program):
            return None  # no other folder of the machine has one
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
    """Operators, redirections and substitutions that are not imitated."""


def strip_outer_quotes(line: str) -> str:
    """`cmd /c` removes the first and the last quote of a line that begins with one, unless the line is a lone quoted path of a program with a blank."""
    if not line.startswith('"'):
        return line
    last = line.rindex('"')
    inside = line[1:last]
    lone_path = " " in inside and inside.lower().endswith(".exe")
    preserved = line.count('"') == 2 and not any(character in inside for character in SPECIAL) and lone_path
    return line if preserved else inside + line[last + 1 :]


@dataclass(frozen=True)
class Line:
    """`set NAME=VALUE& ... program ...||exit CODE`: the settings in front and the code behind may be missing."""

    settings: dict[str, str]
    command: str
    code_on_failure: int | None = None

    def exit_code(self, code: int) -> int:
        return code if code == 0 or self.code_on_failure is None else self.code_on_failure


SETTING = re.compile(r"set ([A-Za-z_]\w*)=(.*)", re.IGNORECASE)
EXIT = re.compile(r"exit (\d+)", re.IGNORECASE)


def parse(text: str, variables: Mapping[str, str]) -> Line:
    """A line after %VARIABLE% expansion and the removal of carets; everything behind a line break is lost."""
    # A leading `@` only keeps the command from being echoed; a quote behind it is not the first character of the line.
    *in_front, rest = _split(expand(re.split(r"[\r\n]", text)[0], variables).lstrip(" @"), "&")
    settings = {}
    for command in in_front:
        setting = SETTING.fullmatch(command.lstrip())
        if setting is None:
            raise NotSimple(f"{command!r} before an operator")
        settings[setting[1]] = setting[2]
    command, *behind = _split(rest, "||")
    exits = [EXIT.fullmatch(code.strip()) for code in behind]
    if len(exits) > 1 or None in exits:
        raise NotSimple("operator ||")
    return Line(settings, _simple(command), int(exits[0][1]) if exits and exits[0] else None)


def _split(text: str, operator: str) -> list[str]:
    """At an operator outside of quotes that is not escaped and not part of a longer one."""
    pieces, start, quoted, position = [], 0, False, 0
    while position < len(text):
        if text[position] == '"':
            quoted = not quoted
        elif not quoted and text[position] == "^":
            position += 1
        elif not quoted and text[position] in OPERATORS:
            run = re.match(r"&+|\|+|.", text[position:])
            length = run.end() if run else 1
            if text[position : position + length] == operator:
                pieces.append(text[start:position])
                start = position + length
            position += length - 1
        position += 1
    return [*pieces, text[start:]]


def _simple(line: str) -> str:
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
