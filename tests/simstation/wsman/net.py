# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of listening sockets in one process: one thread waits for all idle sockets, workers exist only while requests are served."""

from __future__ import annotations

import os
import queue
import selectors
import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Callable

from tests.simstation.wsman.http import BadRequest, Broken, Connection, Request, Response

BACKLOG = 128
IDLE_WORKER_SECONDS = 5.0

Handler = Callable[[Request, Connection], Response]
CrashReport = Callable[[str], None]


class Workers:
    """Threads on demand; an idle one ends after a while. They are daemons: a blocked request never delays the end of the process."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            self._jobs.put(job)
            if self._idle > 0:
                self._idle -= 1
                return
        threading.Thread(target=self._work, name="simstation worker", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=IDLE_WORKER_SECONDS)
            except queue.Empty:
                with self._lock:
                    # A job that was put for this thread just now must not be lost.
                    if self._jobs.empty():
                        self._idle = max(0, self._idle - 1)
                        return
                continue
            job()
            with self._lock:
                self._idle += 1


class Listener:
    """One port of one station. `close` refuses new clients and drops the present ones; the port stays reserved until `release`."""

    def __init__(self, reactor: Reactor, handler: Handler, tls: ssl.SSLContext | None, crash_report: CrashReport) -> None:
        self._reactor = reactor
        self.handler = handler
        self.tls = tls
        self.crash_report = crash_report
        self.connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._socket = bound_socket(0)
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        self._socket.listen(BACKLOG)
        self._socket.setblocking(False)
        self._reactor.watch(self._socket, self)

    def close(self) -> None:
        """As a machine that goes down: a bound socket that does not listen refuses connections and keeps the port."""
        self._reactor.forget(self._socket)
        self._socket.close()
        self._socket = bound_socket(self.port)
        with self._lock:
            dropped = list(self.connections)
            self.connections.clear()
        for connection in dropped:
            connection.sever()

    def release(self) -> None:
        self.close()
        self._socket.close()

    def accept(self) -> Connection | None:
        try:
            sock, _address = self._socket.accept()
        except OSError:
            return None  # the client gave up, or the station went down meanwhile
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        with self._lock:
            self.connections.add(connection)
        return connection

    def drop(self, connection: Connection) -> None:
        with self._lock:
            self.connections.discard(connection)
        connection.close()

    def alive(self, connection: Connection) -> bool:
        with self._lock:
            return connection in self.connections


def bound_socket(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


class Reactor:
    """The one thread that waits, and the workers it wakes."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._workers = Workers()
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_reader, self._wake_writer = os.pipe()
        self._stopped = threading.Event()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="simstation reactor", daemon=True)
        self._thread.start()

    def listen(self, handler: Handler, *, tls: ssl.SSLContext | None = None, crash_report: CrashReport) -> Listener:
        listener = Listener(self, handler, tls, crash_report)
        listener.open()
        return listener

    def watch(self, sock: socket.socket, data: object) -> None:
        self._order(lambda: self._register(sock, data))

    def forget(self, sock: socket.socket) -> None:
        """Returns when the selector has let go of the socket, so that the caller may close it."""
        done = threading.Event()
        self._order(lambda: (self._unregister(sock), done.set()))  # type: ignore[func-returns-value]
        if threading.current_thread() is not self._thread:
            done.wait(5)

    def stop(self) -> None:
        self._stopped.set()
        os.write(self._wake_writer, b"x")
        self._thread.join(5)

    def _order(self, order: Callable[[], object]) -> None:
        self._orders.put(lambda: (order(), None)[1])
        os.write(self._wake_writer, b"x")

    def _register(self, sock: socket.socket, data: object) -> None:
        if sock.fileno() >= 0:
            self._selector.register(sock, selectors.EVENT_READ, data)

    def _unregister(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0 and sock in self._selector.get_map():
            self._selector.unregister(sock)

    def _run(self) -> None:
        while not self._stopped.is_set():
            for key, _mask in self._selector.select():
                if key.data is None:
                    os.read(self._wake_reader, 4096)
                elif isinstance(key.data, Listener):
                    self._accept(key.data)
                else:
                    self._selector.unregister(key.fileobj)
                    self._workers.submit(key.data)
            while not self._orders.empty():
                self._orders.get()()

    def _accept(self, listener: Listener) -> None:
        connection = listener.accept()
        if connection is None:
            return
        if listener.tls is None:
            self._await_request(listener, connection)
        else:
            self._workers.submit(lambda: self._handshake(listener, connection))

    def _await_request(self, listener: Listener, connection: Connection) -> None:
        self.watch(connection.socket, lambda: self._serve(listener, connection))

    def _handshake(self, listener: Listener, connection: Connection) -> None:
        try:
            connection.secure(listener.tls)  # type: ignore[arg-type]
        except OSError:
            listener.drop(connection)  # a client that does not trust the certificate ends the handshake
            return
        self._await_request(listener, connection)

    def _serve(self, listener: Listener, connection: Connection) -> None:
        keep = False
        try:
            keep = _exchange(listener, connection)
        except (OSError, BadRequest, Broken):
            keep = False
        finally:
            # A defect of the simulator must be visible in the station's log, whatever it is; the client sees a broken connection.
            if sys.exc_info()[0] is not None:
                listener.crash_report(traceback.format_exc())
            if keep and listener.alive(connection):
                self._await_request(listener, connection)
            else:
                listener.drop(connection)


def _exchange(listener: Listener, connection: Connection) -> bool:
    """Serve what has come; False when the client has closed or the machine is down."""
    while True:
        request = connection.receive()
        if request is None or not listener.alive(connection):
            return False
        connection.send(listener.handler(request, connection))
        if not connection.has_input:
            return True
