# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All scenarios as hosts of one run: what doctor.yml, site.yml --check and site.yml say and do about each."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.harness import Run, Stations, chain_of, playbook, serve
from tests.integration.conftest import assert_understood

# Scenario -> where the doctor stops, and the finding that names the cause.
DOCTOR: dict[str, tuple[str, str, str]] = {
    "factory_fresh": ("windows", "broken", "WIN-003"),
    "drifted": ("wsl", "needs_consent", "WSL-"),
    "driver_too_old": ("nvidia_driver", "broken", "DRIVER-002"),
    "linux_driver_in_distro": ("distro", "broken", "GUEST-"),
    "addon_never_applied": ("device_plugin", "broken", "PLUGIN-"),
    "nvml_not_supported": ("device_plugin", "broken", "PLUGIN-NVML-004"),
    "node_not_ready": ("cluster", "broken", "MK-029"),
    "node_container_gone": ("cluster", "broken", "MK-"),
    "apiserver_slow": ("cluster", "unknown", "MK-"),
    "docker_stopped": ("docker", "broken", "DESKTOP-016"),
    "nobody_logged_on": ("docker", "needs_logon", "DESKTOP-005"),
    "other_windows_user": ("windows", "broken", "WIN-004"),
}
# Scenario -> layers that site.yml --check would change; these runs do not fail.
PREDICTED: dict[str, set[str]] = {
    "healthy": set(),
    "drifted": {"wsl", "docker", "cluster", "device_plugin"},
    "linux_driver_in_distro": {"distro", "wsl"},
    "addon_never_applied": {"device_plugin"},
    "nvml_not_supported": {"device_plugin"},
    "node_not_ready": {"cluster"},
    "node_container_gone": {"cluster"},
    "apiserver_slow": set(),
    "docker_stopped": {"docker"},
    "nobody_logged_on": set(),
}
# Scenario -> layers that site.yml changes on its way to a pod on the GPU.
MENDED: dict[str, set[str]] = {
    "linux_driver_in_distro": {"distro", "wsl"},
    "addon_never_applied": {"device_plugin"},
    "node_container_gone": {"cluster"},
    "apiserver_slow": set(),
    "docker_stopped": {"docker", "cluster"},
}
# Scenario -> where site.yml stops, because no consent could mend it.
STOPS: dict[str, tuple[str, str]] = {
    "driver_too_old": ("nvidia_driver", "broken"),
    "nvml_not_supported": ("device_plugin", "broken"),
    "nobody_logged_on": ("docker", "needs_logon"),
    "other_windows_user": ("windows", "broken"),
}
# The waits of a broken cluster, short: what is waited for never comes.
IMPATIENT = ("-e", "device_plugin_grace=2", "-e", "device_plugin_timeout=6", "-e", "minikube_settle_timeout=20")
SCENARIOS = tuple(sorted({"healthy", *DOCTOR}))


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve(*SCENARIOS) as running:
        yield running


@pytest.fixture(scope="module")
def doctor(stations: Stations, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path, dict[str, t.Any]]:
    reports = tmp_path_factory.mktemp("reports")
    before = {host: settled(stations.state(host)) for host in SCENARIOS}
    run = playbook(stations, "playbooks/doctor.yml", "-e", f"workstation_report_directory={reports}")
    return run, reports, before


@pytest.fixture(scope="module")
def check(stations: Stations) -> Run:
    return playbook(stations, "site.yml", "--check", "--diff", *IMPATIENT, "--limit", "all,!factory_fresh")


@pytest.fixture(scope="module")
def site(stations: Stations) -> Run:
    return playbook(stations, "site.yml", *IMPATIENT, "--limit", ",".join(["localhost", *MENDED, *STOPS]))


def report(directory: Path, host: str) -> dict[str, t.Any]:
    document: dict[str, t.Any] = json.loads((directory / f"{host}.json").read_text())
    return document


def of_status(run: Run, host: str, *statuses: str) -> set[str]:
    return {layer for layer, status in chain_of(run, host).items() if status in statuses}


