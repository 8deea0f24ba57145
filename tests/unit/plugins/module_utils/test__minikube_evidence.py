# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of a failed start has no secrets, has a size, and does not pile up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_evidence as evidence


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("kubeadm join 192.168.49.2:8443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:1", "abcdef.0123456789abcdef"),
        ("--certificate-key 4f5e6d", "4f5e6d"),
        ("Authorization: Bearer eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "eyJ"),
        ("Authorization: Bearer opaque-words", "opaque"),
        ("authorization: Basic YW5uYTpnZWhlaW0=", "YW5u"),
        ("sent bearer opaque-words to the server", "opaque"),
        ('{"auths": {"registry.example.com": {"auth": "YW5uYTpnZWhlaW0="}}}', "YW5u"),
        (".dockerconfigjson: eyJhdXRocyI6e30=", "eyJ"),
        ("NGC_API_KEY=nvapi-geheim and AWS_SECRET_ACCESS_KEY='geheim heim'", "heim"),
        ("--registry-password geheim", "geheim"),
        ('password = "ge heim"', "heim"),
        ("http://anna:ge@heim@proxy:3128/x", "heim"),
        ('{"message":"config: {\\"password\\":\\"geheim\\"}"}', "geheim"),
        ("client-key-data: QUJD", "QUJD"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("HTTPS_PROXY=http://anna:geheim@proxy:3128", "geheim"),
        ("-----BEGIN PRIVATE KEY-----\ncut in the mid", "cut in the mid"),
    ],
)
def test_no_secret_is_kept(text: str, secret: str) -> None:
    assert secret not in evidence.clean(text)


def test_ordinary_words_stay() -> None:
    said = "apiserver process never appeared, image sha256:e3b0c44298fc1c149afbf4c8996fb924, token of the node"
    assert evidence.clean(said) == said


def test_files_are_private_and_end_with_what_failed(tmp_path: Path) -> None:
    long = "x" * evidence.FILE_BYTES + "the end"
    path = Path(evidence.keep(str(tmp_path / "minikube-gpu"), {"minikube-logs.txt": long, "journal.txt": "password=hunter2", "empty.txt": " \n"}))
    assert sorted(file.name for file in path.iterdir()) == ["journal.txt", "minikube-logs.txt"]
    assert (path / "minikube-logs.txt").read_text().endswith("the end")
    assert (path / "minikube-logs.txt").stat().st_size <= evidence.FILE_BYTES + 10
    assert "hunter2" not in (path / "journal.txt").read_text()
    assert (path.stat().st_mode & 0o777, (path / "minikube-logs.txt").stat().st_mode & 0o777) == (0o700, 0o600)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    made = [evidence.keep(str(tmp_path), {"a.txt": str(number)}) for number in range(evidence.KEPT + 2)]
    assert sorted(str(path) for path in tmp_path.iterdir()) == made[2:]


def test_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/dev")
    assert evidence.directory("minikube-gpu") == "/home/dev/.cache/gpudev.workstation/evidence/minikube-gpu"
