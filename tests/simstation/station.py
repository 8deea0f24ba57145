# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated workstation: its state document, its private directory, its clock and its log of what it did not know."""

from __future__ import annotations

import datetime
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

DEFAULT_TIME_SCALE = 0.05


class UnknownRequest(Exception):
    """The station was asked for something it does not imitate; never answered with a success."""


class Station:
    """What all parts of the simulator share about one workstation.

    The state document (`state`) is plain JSON. Who changes it does so inside `changed()`; who only looks may hold `lock`.
    Nobody sleeps, serves or waits for a program while holding the lock.
    """

    def __init__(self, name: str, state: dict[str, Any], root: Path, *, time_scale: float = DEFAULT_TIME_SCALE, error_log: Path | None = None) -> None:
        self.name = name
        self.state = state
        self.root = Path(root)
        self.time_scale = time_scale
        self.lock = threading.RLock()
        self.errors: list[dict[str, str]] = []
        self.revision = 0
        # What a part remembers of this station in memory only: not state of the workstation, gone when the simulator ends.
        self.transient: dict[str, Any] = {}
        self.power_listeners: list[Callable[[bool], None]] = []
        self._error_log = error_log
        self._closing = threading.Event()
        self.root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def changed(self) -> Iterator[dict[str, Any]]:
        """Hold the lock while the document changes; gives the document."""
        with self.lock:
            try:
                yield self.state
            finally:
                self.revision += 1

    def unknown(self, what: str, detail: str = "") -> NoReturn:
        """Write down that this was asked and is not imitated, and refuse."""
        self.record_error(what, detail)
        raise UnknownRequest(f"not simulated: {what}" + (f": {detail}" if detail else ""))

    def record_error(self, what: str, detail: str = "") -> None:
        entry = {"at": timestamp(self.now()), "station": self.name, "what": what, "detail": detail}
        with self.lock:
            self.errors.append(entry)
            if self._error_log is not None:
                with self._error_log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(entry) + "\n")

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def pause(self, seconds: float) -> bool:
        """Let the time pass that the real thing would take, scaled; False when the station is being closed meanwhile."""
        return not self._closing.wait(seconds * self.time_scale)

    def power(self, on: bool) -> None:
        """The machine goes down (False) or is up again (True): tell who serves its port."""
        for listener in self.power_listeners:
            listener(on)

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def close(self) -> None:
        """End all pauses; timers and servers of the other parts look at `closing`."""
        self._closing.set()

    def snapshot(self) -> str:
        """The document as canonical JSON text: equal texts, equal stations."""
        with self.lock:
            return json.dumps(self.state, indent=1, sort_keys=True, ensure_ascii=False)

    def save(self, path: Path) -> None:
        """Write the document so that it is old or new, never half."""
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        temporary.write_text(self.snapshot(), encoding="utf-8")
        temporary.replace(path)


def timestamp(moment: datetime.datetime) -> str:
    """ISO 8601 in UTC with microseconds, the form used throughout the document."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime.datetime:
    """The inverse of `timestamp`."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.UTC)