class TestDoctor:
    def test_it_ends_with_an_error_because_links_are_broken(self, doctor: tuple[Run, Path, dict[str, t.Any]]) -> None:
        assert doctor[0].rc == 2

    @pytest.mark.parametrize("scenario", DOCTOR)
    def test_it_names_the_first_broken_link_and_its_cause(self, doctor: tuple[Run, Path, dict[str, t.Any]], scenario: str) -> None:
        document = report(doctor[1], scenario)
        layer, status, code = DOCTOR[scenario]
        broken = next(entry for entry in document["layers"] if entry["layer"] == layer)
        assert (document["first_broken"], broken["status"]) == (layer, status)
        assert any(finding["code"].startswith(code) and finding["remedy"] for finding in broken["findings"]), broken["findings"]
        behind = document["layers"][[entry["layer"] for entry in document["layers"]].index(layer) + 1 :]
        assert {entry["status"] for entry in behind} <= {"skipped"}

    def test_it_finds_nothing_wrong_with_a_healthy_one(self, doctor: tuple[Run, Path, dict[str, t.Any]]) -> None:
        document = report(doctor[1], "healthy")
        assert document["first_broken"] is None
        assert [entry["status"] for entry in document["layers"]] == ["ok"] * 8 + ["skipped"]

    def test_it_changes_nothing(self, doctor: tuple[Run, Path, dict[str, t.Any]], stations: Stations) -> None:
        assert doctor[0].changed() == 0
        for host in SCENARIOS:
            assert settled(stations.state(host)) == doctor[2][host], host


def settled(state: dict[str, t.Any]) -> dict[str, t.Any]:
    """The document without what looking alone may move: a distribution that idled wakes up, an API server opens its port."""
    windows = {name: value for name, value in state["windows"].items() if name != "sessions"}
    docker = {name: state["docker"][name] for name in ("desktop", "gpu")}
    kept = ("id", "created", "gpus", "memory", "nano_cpus", "state")
    containers = {name: [seen.get(key) for key in kept] for name, seen in ((state["docker"]["engine"] or {}).get("containers") or {}).items()}
    return {"windows": windows, "docker": docker, "containers": containers, "profiles": sorted(state["minikube"]["profiles"])}


class TestCheckMode:
    @pytest.mark.parametrize("scenario", PREDICTED)
    def test_it_predicts_exactly(self, check: Run, scenario: str) -> None:
        assert check.recap[scenario]["failed"] == 0, check.output
        assert of_status(check, scenario, "drift") == PREDICTED[scenario]
        assert (check.recap[scenario]["changed"] > 0) == bool(PREDICTED[scenario])

    def test_on_drifted_it_reports_exactly_the_drifted_items(self, check: Run) -> None:
        assert "-gpuSupport=false" in check.output
        assert "+gpuSupport=true" in check.output
        assert '-    "memory": "8000mb"' in check.output
        assert check.recap["drifted"]["changed"] == 5, "wslconfig, its restart, Docker Desktop's integration, cluster memory, second device plugin"

    @pytest.mark.parametrize("scenario", ["driver_too_old", "other_windows_user"])
    def test_what_no_run_could_mend_fails_already_here(self, check: Run, scenario: str) -> None:
        assert check.recap[scenario]["failed"] == 1


class TestSite:
    @pytest.mark.parametrize("scenario", MENDED)
    def test_it_mends_what_it_may(self, site: Run, scenario: str) -> None:
        assert of_status(site, scenario, "changed") == MENDED[scenario], site.output
        assert of_status(site, scenario, "ok") == set(chain_of(site, scenario)) - MENDED[scenario]
        assert site.recap[scenario]["failed"] == 0

    @pytest.mark.parametrize("scenario", STOPS)
    def test_it_stops_where_it_cannot(self, site: Run, scenario: str) -> None:
        layer, status = STOPS[scenario]
        assert site.recap[scenario]["failed"] == 1
        assert chain_of(site, scenario)[layer] == status

    def test_the_stations_were_asked_nothing_they_do_not_know(self, site: Run, stations: Stations) -> None:
        assert site.rc == 2
        assert_understood(stations)
