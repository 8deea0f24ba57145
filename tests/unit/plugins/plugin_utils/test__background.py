# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of minutes as Ansible's jobs: polled to their end, over lost connections, with a limit."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.gpudev.workstation.plugins.plugin_utils import _background
from ansible_collections.gpudev.workstation.plugins.plugin_utils._background import Limit, NoEnd, run_as_job
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, WorkstationError, native

STARTED = {"started": True, "finished": False, "ansible_job_id": "j1.4", "results_file": "C:\\Users\\dev\\.ansible_async\\j1.4"}
RUNNING = {"started": True, "finished": False}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_background, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(_background, "SECONDS_FOR_THE_WATCHDOG", 0)


def action(*answers: Any) -> tuple[MagicMock, list[tuple[str, int, Any]]]:
    """An action whose modules answer one after the other; what was called, with the limit that Ansible saw."""
    made, called, left = MagicMock(), [], list(answers)
    made._task.async_val = 0

    def execute(module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        called.append((module_name.rpartition(".")[2], made._task.async_val, module_args.get("mode")))
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made._execute_module = execute
    return made, called


def test_only_the_module_becomes_a_job_and_its_file_is_removed() -> None:
    made, called = action(STARTED, RUNNING, {"finished": True, "rc": 0}, {})
    told: list[float] = []
    ended = run_as_job(made, {}, "ansible.windows.win_package", {"path": "x"}, Limit(60), lambda _seen, left: told.append(left))
    assert ended == {"finished": True, "rc": 0}
    assert called == [("win_package", 60, None), ("async_status", 0, "status"), ("async_status", 0, "status"), ("async_status", 0, "cleanup")]
    assert len(told) == 1


def test_a_lost_connection_does_not_end_it() -> None:
    made, _called = action(STARTED, AnsibleConnectionFailure("reset by peer"), {"finished": True, "rc": 0}, {})
    assert run_as_job(made, {}, "ansible.windows.win_package", {}, Limit(60), lambda _seen, _left: None)["rc"] == 0


def test_a_module_that_never_started_is_its_own_answer() -> None:
    made, called = action({"failed": True, "msg": "no"})
    assert run_as_job(made, {}, "ansible.windows.win_package", {}, Limit(60), lambda _seen, _left: None) == {"failed": True, "msg": "no"}
    assert made._task.async_val == 0
    assert len(called) == 1


def test_one_that_is_never_heard_of_again_has_a_limit() -> None:
    made, _called = action(STARTED, AnsibleConnectionFailure("no route"), AnsibleConnectionFailure("no route"))
    with pytest.raises(NoEnd, match="no end within 0 s the connection was lost: no route"):
        run_as_job(made, {}, "ansible.windows.win_package", {}, Limit(0), lambda _seen, _left: None)


def test_a_job_of_the_language_that_ran_out_of_time_says_so() -> None:
    made, _called = action(STARTED, {"finished": True, "failed": True, "msg": "timed out waiting for module completion"}, {})
    with pytest.raises(WorkstationError, match="timed out waiting for module completion"):
        Workstation(made, {}).ask_in_background([native("x.exe")], 60, lambda _seen, _left: None)
