# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated station whose programs are called in this process, without a distribution's namespaces: fast, and to be killed at any second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.simstation import distro, scenarios
from tests.simstation.distro.programs import Call, Cancelled
from tests.simstation.linux import PROGRAMS, desktop
from tests.simstation.station import Station

DISTRO = scenarios.base.DISTRIBUTION


class Recorder(Call):
    """A call without a process: output is kept, time is counted, and the caller can be killed at a given second."""

    def __init__(self, station: Station, argv: list[str], env: dict[str, str], uid: int, kill_at: float | None) -> None:
        self.station, self.distro, self.base = station, DISTRO, distro.tree.path(station, DISTRO)
        self.program, self.cwd, self.uid, self.gid, self.argv = argv[0], "/home/dev", uid, uid, argv
        self.env = {"HOME": "/home/dev" if uid else "/root", **env}
        self.kill_at = kill_at
        self.clock = 0.0
        self.stdout = self.stderr = ""

    def out(self, text: str | bytes) -> None:
        self.stdout += text if isinstance(text, str) else text.decode()

    def err(self, text: str | bytes) -> None:
        self.stderr += text if isinstance(text, str) else text.decode()

    def pause(self, seconds: float) -> None:
        self.clock += seconds
        if self.kill_at is not None and self.clock > self.kill_at:
            raise Cancelled

    @property
    def cancelled(self) -> bool:
        return False


class Bed:
    """A station with Docker, minikube and no profile."""

    def __init__(self, root: Path) -> None:
        document = scenarios.document("ws1", "healthy")
        document["minikube"]["profiles"], document["clusters"] = {}, {}
        document["docker"]["engine"].update(containers={}, volumes={})
        document["docker"]["engine"]["images"]["local/kicbase:12"] = {"id": "sha256:12", "created": document["windows"]["boot_time"], "size": 1}
        self.station = Station("ws1", document, root, time_scale=0.001)
        self.base = distro.ready(self.station, DISTRO)

    @property
    def engine(self) -> dict[str, Any]:
        return desktop.engine(self.station)

    @property
    def home(self) -> Path:
        return self.base / "home" / "dev"

    def call(self, *argv: str, env: dict[str, str] | None = None, uid: int = 1000, kill_at: float | None = None) -> tuple[int | None, Recorder]:
        call = Recorder(self.station, list(argv), env or {}, uid, kill_at)
        try:
            return PROGRAMS[argv[0]](call), call
        except Cancelled:
            return None, call
