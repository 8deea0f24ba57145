# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every PowerShell text of the repository parses, keeps to 5.1 and to what PSScriptAnalyzer asks for; and the checker that says so can say no."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("tree_sitter_powershell", reason="the package tree-sitter-powershell is not installed (make setup-test installs it)")

from tests.powershell.checker import PARSER, constructs, here_strings, problems, syntax

REPOSITORY = Path(__file__).parents[2]
# What acts on a user's machine. The look-alike only ever meets the PowerShell of the tests.
PRODUCT = sorted([*(REPOSITORY / "plugins").rglob("*.ps1"), *(REPOSITORY / "playbooks").rglob("*.ps1"), *(REPOSITORY / "roles").rglob("*.ps1")])
LOOKALIKE = sorted((REPOSITORY / "tests" / "powershell" / "lookalike").glob("*.ps*1"))
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")), *sorted((REPOSITORY / "roles").glob("*/README.md"))]


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def told(text: str) -> list[str]:
    return [str(problem) for problem in problems(text)]


def embedded() -> list[tuple[str, str]]:
    """PowerShell within PowerShell, and in the pages that users read."""
    found = [(f"{name(path)}, here-string {number}", text) for path in PRODUCT for number, text in enumerate(here_strings(path.read_text(encoding="utf-8")))]
    for page in PAGES:
        blocks = re.findall(r"^```powershell\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        found += [(f"{name(page)}, block {number}", block) for number, block in enumerate(blocks)]
    return found


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_product_text_has_no_problem(path: Path) -> None:
    assert told(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", [text for _where, text in embedded()], ids=[where for where, _text in embedded()])
def test_embedded_text_parses(text: str) -> None:
    assert [str(problem) for problem in syntax(PARSER.parse(text.encode()).root_node)] == []


@pytest.mark.parametrize("path", LOOKALIKE, ids=name)
def test_lookalike_parses(path: Path) -> None:
    assert [str(problem) for problem in syntax(PARSER.parse(path.read_bytes()).root_node)] == []


def test_every_text_is_looked_at() -> None:
    assert {"bootstrap.ps1", "workstation.ps1", "Enable-GpuWorkstationRemoting.ps1"} <= {path.name for path in PRODUCT}
    assert any("workstation.ps1" in where for where, _text in embedded())
    assert LOOKALIKE


def test_no_role_carries_powershell_of_its_own() -> None:
    """What acts on a host is the language; a `win_shell` or `win_powershell` task would be PowerShell that nothing here looks at."""
    tasks = [path for folder in ("roles", "playbooks") for path in (REPOSITORY / folder).rglob("*.yml")]
    assert tasks
    assert [name(path) for path in tasks if re.search(r"\bwin_(shell|powershell|command)\s*:", path.read_text(encoding="utf-8"))] == []


def test_what_goes_beyond_the_recordings_is_listed() -> None:
    """docs/architecture.md names each command with its parameters, type and static member that no recording stands behind."""
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page[page.index("Beyond the recorded constructs") : page.index("`tests/powershell` keeps them honest")]
    texts = [path.read_text(encoding="utf-8") for path in PRODUCT if path.parent.name == "powershell"]
    used = {name for text in texts for part in (text, *here_strings(text)) for name in constructs(part)}
    recorded = (REPOSITORY / "tests/simstation/recordings/powershell/constructs.txt").read_text(encoding="utf-8").split("\n")
    assert {name for name in used - set(recorded) if not is_named(name, section)} == set()
    assert all(not re.search(rf"{re.escape(name)}\b", section) for name in ("Get-Item", "ConvertTo-Json", "[IO.File]::Replace"))


def is_named(construct: str, section: str) -> bool:
    """`New-Thing -A` by ``New-Thing … -A …`` between two backticks, a type by one of its members."""
    command, _blank, parameter = construct.partition(" ")
    quoted = re.findall(r"`([^`]+)`", section)
    return any(words.startswith(command.rstrip("]")) and (not parameter or parameter in words.split()) for words in quoted)


SOUND = [
    "$x = 1; Write-Verbose $x",
    "function Get-Thing($a) { if ($null -eq $a) { return 'none' }; $a }",
    "try { Get-Item -LiteralPath 'C:\\x' } catch { Write-Verbose 'gone' }",
    "[IO.File]::Move('a', 'b')",
    "$stream = New-Object IO.FileStream('a', [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::None)\n$stream",
    "function Get-Thing { [CmdletBinding()]\n param([string]$a)\n [IO.File]::Exists($a) }",
    "$ErrorActionPreference = 'Stop'",
    "$values = @{}; $values.name = 1; $values",
    "$null = [IO.Directory]::CreateDirectory('a')",
    "& ([ScriptBlock]::Create('1')) 2",
    "$name = 'a'; \"$name is\"",
    "$shared = 1\nfunction Get-Shared { $shared }",
    "function Set-Thing { [CmdletBinding(SupportsShouldProcess)]\n param([string]$a)\n if ($PSCmdlet.ShouldProcess($a)) { Start-Service -Name $a } }",
]


@pytest.mark.parametrize("text", SOUND)
def test_sound_text_passes(text: str) -> None:
    assert told(text) == []


WRONG = {
    "if (": "syntax",
    "Get-Item -LiteralPath 'a": "syntax",
    "$x = $a ? 1 : 2": "syntax",
    "$a ?? 1": "syntax",
    "$a ??= 1": "syntax",
    "$a?.b": "syntax",
    "Get-Date && Get-Date": "UseCompatibleSyntax",
    "Get-Date || Get-Date": "UseCompatibleSyntax",
    "function Get-Thing { clean { 1 } }": "UseCompatibleCmdlets",
    "gci": "UseCompatibleCmdlets",
    "1 | % { $_ }": "UseCompatibleCmdlets",
    "1 | Where { $_ }": "UseCompatibleCmdlets",
    "Invoke-Expression 'a'": "UseCompatibleCmdlets",
    "Write-Host 'a'": "UseCompatibleCmdlets",
    "Get-Uptime": "UseCompatibleCmdlets",
    "get-item -LiteralPath a": "UseCompatibleCmdlets",
    "& $a": "AvoidUsingInvokeExpression",
    "'{}' | ConvertFrom-Json -AsHashtable": "UseCompatibleCommands",
    "1 | ForEach-Object -Parallel { $_ }": "UseCompatibleCommands",
    "New-ScheduledTaskAction -Program a": "UseCompatibleCommands",
    "[IO.File]::Move('a', 'b', $true)": "UseCompatibleTypes",
    "[Convert]::ToHexString($b)": "UseCompatibleTypes",
    "[Text.Json.JsonDocument]::Parse('1')": "UseCompatibleTypes",
    "New-Object Net.WebClient": "UseCompatibleTypes",
    "New-Object IO.FileStream('a', [IO.FileMode]::Open)": "UseCompatibleTypes",
    "function Get-Thing($a) { $a -eq $null }": "PossibleIncorrectComparisonWithNull",
    "function Get-Thing($a) { if ($a.b -cne $null) { 1 } }": "PossibleIncorrectComparisonWithNull",
    "function Get-Thing($a) { param($a)\n $a }": "syntax",
    "function Grab-Thing { 1 }": "UseApprovedVerbs",
    "function thing { 1 }": "UseApprovedVerbs",
    "function Get-Things { 1 }": "UseSingularNouns",
    "function New-Thing { 1 }": "UseShouldProcessForStateChangingFunctions",
    "function Get-Thing { [CmdletBinding(SupportsShouldProcess)]\n param()\n 1 }": "ShouldProcess",
    "$unused = 1": "UseDeclaredVarsMoreThanAssignments",
    "function Get-Thing { $unused = 1 }\n$unused = 2; $unused": "UseDeclaredVarsMoreThanAssignments",
    "$input = 1; $input": "AvoidAssignmentToAutomaticVariable",
    "$global:x = 1; $global:x": "AvoidGlobalVars",
    "function Get-Thing($a, $b) { $a }": "ReviewUnusedParameter",
    "param($source)\nfunction Get-Thing { $source }": "ReviewUnusedParameter",
    "function Get-Thing($a) { 1 | Where-Object { $_ -eq $a } }": "ReviewUnusedParameter",
    "try { 1 } catch { }": "AvoidUsingEmptyCatchBlock",
    "'\u00e4'": "UseBOMForUnicodeEncodedFile",
    "1 ": "AvoidTrailingWhitespace",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_text_is_found(text: str) -> None:
    assert {problem.rule for problem in problems(text)} == {WRONG[text]}
