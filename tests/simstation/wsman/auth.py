# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at the other end of a connection: Basic, and NTLM (raw or inside Negotiate) with SPNEGO message encryption (MS-WSMV 2.2.9.1)."""

from __future__ import annotations

import base64
import functools
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spnego
from spnego._ntlm_raw.crypto import ntowfv1  # hashlib has MD4 only where OpenSSL's legacy provider is loaded

from tests.simstation.wsman.http import Connection

NTLM_SIGNATURE = b"NTLMSSP\0"
PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
BOUNDARY = b"--Encrypted Boundary"
ENCRYPTED_TYPE = f'multipart/encrypted;protocol="{PROTOCOL}";boundary="Encrypted Boundary"'

# pyspnego finds the accounts of an acceptor only through this process-wide variable.
_ACCOUNT_FILE_LOCK = threading.Lock()
_ACCOUNT_FILE_VARIABLE = "NTLM_USER_FILE"
# Windows stores none since Vista, and NTLMv2 does not need it.
NO_LM_HASH = "0" * 32

Accounts = Callable[[], Mapping[str, str]]


@dataclass
class Verdict:
    """`user` is None as long as the client has not proved who it is."""

    user: str | None
    headers: list[tuple[str, str]] = field(default_factory=list)


class Authenticator:
    """Checks the accounts of one station (name -> password) with the allowed schemes."""

    def __init__(self, accounts: Accounts, schemes: frozenset[str], computer: str, account_file: Path) -> None:
        self._accounts = accounts
        self._schemes = schemes
        self._computer = computer
        self._account_file = account_file

    def judge(self, connection: Connection, authorization: str | None) -> Verdict:
        """NTLM proves the connection once, Basic every request."""
        scheme, _blank, token = (authorization or "").partition(" ")
        if not authorization:
            user = connection.state.get("user")
            return Verdict(user if isinstance(user, str) else None, [] if user else self.challenges())
        if scheme == "Basic" and "basic" in self._schemes:
            return self._judge_basic(token)
        if scheme in ("Negotiate", "NTLM") and "ntlm" in self._schemes:
            return self._judge_ntlm(connection, scheme, base64.b64decode(token))
        return Verdict(None, self.challenges())

    def challenges(self) -> list[tuple[str, str]]:
        offers = {"ntlm": "Negotiate", "basic": 'Basic realm="WSMAN"'}
        return [("WWW-Authenticate", offer) for scheme, offer in offers.items() if scheme in self._schemes]

    def _judge_basic(self, token: str) -> Verdict:
        name, _colon, password = base64.b64decode(token).decode("utf-8", "replace").partition(":")
        user = self._local_name(name)
        if user is not None and self._accounts()[user] == password:
            return Verdict(user)
        return Verdict(None, self.challenges())

    def _judge_ntlm(self, connection: Connection, scheme: str, token: bytes) -> Verdict:
        context = connection.state.get("context")
        try:
            with _ACCOUNT_FILE_LOCK:
                self._publish_accounts()
                if context is None or context.complete:  # type: ignore[attr-defined]
                    context = connection.state["context"] = _acceptor(token)
                answer = context.step(token)  # type: ignore[attr-defined]
        except (spnego.exceptions.SpnegoError, ValueError):
            connection.state.pop("context", None)
            return Verdict(None, self.challenges())
        reply = [("WWW-Authenticate", f"{scheme} {base64.b64encode(answer).decode()}")] if answer else []
        if not context.complete:  # type: ignore[attr-defined]
            return Verdict(None, reply)
        user = self._local_name(str(context.client_principal))  # type: ignore[attr-defined]
        connection.state["user"] = user
        return Verdict(user, reply)

    def _local_name(self, name: str) -> str | None:
        """Windows account names ignore case; a local account may be written with the computer or `.` in front."""
        domain, backslash, account = name.rpartition("\\")
        if backslash and domain.lower() not in (".", self._computer.lower()):
            return None
        return next((known for known in self._accounts() if known.lower() == account.lower()), None)

    def _publish_accounts(self) -> None:
        """In the format of smbpasswd, which holds hashes: of a password pyspnego would compute both at every login, the LM hash in pure Python."""
        lines = []
        for name, password in self._accounts().items():
            if ":" in name:
                raise ValueError("the account file of pyspnego cannot hold a colon in a name")
            names = [name, *(f"{domain}\\{name}" for domain in (".", self._computer.upper(), self._computer))]
            lines += [f"{known}:0:{NO_LM_HASH}:{_nt_hash(password)}:[U]:LCT-0" for known in names]
        text = "\n".join(lines) + "\n"
        if not self._account_file.exists() or self._account_file.read_text(encoding="utf-8") != text:
            self._account_file.touch(mode=0o600)
            self._account_file.write_text(text, encoding="utf-8")
        os.environ[_ACCOUNT_FILE_VARIABLE] = str(self._account_file)


@functools.cache
def _nt_hash(password: str) -> str:
    return ntowfv1(password).hex().upper()


def _acceptor(token: bytes) -> spnego.ContextProxy:
    """The pure Python implementation, whatever GSSAPI libraries the machine has."""
    if token.startswith(NTLM_SIGNATURE):
        return spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    return spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate)


def is_encrypted(content_type: str) -> bool:
    return "multipart/encrypted" in content_type


def decrypt(connection: Connection, body: bytes) -> bytes:
    """The SOAP text inside a multipart/encrypted body."""
    context: Any = connection.state["context"]
    payload = body.split(b"Content-Type: application/octet-stream\r\n", 1)[1]
    payload = payload[: payload.rindex(BOUNDARY)]
    length = int.from_bytes(payload[:4], "little")
    return bytes(context.unwrap_winrm(payload[4 : 4 + length], payload[4 + length :]))


def encrypt(connection: Connection, text: bytes) -> bytes:
    """pywinrm strips the leading TAB of each part header literally, because Windows sends one."""
    context: Any = connection.state["context"]
    header, data, padding = context.wrap_winrm(text)
    return b"".join(
        [
            BOUNDARY + b"\r\n\tContent-Type: " + PROTOCOL.encode() + b"\r\n",
            b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % (len(text) + padding),
            BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n",
            len(header).to_bytes(4, "little") + header + data,
            BOUNDARY + b"--\r\n",
        ]
    )
