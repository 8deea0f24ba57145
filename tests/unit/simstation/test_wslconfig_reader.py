# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator reads `.wslconfig` as WSL's own parser does: every recorded case of recordings/wslconfig."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.simstation.windows import wslconfig

CASES = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "wslconfig" / "parse_cases.jsonl"


def cases() -> list[dict[str, Any]]:
    found = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    return [case for case in found if case["kind"] == "wslconfig" and not ("text" in case and case["text"] is None)]


def outcome(case: dict[str, Any]) -> tuple[dict[str, Any], list[str]] | str:
    data = base64.b64decode(case["text_b64"]) if "text_b64" in case else case["text"].encode()
    reader = wslconfig.read(data, "{path}")
    return "fatal" if reader.fatal else (reader.values, reader.warnings)


def test_every_recorded_case() -> None:
    wrong = {case["name"]: outcome(case) for case in cases() if outcome(case) != ("fatal" if case.get("fatal") else (case["values"], case["warnings"]))}
    assert wrong == {}
    assert len(cases()) > 600
