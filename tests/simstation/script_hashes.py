# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PowerShell texts were reviewed: `powershell_hashes.json` binds each imitation to the sha256 of the text that it imitates.

Before hashing, a text is brought into the form it has on the wire: ansible-core's shell plugin trims lines, drops empty ones and may put a
fixed line in front and behind; comment lines mean nothing.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

HASHES = Path(__file__).parent / "powershell_hashes.json"
PRODUCT = Path(__file__).parents[2] / "plugins" / "plugin_utils" / "powershell"
BOOTSTRAP = "bootstrap.ps1"
PROGRAM = "workstation.ps1"
CARRIER = "carrier.ps1"
OF_PRODUCT = (BOOTSTRAP, PROGRAM, CARRIER)
OF_ANSIBLE = (
    "bootstrap_wrapper.ps1",
    "exec_wrapper.ps1",
    "module_wrapper.ps1",
    "become_wrapper.ps1",
    "async_wrapper.ps1",
    "async_watchdog.ps1",
    "winrm_put_file.ps1",
    "winrm_fetch_file.ps1",
    "powershell_mkdtemp.ps1",
    "powershell_expand_user.ps1",
)
CHANGED = "the script changed: review its imitation in tests/simstation/windows/language.py, then run `python -m tests.simstation review-powershell --update`"
ADDED_IN_FRONT = "Set-StrictMode -Version Latest"
ADDED_BEHIND = "If (-not $?) { If (Get-Variable LASTEXITCODE -ErrorAction SilentlyContinue) { exit $LASTEXITCODE } Else { exit 1 } }"


def normal(script: str) -> str:
    lines = [line.strip() for line in script.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines[:1] == [ADDED_IN_FRONT]:
        lines = lines[1:]
    if lines[-1:] == [ADDED_BEHIND]:
        lines = lines[:-1]
    return "\n".join(lines)


def digest(script: str) -> str:
    return hashlib.sha256(normal(script).encode()).hexdigest()


def reviewed() -> dict[str, list[str]]:
    """Name of a text -> the digests whose imitation was reviewed."""
    return json.loads(HASHES.read_text(encoding="utf-8")) if HASHES.is_file() else {}


@functools.cache
def _names(_modified: int) -> dict[str, str]:
    return {known: name for name, digests in reviewed().items() for known in digests}


def identify(script: str) -> str | None:
    """The name of a reviewed text."""
    modified = HASHES.stat().st_mtime_ns if HASHES.is_file() else 0
    return _names(modified).get(digest(script))


def is_present_text(name: str, script: str) -> bool:
    """Is this the product's text as it stands in the checkout, whether reviewed or not?"""
    file = PRODUCT / name
    return file.is_file() and digest(file.read_text(encoding="utf-8")) == digest(script)


def present() -> dict[str, str]:
    """Name -> digest of what lies in the checkout and in the installed ansible-core now."""
    found = {name: digest((PRODUCT / name).read_text(encoding="utf-8")) for name in OF_PRODUCT if (PRODUCT / name).is_file()}
    specification = importlib.util.find_spec("ansible.executor.powershell")
    for directory in (specification.submodule_search_locations or []) if specification else []:
        for name in OF_ANSIBLE:
            file = Path(directory, name)
            if file.is_file():
                found[name] = digest(file.read_text(encoding="utf-8"))
    return found


def review(update: bool) -> list[str]:
    """What a person reads who has just reviewed the imitations; with `update` the present texts become the reviewed ones."""
    known: dict[str, Any] = reviewed()
    lines = []
    for name, value in present().items():
        listed = value in known.get(name, [])
        lines.append(f"{'reviewed' if listed else 'NOT REVIEWED'}  {name}  {value}")
        if update and not listed:
            # The product has one present text; of ansible-core several versions may be in use.
            known[name] = [value] if name in OF_PRODUCT else sorted({*known.get(name, []), value})
    if update:
        HASHES.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return lines
