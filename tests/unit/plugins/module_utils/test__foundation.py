# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of layers, findings, the runner and the wait: what everything else is built on."""

from __future__ import annotations

import itertools
import os
import signal
import typing as t

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _runner
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue, Entry, trimmed
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import LAYERS, Layer, close_chain, first_broken, layer_from_dict
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

ENTRY = Entry("X-001", "docker", "the engine sleeps", "wake {name}", "https://example.com", patterns=("engine (is )?asleep",), rows=("S1",))
LATER = Entry("X-002", "docker", "something about engines", "look", "https://example.com", patterns=("engine",))


def test_chain_is_closed_behind_the_first_broken_link() -> None:
    chain = close_chain([Layer("pod", "ok", "ran"), Layer("docker", "broken", "asleep"), Layer("windows", "ok", "fine")])
    assert [layer.layer for layer in chain] == list(LAYERS)
    assert {layer.layer: layer.status for layer in chain}["pod"] == "skipped"
    assert chain[-1].summary == "not judged: docker is broken"
    broken = first_broken(chain)
    assert broken is not None
    assert broken.layer == "docker"


@pytest.mark.parametrize(("layer", "status"), [("kernel", "ok"), ("docker", "great")])
def test_layer_refuses_words_it_does_not_know(layer: str, status: str) -> None:
    with pytest.raises(ValueError, match="no such"):
        Layer(layer, status, "")


def test_layer_survives_the_way_through_json() -> None:
    layer = Layer("docker", "broken", "asleep", {"version": "29"}, [ENTRY.finding("engine asleep", name="it")])
    assert layer_from_dict(layer.as_dict()).as_dict() == layer.as_dict()
    assert "wake it" in layer.message()


def test_catalogue_recognises_the_most_specific_first() -> None:
    catalogue = Catalogue((ENTRY,), (LATER,))
    text = "line one\nEngine asleep since noon\n"
    assert catalogue.recognise(text) is ENTRY
    assert catalogue.excerpt(ENTRY, text) == "Engine asleep since noon"
    assert catalogue.recognise("engine lost") is LATER
    assert catalogue.recognise("engine lost", layers=["cluster"]) is None
    assert catalogue.recognise("nothing known") is None


def test_the_line_that_is_quoted_is_that_of_the_first_pattern() -> None:
    # So does the engine wrap what NVIDIA's hook says (tests/unit/fixtures/docker, gpus_stub_nvml).
    entry = Entry("X-003", "docker", "no", "look", "https://example.com", patterns=("cli: ", "error running hook"))
    assert Catalogue((entry,)).excerpt(entry, "error running hook #0\nnvidia-container-cli: driver not loaded\n") == "nvidia-container-cli: driver not loaded"


def test_catalogue_refuses_a_code_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        Catalogue((ENTRY,), (ENTRY,))


def test_long_symptoms_keep_both_ends() -> None:
    text = trimmed("start " + "x" * 2000 + " end")
    assert text.startswith("start")
    assert text.endswith("end")
    assert len(text) < 700


@pytest.mark.parametrize(
    ("status", "check_mode", "read_only", "fails"),
    [
        ("broken", False, False, True),
        ("broken", True, False, True),
        ("broken", False, True, False),
        ("needs_consent", False, False, True),
        ("needs_consent", True, False, False),
    ],
)
def test_a_task_fails_when_its_layer_stops_the_chain(status: str, check_mode: bool, read_only: bool, fails: bool) -> None:
    answer = result([Layer("docker", status, "why")], changed=False, check_mode=check_mode, read_only=read_only)
    assert answer.get("failed", False) is fails
    assert ("msg" in answer) is fails


def test_runner_keeps_streams_apart_and_hands_over_lines() -> None:
    lines: list[str] = []
    completed = LocalRunner().run(["sh", "-c", "echo one; echo two >&2; printf three; exit 3"], on_line=lines.append)
    assert (completed.rc, completed.stdout, completed.stderr) == (3, "one\nthree", "two\n")
    assert lines == ["one", "three"]


@pytest.mark.parametrize("watched", [True, False])
def test_runner_ends_at_its_deadline_with_what_the_program_started(watched: bool) -> None:
    on_line: t.Callable[[str], None] | None = (lambda line: None) if watched else None
    completed = LocalRunner().run(["sh", "-c", "echo begun; sleep 30 & sleep 30"], timeout=0.3, on_line=on_line)
    assert completed.timed_out
    assert completed.rc is None
    assert completed.stdout == "begun\n"
    assert completed.seconds < 5
    assert "killed" in completed.told()


@pytest.mark.parametrize("watched", [True, False])
def test_runner_does_not_wait_for_a_program_that_left_its_group(watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_runner, "KILLED_SECONDS", 0.2)
    on_line: t.Callable[[str], None] | None = (lambda line: None) if watched else None
    completed = LocalRunner().run(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 20' & sleep 20"], timeout=0.5, on_line=on_line)
    os.kill(int(completed.stdout), signal.SIGKILL)
    assert completed.timed_out
    assert completed.seconds < 5


def test_runner_names_a_missing_program() -> None:
    completed = LocalRunner().run(["no-such-program-anywhere"])
    assert completed.missing
    assert completed.told() == "no-such-program-anywhere: no such program"


def test_wait_looks_until_satisfied() -> None:
    looks = itertools.count()
    assert wait_until("three looks", lambda: next(looks), lambda answer: answer == 3, seconds=5, every=0.001) == 3


def test_wait_of_no_time_looks_once_and_says_what_it_saw() -> None:
    heard: list[int] = []
    with pytest.raises(DeadlinePassed) as failure:
        wait_until("the moon", lambda: 7, lambda answer: answer == 8, seconds=0, on_look=lambda answer, left: heard.append(answer))
    assert failure.value.last == 7
    assert heard == [7]
    assert str(failure.value) == "the moon: not within 0 s"
