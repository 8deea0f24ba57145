# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job: factory-fresh to a pod on the GPU, predicted, refused without consent, done, and done only once."""

from __future__ import annotations

import typing as t

import pytest

from tests.harness import Stations, chain_of, playbook, serve
from tests.integration.conftest import assert_understood

HOST = "factory_fresh"
NO_CONSENT = ("-e", '{"workstation_allow": []}')


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve(HOST) as running:
        yield running


@pytest.fixture(scope="module")
def password(stations: Stations) -> str:
    return str(stations.state(HOST)["windows"]["users"]["dev"]["password"])


class TestInOrder:
    """One workstation's life, in order; each step starts where the last one ended."""

    def test_check_mode_predicts_and_touches_nothing(self, stations: Stations) -> None:
        before = stations.state(HOST)
        run = playbook(stations, "site.yml", "--check", "--diff")
        assert run.rc == 0, run.output
        assert run.changed() > 0
        assert stations.state(HOST) == before
        chain = chain_of(run, HOST)
        assert chain["windows"] == "drift"
        assert chain["wsl"] == "drift"
        assert {chain[layer] for layer in ("distro", "docker", "docker_gpu", "cluster", "device_plugin", "pod")} == {"skipped"}
        assert "cannot be looked at yet" in run.output

    def test_without_consent_it_says_what_it_would_need(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml", *NO_CONSENT)
        assert run.rc == 2, run.output
        assert "needs_consent" in run.output
        assert "reboot" in run.output
        assert stations.state(HOST)["windows"]["boots"] == 1

    def test_site_takes_it_to_a_pod_on_the_gpu_and_tells_no_password(self, stations: Stations, password: str) -> None:
        run = playbook(stations, "site.yml", "-vvvv")
        assert run.rc == 0, run.output[-4000:]
        assert set(chain_of(run, HOST).values()) <= {"ok", "changed"}
        assert len(chain_of(run, HOST)) == 9
        assert password not in run.output

    def test_the_second_run_changes_nothing(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml")
        assert run.rc == 0, run.output[-4000:]
        assert run.changed() == 0, run.output

    def test_check_mode_agrees(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml", "--check", "--diff")
        assert (run.rc, run.changed()) == (0, 0), run.output

    def test_doctor_finds_the_chain_whole(self, stations: Stations) -> None:
        run = playbook(stations, "playbooks/doctor.yml", "-e", "doctor_pod=true")
        assert run.rc == 0, run.output
        assert set(chain_of(run, HOST).values()) == {"ok"}

    def test_the_station_was_asked_nothing_it_does_not_know(self, stations: Stations) -> None:
        assert_understood(stations)
