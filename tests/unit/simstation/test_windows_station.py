# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows side of a station over time: scenarios, WSL, reboot, sessions, Docker Desktop. Trees of distros are left out."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simstation import distro
from tests.simstation.linux import desktop as linux_desktop
from tests.simstation.scenarios import SCENARIOS, base, document
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.windows import cim, files, language, messages, modules, programs, session, wsl_service

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "windows"
DESKTOP = "C:\\Program Files\\Docker\\Docker\\Docker Desktop.exe"
DOCKER = "C:\\Program Files\\Docker\\Docker\\resources\\bin\\docker.exe"
ROOTFS = "C:\\Installers\\ubuntu-24.04.3-wsl-amd64.wsl"
MSI = "C:\\Installers\\wsl.2.6.3.0.x64.msi"
INSTALLER = "C:\\Installers\\Docker Desktop Installer.exe"

MakeStation = Callable[[str], Station]


@pytest.fixture
def make_station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeStation:
    for name in ("create", "destroy", "terminate", "terminate_all"):
        monkeypatch.setattr(distro, name, lambda *_arguments: None)
    monkeypatch.setattr(linux_desktop, "stopped", lambda _station: None)

    def make(scenario: str) -> Station:
        return Station("ws1", document("ws1", scenario), tmp_path, time_scale=0.001)

    return make


def ask(station: Station, item: dict[str, Any], user: str = "dev") -> Any:
    (answer,) = language.answer(station, user, {"items": [item]})["result"]["answers"]
    return answer["answer"]


def run(station: Station, program: str, *arguments: str, timeout: float = 30) -> tuple[int | None, str, str]:
    told = ask(station, {"verb": "native", "program": program, "arguments": list(arguments), "timeout": timeout})
    return told["rc"], base64.b64decode(told["stdout"]).decode(), base64.b64decode(told["stderr"]).decode()


def in_session(station: Station, *items: dict[str, Any], user: str = "dev") -> Any:
    return ask(station, {"verb": "in_session", "items": list(items), "timeout": 20}, user)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def set_file(station: Station, path: str, text: str) -> None:
    files.put(station, path, text.encode())


def setting(station: Station, key: str) -> Any:
    return json.loads(files.read(station.state, base.DOCKER_SETTINGS_PATH) or b"{}").get(key)


class TestScenarios:
    @pytest.mark.parametrize("name", SCENARIOS)
    def test_document_is_json_and_names_itself(self, name: str) -> None:
        state = document("ws1", name)
        assert json.loads(json.dumps(state)) == state
        assert (state["scenario"], state["simulated"]) == (name, True)

    def test_all_of_the_issue_are_there(self) -> None:
        assert set(SCENARIOS) == {
            "factory_fresh", "healthy", "drifted", "driver_too_old", "driver_to_install", "linux_driver_in_distro", "addon_never_applied", "nvml_not_supported",
            "engine_in_distro", "node_not_ready", "node_container_gone", "apiserver_slow", "docker_stopped", "nobody_logged_on", "other_windows_user",
        }  # fmt: skip

    def test_factory_fresh_has_a_driver_and_installers_only(self, make_station: MakeStation) -> None:
        station = make_station("factory_fresh")
        assert run(station, "nvidia-smi.exe", "-L")[0] == 0
        assert not ask(station, {"verb": "file", "path": "%USERPROFILE%\\.wslconfig"})["exists"]
        assert not ask(station, {"verb": "native", "program": DOCKER})["exists"]
        assert not ask(station, {"verb": "registry", "path": "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Lxss\\MSI"})["exists"]
        assert all(files.read(station.state, path) for path in station.state["installers"])

    def test_drifted_file_is_newer_than_the_vm(self, make_station: MakeStation) -> None:
        station = make_station("drifted")
        written = ask(station, {"verb": "file", "path": "%USERPROFILE%\\.wslconfig"})["written"]
        (vm,) = ask(station, {"verb": "cim", "class": "Win32_Process", "filter": "Name='vmmemWSL'", "properties": ["CreationDate"]})
        assert written > vm["CreationDate"]
        assert station.state["wsl"]["vm"]["gpu"]

    def test_other_windows_user_owns_nothing(self, make_station: MakeStation) -> None:
        station = make_station("other_windows_user")
        lxss = {"verb": "registry", "path": "HKCU:\\Software\\Microsoft\\Windows\\CurrentVersion\\Lxss"}
        assert ask(station, lxss)["exists"]
        assert not ask(station, lxss, "admin")["exists"]
        assert in_session(station, {"verb": "shell"}, user="admin") == {"logged_on": False, "user": None, "finished": False, "answers": []}


