# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The molecule scenario `engine` on containers with systemd and the real apt, made by an engine of the tests' own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docker import packages
from tests.docker.engine import Engine
from tests.harness import CACHE, REPOSITORY, environment


@pytest.mark.usefixtures("debian")
def test_roles_on_a_real_debian(engine: Engine, tmp_path: Path) -> None:
    packages.build(tmp_path / "debs")
    given = {
        **environment(),
        **{name: engine.environment[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")},
        "GPUDEV_DEBS": str(tmp_path / "debs"),
        "GPUDEV_WHEELS": str(CACHE / "wheelhouse"),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "molecule"),
    }
    done = subprocess.run(
        ["molecule", "test", "--scenario-name", "engine"], cwd=REPOSITORY, env=given, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-60000:]
    assert engine.containers() == []
