# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wslconfig on Linux: a real file, replaced whole, with a backup."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

MODULE = "ansible_collections.gpudev.workstation.plugins.modules.wslconfig"
START = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[4])!r})
import tests.conftest
from ansible.module_utils.testing import patch_module_args
import json
with patch_module_args(json.loads(sys.argv[1])):
    import importlib
    importlib.import_module({MODULE!r}).main()
"""


def run(check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    """The module as a process, because it ends its process."""
    given = {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}
    ended = subprocess.run([sys.executable, "-c", START, json.dumps(given)], capture_output=True, text=True, timeout=60, check=False)
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_change_backup_and_second_run(tmp_path: Path) -> None:
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


def test_bad_input_touches_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".wslconfig"
    answer = run(path=str(file), settings={"wsl2": {"memory": "64GB"}}, host_memory_mib=32768)
    assert answer["failed"]
    assert "write at most 32768MB" in answer["msg"]
    assert not file.exists()


def test_a_path_is_needed_for_wslconfig() -> None:
    assert "path is needed on Linux" in run(settings={"wsl2": {"memory": "8GB"}})["msg"]
