# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as it is wanted: what is wrong with a declaration by itself, what its sizes become on an engine, and the flags that it needs.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import CATALOGUE

COMPONENTS = ("apiserver", "controller-manager", "scheduler", "etcd", "kubeadm", "kubelet", "kube-proxy")
GPU_VALUES = ("", "all", "nvidia", "nvidia.com")
MINIMUM_MEMORY = 1800
# What the guide gives a cluster (row G15).
RECOMMENDED_MEMORY = 16000
WAIT_FOR = ("apiserver", "system_pods", "default_sa", "apps_running", "node_ready", "kubelet", "extra")
WSL_MOUNT = "/usr/lib/wsl:/usr/lib/wsl"
NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-]+$")

# Flags that an option owns, or that a module must never pass.
_OWNED = {
    "profile": "name",
    "p": "name",
    "driver": "driver",
    "d": "driver",
    "vm-driver": "driver",
    "container-runtime": "container_runtime",
    "c": "container_runtime",
    "gpus": "gpus",
    "g": "gpus",
    "memory": "memory",
    "m": "memory",
    "cpus": "cpus",
    "disk-size": "disk_size",
    "kubernetes-version": "kubernetes_version",
    "addons": "addons",
    "extra-config": "extra_config",
    "base-image": "base_image",
    "nodes": "nodes",
    "n": "nodes",
    "wait-timeout": "wait_timeout",
    "wait": "wait",
    "force-systemd": "force_systemd",
    "static-ip": "static_ip",
    "preload": "preload",
    "cache-images": "cache_images",
    "mount": "mounts",
    "mount-string": "mounts",
    "ha": "nodes",
}
_FORBIDDEN = {
    "dry-run": "it makes a profile all the same",
    "delete-on-failure": "it deletes clusters without asking",
    "output": "the module reads minikube's JSON",
    "o": "the module reads minikube's JSON",
    "interactive": "nobody can answer a question",
    "keep-context": "the module always passes it",
    "download-only": "no cluster would be made",
}


@dataclass(frozen=True)
class Declaration:
    """The cluster as it is wanted. None or empty: not declared, minikube's default on creation, no drift afterwards."""

    name: str = "minikube"
    state: str = "started"
    driver: str = "docker"
    container_runtime: str = "docker"
    gpus: str = "all"
    memory: str = ""
    cpus: str = ""
    disk_size: str = ""
    kubernetes_version: str = ""
    # None for a value that is neither yes nor no.
    addons: t.Mapping[str, bool | None] = field(default_factory=dict)
    extra_config: t.Mapping[str, str] = field(default_factory=dict)
    extra_start_args: tuple[str, ...] = ()
    cgroup_driver: str = "auto"
    base_image: str = ""
    force_systemd: bool | None = None
    static_ip: str = ""
    preload: bool | None = None
    cache_images: bool | None = None
    mounts: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    wsl_gpu: str = "auto"
    repairs_node: bool = False
    nodes: int = 1
    recreate: str = "on_drift"
    wait_timeout: int = 360
    start_timeout: int = 1200

    @property
    def all_mounts(self) -> tuple[str, ...]:
        """With what `wsl_gpu: mounts` adds."""
        return (*self.mounts, WSL_MOUNT) if self.wsl_gpu == "mounts" else self.mounts


def size_mb(text: str) -> int | None:
    """A size as minikube reads it: bare numbers are MB, units are binary, also where they look decimal (16g is 16384)."""
    match = re.match(r"^(\d+)([bkmgt]?)i?b?$", text.strip().lower())
    if not match or not int(match.group(1)):
        return None
    number, unit = int(match.group(1)), match.group(2)
    if unit == "b" or (not unit and text.strip().lower().endswith("b")):
        return number // (1024 * 1024)
    return {"": number, "k": number // 1024, "m": number, "g": number * 1024, "t": number * 1024 * 1024}[unit]


def kebab(text: str) -> str:
    """As Kubernetes spells its flags: cgroupDriver and cgroup_driver are cgroup-driver, TLSCertFile is tls-cert-file."""
    words = re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z][a-z])", r"-\1\2", text)
    return "-".join(re.findall(r"[a-z0-9]+", words.lower()))


