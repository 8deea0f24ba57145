# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wsl: the steps, their consent, what is looked at afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.action.wsl import ActionModule
from tests.unit.fake_windows import LXSS, SYSTEM_WSL, WSL, FakeConnection, FakeWindows, healthy, ran, run_action

UBUNTU: dict[str, Any] = {"distribution": "Ubuntu-24.04"}
MSI, ROOTFS = "C:\\Installers\\wsl.msi", "C:\\Installers\\ubuntu.wsl"
FROM_FILES = {**UBUNTU, "installer": MSI, "installer_sha256": "a" * 64, "rootfs": ROOTFS, "rootfs_sha256": "b" * 64}


def fresh() -> FakeWindows:
    windows = healthy()
    del windows.registry[f"HKLM:\\{LXSS}\\MSI"], windows.programs[WSL]
    for key in [key for key in windows.registry if key.startswith(f"HKCU:\\{LXSS}")]:
        del windows.registry[key]
    windows.cim["Win32_Process"] = []
    return windows


def installer_modules(windows: FakeWindows, checksum: str = "", reboot: bool = False) -> Any:
    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "ansible.windows.win_stat":
            digest = checksum or {MSI: "a" * 64, ROOTFS: "b" * 64}[arguments["path"]]
            return {"stat": {"exists": True, "checksum": digest}}
        assert name == "ansible.windows.win_package"
        assert arguments == {"path": MSI, "state": "present", "checksum": "a" * 64, "checksum_algorithm": "sha256"}
        windows.install_wsl()
        return {"changed": True, "rc": 3010 if reboot else 0, "reboot_required": reboot}

    return answer


def test_healthy_needs_one_round_trip_and_nothing_else() -> None:
    connection = FakeConnection(healthy())
    answer = run_action(ActionModule, connection, UBUNTU)
    assert (answer["changed"], answer["layers"][0]["status"]) == (False, "ok")
    assert "diff" not in answer
    assert len(connection.requests) == 1


def test_from_nothing() -> None:
    windows = fresh()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES, modules=installer_modules(windows))
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "changed")
    assert answer["wsl"]["default_distribution"] == "Ubuntu-24.04"
    assert answer["diff"]["before"]["version"] == "absent"
    assert answer["diff"]["after"]["distributions"] == {"Ubuntu-24.04": {"wsl": 2, "default": True}}
    again = run_action(ActionModule, FakeConnection(windows), FROM_FILES)
    assert again["changed"] is False


def test_check_mode_predicts_and_touches_nothing() -> None:
    windows = fresh()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES, check_mode=True)
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "drift")
    assert windows.commands == []
    assert "failed" not in answer


def test_wrong_checksum_installs_nothing() -> None:
    windows = fresh()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES, modules=installer_modules(windows, checksum="c" * 64))
    assert answer["failed"]
    assert [finding["code"] for finding in answer["layers"][0]["findings"]] == ["WSL-018"]
    assert windows.commands == []


def test_package_that_asks_for_a_restart() -> None:
    windows = fresh()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES, modules=installer_modules(windows, reboot=True))
    assert (answer["failed"], answer["reboot_required"], answer["layers"][0]["status"]) == (True, True, "needs_reboot")


def test_update_by_wsl_exe_is_judged_by_the_version_not_the_exit_code() -> None:
    windows = healthy()
    windows.install_wsl("2.0.9.0")
    versions = windows.programs[WSL]
    # wsl.exe ends with 0 although nothing was updated.
    windows.programs[WSL] = lambda arguments: ran("Checking for updates.\r\n") if arguments == ["--update"] else versions(arguments)
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["wsl_shutdown"]})
    assert answer["failed"]
    assert answer["layers"][0]["findings"][0]["code"] == "WSL-016"


