# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the simulated WSL reads `.wslconfig` when it creates its VM: `facts/wsl.md`, checked against recordings/wslconfig/parse_cases.jsonl.

This is the simulator's own reader and shares nothing with the product's. Not read here: which paths exist, Windows policies.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

BLANKS = " \t"
ESCAPES = {"\\": "\\", '"': '"', "b": "\b", "n": "\n", "t": "\t"}
UNITS = {"": 0, "B": 0, "K": 10, "KB": 10, "M": 20, "MB": 20, "G": 30, "GB": 30, "T": 40, "TB": 40}
NETWORKING = {"None": "None", "Nat": "Nat", "Bridged": "Bridged", "Mirrored": "Mirrored", "Consomme": "Consomme", "VirtioProxy": "Consomme"}
RECLAIM = {"Disabled": "Disabled", "Gradual": "Gradual", "DropCache": "DropCache"}

KINDS = {
    "text": "kernel kernelModules swapFile systemDistro debugConsoleLogFile crashDumpFolder kernelCommandLine vmSwitch loadKernelModules",
    "mac": "macAddress",
    "size": "memory swap defaultVhdSize",
    "int": "processors kernelDebugPort vmIdleTimeout kernelBootTimeout distributionStartTimeout mountDeviceTimeout dhcpTimeout maxCrashDumpCount",
    "bool": "localhostForwarding nestedVirtualization gpuSupport guiApplications debugConsole earlyBootLogging virtio9p virtiofs virtio telemetry "
    "hostFileSystemAccess hardwarePerformanceCounters dhcp ipv6 dnsProxy safeMode loadDefaultKernelModules dnsTunneling firewall autoProxy "
    "isolateDistroCgroup",
    "networking": "networkingMode",
}
EXPERIMENTAL_KINDS = {
    "bool": "dnsTunneling firewall autoProxy sparseVhd bestEffortDnsParsing hostAddressLoopback setVersionDebug virtioFsAggregateShares",
    "networking": "networkingMode",
    "reclaim": "autoMemoryReclaim",
    "ip": "dnsTunnelingIpAddress",
    "int": "initialAutoProxyTimeout",
    "ports": "ignoredPorts",
    "size": "swiotlb",
}
GENERAL_KINDS = {"text": "distributionInstallPath", "int": "instanceIdleTimeout"}
# Keys of [wsl2] that may also stand in [experimental]: one setting with two names.
TWO_HOMES = ("networkingMode", "dnsTunneling", "firewall", "autoProxy")


def _table() -> dict[str, tuple[str, str]]:
    """Folded name -> (canonical name, kind)."""
    table: dict[str, tuple[str, str]] = {}
    for section, kinds in (("wsl2", KINDS), ("experimental", EXPERIMENTAL_KINDS), ("general", GENERAL_KINDS)):
        for kind, names in kinds.items():
            for name in names.split():
                home = "wsl2" if name in TWO_HOMES else section
                table[f"{section}.{name}".lower()] = (f"{home}.{name}", kind)
    return table


KEYS = _table()


