# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows side of Spanish-language workstations: round trips, other users, the driver, and a controller that lives in the WSL it manages."""

from __future__ import annotations

import socket
import typing as t

import pytest

from tests.harness import Run, Stations, chain_of, playbook, serve
from tests.integration.conftest import assert_understood

ACTIONS = "tests/integration/playbooks/windows_actions.yml"
SPANISH = ("--locale", "es-ES")
# Create, Command, Send, Receive, Signal, Delete.
REQUESTS_OF_ONE_EXEC = 6
DRIVER = ("--tags", "nvidia_driver", "--limit", "all,localhost,!healthy,!drifted")
PROGRESS = "NVIDIA driver: awaiting the end of C:\\Installers\\591.59-notebook-win10-win11-64bit-international-dch-whql.exe, until "


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve("healthy", "drifted", "driver_to_install", options=SPANISH) as running:
        yield running


def measured(stations: Stations, *arguments: str) -> tuple[Run, list[dict[str, t.Any]]]:
    """A run of the actions and what it asked on the wire."""
    stations.forget_requests()
    run = playbook(stations, ACTIONS, *arguments)
    return run, stations.requests()


def execs(requests: t.Iterable[t.Mapping[str, t.Any]]) -> int:
    return sum(request["verb"] == "Command" for request in requests)


class TestRoundTrips:
    def test_nothing_to_do_is_one_exec_for_each_action(self, stations: Stations) -> None:
        run, requests = measured(stations, "--limit", "healthy")
        assert (run.rc, run.changed()) == (0, 0), run.output
        assert (len(requests), execs(requests)) == (4 * REQUESTS_OF_ONE_EXEC, 4)

    def test_a_change_and_the_look_at_it_is_one_more(self, stations: Stations) -> None:
        run, requests = measured(stations, "--limit", "drifted", "--tags", "wslconfig")
        assert (run.rc, run.changed()) == (0, 1), run.output
        assert execs(requests) == 2


class TestAsSomebodyElse:
    def test_become_runas_gives_the_same_answers(self, stations: Stations) -> None:
        password = stations.state("healthy")["windows"]["users"]["dev"]["password"]
        become = ("--become", "-e", "ansible_become_method=ansible.builtin.runas", "-e", "ansible_become_user=dev", "-e", f"ansible_become_password={password}")
        run = playbook(stations, ACTIONS, "--limit", "healthy", *become)
        assert (run.rc, run.changed()) == (0, 0), run.output
        assert run.recap["healthy"]["ok"] == 4


class TestAsync:
    def test_each_request_is_a_job_on_the_workstation_and_the_answers_are_the_same(self, stations: Stations) -> None:
        run, requests = measured(stations, "--limit", "healthy", "--tags", "host_info", "-e", "windows_actions_async=60")
        assert (run.rc, run.changed()) == (0, 0), run.output
        assert run.recap["healthy"]["ok"] == 1
        assert execs(requests) > 1, "a job is started, asked for and cleaned up"


class TestDriver:
    def test_with_consent_it_is_installed_as_a_job_and_proven(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml", *DRIVER)
        assert run.rc == 0, run.output
        assert chain_of(run, "driver_to_install")["nvidia_driver"] == "changed"
        assert PROGRESS in run.output
        state = stations.state("driver_to_install")
        assert state["windows"]["gpus"][0]["driver_version"] == "591.59"
        assert state["wsl"]["vm"] is None, "the running virtual machine had the old driver"
        assert [path for path in state["windows"]["files"] if ".ansible_async" in path] == []


class TestControllerInside:
    def test_what_would_end_the_run_is_refused_with_the_commands_to_type(self, stations: Stations, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
        stations.post("drifted", "patch", {"windows": {"computer_name": socket.gethostname()[:15].upper()}})
        before = stations.state("drifted")["wsl"]["vm"]
        run = playbook(stations, "site.yml", "--tags", "wsl", "--limit", "drifted,localhost")
        assert run.rc == 2, run.output
        assert chain_of(run, "drifted")["wsl"] == "needs_consent"
        assert "Type in a PowerShell of Windows: 'wsl --shutdown'. Then open Ubuntu-24.04 again" in run.output
        assert stations.state("drifted")["wsl"]["vm"] == before


def test_the_stations_were_asked_nothing_they_do_not_know(stations: Stations) -> None:
    assert {stations.state(host)["windows"]["locale"] for host in stations.hosts} == {"es-ES"}
    assert_understood(stations)
