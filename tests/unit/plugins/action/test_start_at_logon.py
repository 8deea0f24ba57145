# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""start_at_logon: whose task it is, what it runs, what counts as the same, and that nothing of another user is touched."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleError

from ansible_collections.gpudev.workstation.plugins.action.start_at_logon import ActionModule
from tests.unit.fake_windows import LXSS, STORE, FakeConnection, FakeWindows, healthy, ran, run_action

STORED = "C:\\Windows\\System32\\Tasks\\gpudev-start-at-logon"
SID = "S-1-5-21-1-2-3-1001"
WANTED: dict[str, Any] = {"distribution": "Ubuntu-24.04", "linux_user": "dev", "command": ["/usr/local/bin/start", "-p", "my cluster"]}
RUNS = 'C:\\Program Files\\WSL\\wslg.exe -d Ubuntu-24.04 -u dev --shell-type none -- /usr/local/bin/start -p "my cluster"'


def run(windows: FakeWindows, check: bool = False, **more: Any) -> dict[str, Any]:
    return run_action(ActionModule, FakeConnection(windows), {**WANTED, **more}, check_mode=check)


def with_task() -> FakeWindows:
    windows = healthy()
    assert run(windows)["changed"]
    return windows


def stored(windows: FakeWindows) -> str:
    return windows.files[STORED][0].decode("utf-16")


def edit(windows: FakeWindows, old: str, new: str) -> None:
    assert old in stored(windows)
    windows.files[STORED] = (stored(windows).replace(old, new).encode("utf-16"), "2026-11-21T06:00:00.0000000Z")


def test_the_task_is_the_users_own_and_never_systems() -> None:
    windows = with_task()
    task = ElementTree.fromstring(windows.files[STORED][0])
    assert [element.text for element in task.iter() if element.tag.endswith("UserId")] == [SID, SID]
    text = stored(windows)
    assert "<LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel>" in text
    assert "SYSTEM" not in text
    assert "S-1-5-18" not in text
    assert "<DisallowStartIfOnBatteries>false<" in text


def test_its_diff_tells_what_it_means() -> None:
    answer = run(healthy())
    assert answer["diff"]["before"] == {}
    after = answer["diff"]["after"]
    assert (after["at"], after["as"], after["runs"]) == (["LogonTrigger dev"], "dev InteractiveToken LeastPrivilege", [RUNS])


def test_a_second_time_is_one_look() -> None:
    connection = FakeConnection(with_task())
    answer = run_action(ActionModule, connection, WANTED)
    assert (answer["changed"], "diff" in answer, len(connection.requests)) == (False, False, 1)


def test_check_mode_predicts_and_registers_nothing() -> None:
    windows = healthy()
    predicted = run(windows, check=True)
    assert STORED not in windows.files
    done = run(windows)
    assert (predicted["changed"], predicted["diff"]) == (True, done["diff"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</MultipleInstancesPolicy></Settings>", "</MultipleInstancesPolicy><RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable></Settings>"),
        (f"<LogonTrigger><Enabled>true</Enabled><UserId>{SID}</UserId>", "<LogonTrigger><UserId>BOX\\dev</UserId>"),
        ("<RegistrationInfo>", "<RegistrationInfo><URI>\\gpudev-start-at-logon</URI>"),
        ("<Enabled>true</Enabled><DisallowStart", "<DisallowStart"),
    ],
)
def test_what_windows_writes_in_another_way_is_the_same(old: str, new: str) -> None:
    windows = with_task()
    edit(windows, old, new)
    assert run(windows)["changed"] is False


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("<Enabled>true</Enabled><DisallowStart", "<Enabled>false</Enabled><DisallowStart", ("Enabled", "false")),
        ("<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>", "", ("DisallowStartIfOnBatteries", "true")),
        ("-d Ubuntu-24.04", "-d Other", ("runs", [RUNS.replace("Ubuntu-24.04", "Other")])),
        ("<LogonType>InteractiveToken", "<LogonType>S4U", ("as", "dev S4U LeastPrivilege")),
        (f'<Principal id="Author"><UserId>{SID}', '<Principal id="Author"><UserId>S-1-5-18', ("as", "S-1-5-18 InteractiveToken LeastPrivilege")),
        ("</LogonTrigger>", "</LogonTrigger><BootTrigger />", ("at", ["LogonTrigger dev", "BootTrigger anybody"])),
        ("</UserId></LogonTrigger>", "</UserId><Delay>PT5M</Delay></LogonTrigger>", ("at", ["LogonTrigger dev Delay"])),
        (f"<UserId>{SID}</UserId></LogonTrigger>", "<UserId>OTHER\\dev</UserId></LogonTrigger>", ("at", ["LogonTrigger OTHER\\dev"])),
        ("<Task ", "<Tas ", ("unreadable", "mismatched tag")),
    ],
)
def test_what_somebody_changed_is_put_right(old: str, new: str, told: tuple[str, Any]) -> None:
    windows = with_task()
    right = stored(windows)
    edit(windows, old, new)
    answer = run(windows)
    found = answer["diff"]["before"][told[0]]
    assert found == told[1] or found.startswith(told[1])
    assert (answer["changed"], stored(windows)) == (True, right)


