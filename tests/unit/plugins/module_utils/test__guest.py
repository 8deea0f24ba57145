# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer 4: which facts mean what, and how they are collected from a root directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._guest import (
    CATALOGUE,
    RESTART_OWED,
    Guest,
    conflicting,
    first_library,
    guest_layer,
    installed_packages,
    listed_gpus,
    owner,
    platform_of,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._guest_look import look, user_facts
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from tests.harness import REPOSITORY

GPU = "NVIDIA GeForce RTX 4050 Laptop GPU"
SMI = "/usr/lib/wsl/lib/nvidia-smi"
CUDA = "/usr/lib/wsl/lib/libcuda.so.1"
HEALTHY = Guest(
    platform="wsl2",
    kernel="6.6.87.2-microsoft-standard-WSL2",
    distribution="Ubuntu-24.04",
    release="24.04",
    devices=("/dev/dxg",),
    libraries={"libcuda.so.1": CUDA},
    driver_store=True,
    packages={"bash": "5.2"},
    linker_first=CUDA,
    nvidia_smi=SMI,
    nvidia_smi_ok=True,
    gpus=(GPU,),
)
# As tests/gpu/recordings/one has it.
NATIVE = Guest(
    platform="native",
    devices=("/dev/nvidiactl", "/dev/nvidia0"),
    linker_first="/usr/local/nvidia/lib64/libcuda.so.1",
    nvidia_smi="/usr/local/nvidia/bin/nvidia-smi",
    nvidia_smi_ok=True,
    gpus=("NVIDIA H200",),
)
DRIVER = {"libnvidia-compute-550": "550", "nvidia-utils-550": "550", "libnvidia-container1": "1.17", "nvidia-container-toolkit": "1.17"}
STRAY = "/usr/lib/x86_64-linux-gnu/libcuda.so.1"
# Recorded in microsoft/WSL#9938.
BLOCKED = "nvidia-smi -L: exit code 17: Failed to initialize NVML: GPU access blocked by the operating system"

JUDGED: list[tuple[str, Guest, str, list[str]]] = [
    ("healthy", HEALTHY, "ok", []),
    ("native", NATIVE, "ok", []),
    ("no device", replace(HEALTHY, devices=(), libraries={}, gpus=(), nvidia_smi_ok=False), "broken", ["GUEST-001"]),
    ("switched off in wsl.conf", replace(HEALTHY, devices=(), wsl_conf={"gpu.enabled": False}), "broken", ["GUEST-020"]),
    ("library path off", replace(HEALTHY, wsl_conf={"automount.ldconfig": False}), "ok", ["GUEST-021"]),
    (
        "linux driver",
        replace(HEALTHY, packages=DRIVER, stray_libraries=(STRAY,), linker_first=STRAY, nvidia_smi="/usr/bin/nvidia-smi"),
        "broken",
        ["GUEST-002"],
    ),
    ("stray library", replace(HEALTHY, stray_libraries=(STRAY,), linker_first=STRAY), "broken", ["GUEST-003"]),
    ("linker", replace(HEALTHY, linker_first="/opt/x/libcuda.so.1"), "broken", ["GUEST-004"]),
    ("stray nvidia-smi", replace(HEALTHY, nvidia_smi="/usr/bin/nvidia-smi"), "ok", ["GUEST-005"]),
    ("no library", replace(HEALTHY, libraries={"libcuda.so.1": ""}, nvidia_smi_ok=None), "broken", ["GUEST-006"]),
    ("no driver store", replace(HEALTHY, driver_store=False), "broken", ["GUEST-023"]),
    ("blocked", replace(HEALTHY, nvidia_smi_ok=False, nvidia_smi_output=BLOCKED), "broken", ["GUEST-008"]),
    ("nvidia-smi fails", replace(HEALTHY, nvidia_smi_ok=False, nvidia_smi_output="exit code 9: No devices were found"), "broken", ["GUEST-024"]),
    ("wsl 1", replace(HEALTHY, platform="wsl1", devices=()), "unsupported", ["GUEST-022"]),
    ("native without driver", replace(NATIVE, devices=()), "broken", ["GUEST-007"]),
    ("a driver is right on native linux", replace(NATIVE, packages=DRIVER), "ok", []),
    ("native without cuda", replace(NATIVE, linker_first=""), "ok", ["GUEST-026"]),
    ("nodes of a linux driver in wsl", replace(HEALTHY, devices=("/dev/dxg", "/dev/nvidiactl")), "ok", ["GUEST-025"]),
]


