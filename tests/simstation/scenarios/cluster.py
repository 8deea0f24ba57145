# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scenario holds in the section `clusters`."""

from __future__ import annotations

from typing import Any


def cluster(state: dict[str, Any], name: str) -> None:
    """Called after `docker`."""
