# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many simulated workstations in one process, from the command line's wishes to the last cleaned-up directory."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simstation import adhoc_scripts, inventory, process
from tests.simstation.cmdexe import CommandShell
from tests.simstation.control import Control
from tests.simstation.station import DEFAULT_TIME_SCALE, Station
from tests.simstation.troubles import Rule, Troubles
from tests.simstation.wsman.net import Reactor
from tests.simstation.wsman.server import Machine, WireLog, WsmanOptions, WsmanServer
from tests.simstation.wsman.shells import Quotas
from tests.simstation.wsman.tls import Authority, create_authority

if TYPE_CHECKING:
    from tests.simstation.openssh.front import SshFront
    from tests.simstation.openssh.server import SshServer

SAVE_SECONDS = 2.0
STATE_FILE = "state.json"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for. `state_directory` keeps the stations over restarts; without it everything is temporary."""

    scenarios: Sequence[str]
    hosts: int = 1
    inventory_out: Path | None = None
    wire_log: Path | None = None
    error_log: Path | None = None
    state_directory: Path | None = None
    time_scale: float = DEFAULT_TIME_SCALE
    rtt_seconds: float = 0.0
    powershell_seconds: float = 0.0
    https: bool = True
    schemes: frozenset[str] = field(default=frozenset({"ntlm"}))
    allow_unencrypted: bool = False
    max_operations: int = Quotas.max_operations
    max_shells: int = Quotas.max_shells_per_user
    troubles: Sequence[Rule] = ()
    allow: Sequence[str] = ()
    carrier: str = "winrm"
    powershell: str | None = None
    ssh_shell: str = "cmd"
    # The language of Windows; a kept station has its own already.
    locale: str = "en-US"


class Simulation:
    """Start with `start()`, end with `stop()`; afterwards no process, socket, thread of a station or temporary file is left."""

    def __init__(self, wishes: Wishes) -> None:
        self.wishes = wishes
        self.stations: dict[str, Station] = {}
        self.servers: dict[str, WsmanServer] = {}
        self._launchers: dict[str, CommandShell] = {}
        self._directory = Path(tempfile.mkdtemp(prefix="simstation-"))
        self._reactor = Reactor()
        self._wire_log = WireLog(wishes.wire_log)
        self._authority: Authority | None = None
        self._ssh: SshFront | None = None
        self._troubles = Troubles(wishes.troubles)
        self._control = self._reactor.listen(Control(self.stations, self._troubles).handle, crash_report=self._report_control_crash)
        self._saved: dict[str, int] = {}
        threading.excepthook = self._report_thread_crash

    def start(self) -> None:
        if self.wishes.https:
            self._authority = create_authority(self._directory)
        if self.wishes.carrier == "ssh":
            # Only this carrier needs asyncssh, which `make setup` does not install.
            from tests.simstation.openssh.front import SshFront

            self._ssh = SshFront(self._directory, self.wishes.ssh_shell, self._troubles)
        for name, scenario in host_names(self.wishes.scenarios, self.wishes.hosts).items():
            self.stations[name] = self._station(name, scenario)
            self.servers[name] = self._server(self.stations[name])
            if self._ssh is not None:
                self._ssh.serve(self.stations[name], self._launchers[name], self._wire_log)
        if self.wishes.hosts > 1:
            self._make_trees()
        if self.wishes.inventory_out is not None:
            inventory.write(self.wishes.inventory_out, self.inventory())

    def inventory(self) -> dict[str, object]:
        ports = {name: server.port for name, server in (self._ssh.servers if self._ssh else self.servers).items()}
        hosts = [inventory.Host(station, ports[name]) for name, station in self.stations.items()]
        way_in = inventory.WayIn(
            self.wishes.carrier,
            ca_file=self._authority.ca_file if self._authority else None,
            ssh_shell=self.wishes.ssh_shell,
            ssh_keys=self._ssh.keys if self._ssh else None,
        )
        return inventory.build(hosts, way_in, control_port=self._control.port, allow=self.wishes.allow)

    @property
    def control_port(self) -> int:
        return self._control.port

    def save(self) -> None:
        """Write the documents that changed since the last time."""
        if self.wishes.state_directory is None:
            return
        for name, station in self.stations.items():
            revision = station.revision
            if self._saved.get(name) != revision:
                station.save(self.wishes.state_directory / name / STATE_FILE)
                self._saved[name] = revision

    def stop(self) -> None:
        """Nothing new gets in, what runs is ended, what lies about is removed: in this order."""
        self._control.release()
        for server in self.servers.values():
            server.stop()
        if self._ssh is not None:
            self._ssh.stop()
        for station in self.stations.values():
            station.close()
        for station in self.stations.values():
            close_parts(station)
        process.kill_everything()
        self.save()
        self._reactor.stop()
        self._wire_log.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        if self.wishes.inventory_out is not None:
            self.wishes.inventory_out.unlink(missing_ok=True)

    def _make_trees(self) -> None:
        """Of many stations before they are needed: clients would all wait for theirs at once, some for longer than their time-out."""
        from tests.simstation.distro import processes

        for station in self.stations.values():
            for name in station.state["wsl"]["distros"]:
                processes.ready(station, name)

    def _station(self, name: str, scenario: str) -> Station:
        from tests.simstation import scenarios

        parent = self.wishes.state_directory or self._directory
        root = parent / name
        root.mkdir(parents=True, exist_ok=True)
        kept = root / STATE_FILE
        state = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else scenarios.document(name, scenario, locale=self.wishes.locale)
        station = Station(name, state, root, time_scale=self.wishes.time_scale, error_log=self.wishes.error_log)
        if self.wishes.powershell is not None:
            station.transient["powershell"] = self.wishes.powershell
        return station

    def _server(self, station: Station) -> WsmanServer:
        self._launchers[station.name] = CommandShell(station, self.wishes.powershell_seconds)
        machine = Machine(
            name=station.name,
            accounts=lambda: passwords(station),
            launcher=self._launchers[station.name],
            record_error=station.record_error,
            private_directory=self._private(station.name),
        )
        options = WsmanOptions(
            schemes=self.wishes.schemes,
            allow_unencrypted=self.wishes.allow_unencrypted,
            tls=self._authority.context if self._authority else None,
            rtt_seconds=self.wishes.rtt_seconds,
            quotas=Quotas(max_shells_per_user=self.wishes.max_shells, max_operations=self.wishes.max_operations),
            troubles=self._troubles,
        )
        server = WsmanServer(machine, self._reactor, options, self._wire_log)
        follow_power(station, server)
        return server

    def _private(self, name: str) -> Path:
        directory = self._directory / "accounts" / name
        directory.mkdir(parents=True)
        return directory

    def _report_control_crash(self, text: str) -> None:
        self._report_crash("control endpoint", text)

    def _report_thread_crash(self, crash: threading.ExceptHookArgs) -> None:
        """A timer or an imitated program of one of the stations; nobody waits for it, so its end must be seen somewhere."""
        name = crash.thread.name if crash.thread else "thread"
        self._report_crash(name, "".join(traceback.format_exception(crash.exc_type, crash.exc_value, crash.exc_traceback)))

    def _report_crash(self, what: str, text: str) -> None:
        sys.stderr.write(f"crash of the simulator: {what}\n{text}")
        for station in self.stations.values():
            station.record_error(f"crash of the simulator: {what}", text)


def host_names(scenarios: Sequence[str], hosts: int) -> dict[str, str]:
    """One host per scenario, called like it; or `hosts` of the only one, numbered."""
    if hosts > 1 and len(scenarios) != 1:
        raise ValueError("--hosts N goes with exactly one --scenario")
    if hosts > 1:
        return {f"{scenarios[0]}-{number:03d}": scenarios[0] for number in range(1, hosts + 1)}
    if len(set(scenarios)) != len(scenarios):
        raise ValueError("a --scenario is given twice; for several equal hosts use --hosts N")
    return {scenario: scenario for scenario in scenarios}


def passwords(station: Station) -> Mapping[str, str]:
    with station.lock:
        return {name: account["password"] for name, account in station.state["windows"]["users"].items()}


def follow_power(station: Station, server: WsmanServer | SshServer) -> None:
    """The port goes down and up with the machine. Once up, it shows the logon prompt, which leaves a mark in the registry."""

    def follow(on: bool) -> None:
        if not on:
            server.power_off()
        elif not station.closing:
            adhoc_scripts.show_logon_prompt(station)
            server.power_on()

    station.power_listeners.append(follow)


def close_parts(station: Station) -> None:
    from tests.simstation import distro

    distro.close(station)


def serve(wishes: Wishes) -> int:
    """Until SIGTERM or SIGINT."""
    from tests.simstation import distro

    if reason := distro.forbidden():
        print(f"error: {reason}", file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: ended.set())
    simulation = Simulation(wishes)
    try:
        simulation.start()
        print(f"ready: {len(simulation.stations)} simulated workstation(s), control http://127.0.0.1:{simulation.control_port}", flush=True)
        while not ended.wait(SAVE_SECONDS):
            simulation.save()
    finally:
        started = time.monotonic()
        simulation.stop()
        print(f"stopped in {time.monotonic() - started:.1f} s", flush=True)
    return 0
