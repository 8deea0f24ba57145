# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer 4 looked at: files and a few programs of the distribution this runs in. It changes nothing.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import glob
import grp
import os
import platform
import pwd
import re
import shutil
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._guest import (
    DRIVER_LIBRARIES,
    LIBRARIES,
    NATIVE,
    RESTART_OWED,
    WSL2,
    WSL_LIBRARIES,
    Guest,
    first_library,
    installed_packages,
    listed_gpus,
    owner,
    platform_of,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed, Runner
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import decode, parse
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import WSL_CONF

DEFAULT_VENV = "/opt/gpudev/venv"
SECONDS = 30
LIBRARY_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/local/lib")
DEVICES = ("dxg", "nvidiactl", "nvidia-uvm", "nvidia[0-9]*")


def look(runner: Runner, user: str = "", venv: str = DEFAULT_VENV, root: str = "/") -> Guest:
    """Everything there is to know; `root` is another root directory, for tests."""
    kernel = runner.run(["uname", "-r"], timeout=SECONDS).stdout.strip()
    where = platform_of(kernel, os.path.isdir(_at(root, WSL_LIBRARIES)) or "WSL_DISTRO_NAME" in os.environ)
    release = _os_release(root)
    smi = _nvidia_smi(runner, where, root)
    stray = tuple(_stray(root)) if where == WSL2 else ()
    linker = _linker(runner)
    return Guest(
        platform=where,
        kernel=kernel,
        distribution=os.environ.get("WSL_DISTRO_NAME") or release.get("NAME", ""),
        release=release.get("VERSION_ID", ""),
        python=platform.python_version(),
        devices=_devices(root),
        libraries=_libraries(where, root, linker),
        driver_store=bool(_found(root, f"{WSL_LIBRARIES}/drivers/*")),
        packages=_packages(runner),
        stray_libraries=stray,
        library_owners={path: _owner(runner, path) for path in stray},
        linker_first=first_library(linker, DRIVER_LIBRARIES[0]),
        nvidia_smi=shutil.which("nvidia-smi") or "",
        nvidia_smi_ok=None if smi is None else smi.ok and bool(listed_gpus(smi.stdout)),
        nvidia_smi_output="" if smi is None else smi.told(),
        gpus=() if smi is None else listed_gpus(smi.stdout),
        wsl_conf=_wsl_conf(root) if where != NATIVE else {},
        user=user_facts(user),
        restart_owed=where == WSL2 and os.path.exists(_at(root, RESTART_OWED)),
        venv_ready=os.access(_at(root, f"{venv}/bin/python3"), os.X_OK),
        kubernetes_client=_client_version(root, venv),
    )


def _at(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))


def _if_there(root: str, path: str) -> str:
    return path if os.path.lexists(_at(root, path)) else ""


def _found(root: str, pattern: str) -> list[str]:
    """Paths inside the root, sorted."""
    return sorted(os.path.join("/", os.path.relpath(path, root)) for path in glob.glob(_at(root, pattern)))


def _devices(root: str) -> tuple[str, ...]:
    return tuple(path for pattern in DEVICES for path in _found(root, f"/dev/{pattern}"))


def _os_release(root: str) -> dict[str, str]:
    try:
        with open(_at(root, "/etc/os-release"), encoding="utf-8", errors="replace") as file:
            pairs = (line.strip().partition("=") for line in file if "=" in line)
            return {name: value.strip("\"'") for name, _equals, value in pairs}
    except OSError:
        return {}


def _stray(root: str) -> t.Iterator[str]:
    """Driver libraries that do not lead into what WSL provides; one name for a library and the links to it."""
    seen: set[str] = set()
    for folder in LIBRARY_FOLDERS:
        for path in (found for library in DRIVER_LIBRARIES for found in _found(root, f"{folder}/{library}*")):
            real = os.path.join("/", os.path.relpath(os.path.realpath(_at(root, path)), os.path.realpath(root)))
            if real not in seen and not real.startswith(WSL_LIBRARIES):
                seen.add(real)
                yield path


def _libraries(where: str, root: str, linker: str) -> dict[str, str]:
    if where == WSL2:
        return {name: _if_there(root, f"{WSL_LIBRARIES}/lib/{name}") for name in LIBRARIES}
    return {name: first_library(linker, name) for name in DRIVER_LIBRARIES} if where == NATIVE else {}


def _packages(runner: Runner) -> dict[str, str]:
    answer = runner.run(["dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${db:Status-Status}\\n"], timeout=SECONDS)
    if answer.missing:
        answer = runner.run(["rpm", "-qa", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\tinstalled\\n"], timeout=SECONDS)
    return installed_packages(answer.stdout) if answer.ok else {}


def _owner(runner: Runner, path: str) -> str:
    """The package that a file, or what it leads to, belongs to."""
    for file in dict.fromkeys((path, os.path.realpath(path))):
        answer = runner.run(["dpkg", "-S", file], timeout=SECONDS)
        if answer.missing:
            answer = runner.run(["rpm", "-qf", "--qf", "%{NAME}\\n", file], timeout=SECONDS)
        if answer.ok:
            return owner(answer.stdout)
    return ""


def _linker(runner: Runner) -> str:
    """What the dynamic linker knows, in its order."""
    for program in ("/sbin/ldconfig", "ldconfig"):
        answer = runner.run([program, "-p"], timeout=SECONDS)
        if not answer.missing:
            return answer.stdout
    return ""


def _nvidia_smi(runner: Runner, where: str, root: str) -> Completed | None:
    """In WSL its own nvidia-smi is asked, so that a stray one does not speak for it; None when there is none."""
    program = f"{WSL_LIBRARIES}/lib/nvidia-smi" if where == WSL2 else shutil.which("nvidia-smi")
    if program is None or not os.path.exists(_at(root, program)):
        return None
    return runner.run([program, "-L"], timeout=SECONDS)


def _wsl_conf(root: str) -> dict[str, t.Any]:
    """What WSL accepts of /etc/wsl.conf."""
    try:
        with open(_at(root, "/etc/wsl.conf"), "rb") as file:
            return dict(parse(decode(file.read(), WSL_CONF), WSL_CONF).values)
    except OSError:
        return {}


def user_facts(name: str = "") -> dict[str, t.Any]:
    """A Linux user by name, or the one this runs as; `exists` is false for an unknown name."""
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError:
        return {"name": name or str(os.getuid()), "exists": False, "uid": None, "home": "", "groups": []}
    groups = {group.gr_name for group in grp.getgrall() if entry.pw_name in group.gr_mem}
    try:
        groups.add(grp.getgrgid(entry.pw_gid).gr_name)
    except KeyError:
        pass
    return {"name": entry.pw_name, "exists": True, "uid": entry.pw_uid, "home": entry.pw_dir, "groups": sorted(groups)}


def _client_version(root: str, venv: str) -> str:
    """Version of the kubernetes client in the virtual environment, from its metadata: starting its Python would cost more."""
    for path in _found(root, f"{venv}/lib/python3*/site-packages/kubernetes-*.dist-info"):
        match = re.search(r"/kubernetes-([0-9][^/]*)\.dist-info$", path)
        if match:
            return match.group(1)
    return ""
