# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks register becomes one chain, one table and one report."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.gpudev.workstation.plugins.plugin_utils._chain import Chain, write_report


def layer(name: str, status: str, summary: str = "said") -> dict[str, object]:
    return {"layer": name, "status": status, "summary": summary}


def test_the_last_word_on_a_layer_stands_but_a_change_stays_a_change() -> None:
    chain = Chain()
    chain.add({"layers": [layer("wsl", "changed", "updated")], "changed": True}, [], check_mode=False)
    chain.add({"layers": [layer("wsl", "ok", "2.6.3")]}, [], check_mode=False)
    assert [(known.status, known.summary) for known in chain.layers] == [("changed", "updated; now: 2.6.3")]
    chain.add({"layers": [layer("wsl", "broken", "gone")]}, [], check_mode=False)
    assert chain.verdict(False) == "stops at wsl: broken"


def test_the_first_cause_of_a_broken_layer_stays_its_cause() -> None:
    chain = Chain()
    chain.add({"layers": [layer("docker", "needs_logon", "nobody is there")]}, [], check_mode=False)
    chain.add({"layers": [layer("docker", "broken", "only the stub answers")]}, [], check_mode=False)
    assert chain.verdict(False) == "stops at docker: needs_logon"


def test_check_mode_remembers_what_would_have_changed() -> None:
    chain = Chain()
    chain.add({"layers": [layer("wsl", "drift", "gpuSupport")], "changed": True}, [], check_mode=True)
    assert chain.pending == ["wsl: gpuSupport"]
    assert chain.verdict(True).startswith("would change: wsl")


def test_what_could_not_be_looked_at_does_not_hide_what_is_known() -> None:
    chain = Chain()
    chain.add({"layers": [layer("docker", "drift", "would be installed")], "changed": True}, [], check_mode=True)
    chain.add({"layers": [layer("docker", "skipped", "cannot be looked at yet")]}, [], check_mode=True)
    assert [(known.status, known.summary) for known in chain.layers] == [("drift", "would be installed")]


def test_tasks_that_say_nothing_are_spoken_for() -> None:
    chain = Chain()
    chain.add({"unreachable": True, "msg": "no route"}, ["distro", "docker"], check_mode=False)
    assert chain.verdict(False) == "stops at distro: unreachable"
    other = Chain()
    other.add({"failed": True, "msg": "MODULE FAILURE"}, ["cluster"], check_mode=False)
    assert other.verdict(False) == "stops at cluster: unknown"


def test_a_whole_chain_works() -> None:
    chain = Chain()
    chain.mark_native(("windows", "nvidia_driver", "wsl"))
    chain.add({"layers": [layer(name, "ok") for name in ("distro", "docker", "docker_gpu", "cluster", "device_plugin", "pod")]}, [], check_mode=False)
    assert chain.verdict(False) == "works"
    assert len(chain.table()) == 9


def test_the_report_is_whole_and_has_a_schema(tmp_path: Path) -> None:
    chain = Chain()
    chain.add({"layers": [layer("windows", "ok")]}, [], check_mode=False)
    write_report(str(tmp_path / "reports" / "a.json"), "a", chain, check_mode=False)
    document = json.loads((tmp_path / "reports" / "a.json").read_text())
    assert (document["schema"], document["host"], document["first_broken"], document["works"]) == (1, "a", None, False)
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["a.json"]
