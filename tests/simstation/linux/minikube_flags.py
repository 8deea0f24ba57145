# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""minikube's flags: how they are parsed, and what `start` refuses before it does anything. Order and texts: the `start_*` recordings."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from .minikube_output import Exit, Output

if TYPE_CHECKING:
    from ..distro.programs import Call

USAGE = 14
# Known flags: those that take a value, and the switches.
VALUED = [
    "profile",
    "output",
    "driver",
    "vm-driver",
    "container-runtime",
    "gpus",
    "memory",
    "cpus",
    "kubernetes-version",
    "addons",
    "extra-config",
    "wait",
    "wait-timeout",
    "disk-size",
    "nodes",
    "base-image",
    "static-ip",
    "subnet",
    "ports",
    "network",
    "cni",
    "feature-gates",
    "image-mirror-country",
    "image-repository",
    "registry-mirror",
    "insecure-registry",
    "apiserver-port",
    "apiserver-ips",
    "apiserver-name",
    "mount-string",
    "format",
    "layout",
    "node",
    "shell",
    "images",
    "registries",
    "file",
    "log-file",
    "v",
    "alsologtostderr",
    "logtostderr",
    "listen-address",
    "docker-env",
    "docker-opt",
    "namespace",
    "cert-expiration",
    "length",
    "tag",
    "build-opt",
]
SWITCHES = [
    "interactive",
    "install-addons",
    "preload",
    "force",
    "dry-run",
    "delete-on-failure",
    "download-only",
    "cache-images",
    "keep-context",
    "keep-context-active",
    "embed-certs",
    "force-systemd",
    "all",
    "purge",
    "light",
    "short",
    "detailed",
    "ssh",
    "native-ssh",
    "daemon",
    "remote",
    "pull",
    "overwrite",
    "push",
    "mount",
    "ha",
    "disable-metrics",
    "disable-optimizations",
    "no-kubernetes",
    "schedule",
    "follow",
    "problems",
]
SHORT = {
    "p": "profile",
    "o": "output",
    "d": "driver",
    "c": "container-runtime",
    "g": "gpus",
    "m": "memory",
    "f": "format",
    "l": "light",
    "n": "nodes",
    "t": "tag",
    "v": "v",
}
REPEATED = ("addons", "build-opt", "extra-config", "insecure-registry", "docker-env", "docker-opt", "registry-mirror", "ports")
DRIVERS = ("docker", "kvm2", "qemu2", "qemu", "none", "podman", "ssh", "virtualbox", "vmware")
RUNTIMES = ("", "docker", "cri-o", "crio", "containerd")
COMPONENTS = ("apiserver", "controller-manager", "scheduler", "etcd", "kubeadm", "kubelet", "kube-proxy")
GPUS = ("", "all", "nvidia", "amd", "nvidia.com")
# Newest patch of each minor that minikube v1.38.1 knows, and its oldest: recordings/minikube/{config_defaults_k8s,start_k8s_too_old}.json, up to its newest.
PATCHES = {"1.35": "v1.35.1", "1.34": "v1.34.11", "1.33": "v1.33.13", "1.32": "v1.32.13", "1.31": "v1.31.14"}
OLDEST = "v1.28.0"
UNITS = {"": 1, "b": 1 / 1048576, "k": 1 / 1024, "kb": 1 / 1024, "m": 1, "mb": 1, "g": 1024, "gb": 1024, "t": 1048576}
MINIMUM_MEMORY = 1800


class Flags(dict[str, list[str]]):
    """Flag -> the values given for it."""

    def value(self, name: str, default: str = "") -> str:
        return self[name][-1] if name in self else default

    def on(self, name: str, default: bool = False) -> bool:
        return self.value(name, "true" if default else "false") in ("true", "1", "t")

    def many(self, name: str) -> list[str]:
        return [item for value in self.get(name, []) for item in value.split(",") if item]


def parse(call: Call, words: list[str]) -> tuple[Flags, list[str], list[str]]:
    """Flags, the other words, and what stands behind `--`; an unknown flag ends minikube as cobra does."""
    flags = Flags()
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            return flags, rest, words
        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            name = name[2:]
        else:
            name, value = SHORT.get(name[1:2], name[1:]), value if equals else word[2:]
            equals = "=" if value else ""
        if name not in VALUED and name not in SWITCHES:
            raise cobra(call, f"unknown flag: --{name}", words)
        if name in VALUED and not equals:
            if not words:
                raise cobra(call, f"flag needs an argument: --{name}", words)
            value = words.pop(0)
        flags.setdefault(name, []).append(value if name in VALUED or equals else "true")
    return flags, rest, []


def cobra(call: Call, message: str, _words: list[str]) -> Exit:
    command = call.argv[1] if len(call.argv) > 1 else ""
    call.err(f"Error: {message}\nSee 'minikube {command} --help' for usage.\n")
    return Exit(USAGE)


def check_shapes(call: Call, flags: Flags) -> None:
    """What cobra refuses while it parses, before the first event."""
    for value in flags.get("extra-config", []):
        if "." not in value.partition("=")[0]:
            raise cobra(call, f'invalid argument "{value}" for "--extra-config" flag: invalid value: must contain at least one period: "{value}"', [])


