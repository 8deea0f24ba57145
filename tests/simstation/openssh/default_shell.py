# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default shell of Windows' sshd: what cmd.exe or PowerShell makes of the command of an SSH session.

Sources: PowerShell/openssh-portable, contrib/win32/win32compat/w32-doexec.c and misc.c (how sshd calls the shell); PowerShell/PowerShell's
ConsoleHost.cs (PowerShell leaves stdin alone unless the command uses `$input`), NativeCommandProcessor.cs (a lone native program inherits stdin,
stdout and stderr) and NativeCommandParameterBinder.cs (its quoting, as in Windows PowerShell 5.1);
https://github.com/PowerShell/PowerShell/issues/13501 (exit codes of -c). None of it was tried on Windows. Only
a single call of a program is recognised, with the exit code handed on or not; all other PowerShell is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.simstation import argv, cmdexe
from tests.simstation.process import EndedProgram, Program
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.windows import environment
from tests.simstation.wsman.shells import CommandRequest

# One word of a command: '...', "..." without a substitution, or bare characters that mean nothing else to PowerShell.
WORD = re.compile(r"""\s*(?:'(?P<single>(?:[^']|'')*)'|"(?P<double>[^"`$]*)"|(?P<bare>[^\s'"`$;|&<>(){}@,#]+))(?=\s|$)""")
HAND_ON_EXIT_CODE = re.compile(r"\s*[;\n]\s*exit\s+\$LASTEXITCODE\s*;?\s*$", re.IGNORECASE)
VERBATIM = "--%"
NOT_FOUND = (
    "The term '{0}' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was "
    "included, verify that the path is correct and try again.\r\n    + CategoryInfo          : ObjectNotFound: ({0}:String) [], CommandNotFoundException\r\n"
    "    + FullyQualifiedErrorId : CommandNotFoundException\r\n"
)


class NotSimple(Exception):
    """PowerShell beyond the call of one program."""


@dataclass(frozen=True)
class Started:
    """A running program, and what the shell makes of its exit code."""

    program: Program
    exit_code: Callable[[int], int]


class DefaultShell:
    """`cmd` or `powershell`, as `HKLM:\\SOFTWARE\\OpenSSH DefaultShell` would say."""

    def __init__(self, station: Station, programs: cmdexe.CommandShell, kind: str) -> None:
        self._station = station
        self._programs = programs
        self._run = {"cmd": self._cmd, "powershell": self._powershell}[kind]

    def __call__(self, user: str, command: str) -> Started:
        return self._run(user, command)

    def _cmd(self, user: str, command: str) -> Started:
        """`"c:\\windows\\system32\\cmd.exe" /c "<command>"`, nothing escaped."""
        return Started(self._programs(self._request(user, f'"{command}"')), same)

    def _powershell(self, user: str, command: str) -> Started:
        try:
            return self._powershell_program(self._request(user, command))
        except NotSimple as problem:
            return Started(self._programs.refuse("PowerShell command of an SSH session", f"{problem}: {command}"), same)
        except UnknownRequest as refusal:
            return Started(EndedProgram(1, stderr=f"{refusal}\r\n".encode()), same)

    def _powershell_program(self, request: CommandRequest) -> Started:
        variables = environment.variables(self._station.state, request.user)
        text, hands_on = split_exit(as_powershell_reads(request.line))
        line = native_line(text, variables)
        program = self._programs.start(request, line, variables)
        if program is not None:
            return Started(program, same if hands_on else success_or_failure)
        # `$LASTEXITCODE` is empty when nothing was started, and `exit` with nothing is a success.
        return Started(EndedProgram(0 if hands_on else 1, stderr=NOT_FOUND.format(argv.split_program(line)[0]).encode()), same)

    def _request(self, user: str, line: str) -> CommandRequest:
        profile = self._station.state["windows"]["users"][user]["profile"]
        return CommandRequest(user, line, {}, profile, has_stdin=True)


def as_powershell_reads(command: str) -> str:
    """sshd quotes and escapes the command as one argument - not when it begins with a single quote -, `-c` joins its arguments with blanks."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', command)
    quoted = f'"{escaped}"' if " " in command and not command.startswith("'") else escaped
    return " ".join(argv.split_arguments(quoted))


def split_exit(text: str) -> tuple[str, bool]:
    """The call, and whether the program's exit code is handed on."""
    call = HAND_ON_EXIT_CODE.sub("", text)
    if VERBATIM in call.split() and "\n" not in text:
        return text, False  # behind `--%` a semicolon is an argument
    return call, call != text


def native_line(text: str, variables: Mapping[str, str]) -> str:
    """The command line that Windows PowerShell makes of `[&] program argument ...`."""
    text, called = text.strip(), False
    if text.startswith("&"):
        text, called = text[1:].lstrip(), True
    words: list[str] = []
    position = 0
    while position < len(text):
        match = WORD.match(text, position)
        if match is None:
            raise NotSimple(f"at {text[position : position + 20]!r}")
        if not words and match["bare"] is None and not called:
            raise NotSimple("a string at the beginning is a value, not a call")
        word = match["bare"] or (match["single"] or "").replace("''", "'") or match["double"] or ""
        position = match.end()
        if match["bare"] == VERBATIM:
            words.append(_verbatim(text[position:], variables))
            break
        words.append(_as_program(word) if not words else _as_argument(word))
    if not words:
        raise NotSimple("nothing is called")
    return " ".join(words)


def _verbatim(text: str, variables: Mapping[str, str]) -> str:
    if "|" in text:
        raise NotSimple("a pipeline")
    return cmdexe.expand(text.strip(), variables)


def _as_program(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _as_argument(word: str) -> str:
    """In quotes when it has blanks outside of quotes; quotes inside are not escaped, which is the well-known trap."""
    quotes, after_backslash, needs_quotes = 0, False, False
    for character in word:
        if character == '"' and not after_backslash:
            quotes += 1
        elif character.isspace() and quotes % 2 == 0:
            needs_quotes = True
        after_backslash = character == "\\"
    if not needs_quotes:
        return word
    return f'"{word}\\"' if word.endswith("\\") else f'"{word}"'


def success_or_failure(code: int) -> int:
    """`-c` knows success and failure only."""
    return 0 if code == 0 else 1


def same(code: int) -> int:
    return code
