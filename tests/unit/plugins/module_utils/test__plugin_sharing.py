# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared sharing becomes a configuration that real plugins logged, and node and log are read back as the sharing that they show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_sharing as sharing
from ansible_collections.gpudev.workstation.plugins.module_utils._device_plugin import gpu_counts
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import Sharing
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from tests.unit.plugins.fake_cluster import FIXTURES

FOUR = {"mode": "time_slicing", "replicas": 4, "rename": False, "fail_requests_greater_than_one": True}


def said(name: str) -> str:
    """Standard output of a recording of recordings/gpu."""
    return str(json.loads((FIXTURES / "plugin" / f"gpu_{name}.json").read_text())["stdout"])


def test_time_slicing_is_configured_in_the_words_that_a_real_plugin_then_logs() -> None:
    config = yaml.safe_load(sharing.declared(FOUR).config())  # type: ignore[union-attr]
    logged = said("ts_logs")
    start = logged.index("{", logged.index("Running with config:"))
    running = json.JSONDecoder().raw_decode(logged, start)[0]["sharing"]["timeSlicing"]
    assert config["sharing"]["timeSlicing"] == {
        "renameByDefault": False,
        "failRequestsGreaterThanOne": running["failRequestsGreaterThanOne"],
        "resources": [{"name": running["resources"][0]["name"], "replicas": running["resources"][0]["replicas"]}],
    }


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("plugin_logs", Sharing()),
        ("ts_logs", Sharing("time_slicing", 4, fail_requests_greater_than_one=True)),
        ("ts_rename_logs", Sharing("time_slicing", 3, rename=True)),
        ("mig_mixed_logs", Sharing("mig", strategy="mixed")),
        ("mig_single_logs", Sharing("mig", strategy="single")),
    ],
)
def test_a_plugin_says_how_it_shares(log: str, found: Sharing) -> None:
    assert sharing.in_log(said(log)) == found


@pytest.mark.parametrize("text", ["", "No devices found. Waiting indefinitely.", 'Running with config:\n{\n "version": "v1",', "Running with config:\nnothing"])
def test_a_log_that_does_not_say_it_is_no_evidence(text: str) -> None:
    assert sharing.in_log(text) is None


def test_mps_in_a_log_is_mps() -> None:
    assert sharing.in_log('Running with config:\n{"flags": {}, "sharing": {"mps": {"resources": [{"replicas": 2}]}}}') == Sharing("mps")


@pytest.mark.parametrize(
    ("node", "offered", "capacity"),
    [
        ("ts_node", {"nvidia.com/gpu": 4}, 4),
        # The name that was given up keeps its capacity for minutes and must not be counted.
        ("ts_rename_node", {"nvidia.com/gpu.shared": 3}, 3),
        ("mig_mixed_node", {"nvidia.com/gpu": 1}, 1),
    ],
)
def test_only_what_is_offered_is_counted(node: str, offered: dict[str, int], capacity: int) -> None:
    counts = gpu_counts([json.loads(said(node))])
    assert (counts.offered, counts.capacity) == (offered, capacity)
    assert next(iter(offered)) in counts.told()


@pytest.mark.parametrize(
    ("wanted", "offered", "one_device", "met"),
    [
        (Sharing(), {"nvidia.com/gpu": 2}, False, True),
        (Sharing(), {"nvidia.com/gpu": 2}, True, False),
        (Sharing(), {"nvidia.com/gpu.shared": 2}, False, False),
        (Sharing("time_slicing", 4), {"nvidia.com/gpu": 4}, True, True),
        (Sharing("time_slicing", 4), {"nvidia.com/gpu": 8}, True, False),
        (Sharing("time_slicing", 4), {"nvidia.com/gpu": 8}, False, True),
        (Sharing("time_slicing", 4), {"nvidia.com/gpu": 1}, False, False),
        (Sharing("time_slicing", 3, rename=True), {"nvidia.com/gpu.shared": 3}, False, True),
        (Sharing("time_slicing", 3, rename=True), {"nvidia.com/gpu": 3}, False, False),
        (Sharing("mig", strategy="single"), {"nvidia.com/gpu": 7}, False, True),
        (Sharing("mig", strategy="mixed"), {"nvidia.com/mig-1g.18gb": 7}, False, True),
        # recordings/gpu/mig_mixed_node: strategy mixed while MIG is off is a plain GPU.
        (Sharing("mig", strategy="mixed"), {"nvidia.com/gpu": 1}, False, False),
    ],
)
def test_what_a_node_offers_is_held_against_what_is_declared(wanted: Sharing, offered: dict[str, int], one_device: bool, met: bool) -> None:
    assert wanted.met_by(offered, one_device) is met


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"mode": "time_slicing"}, "at least 2"),
        ({"mode": "time_slicing", "replicas": 1}, "mode: exclusive"),
        ({"mode": "mig"}, "strategy: single"),
        ({"mode": "exclusive", "replicas": 2}, "leave them out"),
        ({"mode": "exclusive", "rename": True}, "leave them out"),
        ({"mode": "time_slicing", "replicas": 2, "strategy": "mixed"}, "leave it out"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused_with_what_to_write(options: dict[str, Any], word: str) -> None:
    (problem,) = sharing.problems(options)
    assert word in problem


@pytest.mark.parametrize("options", [None, {}, FOUR, {"mode": "exclusive"}, {"mode": "mig", "strategy": "mixed"}, {"mode": "mps"}])
def test_other_declarations_are_not(options: dict[str, Any] | None) -> None:
    assert sharing.problems(options) == []


class Smi:
    """nvidia-smi, by its first argument."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers

    def run(self, argv: Sequence[str], *_more: Any, **_options: Any) -> Completed:
        text = self.answers.get("query" if argv[1].startswith("--query-gpu") else "listing")
        return Completed(tuple(argv), None if text is None else 0, text or "", "", 0.0, missing=text is None)


# Form of the list: NVIDIA MIG User Guide; no GPU with MIG enabled was seen.
INSTANCES = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-11111111-2222-3333-4444-555555555555)
  MIG 3g.20gb     Device  0: (UUID: MIG-11111111-2222-3333-4444-555555555555)
  MIG 1g.5gb      Device  1: (UUID: MIG-21111111-2222-3333-4444-555555555555)
"""


@pytest.mark.parametrize(
    ("smi", "capable", "enabled", "instances"),
    [
        # recordings/gpu/pod_query_log; a GPU that has no such thing says [N/A] (recordings/nvidia).
        (Smi(query="NVIDIA H200, Disabled\n"), True, False, 0),
        (Smi(query="NVIDIA GeForce RTX 4090, [N/A]\n"), False, False, 0),
        (Smi(query="NVIDIA A100-SXM4-40GB, Enabled\n", listing=INSTANCES), True, True, 2),
        (Smi(query="NVIDIA A100-SXM4-40GB, Enabled\n", listing=INSTANCES.splitlines()[0] + "\n"), True, True, 0),
    ],
)
def test_mig_is_told_from_what_nvidia_smi_says(smi: Smi, capable: bool, enabled: bool, instances: int) -> None:
    state = sharing.mig_state(smi)
    assert state is not None
    assert (state.capable, state.enabled, state.instances) == (capable, enabled, instances)


def test_a_machine_without_nvidia_smi_says_nothing_of_mig() -> None:
    assert sharing.mig_state(Smi()) is None
