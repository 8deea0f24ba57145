# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that runs against simulated workstations, on Spanish-language ones."""

from __future__ import annotations

import subprocess
import sys

from tests.harness import REPOSITORY, environment


def test_all_integration_tests_pass_on_a_spanish_windows() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "tests/integration"]
    run = subprocess.run(command, cwd=REPOSITORY, env={**environment(), "SIMSTATION_LOCALE": "es-ES"}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-6000:]
