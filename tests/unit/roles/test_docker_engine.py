# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role docker_engine: what look.sh, run by the real /bin/sh, sees of apt's sources, what the role's variables make of it, and what install.sh has apt do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).parents[3] / "roles" / "docker_engine"
LOOK = (ROLE / "files" / "look.sh").read_text()
INSTALL = (ROLE / "files" / "install.sh").read_text()
NVIDIA, DOCKER = "https://nvidia.github.io/libnvidia-container/stable/deb", "https://download.docker.com/linux"
SEEN = "id=ubuntu\ncodename=noble\narchitecture=amd64\n"


def look(place: Path, *addresses: str) -> str:
    """What the script prints where `place` stands for /etc/apt."""
    words = ["/bin/sh", "-c", LOOK.replace("/etc/apt", str(place)), "look.sh", "root", *addresses]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.replace(str(place), "/etc/apt")


def judged(name: str, printed: str, **declared: Any) -> Any:
    """The variable of this name with what look.sh printed."""
    loader = DataLoader()
    versions = {"docker_repository": {"url": DOCKER}}
    known = {"docker_engine_toolkit_repository": NVIDIA, "docker_engine_toolkit_version": "1.17.8-1", "workstation_versions": versions, **declared}
    files = [loader.load_from_file(str(ROLE / part / "main.yml"), trusted_as_template=True) for part in ("defaults", "vars")]
    variables = {**files[0], **files[1], **known, "__docker_engine_looked": {"stdout_lines": printed.splitlines()}}
    return Templar(loader=loader, variables=variables).template(variables[name])


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://archive.ubuntu.com/ubuntu noble main\n")
    return tmp_path


class TestSourcesOfOthers:
    # By NVIDIA's install guide, "With apt"; Docker's, "Install using the apt repository", and its form until 2025.
    GUIDE = f"deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg] {NVIDIA}/$(ARCH) /\n"
    OLD = f"deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.gpg] {DOCKER}/ubuntu noble stable\n"
    NEW = f"Types: deb\nURIs: {DOCKER}/ubuntu\nSuites: noble\nComponents: stable\nSigned-By: /etc/apt/keyrings/docker.asc\n"

    def named(self, apt: Path, repository: str, file: str, text: str, **declared: Any) -> list[str]:
        """The files of others that name the repository, where apt has this file."""
        (apt / "sources.list.d" / file).write_text(text)
        printed = look(apt, DOCKER, declared.get("docker_engine_toolkit_repository", NVIDIA))
        found: list[str] = judged(f"_docker_engine_{repository}_named_in", printed + SEEN, docker_engine_source="docker", **declared)
        return found

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("nvidia-container-toolkit.list", GUIDE),
            ("a.list", f"deb {NVIDIA}/amd64/ /"),
            ("b.sources", f"Types: deb\nURIs:\n {NVIDIA}/amd64\nSuites: /\n"),
        ],
    )
    def test_the_toolkits_repository_is_known(self, apt: Path, file: str, text: str) -> None:
        assert self.named(apt, "toolkit", file, text) == [f"/etc/apt/sources.list.d/{file}"]
        assert judged("_docker_engine_docker_named_in", SEEN + look(apt, DOCKER), docker_engine_source="docker") == []

    @pytest.mark.parametrize(("file", "text"), [("docker.list", OLD), ("docker-ce.sources", NEW)])
    def test_dockers_repository_is_known(self, apt: Path, file: str, text: str) -> None:
        assert self.named(apt, "docker", file, text) == [f"/etc/apt/sources.list.d/{file}"]

    def test_one_line_for_all_in_apts_first_file(self, apt: Path) -> None:
        (apt / "sources.list").write_text(self.GUIDE + self.OLD + self.OLD)
        assert self.named(apt, "docker", "empty.list", "") == ["/etc/apt/sources.list"]
        assert self.named(apt, "toolkit", "empty.list", "") == ["/etc/apt/sources.list"]

    @pytest.mark.parametrize(
        ("repository", "file", "text"),
        [
            ("toolkit", "nvidia-container-toolkit.sources", f"Types: deb\nURIs: {NVIDIA}/amd64\nSuites: /\n"),
            ("docker", "docker.sources", NEW),
            ("toolkit", "off.list", f"# {GUIDE}"),
            ("toolkit", "off.list", f"deb https://example.com/deb / # was {NVIDIA}/amd64 /\n"),
            ("toolkit", "off.list.save", GUIDE),
            ("toolkit", "other.list", f"deb {NVIDIA}/arm64 /\n"),
            ("toolkit", "other.list", f"deb {NVIDIA.replace('stable', 'experimental')}/$(ARCH) /\n"),
            ("toolkit", "other.list", f"deb {NVIDIA.replace('.', 'x')}/$(ARCH) /\n"),
            ("docker", "other.list", f"deb {DOCKER}/debian bookworm stable\n"),
            ("docker", "other.list", f"deb {DOCKER}/ubuntu-mirror noble stable\n"),
        ],
    )
    def test_its_own_file_a_comment_and_another_repository_are_none(self, apt: Path, repository: str, file: str, text: str) -> None:
        assert self.named(apt, repository, file, text) == []

    def test_a_mirror_that_is_declared_is_looked_for(self, apt: Path) -> None:
        mirror, text = "https://mirror.example.com/nvidia", "deb [trusted=yes] https://mirror.example.com/nvidia/$(ARCH) /\n"
        assert self.named(apt, "toolkit", "team.list", text, docker_engine_toolkit_repository=f"{mirror}/") == ["/etc/apt/sources.list.d/team.list"]
        assert self.named(apt, "toolkit", "team.list", self.GUIDE, docker_engine_toolkit_repository=mirror) == []

    def test_what_is_not_declared_is_not_looked_for(self, apt: Path) -> None:
        (apt / "sources.list").write_text(self.GUIDE + self.OLD)
        assert "/etc/apt" not in look(apt)
        assert judged("_docker_engine_docker_url", SEEN) == ""
        assert judged("_docker_engine_toolkit_url", SEEN, docker_engine_toolkit=False) == ""
        printed = SEEN + look(apt, NVIDIA)
        assert judged("_docker_engine_toolkit_named_in", printed, docker_engine_toolkit_repository="") == []


