# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this controller inside the WSL of the workstation it manages? Then whatever stops that WSL would end the run half-way.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import datetime
import os
import socket
import typing as t
from dataclasses import dataclass
from pathlib import Path

# WSL sets both in every session (microsoft/WSL, src/linux/init); sudo and cron may take them away, the kernel's name stays.
VARIABLES = ("WSL_DISTRO_NAME", "WSL_INTEROP")
# COMPUTERNAME is the NetBIOS name; a distribution is called like the computer unless /etc/wsl.conf says otherwise.
NETBIOS_LENGTH = 15
# The kernel boots with its virtual machine; clocks of host and guest may differ a little.
SECONDS_APART = 60.0


@dataclass(frozen=True)
class Controller:
    """Where this process runs; `booted` is the start of its kernel."""

    in_wsl: bool
    host_name: str
    booted: datetime.datetime | None

    def is_inside(self, computer_name: str, vm_started: str) -> bool:
        """Is it in the virtual machine that this computer runs? By its name, or by the moment the machine started."""
        if not self.in_wsl or not vm_started:
            return False
        same_name = self.host_name[:NETBIOS_LENGTH].casefold() == computer_name.casefold()
        return same_name or (self.booted is not None and abs((self.booted - moment(vm_started)).total_seconds()) <= SECONDS_APART)


def moment(text: str) -> datetime.datetime:
    """Of the form that PowerShell's round-trip format gives: seven decimals, UTC."""
    return datetime.datetime.fromisoformat(text[:26].rstrip("Z")).replace(tzinfo=datetime.UTC)


def this_controller(environment: t.Mapping[str, str] | None = None, proc: Path = Path("/proc")) -> Controller:
    environment = os.environ if environment is None else environment
    release = proc / "sys" / "kernel" / "osrelease"
    by_kernel = release.is_file() and "microsoft" in release.read_text(encoding="utf-8").lower()
    return Controller(by_kernel or any(environment.get(name) for name in VARIABLES), socket.gethostname(), _booted(proc / "stat"))


def _booted(stat: Path) -> datetime.datetime | None:
    if not stat.is_file():
        return None
    seconds = next((line.split()[1] for line in stat.read_text(encoding="utf-8").splitlines() if line.startswith("btime ")), None)
    return None if seconds is None else datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
