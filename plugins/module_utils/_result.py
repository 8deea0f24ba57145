# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which every module and action of the collection answers: `layers`, `changed`, `diff`, and when that is a failure.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import NEEDS_CONSENT, NEEDS_LOGON, NEEDS_REBOOT, Layer, first_broken

# In check mode these say what a real run would ask for: a prediction, not a failure.
PREDICTIONS = frozenset((NEEDS_CONSENT, NEEDS_LOGON, NEEDS_REBOOT))


def result(
    layers: t.Sequence[Layer],
    changed: bool,
    check_mode: bool,
    diff: t.Mapping[str, t.Any] | None = None,
    read_only: bool = False,
    **returned: t.Any,
) -> dict[str, t.Any]:
    """The result of a task. It has `failed` and `msg` when a layer stops the chain, unless the task only looks (`read_only`)."""
    answer: dict[str, t.Any] = {**returned, "changed": changed, "layers": [layer.as_dict() for layer in layers]}
    if diff is not None:
        answer["diff"] = dict(diff)
    stopping = first_broken(layers)
    if stopping is not None and not read_only and not (check_mode and stopping.status in PREDICTIONS):
        answer["failed"] = True
        answer["msg"] = stopping.message()
    return answer


def conclude(module: t.Any, answer: dict[str, t.Any]) -> t.NoReturn:
    """Leave an AnsibleModule with the answer of `result`."""
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)
    raise SystemExit  # exit_json never returns; this tells type checkers so