@pytest.mark.parametrize(("vm_runs", "status"), [(True, "needs_consent"), (False, "broken")])
def test_update_needs_consent_only_while_the_machine_runs(vm_runs: bool, status: str) -> None:
    windows = healthy()
    windows.install_wsl("2.0.9.0")
    if not vm_runs:
        windows.cim["Win32_Process"] = []
    versions = windows.programs[WSL]
    windows.programs[WSL] = lambda arguments: ran("no internet", rc=-1) if arguments == ["--update"] else versions(arguments)
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["layers"][0]["status"] == status
    assert any("--update" in command for command in windows.commands) is not vm_runs


def newer_wslconfig() -> FakeWindows:
    windows = healthy()
    path = "C:\\Users\\dev\\.wslconfig"
    windows.files[path] = (windows.files[path][0], "2026-11-20T08:00:00.0000000Z")
    windows.docker_runs(False)
    return windows


def test_shutdown_only_with_consent() -> None:
    windows = newer_wslconfig()
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "needs_consent")
    assert "'wsl_shutdown'" in answer["msg"]
    assert not any("--shutdown" in command for command in windows.commands)


def test_shutdown_with_consent_brings_it_into_force() -> None:
    connection = FakeConnection(newer_wslconfig())
    answer = run_action(ActionModule, connection, {**UBUNTU, "allow": ["wsl_shutdown"]})
    assert (answer["changed"], answer["layers"][0]["status"], answer["wsl"]["restart_owed"]) == (True, "changed", False)
    assert answer["diff"]["before"]["restart_owed"] is True
    assert len(connection.requests) == 3, "the look, whether Docker Desktop is starting, the shutdown and what it led to"


@pytest.mark.parametrize("allow", [[], ["wsl_shutdown"]])
def test_a_wslconfig_that_is_to_stay_out_of_force_is_told_and_fails_nothing(allow: list[str]) -> None:
    windows = newer_wslconfig()
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "restart": "never", "allow": allow})
    assert ("failed" in answer, answer["changed"], answer["layers"][0]["status"]) == (False, False, "ok")
    (finding,) = answer["layers"][0]["findings"]
    assert (finding["code"], finding["severity"]) == ("WSL-030", "warning")
    assert "wsl_restart: never" in finding["cause"]
    assert answer["wsl"]["restart_owed"] is True
    assert not any("--shutdown" in command for command in windows.commands)


def test_a_step_that_leaves_the_wslconfig_out_of_force_is_done_all_the_same() -> None:
    windows = newer_wslconfig()
    windows.register("Debian", "{33333333-2222-3333-4444-555555555555}")
    windows.registry[f"HKCU:\\{LXSS}"]["DefaultDistribution"] = "{33333333-2222-3333-4444-555555555555}"
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "restart": "never"})
    assert ("failed" in answer, answer["changed"], answer["layers"][0]["status"]) == (False, True, "changed")


def test_restart_that_a_change_of_this_check_run_would_owe() -> None:
    answer = run_action(ActionModule, FakeConnection(healthy()), {**UBUNTU, "wslconfig_pending": True}, check_mode=True)
    assert (answer["layers"][0]["status"], answer["changed"]) == ("needs_consent", False)
    assert "failed" not in answer


def test_another_default_distribution_is_corrected() -> None:
    windows = healthy()
    windows.register("Debian", "{33333333-2222-3333-4444-555555555555}")
    windows.registry[f"HKCU:\\{LXSS}"]["DefaultDistribution"] = "{33333333-2222-3333-4444-555555555555}"
    connection = FakeConnection(windows)
    answer = run_action(ActionModule, connection, UBUNTU)
    assert (answer["changed"], answer["wsl"]["default_distribution"]) == (True, "Ubuntu-24.04")
    assert len(connection.requests) == 2


def test_wrong_windows_user_is_refused_before_anything_changes() -> None:
    windows = fresh()
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = "BOX\\someone"
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES)
    assert answer["failed"]
    assert (answer["layers"][0]["layer"], answer["layers"][0]["findings"][0]["code"]) == ("windows", "WIN-004")
    assert windows.commands == []


