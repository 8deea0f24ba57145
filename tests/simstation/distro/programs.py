# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The station's end of the imitated programs: one Unix socket per distro, one thread per call.

A shim (see `shim`) sends its call together with its stdin, stdout and stderr, so an imitated program writes where the caller reads,
at once and in order. When the shim is killed its connection closes, and the call is cancelled at the imitation's next pause.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ..station import Station, UnknownRequest

EXIT_UNKNOWN = 97
SLICE = 0.02
_LENGTH = struct.Struct(">I")
_servers: dict[tuple[int, str], Server] = {}
_servers_lock = threading.Lock()


class Cancelled(Exception):
    """Who called has gone, or the station closes."""


class Call:
    """One run of an imitated program."""

    def __init__(self, station: Station, distro: str, base: Path, fields: list[str], streams: list[int], connection: socket.socket) -> None:
        self.station = station
        self.distro = distro
        self.base = base
        self.program, self.cwd = fields[0], fields[1]
        self.uid, self.gid = int(fields[2]), int(fields[3])
        end = 5 + int(fields[4])
        self.argv = fields[5:end]
        self.env = dict(field.split("=", 1) for field in fields[end:] if "=" in field)
        self.streams = streams
        self._connection = connection

    # --- input and output

    def out(self, text: str | bytes) -> None:
        self._write(self.streams[1], text)

    def err(self, text: str | bytes) -> None:
        self._write(self.streams[2], text)

    def stdin(self) -> bytes:
        """All of it; only programs that really read their stdin may ask."""
        pieces = []
        while piece := os.read(self.streams[0], 65536):
            pieces.append(piece)
        return b"".join(pieces)

    def _write(self, descriptor: int, text: str | bytes) -> None:
        data = memoryview(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EBADF):
                raise Cancelled from error
            raise

    # --- time

    @property
    def cancelled(self) -> bool:
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def pause(self, seconds: float) -> None:
        """Let simulated time pass; raises Cancelled as soon as nobody waits any more."""
        scale = self.station.time_scale
        left = seconds * scale
        while left > 0:
            piece = min(left, SLICE)
            if not self.station.pause(piece / scale) or self.cancelled:
                raise Cancelled
            left -= piece
        if self.cancelled:
            raise Cancelled

    # --- surroundings

    def unknown(self, detail: str = "") -> NoReturn:
        self.station.unknown(f"{self.program} in a distro", detail or " ".join(self.argv))

    def run(self, argv: list[str], *, user: str, env: dict[str, str] | None = None, cwd: str | None = None) -> int:
        """Another program in the same distro on the caller's streams, as another user: what sudo is for."""
        from . import processes

        process = processes.popen(
            self.station, self.distro, argv, user=user, env=env, cwd=cwd or self.cwd, stdin=self.streams[0], stdout=self.streams[1], stderr=self.streams[2]
        )
        while True:
            try:
                code = process.wait(timeout=SLICE)
                return code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                if self.cancelled or self.station.closing:
                    process.kill()
                    process.wait()
                    raise Cancelled from None


class Server:
    """Listens for the shims of one distro."""

    def __init__(self, station: Station, distro: str, base: Path) -> None:
        self.station, self.distro, self.base = station, distro, base
        directory = base.parent / ".rpc" / distro
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "socket").unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The path of a socket may have 107 bytes only; the tree may lie deeper.
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        try:
            self._socket.bind(f"/proc/self/fd/{descriptor}/socket")
        finally:
            os.close(descriptor)
        (directory / "socket").chmod(0o666)
        self._socket.listen(64)
        threading.Thread(target=self._accept, name=f"programs of {station.name}/{distro}", daemon=True).start()

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        except OSError:
            pass
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name=f"a program of {self.distro}", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        streams: list[int] = []
        with connection:
            try:
                fields, streams = receive(connection)
                call = Call(self.station, self.distro, self.base, fields, streams, connection)
                connection.sendall(_LENGTH.pack(self._run(call) & 255))
            except (Cancelled, ConnectionError):
                pass
            finally:
                for stream in streams:
                    os.close(stream)

    def _run(self, call: Call) -> int:
        from ..linux import PROGRAMS

        body: Callable[[Call], int] | None = PROGRAMS.get(call.program)
        try:
            if body is None:
                call.unknown()
            return body(call)
        except UnknownRequest as refusal:
            call.err(f"simstation: {refusal}\n")
            return EXIT_UNKNOWN
        except (Cancelled, ConnectionError):
            raise
        except Exception:  # an error of the simulator must reach its log and the client, never hang
            self.station.record_error(f"{call.program} crashed", traceback.format_exc())
            call.err(f"simstation: the imitation of {call.program} crashed:\n{traceback.format_exc()}")
            return EXIT_UNKNOWN


def receive(connection: socket.socket) -> tuple[list[str], list[int]]:
    header, streams, _flags, _address = socket.recv_fds(connection, _LENGTH.size, 3)
    if len(header) != _LENGTH.size or len(streams) != 3:
        raise ConnectionError("not a shim")
    (length,) = _LENGTH.unpack(header)
    data = bytearray()
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise ConnectionError("the shim has gone")
        data += piece
    return [os.fsdecode(field) for field in bytes(data).split(b"\0")], streams


def listen(station: Station, distro: str, base: Path) -> None:
    """Somebody answers the shims of `distro`; nothing to do when that is so already."""
    with _servers_lock:
        if (id(station), distro) not in _servers:
            _servers[id(station), distro] = Server(station, distro, base)


def close(station: Station) -> None:
    """No more calls; those that wait see it at their next pause."""
    with _servers_lock:
        for key in [key for key in _servers if key[0] == id(station)]:
            _servers.pop(key).close()
