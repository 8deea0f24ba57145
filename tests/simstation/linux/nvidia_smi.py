# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED nvidia-smi of WSL, of containers and of the cluster node: table, `-L`, `--query-gpu`, `--version`.

Layout and exit codes: recordings/nvidia and recordings/gpu.
That `NVIDIA-SMI` and `Driver Version` differ in WSL: samples/windows/nvidia_smi_wsl2_570_rtx2080ti.txt.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..distro.programs import Call

# The Linux side of Windows driver 591.59. SIMULATED: no capture of this pair is at hand; that the two differ is what matters.
SMI_VERSION = "590.44.01"
NO_DEVICES = 6
BAD_QUERY = 2
NVML_FAILED = 255
BLOCKED = (
    "Failed to initialize NVML: GPU access blocked by the operating system\nFailed to properly shut down NVML: GPU access blocked by the operating system\n"
)
BAR = "+-----------------------------------------------------------------------------------------+"
Gpu = dict[str, Any]

FIELDS: dict[str, Callable[[int, Gpu], str]] = {
    "index": lambda index, gpu: str(index),
    "uuid": lambda index, gpu: str(gpu["uuid"]),
    "gpu_uuid": lambda index, gpu: str(gpu["uuid"]),
    "name": lambda index, gpu: str(gpu["name"]),
    "gpu_name": lambda index, gpu: str(gpu["name"]),
    "driver_version": lambda index, gpu: str(gpu["driver_version"]),
    "count": lambda index, gpu: "1",
    "memory.total": lambda index, gpu: f"{gpu['memory_mib']} MiB",
    "memory.used": lambda index, gpu: "0 MiB",
    "memory.free": lambda index, gpu: f"{gpu['memory_mib'] - 180} MiB",
    "utilization.gpu": lambda index, gpu: "0 %",
    "temperature.gpu": lambda index, gpu: "46",
    "power.draw": lambda index, gpu: "3.31 W",
    "power.limit": lambda index, gpu: "[N/A]",
    "compute_cap": lambda index, gpu: str(gpu["compute_cap"]),
    "compute_mode": lambda index, gpu: "Default",
    "mig.mode.current": lambda index, gpu: "[N/A]",
    "pstate": lambda index, gpu: "P8",
    "pci.bus_id": lambda index, gpu: f"00000000:{index + 1:02X}:00.0",
    "persistence_mode": lambda index, gpu: "Enabled",
    "display_active": lambda index, gpu: "Disabled",
    # Windows only, [N/A] on Linux: recordings/nvidia/query.txt.
    "driver_model.current": lambda index, gpu: "[N/A]",
}


def nvidia_smi(call: Call) -> int:
    """The one of the distro: WSL's own, or a Linux driver's that hides it and fails (microsoft/WSL#9166)."""
    from ..distro import wsl_files

    with call.station.lock:
        state = call.station.state
        gpus = usable_gpus(state) if wsl_files.gpu_visible(state) else []
        shadowed = bool(state["wsl"]["distros"][call.distro].get("conflict_libraries")) and not call.argv[0].startswith("/usr/lib/wsl/")
    if shadowed:
        call.out(BLOCKED)
        return NVML_FAILED
    code, text = run(gpus, call.argv[1:], call.station.now())
    if code is None:
        call.unknown()
    call.out(text)
    return code


def usable_gpus(state: dict[str, Any]) -> list[Gpu]:
    """Adapters that GPU-PV hands to the VM: WDDM, and a driver that knows WSL (facts/nvidia.md "Minimum versions")."""
    return [gpu for gpu in state["windows"]["gpus"] if gpu.get("driver_model", "WDDM") == "WDDM" and float(gpu["driver_version"]) >= 472.12]


def run(gpus: list[Gpu], arguments: list[str], now: datetime.datetime) -> tuple[int | None, str]:
    """Exit code and stdout; None for arguments that are not imitated."""
    if not gpus:
        return NVML_FAILED, BLOCKED
    if not arguments:
        return 0, table(gpus, now)
    if arguments in (["-L"], ["--list-gpus"]):
        return 0, "".join(f"GPU {index}: {gpu['name']} (UUID: {gpu['uuid']})\n" for index, gpu in enumerate(gpus))
    if arguments == ["--version"]:
        return 0, _version(gpus[0])
    return _queried(gpus, arguments)


