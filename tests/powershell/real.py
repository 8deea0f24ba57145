# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the product's PowerShell texts on real PowerShell and the look-alike: shared by the tests that need one, and the reason to skip where there is none."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.simstation.station import Station
from tests.simstation.windows.drive import Drive
from tests.simstation.windows.lookalike import OPTIONS, Ended, PowerShell, find_powershell
from tests.simstation.windows.real_powershell import FRAME, every_item, machine_of

__all__ = ["BOOTSTRAP", "OPTIONS", "PWSH", "WORKSTATION", "Lookalike", "lookalike", "needs_powershell", "small_file_system"]

PWSH = find_powershell()
needs_powershell = pytest.mark.skipif(PWSH is None or os.name != "posix", reason="no PowerShell 7 on a Unix system: neither $PWSH nor pwsh on PATH")
PRODUCT = Path(__file__).resolve().parents[2] / "plugins" / "plugin_utils" / "powershell"
BOOTSTRAP = (PRODUCT / "bootstrap.ps1").read_text(encoding="ascii")
WORKSTATION = (PRODUCT / "workstation.ps1").read_text(encoding="ascii")
RECORDED_PROGRAM = Path(__file__).with_name("recorded_program.py")


@dataclass
class Lookalike:
    """A look-alike of a station's Windows on which requests can be run; its programs are the recorded test program."""

    powershell: PowerShell
    drive: Drive
    temporary: Path

    def ask(self, items: list[dict[str, Any]], **request: Any) -> list[dict[str, Any]]:
        """One answer or error per item."""
        reply = self.reply({"items": items, **request})
        assert reply["ok"], reply
        return reply["result"]["answers"]

    def reply(self, request: Mapping[str, Any], script: str = WORKSTATION) -> dict[str, Any]:
        """What the bootstrap frames; without a frame, how PowerShell ended."""
        ended = self.run(request, script)
        framed = FRAME.search(ended.stdout)
        if framed is None:
            return {"rc": ended.rc, "stdout": ended.stdout, "stderr": ended.stderr}
        text = base64.b64decode(framed[1]).decode().replace(str(self.drive.root), "STATION/root")
        return json.loads(text)

    def run(self, request: Mapping[str, Any], script: str = WORKSTATION, language_mode: str = "FullLanguage") -> Ended:
        frame = json.dumps({"script": script, "request": request}, ensure_ascii=True)
        return self.powershell.run(BOOTSTRAP, frame + "\n", language_mode=language_mode, timeout=180)

    def real(self, path: str) -> Path:
        return self.drive.real(path)


@contextmanager
def lookalike(station: Station, folder: Path, request: Mapping[str, Any], pwsh: str | None = PWSH) -> Iterator[Lookalike]:
    """As far as the request asks; drive C: holds the station's files. Folders that were made before are kept (a test may have mounted something there)."""
    assert pwsh is not None
    temporary = folder / "temporary"
    temporary.mkdir()
    program = folder / "program"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(RECORDED_PROGRAM))} "$@"\n', encoding="utf-8")
    machine_of(station, "dev", list(every_item(request.get("items", [])))).write(folder)
    drive = Drive(station, folder / "C", program, {})
    drive.write_out()
    variables = dict(station.state["windows"].get("environment", {}))
    path = os.pathsep.join([str(drive.real("C:\\windows\\system32")), os.environ["PATH"]])
    variables |= {"PATH": path, "TMPDIR": str(temporary), "GRANDCHILD_FILE": str(folder / "grandchild")}
    try:
        yield Lookalike(PowerShell(pwsh, folder, variables), drive, temporary)
    finally:
        drive.close()
        end_grandchild(folder / "grandchild")


def end_grandchild(file: Path) -> None:
    if file.exists():
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text(encoding="ascii")), signal.SIGTERM)


@contextmanager
def small_file_system(at: Path) -> Iterator[None]:
    """8 KiB, as when the full disk was recorded."""
    at.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(at)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(at)], check=True)
