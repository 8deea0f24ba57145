# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workstation that drifted: nothing without consent, mended with it, and only once."""

from __future__ import annotations

import typing as t

import pytest

from tests.harness import Stations, chain_of, playbook, serve
from tests.integration.conftest import assert_understood

HOST = "drifted"


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve(HOST) as running:
        yield running


class TestInOrder:
    def test_without_consent_nothing_disruptive_happens(self, stations: Stations) -> None:
        before = stations.state(HOST)
        run = playbook(stations, "site.yml", "-e", '{"workstation_allow": []}')
        after = stations.state(HOST)
        assert run.rc == 2, run.output
        assert "stops at wsl: needs_consent" in run.output
        assert "'wsl_shutdown'" in run.output
        for part in ("vm", "distros"):
            assert after["wsl"][part] == before["wsl"][part]
        assert after["docker"]["desktop"] == before["docker"]["desktop"]
        assert after["minikube"] == before["minikube"]

    def test_with_consent_every_drifted_item_is_mended(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml")
        assert run.rc == 0, run.output[-6000:]
        chain = chain_of(run, HOST)
        assert {layer for layer, status in chain.items() if status == "changed"} == {"wsl", "docker", "cluster"}
        assert set(chain.values()) == {"ok", "changed"}
        state = stations.state(HOST)
        assert state["docker"]["engine"]["containers"]["minikube"]["memory"] == 16000 * 2**20
        assert "Ubuntu-24.04" in state["docker"]["desktop"]["settings"]["IntegratedWslDistros"]

    def test_the_next_run_changes_nothing(self, stations: Stations) -> None:
        run = playbook(stations, "site.yml")
        assert (run.rc, run.changed()) == (0, 0), run.output

    def test_the_station_was_asked_nothing_it_does_not_know(self, stations: Stations) -> None:
        assert_understood(stations)