class Reader:
    """One pass over the text; `values` and `warnings` are the result."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.position = 0
        self.line = 1
        self.section = ""
        self.values: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.seen: dict[str, tuple[str, int]] = {}
        self.fatal = False

    # --- characters

    def peek(self) -> str:
        return self.text[self.position] if self.position < len(self.text) else ""

    def take(self) -> str:
        character = self.peek()
        self.position += 1
        if character == "\n":
            self.line += 1
        return character

    def skip_blanks(self) -> None:
        while self.peek() and self.peek() in BLANKS:
            self.take()

    def skip_line(self) -> None:
        while self.peek() and self.take() != "\n":
            pass

    def take_carriage_return(self) -> None:
        """One that ends a line counts as a line; one at the start of a line does not."""
        self.take()
        self.line += 1

    def warn(self, message: str, line: int | None = None) -> None:
        self.warnings.append(f"{message} in {self.path}:{line or self.line}")

    def name(self) -> str:
        found = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII).match(self.text, self.position)
        if found is None:
            return ""
        self.position = found.end()
        return found[0]

    # --- lines

    def read(self) -> Reader:
        while self.peek() and not self.fatal:
            self.skip_blanks()
            character = self.peek()
            if character in ("\n", "\r"):
                self.take()
            elif character == "#":
                self.skip_line()
            elif character == "[":
                self.take()
                self.read_section()
            elif character:
                self.read_entry()
        return self

    def read_section(self) -> None:
        name = self.name()
        if not name:
            self.warn("Invalid section name")
            self.skip_line()
            return
        if self.peek() != "]":
            self.spoil_section(name)
            self.warn("Expected ']'")
            self.skip_line()
            return
        self.take()
        self.skip_blanks()
        if self.peek() == "#":
            self.skip_line()
        elif self.peek() == "\r":
            self.take_carriage_return()
        elif self.peek() not in ("", "\n"):
            self.spoil_section(name)
            self.warn("Expected ' ' or '\\n'")
            self.skip_line()
            return
        self.section = name

    def spoil_section(self, name: str) -> None:
        """After a bad end the new name is cut or, with NUL, padded to the length of the one before."""
        self.section = name[: len(self.section)].ljust(len(self.section), "\0")

    def read_entry(self) -> None:
        key = self.name()
        if not key:
            self.warn("Invalid key name")
            self.skip_line()
            return
        self.skip_blanks()
        if self.peek() != "=":
            self.warn("Expected '='")
            self.skip_line()
            return
        self.take()
        self.skip_blanks()
        value = self.read_value()
        line = self.line
        if self.peek() == "\r":
            self.take_carriage_return()
        elif value is not None:
            self.skip_line()
        if value is not None:
            written = f"{self.section}.{key}" if self.section else key
            self.accept(written.partition("\0")[0] if "\0" in written else written, narrowed(value), line, "\0" in written)

    def read_value(self) -> str | None:
        value, protected, quoted = "", 0, False
        while True:
            character = self.peek()
            if character in ("", "\n", "\r") or (character == "#" and not quoted):
                break
            self.take()
            if character == '"':
                quoted, protected = not quoted, len(value)
            elif character == "\\":
                escaped = self.escape()
                if escaped is None:
                    return None
                value += escaped
                protected = len(value)
            else:
                value += character
                protected = len(value) if quoted else protected
        if quoted:
            self.warn('Expected "')
            self.skip_line()
            return None
        return value[:protected] + value[protected:].rstrip(BLANKS)

    def escape(self) -> str | None:
        character = self.peek()
        if character == "\n":
            self.take()
            return ""
        if character in ESCAPES:
            return ESCAPES[self.take()]
        self.warn(f"Invalid escaped character: '{character or chr(0xFFFF)}'")
        self.skip_line()
        return None

    # --- settings

    def accept(self, written: str, value: str, line: int, spoiled: bool) -> None:
        canonical, kind = KEYS.get(written.lower(), ("", ""))
        if spoiled or not canonical:
            self.warn(f"Unknown key '{written}'", line)
            return
        if canonical in self.seen:
            other, other_line = self.seen[canonical]
            conflict = f"(Conflicting key: '{other}' in {self.path}:{other_line})"
            self.warnings.append(f"Duplicated config key '{written}' in {self.path}:{line} {conflict}")
            return
        self.seen[canonical] = (written, line)
        CONVERTERS[kind](self, canonical, written, value, line)


def _text(reader: Reader, key: str, _written: str, value: str, _line: int) -> None:
    reader.values[key] = value


def _bool(reader: Reader, key: str, written: str, value: str, line: int) -> None:
    known = {"true": True, "1": True, "false": False, "0": False}
    if value.lower() in known:
        reader.values[key] = known[value.lower()]
    else:
        reader.warn(f"Invalid boolean value '{value}' for key '{written}'", line)


def _int(reader: Reader, key: str, written: str, value: str, line: int) -> None:
    found = re.fullmatch(r"[ \t\n\r\f\v]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)", value, re.ASCII)
    digits = found[2] if found else ""
    base = 16 if digits[:2].lower() == "0x" else 8 if digits.startswith("0") and len(digits) > 1 else 10
    if found is None or (base == 8 and not re.fullmatch("[0-7]+", digits)):
        reader.warn(f"Invalid integer value '{value}' for key '{written}'", line)
        return
    number = int(digits, base) * (-1 if found[1] == "-" else 1)
    reader.values[key] = max(-(2**31), min(2**31 - 1, number))


def _size(reader: Reader, key: str, written: str, value: str, line: int) -> None:
    found = re.fullmatch(r"[ \t\n\r\f\v]*([+-]?)([0-9]+)([A-Z]*)", value, re.ASCII)
    if found is None or found[3] not in UNITS or re.fullmatch("00+", found[2]):
        reader.warn(f"Invalid memory string '{value}' for .wslconfig entry '{written}'", line)
        return
    number = min(int(found[2]), 2**64 - 1) * (-1 if found[1] == "-" else 1)
    reader.values[key] = (number << UNITS[found[3]]) % 2**64


def _enum(choices: dict[str, str]) -> Callable[[Reader, str, str, str, int], None]:
    def convert(reader: Reader, key: str, written: str, value: str, line: int) -> None:
        for name, canonical in choices.items():
            if name.lower() == value.lower():
                reader.values[key] = canonical
                return
        valid = ", ".join(sorted(choices))
        reader.warnings.append(f"Invalid value '{value}' for config key '{written}' in {reader.path}:{line} (Valid values: {valid})")

    return convert


def _mac(reader: Reader, key: str, written: str, value: str, line: int) -> None:
    if re.fullmatch(r"[0-9a-fA-F]{2}(([-:])[0-9a-fA-F]{2})(\2[0-9a-fA-F]{2}){4}", value):
        reader.values[key] = value.replace("-", ":").upper()
    else:
        reader.fatal = True


def _ip(reader: Reader, key: str, written: str, value: str, line: int) -> None:
    try:
        ipaddress.IPv4Address(value)
        reader.values[key] = value
    except ValueError:
        reader.warn(f"Invalid IP value '{value}' for key '{written}'", line)
        if "wsl2.dnsTunneling" in reader.values:
            reader.values["wsl2.dnsTunneling"] = False


def _ports(reader: Reader, key: str, written: str, value: str, line: int) -> None:
    ports = set()
    for entry in filter(None, value.split(",")):
        digits = re.match(r"\s*\+?([0-9]+)", entry)
        if digits and 1 <= int(digits[1]) <= 65535:
            ports.add(int(digits[1]))
        else:
            reader.warn(f"Invalid integer value '{value}' for key '{written}'", line)
    reader.values[key] = sorted(ports)


CONVERTERS: dict[str, Callable[[Reader, str, str, str, int], None]] = {
    "text": _text,
    "bool": _bool,
    "int": _int,
    "size": _size,
    "networking": _enum(NETWORKING),
    "reclaim": _enum(RECLAIM),
    "mac": _mac,
    "ip": _ip,
    "ports": _ports,
}


def read(data: bytes, path: str) -> Reader:
    """What WSL takes from the file, and what it complains about (without the `wsl: ` in front)."""
    if data.startswith(b"\xfe\xff"):
        reader = Reader("", path)
        # The C runtime does not open a big-endian file in text mode.
        reader.fatal = True
        return reader
    return Reader(decoded(data), path).read()


def decoded(data: bytes) -> str:
    """The C runtime's text mode: UTF-8 or UTF-16LE by byte order mark, CRLF becomes LF, Ctrl-Z ends the file."""
    if data.startswith(b"\xff\xfe"):
        text = data[2:].decode("utf-16-le", "replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    return text.replace("\r\n", "\n").partition("\x1a")[0]


def narrowed(value: str) -> str:
    """Of each UTF-16 unit of a value the low byte is kept; the bytes are then read as UTF-8, up to the first NUL."""
    units = value.encode("utf-16-le", "surrogatepass")[0::2]
    return units.partition(b"\0")[0].decode("utf-8", "replace")
