# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions as they are written in the field, compared by their numbers.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def numbers(version: str) -> t.Tuple[int, ...]:
    """The first run of dotted numbers, without trailing zeros: 2.6.3.0 is 2.6.3, v1.38.1 is 1.38.1, 15.167.4-1 is 15.167.4."""
    match = _NUMBERS.search(version)
    parts = [int(part) for part in match.group(0).split(".")] if match else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def older(version: str, minimum: str) -> bool:
    """True when `version` is below `minimum`; a version that says nothing is below everything."""
    return numbers(version) < numbers(minimum)
