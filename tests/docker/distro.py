# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image of Debian 12 with systemd: the stand-in for a distribution in WSL and for a native Linux host."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.docker.engine import Engine

IMAGE = "gpudev.test/debian-systemd:1"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,python3-apt,sudo,procps,iproute2,ca-certificates"
MIRROR = "http://deb.debian.org/debian"


def archive(cache: Path) -> Path:
    """Made once, about a minute: its tree as a tar."""
    made = cache / "debian-systemd.tar"
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        tree = cache / "tree"
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(tree), MIRROR], check=True, capture_output=True)
        new = made.with_suffix(".new")
        left_out = [
            "--exclude=./var/cache/apt/archives/*.deb",
            "--exclude=./var/lib/apt/lists/*",
            "--exclude=./usr/share/doc/*",
            "--exclude=./usr/share/locale/*",
        ]
        subprocess.run(["tar", "-C", str(tree), *left_out, "-cf", str(new), "."], check=True)
        subprocess.run(["rm", "-rf", str(tree)], check=True)
        new.replace(made)
    return made


def load(engine: Engine, cache: Path) -> None:
    with open(archive(cache), "rb") as tar:
        subprocess.run(["docker", "import", "-", IMAGE], stdin=tar, env=engine.environment, check=True, capture_output=True, timeout=300)
