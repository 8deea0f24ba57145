# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told over the wire of every carrier when WSL, the login or the host fails, while a module's worth of input is on its way."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from tests.harness import Stations, serve
from tests.integration.test_wsl_connection import CARRIERS, HOST
from tests.unit.plugins.connection.test_wsl_connection import SAID
from tests.wsl_plugin import connection, variables

INPUT = b"# a module\n" * 20_000
# The words of cmd.exe, PowerShell and nobody are those of another shell, not of wsl.exe.
SAID_BY_WSL_EXE = [(said, code) for said, code in SAID if code not in ("CONN-014", "CONN-015", "CONN-018") and "At line:" not in said]
WITHOUT_FEATURE = {"windows": {"features": {"VirtualMachinePlatform": "Disabled"}}}
WITHOUT_HYPERVISOR = {"windows": {"features": {"VirtualMachinePlatform": "Enabled"}, "hypervisor_present": False}}
# What makes wsl.exe complain: a station, a change of it, a change of the inventory; then the finding, and a word of what was said.
STATES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str, str]] = {
    "no such user": (HOST, {}, {"ansible_wsl_user": "nobodyhere"}, "CONN-001", "WSL_E_USER_NOT_FOUND"),
    "no such distribution": (HOST, {}, {"ansible_wsl_distribution": "Nope"}, "CONN-002", "WSL_E_DISTRO_NOT_FOUND"),
    "the Windows feature is off": ("docker_stopped", WITHOUT_FEATURE, {}, "CONN-007", "CreateVm/HCS/HCS_E_SERVICE_NOT_AVAILABLE"),
    "virtualization is off": ("docker_stopped", WITHOUT_HYPERVISOR, {}, "CONN-007", "HCS_E_HYPERV_NOT_INSTALLED"),
    "WSL is not installed": ("factory_fresh", {}, {}, "CONN-008", "Also tried: C:\\Program Files\\WSL\\wsl.exe (CONN-014)"),
    "distribution of another Windows user": ("other_windows_user", {}, {}, "CONN-002", "WSL_E_DISTRO_NOT_FOUND"),
    "another Windows user has none": ("other_windows_user", {}, {"ansible_wsl_distribution": ""}, "CONN-003", "--list --online"),
}


@pytest.fixture(scope="module", params=CARRIERS)
def stations(request: pytest.FixtureRequest) -> Iterator[Stations]:
    with serve(HOST, *sorted({state[0] for state in STATES.values()} - {HOST}), options=CARRIERS[request.param]) as running:
        yield running
        assert [running.errors(host) for host in running.hosts if running.errors(host)] == []


def refusal(known: dict[str, Any], data: bytes = INPUT) -> str:
    plugin = connection(known)
    with pytest.raises(AnsibleConnectionFailure) as failure:
        plugin.exec_command("cat > /dev/null", in_data=data)
    plugin.close()
    return str(failure.value)


@pytest.mark.parametrize(("said", "code"), SAID_BY_WSL_EXE, ids=[f"{code}-{number}" for number, (_said, code) in enumerate(SAID_BY_WSL_EXE)])
def test_what_wsl_exe_says_is_known_over_every_carrier(stations: Stations, said: str, code: str) -> None:
    stations.post(HOST, "patch", {"wsl": {"refuses": said}})
    told = refusal(variables(stations, HOST))
    stations.post(HOST, "patch", {"wsl": {"refuses": None}})
    assert f"[{code}]" in told
    assert " ".join(said.split()) in told
    assert "What to do:" in told
    assert connection(variables(stations, HOST)).exec_command("cat", in_data=INPUT) == (0, INPUT, b"")


@pytest.mark.parametrize("state", STATES)
def test_what_the_state_of_windows_forbids_is_told(stations: Stations, state: str) -> None:
    host, patch, changed, code, word = STATES[state]
    stations.post(host, "patch", patch)
    told = refusal(variables(stations, host, **changed))
    assert f"[{code}]" in told
    assert word in told


def test_a_named_wsl_exe_that_is_not_there_is_no_obstacle(stations: Stations) -> None:
    elsewhere = {"ansible_wsl_executable": "D:\\Elsewhere\\wsl.exe"}
    assert connection(variables(stations, HOST, **elsewhere)).exec_command("cat; exit 67", in_data=INPUT) == (67, INPUT, b"")
    told = refusal(variables(stations, "factory_fresh", **elsewhere))
    assert "[CONN-008]" in told
    assert "Also tried: D:\\Elsewhere\\wsl.exe (CONN-014), C:\\Program Files\\WSL\\wsl.exe (CONN-014)." in told


# Over ssh it is a matter of chance: of a pipe that breaks under it ansible-core's ssh connection may tell nothing else, on any host.
OVER_A_REMOTE_SHELL = pytest.mark.parametrize("stations", ["winrm", "psrp"], indirect=True)


@OVER_A_REMOTE_SHELL
def test_a_full_disk_is_a_failed_task_and_not_an_unreachable_host(stations: Stations, tmp_path: Path) -> None:
    """The program in the distribution ends while most of the piece is still on its way."""
    (tmp_path / "large").write_bytes(INPUT * 25)
    plugin = connection(variables(stations, HOST))
    with pytest.raises(AnsibleError, match=r"Could not write /dev/full in the WSL distribution .*No space left") as failure:
        plugin.put_file(str(tmp_path / "large"), "/dev/full")
    assert not isinstance(failure.value, AnsibleConnectionFailure)
    plugin.close()


@OVER_A_REMOTE_SHELL
def test_a_command_need_not_take_all_of_its_input(stations: Stations) -> None:
    plugin = connection(variables(stations, HOST))
    assert plugin.exec_command("head -n 1; exit 3", in_data=INPUT * 25) == (3, b"# a module\n", b"")
    plugin.close()


def test_a_wrong_windows_password_is_told_without_it(stations: Stations) -> None:
    connection(variables(stations, HOST)).reset()  # else ssh joins the control socket of an earlier login and needs no password
    wrong = f"Wrong-{secrets.token_hex(4)}"
    told = refusal(variables(stations, HOST, ansible_password=wrong))
    assert wrong not in told
    assert any(words in told for words in ("credentials were rejected", "failed to authenticate", "Permission denied"))


def test_a_host_that_does_not_listen_is_told(stations: Stations) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        # Without input: of a pipe that breaks under it ansible-core's ssh connection tells nothing else.
        told = refusal(variables(stations, HOST, ansible_port=unused.getsockname()[1]), b"")
    assert "refused" in told
