# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enable-GpuWorkstationRemoting.ps1: -WhatIf changes nothing, a second run changes nothing, -Remove takes back what was done and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.powershell import known51
from tests.powershell.real import PWSH, needs_powershell
from tests.simstation.windows.lookalike import MODULE, Ended, Machine, PowerShell, cim_key

SCRIPT = Path(__file__).parents[2] / "playbooks" / "files" / "Enable-GpuWorkstationRemoting.ps1"
TEXT = SCRIPT.read_text(encoding="ascii")
POLICY_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System"
OWN = "AAAA000000000000000000000000000000000001"


# --- as a text, everywhere ---------------------------------------------------------------------------------------------------


def test_whatever_changes_something_is_asked_about_first() -> None:
    pytest.importorskip("tree_sitter_powershell", reason="the package tree-sitter-powershell is not installed (make setup-test installs it)")
    from tests.powershell import checker

    unasked, asked = [], 0
    for command in checker.every(checker.PARSER.parse(TEXT.encode()).root_node, "command"):
        name = checker.words(checker.child(command, "command_name") or command)
        if changes_something(name):
            asked += 1
            if not is_asked_about(command, TEXT):
                unasked.append(f"line {command.start_point[0] + 1}: {name}")
    assert unasked == []
    assert asked >= 12


def changes_something(name: str) -> bool:
    return name in known51.COMMANDS and name.partition("-")[0] in known51.STATE_CHANGING_VERBS and name not in ("New-Object", "New-TimeSpan", "Set-StrictMode")


def is_asked_about(command: Any, text: str) -> bool:
    """Inside an `if` whose condition asks."""
    node = command.parent
    while node is not None:
        if node.type in ("if_statement", "elseif_clause"):
            condition = next((part for part in node.children if part.type in ("pipeline", "while_condition")), None)
            if condition is not None and ".ShouldProcess(" in text[condition.start_byte : condition.end_byte]:
                return True
        node = node.parent
    return False


def test_nothing_weak_is_ever_enabled() -> None:
    assert "CredSSP is never enabled" in TEXT
    assert not re.search(r"Enable-WSManCredSSP|CredSSP\s*=|Basic\s*=\s*'true'|AllowUnencrypted\s*=\s*'true'|Enable-PSRemoting|TrustedHosts", TEXT)
    assert re.search(r"RemoteAddress = 'LocalSubnet'", TEXT)
    assert "'Public'" not in TEXT


def test_the_help_names_every_parameter() -> None:
    declared = set(re.findall(r"^    \[(?:string|string\[\]|switch)\]\$(\w+)", TEXT, re.MULTILINE))
    assert declared == set(re.findall(r"^\.PARAMETER (\w+)$", TEXT, re.MULTILINE))
    assert {"Remove", "RemoteAddress", "AllowLocalAdministrators"} <= declared


# --- executed, where there is a PowerShell -----------------------------------------------------------------------------------


class Windows:
    """A look-alike of a fresh Windows and its remoting."""

    def __init__(self, folder: Path, **remoting: Any) -> None:
        assert PWSH is not None
        self.folder = folder
        self.record = folder / "record" / "remoting.json"
        computer = {"DNSHostName": "BOX", "Domain": "WORKGROUP", "PartOfDomain": False}
        Machine(registry={POLICY_KEY: {"EnableLUA": 1}}, cim={cim_key("Win32_ComputerSystem", None, None): [computer]}).write(folder)
        state = {
            "service": {"StartType": "Manual", "Status": "Stopped"},
            "settings": {"winrm/config/service/auth": {"Basic": "false"}, "winrm/config/service": {"AllowUnencrypted": "false"}},
            "listeners": [],
            "certificates": [],
            "rules": [],
        }
        (folder / "remoting.json").write_text(json.dumps({**state, **remoting}), encoding="utf-8")
        self._powershell = PowerShell(PWSH, folder)

    def run(self, arguments: str = "") -> Ended:
        second = f"Import-Module '{MODULE.with_name('remoting.psm1')}' -ArgumentList '{self.folder}' -DisableNameChecking"
        return self._powershell.run(f"{second}\n& '{SCRIPT}' -RecordPath '{self.record}' {arguments} | ConvertTo-Json -Depth 5 -Compress\n", timeout=180)

    def done(self, arguments: str = "") -> dict[str, Any]:
        ended = self.run(arguments)
        assert ended.rc == 0, ended
        return json.loads(ended.stdout.strip().splitlines()[-1])

    @property
    def remoting(self) -> dict[str, Any]:
        return json.loads((self.folder / "remoting.json").read_text(encoding="utf-8"))

    def everything(self) -> tuple[dict[str, Any], str, bool]:
        return self.remoting, (self.folder / "registry.txt").read_text(encoding="utf-8"), self.record.exists()


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@needs_powershell
def test_what_if_changes_nothing(tmp_path: Path) -> None:
    windows = Windows(tmp_path)
    before = windows.everything()
    told = windows.run("-AllowLocalAdministrators -WhatIf")
    assert told.rc == 0, told
    assert "What if:" in told.stdout
    assert windows.everything() == before


