# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""minikube_gpu_cluster from every state to a running cluster, and killed on the way; tests/extended/test_cluster_states.py has all pairs and more seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.plugins.modules import minikube_workstation
from tests.unit.plugins.modules.minikube_workstation import STATES, Workstation, assert_finished_after_a_kill, assert_reached, status


@pytest.fixture
def workstation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workstation]:
    with minikube_workstation.opened(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("state", STATES)
def test_from_every_state_to_a_running_cluster(workstation: Workstation, state: str) -> None:
    assert_reached(workstation, state, "started")


@pytest.mark.parametrize(
    ("state", "second"), [("absent", 2.5), ("absent", 8.5), ("absent", 17.5), ("stopped", 5.5), ("other_settings", 5.5), ("other_settings", 14.5)]
)
def test_a_killed_run_is_finished_by_the_next(workstation: Workstation, state: str, second: float) -> None:
    assert_finished_after_a_kill(workstation, state, second)


def test_a_first_start_without_a_registry_is_named_and_finished_when_there_is_one(workstation: Workstation) -> None:
    images = dict(workstation.engine["images"])
    with workstation.station.changed():
        workstation.engine.update(registry="unreachable", images={})
    done = workstation.run("started")
    assert (done["failed"], [finding["code"] for finding in done["layers"][0]["findings"]]) == (True, ["MK-110"])
    assert (done["evidence"]["rc"], "gcr.io" in done["layers"][0]["findings"][0]["symptom"]) == (48, True)
    with workstation.station.changed():
        workstation.engine.update(registry="reachable", images=images)
    assert status(workstation.run("started")) == "changed"
    assert status(workstation.run("started")) == "ok"
