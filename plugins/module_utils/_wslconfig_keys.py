# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that WSL knows in `.wslconfig` and `/etc/wsl.conf`, and what WSL makes of the text of a value.

Sources: facts/wsl.md (WslCoreConfig, WslDistributionConfig), recordings/wslconfig for every conversion, its leniency included.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

WSLCONFIG = "wslconfig"
WSL_CONF = "wsl.conf"
KINDS = (WSLCONFIG, WSL_CONF)

UNITS: dict[str, int] = {"": 0, "B": 0, "K": 10, "KB": 10, "M": 20, "MB": 20, "G": 30, "GB": 30, "T": 40, "TB": 40}
MIB = 1 << 20
BEYOND = 1 << 64

NETWORKING = {"Bridged": "Bridged", "Consomme": "Consomme", "Mirrored": "Mirrored", "Nat": "Nat", "None": "None", "VirtioProxy": "Consomme"}
RECLAIM = {"Disabled": "Disabled", "DropCache": "DropCache", "Gradual": "Gradual"}
CGROUPS = {"v1": "v1", "v2": "v2"}

# Codes of the parser's warnings, stable where WSL's own texts are translated.
UNKNOWN_KEY = "unknown_key"
DUPLICATE = "duplicate"
INVALID_BOOLEAN = "invalid_boolean"
INVALID_INTEGER = "invalid_integer"
INVALID_SIZE = "invalid_size"
INVALID_ENUM = "invalid_enum"
INVALID_IP = "invalid_ip"
INVALID_MAC = "invalid_mac"


@dataclass(frozen=True)
class Key:
    """One setting. `name` is the canonical one; `minimum_build` and `minimum_wsl` are documented minimums."""

    name: str
    type: str
    aliases: tuple[str, ...] = ()
    minimum_build: int = 0
    minimum_wsl: str = ""

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class Conversion:
    """What WSL makes of a value: accepted or not, and what it warns about."""

    accepted: bool
    value: t.Any = None
    code: str = ""
    wrong: str = ""


def _keys(section: str, kind: str, names: str, **more: t.Any) -> list[Key]:
    return [Key(f"{section}.{name}", kind, **more) for name in names.split()]


WINDOWS_11 = 22000
WINDOWS_11_22H2 = 22621


def _legacy(name: str, kind: str, build: int = 0) -> Key:
    """A key of [wsl2] that may still stand in [experimental], where it was born."""
    return Key(f"wsl2.{name}", kind, (f"experimental.{name}",), build)


WSLCONFIG_KEYS: tuple[Key, ...] = (
    *_keys("wsl2", "path", "kernel kernelModules swapFile systemDistro debugConsoleLogFile crashDumpFolder"),
    *_keys("wsl2", "string", "kernelCommandLine vmSwitch loadKernelModules"),
    *_keys("wsl2", "mac", "macAddress"),
    *_keys("wsl2", "size", "memory swap defaultVhdSize"),
    *_keys("wsl2", "int", "processors kernelDebugPort kernelBootTimeout distributionStartTimeout mountDeviceTimeout dhcpTimeout maxCrashDumpCount"),
    *_keys("wsl2", "int", "vmIdleTimeout", minimum_build=WINDOWS_11),
    *_keys("wsl2", "bool", "localhostForwarding gpuSupport guiApplications earlyBootLogging virtio9p virtiofs virtio telemetry hostFileSystemAccess"),
    *_keys("wsl2", "bool", "hardwarePerformanceCounters dhcp ipv6 dnsProxy loadDefaultKernelModules isolateDistroCgroup"),
    *_keys("wsl2", "bool", "nestedVirtualization debugConsole", minimum_build=WINDOWS_11),
    *_keys("wsl2", "bool", "safeMode", minimum_wsl="0.66.2"),
    _legacy("networkingMode", "networking"),
    _legacy("dnsTunneling", "bool", WINDOWS_11_22H2),
    _legacy("firewall", "bool", WINDOWS_11_22H2),
    _legacy("autoProxy", "bool", WINDOWS_11),
    *_keys("experimental", "reclaim", "autoMemoryReclaim"),
    *_keys("experimental", "bool", "sparseVhd setVersionDebug virtioFsAggregateShares"),
    *_keys("experimental", "bool", "bestEffortDnsParsing hostAddressLoopback", minimum_build=WINDOWS_11_22H2),
    *_keys("experimental", "ip", "dnsTunnelingIpAddress", minimum_build=WINDOWS_11_22H2),
    *_keys("experimental", "int", "initialAutoProxyTimeout", minimum_build=WINDOWS_11),
    *_keys("experimental", "ports", "ignoredPorts", minimum_build=WINDOWS_11_22H2),
    *_keys("experimental", "size", "swiotlb", minimum_wsl="2.8.9"),
    *_keys("general", "path", "distributionInstallPath"),
    *_keys("general", "int", "instanceIdleTimeout"),
)

WSL_CONF_KEYS: tuple[Key, ...] = (
    *_keys("automount", "bool", "enabled mountFsTab ldconfig"),
    *_keys("automount", "string", "root options"),
    *_keys("automount", "cgroups", "cgroups"),
    *_keys("filesystem", "int", "umask"),
    *_keys("interop", "bool", "enabled appendWindowsPath"),
    *_keys("network", "bool", "generateHosts generateResolvConf"),
    *_keys("network", "string", "hostname"),
    *_keys("time", "bool", "useWindowsTimezone"),
    *_keys("fileServer", "bool", "enabled logTruncate"),
    *_keys("fileServer", "string", "logFile"),
    *_keys("fileServer", "int", "logLevel"),
    *_keys("gpu", "bool", "enabled appendLibPath"),
    *_keys("user", "string", "default"),
    *_keys("boot", "string", "command"),
    *_keys("boot", "bool", "systemd protectBinfmt"),
    *_keys("boot", "int", "initTimeout"),
    *_keys("general", "bool", "guiApplications"),
)


