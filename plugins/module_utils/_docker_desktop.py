# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Desktop as a Windows program: what is installed and runs, the gate for its version, its settings file.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_desktop import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, cim, file, native, registry
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import Seen

CATALOGUE = Catalogue(ENTRIES)

_UNINSTALL = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"
_APPLICATION = "SOFTWARE\\Docker Inc.\\Docker\\1.0"
MACHINE_FOLDER = "%ProgramFiles%\\Docker\\Docker"
USER_FOLDER = "%LOCALAPPDATA%\\Programs\\DockerDesktop"
STORE, LEGACY = "%APPDATA%\\Docker\\settings-store.json", "%APPDATA%\\Docker\\settings.json"
# settings-store.json since 4.35 (docker/docs#21003).
FIRST_WITH_STORE = "4.35"
# The guide's floor; driver 555 and later needs 4.31.0 (NVIDIA/nvidia-container-toolkit#520).
MINIMUM = "4.31.1"
FIRST_DRIVER_NEEDING_TOOLKIT_1_15 = "555"
FIRST_WITH_TOOLKIT_1_15 = "4.31.0"
PROGRAM = "Docker Desktop.exe"
SECONDS_FOR_ENGINE = 15

INTEGRATED = "IntegratedWslDistros"
WITH_DEFAULT = "EnableIntegrationWithDefaultWslDistro"
# What the chain requires; a key that is missing has this value already, because the file holds only what differs from the defaults.
REQUIRED: t.Mapping[str, t.Any] = {"WslEngineEnabled": True, "UseWindowsContainers": False}


def questions() -> t.Dict[str, Item]:
    return {
        "docker_machine": registry(f"HKLM:\\{_UNINSTALL}"),
        "docker_user": registry(f"HKCU:\\{_UNINSTALL}"),
        "docker_machine_path": registry(f"HKLM:\\{_APPLICATION}"),
        "docker_user_path": registry(f"HKCU:\\{_APPLICATION}"),
        "docker_store": file(STORE),
        "docker_settings": file(LEGACY),
        "docker_processes": cim("Win32_Process", ("Name", "SessionId"), filter=f"Name='{PROGRAM}'"),
        "docker_machine_engine": _ask_engine(MACHINE_FOLDER),
        "docker_user_engine": _ask_engine(USER_FOLDER),
    }


def questions_elsewhere(seen: Seen) -> t.Dict[str, Item]:
    """What is to be asked once more where the client does not lie in the default folder (`--installation-dir`); mostly nothing."""
    scope = _scope(seen)
    folder = _registered_folder(seen, scope)
    return {"docker_engine": _ask_engine(folder)} if folder and not seen[f"docker_{scope}_engine"].native().exists else {}


def _ask_engine(folder: str) -> Item:
    return native(_client_in(folder), ("version", "--format", "{{json .}}"), timeout=SECONDS_FOR_ENGINE)


def _client_in(folder: str) -> str:
    return f"{folder}\\resources\\bin\\docker.exe"


@dataclass(frozen=True)
class SettingsFile:
    """One settings file as it was found; `problem` says why it cannot be read."""

    path: str
    exists: bool
    sha256: str
    values: t.Mapping[str, t.Any]
    has_bom: bool
    problem: str

    @property
    def expect(self) -> str:
        """What compare-and-swap expects to find."""
        return self.sha256 if self.exists else "absent"

    def spelled(self, key: str) -> str:
        """How a new key is written: settings.json, of releases before 4.35, has camelCase throughout."""
        legacy = self.path.casefold().endswith("\\settings.json")
        return key[:1].lower() + key[1:] if legacy else key


