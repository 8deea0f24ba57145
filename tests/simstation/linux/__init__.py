# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The imitated Linux programs of a station's distros, by the name a shim calls them. Each is a function from a call to an exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import docker, dpkg, kubectl, minikube, nvidia_ctk, nvidia_smi, system, systemd, users

if TYPE_CHECKING:
    from ..distro.programs import Call

PROGRAMS: dict[str, Callable[[Call], int]] = {
    "apt-get": dpkg.apt_get,
    "apt": dpkg.apt_get,
    "chgrp": system.chown,
    "chown": system.chown,
    "chpasswd": users.chpasswd,
    "docker": docker.docker,
    "dpkg": dpkg.dpkg,
    "dpkg-query": dpkg.dpkg_query,
    "groupadd": users.groupadd,
    "groupdel": users.groupdel,
    "groupmod": users.groupmod,
    "kubectl": kubectl.kubectl,
    "ldconfig": system.ldconfig,
    "minikube": minikube.minikube,
    "nvidia-ctk": nvidia_ctk.nvidia_ctk,
    "nvidia-smi": nvidia_smi.nvidia_smi,
    "runuser": system.runuser,
    "su": system.su,
    "sudo": system.sudo,
    "systemctl": systemd.systemctl,
    "uname": system.uname,
    "useradd": users.useradd,
    "userdel": users.userdel,
    "wslpath": system.wslpath,
    "usermod": users.usermod,
}
