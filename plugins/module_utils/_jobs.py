# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that outlives the module that started it: one background job per subject, with progress lines that others can follow.

A job is a forked child in a session of its own. It holds a lock on its directory as long as it lives, whoever started it may be killed:
the next run finds the lock, and follows the same job to its end.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import traceback
import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

Tell = t.Callable[[str], None]
Work = t.Callable[[Tell], t.Dict[str, t.Any]]

_RECORD, _PROGRESS, _RESULT, _LOCK = "job.json", "progress.jsonl", "result.json", "lock"


@dataclass(frozen=True)
class View:
    """What is known of a job: its new lines, and its result once it has ended. Neither running nor a result: it was killed."""

    job: str
    running: bool
    lines: tuple[dict[str, t.Any], ...]
    offset: int
    started: float
    deadline: float
    result: dict[str, t.Any] | None = None

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "id": self.job,
            "running": self.running,
            "lines": list(self.lines),
            "offset": self.offset,
            "elapsed": round(max(0.0, time.time() - self.started), 1),
            "deadline": round(self.deadline - self.started, 1),
            "result": self.result,
        }


def directory(subject: str) -> str:
    """Where the job of this subject is kept: the user's own cache, because what it works on is the user's own too."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "gpudev.workstation", "jobs", subject)


def start(where: str, work: Work, seconds: float) -> View | None:
    """Begin the work in the background; None when a job of this subject is at work already."""
    os.makedirs(where, mode=0o700, exist_ok=True)
    lock = os.open(os.path.join(where, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _lock_for_long(lock):
            return None
        job = uuid.uuid4().hex
        record: dict[str, t.Any] = {"id": job, "started": time.time(), "deadline": time.time() + seconds}
        for stale in (_PROGRESS, _RESULT):
            _remove(os.path.join(where, stale))
        _write(os.path.join(where, _RECORD), record)
        # What is buffered now would otherwise be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _detach(where, record, work)
        os.waitpid(child, 0)
    finally:
        # The child has the same open file: the lock stays as long as it lives.
        os.close(lock)
    return look(where, job, 0)


def _lock_for_long(descriptor: int) -> bool:
    """A look holds the lock for a moment; a job holds it for minutes."""
    try:
        return wait_until("lock", lambda: _locked(descriptor), bool, 1.0, every=0.05)
    except DeadlinePassed:
        return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _detach(where: str, record: t.Mapping[str, t.Any], work: Work) -> t.NoReturn:
    """In the child: leave session and streams behind, so that neither a hang-up nor an open pipe ties the job to its starter."""
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.chdir("/")
    result: dict[str, t.Any] = {"failed": True, "changed": True, "msg": "the job ended without a result"}
    try:
        with open(os.path.join(where, _PROGRESS), "a", encoding="utf-8") as progress:

            def tell(text: str) -> None:
                progress.write(json.dumps({"at": round(time.time() - record["started"], 1), "text": text}) + "\n")
                progress.flush()

            result = work(tell)
    finally:
        # Whatever went wrong must reach the one who follows: nobody else reads this process's traceback.
        error = sys.exc_info()[1]
        if error is not None:
            result = {**result, "msg": f"the job failed: {error}", "exception": traceback.format_exc()}
        try:
            _write(os.path.join(where, _RESULT), {"id": record["id"], "result": result})
        finally:
            # Also when the disk is full: this process must never return into the module that it was forked from.
            os._exit(0)


def current(where: str) -> View | None:
    """The job of this subject that is at work now, whoever started it."""
    record = _read(os.path.join(where, _RECORD))
    if not record or not _at_work(where):
        return None
    return look(where, record["id"], 0)


def look(where: str, job: str, offset: int) -> View:
    """The lines from `offset` on, and the result if there is one. A job that was followed by another one has ended without a word."""
    record = _read(os.path.join(where, _RECORD))
    if not record or record.get("id") != job:
        return View(job, False, (), offset, time.time(), time.time())
    # In this order: a job that ends in between is then seen as running once more, never as killed.
    running = _at_work(where)
    kept = _read(os.path.join(where, _RESULT))
    result = kept["result"] if kept and kept.get("id") == job else None
    lines, end = _lines(os.path.join(where, _PROGRESS), offset)
    return View(job, running and result is None, tuple(lines), end, record["started"], record["deadline"], result)


def follow(where: str, job: str, offset: int, seconds: float) -> View:
    """`look`, but wait up to `seconds` for something new to tell."""
    try:
        return wait_until("progress", lambda: look(where, job, offset), lambda seen: bool(seen.lines) or not seen.running, seconds, every=0.25)
    except DeadlinePassed as passed:
        return t.cast(View, passed.last)


def _at_work(where: str) -> bool:
    try:
        descriptor = os.open(os.path.join(where, _LOCK), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def _lines(path: str, offset: int) -> tuple[list[dict[str, t.Any]], int]:
    """Whole lines only; the job may be in the middle of one."""
    try:
        with open(path, "rb") as progress:
            progress.seek(offset)
            data = progress.read()
    except FileNotFoundError:
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def _write(path: str, content: t.Mapping[str, t.Any]) -> None:
    """A reader sees the old file or the new one, never half of it."""
    part = f"{path}.{os.getpid()}"
    with open(part, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
    os.replace(part, path)


def _read(path: str) -> dict[str, t.Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
