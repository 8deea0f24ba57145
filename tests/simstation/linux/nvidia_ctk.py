# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED nvidia-ctk: it makes the runtime nvidia known to the distro's Docker engine.

What it does: NVIDIA's install guide of the container toolkit, "Configuring Docker"; what it says: NVIDIA/nvidia-container-toolkit,
cmd/nvidia-ctk/runtime/configure. What `cdi generate` writes under WSL was never recorded, so it is not imitated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .own_engine import DAEMON_JSON

if TYPE_CHECKING:
    from ..distro.programs import Call

RUNTIME = {"args": [], "path": "nvidia-container-runtime"}


def nvidia_ctk(call: Call) -> int:
    words = call.argv[1:]
    if words[:3] != ["runtime", "configure", "--runtime=docker"] or set(words[3:]) - {"--set-as-default"}:
        call.unknown()
    file = call.base / "etc" / DAEMON_JSON
    if call.uid != 0:
        _say(call, "error", f"unable to flush config: unable to write /etc/{DAEMON_JSON}: permission denied")
        return 1
    _say(call, "info", f"Loading config from /etc/{DAEMON_JSON}" if file.exists() else "Config file does not exist; using empty config")
    settings = json.loads(file.read_text()) if file.exists() else {}
    settings.setdefault("runtimes", {})["nvidia"] = RUNTIME
    if "--set-as-default" in words:
        settings["default-runtime"] = "nvidia"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(settings, indent=4, sort_keys=True))
    _say(call, "info", f"Wrote updated config to /etc/{DAEMON_JSON}")
    _say(call, "info", "It is recommended that docker daemon be restarted.")
    return 0


def _say(call: Call, level: str, text: str) -> None:
    call.err(f'time="{call.station.now():%Y-%m-%dT%H:%M:%SZ}" level={level} msg="{text}"\n')