def installed(*packages: str) -> str:
    return SEEN + "".join(f"package {package} installed\n" for package in packages)


class TestAnotherEngine:
    CE = ("containerd.io=1.7.27-1", "docker-ce=5:28.2.2-1", "docker-ce-cli=5:28.2.2-1")
    IO = ("containerd=1.7.12", "docker.io=24.0.7", "runc=1.1.12")

    def in_the_way(self, source: str, *packages: str, **declared: Any) -> list[str]:
        found: list[str] = judged("_docker_engine_in_the_way", installed(*packages), docker_engine_source=source, **declared)
        return found

    def test_the_other_one_is_in_the_way(self) -> None:
        assert self.in_the_way("distribution", *self.CE) == ["docker-ce", "docker-ce-cli", "containerd.io"]
        assert self.in_the_way("docker", *self.IO) == ["docker.io", "containerd", "runc"]

    def test_so_are_parts_of_it(self) -> None:
        assert self.in_the_way("distribution", "containerd.io=1.7.27-1", "nvidia-container-toolkit=1.17.8-1") == ["containerd.io"]
        assert self.in_the_way("docker", "runc=1.1.12") == ["runc"]

    @pytest.mark.parametrize("version", ["", "another"])
    def test_the_declared_one_is_not_in_its_own_way(self, version: str) -> None:
        assert self.in_the_way("docker", *self.CE, docker_engine_version=version) == []
        assert self.in_the_way("distribution", *self.IO, docker_engine_version=version) == []

    def test_what_was_removed_is_not_in_the_way(self) -> None:
        printed = f"{SEEN}package docker-ce=5:28.2.2-1 config-files\n"
        assert judged("_docker_engine_in_the_way", printed, docker_engine_source="distribution") == []

    def test_it_is_refused_before_anything_is_changed(self) -> None:
        tasks = [task["name"] for task in DataLoader().load_from_file(str(ROLE / "tasks" / "engine.yml"))]
        assert tasks[:3] == ["Look at the engine", "Refuse to replace another engine", "Have systemd run in the WSL distribution"]


# As dpkg and a repository's index have them.
STATUS = """Package: docker-ce
Status: install ok installed
Architecture: amd64
Version: 5:28.2.2-1
Maintainer: x
Description: x
Conflicts: docker.io

Package: nvidia-container-toolkit
Status: {want} ok installed
Architecture: amd64
Version: 1.18.0-1
Maintainer: x
Description: x
"""
OFFERED = """Package: {name}
Version: {version}
Architecture: amd64
Maintainer: x
Description: x
Filename: ./x.deb
Size: 1
SHA256: 00
"""


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt-get here")
class TestInstall:
    """The real apt-get, told to simulate, with a dpkg and a repository that are made up."""

    def install(self, place: Path, *packages: str, want: str = "install") -> subprocess.CompletedProcess[str]:
        for folder in ("etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "state/lists/partial", "cache/archives/partial", "repository"):
            (place / folder).mkdir(parents=True)
        offered = (("docker.io", "24.0.7"), ("nvidia-container-toolkit", "1.17.8-1"))
        (place / "repository" / "Packages").write_text("\n".join(OFFERED.format(name=name, version=version) for name, version in offered))
        (place / "etc" / "sources.list").write_text(f"deb [trusted=yes] file:{place}/repository ./\n")
        (place / "status").write_text(STATUS.format(want=want))
        places = {"Dir::Etc": "etc", "Dir::State": "state", "Dir::State::status": "status", "Dir::Cache": "cache"}
        settings = {**{name: str(place / folder) for name, folder in places.items()}, "APT::Architecture": "amd64", "APT::Sandbox::User": "root"}
        settings["APT::Get::Simulate"] = "true"
        (place / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
        environment = {**os.environ, "APT_CONFIG": str(place / "apt.conf")}
        return subprocess.run(["/bin/sh", "-c", INSTALL, "install.sh", *packages], capture_output=True, text=True, env=environment, check=False)

    def test_nothing_is_removed_for_it(self, tmp_path: Path) -> None:
        ended = self.install(tmp_path, "docker.io")
        assert (ended.returncode, "Packages need to be removed but remove is disabled." in ended.stderr) == (100, True), ended.stdout + ended.stderr

    def test_a_version_that_is_wanted_comes_also_where_a_newer_one_is(self, tmp_path: Path) -> None:
        ended = self.install(tmp_path, "nvidia-container-toolkit=1.17.8-1")
        assert (ended.returncode, "Inst nvidia-container-toolkit [1.18.0-1] (1.17.8-1" in ended.stdout) == (0, True), ended.stdout + ended.stderr

    def test_what_the_owner_holds_stays(self, tmp_path: Path) -> None:
        ended = self.install(tmp_path, "nvidia-container-toolkit=1.17.8-1", want="hold")
        assert (ended.returncode, "Held packages were changed" in ended.stderr) == (100, True), ended.stdout + ended.stderr
