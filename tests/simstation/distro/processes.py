# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes inside a distro: started as one of its users in a namespace of their own, and all of them ended when the distro is terminated."""

from __future__ import annotations

import functools
import marshal
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..station import Station
from . import accounts, namespace, programs, templates, tree, windows_drive, wsl_files
from .shim import SOCKET_INSIDE

LAUNCHER = Path(namespace.__file__)
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# The PATH that WSL gives (login defaults, its own libraries, then what it appends of Windows: samples in facts/wsl.md and docker/for-win#7311).
LINUX_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/games:/usr/lib/wsl/lib"
WINDOWS_PATH = "/mnt/c/Windows/system32:/mnt/c/Windows:/mnt/c/Program Files/Docker/Docker/resources/bin"
KERNEL = "6.6.87.2-microsoft-standard-WSL2"
Redirect = int | IO[Any] | None


SECONDS_TO_DIE = 5.0


class NoSuchUser(Exception):
    """The distro has no user of that name."""


def popen(
    station: Station,
    distro: str,
    argv: Sequence[str],
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: Redirect = subprocess.PIPE,
    stdout: Redirect = subprocess.PIPE,
    stderr: Redirect = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start `argv` in `distro`. `user` defaults to the distro's default user, `env` is added to what WSL sets, `cwd` defaults to the home directory."""
    base = ready(station, distro)
    name = user or default_user(station, distro, base)
    who = accounts.Accounts(base).users.get(name)
    if who is None:
        raise NoSuchUser(name)
    environment = {**login_environment(distro, who), **(env or {})}
    plan = {
        "uid": who.uid,
        "gid": who.gid,
        "root": str(base / tree.MOUNT_POINT),
        "mounts": mount_plan(station, base, root=who.uid == 0),
        "argv": [os.fsdecode(argument) for argument in argv],
        "env": environment,
        "cwd": cwd or who.home,
        "hostname": station.state["windows"]["computer_name"],
    }
    if reason := forbidden():
        raise RuntimeError(reason)
    return _start(plan, stdin, stdout, stderr)


def ready(station: Station, distro: str) -> Path:
    """The tree, with everything in it that follows the document, and somebody listening for its imitated programs."""
    from ..linux import minikube

    base = tree.create(station, distro)
    _follow_document(station, distro, base)
    programs.listen(station, distro, base)
    minikube.materialize(station, distro, base)
    return base


def default_user(station: Station, distro: str, base: Path) -> str:
    """`[user] default` of /etc/wsl.conf before the registry's word, as WSL has it."""
    return wsl_files.wsl_conf(base, "user", "default") or str(tree.record(station, distro).get("default_user") or "root")


def login_environment(distro: str, who: accounts.User) -> dict[str, str]:
    return {
        "HOME": who.home,
        "USER": who.name,
        "LOGNAME": who.name,
        "SHELL": who.shell,
        "PATH": f"{LINUX_PATH}:{WINDOWS_PATH}",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "HOSTTYPE": "x86_64",
        "WSL_DISTRO_NAME": distro,
        "WSL_INTEROP": "/run/WSL/1_interop",
        "WSL2_GUI_APPS_ENABLED": "1",
    }


def mount_plan(station: Station, base: Path, *, root: bool) -> list[list[str]]:
    """What the root of one call is made of, in order: see `namespace.mount_one`.

    All files look owned by the caller, so what only root may write is read-only for everybody else.
    """
    plan = [["overlay", f"{base / tree.USR_LAYER}:/usr", "/usr"]]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        host = Path("/", name)
        if host.is_symlink():
            plan.append(["link", os.readlink(host), f"/{name}"])
        elif host.is_dir():
            plan.append(["bind", str(host), f"/{name}"])
    for directory, target in tree.PRIVATE.items():
        if target == "/root" and not root:
            plan.append(["directory", "", target])
        else:
            plan.append(["bind" if root or directory in tree.EVERYBODYS else "readonly", str(base / directory), target])
    if not root:
        plan.append(["bind", str(base / "var" / "tmp"), "/var/tmp"])
    # Of the machine below, as its programs are.
    plan += [["readonly", directory, directory] for directory in ("/etc/ssl", "/etc/alternatives") if Path(directory).is_dir()]
    plan += _python_mounts(base)
    if "python3-venv" not in tree.record(station, base.name)["packages"]:
        plan.append(["readonly", str(base / "no-ensurepip"), f"{tree.python_library()}/ensurepip"])  # as Ubuntu cuts it
    return plan + _kernel_mounts(base) + _wsl_mounts(station, base)


def _python_mounts(base: Path) -> list[list[str]]:
    plan = []
    for source, target in tree.python_mounts():
        plan.append(["readonly", str(source), target] if source.is_dir() else ["file", str(source), target])
        if source.is_dir():
            plan.append(["readonly", str(base / "empty"), f"{target}/site-packages"])  # the machine's own packages are not the distro's
    if tree.DEBIAN_PACKAGES.is_dir():
        plan.append(["readonly", str(base / "empty"), str(tree.DEBIAN_PACKAGES)])
    prefix = str(tree.python_prefix())
    if tree.python_mounts() and sysconfig.get_config_var("Py_ENABLE_SHARED"):
        # Its libpython is found by this path.
        if any(prefix.startswith(target + "/") for target in tree.PRIVATE.values()):
            tree.host_path(base, prefix).mkdir(parents=True, exist_ok=True)
        plan.append(["readonly", prefix, prefix])
    return plan


def _kernel_mounts(base: Path) -> list[list[str]]:
    plan = [["tree", "/proc", "/proc"], ["directory", "", "/sys"], ["directory", "", "/dev"], ["directory", "", "/media"], ["directory", "", "/boot"]]
    plan += [["file", f"/dev/{name}", f"/dev/{name}"] for name in DEVICES if Path("/dev", name).exists()]
    if Path("/dev/pts").is_dir():
        plan += [["tree", "/dev/pts", "/dev/pts"], ["link", "pts/ptmx", "/dev/ptmx"]]
    plan += [["bind", str(base / "tmp"), "/dev/shm"], ["link", "/proc/self/fd", "/dev/fd"]]
    plan += [["link", f"/proc/self/fd/{number}", f"/dev/{name}"] for number, name in enumerate(("stdin", "stdout", "stderr"))]
    for file in ("version", "osrelease"):
        target = {"version": "/proc/version", "osrelease": "/proc/sys/kernel/osrelease"}[file]
        plan.append(["file", str(base.parent / file), target])
    return plan


def _wsl_mounts(station: Station, base: Path) -> list[list[str]]:
    from ..linux import desktop

    plan = [
        *windows_drive.mounts(station, base),
        ["bind", str(station.root / "distros" / ".rpc" / base.name), str(Path(SOCKET_INSIDE).parent)],
        ["readonly", str(desktop.cli_tools(base)), desktop.CLI_TOOLS],
    ]
    if wsl_files.gpu_visible(station.state):
        # A device node cannot be made in a user namespace; another one stands in for it, so that it is a character device.
        plan += [["file", "/dev/null", "/dev/dxg"], ["readonly", str(station.root / "wsl-gpu"), "/usr/lib/wsl"]]
    wheels = templates.wheelhouse()
    if wheels.is_dir():
        plan.append(["readonly", str(wheels), "/srv/wheels"])
    if (base / "opt" / "gpudev" / "venv").is_dir() and not any((base / "opt" / "gpudev" / "venv").iterdir()) and templates.venv().is_dir():
        plan.append(["readonly", str(templates.venv()), "/opt/gpudev/venv"])
    return plan


def _follow_document(station: Station, distro: str, base: Path) -> None:
    """Cheap on every start: each step looks first whether there is something to do."""
    from ..linux import desktop, systemd

    with station.lock:
        (base.parent / ".rpc" / distro).mkdir(parents=True, exist_ok=True)
        (base / "run" / "simstation").mkdir(parents=True, exist_ok=True)
        desktop.cli_tools(base).mkdir(exist_ok=True)
        for file, text in (("version", f"Linux version {KERNEL} (root@simstation) (SIMULATED) #1 SMP PREEMPT_DYNAMIC\n"), ("osrelease", f"{KERNEL}\n")):
            if not (base.parent / file).exists():
                (base.parent / file).write_text(text)
        wsl_files.put_gpu_libraries(station.root / "wsl-gpu")
        windows_drive.follow(station)
        entry = tree.record(station, distro)
        if bool(entry.get("conflict_libraries")) != (base / tree.USR_LAYER / wsl_files.CONFLICT_DIRECTORY / wsl_files.CONFLICTING[0]).exists():
            wsl_files.put_conflicting_libraries(bool(entry.get("conflict_libraries")), base / tree.USR_LAYER)
            tree.hide(base / tree.USR_LAYER / "bin" / "nvidia-smi")
        desktop.put_integration(station, distro, base)
        systemd.boot(station, distro, base)


def _start(plan: dict[str, Any], stdin: Redirect, stdout: Redirect, stderr: Redirect) -> subprocess.Popen[bytes]:
    descriptor = os.memfd_create("plan")
    try:
        os.write(descriptor, marshal.dumps(plan))
        os.lseek(descriptor, 0, os.SEEK_SET)
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(descriptor)]
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=[descriptor], start_new_session=True)
    finally:
        os.close(descriptor)


