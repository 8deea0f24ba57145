# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_info: one round trip, and what each thing that is wrong is called."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.action.host_info import ActionModule
from tests.unit.fake_windows import PROFILE, FakeConnection, FakeWindows, healthy, run_action

UBUNTU = {"distribution": "Ubuntu-24.04"}


def layers(windows: FakeWindows, **arguments: object) -> dict[str, tuple[str, list[str]]]:
    answer = run_action(ActionModule, FakeConnection(windows), {**UBUNTU, **arguments})
    assert "failed" not in answer
    assert answer["changed"] is False
    return {layer["layer"]: (layer["status"], [finding["code"] for finding in layer["findings"]]) for layer in answer["layers"]}


def test_healthy_in_one_round_trip() -> None:
    connection = FakeConnection(healthy())
    answer = run_action(ActionModule, connection, UBUNTU)
    assert [layer["status"] for layer in answer["layers"]] == ["ok", "ok", "ok"]
    assert len(connection.requests) == 1
    facts = answer["workstation"]
    assert facts["windows"]["product"] == "Windows 11 Pro"
    assert (facts["windows"]["build"], facts["windows"]["memory_mib"], facts["windows"]["virtualization"]) == (26100, 32768, True)
    assert facts["user"]["connected_sid"] == "S-1-5-21-1-2-3-1001"
    assert facts["nvidia_driver"]["gpus"][0]["driver_model"] == "WDDM"
    assert facts["wsl"]["kind"] == "store"
    assert facts["wsl"]["default_distribution"] == "Ubuntu-24.04"
    assert facts["wslconfig"] == {"path": PROFILE + "\\.wslconfig", "exists": True, "text": "[wsl2]\ngpuSupport=true\n", "localhost_reaches_linux": True}
    assert facts["docker_desktop"]["running"] is True
    assert facts["docker_desktop"]["engine"]["version"] == "29.8.0"
    assert answer["ansible_facts"] == {"workstation_user": "dev"}


def old_build(windows: FakeWindows) -> None:
    windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"]["CurrentBuildNumber"] = "22621"


def no_virtualisation(windows: FakeWindows) -> None:
    windows.cim["Win32_ComputerSystem"][0]["HypervisorPresent"] = False


def firmware_only(windows: FakeWindows) -> None:
    no_virtualisation(windows)
    windows.cim["Win32_Processor"] = [{"VirtualizationFirmwareEnabled": True}]


def feature_off(windows: FakeWindows) -> None:
    windows.cim["Win32_OptionalFeature"][0]["InstallState"] = 2


def feature_waits(windows: FakeWindows) -> None:
    feature_off(windows)
    windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending"] = {}


def update_waits(windows: FakeWindows) -> None:
    windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"] = {}


def windows_10(windows: FakeWindows) -> None:
    windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"]["CurrentBuildNumber"] = "19045"
    windows.cim["Win32_OperatingSystem"][0]["Caption"] = "Microsoft Windows 10 Pro"


def other_user(windows: FakeWindows) -> None:
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = "BOX\\someone"


def nobody(windows: FakeWindows) -> None:
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = None


def server(windows: FakeWindows) -> None:
    windows.cim["Win32_OperatingSystem"] = [{"Caption": "Microsoft Windows Server 2025 Standard", "ProductType": 3}]


@pytest.mark.parametrize(
    ("change", "status", "codes"),
    [
        (old_build, "unsupported", ["WIN-001"]),
        (no_virtualisation, "broken", ["WIN-002"]),
        (firmware_only, "needs_reboot", ["WIN-008"]),
        (feature_off, "broken", ["WIN-003"]),
        (feature_waits, "needs_reboot", ["WIN-005", "WIN-003"]),
        (update_waits, "ok", ["WIN-007"]),
        (windows_10, "broken", ["WIN-003"]),
        (other_user, "broken", ["WIN-004"]),
        (nobody, "ok", []),
        (server, "unsupported", ["WIN-009"]),
    ],
)
def test_layer_windows(change: Callable[[FakeWindows], None], status: str, codes: list[str]) -> None:
    windows = healthy()
    change(windows)
    assert layers(windows)["windows"] == (status, codes)