def _queried(gpus: list[Gpu], arguments: list[str]) -> tuple[int | None, str]:
    selected: list[tuple[int, Gpu]] | None = list(enumerate(gpus))
    query, form = "", ""
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word in ("-i", "--id") or word.startswith(("-i=", "--id=")):
            selected = _selected(gpus, word.partition("=")[2] or (words.pop(0) if words else ""))
        elif word.startswith("--query-gpu="):
            query = word.partition("=")[2]
        elif word.startswith("--format="):
            form = word.partition("=")[2]
        else:
            return None, ""
    if selected is None:
        return NO_DEVICES, "No devices were found\n"
    if not query or "csv" not in form.split(","):
        return None, ""
    return _query(selected, [field.strip() for field in query.split(",")], form.split(","))


def _selected(gpus: list[Gpu], wanted: str) -> list[tuple[int, Gpu]] | None:
    found = [(index, gpu) for index, gpu in enumerate(gpus) if wanted in (str(index), gpu["uuid"])]
    return found or None


def _query(selected: list[tuple[int, Gpu]], fields: list[str], form: list[str]) -> tuple[int, str]:
    for field in fields:
        if field not in FIELDS:
            return BAD_QUERY, f'Field "{field}" is not a valid field to query.\n\n'
    lines = [] if "noheader" in form else [", ".join(_heading(field, "nounits" in form) for field in fields)]
    for index, gpu in selected:
        values = [FIELDS[field](index, gpu) for field in fields]
        if "nounits" in form:
            values = [value.rsplit(" ", 1)[0] if value.endswith((" MiB", " %", " W")) else value for value in values]
        lines.append(", ".join(values))
    return 0, "\n".join(lines) + "\n"


def _heading(field: str, nounits: bool) -> str:
    unit = {"memory": "[MiB]", "utilization": "[%]", "power": "[W]"}.get(field.split(".")[0], "")
    return f"{field} {unit}" if unit and not nounits else field


def _version(gpu: Gpu) -> str:
    return (
        f"NVIDIA-SMI version  : {SMI_VERSION}\nNVML version        : {SMI_VERSION.rsplit('.', 1)[0]}\n"
        f"DRIVER version      : {gpu['driver_version']}\nCUDA Version        : {gpu.get('cuda_version', '13.1')}\n"
    )


def _short(name: str) -> str:
    return name if len(name) <= 27 else name[:24] + "..."


def table(gpus: list[Gpu], now: datetime.datetime) -> str:
    first = gpus[0]
    lines = [
        now.strftime("%a %b %e %H:%M:%S %Y") + "       ",
        BAR,
        f"| NVIDIA-SMI {SMI_VERSION:<22} Driver Version: {first['driver_version']:<14} CUDA Version: {first.get('cuda_version', '13.1'):<8} |",
        "+-----------------------------------------+------------------------+----------------------+",
        "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |",
        "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |",
        "|                                         |                        |               MIG M. |",
        "|=========================================+========================+======================|",
    ]
    for index, gpu in enumerate(gpus):
        lines += [
            f"|{index:>4}  {_short(gpu['name']):<31}On  |   {FIELDS['pci.bus_id'](index, gpu)} Off |                  N/A |",
            f"| N/A   46C    P8              3W /  N/A  |{0:>8}MiB /{gpu['memory_mib']:>7}MiB |      0%      Default |",
            "|                                         |                        |                  N/A |",
            "+-----------------------------------------+------------------------+----------------------+",
        ]
    lines += [
        "",
        BAR,
        "| Processes:                                                                              |",
        "|  GPU   GI   CI              PID   Type   Process name                        GPU Memory |",
        "|        ID   ID                                                               Usage      |",
        "|=========================================================================================|",
        "|  No running processes found                                                             |",
        BAR,
    ]
    return "\n".join(lines) + "\n"
