# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a failed start: files of limited size without secrets, in a directory of the user's own.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import typing as t

FILE_BYTES = 256 * 1024
KEPT = 5

_NAMED = r"(?:token|password|passwd|secret|api[-_]?key|access[-_]?key|client-key-data|certificate-key|authorization|dockerconfigjson|[\"']auth)"
_VALUE = r"(?:(?:basic|bearer)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s\"',]+)"
# Inside an event of JSON the quotes have a backslash.
_SECRET = re.compile(rf"(?i)({_NAMED}\\?[\"']?\s*[:=]\s*\\?|--[\w-]*{_NAMED}\s+|\bbearer\s+){_VALUE}")
# As in a proxy's address; a password may have an @ of its own.
_CREDENTIALS = re.compile(r"(://)[^\s/\"']+@")
_KEYS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# kubeadm's bootstrap tokens, and tokens of service accounts.
_TOKENS = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b|\beyJ[\w-]+\.[\w-]+\.[\w-]+")


def clean(text: str) -> str:
    """Evidence without secrets and without the home directory."""
    home = os.path.expanduser("~")
    text = _TOKENS.sub("***", _KEYS.sub("***", text))
    text = _CREDENTIALS.sub(r"\1***@", _SECRET.sub(r"\1***", text))
    return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text) if len(home) > 1 else text


def directory(subject: str) -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "gpudev.workstation", "evidence", subject)


def keep(where: str, files: t.Mapping[str, str]) -> str:
    """Write the files that say something into a new directory under `where`, and return its path; only the newest few are kept."""
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    path = os.path.join(where, stamp)
    os.makedirs(path, mode=0o700)
    for name, text in files.items():
        if text.strip():
            _write(os.path.join(path, name), clean(text))
    for old in sorted(os.listdir(where))[:-KEPT]:
        shutil.rmtree(os.path.join(where, old))
    return path


def _write(path: str, text: str) -> None:
    """The end of a long text: what failed stands there."""
    data = text.encode("utf-8", "replace")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data if len(data) <= FILE_BYTES else b"[cut]\n" + data[-FILE_BYTES:])