def refusals(wanted: Declaration) -> list[Finding]:
    """What is wrong with the declaration by itself; found before anything is touched."""
    return [
        *_gpu_refusals(wanted),
        *_value_refusals(wanted),
        *_start_refusals(wanted),
        *_addon_refusals(wanted.addons),
        *_extra_config_refusals(wanted.extra_config),
        *_flag_refusals(wanted.extra_start_args),
    ]


def _refuse(code: str, symptom: str, **details: t.Any) -> Finding:
    return CATALOGUE[code].finding(symptom, **details)


def _gpu_refusals(wanted: Declaration) -> list[Finding]:
    if wanted.gpus not in GPU_VALUES:
        return [_refuse("MK-007", f"gpus: {wanted.gpus}", option="gpus", value=wanted.gpus, instead='all, nvidia, nvidia.com (CDI), or "" for none')]
    if not wanted.gpus:
        return []
    found = []
    if wanted.driver != "docker":
        found.append(_refuse("MK-001", f"gpus: {wanted.gpus}, driver: {wanted.driver}", driver=wanted.driver))
    if wanted.container_runtime != "docker":
        found.append(_refuse("MK-002", f"gpus: {wanted.gpus}, container_runtime: {wanted.container_runtime}", container_runtime=wanted.container_runtime))
    if wanted.nodes > 1:
        found.append(_refuse("MK-004", f"nodes: {wanted.nodes}, gpus: {wanted.gpus}", nodes=wanted.nodes))
    return found


def _value_refusals(wanted: Declaration) -> list[Finding]:
    found = []

    def refuse(option: str, value: t.Any, instead: str) -> None:
        found.append(_refuse("MK-007", f"{option}: {value}", option=option, value=value, instead=instead))

    if not NAME.match(wanted.name):
        refuse("name", wanted.name, "letters, digits and dashes, at least two, such as minikube")
    if wanted.memory not in ("", "auto", "max", "no-limit") and (size_mb(wanted.memory) or 0) < MINIMUM_MEMORY:
        refuse("memory", wanted.memory, f"a size of at least {MINIMUM_MEMORY} MB such as 16000mb or 16g, auto, max, or no-limit")
    if wanted.cpus not in ("", "auto", "max", "no-limit") and not (wanted.cpus.isdigit() and int(wanted.cpus) >= 2):
        refuse("cpus", wanted.cpus, "a whole number from 2 up such as 8, auto, max, or no-limit")
    if wanted.disk_size and size_mb(wanted.disk_size) is None:
        refuse("disk_size", wanted.disk_size, "a size such as 40g")
    if wanted.kubernetes_version and not re.match(r"^(v?\d+\.\d+(\.\d+(-[\w.]+)?)?|stable|latest|newest)$", wanted.kubernetes_version):
        refuse("kubernetes_version", wanted.kubernetes_version, "a version such as v1.35.1, or stable")
    for option, number, least in (("nodes", wanted.nodes, 1), ("start_timeout", wanted.start_timeout, 0), ("wait_timeout", wanted.wait_timeout, 0)):
        if number < least:
            refuse(option, number, f"a whole number from {least} up")
    return found


def _addon_refusals(addons: t.Mapping[str, bool | None]) -> list[Finding]:
    found = []
    for name, switch in addons.items():
        if not re.match(r"^[a-z0-9][a-z0-9-]*$", name):
            instead = "names that minikube addons list shows, such as metrics-server"
            found.append(_refuse("MK-007", f"addons: {name}", option="addons", value=name, instead=instead))
        elif switch is None:
            found.append(_refuse("MK-007", f"addons: {name}", option="addons", value=f"the value of {name}", instead=f"{name}: true or {name}: false"))
    return found


