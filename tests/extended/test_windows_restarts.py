# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts, logons, updates and downloads of a Spanish-language Windows: what each needs, that it happens once, and what is said where it does not help."""

from __future__ import annotations

import base64
import hashlib
import re
import typing as t

import pytest

from tests.harness import Stations, chain_of, kill_playbook_at, playbook, serve
from tests.integration.conftest import assert_understood

SPANISH = ("--locale", "es-ES")
WINDOWS_ONLY = ("--tags", "windows_host")
INSTALLER = "C:\\Installers\\591.59-notebook-win10-win11-64bit-international-dch-whql.exe"
URL = "http://downloads.example/591.59-notebook.exe"
TASK = "gpudev-0123456789abcdef0123456789abcdef"
UPDATE = {"id": "u1", "title": "2026-11 Cumulative Update (KB5069999)", "kb": ["KB5069999"], "categories": ["Security Updates"], "needs_restart": True}
SECURITY = ("-e", '{"windows_host_update_categories": ["SecurityUpdates"]}')


@pytest.fixture
def station(request: pytest.FixtureRequest) -> t.Iterator[Stations]:
    with serve(request.param, options=SPANISH) as running:
        yield running
        assert_understood(running)


def windows(stations: Stations) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", stations.state(stations.hosts[0])["windows"])


@pytest.mark.parametrize("station", ["factory_fresh"], indirect=True)
def test_a_hypervisor_that_never_runs_is_restarted_for_only_once(station: Stations) -> None:
    """Loop guard: the feature is on, the firmware can, and the boot settings keep the hypervisor off."""
    station.post("factory_fresh", "patch", {"windows": {"hypervisor_launch": "off", "features": {"VirtualMachinePlatform": "Enabled"}}})
    run = playbook(station, "site.yml", *WINDOWS_ONLY)
    assert run.rc == 2, run.output
    assert "hypervisorlaunchtype" in run.output
    assert windows(station)["boots"] == 2


@pytest.mark.parametrize("station", ["factory_fresh"], indirect=True)
def test_nobody_logs_on_after_the_restart(station: Stations) -> None:
    station.post("factory_fresh", "patch", {"windows": {"autologon": ""}})
    run = playbook(station, "site.yml", "-e", "windows_host_logon_timeout=2", "-e", "workstation_windows_user=dev")
    assert run.rc == 2, run.output
    assert "awaiting the logon of the workstation's user, until" in run.output
    assert chain_of(run, "factory_fresh")["docker"] == "needs_logon"
    assert "Log on to Windows as dev" in run.output


@pytest.mark.parametrize("station", ["docker_stopped"], indirect=True)
def test_a_desktop_by_remote_desktop_serves_as_well(station: Stations) -> None:
    session = {"user": "dev", "id": 2, "state": "Active", "place": "RDP-Tcp#0", "since": "2026-11-21T05:00:00.000000Z"}
    left = {"scheduled_tasks": {TASK: {}}, "files": {f"C:\\Windows\\System32\\Tasks\\{TASK}": {"content": "", "written": "2026-11-20T05:00:00.000000Z"}}}
    station.post("docker_stopped", "patch", {"windows": {"sessions": [session], **left}})
    predicted = playbook(station, "site.yml", "--check", "--tags", "docker_desktop")
    assert chain_of(predicted, "docker_stopped")["docker"] == "drift", predicted.output
    run = playbook(station, "site.yml", "--tags", "docker_desktop")
    assert (run.rc, chain_of(run, "docker_stopped")["docker"]) == (0, "changed"), run.output
    assert windows(station)["scheduled_tasks"] == {}, "what a killed run left behind is cleared away"


@pytest.mark.parametrize("station", ["healthy"], indirect=True)
def test_updates_of_windows_only_with_consent_and_only_once(station: Stations) -> None:
    station.post("healthy", "patch", {"windows": {"updates": [UPDATE]}})
    refused = playbook(station, "site.yml", *WINDOWS_ONLY, *SECURITY)
    assert (refused.rc, chain_of(refused, "healthy")["windows"]) == (2, "needs_consent"), refused.output
    assert "Put the word 'windows_update' into workstation_allow" in refused.output
    allowed = ("-e", '{"workstation_allow": ["windows_update", "reboot"]}')
    run = playbook(station, "site.yml", *WINDOWS_ONLY, *SECURITY, *allowed)
    assert run.rc == 0, run.output
    assert (windows(station)["updates"], windows(station)["boots"]) == ([], 2)
    again = playbook(station, "site.yml", *WINDOWS_ONLY, *SECURITY, *allowed)
    assert (again.rc, again.changed()) == (0, 0), again.output


@pytest.mark.parametrize("station", ["driver_to_install"], indirect=True)
def test_a_driver_from_an_address_that_asks_for_a_restart(station: Stations) -> None:
    content = b"SIMULATED nvidia_driver 591.59\n"
    digest = hashlib.sha256(content).hexdigest()
    installers = {INSTALLER: {"outcome": "restart"}}
    station.post("driver_to_install", "patch", {"internet": {URL: {"content": base64.b64encode(content).decode()}}, "installers": installers})
    arguments = ("--tags", "nvidia_driver", "-e", f"nvidia_driver_installer={URL}")
    wrong = playbook(station, "site.yml", *arguments, "-e", f"nvidia_driver_installer_sha256={'0' * 64}")
    assert wrong.rc == 2
    assert "DRIVER-011" in wrong.output
    run = playbook(station, "site.yml", *arguments, "-e", f"nvidia_driver_installer_sha256={digest}")
    assert run.rc == 0, run.output
    assert windows(station)["gpus"][0]["driver_version"] == "591.59"
    assert windows(station)["boots"] == 2


