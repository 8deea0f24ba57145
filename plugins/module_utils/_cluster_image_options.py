# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of cluster_image, shared by the module and by the action in front of it.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import Build
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_node import Wanted


def argument_spec() -> dict[str, t.Any]:
    return {
        "name": {"type": "str", "required": True},
        "profile": {"type": "str", "default": "minikube"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "build": {
            "type": "dict",
            "options": {
                "path": {"type": "path", "required": True},
                "dockerfile": {"type": "str", "default": "Dockerfile"},
                "args": {"type": "dict", "default": {}},
            },
        },
        "archive": {"type": "path", "default": ""},
        "engine": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 1800},
        "minikube": {"type": "str", "default": "minikube"},
        "docker": {"type": "str", "default": "docker"},
        "minikube_home": {"type": "path", "default": ""},
        "kubeconfig": {"type": "path", "default": ""},
        "awaiting": {"type": "list", "elements": "str", "default": []},
        "background": {"type": "bool", "default": False},
        "job": {"type": "str", "default": ""},
        "job_offset": {"type": "int", "default": 0},
    }


def refusal(params: t.Mapping[str, t.Any]) -> str:
    """What is wrong with the declaration by itself; empty when nothing is."""
    sources = [name for name in ("build", "archive", "engine") if params[name]]
    if len(sources) > 1:
        return f"{' and '.join(sources)} were given: an image is made from one of build, archive and engine; leave the others out."
    if sources and params["state"] == "absent":
        return f"state: absent removes the image, so {sources[0]} cannot be given with it; leave it out."
    name = params["name"]
    if not name or any(letter.isspace() for letter in name) or name.rpartition("/")[2].split(":")[0] != name.rpartition("/")[2].split(":")[0].lower():
        return f"name is '{name}': write an image reference without blanks and capitals, such as chat-app:1."
    if "@" in name and sources != ["engine"] and sources:
        return f"name is '{name}': an image that is built or loaded gets a tag, not a digest; write it as chat-app:1."
    return ""


def wanted_image(params: t.Mapping[str, t.Any]) -> Wanted:
    build = params["build"]
    return Wanted(
        name=params["name"],
        profile=params["profile"],
        present=params["state"] == "present",
        build=Build(build["path"], build["dockerfile"], {name: str(value) for name, value in build["args"].items()}) if build else None,
        archive=params["archive"] or "",
        engine=params["engine"],
        force=params["force"],
        timeout=float(params["timeout"]),
    )
