# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker_desktop: gate, settings, and the session it can only be started in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.action.docker_desktop import ActionModule
from tests.unit.fake_windows import DOCKER, STORE, FakeConnection, FakeWindows, healthy, ran, run_action

UBUNTU: dict[str, Any] = {"integration": ["Ubuntu-24.04"]}
INSTALLER = "C:\\Installers\\Docker Desktop Installer.exe"
FROM_FILE = {**UBUNTU, "installer": INSTALLER, "installer_sha256": "a" * 64}


def absent() -> FakeWindows:
    windows = healthy()
    del windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"], windows.programs[DOCKER], windows.files[STORE]
    windows.docker_runs(False)
    with_installer(windows)
    return windows


def with_installer(windows: FakeWindows) -> None:
    def install(arguments: list[str]) -> dict[str, Any]:
        assert arguments == ["install", "--quiet", "--accept-license", "--backend=wsl-2"]
        windows.install_docker(running=False)
        return ran()

    windows.programs[INSTALLER] = install


def stat(digest: str = "a" * 64) -> Any:
    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert (name, arguments["path"], arguments["checksum_algorithm"]) == ("ansible.windows.win_stat", INSTALLER, "sha256")
        return {"stat": {"exists": bool(digest), "checksum": digest}}

    return answer


def not_integrated(**settings: Any) -> FakeWindows:
    windows = healthy()
    windows.install_docker(settings={"integratedWslDistros": ["Debian"], "proxyHttpMode": "system", **settings})
    return windows


def test_healthy_needs_one_round_trip() -> None:
    connection = FakeConnection(healthy())
    answer = run_action(ActionModule, connection, UBUNTU)
    assert (answer["changed"], answer["layers"][0]["status"]) == (False, "ok")
    assert len(connection.requests) == 1


def test_from_nothing() -> None:
    windows = absent()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "changed")
    assert json.loads(windows.files[STORE][0]) == {"IntegratedWslDistros": ["Ubuntu-24.04"]}
    assert not windows.files[STORE][0].startswith(b"\xef\xbb\xbf")
    assert run_action(ActionModule, FakeConnection(windows), FROM_FILE)["changed"] is False


def test_check_mode_predicts_and_touches_nothing() -> None:
    windows = absent()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, check_mode=True)
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "drift")
    assert (windows.commands, windows.written) == ([], [])


@pytest.mark.parametrize(("digest", "code"), [("b" * 64, "DESKTOP-011"), ("", "DESKTOP-012")])
def test_installer_that_is_not_the_declared_one(digest: str, code: str) -> None:
    windows = absent()
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat(digest))
    assert answer["failed"]
    assert answer["layers"][0]["findings"][0]["code"] == code
    assert windows.commands == []


def test_without_an_installer_it_says_what_to_give() -> None:
    answer = run_action(ActionModule, FakeConnection(absent()), UBUNTU)
    assert answer["failed"]
    assert "docker_desktop_installer" in answer["msg"]


def test_settings_of_a_running_one_need_consent() -> None:
    windows = not_integrated()
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "needs_consent")
    assert "'docker_restart'" in answer["msg"]
    assert windows.written == []


def test_settings_with_consent_keep_spelling_place_and_foreign_keys() -> None:
    windows = not_integrated(wslEngineEnabled=False)
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "settings": {"AutoStart": True}, "allow": ["docker_restart"]})
    assert (answer["changed"], answer["layers"][0]["status"]) == (True, "changed")
    held = json.loads(windows.files[STORE][0])
    assert list(held.items()) == [
        ("integratedWslDistros", ["Debian", "Ubuntu-24.04"]),
        ("proxyHttpMode", "system"),
        ("wslEngineEnabled", True),
        ("AutoStart", True),
    ]
    stopped = next(index for index, command in enumerate(windows.commands) if command.endswith("desktop stop"))
    started = next(index for index, command in enumerate(windows.commands) if command.endswith("Docker Desktop.exe"))
    assert stopped < started
    assert answer["docker_desktop"]["running"] is True