class TestLooking:
    def test_looking_changes_nothing(self, make_station: MakeStation) -> None:
        station = make_station("healthy")
        before = station.snapshot()
        run(station, "wsl.exe", "--version")
        run(station, "wsl.exe", "--status")
        run(station, DOCKER, "version", "--format", "{{json .}}")
        for name in cim.CLASSES:
            ask(station, {"verb": "cim", "class": name, "properties": []})
        assert station.snapshot() == before
        assert station.errors == []

    @pytest.mark.parametrize(
        "item",
        [
            {"verb": "cim", "class": "Win32_OperatingSystem", "properties": ["NoSuchProperty"]},
            {"verb": "cim", "class": "Win32_Service", "properties": ["Name"], "filter": "NOT Name='x'"},
            {"verb": "registry", "path": "HKLM:\\SOFTWARE\\Microsoft\\Cryptography"},
            {"verb": "native", "program": "dism.exe", "arguments": ["/online"]},
            {"verb": "native", "program": "nvidia-smi.exe", "arguments": ["-pm", "1"]},
            {"verb": "file", "path": "\\\\wsl.localhost\\Ubuntu\\etc\\passwd"},
        ],
        ids=lambda item: item["verb"] + " " + str(next(iter(list(item.values())[1:]))),
    )
    def test_what_is_not_known_is_an_error(self, make_station: MakeStation, item: dict[str, Any]) -> None:
        station = make_station("healthy")
        with pytest.raises(UnknownRequest):
            ask(station, item)
        assert len(station.errors) == 1

    def test_driver_number_in_both_forms(self, make_station: MakeStation) -> None:
        """facts/nvidia.md: 32.0.15.9159 is 591.59, 31.0.15.2686 is 526.86."""
        assert cim.windows_driver_version("591.59") == "32.0.15.9159"
        assert cim.windows_driver_version("526.86") == "31.0.15.2686"
        station = make_station("healthy")
        rc, text, _error = run(station, "nvidia-smi.exe", "--query-gpu=driver_version,memory.total", "--format=csv,noheader")
        assert (rc, text) == (0, "591.59, 6141 MiB\r\n")

    def test_bad_field_of_nvidia_smi(self, make_station: MakeStation) -> None:
        """recordings/gpu/docker_gpus_bad_field.json, with the line ends of Windows."""
        found = run(make_station("healthy"), "nvidia-smi.exe", "--query-gpu=index,nosuchfield", "--format=csv")
        assert found == (2, 'Field "nosuchfield" is not a valid field to query.\r\n\r\n', "")


