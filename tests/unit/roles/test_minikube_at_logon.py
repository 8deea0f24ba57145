# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What starts the cluster by itself: the program is run by the real /bin/sh, the unit's syntax is read by systemd where that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles" / "minikube"
PROGRAM = ROLE / "files" / "at_logon" / "start-cluster.sh"
REFRESH = ROLE / "files" / "at_logon" / "refresh_kubeconfig.py"


def run(tmp_path: Path, *more: str, wait: int = 60, **codes: int) -> tuple[int, list[str]]:
    """The program with docker and minikube that end with these codes: its own code, and what was run."""
    log = tmp_path / "log"
    log.touch()
    for program in ("docker", "minikube", "sleep", "tail"):
        file = tmp_path / program
        cases = "".join(f"{word}) exit {code};; " for word, code in codes.items())
        file.write_text(f'#!/bin/sh\necho "{program} $*${{MINIKUBE_HOME:+ in $MINIKUBE_HOME}}" >> {log}\ncase "$1" in {cases}esac\n')
        file.chmod(0o755)
    words = ["-p", "gpu", "-m", str(tmp_path / "minikube"), "-w", str(wait), *more]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["/bin/sh", str(PROGRAM), *words], env=environment, capture_output=True, check=False)
    return done.returncode, log.read_text().splitlines()


def test_a_healthy_cluster_is_left_alone(tmp_path: Path) -> None:
    assert run(tmp_path) == (0, ["docker version", "minikube status -p gpu"])


def test_a_stopped_cluster_is_started_and_the_users_context_kept(tmp_path: Path) -> None:
    assert run(tmp_path, status=7)[1][1:] == ["minikube status -p gpu", "minikube start -p gpu --keep-context --interactive=false"]


def test_a_cluster_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert run(tmp_path, "-k", status=85) == (85, ["docker version", "minikube status -p gpu"])


def test_a_start_that_fails_is_its_own_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "-k", status=7, start=80)[0] == 80


def test_the_engine_is_waited_for_so_long_and_no_longer(tmp_path: Path) -> None:
    code, ran = run(tmp_path, wait=1, version=1)
    assert (code, set(ran)) == (1, {"docker version", "sleep 2"})


def test_it_stays_where_the_engine_ends_with_it(tmp_path: Path) -> None:
    assert run(tmp_path, "-k")[1][-1] == "tail -f /dev/null"


def test_what_follows_is_run_when_the_cluster_is_up(tmp_path: Path) -> None:
    assert run(tmp_path, "-k", "docker", "info")[1][2:] == ["docker info", "tail -f /dev/null"]
    assert "docker info" not in run(tmp_path, "docker", "info", status=7, start=80)[1][5:]


def config(path: Path, name: str, port: int, mark: str = "gpudev.workstation") -> Path:
    ours = {"server": f"https://127.0.0.1:{port}", "extensions": [{"name": mark, "extension": {"context": "gpu"}}]}
    clusters = [{"name": "work", "cluster": {"server": "https://work:6443"}}, {"name": name, "cluster": ours}]
    path.write_text("\ufeff" + yaml.safe_dump({"current-context": "work", "clusters": clusters}), encoding="utf-8")
    return path


def refresh(source: Path, destination: Path) -> str:
    """With a wslpath that finds the drives of Windows here."""
    program = source.parent / "wslpath"
    program.write_text(f'#!/bin/sh\n[ "$1 $2" = "-u C:\\\\Users\\\\dev\\\\config" ] && echo {destination}\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{source.parent}:{os.environ['PATH']}", "KUBECONFIG": f"{source}:/nowhere"}
    words = [sys.executable, str(REFRESH), "gpu", "C:\\Users\\dev\\config", "gpu-wsl"]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout


def test_a_new_port_is_carried_over_and_nothing_else(tmp_path: Path) -> None:
    source, destination = config(tmp_path / "config", "gpu", 2), config(tmp_path / "windows", "gpu-wsl", 1)
    assert "leads to https://127.0.0.1:2 now" in refresh(source, destination)
    assert yaml.safe_load(destination.read_text()) == yaml.safe_load(config(tmp_path / "wanted", "gpu-wsl", 2).read_text(encoding="utf-8-sig"))
    assert "already" in refresh(source, destination)


def test_a_context_that_is_not_ours_stays(tmp_path: Path) -> None:
    source, destination = config(tmp_path / "config", "gpu", 2), config(tmp_path / "windows", "gpu-wsl", 1, mark="minikube.sigs.k8s.io")
    before = destination.read_bytes()
    assert "has no context" in refresh(source, destination)
    assert destination.read_bytes() == before


def test_what_nobody_sees_is_kept(tmp_path: Path) -> None:
    run(tmp_path, "-l", wait=0, version=1)
    assert "no Docker engine after 0 seconds" in (tmp_path / ".cache/gpudev.workstation/start-at-logon.log").read_text()


def test_minikubes_home_is_handed_on(tmp_path: Path) -> None:
    assert run(tmp_path, "-H", "/srv/my mk")[1][-1] == "minikube status -p gpu in /srv/my mk"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string((ROLE / "templates" / "at_logon.service.j2").read_text()).render(
        ansible_managed="Ansible managed",
        workstation_cluster="gpu",
        minikube_start_timeout=1200,
        minikube_start_at_logon_wait=600,
        _minikube_start_command=["/bin/true", "-p", "gpu"],
        _workstation_linux_user="root",
    )
    file = tmp_path / "gpudev-gpu.service"
    file.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", str(file)], capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if "gpudev-gpu.service" in line]
    assert told == [], done.stderr