def test_inbox_wsl_is_updated_by_its_own_wsl_exe() -> None:
    windows = fresh()
    windows.register("Ubuntu-24.04", "{11111111-2222-3333-4444-555555555555}")

    def inbox(arguments: list[str]) -> dict[str, Any]:
        assert arguments == ["--update"]
        windows.install_wsl()
        return ran("", rc=0)

    windows.programs[SYSTEM_WSL] = inbox
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["changed"], answer["wsl"]["version"]) == (True, "2.6.3.0")


def test_error_of_wsl_exe_is_recognised_by_its_code() -> None:
    windows = fresh()
    windows.install_wsl()
    versions = windows.programs[WSL]
    text = "Echec d'ouverture de session.\r\nError code: Wsl/InstallDistro/Service/RegisterDistro/CreateVm/HCS/0x80070569\r\n"
    windows.programs[WSL] = lambda arguments: ran(text, rc=-1) if arguments[0] == "--install" else versions(arguments)
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["failed"]
    assert (answer["layers"][0]["status"], answer["layers"][0]["findings"][0]["code"]) == ("blocked_by_policy", "WSL-010")


@pytest.mark.parametrize("name", ["Ubuntu 24.04", "", "-d", "x;y"])
def test_names_that_wsl_exe_would_split_are_refused(name: str) -> None:
    connection = FakeConnection(healthy())
    with pytest.raises(AnsibleActionFail, match="Ubuntu-24.04"):
        run_action(ActionModule, connection, {"distribution": name})
    assert connection.requests == []


def lingering(windows: FakeWindows, looks: int) -> None:
    """The process of the virtual machine is still seen for some looks after `wsl --shutdown` has ended."""
    ended = windows.programs[WSL]

    def wsl_exe(arguments: list[str]) -> dict[str, Any]:
        if arguments != ["--shutdown"]:
            if arguments == ["--version"] and windows.cim["Win32_Process"] and windows.cim["Win32_Process"][0].get("ends_after") is not None:
                windows.cim["Win32_Process"][0]["ends_after"] -= 1
                if windows.cim["Win32_Process"][0]["ends_after"] < 0:
                    windows.cim["Win32_Process"] = []
            return ended(arguments)
        windows.cim["Win32_Process"][0]["ends_after"] = looks
        return ran()

    windows.programs[WSL] = wsl_exe


def test_virtual_machine_that_takes_a_moment_to_end() -> None:
    windows = newer_wslconfig()
    lingering(windows, looks=1)
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["wsl_shutdown"]})
    assert (answer["changed"], answer["layers"][0]["status"], answer["wsl"]["restart_owed"]) == (True, "changed", False)


def test_virtual_machine_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_stop.SECONDS_TO_END", 0)
    windows = newer_wslconfig()
    lingering(windows, looks=9)
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["wsl_shutdown"]})
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "broken")


@pytest.mark.parametrize(
    ("rows", "owed"),
    [
        # Windows Sandbox started before .wslconfig was written, WSL after it.
        ([("vmmem", "2026-11-19T07:00:00.0000000Z"), ("vmmemWSL", "2026-11-20T09:00:00.0000000Z")], False),
        ([("vmmem", "2026-11-20T09:00:00.0000000Z"), ("vmmemWSL", "2026-11-19T07:00:00.0000000Z")], True),
        ([("vmmem", "2026-11-19T07:00:00.0000000Z")], True),
    ],
)
def test_other_virtual_machines_are_not_that_of_wsl(rows: list[tuple[str, str]], owed: bool) -> None:
    windows = newer_wslconfig()
    windows.cim["Win32_Process"] = [{"Name": name, "CreationDate": started} for name, started in rows]
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "restart": "never"})
    assert answer["wsl"]["restart_owed"] is owed


