# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many stations share on disk: the wheelhouse that a distro's pip sees, and the ready virtual environment of prepared distros."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from . import tree

REPOSITORY = Path(__file__).resolve().parents[3]
VENV_INSIDE = "/opt/gpudev/venv"
CONTENT = "kubernetes"
TIMEOUT = 300


class NotPrepared(Exception):
    """The wheelhouse lacks what the template needs."""


def wheelhouse() -> Path:
    return Path(os.environ.get("SIMSTATION_WHEELHOUSE", REPOSITORY / ".cache" / "wheelhouse"))


def venv() -> Path:
    return REPOSITORY / ".cache" / "simstation" / "venv"


def prepare_templates() -> Path:
    """Make the shared virtual environment when it is missing or older than the wheelhouse; its path."""
    wheels = [platform.python_version(), str(tree.python_prefix()), *sorted(file.name for file in wheelhouse().glob("*.whl"))]
    if not any(name.startswith(CONTENT + "-") for name in wheels):
        raise NotPrepared(f"no wheel of {CONTENT} in {wheelhouse()}: run `make setup`, which fills it")
    target = venv()
    target.parent.mkdir(parents=True, exist_ok=True)
    stamp = target.parent / "venv.made-from"
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir() and stamp.is_file() and stamp.read_text().split("\n") == wheels:
            return target
        shutil.rmtree(target, ignore_errors=True)
        _make(target)
        stamp.write_text("\n".join(wheels))
    return target


def _make(target: Path) -> None:
    """Inside a distro of a station of its own, so that every path written into it is the path it will be mounted at."""
    from ..station import Station
    from . import processes, programs

    with tempfile.TemporaryDirectory(prefix="simstation-") as directory:
        station = Station("template", _document(), Path(directory))
        try:
            base = tree.create(station, "template")
            for command in (["/usr/bin/python3", "-m", "venv", VENV_INSIDE], [f"{VENV_INSIDE}/bin/pip", "install", "--quiet", CONTENT]):
                process = processes.popen(station, "template", command, user="root")
                _out, error = process.communicate(timeout=TIMEOUT)
                if process.returncode != 0:
                    raise subprocess.CalledProcessError(process.returncode, command, stderr=error.decode(errors="replace"))
            shutil.move(base / "opt" / "gpudev" / "venv", target)
        finally:
            programs.close(station)
            station.close()


def _document() -> dict[str, Any]:
    return {
        "windows": {"computer_name": "TEMPLATE", "gpus": [], "files": {}, "users": {"dev": {"profile": "C:\\Users\\dev"}}},
        "wsl": {
            "vm": None,
            "default": None,
            "distros": {"template": {"guid": "template", "owner": "dev", "default_user": "root", "packages": {"python3-venv": "", "bash": ""}}},
        },
        "docker": {"desktop": None, "engine": None},
        "minikube": {"profiles": {}},
        "clusters": {},
    }
