# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows command lines: CommandLineToArgvW and its inverse.

The rule for runs of quotes is the one of shell32's function (documented there and re-implemented in Wine): inside quotes the third of three
quotes in a row is literal, and a second quote ends the quoting.
"""

from __future__ import annotations

import re

BLANKS = " \t"


def split(command_line: str) -> list[str]:
    """The whole command line of a process: the program's name has simpler rules than its arguments."""
    if not command_line:
        return []
    program, rest = split_program(command_line)
    return [program, *split_arguments(rest)]


def split_program(command_line: str) -> tuple[str, str]:
    """The program's name without its quotes, and the untouched rest behind the blanks."""
    if command_line.startswith('"'):
        name, _quote, rest = command_line[1:].partition('"')
        return name, rest.lstrip(BLANKS)
    match = re.match(r"[^ \t]*", command_line)
    name = match.group(0) if match else ""
    return name, command_line[len(name) :].lstrip(BLANKS)


def split_arguments(text: str) -> list[str]:
    """The arguments behind the program's name."""
    arguments, position = [], 0
    while position < len(text):
        if text[position] in BLANKS:
            position += 1
            continue
        argument, position = _argument(text, position)
        arguments.append(argument)
    return arguments


def _argument(text: str, position: int) -> tuple[str, int]:
    argument, quotes = "", 0
    while position < len(text) and (quotes or text[position] not in BLANKS):
        backslashes = len(text) - position - len(text[position:].lstrip("\\"))
        position += backslashes
        if text[position : position + 1] != '"':
            argument += "\\" * backslashes or text[position]
            position += not backslashes
            continue
        argument += "\\" * (backslashes // 2)
        if backslashes % 2:
            argument += '"'
            position += 1
            continue
        literal, quotes, position = _quotes(text, position, quotes)
        argument += literal
    return argument, position


def _quotes(text: str, position: int, quotes: int) -> tuple[str, int, int]:
    """A run of unescaped quotes: what it contributes, whether quoting is on behind it, and where it ends."""
    literal = ""
    quotes += 1
    position += 1
    while text[position : position + 1] == '"':
        quotes += 1
        if quotes == 3:
            literal += '"'
            quotes = 0
        position += 1
    return literal, 0 if quotes == 2 else quotes, position


def join(arguments: list[str]) -> str:
    """What .NET programs build by hand for `ProcessStartInfo.Arguments`: quote when needed, double the backslashes before a quote."""
    return " ".join(quote(argument) for argument in arguments)


def quote(argument: str) -> str:
    if argument and not re.search(r'[\s"]', argument):
        return argument
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', argument)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'
