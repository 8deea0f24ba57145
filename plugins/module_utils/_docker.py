# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the docker client prints, as data, and what its failures mean: text in, dataclasses and findings out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue, Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_docker import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import version_key

CATALOGUE = Catalogue(ENTRIES)

DESKTOP = "docker_desktop"
IN_DISTRO = "engine_in_distro"
NATIVE = "native"
ROOTLESS = "rootless"
WINDOWS = "windows_containers"

# The container part of a failed `docker run`, and the usage hint of the client, which says nothing.
_NOISE = re.compile(r"^(Run 'docker run --help' for more information|See 'docker run --help'\.?|Usage:\s+docker .*)$", re.MULTILINE)

# As `docker run --gpus` takes them, or CDI names.
GPUS = re.compile(r"^(all|[1-9]\d*|device=[\w.:-]+(,[\w.:-]+)*|[\w.-]+/[\w.-]+=[\w.:-]+(,[\w.-]+/[\w.-]+=[\w.:-]+)*)$")


@dataclass(frozen=True)
class Engine:
    """One Docker engine as its client describes it."""

    kind: str
    version: str
    client_version: str = ""
    desktop_version: str = ""
    os_type: str = ""
    operating_system: str = ""
    kernel: str = ""
    cgroup_driver: str = ""
    cgroup_version: str = ""
    runtimes: tuple[str, ...] = ()
    default_runtime: str = ""
    cdi_devices: tuple[str, ...] = ()
    cdi_spec_dirs: tuple[str, ...] = ()
    memory_bytes: int = 0
    cpus: int = 0
    storage_driver: str = ""
    security: tuple[str, ...] = field(default=())

    @property
    def memory_mib(self) -> int:
        return self.memory_bytes // (1024 * 1024)

    def told(self) -> str:
        product = f"Docker Desktop {self.desktop_version}" if self.kind == DESKTOP and self.desktop_version else _KINDS[self.kind]
        return f"{product}, engine {self.version}, cgroup driver {self.cgroup_driver or 'unknown'} (v{self.cgroup_version or '?'})"

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "version": self.version,
            "client_version": self.client_version,
            "desktop_version": self.desktop_version,
            "os_type": self.os_type,
            "operating_system": self.operating_system,
            "kernel": self.kernel,
            "cgroup_driver": self.cgroup_driver,
            "cgroup_version": self.cgroup_version,
            "runtimes": list(self.runtimes),
            "default_runtime": self.default_runtime,
            "cdi_devices": list(self.cdi_devices),
            "cdi_spec_dirs": list(self.cdi_spec_dirs),
            "memory_mib": self.memory_mib,
            "cpus": self.cpus,
            "storage_driver": self.storage_driver,
        }


_KINDS = {
    DESKTOP: "Docker Desktop",
    IN_DISTRO: "Docker Engine inside the distro",
    NATIVE: "Docker Engine",
    ROOTLESS: "rootless Docker Engine",
    WINDOWS: "Docker with Windows containers",
}


def parse_engine(version_text: str, info_text: str) -> Engine | None:
    """From `docker version` and `docker info`, both as JSON; None when there is no server in them."""
    version, info = _object(version_text), _object(info_text)
    server = version.get("Server") or {}
    if not server or not info.get("ServerVersion"):
        return None
    platform = str((server.get("Platform") or {}).get("Name", ""))
    desktop = re.match(r"Docker Desktop (\d[\d.]*)", platform)
    return Engine(
        kind=_kind(platform, info),
        version=str(info["ServerVersion"]),
        client_version=str((version.get("Client") or {}).get("Version", "")),
        desktop_version=desktop.group(1) if desktop else "",
        os_type=str(info.get("OSType", "")),
        operating_system=str(info.get("OperatingSystem", "")),
        kernel=str(info.get("KernelVersion", "")),
        cgroup_driver=str(info.get("CgroupDriver", "")),
        cgroup_version=str(info.get("CgroupVersion", "")),
        runtimes=tuple(sorted(info.get("Runtimes") or {})),
        default_runtime=str(info.get("DefaultRuntime", "")),
        cdi_devices=tuple(str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or []),
        cdi_spec_dirs=tuple(str(folder) for folder in info.get("CDISpecDirs") or []),
        memory_bytes=int(info.get("MemTotal") or 0),
        cpus=int(info.get("NCPU") or 0),
        storage_driver=str(info.get("Driver", "")),
        security=tuple(str(option) for option in info.get("SecurityOptions") or []),
    )


def _kind(platform: str, info: t.Mapping[str, t.Any]) -> str:
    if str(info.get("OSType", "")).lower() == "windows":
        return WINDOWS
    if platform.startswith("Docker Desktop") or info.get("OperatingSystem") == "Docker Desktop":
        return DESKTOP
    if any("name=rootless" in str(option) for option in info.get("SecurityOptions") or []):
        return ROOTLESS
    return IN_DISTRO if "microsoft" in str(info.get("KernelVersion", "")).lower() else NATIVE