def namespaces_work() -> bool:
    return forbidden() is None


@functools.cache
def forbidden() -> str | None:
    """Why this kernel does not let us make the namespaces, and what helps; asked once, by trying. Without them a command would work on this very machine."""
    probe = "import sys; sys.path.insert(0, sys.argv[1]); import namespace; namespace.enter_namespaces(0, 0); namespace.mount('tmpfs', '/tmp', 'tmpfs', 0)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", probe, str(LAUNCHER.parent)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
    return (
        f"this kernel forbids private user and mount namespaces ({reason[0]}), in which the commands of a simulated distribution run. "
        "On Ubuntu 23.10 and newer 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' allows them until the next start of the machine; elsewhere "
        "see the sysctls user.max_user_namespaces and kernel.unprivileged_userns_clone. A container needs the capability SYS_ADMIN."
    )


def terminate(station: Station, distro: str) -> int:
    """End every process of the distro, as `wsl --terminate` does; how many there were."""
    mark = station.root / "distros" / ".rpc" / distro
    if not mark.is_dir():
        return 0
    ended = _kill_members(os.stat(mark))
    _forget_run(tree.path(station, distro) / "run")
    return ended


def _forget_run(run: Path) -> None:
    """In WSL2 /run is a tmpfs of the running distribution (`mount` on a WSL2 Ubuntu: "none on /run type tmpfs (rw,nosuid,nodev,mode=755)")."""
    for entry in run.iterdir() if run.is_dir() else ():
        if entry.name == Path(SOCKET_INSIDE).parent.name:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def terminate_all(station: Station) -> int:
    """The end of the VM: every distro's processes."""
    return sum(terminate(station, mark.name) for mark in (station.root / "distros" / ".rpc").glob("*"))


def _kill_members(mark: os.stat_result) -> int:
    """All of them, also those that are being started meanwhile, and gone when this returns."""
    ended: set[int] = set()
    deadline = time.monotonic() + SECONDS_TO_DIE
    while members := _members(mark):
        for process in members:
            try:
                os.kill(process, signal.SIGKILL)
                ended.add(process)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    return len(ended)


def _members(mark: os.stat_result) -> list[int]:
    """A process belongs to a distro when it sees the distro's socket directory at its place."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = os.stat(f"{process}/root{Path(SOCKET_INSIDE).parent}")
        except OSError:
            continue  # ended by itself, or not ours to look at
        if (seen.st_dev, seen.st_ino) == (mark.st_dev, mark.st_ino):
            found.append(int(process.name))
    return found
