# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`nvidia-smi` as a GPU pod sees it: the station's GPUs in the layout of the recordings.

Layouts: recordings/gpu/pod_smi_log.json, pod_query_log.json, docker_gpus_all_L.json, docker_gpus_bad_field.json; header of WSL2:
samples/windows/nvidia_smi_wsl2_570_rtx2080ti.txt. Utilisation, temperature and power are those of an idle card and say nothing about a real one.
"""

from __future__ import annotations

import datetime
from typing import Any

Object = dict[str, Any]

# Field -> (value, unit); header names as nvidia-smi prints them with --format=csv.
UNITS = {
    "memory.total": "MiB",
    "memory.used": "MiB",
    "memory.free": "MiB",
    "utilization.gpu": "%",
    "utilization.memory": "%",
    "power.draw": "W",
    "power.limit": "W",
}
NOT_AVAILABLE = "[N/A]"


def run(arguments: list[str], gpus: list[Object], now: datetime.datetime) -> tuple[str, int] | None:
    """(output, exit code); None for arguments that are not imitated."""
    if not gpus:
        return "No devices were found\n", 6
    if not arguments:
        return table(gpus, now), 0
    if arguments in (["-L"], ["--list-gpus"]):
        return "".join(f"GPU {index}: {gpu['name']} (UUID: {gpu['uuid']})\n" for index, gpu in enumerate(gpus)), 0
    return _query(arguments, gpus)


def _query(arguments: list[str], gpus: list[Object]) -> tuple[str, int] | None:
    names: list[str] | None = None
    options: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key == "--query-gpu" and value:
            names = value.split(",")
        elif key == "--format" and value.split(",")[0] == "csv":
            options = value.split(",")[1:]
        else:
            return None
    if names is None or any(option not in ("noheader", "nounits") for option in options):
        return None
    for name in names:
        if name not in fields(gpus[0], 0):
            return f'Field "{name}" is not a valid field to query.\n\n', 2
    lines = [] if "noheader" in options else [", ".join(_heading(name, "nounits" in options) for name in names)]
    for index, gpu in enumerate(gpus):
        values = fields(gpu, index)
        lines.append(", ".join(_value(name, values[name], "nounits" in options) for name in names))
    return "\n".join(lines) + "\n", 0


def _heading(name: str, bare: bool) -> str:
    return f"{name} [{UNITS[name]}]" if name in UNITS else name


def _value(name: str, value: str, bare: bool) -> str:
    return value if bare or name not in UNITS or value == NOT_AVAILABLE else f"{value} {UNITS[name]}"


def fields(gpu: Object, index: int) -> dict[str, str]:
    memory = int(gpu["memory_mib"])
    return {
        "index": str(index),
        "uuid": gpu["uuid"],
        "gpu_uuid": gpu["uuid"],
        "name": gpu["name"],
        "gpu_name": gpu["name"],
        "driver_version": gpu["driver_version"],
        "memory.total": str(memory),
        "memory.used": "0",
        "memory.free": str(memory),
        "utilization.gpu": "0",
        "utilization.memory": "0",
        "temperature.gpu": "40",
        "power.draw": NOT_AVAILABLE,
        "power.limit": NOT_AVAILABLE,
        "compute_cap": gpu.get("compute_cap", NOT_AVAILABLE),
        "mig.mode.current": NOT_AVAILABLE,
        "pstate": "P8",
        "pci.bus_id": f"00000000:{index + 1:02X}:00.0",
        "count": "1",
        "persistence_mode": "Enabled",
        "display_active": "Disabled",
        "driver_model.current": NOT_AVAILABLE,
    }


def table(gpus: list[Object], now: datetime.datetime) -> str:
    first = gpus[0]
    driver = first["driver_version"]
    # In WSL the two versions of the header differ; which one the Linux side of this driver prints was never seen, so the station may give it.
    program = first.get("smi_version", driver)
    bar = "+-----------------------------------------------------------------------------------------+"
    lines = [now.strftime("%a %b %e %H:%M:%S %Y") + "       ", bar]
    lines.append(f"| NVIDIA-SMI {program:<22} Driver Version: {driver:<14} CUDA Version: {first.get('cuda_version', 'N/A'):<9}|")
    lines += [
        "+-----------------------------------------+------------------------+----------------------+",
        "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |",
        "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |",
        "|                                         |                        |               MIG M. |",
        "|=========================================+========================+======================|",
    ]
    for index, gpu in enumerate(gpus):
        lines += _rows(index, gpu)
    return "\n".join(lines + _processes(bar)) + "\n"


def _rows(index: int, gpu: Object) -> list[str]:
    memory = f"{0}MiB / {gpu['memory_mib']}MiB"
    # Long names end in dots: 27 columns.
    name = gpu["name"] if len(gpu["name"]) <= 27 else gpu["name"][:24] + "..."
    return [
        f"|{index:>4}  {name:<27}    On  |   00000000:{index + 1:02X}:00.0 Off |                  N/A |",
        f"| N/A   40C    P8             N/A /  N/A  |{memory:>23} |      0%      Default |",
        "|                                         |                        |                  N/A |",
        "+-----------------------------------------+------------------------+----------------------+",
    ]


def _processes(bar: str) -> list[str]:
    return [
        "",
        bar,
        "| Processes:                                                                              |",
        "|  GPU   GI   CI              PID   Type   Process name                        GPU Memory |",
        "|        ID   ID                                                               Usage      |",
        "|=========================================================================================|",
        "|  No running processes found                                                             |",
        bar,
    ]
