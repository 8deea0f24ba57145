# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base document: a healthy workstation, every product at the version this house uses."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from typing import Any

from ..station import timestamp

State = dict[str, Any]

GIB = 1024**3
DISTRIBUTION = "Ubuntu-24.04"
LINUX_USER = "dev"
WSL_VERSION = "2.6.3.0"
# The kernel that ships with 2.6.3: samples/windows/wsl_version_de_2.6.3.txt.
WSL_KERNEL = "6.6.87.2-1"
DOCKER_DESKTOP_VERSION = "4.91.0"
MACHINE_SID = "S-1-5-21-1004336348-1177238915-682003330"
DISTRO_GUID = "{7f1c5e0a-53a6-4f0e-9a54-0d3f0c1d2e01}"
DOCKER_DISTRO_GUID = "{7f1c5e0a-53a6-4f0e-9a54-0d3f0c1d2e02}"
WSLCONFIG = "[wsl2]\r\nmemory=20GB\r\nprocessors=12\r\ngpuSupport=true\r\n"
PROFILE = "C:\\Users\\dev"
WSLCONFIG_PATH = PROFILE + "\\.wslconfig"
DOCKER_SETTINGS_PATH = PROFILE + "\\AppData\\Roaming\\Docker\\settings-store.json"
# samples/windows/docker_settings_store_fragment.json.txt: PascalCase and camelCase side by side.
DOCKER_SETTINGS: State = {"AutoStart": True, "EnableIntegrationWithDefaultWslDistro": True, "IntegratedWslDistros": [DISTRIBUTION], "proxyHttpMode": "system"}
FEATURES = ("VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux", "Microsoft-Hyper-V-All", "HypervisorPlatform", "Containers")
GPU: State = {
    "name": "NVIDIA GeForce RTX 4050 Laptop GPU",
    "uuid": "GPU-5b1f0c5e-3c0d-4a7e-9d6b-405040504050",
    "driver_version": "591.59",
    "cuda_version": "13.1",
    "memory_mib": 6141,
    "driver_model": "WDDM",
    "compute_cap": "8.9",
}
FOLDERS = (
    "C:\\ProgramData",
    "C:\\Users\\admin\\AppData\\Local\\Temp",
    "C:\\Users\\admin\\AppData\\Roaming",
    PROFILE + "\\AppData\\Local\\Temp",
    PROFILE + "\\AppData\\Roaming",
    "C:\\Windows\\System32",
    "C:\\Windows\\Temp",
)
INSTALLERS: dict[str, dict[str, str]] = {
    "C:\\Installers\\wsl.2.6.3.0.x64.msi": {"kind": "wsl_msi", "version": WSL_VERSION},
    "C:\\Installers\\ubuntu-24.04.3-wsl-amd64.wsl": {"kind": "distribution", "name": DISTRIBUTION, "version": "24.04.3"},
    "C:\\Installers\\Docker Desktop Installer.exe": {"kind": "docker_desktop", "version": DOCKER_DESKTOP_VERSION},
    "C:\\Installers\\minikube-linux-amd64": {"kind": "minikube", "version": "v1.38.1"},
}


def document(name: str, scenario: str, now: datetime.datetime) -> State:
    state: State = {
        "schema": 1,
        "name": name,
        "scenario": scenario,
        "simulated": True,
        "windows": windows_section(name, now),
        "wsl": wsl_section(now),
        "docker": {"desktop": desktop_section(now), "engine": None, "gpu": "ok"},
        "minikube": {"profiles": {}},
        "clusters": {},
        "installers": {path: dict(entry) for path, entry in INSTALLERS.items()},
    }
    put_file(state, WSLCONFIG_PATH, WSLCONFIG.encode(), ago(now, days=30))
    put_file(state, DOCKER_SETTINGS_PATH, json.dumps(DOCKER_SETTINGS, indent=2).encode(), ago(now, days=20))
    for path, entry in state["installers"].items():
        content = f"SIMULATED {entry['kind']} {entry['version']}\n".encode()
        put_file(state, path, content, ago(now, days=40))
    return state


def windows_section(name: str, now: datetime.datetime) -> State:
    computer = name.upper()[:15]
    return {
        "computer_name": computer,
        "product": "Windows 11 Pro",
        "edition": "Professional",
        "build": 26100,
        "revision": 4349,
        "display_version": "24H2",
        "locale": "en-US",
        "language_mode": "FullLanguage",
        "memory_bytes": 32 * GIB,
        "logical_processors": 16,
        "cores": 8,
        "processor": "Simulated 16-thread processor",
        "hypervisor_present": True,
        "virtualization_firmware_enabled": True,
        "boot_time": ago(now, hours=20),
        "boots": 1,
        "autologon": "dev",
        "connect_as": "dev",
        "users": {
            "dev": user("dev", 1001, "Correct-Horse-42"),
            "admin": user("admin", 1002, "Battery-Staple-43"),
        },
        "sessions": [{"user": "dev", "id": 1, "state": "Active", "since": ago(now, hours=19)}],
        "features": {**dict.fromkeys(FEATURES, "Disabled"), "VirtualMachinePlatform": "Enabled"},
        "registry": {},
        "files": {},
        "directories": list(FOLDERS),
        "gpus": [dict(GPU)],
    }


def user(name: str, relative_id: int, password: str) -> State:
    return {"password": password, "sid": f"{MACHINE_SID}-{relative_id}", "profile": f"C:\\Users\\{name}", "administrator": True}


def wsl_section(now: datetime.datetime) -> State:
    return {
        "package": {"version": WSL_VERSION, "kernel": WSL_KERNEL, "location": "C:\\Program Files\\WSL\\"},
        "vm": {
            "started": ago(now, hours=18),
            "user": "dev",
            "wslconfig": {"wsl2.memory": 20 * GIB, "wsl2.processors": 12, "wsl2.gpuSupport": True},
            "memory_bytes": 20 * GIB,
            "processors": 12,
            "gpu": True,
        },
        "default": DISTRO_GUID,
        "distros": {
            DISTRIBUTION: {
                "guid": DISTRO_GUID,
                "owner": "dev",
                "version": 2,
                "state": "Running",
                "default_user": LINUX_USER,
                "prepared": True,
                "packages": {},
                "conflict_libraries": False,
            },
            "docker-desktop": {"guid": DOCKER_DISTRO_GUID, "owner": "dev", "version": 2, "state": "Running", "default_user": "root", "system": True},
        },
    }


def desktop_section(now: datetime.datetime) -> State:
    return {
        "version": DOCKER_DESKTOP_VERSION,
        "scope": "machine",
        "running": True,
        "starting": False,
        "user": "dev",
        "started": ago(now, hours=18),
        # What the running program holds in memory and writes back when it stops.
        "settings": dict(DOCKER_SETTINGS),
    }


def ago(now: datetime.datetime, **difference: float) -> str:
    return timestamp(now - datetime.timedelta(**difference))


def put_file(state: State, path: str, content: bytes, written: str) -> None:
    state["windows"]["files"][path] = {"content": base64.b64encode(content).decode(), "written": written}


def sha256(state: State, path: str) -> str:
    """The checksum an inventory declares for a file of the document."""
    return hashlib.sha256(base64.b64decode(state["windows"]["files"][path]["content"])).hexdigest()
