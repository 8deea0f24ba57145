# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nvidia_driver: consent, the declared file, what is proven by looking again, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.action.nvidia_driver import ActionModule
from tests.unit.fake_windows import FakeConnection, FakeWindows, healthy, ran, run_action

INSTALLER = "C:\\Installers\\591.59-notebook.exe"
URL = "https://downloads.example/591.59-notebook.exe"
FETCHED = "C:\\Users\\dev\\AppData\\Local\\gpudev\\downloads\\591.59-notebook.exe"
DIGEST = "a" * 64
FROM_FILE: dict[str, Any] = {"installer": INSTALLER, "installer_sha256": DIGEST, "allow": ["driver_install", "wsl_shutdown"]}
SESSION_MANAGER = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"


def old(version: str = "471.96") -> FakeWindows:
    windows = healthy()
    put_driver(windows, version)
    windows.programs[INSTALLER] = windows.programs[FETCHED] = lambda arguments: install(windows, arguments)
    return windows


def put_driver(windows: FakeWindows, version: str) -> None:
    digits = version.replace(".", "")
    number = f"31.0.1{digits[0]}.{digits[1:]}"
    windows.cim["Win32_VideoController"] = [{"Name": "NVIDIA GeForce RTX 4050 Laptop GPU", "DriverVersion": number, "PNPDeviceID": "PCI\\VEN_10DE&DEV_28A1"}]
    windows.programs["nvidia-smi.exe"] = lambda _arguments: ran(f"0, GPU-1, NVIDIA GeForce RTX 4050 Laptop GPU, {version}, 6141, WDDM\r\n")


def install(windows: FakeWindows, arguments: list[str], version: str = "591.59", rc: int = 1) -> dict[str, Any]:
    assert arguments == ["-s", "-noreboot", "-noeula"]
    put_driver(windows, version)
    return ran(rc=rc)


def stat(digest: str = DIGEST, path: str = INSTALLER) -> Any:
    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert (name, arguments["path"], arguments["checksum_algorithm"]) == ("ansible.windows.win_stat", path, "sha256")
        return {"stat": {"exists": bool(digest), "checksum": digest}}

    return answer


def test_a_driver_that_serves_needs_one_round_trip() -> None:
    connection = FakeConnection(healthy())
    answer = run_action(ActionModule, connection, FROM_FILE)
    assert (answer["changed"], answer["layers"][0]["status"]) == (False, "ok")
    assert len(connection.requests) == 1


def test_an_old_one_is_replaced_whatever_the_exit_code_and_wsl_is_stopped() -> None:
    windows = old()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())
    assert (answer["changed"], answer["layers"][0]["status"], answer["reboot_required"]) == (True, "changed", False)
    assert answer["nvidia_driver"]["driver_version"] == "591.59"
    assert answer["diff"] == {"before": {"driver_version": "471.96"}, "after": {"driver_version": ">= 472.12"}}
    assert any(command.endswith("--shutdown") for command in windows.commands)
    assert run_action(ActionModule, FakeConnection(windows), FROM_FILE)["changed"] is False


def test_without_a_running_virtual_machine_nothing_is_stopped() -> None:
    windows = old()
    windows.cim["Win32_Process"] = []
    answer = run_action(ActionModule, FakeConnection(windows), {**FROM_FILE, "allow": ["driver_install"]}, modules=stat())
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "changed")
    assert not any(command.endswith("--shutdown") for command in windows.commands)


def test_check_mode_predicts_and_touches_nothing() -> None:
    windows = old()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, check_mode=True)
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "drift")
    assert INSTALLER not in " ".join(windows.commands)


@pytest.mark.parametrize(("allow", "missing"), [([], "driver_install"), (["driver_install"], "wsl_shutdown"), (["wsl_shutdown"], "driver_install")])
def test_both_words_are_needed_while_wsl_runs(allow: list[str], missing: str) -> None:
    windows = old()
    answer = run_action(ActionModule, FakeConnection(windows), {**FROM_FILE, "allow": allow})
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "needs_consent")
    assert f"({missing})" in answer["layers"][0]["findings"][0]["symptom"]
    assert INSTALLER not in " ".join(windows.commands)


def test_without_an_installer_the_finding_says_what_to_give() -> None:
    answer = run_action(ActionModule, FakeConnection(old()), {"allow": ["driver_install"]})
    assert (answer["failed"], answer["layers"][0]["findings"][0]["code"]) == (True, "DRIVER-002")
    assert "nvidia_driver_installer" in answer["msg"]


