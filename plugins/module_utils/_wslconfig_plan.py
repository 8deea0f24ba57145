# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From declared settings to the new content of `.wslconfig` or `/etc/wsl.conf`: refuse what WSL would drop, plan the edit, lint the outcome.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils import _wslconfig as text_of
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_wslconfig import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BLOCKED_BY_POLICY, BROKEN, CHANGED, DRIFT, OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import (
    KINDS,
    MIB,
    TABLES,
    WSL_CONF,
    WSLCONFIG,
    Key,
    convert,
    find_key,
    sections,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_policies import forbidding

CATALOGUE = Catalogue(ENTRIES)

WARN, FAIL, IGNORE = "warn", "fail", "ignore"

# What WSL raises a smaller memory to (facts/wsl.md, [wsl2] memory).
SMALLEST_MEMORY = 256 * MIB
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)
STRICT_SIZE = re.compile(r"(0|[1-9][0-9]*)(B|K|KB|M|MB|G|GB|T|TB)?", re.ASCII)
LAYERS = {WSLCONFIG: "wsl", WSL_CONF: "distro"}


class Refused(ValueError):
    """The declared settings cannot be what was meant; the message says what to write instead."""


@dataclass(frozen=True)
class Host:
    """What is known of the host; zero and empty mean unknown, and nothing is judged by it."""

    memory_mib: int = 0
    processors: int = 0
    build: int = 0
    wsl_version: str = ""
    policies: t.Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wish:
    """One key and its wanted value; None removes it."""

    name: str
    value: t.Any


@dataclass
class Declared:
    """The wishes, and what is to be said about them."""

    wishes: list[Wish] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """A file before and after; `content` is what would be written."""

    before: bytes | None
    content: bytes
    values: dict[str, t.Any]
    findings: list[Finding]

    @property
    def changed(self) -> bool:
        return self.content != (self.before or b"")

    def diff(self, path: str) -> dict[str, str]:
        before, after = ((data or b"").decode("utf-8", "replace") for data in (self.before, self.content))
        return {"before": before, "after": after, "before_header": path, "after_header": path}


# What is wished for


def declared(settings: t.Mapping[str, t.Any], kind: str, unknown_keys: str = FAIL, host: Host | None = None) -> Declared:
    """Raises Refused with every fault at once."""
    faults: list[str] = []
    told = Declared()
    for section, keys in settings.items():
        if not isinstance(keys, dict):
            faults.append(f"{section}: write a section with its keys below it, such as {section}: {{memory: 8GB}}.")
        elif str(section).lower() not in {known.lower() for known in sections(kind)}:
            faults.append(f"[{section}] is no section of {_file(kind)}: {_instead(str(section), kind)}")
        else:
            for word, value in keys.items():
                faults += _declare(f"{section}.{word}", value, kind, unknown_keys, host or Host(), told)
    if faults:
        raise Refused(" ".join(faults))
    return told


def _file(kind: str) -> str:
    return ".wslconfig" if kind == WSLCONFIG else "/etc/wsl.conf"


def _instead(section: str, kind: str) -> str:
    other = next(known for known in KINDS if known != kind)
    if section.lower() in {known.lower() for known in sections(other)}:
        return f"it belongs to {_file(other)} (kind: {other})."
    close = difflib.get_close_matches(section.lower(), [known.lower() for known in sections(kind)], 1)
    return f"write one of {', '.join(sections(kind))}" + (f"; did you mean {close[0]}?" if close else ".")


def _declare(name: str, value: t.Any, kind: str, unknown_keys: str, host: Host, told: Declared) -> list[str]:
    if kind == WSLCONFIG and name.lower() == "wsl2.gpu":
        told.findings.append(CATALOGUE["WSLCFG-001"].finding(f"gpu: {value}"))
        # The wrong key is taken out of the file as well, or WSL would go on warning.
        told.wishes.append(Wish("wsl2.gpu", None))
        name = "wsl2.gpuSupport"
    word = name.partition(".")[2]
    if not WORD.fullmatch(word):
        return [f"{name}: a key has only letters and digits and begins with a letter."]
    key = find_key(kind, name)
    if key is None:
        return _declare_unknown(name, value, kind, unknown_keys, told)
    if value is None:
        told.wishes.append(Wish(key.name, None))
        return []
    fault = _fault(key, value, kind, host)
    if fault:
        return [fault]
    told.wishes.append(Wish(key.name, _plain(key, value)))
    told.findings += _too_new(key, host)
    policy = forbidding(host.policies, key.name, _plain(key, value))
    if policy:
        told.findings.append(CATALOGUE["WSLCFG-016"].finding(f"{policy} = 0", key=key.name, policy=policy))
    return []


