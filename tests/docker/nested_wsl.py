# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of a node as WSL2 nests it: a driver store, libdxcore.so where NVIDIA's toolkit does not look, and that toolkit, as a stub or a real one.

$NVIDIA_CTK_DIRECTORY is the folder of the real one, with nvidia-ctk and nvidia-container-runtime; `why_no_real_toolkit` says how to get them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.docker.engine import Engine, import_image

PARTS = Path(__file__).resolve().parent / "nested"
RECORDED = Path(__file__).resolve().parents[1] / "unit" / "fixtures" / "minikube" / "nested_cdi_generate.json"
STORE = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1"
LIBRARY = "/usr/lib/x86_64-linux-gnu/libdxcore.so"
STUB_IMAGE = "gpudev.test/nested-stub:1"
REAL_IMAGE = "gpudev.test/nested-real:1"
# What pkg/nvcdi/driver-wsl.go of the toolkit looks for in the store.
STORED = (
    "libcuda.so.1.1", "libcuda_loader.so", "libnvidia-ptxjitcompiler.so.1", "libnvidia-ml.so.1", "libnvidia-ml_loader.so", "libnvdxgdmal.so.1",
    "nvcubins.bin", "nvidia-smi",
)  # fmt: skip
REAL_PROGRAMS = ("nvidia-ctk", "nvidia-container-runtime")


def real_toolkit() -> Path | None:
    """The folder of the real toolkit's programs."""
    folder = os.environ.get("NVIDIA_CTK_DIRECTORY") or os.path.dirname(shutil.which("nvidia-ctk") or "")
    return Path(folder) if folder and all((Path(folder) / program).exists() for program in REAL_PROGRAMS) else None


def why_no_real_toolkit() -> str:
    if real_toolkit() is None:
        return f"no {' and '.join(REAL_PROGRAMS)} in $NVIDIA_CTK_DIRECTORY or on PATH: go install github.com/NVIDIA/nvidia-container-toolkit/cmd/...@v1.17.8"
    return "" if shutil.which("cc") else "no C compiler for the stub of libdxcore.so"


def make_stub_image(engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        specification, config = Path(folder) / "cdi.json", Path(folder) / "config.toml"
        specification.write_text(json.loads(RECORDED.read_text())["stdout"])
        config.write_text('mode = "auto"\n')
        files = {program: str(PARTS / program) for program in ("nvidia-smi", "nvidia-ctk")}
        placed = {f"/usr/bin/{program}": path for program, path in files.items()}
        import_image(
            engine,
            STUB_IMAGE,
            {**placed, LIBRARY: str(config), "/usr/share/gpudev/cdi.json": str(specification), "/etc/nvidia-container-runtime/config.toml": str(config)},
        )


def make_real_image(engine: Engine, debian: str) -> None:
    """Debian with the real toolkit, which asks a stub of libdxcore.so."""
    folder = real_toolkit()
    if folder is None:
        raise ValueError(why_no_real_toolkit())
    name = "gpudev-nested-real"
    engine.docker("run", "--detach", "--name", name, debian, "sleep", "infinity")
    try:
        with tempfile.TemporaryDirectory() as made:
            library = f"{made}/libdxcore.so"
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, str(PARTS / "libdxcore.c")], check=True, capture_output=True)
            engine.docker("cp", library, f"{name}:{LIBRARY}")
        for program in (*(folder / program for program in REAL_PROGRAMS), PARTS / "nvidia-smi"):
            engine.docker("cp", str(program), f"{name}:/usr/bin/{program.name}")
        touched = " ".join(f"{STORE}/{file}" for file in STORED)
        engine.docker("exec", name, "sh", "-ec", f"mkdir -p {STORE}; touch {touched}; chmod +x {STORE}/nvidia-smi; ldconfig")
        engine.docker("commit", name, REAL_IMAGE)
    finally:
        engine.docker("rm", "--force", name)