@pytest.mark.parametrize(("what", "guest", "status", "codes"), JUDGED, ids=[row[0] for row in JUDGED])
def test_judged(what: str, guest: Guest, status: str, codes: list[str]) -> None:
    layer = guest_layer(guest)
    assert (layer.layer, layer.status, [finding.code for finding in layer.findings]) == ("distro", status, codes)


def test_a_stray_library_is_named_with_its_package() -> None:
    layer = guest_layer(replace(HEALTHY, stray_libraries=(STRAY, "/usr/lib/libcuda.so.1"), library_owners={STRAY: "acme-gpu", "/usr/lib/libcuda.so.1": ""}))
    assert layer.findings[0].symptom == f"{STRAY} of package acme-gpu, /usr/lib/libcuda.so.1"


@pytest.mark.parametrize(
    ("text", "package"),
    [
        (f"libnvidia-compute-550:amd64: {STRAY}\n", "libnvidia-compute-550"),
        (f"diversion by glx-diversions from: {STRAY}\nlibcuda1:amd64: {STRAY}\n", "libcuda1"),
        ("nvidia-driver-cuda-libs\n", "nvidia-driver-cuda-libs"),
        (f"file {STRAY} is not owned by any package\n", ""),
        ("", ""),
    ],
)
def test_owners(text: str, package: str) -> None:
    assert owner(text) == package


def test_packages_of_rpm(tmp_path: Path) -> None:
    guest = look(Programs(uname="6.6.87.2-microsoft-standard-WSL2\n", rpm="bash\t5.2-1\tinstalled\nakmod-nvidia\t3:580-1\tinstalled\n"), root=str(tmp_path))
    assert (guest.platform, guest.conflicting_packages) == ("wsl2", ["akmod-nvidia"])


def test_a_harmless_remark_of_ldconfig_is_no_finding() -> None:
    """The library is a plain file in WSL; only where the linker finds it counts (microsoft/WSL#5663)."""
    assert guest_layer(HEALTHY).findings == []


def test_a_harmless_remark_does_not_explain_a_failure() -> None:
    said = "ldconfig: /usr/lib/wsl/lib/libcuda.so.1 is not a symbolic link"
    layer = guest_layer(replace(HEALTHY, nvidia_smi_ok=False, nvidia_smi_output=said, gpus=()))
    assert (layer.status, [finding.code for finding in layer.findings]) == ("broken", ["GUEST-024"])


def test_a_restart_that_a_removed_driver_owes(tmp_path: Path) -> None:
    """The mark that role gpu_guest leaves where the next start of the distribution takes it away."""
    text = (REPOSITORY / "roles" / "gpu_guest" / "files" / "purge.sh").read_text()
    assert f": > {RESTART_OWED}\n" in text
    wsl = Programs(uname="6.6.87.2-microsoft-standard-WSL2\n")
    assert look(wsl, root=str(tmp_path)).restart_owed is False
    mark = tmp_path / RESTART_OWED.lstrip("/")
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert look(wsl, root=str(tmp_path)).restart_owed is True
    assert look(Programs(uname="6.8.0-31-generic\n"), root=str(tmp_path)).restart_owed is False
    layer = guest_layer(replace(HEALTHY, restart_owed=True))
    assert (layer.status, [finding.code for finding in layer.findings]) == ("ok", ["GUEST-027"])


def test_the_guides_word_on_linux_drivers_has_an_entry() -> None:
    assert "G7" in {row for entry in CATALOGUE.entries.values() for row in entry.rows}


def test_exactly_the_driver_packages_are_named() -> None:
    names = [
        "akmod-nvidia",
        "nvidia-driver",
        "xorg-x11-drv-nvidia-cuda",
        "nvidia-driver-550",
        "libnvidia-compute-550",
        "nvidia-utils-550",
        "nvidia-dkms-550",
        "cuda-drivers-550",
        "cuda-drivers",
        "libcuda1",
    ]
    others = [
        "nvidia-container-toolkit",
        "nvidia-container-toolkit-base",
        "libnvidia-container1",
        "libnvidia-container-tools",
        "cuda-toolkit-12-6",
        "nvidia-settings",
    ]
    assert conflicting([*names, *others]) == sorted(names)


