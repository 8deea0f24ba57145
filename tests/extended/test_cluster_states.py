# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""minikube_gpu_cluster from every state to every declared one, without consent, and killed at many seconds, on a simulated station in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.plugins.modules import minikube_workstation
from tests.unit.plugins.modules.minikube_workstation import FINAL, STATES, Workstation, assert_finished_after_a_kill, assert_reached, status


@pytest.fixture
def workstation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workstation]:
    with minikube_workstation.opened(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("wanted", FINAL)
@pytest.mark.parametrize("state", STATES)
def test_from_every_state_to_every_other(workstation: Workstation, state: str, wanted: str) -> None:
    assert_reached(workstation, state, wanted)


@pytest.mark.parametrize("wanted", FINAL)
@pytest.mark.parametrize("state", STATES)
def test_without_consent_nothing_of_the_users_is_disturbed(workstation: Workstation, state: str, wanted: str) -> None:
    STATES[state](workstation)
    before = workstation.everything()
    predicted = workstation.run(wanted, check=True, allow=[])
    done = workstation.run(wanted, allow=[])
    assert (status(predicted) == "needs_consent") is (status(done) == "needs_consent")
    if status(done) == "needs_consent":
        assert workstation.everything() == before


@pytest.mark.parametrize("second", [0.5, 2.5, 5.5, 8.5, 11.5, 14.5, 17.5, 20.5, 23.5, 26.5, 29.5])
@pytest.mark.parametrize("state", ["absent", "half_made", "stopped", "other_settings"])
def test_a_run_killed_at_any_second_is_finished_by_the_next(workstation: Workstation, state: str, second: float) -> None:
    assert_finished_after_a_kill(workstation, state, second)
