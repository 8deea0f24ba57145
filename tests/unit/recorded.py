# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Play recordings back: a runner that answers what it was told to answer and fails on anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed

FIXTURES = Path(__file__).resolve().parent / "fixtures"


def recording(name: str, index: int = 0) -> dict[str, Any]:
    """One call out of a file such as `docker/gpus_no_hook`."""
    data = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    call: dict[str, Any] = data[index] if isinstance(data, list) else data
    return call


def recordings(name: str) -> list[dict[str, Any]]:
    data = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return data if isinstance(data, list) else [data]


def completed(call: Mapping[str, Any]) -> Completed:
    """A recorded call as the runner would have given it back; `rc` null is one that was killed at its deadline."""
    seconds = float(call.get("seconds") or call.get("elapsed_s") or 0.0)
    return Completed(tuple(call["argv"]), call["rc"], call["stdout"] or "", call["stderr"] or "", seconds, call["rc"] is None)


def answer(stdout: str = "", rc: int | None = 0, stderr: str = "", timed_out: bool = False, missing: bool = False) -> Completed:
    return Completed((), rc, stdout, stderr, 0.1, timed_out, missing)


@dataclass
class RecordedRunner:
    """Answers by the beginning of the argument list, longest first; a list of answers is used up, its last one stays."""

    answers: dict[str, Completed | list[Completed] | Callable[[list[str]], Completed]]
    calls: list[list[str]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)

    def run(
        self,
        argv: Sequence[str],
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        self.calls.append(list(argv))
        self.environments.append(dict(env or {}))
        command = " ".join(argv)
        found = next((key for key in sorted(self.answers, key=len, reverse=True) if command.startswith(key)), None)
        if found is None:
            raise AssertionError(f"no answer was prepared for: {command}")
        reply = self.answers[found]
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        done = reply if isinstance(reply, Completed) else reply(list(argv))
        for line in done.stdout.splitlines() if on_line else []:
            on_line(line)  # type: ignore[misc]
        return Completed(tuple(argv), done.rc, done.stdout, done.stderr, done.seconds, done.timed_out, done.missing)

    def commands(self, program: str = "") -> list[str]:
        return [" ".join(call) for call in self.calls if not program or call[0] == program]