def kubernetes_version(out: Output, flags: Flags, default: str) -> str:
    wanted = flags.value("kubernetes-version")
    if wanted in ("", "stable", "latest", "newest"):
        return default
    match = re.fullmatch(r"v?(\d+)\.(\d+)(\.\d+)?([-+].*)?", wanted)
    if not match:
        raise out.fail("MK_USAGE", USAGE, f'Unable to parse "{wanted}": No Major.Minor.Patch elements found')
    minor = f"{match[1]}.{match[2]}"
    if not match[3]:
        if minor not in PATCHES:
            advice = "Specify --kubernetes-version in v<major>.<minor.<build> form. example: 'v1.1.14'"
            raise out.fail("MK_PATCH_NOT_FOUND", USAGE, f"Unable to detect the latest patch release for specified major.minor version v{minor}", advice=advice)
        return PATCHES[minor]
    version = "v" + wanted.removeprefix("v")
    if version_key(version) < version_key(OLDEST) and not flags.on("force"):
        bare = version[1:]
        out.warning(
            f"Specified Kubernetes version {bare} is less than the oldest supported version: {OLDEST}. Use `minikube config defaults kubernetes-version` for "
            f"details."
        )
        out.warning("You can force an unsupported Kubernetes version via the --force flag")
        raise out.fail("K8S_OLD_UNSUPPORTED", 106, f"Kubernetes {bare} is not supported by this release of minikube")
    return version


def version_key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def check_gpus_and_runtime(out: Output, flags: Flags, driver: str) -> None:
    gpus, runtime = flags.value("gpus"), flags.value("container-runtime")
    if runtime not in RUNTIMES:
        raise out.fail("MK_USAGE", USAGE, f"Invalid Container Runtime: {runtime}. Valid runtimes are: [docker cri-o containerd]")
    if gpus not in GPUS:
        raise out.fail("MK_USAGE", USAGE, 'The gpus flag must be passed a value of "nvidia", "nvidia.com", "amd" or "all"')
    if gpus and (driver != "docker" or runtime not in ("", "docker")):
        raise out.fail("MK_USAGE", USAGE, "The gpus flag can only be used with the docker driver and docker container-runtime")


def memory_mb(out: Output, text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text)
    if not match or match[2].lower() not in UNITS:
        suffix = match[2] if match else text
        raise out.fail("MK_USAGE", USAGE, f"Unable to parse memory '{text}': FromHumanSize: invalid suffix: '{suffix}'")
    return int(float(match[1]) * UNITS[match[2].lower()])


def check_memory(out: Output, requested: int, system: int, engine: int, new: bool, force: bool) -> None:
    if force:
        return
    if requested > system:
        advice = "Start minikube with less memory allocated: 'minikube start --memory={{.advised}}mb'"
        raise out.fail("RSRC_OVER_ALLOC_MEM", 10, f"Requested memory allocation {requested}MB is more than your system limit {system}MB.", advice=advice)
    if requested < MINIMUM_MEMORY:
        raise out.fail("RSRC_INSUFFICIENT_REQ_MEMORY", 23, f"Requested memory allocation {requested}MiB is less than the usable minimum of {MINIMUM_MEMORY}MB")
    if new and requested > engine:
        raise out.fail("MK_USAGE", USAGE, f"Docker has only {engine}MB memory but you specified {requested}MB")  # facts/minikube.md, start flags


def nanoseconds(duration: str) -> int:
    """A duration of Go as config.json keeps it: recordings/minikube/profile_config_kubelet_camelcase.json has 120000000000 for 2m."""
    parts = re.findall(r"(\d+)(h|m|s)", duration)
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts) * 10**9


def check_cpus(out: Output, text: str, available: int, force: bool) -> int:
    """The number of CPUs; 0 is no limit, which is also what a word becomes (recordings/minikube/start_cpus_word.json)."""
    if text == "max":
        return available
    if not text.isdigit():
        return 0
    number = int(text)
    if number < 2 and not force:
        raise out.fail("RSRC_INSUFFICIENT_CORES", 29, f"Requested cpu count {number} is less than the minimum allowed of 2")
    if number > available and not force:
        raise out.fail("RSRC_INSUFFICIENT_CORES", 29, f"Requested cpu count {number} is greater than the available cpus of {available}")
    return number


def check_the_rest(out: Output, flags: Flags) -> None:
    wrong = [item.partition(".")[0] for item in flags.get("extra-config", []) if item.partition(".")[0] not in COMPONENTS]
    if wrong:
        out.warning(f"These --extra-config parameters are invalid: [{' '.join(wrong)}]")
        raise out.fail("MK_USAGE", USAGE, f"Valid components are: [{' '.join(COMPONENTS)}]")
    for port in flags.many("ports"):
        if not re.fullmatch(r"([\d.]+:)?\d+(-\d+)?(:\d+(-\d+)?)?(/\w+)?", port):
            raise out.fail("MK_USAGE", USAGE, f"Sorry, one of the ports provided with --ports flag is not valid: {port}")
    subnet = flags.value("subnet")
    if subnet and not re.fullmatch(r"[\d.]+(/\d+)?", subnet):
        raise out.fail("MK_USAGE", USAGE, f"Sorry, unable to parse subnet: failed parsing address {subnet}: invalid CIDR address: {subnet}")
    static = flags.value("static-ip")
    if static and not _is_private(static):
        raise out.fail("MK_USAGE", USAGE, "static IP must be private")


def _is_private(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text).is_private
    except ValueError:
        return False


def extra_options(flags: Flags) -> list[dict[str, str]] | None:
    options = []
    for item in flags.get("extra-config", []):
        name, _equals, value = item.partition("=")
        component, _dot, key = name.partition(".")
        options.append({"Component": component, "Key": key, "Value": value})
    return options or None