def _start_refusals(wanted: Declaration) -> list[Finding]:
    """Values that minikube finds wrong only after it has begun, or not at all (facts/minikube.md, "Seen in runs" 11)."""
    found = []

    def refuse(option: str, value: t.Any, instead: str) -> None:
        found.append(_refuse("MK-007", f"{option}: {value}", option=option, value=value, instead=instead))

    if wanted.static_ip and not _usable_static_ip(wanted.static_ip):
        refuse("static_ip", wanted.static_ip, "a private IPv4 address whose last number is 2 to 254, such as 192.168.200.200")
    for item in wanted.wait:
        if item not in WAIT_FOR and wanted.wait not in (("all",), ("none",), ("true",), ("false",)):
            refuse("wait", item, f"some of {', '.join(WAIT_FOR)}, or all or none alone")
    for mount in wanted.mounts:
        if not re.match(r"^/[^:]*:/[^:]+$", mount):
            refuse("mounts", mount, "two absolute paths such as /home/me/models:/models")
    if len(wanted.all_mounts) > 1:
        told = " and ".join(wanted.all_mounts)
        refuse("mounts", told, "one mount: minikube start takes a single --mount-string, and wsl_gpu: mounts needs it for itself")
    if wanted.force_systemd is not None and wanted.cgroup_driver in ("systemd", "cgroupfs") and wanted.force_systemd != (wanted.cgroup_driver == "systemd"):
        refuse("cgroup_driver", f"{wanted.cgroup_driver} with force_systemd: {str(wanted.force_systemd).lower()}", "only one of the two")
    return found


