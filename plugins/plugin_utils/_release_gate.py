# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compatibility gate: the releases that the layers of a chain show, judged by the one data file, entered into the layers.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_compatibility import entry, told
from ansible_collections.gpudev.workstation.plugins.module_utils._compatibility import COMPONENTS, GOOD, Row, judged
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import DRIFT, GOES_ON, Layer

# component -> where the facts of its layer show it; the first path that leads somewhere counts
PATHS: t.Mapping[str, tuple[str, ...]] = {
    "windows": ("build",),
    "windows_driver": ("driver_version",),
    "wsl": ("version",),
    "wsl_kernel": ("kernel",),
    "linux_driver": ("driver_version",),
    "container_toolkit": ("toolkit_version",),
    "minikube": ("minikube_version",),
    "kubernetes": ("profile.kubernetes_version",),
    "device_plugin": ("version",),
}
# The smallest compute capability of a generation, by how NVIDIA names its cards (developer.nvidia.com/cuda-gpus).
GENERATIONS: tuple[tuple[str, str], ...] = (
    (r"RTX 50\d\d|RTX PRO \d+ Blackwell", "12.0"),
    (r"RTX 40\d\d|RTX \d+ Ada|\bL4\b|\bL40S?\b", "8.9"),
    (r"RTX 30\d\d|RTX A\d+|\bA10\b|\bA40\b", "8.6"),
    (r"RTX 20\d\d|GTX 16\d\d|Quadro RTX|\bT4\b", "7.5"),
    (r"GTX 10\d\d|Quadro P\d+|\bP4\b|\bP40\b", "6.1"),
    (r"GTX 9\d\d|Quadro M\d+", "5.2"),
    (r"GTX [67]\d\d|Quadro K\d+", "3.0"),
)
_CUDA_IMAGE = re.compile(r"(?:^|/)cuda:(\d+(?:\.\d+)*)")


def versions_seen(layers: t.Iterable[Layer]) -> dict[str, str]:
    """The release of each component that a layer which goes on shows; others are left out, and so is what this run would replace (check mode)."""
    facts = {layer.layer: layer.facts for layer in layers if layer.status in GOES_ON and layer.status != DRIFT}
    found = {name: _first(facts.get(COMPONENTS[name], {}), paths) for name, paths in PATHS.items()}
    found["compute_capability"] = _oldest_generation(facts.get("nvidia_driver", {}).get("gpus") or [])
    found.update(_docker(facts.get("docker", {})))
    image = _CUDA_IMAGE.search(str(facts.get("docker_gpu", {}).get("image", "")))
    found["cuda_image"] = image.group(1) if image else ""
    return {name: version for name, version in found.items() if version}


def _first(facts: t.Mapping[str, t.Any], paths: t.Iterable[str]) -> str:
    for path in paths:
        value: t.Any = facts
        for key in path.split("."):
            value = value.get(key) if isinstance(value, t.Mapping) else None
        if value not in (None, ""):
            return str(value)
    return ""


def _docker(facts: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Seen from Windows `version` is that of Docker Desktop; a look at the engine says its kind, and `version` is then the engine's."""
    version = str(facts.get("version") or "")
    if "kind" in facts:
        return {"docker_engine": version, "docker_desktop": str(facts.get("desktop_version") or "")}
    return {"docker_desktop": version or str(facts.get("desktop_version") or "")}


def _oldest_generation(gpus: t.Iterable[t.Mapping[str, t.Any]]) -> str:
    names = [str(gpu.get("name", "")) for gpu in gpus]
    known = [next((least for pattern, least in GENERATIONS if re.search(pattern, name)), "") for name in names]
    return min((least for least in known if least), key=lambda least: tuple(map(int, least.split("."))), default="")


def gated(layers: t.Sequence[Layer], overrides: t.Sequence[Row]) -> list[Layer]:
    """The layers, with a finding where releases meet that are known not to go together; a bad combination stops the chain there."""
    versions = versions_seen(layers)
    deciding = [row for row in judged(versions, overrides) if row.verdict != GOOD]
    return [_with_findings(layer, [row for row in deciding if COMPONENTS[row.component] == layer.layer], versions) for layer in layers]


def _with_findings(layer: Layer, rows: t.Iterable[Row], versions: t.Mapping[str, str]) -> Layer:
    known = {finding.code for finding in layer.findings}
    for row in rows:
        if row.code in known or layer.status not in GOES_ON:
            continue
        seen = ", ".join(f"{name} {versions[name]}" for name in (row.component, *row.given))
        status = entry(row).status
        summary = f"{seen}: known not to work ({told(row)})" if status else layer.summary
        layer = replace(layer, status=status or layer.status, summary=summary, findings=[*layer.findings, entry(row).finding(seen)])
    return layer
