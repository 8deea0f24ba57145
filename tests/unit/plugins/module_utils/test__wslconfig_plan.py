# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be meant is refused with what to write instead; what is wrong in a file is found."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import WSL_CONF, WSLCONFIG
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_plan import Host, Refused, Wish, declared, inspected, layer, plan
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_policies import forbidding

HOST = Host(memory_mib=32768, processors=16, build=26100, wsl_version="2.6.3.0")
PATH = "C:\\Users\\dev\\.wslconfig"

REFUSALS: list[tuple[str, dict[str, Any], str, str]] = [
    ("section", {"wls2": {"memory": "8GB"}}, WSLCONFIG, "did you mean wsl2"),
    ("section of the other file", {"gpu": {"enabled": True}}, WSLCONFIG, "it belongs to /etc/wsl.conf"),
    ("key", {"wsl2": {"memry": "8GB"}}, WSLCONFIG, "did you mean wsl2.memory"),
    ("key in the wrong section", {"experimental": {"gpuSupport": True}}, WSLCONFIG, r"it belongs to \[wsl2\] of .wslconfig"),
    ("key of the other file", {"boot": {"gpuSupport": True}}, WSL_CONF, r"it belongs to \[wsl2\] of .wslconfig"),
    ("key with a blank", {"wsl2": {"gpu support": True}}, WSLCONFIG, "only letters and digits"),
    ("no section", {"memory": "8GB"}, WSLCONFIG, "write a section with its keys below it"),
    ("lower-case size", {"wsl2": {"memory": "8gb"}}, WSLCONFIG, "write 8GB"),
    ("size with a blank", {"wsl2": {"memory": "8 GB"}}, WSLCONFIG, "write 8GB"),
    ("binary unit", {"wsl2": {"swap": "8GiB"}}, WSLCONFIG, "write 8GB"),
    ("fraction", {"wsl2": {"memory": "1.5GB"}}, WSLCONFIG, "a whole number followed by MB or GB"),
    ("words", {"wsl2": {"memory": "lots"}}, WSLCONFIG, "a whole number followed by MB or GB"),
    ("sign", {"wsl2": {"memory": "-1GB"}}, WSLCONFIG, "a whole number followed by MB or GB"),
    ("bytes", {"wsl2": {"memory": 8}}, WSLCONFIG, "means 8 bytes.*write a unit, such as 8GB"),
    ("more memory than the host", {"wsl2": {"memory": "64GB"}}, WSLCONFIG, r"more than this host has \(32768MB\): write at most 32768MB"),
    ("more processors than the host", {"wsl2": {"processors": 32}}, WSLCONFIG, "more than this host has: write at most 16"),
    ("no processors", {"wsl2": {"processors": 0}}, WSLCONFIG, "write a whole number from 1"),
    ("processors in words", {"wsl2": {"processors": "lots"}}, WSLCONFIG, "Write a whole number"),
    ("boolean in words", {"wsl2": {"gpuSupport": "yes"}}, WSLCONFIG, "Write true or false"),
    ("boolean for a size", {"wsl2": {"memory": True}}, WSLCONFIG, "a whole number followed by MB or GB"),
    ("enum", {"wsl2": {"networkingMode": "host"}}, WSLCONFIG, "valid values: Bridged, Consomme, Mirrored"),
    ("mac address", {"wsl2": {"macAddress": "00:11"}}, WSLCONFIG, "a MAC address such as"),
    ("port", {"experimental": {"ignoredPorts": [0, 80]}}, WSLCONFIG, "between 1 and 65535"),
    ("accent in a path", {"wsl2": {"kernel": "C:\\Users\\José\\k"}}, WSLCONFIG, "ASCII characters only"),
    ("list for one value", {"wsl2": {"memory": ["8GB"]}}, WSLCONFIG, "write one value"),
]


