# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Docker engine of the tests' own: its network namespace, store and socket are private, so that it disturbs no other engine of the machine."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

STUBS = Path(__file__).resolve().parent / "stubs"
IMAGE = "gpudev.test/busybox:1"
START_SECONDS = 60
BUSYBOX_PROGRAMS = ("sh", "ls", "grep", "cat", "sleep", "echo", "true", "touch", "test", "env", "mkdir", "rm", "tee")


def why_not() -> str:
    """What this machine lacks for an engine of our own; empty when it has everything."""
    if os.geteuid() != 0:
        return "a private Docker engine needs root"
    missing = [program for program in ("dockerd", "containerd", "runc", "docker", "unshare", "setpriv") if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install docker.io"
    if not Path("/bin/busybox").exists():
        return "/bin/busybox not found: apt-get install busybox-static"
    return ""


@dataclass
class Engine:
    """A running engine, and the client that speaks to it."""

    directory: Path
    # Where its client is found.
    path: str = field(default_factory=lambda: os.environ["PATH"])

    @property
    def host(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": self.path, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.directory / "client")}

    def docker(self, *arguments: str, check: bool = True, **options: t.Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", *arguments], env=self.environment, check=check, capture_output=True, text=True, timeout=120, **options)

    def mode(self, name: str) -> None:
        """What the stub hook does from now on."""
        new = self.directory / "stubs" / "mode.new"
        new.write_text(name)
        new.replace(self.directory / "stubs" / "mode")

    def containers(self) -> list[str]:
        """The names of all containers, running or not."""
        return self.docker("ps", "--all", "--format", "{{.Names}}").stdout.split()


@contextlib.contextmanager
def running(hook: bool = True, path: str = "", settings: t.Mapping[str, t.Any] | None = None) -> t.Iterator[Engine]:
    """An engine with the stub hook on its PATH, or without any hook. `path` is where its programs are, `settings` its daemon.json."""
    # A socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="gpudev-engine-", dir="/tmp") as name:
        engine = Engine(Path(name), path or os.environ["PATH"])
        (engine.directory / "daemon.json").write_text(json.dumps(settings or {}))
        shutil.copytree(STUBS, engine.directory / "stubs")
        engine.mode("ok")
        with open(engine.directory / "log", "wb") as log:
            process = subprocess.Popen(_command(engine), stdout=log, stderr=log, env=_environment(engine, hook), start_new_session=True)
        try:
            _wait(engine, process)
            import_image(engine, IMAGE, {})
            yield engine
        finally:
            engine.mode("ok")
            _end(engine, process)


def _command(engine: Engine) -> list[str]:
    place = engine.directory
    options = [
        f"--data-root={place}/data",
        f"--exec-root={place}/exec",
        f"--pidfile={place}/pid",
        f"--host={engine.host}",
        "--group=root",
        f"--config-file={place}/daemon.json",
    ]
    # Without a bridge nothing of the network is needed.
    # It ends with the tests, also with those that were killed.
    return ["setpriv", "--pdeathsig", "TERM", "unshare", "--net", "dockerd", *options, "--bridge=none", "--iptables=false", "--userland-proxy=false"]


def _environment(engine: Engine, hook: bool) -> dict[str, str]:
    # A machine with the real toolkit has the hook on PATH anyway; these tests want to know whether there is one.
    kept = [part for part in engine.path.split(os.pathsep) if not os.path.exists(os.path.join(part, "nvidia-container-runtime-hook"))]
    return {**os.environ, "PATH": os.pathsep.join([str(engine.directory / "stubs")] * hook + kept)}


def _wait(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while engine.docker("version", check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the Docker engine did not start:\n" + (engine.directory / "log").read_text()[-4000:])
        time.sleep(0.1)


def import_image(engine: Engine, name: str, files: t.Mapping[str, str]) -> None:
    """An image of a static busybox and these files: path in the image -> path here."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        tar.add(shutil.which("busybox", path=engine.path) or "/bin/busybox", "bin/busybox")
        for folder in ("usr/bin", "tmp", "etc", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for program in BUSYBOX_PROGRAMS:
            entry = tarfile.TarInfo(f"bin/{program}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
        for inside, here in files.items():
            tar.add(here, inside.lstrip("/"))
    subprocess.run(["docker", "import", "-", name], input=archive.getvalue(), env=engine.environment, check=True, capture_output=True, timeout=60)


def _end(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    """Nothing is left running: containers, the engine, and whatever would not listen."""
    names = engine.docker("ps", "--all", "--quiet", check=False).stdout.split()
    if names:
        engine.docker("rm", "--force", *names, check=False)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
    _unmount(engine.directory)


def _unmount(directory: Path) -> None:
    """What an engine that was killed leaves mounted, deepest first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{directory}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def state(engine: Engine, container: str) -> dict[str, t.Any]:
    found = json.loads(engine.docker("inspect", container).stdout)
    return dict(found[0]["State"])