def test_a_gpu_without_any_driver_can_be_given_one() -> None:
    windows = old()
    basic = {"Name": "Microsoft Basic Display Adapter", "DriverVersion": "10.0.26100.1", "PNPDeviceID": "PCI\\VEN_10DE&DEV_28A1"}
    windows.cim["Win32_VideoController"] = [basic]
    del windows.programs["nvidia-smi.exe"]
    assert run_action(ActionModule, FakeConnection(windows), {})["layers"][0]["findings"][0]["code"] == "DRIVER-005"
    assert run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())["layers"][0]["status"] == "changed"


def test_no_gpu_of_nvidia_is_unsupported_and_nothing_is_run() -> None:
    windows = old()
    windows.cim["Win32_VideoController"] = [{"Name": "Intel(R) UHD Graphics", "DriverVersion": "31.0.101.1", "PNPDeviceID": "PCI\\VEN_8086"}]
    del windows.programs["nvidia-smi.exe"]
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE)
    assert (answer["changed"], answer["layers"][0]["status"]) == (False, "unsupported")


@pytest.mark.parametrize(("digest", "code"), [("b" * 64, "DRIVER-010"), ("", "DRIVER-009")])
def test_another_file_than_the_declared_one_is_not_run(digest: str, code: str) -> None:
    windows = old()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat(digest))
    assert (answer["failed"], answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (True, False, code)
    assert INSTALLER not in " ".join(windows.commands)


def test_an_installer_that_reports_success_and_installs_nothing_is_found_out() -> None:
    windows = old()
    windows.programs[INSTALLER] = lambda _arguments: ran()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())
    assert (answer["failed"], answer["layers"][0]["findings"][0]["code"]) == (True, "DRIVER-008")
    assert "exit code 0" in answer["msg"]


def test_a_restart_that_the_installer_asks_for_is_reported() -> None:
    windows = old()

    def half(_arguments: list[str]) -> dict[str, Any]:
        windows.registry[SESSION_MANAGER] = {"PendingFileRenameOperations": ["\\??\\C:\\x", ""]}
        return ran(rc=1)

    windows.programs[INSTALLER] = half
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())
    assert (answer["failed"], answer["layers"][0]["status"], answer["reboot_required"]) == (True, "needs_reboot", True)
    assert "pending file renames" in answer["msg"]


def test_an_address_is_fetched_by_its_checksum_and_forgotten_afterwards() -> None:
    windows, called = old(), []

    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        called.append((name.rpartition(".")[2], arguments.get("state") or arguments.get("checksum") or ""))
        return {"stat": {"exists": True, "checksum": DIGEST}} if name.endswith("win_stat") else {"changed": True, "dest": FETCHED}

    told = run_action(ActionModule, FakeConnection(windows), {**FROM_FILE, "installer": URL}, modules=answer)
    assert told["layers"][0]["status"] == "changed", told
    assert called == [("win_file", "directory"), ("win_get_url", DIGEST), ("win_stat", ""), ("win_file", "absent")]


def test_a_download_that_cannot_be_removed_is_told_and_undoes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    windows, called = old(), []

    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("state") == "absent":
            called.append(any(command.endswith("--shutdown") for command in windows.commands))
            return {"failed": True, "msg": "The process cannot access the file because it is being used by another process."}
        return {"stat": {"exists": True, "checksum": DIGEST}} if name.endswith("win_stat") else {"changed": True, "dest": FETCHED}

    told = run_action(ActionModule, FakeConnection(windows), {**FROM_FILE, "installer": URL}, modules=answer)
    assert ("failed" in told, told["changed"], told["layers"][0]["status"]) == (False, True, "changed"), told
    assert called == [True], "WSL is stopped first: no later run would do it"
    assert "591.59-notebook.exe stays on the workstation" in capsys.readouterr().out.replace("\n", " ")


def test_an_address_that_gives_another_file_is_told() -> None:
    def answer(name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {"failed": True, "msg": f"The checksum for {URL} did not match"} if name.endswith("win_get_url") else {}

    told = run_action(ActionModule, FakeConnection(old()), {**FROM_FILE, "installer": URL}, modules=answer)
    assert (told["changed"], told["layers"][0]["findings"][0]["code"]) == (False, "DRIVER-011")
    assert "did not match" in told["msg"]


def test_an_address_without_a_checksum_is_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="installer_sha256 is needed"):
        run_action(ActionModule, FakeConnection(old()), {"installer": URL})


def test_a_controller_inside_that_wsl_does_not_end_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows = old()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (True, False, "DRIVER-013")
    assert "'wsl --shutdown'" in answer["msg"]