def test_turned_off_it_is_removed() -> None:
    windows = with_task()

    def schtasks(arguments: list[str]) -> dict[str, Any]:
        assert arguments == ["/delete", "/tn", "gpudev-start-at-logon", "/f"]
        del windows.files[STORED]
        return ran()

    windows.programs["C:\\Windows\\System32\\schtasks.exe"] = schtasks
    predicted = run(windows, check=True, state="absent")
    assert (predicted["changed"], STORED in windows.files) == (True, True)
    assert run(windows, state="absent")["changed"] is True
    assert run(windows, state="absent")["changed"] is False


def test_one_that_cannot_be_removed_is_said() -> None:
    windows = with_task()
    windows.programs["C:\\Windows\\System32\\schtasks.exe"] = lambda _arguments: ran("ERROR: Access is denied.", rc=1)
    answer = run(windows, state="absent")
    assert answer["failed"]
    assert ("WIN-013" in answer["msg"], "Access is denied" in answer["msg"]) == (True, True)


def test_without_the_right_to_register_it_says_so() -> None:
    windows = healthy()
    windows.is_administrator = False
    answer = run(windows)
    assert ("WIN-011" in answer["msg"], "0x80070005" in answer["msg"], answer["changed"]) == (True, True, False)


def test_another_account_is_refused() -> None:
    windows = healthy()
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = "BOX\\anna"
    answer = run(windows)
    assert ("WIN-004" in answer["msg"], STORED in windows.files) == (True, False)


def test_wsl_of_windows_itself_has_nothing_without_a_window() -> None:
    windows = healthy()
    windows.registry[f"HKLM:\\{LXSS}\\MSI"] = {"Version": "2.6.3.0"}
    assert "WIN-012" in run(windows)["msg"]


def test_a_distribution_that_is_not_there_is_told_of() -> None:
    assert "Debian" in run(healthy(), distribution="Debian")["msg"]


@pytest.mark.parametrize(("settings", "warned"), [({"AutoStart": True}, False), ({"autoStart": False}, True), ({}, True)])
def test_docker_desktop_that_does_not_start_at_logon_is_a_warning(settings: dict[str, Any], warned: bool) -> None:
    windows = healthy()
    windows.files[STORE] = (json.dumps(settings).encode(), "2026-11-01T06:00:00.0000000Z")
    answer = run(windows)
    assert (answer["changed"], [finding["code"] for finding in answer.get("findings", [])]) == (True, ["DESKTOP-021"] if warned else [])
    assert "findings" not in run(windows, needs_docker_desktop=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": []},
        {"command": ["start"]},
        {"command": ["/bin/start", "%PATH%"]},
        {"command": ["/bin/start", "$(Arg0)"]},
        {"command": ["/bin/start", "a\nb"]},
        {"distribution": ""},
        {"distribution": "My Distro"},
        {"linux_user": "-u"},
    ],
)
def test_wrong_input_is_refused_before_anything_is_asked(wrong: dict[str, Any]) -> None:
    connection = FakeConnection(healthy())
    with pytest.raises(AnsibleError):
        run_action(ActionModule, connection, {**WANTED, **wrong})
    assert connection.requests == []
