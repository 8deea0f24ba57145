# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSL as it describes itself: the registry, version lines in several languages, lists, and the steps that follow."""

from __future__ import annotations

import json

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _wsl_plan
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl import (
    ABSENT,
    CATALOGUE,
    INBOX,
    STORE,
    Distribution,
    Wsl,
    listed,
    localhost_reaches_linux,
    recognised,
    version_lines,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl_plan import Wanted
from tests.unit.recorded import FIXTURES

WINDOWS = FIXTURES / "windows"


def sample(name: str) -> str:
    """Without the line that names the source, and without the prompt lines."""
    lines = (WINDOWS / f"{name}.txt").read_text(encoding="utf-8").splitlines()[1:]
    return "\n".join(line for line in lines if not line.startswith("PS C:"))


@pytest.mark.parametrize(
    ("name", "wsl", "kernel", "windows"),
    [
        ("wsl_version_en_2.1.5_win10", "2.1.5.0", "5.15.146.1-2", "10.0.19045.4412"),
        ("wsl_version_de_2.3.26", "2.3.26.0", "5.15.167.4-1", "10.0.26100.1742"),
        ("wsl_version_de_2.6.3", "2.6.3.0", "6.6.87.2-1", "10.0.26200.7462"),
        ("wsl_version_status_es_2.6.3", "2.6.3.0", "6.6.87.2-1", "10.0.26100.7840"),
    ],
)
def test_version_lines_of_real_hosts(name: str, wsl: str, kernel: str, windows: str) -> None:
    lines = version_lines(sample(name))
    assert (lines["wsl"], lines["kernel"], lines["windows"]) == (wsl, kernel, windows)


def templates() -> list[tuple[str, str]]:
    recorded = json.loads((WINDOWS / "wsl_l10n_templates.json").read_text(encoding="utf-8"))["templates"]
    found = [(locale, messages["MessagePackageVersions"]) for locale, messages in recorded.items()]
    assert len(found) == 12
    return found


@pytest.mark.parametrize(("locale", "template"), templates())
def test_version_lines_in_every_language_of_wsl(locale: str, template: str) -> None:
    numbers = ["2.6.3.0", "6.6.87.2-1", "1.0.71", "1.2.6353", "1.611.1-81528511", "10.0.26100.1-240331-1435.ge-release", "10.0.26100.4349"]
    text = template
    for number in numbers:
        text = text.replace("{}", number, 1)
    lines = version_lines(text)
    assert (lines["wsl"], lines["kernel"], lines["windows"]) == ("2.6.3.0", "6.6.87.2-1", "10.0.26100.4349"), locale


@pytest.mark.parametrize("text", ["", "Invalid command line argument: --version\nPlease use 'wsl.exe --help'", "WSL version: 2.6.3.0\n"])
def test_text_that_is_no_version(text: str) -> None:
    assert version_lines(text) == {}


def test_lists() -> None:
    assert listed(sample("wsl_list_verbose_docker_desktop_two_distros"))["docker-desktop-data"] == ("Running", 2)
    japanese = listed(sample("wsl_list_verbose_ja_page"))
    assert japanese == {"ubuntu": ("Running", 2), "ubuntu-20.04": ("Stopped", 1)}
    assert listed("Windows Subsystem for Linux has no installed distributions.\n") == {}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (1, "WSL-015"),
        (2, "WSL-015"),
        (6, "WSL-015"),
        (7, "WSL-009"),
        (8, "WSL-010"),
    ],
)
def test_session_0_errors_are_recognised(line: int, code: str) -> None:
    text = (WINDOWS / "wsl_session0_errors.txt").read_text(encoding="utf-8").splitlines()[line]
    assert recognised(text).code == code


def test_what_nobody_knows_keeps_its_text() -> None:
    finding = recognised("wsl.exe: exit code -1: Etwas Neues\nError code: Wsl/Service/0x12345678")
    assert finding.code == "WSL-022"
    assert "0x12345678" in finding.symptom


