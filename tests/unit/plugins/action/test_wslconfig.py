# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wslconfig on Windows: one look, at most one write, and whether WSL has to be restarted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.action.wslconfig import ActionModule
from tests.unit.fake_windows import PROFILE, FakeConnection, FakeWindows, healthy, run_action

PATH = PROFILE + "\\.wslconfig"
OLD = b"[wsl2]\r\nmemory=8GB # half\r\n"
LONG_AGO, LATELY = "2020-01-01T00:00:00.0000000Z", "2099-01-01T00:00:00.0000000Z"
MEMORY: dict[str, Any] = {"settings": {"wsl2": {"memory": "16GB"}}}


def with_file(content: bytes = OLD, written: str = LONG_AGO) -> FakeWindows:
    windows = healthy()
    windows.files[PATH] = (content, written)
    return windows


def test_nothing_to_do_is_one_round_trip() -> None:
    connection = FakeConnection(with_file())
    answer = run_action(ActionModule, connection, {"settings": {"wsl2": {"memory": "8GB"}}})
    assert (answer["changed"], answer["applied"], answer["restart_required"]) == (False, True, False)
    assert answer["layers"][0]["status"] == "ok"
    assert len(connection.requests) == 1


def test_change_is_one_more_and_owes_a_restart() -> None:
    windows = with_file()
    connection = FakeConnection(windows)
    answer = run_action(ActionModule, connection, MEMORY)
    assert windows.files[PATH][0] == b"[wsl2]\r\nmemory=16GB # half\r\n"
    assert (answer["changed"], answer["applied"], answer["restart_required"]) == (True, False, True)
    assert answer["before"] == OLD.decode()
    assert answer["layers"][0]["status"] == "changed"
    assert len(connection.requests) == 2


def test_a_file_written_after_the_start_is_not_in_force() -> None:
    answer = run_action(ActionModule, FakeConnection(with_file(written=LATELY)), {"settings": {"wsl2": {"memory": "8GB"}}})
    assert (answer["changed"], answer["applied"], answer["restart_required"]) == (False, False, True)


def test_without_a_virtual_machine_nothing_is_owed() -> None:
    windows = with_file()
    windows.cim["Win32_Process"] = []
    answer = run_action(ActionModule, FakeConnection(windows), MEMORY)
    assert (answer["changed"], answer["restart_required"]) == (True, False)


def test_check_mode_predicts_with_diff_and_touches_nothing() -> None:
    windows = with_file()
    answer = run_action(ActionModule, FakeConnection(windows), MEMORY, check_mode=True)
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "drift")
    assert (answer["diff"]["before"], answer["diff"]["after"]) == (OLD.decode(), "[wsl2]\r\nmemory=16GB # half\r\n")
    assert windows.files[PATH][0] == OLD
    assert windows.written == []


def test_a_missing_file_is_made() -> None:
    windows = healthy()
    windows.files.pop(PATH, None)
    answer = run_action(ActionModule, FakeConnection(windows), MEMORY)
    assert answer["before"] is None
    assert windows.files[PATH][0] == b"[wsl2]\r\nmemory=16GB\r\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"wsl2": {"memory": "8gb"}}, "write 8GB"), ({"wsl": {"memory": "8GB"}}, "did you mean wsl2"), ({"wsl2": {"memory": "999GB"}}, "more than this host has")],
)
def test_bad_input_is_refused_before_anything_is_written(settings: dict[str, Any], message: str) -> None:
    windows = with_file()
    with pytest.raises(AnsibleActionFail, match=message):
        run_action(ActionModule, FakeConnection(windows), {"settings": settings})
    assert windows.written == []


def test_somebody_elses_connection_changes_nothing() -> None:
    windows = with_file()
    answer = run_action(ActionModule, FakeConnection(windows), {**MEMORY, "windows_user": "somebody"})
    assert (answer["failed"], answer["layers"][0]["findings"][0]["code"]) == (True, "WIN-004")
    assert windows.written == []


def test_wsl_conf_is_not_on_this_side() -> None:
    with pytest.raises(AnsibleActionFail, match=r"gpudev\.workstation\.wsl"):
        run_action(ActionModule, FakeConnection(with_file()), {"kind": "wsl.conf", "settings": {"user": {"default": "dev"}}})


def test_an_unreadable_file_stops_the_chain() -> None:
    windows = with_file(b"\xfe\xff\x00[")
    answer = run_action(ActionModule, FakeConnection(windows), MEMORY)
    assert (answer["failed"], answer["layers"][0]["findings"][0]["code"]) == (True, "WSLCFG-009")


def test_a_file_changed_meanwhile_is_left_alone() -> None:
    windows = with_file()
    real = windows._file

    def changed_behind_our_back(item: dict[str, Any]) -> dict[str, Any]:
        answer = real(item)
        windows.files[PATH] = (b"theirs", LATELY)
        return answer

    windows._file = changed_behind_our_back  # type: ignore[method-assign]
    with pytest.raises(AnsibleActionFail, match="another program changed it meanwhile"):
        run_action(ActionModule, FakeConnection(windows), MEMORY)
    assert windows.files[PATH][0] == b"theirs"


def test_a_key_that_a_policy_forbids_is_said_and_nothing_is_written() -> None:
    windows = with_file()
    windows.registry["HKLM:\\SOFTWARE\\Policies\\WSL"] = {"AllowNetworkingModeUserSetting": 0}
    wanted = {"settings": {"wsl2": {"memory": "16GB", "networkingMode": "mirrored"}}}
    answer = run_action(ActionModule, FakeConnection(windows), wanted)
    (told,) = answer["layers"]
    assert (answer["failed"], told["status"], told["findings"][0]["code"]) == (True, "blocked_by_policy", "WSLCFG-016")
    assert windows.written == []


def test_a_value_that_the_policy_lets_pass_is_written() -> None:
    windows = with_file()
    windows.registry["HKLM:\\SOFTWARE\\Policies\\WSL"] = {"AllowNetworkingModeUserSetting": 0}
    answer = run_action(ActionModule, FakeConnection(windows), {"settings": {"wsl2": {"networkingMode": "nat"}}})
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "changed")
