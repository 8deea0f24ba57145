# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer 2, the NVIDIA driver for Windows: which GPUs it serves, in which mode, and whether it is new enough for WSL2.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_windows import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Item, cim, native
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import value
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import Seen

CATALOGUE = Catalogue(ENTRIES)
FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "driver_model.current")
# NVIDIA's CUDA on WSL guide: 472.12 for Windows 11, 496.76 for Windows 10 21H2.
MINIMUM_10 = "496.76"
MINIMUM_11 = "472.12"
# NVML's nvmlDriverModel_t: WDDM and MCDM are models of Microsoft's graphics kernel, which GPU-PV builds on; WDM (TCC) is not.
VISIBLE_IN_WSL = ("WDDM", "MCDM")
# NVIDIA's number at the PCI-SIG, as it stands in PNPDeviceID.
VENDOR = "VEN_10DE"
SECONDS_FOR_SMI = 20


def questions() -> t.Dict[str, Item]:
    query = (f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
    return {
        "nvidia_smi": native("nvidia-smi.exe", query, timeout=SECONDS_FOR_SMI),
        "adapters": cim("Win32_VideoController", ("Name", "DriverVersion", "PNPDeviceID")),
    }


@dataclass(frozen=True)
class WindowsGpu:
    """One GPU as the Windows driver names it; what it would not say is empty or None."""

    index: t.Optional[int]
    uuid: str
    name: str
    driver_version: str
    memory_mib: t.Optional[int]
    driver_model: str

    def as_dict(self) -> t.Dict[str, t.Any]:
        names = ("index", "uuid", "name", "driver_version", "memory_mib", "driver_model")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class NvidiaDriver:
    """The driver; `source` says whether nvidia-smi or the display adapter told."""

    gpus: t.Tuple[WindowsGpu, ...]
    source: str
    problem: str = ""
    # What Windows shows of an NVIDIA GPU that only a driver of Windows itself serves.
    without_driver: str = ""

    @property
    def driver_version(self) -> str:
        return next((gpu.driver_version for gpu in self.gpus if gpu.driver_version), "")

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {"gpus": [gpu.as_dict() for gpu in self.gpus], "driver_version": self.driver_version, "source": self.source}


def nvidia_driver(seen: Seen) -> NvidiaDriver:
    told = seen["nvidia_smi"].native()
    gpus = tuple(parse_rows(told.stdout)) if told.ok else ()
    if gpus:
        return NvidiaDriver(gpus, "nvidia-smi")
    rows = seen["adapters"].rows()
    return NvidiaDriver(tuple(from_adapters(rows)), "display adapter", _problem(told), without_driver(rows))


def _problem(told: Native) -> str:
    return f"nvidia-smi.exe: {told.told()}"


def parse_rows(text: str) -> t.List[WindowsGpu]:
    """The rows of the query; other lines are passed over."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(", ")]
        if len(fields) == len(FIELDS) and fields[0].isdigit():
            index, uuid, name, driver, memory, model = (value(field) for field in fields)
            gpus.append(WindowsGpu(int(index), uuid, name, driver, int(memory) if memory.isdigit() else None, model))
    return gpus


def from_adapters(rows: t.Iterable[t.Mapping[str, t.Any]]) -> t.Iterator[WindowsGpu]:
    for row in rows:
        name = str(row.get("Name") or "")
        if "nvidia" in name.casefold():
            yield WindowsGpu(None, "", name, driver_number(str(row.get("DriverVersion") or "")), None, "")


def without_driver(rows: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    """Until its driver is installed the GPU goes by a name of Windows ('Microsoft Basic Display Adapter'); its vendor shows all the same."""
    names = [str(row.get("Name") or "") for row in rows if VENDOR in str(row.get("PNPDeviceID") or "").upper()]
    return next((name for name in names if "nvidia" not in name.casefold()), "")


def minimum_driver(windows_11: bool, declared: t.Optional[str] = None) -> str:
    return declared or (MINIMUM_11 if windows_11 else MINIMUM_10)


def driver_number(windows_version: str) -> str:
    """NVIDIA's number stands in the last five digits of the file version: 32.0.15.9159 is 591.59 (microsoft/WSL#14339)."""
    digits = re.sub(r"\D", "", windows_version)
    return f"{int(digits[-5:-2])}.{digits[-2:]}" if len(digits) >= 5 else ""


def nvidia_driver_layer(found: NvidiaDriver, windows_11: bool, minimum: t.Optional[str] = None) -> Layer:
    minimum = minimum_driver(windows_11, minimum)
    findings = list(_obstacles(found, minimum))
    status = next((str(CATALOGUE[finding.code].status) for finding in findings if CATALOGUE[finding.code].status), OK)
    names = ", ".join(gpu.name for gpu in found.gpus) or "no NVIDIA GPU"
    summary = f"{names}, driver {found.driver_version or 'none'} (at least {minimum})"
    return Layer("nvidia_driver", status, summary, found.as_dict(), findings)


def _obstacles(found: NvidiaDriver, minimum: str) -> t.Iterator[Finding]:
    if not found.gpus and found.without_driver:
        yield CATALOGUE["DRIVER-005"].finding(f"{found.without_driver}, {VENDOR}", name=found.without_driver)
        return
    if not found.gpus:
        yield CATALOGUE["DRIVER-001"].finding(found.problem or "no adapter with NVIDIA in its name")
        return
    if older(found.driver_version, minimum):
        yield CATALOGUE["DRIVER-002"].finding(f"driver {found.driver_version} ({found.source})", version=found.driver_version, minimum=minimum)
    for gpu in found.gpus:
        if gpu.driver_model and gpu.driver_model.upper() not in VISIBLE_IN_WSL:
            symptom = f"{gpu.name}: driver model {gpu.driver_model}"
            yield CATALOGUE["DRIVER-003"].finding(symptom, name=gpu.name, model=gpu.driver_model, index=gpu.index)
    if found.problem:
        yield CATALOGUE["DRIVER-004"].finding(found.problem)
