# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shells of one station and the six verbs on them: Create, Command, Send, Receive, Signal, Delete."""

from __future__ import annotations

import base64
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tests.simstation.process import Output, Program
from tests.simstation.wsman import soap
from tests.simstation.wsman.soap import Envelope, Fault

# Room in an answer for everything that is not output.
ENVELOPE_OVERHEAD = 2000
TIMED_OUT = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."


@dataclass(frozen=True)
class Quotas:
    """Windows' defaults (winrm get winrm/config). Operations are counted per shell and never given back: MS-WSMV note 118."""

    max_shells_per_user: int = 30
    max_operations: int = 1500
    max_envelope_kb: int = 500
    idle_seconds: float = 7200.0


@dataclass(frozen=True)
class CommandRequest:
    """One command line as a shell hands it to cmd.exe. `has_stdin`: stdin is a pipe that will be fed and closed, not a console."""

    user: str
    line: str
    environment: dict[str, str]
    directory: str
    has_stdin: bool


Launcher = Callable[[CommandRequest], Program]


@dataclass
class Receipt:
    """The last answer to a Receive of one command. The very same request, sent again, gets the very same answer: a client whose connection was too slow
    relies on it (pypsrp, WSMan.receive). That Windows does so is that client's word only; it was never recorded."""

    message_id: str | None = None
    answer: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Shell:
    user: str
    environment: dict[str, str]
    directory: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    programs: dict[str, Program] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    operations: int = 0
    used: float = field(default_factory=time.monotonic)


