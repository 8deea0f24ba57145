# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of STUB Debian packages that the real apt installs and removes: an engine that only sleeps, NVIDIA's toolkit, and a Linux driver.

Names, versions and what belongs to which package are the real ones; what the programs do is made up, as far as the roles call them.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

CTK = "#!/usr/bin/python3\n" + (Path(__file__).resolve().parent / "nvidia_ctk.py").read_text()
UNIT = """[Unit]
Description=STUB of the Docker engine
[Service]
ExecStart=/usr/sbin/dockerd
Environment=STARTED=yes
[Install]
WantedBy=multi-user.target
"""
DOCKERD = "#!/bin/sh\n# STUB\necho $$ >/run/docker.pid\nexec sleep infinity\n"
TOOLKIT = "1.17.8-1"
DRIVER = "550.163.01-2"
SMI = "#!/bin/sh\n# STUB of the Linux driver's program\necho 'Failed to initialize NVML: GPU access blocked by the operating system'\nexit 17\n"

# package -> version, dependencies, files (path -> text), script run after installation
PACKAGES: dict[str, tuple[str, str, dict[str, str], str]] = {
    "docker.io": (
        "20.10.24+dfsg1-1",
        "",
        {"usr/sbin/dockerd": DOCKERD, "lib/systemd/system/docker.service": UNIT},
        "getent group docker >/dev/null || groupadd --system docker\nsystemctl daemon-reload\nsystemctl enable --now docker\n",
    ),
    "nvidia-container-toolkit": (TOOLKIT, "nvidia-container-toolkit-base, libnvidia-container-tools", {}, ""),
    "nvidia-container-toolkit-base": (TOOLKIT, "", {"usr/bin/nvidia-ctk": CTK}, ""),
    "libnvidia-container-tools": (TOOLKIT, "libnvidia-container1", {}, ""),
    "libnvidia-container1": (TOOLKIT, "", {}, ""),
    "nvidia-utils-550": (DRIVER, "libnvidia-compute-550", {"usr/bin/nvidia-smi": SMI}, ""),
    "libnvidia-compute-550": (DRIVER, "", {"usr/lib/x86_64-linux-gnu/libcuda.so.1": "stub", "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1": "stub"}, ""),
}


def build(folder: Path) -> None:
    """The packages, and the index that makes a source for apt of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    index = [_package(folder, name, *rest) for name, rest in PACKAGES.items()]
    (folder / "Packages").write_text("\n".join(index))


def _package(folder: Path, name: str, version: str, depends: str, files: Mapping[str, str], script: str) -> str:
    fields = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "gpudev.workstation tests", "Description": "STUB for tests"}
    control = "".join(f"{key}: {value}\n" for key, value in {**fields, **({"Depends": depends} if depends else {})}.items())
    with tempfile.TemporaryDirectory() as work:
        tree = Path(work)
        for path, text in {"DEBIAN/control": control, **files, **({"DEBIAN/postinst": f"#!/bin/sh\nset -e\n{script}"} if script else {})}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(0o755 if text.startswith("#!") else 0o644)
        tree.chmod(0o755)
        deb = folder / f"{name}_{version}_amd64.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", work, str(deb)], check=True, capture_output=True)
    data = deb.read_bytes()
    return f"{control}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


def why_not() -> str:
    missing = [program for program in ("dpkg-deb", "debootstrap") if shutil.which(program) is None]
    return f"{', '.join(missing)} not found: apt-get install {' '.join(missing)}" if missing else ""
