# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real `ansible` command against served stations: connection plugin, module frame, file transfer, quota, WSL, reboot; and that nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simstation import inventory, script_hashes
from tests.simstation.serve import Simulation, Wishes, host_names
from tests.simstation.windows import files

REPOSITORY = Path(__file__).resolve().parents[3]
IN_WSL = ["-e", "ansible_connection=gpudev.workstation.wsl", "-e", "ansible_wsl_distribution=Ubuntu-24.04", "-e", "ansible_python_interpreter=/usr/bin/python3"]


class Served:
    """A simulation in this process, and `ansible` in another."""

    def __init__(self, directory: Path, **wishes: Any) -> None:
        self.inventory = directory / "hosts.yml"
        self.wire_log = directory / "wire.jsonl"
        self.simulation = Simulation(Wishes(inventory_out=self.inventory, wire_log=self.wire_log, **wishes))
        self.simulation.start()

    def ansible(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".ansible" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.inventory.parent / "tmp"),
        }
        command = [sys.executable, "-m", "ansible", "adhoc", "all", "-i", str(self.inventory), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)

    def errors(self) -> list[dict[str, str]]:
        return [error for station in self.simulation.stations.values() for error in station.errors]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.simulation.control_port}{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def post(self, path: str, content: Any) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.simulation.control_port}{path}", json.dumps(content).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"), scenarios=["healthy"])
    yield served
    served.simulation.stop()


def test_raw_refuses_a_script_that_is_not_known(served: Served) -> None:
    unknown = served.ansible("-m", "ansible.builtin.raw", "-a", "hostname")
    assert "not simulated: PowerShell script: hostname" in unknown.stdout
    assert unknown.returncode != 0
    assert [error["what"] for error in served.errors()] == ["PowerShell script"]
    served.simulation.stations["healthy"].errors.clear()


def test_a_module_goes_on_as_a_job_and_is_polled(served: Served) -> None:
    done = served.ansible("-m", "ansible.windows.win_ping", "-a", "data=hello", "-B", "60", "-P", "1")
    assert '"ping": "hello"' in done.stdout, done.stdout + done.stderr
    assert '"finished": true' in done.stdout
    assert served.errors() == []
    left = [path for path in served.get("/hosts/healthy/state")["windows"]["files"] if ".ansible_async" in path]
    assert left == []


def test_modules_arrive_through_the_frame(served: Served) -> None:
    done = served.ansible("-m", "ansible.windows.win_ping", "-a", "data=hello")
    assert '"ping": "hello"' in done.stdout, done.stdout + done.stderr
    assert served.errors() == []


def test_fetch_is_byte_exact_over_encrypted_http_and_survives_the_quota(tmp_path: Path) -> None:
    served = Served(tmp_path, scenarios=["factory_fresh"], max_operations=1, https=False)
    content = bytes(range(256)) * 3000
    files.put(served.simulation.stations["factory_fresh"], "C:\\Users\\dev\\every byte.bin", content)
    try:
        arguments = f"src='C:\\Users\\dev\\every byte.bin' dest={tmp_path}/ flat=true fail_on_missing=false validate_checksum=false"
        done = served.ansible("-m", "ansible.builtin.fetch", "-a", arguments)
        requests = [(line["verb"], line["fault"]) for line in map(json.loads, served.wire_log.read_text().splitlines())]
    finally:
        served.simulation.stop()
    assert (tmp_path / "every byte.bin").read_bytes() == content, done.stdout + done.stderr
    # More than half a megabyte is more than one command, and each one after the first is refused until it has a shell of its own.
    commands = requests.count(("Command", None))
    assert commands >= 2
    assert (requests.count(("Create", None)), requests.count(("Command", 2150859174))) == (commands, commands - 1)


def test_python_modules_run_inside_the_distro(served: Served) -> None:
    done = served.ansible(*IN_WSL, "-m", "ansible.builtin.ping")
    assert '"ping": "pong"' in done.stdout, done.stdout + done.stderr
    assert served.errors() == []


