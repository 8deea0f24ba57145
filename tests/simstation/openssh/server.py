# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH servers of all stations: one event loop in a thread of its own, one port per station, password or key, no terminal, no subsystem."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from tests.simstation.openssh.default_shell import DefaultShell
from tests.simstation.process import Program
from tests.simstation.troubles import Rule, Troubles
from tests.simstation.wsman.net import bound_socket
from tests.simstation.wsman.server import WireLog

READ_SIZE = 65536
REFUSED = 1
MOST_COMMANDS = 1000
KEY_TYPE = "ssh-ed25519"


class Loop:
    """The thread in which asyncssh lives."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Each running command keeps one thread waiting for its output.
        self._loop.set_default_executor(ThreadPoolExecutor(MOST_COMMANDS, "simstation ssh output"))
        self._thread = threading.Thread(target=self._loop.run_forever, name="simstation ssh", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """From another thread: do it there and wait."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        self.run(_cancel_the_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@dataclass(frozen=True)
class Keys:
    """What the sshd of all stations is known by, and one key that every account accepts."""

    host: asyncssh.SSHKey
    client: asyncssh.SSHKey
    client_file: Path
    known_hosts: Path


def create_keys(directory: Path) -> Keys:
    host, client = asyncssh.generate_private_key(KEY_TYPE), asyncssh.generate_private_key(KEY_TYPE)
    client_file = directory / "id_ed25519"
    client_file.touch(mode=0o600)
    client_file.write_bytes(client.export_private_key())
    return Keys(host, client, client_file, directory / "known_hosts")


@dataclass(frozen=True)
class Machine:
    """What sshd needs to know of the machine it runs on."""

    name: str
    accounts: Callable[[], Mapping[str, str]]
    shell: DefaultShell
    record_error: Callable[[str, str], None]
    troubles: Troubles = field(default_factory=Troubles)


class SshServer:
    def __init__(self, machine: Machine, loop: Loop, keys: Keys, wire_log: WireLog) -> None:
        self._machine = machine
        self._loop = loop
        self._keys = keys
        self._wire_log = wire_log
        self._socket = bound_socket(0)
        self.port: int = self._socket.getsockname()[1]
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        with keys.known_hosts.open("a", encoding="ascii") as known:
            known.write(f"[127.0.0.1]:{self.port} {keys.host.export_public_key().decode('ascii').strip()}\n")
        self.power_on()

    def power_on(self) -> None:
        self._loop.run(self._listen())

    def power_off(self) -> None:
        """As a machine that goes down: connections break, the port stays reserved."""
        self._loop.run(self._close())
        self._socket = bound_socket(self.port)

    def stop(self) -> None:
        self._loop.run(self._close())
        self._socket.close()

    async def _listen(self) -> None:
        self._acceptor = await asyncssh.listen(
            sock=self._socket,
            server_host_keys=[self._keys.host],
            server_factory=lambda: _Login(self._machine.accounts(), self._keys.client, self._connections),
            process_factory=self._session,
            encoding=None,
            server_version="OpenSSH_for_Windows_9.5",
        )

    async def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        for connection in list(self._connections):
            connection.abort()

    async def _session(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            await self._serve(process)
        finally:
            # A defect of the simulator must be visible in the station's log, whatever it is; the client sees a session without an exit status.
            if sys.exc_info()[0] not in (None, asyncio.CancelledError):
                self._machine.record_error("crash of the simulator", traceback.format_exc())

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        wanted = process.subsystem or process.command
        if process.subsystem or process.term_type or not wanted:
            self._machine.record_error("SSH session that is not one command without a terminal", str(wanted))
            process.stderr.write(b"not simulated: a terminal, a subsystem or a session without a command\r\n")
            process.exit(REFUSED)
            return
        begun = time.perf_counter()
        name = str(process.get_extra_info("username")).lower()
        user = next(account for account in self._machine.accounts() if account.lower() == name)
        trouble = self._machine.troubles.next(self._machine.name, "Exec")
        session = _Session(process, trouble)
        if not session.lost:
            await session.run(lambda: self._machine.shell(user, wanted))
        self._wire_log.write(
            host=self._machine.name,
            verb="Exec",
            bytes_in=session.bytes_in,
            bytes_out=session.bytes_out,
            trouble=trouble.trouble if trouble else None,
            milliseconds=round((time.perf_counter() - begun) * 1000, 1),
        )


class _Login(asyncssh.SSHServer):
    def __init__(self, accounts: Mapping[str, str], key: asyncssh.SSHKey, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._accounts = {name.lower(): password for name, password in accounts.items()}
        self._key = key
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self._accounts.get(username.lower()) == password

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username.lower() in self._accounts and key == self._key.convert_to_public()


class _Session:
    """Moves the bytes between an SSH session and a program, with the trouble that is scripted for it."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes], trouble: Rule | None) -> None:
        self._process = process
        self.bytes_in = 0
        self.bytes_out = 0
        kind, details = (trouble.trouble, trouble.details) if trouble else ("", {})
        self._delay = details["seconds"] if kind == "slow" else 0
        self._breaks_after = details.get("after", 0) if kind == "drop" else None
        self.lost = kind == "lose"
        if self.lost:
            process.channel.get_connection().abort()

    async def run(self, start: Callable[[], Program]) -> None:
        await asyncio.sleep(self._delay)
        program = start()
        helpers = [asyncio.create_task(self._feed(program)), asyncio.create_task(self._end_with_the_client(program))]
        try:
            self._process.exit(await self._drain(program) & 0xFFFFFFFF)
        except (OSError, asyncssh.Error):
            program.kill()  # the client has gone
        finally:
            for helper in helpers:
                helper.cancel()

    async def _feed(self, program: Program) -> None:
        while data := await self._process.stdin.read(READ_SIZE):
            self.bytes_in += len(data)
            program.feed(data)
        program.feed(b"", end=True)

    async def _end_with_the_client(self, program: Program) -> None:
        """sshd's job object ends what the session started (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE in w32-doexec.c)."""
        await self._process.wait_closed()
        program.kill()

    async def _drain(self, program: Program) -> int:
        """Hand all output on; gives the exit code."""
        loop = asyncio.get_running_loop()
        while True:
            output = await loop.run_in_executor(None, program.read, READ_SIZE, None)
            if output is None:
                continue
            self._process.stdout.write(output.stdout)
            self._process.stderr.write(output.stderr)
            self.bytes_out += len(output.stdout) + len(output.stderr)
            await self._process.stdout.drain()
            if self._breaks_after is not None and (output.exit_code is not None or self.bytes_out >= self._breaks_after):
                self._process.channel.get_connection().abort()
                raise BrokenPipeError
            if output.exit_code is not None:
                return int(output.exit_code)
