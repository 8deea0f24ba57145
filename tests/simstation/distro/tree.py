# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories of one distro on disk: made, found, listed, removed. What a caller sees of them is `processes.mount_plan`.

Everything a distro owns lies under `station.root/distros/<name>`. Files belong to whoever runs the station: see `namespace`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..station import Station
from . import accounts, shim, wsl_files

# Directories of the tree and where they lie inside; the rest of the root is mounted from the host or made for each call.
PRIVATE = {
    "etc": "/etc",
    "home": "/home",
    "root": "/root",
    "opt": "/opt",
    "var": "/var",
    "tmp": "/tmp",
    "run": "/run",
    "srv": "/srv",
    "usr-local": "/usr/local",
}
# Where ordinary users may write.
EVERYBODYS = ("home", "tmp", "run")
MOUNT_POINT = "rootfs"
USR_LAYER = "usr"

USR = Path("/usr")
DEBIAN_PACKAGES = USR / "lib" / "python3" / "dist-packages"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

# Programs of the host that would answer in place of the distro's own.
HIDDEN = [
    "apt",
    "apt-cache",
    "apt-get",
    "apt-mark",
    "aptitude",
    "containerd",
    "crictl",
    "ctr",
    "docker",
    "docker-compose",
    "dockerd",
    "dnf",
    "dpkg",
    "dpkg-deb",
    "dpkg-query",
    "helm",
    "kubeadm",
    "kubectl",
    "kubelet",
    "minikube",
    "nerdctl",
    "nvcc",
    "nvidia-ctk",
    "nvidia-container-cli",
    "nvidia-persistenced",
    "nvidia-smi",
    "pip",
    "pip3",
    "podman",
    "pro",
    "python",
    "python3-config",
    "snap",
    "ubuntu-drivers",
    "yum",
]

