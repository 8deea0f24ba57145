# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What wsl.exe manages: the package, the VM and the distros of a Windows user.

`manage` answers the management options as (exit code, text); `start` brings a distro up and gives (0, its name) or the error.
Source: microsoft/WSL src/windows/common/WslClient.cpp, facts/wsl.md. Distros and the VM belong to one Windows user.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from typing import Any

from ..station import Station, timestamp
from . import files, messages, wslconfig
from .failure import Failure
from .programs import installer_at

State = dict[str, Any]
Result = tuple[int, str]

FAILURE = -1
NOT_INSTALLED = 1
STATUS_NOT_INSTALLED = 50
MIB = 1024 * 1024
SECONDS_TO_START_VM = 4
SECONDS_TO_IMPORT = 30
# WSL, then WSLg, MSRDC, Direct3D and DXCore: samples/windows/wsl_version_*.txt
COMPONENTS = {
    "2.6.3.0": ("1.0.71", "1.2.6353", "1.611.1-81528511", "10.0.26100.1-240331-1435.ge-release"),
    "2.3.26.0": ("1.0.65", "1.2.5620", "1.611.1-81528511", "10.0.26100.1-240331-1435.ge-release"),
    "2.1.5.0": ("1.0.60", "1.2.5105", "1.611.1-81528511", "10.0.25131.1002-220531-1700.rs-onecore-base2-hyp"),
    "1.1.2.0": ("1.0.49", "1.2.3770", "1.608.2-61064218", "10.0.25131.1002-220531-1700.rs-onecore-base2-hyp"),
}
NAME_NOT_RESOLVED = (
    "Failed to fetch the list distribution from 'https://raw.githubusercontent.com/microsoft/WSL/master/distributions/DistributionInfo.json'. "
    "The server name or address could not be resolved"
)


class Refused(Exception):
    """wsl.exe ends with -1 and a sentence, mostly followed by its error code."""

    def __init__(self, sentence: str, code: str | None) -> None:
        super().__init__(sentence)
        self.text = sentence + (f"\nError code: {code}\n" if code else "\n")


def manage(station: Station, user: str, words: list[str]) -> Result:
    """A management option with what follows it."""
    option, *rest = words
    if station.state["wsl"]["package"] is None and option == "--install" and station.state["wsl"].get("available"):
        return 0, _install_by_the_stub(station, rest)
    if station.state["wsl"]["package"] is None:
        return STATUS_NOT_INSTALLED if option == "--status" else NOT_INSTALLED, _say(station, "NOT_INSTALLED")
    command = COMMANDS.get(option)
    if command is None:
        station.unknown("wsl.exe", " ".join(words))
    try:
        return 0, command(station, user, rest)
    except Refused as refusal:
        return FAILURE, refusal.text


def start(station: Station, user: str, distribution: str | None) -> Result:
    """Bring a distro and its VM up: (0, its name), or the exit code and text of wsl.exe."""
    if station.state["wsl"]["package"] is None:
        return NOT_INSTALLED, _say(station, "NOT_INSTALLED")
    try:
        name = _find(station, user, distribution) if distribution else _default(station, user)
        start_vm(station, user, "CreateInstance")
    except Refused as refusal:
        return FAILURE, refusal.text
    if station.state["wsl"]["distros"][name]["state"] != "Running":
        with station.changed() as state:
            state["wsl"]["distros"][name]["state"] = "Running"
    return 0, name


def take_warnings(station: Station) -> list[str]:
    """What the VM's start had to complain about `.wslconfig`; wsl.exe prints it once, on stderr, behind `wsl: `."""
    with station.lock:
        warnings: list[str] = station.transient.pop("wsl warnings", [])
    return warnings


# --- the VM ------------------------------------------------------------------------------------------------------------------


def start_vm(station: Station, user: str, context: str) -> None:
    """Create the VM unless it runs: only now `.wslconfig` is read."""
    if station.state["wsl"]["vm"] is not None:
        return
    _require_virtualisation(station, context)
    station.pause(SECONDS_TO_START_VM)
    with station.changed() as state:
        if state["wsl"]["vm"] is None:
            state["wsl"]["vm"] = _new_vm(station, user)


def _require_virtualisation(station: Station, context: str) -> None:
    windows = station.state["windows"]
    where = "InstallDistro/Service/RegisterDistro" if context == "InstallDistro" else f"Service/{context}"
    if windows["features"].get("VirtualMachinePlatform") != "Enabled":
        raise Refused(_line(station, "HCS_E_SERVICE_NOT_AVAILABLE"), f"Wsl/{where}/CreateVm/HCS/HCS_E_SERVICE_NOT_AVAILABLE")
    if not windows["hypervisor_present"]:
        raise Refused(_line(station, "MessageEnableVirtualization"), f"Wsl/{where}/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED")


