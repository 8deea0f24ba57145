# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The distros of a station: directory trees on disk, real processes in private namespaces over them, imitated programs answered by the station."""

from __future__ import annotations

from pathlib import Path

from ..station import Station
from . import processes, programs, templates, tree
from .processes import NoSuchUser, default_user, forbidden, namespaces_work, popen, ready, terminate, terminate_all
from .templates import prepare_templates
from .tree import NoSuchDistro, listing

__all__ = [
    "NoSuchDistro",
    "NoSuchUser",
    "close",
    "create",
    "default_user",
    "destroy",
    "forbidden",
    "listing",
    "namespaces_work",
    "popen",
    "prepare_templates",
    "processes",
    "ready",
    "templates",
    "terminate",
    "terminate_all",
    "tree",
]


def create(station: Station, name: str) -> Path:
    """The tree of a distro that is in the document, made when it is missing. `popen` does this by itself."""
    return ready(station, name)


def destroy(station: Station, name: str) -> None:
    """`wsl --unregister`: its processes and its files are gone."""
    terminate(station, name)
    tree.destroy(station, name)


def close(station: Station) -> None:
    """The end of a station: no process, socket or thread of its distros is left."""
    from ..linux import clusters

    programs.close(station)
    terminate_all(station)
    clusters.close(station)
