# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`Get-CimInstance`: classes derived from the state document, and the WQL filters they are asked with.

`windows.cim` may hold rows that replace those of a class.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..station import Station
from . import files
from .failure import invalid_class

State = dict[str, Any]
Row = dict[str, Any]

INSTALL_STATE = {"Enabled": 1, "Disabled": 2, "DisabledWithPayloadRemoved": 3, "DisablePending": 1}
# What Win32_OptionalFeature says while an enabled feature waits for the restart is not documented: taken as not yet enabled.
INSTALL_STATE_UNVERIFIED = {"EnablePending": 2}
# Microsoft's language code identifiers, MS-LCID.
LANGUAGE_IDS = {
    "en-US": ("0409", 1033),
    "de-DE": ("0407", 1031),
    "es-ES": ("0c0a", 3082),
    "fr-FR": ("040c", 1036),
    "ja-JP": ("0411", 1041),
    "zh-CN": ("0804", 2052),
}
NAMESPACES = ("root/cimv2",)


def answer(station: Station, class_name: str, properties: list[str], condition: str | None, namespace: str | None) -> list[Row]:
    """What the verb `cim` answers."""
    if namespace and namespace.replace("\\", "/").casefold() not in NAMESPACES:
        station.unknown("CIM namespace", namespace)
    rows = rows_of(station, class_name)
    if condition:
        rows = [row for row in rows if matches(station, row, condition)]
    return [{name: property_of(station, class_name, row, name) for name in properties} for row in rows]


def rows_of(station: Station, class_name: str) -> list[Row]:
    stored = station.state["windows"].get("cim", {})
    for known, rows in stored.items():
        if known.casefold() == class_name.casefold():
            return [dict(row) for row in rows]
    for known, builder in CLASSES.items():
        if known.casefold() == class_name.casefold():
            return builder(station.state) + (running_programs(station) if builder is processes else [])
    station.record_error("CIM class", class_name)
    raise invalid_class()


def property_of(station: Station, class_name: str, row: Row, name: str) -> Any:
    known = next((known for known in row if known.casefold() == name.casefold()), None)
    if known is None:
        station.unknown("CIM property", f"{class_name}.{name}")
    return row[known]


# --- filters: comparisons joined by AND and OR, without brackets --------------------------------------------------------------

COMPARISON = re.compile(r"^\s*(\w+)\s*(=|<>|!=|LIKE)\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|-?\d+|TRUE|FALSE)\s*$", re.IGNORECASE)


def matches(station: Station, row: Row, condition: str) -> bool:
    alternatives = re.split(r"\s+OR\s+", condition, flags=re.IGNORECASE)
    return any(all(_holds(station, row, term, condition) for term in re.split(r"\s+AND\s+", part, flags=re.IGNORECASE)) for part in alternatives)


def _holds(station: Station, row: Row, term: str, condition: str) -> bool:
    found = COMPARISON.match(term)
    if found is None:
        station.unknown("WQL filter", condition)
    name, operator, literal = found.groups()
    actual = property_of(station, "filter", row, name)
    wanted = _literal(literal)
    if operator.upper() == "LIKE":
        pattern = re.escape(str(wanted)).replace("%", ".*").replace("_", ".")
        return actual is not None and re.fullmatch(pattern, str(actual), re.IGNORECASE) is not None
    equal = str(actual).casefold() == str(wanted).casefold()
    return equal if operator == "=" else not equal


def _literal(text: str) -> Any:
    if text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return {"true": True, "false": False}.get(text.casefold(), text)


# --- classes -----------------------------------------------------------------------------------------------------------------


def operating_system(state: State) -> list[Row]:
    windows = state["windows"]
    locale, language = LANGUAGE_IDS[windows["locale"]]
    return [
        {
            "Caption": f"Microsoft {windows['product']}",
            "Version": f"10.0.{windows['build']}",
            "BuildNumber": str(windows["build"]),
            "OSArchitecture": "64-bit",
            "ProductType": 1,
            "OperatingSystemSKU": 48,
            "CSName": windows["computer_name"],
            "Locale": locale,
            "OSLanguage": language,
            "MUILanguages": [windows["locale"]],
            "SystemDirectory": "C:\\Windows\\system32",
            "WindowsDirectory": "C:\\Windows",
            "SystemDrive": "C:",
            "LastBootUpTime": files.net_time(windows["boot_time"]),
            "TotalVisibleMemorySize": windows["memory_bytes"] // 1024,
            "FreePhysicalMemory": windows["memory_bytes"] // 2048,
        }
    ]


