# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running program as a shell sees it: bytes into stdin, bytes out of stdout and stderr as they come, an exit code, and a way to end it.

`ImitatedProgram` runs a Python function; `RealProgram` wraps a process inside a distro. Both are ended by `kill()`; an imitated
one sees that as `Call.cancelled`.
"""

from __future__ import annotations

import abc
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.simstation.station import UnknownRequest

READ_SIZE = 65536
GRACE_FOR_GRANDCHILDREN = 0.5
EXIT_FAILURE = 1


@dataclass(frozen=True)
class Output:
    """What came since the last look. `exit_code` is set once, when the program ended and all its output was handed out."""

    stdout: bytes
    stderr: bytes
    exit_code: int | None


class Program(abc.ABC):
    """The reader's side (`feed`, `read`, `kill`) and the producer's side (`put_stdout`, `put_stderr`, `finish`) of one running program."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._exit_code: int | None = None

    # --- the reader's side

    @abc.abstractmethod
    def feed(self, data: bytes, end: bool = False) -> None:
        """Hand over a piece of stdin; `end` closes it."""

    @abc.abstractmethod
    def kill(self) -> None:
        """End the program; a program that has ended is left alone."""

    def read(self, limit: int, timeout: float | None) -> Output | None:
        """Wait for news and take at most `limit` bytes of it; None when there was none in time."""
        with self._news:
            if not self._news.wait_for(self._has_news, timeout):
                return None
            stdout = _take(self._stdout, limit)
            stderr = _take(self._stderr, limit - len(stdout))
            drained = not self._stdout and not self._stderr
            return Output(stdout, stderr, self._exit_code if drained else None)

    def complete(self, timeout: float | None = None) -> Output | None:
        """All output and the exit code, for callers that run the program to its end; None when it did not end in time."""
        with self._news:
            if not self._news.wait_for(lambda: self._exit_code is not None, timeout):
                return None
            return Output(bytes(self._stdout), bytes(self._stderr), self._exit_code)

    @property
    def ended(self) -> bool:
        with self._news:
            return self._exit_code is not None

    # --- the producer's side

    def put_stdout(self, data: bytes) -> None:
        with self._news:
            self._stdout += data
            self._news.notify_all()

    def put_stderr(self, data: bytes) -> None:
        with self._news:
            self._stderr += data
            self._news.notify_all()

    def finish(self, exit_code: int) -> None:
        """The first exit code counts: a killed program may still report its own later."""
        with self._news:
            if self._exit_code is None:
                self._exit_code = exit_code
            self._news.notify_all()

    def _has_news(self) -> bool:
        return bool(self._stdout or self._stderr or self._exit_code is not None)


def _take(buffer: bytearray, limit: int) -> bytes:
    piece = bytes(buffer[: max(0, limit)])
    del buffer[: len(piece)]
    return piece


