# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows console program gave back: exit code and text, whatever encoding it chose.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass


def decoded(data: bytes) -> str:
    """wsl.exe writes UTF-16LE without a mark unless it was told otherwise; everything else here writes UTF-8 or ASCII."""
    encoding = "utf-16-le" if b"\0" in data else "utf-8"
    return data.decode(encoding, "replace").lstrip("\ufeff").replace("\r\n", "\n")


@dataclass(frozen=True)
class Native:
    """One run of a program. `rc` is None when there is no such program, or when it was ended at its deadline."""

    exists: bool
    rc: int | None = None
    stdout: str = ""
    stderr: str = ""
    path: str = ""
    seconds: float = 0.0
    timed_out: bool = False
    pid: int | None = None
    problem: str = ""

    @property
    def ok(self) -> bool:
        return self.rc == 0

    @property
    def output(self) -> str:
        """Everything that was printed: real programs put their errors on either stream."""
        return "\n".join(part for part in (self.stderr.strip(), self.stdout.strip()) if part)

    def told(self) -> str:
        """For messages: what came back."""
        if self.problem:
            return self.problem
        if not self.exists:
            return "no such program"
        if self.timed_out:
            return f"no end after {self.seconds:.0f} s, ended; so far: {self.output or 'nothing'}"
        return f"exit code {self.rc}: {self.output or 'no output'}"


def native_from_answer(answer: t.Mapping[str, t.Any], problem: str = "") -> Native:
    return Native(
        exists=bool(answer.get("exists")),
        rc=answer.get("rc"),
        stdout=decoded(base64.b64decode(answer.get("stdout") or "")),
        stderr=decoded(base64.b64decode(answer.get("stderr") or "")),
        path=str(answer.get("path") or ""),
        seconds=float(answer.get("seconds") or 0.0),
        timed_out=bool(answer.get("timed_out")),
        pid=answer.get("pid"),
        problem=problem,
    )
