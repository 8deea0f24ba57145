# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each scenario changes on the Windows side of the healthy base document."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

from ..linux.apt_sources import SIMULATED_KEY
from ..station import moment, timestamp
from .base import DISTRIBUTION, DOCKER_SETTINGS, DOCKER_SETTINGS_PATH, WSLCONFIG, WSLCONFIG_PATH

State = dict[str, Any]

TOOLKIT_KEY = "C:\\Installers\\nvidia-container-toolkit.gpgkey"


def unchanged(state: State) -> None:
    """Healthy on the Windows side."""


def factory_fresh(state: State) -> None:
    """A supported Windows 11 with the NVIDIA driver and installers as local files; nothing else of the chain."""
    windows = state["windows"]
    windows["features"] = dict.fromkeys(windows["features"], "Disabled")
    windows["hypervisor_present"] = False
    for path in (WSLCONFIG_PATH, DOCKER_SETTINGS_PATH):
        del windows["files"][path]
    state["wsl"] = {"package": None, "vm": None, "default": None, "distros": {}}
    state["docker"] = {"desktop": None, "engine": None, "gpu": "ok"}


def drifted(state: State) -> None:
    """gpuSupport=false written after the VM had started, and the distro's Docker integration off. Docker and cluster parts follow."""
    vm_started = moment(state["wsl"]["vm"]["started"])
    content = WSLCONFIG.replace("gpuSupport=true", "gpuSupport=false").encode()
    replace_file(state, WSLCONFIG_PATH, content, timestamp(vm_started + datetime.timedelta(hours=6)))
    settings = {**DOCKER_SETTINGS, "EnableIntegrationWithDefaultWslDistro": False, "IntegratedWslDistros": []}
    replace_file(state, DOCKER_SETTINGS_PATH, json.dumps(settings, indent=2).encode(), timestamp(vm_started))
    state["docker"]["desktop"]["settings"] = settings


def engine_in_distro(state: State) -> None:
    """No Docker Desktop: an engine inside the distro is declared, and is not there yet. The key of NVIDIA's packages lies on the disk."""
    state["docker"] = {"desktop": None, "engine": None, "gpu": "ok"}
    del state["wsl"]["distros"]["docker-desktop"]
    written = state["windows"]["files"].pop(DOCKER_SETTINGS_PATH)["written"]
    replace_file(state, TOOLKIT_KEY, SIMULATED_KEY.encode(), written)
    state["declared"] = {"workstation_docker": "engine", "docker_engine_toolkit_key_url": "file:///mnt/c/Installers/nvidia-container-toolkit.gpgkey"}


def driver_too_old(state: State) -> None:
    """Below 472.12, the first driver for WSL GPU-PV on Windows 11 (facts/nvidia.md, minimum versions)."""
    for gpu in state["windows"]["gpus"]:
        gpu["driver_version"] = "471.96"
        gpu["cuda_version"] = "11.4"


def driver_to_install(state: State) -> None:
    """The same, with NVIDIA's package for a current driver on the disk."""
    driver_too_old(state)
    path = "C:\\Installers\\591.59-notebook-win10-win11-64bit-international-dch-whql.exe"
    state["installers"][path] = {"kind": "nvidia_driver", "version": "591.59"}
    replace_file(state, path, b"SIMULATED nvidia_driver 591.59\n", state["windows"]["files"][WSLCONFIG_PATH]["written"])


def linux_driver_in_distro(state: State) -> None:
    """A Linux display driver inside the distro shadows what WSL provides (facts/nvidia.md)."""
    distro = state["wsl"]["distros"][DISTRIBUTION]
    distro["conflict_libraries"] = True
    distro["packages"].update({"libnvidia-compute-550": "550.163.01-0ubuntu0.24.04.1", "nvidia-utils-550": "550.163.01-0ubuntu0.24.04.1"})


def docker_stopped(state: State) -> None:
    """Docker Desktop is installed and set up but not running; its user is logged on."""
    stop_docker_and_wsl(state)


def nobody_logged_on(state: State) -> None:
    """Freshly booted: no session, and so no Docker Desktop and no running distro."""
    windows = state["windows"]
    windows["sessions"] = []
    windows["autologon"] = None
    boot = moment(windows["boot_time"]) + datetime.timedelta(hours=19, minutes=50)
    windows["boot_time"] = timestamp(boot)
    windows["boots"] += 1
    stop_docker_and_wsl(state)


def other_windows_user(state: State) -> None:
    """The connecting account is not the one that is logged on and owns distro and files."""
    state["windows"]["connect_as"] = "admin"


def stop_docker_and_wsl(state: State) -> None:
    state["wsl"]["vm"] = None
    for distro in state["wsl"]["distros"].values():
        distro["state"] = "Stopped"
    state["docker"]["desktop"].update(running=False, starting=False, user=None, settings=None)


def replace_file(state: State, path: str, content: bytes, written: str) -> None:
    state["windows"]["files"][path] = {"content": base64.b64encode(content).decode(), "written": written}
