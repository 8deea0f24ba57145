# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry: what follows from the rest of the state document, and over it the keys stored in `windows.registry`.

Keys are stored under `HKLM:` and `HKU:\\<sid>`. A value is a string, a number, a list (REG_MULTI_SZ), `{"expand_sz": text}` or
`{"base64": text}`. `windows.registry_denied` lists keys that may not be read. Whether a vendor's key exists is known, because the station knows
what is installed; of Windows' own keys only those in `KNOWN_OF_WINDOWS` are: another one is refused, not called absent.
"""

from __future__ import annotations

import re
from typing import Any

from ..station import Station
from . import environment, tasks
from .failure import drive_missing, registry_denied

State = dict[str, Any]
Values = dict[str, Any]

CURRENT_VERSION = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion"
NT_CURRENT_VERSION = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
LXSS = "Software\\Microsoft\\Windows\\CurrentVersion\\Lxss"
UNINSTALL = "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
DOCKER_FOLDER = "C:\\Program Files\\Docker\\Docker"
CBS_REBOOT_PENDING = CURRENT_VERSION + "\\Component Based Servicing\\RebootPending"
WINDOWS_UPDATE_REBOOT = CURRENT_VERSION + "\\WindowsUpdate\\Auto Update\\RebootRequired"
# The scheduled tasks of the root folder, by name.
TASKS = NT_CURRENT_VERSION + "\\Schedule\\TaskCache\\Tree"
VOLATILE = "Volatile Environment"
SESSION_MANAGER = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"

# Subtrees of Windows' own keys whose content the station knows.
KNOWN_OF_WINDOWS = (
    NT_CURRENT_VERSION,
    NT_CURRENT_VERSION + "\\Winlogon",
    NT_CURRENT_VERSION + "\\ProfileList",
    TASKS,
    CURRENT_VERSION + "\\Lxss",
    CURRENT_VERSION + "\\Uninstall",
    CURRENT_VERSION + "\\Component Based Servicing\\RebootPending",
    CURRENT_VERSION + "\\Component Based Servicing\\RebootInProgress",
    CURRENT_VERSION + "\\Component Based Servicing\\PackagesPending",
    CURRENT_VERSION + "\\WindowsUpdate\\Auto Update\\RebootRequired",
    CURRENT_VERSION + "\\WindowsUpdate\\Auto Update\\PostRebootReporting",
    CURRENT_VERSION + "\\RunOnce",
    "HKLM:\\SOFTWARE\\Microsoft\\Updates",
    "HKLM:\\SOFTWARE\\Microsoft\\ServerManager\\CurrentRebootAttempts",
    "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
    "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Updates",
    "HKLM:\\SOFTWARE\\Policies",
    SESSION_MANAGER,
    "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\ComputerName",
    "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Netlogon",
    "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\WSLService",
    "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LxssManager",
    "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\vmcompute",
    "HKCU:\\" + LXSS,
    "HKCU:\\" + UNINSTALL,
    "HKCU:\\Software\\Policies",
    "HKCU:\\" + VOLATILE,
)
EXACT_ONLY = {NT_CURRENT_VERSION.casefold(), SESSION_MANAGER.casefold()}


def answer(station: Station, user: str, path: str, with_subkeys: bool) -> dict[str, Any]:
    """What the verb `registry` answers."""
    key = canonical(station, user, path)
    if is_denied(station.state, key):
        raise registry_denied()
    keys = all_keys(station.state, user)
    found = keys.get(key.casefold())
    if found is None:
        refuse_what_is_not_known(station, key, path)
        return {"exists": False}
    subkeys: dict[str, Values] = {}
    if with_subkeys:
        subkeys = {name: plain(station.state, user, values) for name, values in children(keys, key).items()}
    return {"exists": True, "values": plain(station.state, user, found[1]), "subkeys": subkeys}


def value(station: Station, user: str, path: str, name: str) -> Any:
    """One raw value or None, for the parts that imitate programs."""
    found = all_keys(station.state, user).get(canonical(station, user, path).casefold())
    return None if found is None else next((held for known, held in found[1].items() if known.casefold() == name.casefold()), None)


def canonical(station: Station, user: str, path: str) -> str:
    """HKLM:, HKCU: (the connecting user's hive) or HKU:\\<sid> in front, no backslash at the end."""
    path = path.replace("/", "\\").rstrip("\\")
    provider = re.match(r"(?:Microsoft\.PowerShell\.Core\\)?Registry::(HKEY_[A-Z_]+|HK[A-Z]+)(.*)", path, re.IGNORECASE | re.DOTALL)
    if provider:
        hive = {"hkey_local_machine": "HKLM", "hkey_current_user": "HKCU", "hkey_users": "HKU"}.get(provider[1].casefold(), provider[1].upper())
        if hive not in ("HKLM", "HKCU", "HKU"):
            station.unknown("registry hive", provider[1])
        path = f"{hive}:{provider[2]}"
    else:
        drive = path.partition(":")[0]
        if drive.upper() not in ("HKLM", "HKCU"):
            raise drive_missing(drive, "DriveNotFound,Microsoft.PowerShell.Commands.GetItemCommand")
    own = f"HKU:\\{station.state['windows']['users'][user]['sid']}"
    if path.casefold().startswith(own.casefold()):
        path = "HKCU:" + path[len(own) :]
    return path


def storage_key(station: Station, user: str, path: str) -> str:
    """The same key as it is named in `windows.registry`."""
    key = canonical(station, user, path)
    if key.upper().startswith("HKCU:"):
        return f"HKU:\\{station.state['windows']['users'][user]['sid']}{key[5:]}"
    return key


def refuse_what_is_not_known(station: Station, key: str, asked: str) -> None:
    folded = key.casefold()
    for known in KNOWN_OF_WINDOWS:
        below = folded.startswith(known.casefold() + "\\") and known.casefold() not in EXACT_ONLY
        if folded == known.casefold() or below:
            return
    vendor = re.match(r"(?:hklm|hkcu|hku:\\[^\\]+):?\\software\\(?:wow6432node\\)?([^\\]+)", folded)
    if vendor and vendor[1] not in ("microsoft", "classes", "clients", "policies", "wow6432node", "odbc", "registeredapplications"):
        return
    if folded.startswith("hku:\\") and not hive_is_loaded(station.state, folded):
        return
    station.unknown("registry key of Windows", asked)


def hive_is_loaded(state: State, folded: str) -> bool:
    """Another user's hive is there while that user is logged on."""
    sid = folded.split("\\")[1]
    logged_on = {state["windows"]["users"][session["user"]]["sid"].casefold() for session in state["windows"]["sessions"]}
    return sid in logged_on


def is_denied(state: State, key: str) -> bool:
    return any(key.casefold() == listed.casefold() for listed in state["windows"].get("registry_denied", []))


def children(keys: dict[str, tuple[str, Values]], key: str) -> dict[str, Values]:
    prefix = key.casefold() + "\\"
    found: dict[str, Values] = {}
    for folded, (written, values) in keys.items():
        if folded.startswith(prefix):
            name, _backslash, deeper = written[len(prefix) :].partition("\\")
            if not deeper:
                found[name] = values
            else:
                found.setdefault(name, {})
    return found


def all_keys(state: State, user: str) -> dict[str, tuple[str, Values]]:
    """Folded path -> (path, values); stored values lie over derived ones, and every key has its parents."""
    found: dict[str, tuple[str, Values]] = {}
    for path, values in [*derived(state).items(), *state["windows"]["registry"].items()]:
        visible = as_seen_by(state, user, path)
        if visible is not None:
            add_key(found, visible, values)
    return found


def as_seen_by(state: State, user: str, path: str) -> str | None:
    if not path.upper().startswith("HKU:\\"):
        return path
    own = f"HKU:\\{state['windows']['users'][user]['sid']}"
    if path.casefold().startswith(own.casefold()):
        return "HKCU:" + path[len(own) :]
    return path if hive_is_loaded(state, path.casefold()) else None


def add_key(keys: dict[str, tuple[str, Values]], path: str, values: Values) -> None:
    parts = path.split("\\")
    for length in range(2, len(parts)):
        parent = "\\".join(parts[:length])
        if is_parent_the_station_may_show(parent):
            keys.setdefault(parent.casefold(), (parent, {}))
    written, held = keys.get(path.casefold(), (path, {}))
    keys[path.casefold()] = (written, {**held, **values})


def is_parent_the_station_may_show(parent: str) -> bool:
    """A parent is shown where the station knows all of its content: inside a known subtree or a vendor's key."""
    folded = parent.casefold()
    if any(folded.startswith(known.casefold()) for known in KNOWN_OF_WINDOWS):
        return True
    return "\\software\\" in folded and "\\microsoft" not in folded


def plain(state: State, user: str, values: Values) -> Values:
    """Values as `GetValue` gives them: REG_EXPAND_SZ arrives expanded."""
    return {name: environment.expand(state, user, held["expand_sz"]) if _is_expand(held) else held for name, held in values.items()}


def _is_expand(held: Any) -> bool:
    return isinstance(held, dict) and "expand_sz" in held


# --- what follows from the rest of the document ------------------------------------------------------------------------------


def derived(state: State) -> dict[str, Values]:
    keys = {NT_CURRENT_VERSION: _current_version(state), SESSION_MANAGER: {}, **_winlogon(state), **_profiles(state), **_computer_name(state)}
    if any(held in ("EnablePending", "DisablePending") for held in state["windows"]["features"].values()):
        keys[CBS_REBOOT_PENDING] = {}
    keys.update(_uninstall_of_driver(state))
    keys.update({f"{TASKS}\\{name}": {} for name in ("Microsoft", *tasks.names(state))})
    keys.update(_desktop_sessions(state))
    keys.update(_wsl_package(state))
    keys.update(_docker_desktop(state))
    for user in state["windows"]["users"]:
        keys.update(_lxss_of_user(state, user))
    return keys


def _current_version(state: State) -> Values:
    windows = state["windows"]
    return {
        # Windows 11 still says Windows 10 here; the build number tells them apart.
        "ProductName": windows["product"].replace("Windows 11", "Windows 10"),
        "EditionID": windows.get("edition", "Professional"),
        "InstallationType": "Client",
        "CurrentVersion": "6.3",
        "CurrentBuild": str(windows["build"]),
        "CurrentBuildNumber": str(windows["build"]),
        "CurrentMajorVersionNumber": 10,
        "CurrentMinorVersionNumber": 0,
        "UBR": windows["revision"],
        "DisplayVersion": windows["display_version"],
        "ReleaseId": "2009",
    }


def _winlogon(state: State) -> dict[str, Values]:
    autologon = state["windows"]["autologon"]
    values = {"AutoAdminLogon": "1", "DefaultUserName": autologon} if autologon else {"AutoAdminLogon": "0"}
    return {NT_CURRENT_VERSION + "\\Winlogon": values}


def _profiles(state: State) -> dict[str, Values]:
    users = state["windows"]["users"].values()
    return {f"{NT_CURRENT_VERSION}\\ProfileList\\{user['sid']}": {"ProfileImagePath": user["profile"]} for user in users}


def _computer_name(state: State) -> dict[str, Values]:
    base = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\"
    values = {"ComputerName": state["windows"]["computer_name"]}
    return {base + "ActiveComputerName": dict(values), base + "ComputerName": dict(values)}


def _desktop_sessions(state: State) -> dict[str, Values]:
    """A key per desktop session in its user's hive (VirtualBox VBoxTray.cpp, GetVolatileEnvironmentKey); in other hives than those of `users` nothing."""
    keys: dict[str, Values] = {}
    for session in state["windows"]["sessions"]:
        account = state["windows"]["users"][session["user"]]
        place = {"SESSIONNAME": session.get("place", "Console"), "CLIENTNAME": ""}
        keys[f"HKU:\\{account['sid']}\\{VOLATILE}\\{session['id']}"] = place
    return keys


def _uninstall_of_driver(state: State) -> dict[str, Values]:
    if not state["windows"]["gpus"] or not state["windows"]["gpus"][0]["driver_version"]:
        return {}
    version = state["windows"]["gpus"][0]["driver_version"]
    key = f"HKLM:\\{UNINSTALL}\\{{B2FE1952-0186-46C3-BAEC-A80AA35AC5B8}}_Display.Driver"
    return {key: {"DisplayName": f"NVIDIA Graphics Driver {version}", "DisplayVersion": version, "Publisher": "NVIDIA Corporation"}}


def _wsl_package(state: State) -> dict[str, Values]:
    package = state["wsl"]["package"]
    if not package:
        return {}
    code = package.get("product_code") or product_code(package["version"])
    return {
        CURRENT_VERSION + "\\Lxss\\MSI": {"InstallLocation": package["location"], "Version": package["version"], "ProductCode": code},
        f"HKLM:\\{UNINSTALL}\\{code}": {
            "DisplayName": "Windows Subsystem for Linux",
            "DisplayVersion": package["version"],
            "Publisher": "Microsoft Corporation",
            "WindowsInstaller": 1,
        },
        "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\WSLService": {"DisplayName": "WSL Service", "Start": 2},
    }


def product_code(version: str) -> str:
    """Of the WSL package; made up for the station: real ones differ per version, too."""
    return "{A9FC2F5E-6E0B-4B6D-8C1B-" + version.replace(".", "").ljust(12, "0") + "}"


def _docker_desktop(state: State) -> dict[str, Values]:
    desktop = state["docker"]["desktop"]
    if not desktop:
        return {}
    hive, folder = "HKLM:", DOCKER_FOLDER
    if desktop.get("scope") == "user":
        owner = state["windows"]["users"][desktop["installed_by"]]
        hive, folder = f"HKU:\\{owner['sid']}", owner["profile"] + "\\AppData\\Local\\Programs\\DockerDesktop"
    return {
        f"{hive}\\{UNINSTALL}\\Docker Desktop": {
            "DisplayName": "Docker Desktop",
            "DisplayVersion": desktop["version"],
            "InstallLocation": folder,
            "Publisher": "Docker Inc.",
        },
        f"{hive}\\SOFTWARE\\Docker Inc.\\Docker\\1.0": {"AppPath": folder},
    }


def _lxss_of_user(state: State, user: str) -> dict[str, Values]:
    mine = {name: distro for name, distro in state["wsl"]["distros"].items() if distro["owner"] == user}
    account = state["windows"]["users"][user]
    base = f"HKU:\\{account['sid']}\\{LXSS}"
    # `wsl --set-default-version` writes the key as well.
    if not mine and "default_version" not in state["wsl"]:
        return {}
    keys: dict[str, Values] = {base: {"DefaultVersion": state["wsl"].get("default_version", 2)}}
    default = state["wsl"]["default"]
    if default in {distro["guid"] for distro in mine.values()}:
        keys[base]["DefaultDistribution"] = default
    for name, distro in mine.items():
        keys[f"{base}\\{distro['guid']}"] = _lxss_of_distro(name, distro, account["profile"])
    return keys


def _lxss_of_distro(name: str, distro: State, profile: str) -> Values:
    flavor, _dash, os_version = name.lower().partition("-")
    folder = f"{profile}\\AppData\\Local\\wsl\\{distro['guid']}"
    if distro.get("system"):
        folder = f"{profile}\\AppData\\Local\\Docker\\wsl\\main"
    return {
        "DistributionName": name,
        "State": 1,
        "Version": 2,
        # Bit 8 is VM_MODE: set for WSL 2 (facts/wsl.md, unverified).
        "Flags": 15 if distro["version"] == 2 else 7,
        "BasePath": distro.get("location") or folder,
        "VhdFileName": "ext4.vhdx",
        "DefaultUid": 0 if distro["default_user"] == "root" else 1000,
        "Flavor": flavor,
        "OsVersion": os_version,
        "Modern": 1,
    }