@dataclass
class Call:
    """What an imitated program is given."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    stdin: bytes
    write: Callable[[bytes], None]
    write_error: Callable[[bytes], None]
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def cancelled(self) -> bool:
        """The client has gone or ended the program: stop at the next good moment."""
        return self._cancelled.is_set()

    def wait_for_client_to_leave(self, seconds: float) -> None:
        """Until the client has taken the end of the program (WinRM's Signal) or ended it, at most `seconds`."""
        self._cancelled.wait(seconds)


class ImitatedProgram(Program):
    """A function instead of a program. It starts when its stdin is complete, at once when there is none."""

    def __init__(
        self,
        body: Callable[[Call], int],
        argv: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        *,
        reads_stdin: bool = False,
        crash_report: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._body = body
        self._argv = tuple(argv)
        self._environment = dict(environment or {})
        self._stdin = bytearray()
        self._stdin_open = reads_stdin
        self._crash_report = crash_report
        self._cancelled = threading.Event()
        if not reads_stdin:
            self._start()

    def feed(self, data: bytes, end: bool = False) -> None:
        if not self._stdin_open:
            return
        self._stdin += data
        if end:
            self._stdin_open = False
            self._start()

    def kill(self) -> None:
        self._cancelled.set()
        self._stdin_open = False
        self.finish(EXIT_FAILURE)

    def _start(self) -> None:
        threading.Thread(target=self._run, name="imitated program", daemon=True).start()

    def _run(self) -> None:
        call = Call(self._argv, self._environment, bytes(self._stdin), self.put_stdout, self.put_stderr, self._cancelled)
        code = EXIT_FAILURE
        try:
            code = self._body(call)
        except UnknownRequest as refusal:
            self.put_stderr(f"{refusal}\r\n".encode())
        finally:
            # Whatever happened inside, the client gets an end: a defect of the simulator is never a hanging request.
            if sys.exc_info()[0] is not None:
                self._report_crash(traceback.format_exc())
            self.finish(code)

    def _report_crash(self, text: str) -> None:
        self.put_stderr(b"the simulator crashed, see its error log\r\n")
        if self._crash_report is not None:
            self._crash_report(text)


class EndedProgram(Program):
    """A program that has already said everything."""

    def __init__(self, exit_code: int, stdout: bytes = b"", stderr: bytes = b"") -> None:
        super().__init__()
        self.put_stdout(stdout)
        self.put_stderr(stderr)
        self.finish(exit_code)

    def feed(self, data: bytes, end: bool = False) -> None:
        """Nobody reads it any more."""

    def kill(self) -> None:
        """It has ended."""


class Translated(Program):
    """A program whose exit code a shell turns into another one."""

    def __init__(self, program: Program, exit_code: Callable[[int], int]) -> None:
        super().__init__()
        self._program = program
        self._translate = exit_code

    def feed(self, data: bytes, end: bool = False) -> None:
        self._program.feed(data, end)

    def kill(self) -> None:
        self._program.kill()

    def read(self, limit: int, timeout: float | None) -> Output | None:
        return self._translated(self._program.read(limit, timeout))

    def complete(self, timeout: float | None = None) -> Output | None:
        return self._translated(self._program.complete(timeout))

    @property
    def ended(self) -> bool:
        return self._program.ended

    def _translated(self, output: Output | None) -> Output | None:
        if output is None or output.exit_code is None:
            return output
        return Output(output.stdout, output.stderr, self._translate(output.exit_code))


class RealProgram(Program):
    """A real process with pipes for stdin, stdout and stderr and a process group of its own; one thread moves all its bytes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__()
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a real program needs pipes for stdin, stdout and stderr")
        self.process = process
        self._pending = bytearray()
        self._stdin_ended = False
        self._stdin_lock = threading.Lock()
        self._wake_reader, self._wake_writer = os.pipe()
        _RUNNING.add(self)
        threading.Thread(target=self._pump, name=f"program {process.pid}", daemon=True).start()

    def feed(self, data: bytes, end: bool = False) -> None:
        with self._stdin_lock:
            self._pending += data
            self._stdin_ended = self._stdin_ended or end
            if self._wake_writer >= 0:
                os.write(self._wake_writer, b"x")

    def kill(self) -> None:
        if self.process.poll() is None:
            kill_process_group(self.process)

    def _pump(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            os.set_blocking(stream.fileno(), False)  # type: ignore[union-attr]
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ, self._woken)
            selector.register(self.process.stdout, selectors.EVENT_READ, self.put_stdout)  # type: ignore[arg-type]
            selector.register(self.process.stderr, selectors.EVENT_READ, self.put_stderr)  # type: ignore[arg-type]
            self._move_bytes(selector)
        self._close()
        self.finish(self.exit_code_of(self.process.wait()))

    def exit_code_of(self, returncode: int) -> int:
        """Called when all output has been taken over and before the end is told; may add output."""
        return shell_exit_code(returncode)

    def _move_bytes(self, selector: selectors.BaseSelector) -> None:
        open_outputs, quiet_since_exit = 2, 0.0
        while open_outputs:
            events = selector.select(GRACE_FOR_GRANDCHILDREN)
            if not events and self.process.poll() is not None:
                # A grandchild keeps the pipes open although the program has ended.
                quiet_since_exit = quiet_since_exit or time.monotonic()
                if time.monotonic() - quiet_since_exit >= GRACE_FOR_GRANDCHILDREN:
                    return
            for key, _mask in events:
                if key.data is None:
                    self._write_stdin(selector)
                elif key.data == self._woken:
                    self._woken(selector)
                else:
                    open_outputs -= _forward(selector, key)

    def _woken(self, selector: selectors.BaseSelector) -> None:
        os.read(self._wake_reader, READ_SIZE)
        stdin = self.process.stdin
        if stdin is not None and not stdin.closed and stdin not in {key.fileobj for key in selector.get_map().values()}:
            selector.register(stdin, selectors.EVENT_WRITE, None)

    def _write_stdin(self, selector: selectors.BaseSelector) -> None:
        stdin = self.process.stdin
        if stdin is None or stdin.closed:
            return
        with self._stdin_lock:
            try:
                if self._pending:
                    del self._pending[: os.write(stdin.fileno(), self._pending[:READ_SIZE])]
            except BlockingIOError:
                return
            except BrokenPipeError:
                self._pending.clear()
                self._stdin_ended = True
            if not self._pending:
                selector.unregister(stdin)
                if self._stdin_ended:
                    stdin.close()

    def _close(self) -> None:
        with self._stdin_lock:
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream is not None and not stream.closed:
                    stream.close()
            for descriptor in (self._wake_reader, self._wake_writer):
                os.close(descriptor)
            self._wake_writer = -1


_RUNNING: weakref.WeakSet[RealProgram] = weakref.WeakSet()


def _forward(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> int:
    """Move one piece of output; 1 when the stream ended."""
    try:
        piece = os.read(key.fd, READ_SIZE)
    except BlockingIOError:
        return 0
    if piece:
        key.data(piece)
        return 0
    selector.unregister(key.fileobj)
    return 1


def kill_process_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started; either may be gone already."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def kill_everything() -> None:
    """The reaper's part: no real program outlives the simulator."""
    for program in list(_RUNNING):
        program.kill()


def shell_exit_code(returncode: int) -> int:
    """A death by signal as a shell reports it."""
    return returncode if returncode >= 0 else 128 - returncode
