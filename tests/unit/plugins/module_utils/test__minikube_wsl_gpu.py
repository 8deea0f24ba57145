# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CDI repair in a nested node of WSL2.

The specification is what the real nvidia-ctk 1.17.8 wrote in a container with a stub libdxcore.so; the recipe is reported
from the field (NVIDIA/OpenShell#441).
What is tested here is that this collection does what the recipe says; tests/docker/test_nested_wsl_node.py does it in a real container.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_inside as inside
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_wsl_gpu as wsl_gpu
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import Inside
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import Gpu
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from tests.unit.recorded import answer, recording

SPECIFICATION: dict[str, Any] = json.loads(recording("minikube/nested_cdi_generate")["stdout"])
GPU = Gpu(0, "GPU-11111111-2222-3333-4444-555555555555", "NVIDIA GeForce RTX 4050 Laptop GPU")
NODE = Inside(True, ("/dev/dxg", inside.DXCORE[1]), "Failed to initialize NVML: Not Supported")


def test_devices_version_and_library_are_added() -> None:
    new = wsl_gpu.amended(SPECIFICATION, [GPU], inside.DXCORE[1])
    assert new["cdiVersion"] == "0.5.0"
    assert [device["name"] for device in new["devices"]] == ["all", "0", GPU.uuid]
    assert all(device["containerEdits"] == {"deviceNodes": [{"path": "/dev/dxg"}]} for device in new["devices"])
    assert new["containerEdits"]["mounts"][-1] == {
        "hostPath": "/usr/lib/x86_64-linux-gnu/libdxcore.so",
        "containerPath": "/usr/lib/x86_64-linux-gnu/libdxcore.so",
        "options": ["ro", "nosuid", "nodev", "bind"],
    }
    assert SPECIFICATION["cdiVersion"] == "0.3.0"


def test_the_linker_finds_the_library() -> None:
    """The toolkit left its folder out of the hook, because it did not find the library."""
    link, refresh = wsl_gpu.amended(SPECIFICATION, [GPU], inside.DXCORE[1])["containerEdits"]["hooks"]
    store = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1"
    assert refresh["args"] == ["nvidia-cdi-hook", "update-ldcache", "--folder", store, "--folder", "/usr/lib/x86_64-linux-gnu"]
    assert link == SPECIFICATION["containerEdits"]["hooks"][0]


def test_a_library_that_the_toolkit_found_stays_as_it_put_it() -> None:
    found = {**SPECIFICATION, "containerEdits": {"mounts": [{"hostPath": inside.DXCORE[0], "containerPath": inside.DXCORE[0]}], "hooks": []}}
    assert wsl_gpu.amended(found, [GPU], inside.DXCORE[0])["containerEdits"] == found["containerEdits"]


def test_a_second_time_adds_nothing() -> None:
    once = wsl_gpu.amended(SPECIFICATION, [GPU], inside.DXCORE[1])
    assert wsl_gpu.amended(once, [GPU], inside.DXCORE[1]) == once


def test_a_newer_version_stays() -> None:
    assert wsl_gpu.amended({**SPECIFICATION, "cdiVersion": "0.7.0"}, [], inside.DXCORE[0])["cdiVersion"] == "0.7.0"


class Node:
    """The programs in the node; `fails` names the first word of the one that does not work."""

    def __init__(self, fails: str = "", generated: str = json.dumps(SPECIFICATION)) -> None:
        self.fails, self.generated = fails, generated
        self.calls: list[str] = []
        self.written = ""

    def run(self, argv: list[str], stdin: str | None) -> Completed:
        command = " ".join(argv)
        self.calls.append(command)
        if self.fails and command.startswith(self.fails):
            return answer("", 1, "it does not work")
        if argv[0] == "tee":
            self.written = stdin or ""
        return answer(self.generated if "generate" in argv else "")


def test_the_steps_of_the_repair() -> None:
    node = Node()
    assert wsl_gpu.repair(node.run, NODE, [GPU]) is None
    assert node.calls == [
        "nvidia-ctk cdi generate --format=json",
        "mkdir -p /etc/cdi",
        "tee /etc/cdi/nvidia.yaml",
        "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=cdi",
        "touch /etc/cdi/gpudev-repaired",
    ]
    assert json.loads(node.written) == wsl_gpu.amended(SPECIFICATION, [GPU], inside.DXCORE[1])


@pytest.mark.parametrize("fails", ["nvidia-ctk cdi", "mkdir", "tee", "nvidia-ctk config", "touch"])
def test_a_step_that_fails_is_named_and_ends_it(fails: str) -> None:
    node = Node(fails)
    finding = wsl_gpu.repair(node.run, NODE, [GPU])
    assert finding is not None
    assert (finding.code, fails.split()[0] in finding.cause, "it does not work" in finding.symptom) == ("MK-055", True, True)
    assert node.calls[-1].startswith(fails)


def test_words_instead_of_a_specification() -> None:
    finding = wsl_gpu.repair(Node(generated="no GPU").run, NODE, [GPU])
    assert finding is not None
    assert finding.code == "MK-055"


def test_without_the_library_nothing_is_tried() -> None:
    node = Node()
    finding = wsl_gpu.repair(node.run, Inside(True, ("/dev/dxg",)), [GPU])
    assert finding is not None
    assert (node.calls, "wsl_gpu: mounts" in finding.remedy) == ([], True)


@pytest.mark.parametrize(
    ("files", "smi", "needed"),
    [
        (("/dev/dxg", inside.DXCORE[1]), "Failed to initialize NVML: Not Supported", True),
        (("/dev/dxg",), "sh: 1: nvidia-smi: not found", False),
        (("/dev/dxg", *inside.DXCORE), "GPU 0: NVIDIA RTX (UUID: GPU-1)", False),
        (("/dev/dxg", inside.DXCORE[0]), "something else", False),
        (("/dev/dxg", inside.REPAIRED), "Failed to initialize NVML: Not Supported", False),
        (("/dev/nvidiactl",), "Failed to initialize NVML: Not Supported", False),
    ],
)
def test_when_a_repair_is_needed(files: tuple[str, ...], smi: str, needed: bool) -> None:
    seen = Inside(True, files, smi)
    assert inside.needs_repair(seen, Declaration(repairs_node=True)) is needed
    assert not inside.needs_repair(seen, Declaration())


def test_cdi_tries_even_where_the_library_is_missing_and_says_so() -> None:
    seen = Inside(True, ("/dev/dxg",), "sh: 1: nvidia-smi: not found")
    assert inside.needs_repair(seen, Declaration(wsl_gpu="cdi", repairs_node=True))
    told = inside.gpu_findings(seen, Declaration())[0]
    assert (told.code, "wsl_gpu: mounts" in told.remedy, "node_repair" in told.remedy) == ("MK-034", True, False)


def test_a_look_that_was_cut_is_no_look() -> None:
    assert not inside.parse_inside(answer("/dev/dxg\n--- gpudev ---\n")).looked
