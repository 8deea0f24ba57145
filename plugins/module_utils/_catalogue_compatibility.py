# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known failures that follow from which releases meet: one entry for each row of the compatibility data that is not good news.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._compatibility import BAD, COMPONENTS, GOOD, ROWS, Row


def entry(row: Row) -> Entry:
    """A bad combination stops the chain at the layer of its component; one that was only reported is a warning."""
    return Entry(
        code=row.code,
        layer=COMPONENTS[row.component],
        cause=row.why,
        remedy=f"{row.remedy} Where you know better, say so in workstation_compatibility.",
        reference=row.reference,
        status="unsupported" if row.verdict == BAD else None,
        severity="error" if row.verdict == BAD else "warning",
        versions=told(row),
    )


def told(row: Row) -> str:
    """The combination in words."""
    others = [f"{name} {releases}" for name, releases in row.given.items()]
    return " with ".join([f"{row.component} {row.releases}", *others])


ENTRIES: t.Tuple[Entry, ...] = tuple(entry(row) for row in ROWS if row.verdict != GOOD)
