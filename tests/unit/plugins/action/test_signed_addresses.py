# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed address is a key: whatever becomes of its file, neither the lines of progress nor the result hold its signature."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.action import docker_desktop, nvidia_driver, wsl
from tests.unit.fake_windows import DOCKER, LXSS, PROFILE, STORE, WSL, FakeConnection, FakeWindows, healthy, ran, run_action

SIGNED = "https://dev:Pass-Word-7@acct.blob.core.windows.net/files/installer.bin?sv=2022-11-02&sig=Sig-Nature%2B%3D#frag-ment"
ADDRESS = "https://acct.blob.core.windows.net/files/installer.bin"
SECRETS = ("Pass-Word-7", "Sig-Nature", "sv=2022", "frag-ment")
FETCHED = f"{PROFILE}\\AppData\\Local\\gpudev\\downloads\\installer.bin"
DIGEST = "a" * 64
ALLOW = ["driver_install", "wsl_shutdown", "docker_restart", "docker_desktop_upgrade"]
Made = tuple[Any, FakeWindows, dict[str, Any]]


def driver() -> Made:
    windows = healthy()
    device = {"Name": "NVIDIA GeForce RTX 4050 Laptop GPU", "DriverVersion": "31.0.14.7196", "PNPDeviceID": "PCI\\VEN_10DE&DEV_28A1"}
    windows.cim["Win32_VideoController"] = [device]
    windows.programs["nvidia-smi.exe"] = lambda _arguments: ran("0, GPU-1, NVIDIA GeForce RTX 4050 Laptop GPU, 471.96, 6141, WDDM\r\n")
    windows.programs[FETCHED] = lambda _arguments: ran(rc=1)
    return nvidia_driver.ActionModule, windows, {"installer": SIGNED, "installer_sha256": DIGEST}


def package() -> Made:
    windows = healthy()
    windows.install_wsl("2.0.9.0")
    return wsl.ActionModule, windows, {"distribution": "Ubuntu-24.04", "installer": SIGNED, "installer_sha256": DIGEST}


def image() -> Made:
    windows = healthy()
    for key in [key for key in windows.registry if key.startswith(f"HKCU:\\{LXSS}")]:
        del windows.registry[key]
    others = windows.programs[WSL]
    windows.programs[WSL] = lambda words: ran("Error code: Wsl/E_FAIL\r\n", rc=-1) if words[0] == "--install" else others(words)
    return wsl.ActionModule, windows, {"distribution": "Ubuntu-24.04", "rootfs": SIGNED, "rootfs_sha256": DIGEST}


def upgrade() -> Made:
    windows = healthy()
    windows.install_docker("4.30.0")
    windows.programs[FETCHED] = lambda _arguments: ran(rc=1)
    return docker_desktop.ActionModule, windows, {"installer": SIGNED, "installer_sha256": DIGEST}


def installation() -> Made:
    _action, windows, arguments = upgrade()
    del windows.registry["HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"], windows.programs[DOCKER], windows.files[STORE]
    windows.docker_runs(False)
    return docker_desktop.ActionModule, windows, arguments


def modules(outcome: str) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    failures = {
        "forbidden": f"Error downloading '{SIGNED}' to '{FETCHED}': The remote server returned an error: (403) Forbidden.",
        "another file": f"The checksum for {SIGNED} did not match '{DIGEST}', it was '{'b' * 64}'",
        "led elsewhere": f"Error downloading '{SIGNED.replace('acct', 'cdn')}': no",
    }

    def answer(name: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        if name.endswith("win_get_url") and outcome in failures:
            return {"failed": True, "msg": failures[outcome]}
        if name.endswith("win_stat"):
            return {"stat": {"exists": outcome != "gone", "checksum": DIGEST}}
        return {"dest": FETCHED, "changed": True, "rc": 0}

    return answer


@pytest.mark.parametrize("outcome", ["check mode", "refused", "controller inside", "forbidden", "another file", "led elsewhere", "gone", "fetched"])
@pytest.mark.parametrize("made", [driver, package, image, upgrade, installation])
def test_the_signature_is_never_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], made: Callable[[], Made], outcome: str) -> None:
    action, windows, arguments = made()
    if outcome == "controller inside":
        monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
        monkeypatch.setattr("socket.gethostname", lambda: "box")
    windows.cim["Win32_Process"].append({"Name": "vmmemWSL", "CreationDate": "2026-11-20T07:00:00.0000000Z"})
    arguments["allow"] = [] if outcome == "refused" else ALLOW
    answer = run_action(action, FakeConnection(windows), arguments, check_mode=outcome == "check mode", modules=modules(outcome))
    printed = capsys.readouterr()
    told = json.dumps(answer) + (printed.out + printed.err).replace("\n", "")
    assert ADDRESS in told or outcome in ("gone", "fetched") and "installer.bin" in told
    assert [secret for secret in SECRETS if secret in told] == []
