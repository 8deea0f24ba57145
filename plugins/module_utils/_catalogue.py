# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings catalogue: how a known failure is recognised, why it happens, and what cures it.

Entries are Python literals, because only Python travels to a target. They live in `_catalogue_<area>.py`, one area a file.
Adding a failure is adding one entry and one sample.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import LAYERS, SEVERITIES, STOPS, Finding

SYMPTOM_LENGTH = 600


@dataclass(frozen=True)
class Entry:
    """One known failure.

    `patterns` are case-insensitive regular expressions, tried in order on the observed text; empty for a finding that is derived from facts.
    `status` is what the layer becomes when this is the cause (`None`: the layer goes on). `wording` says how the pattern is known:
    `recorded` (a real output in our fixtures), `documented` (source or public thread), `unverified` (only the guide's wording).
    `rows` names the rows of the guides that this entry answers (S1, G11, R5 ...).
    """

    code: str
    layer: str
    cause: str
    remedy: str
    reference: str
    patterns: tuple[str, ...] = ()
    status: str | None = "broken"
    severity: str = "error"
    wording: str = "documented"
    versions: str = ""
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.layer not in LAYERS or self.severity not in SEVERITIES or not (self.status is None or self.status in STOPS):
            raise ValueError(f"malformed catalogue entry {self.code}")

    def matches(self, text: str) -> bool:
        return any(re.search(pattern, text, re.IGNORECASE) for pattern in self.patterns)

    def finding(self, symptom: str = "", **details: t.Any) -> Finding:
        """The finding for what was seen; `{names}` in cause and remedy are filled from `details`."""
        return Finding(
            code=self.code,
            layer=self.layer,
            severity=self.severity,
            symptom=trimmed(symptom),
            cause=_filled(self.cause, details),
            remedy=_filled(self.remedy, details),
            reference=self.reference,
        )


def _filled(template: str, details: t.Mapping[str, t.Any]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(details.get(match.group(1), match.group(0))), template)


def trimmed(text: str) -> str:
    """One paragraph of at most SYMPTOM_LENGTH characters; the middle is cut, because causes stand at either end."""
    text = " ".join(text.split())
    half = SYMPTOM_LENGTH // 2
    return text if len(text) <= SYMPTOM_LENGTH else f"{text[:half]} ... {text[-half:]}"


class Catalogue:
    """Entries by code, and recognition of text in the order in which the entries stand."""

    def __init__(self, *areas: t.Sequence[Entry]) -> None:
        self.entries: dict[str, Entry] = {}
        for entry in (entry for area in areas for entry in area):
            if entry.code in self.entries:
                raise ValueError(f"catalogue code used twice: {entry.code}")
            self.entries[entry.code] = entry

    def __getitem__(self, code: str) -> Entry:
        return self.entries[code]

    def recognise(self, text: str, layers: t.Iterable[str] | None = None) -> Entry | None:
        """The first entry (of these layers) whose pattern stands in the text: entries stand from most to least specific."""
        wanted = None if layers is None else frozenset(layers)
        return next((entry for entry in self.entries.values() if (wanted is None or entry.layer in wanted) and entry.matches(text)), None)

    def excerpt(self, entry: Entry, text: str) -> str:
        """The line of `text` in which the entry was recognised, to be quoted as the symptom: by its first pattern, wherever in the text that stands."""
        lines = text.splitlines()
        found = (line for pattern in entry.patterns for line in lines if re.search(pattern, line, re.IGNORECASE))
        return trimmed(next(found, text))
