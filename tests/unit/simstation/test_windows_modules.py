# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The imitated ansible.windows modules return what recordings/ansible_windows shows the real ones returning."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simstation.scenarios import document
from tests.simstation.station import Station, UnknownRequest
from tests.simstation.windows import files, modules, programs, registry

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "ansible_windows" / "results.jsonl"
ROWS = {row["name"]: row for row in map(json.loads, RECORDINGS.read_text(encoding="utf-8").splitlines())}
# Modules that no role uses, and win_powershell, which carries only the product's own program: nobody imitates them.
NOT_IMITATED = {"ansible.windows.win_copy", "ansible.windows.win_powershell", "ansible.windows.win_command"}
# What the controller adds, and the complaints of Wine.
ADDED = {"failed", "exception", "warnings", "stdout_lines", "stderr_lines"}
# Values that belong to the recorded files and moments; everything else must be equal.
NORMALISED = {"elapsed", "checksum", "checksum_src", "checksum_dest", "size", "creationtime", "lastaccesstime", "lastwritetime", "owner"}

INSTALLER = "C:\\t\\installer.exe"
CONTENT = b"MZ the test installer"


def test_installer(call: programs.Invocation) -> programs.Completed:
    """The installer of the recordings: writes its uninstall key; exit codes 0, 3010, 1603."""
    products = {"/S": ("Demo Product", 0), "reboot": ("Other Product", 3010), "fail": ("", 1603)}
    product, code = products[call.arguments[0]]
    if product:
        with call.station.changed() as state:
            state["windows"]["registry"][f"HKLM:\\{registry.UNINSTALL}\\{product}"] = {"DisplayName": product}
    return programs.Completed(code, b"installed\r\n")


test_installer.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    state = document("ws1", "factory_fresh")
    found = Station("ws1", state, tmp_path, time_scale=0)
    monkeypatch.setitem(programs.INSTALLERS, "test", test_installer)
    state["installers"][INSTALLER] = {"kind": "test", "version": "1"}
    state["internet"] = {"http://127.0.0.1:18099/installer.exe": {"content": base64.b64encode(CONTENT).decode()}}
    files.put(found, INSTALLER, CONTENT)
    return found


def run(station: Station, row: dict[str, Any]) -> dict[str, Any]:
    arguments, _brace, flags = row["args"].partition("},")
    args = yaml.safe_load(arguments + ("}" if flags else ""))
    # The checksum the recording asks for is the one of its own file.
    if row["name"].startswith("win_get_url") and "wrong" not in row["name"] and "checksum" in args:
        args["checksum"] = files.sha256(CONTENT)
    return modules.run(station, "dev", row["module"], args, "check_mode: true" in flags, "diff: true" in flags)


def normalised(result: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in result.items() if key not in ADDED}
    return json.loads(json.dumps(plain), object_hook=lambda held: {key: f"<{key}>" if key in NORMALISED else value for key, value in held.items()})


def same(result: dict[str, Any], row: dict[str, Any]) -> None:
    text = json.dumps(normalised(row["result"])).replace("7a673faf8d79070fe528f4d256e0cff9962f4ff704f42752717973da959a00c2", files.sha256(CONTENT))
    assert normalised(result) == json.loads(text)
    assert bool(result.get("failed")) == row["result"]["failed"]


def by_prefix(prefix: str) -> list[dict[str, Any]]:
    return [row for name, row in ROWS.items() if name.startswith(prefix)]


# Rows of one module follow each other: "again" is the second run of the row before.
@pytest.mark.parametrize("module", ["win_package", "win_file", "win_reg", "win_stat"])
def test_rows_of_a_module_in_their_order(station: Station, module: str) -> None:
    rows = by_prefix(module)
    assert len(rows) >= 2
    for row in rows:
        same(run(station, row), row)


@pytest.mark.parametrize("row", by_prefix("win_get_url"), ids=lambda row: row["name"])
def test_downloads(station: Station, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if row["name"] == "win_get_url not found":
        monkeypatch.setattr("tests.simstation.windows.module_bodies.fetched", not_found)
    if row["name"] == "win_get_url new":
        files.remove(station, INSTALLER)
        files.make_folder(station, "C:\\t")
    same(run(station, row), row)


def not_found(_state: dict[str, Any], _url: str) -> bytes:
    from tests.simstation.windows.module_bodies import Unreachable

    raise Unreachable("The remote server returned an error: (404) File not found.", 404)


def test_every_row_of_an_imitated_module_is_used() -> None:
    used = {row["name"] for prefix in ("win_package", "win_file", "win_reg", "win_stat", "win_get_url") for row in by_prefix(prefix)}
    assert {name for name, row in ROWS.items() if row["module"] not in NOT_IMITATED} == used


@pytest.mark.parametrize("module", sorted(NOT_IMITATED))
def test_a_module_nobody_imitates_is_an_error(station: Station, module: str) -> None:
    with pytest.raises(UnknownRequest):
        modules.run(station, "dev", module, {"script": "Get-Date"})
    assert len(station.errors) == 1


def test_an_unknown_option_is_an_error(station: Station) -> None:
    result = modules.run(station, "dev", "ansible.windows.win_ping", {"dta": "x"})
    assert result["failed"]
    assert result["msg"] == "Unsupported parameters for (win_ping) module: dta. Supported parameters include: data"


def test_ping(station: Station) -> None:
    assert modules.run(station, "dev", "ansible.windows.win_ping", {"_ansible_check_mode": False}) == {"changed": False, "ping": "pong"}


class TestOptionalFeature:
    """From the module's source: only states that begin with `Enabled` count as present."""

    FQCN = "ansible.windows.win_optional_feature"

    def test_enable_check_and_pending(self, station: Station) -> None:
        args = {"name": "VirtualMachinePlatform", "state": "present"}
        before = station.snapshot()
        assert modules.run(station, "dev", self.FQCN, args, check_mode=True) == {"changed": True, "reboot_required": False}
        assert station.snapshot() == before
        assert modules.run(station, "dev", self.FQCN, args) == {"changed": True, "reboot_required": True}
        assert station.state["windows"]["features"]["VirtualMachinePlatform"] == "EnablePending"
        assert modules.run(station, "dev", self.FQCN, args)["changed"]

    def test_enabled_stays(self, station: Station) -> None:
        station.state["windows"]["features"]["VirtualMachinePlatform"] = "Enabled"
        assert modules.run(station, "dev", self.FQCN, {"name": ["VirtualMachinePlatform"]}) == {"changed": False, "reboot_required": False}

    def test_unknown_feature(self, station: Station) -> None:
        assert modules.run(station, "dev", self.FQCN, {"name": "Nope"})["msg"] == "Failed to find feature 'Nope'"
