# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine describes itself, its images and its containers: the JSON of `docker version`, `info`, `inspect`, `ps`.

Shapes: recordings/docker/{version_json,info_json,inspect_gpus_all,image_ls}.json and recordings/minikube/docker_{inspect,ps}_node.json; values of
Docker Desktop: samples/windows/docker_info_desktop_wsl2_29.6.2.txt and docker_version_desktop_4.91.0.txt.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..station import Station, moment
from . import desktop, own_engine

CLIENT_COMMIT = "88096ef"
SERVER_COMMIT = "3ce5872"
API_VERSION = "1.56"
GO_VERSION = "go1.26.8"
CONTAINERD = "v2.3.4"
# Of the 4.91.0 sample; other products of the document carry no build number.
BUILDS = {"4.91.0": "239619", "4.58.0": "216728"}
NEVER = "0001-01-01T00:00:00Z"
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
# What a registry would hand out: repository -> tags; a tag "*" stands for all. Others are "manifest unknown".
REGISTRY: dict[str, tuple[str, ...]] = {
    "busybox": ("latest", "1.36"),
    "debian": ("stable-slim", "bookworm-slim", "12-slim", "13-slim"),
    "gcr.io/k8s-minikube/kicbase": ("*",),
    "nvcr.io/nvidia/cuda": ("12.6.0-base-ubuntu24.04", "12.6.0-base-ubuntu22.04", "12.9.0-base-ubuntu24.04"),
    "nvcr.io/nvidia/k8s-device-plugin": ("*",),
    "nvcr.io/nvidia/k8s/cuda-sample": ("*",),
    # facts/nvidia.md "Probe images": 11.0-base was removed.
    "nvidia/cuda": ("12.6.0-base-ubuntu24.04", "12.8.1-base-ubuntu24.04", "12.9.0-base-ubuntu24.04"),
    "python": ("3.13-slim-bookworm", "3.12-slim-bookworm"),
    "ubuntu": ("24.04", "22.04", "latest", "noble"),
}


def client(station: Station) -> dict[str, Any]:
    own = own_engine.release(station.state) or own_engine.Release(desktop.ENGINE_VERSION, API_VERSION, CLIENT_COMMIT)
    return {
        "Version": own.version, "ApiVersion": own.api, "DefaultAPIVersion": own.api, "GitCommit": own.commit, "GoVersion": GO_VERSION,
        "Os": "linux", "Arch": "amd64", "BuildTime": "Thu Sep  3 21:53:38 2026", "Context": "default",
    }  # fmt: skip


def platform_name(station: Station) -> str:
    own = own_engine.release(station.state)
    if own is not None:
        return own.platform
    product = str(station.state["docker"]["desktop"]["version"])
    return f"Docker Desktop {product} ({BUILDS.get(product, '000000')})"


def server(station: Station) -> dict[str, Any]:
    from ..distro.processes import KERNEL

    number = desktop.engine(station)["version"]
    own = own_engine.release(station.state) or own_engine.Release(number, API_VERSION, SERVER_COMMIT)
    details = {
        "ApiVersion": own.api, "Arch": "amd64", "BuildTime": "Thu Sep  3 21:51:20 2026", "Experimental": "false", "GitCommit": own.commit,
        "GoVersion": GO_VERSION, "KernelVersion": KERNEL, "MinAPIVersion": "1.40", "Os": "linux",
    }  # fmt: skip
    components = [{"Name": "Engine", "Version": number, "Details": details}, {"Name": "containerd", "Version": CONTAINERD, "Details": {"GitCommit": ""}}]
    return {
        "Platform": {"Name": platform_name(station)}, "Components": components, "Version": number, "ApiVersion": own.api, "MinAPIVersion": "1.40",
        "GitCommit": own.commit, "GoVersion": GO_VERSION, "Os": "linux", "Arch": "amd64", "KernelVersion": KERNEL,
        "BuildTime": "2026-09-03T21:51:20.000000000+00:00",
    }  # fmt: skip