def computer_system(state: State) -> list[Row]:
    windows = state["windows"]
    return [
        {
            "Name": windows["computer_name"],
            "DNSHostName": windows["computer_name"].lower(),
            "Domain": "WORKGROUP",
            "Workgroup": "WORKGROUP",
            "PartOfDomain": False,
            "DomainRole": 0,
            "Manufacturer": "gpudev",
            "Model": "Simulated workstation",
            "SystemType": "x64-based PC",
            "PCSystemType": 2,
            "TotalPhysicalMemory": windows["memory_bytes"],
            "NumberOfProcessors": 1,
            "NumberOfLogicalProcessors": windows["logical_processors"],
            "HypervisorPresent": windows["hypervisor_present"],
            "UserName": console_user(state),
        }
    ]


def console_user(state: State) -> str | None:
    """DOMAIN\\user of the session at the console; null when nobody is logged on there."""
    for session in state["windows"]["sessions"]:
        if session["state"] == "Active" and session.get("place", "Console") == "Console":
            return f"{state['windows']['computer_name']}\\{session['user']}"
    return None


def processor(state: State) -> list[Row]:
    windows = state["windows"]
    hypervisor = windows["hypervisor_present"]
    return [
        {
            "DeviceID": "CPU0",
            "Name": windows["processor"],
            "Manufacturer": "GenuineIntel",
            "Architecture": 9,
            "AddressWidth": 64,
            "NumberOfCores": windows["cores"],
            "NumberOfLogicalProcessors": windows["logical_processors"],
            # Once a hypervisor runs it owns the flags and they read False (facts/wsl.md).
            "VirtualizationFirmwareEnabled": windows["virtualization_firmware_enabled"] and not hypervisor,
            "SecondLevelAddressTranslationExtensions": not hypervisor,
            "VMMonitorModeExtensions": not hypervisor,
        }
    ]


def video_controller(state: State) -> list[Row]:
    rows = []
    for index, gpu in enumerate(state["windows"]["gpus"]):
        # Without NVIDIA's driver the one of Windows serves the GPU, under its own name.
        driver = gpu["driver_version"]
        name = gpu["name"] if driver else "Microsoft Basic Display Adapter"
        rows.append(
            {
                "DeviceID": f"VideoController{index + 1}",
                "Name": name,
                "Caption": name,
                "Description": name,
                "VideoProcessor": gpu["name"],
                "AdapterCompatibility": "NVIDIA" if driver else "(Standard display types)",
                "AdapterRAM": 4293918720,
                "DriverVersion": windows_driver_version(driver) if driver else "10.0.26100.1",
                "PNPDeviceID": "PCI\\VEN_10DE&DEV_28A1&SUBSYS_00000000&REV_A1\\4&0&0&0008",
                "Status": "OK",
                "ConfigManagerErrorCode": 0,
                "Availability": 3,
            }
        )
    return rows


def windows_driver_version(number: str) -> str:
    """The last five digits are the NVIDIA number: 591.59 is 32.0.15.9159 (facts/nvidia.md)."""
    digits = number.replace(".", "")
    branch = "32.0.15" if float(number) >= 556 else "31.0.15" if float(number) >= 516 else "30.0.14"
    return f"{branch[:-1]}{digits[0]}.{digits[1:]}"


def optional_feature(state: State) -> list[Row]:
    states = {**INSTALL_STATE, **INSTALL_STATE_UNVERIFIED}
    return [{"Name": name, "Caption": name, "Description": name, "InstallState": states[held]} for name, held in state["windows"]["features"].items()]