def _declare_unknown(name: str, value: t.Any, kind: str, unknown_keys: str, told: Declared) -> list[str]:
    if value is not None and unknown_keys == FAIL:
        return [f"{name} is no key of {_file(kind)} that WSL knows: {_key_instead(name, kind)}"]
    if value is not None and unknown_keys == WARN:
        told.findings.append(CATALOGUE["WSLCFG-002"].finding(name))
    told.wishes.append(Wish(name, value))
    return []


def _key_instead(name: str, kind: str) -> str:
    section, _dot, word = name.partition(".")
    for other in KINDS:
        home = next((key.name for key in TABLES[other].values() if key.name.partition(".")[2].lower() == word.lower()), None)
        if home:
            return f"it belongs to [{home.partition('.')[0]}] of {_file(other)}."
    own = {known.partition(".")[2]: key.name for known, key in TABLES[kind].items() if key.section.lower() == section.lower()}
    close = difflib.get_close_matches(word.lower(), list(own), 1)
    return f"did you mean {own[close[0]]}?" if close else "remove it, or set unknown_keys to warn to write it all the same."


def _plain(key: Key, value: t.Any) -> t.Any:
    """Numbers that YAML made of text and the other way round, in the one form that the file has."""
    if key.type == "bool" and not isinstance(value, bool):
        return str(value).lower() in ("true", "1")
    return value


def _fault(key: Key, value: t.Any, kind: str, host: Host) -> str:
    """Why this value cannot be meant, and what to write instead; empty when it can."""
    if isinstance(value, bool) and key.type != "bool":
        return f"{key.name}: {value} is no value of this key, which is {_article(key.type)}."
    if isinstance(value, (list, tuple)) != (key.type == "ports") and not isinstance(value, (str, int)):
        return f"{key.name}: write one value, not a list or a dictionary."
    text = str(value).lower() if isinstance(value, bool) else ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    try:
        text_of.spelled(key, value, kind)
    except text_of.Unwritable as problem:
        return str(problem)
    if key.type == "size":
        return _size_fault(key, text, host)
    conversion = convert(kind, key, text)
    if not conversion.accepted or conversion.code:
        return f"{key.name}: WSL does not take {text!r}. Write {_article(key.type)}{conversion.wrong.replace('Valid values', 'valid values')}."
    if key.name == "wsl2.processors":
        return _processors_fault(conversion.value, host)
    return ""


def _article(kind: str) -> str:
    return {
        "bool": "true or false",
        "int": "a whole number",
        "size": "a whole number followed by MB or GB, such as 8GB",
        "mac": "a MAC address such as 00:11:22:33:44:55",
        "ip": "an IPv4 address",
        "ports": "a list of ports between 1 and 65535",
    }.get(kind, "a text" if kind in ("string", "path") else "one of its words")


def _size_fault(key: Key, text: str, host: Host) -> str:
    if not STRICT_SIZE.fullmatch(text):
        digits = re.fullmatch(r"\s*([0-9]+)\s*([kKmMgGtT])i?[bB]?\s*", text)
        hint = f"write {digits.group(1)}{digits.group(2).upper()}B" if digits else f"write {_article('size')}"
        return f"{key.name}: WSL does not take {text!r} (units are upper case, no blank, no fraction): {hint}."
    size = convert(WSLCONFIG, key, text).value
    if key.name != "wsl2.memory":
        return ""
    if size < SMALLEST_MEMORY:
        return f"{key.name}: {text!r} means {size} bytes, and WSL takes no less than 256MB: write a unit, such as {text.rstrip('BKMGT') or '8'}GB."
    if host.memory_mib and size > host.memory_mib * MIB:
        return f"{key.name}: {text} is more than this host has ({host.memory_mib}MB): write at most {host.memory_mib}MB, and leave some for Windows."
    return ""


def _processors_fault(number: int, host: Host) -> str:
    if number < 1:
        return f"wsl2.processors: {number} processors are none: write a whole number from 1."
    if host.processors and number > host.processors:
        return f"wsl2.processors: {number} is more than this host has: write at most {host.processors}."
    return ""


def _too_new(key: Key, host: Host) -> t.Iterator[Finding]:
    entry = CATALOGUE["WSLCFG-013"]
    if key.minimum_build and host.build and host.build < key.minimum_build:
        needed, found = f"Windows build {key.minimum_build}", f"build {host.build}"
        yield entry.finding(key.name, key=key.name, needed=needed, found=found)
    if key.minimum_wsl and host.wsl_version and older(host.wsl_version, key.minimum_wsl):
        yield entry.finding(key.name, key=key.name, needed=f"WSL {key.minimum_wsl}", found=f"WSL {host.wsl_version}")