def test_reboot_makes_the_port_go_away_and_come_back(served: Served) -> None:
    boots = served.get("/hosts/healthy/state")["windows"]["boots"]
    done = served.ansible("-m", "ansible.windows.win_reboot", "-a", "reboot_timeout=20")
    assert '"rebooted": true' in done.stdout, done.stdout + done.stderr
    assert served.get("/hosts/healthy/state")["windows"]["boots"] == boots + 1
    assert served.errors() == []


def test_control_shows_and_patches(served: Served) -> None:
    assert served.get("/hosts") == ["healthy"]
    assert served.get("/hosts/healthy/errors") == []
    served.post("/hosts/healthy/patch", {"windows": {"locale": "de-DE", "revision": None}})
    windows = served.get("/hosts/healthy/state")["windows"]
    assert (windows["locale"], "revision" in windows) == ("de-DE", False)
    served.post("/hosts/healthy/patch", {"windows": {"locale": "en-US", "revision": 4349}})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        served.get("/hosts/nobody/state")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        served.post("/hosts/healthy/logon", {"user": "nobody"})


def test_inventory_is_yaml_and_declares_what_lies_on_the_disk(served: Served) -> None:
    written = yaml.safe_load(served.inventory.read_text())
    host = written["all"]["children"]["workstations"]["children"]["windows_workstations"]["hosts"]["healthy"]
    assert host["ansible_password"] == "Correct-Horse-42"
    assert host["wsl_installer"] == "C:\\Installers\\wsl.2.6.3.0.x64.msi"
    assert len(host["docker_desktop_installer_sha256"]) == 64
    assert written == served.simulation.inventory()


def test_yaml_of_awkward_values() -> None:
    awkward = {"a": {}, "b": [], "c": {"d": "x: y\n#", "e": None, "f": True, "no": "yes", "g": {"h": [1, {"i": "é"}]}}}
    assert yaml.safe_load(inventory.to_yaml(awkward)) == awkward


def test_hosts_are_named_after_their_scenario_or_numbered() -> None:
    assert host_names(["healthy", "drifted"], 1) == {"healthy": "healthy", "drifted": "drifted"}
    assert list(host_names(["healthy"], 2)) == ["healthy-001", "healthy-002"]
    with pytest.raises(ValueError):
        host_names(["healthy", "healthy"], 1)
    with pytest.raises(ValueError):
        host_names(["healthy", "drifted"], 2)


def test_state_directory_continues_where_it_was(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = Served(tmp_path, scenarios=["factory_fresh"], state_directory=kept)
    first.post("/hosts/factory_fresh/patch", {"windows": {"locale": "ja-JP"}})
    first.simulation.stop()
    second = Served(tmp_path, scenarios=["factory_fresh"], state_directory=kept)
    locale = second.get("/hosts/factory_fresh/state")["windows"]["locale"]
    second.simulation.stop()
    assert locale == "ja-JP"


def test_sigterm_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.simstation", "serve", "--scenario", "healthy", "--inventory-out", str(tmp_path / "hosts.yml")]
    command += ["--pid-file", str(tmp_path / "pid")]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready: 1 simulated")
    assert (tmp_path / "hosts.yml").exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_every_powershell_text_in_use_is_a_reviewed_one() -> None:
    reviewed = script_hashes.reviewed()
    stale = [name for name, value in script_hashes.present().items() if value not in reviewed.get(name, [])]
    assert stale == [], f"{stale}: {script_hashes.CHANGED}"


def test_what_ansible_adds_to_a_script_does_not_change_its_digest() -> None:
    script = "# comment\n$a = 1\n\n    'b'\n"
    sent = f"{script_hashes.ADDED_IN_FRONT}\n$a = 1\n'b'\n{script_hashes.ADDED_BEHIND}"
    assert script_hashes.digest(script) == script_hashes.digest(sent)
    assert script_hashes.digest(script) != script_hashes.digest(script.replace("1", "2"))
