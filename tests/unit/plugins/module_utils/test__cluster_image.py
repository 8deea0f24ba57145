# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, listings, context hashes, archives and the causes of a failed pull, without any program."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import (
    ArchiveProblem,
    Build,
    ContextProblem,
    Ignored,
    Whereabouts,
    archive_fingerprints,
    bare_id,
    context_hash,
    explain_pull,
    find_listed,
    inspected,
    listed_name,
    parse_listing,
    pulled_always,
)
from tests.unit.recorded import recording

BUILT = "2e25b66a9da42a4e9417c0e304d068c07586c745e127632bf7b3019ceb9e52b3"


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("chat-app", "docker.io/library/chat-app:latest"),
        ("gpu-app:1", "docker.io/library/gpu-app:1"),
        ("local/cuda-base:1", "docker.io/local/cuda-base:1"),
        ("docker.io/library/ubuntu:24.04", "docker.io/library/ubuntu:24.04"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("nvcr.io/nvidia/k8s-device-plugin:v0.20.0", "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),
        ("python@sha256:ab", "docker.io/library/python@sha256:ab"),
    ],
)
def test_a_name_is_compared_as_minikube_lists_it(name: str, listed: str) -> None:
    assert listed_name(name) == listed


def test_a_recorded_listing_is_searched_by_any_form_of_the_name() -> None:
    images = parse_listing(recording("minikube/image_ls_after_build")["stdout"])
    assert images is not None
    for name in ("gpu-app:1", "library/gpu-app:1", "docker.io/library/gpu-app:1"):
        found = find_listed(images, name)
        assert found is not None and (found.id, found.size) == (BUILT, 1980000)
    assert find_listed(images, "gpu-app:2") is None


def test_a_stopped_cluster_lists_nothing_and_an_absent_one_no_listing() -> None:
    assert parse_listing(recording("minikube/image_ls_stopped")["stdout"]) == []
    assert parse_listing(recording("minikube/image_ls_absent")["stdout"]) is None
    assert parse_listing('{"id": 1}') is None


@pytest.mark.parametrize("text", [f"docker://sha256:{BUILT}", f"docker-pullable://gpu-app@sha256:{BUILT}", f"sha256:{BUILT}", BUILT])
def test_one_image_has_one_bare_id(text: str) -> None:
    assert bare_id(text) == BUILT


@pytest.mark.parametrize(
    ("name", "policy", "always"),
    [("app", "", True), ("app:latest", "", True), ("app:1", "", False), ("app:latest", "IfNotPresent", False), ("app:1", "Always", True)],
)
def test_when_a_node_asks_the_registry_although_it_has_the_image(name: str, policy: str, always: bool) -> None:
    assert pulled_always(name, policy) is always


@pytest.mark.parametrize(
    ("pattern", "path", "out"),
    [
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "x/a.pyc", False),
        ("**/*.pyc", "x/y/a.pyc", True),
        ("**/*.pyc", "a.pyc", True),
        ("node_modules", "node_modules/a/b", True),
        ("/build/", "build/x", True),
        ("a?c", "a/c", False),
        ("[^a]x", "bx", True),
        ("docs/**", "docs/x/y", True),
        (r"a\*b", "axb", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_of_dockerignore(pattern: str, path: str, out: bool) -> None:
    assert Ignored([pattern]).leaves_out(path) is out


def test_the_last_pattern_of_dockerignore_decides() -> None:
    ignored = Ignored(["*", "!src", "src/secret"], keep=("Dockerfile",))
    assert [path for path in ("Dockerfile", "src/app.py", "src/secret", "other") if not ignored.leaves_out(path)] == ["Dockerfile", "src/app.py"]


def context(folder: Path) -> Build:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "app.py").write_text("print(1)\n")
    (folder / ".dockerignore").write_text("# not sent\n*.log\n")
    return Build(str(folder))


def test_the_hash_follows_what_is_sent_to_the_builder_and_nothing_else(tmp_path: Path) -> None:
    build = context(tmp_path / "one")
    before = context_hash(build)
    (tmp_path / "one" / "run.log").write_text("noise")
    (tmp_path / "one" / "app.py").touch()
    assert context_hash(build) == before == context_hash(context(tmp_path / "another"))
    assert context_hash(Build(build.path, args={"BASE": "x"})) != before
    (tmp_path / "one" / "app.py").chmod(0o755)
    executable = context_hash(build)
    (tmp_path / "one" / "link").symlink_to("app.py")
    linked = context_hash(build)
    (tmp_path / "one" / "app.py").write_text("print(2)\n")
    assert len({before, executable, linked, context_hash(build)}) == 4


def test_a_dockerfile_that_is_ignored_counts_all_the_same(tmp_path: Path) -> None:
    build = context(tmp_path)
    (tmp_path / ".dockerignore").write_text("*\n")
    before = context_hash(build)
    (tmp_path / "Dockerfile").write_text("FROM other\n")
    assert context_hash(build) != before


@pytest.mark.parametrize("name", ["nosuchdir", "empty"])
def test_what_is_no_context_is_refused_before_minikube_says_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ContextProblem, match="no folder|no Dockerfile"):
        context_hash(Build(str(tmp_path / name)))


