# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/troubleshooting.md from the findings catalogue: `make docs`. A test compares, so the page cannot fall behind."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

importlib.import_module("conftest")  # makes ansible_collections.gpudev.workstation importable

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry  # noqa: E402
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import LAYERS  # noqa: E402

UTILS = "ansible_collections.gpudev.workstation.plugins.module_utils"
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
WORDING = {"recorded": "recorded output", "documented": "documented or public report", "unverified": "wording unverified"}
HEAD = """\
# Troubleshooting: what is seen, why, and what to do

Generated from the findings catalogue (`plugins/module_utils/_catalogue_*.py`) by `make docs`. Do not edit.

Every report names findings by these codes. The patterns are regular expressions, matched without regard to case.
"""


def entries() -> list[Entry]:
    """All entries of all areas; an area is a file."""
    names = sorted(path.stem for path in (REPOSITORY / "plugins" / "module_utils").glob("_catalogue_*.py"))
    return [entry for name in names for entry in importlib.import_module(f"{UTILS}.{name}").ENTRIES]


def page(catalogue: list[Entry]) -> str:
    parts = [HEAD]
    for layer in LAYERS:
        parts.append(f"\n## Layer `{layer}`\n")
        parts += [_section(entry) for entry in catalogue if entry.layer == layer]
    return "".join(parts)


def _section(entry: Entry) -> str:
    lines = [f"\n### {entry.code}\n"]
    if entry.patterns:
        lines.append("Seen as " + ", ".join(f"`` {pattern} ``" for pattern in entry.patterns) + f" ({WORDING[entry.wording]}).\n")
    else:
        lines.append("Derived from what was looked up, not from an error text.\n")
    lines += [f"- **Cause:** {entry.cause}", f"- **What to do:** {entry.remedy}", f"- **Reference:** {entry.reference}"]
    if entry.versions:
        lines.append(f"- **Versions:** {entry.versions}")
    if entry.rows:
        lines.append(f"- **Answers the guides' rows:** {', '.join(entry.rows)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(entries()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(REPOSITORY)}")
