# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED sudo, su, runuser, chown, chgrp, uname, ldconfig and wslpath: what one mapped id and a borrowed kernel cannot do by themselves."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..distro import windows_drive, wsl_files
from ..distro.accounts import Accounts, User

if TYPE_CHECKING:
    from ..distro.programs import Call

# The value of `sudo -n` when a password would be needed; sudo 1.9.15.
PASSWORD_NEEDED = "sudo: a password is required\n"
SUDO_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"


def caller(call: Call, accounts: Accounts) -> User:
    user = accounts.by_uid(call.uid)
    return user or call.unknown(f"a caller with uid {call.uid}")


def sudo(call: Call) -> int:
    accounts = Accounts(call.base)
    who = caller(call, accounts)
    options, command = _sudo_options(call)
    target = accounts.users.get(options.get("-u", "root"))
    if target is None:
        call.err(f"sudo: unknown user {options['-u']}\nsudo: error initializing audit plugin sudoers_audit\n")
        return 1
    if who.uid != 0 and not _allowed_without_password(accounts, who):
        call.err(PASSWORD_NEEDED)
        return 1
    if not command:
        if "-v" in options or "-l" in options:
            return 0
        command = [target.shell]
    env: dict[str, str] = dict(call.env) if "-E" in options else {key: call.env[key] for key in ("LANG", "TERM") if key in call.env}
    env.update(SUDO_USER=who.name, SUDO_UID=str(who.uid), SUDO_GID=str(who.gid), SUDO_COMMAND=" ".join(command), PATH=SUDO_PATH)
    assignments = [word for word in command if re.match(r"[A-Za-z_]\w*=", word)]
    while command and command[0] in assignments:
        key, _equals, value = command.pop(0).partition("=")
        env[key] = value
    return call.run(command, user=target.name, env=env)


def _sudo_options(call: Call) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    words = list(call.argv[1:])
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        if word in ("-u", "-g", "-p", "-C", "-h"):
            options[word] = words.pop(0)
        elif word.startswith("--user="):
            options["-u"] = word.partition("=")[2]
        elif re.fullmatch(r"-[nHSEkKvlbi]+", word) or word in ("--non-interactive", "--set-home", "--stdin", "--preserve-env", "--validate"):
            options.update(
                (f"-{letter}", "") for letter in (word[1:] if not word.startswith("--") else {"--preserve-env": "E", "--validate": "v"}.get(word, ""))
            )
        else:
            call.unknown(word)
    return options, words


def _allowed_without_password(accounts: Accounts, who: User) -> bool:
    """/etc/sudoers and /etc/sudoers.d: the last line that names the user or one of its groups decides."""
    files = [accounts.etc / "sudoers", *sorted((accounts.etc / "sudoers.d").iterdir())]
    names = {who.name, "ALL", f"#{who.uid}", *(f"%{group}" for group in accounts.groups_of(who))}
    allowed = False
    for file in files:
        for line in file.read_text().splitlines():
            words = line.split("#")[0].split()
            if words and words[0] in names and "=" in line:
                allowed = "NOPASSWD:" in line
    return allowed


def su(call: Call) -> int:
    accounts = Accounts(call.base)
    words, command, name = list(call.argv[1:]), None, "root"
    login = False
    while words:
        word = words.pop(0)
        if word in ("-", "-l", "--login"):
            login = True
        elif word in ("-c", "--command"):
            command = words.pop(0)
        elif word in ("-s", "--shell"):
            words.pop(0)
        elif word.startswith("-"):
            call.unknown(word)
        else:
            name = word
    return _become(call, accounts, name, ["/bin/sh", "-c", command] if command else ["/bin/sh"], login)


def runuser(call: Call) -> int:
    words = list(call.argv[1:])
    if words[:1] == ["-u"] and len(words) > 2:
        rest = words[3:] if words[2] == "--" else words[2:]
        return _become(call, Accounts(call.base), words[1], rest, login=False)
    return su(call)


def _become(call: Call, accounts: Accounts, name: str, command: list[str], login: bool) -> int:
    if name not in accounts.users:
        call.err(f"{call.program}: user {name} does not exist or the user entry does not contain all the required fields\n")
        return 1
    if call.uid != 0:
        call.err("Password: su: Authentication failure\n" if call.program == "su" else "runuser: may not be used by non-root users\n")
        return 1
    return call.run(command, user=name, env={} if login else {"PATH": call.env.get("PATH", SUDO_PATH)}, cwd=accounts.users[name].home if login else call.cwd)


