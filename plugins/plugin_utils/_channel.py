# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the connection `wsl` needs of a carrier, and no more: run wsl.exe on the Windows host with bytes in and bytes out.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import Target


@dataclass(frozen=True)
class Ended:
    """A finished Windows command. All of its output: large files come in pieces, each by a command of its own."""

    rc: int
    stdout: bytes
    stderr: bytes


class Channel(t.Protocol):
    """The way to one Windows host. `open` may wait for the first `run`; `close` ends what this task holds open on the host."""

    def open(self) -> None: ...

    def run(self, target: Target, stdin: bytes) -> Ended: ...

    def close(self) -> None: ...

    def reset(self) -> None:
        """Close, and also give up what would outlive the task."""
