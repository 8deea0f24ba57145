# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which GPUs the node sees: what Windows has, the WSL virtual machine gets, the node's container was given and the knobs leave."""

from __future__ import annotations

from typing import Any

from ..linux.nvidia_smi import usable_gpus
from .engine import Context

Object = dict[str, Any]


def in_windows(context: Context) -> list[Object]:
    windows: Object = context.station.state.get("windows") or {}
    return list(windows.get("gpus") or [])


def in_node(context: Context) -> list[Object]:
    """Parts of the document that a stand-in leaves out do not stand in the way."""
    state = context.station.state
    machine = (state.get("wsl") or {}).get("vm") or {}
    engine = (state.get("docker") or {}).get("engine") or {}
    container = (engine.get("containers") or {}).get(context.store.name)
    given = container is None or bool(container.get("gpus"))
    if not in_windows(context) or not machine.get("gpu", True) or not given or not context.knobs.get("gpu_in_node", True):
        return []
    return usable_gpus({"windows": {"gpus": in_windows(context)}})


def usable(context: Context) -> list[Object]:
    """The GPUs that programs in pods can use: NVML works too."""
    return in_node(context) if context.knobs.get("nvml", "ok") == "ok" else []
