# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that stands for an imitated program inside a distro: it hands its call and its standard streams to the station and waits for the exit code."""

from __future__ import annotations

from pathlib import Path

SOCKET_INSIDE = "/run/simstation/socket"
EXIT_NO_STATION = 70

# Written for the least start-up time: the `_` modules are built in and pull in nothing else.
TEMPLATE = """#!/usr/bin/python3 -IS
# SIMULATED by gpudev.workstation's simulated workstation: the program "{program}" is imitated by the station.
import _signal
import _socket
import os
import sys

_signal.signal(_signal.SIGINT, _signal.SIG_DFL)
streams = [0, 1, 2]
for stream in streams:
    try:
        os.fstat(stream)
    except OSError:
        os.open("/dev/null", os.O_RDWR)
try:
    cwd = os.getcwd()
except OSError:
    cwd = "/"
fields = ["{program}", cwd, str(os.getuid()), str(os.getgid()), str(len(sys.argv)), *sys.argv]
fields += [name + "=" + value for name, value in os.environ.items()]
call = b"\\0".join(os.fsencode(field) for field in fields)
connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
try:
    connection.connect("{socket}")
except OSError as error:
    sys.stderr.write("simstation: the station does not answer: %s\\n" % error)
    sys.exit({exit_no_station})
rights = b"".join(stream.to_bytes(4, sys.byteorder) for stream in streams)
connection.sendmsg([len(call).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
view = memoryview(call)
while view:
    view = view[connection.send(view):]
answer = b""
while len(answer) < 4:
    piece = connection.recv(4 - len(answer))
    if not piece:
        sys.stderr.write("simstation: the station ended the call\\n")
        os._exit({exit_no_station})
    answer += piece
os._exit(int.from_bytes(answer, "big") & 255)
"""


def source(program: str) -> bytes:
    return TEMPLATE.format(program=program, socket=SOCKET_INSIDE, exit_no_station=EXIT_NO_STATION).encode()


def put(file: Path, program: str) -> None:
    """Replace, not rewrite: somebody may be running the old one."""
    temporary = file.with_name(file.name + ".new")
    temporary.write_bytes(source(program))
    temporary.chmod(0o755)
    temporary.replace(file)


def is_shim(file: Path) -> bool:
    return file.is_file() and not file.is_symlink() and b"SIMULATED by gpudev.workstation" in file.read_bytes()[:200]