def test_byte_order_mark_is_taken_away() -> None:
    windows = healthy()
    windows.docker_runs(False)
    windows.files[STORE] = (b"\xef\xbb\xbf" + windows.files[STORE][0], windows.files[STORE][1])
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["changed"]
    assert windows.files[STORE][0].startswith(b"{")


def test_unreadable_settings_are_left_alone() -> None:
    windows = healthy()
    windows.files[STORE] = (b"{not json", windows.files[STORE][1])
    windows.docker_runs(False)
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["layers"][0]["findings"][0]["code"] == "DESKTOP-007"
    assert windows.files[STORE][0] == b"{not json"


def test_nobody_logged_on() -> None:
    windows = healthy()
    windows.docker_runs(False)
    windows.session = None
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = None
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["failed"], answer["layers"][0]["status"]) == (True, "needs_logon")
    assert "Log on to Windows as dev" in answer["msg"]
    predicted = run_action(ActionModule, FakeConnection(windows), UBUNTU, check_mode=True)
    assert (predicted["layers"][0]["status"], "failed" in predicted) == ("needs_logon", False)


def test_task_that_cannot_be_started_because_nobody_is_there() -> None:
    windows = healthy()
    windows.docker_runs(False)
    said = {"type": "Microsoft.Management.Infrastructure.CimException", "message": "localised", "hresult": "0x80131500"}

    def refuse(_item: dict[str, Any]) -> dict[str, Any]:
        raise LookupError({**said, "id": "HRESULT 0x800704dd,Start-ScheduledTask"})

    windows._in_session = refuse  # type: ignore[assignment,method-assign]
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["layers"][0]["status"], answer["layers"][0]["findings"][0]["code"]) == ("needs_logon", "DESKTOP-005")


def test_session_that_hangs_is_told_with_its_user() -> None:
    windows = healthy()
    windows.docker_runs(False)
    windows.hangs_in_session = True
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["layers"][0]["findings"][0]["code"] == "DESKTOP-013"


def test_engine_that_never_answers() -> None:
    windows = healthy()
    windows.docker_runs(False)
    windows.programs[DOCKER] = lambda _arguments: ran('{"Client": {}, "Server": null}', 1, "open //./pipe/dockerDesktopLinuxEngine")
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 0})
    assert answer["layers"][0]["findings"][0]["code"] == "DESKTOP-006"
    assert "dockerDesktopLinuxEngine" in answer["msg"]


@pytest.mark.parametrize(("allow", "status"), [([], "needs_consent"), (["docker_desktop_upgrade"], "changed")])
def test_upgrade_below_the_gate(allow: list[str], status: str) -> None:
    windows = healthy()
    windows.install_docker("4.30.0")
    with_installer(windows)
    answer = run_action(ActionModule, FakeConnection(windows), {**FROM_FILE, "allow": allow}, modules=stat())
    assert answer["layers"][0]["status"] == status
    assert (INSTALLER in " ".join(windows.commands)) is bool(allow)


def test_too_old_to_be_stopped_from_outside() -> None:
    windows = healthy()
    windows.install_docker("4.36.0", settings={"IntegratedWslDistros": []})
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["docker_restart"]})
    assert answer["layers"][0]["findings"][0]["code"] == "DESKTOP-014"
    assert windows.written == []


def test_processes_that_take_a_moment_to_end() -> None:
    windows = not_integrated()
    ended = windows.programs[DOCKER]

    def docker_exe(arguments: list[str]) -> dict[str, Any]:
        if arguments == ["desktop", "stop"]:
            # Still there in the look that comes with the stop, gone in the next.
            windows.stopping = iter([True])  # type: ignore[attr-defined]
            return ran()
        if arguments[:1] == ["version"] and next(getattr(windows, "stopping", iter([])), False):
            windows.docker_runs(False)
        return ended(arguments)

    windows.programs[DOCKER] = docker_exe
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["docker_restart"]})
    assert answer["layers"][0]["status"] == "changed"
    assert "Ubuntu-24.04" in json.loads(windows.files[STORE][0])["integratedWslDistros"]


