# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wsl.exe: its argument rules, the encoding of its own text, its exit codes, and commands in a distro.

Source: microsoft/WSL src/windows/common/WslClient.cpp (WslMain, LaunchProcess), facts/wsl.md and facts/winrm.md 3.2. Arguments are cut at
blanks without regard to quotes until `--exec` or `--`; own messages go to stdout; own failures end with -1.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.simstation import argv
from tests.simstation.process import Call, EndedProgram, ImitatedProgram, Program, RealProgram, shell_exit_code
from tests.simstation.station import Station

FAILURE = -1
BLANKS = " \t"
# LX_INIT_USER_NOT_FOUND and LX_INIT_TTY_LIMIT: codes of the Linux program that wsl.exe takes for its own (facts/winrm.md 3.2).
STOLEN_CODES = {
    67: "User not found.\nError code: Wsl/WSL_E_USER_NOT_FOUND\n",
    # The sentence of this one is not known; only its code is.
    87: "Error code: Wsl/WSL_E_TTY_LIMIT\n",
}
DISTRO_NOT_FOUND = "There is no distribution with the supplied name.\nError code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\n"
# samples/windows/wsl_l10n_templates.txt
INVALID_ARGUMENT = "Invalid command line argument: {}\nPlease use 'wsl.exe --help' to get a list of supported arguments.\n"
SESSION_OPTIONS = {"-d": "distribution", "--distribution": "distribution", "-u": "user", "--user": "user", "--cd": "directory"}
MANAGEMENT = {
    "--export",
    "--import",
    "--import-in-place",
    "--install",
    "--list",
    "-l",
    "--manage",
    "--mount",
    "--set-default",
    "-s",
    "--set-default-version",
    "--set-version",
    "--shutdown",
    "--status",
    "--terminate",
    "-t",
    "--uninstall",
    "--unmount",
    "--unregister",
    "--update",
    "--version",
    "-v",
    "--help",
}


class Refused(Exception):
    """wsl.exe ends with -1 and this text."""


@dataclass
class Invocation:
    """What one command line asks for: either `management` words or a command in a distro."""

    distribution: str | None = None
    user: str | None = None
    directory: str | None = None
    management: list[str] | None = None
    command: list[str] | None = None
    shell_text: str | None = None


def parse(rest: str) -> Invocation:
    """The text behind the program's name."""
    invocation = Invocation()
    while rest:
        word, after = _cut(rest)
        if word in SESSION_OPTIONS:
            value, rest = _cut_value(after, quotes=word == "--cd")
            if not value:
                raise Refused(f"Missing required parameter for {word}.\n")  # MessageRequiredParameterMissing, wording not verified
            setattr(invocation, SESSION_OPTIONS[word], value)
        elif word in ("-e", "--exec"):
            invocation.command = argv.split_arguments(after)
            return invocation
        elif word == "--":
            invocation.shell_text = after
            return invocation
        elif word in MANAGEMENT:
            invocation.management = [word, *argv.split_arguments(after)]
            return invocation
        elif word.startswith("-"):
            raise Refused(INVALID_ARGUMENT.format(word))
        else:
            invocation.shell_text = rest
            return invocation
    return invocation


def parse_wslg(rest: str) -> Invocation:
    """The text behind wslg.exe (WslClient.cpp, WslgMain): no management, no `--exec`; without `--shell-type none` a login shell gets the command."""
    invocation, shell = Invocation(), "login"
    while rest:
        word, after = _cut(rest)
        if word in SESSION_OPTIONS:
            value, rest = _cut_value(after, quotes=word == "--cd")
            setattr(invocation, SESSION_OPTIONS[word], value)
        elif word == "--shell-type":
            shell, rest = _cut_value(after, quotes=False)
        else:
            rest = after if word == "--" else rest
            break
    if not rest or (word.startswith("-") and word != "--") or shell not in ("none", "login"):
        raise Refused("Error code: Wsl/WSL_E_INVALID_USAGE\n")
    invocation.command = argv.split_arguments(rest) if shell == "none" else ["/bin/bash", "-l", "-c", rest]
    return invocation


def _cut(text: str) -> tuple[str, str]:
    match = re.match(r"[^ \t]*", text)
    word = match.group(0) if match else ""
    return word, text[len(word) :].lstrip(BLANKS)


def _cut_value(text: str, quotes: bool) -> tuple[str, str]:
    """Only `--cd` understands quotes; `-d "My Distro"` looks for a distro whose name begins with a quote."""
    if quotes and text.startswith('"'):
        value, _quote, after = text[1:].partition('"')
        return value, after.lstrip(BLANKS)
    return _cut(text)


