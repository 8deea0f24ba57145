# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of one workstation during a run: results come in, the last word on each layer stays, a table and a report go out.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import datetime
import json
import os
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.gpudev.workstation.plugins.module_utils._compatibility import Row
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import (
    CHANGED,
    DRIFT,
    LAYERS,
    NOT_APPLICABLE,
    OK,
    SKIPPED,
    UNKNOWN,
    UNREACHABLE,
    Layer,
    close_chain,
    first_broken,
    layer_from_dict,
    skipped,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._result import PREDICTIONS
from ansible_collections.gpudev.workstation.plugins.plugin_utils._release_gate import gated

REPORT_SCHEMA = 1
# What a check-mode run leaves undone for the layers behind it.
PENDING = frozenset((DRIFT, CHANGED)) | PREDICTIONS


class Chain:
    """Layers as they were last seen, and in check mode what earlier steps would have changed."""

    def __init__(self, layers: t.Iterable[Layer] = (), pending: t.Iterable[str] = ()) -> None:
        self.layers: list[Layer] = list(layers)
        self.pending: list[str] = list(pending)

    def mark_native(self, layers: t.Iterable[str]) -> None:
        for name in layers:
            self._put(Layer(name, NOT_APPLICABLE, "native Linux: there is no Windows below it"))

    def add(self, registered: t.Mapping[str, t.Any], about: t.Sequence[str], check_mode: bool) -> None:
        """Take in what one task registered. A task that never spoke of its layers is spoken for by how it ended."""
        told = [layer_from_dict(layer) for layer in registered.get("layers", [])] or _spoken_for(registered, about)
        for layer in told:
            self._put(layer)
        if check_mode:
            self.pending += [f"{layer.layer}: {layer.summary}" for layer in told if layer.status in PENDING]

    def _put(self, layer: Layer) -> None:
        """The last word on a layer stands; but a change made earlier in the run is still a change, and the first cause found is still the cause."""
        earlier = next((known for known in self.layers if known.layer == layer.layer), None)
        if earlier is not None:
            self.layers.remove(earlier)
            if layer.status == SKIPPED:
                layer = earlier
            elif earlier.status in (CHANGED, DRIFT) and layer.status in (OK, CHANGED, DRIFT):
                layer = _joined(earlier, layer)
            elif earlier.stops and layer.stops:
                layer = Layer(layer.layer, earlier.status, earlier.summary, {**layer.facts, **earlier.facts}, [*earlier.findings, *layer.findings])
        self.layers.append(layer)
        self.layers.sort(key=lambda known: LAYERS.index(known.layer))

    def gate(self, overrides: t.Sequence[Row]) -> Layer | None:
        """Judge the releases seen so far; returns the first layer that this stops."""
        went_on = {layer.layer for layer in self.layers if not layer.stops}
        self.layers = gated(self.layers, overrides)
        return next((layer for layer in self.layers if layer.stops and layer.layer in went_on), None)

    def closed(self) -> list[Layer]:
        return close_chain(self.layers)

    def broken(self) -> Layer | None:
        return first_broken(self.layers)

    def verdict(self, check_mode: bool) -> str:
        """Where this workstation stands, in a few words."""
        chain, broken = self.closed(), self.broken()
        if broken is not None:
            return f"stops at {broken.layer}: {broken.status}"
        differs = [layer.layer for layer in chain if layer.status in (CHANGED, DRIFT)]
        unseen = [layer.layer for layer in chain if layer.status == SKIPPED]
        told = [f"{'would change' if check_mode else 'changed'}: {', '.join(differs)}"] if differs else []
        told += [f"not looked at: {', '.join(unseen)}"] if unseen else []
        return "; ".join(told) or "works"

    def table(self) -> list[str]:
        """Nine lines for people, and below them each finding with its cause and cure."""
        chain = self.closed()
        lines = [f"{number} {layer.layer:<14} {layer.status:<14} {layer.summary}" for number, layer in enumerate(chain, 1)]
        for layer in chain:
            lines += [f"  {finding.severity}: {finding.sentence()} ({finding.reference})" for finding in layer.findings]
        return lines


def _joined(earlier: Layer, later: Layer) -> Layer:
    status, between = (earlier.status, "; now: ") if later.status == OK else (later.status, "; ")
    summary = earlier.summary if later.summary in earlier.summary else f"{earlier.summary}{between}{later.summary}"
    return Layer(later.layer, status, summary, {**earlier.facts, **later.facts}, later.findings)


def _spoken_for(registered: t.Mapping[str, t.Any], about: t.Sequence[str]) -> list[Layer]:
    message = str(registered.get("msg") or registered.get("skip_reason") or "no reason was given")
    if registered.get("unreachable"):
        return [Layer(name, UNREACHABLE, message) for name in about[:1]]
    if registered.get("failed"):
        return [Layer(name, UNKNOWN, message) for name in about[:1]]
    if registered.get("skipped"):
        return [skipped(name, message) for name in about]
    return []


def report(host: str, chain: Chain, check_mode: bool) -> dict[str, t.Any]:
    """The report document, one host: stable names, for machines."""
    broken = chain.broken()
    return {
        "schema": REPORT_SCHEMA,
        "host": host,
        "check_mode": check_mode,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "first_broken": broken.layer if broken else None,
        "works": broken is None and all(layer.status != SKIPPED for layer in chain.closed()),
        "pending": chain.pending,
        "layers": [layer.as_dict() for layer in chain.closed()],
    }


def write_report(dest: str, host: str, chain: Chain, check_mode: bool) -> None:
    """Old or new, never half: a reader may look at any time."""
    path = Path(dest)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(report(host, chain, check_mode), stream, indent=2, sort_keys=True)
        stream.write("\n")
    os.replace(temporary, path)