def _object(text: str) -> dict[str, t.Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def cleaned(text: str) -> str:
    """The client's output without its usage hints."""
    return _NOISE.sub("", text).strip()


def classify_engine(text: str) -> tuple[Entry, Finding]:
    """Why `docker version` or `docker info` failed."""
    text = cleaned(text)
    entry = CATALOGUE.recognise(text, ["docker"]) or CATALOGUE["DOCKER-099"]
    return entry, entry.finding(CATALOGUE.excerpt(entry, text))


def classify_run(rc: int | None, text: str, image: str = "", gpus: str = "all", nvidia_smi: bool = True) -> tuple[Entry, Finding]:
    """Why `docker run --gpus` failed, by its text; `nvidia_smi` is false for a CUDA program.

    Never by the exit code: the client gives 127 both for a missing program and for a hook whose error ends in "no such file or
    directory", 125 or 126 for the engine's own refusals. What a hook said is more specific than what the engine made of it, and
    the entries stand in that order.
    """
    text = cleaned(text)
    unknown = CATALOGUE["DOCKER-GPU-099" if nvidia_smi else "DOCKER-GPU-061"]
    entry = CATALOGUE.recognise(text, ["docker_gpu"]) or CATALOGUE.recognise(text, ["docker"]) or unknown
    return entry, entry.finding(CATALOGUE.excerpt(entry, text), image=image, gpus=gpus, rc=rc)


def release_findings(engine: Engine) -> list[tuple[Entry, Finding]]:
    """What is known of this engine without running anything on it."""
    codes = []
    if engine.kind == WINDOWS:
        codes.append("DOCKER-007")
    if engine.kind == ROOTLESS:
        codes.append("DOCKER-012")
    if (0,) < version_key(engine.version) < (19, 3):
        codes.append("DOCKER-014")
    version = version_key(engine.desktop_version)
    if version:
        if version[:3] == (4, 17, 1):
            codes.append("DOCKER-008")
        elif version[:3] in ((3, 3, 2), (3, 3, 3)):
            codes.append("DOCKER-009")
        elif version < (4, 31, 0):
            codes.append("DOCKER-010")
        elif version[:3] in ((4, 54, 0), (4, 58, 0)):
            codes.append("DOCKER-011")
    return [(CATALOGUE[code], CATALOGUE[code].finding(engine.told(), version=engine.desktop_version or engine.version)) for code in codes]


@dataclass(frozen=True)
class Container:
    """What `docker inspect` says of one container."""

    name: str
    status: str
    image: str
    labels: t.Mapping[str, str]
    gpus: str
    memory_bytes: int
    ports: t.Mapping[str, int]

    @property
    def running(self) -> bool:
        return self.status == "running"


def parse_container(text: str) -> Container | None:
    """The first container of `docker inspect NAME`; None when there is none (the client then prints `[]`)."""
    try:
        parsed = json.loads(text or "[]")
    except ValueError:
        return None
    if not isinstance(parsed, list) or not parsed:
        return None
    data = parsed[0]
    host, config = data.get("HostConfig") or {}, data.get("Config") or {}
    return Container(
        name=str(data.get("Name", "")).lstrip("/"),
        status=str((data.get("State") or {}).get("Status", "")),
        image=str(config.get("Image", "")),
        labels=dict(config.get("Labels") or {}),
        gpus=_gpu_request(host),
        memory_bytes=int(host.get("Memory") or 0),
        ports=_published(data),
    )


def parse_volume_labels(text: str) -> dict[str, str]:
    """The labels of the first volume of `docker volume inspect NAME`; none where they cannot be read (the client writes `null` for none)."""
    try:
        parsed = json.loads(text or "[]")
    except ValueError:
        return {}
    data = parsed[0] if isinstance(parsed, list) and parsed and isinstance(parsed[0], dict) else {}
    return dict(data.get("Labels") or {})


def _gpu_request(host: t.Mapping[str, t.Any]) -> str:
    """How the container asked for GPUs: `all`, a count, device ids, a CDI name, or empty."""
    for request in host.get("DeviceRequests") or []:
        if request.get("Driver") == "cdi":
            return ",".join(request.get("DeviceIDs") or [])
        if any("gpu" in (group or []) for group in request.get("Capabilities") or []):
            if request.get("DeviceIDs"):
                return "device=" + ",".join(request["DeviceIDs"])
            return "all" if request.get("Count") == -1 else str(request.get("Count"))
    return ""


def _published(data: t.Mapping[str, t.Any]) -> dict[str, int]:
    ports = (data.get("NetworkSettings") or {}).get("Ports") or {}
    return {name: int(bindings[0]["HostPort"]) for name, bindings in ports.items() if bindings and str(bindings[0].get("HostPort", "")).isdigit()}