def archive(path: Path, names: list[str], layers: list[str], created: str = "2026-11-01T10:00:00.123456789Z") -> Path:
    """As `docker save` writes it: manifest.json names the configuration, whose digest is the ID of the classic image store."""
    config = json.dumps({"created": created, "rootfs": {"diff_ids": layers}, "config": {"Labels": {"a": "b"}}}).encode()
    files = {f"blobs/sha256/{BUILT}": config, "manifest.json": json.dumps([{"Config": f"blobs/sha256/{BUILT}", "RepoTags": names}]).encode()}
    with tarfile.open(path, "w") as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return path


def of_engine(layers: list[str], created: str = "2026-11-01T10:00:00.5Z", **more: Any) -> str:
    return json.dumps([{"Id": "sha256:other-store", "Created": created, "RootFS": {"Layers": layers}, "Config": {"Labels": more or None}}])


def test_an_archive_and_the_image_it_became_have_one_fingerprint_whatever_the_ids(tmp_path: Path) -> None:
    held = archive_fingerprints(str(archive(tmp_path / "a.tar", ["gpu-app:1"], ["sha256:1", "sha256:2"])))
    assert list(held) == ["docker.io/library/gpu-app:1"] and held["docker.io/library/gpu-app:1"].id == BUILT
    assert inspected(of_engine(["sha256:1", "sha256:2"])) == held["docker.io/library/gpu-app:1"]
    assert inspected(of_engine(["sha256:1"])) != held["docker.io/library/gpu-app:1"]
    assert inspected(of_engine(["sha256:1", "sha256:2"], created="2026-11-02T10:00:00Z")) != held["docker.io/library/gpu-app:1"]
    assert inspected("[]") is None


def test_what_is_no_archive_says_why(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tar at all, but long enough to be looked at " * 30)
    with tarfile.open(tmp_path / "other.tar", "w"):
        pass
    for name, why in (("nosuch", "does not exist"), ("text", "cannot be read"), ("other.tar", "no archive of `docker save`")):
        with pytest.raises(ArchiveProblem, match=why):
            archive_fingerprints(str(tmp_path / name))


@pytest.mark.parametrize(
    ("seen", "policy", "code"),
    [
        (Whereabouts("chat-app:latest", "minikube", True), "", "IMAGE-023"),
        (Whereabouts("chat-app:1", "minikube", True), "Always", "IMAGE-023"),
        (Whereabouts("chat-app:1", "minikube", True), "IfNotPresent", "IMAGE-024"),
        (Whereabouts("chat-app:1", "minikube", False, ("gpu",), True), "", "IMAGE-021"),
        (Whereabouts("chat-app:1", "minikube", False, (), True), "", "IMAGE-022"),
        (Whereabouts("chat-app:1", "minikube", False), "", "IMAGE-020"),
    ],
)
def test_each_cause_of_a_failed_pull_of_a_local_image(seen: Whereabouts, policy: str, code: str) -> None:
    finding = explain_pull(seen, "Back-off pulling image", policy)
    assert finding.code == code
    assert "chat-app" in finding.cause and "{" not in finding.cause + finding.remedy