def _new_vm(station: Station, user: str) -> State:
    windows = station.state["windows"]
    path = windows["users"][user]["profile"] + "\\.wslconfig"
    data = files.read(station.state, path)
    accepted: State = {}
    if data is not None:
        reader = wslconfig.read(data, path)
        accepted = reader.values
        station.transient["wsl warnings"] = reader.warnings
    wanted = accepted.get("wsl2.memory", windows["memory_bytes"] // 2)
    return {
        "started": timestamp(station.now()),
        "user": user,
        "wslconfig": accepted,
        "memory_bytes": min(max(wanted, 256 * MIB), windows["memory_bytes"]),
        "processors": min(max(accepted.get("wsl2.processors", windows["logical_processors"]), 1), windows["logical_processors"]),
        "gpu": accepted.get("wsl2.gpuSupport", True),
    }


def stop_vm(station: Station) -> None:
    """Everything in the VM is gone: distros, and Docker Desktop's engine with them."""
    from .. import distro as distros
    from ..linux import own_engine
    from . import docker_desktop

    with station.changed() as state:
        state["wsl"]["vm"] = None
        for distro in state["wsl"]["distros"].values():
            distro["state"] = "Stopped"
    distros.terminate_all(station)
    docker_desktop.engine_lost(station)
    own_engine.lost(station)


# --- questions ---------------------------------------------------------------------------------------------------------------


def _version(station: Station, _user: str, _words: list[str]) -> str:
    package, windows = station.state["wsl"]["package"], station.state["windows"]
    components = COMPONENTS.get(package["version"])
    if components is None:
        station.unknown("components of WSL version", package["version"])
    return _say(station, "MessagePackageVersions", package["version"], package["kernel"], *components, f"10.0.{windows['build']}.{windows['revision']}")


def _status(station: Station, user: str, _words: list[str]) -> str:
    lines = []
    for name, distro in _mine(station, user).items():
        if distro["guid"] == station.state["wsl"]["default"]:
            lines.append(_say(station, "MessageStatusDefaultDistro", name))
    lines.append(_say(station, "MessageStatusDefaultVersion", station.state["wsl"].get("default_version", 2)))
    features = station.state["windows"]["features"]
    if features.get("Microsoft-Windows-Subsystem-Linux") != "Enabled":
        lines.append(_say(station, "MessageWsl1NotSupported"))
    if features.get("VirtualMachinePlatform") != "Enabled":
        lines.append(_say(station, "MessageEnableVirtualization"))
    return "".join(lines)


LIST_FLAGS = {"--all": "all", "--running": "running", "-q": "quiet", "-v": "verbose", "-o": "online"}
LIST_FLAGS.update({"--quiet": "quiet", "--verbose": "verbose", "--online": "online"})


def _list(station: Station, user: str, words: list[str]) -> str:
    chosen = {LIST_FLAGS[word] for word in words if word in LIST_FLAGS}
    if len(chosen) != len(words) or {"quiet", "verbose"} <= chosen or {"all", "running"} <= chosen:
        station.unknown("wsl.exe --list", " ".join(words))
    if "online" in chosen:
        return _list_online(station)
    distros = sorted(_mine(station, user).items(), key=lambda item: item[1]["guid"] != station.state["wsl"]["default"])
    if "verbose" in chosen:
        return _list_verbose(station, distros)
    if "running" in chosen:
        distros = [item for item in distros if item[1]["state"] == "Running"]
    if "quiet" in chosen:
        return "".join(f"{name}\n" for name, _distro in distros)
    if not distros:
        raise Refused(_line(station, "MessageNoRunningDistro" if "running" in chosen else "MessageNoDefaultDistro"), None)
    return _say(station, "MessageRegisteredDistrosHeader") + "".join(_list_line(station, name, distro) for name, distro in distros)


def _list_line(station: Station, name: str, distro: State) -> str:
    return _say(station, "MessagePrintDistroDefault", name) if distro["guid"] == station.state["wsl"]["default"] else f"{name}\n"


def _list_verbose(station: Station, distros: list[tuple[str, State]]) -> str:
    """Header and states are English everywhere."""
    if not distros:
        raise Refused(_line(station, "MessageNoDefaultDistro"), None)
    width = max(len("NAME"), *(len(name) for name, _distro in distros)) + 4
    lines = [f"  {'NAME':<{width}}{'STATE':<16}VERSION\n"]
    for name, distro in distros:
        mark = "*" if distro["guid"] == station.state["wsl"]["default"] else " "
        lines.append(f"{mark} {name:<{width}}{distro['state']:<16}{distro['version']}\n")
    return "".join(lines)


def _list_online(station: Station) -> str:
    """From `wsl.online` of the document; a station without it has no internet."""
    online = station.state["wsl"].get("online")
    if online is None:
        raise Refused(NAME_NOT_RESOLVED, "Wsl/WININET_E_NAME_NOT_RESOLVED")
    width = max(len("NAME"), *(len(name) for name in online)) + 4
    lines = [f"{name:<{width}}{friendly}\n" for name, friendly in {"NAME": "FRIENDLY NAME", **online}.items()]
    return _say(station, "MessageDistributionListOnline") + "".join(lines)


# --- changes -----------------------------------------------------------------------------------------------------------------

VALUE_OPTIONS = ("--from-file", "-f", "--name", "--location", "-l", "--version", "--vhd-size", "--distribution", "-d")
FLAG_OPTIONS = ("--no-distribution", "--no-launch", "-n", "--web-download", "--enable-wsl1", "--fixed-vhd", "--legacy", "--vhd")


def options_of(station: Station, what: str, words: list[str]) -> tuple[dict[str, str], set[str], list[str]]:
    """(options with a value, flags, positional words)."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    positional: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in VALUE_OPTIONS:
            if not rest:
                raise Refused(_line(station, "MessageRequiredParameterMissing", word), None)
            values[word] = rest.pop(0)
        elif word in FLAG_OPTIONS:
            flags.add(word)
        elif word.startswith("-"):
            raise Refused(_line(station, "MessageInvalidCommandLine", word, "wsl.exe"), None)
        else:
            positional.append(word)
    unsupported = {"--vhd", "--vhd-size", "--legacy", "--fixed-vhd", "--enable-wsl1"} & (flags | set(values))
    if unsupported:
        station.unknown(what, " ".join(words))
    return values, flags, positional


def _install(station: Station, user: str, words: list[str]) -> str:
    values, flags, positional = options_of(station, "wsl.exe --install", words)
    source = values.get("--from-file") or values.get("-f")
    if source is not None:
        return _install_from_file(station, user, source, values, flags)
    text, reboot = _install_missing_features(station)
    if reboot:
        return text + _say(station, "ERROR_SUCCESS_REBOOT_REQUIRED")
    if "--no-distribution" in flags:
        return text + _say(station, "ERROR_SUCCESS")
    return text + _install_from_the_store(station, user, values, values.get("--distribution") or values.get("-d") or "".join(positional), flags)


def _install_by_the_stub(station: Station, words: list[str]) -> str:
    """System32's wsl.exe before WSL is there: enables what is missing and fetches the package, `wsl.available` of the document (WslInstall.cpp)."""
    if words != ["--no-distribution"]:
        station.unknown("wsl.exe --install without WSL", " ".join(words))
    text, reboot = _install_missing_features(station)
    available = station.state["wsl"]["available"]
    install_package(station, available["version"], available["kernel"])
    return text + _say(station, "ERROR_SUCCESS_REBOOT_REQUIRED" if reboot else "ERROR_SUCCESS")


def _install_from_the_store(station: Station, user: str, values: dict[str, str], wanted: str, flags: set[str]) -> str:
    """By name, from `wsl.online` of the document; a station without it has no internet. Wording of the refusal not verified, its code is."""
    online = station.state["wsl"].get("online")
    if online is None:
        raise Refused(NAME_NOT_RESOLVED, "Wsl/InstallDistro/WININET_E_NAME_NOT_RESOLVED")
    if wanted not in online:
        raise Refused(f"Invalid distribution name: '{wanted}'.", "Wsl/InstallDistro/WSL_E_DISTRO_NOT_FOUND")
    if not flags & {"--no-launch", "-n"}:
        station.unknown("wsl.exe --install of a distribution without --no-launch", wanted)
    register(station, user, wanted, None, "InstallDistro", values.get("--version"))
    return _say(station, "MessageInstalling", online[wanted]) + _say(station, "MessageDistributionInstalled", wanted)


def _install_missing_features(station: Station) -> tuple[str, bool]:
    """On Windows 11 only the Virtual Machine Platform is needed; the exit code says nothing about the reboot."""
    from . import session

    state = station.state["windows"]["features"].get("VirtualMachinePlatform")
    if state == "Enabled":
        return "", False
    if state != "EnablePending":
        session.enable_feature(station, "VirtualMachinePlatform")
    return _say(station, "MessageInstallingWindowsComponent", "VirtualMachinePlatform"), True


def _install_from_file(station: Station, user: str, source: str, values: dict[str, str], flags: set[str]) -> str:
    path, installer = distribution_file(station, user, source)
    name = values.get("--name") or installer["name"]
    begin = _say(station, "MessageInstalling", source)
    register(station, user, name, values.get("--location") or values.get("-l"), "InstallDistro", values.get("--version"))
    done = begin + _say(station, "MessageDistributionInstalled", name)
    if not flags & {"--no-launch", "-n"}:
        # Its first launch asks for a user name on the console.
        station.unknown("wsl.exe --install --from-file without --no-launch", path)
    return done


def distribution_file(station: Station, user: str, source: str) -> tuple[str, State]:
    try:
        path = files.resolve(station, user, source)
    except Failure:
        raise Refused(_line(station, "ERROR_FILE_NOT_FOUND"), "Wsl/ERROR_FILE_NOT_FOUND") from None
    if files.find(station.state, path) is None:
        raise Refused(_line(station, "ERROR_FILE_NOT_FOUND"), "Wsl/ERROR_FILE_NOT_FOUND")
    installer = installer_at(station.state, path)
    if installer is None or installer["kind"] != "distribution":
        station.unknown("content of a distribution file", path)
    return path, installer


def _import(station: Station, user: str, words: list[str]) -> str:
    values, _flags, positional = options_of(station, "wsl.exe --import", words)
    if len(positional) != 3:
        raise Refused("The parameter is incorrect.", "Wsl/E_INVALIDARG")
    name, location, source = positional
    distribution_file(station, user, source)
    register(station, user, name, location, "RegisterDistro", values.get("--version"))
    return _say(station, "ERROR_SUCCESS")


def register(station: Station, user: str, name: str, location: str | None, context: str, asked: str | None = None) -> None:
    """A new distro: known to Windows, stopped, with root as its user.

    Without `--version` it is made for the user's default version, and for 2 where none was chosen: WslInstall.cpp hands
    `version.value_or(LXSS_WSL_VERSION_DEFAULT)` to RegisterDistribution, which then reads the value DefaultVersion (LxssUserSession.cpp).
    """
    from .. import distro as distros

    if any(known.casefold() == name.casefold() for known in _mine(station, user)):
        raise Refused(_line(station, "MessageDistroNameAlreadyExists"), "Wsl/InstallDistro/Service/RegisterDistro/ERROR_ALREADY_EXISTS")
    version = int(asked or station.state["wsl"].get("default_version", 2))
    if version == 2:
        start_vm(station, user, context)
    station.pause(SECONDS_TO_IMPORT)
    entry: State = {
        "guid": "{" + str(uuid.uuid4()) + "}",
        "owner": user,
        "version": version,
        "state": "Stopped",
        "default_user": "root",
        "prepared": False,
        "packages": {},
        "conflict_libraries": False,
    }
    if location:
        entry["location"] = location
    with station.changed() as state:
        state["wsl"]["distros"][name] = entry
        if state["wsl"]["default"] is None:
            state["wsl"]["default"] = entry["guid"]
    distros.create(station, name)


def _unregister(station: Station, user: str, words: list[str]) -> str:
    from .. import distro as distros

    name = _find(station, user, _only(station, "--unregister", words))
    system = station.state["wsl"]["distros"][name].get("system")
    if system:
        station.unknown("wsl.exe --unregister", name)
    distros.destroy(station, name)
    with station.changed() as state:
        gone = state["wsl"]["distros"].pop(name)
        if state["wsl"]["default"] == gone["guid"]:
            state["wsl"]["default"] = next((distro["guid"] for distro in state["wsl"]["distros"].values()), None)
    return _say(station, "MessageStatusUnregistering") + _say(station, "ERROR_SUCCESS")


def _terminate(station: Station, user: str, words: list[str]) -> str:
    from .. import distro as distros
    from ..linux import own_engine
    from . import docker_desktop

    name = _find(station, user, _only(station, "--terminate", words))
    with station.changed() as state:
        entry = state["wsl"]["distros"][name]
        entry["state"] = "Stopped"
    if entry.get("system"):
        docker_desktop.engine_lost(station)
    else:
        distros.terminate(station, name)
        own_engine.lost(station, name)
    return _say(station, "ERROR_SUCCESS")


def _shutdown(station: Station, user: str, words: list[str]) -> str:
    if [word for word in words if word != "--force"]:
        station.unknown("wsl.exe --shutdown", " ".join(words))
    vm = station.state["wsl"]["vm"]
    if vm is not None and vm.get("user", user) == user:
        stop_vm(station)
    return ""


def _set_default(station: Station, user: str, words: list[str]) -> str:
    name = _find(station, user, _only(station, "--set-default", words))
    with station.changed() as state:
        state["wsl"]["default"] = state["wsl"]["distros"][name]["guid"]
    return _say(station, "ERROR_SUCCESS")


def _set_default_version(station: Station, _user: str, words: list[str]) -> str:
    if words != ["2"]:
        station.unknown("wsl.exe --set-default-version", " ".join(words))
    with station.changed() as state:
        state["wsl"]["default_version"] = 2
    return _say(station, "MessageVmModeConversionInfo") + _say(station, "ERROR_SUCCESS")


def _manage(station: Station, user: str, words: list[str]) -> str:
    """`--manage NAME --set-default-user USER`: wsl.exe asks `id -u` inside the distro."""
    if len(words) != 3 or words[1] != "--set-default-user":
        station.unknown("wsl.exe --manage", " ".join(words))
    name = _find(station, user, words[0])
    from .. import distro as distros

    start(station, user, name)
    command, pipe = ["/usr/bin/id", "-u", "--", words[2]], subprocess.PIPE
    process = distros.popen(station, name, command, user="root", env={}, cwd="/", stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    _out, complaint = process.communicate()
    if process.returncode != 0:
        raise Refused(complaint.decode(errors="replace").rstrip("\n"), None)
    with station.changed() as state:
        state["wsl"]["distros"][name]["default_user"] = words[2]
    return _say(station, "ERROR_SUCCESS")


def _update(station: Station, _user: str, words: list[str]) -> str:
    """To `wsl.available` of the document; without it the installed version is the newest."""
    if [word for word in words if word not in ("--web-download", "--pre-release", "--confirm", "--prompt-before-exit")]:
        station.unknown("wsl.exe --update", " ".join(words))
    available = station.state["wsl"].get("available")
    begin = _say(station, "MessageCheckingForUpdates")
    if not available or available["version"] == station.state["wsl"]["package"]["version"]:
        return begin + _say(station, "MessageUpdateNotNeeded")
    install_package(station, available["version"], available["kernel"])
    return begin + _say(station, "MessageUpdatingToVersion", available["version"])


def install_package(station: Station, version: str, kernel: str) -> None:
    """The WSL package (MSI) is installed or upgraded; a running VM ends with the old service."""
    station.pause(SECONDS_TO_IMPORT)
    if station.state["wsl"]["vm"] is not None:
        stop_vm(station)
    with station.changed() as state:
        state["wsl"]["package"] = {"version": version, "kernel": kernel, "location": "C:\\Program Files\\WSL\\"}


# --- helpers -----------------------------------------------------------------------------------------------------------------


def _mine(station: Station, user: str) -> dict[str, State]:
    return {name: distro for name, distro in station.state["wsl"]["distros"].items() if distro["owner"] == user}


def _find(station: Station, user: str, name: str) -> str:
    for known in _mine(station, user):
        if known.casefold() == name.casefold():
            return known
    raise Refused(_line(station, "MessageDistroNotFound"), "Wsl/Service/WSL_E_DISTRO_NOT_FOUND")


def _default(station: Station, user: str) -> str:
    for name, distro in _mine(station, user).items():
        if distro["guid"] == station.state["wsl"]["default"]:
            return name
    raise Refused(_line(station, "MessageNoDefaultDistro"), None)


def _only(station: Station, option: str, words: list[str]) -> str:
    if not words:
        raise Refused(_line(station, "MessageRequiredParameterMissing", option), None)
    return words[0]


def _line(station: Station, name: str, *values: object) -> str:
    return messages.text(station.state["windows"]["locale"], name, *values)


def _say(station: Station, name: str, *values: object) -> str:
    return _line(station, name, *values) + "\n"


COMMANDS: dict[str, Callable[[Station, str, list[str]], str]] = {
    "--version": _version,
    "-v": _version,
    "--status": _status,
    "--list": _list,
    "-l": _list,
    "--install": _install,
    "--import": _import,
    "--unregister": _unregister,
    "--terminate": _terminate,
    "-t": _terminate,
    "--shutdown": _shutdown,
    "--set-default": _set_default,
    "-s": _set_default,
    "--set-default-version": _set_default_version,
    "--manage": _manage,
    "--update": _update,
}