def version_text(data: dict[str, Any]) -> str:
    mine, other = data["Client"], data["Server"]
    lines = ["Client:"] + [
        f" {label + ':':<18} {mine[key]}"
        for label, key in (
            ("Version", "Version"),
            ("API version", "ApiVersion"),
            ("Go version", "GoVersion"),
            ("Git commit", "GitCommit"),
            ("Built", "BuildTime"),
        )
    ]
    lines += [" OS/Arch:           linux/amd64", " Context:           default"]
    if other:
        details = other["Components"][0]["Details"]
        lines += ["", f"Server: {other['Platform']['Name']}", " Engine:", f"  Version:          {other['Version']}"]
        lines += [f"  API version:      {other['ApiVersion']} (minimum version 1.40)", f"  Go version:       {GO_VERSION}"]
        lines += [f"  Git commit:       {other['GitCommit']}"]
        lines += [f"  Built:            {details['BuildTime']}", "  OS/Arch:          linux/amd64", "  Experimental:     false"]
        lines += [" containerd:", f"  Version:          {CONTAINERD}"]
    return "\n".join(lines) + "\n"


def _info_base(station: Station, name: str) -> dict[str, Any]:
    """A recorded `docker info --format json` as the frame for the values of the station."""
    recorded = json.loads((RECORDINGS / "docker" / name).read_text())
    entry = recorded if isinstance(recorded, dict) else next(item for item in recorded if item["argv"][:2] == ["docker", "info"])
    data: dict[str, Any] = json.loads(entry["stdout"])
    mine = client(station)
    data["ClientInfo"].update({key: mine[key] for key in ("Version", "DefaultAPIVersion", "GitCommit", "GoVersion", "BuildTime")})
    return data


def empty_info(station: Station) -> dict[str, Any]:
    return _info_base(station, "daemon_not_running.json")


def info(station: Station) -> dict[str, Any]:
    from ..distro.processes import KERNEL

    data, held = _info_base(station, "gpu_engine_info_json.json"), desktop.engine(station)
    states = [item["state"] for item in held["containers"].values()]
    data.update(
        ID="00000000-0000-4000-8000-000000000000", Containers=len(states), ContainersRunning=states.count("running"), ContainersStopped=states.count("exited"),
        Images=len(held["images"]), Driver="overlayfs", DriverStatus=[["driver-type", "io.containerd.snapshotter.v1"]], CgroupDriver=held["cgroup_driver"],
        CgroupVersion=held.get("cgroup_version", "2"),
        KernelVersion=KERNEL, OperatingSystem="Docker Desktop", OSVersion="", NCPU=held["cpus"], MemTotal=held["memory_bytes"], Name="docker-desktop",
        ServerVersion=held["version"], Runtimes={name: {"path": "nvidia-container-runtime" if name == "nvidia" else "runc"} for name in held["runtimes"]},
        DefaultRuntime="runc", SystemTime=f"{station.now():%Y-%m-%dT%H:%M:%S.%f}000Z", CDISpecDirs=["/etc/cdi", "/var/run/cdi"],
        DiscoveredDevices=[{"Source": "cdi", "ID": "docker.com/gpu=webgpu"}], HttpProxy="http.docker.internal:3128", HttpsProxy="http.docker.internal:3128",
        NoProxy="hubproxy.docker.internal", Labels=["com.docker.desktop.address=npipe://\\\\.\\pipe\\docker_cli"], ContainerdCommit={"ID": ""},
        RuncCommit={"ID": ""},
        SecurityOptions=["name=seccomp,profile=builtin", "name=cgroupns"],
    )  # fmt: skip
    if own_engine.release(station.state):
        data.update(own_engine.info(station.state))
    return data


