# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that waits: look, and look again, until there is an answer or the deadline has passed.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import threading
import time
import typing as t

Answer = t.TypeVar("Answer")


class DeadlinePassed(Exception):
    """Nothing satisfying was seen in time; `last` is what the last look gave."""

    def __init__(self, awaited: str, seconds: float, last: t.Any) -> None:
        super().__init__(f"{awaited}: not within {seconds:.0f} s")
        self.awaited = awaited
        self.seconds = seconds
        self.last = last


def wait_until(
    awaited: str,
    look: t.Callable[[], Answer],
    satisfied: t.Callable[[Answer], bool],
    seconds: float,
    every: float = 1.0,
    on_look: t.Callable[[Answer, float], None] | None = None,
) -> Answer:
    """The first satisfying answer of `look`; raises DeadlinePassed. `on_look` hears each answer and the seconds left, for progress.

    A look happens at once and one last time at the deadline, so that 0 seconds means: only look.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        answer = look()
        if satisfied(answer):
            return answer
        left = deadline - time.monotonic()
        if on_look is not None:
            on_look(answer, max(0.0, left))
        if left <= 0:
            raise DeadlinePassed(awaited, seconds, answer)
        pause.wait(min(every, left))
