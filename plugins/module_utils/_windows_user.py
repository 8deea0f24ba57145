# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose Windows this is: the account of the connection, who is logged on, and whether that is the workstation's user.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_windows import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, cim, environment, registry
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, Finding, Layer

Seen = t.Mapping[str, Answer]

CATALOGUE = Catalogue(ENTRIES)
PROFILES = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList"
VARIABLES = ("USERNAME", "USERDOMAIN", "USERPROFILE", "COMPUTERNAME", "APPDATA", "LOCALAPPDATA", "ProgramFiles", "SystemRoot")
# One subkey per desktop session of this user, also of one by remote desktop; gone with the session (VirtualBox VBoxTray reads it so; unproven here).
SESSIONS = "HKCU:\\Volatile Environment"
COMPUTER = ("TotalPhysicalMemory", "NumberOfLogicalProcessors", "HypervisorPresent", "UserName")


def questions() -> t.Dict[str, Item]:
    return {
        "environment": environment(VARIABLES),
        "computer": cim("Win32_ComputerSystem", COMPUTER),
        "profiles": registry(PROFILES, subkeys=True),
        "sessions": registry(SESSIONS, subkeys=True),
    }


@dataclass(frozen=True)
class WindowsUser:
    """`wanted` is the declared user of the workstation, or whoever is logged on, or as a last resort the connecting account."""

    connected: str
    connected_sid: str
    profile: str
    logged_on: t.Tuple[str, ...]
    wanted: str
    computer: str = ""
    domain: str = ""

    @property
    def is_workstation_user(self) -> bool:
        return self.connected.casefold() == self.wanted.casefold()

    @property
    def is_logged_on(self) -> bool:
        return self.connected.casefold() in {name.casefold() for name in self.logged_on}

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {
            "connected": self.connected,
            "connected_sid": self.connected_sid,
            "logged_on": list(self.logged_on),
            "profile": self.profile,
            "workstation_user": self.wanted,
            "is_workstation_user": self.is_workstation_user,
        }

    def finding(self) -> t.Optional[Finding]:
        """A connection as somebody else is reported before anything changes."""
        if self.is_workstation_user:
            return None
        seen = f"connected as {self.connected}, logged on: {', '.join(self.logged_on) or 'nobody'}"
        return CATALOGUE["WIN-004"].finding(seen, connected=self.connected, wanted=self.wanted)

    def refusal(self) -> t.Optional[Layer]:
        found = self.finding()
        return None if found is None else Layer("windows", BROKEN, "the connection is not that of the workstation's user", self.as_dict(), [found])


def windows_user(seen: Seen, declared: str = "") -> WindowsUser:
    variables = seen["environment"].value or {}
    connected = str(variables.get("USERNAME") or "")
    profile = str(variables.get("USERPROFILE") or "")
    logged_on = _logged_on(seen, connected)
    present = connected.casefold() in {name.casefold() for name in logged_on}
    wanted = bare_name(declared) or (connected if present else next(iter(logged_on), connected))
    computer = str(variables.get("COMPUTERNAME") or "")
    sid, domain = _sid_of(seen["profiles"].subkeys(), profile), str(variables.get("USERDOMAIN") or "")
    return WindowsUser(connected, sid, profile, logged_on, wanted, computer, domain)


def _logged_on(seen: Seen, connected: str) -> t.Tuple[str, ...]:
    """Who sits at the console, and the connecting account when it has a desktop elsewhere: Windows names only the console's user."""
    console = [bare_name(str(row["UserName"])) for row in seen["computer"].rows() if row.get("UserName")]
    elsewhere = any(name.isdigit() for name in seen["sessions"].subkeys())
    known = {name.casefold() for name in console}
    return tuple(console + ([connected] if elsewhere and connected.casefold() not in known else []))


def bare_name(account: str) -> str:
    """The name without its domain: `BOX\\dev` and `dev@box` are dev."""
    return account.rpartition("\\")[2].partition("@")[0].strip()


def _sid_of(profiles: t.Mapping[str, t.Mapping[str, t.Any]], profile: str) -> str:
    folded = profile.casefold()
    return next((sid for sid, values in profiles.items() if str(values.get("ProfileImagePath", "")).casefold() == folded), "")
