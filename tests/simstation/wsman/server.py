# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WinRM service of one station: authentication, decryption, SOAP, the wire log, and going down and up with the machine."""

from __future__ import annotations

import json
import ssl
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spnego

from tests.simstation.troubles import Rule, Troubles
from tests.simstation.wsman import auth, soap
from tests.simstation.wsman.http import Broken, Connection, Request, Response
from tests.simstation.wsman.net import Reactor
from tests.simstation.wsman.shells import Launcher, Quotas, Shells
from tests.simstation.wsman.soap import Fault


class WireLog:
    """One JSON line per SOAP request of all stations, written when the answer is on its way."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None
        self._lock = threading.Lock()

    def write(self, **entry: Any) -> None:
        if self._file is None:
            return
        line = json.dumps(entry)
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()


@dataclass(frozen=True)
class WsmanOptions:
    """How the service is configured. Unencrypted traffic over http is off, as on Windows."""

    schemes: frozenset[str] = frozenset({"ntlm", "basic"})
    allow_unencrypted: bool = False
    tls: ssl.SSLContext | None = None
    rtt_seconds: float = 0.0
    quotas: Quotas = field(default_factory=Quotas)
    troubles: Troubles = field(default_factory=Troubles)


@dataclass(frozen=True)
class Machine:
    """What the service needs to know of the machine it runs on."""

    name: str
    accounts: Callable[[], Mapping[str, str]]
    launcher: Launcher
    record_error: Callable[[str, str], None]
    private_directory: Path


class WsmanServer:
    def __init__(self, machine: Machine, reactor: Reactor, options: WsmanOptions, wire_log: WireLog) -> None:
        self._machine = machine
        self._options = options
        self._wire_log = wire_log
        self._shells = Shells(machine.name, machine.launcher, options.quotas)
        account_file = machine.private_directory / "ntlm-accounts"
        self._authenticator = auth.Authenticator(machine.accounts, options.schemes, machine.name, account_file)
        self._listener = reactor.listen(self._handle, tls=options.tls, crash_report=lambda text: machine.record_error("crash of the simulator", text))
        self.port = self._listener.port

    def power_off(self) -> None:
        """The machine goes down: programs end, connections break, new ones are refused."""
        self._listener.close()
        self._shells.close_all()

    def power_on(self) -> None:
        self._listener.open()

    def stop(self) -> None:
        self._listener.release()
        self._shells.close_all()

    @property
    def open_shells(self) -> int:
        return self._shells.open_shells

    def _handle(self, request: Request, connection: Connection) -> Response:
        if self._options.rtt_seconds:
            time.sleep(self._options.rtt_seconds)
        if request.path.partition("?")[0] != "/wsman" or request.method != "POST":
            return Response(404)
        verdict = self._authenticator.judge(connection, request.headers.get("authorization"))
        if verdict.user is None:
            return Response(401, headers=verdict.headers)
        encrypted = auth.is_encrypted(request.headers.get("content-type", ""))
        if not request.body:
            return Response(200, headers=verdict.headers)
        if not encrypted and self._options.tls is None and not self._options.allow_unencrypted:
            # AllowUnencrypted=false. Status and empty body as in the prototype of facts/winrm.md; never seen on Windows.
            return Response(500)
        try:
            text = auth.decrypt(connection, request.body) if encrypted else request.body
            response = self._perform(verdict.user, text, LogEntry(self._machine.name, len(request.body), connection.client_port))
        except spnego.exceptions.SpnegoError:
            return Response(400)  # sealed for another login, as after a scripted 401; what Windows answers was never seen
        except Interrupted as interrupted:
            if interrupted.status == 401:
                connection.state.clear()
            return Response(interrupted.status, headers=self._authenticator.challenges() if interrupted.status == 401 else [])
        response.headers = verdict.headers
        if encrypted:
            response.body, response.content_type = auth.encrypt(connection, response.body), auth.ENCRYPTED_TYPE
        return response

    def _perform(self, user: str, text: bytes, entry: LogEntry) -> Response:
        try:
            envelope = soap.parse(text)
            entry.verb, entry.message_id = envelope.verb, envelope.message_id
            trouble = entry.trouble = self._options.troubles.next(self._machine.name, envelope.verb)
            if trouble is not None:
                before(trouble)
            if entry.bytes_in > self._options.quotas.max_envelope_kb * 1024:
                raise Fault(soap.ENVELOPE_TOO_LARGE, "w:EncodingLimit", "The WinRM client sent a request that exceeds the configured MaxEnvelopeSize.")
            body, entry.command_id = self._shells.perform(user, envelope)
            response = Response(200, soap.answer(envelope, body))
        except ET.ParseError as error:
            self._machine.record_error("not XML", f"{error}: {text[:80]!r}")
            return Response(400)
        except Fault as problem:
            if problem.code in (soap.RESOURCE_NOT_FOUND, soap.ACTION_NOT_SUPPORTED, soap.SCHEMA_ERROR):
                self._machine.record_error("WSMan request", problem.message)
            entry.fault = problem.code
            response = Response(500, soap.fault(entry.message_id, self._machine.name, problem))
        except (Interrupted, Broken) as ended:
            self._wire_log.write(**entry.line(Response(ended.status if isinstance(ended, Interrupted) else 0)))
            raise
        if entry.trouble is not None:
            after(entry.trouble, response)
        self._wire_log.write(**entry.line(response))
        return response


class Interrupted(Exception):
    """An HTTP status instead of an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def before(trouble: Rule) -> None:
    """What a scripted trouble does before the request is performed."""
    details = trouble.details
    if trouble.trouble == "slow":
        time.sleep(details["seconds"])
    elif trouble.trouble == "lose":
        raise Broken
    elif trouble.trouble == "status":
        raise Interrupted(details["status"])
    elif trouble.trouble == "fault":
        raise Fault(details["code"], details.get("subcode", "w:InternalError"), details.get("message", "A scripted fault."), details.get("wmi_error"))


def after(trouble: Rule, response: Response) -> None:
    """What a scripted trouble does to the answer."""
    if trouble.trouble == "truncate":
        response.body = response.body[: trouble.details.get("after", 0)]
    elif trouble.trouble == "drop":
        response.cut_after = trouble.details.get("after", 0)


@dataclass
class LogEntry:
    """What the wire log says of one request."""

    host: str
    bytes_in: int
    # The client's port: requests that share it came over one TCP connection.
    client_port: int
    verb: str = "?"
    message_id: str = ""
    command_id: str = ""
    fault: int | None = None
    trouble: Rule | None = None
    started: float = field(default_factory=time.perf_counter)

    def line(self, response: Response) -> dict[str, Any]:
        return {
            "host": self.host,
            "client_port": self.client_port,
            "verb": self.verb,
            "bytes_in": self.bytes_in,
            "bytes_out": len(response.body),
            "command_id": self.command_id or None,
            "status": response.status,
            "fault": self.fault,
            "trouble": self.trouble.trouble if self.trouble else None,
            "milliseconds": round((time.perf_counter() - self.started) * 1000, 1),
        }
