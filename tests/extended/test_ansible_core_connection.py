# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others expect of a connection, over every carrier: ansible-core's own integration target, and community.general's target `connection_wsl`.

ansible-core's is run as it is, only with our inventory. community.general's consists of the same one and of a file without content
(tests/integration/targets/connection_wsl/plugin-specific-tests.yml); what its plugin refuses or gets wrong by its own documentation is added.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench_connection import IN_WSL
from tests.harness import CACHE, Stations, environment, serve

VERSION = "2.19.14"
# https://pypi.org/project/ansible-core/2.19.14/#files
DIGEST = "1e7612788eaa6b3c87a3670ce86c64b830eba0ae2b3fcb25a772f276704163b4"
TARGET = f"ansible_core-{VERSION}/test/integration/targets/connection"
CARRIERS = {"winrm": [], "psrp": ["--carrier", "psrp"], "ssh-cmd": ["--carrier", "ssh"], "ssh-powershell": ["--carrier", "ssh", "--ssh-shell", "powershell"]}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target's files from the source distribution, which pip checks by its hash; wheels do not hold them."""
    archive = CACHE / "sdist" / f"ansible_core-{VERSION}.tar.gz"
    if not archive.exists():
        _download(archive)
    directory = tmp_path_factory.mktemp("ansible-core")
    with tarfile.open(archive) as sources:
        if hasattr(tarfile, "data_filter"):  # before 3.11.4 there is none; the archive is pinned by its checksum
            sources.extraction_filter = tarfile.data_filter
        sources.extractall(directory, [member for member in sources.getmembers() if member.name.startswith(f"{TARGET}/")])
    return directory / TARGET


def _download(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    wanted = archive.parent / "requirements.txt"
    wanted.write_text(f"ansible-core=={VERSION} --hash=sha256:{DIGEST}\n")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary=:all:",
        "--require-hashes",
        "-r",
        str(wanted),
        "-d",
        str(archive.parent),
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode and "HASHES" not in done.stderr:
        pytest.skip(f"the sources of ansible-core {VERSION} cannot be downloaded here: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=CARRIERS)
def stations(request: pytest.FixtureRequest) -> Iterator[Stations]:
    with serve("healthy", options=CARRIERS[request.param]) as running:
        yield running


def inventory(stations: Stations) -> Path:
    """As the target's siblings have it: one host with pipelining, one without, both the same machine."""
    listing = ["ansible-inventory", "-i", str(stations.inventory), "--host", stations.hosts[0]]
    machine = json.loads(subprocess.run(listing, env=environment(), capture_output=True, text=True, check=True).stdout)
    hosts = {f"wsl-{name}": {**machine, **IN_WSL, "ansible_pipelining": value} for name, value in (("pipelining", True), ("no-pipelining", False))}
    path = stations.directory / "wsl.yml"
    path.write_text(yaml.safe_dump({"wsl": {"hosts": hosts}}))
    return path


def test_the_target_passes(target: Path, stations: Stations, tmp_path: Path) -> None:
    done = _run(target, inventory(stations), ["-e", f"local_tmp={tmp_path}/local", "-e", "remote_tmp=/tmp/ansible-remote"])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    recap = [line.split() for line in done.stdout.splitlines() if line.startswith("wsl-") and " ok=" in line]
    assert [(words[0], words[5]) for words in recap[:2]] == [("wsl-no-pipelining", "failed=0"), ("wsl-pipelining", "failed=0")]
    assert stations.errors(stations.hosts[0]) == []


def test_what_community_general_expects_of_its_own_wsl_connection(stations: Stations) -> None:
    texts = ["%PATH% %d", '100% of "it\'s" $HOME', "a;b|c&d", "漢字"]
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.copy": {"content": "", "dest": "/tmp/test_empty.txt", "force": False, "mode": "0644"}},
        {"ansible.builtin.stat": {"path": "/tmp/test_empty.txt"}, "register": "empty"},
        {"ansible.builtin.assert": {"that": ["empty.stat.exists", "empty.stat.size == 0"]}},
        # Refused by its plugin on a PowerShell host, or taken by wsl.exe for errors of its own.
        *({"ansible.builtin.raw": f"printf %s {shlex.quote(text)}", "register": "said", "failed_when": f"said.stdout != {json.dumps(text)}"} for text in texts),
        *({"ansible.builtin.raw": f"exit {code}", "register": "ended", "failed_when": f"ended.rc != {code}"} for code in (1, 67, 87, 254)),
        {"ansible.builtin.raw": "echo out; echo err >&2", "register": "both", "failed_when": "both.stdout != 'out\\n' or 'err' not in both.stderr"},
        {"ansible.builtin.command": "id -un", "become": True, "register": "who", "failed_when": "who.stdout != 'root'"},
    ]
    play = stations.directory / "expectations.yml"
    play.write_text(yaml.safe_dump([{"hosts": "wsl", "gather_facts": False, "tasks": tasks}]))
    command = ["ansible-playbook", "-i", str(inventory(stations)), str(play)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert stations.errors(stations.hosts[0]) == []


def _run(target: Path, hosts: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = ["./test.sh", "-e", "target_hosts=wsl", "-e", "action_prefix=", *arguments]
    return subprocess.run(command, cwd=target, env={**environment(), "INVENTORY": str(hosts)}, capture_output=True, text=True, check=False)