OURS = Distribution("Ubuntu-24.04", 2, True, "{1}", "Running")
RUNNING = "2026-11-20T07:00:00.0000000Z"


def known(
    kind: str = STORE,
    version: str = "2.6.3.0",
    distributions: tuple[Distribution, ...] = (OURS,),
    vm_started: str = RUNNING,
    wslconfig_written: str = "2026-11-01T06:00:00.0000000Z",
) -> Wsl:
    return Wsl(kind, version, "", "C:\\Program Files\\WSL\\wsl.exe", distributions, vm_started, "C:\\Users\\dev\\.wslconfig", wslconfig_written, "", "")


OTHER = Distribution("Debian", 2, True, "{2}", "Running")
NOT_DEFAULT = Distribution("Ubuntu-24.04", 2, False, "{1}", "Running")
NEWER = "2026-11-20T08:00:00.0000000Z"


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (known(), []),
        (known(ABSENT, "", (), ""), ["package", "distribution"]),
        (known(INBOX, ""), ["package"]),
        (known(version="2.1.4.0"), ["package"]),
        (known(version="2.1.5.0"), []),
        (known(distributions=()), ["distribution"]),
        (known(distributions=(OTHER,)), ["distribution", "default"]),
        (known(distributions=(OTHER, NOT_DEFAULT)), ["default"]),
        (known(wslconfig_written=NEWER), ["shutdown"]),
        (known(wslconfig_written=NEWER, vm_started=""), []),
        (known(version="2.0.0", wslconfig_written=NEWER), ["package"]),
    ],
)
def test_steps(found: Wsl, kinds: list[str]) -> None:
    assert [step.kind for step in _wsl_plan.plan(found, Wanted("Ubuntu-24.04"))] == kinds


def test_nothing_but_what_is_declared() -> None:
    found = known(distributions=(OTHER, NOT_DEFAULT), wslconfig_written=NEWER)
    assert _wsl_plan.plan(found, Wanted("Ubuntu-24.04", default=False, restart=False)) == []


@pytest.mark.parametrize(
    ("version", "rootfs", "words"),
    [
        ("2.6.3.0", "C:\\u.wsl", ["--install", "--from-file", "C:\\u.wsl", "--name", "U", "--no-launch"]),
        ("2.3.26.0", "C:\\u.wsl", ["--import", "U", "C:\\Users\\dev\\AppData\\Local\\wsl\\U", "C:\\u.wsl", "--version", "2"]),
        ("2.6.3.0", "", ["--install", "--distribution", "U", "--no-launch"]),
    ],
)
def test_how_a_distribution_is_installed(version: str, rootfs: str, words: list[str]) -> None:
    item = _wsl_plan.distribution_command(known(version=version), Wanted("U", rootfs=rootfs))
    assert item["arguments"] == words
    assert item["environment"]["WSL_UTF8"] == "1"


def test_entries_name_a_public_reference() -> None:
    assert all(entry.reference.startswith("https://") for entry in CATALOGUE.entries.values())


@pytest.mark.parametrize(
    ("text", "reaches"),
    [
        ("", True),
        ("[wsl2]\nlocalhostForwarding=false\n", False),
        ("[wsl2]\nlocalhostForwarding=true\nnetworkingMode=nat\n", True),
        ("[wsl2]\nlocalhostforwarding=false\nnetworkingMode=mirrored\n", True),
        ("[experimental]\nnetworkingMode=mirrored\n", True),
        ("[wsl2]\nnetworkingMode=none\n", False),
        ("[wsl2]\nnetworkingMode=Bridged\n", False),
        ("[wsl2]\nlocalhostForwarding=no\n", True),
    ],
)
def test_whether_windows_reaches_the_ports_of_linux(text: str, reaches: bool) -> None:
    assert localhost_reaches_linux(text) is reaches