class TestWsl:
    def test_not_installed(self, make_station: MakeStation) -> None:
        """Public reports: `--status` ends with 50, others with 1."""
        station = make_station("factory_fresh")
        assert wsl_service.manage(station, "dev", ["--status"])[0] == 50
        code, text = wsl_service.manage(station, "dev", ["-l", "-v"])
        assert (code, text.splitlines()[0][:52]) == (1, "The Windows Subsystem for Linux is not installed. Yo")
        assert wsl_service.start(station, "dev", None)[0] == 1

    @pytest.mark.parametrize(("locale", "file"), [("de-DE", "wsl_version_de_2.6.3.txt"), ("es-ES", "wsl_version_status_es_2.6.3.txt")])
    def test_version_in_other_languages(self, make_station: MakeStation, locale: str, file: str) -> None:
        station = make_station("healthy")
        station.state["windows"]["locale"] = locale
        told = wsl_service.manage(station, "dev", ["--version"])[1].splitlines()
        real = [line for line in (RECORDINGS / file).read_text(encoding="utf-8").splitlines() if ": 10.0.2" not in line and not line.startswith(("#", "PS"))]
        assert real[:5] == told[:5]
        assert len(told) == 7

    def test_list_verbose(self, make_station: MakeStation) -> None:
        """The form of samples/windows/wsl_list_verbose_docker_desktop_two_distros.txt."""
        assert wsl_service.manage(make_station("healthy"), "dev", ["-l", "-v"]) == (
            0,
            "  NAME              STATE           VERSION\n* Ubuntu-24.04      Running         2\n  docker-desktop    Running         2\n",
        )

    @pytest.mark.parametrize(("chosen", "asked", "version"), [(None, [], 2), (1, [], 1), (1, ["--version", "2"], 2)])
    def test_a_new_distro_is_made_for_the_default_version(self, make_station: MakeStation, chosen: int | None, asked: list[str], version: int) -> None:
        """microsoft/WSL: WslInstall.cpp and LxssUserSession.cpp, RegisterDistribution."""
        station = make_station("healthy")
        if chosen is not None:
            station.state["wsl"]["default_version"] = chosen
        image = "C:\\Installers\\ubuntu-24.04.3-wsl-amd64.wsl"
        assert wsl_service.manage(station, "dev", ["--install", "--from-file", image, "--name", "Second", "--no-launch", *asked])[0] == 0
        assert station.state["wsl"]["distros"]["Second"]["version"] == version

    def test_unknown_distro(self, make_station: MakeStation) -> None:
        station = make_station("healthy")
        station.state["windows"]["locale"] = "es-ES"
        code, text = wsl_service.start(station, "dev", "Nope")
        assert (code, text.splitlines()) == (-1, [messages.text("es-ES", "MessageDistroNotFound"), "Error code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND"])

    def test_vm_reads_wslconfig_only_when_it_starts(self, make_station: MakeStation) -> None:
        station = make_station("healthy")
        set_file(station, base.WSLCONFIG_PATH, "[wsl2]\ngpuSupport=false\nmemory=8GB\ngpu=true\n")
        wsl_service.start(station, "dev", "Ubuntu-24.04")
        assert station.state["wsl"]["vm"]["memory_bytes"] == 20 * base.GIB
        assert wsl_service.manage(station, "dev", ["--shutdown"]) == (0, "")
        wsl_service.start(station, "dev", "Ubuntu-24.04")
        vm = station.state["wsl"]["vm"]
        assert (vm["gpu"], vm["memory_bytes"], vm["processors"]) == (False, 8 * base.GIB, 16)
        assert wsl_service.take_warnings(station) == [f"Unknown key 'wsl2.gpu' in {base.WSLCONFIG_PATH}:4"]
        assert wsl_service.take_warnings(station) == []

    def test_shutdown_is_one_users(self, make_station: MakeStation) -> None:
        station = make_station("other_windows_user")
        wsl_service.manage(station, "admin", ["--shutdown"])
        assert station.state["wsl"]["vm"] is not None

    def test_features_before_and_after_the_restart(self, make_station: MakeStation) -> None:
        station = make_station("factory_fresh")
        modules.run(station, "dev", "ansible.windows.win_package", {"path": MSI})
        install = ["--install", "--from-file", ROOTFS, "--no-launch"]
        assert wsl_service.manage(station, "dev", install)[1].endswith("Wsl/InstallDistro/Service/RegisterDistro/CreateVm/HCS/HCS_E_SERVICE_NOT_AVAILABLE\n")
        code, text = wsl_service.manage(station, "dev", ["--install", "--no-distribution"])
        assert (code, text.splitlines()[-1]) == (0, messages.ENGLISH["ERROR_SUCCESS_REBOOT_REQUIRED"])
        pending = {"verb": "registry", "path": "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending"}
        assert ask(station, pending)["exists"]
        booted = station.state["windows"]["boot_time"]
        session.reboot(station)
        assert not ask(station, pending)["exists"]
        assert station.state["windows"]["boot_time"] > booted
        assert [entry["user"] for entry in station.state["windows"]["sessions"]] == ["dev"]
        assert wsl_service.manage(station, "dev", install)[0] == 0
        assert station.state["wsl"]["distros"]["Ubuntu-24.04"]["default_user"] == "root"
        assert wsl_service.manage(station, "dev", install)[0] == -1


