# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STUB of nvidia-ctk: what the roles call, with what NVIDIA's documentation says it does."""

from __future__ import annotations

import json
import pathlib
import sys

arguments = sys.argv[1:]
if arguments[:3] == ["runtime", "configure", "--runtime=docker"]:
    file = pathlib.Path("/etc/docker/daemon.json")
    data = json.loads(file.read_text()) if file.exists() else {}
    data.setdefault("runtimes", {})["nvidia"] = {"args": [], "path": "nvidia-container-runtime"}
    if "--set-as-default" in arguments:
        data["default-runtime"] = "nvidia"
    file.write_text(json.dumps(data, indent=4))
elif arguments[:2] == ["cdi", "generate"]:
    pathlib.Path(arguments[2].partition("=")[2]).write_text("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n")
else:
    sys.exit(f"the stub knows no {arguments}")
