# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled tasks that `in_session` made and could not remove, because its shell was killed: found by their name, removed when they are old.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, file, native, registry, shell

# The task scheduler's list of the tasks in its root folder; each of them is a file of its name as well.
TREE = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree"
FILES = "%SystemRoot%\\System32\\Tasks"
OURS = re.compile(r"^gpudev-[0-9a-f]{32}$")
# Far beyond the time limit of any of them: one that is younger may belong to another run.
HOURS_TO_BE_LEFT_OVER = 1


def questions() -> t.Dict[str, Item]:
    return {"scheduled_tasks": registry(TREE, subkeys=True)}


def ours(seen: t.Mapping[str, Answer]) -> t.List[str]:
    """Names of tasks like those of `in_session`; nothing where the list may not be read."""
    return sorted(name for name in seen["scheduled_tasks"].subkeys() if OURS.match(name))


def age_questions(names: t.Sequence[str]) -> t.List[Item]:
    """What time it is there, and when each task was made."""
    return [shell(), *(file(f"{FILES}\\{name}", max_bytes=0) for name in names)]


def left_over(names: t.Sequence[str], answers: t.Sequence[Answer]) -> t.List[str]:
    """Those that are old enough; times are ISO 8601 in UTC, so their text compares like they do."""
    now = str((answers[0].value or {}).get("now") or "")
    limit = _hours_before(now, HOURS_TO_BE_LEFT_OVER)
    made = {name: str((answer.value or {}).get("written") or "") for name, answer in zip(names, answers[1:])}
    return [name for name in names if limit and made[name] and made[name] < limit]


def removals(names: t.Sequence[str]) -> t.List[Item]:
    return [native("%SystemRoot%\\System32\\schtasks.exe", ("/delete", "/tn", name, "/f")) for name in names]


def _hours_before(moment: str, hours: int) -> str:
    try:
        then = datetime.datetime.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return ""
    return (then - datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S")