def chown(call: Call) -> int:
    """Names and files are checked; the owner cannot be changed where one id is mapped, so files keep looking owned by whoever looks."""
    accounts = Accounts(call.base)
    words = [word for word in call.argv[1:] if not word.startswith("-") or word == "--"]
    if any(word.startswith("--reference") for word in call.argv) or len(words) < 2:
        call.unknown()
    owner, files = words[0], words[1:]
    user, _colon, group = owner.partition(":") if call.program == "chown" else ("", ":", owner)
    if user and not (user.isdigit() or user in accounts.users):
        call.err(f"chown: invalid user: '{owner}'\n")
        return 1
    if group and not (group.isdigit() or group in accounts.groups):
        call.err(f"{call.program}: invalid group: '{group}'\n")
        return 1
    code = 0
    for file in files:
        if not os.path.lexists(_visible(call, file)):
            call.err(f"{call.program}: cannot access '{file}': No such file or directory\n")
            code = 1
        elif call.uid != 0 and user and user not in (str(call.uid), caller(call, accounts).name):
            call.err(f"{call.program}: changing ownership of '{file}': Operation not permitted\n")
            code = 1
    return code


def _visible(call: Call, file: str) -> Path:
    from ..distro import tree

    inside = os.path.normpath(os.path.join(call.cwd, file))
    try:
        return tree.host_path(call.base, inside)
    except ValueError:
        return Path(inside)


def uname(call: Call) -> int:
    from ..distro.processes import KERNEL

    with call.station.lock:
        computer = call.station.state["windows"]["computer_name"]
    parts = {"s": "Linux", "n": computer, "r": KERNEL, "v": "#1 SMP PREEMPT_DYNAMIC", "m": "x86_64", "p": "x86_64", "i": "x86_64", "o": "GNU/Linux"}
    long = {
        "--kernel-name": "s",
        "--nodename": "n",
        "--kernel-release": "r",
        "--kernel-version": "v",
        "--machine": "m",
        "--operating-system": "o",
        "--all": "a",
    }
    letters = "".join(long.get(word, word.lstrip("-")) for word in call.argv[1:]) or "s"
    if set(letters) - set(parts) - {"a"}:
        call.unknown()
    call.out(" ".join(parts[letter] for letter in (parts if "a" in letters else [letter for letter in parts if letter in letters])) + "\n")
    return 0


def ldconfig(call: Call) -> int:
    """`-p` lists what a GPU user looks for; the order is the one that decides which libcuda is loaded."""
    words = call.argv[1:]
    with call.station.lock:
        state = call.station.state
        gpu = wsl_files.gpu_visible(state)
        conflict = bool(state["wsl"]["distros"][call.distro].get("conflict_libraries"))
    configured = (call.base / "etc" / "ld.so.conf.d" / "ld.wsl.conf").exists()
    if words in ([], ["-v"]):
        if call.uid != 0:
            call.err("ldconfig: Can't create temporary cache file /etc/ld.so.cache~: Permission denied\n")
            return 1
        if gpu and configured:
            call.err("/sbin/ldconfig.real: /usr/lib/wsl/lib/libcuda.so.1 is not a symbolic link\n\n")  # harmless: microsoft/WSL#5663
        return 0
    if words not in (["-p"], ["--print-cache"]):
        call.unknown()
    entries = [(name.partition(".so.")[0] + ".so.1", "/lib/x86_64-linux-gnu") for name in wsl_files.CONFLICTING] if conflict else []
    if gpu and configured:
        entries += [(name, "/usr/lib/wsl/lib") for name in wsl_files.LIBRARIES]
    entries += [("libc.so.6", "/lib/x86_64-linux-gnu"), ("libpthread.so.0", "/lib/x86_64-linux-gnu")]
    call.out(f"{len(entries)} libs found in cache `/etc/ld.so.cache'\n")
    for name, directory in entries:
        call.out(f"\t{name} (libc6,x86-64) => {directory}/{name}\n")
    call.out("Cache generated by: ldconfig (Ubuntu GLIBC 2.39-0ubuntu8) stable release version 2.39\n")
    return 0


def wslpath(call: Call) -> int:
    """`wslpath -u`: a path of drive C: as the distro sees it (learn.microsoft.com, "Working across file systems"; usage text of wslpath)."""
    words = call.argv[1:]
    drive = windows_drive.mount_point(call.base)
    if len(words) != 2 or words[0] != "-u" or words[1][:3].lower() not in ("c:\\", "c:/") or drive is None:
        call.unknown()
    call.out(f"{drive}/{words[1][3:]}".replace("\\", "/") + "\n")
    return 0
