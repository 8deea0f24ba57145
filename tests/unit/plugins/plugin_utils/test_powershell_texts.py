# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two PowerShell texts as texts: nothing in them that Windows PowerShell 5.1 does not know. No PowerShell runs here."""

from __future__ import annotations

import re

import pytest

from tests.unit.recorded import FIXTURES

POWERSHELL = FIXTURES.parents[2] / "plugins/plugin_utils/powershell"
TEXTS = ["bootstrap.ps1", "workstation.ps1"]
# Of PowerShell 6 and 7 only (spikes/powershell: "Known differences of Windows PowerShell 5.1").
NEWER = [r"\?\?", r"&&", r"\|\|", r"-AsHashtable", r"-Parallel", r"\s\?\s[^{]*\s:\s", r"\?\.", r"ConvertFrom-Json[^\n]*-Depth", r"Get-Content", r"2>&1"]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("pattern", NEWER)
def test_syntax_of_5_1(name: str, pattern: str) -> None:
    code = "\n".join(line for line in (POWERSHELL / name).read_text(encoding="ascii").splitlines() if not line.lstrip().startswith("#"))
    assert not re.search(pattern, code)


@pytest.mark.parametrize("name", TEXTS)
def test_brackets_close(name: str) -> None:
    quoted = r"""@'[\s\S]*?\n'@|"(?:`.|[^"`])*"|'(?:''|[^'])*'|#[^\n]*"""
    code = re.sub(quoted, "", (POWERSHELL / name).read_text(encoding="ascii"))
    for opening, closing in ("()", "{}", "[]"):
        assert code.count(opening) == code.count(closing)


def test_every_verb_has_its_function() -> None:
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    verbs = re.findall(r"^ +'(\w+)' \{ (?:, \()?(Invoke-\w+)", text, re.MULTILINE)
    assert {verb for verb, _function in verbs} == {"shell", "environment", "registry", "file", "cim", "native", "write_file", "in_session"}
    assert all(f"function {function}" in text for _verb, function in verbs)


def test_session_task_runs_on_battery_and_is_always_removed() -> None:
    text = (POWERSHELL / "workstation.ps1").read_text(encoding="ascii")
    assert "-AllowStartIfOnBatteries -DontStopIfGoingOnBatteries" in text
    session = text[text.index("function Invoke-InSession") :]
    assert session.index("} finally {") < session.index("Unregister-ScheduledTask")