# The imitated programs that every Ubuntu has, and where.
ALWAYS = {
    **dict.fromkeys(("apt", "apt-get", "apt-mark", "dpkg", "dpkg-query", "sudo", "su", "systemctl", "chown", "chgrp", "uname", "wslpath"), "bin"),
    **dict.fromkeys(("useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "chpasswd", "ldconfig", "runuser"), "sbin"),
}

OS_RELEASE = """PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.3 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
HOME_URL="https://www.ubuntu.com/"
SUPPORT_URL="https://help.ubuntu.com/"
BUG_REPORT_URL="https://bugs.launchpad.net/ubuntu/"
PRIVACY_POLICY_URL="https://www.ubuntu.com/legal/terms-and-policies/privacy-policy"
UBUNTU_CODENAME=noble
LOGO=ubuntu-logo
"""


class NoSuchDistro(Exception):
    """The station's document has no distro of that name."""


def path(station: Station, name: str) -> Path:
    return station.root / "distros" / name


def record(station: Station, name: str) -> dict[str, Any]:
    with station.lock:
        try:
            return station.state["wsl"]["distros"][name]
        except KeyError:
            raise NoSuchDistro(name) from None


def create(station: Station, name: str) -> Path:
    """The tree of distro `name` as its entry in the document says, made when it is missing; safe to call at any time."""
    entry = record(station, name)
    base = path(station, name)
    marker = base / "guid"
    if marker.is_file() and marker.read_text() == entry["guid"]:
        return base
    with _only_one(base):
        if not (marker.is_file() and marker.read_text() == entry["guid"]):
            destroy(station, name)
            _build(station, name, entry, base)
            marker.write_text(entry["guid"])
    return base


def destroy(station: Station, name: str) -> None:
    base = path(station, name)
    if base.is_dir():
        shutil.rmtree(base)


def host_path(base: Path, inside: str) -> Path:
    """Where a file of the distro lies on disk; only the private part of the distro can be asked for."""
    inside = os.path.normpath(inside)
    for directory, target in sorted(PRIVATE.items(), key=lambda item: -len(item[1])):
        if inside == target or inside.startswith(target + "/"):
            return base / directory / inside[len(target) + 1 :]
    raise ValueError(f"{inside} is not in the private part of a distro")


def listing(station: Station, name: str) -> dict[str, str]:
    """Path inside the distro -> sha256 of every file (or the text of a link), without caches, Ansible's own files and what is made for each call."""
    base = path(station, name)
    found: dict[str, str] = {}
    for directory, target in PRIVATE.items():
        for file in sorted((base / directory).rglob("*")):
            inside = f"{target}/{file.relative_to(base / directory)}"
            if _is_noise(inside) or not (file.is_file() or file.is_symlink()):
                continue
            found[inside] = f"-> {os.readlink(file)}" if file.is_symlink() else hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _is_noise(inside: str) -> bool:
    parts = inside.split("/")
    return any(part in (".ansible", ".cache", "__pycache__", "cache") for part in parts) or parts[1] in ("run", "tmp") or inside.startswith("/var/log/")


@contextmanager
def _only_one(base: Path) -> Iterator[None]:
    base.parent.mkdir(parents=True, exist_ok=True)
    with (base.parent / f".{base.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(station: Station, name: str, entry: dict[str, Any], base: Path) -> None:
    from ..linux import dpkg

    for directory in (*PRIVATE, MOUNT_POINT, "empty", f"{USR_LAYER}/bin", f"{USR_LAYER}/sbin", f"{USR_LAYER}/lib/wsl", f"{USR_LAYER}/local"):
        (base / directory).mkdir(parents=True, exist_ok=True)
    for directory in ("bin", "sbin", "lib", "share"):
        (base / "usr-local" / directory).mkdir(exist_ok=True)
    for directory in ("lib/dpkg", "log", "tmp", "cache", "lib/apt/lists"):
        (base / "var" / directory).mkdir(parents=True, exist_ok=True)
    for directory in ("tmp", "var/tmp"):
        (base / directory).chmod(0o1777)
    (base / "srv" / "wheels").mkdir(exist_ok=True)
    (base / "no-ensurepip").mkdir(exist_ok=True)
    (base / "no-ensurepip" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'ensurepip'\", name='ensurepip')\n")
    (base / "root").chmod(0o700)
    _write_etc(station, name, base / "etc")
    accounts.create_first(entry, base)
    _put_programs(base)
    if not entry.get("packages") or "bash" not in entry["packages"]:
        with station.changed():
            entry["packages"] = {**dpkg.preinstalled(bool(entry.get("prepared"))), **entry.get("packages", {})}
    dpkg.write_status(entry, base)
    dpkg.put_programs(entry, base)
    if entry.get("prepared"):
        _prepare(base)
    wsl_files.put_conflicting_libraries(bool(entry.get("conflict_libraries")), base / USR_LAYER)


def _prepare(base: Path) -> None:
    """What the house's role `distro` leaves behind: the mount point of the ready environment, and minikube."""
    (base / "opt" / "gpudev" / "venv").mkdir(parents=True, exist_ok=True)
    shim.put(base / "usr-local" / "bin" / "minikube", "minikube")


def _write_etc(station: Station, name: str, etc: Path) -> None:
    for directory in ("ld.so.conf.d", "sudoers.d", "ssl", "alternatives", "skel", "default", "apt/sources.list.d", "profile.d", "systemd/system"):
        (etc / directory).mkdir(parents=True, exist_ok=True)
    computer = station.state["windows"]["computer_name"]
    files = {
        "os-release": OS_RELEASE,
        "lsb-release": 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\nDISTRIB_CODENAME=noble\nDISTRIB_DESCRIPTION="Ubuntu 24.04.3 LTS"\n',
        "debian_version": "trixie/sid\n",
        "hostname": f"{computer}\n",
        "hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{computer}.\t{computer}\n",
        "resolv.conf": "nameserver 10.255.255.254\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
        "wsl.conf": "[boot]\nsystemd=true\n",
        "ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
        "ld.so.conf.d/ld.wsl.conf": wsl_files.LD_WSL_CONF,
        "environment": 'PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/games:/snap/bin"\n',
        "profile": "",
        "shells": "/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n",
        "login.defs": "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nHOME_MODE 0750\nUMASK 022\nUSERGROUPS_ENAB yes\n",
        "skel/.bashrc": "# ~/.bashrc\n",
        "skel/.profile": "# ~/.profile\n",
        "sudoers": "root\tALL=(ALL:ALL) ALL\n%admin ALL=(ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
        # The simulator's: what `pip` in the distro can reach.
        "pip.conf": "[global]\nno-index = true\nfind-links = /srv/wheels\ndisable-pip-version-check = true\n",
    }
    for file, text in files.items():
        (etc / file).write_text(text)
    _copy_from_host(etc)


def _copy_from_host(etc: Path) -> None:
    """The host's programs look here for their libraries; their alternatives are mounted."""
    if Path("/etc/ld.so.cache").is_file():
        shutil.copyfile("/etc/ld.so.cache", etc / "ld.so.cache")
    if Path("/etc/localtime").exists():
        shutil.copyfile("/etc/localtime", etc / "localtime")


def _put_programs(base: Path) -> None:
    layer = base / USR_LAYER
    for name, directory in ALWAYS.items():
        shim.put(layer / directory / name, name)
    (layer / "bin" / "python3").symlink_to(PYTHON)
    for source, target in python_mounts():
        place = layer / target.removeprefix("/usr/")
        if source.is_dir():
            (place / "site-packages").mkdir(parents=True, exist_ok=True)
        else:
            place.touch()
    for name in HIDDEN:
        for directory in ("bin", "sbin"):
            hide(layer / directory / name)


def python_mounts() -> list[tuple[Path, str]]:
    """What makes the interpreter that runs the station the distro's /usr/bin/python3: its program and its library, at /usr; nothing if the machine's own is."""
    prefix = python_prefix()
    if prefix == USR:
        return []
    names = {os.path.relpath(Path(os.__file__).resolve().parent, prefix), f"{sys.platlibdir}/{PYTHON}"}
    libraries = [(prefix / name, f"/usr/{name}") for name in sorted(names) if (prefix / name).is_dir()]
    return [(prefix / "bin" / PYTHON, f"/usr/bin/{PYTHON}"), *libraries]


def python_library() -> str:
    """Where the distro sees Python's standard library."""
    running = Path(sys.base_prefix).resolve()
    return f"/usr/{Path(os.__file__).resolve().parent.relative_to(running)}" if python_prefix() == running else f"/usr/lib/{PYTHON}"


def python_prefix() -> Path:
    """Where the distro's Python is installed on the machine.

    The machine's own, if it is the version that runs the station and complete (Debian cuts `ensurepip` off): built by a distribution, as a distro's Python is.
    One built from source without its optimisations takes a third more time for every module in every distro.
    """
    own = (USR / "bin" / PYTHON).is_file() and (USR / "lib" / PYTHON / "ensurepip").is_dir()
    return USR if own else Path(sys.base_prefix).resolve()


def hide(file: Path) -> None:
    """A whiteout: the host's file of that name does not exist in the distro."""
    if not file.exists() and Path("/usr", *file.parts[-2:]).exists():
        os.mknod(file, 0o600 | stat.S_IFCHR, os.makedev(0, 0))
