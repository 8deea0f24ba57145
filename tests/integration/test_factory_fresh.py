# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job: factory-fresh to a pod on the GPU: predicted, refused without consent, killed at any point and finished, done only once."""

from __future__ import annotations

import typing as t

import pytest

from tests.harness import Stations, chain_of, kill_playbook_at, playbook, serve
from tests.integration.conftest import assert_understood

HOST = "factory_fresh"
NO_CONSENT = ("-e", '{"workstation_allow": []}')
# What the run prints when it is in the middle of something: SIGKILL strikes there.
KILLED_AT = (
    "Restart Windows]",
    "WSL: Ubuntu-24.04 is installed from",
    "Docker Desktop: Docker Desktop is started",
    "Install the pinned kubernetes client]",
    "step 8/19 Creating Container",
    "Run a pod on the GPU]",
)


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve(HOST) as running:
        yield running


class TestInOrder:
    """One workstation's life, in order; each step starts where the last one ended."""

    def test_check_mode_predicts_and_touches_nothing(self, stations: Stations) -> None:
        before = stations.state(HOST)
        run = playbook(stations, "site.yml", "--check", "--diff")
        assert run.rc == 0, run.output
        assert run.changed() > 0
        assert stations.state(HOST) == before
        chain = chain_of(run, HOST)
        assert {layer: chain[layer] for layer in ("windows", "wsl", "docker")} == {"windows": "drift", "wsl": "drift", "docker": "drift"}
        assert {chain[layer] for layer in ("distro", "docker_gpu", "cluster", "device_plugin", "pod")} == {"skipped"}
        assert "cannot be looked at yet: the distribution Ubuntu-24.04 would be made by this run" in run.output
        assert "+gpuSupport=true" in run.output

    def test_without_consent_it_changes_nothing_and_says_what_it_would_need(self, stations: Stations) -> None:
        before = stations.state(HOST)
        run = playbook(stations, "site.yml", *NO_CONSENT)
        assert run.rc == 2, run.output
        assert "stops at windows: needs_consent" in run.output
        assert "Put the word 'reboot' into workstation_allow" in run.output
        assert stations.state(HOST) == before

    @pytest.mark.parametrize("marker", KILLED_AT)
    def test_a_run_is_killed(self, stations: Stations, marker: str) -> None:
        run = kill_playbook_at(stations, marker, "site.yml")
        assert run.rc == -9, f"never printed {marker!r}:\n{run.output}"

    def test_the_next_run_finishes_what_was_killed_and_tells_no_password(self, stations: Stations) -> None:
        password = str(stations.state(HOST)["windows"]["users"]["dev"]["password"])
        run = playbook(stations, "site.yml", "-vvvv")
        assert run.rc == 0, run.output[-6000:]
        chain = chain_of(run, HOST)
        assert len(chain) == 9
        assert set(chain.values()) <= {"ok", "changed"}
        assert len(password) > 8
        assert password not in run.output

    def test_the_run_after_that_changes_nothing(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml")
        assert (run.rc, run.changed()) == (0, 0), run.output
        assert set(chain_of(run, HOST).values()) == {"ok"}

    def test_the_station_was_asked_nothing_it_does_not_know(self, stations: Stations) -> None:
        assert_understood(stations)