def test_declared_user_is_wanted_even_when_nobody_is_logged_on() -> None:
    windows = healthy()
    nobody(windows)
    assert layers(windows, windows_user="BOX\\Dev")["windows"] == ("ok", [])
    assert layers(windows, windows_user="someone")["windows"] == ("broken", ["WIN-004"])


@pytest.mark.parametrize(
    ("row", "status", "codes"),
    [
        ("0, GPU-1, NVIDIA GeForce RTX 4050 Laptop GPU, 471.96, 6141, WDDM", "broken", ["DRIVER-002"]),
        ("0, GPU-1, NVIDIA RTX A4000, 591.59, 6141, TCC", "broken", ["DRIVER-003"]),
        # github.com/ggml-org/llama.cpp/discussions/25978: a GPU in MCDM mode computes in WSL2, in TCC mode it is not seen there.
        ("0, GPU-1, Tesla P40, 582.70, 24576, MCDM", "ok", []),
        ("0, GPU-1, NVIDIA GeForce RTX 4050 Laptop GPU, 472.12, [N/A], [N/A]", "ok", []),
    ],
)
def test_layer_nvidia_driver(row: str, status: str, codes: list[str]) -> None:
    from tests.unit.fake_windows import ran

    windows = healthy()
    windows.programs["nvidia-smi.exe"] = lambda _arguments: ran(row)
    assert layers(windows)["nvidia_driver"] == (status, codes)


def test_driver_is_read_from_the_adapter_without_nvidia_smi() -> None:
    windows = healthy()
    del windows.programs["nvidia-smi.exe"]
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["workstation"]["nvidia_driver"]["driver_version"] == "591.59"
    assert [finding["code"] for finding in answer["layers"][1]["findings"]] == ["DRIVER-004"]
    assert answer["layers"][1]["status"] == "ok"


def test_no_nvidia_adapter_at_all() -> None:
    windows = healthy()
    del windows.programs["nvidia-smi.exe"]
    windows.cim["Win32_VideoController"] = [{"Name": "Intel(R) Iris(R) Xe Graphics", "DriverVersion": "31.0.101.1"}]
    assert layers(windows)["nvidia_driver"] == ("unsupported", ["DRIVER-001"])


def test_docker_desktop_below_the_gate_says_why() -> None:
    windows = healthy()
    windows.install_docker("4.30.0")
    facts = run_action(ActionModule, FakeConnection(windows), UBUNTU)["workstation"]["docker_desktop"]
    (finding,) = facts["findings"]
    assert finding["code"] == "DESKTOP-002"
    assert "591.59 (555 or later) needs Docker Desktop 4.31.0" in finding["cause"]


@pytest.mark.parametrize(
    ("running", "integrated", "found"),
    [(False, ["Ubuntu-24.04"], ("broken", ["DESKTOP-022"])), (True, ["Ubuntu-24.04"], ("broken", ["DESKTOP-022"])), (False, [], None)],
)
def test_with_an_engine_in_the_distribution_docker_desktop_must_keep_out_of_it(running: bool, integrated: list[str], found: object) -> None:
    windows = healthy()
    windows.install_docker(running=running, settings={"IntegratedWslDistros": integrated, "EnableIntegrationWithDefaultWslDistro": False})
    assert layers(windows, docker="engine").get("docker") == found


@pytest.mark.parametrize(
    ("text", "codes"), [("", ["WSL-029"]), ("[general]\ninstanceIdleTimeout=60000\n", ["WSL-029"]), ("[general]\ninstanceIdleTimeout=-1\n", [])]
)
def test_wsl_ends_an_idle_distribution_and_the_engine_in_it(text: str, codes: list[str]) -> None:
    windows = healthy()
    windows.files[PROFILE + "\\.wslconfig"] = (text.encode(), "2026-11-01T06:00:00.0000000Z")
    assert layers(windows, docker="engine")["wsl"] == ("ok", codes)
    assert layers(windows)["wsl"] == ("ok", [])


def test_with_docker_desktop_as_the_engine_one_that_does_not_run_is_a_finding() -> None:
    windows = healthy()
    windows.install_docker(running=False)
    assert layers(windows)["docker"] == ("broken", ["DESKTOP-016"])