class Shells:
    def __init__(self, machine: str, launcher: Launcher, quotas: Quotas) -> None:
        self._machine = machine
        self._launcher = launcher
        self._quotas = quotas
        self._shells: dict[str, Shell] = {}
        self._lock = threading.Lock()

    def perform(self, user: str, request: Envelope) -> tuple[str, str]:
        """Do what the request asks; gives the body of the answer and the id of the command concerned."""
        if request.resource != soap.CMD_RESOURCE:
            raise Fault(soap.RESOURCE_NOT_FOUND, "w:DestinationUnreachable", f"The resource URI {request.resource} is not simulated.")
        verbs = {
            "Create": self._create,
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
            "Delete": self._delete,
        }
        if request.verb not in verbs:
            raise Fault(soap.ACTION_NOT_SUPPORTED, "a:ActionNotSupported", f"The action {request.action} is not simulated.")
        return verbs[request.verb](user, request)

    def close_all(self) -> None:
        """As when the service stops: every program of every shell ends."""
        with self._lock:
            shells = list(self._shells.values())
            self._shells.clear()
        for shell in shells:
            _end(shell)

    @property
    def open_shells(self) -> int:
        with self._lock:
            return len(self._shells)

    def _create(self, user: str, request: Envelope) -> tuple[str, str]:
        body = request.find("rsp:Shell")
        environment = {variable.get("Name", ""): variable.text or "" for variable in body.iterfind("rsp:Environment/rsp:Variable", soap.NAMESPACES)}
        shell = Shell(user, environment, body.findtext("rsp:WorkingDirectory", "", soap.NAMESPACES))
        self._end_idle_shells()
        with self._lock:
            limit = self._quotas.max_shells_per_user
            if sum(other.user == user for other in self._shells.values()) >= limit:
                raise Fault(
                    soap.QUOTA_SHELLS,
                    "w:QuotaLimit",
                    f"The WS-Management service cannot process the request. This user is allowed a maximum number of {limit} concurrent shells, "
                    "which has been exceeded. Close existing shells or raise the quota for this user.",
                )
            self._shells[shell.id] = shell
        return (
            f"<x:ResourceCreated><a:Address>http://{escape(self._machine)}/wsman</a:Address><a:ReferenceParameters>"
            f'<w:ResourceURI>{soap.CMD_RESOURCE}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{shell.id}</w:Selector></w:SelectorSet>'
            f"</a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell.id}</rsp:ShellId></rsp:Shell>"
        ), ""

    def _command(self, user: str, request: Envelope) -> tuple[str, str]:
        shell = self._shell(user, request)
        command_line = request.find("rsp:CommandLine")
        words = [command_line.findtext("rsp:Command", "", soap.NAMESPACES)]
        words += [argument.text or "" for argument in command_line.findall("rsp:Arguments", soap.NAMESPACES)]
        with self._lock:
            shell.operations += 1
            if shell.operations > self._quotas.max_operations:
                raise Fault(
                    soap.QUOTA_OPERATIONS,
                    "w:QuotaLimit",
                    "The WS-Management service cannot process the request. The maximum number of concurrent operations for this user has been exceeded. "
                    "Close existing operations for this user, or raise the quota for this user.",
                    wmi_error=soap.QUOTA_OPERATIONS,
                )
        # WINRS_SKIP_CMD_SHELL is ignored, as by Windows since 2012 R2 (facts/winrm.md 3.2).
        has_stdin = request.options.get("WINRS_CONSOLEMODE_STDIN", "TRUE").upper() == "FALSE"
        program = self._launcher(CommandRequest(user, " ".join(words), dict(shell.environment), shell.directory, has_stdin))
        command_id = str(uuid.uuid4()).upper()
        with self._lock:
            shell.programs[command_id] = program
            shell.receipts[command_id] = Receipt()
        return f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>", command_id

    def _send(self, user: str, request: Envelope) -> tuple[str, str]:
        shell = self._shell(user, request)
        command_id = ""
        for stream in request.find("rsp:Send").iterfind("rsp:Stream", soap.NAMESPACES):
            command_id = stream.get("CommandId", "")
            ends = stream.get("End", "").lower() == "true"
            _feed(self._program(shell, command_id), base64.b64decode(stream.text or ""), ends)
        return "<rsp:SendResponse/>", command_id

    def _receive(self, user: str, request: Envelope) -> tuple[str, str]:
        shell = self._shell(user, request)
        command_id = request.find("rsp:Receive/rsp:DesiredStream").get("CommandId", "")
        program = self._program(shell, command_id)
        receipt = shell.receipts.get(command_id, Receipt())
        with receipt.lock:
            if receipt.message_id != request.message_id:
                output = program.read((request.max_envelope - ENVELOPE_OVERHEAD) * 3 // 4, request.operation_timeout)
                if output is None:
                    raise Fault(soap.OPERATION_TIMEOUT, "w:TimedOut", TIMED_OUT)
                receipt.message_id, receipt.answer = request.message_id, _receive_response(command_id, output)
            return receipt.answer, command_id

    def _signal(self, user: str, request: Envelope) -> tuple[str, str]:
        shell = self._shell(user, request)
        command_id = request.find("rsp:Signal").get("CommandId", "")
        with self._lock:
            program = shell.programs.pop(command_id, None)
            shell.receipts.pop(command_id, None)
        if program is not None:
            program.kill()
        return "<rsp:SignalResponse/>", command_id

    def _delete(self, user: str, request: Envelope) -> tuple[str, str]:
        shell = self._shell(user, request)
        with self._lock:
            self._shells.pop(shell.id, None)
        _end(shell)
        return "", ""

    def _shell(self, user: str, request: Envelope) -> Shell:
        with self._lock:
            shell = self._shells.get(request.shell_id)
        if shell is None or shell.user != user:
            raise Fault(
                soap.SHELL_NOT_FOUND,
                "w:InvalidSelectors",
                f"The request for the Windows Remote Shell with ShellId {request.shell_id} failed because the shell was not found on the server. "
                "Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. "
                "Provide the correct ShellId or create a new shell and retry the operation.",
            )
        shell.used = time.monotonic()
        return shell

    def _program(self, shell: Shell, command_id: str) -> Program:
        with self._lock:
            program = shell.programs.get(command_id)
        if program is None:
            raise Fault(soap.SHELL_NOT_FOUND, "w:InvalidSelectors", f"The command {command_id} was not found on the server.")
        return program

    def _end_idle_shells(self) -> None:
        deadline = time.monotonic() - self._quotas.idle_seconds
        with self._lock:
            idle = [shell for shell in self._shells.values() if shell.used < deadline]
            for shell in idle:
                del self._shells[shell.id]
        for shell in idle:
            _end(shell)


def _end(shell: Shell) -> None:
    for program in list(shell.programs.values()):
        program.kill()


def _feed(program: Program, data: bytes, ends: bool) -> None:
    """A program that has ended has no pipe any more, whether its output was received or not. From what users saw of Windows
    (https://github.com/ansible/ansible/issues/69595, https://github.com/ansible/ansible/pull/33855), not from a recording; the subcode is a guess."""
    if program.ended:
        raise Fault(soap.PIPE_ENDED, "w:InternalError", "The pipe has been ended.")
    program.feed(data, ends)


def _receive_response(command_id: str, output: Output) -> str:
    parts = []
    for name, data in (("stdout", output.stdout), ("stderr", output.stderr)):
        if data:
            parts.append(f'<rsp:Stream Name="{name}" CommandId="{command_id}">{base64.b64encode(data).decode()}</rsp:Stream>')
    if output.exit_code is None:
        parts.append(f'<rsp:CommandState CommandId="{command_id}" State="{soap.SHELL}/CommandState/Running"/>')
    else:
        parts += [f'<rsp:Stream Name="{name}" CommandId="{command_id}" End="true"></rsp:Stream>' for name in ("stdout", "stderr")]
        # A negative code is shown as the unsigned number it is on the wire (facts/wsl.md: -1 is 4294967295).
        parts.append(
            f'<rsp:CommandState CommandId="{command_id}" State="{soap.SHELL}/CommandState/Done">'
            f"<rsp:ExitCode>{output.exit_code & 0xFFFFFFFF}</rsp:ExitCode></rsp:CommandState>"
        )
    return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
