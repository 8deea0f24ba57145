# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the controller lives in the WSL that it manages."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from ansible_collections.gpudev.workstation.plugins.plugin_utils._controller import Controller, moment, this_controller

STARTED = "2026-11-20T07:00:00.0000000Z"
AT_THE_START = datetime.datetime(2026, 11, 20, 7, 0, 20, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("controller", "vm_started", "inside"),
    [
        (Controller(True, "BOX", None), STARTED, True),
        (Controller(True, "box", AT_THE_START), STARTED, True),
        # A distribution with a name of its own (/etc/wsl.conf, network.hostname): the kernel started with the machine.
        (Controller(True, "ubuntu", AT_THE_START), STARTED, True),
        (Controller(True, "ubuntu", AT_THE_START + datetime.timedelta(hours=2)), STARTED, False),
        (Controller(True, "ubuntu", None), STARTED, False),
        (Controller(False, "box", AT_THE_START), STARTED, False),
        (Controller(True, "box", AT_THE_START), "", False),
    ],
)
def test_by_name_or_by_the_moment_of_the_start(controller: Controller, vm_started: str, inside: bool) -> None:
    assert controller.is_inside("BOX", vm_started) is inside


def test_a_long_name_is_compared_as_windows_cuts_it() -> None:
    assert Controller(True, "workstation-of-anna", None).is_inside("WORKSTATION-OF-", STARTED)


def test_moment_of_powershell() -> None:
    assert moment("2026-11-20T07:00:20.1234567Z") == AT_THE_START + datetime.timedelta(microseconds=123456)


@pytest.mark.parametrize(
    ("release", "variables", "in_wsl"),
    [
        ("6.6.87.2-microsoft-standard-WSL2\n", {}, True),
        ("6.8.0-45-generic\n", {}, False),
        ("6.8.0-custom\n", {"WSL_DISTRO_NAME": "Ubuntu-24.04"}, True),
        ("6.8.0-custom\n", {"WSL_INTEROP": "/run/WSL/8_interop"}, True),
    ],
)
def test_this_controller(tmp_path: Path, release: str, variables: dict[str, str], in_wsl: bool) -> None:
    (tmp_path / "sys" / "kernel").mkdir(parents=True)
    (tmp_path / "sys" / "kernel" / "osrelease").write_text(release)
    (tmp_path / "stat").write_text("cpu  1 2 3\nbtime 1763622020\n")
    found = this_controller(variables, tmp_path)
    assert (found.in_wsl, found.booted) == (in_wsl, datetime.datetime.fromtimestamp(1763622020, datetime.UTC))


def test_a_controller_without_proc(tmp_path: Path) -> None:
    assert this_controller({}, tmp_path) == Controller(False, this_controller().host_name, None)
