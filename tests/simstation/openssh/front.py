# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sshd of each station, beside its WinRM. Imported only where ssh is the carrier: it needs asyncssh."""

from __future__ import annotations

from pathlib import Path

from tests.simstation.cmdexe import CommandShell
from tests.simstation.openssh import server as openssh
from tests.simstation.openssh.default_shell import DefaultShell
from tests.simstation.serve import follow_power, passwords
from tests.simstation.station import Station
from tests.simstation.troubles import Troubles
from tests.simstation.wsman.server import WireLog


class SshFront:
    """The sshd of each station, beside its WinRM."""

    def __init__(self, directory: Path, shell: str, troubles: Troubles) -> None:
        self.keys = openssh.create_keys(directory)
        self.servers: dict[str, openssh.SshServer] = {}
        self._shell = shell
        self._troubles = troubles
        self._loop = openssh.Loop()

    def serve(self, station: Station, programs: CommandShell, wire_log: WireLog) -> None:
        shell = DefaultShell(station, programs, self._shell)
        machine = openssh.Machine(station.name, lambda: passwords(station), shell, station.record_error, self._troubles)
        self.servers[station.name] = openssh.SshServer(machine, self._loop, self.keys, wire_log)
        follow_power(station, self.servers[station.name])

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()
        self._loop.stop()
