# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which every module and action of the collection answers: `layers`, `changed`, `diff`, and when that is a failure.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import NEEDS_CONSENT, NEEDS_LOGON, NEEDS_REBOOT, SKIPPED, Layer, first_broken

# In check mode these say what a real run would ask for: a prediction, not a failure.
PREDICTIONS = frozenset((NEEDS_CONSENT, NEEDS_LOGON, NEEDS_REBOOT))


def result(
    layers: t.Sequence[Layer],
    changed: bool,
    check_mode: bool,
    diff: t.Mapping[str, t.Any] | None = None,
    read_only: bool = False,
    awaiting: t.Sequence[str] = (),
    **returned: t.Any,
) -> dict[str, t.Any]:
    """The result of a task. It has `failed` and `msg` when a layer stops the chain, unless the task only looks (`read_only`).

    In check mode a layer behind changes that were only predicted (`awaiting`) cannot be blamed for being broken now.
    """
    if check_mode and awaiting:
        layers = [_not_judged_yet(layer, awaiting) for layer in layers]
    answer: dict[str, t.Any] = {**returned, "changed": changed, "layers": [layer.as_dict() for layer in layers]}
    if diff is not None:
        answer["diff"] = dict(diff)
    stopping = first_broken(layers)
    if stopping is not None and not read_only and not (check_mode and stopping.status in PREDICTIONS):
        answer["failed"] = True
        answer["msg"] = stopping.message()
    return answer


def _not_judged_yet(layer: Layer, awaiting: t.Sequence[str]) -> Layer:
    if not layer.stops or layer.status in PREDICTIONS:
        return layer
    return Layer(layer.layer, SKIPPED, f"cannot be judged yet: {', '.join(awaiting)}; now it is {layer.status}: {layer.summary}", layer.facts, layer.findings)


def conclude(module: t.Any, answer: dict[str, t.Any]) -> t.NoReturn:
    """Leave an AnsibleModule with the answer of `result`."""
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)
    raise SystemExit  # exit_json never returns; this tells type checkers so
