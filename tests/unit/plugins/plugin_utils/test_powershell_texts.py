# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to stand in the product's PowerShell for reasons that no syntax tree knows. tests/powershell checks the rest, and runs it."""

from __future__ import annotations

import re

import pytest

from tests.unit.recorded import FIXTURES

POWERSHELL = FIXTURES.parents[2] / "plugins/plugin_utils/powershell"


def test_every_verb_has_its_function() -> None:
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    verbs = re.findall(r"^ +'(\w+)' \{ (?:, \()?(Invoke-\w+)", text, re.MULTILINE)
    assert {verb for verb, _function in verbs} == {"shell", "environment", "registry", "file", "cim", "native", "write_file", "in_session", "register_task"}
    assert all(f"function {function}" in text for _verb, function in verbs)


def test_session_task_runs_on_battery_and_is_always_removed() -> None:
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    assert "-AllowStartIfOnBatteries -DontStopIfGoingOnBatteries" in text
    session = text[text.index("function Invoke-InSession") :]
    assert session.index("} finally {") < session.index("Unregister-ScheduledTask")


def test_everything_started_in_the_session_has_normal_priority() -> None:
    # learn.microsoft.com, TaskSettings.Priority: the default 7 is BELOW_NORMAL_PRIORITY_CLASS, 4 is NORMAL_PRIORITY_CLASS; children inherit it.
    settings = re.search(r"New-ScheduledTaskSettingsSet ([^\n]*)", (POWERSHELL / "workstation.ps1").read_text(encoding="ascii"))
    assert settings is not None
    assert "-Priority 4" in settings.group(1)


@pytest.mark.parametrize("cmdlet", ["Register-ScheduledTask", "Start-ScheduledTask", "Get-ScheduledTaskInfo"])
def test_failures_of_module_functions_are_not_passed_over(cmdlet: str) -> None:
    # about_Preference_Variables: functions of a module do not inherit $ErrorActionPreference of a caller that is not the global scope (win_powershell).
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    calls = [line for line in text.splitlines() if re.search(rf"(?<![\w-]){cmdlet} -", line)]
    assert calls
    assert all("-ErrorAction Stop" in line for line in calls)


def test_a_task_that_was_refused_has_not_begun() -> None:
    # learn.microsoft.com, "Task Scheduler error and success constants": only RUNNING (267009) and exit codes of programs mean that it began.
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    begun = re.search(r"\$result -eq (\d+) -or \(\$result -ge 0 -and \$result -lt (\d+)\)", text)
    assert begun is not None
    running, limit = (int(number) for number in begun.groups())
    assert running == 0x41301
    assert all(code >= limit for code in (0x41300, 0x41303, 0x41325, 0x800710E0, 0x800704DD))


def test_a_file_whose_replacement_failed_half_way_is_put_back() -> None:
    # spikes/powershell: "in the rare error 1177 the old file stays under its backup name: look there and put it back".
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    write = text[text.index("function Invoke-WriteFile") : text.index("# --- the session")]
    cleaning = write[write.index("} finally {\n") :]
    assert cleaning.index("[IO.File]::Move($backup, $path)") < cleaning.index("[IO.File]::Delete($temporary)")
