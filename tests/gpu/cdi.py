# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CDI specification of this machine's GPUs, for machines where NVIDIA's toolkit, which would write it, is not installed.

It has what a generated one has (tests/unit/fixtures/gpu/cdi_generate.json) as far as nvidia-smi and CUDA need it: device nodes, nvidia-smi, and each driver
library under the name that programs ask for, so that no hook has to make links.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

LIBRARIES = ("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1", "libnvidia-nvvm.so.4", "libnvidia-gpucomp.so.*")
FOLDERS = ("/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu")
INSIDE = "/usr/lib/x86_64-linux-gnu"


def nvidia_smi() -> str:
    places = [shutil.which("nvidia-smi") or "", "/usr/local/nvidia/bin/nvidia-smi"]
    return next((place for place in places if place and os.path.exists(place)), "")


def libraries() -> dict[str, str]:
    """Name that programs ask for -> the file here."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        places = [path for folder in FOLDERS for path in sorted(glob.glob(f"{folder}/{name}"))] or _cached(name)
        if places:
            found[os.path.basename(places[0])] = os.path.realpath(places[0])
    return found


def _cached(name: str) -> list[str]:
    """Where the dynamic linker knows it."""
    program = shutil.which("ldconfig") or "/sbin/ldconfig"
    cache = subprocess.run([program, "-p"], capture_output=True, text=True, check=False, timeout=30).stdout
    pattern = re.escape(name).replace(r"\*", r"\S*")
    return re.findall(rf"^\s*{pattern} .*=> (\S+)$", cache, re.MULTILINE)


def specification() -> dict[str, t.Any]:
    gpus = sorted(path for path in glob.glob("/dev/nvidia[0-9]*"))
    common = [path for path in ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools") if os.path.exists(path)]
    mounts = {"/usr/bin/nvidia-smi": nvidia_smi(), **{f"{INSIDE}/{name}": path for name, path in libraries().items()}}
    devices = [{"name": path.removeprefix("/dev/nvidia"), "containerEdits": {"deviceNodes": [{"path": path}]}} for path in gpus]
    devices.append({"name": "all", "containerEdits": {"deviceNodes": [{"path": path} for path in gpus]}})
    edits = {
        "deviceNodes": [{"path": path} for path in common],
        "mounts": [{"hostPath": here, "containerPath": inside, "options": ["ro", "nosuid", "nodev", "bind"]} for inside, here in mounts.items()],
    }
    return {"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": devices, "containerEdits": edits}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nvidia.json").write_text(json.dumps(specification(), indent=1))