@pytest.mark.parametrize(
    ("kernel", "in_wsl", "platform"),
    [
        ("6.6.87.2-microsoft-standard-WSL2", False, "wsl2"),
        ("4.4.0-19041-Microsoft", False, "wsl1"),
        ("6.8.0-31-generic", False, "native"),
        ("6.6.0-custom", True, "wsl2"),
    ],
)
def test_platform(kernel: str, in_wsl: bool, platform: str) -> None:
    assert platform_of(kernel, in_wsl) == platform


def test_program_output() -> None:
    assert installed_packages("bash\t5.2\tinstalled\nlibcuda1\t1\tconfig-files\nbroken line\n") == {"bash": "5.2"}
    assert first_library(f"\tlibcuda.so.1 (libc6,x86-64) => {STRAY}\n\tlibcuda.so.1 (libc6,x86-64) => {CUDA}\n", "libcuda.so.1") == STRAY
    assert first_library("", "libcuda.so.1") == ""
    # samples/windows/nvidia_smi_wsl2_570_rtx2080ti.txt has the name; the form of -L is documented by nvidia-smi itself.
    assert listed_gpus(f"GPU 0: {GPU} (UUID: GPU-5b1f0c5e-3c0d-4a7e-9d6b-405040504050)\n") == (GPU,)


class Programs:
    """A runner that has only the programs it is given."""

    def __init__(self, **said: str) -> None:
        self.said = said

    def run(
        self,
        argv: Sequence[str],
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        name = argv[0].rpartition("/")[2].replace("-", "_")
        if name not in self.said:
            return Completed(tuple(argv), None, "", "", 0.0, missing=True)
        return Completed(tuple(argv), 0, self.said[name], "", 0.0)


def make(root: Path, *paths: str, **contents: str) -> None:
    for path in paths:
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(contents.get(file.name.replace(".", "_").replace("-", "_"), ""))


def test_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    files = [
        "/dev/dxg",
        SMI,
        CUDA,
        "/usr/lib/wsl/lib/libnvidia-ml.so.1",
        "/usr/lib/wsl/drivers/nv/x",
        "/usr/lib/x86_64-linux-gnu/libcuda.so.550",
        "/etc/os-release",
    ]
    make(tmp_path, *files, "/etc/wsl.conf", "/opt/gpudev/venv/bin/python3", os_release='NAME="Ubuntu"\nVERSION_ID="24.04"\n', wsl_conf="[gpu]\nenabled=true\n")
    (tmp_path / "opt/gpudev/venv/bin/python3").chmod(0o755)
    (tmp_path / "usr/lib/x86_64-linux-gnu/libcuda.so.1").symlink_to("libcuda.so.550")
    (tmp_path / "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1").symlink_to("../wsl/lib/libnvidia-ml.so.1")
    (tmp_path / "opt/gpudev/venv/lib/python3.12/site-packages/kubernetes-31.0.0.dist-info").mkdir(parents=True)
    programs = Programs(uname="6.6.87.2-microsoft-standard-WSL2\n", dpkg_query="bash\t5.2\tinstalled\n", nvidia_smi=f"GPU 0: {GPU} (UUID: GPU-1)\n")
    guest = look(programs, root=str(tmp_path))
    found = guest.as_dict()
    wanted: dict[str, Any] = {
        "platform": "wsl2",
        "distribution": "Ubuntu-24.04",
        "release": "24.04",
        "devices": ["/dev/dxg"],
        "driver_store": True,
        "gpus": [GPU],
        "wsl_conf": {"gpu.enabled": True},
        "venv_ready": True,
        "kubernetes_client": "31.0.0",
        "libraries": {"libcuda.so.1": CUDA, "libnvidia-ml.so.1": "/usr/lib/wsl/lib/libnvidia-ml.so.1", "libdxcore.so": ""},
        "stray_libraries": ["/usr/lib/x86_64-linux-gnu/libcuda.so.1"],
    }
    assert {name: found[name] for name in wanted} == wanted
    assert guest.packages == {"bash": "5.2"}


def test_an_empty_root_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSL_DISTRO_NAME", raising=False)
    guest = look(Programs(uname="6.8.0-31-generic\n"), root=str(tmp_path))
    missing = {"libcuda.so.1": "", "libnvidia-ml.so.1": ""}
    assert (guest.platform, guest.devices, guest.libraries, guest.venv_ready) == ("native", (), missing, False)


def test_users() -> None:
    assert user_facts("root")["uid"] == 0
    assert user_facts("nobody-has-this-name") == {"name": "nobody-has-this-name", "exists": False, "uid": None, "home": "", "groups": []}
