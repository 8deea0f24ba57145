# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit that starts the cluster with the system: its commands are run by the real /bin/sh, its syntax is read by systemd where that is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest

TEMPLATE = Path(__file__).parents[3] / "roles" / "minikube" / "templates" / "at_logon.service.j2"


def unit(minikube: str = "/usr/local/bin/minikube", connection: str = "gpudev.workstation.wsl", home: str = "") -> str:
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE.read_text()).render(
        ansible_managed="Ansible managed",
        ansible_connection=connection,
        workstation_cluster="gpu",
        workstation_distribution="Ubuntu-24.04",
        minikube_path=minikube,
        minikube_home=home,
        minikube_start_timeout=1200,
        _workstation_linux_user="root",
    )


def run(tmp_path: Path, key: str, **codes: int) -> tuple[int, list[str]]:
    """The command of the unit with programs that end with these codes: its own code, and what was run."""
    log = tmp_path / "log"
    log.touch()
    for program in ("docker", "minikube", "sleep"):
        file = tmp_path / program
        cases = "".join(f"{word}) exit {codes.get(word, 0)};; " for word in ("status", "version"))
        file.write_text(f'#!/bin/sh\necho "{program} $*" >> {log}\ncase "$1" in {cases}esac\n')
        file.chmod(0o755)
    line = next(line for line in unit(str(tmp_path / "minikube")).splitlines() if line.startswith(f"{key}="))
    script = re.fullmatch(r"/bin/sh -c '(.*)'", line.partition("=")[2])
    assert script
    # A doubled dollar is one to systemd.
    done = subprocess.run(["/bin/sh", "-c", script[1].replace("$$", "$")], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    return done.returncode, log.read_text().splitlines()


def test_a_healthy_cluster_is_left_alone(tmp_path: Path) -> None:
    assert run(tmp_path, "ExecStart") == (0, ["minikube status -p gpu"])


def test_a_stopped_cluster_is_started_and_the_users_context_kept(tmp_path: Path) -> None:
    assert run(tmp_path, "ExecStart", status=7) == (0, ["minikube status -p gpu", "minikube start -p gpu --keep-context --interactive=false"])


def test_the_engine_is_waited_for(tmp_path: Path) -> None:
    assert run(tmp_path, "ExecStartPre") == (0, ["docker version"])
    code, ran = run(tmp_path, "ExecStartPre", version=1)
    assert (code, ran[1:].count("docker version"), ran.count("sleep 5")) == (1, 60, 60)


def test_every_call_has_the_same_environment() -> None:
    assert "Environment=WSL_DISTRO_NAME=Ubuntu-24.04" in unit()
    assert "WSL_DISTRO_NAME" not in unit(connection="ssh")
    assert "Environment=MINIKUBE_HOME=/srv/mk" in unit(home="/srv/mk")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "gpudev-gpu.service"
    file.write_text(unit("/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", str(file)], capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if "gpudev-gpu.service" in line]
    assert told == [], done.stderr