def test_what_was_done_before_an_unexpected_end_is_still_a_change() -> None:
    windows = fresh()
    connection = FakeConnection(windows)
    modules = installer_modules(windows)

    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = modules(name, arguments)
        versions = windows.programs.get(WSL)

        def wsl_exe(words: list[str]) -> dict[str, Any]:
            # From the look after the package on, nothing comes back any more.
            connection.raw = (1, b"", b"the disk is gone")
            return versions(words) if versions else {}

        windows.programs[WSL] = wsl_exe
        return found

    told = run_action(ActionModule, connection, FROM_FILES, modules=answer)
    assert (told["failed"], told["changed"], told["layers"][0]["status"]) == (True, True, "unknown")
    assert "the disk is gone" in told["msg"]


@pytest.mark.parametrize("wrong", [MSI, ROOTFS])
def test_no_file_is_used_before_every_file_was_looked_at(wrong: str) -> None:
    windows = fresh()
    modules = installer_modules(windows)

    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "ansible.windows.win_stat" and arguments["path"] == wrong:
            return {"stat": {"exists": False}}
        found: dict[str, Any] = modules(name, arguments)
        return found

    told = run_action(ActionModule, FakeConnection(windows), FROM_FILES, modules=answer)
    assert (told["failed"], told["changed"]) == (True, False)
    assert wrong in told["msg"]
    assert windows.commands == []
    assert WSL not in windows.programs


def test_new_distributions_are_made_for_wsl_2() -> None:
    windows = healthy()
    windows.registry[f"HKCU:\\{LXSS}"]["DefaultVersion"] = 1
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["changed"], answer["wsl"]["default_version"]) == (True, 2)
    assert (answer["diff"]["before"]["default_version"], answer["diff"]["after"]["default_version"]) == (1, 2)
    assert run_action(ActionModule, FakeConnection(windows), UBUNTU)["changed"] is False


def test_a_new_distribution_is_made_for_wsl_2_where_the_default_was_1() -> None:
    windows = fresh()
    windows.registry[f"HKCU:\\{LXSS}"] = {"DefaultVersion": 1}
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES, modules=installer_modules(windows))
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "changed"), answer["msg"]
    assert answer["diff"]["after"]["distributions"] == {"Ubuntu-24.04": {"wsl": 2, "default": True}}
    assert [(entry["name"], entry["version"]) for entry in answer["wsl"]["distributions"]] == [("Ubuntu-24.04", 2)]


def test_a_controller_inside_that_wsl_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows = newer_wslconfig()
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["wsl_shutdown"]})
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "needs_consent")
    assert answer["layers"][0]["findings"][0]["code"] == "WSL-023"
    assert "Type in a PowerShell of Windows: 'wsl --shutdown'. Then open Ubuntu-24.04 again" in answer["msg"]
    assert not any(command.endswith("--shutdown") for command in windows.commands)