def info_text(data: dict[str, Any]) -> str:
    if not data["ServerVersion"]:
        return f"Client:\n Version:    {data['ClientInfo']['Version']}\n Context:    default\n Debug Mode: false\n\nServer:\n"
    return (
        f"Client:\n Version:    {data['ClientInfo']['Version']}\n Context:    default\n Debug Mode: false\n\nServer:\n Containers: {data['Containers']}\n"
        f"  Running: {data['ContainersRunning']}\n  Paused: 0\n  Stopped: {data['ContainersStopped']}\n Images: {data['Images']}\n Server Version: "
        f"{data['ServerVersion']}\n"
        f" Storage Driver: {data['Driver']}\n Cgroup Driver: {data['CgroupDriver']}\n Cgroup Version: {data['CgroupVersion']}\n Runtimes: "
        f"{' '.join(data['Runtimes'])}\n"
        f" Default Runtime: {data['DefaultRuntime']}\n Kernel Version: {data['KernelVersion']}\n Operating System: {data['OperatingSystem']}\n OSType: linux\n"
        f" Architecture: x86_64\n CPUs: {data['NCPU']}\n Total Memory: {data['MemTotal'] / desktop.GIB:.4g}GiB\n Name: {data['Name']}\n"
    )


# --- images


def full_tag(name: str) -> str:
    """`repository:tag`, without a digest; the tag is `latest` where none is given."""
    name = name.split("@")[0]
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def long_name(tag: str) -> str:
    first, slash, _rest = tag.partition("/")
    if slash and ("." in first or ":" in first):
        return tag
    return f"docker.io/{tag}" if slash else f"docker.io/library/{tag}"


def offered(tag: str) -> bool:
    repository, _colon, label = tag.rpartition(":")
    repository = repository.removeprefix("docker.io/").removeprefix("library/")
    tags = REGISTRY.get(repository, ())
    return label in tags or "*" in tags


def image_id(tag: str) -> str:
    return "sha256:" + hashlib.sha256(tag.encode()).hexdigest()


def new_image(tag: str, created: str, size: int = 78_100_000) -> dict[str, Any]:
    return {"id": image_id(tag), "created": created, "size": size}


def images(station: Station) -> dict[str, dict[str, Any]]:
    with station.lock:
        return dict(desktop.engine(station)["images"])


def find_image(station: Station, name: str) -> tuple[str, dict[str, Any]] | None:
    tag, held = full_tag(name).removeprefix("docker.io/").removeprefix("library/"), images(station)
    for key, image in held.items():
        bare = image["id"].removeprefix("sha256:")
        if tag == key.removeprefix("docker.io/").removeprefix("library/") or (len(name) >= 12 and bare.startswith(name.removeprefix("sha256:"))):
            return key, image
    return None


def image_row(tag: str, image: dict[str, Any]) -> dict[str, Any]:
    repository, _colon, label = tag.rpartition(":")
    size = f"{image['size'] / 1e6:.3g}MB"
    return {
        "Containers": "N/A", "CreatedAt": _go_time(image["created"]), "CreatedSince": "2 weeks ago", "Digest": "<none>",
        "ID": image["id"].removeprefix("sha256:")[:12],
        "Repository": repository, "SharedSize": "N/A", "Size": size, "Tag": label, "UniqueSize": "N/A", "VirtualSize": size,
    }  # fmt: skip


def image_details(tag: str, image: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": image["id"], "RepoTags": [tag], "RepoDigests": [f"{tag.rpartition(':')[0]}@{image['id']}"], "Comment": "", "Created": image["created"],
        "Author": "",
        "Config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/bash"], "Labels": None},
        "Architecture": "amd64", "Os": "linux", "Size": image["size"], "RootFS": {"Type": "layers", "Layers": [image["id"]]},
    }  # fmt: skip


# --- containers


def containers(station: Station) -> dict[str, dict[str, Any]]:
    with station.lock:
        return dict(desktop.engine(station)["containers"])


