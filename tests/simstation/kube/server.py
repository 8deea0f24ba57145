# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS on a loopback port: one thread per connection, users from client certificates, refusing while the server "starts"."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .access import User
from .api import Answer, Api, Request
from .certificates import Certificates

HANDSHAKE_SECONDS = 10


class Server:
    """Listens, accepts, and can be told to refuse connections although the port is its own."""

    def __init__(self, api: Api, certificates: Certificates) -> None:
        self.api = api
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*[str(path) for path in certificates.server])
        self._context.load_verify_locations(str(certificates.ca))
        self._context.verify_mode = ssl.CERT_OPTIONAL
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._listener: socket.socket | None = None
        self._closed = False
        # Called for the first connection; True means: drop it (the server is only now beginning to start).
        self.on_connect: Callable[[], bool] = lambda: False

    def bind(self, wanted: int = 0) -> int:
        """Take a port without listening on it: connections are refused."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        self._listener = listener
        return int(listener.getsockname()[1])

    def listen(self) -> None:
        with self._guard:
            if self._closed or self._listener is None:
                return
            self._listener.listen(128)
            threading.Thread(target=self._accept, args=(self._listener,), name="kube-api", daemon=True).start()

    def refuse(self) -> None:
        """Stop listening but keep the port."""
        with self._guard:
            if self._listener is None:
                return
            port = self._listener.getsockname()[1]
            _shut(self._listener)
            self.bind(port)

    def close(self) -> None:
        with self._guard:
            self._closed = True
            if self._listener is not None:
                _shut(self._listener)
                self._listener = None
            connections = list(self._connections)
        for connection in connections:
            _shut(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            if self.on_connect():
                # A reset, not an orderly end: what a port whose server is gone gives.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), name="kube-api-connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(HANDSHAKE_SECONDS)
            secure = self._context.wrap_socket(connection, server_side=True)
        except OSError:
            _shut(connection)
            return
        with self._guard:
            if self._closed:
                _shut(secure)
                return
            self._connections.add(secure)
        try:
            secure.settimeout(None)
            Handler(secure, self.api, user_of(secure))
        except OSError:
            # The client went away, or the server is being stopped.
            return
        finally:
            with self._guard:
                self._connections.discard(secure)
            _shut(secure)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # never connected, or already gone
    connection.close()


def user_of(connection: ssl.SSLSocket) -> User:
    """CN is the user, O the groups."""
    certificate: Any = connection.getpeercert()
    if not certificate:
        return User()
    parts = [pair for entry in certificate.get("subject", ()) for pair in entry]
    name = next((value for key, value in parts if key == "commonName"), "")
    groups = tuple(value for key, value in parts if key == "organizationName")
    return User(name, (*groups, "system:authenticated"))


class Handler(BaseHTTPRequestHandler):
    """Translates between HTTP and `Api`."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def __init__(self, connection: ssl.SSLSocket, api: Api, user: User) -> None:
        self.api = api
        self.user = user
        super().__init__(connection, ("127.0.0.1", 0), None)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._send(self.api.handle(Request(self.command, parts.path, query, headers, body, self.user)))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        if answer.content_type:
            self.send_header("content-type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.stream is not None:
            self._send_stream(answer)
            return
        if answer.code != 204:
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def _send_stream(self, answer: Answer) -> None:
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in answer.stream or ():
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