def test_program_that_cannot_be_started_is_told_at_once() -> None:
    windows = healthy()
    windows.docker_runs(False)

    def refuse(_arguments: list[str]) -> dict[str, Any]:
        raise LookupError({"type": "System.ComponentModel.Win32Exception", "message": "blocked by group policy", "hresult": "0x800704EC", "id": "x"})

    windows.programs[DOCKER.replace("resources\\bin\\docker.exe", "Docker Desktop.exe")] = refuse
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 600})
    assert (answer["failed"], answer["layers"][0]["status"]) == (True, "unknown")
    assert "blocked by group policy" in answer["msg"]


def version_unknown(running_version: str) -> FakeWindows:
    """The uninstall key is missing (facts: docker-desktop, "may be missing"), so the version shows when the engine answers."""
    windows = healthy()
    key = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"
    del windows.registry[key]
    windows.registry["HKLM:\\SOFTWARE\\Docker Inc.\\Docker\\1.0"] = {"AppPath": "C:\\Program Files\\Docker\\Docker"}
    answered = windows.programs[DOCKER]

    def docker_exe(arguments: list[str]) -> dict[str, Any]:
        told = answered(arguments)
        text = base64.b64decode(told["stdout"]).decode().replace("4.91.0 (239619)", f"{running_version} (1)")
        return {**told, "stdout": base64.b64encode(text.encode()).decode()}

    windows.programs[DOCKER] = docker_exe
    windows.docker_runs(False)
    return windows


def test_a_version_that_is_not_known_is_not_an_old_one() -> None:
    answer = run_action(ActionModule, FakeConnection(version_unknown("4.91.0")), UBUNTU)
    assert (answer["layers"][0]["status"], answer["docker_desktop"]["version"]) == ("changed", "4.91.0")


def test_what_only_shows_on_the_way_still_needs_consent() -> None:
    windows = version_unknown("4.30.0")
    with_installer(windows)
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, True, "needs_consent")
    assert "'docker_desktop_upgrade'" in answer["msg"]
    assert INSTALLER not in " ".join(windows.commands)


def without_an_engine() -> FakeWindows:
    """The program runs and no engine answers: its WSL was shut down, or the docker context points elsewhere."""
    windows = healthy()
    answered = windows.programs[DOCKER]
    restarted: list[bool] = []

    def docker_exe(arguments: list[str]) -> dict[str, Any]:
        if arguments == ["desktop", "stop"]:
            restarted.append(True)
        if arguments[:1] == ["version"] and not restarted:
            return ran('{"Client": {}, "Server": null}', 1, "failed to connect to the docker API")
        return answered(arguments)

    windows.programs[DOCKER] = docker_exe
    return windows


@pytest.mark.parametrize(("allow", "status"), [([], "needs_consent"), (["docker_restart"], "changed")])
def test_one_that_runs_without_answering_is_restarted_with_consent_only(allow: list[str], status: str) -> None:
    windows = without_an_engine()
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 0, "allow": allow})
    assert answer["layers"][0]["status"] == status
    assert any(command.endswith("desktop stop") for command in windows.commands) is bool(allow)


def test_a_password_in_the_address_of_a_proxy_is_kept_and_never_shown() -> None:
    # samples/windows/docker_settings_store_fragment.json.txt has the key; the password is ours.
    windows = not_integrated(overrideProxyHttp="http://dev:Correct-Horse-42@proxy.example.com:8080", nested=[{"url": "socks5://x:Correct-Horse-42@h"}])
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["docker_restart"]})
    assert answer["changed"]
    assert b"Correct-Horse-42@proxy" in windows.files[STORE][0]
    assert "Correct-Horse-42" not in json.dumps(answer)
    assert answer["diff"]["after"]["settings"]["overrideProxyHttp"] == "http://********@proxy.example.com:8080"


