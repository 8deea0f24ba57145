# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED Docker engine that a distro has of its own: the package that brought it, and what its service read when it was started.

One engine per station: where a distro has its own, the section `docker.engine` of the document is that one's. Shapes:
recordings/docker/{version,info}_json.json; what makes `--gpus` work is whether NVIDIA's hook was there at the engine's start (facts/testbeds.md section 3).
With cgroup v2 and systemd the engine's cgroup driver is systemd (docs.docker.com, dockerd, "exec-opts").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..distro.accounts import Accounts, Group
from ..station import Station, timestamp

State = dict[str, Any]

SERVICE, GROUP = "docker", "docker"
DAEMON_JSON = "docker/daemon.json"
TOOLKIT = "nvidia-container-toolkit"
DENIED = "permission denied while trying to connect to the Docker daemon socket"
PING = 'Head "http://%2Fvar%2Frun%2Fdocker.sock/_ping"'
RUNTIMES = ("io.containerd.runc.v2", "runc")


@dataclass(frozen=True)
class Release:
    """What `docker version` says of an engine. API numbers: docs.docker.com, "API version matrix"."""

    version: str
    api: str
    commit: str
    platform: str = ""


# Ubuntu's build names its package as the commit ("Git commit: 24.0.5-0ubuntu1~22.04.1" in many reports); 28.2.2 is the client of recordings/docker.
RELEASES = {
    "docker.io": Release("24.0.7", "1.43", "24.0.7-0ubuntu4"),
    "docker-ce": Release("28.2.2", "1.50", "e6534b4", "Docker Engine - Community"),
}


def distro_of(state: State) -> str | None:
    """The distro that has an engine of its own."""
    return next((name for name, entry in state["wsl"]["distros"].items() if RELEASES.keys() & entry.get("packages", {}).keys()), None)


def release(state: State) -> Release | None:
    name = distro_of(state)
    packages = state["wsl"]["distros"][name]["packages"] if name else {}
    return next((found for package, found in RELEASES.items() if package in packages), None)


def service(state: State) -> State:
    return state["wsl"]["distros"][distro_of(state)]["services"][SERVICE]


def set_up(station: Station, distro: str, base: Path) -> None:
    """What the package's own script does when it is installed (docker.io's postinst): the group, and the service enabled."""
    accounts = Accounts(base)
    accounts.groups.setdefault(GROUP, Group(GROUP, accounts.free_id(system=True), []))
    accounts.save()
    with station.changed() as state:
        state["docker"]["engine"] = None
        state["wsl"]["distros"][distro].setdefault("services", {})[SERVICE] = {"enabled": True, "active": False, "started": None, "environment": {}}


def start(station: Station, base: Path) -> bool:
    """False where it refuses its settings."""
    from . import desktop

    file = base / "etc" / DAEMON_JSON
    try:
        settings = json.loads(file.read_text()) if file.exists() else {}
    except ValueError:
        return False
    with station.changed() as state:
        mine = service(state)
        mine.update(active=True, started=timestamp(station.now()), settings=settings, read=dict(mine["environment"]))
        mine["hook"] = TOOLKIT in state["wsl"]["distros"][base.name]["packages"]
        desktop.engine(station)["runtimes"] = sorted({*RUNTIMES, *settings.get("runtimes", {})})
    return True


def stop(station: Station) -> None:
    from . import desktop

    with station.changed() as state:
        service(state).update(active=False)
    desktop.stopped(station)


def lost(station: Station, distro: str | None = None) -> None:
    """This distro was terminated, or all of them with the VM."""
    mine = distro_of(station.state)
    if mine is not None and mine == (distro or mine) and service(station.state)["active"]:
        stop(station)


def new_engine(state: State) -> State:
    """What its section of the document has in place of Docker Desktop's values."""
    found = release(state)
    return {"version": found.version, "cgroup_driver": "systemd", "runtimes": list(RUNTIMES)} if found else {}


def session(state: State) -> str | None:
    mine = service(state)
    return str(mine["started"]) if mine["active"] else None


def trouble(station: Station, base: Path, uid: int, host: str, verb: str) -> str | None:
    """Why the client gets no answer to this command, in its words; None when it does."""
    if not service(station.state)["active"]:
        return f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"
    accounts = Accounts(base)
    caller = accounts.by_uid(uid)
    if uid == 0 or (caller and GROUP in accounts.groups_of(caller)):
        return None
    found = release(station.state)
    # recordings/docker/permission_denied.json; other commands say it with an address of their own, which the product does not read.
    what = f'Get "http://%2Fvar%2Frun%2Fdocker.sock/v{found.api if found else ""}/{verb}"' if verb in ("info", "version") else PING
    return f"{DENIED} at {host}: {what}: dial unix /var/run/docker.sock: connect: permission denied"


def info(state: State) -> State:
    """What `docker info` says of this engine in other words than of Docker Desktop's."""
    mine, found = service(state), release(state)
    settings, environment = mine["settings"], {name.upper(): value for name, value in mine["read"].items()}
    mirrors = [f"{mirror.rstrip('/')}/" for mirror in settings.get("registry-mirrors", [])]
    hub = {"Mirrors": mirrors, "Name": "docker.io", "Official": True, "Secure": True}
    return {
        "OperatingSystem": "Ubuntu 24.04.3 LTS",
        "OSVersion": "24.04",
        "Name": state["windows"]["computer_name"],
        "DefaultRuntime": settings.get("default-runtime", "runc"),
        "Runtimes": {**{name: {"path": "runc"} for name in RUNTIMES}, **settings.get("runtimes", {})},
        "RegistryConfig": {"IndexConfigs": {"docker.io": hub}, "InsecureRegistryCIDRs": ["127.0.0.0/8"], "Mirrors": mirrors},
        "HttpProxy": environment.get("HTTP_PROXY", ""),
        "HttpsProxy": environment.get("HTTPS_PROXY", ""),
        "NoProxy": environment.get("NO_PROXY", ""),
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"] if found and found.api >= "1.50" else None,
        "DiscoveredDevices": None,
        "Labels": [],
    }
