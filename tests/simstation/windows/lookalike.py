# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real PowerShell on a Windows look-alike: writes what `tests/powershell/lookalike` reads, starts `pwsh`, and finds it where there is one.

The look-alike's folder holds `station.json` (CIM rows by what was asked, whether the user is logged on), `registry.txt` and drive `C`.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODULE = Path(__file__).resolve().parents[2] / "powershell" / "lookalike" / "lookalike.psm1"
# As on the wire: tests/simstation/recordings/powershell/README.md
OPTIONS = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-EncodedCommand")
QUIET = {"POWERSHELL_TELEMETRY_OPTOUT": "1", "POWERSHELL_UPDATECHECK": "Off", "NO_COLOR": "1", "TERM": "dumb"}
DEFAULT_NAMESPACE = "root/cimv2"
HUNG_SECONDS = 600


def find_powershell() -> str | None:
    """`$PWSH`, or `pwsh` on PATH."""
    wanted = os.environ.get("PWSH")
    return shutil.which(wanted or "pwsh")


@dataclass
class Machine:
    """What the look-alike shows besides drive C:."""

    registry: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    cim: Mapping[str, list[dict[str, Any]] | str] = field(default_factory=dict)
    session: bool = True

    def write(self, folder: Path) -> None:
        """Each file is old or new, never half: PowerShell may be reading."""
        (folder / "C").mkdir(parents=True, exist_ok=True)
        _replace(folder / "station.json", json.dumps({"cim": dict(self.cim), "session": self.session}))
        _replace(folder / "registry.txt", "".join(f"{line}\n" for line in self._registry_lines()))

    def _registry_lines(self) -> list[str]:
        lines = [f"denied\t{_coded(path)}" for path in self.denied]
        for path, values in self.registry.items():
            lines.append(f"key\t{_coded(path)}")
            lines += [f"value\t{_coded(path)}\t{_coded(name)}\t{_kind(held)}" for name, held in values.items()]
        return lines


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _kind(held: Any) -> str:
    """Kind and data of a registry value, as `Registry.cs` reads them."""
    if isinstance(held, bool | int):
        return f"number\t{_coded(str(int(held)))}"
    if isinstance(held, list):
        return f"multi\t{_coded(chr(10).join(held))}"
    if isinstance(held, dict):
        return f"binary\t{_coded(held['base64'])}"
    return f"text\t{_coded(held)}"


def cim_key(class_name: str, namespace: str | None, condition: str | None) -> str:
    """How `Get-CimInstance` of the look-alike names what it was asked."""
    return f"{class_name}|{namespace or DEFAULT_NAMESPACE}|{condition or ''}"


@dataclass(frozen=True)
class Ended:
    rc: int
    stdout: str
    stderr: str


class PowerShell:
    """A `pwsh` and the folder of the look-alike it runs on."""

    def __init__(self, pwsh: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.pwsh = pwsh
        self.folder = folder
        self.environment = {**os.environ, **QUIET, "LOOKALIKE_PWSH": pwsh, **(environment or {})}

    @property
    def drive(self) -> Path:
        return self.folder / "C"

    def prelude(self, language_mode: str = "FullLanguage") -> str:
        lines = ["$ErrorActionPreference = 'Stop'", f"Import-Module '{MODULE}' -ArgumentList '{self.folder}' -DisableNameChecking"]
        if language_mode != "FullLanguage":
            lines.append(f"$ExecutionContext.SessionState.LanguageMode = '{language_mode}'")
        return "".join(f"{line}\n" for line in lines)

    def run(self, script: str, stdin: str = "", *, language_mode: str = "FullLanguage", timeout: float = HUNG_SECONDS) -> Ended:
        """`script` on the look-alike, as its command line; ended by force after `timeout`, which is a defect and therefore an error."""
        encoded = base64.b64encode((self.prelude(language_mode) + script).encode("utf-16-le")).decode()
        command = [self.pwsh, *OPTIONS, encoded]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment, cwd=self.folder)
        try:
            stdout, stderr = process.communicate(stdin.encode("ascii"), timeout)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        return Ended(process.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))
