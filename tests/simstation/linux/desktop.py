# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Desktop as seen from a distro: is its engine up, is this distro integrated, what is the engine like.

The document's section `docker.desktop` belongs to the Windows side; `docker.engine` (containers, images, volumes) belongs here. Where a distro has an
engine of its own, that section is that engine's (see `own_engine`).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from ..distro import shim
from ..station import Station, timestamp
from . import own_engine

SETTINGS = "settings-store.json"
# samples/windows/docker_version_desktop_4.91.0.txt
ENGINE_VERSION = "29.8.0"
MIB = 1024 * 1024
GIB = 1024 * MIB
INTEGRATED_PROGRAMS = ("docker",)
# Where the integration shows its programs to every distro while the engine runs; the links to them stay (docker/for-win#14222, WSL 2.3.13 and later).
CLI_TOOLS = "/mnt/wsl/docker-desktop/cli-tools/usr/bin"


def engine_running(state: dict[str, Any]) -> bool:
    """Whether the engine that serves the distro is up."""
    if own_engine.distro_of(state):
        return bool(own_engine.service(state)["active"])
    return desktop_running(state)


def desktop_running(state: dict[str, Any]) -> bool:
    desktop = state["docker"]["desktop"]
    return bool(desktop and desktop.get("running") and not desktop.get("starting"))


def settings(state: dict[str, Any]) -> dict[str, Any]:
    """What the running program holds in memory; the file, where the document does not say."""
    desktop = state["docker"]["desktop"] or {}
    if desktop.get("settings") is not None:
        return dict(desktop["settings"])
    for path, entry in state["windows"]["files"].items():
        if path.lower().endswith("\\docker\\" + SETTINGS):
            return json.loads(base64.b64decode(entry["content"]).decode("utf-8-sig"))
    return {}


def integrated(state: dict[str, Any], distro: str) -> bool:
    """Whether `docker` of this distro reaches the engine (facts/docker-desktop.md: both keys count, the default of the second is true)."""
    if not desktop_running(state):
        return False
    lowered = {key.lower(): value for key, value in settings(state).items()}
    if not lowered.get("wslengineenabled", True):
        return False
    if distro in (lowered.get("integratedwsldistros") or []):
        return True
    is_default = state["wsl"]["distros"].get(distro, {}).get("guid") == state["wsl"]["default"]
    return bool(is_default and lowered.get("enableintegrationwithdefaultwsldistro", True))


def put_integration(station: Station, distro: str, base: Path) -> None:
    """The programs that the integration puts into a distro, and takes away."""
    if own_engine.distro_of(station.state) == distro:
        return
    wanted = integrated(station.state, distro)
    for name in INTEGRATED_PROGRAMS:
        link, file = base / "usr" / "bin" / name, cli_tools(base) / name
        if wanted and not link.is_symlink():
            link.unlink(missing_ok=True)
            link.symlink_to(f"{CLI_TOOLS}/{name}")
        if wanted and not shim.is_shim(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            shim.put(file, name)
        elif not wanted:
            file.unlink(missing_ok=True)


def cli_tools(base: Path) -> Path:
    return base / "cli-tools"


def integrate_all(station: Station) -> None:
    """For the Windows side: the engine has just come up, or gone; distros that run see it at once."""
    from ..distro import tree

    for name, entry in station.state["wsl"]["distros"].items():
        if not entry.get("system") and tree.path(station, name).is_dir():
            put_integration(station, name, tree.path(station, name))


def engine(station: Station) -> dict[str, Any]:
    """The engine's part of the document, filled in when it is first looked at; containers follow the engine's stops."""
    with station.changed() as state:
        section = state["docker"]
        if not section.get("engine"):
            section["engine"] = new_engine(state)
        data: dict[str, Any] = section["engine"]
        for key, value in new_engine(state).items():
            data.setdefault(key, value)
        vm = state["wsl"]["vm"] or {}
        if vm.get("memory_bytes"):
            data["memory_bytes"] = int(vm["memory_bytes"])
        if vm.get("processors"):
            data["cpus"] = int(vm["processors"])
        _follow_stops(state, data)
        return data


def new_engine(state: dict[str, Any]) -> dict[str, Any]:
    windows = state["windows"]
    return {
        "version": ENGINE_VERSION,
        "cgroup_driver": "cgroupfs",
        "memory_bytes": windows.get("memory_bytes", 32 * GIB) // 2,
        "cpus": windows.get("logical_processors", 16),
        "runtimes": ["io.containerd.runc.v2", "nvidia", "runc"],
        "containers": {},
        "images": {},
        "volumes": {},
        "session": None,
        **own_engine.new_engine(state),
    }


def session(state: dict[str, Any]) -> str | None:
    """One run of the engine; None while there is none."""
    if own_engine.distro_of(state):
        return own_engine.session(state)
    vm = state["wsl"]["vm"] or {}
    return f"{vm.get('started')}/{state['docker']['desktop'].get('started')}" if engine_running(state) else None


def _follow_stops(state: dict[str, Any], data: dict[str, Any]) -> None:
    """A container does not survive its engine: what ran in another run of the VM or of Docker Desktop is now exited."""
    now = session(state)
    if data["session"] == now:
        return
    if data["session"] is not None or now is None:
        end_containers(data)
    data["session"] = now


def end_containers(data: dict[str, Any]) -> None:
    for container in data["containers"].values():
        if container["state"] in ("running", "paused"):
            container.update(state="exited", exit_code=255)
            if container.get("node"):
                container.update(kubelet="Stopped", apiserver="Stopped")


def stopped(station: Station) -> None:
    """For the Windows side: the engine has just gone (Docker Desktop quit, `wsl --shutdown`, reboot). Clusters stop serving."""
    from . import minikube

    data = engine(station)
    with station.changed():
        end_containers(data)
        data["session"] = None
    minikube.stop_serving(station)


def now_text(station: Station) -> str:
    return timestamp(station.now())
