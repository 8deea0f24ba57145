# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repair the CDI specification in a nested node of WSL2, so that pods get libdxcore.so. Field-reported; no GPU was ever seen through it here.

The recipe is that of NVIDIA/OpenShell#411 and #441 (a k3s node, RTX 5070, driver 595.71): let NVIDIA's toolkit write the specification, add the
devices by index and UUID and the library that it does not find (at the place where the node has it), raise the version, and switch the runtime to CDI.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import copy
import json
import os
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import CATALOGUE, Inside
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_inside import DXCORE, REPAIRED
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import Gpu
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed

SPECIFICATION = "/etc/cdi/nvidia.yaml"
VERSION = "0.5.0"
_OPTIONS = ["ro", "nosuid", "nodev", "bind"]

# Runs an argument list in the node, with this text as its input.
InNode = t.Callable[[t.List[str], t.Optional[str]], Completed]


def amended(specification: t.Mapping[str, t.Any], gpus: t.Sequence[Gpu], library: str) -> dict[str, t.Any]:
    """The specification with a device per GPU beside `all`, with the library where NVML looks for it, and of a version that knows both."""
    new: dict[str, t.Any] = copy.deepcopy(dict(specification))
    if tuple(int(part) for part in str(new.get("cdiVersion", "0.0.0")).split(".")) < tuple(int(part) for part in VERSION.split(".")):
        new["cdiVersion"] = VERSION
    devices = new.setdefault("devices", [])
    every = next((device for device in devices if device.get("name") == "all"), {"containerEdits": {"deviceNodes": [{"path": "/dev/dxg"}]}})
    known = {device.get("name") for device in devices}
    for gpu in gpus:
        devices += [{**copy.deepcopy(every), "name": name} for name in (str(gpu.index), gpu.uuid) if name and name not in known]
    edits = new.setdefault("containerEdits", {})
    mounts = edits.setdefault("mounts", [])
    if not any(str(mount.get("hostPath", "")).endswith("/libdxcore.so") for mount in mounts):
        mounts.append({"hostPath": library, "containerPath": library, "options": list(_OPTIONS)})
        _let_linker_find(edits, os.path.dirname(library))
    return new


def _let_linker_find(edits: dict[str, t.Any], folder: str) -> None:
    """NVML asks the dynamic linker for libdxcore.so. The toolkit's hook refreshes the linker's cache only for folders of what the toolkit itself has found."""
    hook = next((hook for hook in edits.get("hooks", []) if "update-ldcache" in hook.get("args", [])), None)
    if hook is not None and folder not in hook["args"]:
        hook["args"] += ["--folder", folder]


def repair(in_node: InNode, inside: Inside, gpus: t.Sequence[Gpu]) -> Finding | None:
    """Do it; what went wrong, None when every step ended well."""
    library = next((file for file in DXCORE if file in inside.files), "")
    if not library:
        return CATALOGUE["MK-055"].finding("libdxcore.so is nowhere in the node", step="find libdxcore.so")
    made = in_node(["nvidia-ctk", "cdi", "generate", "--format=json"], None)
    try:
        specification = json.loads(made.stdout) if made.ok else None
    except ValueError:
        specification = None
    if not isinstance(specification, dict):
        return CATALOGUE["MK-055"].finding(made.told(), step="nvidia-ctk cdi generate")
    text = json.dumps(amended(specification, gpus, library), indent=1)
    steps: tuple[tuple[list[str], str | None], ...] = (
        (["mkdir", "-p", "/etc/cdi"], None),
        # JSON is YAML, and this is the file that the toolkit itself would write: a second one would name the same devices twice.
        (["tee", SPECIFICATION], text),
        (["nvidia-ctk", "config", "--in-place", "--set", "nvidia-container-runtime.mode=cdi"], None),
        (["touch", REPAIRED], None),
    )
    for argv, stdin in steps:
        done = in_node(argv, stdin)
        if not done.ok:
            return CATALOGUE["MK-055"].finding(done.told(), step=" ".join(argv[:3]))
    return None
