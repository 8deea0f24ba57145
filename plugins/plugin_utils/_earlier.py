# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation goes on when its controller is killed: the next run finds it by its process and follows it instead of starting a second one.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import ntpath

from ansible_collections.gpudev.workstation.plugins.module_utils._language import cim
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import WindowsAction
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, WorkstationError

POLL_SECONDS = 5.0


def follow_earlier(action: WindowsAction, station: Workstation, subject: str, program: str, words: str, seconds: int) -> bool:
    """Was there a `program` with these words on its command line? Then it has ended now, and what it led to has to be looked at."""
    name = ntpath.basename(program)
    quoted = name.replace("'", "\\'")
    question = cim("Win32_Process", ("CommandLine",), filter=f"Name='{quoted}'")

    def runs() -> bool:
        rows = station.ask([question])[0].rows()
        return any(words.casefold() in str(row.get("CommandLine") or "").casefold() for row in rows)

    if not runs():
        return False
    tell = action.awaiting(subject, f"{name}, which an earlier run has started", seconds)
    try:
        wait_until(name, runs, lambda still: not still, seconds, every=POLL_SECONDS, on_look=tell)
    except DeadlinePassed as late:
        raise WorkstationError(f"{late}; it runs since before this run. Look at it on the workstation, end it, and run again.") from late
    return True