@dataclass(frozen=True)
class DockerDesktop:
    """`processes` without `running`: it is starting, or its engine is gone."""

    installed: bool
    version: str
    scope: str
    folder: str
    running: bool
    processes: bool
    engine: t.Mapping[str, t.Any]
    settings: SettingsFile
    engine_told: str

    def below(self, minimum: str) -> bool:
        """Known to be older; the uninstall key can be missing (fixed in 4.43.0), and then only a running engine tells the version."""
        return self.installed and bool(self.version) and older(self.version, minimum)

    @property
    def wrong_engine(self) -> str:
        """Why what runs cannot serve the chain: containers of Windows, or Linux ones in a virtual machine of Hyper-V, which has no GPU."""
        if self.running and self.engine.get("os") == "windows":
            return "docker version: the server's operating system is windows"
        by_key = {key.casefold(): value for key, value in self.settings.values.items()}
        differing = [key for key, value in REQUIRED.items() if by_key.get(key.casefold(), value) != value]
        return f"settings: {', '.join(f'{key} is {by_key[key.casefold()]}' for key in differing)}" if self.running and differing else ""

    def integrates(self, distribution: str, is_default: bool) -> bool:
        """Whether it puts its own docker into this distribution when it runs; what the file does not say has its default value."""
        by_key = {key.casefold(): value for key, value in self.settings.values.items()}
        if not by_key.get("wslengineenabled", True):
            return False
        listed = {str(name).casefold() for name in by_key.get(INTEGRATED.casefold()) or []}
        return distribution.casefold() in listed or (is_default and bool(by_key.get(WITH_DEFAULT.casefold(), True)))

    @property
    def program(self) -> str:
        return f"{self.folder}\\{PROGRAM}"

    @property
    def client(self) -> str:
        return _client_in(self.folder)

    def as_dict(self) -> t.Dict[str, t.Any]:
        return {
            "installed": self.installed,
            "version": self.version,
            "scope": self.scope,
            "running": self.running,
            "settings_path": self.settings.path,
            "settings": shown(self.settings.values),
            "engine": dict(self.engine),
        }


def docker_desktop(seen: Seen) -> DockerDesktop:
    """`seen` holds the answers to `questions`, and those to `questions_elsewhere` where there are any."""
    scope = _scope(seen)
    engine_answer = (seen.get("docker_engine") or seen[f"docker_{scope or 'machine'}_engine"]).native()
    engine = _engine(engine_answer)
    platform = str(engine.get("platform") or "")
    version = _registered(seen, f"docker_{scope}", "DisplayVersion") or _version_in(platform)
    legacy = bool(version) and older(version, FIRST_WITH_STORE)
    return DockerDesktop(
        installed=bool(scope),
        version=version,
        scope=scope,
        folder=_registered_folder(seen, scope) or (USER_FOLDER if scope == "user" else MACHINE_FOLDER),
        running=bool(engine),
        processes=bool(seen["docker_processes"].rows()),
        engine=engine,
        settings=settings_file(seen["docker_settings" if legacy else "docker_store"], LEGACY if legacy else STORE),
        engine_told=engine_answer.told(),
    )


def _scope(seen: Seen) -> str:
    """For all users, for one, or empty when it is not installed."""
    return next((scope for scope in ("machine", "user") if seen[f"docker_{scope}"].values() or seen[f"docker_{scope}_path"].exists), "")


def _registered(seen: Seen, key: str, value: str) -> str:
    answer = seen.get(key)
    return str(answer.values().get(value) or "") if answer else ""


def _registered_folder(seen: Seen, scope: str) -> str:
    """The uninstall key can be missing (fixed in 4.43.0)."""
    return (_registered(seen, f"docker_{scope}", "InstallLocation") or _registered(seen, f"docker_{scope}_path", "AppPath")).rstrip("\\")


def _version_in(platform: str) -> str:
    """Of `Docker Desktop 4.91.0 (239619)`: 4.91.0."""
    found = re.search(r"\d+(?:\.\d+)+", platform)
    return found.group(0) if found else ""


def _engine(told: Native) -> t.Dict[str, t.Any]:
    """Of `docker version`: the server; empty when none answers."""
    if not told.ok:
        return {}
    try:
        server = json.loads(told.stdout).get("Server")
    except (ValueError, AttributeError):
        return {}
    if not isinstance(server, dict):
        return {}
    platform = server.get("Platform")
    name = platform.get("Name") if isinstance(platform, dict) else ""
    return {"version": server.get("Version", ""), "os": server.get("Os", ""), "platform": name or "", "kernel": server.get("KernelVersion", "")}


def second_engine_layer(found: DockerDesktop, distribution: str, is_default: bool) -> t.Optional[Layer]:
    """Where the distribution has an engine of its own, Docker Desktop must keep out of it."""
    if not found.installed or not found.integrates(distribution, is_default):
        return None
    finding = CATALOGUE["DESKTOP-022"].finding(f"settings: {found.settings.path}", distribution=distribution)
    return Layer("docker", BROKEN, f"Docker Desktop's WSL integration is on for {distribution}, which has an engine of its own", found.as_dict(), [finding])


