# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wslconfig on Linux: a real file, replaced whole, with a backup."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.gpudev.workstation.plugins.modules import wslconfig

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The whole module, from its arguments to what it prints before it ends."""

    def run(check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
        with patch_module_args({**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}), pytest.raises(SystemExit) as ended:
            wslconfig.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert ended.value.code == (1 if answer.get("failed") else 0)
        return answer

    return run


def test_change_backup_and_second_run(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wsl.conf"
    file.write_text("[boot]\nsystemd=true # on\n")
    wanted: dict[str, Any] = {"kind": "wsl.conf", "path": str(file), "settings": {"user": {"default": "dev"}}}
    predicted = run(check_mode=True, **wanted)
    assert (predicted["changed"], predicted["layers"][0]["status"]) == (True, "drift")
    assert file.read_text() == "[boot]\nsystemd=true # on\n"
    answer = run(**wanted)
    assert file.read_text() == "[boot]\nsystemd=true # on\n\n[user]\ndefault=dev\n"
    assert (answer["changed"], answer["restart_required"], answer["layers"][0]["layer"]) == (True, True, "distro")
    assert answer["diff"] == predicted["diff"]
    assert Path(answer["backup_file"]).read_text() == answer["before"]
    assert run(**wanted)["changed"] is False
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["wsl.conf", Path(answer["backup_file"]).name])


def test_bad_input_touches_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".wslconfig"
    answer = run(path=str(file), settings={"wsl2": {"memory": "64GB"}}, host_memory_mib=32768)
    assert answer["failed"]
    assert "write at most 32768MB" in answer["msg"]
    assert not file.exists()


def test_a_path_is_needed_for_wslconfig(run: Run) -> None:
    assert "path is needed on Linux" in run(settings={"wsl2": {"memory": "8GB"}})["msg"]
