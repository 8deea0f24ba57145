# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED `minikube image ls, build, load, rm, save`: the images of the node, what they were made of, and exit codes that say nothing.

Texts and codes: recordings/minikube/image_*.json. That a failed build ends with 0, and that `--build-opt` reaches `docker build`: minikube's source,
pkg/minikube/machine/build_images.go and pkg/minikube/cruntime/docker.go.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distro import tree
from . import clusters, dockerfile, engine
from .minikube_output import Exit

if TYPE_CHECKING:
    from .minikube import Session

Record = dict[str, Any]

DEPRECATED = (
    "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.\n"
    "            Install the buildx component to build images with BuildKit:\n            https://docs.docker.com/go/buildx/\n\n"
)


def image(session: Session) -> int:
    call, action, words = session.call, session.words[0] if session.words else "", session.words[1:]
    item = session.item()
    if action in ("ls", "list"):
        return _list(session, item if session.running() else None)
    body = {"load": _load, "rm": _remove, "build": _build, "save": _save}.get(action) or call.unknown()
    if item is None or not session.running():
        return 0  # the lie of recordings/minikube/image_{load,build}_stopped.json
    return body(session, item, words)


def records(item: dict[str, Any]) -> dict[str, Record]:
    """Tag -> id, created, layers, labels, command, files; only for images whose making is known."""
    found: dict[str, Record] = item.setdefault("image_records", {})
    return found


def known_id(item: dict[str, Any], tag: str) -> str:
    return str(records(item).get(tag, {}).get("id") or engine.image_id(tag)[7:])


def inspected(item: dict[str, Any], name: str) -> list[dict[str, Any]] | None:
    """`docker image inspect` inside the node."""
    tag = engine.full_tag(name).removeprefix("docker.io/").removeprefix("library/")
    key = next((held for held in item["images"] if held.removeprefix("docker.io/").removeprefix("library/") == tag), None)
    if key is None:
        return None
    record = records(item).get(key, {})
    details = engine.image_details(key, {"id": f"sha256:{known_id(item, key)}", "created": record.get("created", item["created"]), "size": item["images"][key]})
    details["RootFS"]["Layers"] = record.get("layers") or details["RootFS"]["Layers"]
    details["Config"]["Labels"] = record.get("labels") or None
    return [details]


def _list(session: Session, item: dict[str, Any] | None) -> int:
    images: dict[str, int] = item["images"] if item else {}
    form = session.flags.value("format", "short")
    if form == "json":
        rows = [{"id": known_id(item or {}, tag), "repoDigests": [], "repoTags": [engine.long_name(tag)], "size": str(size)} for tag, size in images.items()]
        session.call.out(json.dumps(rows, separators=(",", ":")) + "\n")
    elif form == "short":
        session.call.out("".join(f"{engine.long_name(tag)}\n" for tag in images))
    else:
        session.call.unknown(f"image ls --format {form}")
    return 0


def _put(session: Session, item: dict[str, Any], tag: str, size: int, record: Record) -> None:
    with session.call.station.changed():
        item["images"][tag] = size
        records(item)[tag] = record
    clusters.get(session.call.station, session.name, session.home.path).add_image(tag, record)


def _load(session: Session, item: dict[str, Any], words: list[str]) -> int:
    for name in words:
        file = tree.host_path(session.call.base, os.path.join(session.call.cwd, name))
        if file.is_file():
            _load_archive(session, item, file)
        else:
            _load_from_engine(session, item, name)
    return 0


def _load_archive(session: Session, item: dict[str, Any], file: Path) -> None:
    with tarfile.open(file) as archive:
        for entry in json.loads(_member(archive, "manifest.json")):
            config = json.loads(_member(archive, entry["Config"]))
            identity = entry["Config"].rsplit("/", 1)[-1].removesuffix(".json")
            inside = config.get("config") or {}
            record = {"id": identity, "created": config.get("created", ""), "layers": config["rootfs"]["diff_ids"], "labels": inside.get("Labels") or {}}
            for tag in entry["RepoTags"] or []:
                _put(session, item, engine.full_tag(tag), file.stat().st_size, record)
    session.call.pause(0.4)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read()