def settings_file(answer: Answer, path: str) -> SettingsFile:
    value = answer.value if isinstance(answer.value, dict) else {}
    content = answer.content()
    found = str(value.get("path") or path)
    if content is None:
        problem = answer.failure.told() if answer.failure else "larger than 1 MiB" if answer.exists else ""
        return SettingsFile(found, answer.exists, "", {}, False, problem)
    try:
        values = json.loads(content.decode("utf-8-sig") or "{}")
        problem = "" if isinstance(values, dict) else "not an object"
    except ValueError as error:
        values, problem = {}, str(error)
    return SettingsFile(found, True, str(value.get("sha256")), values if not problem else {}, content.startswith(b"\xef\xbb\xbf"), problem)


def merged(found: SettingsFile, settings: t.Mapping[str, t.Any], integration: t.Sequence[str]) -> t.Dict[str, t.Any]:
    """The settings as they must be: declared ones, what the chain requires, and the distributions added to the integrated ones.

    Keys are found whatever their case, and keep the spelling and the place they have.
    """
    after = dict(found.values)
    spelling = {key.casefold(): key for key in after}
    for key, value in REQUIRED.items():
        present = spelling.get(key.casefold())
        if present is not None and after[present] != value:
            after[present] = value
    for key, value in settings.items():
        after[spelling.get(key.casefold(), found.spelled(key))] = value
    if integration:
        present = spelling.get(INTEGRATED.casefold(), found.spelled(INTEGRATED))
        listed = list(after.get(present) or [])
        known = {str(name).casefold() for name in listed}
        after[present] = listed + [name for name in integration if name.casefold() not in known]
    return after


def shown(settings: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """The settings for results and diffs: a proxy's address may hold a password (overrideProxyHttp: http://user:password@host)."""
    return {key: _without_password(value) for key, value in settings.items()}


def _without_password(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return re.sub(r"(://)[^/\s]*@", r"\1********@", value)
    if isinstance(value, dict):
        return shown(value)
    return [_without_password(entry) for entry in value] if isinstance(value, list) else value


def differing(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> t.List[str]:
    return [key for key, value in after.items() if key not in before or before[key] != value]


def rendered(settings: t.Mapping[str, t.Any]) -> bytes:
    """Without a byte order mark: Docker Desktop refuses a file that has one."""
    return (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def gate_reason(driver: str) -> str:
    """Why the version matters for this driver."""
    if driver and not older(driver, FIRST_DRIVER_NEEDING_TOOLKIT_1_15):
        return (
            f"NVIDIA driver {driver} (555 or later) needs Docker Desktop {FIRST_WITH_TOOLKIT_1_15} or later: the container toolkit of earlier ones does not "
            "mount libnvdxgdmal.so.1, and CUDA fails with error 500 although nvidia-smi works."
        )
    return "Earlier releases bring a container toolkit that is too old for current NVIDIA drivers."


def release_findings(found: DockerDesktop, minimum: str, driver: str) -> t.List[Finding]:
    """What is to be said of the installed release."""
    findings = []
    if found.below(minimum):
        findings.append(CATALOGUE["DESKTOP-002"].finding(f"Docker Desktop {found.version}", version=found.version, minimum=minimum, reason=gate_reason(driver)))
    return findings


def wrong_engine_layer(found: DockerDesktop) -> t.Optional[Layer]:
    if not found.wrong_engine:
        return None
    finding = CATALOGUE["DESKTOP-018"].finding(found.wrong_engine, version=found.version)
    return Layer("docker", BROKEN, "Docker Desktop does not run Linux containers in WSL2", found.as_dict(), [finding])


def silent_layer(found: DockerDesktop, user: str, logged_on: bool) -> t.Optional[Layer]:
    """Why no engine will answer in the distribution, where that is to be seen from Windows; nothing when one does, or it is not the engine in use."""
    if found.running or not found.installed:
        return wrong_engine_layer(found)
    entry = CATALOGUE["DESKTOP-016" if logged_on else "DESKTOP-005"]
    finding = entry.finding(found.engine_told, version=found.version, user=user)
    summary = f"Docker Desktop {found.version} is installed and does not run" + ("" if logged_on else ", and nobody is logged on to start it")
    return Layer("docker", entry.status or "broken", summary, found.as_dict(), [finding])