def test_restricted_language_is_a_policy_not_a_crash() -> None:
    connection = FakeConnection(healthy(), raw=(0, b"<<gpudev!ConstrainedLanguage>>\r\n", b""))
    answer = run_action(ActionModule, connection, UBUNTU)
    assert [(layer["layer"], layer["status"]) for layer in answer["layers"]] == [("windows", "blocked_by_policy")]
    assert answer["layers"][0]["findings"][0]["code"] == "WIN-006"


def test_no_answer_is_unknown_with_the_text() -> None:
    connection = FakeConnection(healthy(), raw=(9, b"", b"out of memory"))
    answer = run_action(ActionModule, connection, UBUNTU)
    assert answer["layers"][0]["status"] == "unknown"
    assert "exit code 9" in answer["layers"][0]["summary"]
    assert "out of memory" in answer["layers"][0]["summary"]


def test_it_waits_for_a_logon_no_longer_than_told() -> None:
    windows = healthy()
    nobody(windows)
    connection = FakeConnection(windows)
    answer = run_action(ActionModule, connection, {**UBUNTU, "logon_timeout": 0})
    assert answer["workstation"]["user"]["logged_on"] == []
    assert len(connection.requests) == 1


def features_denied(windows: FakeWindows) -> None:
    """Win32_OptionalFeature asks for an administrator; the other classes do not."""
    answered = windows._cim

    def refuse(item: dict[str, object]) -> object:
        if item["class"] == "Win32_OptionalFeature":
            denied = {
                "type": "Microsoft.Management.Infrastructure.CimException",
                "message": "Access denied",
                "hresult": "0x80070005",
                "id": "HRESULT 0x80041003",
            }
            raise LookupError(denied)
        return answered(item)

    windows._cim = refuse  # type: ignore[assignment,method-assign]


def test_features_that_may_not_be_asked_about_are_unknown_not_absent() -> None:
    windows = healthy()
    features_denied(windows)
    answer = run_action(ActionModule, FakeConnection(windows), UBUNTU)
    assert answer["workstation"]["windows"]["features"]["VirtualMachinePlatform"] == "unknown"
    # The hypervisor runs, so the feature must be on.
    assert answer["layers"][0]["status"] == "ok"
    firmware_only(windows)
    assert layers(windows)["windows"] == ("broken", ["WIN-003"])


def test_a_desktop_by_remote_desktop_counts_as_logged_on() -> None:
    windows = healthy()
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = None
    windows.registry["HKCU:\\Volatile Environment"] = {}
    windows.registry["HKCU:\\Volatile Environment\\2"] = {"SESSIONNAME": "RDP-Tcp#0"}
    answer = run_action(ActionModule, FakeConnection(windows), {})
    assert answer["workstation"]["user"]["logged_on"] == ["dev"]


def test_the_connecting_account_is_meant_when_it_has_a_desktop_beside_the_console() -> None:
    windows = healthy()
    windows.cim["Win32_ComputerSystem"][0]["UserName"] = "BOX\\anna"
    assert run_action(ActionModule, FakeConnection(windows), {})["workstation"]["user"]["is_workstation_user"] is False
    windows.registry["HKCU:\\Volatile Environment\\2"] = {"SESSIONNAME": "RDP-Tcp#0"}
    user = run_action(ActionModule, FakeConnection(windows), {})["workstation"]["user"]
    assert (user["logged_on"], user["workstation_user"]) == (["anna", "dev"], "dev")


def test_a_docker_desktop_outside_its_default_folder_is_seen_running() -> None:
    windows = healthy()
    windows.install_docker(folder="D:\\Docker")
    connection = FakeConnection(windows)
    answer = run_action(ActionModule, connection, UBUNTU)
    assert (answer["workstation"]["docker_desktop"]["running"], [layer["layer"] for layer in answer["layers"]]) == (True, ["windows", "nvidia_driver", "wsl"])
    assert len(connection.requests) == 2


def test_with_async_every_request_is_a_job_and_the_answer_is_the_same() -> None:
    expected = run_action(ActionModule, FakeConnection(healthy()), {})
    assert run_action(ActionModule, FakeConnection(healthy()), {}, async_val=60) == expected


def test_fire_and_forget_is_refused_with_the_reason() -> None:
    with pytest.raises(AnsibleActionFail, match="nobody would be there to judge the answer"):
        run_action(ActionModule, FakeConnection(healthy()), {}, async_val=60, poll=0)