def test_a_controller_inside_that_wsl_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows = not_integrated()
    windows.cim["Win32_Process"].append({"Name": "vmmemWSL", "CreationDate": "2026-11-20T07:00:00.0000000Z"})
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "allow": ["docker_restart"]})
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "needs_consent")
    assert "Type in a PowerShell of Windows: 'docker desktop stop'" in answer["msg"]
    assert windows.written == []


def test_a_controller_inside_that_wsl_does_not_stop_one_that_runs_without_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows = without_an_engine()
    windows.cim["Win32_Process"].append({"Name": "vmmemWSL", "CreationDate": "2026-11-20T07:00:00.0000000Z"})
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 0, "allow": ["docker_restart"]})
    assert (answer["failed"], answer["changed"], answer["layers"][0]["status"]) == (True, False, "needs_consent")
    assert answer["layers"][0]["findings"][0]["code"] == "DESKTOP-020"
    assert "Type in a PowerShell of Windows: 'docker desktop stop'" in answer["msg"]
    assert not any(command.endswith(("desktop stop", "Docker Desktop.exe")) for command in windows.commands)


def test_a_running_engine_of_windows_containers_is_broken() -> None:
    windows = healthy()
    server = {"Platform": {"Name": "Docker Desktop 4.91.0 (239619)"}, "Version": "29.8.0", "Os": "windows"}
    windows.programs[DOCKER] = lambda _arguments: ran(json.dumps({"Client": {}, "Server": server}))
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert (answer["failed"], answer["layers"][0]["findings"][0]["code"]) == (True, "DESKTOP-018")


