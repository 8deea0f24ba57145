# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an address is told."""

from __future__ import annotations

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._address import without_secrets, without_secrets_within


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("https://acct.blob.core.windows.net/d/591.59.exe?sv=2022-11-02&sig=abc%2B%3D", "https://acct.blob.core.windows.net/d/591.59.exe"),
        ("https://dev:p@ss@files.example/a.exe", "https://files.example/a.exe"),
        ("HTTP://files.example:8080/a b.exe?key=x y#z", "HTTP://files.example:8080/a b.exe"),
        ("https://files.example/@scope/a.exe#sig", "https://files.example/@scope/a.exe"),
        ("https://files.example?sig=x", "https://files.example"),
        ("https://[half?sig=x", "https://[half"),
        ("C:\\Installers\\what?#.exe", "C:\\Installers\\what?#.exe"),
        ("", ""),
    ],
)
def test_an_address_without_what_may_be_secret(source: str, left: str) -> None:
    assert without_secrets(source) == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        # As win_get_url says it (tests/simstation/windows/module_bodies.py cites it).
        ("Error downloading 'https://u:p@h/a b?sig=x y' to 'C:\\a': (403) Forbidden.", "Error downloading 'https://h/a b' to 'C:\\a': (403) Forbidden."),
        ("The checksum for https://u:p@h/a b?sig=x y did not match 'f', it was 'e'", "The checksum for https://h/a b did not match 'f', it was 'e'"),
        ("led to https://cdn.example/a?sig=x and \"http://k@l/m#n\"", "led to https://cdn.example/a and \"http://l/m\""),
        ("there is no space left", "there is no space left"),
    ],
)
def test_what_a_program_said_without_it(said: str, left: str) -> None:
    assert without_secrets_within(said, "https://u:p@h/a b?sig=x y") == left
