# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scenario holds in the section `clusters`: the objects of a cluster at rest, and the knobs its controllers follow."""

from __future__ import annotations

import datetime
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..kube import Cluster
from ..kube.store import resource

State = dict[str, Any]

PROFILE = "minikube"
ADDON = "nvidia-device-plugin"
# What earlier smoke tests pulled into the node.
SMOKE_IMAGES = ("docker.io/library/ubuntu:24.04", "nvcr.io/nvidia/cuda:12.8.1-base-ubuntu24.04")
FALLBACK_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"
# Long enough, scaled, that a client meets refused connections and 500 answers for a few seconds after its first look.
SLOW_START_SECONDS = 80
# How long the cluster of a scenario has been running when the station starts.
AGE_SECONDS = 3600.0


class Paper:
    """Just enough of a station for controllers to write a document with."""

    time_scale = 0.05
    closing = False

    def __init__(self, state: State) -> None:
        self.state = state
        self.lock = threading.RLock()

    @contextmanager
    def changed(self) -> Iterator[State]:
        with self.lock:
            yield self.state

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def record_error(self, what: str, detail: str = "") -> None:
        raise RuntimeError(f"a scenario asks for what is not imitated: {what}: {detail}")


def cluster(state: State, name: str) -> None:
    """Called after `docker`. Controllers take a while to come to rest, and every station of a scenario has the same cluster: it is made once."""
    if name in ("factory_fresh", "engine_in_distro"):
        return
    if name not in _at_rest:
        _at_rest[name] = json.dumps(_section(state, name))
    state.setdefault("clusters", {})[PROFILE] = json.loads(_at_rest[name])


_at_rest: dict[str, str] = {}


def _section(state: State, name: str) -> State:
    knobs = {"nvml": "not_supported"} if name == "nvml_not_supported" else {}
    section: State = {"knobs": {"gpu_in_node": True, "nvml": "ok", "node_ready": True, "apiserver_delay_s": 0, "addon": "works", "image_pull": "ok"}}
    section["knobs"].update({"images": list(SMOKE_IMAGES), **knobs})
    if name == "addon_never_applied":
        section["knobs"]["addon"] = "never_applied"
    made = Cluster(Paper({**state, "clusters": {PROFILE: section}}), PROFILE, Path(tempfile.gettempdir()))
    made.settle(5.0)
    made.enable_addon(ADDON)
    made.settle(AGE_SECONDS)
    PATCHES.get(name, lambda section, made: None)(section, made)
    return section


def _drifted(section: State, made: Cluster) -> None:
    """A second device plugin beside the addon's: the DaemonSet that the collection itself once deployed."""
    made.registry.apply(resource("daemonsets.apps"), "kube-system", "gpudev-device-plugin", fallback(), "gpudev.workstation", force=True)
    made.settle(60.0)


def _node_not_ready(section: State, made: Cluster) -> None:
    section["knobs"]["node_ready"] = False
    made.settle(30.0)


def _slow(section: State, made: Cluster) -> None:
    section["knobs"].update(apiserver_delay_s=SLOW_START_SECONDS, apiserver_delay_from_first_look=True)


def _stopped(section: State, made: Cluster) -> None:
    """The node's container does not run: the objects are there, the next start boots the node."""
    section["running"] = False


PATCHES: dict[str, Callable[[State, Cluster], None]] = {
    "drifted": _drifted,
    "node_not_ready": _node_not_ready,
    "apiserver_slow": _slow,
    "node_container_gone": _stopped,
    "docker_stopped": _stopped,
    "nobody_logged_on": _stopped,
}


def fallback() -> State:
    """A DaemonSet with the names and labels that the collection gives its own (written down here again: the simulator shares no code)."""
    labels = {"app.kubernetes.io/name": "gpudev-device-plugin", "app.kubernetes.io/managed-by": "gpudev.workstation"}
    directory = "/var/lib/kubelet/device-plugins"
    container = {
        "name": "nvidia-device-plugin-ctr",
        "image": FALLBACK_IMAGE,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "kubelet-device-plugins-dir", "mountPath": directory}],
    }
    pod = {
        "containers": [container],
        "priorityClassName": "system-node-critical",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "volumes": [{"name": "kubelet-device-plugins-dir", "hostPath": {"path": directory, "type": "Directory"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "gpudev-device-plugin", "namespace": "kube-system", "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "gpudev-device-plugin"}},
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
            "updateStrategy": {"type": "RollingUpdate"},
        },
    }
