# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Desktop on Windows: its installer, its program, its command line, and the engine that lives in the WSL VM.

From facts/docker-desktop.md: only a desktop session can start it (from elsewhere the program and `docker desktop start` hang); while it
runs it holds its settings in memory and writes them back when it stops; `wsl --shutdown` takes its engine away.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from ..station import Station, timestamp
from . import files
from .programs import DOCKER, INSTALLERS, PROGRAMS, Completed, Invocation, crlf, installer_at

State = dict[str, Any]

PROGRAM = DOCKER + "Docker Desktop.exe"
CLI = DOCKER + "resources\\bin\\docker.exe"
SECONDS_TO_START = 30
SECONDS_TO_STOP = 8
SECONDS_TO_INSTALL = 120
MINIMUM_WSL = (2, 1, 5)
INSTALLER_FLAGS = ("install", "--quiet", "--accept-license", "--always-run-service", "--no-windows-containers")
INSTALLER_VALUES = ("--backend", "--installation-dir", "--allowed-org")
# samples/windows/docker_version_desktop_*.txt: product -> (build, engine, API, Go, client commit, server commit, client built, server built)
RELEASES = {
    "4.91.0": ("239619", "29.8.0", "1.56", "go1.26.8", "88096ef", "3ce5872", "Thu Sep  3 21:53:38 2026", "Thu Sep  3 21:51:20 2026"),
    "4.58.0": ("216728", "29.1.5", "1.52", "go1.25.6", "0e6fee6", "3b01d64", "Fri Jan 16 12:51:08 2026", "Fri Jan 16 12:48:42 2026"),
}
ENGINE_UNREACHABLE = (
    "failed to connect to the docker API at npipe:////./pipe/dockerDesktopLinuxEngine; check if the path is correct and if the daemon is running: "
    "open //./pipe/dockerDesktopLinuxEngine: The system cannot find the file specified.\n"
)


def is_installed(state: State) -> bool:
    return state["docker"]["desktop"] is not None


def settings_path(state: State, user: str) -> str:
    version = tuple(int(part) for part in state["docker"]["desktop"]["version"].split(".")[:2])
    name = "settings-store.json" if version >= (4, 35) else "settings.json"
    return f"{state['windows']['users'][user]['profile']}\\AppData\\Roaming\\Docker\\{name}"


# --- the program -------------------------------------------------------------------------------------------------------------


def desktop_exe(call: Invocation) -> Completed:
    """`Docker Desktop.exe`: the window, which starts the engine."""
    if call.arguments:
        return call.refuse()
    if not call.interactive:
        return call.hang()
    start(call.station, call.user)
    return Completed(0)


def start(station: Station, user: str) -> None:
    """Start and wait until the engine answers or the start has failed."""
    with station.changed() as state:
        desktop = state["docker"]["desktop"]
        if desktop["running"] or desktop["starting"]:
            return
        desktop["starting"] = True
        desktop["user"] = user
    in_time = station.pause(SECONDS_TO_START)
    with station.changed() as state:
        desktop = state["docker"]["desktop"]
        if not desktop["starting"] or not in_time:
            return
        desktop["settings"] = load_settings(station, user)
    if desktop["settings"] is not None and can_run_engine(station, user):
        bring_engine_up(station, user)
    with station.changed():
        desktop["starting"] = False


def load_settings(station: Station, user: str) -> State | None:
    """The file as the program reads it at its start; a first start writes one."""
    path = settings_path(station.state, user)
    data = files.read(station.state, path)
    if data is None:
        fresh: State = {"AutoStart": False, "DisplayedOnboarding": True, "LicenseTermsVersion": 2}
        files.put(station, path, json.dumps(fresh, indent=2).encode())
        return fresh
    return parsed(data)


def parsed(data: bytes) -> State | None:
    """None: the program refuses the file, for a byte order mark or bad JSON."""
    try:
        found: State = json.loads(data.decode("utf-8"))
    except ValueError:
        return None
    return found


def can_run_engine(station: Station, user: str) -> bool:
    from . import wsl_service

    package = station.state["wsl"]["package"]
    if package is None or tuple(int(part) for part in package["version"].split(".")[:3]) < MINIMUM_WSL:
        return False
    try:
        wsl_service.start_vm(station, user, "CreateInstance")
    except wsl_service.Refused:
        return False
    return True


def bring_engine_up(station: Station, user: str) -> None:
    from ..linux import desktop as engine

    with station.changed() as state:
        if not state["docker"]["desktop"]["starting"]:
            return
        distros = state["wsl"]["distros"]
        if "docker-desktop" not in distros:
            guid = "{" + str(uuid.uuid4()) + "}"
            distros["docker-desktop"] = {"guid": guid, "owner": user, "version": 2, "default_user": "root", "system": True}
            if state["wsl"]["default"] is None:
                state["wsl"]["default"] = guid
        distros["docker-desktop"]["state"] = "Running"
        state["docker"]["desktop"].update(running=True, starting=False, started=timestamp(station.now()))
        engine.integrate_all(station)


def stop(station: Station) -> None:
    """The program ends and writes the settings it held, whatever the file says by now."""
    desktop = station.state["docker"]["desktop"]
    if not (desktop["running"] or desktop["starting"]):
        return
    station.pause(SECONDS_TO_STOP)
    write_settings_back(station)
    engine_lost(station)


def write_settings_back(station: Station) -> None:
    desktop = station.state["docker"]["desktop"]
    if desktop["settings"] is None or desktop["user"] is None:
        return
    path = settings_path(station.state, desktop["user"])
    held = json.dumps(desktop["settings"], indent=2).encode()
    if files.read(station.state, path) != held:
        files.put(station, path, held)


