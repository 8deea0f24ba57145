# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 over one accepted connection: a request in, a response out, keep-alive."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass, field
from http import HTTPStatus

READ_SIZE = 65536
MAX_HEADER = 65536
MAX_BODY = 64 * 1024 * 1024
REQUEST_TIMEOUT = 60.0


class BadRequest(Exception):
    """What came is not HTTP as it is spoken here; the connection is closed."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Response:
    status: int
    body: bytes = b""
    content_type: str = "application/soap+xml;charset=UTF-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    cut_after: int | None = None


class Broken(Exception):
    """The connection ends here, without an answer or within one."""


class Connection:
    """One client connection; `state` belongs to the server behind it (authentication is bound to the connection)."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.state: dict[str, object] = {}
        self._buffer = bytearray()

    def secure(self, context: ssl.SSLContext) -> None:
        self.socket.settimeout(REQUEST_TIMEOUT)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def client_port(self) -> int:
        return int(self.socket.getpeername()[1])

    @property
    def has_input(self) -> bool:
        """Bytes that a selector on the socket would not see."""
        return bool(self._buffer) or (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0)

    def receive(self) -> Request | None:
        """The next request; None when the client has closed."""
        self.socket.settimeout(REQUEST_TIMEOUT)
        head = self._read_head()
        if head is None:
            return None
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3:
            raise BadRequest(lines[0][:200])
        headers = {name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
        return Request(words[0], words[1], headers, self._read_body(headers))

    def send(self, response: Response) -> None:
        lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}", "Server: Microsoft-HTTPAPI/2.0"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if response.body:
            lines.append(f"Content-Type: {response.content_type}")
        lines.append(f"Content-Length: {len(response.body)}")
        whole = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body
        self.socket.sendall(whole[: response.cut_after])
        if response.cut_after is not None:
            raise Broken

    def sever(self) -> None:
        """End the traffic from any thread; whoever serves the connection reads its end and closes it.

        `SSLSocket.shutdown` would also drop the TLS state: the serving thread then reads the encrypted bytes of a body as if they were the body.
        """
        with contextlib.suppress(OSError):  # the other side was faster
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """For the thread that serves the connection, and no other."""
        self.sever()
        self.socket.close()

    def _read_head(self) -> bytes | None:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEADER:
                raise BadRequest("header too long")
            if not self._fill():
                return None
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return head

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise BadRequest("chunked requests are not used by WinRM clients")
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY:
            raise BadRequest(f"content-length {length}")
        while len(self._buffer) < length:
            if not self._fill():
                raise BadRequest("body ends early")
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _fill(self) -> bool:
        piece = self.socket.recv(READ_SIZE)
        self._buffer += piece
        return bool(piece)
