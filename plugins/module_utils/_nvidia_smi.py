# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nvidia-smi prints, as data: text in, dataclasses out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

# Fields that every driver since R470 knows; an unknown one makes nvidia-smi end with 2 (recordings/nvidia/query.txt).
FIELDS: tuple[str, ...] = ("index", "uuid", "name", "driver_version", "memory.total")
QUERY: tuple[str, ...] = (f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")

# A field may say so instead of holding a value, above all under WSL.
_ABSENT = re.compile(r"^\[?(N/A|Not Supported|Unknown Error|Insufficient Permissions|Not Found|No data)\]?$", re.IGNORECASE)


@dataclass(frozen=True)
class Gpu:
    """One GPU as nvidia-smi names it; what it would not say is None or empty."""

    index: int | None
    uuid: str
    name: str
    driver_version: str = ""
    memory_mib: int | None = None

    def as_dict(self) -> dict[str, t.Any]:
        return {"index": self.index, "uuid": self.uuid, "name": self.name, "driver_version": self.driver_version, "memory_mib": self.memory_mib}


@dataclass(frozen=True)
class Summary:
    """The header of a plain nvidia-smi. Under WSL the program's own version differs from the driver's by design."""

    smi_version: str
    driver_version: str
    cuda_version: str


def value(field: str) -> str:
    """The field without the words that mean that there is none."""
    field = field.strip()
    return "" if _ABSENT.match(field) else field


def _number(field: str) -> int | None:
    match = re.match(r"^(\d+)(\.\d+)?( MiB)?$", value(field))
    return int(match.group(1)) if match else None


def parse_query(text: str) -> list[Gpu]:
    """The rows of a QUERY; other lines (an image's banner, warnings) are passed over."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(", ")]
        if len(fields) == len(FIELDS) and (fields[0].isdigit() or fields[1].startswith("GPU-")):
            index, uuid, name, driver, memory = fields
            gpus.append(Gpu(_number(index), value(uuid), value(name), value(driver), _number(memory)))
    return gpus


def parse_list(text: str) -> list[Gpu]:
    """The lines of `nvidia-smi -L`; MIG instances below a GPU are passed over."""
    pattern = re.compile(r"^GPU (\d+): (.+?) \(UUID: (\S+)\)\s*$", re.MULTILINE)
    return [Gpu(int(index), value(uuid), name) for index, name, uuid in pattern.findall(text)]


def parse_summary(text: str) -> Summary | None:
    """The versions in the header of a plain run or of `--version`."""

    def found(pattern: str) -> str:
        match = re.search(pattern, text, re.IGNORECASE)
        return match.group(1) if match else ""

    driver = found(r"Driver Version\s*:\s*([\d.]+)")
    if not driver:
        return None
    return Summary(found(r"NVIDIA-SMI(?: version\s*:)?\s+([\d.]+)"), driver, found(r"CUDA Version\s*:\s*([\d.]+)"))


def version_key(version: str) -> tuple[int, ...]:
    """For comparing driver versions: 591.59 is newer than 572.16 and than 580.159.04 is than 580.65."""
    return tuple(int(part) for part in re.findall(r"\d+", version))
