# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `PowerShell -EncodedCommand …` means: nothing is interpreted, a script is known by its text or it is an error.

A script is one of: the product's bootstrap (known by hash, its program as well), ansible-core's bootstrap wrapper and file helpers (known
by hash, see `frames`), an ad-hoc script of ansible-core's PowerShell shell plugin, or a script of `ansible.windows.win_reboot` (known by their whole text).
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.simstation import adhoc_scripts, argv, frames, script_hashes
from tests.simstation.process import Call, EndedProgram, ImitatedProgram, Program
from tests.simstation.station import Station
from tests.simstation.wsman.shells import CommandRequest

FLAGS = {"-noprofile", "-noninteractive", "-nologo"}
VALUES = {"-executionpolicy", "-encodedcommand"}
Meaning = Callable[["Caller", Call], int]


@dataclass(frozen=True)
class Caller:
    station: Station
    user: str


def launch(station: Station, request: CommandRequest, arguments: str, start_seconds: float) -> Program:
    script = encoded_script(argv.split_arguments(arguments))
    if script is None:
        station.record_error("PowerShell arguments", arguments[:500])
        return EndedProgram(1, stderr=b"not simulated: PowerShell without -EncodedCommand, or with other options\r\n")
    caller = Caller(station, request.user)

    def body(call: Call) -> int:
        # The model value of the command line, not the station's clock: it stands for the time to start powershell.exe.
        time.sleep(start_seconds)
        return meaning(caller, script)(caller, call)

    # `$input` reads to the end of a pipe, so nothing happens before that; a console has no input here.
    return ImitatedProgram(
        body,
        ["powershell.exe"],
        request.environment,
        reads_stdin=request.has_stdin,
        crash_report=lambda text: station.record_error("crash of the simulator", text),
    )


def encoded_script(words: list[str]) -> str | None:
    """The script of -EncodedCommand; None when the arguments hold anything that is not imitated."""
    encoded, position = None, 0
    while position < len(words):
        word = words[position].lower()
        if word in VALUES and position + 1 < len(words):
            encoded = words[position + 1] if word == "-encodedcommand" else encoded
            position += 2
        elif word in FLAGS:
            position += 1
        else:
            return None
    try:
        return None if encoded is None else base64.b64decode(encoded, validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError):
        return None


def meaning(caller: Caller, script: str) -> Meaning:
    known = script_hashes.identify(script)
    if known == script_hashes.BOOTSTRAP:
        return run_language if "powershell" not in caller.station.transient else lambda caller, call: run_for_real(caller, script, call)
    if known == "bootstrap_wrapper.ps1":
        return run_frame
    adhoc = adhoc_scripts.find(script)
    if adhoc is not None:
        return lambda caller, call: adhoc(caller.station, caller.user, call)
    changed = script_hashes.is_present_text(script_hashes.BOOTSTRAP, script)
    return caller.station.unknown("PowerShell script", f"bootstrap.ps1: {script_hashes.CHANGED}" if changed else script[:2000])


def run_language(caller: Caller, call: Call) -> int:
    """The product's bootstrap: `{"script", "request"}` on stdin, one framed line on stdout."""
    mode = caller.station.state["windows"].get("language_mode", "FullLanguage")
    if mode != "FullLanguage":
        call.write(f"<<gpudev!{mode}>>\r\n".encode())
        return 0
    call.write(reply_line(caller.station, caller.user, call.stdin.decode("ascii")).encode() + b"\r\n")
    return 0


def run_for_real(caller: Caller, bootstrap: str, call: Call) -> int:
    """`--powershell`: nothing of the language is imitated."""
    from tests.simstation.windows import real_powershell

    return real_powershell.run(caller.station, caller.user, bootstrap, call)


def reply_line(station: Station, user: str, text: str) -> str:
    """What the bootstrap prints for a frame."""
    from tests.simstation.windows import language

    frame = json.loads(text)
    if set(frame) != {"script", "request"}:
        station.unknown("frame of the bootstrap", ", ".join(sorted(frame)))
    if script_hashes.identify(frame["script"]) != script_hashes.PROGRAM:
        present = script_hashes.is_present_text(script_hashes.PROGRAM, frame["script"])
        station.unknown("workstation.ps1", script_hashes.CHANGED if present else frame["script"][:2000])
    reply = language.answer(station, user, frame["request"])
    document = json.dumps(reply, separators=(",", ":"), ensure_ascii=False)
    return f"<<gpudev:{base64.b64encode(document.encode()).decode()}>>"


def run_frame(caller: Caller, call: Call) -> int:
    return frames.run(caller.station, caller.user, call)