def _usable_static_ip(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return address.is_private and 2 <= int(text.rpartition(".")[2]) <= 254


def _extra_config_refusals(extra_config: t.Mapping[str, str]) -> list[Finding]:
    found = []
    for key, value in extra_config.items():
        component, dot, option = key.partition(".")
        if not dot or not option or component not in COMPONENTS:
            instead = f"component.option with one of {', '.join(COMPONENTS)}, such as kubelet.max-pods"
            found.append(_refuse("MK-007", f"extra_config: {key}", option="extra_config", value=key, instead=instead))
        elif component == "kubelet" and option != kebab(option):
            found.append(_refuse("MK-005", f"extra_config: {key}", flag=key, instead=f"kubelet.{kebab(option) or 'max-pods'}"))
        elif not value:
            instead = f"{key} with one plain value, such as 50"
            found.append(_refuse("MK-007", f"extra_config: {key}", option="extra_config", value=f"the value of {key}", instead=instead))
    return found


def _flag_refusals(arguments: t.Sequence[str]) -> list[Finding]:
    found = []
    for argument in arguments:
        if not argument.startswith("-"):
            continue
        # -p=gpu, -pgpu and -p gpu are the same.
        flag = argument.lstrip("-").partition("=")[0] if argument.startswith("--") else argument[1:2]
        if flag.startswith("kvm-"):
            found.append(
                _refuse("MK-003" if flag == "kvm-gpu" else "MK-008", argument, flag=argument, why="it belongs to the kvm2 driver", instead="driver: docker")
            )
        elif flag in _OWNED:
            why = f"the option {_OWNED[flag]} owns it"
            found.append(_refuse("MK-008", argument, flag=argument, why=why, instead=f"{_OWNED[flag]} as an option of its own"))
        elif flag in _FORBIDDEN:
            found.append(_refuse("MK-008", argument, flag=argument, why=_FORBIDDEN[flag], instead="the declaration without it"))
        elif re.search(r"[A-Z]", flag):
            found.append(_refuse("MK-005", argument, flag=argument, instead=f"--{kebab(flag)} (or extra_config, when it is meant for the kubelet)"))
    return found


def engine_refusals(wanted: Declaration, memory_mib: int, cpus: int) -> list[Finding]:
    """What does not fit the engine; minikube's own check knows the numbers too, but says so late and with other names."""
    found = []
    memory = size_mb(wanted.memory) or 0
    if memory_mib and memory > memory_mib:
        found.append(_refuse("MK-006", f"memory: {wanted.memory}", wanted=memory, available=memory_mib))
    if cpus and wanted.cpus.isdigit() and int(wanted.cpus) > cpus:
        found.append(_refuse("MK-009", f"cpus: {wanted.cpus}", wanted=wanted.cpus, available=cpus))
    return found


def with_sizes(wanted: Declaration, memory_mib: int, cpus: int) -> tuple[Declaration, list[Finding]]:
    """`auto` as numbers: what the engine has, less what the host (or the virtual machine around the engine) needs for itself."""
    found = []
    memory, processors = wanted.memory, wanted.cpus
    if memory == "auto":
        given = auto_memory(memory_mib)
        memory = f"{given}mb"
        if given < MINIMUM_MEMORY:
            found.append(_refuse("MK-050", f"the engine has {memory_mib} MB", available=memory_mib, least=MINIMUM_MEMORY))
        elif given < RECOMMENDED_MEMORY:
            found.append(_refuse("MK-051", f"the engine has {memory_mib} MB", available=memory_mib, given=given, usual=RECOMMENDED_MEMORY))
    if processors == "auto":
        # One for the host, two where there are plenty; minikube wants at least two.
        processors = str(max(2, cpus - (1 if cpus <= 4 else 2)))
    return replace(wanted, memory=memory, cpus=processors), found


def auto_memory(engine_mib: int) -> int:
    """Four fifths, but at least 2 GiB stay outside; in steps of 256 MB, so that a slightly different engine gives the same number."""
    return max(0, min(engine_mib * 4 // 5, engine_mib - 2048)) // 256 * 256


def advice(wanted: Declaration) -> list[Finding]:
    """What is allowed, but should be known."""
    found = []
    value = wanted.cgroup_driver if wanted.cgroup_driver != "auto" else wanted.extra_config.get("kubelet.cgroup-driver", "")
    if value:
        found.append(_refuse("MK-038", f"cgroup_driver: {value}", value=value))
    match = re.match(r"^v?1\.(\d+)", wanted.kubernetes_version)
    if match and int(match.group(1)) < 32:
        found.append(_refuse("MK-043", f"kubernetes_version: {wanted.kubernetes_version}", value=wanted.kubernetes_version))
    return found


def effective_extra_config(wanted: Declaration, engine_cgroup_driver: str = "") -> dict[str, str]:
    """extra_config with what cgroup_driver adds to it; `auto` adds nothing, because minikube aligns it by itself."""
    extra = {key: str(value) for key, value in wanted.extra_config.items()}
    driver = engine_cgroup_driver if wanted.cgroup_driver == "match_engine" else wanted.cgroup_driver
    if wanted.cgroup_driver != "auto" and driver:
        extra.setdefault("kubelet.cgroup-driver", driver)
    return extra


def start_arguments(wanted: Declaration, engine_cgroup_driver: str = "") -> list[str]:
    """The arguments of `minikube`: only flags that the declaration needs, and always the driver and runtime that --gpus depends on."""
    arguments = ["start", "-p", wanted.name, f"--driver={wanted.driver}", f"--container-runtime={wanted.container_runtime}"]
    arguments += ["--interactive=false", "--keep-context", "-o", "json"]
    for flag, value in (
        ("gpus", wanted.gpus),
        # `auto` is a number by now where a cluster is made; an existing one keeps what it has.
        ("memory", wanted.memory if wanted.memory != "auto" else ""),
        ("cpus", wanted.cpus if wanted.cpus != "auto" else ""),
        ("disk-size", wanted.disk_size),
        ("kubernetes-version", wanted.kubernetes_version),
        ("base-image", wanted.base_image),
        ("static-ip", wanted.static_ip),
        ("force-systemd", _switch(wanted.force_systemd)),
        ("preload", _switch(wanted.preload)),
        ("cache-images", _switch(wanted.cache_images)),
        ("wait", ",".join(wanted.wait)),
        ("nodes", str(wanted.nodes) if wanted.nodes > 1 else ""),
        ("wait-timeout", f"{wanted.wait_timeout}s" if wanted.wait_timeout != 360 else ""),
    ):
        arguments += [f"--{flag}={value}"] if value else []
    for mount in wanted.all_mounts:
        # --mount is needed before minikube 1.37 and ignored since (kubernetes/minikube#21291).
        arguments += ["--mount", f"--mount-string={mount}"]
    arguments += [f"--addons={name}" for name, on in sorted(wanted.addons.items()) if on]
    arguments += [f"--extra-config={key}={value}" for key, value in sorted(effective_extra_config(wanted, engine_cgroup_driver).items())]
    return [*arguments, *wanted.extra_start_args]


def _switch(value: bool | None) -> str:
    return "" if value is None else str(value).lower()
