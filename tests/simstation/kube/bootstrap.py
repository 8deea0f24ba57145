# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fresh minikube cluster holds before anybody uses it: namespaces, accounts, the node, priority classes."""

from __future__ import annotations

from typing import Any

from .defaults import PRIORITY_CLASSES
from .engine import Context
from .store import resource

Object = dict[str, Any]

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
NODE_ADDRESS = "192.168.49.2"
DEFAULT_VERSION = "v1.35.1"
GIB = 1024**3
# recordings/gpu/mk_node_before_plugin.json: what is in a fresh node.
SYSTEM_IMAGES = (
    "registry.k8s.io/kube-proxy:{version}",
    "registry.k8s.io/kube-apiserver:{version}",
    "registry.k8s.io/kube-controller-manager:{version}",
    "registry.k8s.io/kube-scheduler:{version}",
    "gcr.io/k8s-minikube/storage-provisioner:v5",
    "registry.k8s.io/pause:3.10.2",
)
# The sentences of a kubelet, same recording.
CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
READY = ("True", "KubeletReady", "kubelet is posting ready status")
# The sentence of a kubelet whose network plug-in is missing (Kubernetes source, pkg/kubelet; seen in many public threads).
NETWORK_NOT_READY = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:docker: network plugin is not ready: cni config uninitialized"
)
NOT_READY = ("False", "KubeletNotReady", NETWORK_NOT_READY)


def bootstrap(context: Context) -> None:
    """Create the objects of a first start."""
    registry = context.registry
    for name in NAMESPACES:
        registry.create(resource("namespaces"), {"metadata": {"name": name}}, "kube-apiserver")
    for name, value in PRIORITY_CLASSES.items():
        item: Object = {"metadata": {"name": name}, "value": value, "description": f"Used for system critical pods ({name})."}
        registry.create(resource("priorityclasses.scheduling.k8s.io"), item, "kube-apiserver")
    service = {
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}]},
    }
    registry.create(resource("services"), service, "kube-apiserver")
    registry.create(resource("nodes"), node(context), "kubelet")


def node(context: Context) -> Object:
    name = context.store.name
    version = context.section.setdefault("version", DEFAULT_VERSION)
    minikube = context.section.get("minikube_version", "v1.38.1")
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "minikube.k8s.io/name": name,
        "minikube.k8s.io/primary": "true",
        "minikube.k8s.io/version": minikube,
        "node-role.kubernetes.io/control-plane": "",
        "node.kubernetes.io/exclude-from-external-load-balancers": "",
    }
    annotations = {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    return {
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"]},
        "status": status(context, name, version),
    }


def status(context: Context, name: str, version: str) -> Object:
    size = resources(context)
    images = [text.format(version=version) for text in SYSTEM_IMAGES] + list(context.knobs.get("images") or [])
    now = context.stamp()
    conditions = [
        {"type": kind, "status": value, "lastHeartbeatTime": now, "lastTransitionTime": now, "reason": reason, "message": message}
        for kind, value, reason, message in (*CONDITIONS, ("Ready", *READY))
    ]
    return {
        "capacity": dict(size),
        "allocatable": dict(size),
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": "simulated",
            "systemUUID": "simulated",
            "bootID": "simulated",
            "kernelVersion": kernel(context),
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "containerRuntimeVersion": "docker://29.2.1",
            "kubeletVersion": version,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
        "images": [{"names": [image], "sizeBytes": 100_000_000} for image in images],
    }


def machine(context: Context) -> Object:
    """The machine the node sees: with the docker driver that is the whole WSL virtual machine, not the profile's memory."""
    found: Object = (context.station.state.get("wsl") or {}).get("vm") or {}
    return found


def resources(context: Context) -> dict[str, str]:
    vm = machine(context)
    return {
        "cpu": str(vm.get("processors", 8)),
        "ephemeral-storage": "1055762868Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{vm.get('memory_bytes', 16 * GIB) // 1024}Ki",
        "pods": "110",
    }


def kernel(context: Context) -> str:
    package = (context.station.state.get("wsl") or {}).get("package") or {}
    return f"{package['kernel']}-microsoft-standard-WSL2" if package.get("kernel") else "simulated"
