# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A context carried into another kubeconfig: merged, never at the cost of what is there, and without a key in what is shown."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.gpudev.workstation.plugins.module_utils import _windows_file
from ansible_collections.gpudev.workstation.plugins.modules import kubeconfig_export
from tests.unit.recorded import FIXTURES

Export = Callable[..., dict[str, Any]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The recorded kubeconfig of a minikube that was started with WSL_DISTRO_NAME (recordings/minikube/kubeconfig_wsl.yaml has this address)."""
    for name in ("ca.crt", "client.crt", "client.key"):
        (tmp_path / name).write_text(f"content of {name}")
    text = (FIXTURES / "minikube" / "kubeconfig_running.txt").read_text()
    for old, new in (("192.168.49.2:8443", "127.0.0.1:32771"), ("/home/dev/.minikube/profiles/gpu", str(tmp_path)), ("/home/dev/.minikube", str(tmp_path))):
        text = text.replace(old, new)
    (tmp_path / "config").write_text(text)
    return tmp_path / "config"


@pytest.fixture
def export(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {"src": str(source), "context": "gpu", "dest": str(tmp_path / "windows" / ".kube" / "config"), **options}
        with patch_module_args({**arguments, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_tmpdir": str(tmp_path)}), pytest.raises(SystemExit):
            kubeconfig_export.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


def there(answer: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(answer["dest"]).read_text())
    return content


def test_a_new_file_is_complete_in_itself(export: Export) -> None:
    done = export()
    content = there(done)
    assert (done["changed"], "backup_file" in done, content["current-context"]) == (True, False, "gpu")
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    assert cluster["server"] == "https://127.0.0.1:32771"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"content of ca.crt"
    assert base64.b64decode(user["client-key-data"]) == b"content of client.key"
    assert "certificate-authority" not in cluster
    assert (Path(done["dest"]).stat().st_mode & 0o077) == 0


def test_a_second_time_changes_nothing(export: Export) -> None:
    export()
    done = export()
    assert (done["changed"], "backup_file" in done) == (False, False)


def test_what_is_there_stays_and_is_backed_up(export: Export, tmp_path: Path) -> None:
    other: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {"colors": True},
        "current-context": "work",
        "clusters": [{"name": "work", "cluster": {"server": "https://work:6443"}}],
        "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
        "users": [{"name": "me", "user": {"exec": {"command": "kubelogin"}}}],
    }
    path = tmp_path / "windows" / ".kube" / "config"
    path.parent.mkdir(parents=True)
    path.write_text("\ufeff" + yaml.safe_dump(other), encoding="utf-8")
    done = export()
    content = there(done)
    assert (content["current-context"], content["preferences"]) == ("work", {"colors": True})
    assert [item["name"] for item in content["contexts"]] == ["work", "gpu"]
    assert content["users"][0] == other["users"][0]
    assert "work:6443" in Path(done["backup_file"]).read_text(encoding="utf-8-sig")
    assert there(export(select=True))["current-context"] == "gpu"
    assert there(export(state="absent"))["contexts"] == other["contexts"]


def test_a_new_port_is_carried_over(export: Export, source: Path) -> None:
    export()
    source.write_text(source.read_text().replace("32771", "40000"))
    done = export()
    assert (done["changed"], there(done)["clusters"][0]["cluster"]["server"]) == (True, "https://127.0.0.1:40000")
    assert done["diff"] == {
        "before": {"contexts": {"gpu": "https://127.0.0.1:32771"}, "current_context": "gpu"},
        "after": {"contexts": {"gpu": "https://127.0.0.1:40000"}, "current_context": "gpu"},
    }


def test_check_mode_writes_nothing_and_predicts(export: Export) -> None:
    done = export(check=True)
    assert (done["changed"], Path(done["dest"]).exists()) == (True, False)


def test_no_key_is_shown(export: Export) -> None:
    assert "Y29udGVudCBvZi" not in json.dumps(export())


def test_a_cluster_of_minikube_exe_is_not_replaced(export: Export, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "windows" / ".kube" / "config"
    path.parent.mkdir(parents=True)
    path.write_text(source.read_text())
    refused = export()
    assert (refused["failed"], path.read_text()) == (True, source.read_text())
    assert "overwrite: true" in refused["msg"]
    assert export(state="absent")["changed"] is False
    assert [item["name"] for item in there(export(name="gpu-wsl"))["contexts"]] == ["gpu", "gpu-wsl"]
    assert export(overwrite=True)["changed"]


def test_an_address_that_windows_cannot_reach_is_refused(export: Export, source: Path) -> None:
    source.write_text(source.read_text().replace("127.0.0.1:32771", "192.168.49.2:8443"))
    refused = export()
    assert refused["failed"]
    assert "WSL_DISTRO_NAME" in refused["msg"]


@pytest.mark.parametrize(("text", "word"), [("a: [", "no YAML"), ("- a", "no kubeconfig")])
def test_a_file_that_is_no_kubeconfig_is_left_alone(export: Export, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "windows" / ".kube" / "config"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert word in export()["msg"]
    assert path.read_text() == text


def test_without_a_context_or_a_certificate(export: Export, tmp_path: Path) -> None:
    assert "start the cluster first" in export(context="other")["msg"]
    (tmp_path / "client.key").unlink()
    assert "client.key" in export()["msg"]


def test_check_mode_predicts_the_address_that_the_cluster_would_get(export: Export) -> None:
    export()
    before = there(export())
    done = export(check=True, awaiting=["a start of the cluster"])
    assert (done["changed"], there(done), done["diff"]["after"]["awaiting"]) == (True, before, ["a start of the cluster"])
    assert export(awaiting=["what only check mode heeds"])["changed"] is False


@pytest.fixture
def drives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with drive C: and the profile of dev on it."""
    profile = tmp_path / "mnt" / "c" / "Users" / "dev"
    profile.mkdir(parents=True)
    (tmp_path / "wsl.conf").write_text(f"[automount]\nroot={tmp_path}/mnt/\n")
    read = _windows_file.automount
    monkeypatch.setattr(kubeconfig_export, "automount", lambda: read(str(tmp_path / "wsl.conf")))
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-24.04")
    return profile


WINDOWS = "C:\\Users\\dev\\.kube\\config"


def codes(answer: dict[str, Any]) -> list[str]:
    assert answer["failed"]
    return [finding["code"] for finding in answer["findings"]]


@pytest.mark.parametrize("path", [WINDOWS, "c:/Users/dev/.kube/config"])
def test_a_windows_path_is_looked_for_where_the_drives_are(export: Export, drives: Path, path: str) -> None:
    assert export(dest=path)["dest"] == str(drives / ".kube" / "config")


def test_a_drive_that_keeps_no_modes(export: Export, drives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As DrvFs without `metadata` is reported (microsoft/WSL#7225)."""

    def refused(*_arguments: Any, **_more: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod", "chown", "utime"):
        monkeypatch.setattr(os, name, refused)
    assert export(dest=WINDOWS)["changed"]
    done = export(dest=WINDOWS, name="other")
    assert sorted(path.name for path in (drives / ".kube").iterdir()) == ["config", Path(done["backup_file"]).name]


def test_without_the_drive_it_says_so(export: Export, drives: Path, tmp_path: Path) -> None:
    assert codes(export(dest="D:\\Users\\dev\\.kube\\config")) == ["EXPORT-001"]
    drives.rmdir()
    (tmp_path / "wsl.conf").write_text(f"[automount]\nenabled=false\nroot={tmp_path}/mnt\n")
    answer = export(dest=WINDOWS)
    assert codes(answer) == ["EXPORT-001"]
    assert "automount is off in /etc/wsl.conf" in answer["msg"]
    assert "wsl --terminate Ubuntu-24.04" in answer["msg"]


def test_a_profile_that_is_not_there(export: Export, drives: Path) -> None:
    assert codes(export(dest="C:\\Users\\nobody\\.kube\\config")) == ["EXPORT-004"]


@pytest.mark.parametrize("check", [True, False])
def test_a_read_only_drive_is_predicted_too(export: Export, drives: Path, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert codes(export(check=check, dest=WINDOWS)) == ["EXPORT-002"]
    assert list(drives.iterdir()) == []


def test_no_right_to_write(export: Export, drives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert codes(export(dest=WINDOWS)) == ["EXPORT-003"]


def test_a_file_that_another_program_keeps_open(export: Export, drives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(dest=WINDOWS)
    before = (drives / ".kube" / "config").read_bytes()

    def in_use(_source: str, _target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", in_use)
    assert codes(export(dest=WINDOWS, name="other")) == ["EXPORT-003"]
    assert (drives / ".kube" / "config").read_bytes() == before
    assert not list((drives / ".kube").glob(".gpudev-*"))


def test_an_engine_that_windows_does_not_reach(export: Export) -> None:
    assert codes(export(reachable=False)) == ["EXPORT-005"]
