# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one look inside the node shows: whether the GPU reached it, and which cgroup driver its docker and its kubelet use. Text in, findings out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import CATALOGUE, Inside
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import parse_list
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed

# /dev/nvidia0 would be the wrong thing to look for on WSL2.
DEVICES = ("/dev/dxg", "/dev/nvidiactl")
# NVML needs it beside /dev/dxg; in a nested node it is lost, or lies where NVIDIA's toolkit does not look (NVIDIA/nvidia-container-toolkit#1739).
DXCORE = ("/usr/lib/wsl/lib/libdxcore.so", "/usr/lib/x86_64-linux-gnu/libdxcore.so")
WSL_SMI = "/usr/lib/wsl/lib/nvidia-smi"
# Beside a CDI specification that this collection has repaired.
REPAIRED = "/etc/cdi/gpudev-repaired"
MARK = "--- gpudev ---"
_ASK = (
    f"ls -d {' '.join((*DEVICES, *DXCORE, REPAIRED))} 2>&1",
    "cat /etc/docker/daemon.json 2>&1",
    "grep -i cgroupDriver /var/lib/kubelet/config.yaml 2>&1",
    f"nvidia-smi -L 2>&1 || {WSL_SMI} -L 2>&1",
)
# One docker exec for everything: each costs a tenth of a second.
QUESTION = f"; echo '{MARK}'; ".join(_ASK)


def parse_inside(done: Completed) -> Inside:
    parts = [part.strip() for part in done.stdout.split(MARK)]
    if len(parts) != len(_ASK):
        return Inside(False, text=done.told())
    listed, daemon, kubelet, smi = parts
    files = tuple(line for line in listed.splitlines() if line.startswith("/"))
    node = re.search(r"native\.cgroupdriver=(\w+)", daemon)
    driver = re.search(r"cgroupDriver:\s*[\"']?(\w+)", kubelet, re.IGNORECASE)
    # Off the PATH and on it, the program may have said the same twice.
    smi = "\n".join(dict.fromkeys(smi.splitlines()))
    return Inside(True, files, smi, node.group(1) if node else "", driver.group(1) if driver else "", listed)


def gpu_facts(inside: Inside) -> dict[str, t.Any]:
    gpus = [{"index": gpu.index, "name": gpu.name, "uuid": gpu.uuid} for gpu in parse_list(inside.smi)]
    libraries = [file for file in inside.files if file in DXCORE]
    return {"devices": [file for file in inside.files if file in DEVICES], "libraries": libraries, "gpus": gpus}


def needs_repair(inside: Inside | None, wanted: Declaration) -> bool:
    """The nested node of WSL2 in which NVML does not work, and whose CDI specification has not been repaired yet.

    Where the library is nowhere in the node a specification cannot name it, so that only `cdi` tries, and says so.
    """
    if inside is None or not wanted.repairs_node or not _without_nvml(inside) or REPAIRED in inside.files:
        return False
    return wanted.wsl_gpu == "cdi" or bool(gpu_facts(inside)["libraries"])


def _without_nvml(inside: Inside) -> bool:
    facts = gpu_facts(inside)
    if "/dev/dxg" not in facts["devices"] or facts["gpus"]:
        return False
    return CATALOGUE["MK-034"].matches(inside.smi) or not facts["libraries"]


def gpu_findings(inside: Inside, wanted: Declaration) -> list[Finding]:
    """What keeps the GPU from being used in the node; empty when nvidia-smi lists it there."""
    if not inside.looked:
        return [CATALOGUE["MK-046"].finding(inside.text)]
    facts = gpu_facts(inside)
    if not facts["devices"]:
        return [CATALOGUE["MK-032"].finding(inside.text)]
    if facts["gpus"]:
        return []
    if not _without_nvml(inside):
        return [CATALOGUE["MK-033"].finding(inside.smi)]
    if REPAIRED in inside.files:
        return [CATALOGUE["MK-054"].finding(inside.smi)]
    where = ", ".join(facts["libraries"]) or "nowhere in the node"
    way = _WAYS[wanted.wsl_gpu] if facts["libraries"] or wanted.wsl_gpu == "mounts" else _WAYS["nowhere"]
    return [CATALOGUE["MK-034"].finding(inside.smi, where=where, way=way)]


_WAYS = {
    "auto": "Add node_repair to workstation_allow: the CDI specification in the node is then repaired. Or declare wsl_gpu: mounts.",
    "cdi": "The CDI specification in the node is repaired with the word node_repair.",
    "mounts": "/usr/lib/wsl is mounted and it did not help here: try wsl_gpu: cdi.",
    "off": "Declare wsl_gpu: auto, cdi or mounts.",
    "nowhere": "Declare wsl_gpu: mounts, which carries /usr/lib/wsl into a new node (word cluster_recreate).",
}
