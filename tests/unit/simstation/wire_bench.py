# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSMan servers for one test, with programs of the test's own; the real launcher has tests of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.simstation.process import Call, EndedProgram, ImitatedProgram, Program, RealProgram
from tests.simstation.wsman.net import Reactor
from tests.simstation.wsman.server import Machine, WireLog, WsmanOptions, WsmanServer
from tests.simstation.wsman.shells import CommandRequest

PASSWORD = "Pa$$word-1 "
EVERY_BYTE = bytes(range(256)) * 3000


def launch(request: CommandRequest) -> Program:
    word = request.line.split(" ")[0]
    if word == "echo":
        return EndedProgram(0, request.line.encode(), request.user.encode())
    if word == "environment":
        return EndedProgram(0, json.dumps(request.environment).encode())
    if word == "reverse":
        return ImitatedProgram(reverse, reads_stdin=request.has_stdin)
    if word == "cat":
        return RealProgram(popen(["cat"]))
    if word == "brief":
        return RealProgram(popen(["/bin/sh", "-c", "echo said; exit 4"]))
    if word == "slow":
        return RealProgram(popen(["/bin/sh", "-c", "sleep 1.3; echo done"]))
    if word == "minus":
        return EndedProgram(-1)
    raise AssertionError(request.line)


def reverse(call: Call) -> int:
    call.write(call.stdin[::-1])
    call.write_error(b"reversed")
    return 3


def popen(argv: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def running(server: WsmanServer) -> Program:
    """The only program of the only shell of a server."""
    (shell,) = server._shells._shells.values()
    (program,) = shell.programs.values()
    return program


class Bench:
    """Servers for one test; `errors` is what they wrote down as unknown."""

    def __init__(self, reactor: Reactor, directory: Path) -> None:
        self.reactor = reactor
        self.directory = directory
        self.errors: list[tuple[str, str]] = []
        self.wire_log = directory / "wire.jsonl"
        self.log = WireLog(self.wire_log)
        self.servers: list[WsmanServer] = []

    def serve(self, **options: Any) -> WsmanServer:
        directory = self.directory / str(len(self.servers))
        directory.mkdir()
        machine = Machine(f"WS{len(self.servers)}", lambda: {"dev": PASSWORD}, launch, lambda what, detail: self.errors.append((what, detail)), directory)
        server = WsmanServer(machine, self.reactor, WsmanOptions(**options), self.log)
        self.servers.append(server)
        return server

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.wire_log.read_text(encoding="utf-8").splitlines()]
