# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the shell in the distribution never reported an exit code: the words of wsl.exe or of the Windows shell, with cause and remedy.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_connection import ENTRIES
from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import Target, own_words

CATALOGUE = Catalogue(ENTRIES)

# Nothing started: no such program, the stub of Windows without WSL, the Store application in session 0. Another wsl.exe may do better.
NO_PROGRAM = "CONN-014"
OTHER_EXECUTABLE_MAY_DO = (NO_PROGRAM, "CONN-008", "CONN-011")
UNTOLD = "CONN-015"
# What a Windows shell ends with when it finds no program, in whatever language it says so; and wsl.exe when it fails by itself.
NOT_FOUND = (1, 9009)
FAILED_BY_ITSELF = (-1, 4294967295)
LONGEST_COMPLAINT = 8192


class Complaint:
    """What one wsl.exe said instead of running the command."""

    def __init__(self, target: Target, ended: Ended) -> None:
        self.target = target
        self.rc = ended.rc
        self.said = "\n".join(text for text in (own_words(ended.stdout[:LONGEST_COMPLAINT]), own_words(ended.stderr[:LONGEST_COMPLAINT])) if text)
        otherwise = NO_PROGRAM if ended.rc in NOT_FOUND and ended.stderr and not ended.stdout else UNTOLD
        self.entry = CATALOGUE.recognise(self.said) or CATALOGUE[otherwise]

    def another_executable_may_do(self) -> bool:
        """An end by a signal is that of a command, which must not be run twice; the others have to be said again (`compare`)."""
        return self.entry.code in OTHER_EXECUTABLE_MAY_DO and self.rc in (*NOT_FOUND, *FAILED_BY_ITSELF)

    def compare(self, with_nothing_to_do: Ended) -> None:
        """What the same wsl.exe says when it has nothing to do: the same, or it does start, and then the command may have begun before it ended.

        Its exit code cannot tell: it is 1 also when the distribution is stopped (microsoft/WSL, src/windows/common/interop.cpp, VmModeWorkerThread).
        """
        again = Complaint(self.target, with_nothing_to_do)
        if again.rc == 0 or again.entry is not self.entry:
            self.entry = CATALOGUE[UNTOLD]

    def sentence(self) -> str:
        finding = self.entry.finding(
            self.said or f"exit code {self.rc} and no output",
            distribution=self.target.distribution or "(default)",
            user=self.target.user or "(default)",
            executable=self.target.executable,
        )
        did_not = "did not tell how the command ended" if self.entry.code == UNTOLD else "did not run the command"
        return f"wsl.exe {did_not} (exit code {self.rc}). {finding.sentence()}"


def unreachable(complaints: t.Sequence[Complaint]) -> AnsibleConnectionFailure:
    """The most telling one: of several executables the last that was there at all; else the first, which is the one that was asked for."""
    found = [complaint for complaint in complaints if complaint.entry.code != NO_PROGRAM]
    told = found[-1] if found else complaints[0]
    others = [f"{other.target.executable} ({other.entry.code})" for other in complaints if other is not told]
    return AnsibleConnectionFailure(told.sentence() + (f" Also tried: {', '.join(others)}." if others else ""))
