# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED useradd, usermod, userdel, groupadd, groupmod, groupdel, chpasswd: they edit the distro's account files and the document."""

from __future__ import annotations

import getopt
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..distro.accounts import Accounts, Group, User

if TYPE_CHECKING:
    from ..distro.programs import Call

# Exit codes of shadow-utils (useradd(8), usermod(8)).
CANT_UPDATE, BAD_SYNTAX, BAD_ARGUMENT, UID_IN_USE, NOT_FOUND, NAME_IN_USE = 1, 2, 3, 4, 6, 9
Options = dict[str, str]


def _arguments(call: Call, short: str, long: list[str]) -> tuple[Options, list[str]]:
    try:
        options, words = getopt.gnu_getopt(call.argv[1:], short, long)
    except getopt.GetoptError as error:
        call.unknown(str(error))
    return dict(options), words


def _one_of(options: Options, *names: str) -> str | None:
    return next((options[name] for name in names if name in options), None)


def _may_not(call: Call, file: str) -> bool:
    if call.uid == 0:
        return False
    call.err(f"{call.program}: Permission denied.\n{call.program}: cannot lock {file}; try again later.\n")
    return True


def _save(call: Call, accounts: Accounts) -> int:
    accounts.save()
    with call.station.changed() as state:
        state["wsl"]["distros"][call.distro]["users"] = accounts.summary()
    return 0


def useradd(call: Call) -> int:
    options, names = _arguments(
        call,
        "mMrNUoc:d:g:G:s:u:p:e:k:l",
        ["create-home", "system", "shell=", "groups=", "gid=", "uid=", "home-dir=", "comment=", "password=", "no-create-home"],
    )
    if _may_not(call, "/etc/passwd"):
        return CANT_UPDATE
    accounts, name = Accounts(call.base), names[0] if names else call.unknown("no name")
    if name in accounts.users:
        call.err(f"useradd: user '{name}' already exists\n")
        return NAME_IN_USE
    system = "-r" in options or "--system" in options
    uid = int(_one_of(options, "-u", "--uid") or accounts.free_id(system))
    if accounts.by_uid(uid) and "-o" not in options:
        call.err(f"useradd: UID {uid} is not unique\n")
        return UID_IN_USE
    group = _primary_group(call, accounts, name, uid, _one_of(options, "-g", "--gid"))
    extra = [item for item in (_one_of(options, "-G", "--groups") or "").split(",") if item]
    missing = next((item for item in extra if accounts.group_of(item) is None), None)
    if group is None or missing:
        call.err(f"useradd: group '{missing or _one_of(options, '-g', '--gid')}' does not exist\n")
        return NOT_FOUND
    home = _one_of(options, "-d", "--home-dir") or f"/home/{name}"
    user = User(name, uid, group.gid, _one_of(options, "-c", "--comment") or "", home, _one_of(options, "-s", "--shell") or "/bin/sh")
    user.password = _one_of(options, "-p", "--password") or user.password
    accounts.users[name] = user
    _set_groups(accounts, user, extra)
    if "-m" in options or "--create-home" in options:
        accounts.make_home(user)
    return _save(call, accounts)


def _primary_group(call: Call, accounts: Accounts, name: str, uid: int, wanted: str | None) -> Group | None:
    if wanted is not None:
        return accounts.group_of(wanted)
    if name not in accounts.groups:
        gid = uid if accounts.group_of(str(uid)) is None else accounts.free_id()
        accounts.groups[name] = Group(name, gid, [])
    return accounts.groups[name]


def _set_groups(accounts: Accounts, user: User, names: list[str], keep: bool = True) -> None:
    wanted = {group.name for group in (accounts.group_of(name) for name in names) if group}
    for group in accounts.groups.values():
        if group.name in wanted and user.name not in group.members:
            group.members.append(user.name)
        elif group.name not in wanted and not keep and user.name in group.members:
            group.members.remove(user.name)


# usermod(8) of shadow 4.13; ansible.builtin.user looks here for --append.
USERMOD_HELP = """Usage: usermod [options] LOGIN

Options:
  -a, --append                  append the user to the supplemental GROUPS
                                mentioned by the -G option without removing
                                the user from other groups
  -c, --comment COMMENT         new value of the GECOS field
  -G, --groups GROUPS           new list of supplementary GROUPS
  -h, --help                    display this help message and exit
  -p, --password PASSWORD       use encrypted password for the new password
  -s, --shell SHELL             new login shell for the user account

"""


