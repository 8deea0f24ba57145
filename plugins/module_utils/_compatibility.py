# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases of the parts go together: the one data file of known-good and known-bad combinations, and how it is read.

The first row that fits a component decides, and the user's rows stand before ours; so a row of the user's with the verdict `good` overrules one of ours.
A row whose other components were not seen does not fit: what is not known is not judged.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import operator
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._versions import numbers

GOOD, BAD, REPORTED = "good", "bad", "reported"
# What each verdict means: proven in the reference; known not to work; reported by somebody, not confirmed.
VERDICTS = (GOOD, BAD, REPORTED)

# component -> the layer whose facts show its version
COMPONENTS: t.Mapping[str, str] = {
    "windows": "windows",
    "windows_driver": "nvidia_driver",
    "compute_capability": "nvidia_driver",
    "wsl": "wsl",
    "wsl_kernel": "wsl",
    "linux_driver": "distro",
    "docker_desktop": "docker",
    "docker_engine": "docker",
    "container_toolkit": "docker",
    "cuda_image": "docker_gpu",
    "minikube": "cluster",
    "kubernetes": "cluster",
    "device_plugin": "device_plugin",
}

_COMPARISONS: t.Mapping[str, t.Callable[[t.Any, t.Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_CONDITION = re.compile(r"(<=|>=|==|<|>)\s*(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Row:
    """One known combination. `releases` and the values of `given` are conditions such as ">= 4.17, < 4.18", all of which must hold."""

    code: str
    component: str
    releases: str
    verdict: str
    why: str
    reference: str
    given: t.Mapping[str, str] = field(default_factory=dict)
    remedy: str = "Install another release of it."

    def fits(self, versions: t.Mapping[str, str]) -> bool:
        conditions = {self.component: self.releases, **self.given}
        return all(versions.get(name) and within(versions[name], releases) for name, releases in conditions.items())


def within(version: str, releases: str) -> bool:
    """True when the version meets every condition of `releases`."""
    found = numbers(version)
    return all(_COMPARISONS[sign](found, numbers(bound)) for sign, bound in conditions(releases))


def conditions(releases: str) -> t.List[t.Tuple[str, str]]:
    """The conditions of a range; raises ValueError with the right spelling for anything else."""
    parts = [part.strip() for part in releases.split(",")]
    matches = [_CONDITION.fullmatch(part) for part in parts]
    if not all(matches):
        raise ValueError(f"{releases!r} is no range of releases; write it as '>= 4.17, < 4.18' or '== 4.17.1'")
    return [(match.group(1), match.group(2)) for match in matches if match]


def rows_from(declared: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Row]:
    """The user's rows; raises ValueError naming the first that cannot be read."""
    return [_row_from(number, row) for number, row in enumerate(declared, 1)]


def _row_from(number: int, declared: t.Mapping[str, t.Any]) -> Row:
    row = Row(f"COMPAT-YOURS-{number}", **{name: value for name, value in declared.items() if value is not None})
    for name in (row.component, *row.given):
        if name not in COMPONENTS:
            raise ValueError(f"row {number}: {name!r} is no component; these are: {', '.join(COMPONENTS)}")
    if row.verdict not in VERDICTS:
        raise ValueError(f"row {number}: the verdict {row.verdict!r} is none of {', '.join(VERDICTS)}")
    for releases in (row.releases, *row.given.values()):
        try:
            conditions(releases)
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from error
    return row


def judged(versions: t.Mapping[str, str], overrides: t.Sequence[Row] = ()) -> t.List[Row]:
    """For each component that was seen, the row that decides, if any."""
    rows = (*overrides, *ROWS)
    deciding = (next((row for row in rows if row.component == name and row.fits(versions)), None) for name in COMPONENTS)
    return [row for row in deciding if row is not None]


_TOOLKIT_520 = "https://github.com/NVIDIA/nvidia-container-toolkit/issues/520"
_CUDA_COMPATIBILITY = "https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html"
_NO_NVDXGDMAL = (
    "The container toolkit in it does not mount libnvdxgdmal.so.1, which drivers 555 and later need under WSL2: "
    "CUDA fails with error 500 (named symbol not found) although nvidia-smi works."
)

ROWS: t.Tuple[Row, ...] = (
    Row(
        "COMPAT-001",
        "windows",
        "< 19044",
        BAD,
        "GPU compute inside WSL2 came with Windows 10 21H2 (build 19044).",
        "https://learn.microsoft.com/windows/wsl/tutorials/gpu-compute",
        remedy="Update Windows to 10 21H2 or to Windows 11.",
    ),
    Row(
        "COMPAT-002",
        "windows_driver",
        "< 472.12",
        BAD,
        "It is older than the first driver for CUDA in WSL2 on Windows 11 (472.12; on Windows 10 21H2 it is 496.76).",
        "https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        remedy="Install a current NVIDIA driver on Windows.",
    ),
    Row(
        "COMPAT-003",
        "compute_capability",
        "< 6.0",
        BAD,
        "NVIDIA supports CUDA in WSL2 on Pascal (compute capability 6.0) and later.",
        "https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        given={"wsl": ">= 0"},
        remedy="Use a GPU of the Pascal generation or later.",
    ),
    Row(
        "COMPAT-004",
        "wsl_kernel",
        "< 4.19.121",
        BAD,
        "It is older than the first WSL2 kernel with dxgkrnl and GPU compute (4.19.121).",
        "https://learn.microsoft.com/windows/wsl/kernel-release-notes",
        remedy="Update WSL: wsl --update.",
    ),
    Row(
        "COMPAT-005",
        "wsl_kernel",
        "< 5.10.16.3",
        REPORTED,
        "NVIDIA recommends the WSL2 kernel 5.10.16.3 or later.",
        "https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        remedy="Update WSL: wsl --update.",
    ),
    Row(
        "COMPAT-006",
        "wsl",
        "< 1.3.10",
        REPORTED,
        "Before 1.3.10 a cgroup v2 fault could end in 'GPU access blocked by the operating system'.",
        "https://github.com/microsoft/WSL/issues/9962",
        remedy="Update WSL: wsl --update.",
    ),
    Row(
        "COMPAT-007",
        "docker_desktop",
        ">= 3.3.2, <= 3.3.3",
        BAD,
        "'driver error: failed to process request' with --gpus.",
        "https://github.com/docker/for-win/issues/11246",
    ),
    Row(
        "COMPAT-008",
        "docker_desktop",
        "== 4.17.1",
        BAD,
        "A container started with --gpus hangs and cannot be killed.",
        "https://github.com/docker/for-win/issues/13324",
    ),
    Row(
        "COMPAT-009",
        "docker_desktop",
        "< 4.31.0",
        BAD,
        _NO_NVDXGDMAL,
        _TOOLKIT_520,
        given={"windows_driver": ">= 555"},
        remedy="Upgrade Docker Desktop to 4.31.0 or later.",
    ),
    Row(
        "COMPAT-010",
        "docker_desktop",
        "< 4.42.0",
        REPORTED,
        "It did not start on WSL 2.5.7 when another distribution used cgroup v1.",
        "https://github.com/docker/for-win/issues/14801",
        given={"wsl": "== 2.5.7"},
        remedy="Upgrade Docker Desktop to 4.42.0 or later.",
    ),
    Row(
        "COMPAT-011",
        "docker_desktop",
        "== 4.54.0",
        REPORTED,
        "One report of 'no adapters were found'; 4.51 was fine.",
        "https://github.com/docker/for-win/issues/14999",
    ),
    Row(
        "COMPAT-012",
        "docker_desktop",
        "== 4.58.0",
        REPORTED,
        "One unconfirmed report about libnvidia-container.so.1.",
        "https://github.com/docker/desktop-feedback/issues/55",
    ),
    Row(
        "COMPAT-013",
        "container_toolkit",
        "< 1.15",
        BAD,
        _NO_NVDXGDMAL,
        _TOOLKIT_520,
        given={"windows_driver": ">= 555"},
        remedy="Upgrade nvidia-container-toolkit to 1.15 or later.",
    ),
    Row(
        "COMPAT-014",
        "cuda_image",
        ">= 13, < 14",
        BAD,
        "CUDA 13 needs an NVIDIA driver 580 or later.",
        _CUDA_COMPATIBILITY,
        given={"windows_driver": "< 580"},
        remedy="Install a driver 580 or later, or use an image of CUDA 12.",
    ),
    Row(
        "COMPAT-015",
        "cuda_image",
        ">= 13, < 14",
        BAD,
        "CUDA 13 needs an NVIDIA driver 580 or later.",
        _CUDA_COMPATIBILITY,
        given={"linux_driver": "< 580"},
        remedy="Install a driver 580 or later, or use an image of CUDA 12.",
    ),
    Row(
        "COMPAT-016",
        "cuda_image",
        ">= 12, < 13",
        BAD,
        "CUDA 12 needs an NVIDIA driver 525.60.13 or later (on Windows 528.33).",
        _CUDA_COMPATIBILITY,
        given={"windows_driver": "< 528.33"},
        remedy="Install a driver 528.33 or later.",
    ),
    Row(
        "COMPAT-017",
        "cuda_image",
        ">= 12, < 13",
        BAD,
        "CUDA 12 needs an NVIDIA driver 525.60.13 or later.",
        _CUDA_COMPATIBILITY,
        given={"linux_driver": "< 525.60.13"},
        remedy="Install a driver 525.60.13 or later.",
    ),
    Row(
        "COMPAT-018",
        "container_toolkit",
        "== 1.17.0",
        REPORTED,
        "Its CDI hooks failed in containers; 1.16.2 and 1.17.1 were fine.",
        "https://github.com/cncf-tags/container-device-interface/issues/239",
    ),
    Row(
        "COMPAT-019",
        "minikube",
        "< 1.33.1",
        BAD,
        "The device plugin in its addon is older than 0.15.0, the first with code for WSL2.",
        "https://github.com/NVIDIA/k8s-device-plugin/issues/332",
        given={"wsl": ">= 0"},
        remedy="Upgrade minikube to 1.33.1 or later.",
    ),
    Row(
        "COMPAT-020",
        "minikube",
        "< 1.32.0",
        BAD,
        "The option --gpus for the docker driver came with 1.32.0.",
        "https://github.com/kubernetes/minikube/pull/17314",
        remedy="Upgrade minikube.",
    ),
    Row(
        "COMPAT-021",
        "device_plugin",
        "< 0.15.0",
        BAD,
        "The device plugin has code for WSL2 from 0.15.0 on.",
        "https://github.com/NVIDIA/k8s-device-plugin/issues/646",
        given={"wsl": ">= 0"},
        remedy="Use nvidia-device-plugin 0.15.0 or later.",
    ),
    Row(
        "COMPAT-101",
        "device_plugin",
        "== 0.20.0",
        GOOD,
        "A pod computed on an NVIDIA H200 with exactly these releases, under Kubernetes 1.36.2 on native Linux.",
        "tests/unit/fixtures/gpu (recorded in November 2026)",
        given={"linux_driver": "== 580.159.04", "docker_engine": "== 26.1.5", "minikube": "== 1.38.1"},
    ),
)
