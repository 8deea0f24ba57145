# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A native Linux host from layer 4 on: site.yml in check mode and doctor.yml, against a container with Debian 12 that uses a real Docker engine.

The engine is the tests' own, with the stub of NVIDIA's hook; the driver is a stub too. There is no Windows, no WSL and no minikube.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import IMAGE, Engine
from tests.harness import REPOSITORY, environment

HOST = "gpudev-native"
PREPARE = """set -e
useradd --create-home --shell /bin/bash dev
echo 'dev ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/dev
touch /dev/nvidiactl /dev/nvidia0
printf '#!/bin/sh\\necho "GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-00000000-0000-0000-0000-000000000000)"\\n' >/usr/bin/nvidia-smi
chmod +x /usr/bin/nvidia-smi
touch /srv/minikube-linux-amd64
"""


@pytest.fixture(scope="module")
def inventory(engine: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    engine.mode("ok")
    socket = engine.host.removeprefix("unix://")
    # As if its user were in the group docker.
    os.chmod(socket, 0o666)
    client = shutil.which("docker") or "docker"
    mounts = [f"{socket}:/var/run/docker.sock", f"{client}:/usr/bin/docker:ro"]
    volumes = [argument for mount in mounts for argument in ("--volume", mount)]
    engine.docker("run", "--detach", "--name", HOST, *volumes, debian, "sleep", "infinity")
    engine.docker("exec", HOST, "sh", "-c", PREPARE)
    hosts = {
        HOST: {
            "ansible_connection": "community.docker.docker",
            "ansible_user": "dev",
            "ansible_python_interpreter": "/usr/bin/python3",
            "docker_gpu_image": IMAGE,
            "docker_gpu_pull": "never",
            # Never run: site.yml is only played in check mode.
            "minikube_installer": "/srv/minikube-linux-amd64",
            "minikube_memory": "4096mb",
            "minikube_cpus": "2",
        }
    }
    file = tmp_path_factory.mktemp("native") / "hosts.json"
    file.write_text(json.dumps({"workstations": {"children": {"linux_workstations": {"hosts": hosts}, "windows_workstations": {"hosts": {}}}}}))
    yield file
    engine.docker("rm", "--force", HOST)


def play(engine: Engine, inventory: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = {**environment(), **{name: engine.environment[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}}
    command = ["ansible-playbook", "-i", str(inventory), name, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=given, capture_output=True, text=True, check=False, timeout=300)


def chain(engine: Engine, inventory: Path, tmp_path: Path) -> tuple[int, list[dict[str, t.Any]]]:
    done = play(engine, inventory, "playbooks/doctor.yml", "-e", f"workstation_report_directory={tmp_path}")
    report = tmp_path / f"{HOST}.json"
    assert report.exists(), done.stdout[-4000:] + done.stderr[-2000:]
    return done.returncode, json.loads(report.read_text())["layers"]


def test_doctor_starts_at_layer_4(engine: Engine, inventory: Path, tmp_path: Path) -> None:
    code, layers = chain(engine, inventory, tmp_path)
    found = {layer["layer"]: layer["status"] for layer in layers}
    expected = {"windows": "not_applicable", "nvidia_driver": "not_applicable", "wsl": "not_applicable", "distro": "ok", "docker": "ok", "docker_gpu": "ok"}
    assert {name: found[name] for name in expected} == expected
    # There is no minikube; with it missing nothing behind it is judged.
    assert (code, found["cluster"], found["device_plugin"]) == (2, "broken", "skipped")
    assert engine.containers() == [HOST]


def test_site_in_check_mode_predicts_and_changes_nothing(engine: Engine, inventory: Path) -> None:
    before = engine.docker("diff", HOST).stdout
    done = play(engine, inventory, "site.yml", "--check")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    for layer, status in (("windows", "not_applicable"), ("distro", "drift"), ("docker", "ok"), ("docker_gpu", "ok")):
        assert f" {layer:<14} {status}" in done.stdout, done.stdout[-4000:]
    after = engine.docker("diff", HOST).stdout
    # What Ansible itself leaves: its temporary folders, and what sudo remembers.
    own = ("/home/dev/.ansible", "/root/.ansible", "/tmp", "/root", "/home", "/run", "/var/lib/sudo", "/var")
    new = [line for line in after.splitlines() if line not in before.splitlines() and not line.split(" ", 1)[1].startswith(own)]
    assert new == []


def test_a_broken_hook_is_found_on_a_native_host(engine: Engine, inventory: Path, tmp_path: Path) -> None:
    engine.mode("driver_missing")
    code, layers = chain(engine, inventory, tmp_path)
    engine.mode("ok")
    broken = next(layer for layer in layers if layer["status"] == "broken")
    assert (code, broken["layer"], [finding["code"] for finding in broken["findings"]]) == (2, "docker_gpu", ["DOCKER-GPU-004"])