def _load_from_engine(session: Session, item: dict[str, Any], name: str) -> None:
    known = engine.find_image(session.call.station, name)
    if known is None:
        session.call.out("\n\n")
        text = f"Failed to load image: The image '{engine.full_tag(name)}' was not found; unable to add it to cache."
        raise session.out.fail("GUEST_IMAGE_LOAD", 80, text, box="image")
    session.call.pause(3)
    tag, held = known
    record = {"id": held["id"].removeprefix("sha256:"), "created": held["created"], "layers": [held["id"]], "labels": held.get("labels") or {}}
    _put(session, item, tag, held["size"], record)


def _remove(session: Session, item: dict[str, Any], words: list[str]) -> int:
    for name in words:
        tag = engine.full_tag(name)
        with session.call.station.changed():
            missing = item["images"].pop(tag, None) is None
            records(item).pop(tag, None)
        clusters.get(session.call.station, session.name, session.home.path).remove_image(tag)
        if missing:
            session.call.err(
                f"! Failed to remove images for profile {session.name} error removing images: remove image docker: docker rmi {name}: "
                f"Process exited with status 1\nstdout:\n\nstderr:\nError response from daemon: No such image: {name}\n\n"
            )
    return 0


def _build(session: Session, item: dict[str, Any], words: list[str]) -> int:
    """What fails here ends with 0 all the same: minikube only logs it."""
    call, tag = session.call, session.flags.value("tag")
    if len(words) != 1 or not tag:
        call.unknown("image build without one folder and a tag")
    context = tree.host_path(call.base, os.path.join(call.cwd, words[0]))
    file = context / session.flags.value("file", "Dockerfile")
    if not file.is_file():
        return 0  # recordings/minikube/image_build_no_dockerfile.json
    options = [option.partition("=")[::2] for option in session.flags.get("build-opt", [])]
    arguments = dict(value.partition("=")[::2] for name, value in options if name == "build-arg")
    labels = dict(value.partition("=")[::2] for name, value in options if name == "label")
    if len(arguments) + len(labels) != len(options):
        call.unknown(f"--build-opt {options}")
    call.err(DEPRECATED)
    call.out("Sending build context to Docker daemon  3.072kB\n\n")
    try:
        record = dockerfile.build(call, file.read_text(), context, arguments, labels, item)
    except dockerfile.Failed as failed:
        call.err(f"{failed}\n")
        return 0
    call.pause(5)
    _put(session, item, engine.full_tag(tag), 1_980_000, record)
    call.out(f"Successfully built {record['id'][:12]}\nSuccessfully tagged {tag}\n")
    return 0


def _save(session: Session, item: dict[str, Any], words: list[str]) -> int:
    """SIMULATED from `minikube image save --help`: IMAGE [ARCHIVE]; an image that is not there leaves no file."""
    if len(words) != 2:
        session.call.unknown("image save without a file")
    found = inspected(item, words[0])
    if found is None:
        return 0
    details = found[0]
    config = json.dumps({"created": details["Created"], "rootfs": {"diff_ids": details["RootFS"]["Layers"]}, "config": {"Labels": details["Config"]["Labels"]}})
    identity = details["Id"].removeprefix("sha256:")
    write_archive(tree.host_path(session.call.base, os.path.join(session.call.cwd, words[1])), identity, details["RepoTags"], config)
    return 0


def write_archive(file: Path, identity: str, tags: list[str], config: str) -> None:
    """As `docker save` lays it out."""
    parts = {f"blobs/sha256/{identity}": config, "manifest.json": json.dumps([{"Config": f"blobs/sha256/{identity}", "RepoTags": tags, "Layers": []}])}
    with tarfile.open(file, "w") as archive:
        for name, text in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))


def absent_profile(session: Session) -> Exit:
    session.call.out("\n\n")
    return session.out.fail("MK_USAGE", 14, f'loading profile: cluster "{session.name}" does not exist', box="image")
