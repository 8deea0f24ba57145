# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program and say exactly what came back; the one seam between logic and the operating system.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Completed:
    """What one run of a program gave back. `rc` is None when it was killed at its deadline or could not be started."""

    argv: tuple[str, ...]
    rc: int | None
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False
    missing: bool = False

    @property
    def ok(self) -> bool:
        return self.rc == 0

    @property
    def output(self) -> str:
        """Everything that was printed: real programs put their errors on either stream."""
        return "\n".join(part for part in (self.stderr.strip(), self.stdout.strip()) if part)

    def told(self) -> str:
        """For messages: what was tried and what came back."""
        command = " ".join(self.argv)
        if self.missing:
            return f"{command}: no such program"
        if self.timed_out:
            return f"{command}: no end after {self.seconds:.0f} s, killed; so far: {self.output or 'nothing'}"
        return f"{command}: exit code {self.rc}: {self.output or 'no output'}"


class Runner(t.Protocol):
    """Runs an argument list, never a shell string."""

    def run(
        self,
        argv: t.Sequence[str],
        stdin: str | None = None,
        env: t.Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_line: t.Callable[[str], None] | None = None,
    ) -> Completed: ...


class LocalRunner:
    """Programs of the machine this code runs on, in their own process group so that a deadline really ends them."""

    def __init__(self, env: t.Mapping[str, str] | None = None) -> None:
        # Messages are matched by text: ask for the untranslated ones.
        self.env = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "C", **(env or {})}

    def run(
        self,
        argv: t.Sequence[str],
        stdin: str | None = None,
        env: t.Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_line: t.Callable[[str], None] | None = None,
    ) -> Completed:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self.env, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            return Completed(tuple(argv), None, "", str(error), time.monotonic() - started, missing=isinstance(error, FileNotFoundError))
        stdout, stderr, timed_out = _communicate(process, stdin, timeout, on_line)
        return Completed(tuple(argv), None if timed_out else process.returncode, stdout, stderr, time.monotonic() - started, timed_out)


# How long the streams of a killed program may stay open: a program that left its group may hold them for ever.
KILLED_SECONDS = 2.0


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it started; it may be gone already."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _communicate(process: subprocess.Popen[bytes], stdin: str | None, timeout: float | None, on_line: t.Callable[[str], None] | None) -> tuple[str, str, bool]:
    """Both streams in full; lines of stdout are handed to `on_line` as they come. True when the deadline passed and the group was killed."""
    if on_line is None:
        try:
            out, err = process.communicate(None if stdin is None else stdin.encode("utf-8"), timeout)
            return _text(out), _text(err), False
        except subprocess.TimeoutExpired:
            kill_group(process)
            out, err = _what_is_left(process)
            return _text(out), _text(err), True
    if stdin is not None:
        raise ValueError("a program that is watched line by line gets no stdin")
    return _watch(process, timeout, on_line)


def _what_is_left(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a killed program had printed; its streams are not waited for longer than KILLED_SECONDS."""
    try:
        out, err = process.communicate(timeout=KILLED_SECONDS)
        return out, err
    except subprocess.TimeoutExpired as late:
        _close([stream for stream in (process.stdout, process.stderr) if stream is not None])
        _reap(process)
        return late.stdout or b"", late.stderr or b""


def _close(streams: t.Iterable[t.Any]) -> None:
    for stream in streams:
        stream.close()


def _reap(process: subprocess.Popen[bytes]) -> None:
    """A killed program that hangs in the kernel ends when it can; nobody waits for it."""
    try:
        process.wait(KILLED_SECONDS)
    except subprocess.TimeoutExpired:
        pass


class _Lines:
    """Hands on whole lines as they come, and at the end what has no line end."""

    def __init__(self, on_line: t.Callable[[str], None]) -> None:
        self.on_line = on_line
        self.pending = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self.pending = (self.pending + chunk).split(b"\n")
        for line in lines:
            self.on_line(_text(line))

    def end(self) -> None:
        if self.pending:
            self.on_line(_text(self.pending))


def _watch(process: subprocess.Popen[bytes], timeout: float | None, on_line: t.Callable[[str], None]) -> tuple[str, str, bool]:
    if process.stdout is None or process.stderr is None:
        raise ValueError("the streams of a watched program are pipes")
    collected: dict[t.Any, list[bytes]] = {process.stdout: [], process.stderr: []}
    lines = _Lines(on_line)

    def hear(stream: t.Any, chunk: bytes) -> None:
        collected[stream].append(chunk)
        if stream is process.stdout:
            lines.feed(chunk)

    timed_out = _gather(process, list(collected), timeout, hear)
    if timed_out:
        _reap(process)
    else:
        process.wait()
    lines.end()
    return _text(b"".join(collected[process.stdout])), _text(b"".join(collected[process.stderr])), timed_out


def _gather(process: subprocess.Popen[bytes], streams: list[t.Any], timeout: float | None, hear: t.Callable[[t.Any, bytes], None]) -> bool:
    """Hand over what comes on the streams until they end; True when the deadline passed and the group was killed."""
    deadline, timed_out = None if timeout is None else time.monotonic() + timeout, False
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            if deadline is not None and time.monotonic() >= deadline:
                if timed_out:
                    break
                timed_out, deadline = True, time.monotonic() + KILLED_SECONDS
                kill_group(process)
            for key, _events in selector.select(None if deadline is None else max(0.0, deadline - time.monotonic())):
                chunk = os.read(key.fd, 65536)
                if chunk:
                    hear(key.fileobj, chunk)
                    continue
                selector.unregister(key.fileobj)
                _close([key.fileobj])
        _close([registered.fileobj for registered in selector.get_map().values()])
    return timed_out


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
