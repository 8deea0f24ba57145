# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED classic builder: reads a Dockerfile, prints its steps and makes the record of an image. Steps: recordings/minikube/image_build_ok.json."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import desktop, engine

if TYPE_CHECKING:
    from ..distro.programs import Call

IGNORED = ("EXPOSE", "USER", "WORKDIR")


class Failed(Exception):
    """The words with which the builder gives up."""


def build(call: Call, text: str, context: Path, arguments: dict[str, str], labels: dict[str, str], item: dict[str, Any]) -> dict[str, Any]:
    """The record of the image; raises Failed. RUN is not imitated: nobody here can know what it does."""
    steps = _steps(text)
    known: dict[str, str] = {}
    record: dict[str, Any] = {"labels": dict(labels), "command": [], "environment": {}, "files": {}, "layers": []}
    for number, (word, rest) in enumerate(steps, 1):
        call.out(f"Step {number}/{len(steps)} : {word} {rest}\n")
        rest = _filled(rest, known)
        if word == "ARG":
            name, _equals, default = rest.partition("=")
            known[name] = arguments.get(name, default)
        elif word == "FROM":
            record["layers"].append(_base(rest, item))
        elif word == "COPY":
            _copy(call, rest.split(), context, record)
        elif word == "CMD":
            record["command"] = json.loads(rest)
        elif word == "ENV":
            record["environment"].update([rest.split("=", 1)])
        elif word not in IGNORED:
            call.unknown(f"Dockerfile: {word}")
        call.out(f" ---> {_identity(record)[:12]}\n")
    record["id"] = _identity(record)
    record["created"] = desktop.now_text(call.station)
    return record


def _steps(text: str) -> list[tuple[str, str]]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [(word.upper(), rest.strip()) for word, _space, rest in (line.partition(" ") for line in lines)]


def _filled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: known.get(match[1], ""), text)


def _base(name: str, item: dict[str, Any]) -> str:
    tag = engine.full_tag(name)
    if tag not in item["images"] and not engine.offered(tag):
        # The Docker engine's words for a repository that it cannot find.
        raise Failed(f"pull access denied for {tag.rpartition(':')[0]}, repository does not exist or may require 'docker login'")
    return engine.image_id(tag)


def _copy(call: Call, words: list[str], context: Path, record: dict[str, Any]) -> None:
    if len(words) != 2 or (context / words[0]).is_dir():
        call.unknown(f"Dockerfile: COPY {' '.join(words)}")
    if not (context / words[0]).is_file():
        raise Failed(f"COPY failed: file not found in build context or excluded by .dockerignore: stat {words[0]}: file does not exist")
    content = (context / words[0]).read_text()
    record["files"][words[1]] = content
    record["layers"].append("sha256:" + hashlib.sha256(content.encode()).hexdigest())


def _identity(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps({key: value for key, value in record.items() if key not in ("id", "created")}, sort_keys=True).encode()).hexdigest()