@pytest.mark.parametrize(("what", "wanted", "kind", "message"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refused(what: str, wanted: dict[str, Any], kind: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        declared(wanted, kind, host=HOST)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Refused, match=r"write 8GB.*Write true or false"):
        declared({"wsl2": {"memory": "8gb", "gpuSupport": "on"}}, WSLCONFIG)


ACCEPTED: list[tuple[str, dict[str, Any], str, list[Wish]]] = [
    ("canonical names", {"WSL2": {"MEMORY": "8GB"}}, WSLCONFIG, [Wish("wsl2.memory", "8GB")]),
    ("removal", {"wsl2": {"memory": None}}, WSLCONFIG, [Wish("wsl2.memory", None)]),
    ("removal of an unknown key", {"wsl2": {"foo": None}}, WSLCONFIG, [Wish("wsl2.foo", None)]),
    ("number as text", {"wsl2": {"processors": "12"}}, WSLCONFIG, [Wish("wsl2.processors", "12")]),
    ("boolean as text", {"wsl2": {"gpuSupport": "true"}}, WSLCONFIG, [Wish("wsl2.gpuSupport", True)]),
    ("no swap", {"wsl2": {"swap": 0}}, WSLCONFIG, [Wish("wsl2.swap", 0)]),
    ("the guide's gpu", {"wsl2": {"gpu": True}}, WSLCONFIG, [Wish("wsl2.gpu", None), Wish("wsl2.gpuSupport", True)]),
    ("wsl.conf", {"user": {"default": "dev"}, "boot": {"systemd": True}}, WSL_CONF, [Wish("user.default", "dev"), Wish("boot.systemd", True)]),
]


@pytest.mark.parametrize(("what", "wanted", "kind", "wishes"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_accepted(what: str, wanted: dict[str, Any], kind: str, wishes: list[Wish]) -> None:
    assert declared(wanted, kind, host=HOST).wishes == wishes


def test_gpu_becomes_gpu_support_with_a_finding() -> None:
    told = declared({"wsl2": {"gpu": True}}, WSLCONFIG)
    made = plan(b"[wsl2]\ngpu=true # for CUDA\n", told, WSLCONFIG, PATH)
    assert made.content == b"[wsl2]\ngpuSupport=true\n# for CUDA\n"
    assert made.values == {"wsl2.gpuSupport": True}
    assert [finding.code for finding in made.findings] == ["WSLCFG-001"]


@pytest.mark.parametrize(("unknown_keys", "codes"), [("warn", ["WSLCFG-002"]), ("ignore", [])])
def test_unknown_keys_are_written_on_request(unknown_keys: str, codes: list[str]) -> None:
    told = declared({"wsl2": {"futureKey": "x"}}, WSLCONFIG, unknown_keys)
    assert [finding.code for finding in told.findings] == codes
    assert plan(None, told, WSLCONFIG, PATH).content == b"[wsl2]\r\nfutureKey=x\r\n"


def test_keys_that_the_host_does_not_know_yet_are_told() -> None:
    old = Host(build=19045, wsl_version="2.1.5")
    told = declared({"wsl2": {"vmIdleTimeout": 1}, "experimental": {"swiotlb": "64MB"}}, WSLCONFIG, host=old)
    assert [(finding.code, finding.symptom) for finding in told.findings] == [("WSLCFG-013", "wsl2.vmIdleTimeout"), ("WSLCFG-013", "experimental.swiotlb")]


LINTED = [
    ("[wsl2]\ngpu=true\n", "WSLCFG-001"),
    ("[wsl2]\nfoo=true\n", "WSLCFG-002"),
    ("[wsl2]\nmemory=8gb\n", "WSLCFG-003"),
    ("[wsl2]\nswapFile=C:\\wsl\\s\n", "WSLCFG-004"),
    ("[wsl2]\nmemory=8GB\nmemory=4GB\n", "WSLCFG-005"),
    ("[wsl2]\n; old\n", "WSLCFG-006"),
    ("[wsl2 ]\n", "WSLCFG-006"),
    ("[wsl2]\ngpuSupport=yes\n", "WSLCFG-007"),
    ("[wsl2]\nmacAddress=1\n", "WSLCFG-008"),
    ("[wsl2]\nkernel=C:\\temp\\new\n", "WSLCFG-011"),
    ("[wsl2]\nkernel=C:\\\\José\n", "WSLCFG-012"),
    ("[wsl2]\ngpuSupport=false\n", "WSLCFG-014"),
    ("[wsl2]\nmemory=64GB\n", "WSLCFG-015"),
    ("[wsl2]\nprocessors=64\n", "WSLCFG-015"),
]


@pytest.mark.parametrize(("text", "code"), LINTED)
def test_lint(text: str, code: str) -> None:
    made = plan(text.encode(), declared({}, WSLCONFIG), WSLCONFIG, PATH, HOST)
    assert code in [finding.code for finding in made.findings]
    assert not made.changed


def test_a_healthy_file_has_no_findings() -> None:
    text = b"[wsl2]\r\nmemory=20GB\r\nprocessors=12\r\ngpuSupport=true\r\n"
    made = plan(text, declared({"wsl2": {"memory": "20GB", "gpuSupport": True}}, WSLCONFIG, host=HOST), WSLCONFIG, PATH, HOST)
    assert (made.findings, made.changed) == ([], False)


def test_wsl_conf_says_where_wsl_stops() -> None:
    made = plan(b"[boot]\n; x\nsystemd=true\n", declared({}, WSL_CONF), WSL_CONF, "/etc/wsl.conf")
    assert [finding.code for finding in made.findings] == ["WSLCFG-006", "WSLCFG-010"]


@pytest.mark.parametrize(
    ("text", "check_mode", "status"),
    [(b"[wsl2]\nmemory=8GB\n", False, "ok"), (b"", True, "drift"), (b"", False, "changed"), (b"[wsl2]\nmacAddress=1\nmemory=8GB\n", False, "broken")],
)
def test_layer(text: bytes, check_mode: bool, status: str) -> None:
    made = plan(text, declared({"wsl2": {"memory": "8GB"}}, WSLCONFIG), WSLCONFIG, PATH)
    assert layer(made, WSLCONFIG, PATH, check_mode, False).status == status


def test_a_file_that_nobody_changes_is_inspected() -> None:
    host = Host(policies={"AllowKernelUserSetting": 0})
    codes = [finding.code for finding in inspected(b"[wsl2]\nmemory=8gb\nkernel=C:\\\\k\n", WSLCONFIG, PATH, host)]
    assert codes == ["WSLCFG-003", "WSLCFG-017"]
    assert [finding.code for finding in inspected(b"\xfe\xff\x00a", WSLCONFIG, PATH, HOST)] == ["WSLCFG-009"]


@pytest.mark.parametrize(
    ("name", "value", "policies", "told"),
    [
        ("wsl2.firewall", False, {"AllowFirewallUserSetting": 0}, "AllowFirewallUserSetting"),
        ("wsl2.firewall", True, {"AllowFirewallUserSetting": 0}, ""),
        ("wsl2.firewall", False, {"AllowFirewallUserSetting": 1}, ""),
        ("wsl2.firewall", False, {}, ""),
        ("wsl2.networkingMode", "Mirrored", {"AllowNetworkingModeUserSetting": 0, "DefaultNetworkingMode": 3}, ""),
        ("wsl2.memory", "8GB", {"AllowKernelUserSetting": 0}, ""),
    ],
)
def test_policies(name: str, value: Any, policies: dict[str, int], told: str) -> None:
    assert forbidding(policies, name, value) == told
