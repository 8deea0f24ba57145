# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of all areas together: each code once, and each can come up, by a pattern or because something names it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue, Entry

ROOT = Path(__file__).resolve().parents[4]
UTILS = "ansible_collections.gpudev.workstation.plugins.module_utils"
AREAS = sorted(path.stem for path in (ROOT / "plugins" / "module_utils").glob("_catalogue_*.py"))


def entries() -> list[Entry]:
    return [entry for area in AREAS for entry in importlib.import_module(f"{UTILS}.{area}").ENTRIES]


def test_each_code_stands_in_one_area() -> None:
    assert len(Catalogue(entries()).entries) == len(entries()) > 200


def test_each_finding_can_come_up() -> None:
    files = [path for place in ("plugins", "roles", "playbooks") for path in (ROOT / place).rglob("*") if path.suffix in (".py", ".yml")]
    named = {code for path in files if not path.name.startswith("_catalogue_") for code in re.findall(r"[A-Z]+(?:-[A-Z0-9]+)*-\d{3}", path.read_text())}
    assert [entry.code for entry in entries() if not entry.patterns and entry.code not in named] == []