@needs_powershell
def test_a_fresh_computer_becomes_reachable_and_the_second_run_changes_nothing(tmp_path: Path) -> None:
    windows = Windows(tmp_path)
    first = windows.done("-RemoteAddress 192.0.2.10,192.0.2.11")
    assert listed(first["Changed"]) == ["service_start_type", "service_running", "certificate", "listener", "firewall_rule"]
    assert first["Thumbprint"] == OWN
    state = windows.remoting
    assert [(listener["Transport"], listener["CertificateThumbprint"]) for listener in state["listeners"]] == [("HTTPS", OWN)]
    (rule,) = state["rules"]
    assert (rule["RemoteAddress"], rule["Profile"], rule["LocalPort"]) == (["192.0.2.10", "192.0.2.11"], ["Domain", "Private"], ["5986"])
    before = windows.everything()
    assert listed(windows.done("-RemoteAddress 192.0.2.10,192.0.2.11")["Changed"]) == []
    assert windows.everything() == before


@needs_powershell
def test_remove_restores_everything(tmp_path: Path) -> None:
    windows = Windows(tmp_path)
    before = windows.everything()
    windows.done("-AllowLocalAdministrators")
    assert windows.everything() != before
    undone = windows.done("-Remove")
    assert listed(undone["Undone"])[0] == "token_policy"
    assert listed(undone["Undone"])[-1] == "service_start_type"
    assert windows.everything() == before
    assert not windows.record.parent.exists()


@needs_powershell
def test_remove_leaves_what_was_there_before(tmp_path: Path) -> None:
    running = {"StartType": "Automatic", "Status": "Running"}
    foreign = {"Transport": "HTTP", "Address": "*", "Port": "5985", "CertificateThumbprint": ""}
    weak = {"winrm/config/service/auth": {"Basic": "true"}, "winrm/config/service": {"AllowUnencrypted": "false"}}
    windows = Windows(tmp_path, service=running, listeners=[foreign], settings=weak)
    before = windows.everything()
    assert "setting winrm/config/service/auth Basic" in listed(windows.done()["Changed"])
    assert windows.remoting["settings"]["winrm/config/service/auth"]["Basic"] == "false"
    windows.done("-Remove")
    assert windows.everything() == before


def certificate(thumbprint: str, name: str, days: int, purpose: str = "1.3.6.1.5.5.7.3.1", key: bool = True) -> dict[str, Any]:
    return {"Thumbprint": thumbprint, "FriendlyName": "", "HasPrivateKey": key, "Days": days, "DnsNames": [name], "ObjectIds": [purpose]}


@needs_powershell
def test_a_fitting_certificate_of_the_machine_is_used_and_stays(tmp_path: Path) -> None:
    expiring, of_another = certificate("B1", "BOX", 10), certificate("B2", "OTHER", 300)
    of_a_client, without_key = certificate("B3", "BOX", 300, purpose="1.3.6.1.5.5.7.3.2"), certificate("B4", "BOX", 300, key=False)
    windows = Windows(tmp_path, certificates=[expiring, of_another, of_a_client, without_key, certificate("C1", "BOX", 100), certificate("C2", "box", 200)])
    assert windows.done()["Thumbprint"] == "C2"
    windows.done("-Remove")
    assert [row["Thumbprint"] for row in windows.remoting["certificates"]] == ["B1", "B2", "B3", "B4", "C1", "C2"]


@needs_powershell
def test_a_listener_that_is_there_is_left_alone(tmp_path: Path) -> None:
    listener = {"Transport": "HTTPS", "Address": "*", "Port": "5986", "CertificateThumbprint": "D1"}
    windows = Windows(tmp_path, service={"StartType": "Automatic", "Status": "Running"}, listeners=[listener])
    assert windows.done()["Thumbprint"] == "D1"
    refused = windows.run("-CertificateThumbprint D2")
    assert refused.rc != 0
    assert "D1" in refused.stderr
    assert windows.remoting["listeners"] == [listener]


@needs_powershell
def test_local_administrators_only_by_the_switch(tmp_path: Path) -> None:
    windows = Windows(tmp_path)
    assert "token_policy" not in listed(windows.done()["Changed"])
    assert listed(windows.done("-AllowLocalAdministrators")["Changed"]) == ["token_policy"]


@needs_powershell
def test_other_addresses_are_a_change_that_can_be_undone(tmp_path: Path) -> None:
    windows = Windows(tmp_path)
    windows.done()
    assert listed(windows.done("-RemoteAddress 192.0.2.10")["Changed"]) == ["firewall_rule"]
    assert listed(windows.remoting["rules"][0]["RemoteAddress"]) == ["192.0.2.10"]
    windows.done("-Remove")
    assert windows.remoting["rules"] == []