def services(state: State) -> list[Row]:
    """The services the chain depends on."""
    enabled = state["windows"]["features"].get("VirtualMachinePlatform") == "Enabled"
    rows = [_service("WinRM", "Windows Remote Management (WS-Management)"), _service("Schedule", "Task Scheduler"), _service("seclogon", "Secondary Logon")]
    rows += [_service("vmcompute", "Hyper-V Host Compute Service")] if enabled else []
    rows += [_service("WSLService", "WSL Service")] if state["wsl"]["package"] else []
    rows += [_service("com.docker.service", "Docker Desktop Service", "Stopped", "Manual")] if state["docker"]["desktop"] else []
    return rows


def _service(name: str, display_name: str, held: str = "Running", mode: str = "Auto") -> Row:
    return {"Name": name, "DisplayName": display_name, "State": held, "StartMode": mode, "Status": "OK", "Started": held == "Running"}


def processes(state: State) -> list[Row]:
    """The programs that tell the state of a session, of Docker Desktop and of the WSL VM."""
    rows = [_process("System", 4, 0), _process("winlogon.exe", 700, 1)]
    boot, vm = files.net_time(state["windows"]["boot_time"]), state["wsl"]["vm"]
    for session in state["windows"]["sessions"]:
        rows.append(_process("explorer.exe", 4000 + session["id"], session["id"], "C:\\Windows\\explorer.exe"))
    desktop = state["docker"]["desktop"]
    if desktop and (desktop["running"] or desktop["starting"]):
        folder = "C:\\Program Files\\Docker\\Docker\\"
        rows.append(_process("Docker Desktop.exe", 5100, 1, folder + "Docker Desktop.exe"))
        rows.append(_process("com.docker.backend.exe", 5104, 1, folder + "resources\\com.docker.backend.exe"))
    if state["wsl"]["package"]:
        rows.append(_process("wslservice.exe", 3200, 0, "C:\\Program Files\\WSL\\wslservice.exe"))
    if vm:
        rows.append({**_process("vmmemWSL", 6000, 0), "CreationDate": files.net_time(vm["started"])})
    return [{"CreationDate": boot, **row} for row in rows]


def running_programs(station: Station) -> list[Row]:
    """What somebody has started and waits for; the ones above show by the state of the workstation already."""
    booted = files.net_time(station.state["windows"]["boot_time"])
    rows = []
    for number, (path, command_line) in enumerate(list(station.transient.get("running programs", {}).values())):
        name = path.rpartition("\\")[2]
        if name != "Docker Desktop.exe":
            rows.append({**_process(name, 7000 + number, 0, path), "CommandLine": command_line, "CreationDate": booted})
    return rows


def _process(name: str, number: int, session: int, path: str | None = None) -> Row:
    return {"Name": name, "Caption": name, "ProcessId": number, "SessionId": session, "ExecutablePath": path, "CommandLine": path and f'"{path}"'}


def user_profiles(state: State) -> list[Row]:
    logged_on = {session["user"] for session in state["windows"]["sessions"]}
    users = state["windows"]["users"].items()
    return [{"SID": user["sid"], "LocalPath": user["profile"], "Loaded": name in logged_on, "Special": False} for name, user in users]


def user_accounts(state: State) -> list[Row]:
    domain = state["windows"]["computer_name"]
    users = state["windows"]["users"].items()
    return [
        {"Name": name, "Domain": domain, "Caption": f"{domain}\\{name}", "SID": user["sid"], "Disabled": False, "LocalAccount": True} for name, user in users
    ]


def logical_disks(state: State) -> list[Row]:
    disk = state["windows"].get("disk", {"size": 1000 * 10**9, "free": 600 * 10**9})
    return [{"DeviceID": "C:", "DriveType": 3, "FileSystem": "NTFS", "Size": disk["size"], "FreeSpace": disk["free"]}]


CLASSES: dict[str, Callable[[State], list[Row]]] = {
    "Win32_OperatingSystem": operating_system,
    "Win32_ComputerSystem": computer_system,
    "Win32_Processor": processor,
    "Win32_VideoController": video_controller,
    "Win32_OptionalFeature": optional_feature,
    "Win32_Service": services,
    "Win32_Process": processes,
    "Win32_UserProfile": user_profiles,
    "Win32_UserAccount": user_accounts,
    "Win32_LogicalDisk": logical_disks,
}
