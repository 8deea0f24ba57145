# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compatibility data: which row decides, what is not judged, and how the user's rows are read."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._compatibility import BAD, GOOD, ROWS, judged, rows_from, within


def codes(versions: dict[str, str], declared: t.Sequence[dict[str, t.Any]] = ()) -> list[str]:
    return [row.code for row in judged(versions, rows_from(declared))]


@pytest.mark.parametrize(
    ("version", "releases", "fits"),
    [
        ("4.17.1", "== 4.17.1", True),
        ("v4.17.1", "==4.17.1", True),
        ("4.17.10", "== 4.17.1", False),
        ("4.31.0", "< 4.31", False),
        ("4.30.9", "< 4.31", True),
        ("5.10.16.3-1", "< 5.10.16.3", False),
        ("13.0.1", ">= 13, < 14", True),
        ("14", ">= 13, < 14", False),
    ],
)
def test_ranges(version: str, releases: str, fits: bool) -> None:
    assert within(version, releases) is fits


def test_a_pair_is_judged_only_when_both_are_seen() -> None:
    assert codes({"docker_desktop": "4.30.0", "windows_driver": "591.59"}) == ["COMPAT-009"]
    assert codes({"docker_desktop": "4.30.0", "windows_driver": "552.22"}) == []
    assert codes({"docker_desktop": "4.30.0"}) == []


def test_what_the_station_runs_is_not_judged_bad() -> None:
    seen = {"windows": "26100", "windows_driver": "591.59", "wsl": "2.6.3.0", "wsl_kernel": "6.6.87.2-1", "docker_desktop": "4.91.0", "device_plugin": "0.18.2"}
    assert codes(seen) == []


def test_the_recorded_combination_is_known_good() -> None:
    seen = {"linux_driver": "580.159.04", "docker_engine": "26.1.5", "minikube": "v1.38.1", "device_plugin": "v0.20.0"}
    assert [row.verdict for row in judged(seen)] == [GOOD]


def test_the_users_rows_come_first() -> None:
    row = {"component": "docker_desktop", "releases": "== 4.17.1", "verdict": GOOD, "why": "ours", "reference": "here"}
    assert codes({"docker_desktop": "4.17.1"}) == ["COMPAT-008"]
    assert codes({"docker_desktop": "4.17.1"}, [row]) == ["COMPAT-YOURS-1"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"component": "dockr"}, "row 1: 'dockr' is no component; these are: windows,"),
        ({"given": {"driver": "< 5"}}, "row 1: 'driver' is no component"),
        ({"verdict": "fine"}, "row 1: the verdict 'fine' is none of good, bad, reported"),
        ({"releases": "4.*"}, "row 1: '4.*' is no range of releases; write it as"),
        ({"given": {"wsl": "2"}}, "row 1: '2' is no range of releases"),
    ],
)
def test_unreadable_rows_are_refused(change: dict[str, t.Any], told: str) -> None:
    row = {"component": "wsl", "releases": "< 2", "verdict": BAD, "why": "w", "reference": "r", **change}
    with pytest.raises(ValueError, match=re.escape(told)):
        rows_from([row])


def test_every_row_of_ours_can_be_read_and_has_a_code_of_its_own() -> None:
    declared = [{name: value for name, value in vars(row).items() if name != "code"} for row in ROWS]
    assert len(rows_from(declared)) == len({row.code for row in ROWS}) == len(ROWS)
