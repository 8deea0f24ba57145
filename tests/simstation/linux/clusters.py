# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes APIs behind the profiles of a station: one `kube.Cluster` object each, made when it is first needed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..station import Station

_clusters: dict[tuple[int, str], Any] = {}
_serving: set[tuple[int, str]] = set()
_lock = threading.Lock()


def get(station: Station, name: str, certificates: Path) -> Any:
    """The cluster of a profile; `certificates` is the profile's ~/.minikube on disk."""
    from .. import kube

    with _lock:
        if (id(station), name) not in _clusters:
            _clusters[id(station), name] = kube.Cluster(station, name, certificates)
        return _clusters[id(station), name]


def start(station: Station, name: str, certificates: Path) -> int:
    port: int = get(station, name, certificates).start()
    with _lock:
        _serving.add((id(station), name))
    return port


def stop(station: Station, name: str) -> None:
    cluster = existing(station, name)
    if cluster is not None:
        cluster.stop()
    with _lock:
        _serving.discard((id(station), name))


def serving(station: Station) -> set[str]:
    """The profiles whose API answers."""
    with _lock:
        return {name for key, name in _serving if key == id(station)}


def existing(station: Station, name: str) -> Any | None:
    with _lock:
        return _clusters.get((id(station), name))


def forget(station: Station, name: str) -> None:
    with _lock:
        _clusters.pop((id(station), name), None)
        _serving.discard((id(station), name))


def close(station: Station) -> None:
    """Stop serving; what the clusters hold stays in the document."""
    with _lock:
        mine = [key for key in _clusters if key[0] == id(station)]
        gone = [_clusters.pop(key) for key in mine]
        _serving.difference_update(mine)
    for cluster in gone:
        cluster.close()
