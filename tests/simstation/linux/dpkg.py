# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package database of a distro: the document's `packages`, /var/lib/dpkg/status, and the programs dpkg, dpkg-query, apt-get over it.

SIMULATED: a package is a name and a version; nothing is unpacked, but for the imitated programs. The versions are those of Ubuntu 24.04 as released.
"""

from __future__ import annotations

import fnmatch
import getopt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distro import shim
from . import apt_sources, own_engine, systemd

if TYPE_CHECKING:
    from ..distro.programs import Call

ARCHITECTURE = "amd64"
PREINSTALLED = {
    "adduser": "3.137ubuntu1",
    "apt": "2.7.14build2",
    "base-files": "13ubuntu10",
    "bash": "5.2.21-2ubuntu4",
    "ca-certificates": "20240203",
    "coreutils": "9.4-3ubuntu6",
    "curl": "8.5.0-2ubuntu10",
    "dpkg": "1.22.6ubuntu6",
    "gnupg": "2.4.4-2ubuntu17",
    "iproute2": "6.1.0-1ubuntu6",
    "libc6": "2.39-0ubuntu8",
    "libpython3-stdlib": "3.12.3-0ubuntu1",
    "openssl": "3.0.13-0ubuntu3",
    "python3": "3.12.3-0ubuntu1",
    "python3-minimal": "3.12.3-0ubuntu1",
    "sudo": "1.9.15p5-3ubuntu5",
    "systemd": "255.4-1ubuntu8",
    "wget": "1.21.4-1ubuntu4",
}
# What the archive offers beyond, with what each brings along.
AVAILABLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "acl": ("2.3.2-1build1", ()),
    "conntrack": ("1:1.4.8-1ubuntu1", ()),
    "containerd": ("1.7.12-0ubuntu4", ("runc",)),
    "docker.io": ("24.0.7-0ubuntu4", ("containerd",)),
    "jq": ("1.7.1-3build1", ()),
    "pciutils": ("1:3.10.0-2build1", ()),
    "python3-apt": ("2.7.7build2", ()),
    "python3-pip": ("24.0+dfsg-1ubuntu1", ("python3-setuptools", "python3-wheel")),
    "python3-pip-whl": ("24.0+dfsg-1ubuntu1", ()),
    "python3-setuptools": ("68.1.2-2ubuntu1", ()),
    "python3-setuptools-whl": ("68.1.2-2ubuntu1", ()),
    "python3-venv": ("3.12.3-0ubuntu1", ("python3.12-venv",)),
    "python3-wheel": ("0.42.0-2", ()),
    "python3-yaml": ("6.0.1-2build2", ()),
    "python3.12-venv": ("3.12.3-1", ("python3-pip-whl", "python3-setuptools-whl")),
    "runc": ("1.1.12-0ubuntu3", ()),
    "unzip": ("6.0-28ubuntu4", ()),
}
PREPARED = ("python3-venv",)
# The imitated programs that a package brings, and where below /usr.
PROGRAMS = {
    "docker.io": {"docker": "bin", "dockerd": "sbin"},
    "docker-ce": {"dockerd": "bin"},
    "docker-ce-cli": {"docker": "bin"},
    "nvidia-container-toolkit-base": {"nvidia-ctk": "bin"},
}
# Packages whose files the station knows: with the last of them the stray driver is gone.
DRIVER_PATTERNS = ("nvidia-driver-*", "libnvidia-compute-*", "nvidia-utils-*", "cuda-drivers*", "libcuda1", "nvidia-dkms-*")
QUERY_USAGE = 2


def preinstalled(prepared: bool) -> dict[str, str]:
    packages = dict(PREINSTALLED)
    for name in PREPARED if prepared else ():
        packages.update(with_dependencies(name))
    return packages


def with_dependencies(name: str, more: apt_sources.Packages | None = None) -> dict[str, str]:
    version, dependencies = {**AVAILABLE, **(more or {})}[name]
    found = {name: version}
    for dependency in dependencies:
        found.update(with_dependencies(dependency, more))
    return found


def write_status(entry: dict[str, Any], base: Path) -> None:
    file = base / "var" / "lib" / "dpkg" / "status"
    file.write_text("".join(stanza(name, version) for name, version in sorted(entry["packages"].items())))


def put_programs(entry: dict[str, Any], base: Path) -> None:
    """The programs of packages are there, and those of packages that have gone are not."""
    from ..distro import tree

    for package, programs in PROGRAMS.items():
        for program, directory in programs.items():
            file = base / tree.USR_LAYER / directory / program
            if package in entry["packages"]:
                file.unlink(missing_ok=True)
                shim.put(file, program)
            elif program not in ("docker", "dockerd") and shim.is_shim(file):
                file.unlink()
                tree.hide(file)


def stanza(name: str, version: str) -> str:
    return (
        f"Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: misc\nMaintainer: Ubuntu Developers "
        f"<ubuntu-devel-discuss@lists.ubuntu.com>\n"
        f"Architecture: {ARCHITECTURE}\nVersion: {version}\nDescription: {name} (SIMULATED)\n\n"
    )


def _installed(call: Call) -> dict[str, str]:
    with call.station.lock:
        return dict(call.station.state["wsl"]["distros"][call.distro]["packages"])


def _change(call: Call, add: dict[str, str], remove: list[str]) -> None:
    from ..distro import tree, wsl_files

    if own_engine.RELEASES.keys() & set(remove):
        call.unknown("the removal of a Docker engine")
    engine_is_new = own_engine.RELEASES.keys() & (add.keys() - _installed(call).keys())
    with call.station.changed() as state:
        entry = state["wsl"]["distros"][call.distro]
        entry["packages"].update(add)
        for name in remove:
            entry["packages"].pop(name, None)
        write_status(entry, call.base)
        put_programs(entry, call.base)
        if entry.get("conflict_libraries") and not any(fnmatch.fnmatch(name, pattern) for name in entry["packages"] for pattern in DRIVER_PATTERNS):
            entry["conflict_libraries"] = False
            wsl_files.put_conflicting_libraries(False, call.base / tree.USR_LAYER)
            tree.hide(call.base / tree.USR_LAYER / "bin" / "nvidia-smi")
    if engine_is_new:
        own_engine.set_up(call.station, call.distro, call.base)
        if systemd.runs(call.base):
            own_engine.start(call.station, call.base)


# --- dpkg-query and dpkg


def dpkg_query(call: Call) -> int:
    arguments = call.argv[1:]
    if not arguments:
        call.err("dpkg-query: error: need an action option\n")
        return QUERY_USAGE
    try:
        options, patterns = getopt.gnu_getopt(arguments, "Wlsf:", ["show", "list", "status", "showformat="])
    except getopt.GetoptError as error:
        call.unknown(str(error))
    chosen = dict(options)
    form = chosen.get("-f", chosen.get("--showformat", "${binary:Package}\t${Version}\n")).removeprefix("=")
    if {"-W", "--show"} & chosen.keys():
        return _show(call, patterns, form)
    if {"-l", "--list"} & chosen.keys():
        return _list(call, patterns)
    if {"-s", "--status"} & chosen.keys():
        return _status(call, patterns)
    return call.unknown()


def dpkg(call: Call) -> int:
    arguments = call.argv[1:]
    if arguments[:1] in (["-l"], ["--list"]):
        return _list(call, arguments[1:])
    if arguments[:1] in (["-s"], ["--status"]):
        return _status(call, arguments[1:])
    if arguments[:1] in (["-S"], ["--search"]):
        return _search(call, arguments[1:])
    if arguments == ["--print-architecture"]:
        call.out(f"{ARCHITECTURE}\n")
        return 0
    if arguments == ["--configure", "-a"]:
        return 0
    return call.unknown()


def _search(call: Call, paths: list[str]) -> int:
    """Whose file it is. The station knows that of the driver's libraries alone: Ubuntu ships them in libnvidia-compute-NNN. Texts: Debian's dpkg 1.22."""
    found = 0
    compute = next((name for name in sorted(_installed(call)) if fnmatch.fnmatchcase(name, "libnvidia-compute-*")), "")
    for path in paths:
        name = path.rpartition("/")[2]
        if not name.startswith(("libcuda.so", "libnvidia-ml.so")):
            call.unknown(f"dpkg -S {path}")
        if compute and path.startswith("/usr/lib/x86_64-linux-gnu/"):
            call.out(f"{compute}:{ARCHITECTURE}: {path}\n")
            found += 1
        else:
            call.err(f"dpkg-query: no path found matching pattern {path}\n")
    return 0 if found == len(paths) else 1


def _matching(installed: dict[str, str], pattern: str) -> list[str]:
    name = pattern.split(":")[0]
    return sorted(package for package in installed if fnmatch.fnmatchcase(package, name))


def _show(call: Call, patterns: list[str], form: str) -> int:
    installed, missing = _installed(call), False
    names = []
    for pattern in patterns or ["*"]:
        found = _matching(installed, pattern)
        if not found:
            call.err(f"dpkg-query: no packages found matching {pattern}\n")
            missing = True
        names += found
    for name in sorted(set(names)):
        call.out(_formatted(form, name, installed[name]))
    return int(missing)


def _formatted(form: str, name: str, version: str) -> str:
    fields = {
        "package": name, "binary:package": name, "version": version, "architecture": ARCHITECTURE, "status": "install ok installed",
        "db:status-status": "installed", "db:status-abbrev": "ii ", "db:status-want": "install", "db:status-eflag": "ok",
    }  # fmt: skip
    text = re.sub(r"\$\{([^};]+)(?:;(-?\d+))?\}", lambda match: _padded(fields.get(match[1].lower(), ""), match[2]), form)
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _padded(text: str, width: str | None) -> str:
    if width is None:
        return text
    number = int(width)
    return text.rjust(number) if number > 0 else text.ljust(-number)


def _list(call: Call, patterns: list[str]) -> int:
    installed, missing, names = _installed(call), False, []
    for pattern in patterns or ["*"]:
        found = _matching(installed, pattern)
        if not found:
            call.err(f"dpkg-query: no packages found matching {pattern}\n")
            missing = True
        names += found
    if names:
        call.out("Desired=Unknown/Install/Remove/Purge/Hold\n| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n")
        call.out("|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)\n")
        width = max(14, *(len(name) for name in names))
        call.out(f"||/ {'Name'.ljust(width)} {'Version'.ljust(30)} Architecture Description\n+++-{'=' * width}-{'=' * 30}-{'=' * 12}-{'=' * 20}\n")
        for name in sorted(set(names)):
            call.out(f"ii  {name.ljust(width)} {installed[name].ljust(30)} {ARCHITECTURE.ljust(12)} {name} (SIMULATED)\n")
    return int(missing)


def _status(call: Call, names: list[str]) -> int:
    installed, code = _installed(call), 0
    for name in names:
        if name in installed:
            call.out(stanza(name, installed[name]).rstrip("\n") + "\n")
        else:
            call.err(
                f"dpkg-query: package '{name}' is not installed and no information is available\nUse dpkg --info (= dpkg-deb --info) to examine archive "
                f"files.\n"
            )
            code = 1
    return code


# --- apt-get


def _apt_words(call: Call) -> tuple[list[str], list[str]]:
    words, options = [], []
    arguments = iter(call.argv[1:])
    for argument in arguments:
        if argument in ("-o", "-c", "-t"):
            options.append(argument + next(arguments, ""))
        elif argument.startswith("-"):
            options.append(argument)
        else:
            words.append(argument)
    if not words:
        call.unknown()
    return words, options


def apt_get(call: Call) -> int:
    words, options = _apt_words(call)
    action, names = words[0], words[1:]
    if action in ("install", "purge", "remove", "update", "autoremove", "clean") and call.uid != 0:
        call.err("E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\n")
        call.err("E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?\n")
        return 100
    simulate = any(option in ("-s", "--simulate", "--dry-run", "--just-print") for option in options)
    if action == "update":
        return _update(call)
    if action == "clean":
        return 0
    if action == "install":
        return _install(call, names, simulate)
    if action in ("purge", "remove"):
        return _remove(call, names, action, simulate)
    if action == "autoremove":
        return _summary(call, [], [], [], simulate)
    return call.unknown()


def _update(call: Call) -> int:
    call.pause(3)
    for number, pocket in enumerate(("noble", "noble-updates", "noble-backports", "noble-security"), 1):
        call.out(f"Hit:{number} http://archive.ubuntu.com/ubuntu {pocket} InRelease\n")
    code = apt_sources.update(call)
    call.out("Reading package lists...\n" if code == 0 else "")
    return code


def _install(call: Call, names: list[str], simulate: bool) -> int:
    installed, more = _installed(call), apt_sources.offered(call.base)
    wanted: dict[str, str] = {}
    call.out("Reading package lists...\nBuilding dependency tree...\nReading state information...\n")
    for name, _equals, version in (name.partition("=") for name in names):
        offers = {**AVAILABLE, **more}
        if version and name in offers and offers[name][0] != version:
            call.err(f"E: Version '{version}' for '{name}' was not found\n")
            return 100
        if name in installed and installed[name] in ("", offers.get(name, (installed[name],))[0]):
            call.out(f"{name} is already the newest version ({installed[name]}).\n")
        elif name in offers:
            wanted.update({package: found for package, found in with_dependencies(name, more).items() if package not in installed}, **{name: offers[name][0]})
        elif name in PREINSTALLED:
            wanted[name] = PREINSTALLED[name]
        else:
            # Not in the station's archive: said like apt, and logged, because the real archive may well have it.
            call.station.record_error("apt-get install in a distro", f"no package {name} in the simulated archive")
            call.err(f"E: Unable to locate package {name}\n")
            return 100
    new = sorted(wanted.keys() - installed.keys())
    return _summary(call, new, [], [(name, wanted[name]) for name in sorted(wanted)], simulate, upgraded=sorted(wanted.keys() & installed.keys()))


def _remove(call: Call, names: list[str], action: str, simulate: bool) -> int:
    installed = _installed(call)
    gone: list[str] = []
    call.out("Reading package lists...\nBuilding dependency tree...\nReading state information...\n")
    for name in names:
        found = _matching(installed, name)
        if not found and name not in AVAILABLE and not any(fnmatch.fnmatch(name, pattern) for pattern in DRIVER_PATTERNS):
            call.err(f"E: Unable to locate package {name}\n")
            return 100
        if not found:
            call.out(f"Package '{name}' is not installed, so not removed\n")
        gone += found
    return _summary(call, [], sorted(set(gone)), [], simulate, star="*" if action == "purge" else "")


def _summary(call: Call, new: list[str], gone: list[str], add: list[tuple[str, str]], simulate: bool, star: str = "", upgraded: Sequence[str] = ()) -> int:
    if upgraded:
        call.out("The following packages will be upgraded:\n  " + " ".join(upgraded) + "\n")
    if new:
        call.out("The following NEW packages will be installed:\n  " + " ".join(new) + "\n")
    if gone:
        call.out("The following packages will be REMOVED:\n  " + " ".join(name + star for name in gone) + "\n")
    call.out(f"{len(upgraded)} upgraded, {len(new)} newly installed, {len(gone)} to remove and 0 not upgraded.\n")
    if simulate or not (add or gone):
        return 0
    call.pause(2 + len(add))
    for name, version in add:
        call.out(f"Setting up {name} ({version}) ...\n")
    for name in gone:
        call.out(f"Removing {name} ({_installed(call)[name]}) ...\n")
    _change(call, dict(add), gone)
    return 0