def engine_lost(station: Station) -> None:
    """The engine is gone: stopped, or its VM was taken away. Simplified: the program's window goes with it."""
    from ..linux import desktop as engine

    if station.state["docker"]["desktop"] is None:
        return
    with station.changed() as state:
        was_running = state["docker"]["desktop"]["running"]
        state["docker"]["desktop"].update(running=False, starting=False, user=None, settings=None)
        if "docker-desktop" in state["wsl"]["distros"]:
            state["wsl"]["distros"]["docker-desktop"]["state"] = "Stopped"
    if was_running:
        engine.stopped(station)


# --- docker.exe --------------------------------------------------------------------------------------------------------------


def docker_exe(call: Invocation) -> Completed:
    if call.arguments[:1] == ["version"]:
        return version(call, call.arguments[1:])
    if call.arguments[:1] == ["desktop"]:
        return desktop_command(call, call.arguments[1:])
    return call.refuse()


def desktop_command(call: Invocation, arguments: list[str]) -> Completed:
    """`start` hangs without a desktop session (docker/for-win#14510); that of the others is not known, they answer."""
    if arguments[:1] == ["status"] and arguments[1:] in ([], ["--format", "json"], ["--format=json"]):
        return status(call, bool(arguments[1:]))
    if arguments == ["start"]:
        if not call.interactive:
            return call.hang()
        start(call.station, call.user)
        return Completed(0 if call.state["docker"]["desktop"]["running"] else 1)
    if arguments == ["stop"]:
        stop(call.station)
        return Completed(0)
    return call.refuse()


def status(call: Invocation, as_json: bool) -> Completed:
    """Form of the output not verified: no sample is at hand; the words are those of the documentation."""
    desktop = call.state["docker"]["desktop"]
    word = "running" if desktop["running"] else "starting" if desktop["starting"] else "stopped"
    return Completed(0, crlf(json.dumps({"Status": word}) + "\n" if as_json else f"Name      Value\nStatus    {word}\n"))


def version(call: Invocation, arguments: list[str]) -> Completed:
    """The JSON form as in recordings/docker/version_json.json and daemon_not_running.json, the values as in samples/windows."""
    form = " ".join(arguments).replace("--format=", "--format ")
    if form not in ("--format json", "--format {{json .}}", "--format {{.Server.Platform.Name}}"):
        return call.refuse()
    desktop = call.state["docker"]["desktop"]
    release = RELEASES.get(desktop["version"])
    if release is None:
        call.station.unknown("docker version of Docker Desktop", desktop["version"])
    if not desktop["running"]:
        stdout = b"" if "Platform" in form else json_line({"Client": client(release), "Server": None})
        return Completed(1, stdout, ENGINE_UNREACHABLE.encode())
    if "Platform" in form:
        return Completed(0, f"Docker Desktop {desktop['version']} ({release[0]})\n".encode())
    return Completed(0, json_line({"Client": client(release), "Server": server(call.state, release)}))


def json_line(value: State) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def client(release: tuple[str, ...]) -> State:
    _build, engine, api, go, commit, _server_commit, built, _server_built = release
    return {
        "Version": engine,
        "ApiVersion": api,
        "DefaultAPIVersion": api,
        "GitCommit": commit,
        "GoVersion": go,
        "Os": "windows",
        "Arch": "amd64",
        "BuildTime": built,
        "Context": "desktop-linux",
    }


def server(state: State, release: tuple[str, ...]) -> State:
    build, engine, api, go, _commit, commit, _built, built = release
    kernel = state["wsl"]["package"]["kernel"].partition("-")[0] + "-microsoft-standard-WSL2"
    details = {"ApiVersion": api, "Arch": "amd64", "BuildTime": built, "Experimental": "false", "GitCommit": commit, "GoVersion": go, "KernelVersion": kernel}
    return {
        "Platform": {"Name": f"Docker Desktop {state['docker']['desktop']['version']} ({build})"},
        "Components": [{"Name": "Engine", "Version": engine, "Details": {**details, "Os": "linux"}}],
        "Version": engine,
        "ApiVersion": api,
        "MinAPIVersion": "1.40",
        "GitCommit": commit,
        "GoVersion": go,
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": kernel,
        "BuildTime": built,
    }


# --- the installer -----------------------------------------------------------------------------------------------------------


def installer_exe(call: Invocation) -> Completed:
    """`"Docker Desktop Installer.exe" install --quiet --accept-license --backend=wsl-2`: also upgrades, and stops a running program first."""
    arguments = call.arguments
    known = all(word in INSTALLER_FLAGS or word.partition("=")[0] in INSTALLER_VALUES for word in arguments)
    if arguments[:1] != ["install"] or not known or any(word.startswith("--installation-dir") for word in arguments):
        return call.refuse()
    if "--quiet" not in arguments and not call.interactive:
        return call.hang()
    installer = installer_at(call.state, call.path)
    if installer is None:
        return call.refuse()
    if is_installed(call.state):
        stop(call.station)
    call.station.pause(SECONDS_TO_INSTALL)
    with call.station.changed() as state:
        state["docker"]["desktop"] = {
            "version": installer["version"],
            "scope": "machine",
            "installed_by": call.user,
            "running": False,
            "starting": False,
            "user": None,
            "settings": None,
        }
    return Completed(0)


PROGRAMS[PROGRAM] = (is_installed, desktop_exe)
PROGRAMS[CLI] = (is_installed, docker_exe)
INSTALLERS["docker_desktop"] = installer_exe
