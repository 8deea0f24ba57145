# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Desktop's settings and gate; driver numbers; names of users; versions."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_desktop import ENTRIES as DESKTOP
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_windows import ENTRIES as WINDOWS
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_wsl import ENTRIES as WSL
from ansible_collections.gpudev.workstation.plugins.module_utils._console import decoded
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_desktop import (
    DockerDesktop,
    SettingsFile,
    differing,
    gate_reason,
    merged,
    release_findings,
    rendered,
    second_engine_layer,
    settings_file,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import numbers, older
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_driver import driver_number, parse_rows
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import bare_name
from tests.unit.recorded import FIXTURES


def settings(text: str) -> SettingsFile:
    value = {"exists": True, "path": "C:\\x.json", "content": base64.b64encode(text.encode()).decode(), "sha256": "s"}
    return settings_file(Answer("file", value), "%APPDATA%\\x.json")


def sample(name: str) -> str:
    return "\n".join((FIXTURES / "windows" / name).read_text(encoding="utf-8").splitlines()[1:])


def test_store_sample_is_as_declared_already() -> None:
    found = settings(sample("docker_settings_store_fragment.json.txt"))
    assert differing(found.values, merged(found, {"ProxyHttpMode": "manual"}, ["ubuntu-24.04"])) == []


def test_legacy_sample_keeps_its_camel_case() -> None:
    found = settings(sample("docker_settings_json_legacy_keys.json.txt"))
    after = merged(found, {"AutoStart": True}, ["Ubuntu-24.04"])
    assert differing(found.values, after) == ["integratedWslDistros", "autoStart"]
    assert list(after) == list(found.values)
    assert json.loads(rendered(after)) == after


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"WslEngineEnabled": false}', ["WslEngineEnabled"]),
        ('{"UseWindowsContainers": true}', ["UseWindowsContainers"]),
        ('{"WslEngineEnabled": true}', []),
        ("{}", []),
        ("", []),
    ],
)
def test_what_the_chain_requires(text: str, keys: list[str]) -> None:
    found = settings(text)
    assert differing(found.values, merged(found, {}, [])) == keys


@pytest.mark.parametrize("text", ["[]", "{", "nonsense"])
def test_files_that_are_not_touched(text: str) -> None:
    assert settings(text).problem


def test_file_that_is_not_there_is_expected_absent() -> None:
    found = settings_file(Answer("file", {"exists": False, "path": "C:\\x.json"}), "%APPDATA%\\x.json")
    assert (found.path, found.expect, found.problem) == ("C:\\x.json", "absent", "")


@pytest.mark.parametrize(
    ("driver", "word"), [("591.59", "libnvdxgdmal"), ("555.00", "libnvdxgdmal"), ("552.44", "too old for current"), ("", "too old for current")]
)
def test_reason_of_the_gate(driver: str, word: str) -> None:
    assert word in gate_reason(driver)


def desktop(version: str) -> DockerDesktop:
    return DockerDesktop(True, version, "machine", "C:\\x", True, True, {}, SettingsFile("", False, "", {}, False, ""), "")


def test_good_release() -> None:
    assert release_findings(desktop("4.91.0"), "4.31.1", "591.59") == []


@pytest.mark.parametrize(
    ("text", "is_default", "integrated"),
    [
        ("{}", True, True),
        ("{}", False, False),
        ('{"enableIntegrationWithDefaultWslDistro": false}', True, False),
        ('{"EnableIntegrationWithDefaultWslDistro": false, "integratedWslDistros": ["ubuntu-24.04"]}', True, True),
        ('{"IntegratedWslDistros": ["Debian"]}', False, False),
        ('{"IntegratedWslDistros": ["Ubuntu-24.04"], "WslEngineEnabled": false}', True, False),
    ],
)
def test_two_engines_for_one_distribution(text: str, is_default: bool, integrated: bool) -> None:
    found = replace(desktop("4.91.0"), settings=settings(text))
    layer = second_engine_layer(found, "Ubuntu-24.04", is_default)
    assert ([finding.code for finding in layer.findings] if layer else []) == (["DESKTOP-022"] if integrated else [])
    assert second_engine_layer(replace(found, installed=False), "Ubuntu-24.04", is_default) is None


@pytest.mark.parametrize(("windows", "nvidia"), [("32.0.15.9159", "591.59"), ("31.0.15.2686", "526.86"), ("", ""), ("1.2", "")])
def test_driver_numbers(windows: str, nvidia: str) -> None:
    assert driver_number(windows) == nvidia


def test_rows_of_nvidia_smi() -> None:
    (gpu,) = parse_rows("banner\n0, GPU-1, NVIDIA X, 591.59, 6141, WDDM\n[Not Supported], x\n")
    expected: dict[str, Any] = {"index": 0, "uuid": "GPU-1", "name": "NVIDIA X", "driver_version": "591.59", "memory_mib": 6141, "driver_model": "WDDM"}
    assert gpu.as_dict() == expected


@pytest.mark.parametrize(("account", "name"), [("BOX\\dev", "dev"), ("dev@example.org", "dev"), ("dev", "dev"), ("", "")])
def test_bare_names(account: str, name: str) -> None:
    assert bare_name(account) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2.6.3.0", (2, 6, 3)), ("v1.38.1", (1, 38, 1)), ("Docker Desktop 4.91.0 (239619)", (4, 91)), ("", ()), ("none", ())],
)
def test_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(("version", "minimum", "expected"), [("2.1.5.0", "2.1.5", False), ("2.1.4", "2.1.5", True), ("4.9", "4.31.1", True), ("", "1", True)])
def test_older(version: str, minimum: str, expected: bool) -> None:
    assert older(version, minimum) is expected


@pytest.mark.parametrize(
    "data", ["Versión de WSL: 2.6.3.0\r\n".encode("utf-16-le"), "Versión de WSL: 2.6.3.0\r\n".encode(), b"\xef\xbb\xbfVersi\xc3\xb3n de WSL: 2.6.3.0\n"]
)
def test_either_encoding_of_wsl_exe(data: bytes) -> None:
    assert decoded(data) == "Versión de WSL: 2.6.3.0\n"


def test_codes_are_used_once_and_layers_fit() -> None:
    catalogue = Catalogue(WINDOWS, WSL, DESKTOP)
    prefixes = {"WIN": "windows", "DRIVER": "nvidia_driver", "WSL": "wsl", "DESKTOP": "docker"}
    assert all(prefixes[code.split("-")[0]] == entry.layer for code, entry in catalogue.entries.items())


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("C:\\Users\\dev\\AppData\\Roaming\\Docker\\settings.json", ["autoStart", "integratedWslDistros"]),
        ("C:\\Users\\dev\\AppData\\Roaming\\Docker\\settings-store.json", ["AutoStart", "IntegratedWslDistros"]),
    ],
)
def test_new_keys_are_spelled_as_the_file_of_that_release_spells_them(path: str, keys: list[str]) -> None:
    # samples/windows/docker_settings_json_legacy_keys.json.txt: every key of settings.json is camelCase
    found = settings_file(Answer("file", {"exists": False, "path": path}), path)
    assert list(merged(found, {"AutoStart": True}, ["Ubuntu-24.04"])) == keys
