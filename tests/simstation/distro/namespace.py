# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher: a private user and mount namespace over a distro's directories, then the wanted program in it.

It runs as a program of its own (`python -I -S namespace.py FD`), because only a process with one thread may enter a user namespace,
and it imports as little as it can, because every command in a distro pays for it. File descriptor FD holds the plan:

`uid`, `gid`   who the program is inside; outside it stays who we are. One id is mapped, so every file of ours looks owned by the caller.
`root`         an empty directory to build the root on; `mounts` is a list of `[kind, source, target]` in order, see `mount_one`.
`argv`, `env`, `cwd`, `hostname` as they say.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import sys
import warnings  # noqa: F401 # pylint: disable=unused-import # os.execvpe imports it, and then the machine's library is out of sight

# Not from `typing`: importing it would cost as much as the start of the interpreter.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
# The flags that statvfs reports and a remount in a user namespace must repeat: ST_* to MS_*.
LOCKED_FLAGS = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
EXIT_NOT_POSSIBLE = 125
EXIT_NOT_FOUND = 127

_libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    result = _libc.mount(*arguments, ctypes.c_ulong(flags), None if data is None else os.fsencode(data))
    check(result, f"mount {source} on {target}")


def enter_namespaces(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    if outer_uid == 0:
        try:
            os.setgroups([])
        except PermissionError:
            pass  # inside a container that forbids it they show up as nogroup, which harms nothing
    check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS), "unshare")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    write("/proc/self/gid_map", f"{gid} {outer_gid} 1")


def write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def build_root(root: str, mounts: list[list[str]]) -> None:
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", 0, "mode=755")
    for kind, source, target in mounts:
        mount_one(kind, source, root + target)
    mount("none", root, None, MS_REMOUNT | MS_RDONLY | MS_BIND)


def mount_one(kind: str, source: str, target: str) -> None:
    """Kinds: `directory`, `link` (source is its text), `bind`, `tree` (bind with what is mounted below), `readonly`, `file`, `overlay`."""
    if kind == "link":
        os.symlink(source, target)
        return
    if kind == "file":
        if not os.path.lexists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    else:
        os.makedirs(target, exist_ok=True)
    if kind in ("bind", "file", "readonly"):
        mount(source, target, None, MS_BIND)
    elif kind == "tree":
        mount(source, target, None, MS_BIND | MS_REC)
    elif kind == "overlay":
        mount("overlay", target, "overlay", MS_RDONLY, "lowerdir=" + source)
    if kind == "readonly":
        present = os.statvfs(target).f_flag
        locked = sum(ms for st, ms in LOCKED_FLAGS if present & st)
        mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | locked)


def change_root(root: str) -> None:
    number = SYS_PIVOT_ROOT.get(os.uname().machine)
    os.chdir(root)
    if number is None:
        os.chroot(root)
        return
    check(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    check(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def become(plan: dict[str, Any]) -> None:
    """Everything up to the exec; raises OSError where the kernel refuses."""
    enter_namespaces(plan["uid"], plan["gid"])
    if plan.get("hostname"):
        name = plan["hostname"].encode()
        check(_libc.sethostname(name, len(name)), "sethostname")
    build_root(plan["root"], plan["mounts"])
    change_root(plan["root"])


def main() -> int:
    with os.fdopen(int(sys.argv[1]), "rb") as plan_file:
        plan = marshal.load(plan_file)
    try:
        become(plan)
    except OSError as refusal:
        os.write(2, f"simstation: no private namespace: {refusal}\n".encode())
        return EXIT_NOT_POSSIBLE
    os.umask(0o022)
    try:
        os.chdir(plan["cwd"])
    except OSError:
        os.chdir("/")
    os.environ.clear()
    try:
        os.execvpe(plan["argv"][0], plan["argv"], plan["env"])
    except OSError as error:
        # The shape of WSL's own relay message; its function name and line number differ from version to version.
        os.write(2, f"<3>WSL (1) ERROR: CreateProcessCommon: execvpe({plan['argv'][0]}) failed: {error.strerror}\n".encode())
        return EXIT_NOT_FOUND


if __name__ == "__main__":
    sys.exit(main())
