# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module whose long work goes into a background job on the target, and show the job's steps.

A module cannot print while it runs, and a first start or a build takes minutes.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# How long after its own deadline a job may still say nothing.
GRACE_SECONDS = 120.0

display = Display()


class FollowedJobAction(ActionBase):
    """For modules with the options `background`, `job` and `job_offset` (see module_utils/_jobs.py)."""

    module_name = ""
    _host = ""

    def _converge(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """A job that was killed, or that another run had begun, is followed by a look of our own; a second such job is not."""
        self._host = str(task_vars.get("inventory_hostname", ""))
        changed = False
        for _attempt in range(3):
            answer = self._module({"background": True}, task_vars)
            job = answer.pop("job", None)
            attached = answer.pop("attached", False)
            if job is None:
                answer["changed"] = bool(answer.get("changed")) or changed
                return answer
            changed = True
            done = self._follow(job, task_vars)
            if done is not None and not attached:
                return done
            why = "the job was killed" if done is None else "the job of the earlier run has ended"
            self._show(f"{why}, looking again")
        raise AnsibleActionFail("The background job on the target was killed each time. Look for what ends processes there, such as a WSL that shuts down.")

    def _follow(self, job: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any] | None:
        """The job's result; None when it ended without one."""
        while True:
            for line in job["lines"]:
                self._show(f"{line['text']} ({line['at']:.0f} s, at most {job['deadline']:.0f} s)")
            if not job["running"]:
                return t.cast("dict[str, t.Any] | None", job["result"])
            if job["elapsed"] > job["deadline"] + GRACE_SECONDS:
                raise AnsibleActionFail(f"The background job is still running {job['elapsed']:.0f} s after its start, {job['deadline']:.0f} s were allowed.")
            polled = self._module({"job": job["id"], "job_offset": job["offset"]}, task_vars)
            if "job" not in polled:
                raise AnsibleActionFail(f"The background job could not be followed: {polled.get('msg', polled)}")
            job = polled["job"]

    def _module(self, extra: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self._execute_module(module_name=self.module_name, module_args={**self._task.args, **extra}, task_vars=task_vars))

    def _show(self, text: str) -> None:
        display.display(f"{self._host}: {text}" if self._host else text)