def find_container(station: Station, name: str) -> tuple[str, dict[str, Any]] | None:
    for key, item in containers(station).items():
        if name in (key, item["id"]) or (len(name) >= 12 and item["id"].startswith(name)):
            return key, item
    return None


def labels_text(item: dict[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(item.get("labels", {}).items()))


def ports_text(item: dict[str, Any]) -> str:
    return ", ".join(f"127.0.0.1:{host}->{inside}" for inside, host in item.get("ports", {}).items()) if item["state"] == "running" else ""


def status_text(station: Station, item: dict[str, Any]) -> str:
    if item["state"] == "created":
        return "Created"
    if item["state"] == "running":
        return f"Up {_duration(station, item['started'])}"
    return f"Exited ({item.get('exit_code', 0)}) {_duration(station, item['started'])} ago"


def _duration(station: Station, since: str) -> str:
    seconds = int((station.now() - moment(since)).total_seconds())
    if seconds < 1:
        return "Less than a second"
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _go_time(iso: str) -> str:
    return f"{moment(iso):%Y-%m-%d %H:%M:%S} +0000 UTC"


def container_row(station: Station, name: str, item: dict[str, Any]) -> dict[str, Any]:
    command = " ".join(item["command"])
    return {
        "Command": f'"{command if len(command) <= 20 else command[:19] + "…"}"', "CreatedAt": _go_time(item["created"]), "ID": item["id"][:12],
        "Image": item["image"],
        "Labels": labels_text(item), "LocalVolumes": "1" if item.get("node") else "0", "Mounts": f"/lib/modules,{name}" if item.get("node") else "",
        "Names": name,
        "Networks": name if item.get("node") else "bridge", "Platform": None, "Ports": ports_text(item),
        "RunningFor": f"{_duration(station, item['created'])} ago",
        "Size": "0B", "State": item["state"], "Status": status_text(station, item),
    }  # fmt: skip


def container_details(name: str, item: dict[str, Any]) -> dict[str, Any]:
    running = item["state"] == "running"
    requests = [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}] if item.get("gpus") else None
    ports = {inside: [{"HostIp": "127.0.0.1", "HostPort": str(host)}] for inside, host in item.get("ports", {}).items()} if running else {}
    state = {
        "Status": item["state"], "Running": running, "Paused": item["state"] == "paused", "Restarting": False, "OOMKilled": False, "Dead": False,
        "Pid": 4711 if running else 0,
        "ExitCode": item.get("exit_code", 0), "Error": "", "StartedAt": item["started"], "FinishedAt": NEVER if running else item["started"],
    }  # fmt: skip
    return {
        "Id": item["id"], "Created": item["created"], "Path": item["command"][0], "Args": item["command"][1:], "State": state, "Image": image_id(item["image"]),
        "Name": f"/{name}", "RestartCount": 0, "Driver": "overlayfs", "Platform": "linux",
        "HostConfig": {
            "Binds": [f"{name}:/var", "/lib/modules:/lib/modules:ro"] if item.get("node") else None, "NetworkMode": name if item.get("node") else "bridge",
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": bool(item.get("auto_remove")), "Privileged": bool(item.get("node")),
            "Runtime": "runc",
            "Memory": item.get("memory", 0), "NanoCpus": item.get("nano_cpus", 0), "Devices": [], "DeviceRequests": requests,
        },
        "Mounts": [
            {"Type": "volume", "Name": name, "Source": f"/var/lib/docker/volumes/{name}/_data", "Destination": "/var", "Driver": "local", "RW": True},
        ] if item.get("node") else [],
        "Config": {
            "Hostname": name, "Env": item.get("env", []), "Cmd": None if item.get("node") else item["command"], "Image": item["image"],
            "Labels": item.get("labels", {}),
        },
        "NetworkSettings": {
            "Ports": ports,
            "Networks": {name: {"IPAddress": item.get("ip", "") if running else "", "Gateway": "192.168.49.1"}} if item.get("node") else {},
        },
    }  # fmt: skip
