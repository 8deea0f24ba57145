# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default shell of Windows' sshd: what cmd.exe or PowerShell makes of the command of an SSH session.

Sources: PowerShell/openssh-portable, contrib/win32/win32compat/w32-doexec.c and misc.c (how sshd calls the shell); PowerShell/PowerShell's
ConsoleHost.cs (PowerShell leaves stdin alone unless the command uses `$input`), NativeCommandProcessor.cs (a lone native program inherits stdin,
stdout and stderr) and NativeCommandParameterBinder.cs (its quoting, as in Windows PowerShell 5.1);
https://github.com/PowerShell/PowerShell/issues/13501 (exit codes of -c). None of it was tried on Windows. Only
a single call of a program is recognised, with variables set in front and its exit code handed on behind; all other PowerShell is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.simstation import argv, cmdexe
from tests.simstation.process import EndedProgram, Program, Translated
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.windows import environment
from tests.simstation.wsman.shells import CommandRequest

# One word of a command: '...', "..." without a substitution, or bare characters that mean nothing else to PowerShell.
WORD = re.compile(r"""\s*(?:'(?P<single>(?:[^']|'')*)'|"(?P<double>[^"`$]*)"|(?P<bare>[^\s'"`$;|&<>(){}@,#]+))(?=\s|$)""")
SETTING = re.compile(r"\s*\$env:([A-Za-z_]\w*)\s*=\s*(\d+|'[^']*')\s*;")
VERBATIM = "--%"
NOT_FOUND = (
    "The term '{0}' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was "
    "included, verify that the path is correct and try again.\r\n    + CategoryInfo          : ObjectNotFound: ({0}:String) [], CommandNotFoundException\r\n"
    "    + FullyQualifiedErrorId : CommandNotFoundException\r\n"
)


class NotSimple(Exception):
    """PowerShell beyond the call of one program."""


# What becomes of `$LASTEXITCODE`; None when nothing was started, then it is `$null`.
Ending = Callable[[int | None], int]


def success_or_failure(code: int | None) -> int:
    """`-c` knows success and failure only; `$null -ne 0` is true as well."""
    return 0 if code == 0 else 1


def handed_on(code: int | None) -> int:
    """`exit $null` is a success."""
    return code or 0


ENDINGS: list[tuple[re.Pattern[str], Ending]] = [
    (re.compile(r"\s*[;\n]\s*exit\s+\$LASTEXITCODE\s*;?\s*$", re.IGNORECASE), handed_on),
    (re.compile(r"\s*[;\n]\s*exit\s+\[int\]\(\$LASTEXITCODE\s+-ne\s+0\)\s*;?\s*$", re.IGNORECASE), success_or_failure),
]


class DefaultShell:
    """`cmd` or `powershell`, as `HKLM:\\SOFTWARE\\OpenSSH DefaultShell` would say."""

    def __init__(self, station: Station, programs: cmdexe.CommandShell, kind: str) -> None:
        self._station = station
        self._programs = programs
        self._run = {"cmd": self._cmd, "powershell": self._powershell}[kind]

    def __call__(self, user: str, command: str) -> Program:
        return self._run(user, command)

    def _cmd(self, user: str, command: str) -> Program:
        """`"c:\\windows\\system32\\cmd.exe" /c "<command>"`, nothing escaped."""
        return self._programs(self._request(user, f'"{command}"'))

    def _powershell(self, user: str, command: str) -> Program:
        try:
            return self._powershell_program(self._request(user, command))
        except NotSimple as problem:
            return self._programs.refuse("PowerShell command of an SSH session", f"{problem}: {command}")
        except UnknownRequest as refusal:
            return EndedProgram(1, stderr=f"{refusal}\r\n".encode())

    def _powershell_program(self, request: CommandRequest) -> Program:
        variables = environment.variables(self._station.state, request.user)
        settings, call, ending = split_statements(as_powershell_reads(request.line))
        line = native_line(call, variables)
        program = self._programs.start(request, line, variables | settings)
        if program is None:
            return EndedProgram(ending(None), stderr=NOT_FOUND.format(argv.split_program(line)[0]).encode())
        return Translated(program, ending)

    def _request(self, user: str, line: str) -> CommandRequest:
        profile = self._station.state["windows"]["users"][user]["profile"]
        return CommandRequest(user, line, {}, profile, has_stdin=True)


def as_powershell_reads(command: str) -> str:
    """sshd quotes and escapes the command as one argument - not when it begins with a single quote -, `-c` joins its arguments with blanks."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', command)
    quoted = f'"{escaped}"' if " " in command and not command.startswith("'") else escaped
    return " ".join(argv.split_arguments(quoted))


def split_statements(text: str) -> tuple[dict[str, str], str, Ending]:
    """Environment variables that are set in front, the call, and what its exit code becomes."""
    settings = {}
    while setting := SETTING.match(text):
        settings[setting[1]] = setting[2].strip("'")
        text = text[setting.end() :]
    for pattern, ending in ENDINGS:
        call = pattern.sub("", text)
        # Behind `--%` a semicolon is an argument; only a line break ends the call.
        if call != text and (VERBATIM not in call.split() or "\n" in text):
            return settings, call, ending
    return settings, text, success_or_failure


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
