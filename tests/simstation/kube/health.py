# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/readyz, /livez and /healthz: their check lists, and a start that takes its time."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from .schema import DATA

# recordings/README.md, "Not vanilla": the recorded fork leaves these two out of /readyz.
VANILLA_READY = ("etcd", "etcd-readiness")


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    return dict(json.loads((DATA / "health.json").read_text(encoding="utf-8")))


def checks(endpoint: str) -> list[str]:
    """The checks behind an endpoint, in order."""
    if endpoint == "readyz":
        recorded = list(_document()["readyz"])
        return recorded[:2] + list(VANILLA_READY) + recorded[2:]
    return list(_document()["livez"])


def failing(progress: float | None) -> list[str]:
    """Checks that still fail at `progress` (0..1) of a start; none once it is over."""
    if progress is None or progress >= 1:
        return []
    stages: list[list[str]] = _document()["starting"]
    return stages[min(int(progress * len(stages)), len(stages) - 1)]


def report(endpoint: str, failed: list[str], verbose: bool) -> tuple[int, str]:
    """(status, text) as recorded in readyz_ok and readyz_not_ready."""
    if not failed and not verbose:
        return 200, "ok"
    lines = [f"[-]{name} failed: reason withheld" if name in failed else f"[+]{name} ok" for name in checks(endpoint)]
    if failed:
        return 500, "\n".join([*lines, f"{endpoint} check failed", ""])
    return 200, "\n".join([*lines, f"{endpoint} check passed", ""])
