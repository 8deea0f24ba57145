# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The station answers the recorded requests as real PowerShell did: recordings/powershell, Windows' row before Linux' where both exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.powershell.recorded_requests import LINUX, NOTED, WIN32, chosen_rows, expected, normalised, prepare, rows
from tests.simstation.scenarios import document
from tests.simstation.station import Station
from tests.simstation.windows import language, programs, registry

WSL = "C:\\windows\\system32\\wsl.exe"


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setitem(programs.PROGRAMS, WSL, (programs.always, recorded_test_program))
    monkeypatch.delitem(programs.PROGRAMS, "C:\\Windows\\system32\\wsl.exe")
    # The recorded machine held the keys of its description and nothing else.
    monkeypatch.setattr(registry, "derived", lambda _state: {})
    return Station("ws1", document("ws1", "healthy"), tmp_path, time_scale=0.01)


def recorded_test_program(call: programs.Invocation) -> programs.Completed:
    """The `wsl.exe` of the recordings; station_win32.json describes it."""
    words = call.arguments
    if words == ["--version"]:
        return programs.Completed(0, "WSL version: 2.6.1.0\r\n".encode("utf-16-le"))
    if words[:1] == ["--args"]:
        return programs.Completed(0, "".join(f"<{word}>" for word in words[1:]).encode("utf-16-le"))
    if words == ["--stdin"]:
        return programs.Completed(0, b"0:")
    return call.hang() if words == ["--hang"] else programs.Completed(-1, b"", b"bad")


@pytest.mark.parametrize(("file", "row"), list(chosen_rows()))
def test_answer_is_the_recorded_one(station: Station, file: str, row: dict[str, Any]) -> None:
    prepare(station, file, row)
    assert normalised(language.answer(station, "dev", row["request"])) == expected(row)


def test_every_recorded_request_is_used() -> None:
    names = {row["name"] for row in rows(WIN32) + rows(LINUX)}
    used = {parameters.values[1]["name"] for parameters in chosen_rows()}
    assert names - used == {"native quoting", "native failing", "native hanging, pipes held by a grandchild"}
    assert set(NOTED) <= used


def test_a_row_with_a_note_is_not_taken_as_it_stands() -> None:
    noted = {parameters.values[1]["name"] for parameters in chosen_rows() if "note" in parameters.values[1]}
    assert noted == set(NOTED)