def test_an_installer_from_an_address_is_fetched_first() -> None:
    windows, called = absent(), []

    def answer(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        called.append(name.rpartition(".")[2])
        assert name.endswith("win_stat") or "%20" not in str(arguments.get("dest", ""))
        return {"stat": {"exists": True, "checksum": "a" * 64}} if name.endswith("win_stat") else {"dest": INSTALLER}

    arguments = {**FROM_FILE, "installer": "https://downloads.example/Docker%20Desktop%20Installer.exe"}
    told = run_action(ActionModule, FakeConnection(windows), arguments, modules=answer)
    assert told["layers"][0]["status"] == "changed", told
    assert called == ["win_file", "win_get_url", "win_stat", "win_file"]


def test_tasks_that_killed_runs_left_behind_are_removed_when_they_are_old() -> None:
    windows = healthy()
    windows.docker_runs(False)
    old, young, foreign = f"gpudev-{'a' * 32}", f"gpudev-{'b' * 32}", "gpudev-of-somebody"
    tree = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree"
    for name, written in ((old, "2026-11-21T04:59:00.0000000Z"), (young, "2026-11-21T05:30:00.0000000Z"), (foreign, "2026-11-01T06:00:00.0000000Z")):
        windows.registry[f"{tree}\\{name}"] = {}
        windows.files[f"C:\\Windows\\System32\\Tasks\\{name}"] = (b"<Task/>", written)
    windows.programs["C:\\Windows\\System32\\schtasks.exe"] = lambda _arguments: ran()
    assert run_action(ActionModule, FakeConnection(windows), UBUNTU)["changed"] is True
    removed = [command for command in windows.commands if "schtasks" in command]
    assert removed == [f"C:\\Windows\\System32\\schtasks.exe /delete /tn {old} /f"]


@pytest.mark.parametrize("succeeds", [True, False])
def test_an_installer_that_an_earlier_run_started_is_followed(monkeypatch: pytest.MonkeyPatch, succeeds: bool) -> None:
    monkeypatch.setattr("ansible_collections.gpudev.workstation.plugins.plugin_utils._earlier.POLL_SECONDS", 0.01)
    windows, looks = absent(), []
    cim = windows._cim

    def ending(item: dict[str, Any]) -> list[dict[str, Any]]:
        if "Docker Desktop Installer.exe" not in item.get("filter", ""):
            return cim(item)
        looks.append(1)
        if len(looks) == 3 and succeeds:
            windows.install_docker(running=False)
        return [{"CommandLine": f'"{INSTALLER}" install --quiet'}] if len(looks) < 3 else []

    monkeypatch.setattr(windows, "_cim", ending)
    answer = run_action(ActionModule, FakeConnection(windows), FROM_FILE, modules=stat())
    assert answer["layers"][0]["status"] == "changed", answer
    assert len(looks) == 3
    assert sum(INSTALLER in command for command in windows.commands) == (0 if succeeds else 1)


def on_another_drive(running: bool = True) -> FakeWindows:
    """`--installation-dir=D:\\Docker` (docs.docker.com, "Install from the command line")."""
    windows = healthy()
    windows.install_docker(running=running, folder="D:\\Docker")
    return windows


def test_one_outside_its_default_folder_is_seen_running_and_left_alone() -> None:
    windows = on_another_drive()
    connection = FakeConnection(windows)
    answer = run_action(ActionModule, connection, {**UBUNTU, "start_timeout": 0, "allow": ["docker_restart"]})
    assert (answer["changed"], answer["layers"][0]["status"], answer["docker_desktop"]["running"]) == (False, "ok", True)
    assert len(connection.requests) == 2, "the look, and the engine by the client where it lies"
    assert not any(command.endswith("desktop stop") for command in windows.commands)


def test_one_outside_its_default_folder_is_started_by_its_own_program() -> None:
    windows = on_another_drive(running=False)
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 0})
    assert (answer["changed"], answer["docker_desktop"]["running"]) == (True, True), answer
    assert windows.started == ["D:\\Docker\\Docker Desktop.exe"]


def test_the_folder_is_known_without_the_uninstall_key() -> None:
    windows = on_another_drive()
    del windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"]
    windows.registry["HKLM:\\SOFTWARE\\Docker Inc.\\Docker\\1.0"] = {"AppPath": "D:\\Docker\\"}
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 0})
    assert (answer["changed"], answer["docker_desktop"]["running"], answer["docker_desktop"]["version"]) == (False, True, "4.91.0")


def test_an_entry_without_its_program_is_told_at_once() -> None:
    windows = on_another_drive(running=False)
    for path in [path for path in windows.programs if path.startswith("D:\\Docker\\")]:
        del windows.programs[path]
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, "start_timeout": 0})
    assert (answer["failed"], answer["changed"], answer["layers"][0]["findings"][0]["code"]) == (True, False, "DESKTOP-023")
    assert "D:\\Docker\\Docker Desktop.exe" in answer["msg"]


def stopped() -> FakeWindows:
    windows = healthy()
    windows.docker_runs(False)
    return windows


def stopped_and_not_integrated() -> FakeWindows:
    windows = not_integrated()
    windows.docker_runs(False)
    return windows


@pytest.mark.parametrize(
    ("windows", "requests"),
    [
        # Each line of docs/windows.md, "What it costs": the look, then one request a step, which looks at its result as well.
        (stopped, 2),
        (stopped_and_not_integrated, 3),
        (not_integrated, 4),
    ],
)
def test_a_change_costs_one_request_a_step_where_nothing_has_to_be_awaited(windows: Any, requests: int) -> None:
    connection = FakeConnection(windows())
    answer = run_action(ActionModule, connection, {**UBUNTU, "allow": ["docker_restart"]})
    assert (answer["changed"], answer["docker_desktop"]["running"]) == (True, True)
    assert len(connection.requests) == requests