class TestDockerDesktop:
    def test_without_a_desktop_session_it_hangs(self, make_station: MakeStation) -> None:
        station = make_station("docker_stopped")
        for program, arguments in ((DESKTOP, ()), (DOCKER, ("desktop", "start"))):
            told = ask(station, {"verb": "native", "program": program, "arguments": list(arguments), "timeout": 30})
            assert (told["timed_out"], told["rc"]) == (True, None)
        assert not station.state["docker"]["desktop"]["running"]

    def test_in_the_session_it_starts(self, make_station: MakeStation) -> None:
        station = make_station("docker_stopped")
        rc, stdout, stderr = run(station, DOCKER, "version", "--format", "{{json .}}")
        assert (rc, json.loads(stdout)["Server"]) == (1, None)
        assert "dockerDesktopLinuxEngine" in stderr
        told = in_session(station, {"verb": "native", "program": DESKTOP, "detach": True})
        assert told["logged_on"]
        assert (told["user"], told["finished"], sorted(told["answers"][0]["answer"])) == ("WS1\\dev", True, ["exists", "path", "pid"])
        wait_for(lambda: station.state["docker"]["desktop"]["running"])
        server = json.loads(run(station, DOCKER, "version", "--format", "{{json .}}")[1])["Server"]
        real = (RECORDINGS / "docker_version_desktop_4.91.0.txt").read_text(encoding="utf-8")
        assert f"Server: {server['Platform']['Name']}\n" in real
        assert f"Version:          {server['Version']}\n" in real

    def test_nobody_logged_on(self, make_station: MakeStation) -> None:
        station = make_station("nobody_logged_on")
        assert in_session(station, {"verb": "native", "program": DESKTOP, "detach": True})["logged_on"] is False
        session.log_on(station, "dev")
        wait_for(lambda: station.state["docker"]["desktop"]["running"])

    def test_a_running_program_overwrites_its_settings_when_it_stops(self, make_station: MakeStation) -> None:
        station = make_station("healthy")
        set_file(station, base.DOCKER_SETTINGS_PATH, '{"IntegratedWslDistros": []}')
        assert run(station, DOCKER, "desktop", "stop")[0] == 0
        assert setting(station, "IntegratedWslDistros") == ["Ubuntu-24.04"]
        set_file(station, base.DOCKER_SETTINGS_PATH, '{"IntegratedWslDistros": []}')
        in_session(station, {"verb": "native", "program": DOCKER, "arguments": ["desktop", "start"]})
        assert station.state["docker"]["desktop"]["settings"] == {"IntegratedWslDistros": []}

    def test_shutdown_of_wsl_takes_the_engine(self, make_station: MakeStation) -> None:
        station = make_station("healthy")
        run(station, "wsl.exe", "--shutdown")
        assert run(station, DOCKER, "desktop", "status")[1].split()[-1] == "stopped"
        assert station.state["wsl"]["distros"]["docker-desktop"]["state"] == "Stopped"

    def test_the_installer(self, make_station: MakeStation) -> None:
        station = make_station("factory_fresh")
        args = {"path": INSTALLER, "product_id": "Docker Desktop", "arguments": ["install", "--quiet", "--accept-license", "--backend=wsl-2"]}
        assert modules.run(station, "dev", "ansible.windows.win_package", args)["rc"] == 0
        assert modules.run(station, "dev", "ansible.windows.win_package", args)["changed"] is False
        key = "HKLM:\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"
        assert ask(station, {"verb": "registry", "path": key})["values"]["DisplayVersion"] == "4.91.0"
        with pytest.raises(UnknownRequest):
            run(station, INSTALLER, "uninstall")

    def test_a_byte_order_mark_in_the_settings_stops_it(self, make_station: MakeStation) -> None:
        station = make_station("docker_stopped")
        set_file(station, base.DOCKER_SETTINGS_PATH, "\ufeff{}")
        in_session(station, {"verb": "native", "program": DOCKER, "arguments": ["desktop", "start"]})
        desktop = station.state["docker"]["desktop"]
        assert (desktop["running"], desktop["starting"]) == (False, False)

    def test_without_wsl_the_engine_does_not_come_up(self, make_station: MakeStation) -> None:
        station = make_station("factory_fresh")
        run(station, INSTALLER, "install", "--quiet", "--accept-license")
        in_session(station, {"verb": "native", "program": DOCKER, "arguments": ["desktop", "start"]})
        assert not station.state["docker"]["desktop"]["running"]


def test_reboot_by_shutdown_exe(make_station: MakeStation) -> None:
    station = make_station("healthy")
    assert run(station, "shutdown.exe", "/r", "/t", "2")[0] == 0
    wait_for(lambda: station.state["windows"]["boots"] == 2)


def test_every_program_is_found_where_it_lies(make_station: MakeStation) -> None:
    station = make_station("healthy")
    assert {programs.find(station, "dev", path) for path in programs.PROGRAMS} == set(programs.PROGRAMS)
    assert programs.find(station, "dev", "docker") == DOCKER
    assert programs.find(station, "dev", "nope.exe") is None