@pytest.mark.parametrize(("installer", "command"), [("", "'wsl --update'"), (MSI, f"'msiexec /i {MSI}'")])
def test_a_controller_inside_that_wsl_does_not_update_it(monkeypatch: pytest.MonkeyPatch, installer: str, command: str) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows = healthy()
    windows.install_wsl("2.0.9.0")
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "installer": installer, "allow": ["wsl_shutdown"]})
    assert (answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (False, "WSL-025")
    assert command in answer["msg"]


def test_the_package_that_wsl_exe_fetches_and_that_needs_a_restart() -> None:
    windows = fresh()

    def install(arguments: list[str]) -> dict[str, Any]:
        if arguments[0] == "--install":
            windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending"] = {}
        return ran("The requested operation is successful. Changes will not be effective until the system is rebooted.\r\n")

    windows.programs[SYSTEM_WSL] = install
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"], answer["reboot_required"]) == (True, True, "needs_reboot", True)


def test_a_distribution_from_an_address_is_fetched_first() -> None:
    windows, called = healthy(), []
    for key in [key for key in windows.registry if key.startswith(f"HKCU:\\{LXSS}")]:
        del windows.registry[key]

    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        called.append(name.rpartition(".")[2])
        return {"stat": {"exists": True, "checksum": "b" * 64}} if name.endswith("win_stat") else {"dest": ROOTFS}

    arguments = {**UBUNTU, "rootfs": "https://downloads.example/ubuntu.wsl", "rootfs_sha256": "b" * 64}
    told = run_action(ActionModule, FakeConnection(windows), arguments, modules=answer)
    assert told["layers"][0]["status"] == "changed", told
    assert called == ["win_file", "win_get_url", "win_stat", "win_file"]
    assert any(f"--install --from-file {ROOTFS}" in command for command in windows.commands)


def test_an_installation_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.gpudev.workstation.plugins.module_utils._wsl_plan.SECONDS_TO_INSTALL", 0)
    windows = fresh()
    windows.cim["Win32_Process"] = [{"Name": "msiexec.exe", "CommandLine": f'msiexec.exe /i "{MSI}" /qn'}]
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILES, modules=installer_modules(windows))
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "unknown")
    assert "msiexec.exe: not within 0 s; it runs since before this run" in answer["msg"]


@pytest.mark.parametrize(
    ("command_line", "followed"),
    [
        ('"C:\\Program Files\\WSL\\wsl.exe" --update', True),
        # Somebody's shell is no update.
        ('"C:\\Program Files\\WSL\\wsl.exe" -d Ubuntu-24.04', False),
    ],
)
def test_an_update_that_an_earlier_run_started_is_followed(monkeypatch: pytest.MonkeyPatch, command_line: str, followed: bool) -> None:
    monkeypatch.setattr("ansible_collections.gpudev.workstation.plugins.plugin_utils._earlier.POLL_SECONDS", 0.01)
    windows, looks = healthy(), []
    windows.install_wsl("2.0.9.0")
    cim, versions = windows._cim, windows.programs[WSL]

    def processes(item: dict[str, Any]) -> list[dict[str, Any]]:
        if item.get("filter") != "Name='wsl.exe'":
            return cim(item)
        looks.append(1)
        if followed and len(looks) == 3:
            windows.install_wsl()
            return []
        return [{"CommandLine": command_line}]

    def wsl_exe(arguments: list[str]) -> dict[str, Any]:
        if arguments != ["--update"]:
            return versions(arguments)
        windows.install_wsl()
        return ran("")

    windows.programs[WSL] = wsl_exe
    monkeypatch.setattr(windows, "_cim", processes)
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["wsl_shutdown"]})
    assert (answer["changed"], answer["wsl"]["version"]) == (True, "2.6.3.0"), answer
    assert len(looks) == (3 if followed else 1)
    assert any(command.endswith("--update") for command in windows.commands) is not followed


RESTARTED: dict[str, Any] = {**UBUNTU, "state": "restarted"}
MAY_RESTART: dict[str, Any] = {**RESTARTED, "allow": ["wsl_shutdown"]}
TERMINATE = "wsl.exe --terminate Ubuntu-24.04"


def test_a_distribution_is_restarted_with_consent_and_one_that_is_stopped_is_left() -> None:
    windows = healthy()
    # Only the restart, whatever else is owed.
    windows.install_wsl("2.0.9.0")
    answer = run_action(ActionModule, FakeConnection(windows), MAY_RESTART)
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "broken"), answer
    questions = ("--version", "--list --verbose", "nvidia-smi.exe", "{{json .}}")
    assert [command for command in windows.commands if not any(word in command for word in questions)] == [f"C:\\Program Files\\WSL\\{TERMINATE}"]
    again = run_action(ActionModule, FakeConnection(windows), MAY_RESTART)
    assert again["changed"] is False


