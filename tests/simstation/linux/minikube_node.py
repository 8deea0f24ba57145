# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node container of a profile: made, bootstrapped, served, judged. Its processes are words in the engine's record of the container.

What decides between healing and not: the volume remembers that kubeadm ran (`volumes[name].kubeadm`), /etc/kubernetes goes with the container
(`containers[name].bootstrapped`); see facts/minikube.md "Seen in runs" 2 and 3.
"""

from __future__ import annotations

import secrets
from typing import Any

from ..station import Station
from . import clusters, desktop
from .minikube_files import API_PORT, NODE_IP, Home

LABELS = {"created_by.minikube.sigs.k8s.io": "true", "mode.minikube.sigs.k8s.io": "{}", "name.minikube.sigs.k8s.io": "{}", "role.minikube.sigs.k8s.io": ""}
# pkg/drivers/kic/oci/volumes.go, createVolume: a volume that is there already is taken as it is, without labels.
VOLUME_LABELS = {"created_by.minikube.sigs.k8s.io": "true", "name.minikube.sigs.k8s.io": "{}"}
INSIDE_PORTS = ("22/tcp", "2376/tcp", "5000/tcp", f"{API_PORT}/tcp", "32443/tcp")
FIRST_PORT = 32768
RUNNING, STOPPED, PAUSED = "Running", "Stopped", "Paused"
# The images that a started node holds: recordings/minikube/image_ls_running.json, of the Kubernetes version in question.
NODE_IMAGES = {
    "registry.k8s.io/kube-apiserver:{}": 120000000,
    "registry.k8s.io/kube-controller-manager:{}": 107000000,
    "registry.k8s.io/kube-scheduler:{}": 74300000,
    "registry.k8s.io/kube-proxy:{}": 290000000,
    "registry.k8s.io/pause:3.10.1": 982000,
    "registry.k8s.io/etcd:3.6.6-0": 25200000,
    "registry.k8s.io/coredns/coredns:v1.13.1": 76900000,
    "gcr.io/k8s-minikube/storage-provisioner:v5": 29600000,
}


def container(station: Station, name: str) -> dict[str, Any] | None:
    """The node's container as the reachable engine knows it."""
    item = desktop.engine(station)["containers"].get(name)
    return item if item and item.get("node") == name else None


def new_volume(name: str) -> dict[str, Any]:
    return {"kubeadm": False, "labels": {key: value.format(name) for key, value in VOLUME_LABELS.items()}}


def create(station: Station, name: str, config: dict[str, Any]) -> dict[str, Any]:
    now = desktop.now_text(station)
    with station.changed():
        held = desktop.engine(station)
        taken = {port for item in held["containers"].values() for port in item.get("ports", {}).values()}
        free = iter(port for port in range(FIRST_PORT, 65536) if port not in taken)
        item = {
            "id": secrets.token_hex(32), "node": name, "image": config["KicBaseImage"].split("@")[0], "command": ["/usr/local/bin/entrypoint", "/sbin/init"],
            "created": now, "started": now, "state": "running", "gpus": config["GPUs"], "memory": config["Memory"] * desktop.MIB,
            "nano_cpus": config["CPUs"] * 10**9,
            "env": ["NVIDIA_DRIVER_CAPABILITIES=all"] if config["GPUs"] else [], "labels": {key: value.format(name) for key, value in LABELS.items()},
            "ports": {inside: next(free) for inside in INSIDE_PORTS}, "ip": NODE_IP, "kubelet": STOPPED, "apiserver": STOPPED, "bootstrapped": False,
            "images": {},
        }  # fmt: skip
        held["containers"][name] = item
        held["volumes"].setdefault(name, new_volume(name))
        return item


def bootstrap(station: Station, name: str, config: dict[str, Any]) -> None:
    """kubeadm init: the control plane exists from here on."""
    version = config["KubernetesConfig"]["KubernetesVersion"]
    with station.changed():
        item = desktop.engine(station)["containers"][name]
        item.update(bootstrapped=True)
        item["images"].update({tag.format(version): size for tag, size in NODE_IMAGES.items()})
        desktop.engine(station)["volumes"][name]["kubeadm"] = True


def run(station: Station, home: Home, name: str) -> None:
    """The node's processes run and its API is served under the published port."""
    port = clusters.start(station, name, home.path)
    with station.changed():
        item = desktop.engine(station)["containers"][name]
        item.update(kubelet=RUNNING, apiserver=RUNNING)
        item["ports"][f"{API_PORT}/tcp"] = port


def apply_network(station: Station, name: str) -> None:
    """Each start applies the cluster's network configuration again, so a node that was NotReady for want of it gets ready.

    SIMULATED: read in minikube's source, not recorded; the knob `node_ready_stays_false` is for a node that has another reason.
    """
    with station.changed() as state:
        knobs = state["clusters"].get(name, {}).get("knobs", {})
        if knobs.get("node_ready") is not False or knobs.get("node_ready_stays_false"):
            return
        knobs["node_ready"] = True
    cluster = clusters.existing(station, name)
    if cluster is not None:
        cluster.look()


def halt(station: Station, name: str) -> None:
    """The container has ended, and everything in it."""
    clusters.stop(station, name)
    with station.changed():
        item = desktop.engine(station)["containers"].get(name)
        if item is not None:
            item.update(kubelet=STOPPED, apiserver=STOPPED)


def endpoint(item: dict[str, Any], env: dict[str, str]) -> str:
    """Where minikube expects the API: the published port in WSL, the node's own address elsewhere (recordings/minikube/wsl_status*.json)."""
    if env.get("WSL_DISTRO_NAME") or env.get("WSLPATH"):
        return f"127.0.0.1:{item['ports'][f'{API_PORT}/tcp']}"
    return f"{item['ip']}:{API_PORT}"
