# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry the port that minikube has published the API server at into the kubeconfig that kubeconfig_export has made: a start can bring another one.

usage: refresh_kubeconfig.py CONTEXT DESTINATION NAME

DESTINATION is a path of Windows, or one of this system. Only the address changes, only where that module has left its mark, and the file is replaced in one
step. Needs PyYAML.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from typing import Any

import yaml

MARK = "gpudev.workstation"


def cluster(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next((item for item in content.get("clusters") or [] if item.get("name") == name), {})
    return found.get("cluster") or {}


def read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8-sig") as stream:
        return yaml.safe_load(stream) or {}


def replace(path: str, content: dict[str, Any]) -> None:
    descriptor, part = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".gpudev-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yaml.safe_dump(content, stream, default_flow_style=False, sort_keys=False)
        os.replace(part, path)
    except OSError:
        os.unlink(part)
        raise


def as_seen_here(path: str) -> str:
    """By WSL's own program, which knows where the drives are."""
    if not re.match(r"[A-Za-z]:[\\/]", path):
        return path
    return subprocess.run(["wslpath", "-u", path], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def minikubes_kubeconfig() -> str:
    """Where minikube has written it: the first that KUBECONFIG names."""
    return os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or os.path.expanduser("~/.kube/config")


def main(context: str, path: str, name: str) -> str:
    address = cluster(read(minikubes_kubeconfig()), context).get("server")
    destination = as_seen_here(path)
    content = read(destination)
    ours = cluster(content, name)
    if not address or not any(item.get("name") == MARK for item in ours.get("extensions") or []):
        return f"{destination} has no context {name} that was carried over from here, or there is none to carry over"
    if ours.get("server") == address:
        return f"{destination} leads to {address} already"
    ours["server"] = address
    replace(destination, content)
    return f"{destination} leads to {address} now"


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