def test_a_restart_waits_for_docker_desktop_and_then_takes_one_request_more() -> None:
    windows = healthy()
    connection = FakeConnection(windows)
    answer = run_action(ActionModule, connection, MAY_RESTART)
    assert (answer["changed"], answer["layers"][0]["status"], answer["wsl"]["distributions"][0]["state"]) == (True, "changed", "Stopped")
    assert len(connection.requests) == 3
    assert any("docker" in str(item).lower() for item in connection.requests[1]["items"])
    assert connection.requests[2]["items"][0]["arguments"] == ["--terminate", "Ubuntu-24.04"]


def test_a_docker_desktop_outside_its_default_folder_is_not_awaited_when_it_is_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_stop.SECONDS_TO_SETTLE", 0)
    windows = healthy()
    windows.install_docker(folder="D:\\Docker")
    connection = FakeConnection(windows)
    assert run_action(ActionModule, connection, MAY_RESTART)["changed"] is True
    assert len(connection.requests) == 4
    assert "its engine does not answer" not in capsys.readouterr().out.replace("\n", " ")


def test_a_restarted_distribution_is_not_judged_by_a_wslconfig_that_is_not_in_force() -> None:
    windows = newer_wslconfig()
    answer = run_action(ActionModule, FakeConnection(windows), MAY_RESTART)
    assert ("failed" in answer, answer["changed"], answer["layers"][0]["status"]) == (False, True, "changed")
    assert [finding["code"] for finding in answer["layers"][0]["findings"]] == ["WSL-030"]
    assert windows.stopped == {"Ubuntu-24.04"}
    again = run_action(ActionModule, FakeConnection(windows), MAY_RESTART)
    assert ("failed" in again, again["changed"]) == (False, False)


@pytest.mark.parametrize(("arguments", "check_mode", "status", "changed"), [(RESTARTED, False, "needs_consent", False), (MAY_RESTART, True, "drift", True)])
def test_a_restart_without_consent_or_in_check_mode_ends_nothing(arguments: dict[str, Any], check_mode: bool, status: str, changed: bool) -> None:
    windows = healthy()
    answer = run_action(ActionModule, FakeConnection(windows), arguments, check_mode=check_mode)
    assert (answer["layers"][0]["status"], answer["changed"]) == (status, changed)
    assert [finding["code"] for finding in answer["layers"][0]["findings"]] == ([] if check_mode else ["WSL-026"])
    assert windows.stopped == set()


def test_a_controller_inside_that_wsl_does_not_restart_its_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows = healthy()
    answer = run_action(ActionModule, FakeConnection(windows), MAY_RESTART)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (True, False, "WSL-027")
    assert "Type in a PowerShell of Windows: 'wsl --terminate Ubuntu-24.04'" in answer["msg"]
    assert windows.stopped == set()


def test_a_restart_that_wsl_exe_refuses_is_told() -> None:
    windows = healthy()
    others = windows.programs[WSL]
    windows.programs[WSL] = lambda words: ran("Error code: Wsl/Service/E_UNEXPECTED\r\n", rc=-1) if words[0] == "--terminate" else others(words)
    answer = run_action(ActionModule, FakeConnection(windows), MAY_RESTART)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (True, False, "WSL-022")
    assert "E_UNEXPECTED" in answer["layers"][0]["findings"][0]["symptom"]


@pytest.mark.parametrize("word", ["--version", "--terminate"])
def test_a_wsl_exe_that_never_ends_is_told(word: str) -> None:
    windows = healthy()
    others = windows.programs[WSL]
    # As recorded of a program that had to be ended: no exit code, and whatever was printed until then.
    hung = {**ran("", rc=None), "seconds": 20.2}
    windows.programs[WSL] = lambda words: hung if words[0] == word else others(words)
    answer = run_action(ActionModule, FakeConnection(windows), MAY_RESTART if word == "--terminate" else UBUNTU)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (True, False, "WSL-028")
    assert "Restart-Service WSLService" in answer["msg"]
    assert "no end after 20 s" in answer["layers"][0]["findings"][0]["symptom"]
