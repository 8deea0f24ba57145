# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel, against what real PowerShell replied and what it writes to stderr."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._language import (
    NOT_DONE,
    NotAnswered,
    cim,
    environment,
    file,
    in_session,
    native,
    registry,
    write_file,
)
from ansible_collections.gpudev.workstation.plugins.plugin_utils import _workstation
from ansible_collections.gpudev.workstation.plugins.plugin_utils._clixml import readable_errors
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import (
    BlockedByPolicy,
    Workstation,
    WorkstationError,
    answers_from_reply,
    command_line,
    framed,
    reply_from_output,
)
from tests.unit.recorded import FIXTURES

REPLIES = {row["name"]: row for row in json.loads((FIXTURES / "windows/powershell_replies.json").read_text(encoding="utf-8"))}
INVOCATIONS = {row["name"]: row for row in json.loads((FIXTURES / "windows/powershell_invocations.json").read_text(encoding="utf-8"))}


def frame(reply: dict[str, Any]) -> str:
    return "<<gpudev:" + base64.b64encode(json.dumps(reply).encode()).decode() + ">>"


def answers(name: str) -> list[Any]:
    return answers_from_reply(reply_from_output(frame(REPLIES[name]["reply"]), "", 0))


def test_only_the_bootstrap_stands_on_the_command_line() -> None:
    assert len(command_line()) < 3 * 1024
    assert _workstation.powershell_text("bootstrap.ps1").isascii()
    assert "workstation.ps1" not in command_line()


def test_command_line_is_the_one_that_winrm_passes_on() -> None:
    from ansible.plugins.shell.powershell import ShellModule

    assert command_line().startswith(ShellModule()._encode_script("", as_list=False, strict_mode=False, preserve_rc=False))


def test_request_is_one_line_of_ascii() -> None:
    text = framed([file("C:\\Users\\José\\.wslconfig"), native("wsl.exe", ("-d", "Ünï"))], stop_on_error=True)
    assert text.isascii()
    assert "\n" not in text
    request = json.loads(text)["request"]
    assert request["stop_on_error"] is True
    assert request["items"][0] == {"verb": "file", "path": "C:\\Users\\José\\.wslconfig"}


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (registry("HKCU:\\Software\\Station", subkeys=True), "registry kinds and subkeys"),
        (registry("HKLM:\\SOFTWARE\\Nope"), "registry absent"),
        (environment(["USERPROFILE", "SystemRoot", "NOPE"]), "environment"),
        (file("%USERPROFILE%\\.wslconfig"), "file"),
        (file("%USERPROFILE%\\big.bin", max_bytes=100), "file over the limit"),
        (native("wsl.exe", ["--version"]), "native utf-16"),
        (native("wsl.exe", ["--hang"], timeout=1), "native hanging"),
        (cim("Win32_ComputerSystem", ["TotalPhysicalMemory", "UserName", "HypervisorPresent"]), "cim"),
    ],
)
def test_items_are_those_of_the_recorded_requests(item: dict[str, Any], name: str) -> None:
    assert item == REPLIES[name]["request"]["items"][0]


def test_write_file_is_the_recorded_request_but_says_backup() -> None:
    recorded = REPLIES["write_file changes and keeps a backup"]["request"]["items"][0]
    item = write_file("%USERPROFILE%\\.wslconfig", base64.b64decode(recorded["content"]), recorded["expect"])
    assert item == {**recorded, "backup": True}
    assert write_file("x", b"", "absent", make_folder=True)["make_folder"] is True


def test_registry_answers() -> None:
    (kinds,) = answers("registry kinds and subkeys")
    assert kinds.values()["multi"] == ["a", "b"]
    assert kinds.subkeys() == {"{11111111-2222-3333-4444-555555555555}": {"DistributionName": "Ubuntu-24.04"}}
    (absent,) = answers("registry absent")
    assert (absent.exists, absent.values()) == (False, {})
    (denied,) = answers("registry denied")
    assert denied.failure.denied
    assert denied.values() == {}
    with pytest.raises(NotAnswered, match="Requested registry access is not allowed"):
        denied.required()


def test_file_answers() -> None:
    assert answers("file")[0].content() == b"[wsl2]\r\nmemory=8GB\r\n"
    assert answers("file with BOM")[0].content() == b"\xef\xbb\xbf[wsl2]\r\n"
    assert answers("file absent")[0].content() is None
    assert answers("file over the limit")[0].content() is None


def test_native_answers_are_decoded() -> None:
    assert answers("native utf-16")[0].native().stdout == "WSL version: 2.6.1.0\n"
    assert answers("native absent")[0].native().told() == "no such program"
    failing = answers("native exit code -1")[0].native()
    assert (failing.rc, failing.stderr, failing.ok) == (-1, "bad", False)
    hanging = answers("native hanging")[0].native()
    assert (hanging.timed_out, hanging.rc) == (True, None)
    assert "no end after 1 s" in hanging.told()


