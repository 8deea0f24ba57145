# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED `docker save`, `load` and `tag` of the host's engine. Words: the Docker CLI's documentation."""

from __future__ import annotations

import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

from ..distro import tree
from . import desktop, engine
from .minikube_image import write_archive

if TYPE_CHECKING:
    from ..distro.programs import Call


def save(call: Call, options: dict[str, str], names: list[str]) -> int:
    output = options.get("--output", options.get("-o", ""))
    if not output or len(names) != 1:
        call.unknown("save without a file, or of several images")
    found = engine.find_image(call.station, names[0])
    if found is None:
        call.err(f"Error response from daemon: reference does not exist: {engine.full_tag(names[0])}\n")
        return 1
    tag, image = found
    config = json.dumps({"created": image["created"], "rootfs": {"diff_ids": [image["id"]]}, "config": {"Labels": None}})
    write_archive(tree.host_path(call.base, os.path.join(call.cwd, output)), image["id"].removeprefix("sha256:"), [tag], config)
    return 0


def load(call: Call, options: dict[str, str], names: list[str]) -> int:
    source = options.get("--input", options.get("-i", ""))
    if not source or names:
        call.unknown("load without a file")
    file = tree.host_path(call.base, os.path.join(call.cwd, source))
    with tarfile.open(file) as archive:
        stream = archive.extractfile("manifest.json")
        assert stream is not None
        entries: list[dict[str, Any]] = json.load(stream)
        configs = [json.load(archive.extractfile(entry["Config"]) or stream) for entry in entries]
    for entry, config in zip(entries, configs):
        for tag in entry["RepoTags"]:
            image = engine.new_image(tag, config["created"], file.stat().st_size)
            image["id"] = "sha256:" + entry["Config"].rsplit("/", 1)[-1]
            with call.station.changed():
                desktop.engine(call.station)["images"][engine.full_tag(tag)] = image
            call.out(f"Loaded image: {tag}\n")
    return 0


def tag(call: Call, names: list[str]) -> int:
    """By digest too: a pull by digest is kept here under the tag that stood beside it."""
    found = engine.find_image(call.station, names[1] if "@" in names[0] else names[0])
    if found is None:
        call.err(f"Error response from daemon: No such image: {engine.full_tag(names[0])}\n")
        return 1
    with call.station.changed():
        desktop.engine(call.station)["images"].setdefault(engine.full_tag(names[1]), dict(found[1]))
    return 0
