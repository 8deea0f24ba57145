# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users and groups of a distro: its /etc/passwd, /etc/group and /etc/shadow, read and rewritten."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST_ID = 1000
LOCKED = "!"
SYSTEM_USERS = (
    ("root", 0, 0, "root", "/root", "/bin/bash"),
    ("daemon", 1, 1, "daemon", "/usr/sbin", "/usr/sbin/nologin"),
    ("bin", 2, 2, "bin", "/bin", "/usr/sbin/nologin"),
    ("sys", 3, 3, "sys", "/dev", "/usr/sbin/nologin"),
    ("man", 6, 12, "man", "/var/cache/man", "/usr/sbin/nologin"),
    ("www-data", 33, 33, "www-data", "/var/www", "/usr/sbin/nologin"),
    ("_apt", 42, 65534, "", "/nonexistent", "/usr/sbin/nologin"),
    ("nobody", 65534, 65534, "nobody", "/nonexistent", "/usr/sbin/nologin"),
    ("systemd-network", 998, 998, "systemd Network Management", "/", "/usr/sbin/nologin"),
    ("messagebus", 100, 102, "", "/nonexistent", "/usr/sbin/nologin"),
)
SYSTEM_GROUPS = {
    "root": 0, "daemon": 1, "bin": 2, "sys": 3, "adm": 4, "tty": 5, "disk": 6, "man": 12, "kmem": 15, "dialout": 20, "sudo": 27, "audio": 29, "www-data": 33,
    "shadow": 42, "utmp": 43, "video": 44, "plugdev": 46, "staff": 50, "users": 100, "netdev": 101, "messagebus": 102, "systemd-network": 998, "nogroup": 65534,
}  # fmt: skip
# The groups that Ubuntu's first-run setup gives the first user, as far as they exist here.
FIRST_USER_GROUPS = ("adm", "dialout", "sudo", "audio", "video", "plugdev", "users", "netdev")


@dataclass
class User:
    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    password: str = LOCKED

    def passwd_line(self) -> str:
        return f"{self.name}:x:{self.uid}:{self.gid}:{self.comment}:{self.home}:{self.shell}\n"


@dataclass
class Group:
    name: str
    gid: int
    members: list[str]

    def group_line(self) -> str:
        return f"{self.name}:x:{self.gid}:{','.join(self.members)}\n"


class Accounts:
    """All users and groups of one tree; `save` writes them back."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.etc = base / "etc"
        passwords = dict(line.split(":")[:2] for line in _lines(self.etc / "shadow"))
        self.users: dict[str, User] = {}
        for line in _lines(self.etc / "passwd"):
            name, _x, uid, gid, comment, home, shell = line.split(":")
            self.users[name] = User(name, int(uid), int(gid), comment, home, shell, passwords.get(name, LOCKED))
        self.groups: dict[str, Group] = {}
        for line in _lines(self.etc / "group"):
            name, _x, gid, members = line.split(":")
            self.groups[name] = Group(name, int(gid), [member for member in members.split(",") if member])

    def save(self) -> None:
        _replace(self.etc / "passwd", "".join(user.passwd_line() for user in self.users.values()), 0o644)
        _replace(self.etc / "group", "".join(group.group_line() for group in self.groups.values()), 0o644)
        _replace(self.etc / "shadow", "".join(f"{user.name}:{user.password}:20000:0:99999:7:::\n" for user in self.users.values()), 0o640)
        _replace(self.etc / "gshadow", "".join(f"{group.name}:*::{','.join(group.members)}\n" for group in self.groups.values()), 0o640)

    def by_uid(self, uid: int) -> User | None:
        return next((user for user in self.users.values() if user.uid == uid), None)

    def group_of(self, name_or_gid: str) -> Group | None:
        if name_or_gid in self.groups:
            return self.groups[name_or_gid]
        return next((group for group in self.groups.values() if str(group.gid) == name_or_gid), None)

    def groups_of(self, user: User) -> list[str]:
        """Names, the primary group first."""
        primary = [group.name for group in self.groups.values() if group.gid == user.gid]
        return primary + [group.name for group in self.groups.values() if user.name in group.members and group.gid != user.gid]

    def free_id(self, system: bool = False) -> int:
        taken = {user.uid for user in self.users.values()} | {group.gid for group in self.groups.values()}
        candidates = range(999, 100, -1) if system else range(FIRST_ID, 60001)
        return next(number for number in candidates if number not in taken)

    def make_home(self, user: User) -> None:
        home = self.base / user.home.lstrip("/")
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o750)
        for file in (self.etc / "skel").iterdir():
            if file.is_file() and not (home / file.name).exists():
                shutil.copyfile(file, home / file.name)

    def summary(self) -> dict[str, Any]:
        """What the state document keeps of them: the human users."""
        return {
            user.name: {"uid": user.uid, "gid": user.gid, "home": user.home, "shell": user.shell, "groups": self.groups_of(user)}
            for user in self.users.values()
            if FIRST_ID <= user.uid < 65534
        }


def create_first(entry: dict[str, Any], base: Path) -> None:
    """The accounts of a new tree: Ubuntu's own, and the users of the document (the default user, where none are listed)."""
    accounts = Accounts(base)
    accounts.users = {name: User(name, uid, gid, comment, home, shell, "*") for name, uid, gid, comment, home, shell in SYSTEM_USERS}
    accounts.groups = {name: Group(name, gid, []) for name, gid in SYSTEM_GROUPS.items()}
    wanted = entry.get("users")
    if not wanted and entry.get("default_user", "root") != "root":
        wanted = {entry["default_user"]: {}}
    for name, details in (wanted or {}).items():
        uid = details.get("uid") or accounts.free_id()
        user = User(name, uid, details.get("gid", uid), "", details.get("home", f"/home/{name}"), details.get("shell", "/bin/bash"))
        accounts.users[name] = user
        accounts.groups.setdefault(name, Group(name, user.gid, []))
        for group in details.get("groups", FIRST_USER_GROUPS):
            if group != name:
                accounts.groups.setdefault(group, Group(group, accounts.free_id(), [])).members.append(name)
        accounts.make_home(user)
    accounts.save()


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.is_file() else []


def _replace(file: Path, text: str, mode: int) -> None:
    temporary = file.with_name(file.name + ".new")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.replace(file)