Parser = Callable[[str], Invocation]


def encode(text: str, variables: Mapping[str, str]) -> bytes:
    """wsl.exe's own text: UTF-16LE without a mark, UTF-8 only when WSL_UTF8 is exactly 1."""
    text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return text.encode("utf-8" if variables.get("WSL_UTF8") == "1" else "utf-16-le")


def launch(station: Station, user: str, rest: str, variables: Mapping[str, str], parser: Parser = parse) -> Program:
    """Start wsl.exe for a Windows user with the text behind its name and the environment of the shell."""
    try:
        invocation = parser(rest.strip(BLANKS))
        if invocation.management is not None:
            return ImitatedProgram(_management(station, user, invocation.management, variables), ["wsl.exe", *invocation.management], variables)
        return _in_distro(station, user, invocation, variables)
    except Refused as refusal:
        return EndedProgram(FAILURE, encode(str(refusal), variables))


def run(
    station: Station,
    user: str,
    arguments: list[str],
    variables: Mapping[str, str],
    cancelled: threading.Event | None = None,
    stdin: bytes = b"",
    parser: Parser = parse,
) -> tuple[int, bytes, bytes]:
    """wsl.exe to its end, as a program of Windows starts it: (exit code, stdout, stderr). `cancelled` ends it early."""
    program = launch(station, user, argv.join(arguments), variables, parser)
    program.feed(stdin, end=True)
    while (output := program.complete(0.05 if cancelled else None)) is None:
        if cancelled is not None and cancelled.is_set():
            program.kill()
    return output.exit_code or 0, output.stdout, output.stderr


def _management(station: Station, user: str, words: list[str], variables: Mapping[str, str]) -> Any:
    def body(call: Call) -> int:
        from tests.simstation.windows import wsl_service

        code, text = wsl_service.manage(station, user, words)
        call.write_error(_warnings(station, variables))
        call.write(encode(text, variables))
        return int(code)

    return body


def _warnings(station: Station, variables: Mapping[str, str]) -> bytes:
    """Remarks on `.wslconfig`, told once to whoever started the VM (facts/wsl.md)."""
    from tests.simstation.windows import wsl_service

    remarks = wsl_service.take_warnings(station)
    return b"" if variables.get("WSL_DISABLE_WARNINGS") == "1" else encode("".join(f"wsl: {remark}\n" for remark in remarks), variables)


class DistroProgram(RealProgram):
    """A real process in a distro; wsl.exe shows two of its exit codes as errors of its own."""

    def __init__(self, station: Station, process: subprocess.Popen[bytes], variables: Mapping[str, str]) -> None:
        self._station = station
        self._variables = variables
        super().__init__(process)

    def exit_code_of(self, returncode: int) -> int:
        from tests.simstation.distro import windows_drive

        windows_drive.take(self._station)
        code = shell_exit_code(returncode)
        if code in STOLEN_CODES:
            self.put_stdout(encode(STOLEN_CODES[code], self._variables))
            return FAILURE
        return code


def _in_distro(station: Station, user: str, invocation: Invocation, variables: Mapping[str, str]) -> Program:
    from tests.simstation import distro
    from tests.simstation.windows import wsl_service

    if refusal := station.state["wsl"].get("refuses"):
        # A trouble that is put into the document: the words of a real wsl.exe whose cause is not simulated, such as a policy of the domain.
        raise Refused(refusal)
    code, text = wsl_service.start(station, user, invocation.distribution)
    if code != 0:
        return EndedProgram(code, encode(text, variables))
    name, warnings = text, _warnings(station, variables)
    if invocation.command is not None and not invocation.command:
        raise Refused("The parameter is incorrect.\nError code: Wsl/E_INVALIDARG\n")
    command = invocation.command or (["/bin/bash", "-c", invocation.shell_text] if invocation.shell_text else ["/bin/bash", "-l"])
    try:
        program = DistroProgram(station, distro.popen(station, name, command, user=invocation.user, cwd=invocation.directory), variables)
        program.put_stderr(warnings)
        return program
    except distro.NoSuchUser as missing:
        # The relay's line is as in public reports; its process number and line number vary.
        relay = f"<3>WSL (1 - Relay) ERROR: CreateProcessParseCommon:988: getpwnam({missing}) failed 0\n"
        return EndedProgram(FAILURE, encode(STOLEN_CODES[67], variables), warnings + relay.encode())
