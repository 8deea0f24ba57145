# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step of minutes as one of Ansible's own jobs on the workstation: it outlives a lost connection and is polled to its end.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import ntpath
import typing as t
from dataclasses import dataclass

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

Result = dict[str, t.Any]
Tell = t.Callable[[t.Any, float], None]

POLL_SECONDS = 5.0
# Ansible's watchdog ends the job at its limit and writes that down; this long it may take to be seen.
SECONDS_FOR_THE_WATCHDOG = 30


@dataclass(frozen=True)
class Limit:
    """How long a job may take, and how often it is asked for."""

    seconds: int
    every: float = POLL_SECONDS


class NoEnd(Exception):
    """Nothing was heard of the end of a job."""


def run_as_job(action: ActionBase, task_vars: t.Mapping[str, t.Any], module: str, arguments: Result, limit: Limit, tell: Tell) -> Result:
    """The result of the module; `tell` hears each poll with the seconds left."""

    def execute(name: str, given: Result) -> Result:
        answer: Result = action._execute_module(module_name=name, module_args=given, task_vars=dict(task_vars))
        return answer

    # Ansible wraps whatever a task with a limit runs; the task itself has none, so that only this module becomes a job.
    action._task.async_val = limit.seconds
    try:
        started = execute(module, arguments)
    finally:
        action._task.async_val = 0
    if started.get("failed") or "ansible_job_id" not in started:
        return started
    job = {"jid": started["ansible_job_id"], "_async_dir": ntpath.dirname(started["results_file"])}

    def look() -> Result:
        try:
            return execute("ansible.windows.async_status", {**job, "mode": "status"})
        except AnsibleConnectionFailure as lost:
            return {"finished": False, "msg": f"the connection was lost: {lost}"}

    try:
        ended = wait_until(module, look, lambda seen: bool(seen.get("finished")), limit.seconds + SECONDS_FOR_THE_WATCHDOG, every=limit.every, on_look=tell)
    except DeadlinePassed as late:
        raise NoEnd(f"no end within {late.seconds:.0f} s {late.last.get('msg', '')}".strip()) from late
    execute("ansible.windows.async_status", {**job, "mode": "cleanup"})
    return ended
