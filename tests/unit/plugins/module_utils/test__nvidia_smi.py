# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nvidia-smi, as really printed and with the gaps that WSL leaves in it."""

from __future__ import annotations

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import Gpu, parse_list, parse_query, parse_summary, value, version_key
from tests.unit.recorded import FIXTURES

NVIDIA = FIXTURES / "nvidia"


def test_list_of_a_real_gpu() -> None:
    text = (NVIDIA / "L.txt").read_text()
    assert parse_list(text) == [Gpu(0, "GPU-00000000-1111-2222-3333-444444444444", "NVIDIA H100 80GB HBM3")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the first five fields of recordings/nvidia/query.txt
        ("0, GPU-0-1, NVIDIA H100 80GB HBM3, 580.159.04, 81559\n", [Gpu(0, "GPU-0-1", "NVIDIA H100 80GB HBM3", "580.159.04", 81559)]),
        ("0, GPU-0-1, NVIDIA GeForce RTX 4050 Laptop GPU, 591.59, [N/A]", [Gpu(0, "GPU-0-1", "NVIDIA GeForce RTX 4050 Laptop GPU", "591.59", None)]),
        ("0, [Not Supported], NVIDIA X, 591.59, 6141", [Gpu(0, "", "NVIDIA X", "591.59", 6141)]),
        ("== CUDA ==\nCUDA Version 12.9\n\n0, GPU-a, A, 1.2, 3\n1, GPU-b, B, 1.2, 3\n", [Gpu(0, "GPU-a", "A", "1.2", 3), Gpu(1, "GPU-b", "B", "1.2", 3)]),
        ("No devices were found\n", []),
        ("", []),
    ],
)
def test_query_rows(text: str, expected: list[Gpu]) -> None:
    assert parse_query(text) == expected


def test_header_of_a_native_host() -> None:
    summary = parse_summary((NVIDIA / "smi.txt").read_text())
    assert summary is not None
    assert (summary.smi_version, summary.driver_version, summary.cuda_version) == ("580.159.04", "580.159.04", "13.0")


def test_header_under_wsl_names_two_versions() -> None:
    summary = parse_summary((NVIDIA / "nvidia_smi_wsl2_570_rtx2080ti.txt").read_text())
    assert summary is not None
    assert (summary.smi_version, summary.driver_version) == ("570.86.16", "572.16")


def test_header_of_version_option() -> None:
    summary = parse_summary((NVIDIA / "misc.txt").read_text())
    assert summary is not None
    assert summary.driver_version == "580.159.04"


def test_text_without_a_driver_has_no_summary() -> None:
    assert parse_summary("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.") is None


@pytest.mark.parametrize("absent", ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]"])
def test_words_for_nothing(absent: str) -> None:
    assert value(absent) == ""


def test_versions_compare_as_numbers() -> None:
    assert version_key("591.59") > version_key("572.16")
    assert version_key("580.159.04") > version_key("580.65.06")
