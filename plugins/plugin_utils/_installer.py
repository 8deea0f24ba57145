# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installers and images: a path on the workstation or a URL, fetched only when a step needs it, and run only when its SHA-256 is the declared one.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.module_utils._address import is_url, without_secrets
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import Arguments, WindowsAction
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import WorkstationError

# In the profile of the user who connects, where no other user without rights can exchange a file between its check and its start.
DOWNLOADS = "%LOCALAPPDATA%\\gpudev\\downloads"
SECONDS_TO_DOWNLOAD = 3600


class Codes(t.NamedTuple):
    """Which findings of a catalogue speak of a file that is missing, is another one, or could not be fetched."""

    missing: str
    other: str
    not_fetched: str


class NotAsDeclared(Exception):
    """The file cannot be used; the finding says why."""

    def __init__(self, summary: str, finding: Finding) -> None:
        super().__init__(summary)
        self.finding = finding


def refuse_malformed(arguments: Arguments, options: t.Iterable[str]) -> None:
    """What is wrong with a declaration before anything is looked at."""
    for option in options:
        source, digest = arguments[option], arguments[f"{option}_sha256"]
        if digest and (len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef")):
            raise AnsibleActionFail(f"{option}_sha256 '{digest}' is no SHA-256: write its 64 hexadecimal digits.")
        if is_url(source) and not digest:
            raise AnsibleActionFail(f"{option} is a URL, so {option}_sha256 is needed: nothing is fetched and run that is not known by its SHA-256.")


class Installer:
    """One declared file and the catalogue that speaks of it."""

    def __init__(self, action: WindowsAction, source: str, sha256: str, catalogue: Catalogue, codes: Codes) -> None:
        self._action = action
        self._source = source
        self._sha256 = sha256.lower()
        self._catalogue = catalogue
        self._codes = codes

    def path(self) -> str:
        """Where it lies on the workstation, fetched when it is a URL, and known to be the declared file."""
        path = self._fetched() if is_url(self._source) else self._source
        found = self._checksum(path)
        if found is None:
            raise NotAsDeclared(f"{path} is missing", self._catalogue[self._codes.missing].finding(path, path=path))
        if self._sha256 and found != self._sha256:
            finding = self._catalogue[self._codes.other].finding(f"SHA-256 {found}", path=path, found=found, wanted=self._sha256)
            raise NotAsDeclared(f"{path} has another checksum", finding)
        return path

    def forget(self) -> None:
        """What was fetched has done its service. A file that cannot be removed is told; what was installed from it is installed."""
        if not is_url(self._source):
            return
        try:
            self._action.windows_module("ansible.windows.win_file", {"path": self._downloaded(), "state": "absent"})
        except WorkstationError as error:
            self._action.progress(f"{self._downloaded()} stays on the workstation, it could not be removed: {error}")

    def _downloaded(self) -> str:
        name = re.sub(r"[^\w. -]", "_", unquote(PurePosixPath(urlsplit(self._source).path).name))
        return f"{DOWNLOADS}\\{name or 'download'}"

    def _fetched(self) -> str:
        destination = self._downloaded()
        self._action.windows_module("ansible.windows.win_file", {"path": DOWNLOADS, "state": "directory"})
        arguments = {"url": self._source, "dest": destination, "checksum": self._sha256, "checksum_algorithm": "sha256", "force": False}
        tell = self._action.awaiting("download", without_secrets(self._source), SECONDS_TO_DOWNLOAD)
        try:
            answer = self._action.windows_module_in_background("ansible.windows.win_get_url", arguments, SECONDS_TO_DOWNLOAD, tell)
        except WorkstationError as error:
            finding = self._catalogue[self._codes.not_fetched].finding(str(error), url=without_secrets(self._source))
            raise NotAsDeclared(f"{without_secrets(self._source)} could not be fetched", finding) from error
        return str(answer.get("dest") or destination)

    def _checksum(self, path: str) -> str | None:
        """SHA-256 of a file on the workstation, however large; None when it is not there."""
        stat = self._action.windows_module("ansible.windows.win_stat", {"path": path, "get_checksum": True, "checksum_algorithm": "sha256"})["stat"]
        return str(stat.get("checksum", "")).lower() if stat.get("exists") else None
