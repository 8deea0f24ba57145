# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that the collection itself puts into a cluster so that it offers GPUs, and how they are told from everybody else's.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._kube import Api
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import RESOURCE

OWN_NAME = "gpudev-device-plugin"
OWN_NAMESPACE = "kube-system"
MANAGED_BY = "app.kubernetes.io/managed-by"
OWN_LABELS = {"app.kubernetes.io/name": OWN_NAME, MANAGED_BY: "gpudev.workstation"}
# Source and digest: roles/workstation/defaults/main/versions.yml.
DEFAULT_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0@sha256:a61ba9fd8efb82f3a79f877f7580e02c1e8e7593f62473644bc9c79e315c3312"

# The RuntimeClass by which NVIDIA's operator and distributions such as k3s make the NVIDIA runtime known.
RUNTIME_CLASS = "nvidia"
AUTO = "auto"

Json = t.Mapping[str, t.Any]


def runtime_class(kube: Api, wanted: str) -> str:
    """What `auto` comes to here; a node whose default runtime is NVIDIA's, as in minikube, needs none."""
    if wanted != AUTO:
        return wanted
    return RUNTIME_CLASS if kube.get("RuntimeClass", RUNTIME_CLASS) else ""


CONFIG_HASH = "gpudev.workstation/config-sha256"
_CONFIG_FOLDER = "/etc/gpudev"
_CONFIG_FILE = "config.yaml"


def manifest(image: str, config: str = "", runtime_class: str = "") -> dict[str, t.Any]:
    """The collection's own DaemonSet, after NVIDIA's static manifest but under a name that collides with nobody's.

    FAIL_ON_INIT_ERROR stays true: a plugin that exits is restarted by the kubelet and so tries again, one that waits does not.
    """
    container: dict[str, t.Any] = {
        "name": "nvidia-device-plugin-ctr",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "true"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "kubelet-device-plugins-dir", "mountPath": "/var/lib/kubelet/device-plugins"}],
    }
    pod: dict[str, t.Any] = {
        "priorityClassName": "system-node-critical",
        "tolerations": [{"key": RESOURCE, "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [container],
        "volumes": [{"name": "kubelet-device-plugins-dir", "hostPath": {"path": "/var/lib/kubelet/device-plugins", "type": "Directory"}}],
    }
    template: dict[str, t.Any] = {"metadata": {"labels": dict(OWN_LABELS)}, "spec": pod}
    if runtime_class:
        pod["runtimeClassName"] = runtime_class
    if config:
        _configure(template, config)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": OWN_NAME, "namespace": OWN_NAMESPACE, "labels": dict(OWN_LABELS)},
        "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": OWN_NAME}}, "updateStrategy": {"type": "RollingUpdate"}, "template": template},
    }


def _configure(template: dict[str, t.Any], config: str) -> None:
    """The plugin reads its file once; the annotation makes the controller replace the pod when the file changes."""
    pod = template["spec"]
    template["metadata"]["annotations"] = {CONFIG_HASH: hashlib.sha256(config.encode()).hexdigest()}
    pod["containers"][0]["env"].append({"name": "CONFIG_FILE", "value": f"{_CONFIG_FOLDER}/{_CONFIG_FILE}"})
    pod["containers"][0]["volumeMounts"].append({"name": "config", "mountPath": _CONFIG_FOLDER})
    pod["volumes"].append({"name": "config", "configMap": {"name": OWN_NAME}})


def config_map(config: str) -> dict[str, t.Any]:
    """The plugin's configuration file."""
    metadata = {"name": OWN_NAME, "namespace": OWN_NAMESPACE, "labels": dict(OWN_LABELS)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_CONFIG_FILE: config}}


def is_ours(body: Json) -> bool:
    return (body["metadata"].get("labels") or {}).get(MANAGED_BY) == OWN_LABELS[MANAGED_BY]


def managed_part(body: Json | None) -> dict[str, t.Any]:
    """What a comparison may look at: never resourceVersion, generation or managedFields, which controllers and the server rewrite."""
    if body is None:
        return {}
    return {"labels": dict(body["metadata"].get("labels") or {}), **{part: dict(body[part]) for part in ("spec", "data") if body.get(part)}}
