# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scenario holds in the sections `docker` and `minikube` and in the files of the distro."""

from __future__ import annotations

import hashlib
from typing import Any

from ..distro import shim
from ..linux import desktop, dpkg, engine, minikube_node
from ..linux.minikube_files import API_PORT, KIC_IMAGE, KUBERNETES, NODE_IP
from .base import DISTRIBUTION, LINUX_USER, put_file

State = dict[str, Any]

PROFILE = "minikube"
MINIKUBE_INSTALLER = "C:\\Installers\\minikube-linux-amd64"
PROBE_IMAGE = "ubuntu:24.04"
MEMORY_MB, CPUS = 16000, 8
# Less than the house declares: what somebody's first `minikube start` asked for.
DRIFTED_MEMORY_MB = 8000
DRIVER_PACKAGE, DRIVER_VERSION = "nvidia-driver-550", "550.163.01-0ubuntu0.24.04.1"
FIRST_API_PORT = 32771


def docker(state: State, name: str) -> None:
    """Called after the Windows side of scenario `name` is in place."""
    installer = state["windows"]["files"].get(MINIKUBE_INSTALLER)
    if installer is not None:
        put_file(state, MINIKUBE_INSTALLER, shim.source("minikube"), installer["written"])
    distro = state["wsl"]["distros"].get(DISTRIBUTION)
    if distro is None:
        return
    distro["packages"] = {**dpkg.preinstalled(prepared=True), **distro.get("packages", {})}
    if name == "engine_in_distro":
        return
    if name == "linux_driver_in_distro":
        distro["packages"][DRIVER_PACKAGE] = DRIVER_VERSION
    since = state["windows"]["boot_time"]
    held = state["docker"]["engine"] = desktop.new_engine(state)
    held["session"] = desktop.session(state)
    for tag, size in ((PROBE_IMAGE, 78_100_000), (KIC_IMAGE, 1_310_000_000)):
        held["images"][tag] = engine.new_image(tag, since, size)
    _cluster(state, held, since, DRIFTED_MEMORY_MB if name == "drifted" else MEMORY_MB)
    if name == "node_container_gone":
        del held["containers"][PROFILE]
    elif not desktop.engine_running(state):
        held["containers"][PROFILE].update(state="exited", exit_code=255, kubelet=minikube_node.STOPPED, apiserver=minikube_node.STOPPED)


def _cluster(state: State, held: State, since: str, memory: int) -> None:
    """A profile that was started once and has been running since; its files are written when the distro is first entered."""
    state["minikube"]["profiles"][PROFILE] = {
        "distro": DISTRIBUTION,
        "home": f"/home/{LINUX_USER}/.minikube",
        "config": {
            "Memory": memory,
            "CPUs": CPUS,
            "GPUs": "all",
            "Addons": {"default-storageclass": True, "nvidia-device-plugin": True, "storage-provisioner": True},
        },
    }
    held["volumes"][PROFILE] = {**minikube_node.new_volume(PROFILE), "kubeadm": True}
    ports = {inside: FIRST_API_PORT + number for number, inside in enumerate(minikube_node.INSIDE_PORTS)}
    ports[f"{API_PORT}/tcp"] = FIRST_API_PORT
    held["containers"][PROFILE] = {
        "id": hashlib.sha256(f"{state['name']}/{PROFILE}".encode()).hexdigest(),
        "node": PROFILE,
        "image": KIC_IMAGE,
        "command": ["/usr/local/bin/entrypoint", "/sbin/init"],
        "created": since,
        "started": since,
        "state": "running",
        "gpus": "all",
        "memory": memory * desktop.MIB,
        "nano_cpus": CPUS * 10**9,
        "env": ["NVIDIA_DRIVER_CAPABILITIES=all"],
        "labels": {key: value.format(PROFILE) for key, value in minikube_node.LABELS.items()},
        "ports": ports,
        "ip": NODE_IP,
        "kubelet": minikube_node.RUNNING,
        "apiserver": minikube_node.RUNNING,
        "bootstrapped": True,
        "images": {tag.format(KUBERNETES): size for tag, size in minikube_node.NODE_IMAGES.items()},
    }