def usermod(call: Call) -> int:
    if call.argv[1:] in (["--help"], ["-h"]):
        call.out(USERMOD_HELP)
        return 0
    options, names = _arguments(
        call, "aG:s:d:mc:g:u:p:l:LU", ["append", "groups=", "shell=", "home=", "move-home", "comment=", "gid=", "uid=", "password=", "login=", "lock", "unlock"]
    )
    if _may_not(call, "/etc/passwd"):
        return CANT_UPDATE
    accounts = Accounts(call.base)
    user = accounts.users.get(names[0] if names else "")
    if user is None:
        call.err(f"usermod: user '{names[0] if names else ''}' does not exist\n")
        return NOT_FOUND
    groups = _one_of(options, "-G", "--groups")
    if groups is not None:
        wanted = [item for item in groups.split(",") if item]
        missing = next((item for item in wanted if accounts.group_of(item) is None), None)
        if missing:
            call.err(f"usermod: group '{missing}' does not exist\n")
            return NOT_FOUND
        _set_groups(accounts, user, wanted, keep="-a" in options or "--append" in options)
    user.shell = _one_of(options, "-s", "--shell") or user.shell
    user.comment = _one_of(options, "-c", "--comment") or user.comment
    user.password = _one_of(options, "-p", "--password") or user.password
    if _one_of(options, "-u", "--uid", "-l", "--login", "-g", "--gid", "-d", "--home"):
        call.unknown("usermod of ids, names and homes")
    return _save(call, accounts)


def userdel(call: Call) -> int:
    options, names = _arguments(call, "rf", ["remove", "force"])
    if _may_not(call, "/etc/passwd"):
        return CANT_UPDATE
    accounts = Accounts(call.base)
    user = accounts.users.pop(names[0] if names else "", None)
    if user is None:
        call.err(f"userdel: user '{names[0] if names else ''}' does not exist\n")
        return NOT_FOUND
    for group in list(accounts.groups.values()):
        if user.name in group.members:
            group.members.remove(user.name)
        if group.name == user.name and group.gid == user.gid and not group.members:
            del accounts.groups[group.name]
    if "-r" in options or "--remove" in options:
        shutil.rmtree(call.base / Path(user.home.lstrip("/")), ignore_errors=True)
    return _save(call, accounts)


def groupadd(call: Call) -> int:
    options, names = _arguments(call, "rfg:o", ["system", "force", "gid="])
    if _may_not(call, "/etc/group"):
        return CANT_UPDATE
    accounts, name = Accounts(call.base), names[0] if names else call.unknown("no name")
    if name in accounts.groups:
        if "-f" in options:
            return 0
        call.err(f"groupadd: group '{name}' already exists\n")
        return NAME_IN_USE
    gid = int(_one_of(options, "-g", "--gid") or accounts.free_id("-r" in options or "--system" in options))
    accounts.groups[name] = Group(name, gid, [])
    return _save(call, accounts)


def groupmod(call: Call) -> int:
    options, names = _arguments(call, "g:n:oa:U:", ["gid=", "new-name="])
    if _may_not(call, "/etc/group"):
        return CANT_UPDATE
    accounts = Accounts(call.base)
    group = accounts.groups.get(names[0] if names else "")
    if group is None:
        call.err(f"groupmod: group '{names[0] if names else ''}' does not exist\n")
        return NOT_FOUND
    if _one_of(options, "-n", "--new-name"):
        call.unknown("groupmod --new-name")
    group.gid = int(_one_of(options, "-g", "--gid") or group.gid)
    return _save(call, accounts)


def groupdel(call: Call) -> int:
    _options, names = _arguments(call, "f", [])
    if _may_not(call, "/etc/group"):
        return CANT_UPDATE
    accounts = Accounts(call.base)
    if accounts.groups.pop(names[0] if names else "", None) is None:
        call.err(f"groupdel: group '{names[0] if names else ''}' does not exist\n")
        return NOT_FOUND
    return _save(call, accounts)


def chpasswd(call: Call) -> int:
    if _may_not(call, "/etc/passwd"):
        return CANT_UPDATE
    accounts = Accounts(call.base)
    for line in call.stdin().decode(errors="replace").splitlines():
        name, _colon, password = line.partition(":")
        if name not in accounts.users:
            call.err(f"chpasswd: (line 1, user {name}) password not changed\nchpasswd: (user {name}) pam_chauthtok() failed, error:\n")
            return CANT_UPDATE
        accounts.users[name].password = password if "-e" in call.argv[1:] else "$y$simulated"
    return _save(call, accounts)
