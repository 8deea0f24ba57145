# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of minikube_gpu_cluster, shared by the module and by the action in front of it.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import CONSENT_WORDS
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration


def argument_spec() -> dict[str, t.Any]:
    return {
        "name": {"type": "str", "default": "minikube"},
        "state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
        "driver": {"type": "str", "default": "docker"},
        "container_runtime": {"type": "str", "default": "docker"},
        "gpus": {"type": "str", "default": "all"},
        "memory": {"type": "str", "default": ""},
        "cpus": {"type": "str", "default": ""},
        "disk_size": {"type": "str", "default": ""},
        "kubernetes_version": {"type": "str", "default": ""},
        "nodes": {"type": "int", "default": 1},
        "addons": {"type": "dict", "default": {}},
        "extra_config": {"type": "dict", "default": {}},
        "extra_start_args": {"type": "list", "elements": "str", "default": []},
        "cgroup_driver": {"type": "str", "choices": ["auto", "match_engine", "systemd", "cgroupfs"], "default": "auto"},
        "base_image": {"type": "str", "default": ""},
        "force_systemd": {"type": "bool"},
        "static_ip": {"type": "str", "default": ""},
        "preload": {"type": "bool"},
        "cache_images": {"type": "bool"},
        "mounts": {"type": "list", "elements": "str", "default": []},
        "wait": {"type": "list", "elements": "str", "default": []},
        "wsl_gpu": {"type": "str", "choices": ["auto", "mounts", "cdi", "off"], "default": "auto"},
        "recreate": {"type": "str", "choices": ["never", "on_drift"], "default": "on_drift"},
        "start_timeout": {"type": "int", "default": 1200},
        "wait_timeout": {"type": "int", "default": 360},
        "settle_timeout": {"type": "int", "default": 30},
        "minikube": {"type": "str", "default": "minikube"},
        "docker": {"type": "str", "default": "docker"},
        "minikube_home": {"type": "path", "default": ""},
        "kubeconfig": {"type": "path", "default": ""},
        "allow": {"type": "list", "elements": "str", "default": [], "choices": list(CONSENT_WORDS)},
        "awaiting": {"type": "list", "elements": "str", "default": []},
        "validate_only": {"type": "bool", "default": False},
        "engine_memory_mib": {"type": "int", "default": 0},
        "background": {"type": "bool", "default": False},
        "job": {"type": "str", "default": ""},
        "job_offset": {"type": "int", "default": 0},
    }


def declaration(params: t.Mapping[str, t.Any]) -> Declaration:
    return Declaration(
        name=params["name"],
        state=params["state"],
        driver=params["driver"],
        container_runtime=params["container_runtime"],
        gpus=params["gpus"],
        memory=params["memory"],
        cpus=params["cpus"],
        disk_size=params["disk_size"],
        kubernetes_version=params["kubernetes_version"],
        nodes=params["nodes"],
        addons={str(name): truth(value) for name, value in params["addons"].items()},
        extra_config={str(key): plain(value) for key, value in params["extra_config"].items()},
        extra_start_args=tuple(params["extra_start_args"]),
        cgroup_driver=params["cgroup_driver"],
        base_image=params["base_image"],
        force_systemd=params["force_systemd"],
        static_ip=params["static_ip"],
        preload=params["preload"],
        cache_images=params["cache_images"],
        mounts=tuple(params["mounts"]),
        wait=tuple(params["wait"]),
        wsl_gpu=params["wsl_gpu"],
        repairs_node=params["wsl_gpu"] == "cdi" or params["wsl_gpu"] == "auto" and "node_repair" in params["allow"],
        recreate=params["recreate"],
        start_timeout=params["start_timeout"],
        wait_timeout=params["wait_timeout"],
    )


def truth(value: t.Any) -> bool | None:
    """Values inside a dict are not converted by Ansible; `no` may arrive as text. None for what is neither."""
    try:
        return bool(boolean(value))
    except TypeError:
        return None


def plain(value: t.Any) -> str:
    """As a command line wants it: YAML's true is Go's true. Empty for what is no single value."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
