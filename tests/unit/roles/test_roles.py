# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single files of roles do, in a play on this machine: the build context of an application, versions that follow what is declared, reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).parent / "ansible-playbook"
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


def run(tmp_path: Path, tasks: list[dict[str, Any]], *arguments: str) -> subprocess.CompletedProcess[str]:
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": HERE, "tasks": tasks}]))
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    command = [str(PROGRAM), "-i", "localhost,", str(playbook), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False, timeout=120)


def shown(done: subprocess.CompletedProcess[str], name: str) -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.split(f'"{name}": ', 1)[1].split("\n}", 1)[0])


class TestBuildContext:
    TASKS = ({"ansible.builtin.include_role": {"name": "gpudev.workstation.gpu_app", "tasks_from": "context"}},)

    def context(self, tmp_path: Path) -> Path:
        return tmp_path / "home" / ".cache" / "gpudev.workstation" / "apps" / "chat-app"

    def bring(self, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Not into the home of whoever runs the tests, which Ansible takes from the system and not from HOME."""
        variables = {"gpu_app_files": str(tmp_path / "app"), "_gpu_app_context": str(self.context(tmp_path))}
        return run(tmp_path, [*self.TASKS], "-e", json.dumps(variables), *arguments)

    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        folder = tmp_path / "app"
        (folder / "static").mkdir(parents=True)
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY . .\n")
        (folder / "static" / "secret.txt").write_text("x")
        (folder / "entrypoint.sh").write_text("#!/bin/sh\n")
        (folder / "entrypoint.sh").chmod(0o755)
        return folder

    def test_a_program_stays_a_program_and_what_was_deleted_goes(self, tmp_path: Path, files: Path) -> None:
        first = self.bring(tmp_path)
        context = self.context(tmp_path)
        assert first.returncode == 0, first.stdout + first.stderr
        assert os.access(context / "entrypoint.sh", os.X_OK) and not os.access(context / "Dockerfile", os.X_OK)
        assert "changed=0" in self.bring(tmp_path).stdout
        (files / "static" / "secret.txt").unlink()
        (files / "static").rmdir()
        predicted = self.bring(tmp_path, "--check")
        assert "changed=1" in predicted.stdout and (context / "static" / "secret.txt").exists()
        assert "changed=1" in self.bring(tmp_path).stdout
        assert sorted(path.name for path in context.rglob("*")) == ["Dockerfile", "entrypoint.sh"]
        assert "changed=0" in self.bring(tmp_path).stdout


class TestVersions:
    """The address and the checksum of minikube are those of the release that is declared."""

    NAMES = ("minikube_version", "minikube_url", "minikube_sha256")

    def seen(self, tmp_path: Path, **variables: Any) -> list[str]:
        show = [
            {"ansible.builtin.include_vars": {"file": str(ROOT / "roles" / role)}}
            for role in ("workstation/defaults/main/versions.yml", "minikube/defaults/main.yml")
        ]
        told = {"ansible.builtin.debug": {"msg": [f"{{{{ {name} }}}}" for name in self.NAMES]}}
        found: list[str] = shown(run(tmp_path, [*show, told], "-e", json.dumps(variables)), "msg")
        return found

    def test_the_collections_own(self, tmp_path: Path) -> None:
        version, url, checksum = self.seen(tmp_path)
        assert f"/v{version}/" in url and checksum == "unknown"

    def test_another_release_has_another_address_and_not_the_pinned_checksum(self, tmp_path: Path) -> None:
        pins = {"minikube": {"sha256": "ab" * 32}}
        own = self.seen(tmp_path, workstation_pins=pins)
        assert own[2] == "ab" * 32
        version, url, checksum = self.seen(tmp_path, workstation_pins=pins, minikube_version="v1.39.0")
        assert (version, checksum) == ("v1.39.0", "unknown")
        assert url == own[1].replace(f"/v{own[0]}/", "/v1.39.0/")

    def test_a_team_pins_single_entries(self, tmp_path: Path) -> None:
        version, url, checksum = self.seen(tmp_path, workstation_pins={"minikube": {"version": "1.39.0", "url": "https://mirror.example.com/v1.39.0/minikube"}})
        assert (version, url, checksum) == ("1.39.0", "https://mirror.example.com/v1.39.0/minikube", "unknown")

    def test_required_digests_can_be_given_one_by_one(self, tmp_path: Path) -> None:
        tasks = [{"ansible.builtin.include_role": {"name": "gpudev.workstation.workstation"}}]
        refused = run(tmp_path, tasks, "-e", json.dumps({"workstation_require_digests": True}))
        assert refused.returncode != 0 and "put it into workstation_pins" in refused.stdout
        images = {name: {"digest": "sha256:" + "cd" * 32} for name in ("probe_image", "smoke_image", "app_base_image")}
        given = {"workstation_require_digests": True, "workstation_pins": {"minikube": {"sha256": "ab" * 32}, **images}}
        taken = run(tmp_path, tasks, "-e", json.dumps(given))
        assert taken.returncode == 0, taken.stdout + taken.stderr
