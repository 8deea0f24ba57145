# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the generated pages: troubleshooting.md from the findings catalogue, compatibility.md from the compatibility data. A test compares."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

importlib.import_module("conftest")  # makes ansible_collections.gpudev.workstation importable

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry  # noqa: E402
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_compatibility import told  # noqa: E402
from ansible_collections.gpudev.workstation.plugins.module_utils._compatibility import COMPONENTS, ROWS  # noqa: E402
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import LAYERS  # noqa: E402

UTILS = "ansible_collections.gpudev.workstation.plugins.module_utils"
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
COMPATIBILITY_PAGE = REPOSITORY / "docs" / "compatibility.md"
WORDING = {"recorded": "recorded output", "documented": "documented or public report", "unverified": "wording unverified"}
HEAD = """\
# Troubleshooting: what is seen, why, and what to do

Generated from the findings catalogue (`plugins/module_utils/_catalogue_*.py`) by `make docs`. Do not edit.

Every report names findings by these codes. The patterns are regular expressions, matched without regard to case.
"""

COMPATIBILITY_HEAD = """\
# Which releases go together

Generated from the compatibility data (`plugins/module_utils/_compatibility.py`) by `make docs`. Do not edit.

Every report of a layer is judged by these rows. `bad` stops the chain with the finding of that code, `reported` is a warning (somebody saw it, nobody
confirmed it), `good` was seen to work. What is not known is not judged. The least releases that a role accepts are options of that role (`wsl_min_version`,
`docker_desktop_min_version`, `nvidia_driver_min_version`) and stand beside this.

Rows of your own come first, so that you can overrule one of ours or keep a release off your team's machines:

```yaml
workstation_compatibility:
  - component: docker_desktop
    releases: ">= 4.60, < 4.62"
    given: {windows_driver: ">= 590"}
    verdict: bad
    why: Containers of our training jobs hung on it.
    remedy: Stay on 4.58.
    reference: https://example.org/tickets/17
```

`releases` and the values of `given` are conditions joined by commas, all of which must hold: `<`, `<=`, `==`, `>=`, `>` and a version.
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


def compatibility_page() -> str:
    lines = [COMPATIBILITY_HEAD, f"\nComponents: {', '.join(f'`{name}`' for name in COMPONENTS)}.\n"]
    lines += ["\n| code | releases | verdict | why | what to do | reference |\n|---|---|---|---|---|---|\n"]
    lines += [f"| {row.code} | {told(row)} | {row.verdict} | {row.why} | {row.remedy if row.verdict != 'good' else ''} | {row.reference} |\n" for row in ROWS]
    return "".join(lines)


if __name__ == "__main__":
    for path, text in ((PAGE, page(entries())), (COMPATIBILITY_PAGE, compatibility_page())):
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(REPOSITORY)}")