# What becomes of the file


def plan(before: bytes | None, told: Declared, kind: str, path: str, host: Host | None = None) -> Plan:
    """The content after all wishes, or as it was when a policy blocks one, with what WSL would say to it. Raises text_of.Unreadable."""
    text = text_of.decode(before or b"", kind)
    blocked = stopping(told.findings) == BLOCKED_BY_POLICY
    for wish in [] if blocked else told.wishes:
        text = text_of.remove_key(text, wish.name, kind) if wish.value is None else text_of.set_key(text, wish.name, wish.value, kind)
    content = (before or b"") if blocked else text_of.encode(text, kind, before or b"")
    parsed = text_of.parse(text, kind)
    findings = [*told.findings, *lint(parsed, kind, path, host or Host())]
    return Plan(before, content, parsed.values, findings)


def inspected(content: bytes, kind: str, path: str, host: Host) -> list[Finding]:
    """What is to be said of a file that nobody is about to change."""
    try:
        parsed = text_of.parse(text_of.decode(content, kind), kind)
    except text_of.Unreadable as problem:
        return [CATALOGUE["WSLCFG-009"].finding(f"{path}: {problem}")]
    return list(lint(parsed, kind, path, host))


def stopping(findings: t.Iterable[Finding]) -> str:
    """The status with which a finding stops the layer, if one does."""
    return next((str(CATALOGUE[finding.code].status) for finding in findings if CATALOGUE[finding.code].status), "")


def lint(parsed: text_of.Parsed, kind: str, path: str, host: Host) -> t.Iterator[Finding]:
    """What WSL would drop or damage, most of it without the user seeing why."""
    for remark in [*parsed.remarks, *([parsed.fatal] if parsed.fatal else [])]:
        entry = CATALOGUE.recognise(remark.text(path))
        if entry is not None:
            yield entry.finding(remark.text(path))
    if parsed.stopped_at_line is not None:
        yield CATALOGUE["WSLCFG-010"].finding(f"{path}:{parsed.stopped_at_line}", line=f"line {parsed.stopped_at_line}")
    for line in parsed.lines:
        yield from _damaged(line, kind)
    yield from _unfit(parsed.values, host)
    for name, value in parsed.values.items():
        policy = forbidding(host.policies, name, value)
        if policy:
            yield CATALOGUE["WSLCFG-017"].finding(f"{name} = {value}", key=name, policy=policy)


def _damaged(line: text_of.Line, kind: str) -> t.Iterator[Finding]:
    if not line.accepted or not isinstance(line.value, str):
        return
    if line.key is not None and line.key.type == "path" and re.search(r"[\b\n\t]", line.value):
        yield CATALOGUE["WSLCFG-011"].finding(repr(line.value), key=line.name)
    if kind == WSLCONFIG and "\ufffd" in line.value:
        yield CATALOGUE["WSLCFG-012"].finding(line.value, key=line.name)


def _unfit(values: t.Mapping[str, t.Any], host: Host) -> t.Iterator[Finding]:
    if values.get("wsl2.gpuSupport") is False:
        yield CATALOGUE["WSLCFG-014"].finding("gpuSupport=false")
    memory, processors = values.get("wsl2.memory"), values.get("wsl2.processors")
    if memory is not None and host.memory_mib and memory > host.memory_mib * MIB:
        yield CATALOGUE["WSLCFG-015"].finding(f"memory={memory // MIB}MB", key="memory", value=f"{memory // MIB}MB", limit=f"{host.memory_mib}MB")
    if processors is not None and host.processors and processors > host.processors:
        yield CATALOGUE["WSLCFG-015"].finding(f"processors={processors}", key="processors", value=processors, limit=host.processors)


def layer(made: Plan, kind: str, path: str, check_mode: bool, restart_required: bool) -> Layer:
    status = stopping(made.findings) or (OK if not made.changed else DRIFT if check_mode else CHANGED)
    words = {
        BROKEN: f"{path} keeps WSL from starting",
        BLOCKED_BY_POLICY: f"{path} is left as it is: a policy forbids what is declared",
        OK: f"{path} is as declared",
        DRIFT: f"{path} would be changed",
        CHANGED: f"{path} was changed",
    }
    owed = "; WSL has to be restarted before it is in force" if restart_required else ""
    facts = {"path": path, "values": dict(made.values), "restart_required": restart_required}
    return Layer(LAYERS[kind], status, words[status] + owed, facts, made.findings)
