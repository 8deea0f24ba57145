# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive C: in a distro: what Windows has is there, what is written into the user's profile is Windows', and /etc/wsl.conf is heeded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simstation import distro, wsl_exe
from tests.simstation.station import Station
from tests.simstation.windows import files
from tests.unit.simstation.test_windows_changes import make

NAME = "Ubuntu-24.04"
CONFIG = "C:\\Users\\dev\\.kube\\config"

pytestmark = pytest.mark.skipif(not distro.namespaces_work(), reason="this kernel forbids private mount namespaces")


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = make(tmp_path, "healthy")
    yield station
    distro.close(station)


def sh(station: Station, script: str) -> tuple[int, str]:
    code, stdout, stderr = wsl_exe.run(station, "dev", ["-d", NAME, "-u", "dev", "--exec", "/bin/sh", "-c", script], {"WSL_UTF8": "1"})
    return code, (stdout + stderr).decode()


def wsl_conf(station: Station, text: str) -> None:
    (distro.ready(station, NAME) / "etc" / "wsl.conf").write_text(text)


def test_what_is_written_into_the_profile_is_seen_by_windows(station: Station) -> None:
    assert sh(station, "cd /mnt/c/Users/dev && cat .wslconfig && mkdir .kube && echo one > .kube/config")[0] == 0
    assert files.read(station.state, CONFIG) == b"one\n"
    files.put(station, CONFIG, b"two\n")
    assert sh(station, "cat /mnt/c/Users/dev/.kube/config") == (0, "two\n")
    assert sh(station, "cd /mnt/c/Users/dev/.kube && echo three > new && mv new config")[0] == 0
    assert (files.read(station.state, CONFIG), files.find(station.state, CONFIG + "\\..\\new")) == (b"three\n", None)
    assert sh(station, "rm -r /mnt/c/Users/dev/.kube")[0] == 0
    assert (files.read(station.state, CONFIG), files.folder_exists(station.state, "C:\\Users\\dev\\.kube")) == (None, False)


def test_wsls_own_translation(station: Station) -> None:
    wsl_conf(station, "[automount]\nroot=/windows/\n")
    assert sh(station, "wslpath -u 'C:\\Users\\dev\\.wslconfig'") == (0, "/windows/c/Users/dev/.wslconfig\n")


def test_what_is_not_written_stays_as_it_was(station: Station) -> None:
    before = {path: dict(entry) for path, entry in station.state["windows"]["files"].items()}
    assert sh(station, "find /mnt/c/Users >/dev/null")[0] == 0
    assert station.state["windows"]["files"] == before


@pytest.mark.parametrize("path", ["/mnt/c/Windows/x", "/mnt/c/Users/admin/x", "/mnt/c/x"])
def test_only_the_users_own_profile_can_be_written(station: Station, path: str) -> None:
    code, told = sh(station, f"echo x > {path}")
    assert (code != 0, "Read-only file system" in told) == (True, True)


@pytest.mark.parametrize(
    ("conf", "script", "worked"),
    [
        ("[automount]\nenabled=false\n", "test -e /mnt/c", False),
        ("[automount]\nroot=/windows/\n", "echo x > /windows/c/Users/dev/x && test ! -e /mnt/c", True),
        ('[automount]\noptions="metadata,ro"\n', "cat /mnt/c/Users/dev/.wslconfig && ! echo x > /mnt/c/Users/dev/x", True),
        ('[automount]\noptions="metadata"\n', "echo x > /mnt/c/Users/dev/x", True),
    ],
)
def test_automount_of_wsl_conf(station: Station, conf: str, script: str, worked: bool) -> None:
    wsl_conf(station, conf)
    code, told = sh(station, script)
    assert (code == 0) is worked, told