@pytest.mark.parametrize("station", ["driver_to_install"], indirect=True)
def test_a_driver_is_predicted_and_needs_its_word(station: Stations) -> None:
    before = station.state("driver_to_install")
    predicted = playbook(station, "site.yml", "--check", "--tags", "nvidia_driver")
    assert (predicted.rc, chain_of(predicted, "driver_to_install")["nvidia_driver"]) == (0, "drift"), predicted.output
    refused = playbook(station, "site.yml", "--tags", "nvidia_driver", "-e", '{"workstation_allow": []}')
    assert (refused.rc, chain_of(refused, "driver_to_install")["nvidia_driver"]) == (2, "needs_consent"), refused.output
    assert "Put the word 'driver_install' into workstation_allow" in refused.output
    assert station.state("driver_to_install") == before


@pytest.mark.parametrize("station", ["driver_to_install"], indirect=True)
def test_an_installer_that_reports_success_and_does_nothing(station: Stations) -> None:
    station.post("driver_to_install", "patch", {"installers": {INSTALLER: {"outcome": "nothing"}}})
    run = playbook(station, "site.yml", "--tags", "nvidia_driver")
    assert (run.rc, chain_of(run, "driver_to_install")["nvidia_driver"]) == (2, "broken"), run.output
    assert "DRIVER-008" in run.output
    assert windows(station)["boots"] == 1


@pytest.mark.parametrize("station", ["factory_fresh"], indirect=True)
def test_wsl_and_its_distribution_from_the_internet(station: Stations) -> None:
    online = {"available": {"version": "2.6.3.0", "kernel": "6.6.87.2-1"}, "online": {"Ubuntu-24.04": "Ubuntu 24.04 LTS"}}
    station.post("factory_fresh", "patch", {"wsl": online})
    run = playbook(station, "site.yml", "--tags", "windows_host,wsl", "-e", "wsl_installer=", "-e", "wsl_rootfs=")
    assert run.rc == 0, run.output
    assert "WSL: awaiting the installation of Ubuntu-24.04, until" in run.output
    distributions = station.state("factory_fresh")["wsl"]["distros"]
    assert [(name, entry["version"]) for name, entry in distributions.items()] == [("Ubuntu-24.04", 2)]
    again = playbook(station, "site.yml", "--tags", "windows_host,wsl", "-e", "wsl_installer=", "-e", "wsl_rootfs=")
    assert (again.rc, again.changed()) == (0, 0), again.output


def test_an_installation_whose_controller_was_killed_is_followed_by_the_next_run() -> None:
    with serve("driver_to_install", options=("--time-scale", "0.2")) as stations:
        killed = kill_playbook_at(stations, "NVIDIA driver: awaiting the end of", "site.yml", "--tags", "nvidia_driver")
        assert killed.rc == -9, killed.output
        run = playbook(stations, "site.yml", "--tags", "nvidia_driver")
        assert (run.rc, chain_of(run, "driver_to_install")["nvidia_driver"]) == (0, "changed"), run.output
        assert "which an earlier run has started" in run.output
        assert_understood(stations)


@pytest.mark.parametrize("station", ["linux_driver_in_distro"], indirect=True)
def test_a_removed_linux_driver_owes_a_restart_until_there_is_consent(station: Stations) -> None:
    tags = ("--tags", "distro,gpu_guest")
    unwilling = (*tags, "-e", '{"workstation_allow": ["package_removal"]}')
    removed, owed = playbook(station, "site.yml", *unwilling), playbook(station, "site.yml", *unwilling)
    assert (removed.rc, removed.changed(), owed.rc, owed.changed()) == (0, 1, 0, 0), owed.output
    assert "GUEST-027" in removed.output
    assert "GUEST-027" in owed.output
    assert "Put the word 'wsl_shutdown' into workstation_allow" in owed.output
    restarted, again = playbook(station, "site.yml", *tags), playbook(station, "site.yml", *tags)
    assert (restarted.rc, chain_of(restarted, "linux_driver_in_distro")["wsl"]) == (0, "changed"), restarted.output
    assert (again.rc, again.changed(), "GUEST-027" in again.output) == (0, 0, False), again.output


@pytest.mark.parametrize("station", ["factory_fresh"], indirect=True)
def test_a_restart_that_windows_does_not_come_back_from(station: Stations) -> None:
    station.post("factory_fresh", "patch", {"windows": {"stays_down": True}})
    run = playbook(station, "site.yml", *WINDOWS_ONLY, "-e", "windows_host_reboot_timeout=3")
    assert (run.rc, chain_of(run, "factory_fresh")["windows"]) == (2, "unknown"), run.output
    assert "did not come back within 3 s" in run.output
    assert "start the same playbook once more" in run.output
    station.post("factory_fresh", "patch", {"windows": {"stays_down": None}})
    again = playbook(station, "site.yml", *WINDOWS_ONLY)
    assert (again.rc, chain_of(again, "factory_fresh")["windows"], windows(station)["boots"]) == (0, "ok", 2), again.output


@pytest.mark.parametrize("station", ["drifted"], indirect=True)
def test_a_wsl_that_hangs_is_told_and_the_next_run_converges(station: Stations) -> None:
    station.post("drifted", "patch", {"wsl": {"hangs": True}})
    run = playbook(station, "site.yml", "--tags", "wsl")
    assert (run.rc, chain_of(run, "drifted")["wsl"]) == (2, "broken"), run.output
    assert "WSL-028" in run.output
    assert re.search(r"wsl\.exe: no end after 12\d s, ended", run.output), run.output
    station.post("drifted", "patch", {"wsl": {"hangs": None}})
    assert playbook(station, "site.yml", "--tags", "wsl").rc == 0
    again = playbook(station, "site.yml", "--tags", "wsl")
    assert (again.rc, again.changed()) == (0, 0), again.output
