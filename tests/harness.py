# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start simulated workstations and run real playbooks against them: shared by the demo, the integration tests and the benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache"
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


def environment() -> dict[str, str]:
    """What `make` exports, so that the same holds without make; nothing is written outside ignored paths."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".ansible" / "collections"),
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_HOME": str(CACHE / "ansible"),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
    }


@dataclass
class Stations:
    """Running simulated workstations."""

    process: subprocess.Popen[bytes]
    directory: Path
    inventory: Path
    wire_log: Path
    control: str
    hosts: list[str] = field(default_factory=list)

    def state(self, host: str) -> dict[str, t.Any]:
        return self._get(f"/hosts/{host}/state")

    def errors(self, host: str) -> list[t.Any]:
        return self._get(f"/hosts/{host}/errors")

    def tree(self, host: str, distro: str = "Ubuntu-24.04") -> dict[str, str]:
        return self._get(f"/hosts/{host}/tree?distro={distro}")

    def post(self, host: str, verb: str, document: t.Mapping[str, t.Any]) -> t.Any:
        return self._post(f"/hosts/{host}/{verb}", document)

    def script_troubles(self, *rules: t.Mapping[str, t.Any]) -> None:
        """What goes wrong from now on (tests/simstation/troubles.py); nothing, without rules."""
        self._post("/troubles", rules)

    def troubles_struck(self) -> int:
        return sum(rule["struck"] for rule in self._get("/troubles"))

    def requests(self) -> list[dict[str, t.Any]]:
        """The SOAP requests so far, from the wire log."""
        return [json.loads(line) for line in self.wire_log.read_text().splitlines()]

    def forget_requests(self) -> None:
        os.truncate(self.wire_log, 0)

    def _post(self, path: str, document: t.Any) -> t.Any:
        request = urllib.request.Request(self.control + path, json.dumps(document).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def _get(self, path: str) -> t.Any:
        with urllib.request.urlopen(self.control + path, timeout=30) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def serve(*scenarios: str, hosts: int | None = None, options: t.Sequence[str] = ()) -> t.Iterator[Stations]:
    """Simulated workstations, one per scenario or `hosts` of one; gone without a trace at the end."""
    directory = Path(tempfile.mkdtemp(prefix="stations-", dir=_ensured(CACHE / "run")))
    inventory, wire_log = directory / "hosts.yml", directory / "wire.jsonl"
    command = [sys.executable, "-m", "tests.simstation", "serve", "--inventory-out", str(inventory), "--wire-log", str(wire_log), *options]
    command += [word for scenario in scenarios for word in ("--scenario", scenario)]
    command += ["--hosts", str(hosts)] if hosts else []
    # With SIMSTATION_LOCALE=es-ES everything that uses stations speaks to a Windows in that language.
    command += ["--locale", os.environ["SIMSTATION_LOCALE"]] if os.environ.get("SIMSTATION_LOCALE") else []
    # With SIMSTATION_POWERSHELL=/path/to/pwsh everything that uses stations runs the product's PowerShell for real.
    command += ["--powershell", os.environ["SIMSTATION_POWERSHELL"]] if os.environ.get("SIMSTATION_POWERSHELL") else []
    with (directory / "station.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment(), stdout=log, stderr=subprocess.STDOUT)
    try:
        yield _opened(process, directory, inventory, wire_log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


def _ensured(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _opened(process: subprocess.Popen[bytes], directory: Path, inventory: Path, wire_log: Path) -> Stations:
    deadline = time.monotonic() + 60
    while not inventory.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the simulated workstation did not come up:\n{(directory / 'station.log').read_text()}")
        time.sleep(0.05)
    listed = json.loads(subprocess.run(["ansible-inventory", "-i", str(inventory), "--list"], env=environment(), capture_output=True, check=True).stdout)
    variables = listed["_meta"]["hostvars"]
    return Stations(process, directory, inventory, wire_log, next(iter(variables.values()))["simstation_control"], sorted(variables))


@dataclass
class Run:
    """One finished ansible-playbook."""

    rc: int
    output: str
    seconds: float

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        names = ("ok", "changed", "unreachable", "failed")
        return {match[1]: dict(zip(names, map(int, match.groups()[1:]))) for match in RECAP.finditer(self.output)}

    def changed(self) -> int:
        return sum(counts["changed"] for counts in self.recap.values())


TABLE_LINE = re.compile(r"  [1-9] (\w+) +(\w+)")


def chain_of(run: Run, host: str) -> dict[str, str]:
    """Layer -> status of one host, from the table that was printed last."""
    shown = run.output[run.output.rindex(f"\n{host}: ") :].splitlines()[2:11]
    return {match[1]: match[2] for line in shown if (match := TABLE_LINE.match(line))}


def playbook(stations: Stations, name: str, *arguments: str, show: bool = False) -> Run:
    """Run a playbook of the checkout against the stations, with the consents and settings of inventories/simulated."""
    started = time.monotonic()
    process = _started(stations, name, *arguments)
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if show:
            print(line, end="", flush=True)
    return Run(process.wait(), "".join(lines), time.monotonic() - started)


def kill_playbook_at(stations: Stations, marker: str, name: str, *arguments: str) -> Run:
    """Start a playbook and SIGKILL it, with all it started here, as soon as it prints the marker."""
    started = time.monotonic()
    process = _started(stations, name, *arguments)
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if marker in line:
            os.killpg(process.pid, signal.SIGKILL)
            break
    return Run(process.wait(), "".join(lines), time.monotonic() - started)


def _started(stations: Stations, name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        playbook_command(stations, name, *arguments),
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def playbook_command(stations: Stations, name: str, *arguments: str) -> list[str]:
    return ["ansible-playbook", "-i", str(REPOSITORY / "inventories" / "simulated"), "-i", str(stations.inventory), name, *arguments]