def test_cim_answers() -> None:
    assert answers("cim")[0].rows()[0]["UserName"] == "BOX\\dev"
    assert answers("cim no row")[0].rows() == []
    assert answers("cim unknown class")[0].failure.id.startswith("HRESULT 0x80041010")


def test_one_failure_does_not_spoil_the_others() -> None:
    first, second, third = answers("several, one fails, others answered")
    assert first.failure.type.endswith("DriveNotFoundException")
    assert second.failure.message == "unknown verb: nonsense"
    assert third.value == {"SystemRoot": "C:\\windows"}


def test_failures_of_writing_are_told_apart() -> None:
    assert answers("write_file changed meanwhile")[0].failure.changed_meanwhile
    assert answers("write_file on a read-only file")[0].failure.denied
    assert answers("held open by another program that shares reading")[1].failure.locked


def test_what_comes_after_a_failure_is_not_done() -> None:
    row = REPLIES["stop_on_error"]
    connection = MagicMock(become=None)
    connection.exec_command.return_value = (0, frame(row["reply"]).encode(), b"")
    told = Workstation(MagicMock(_connection=connection)).ask(row["request"]["items"], stop_on_error=True)
    assert [answer.verb for answer in told] == ["file", "environment"]
    assert told[1].failure == NOT_DONE


def test_in_session_answers() -> None:
    item = in_session([native("x.exe")], 60)
    assert item == {"verb": "in_session", "items": [{"verb": "native", "program": "x.exe"}], "timeout": 60}
    reply = {
        "ok": True,
        "result": {"answers": [{"answer": {"logged_on": True, "user": "BOX\\dev", "finished": True, "answers": [{"answer": {"exists": False}}]}}]},
    }
    (answer,) = answers_from_reply(reply)
    assert [inner.native().exists for inner in answer.in_session()] == [False]


def test_error_of_the_whole_script() -> None:
    with pytest.raises(WorkstationError, match="Missing condition in if statement"):
        answers("script: parse error")


def test_no_frame_is_an_error_with_code_and_text() -> None:
    reply = REPLIES["script: exits"]["reply"]
    with pytest.raises(WorkstationError, match="exit code 9.*no output at all"):
        reply_from_output(reply["stdout"], reply["stderr"], reply["rc"])
    thrown = INVOCATIONS["throw"]
    with pytest.raises(WorkstationError, match="exit code 1.*Exception: boom"):
        reply_from_output(thrown["stdout"], thrown["stderr"], thrown["rc"])


def test_damaged_frame() -> None:
    with pytest.raises(WorkstationError, match="damaged"):
        reply_from_output("<<gpudev:AAA>>", "", 0)


def test_frame_is_found_among_noise_and_line_ends() -> None:
    whole = frame({"ok": True, "result": {"answers": []}})
    broken = whole[:20] + "\r\n" + whole[20:]
    assert reply_from_output(f"noise\r\n{broken}\r\nmore", "#< CLIXML", 0)["ok"] is True


def test_restricted_language() -> None:
    with pytest.raises(BlockedByPolicy) as caught:
        reply_from_output("<<gpudev!ConstrainedLanguage>>\r\n", "", 0)
    assert caught.value.language_mode == "ConstrainedLanguage"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("throw", "Exception: boom"),
        ("Write-Error", "Write-Error: soft"),
        ("streams", ""),
        ("native stderr", "err"),
        (
            "constrained language: static method",
            "InvalidOperation: Cannot invoke method. Method invocation is supported only on core types in this language mode.",
        ),
    ],
)
def test_clixml(name: str, expected: str) -> None:
    assert readable_errors(INVOCATIONS[name]["stderr"]) == expected


def test_clixml_of_several_lines() -> None:
    told = readable_errors(INVOCATIONS["unknown command"]["stderr"])
    assert told.startswith("Nope-Command: The term 'Nope-Command' is not recognized")
    assert told.endswith("verify that the path is correct and try again.")
    assert readable_errors("#< CLIXML\n<Objs not xml") == "<Objs not xml"


def test_become_goes_through_win_powershell_with_the_same_texts() -> None:
    action = MagicMock()
    action._connection.become = MagicMock()
    action._execute_module.return_value = {"output": [frame({"ok": True, "result": {"answers": [{"answer": {"A": "b"}}]}})], "error": []}
    (answer,) = Workstation(action, {}).ask([environment(["A"])])
    assert answer.value == {"A": "b"}
    called = action._execute_module.call_args.kwargs
    assert called["module_name"] == "ansible.windows.win_powershell"
    assert called["module_args"]["script"] == _workstation.powershell_text("carrier.ps1")
    assert called["module_args"]["parameters"]["Bootstrap"] == _workstation.powershell_text("bootstrap.ps1")
    action._connection.exec_command.assert_not_called()


def test_become_that_fails_says_so() -> None:
    action = MagicMock()
    action._connection.become = MagicMock()
    action._execute_module.return_value = {"failed": True, "msg": "the user name or password is incorrect"}
    with pytest.raises(WorkstationError, match="the user name or password is incorrect"):
        Workstation(action, {}).ask([environment(["A"])])
