# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED systemd of a distro: whether it runs is decided when the distro starts, and its one service is Docker's.

`boot.systemd` of /etc/wsl.conf is off by default and read at the start (facts/wsl.md). Words and exit codes of `systemctl`: systemctl(1) and LSB; without
systemd: microsoft/WSL#8883.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distro import wsl_files
from ..station import Station
from . import own_engine

if TYPE_CHECKING:
    from ..distro.programs import Call

NOT_BOOTED = "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n"
# The version of Ubuntu 24.04. What that build has was never recorded; the line is Ubuntu 22.04's (https://github.com/canonical/core-initrd/pull/71).
VERSION = (
    "systemd 255 (255.4-1ubuntu8)\n"
    "+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP +GCRYPT +GNUTLS -OPENSSL +ACL +BLKID +CURL +ELFUTILS -FIDO2 +IDN2 -IDN +IPTC +KMOD +LIBCRYPTSETUP "
    "-LIBFDISK +PCRE2 -PWQUALITY -P11KIT -QRENCODE +BZIP2 +LZ4 +XZ +ZLIB +ZSTD -XKBCOMMON +UTMP +SYSVINIT default-hierarchy=unified\n"
)
FAILED = (
    "Job for docker.service failed because the control process exited with error code.\n"
    'See "systemctl status docker.service" and "journalctl -xeu docker.service" for details.\n'
)
INACTIVE, NOT_THERE = 3, 4
RUNNING = "run/systemd/system"
DROP_INS = "etc/systemd/system/docker.service.d"


def boot(station: Station, distro: str, base: Path) -> None:
    """Once for each start of the distro; WSL's own folder in /run tells, which goes with it."""
    if (base / "run" / "WSL").is_dir():
        return
    (base / "run" / "WSL").mkdir()
    if wsl_files.wsl_conf(base, "boot", "systemd").lower() != "true":
        return
    (base / RUNNING).mkdir(parents=True)
    if own_engine.distro_of(station.state) == distro:
        _reload(station, base)
        # Active already: the station itself was started again from its document.
        if own_engine.service(station.state)["enabled"] and not own_engine.service(station.state)["active"]:
            own_engine.start(station, base)


def runs(base: Path) -> bool:
    return (base / RUNNING).is_dir()


def _reload(station: Station, base: Path) -> None:
    """Files below docker.service.d count from now on; a service has what counted when it was started."""
    environment: dict[str, str] = {}
    folder = base / DROP_INS
    for file in sorted(folder.glob("*.conf")) if folder.is_dir() else ():
        environment.update(re.findall(r'^Environment="([^=]+)=(.*)"$', file.read_text(), re.MULTILINE))
    with station.changed() as state:
        own_engine.service(state)["environment"] = {name: value.replace("%%", "%") for name, value in environment.items()}


def systemctl(call: Call) -> int:
    if call.argv[1:] == ["--version"]:
        call.out(VERSION)
        return 0
    words = [word for word in call.argv[1:] if word not in ("-l", "--no-pager")]
    if not runs(call.base):
        call.err(NOT_BOOTED)
        return 1
    if words == ["daemon-reload"]:
        if own_engine.distro_of(call.station.state) == call.distro:
            _reload(call.station, call.base)
        return 0
    if len(words) != 2 or words[1].removesuffix(".service") != own_engine.SERVICE:
        call.unknown()
    there = own_engine.distro_of(call.station.state) == call.distro
    return _ask(call, words[0], there) if words[0] in ("show", "is-active", "is-enabled") else _act(call, words[0], there)


def _ask(call: Call, verb: str, there: bool) -> int:
    service: dict[str, Any] = own_engine.service(call.station.state) if there else {"active": False, "enabled": False, "environment": {}}
    active, enabled = "active" if service["active"] else "inactive", "enabled" if service["enabled"] else "disabled"
    if verb == "show":
        variables = " ".join(f"{name}={value}" for name, value in service["environment"].items())
        call.out(f"Id=docker.service\nLoadState={'loaded' if there else 'not-found'}\nActiveState={active}\n")
        call.out(f"SubState={'running' if service['active'] else 'dead'}\nUnitFileState={enabled if there else ''}\nEnvironment={variables}\n")
        return 0
    if verb == "is-active":
        call.out(f"{active}\n")
        return 0 if service["active"] else INACTIVE if there else NOT_THERE
    call.out(f"{enabled if there else 'not-found'}\n")
    return 0 if service["enabled"] else 1 if there else NOT_THERE


def _act(call: Call, verb: str, there: bool) -> int:
    if verb not in ("enable", "disable", "start", "stop", "restart"):
        call.unknown()
    if call.uid != 0:
        call.err(f"Failed to {verb} docker.service: Interactive authentication required.\n")
        return 1
    if not there:
        call.err(f"Failed to {verb} docker.service: Unit docker.service not found.\n")
        return 5
    if verb in ("enable", "disable"):
        with call.station.changed() as state:
            own_engine.service(state)["enabled"] = verb == "enable"
        return 0
    call.pause(2)
    if verb in ("stop", "restart") and own_engine.service(call.station.state)["active"]:
        own_engine.stop(call.station)
    if verb == "stop" or own_engine.service(call.station.state)["active"] or own_engine.start(call.station, call.base):
        return 0
    call.err(FAILED)
    return 1