def _by_name(keys: t.Iterable[Key]) -> dict[str, Key]:
    return {name.lower(): key for key in keys for name in key.names}


TABLES: dict[str, dict[str, Key]] = {WSLCONFIG: _by_name(WSLCONFIG_KEYS), WSL_CONF: _by_name(WSL_CONF_KEYS)}


def find_key(kind: str, name: str) -> Key | None:
    """By any of its names, in any case, as WSL does."""
    return TABLES[kind].get(name.lower())


def sections(kind: str) -> list[str]:
    return sorted({key.section for key in TABLES[kind].values()} | {name.partition(".")[0] for key in TABLES[kind].values() for name in key.names})


# Conversions: text in, as WSL's own functions do it.


def to_bool(text: str) -> Conversion:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() in known:
        return Conversion(True, known[text.lower()])
    return Conversion(False, code=INVALID_BOOLEAN)


INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))", re.ASCII)


def to_int(text: str, saturate: bool) -> Conversion:
    """C's `strtol` with base 0; its `long` has 32 bits on Windows, so that it saturates there instead of failing."""
    match = INTEGER.fullmatch(text)
    if match is None:
        return Conversion(False, code=INVALID_INTEGER)
    sign, hexadecimal, octal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
    number = -number if sign == "-" else number
    kept = max(-(1 << 31), min((1 << 31) - 1, number))
    if kept != number and not saturate:
        return Conversion(False, code=INVALID_INTEGER)
    return Conversion(True, kept)


SIZE = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)([A-Z]*)", re.ASCII)


def to_size(text: str) -> Conversion:
    """Bytes. C's `strtoull` takes signs, saturates, and what a unit shifts out at the top is lost; zero must be written with one digit."""
    match = SIZE.fullmatch(text)
    if match is None or match.group(3) not in UNITS:
        return Conversion(False, code=INVALID_SIZE)
    sign, digits, unit = match.groups()
    number = min(int(digits), BEYOND - 1)
    if number == 0 and text[:2] not in ("0", f"0{unit[:1]}"):
        return Conversion(False, code=INVALID_SIZE)
    number = -number if sign == "-" and number < BEYOND - 1 else number
    return Conversion(True, (number << UNITS[unit]) % BEYOND)


def to_enum(text: str, values: t.Mapping[str, str]) -> Conversion:
    found = next((canonical for name, canonical in values.items() if name.lower() == text.lower()), None)
    return Conversion(True, found) if found else Conversion(False, code=INVALID_ENUM, wrong=f" (Valid values: {', '.join(sorted(values))})")


def to_mac(text: str) -> Conversion:
    if re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}|[0-9a-fA-F]{2}(-[0-9a-fA-F]{2}){5}", text, re.ASCII):
        return Conversion(True, text.replace("-", ":").upper())
    return Conversion(False, code=INVALID_MAC)


def to_ip(text: str) -> Conversion:
    parts = text.split(".")
    if len(parts) == 4 and all(re.fullmatch(r"[0-9]{1,3}", part, re.ASCII) and int(part) < 256 for part in parts):
        return Conversion(True, text)
    return Conversion(False, code=INVALID_IP)


def to_ports(text: str) -> Conversion:
    """Bad entries are left out with one warning for each; what stands behind the digits of an entry is dropped."""
    ports, bad = set(), 0
    for entry in text.split(","):
        if not entry:
            continue
        match = re.match(r"[ \t\n\v\f\r]*\+?([0-9]+)", entry, re.ASCII)
        number = int(match.group(1)) if match else 0
        if 1 <= number <= 65535:
            ports.add(number)
        else:
            bad += 1
    return Conversion(True, sorted(ports), INVALID_INTEGER if bad else "")


def convert(kind: str, key: Key, text: str) -> Conversion:
    """What WSL makes of `text` as the value of this key."""
    enums = {"networking": NETWORKING, "reclaim": RECLAIM, "cgroups": CGROUPS}
    if key.type in enums:
        return to_enum(text, enums[key.type])
    if key.type == "int":
        return to_int(text, saturate=kind == WSLCONFIG)
    simple: dict[str, t.Callable[[str], Conversion]] = {"bool": to_bool, "size": to_size, "mac": to_mac, "ip": to_ip, "ports": to_ports}
    return simple[key.type](text) if key.type in simple else Conversion(True, text)


def complaint(conversion: Conversion, name: str, text: str) -> str:
    """WSL's English words for a value that it does not take; the place in the file follows them."""
    return {
        INVALID_BOOLEAN: f"Invalid boolean value '{text}' for key '{name}'",
        INVALID_INTEGER: f"Invalid integer value '{text}' for key '{name}'",
        INVALID_SIZE: f"Invalid memory string '{text}' for .wslconfig entry '{name}'",
        INVALID_ENUM: f"Invalid value '{text}' for config key '{name}'",
        INVALID_IP: f"Invalid IP value '{text}' for key '{name}'",
        INVALID_MAC: f"Invalid mac address '{text}' for key '{name}'",
    }[conversion.code]
