# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_info: everything the chain needs to know of the Windows side, in one round trip; the judging is pure Python."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from functools import partial

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker_desktop, _logon_task, _windows, _windows_driver, _windows_user, _wsl
from ansible_collections.gpudev.workstation.plugins.module_utils._console import decoded
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import parse
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import WSLCONFIG
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_plan import Host, inspected, stopping
from ansible_collections.gpudev.workstation.plugins.plugin_utils._controller import this_controller
from ansible_collections.gpudev.workstation.plugins.plugin_utils._docker_desktop_seen import docker_desktop_seen
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import CATALOGUE, Arguments, WindowsAction, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation

# After so many milliseconds WSL ends an idle distribution; below 0 it is said never to (microsoft/WSL#9968, MicrosoftDocs/WSL#2523).
IDLE_KEY, IDLE_DEFAULT = "general.instanceIdleTimeout", 15000


class ActionModule(WindowsAction):
    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "windows_user": {"type": "str", "default": ""},
        "distribution": {"type": "str", "default": ""},
        "min_build": {"type": "int"},
        "min_driver_version": {"type": "str"},
        "min_wsl_version": {"type": "str", "default": _wsl.MINIMUM},
        "min_docker_desktop_version": {"type": "str", "default": _docker_desktop.MINIMUM},
        "docker": {"type": "str", "default": "desktop", "choices": ["desktop", "engine"]},
        "logon_timeout": {"type": "int", "default": 0},
    }
    READ_ONLY = True

    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        questions = {
            **_windows_user.questions(),
            **_windows.questions(),
            **_windows_driver.questions(),
            **_wsl.questions(),
            **_docker_desktop.questions(),
            "logon_task": _logon_task.question(),
        }
        seen = self._seen(station, questions, arguments)
        return self._judged(seen, docker_desktop_seen(station, seen), arguments)

    def _seen(self, station: Workstation, questions: dict[str, Item], arguments: Arguments) -> dict[str, Answer]:
        """One look, or looks until somebody is logged on; when nobody is by then, that is what was seen."""

        def logged_on(seen: dict[str, Answer]) -> bool:
            return bool(_windows_user.windows_user(seen, arguments["windows_user"]).logged_on)

        try:
            look, seconds = partial(ask_named, station, questions), arguments["logon_timeout"]
            tell = self.awaiting("Windows", "the logon of the workstation's user", seconds)
            return wait_until("a logged-on user", lambda: look()[1], logged_on, seconds, every=10.0, on_look=tell)
        except DeadlinePassed as late:
            return t.cast("dict[str, Answer]", late.last)

    def _judged(self, seen: dict[str, Answer], desktop: _docker_desktop.DockerDesktop, arguments: Arguments) -> dict[str, t.Any]:
        user = _windows_user.windows_user(seen, arguments["windows_user"])
        windows, driver, wsl = _windows.windows(seen), _windows_driver.nvidia_driver(seen), _wsl.wsl(seen)
        release = _docker_desktop.release_findings(desktop, arguments["min_docker_desktop_version"], driver.driver_version)
        docker = _docker_layer(desktop, user, wsl, arguments)
        host = Host(windows.memory_mib, windows.logical_processors, windows.build, wsl.version, windows.policies)
        layers = [
            _windows.windows_layer(windows, user, arguments["min_build"]),
            _windows_driver.nvidia_driver_layer(driver, windows.is_windows_11, arguments["min_driver_version"]),
            _with_wslconfig(_wsl.wsl_layer(wsl, arguments["distribution"], user.connected, arguments["min_wsl_version"]), seen["wslconfig"], host),
            *([docker] if docker else []),
        ]
        if arguments["docker"] == "engine":
            layers[2] = _with_idle_end(layers[2], seen["wslconfig"], arguments["distribution"])
        facts = {
            "windows": windows.as_dict(),
            "user": user.as_dict(),
            "controller": _controller(user.computer, wsl.vm_started),
            "nvidia_driver": driver.as_dict(),
            "wsl": wsl.as_dict(),
            "wslconfig": _wslconfig(seen["wslconfig"], wsl.wslconfig_path),
            "start_at_logon": seen["logon_task"].exists,
            "docker_desktop": {**desktop.as_dict(), "findings": [finding.as_dict() for finding in release]},
        }
        told = result(layers, changed=False, check_mode=self.check_mode, read_only=True, workstation=facts)
        return {**told, "ansible_facts": {"workstation_user": user.wanted}}


def _docker_layer(desktop: _docker_desktop.DockerDesktop, user: _windows_user.WindowsUser, wsl: _wsl.Wsl, arguments: Arguments) -> Layer | None:
    """What keeps the declared engine from serving the distribution, as far as that is to be seen from Windows."""
    if arguments["docker"] == "desktop":
        return _docker_desktop.silent_layer(desktop, user.wanted, bool(user.logged_on))
    distribution = arguments["distribution"]
    # A distribution that is still to be made becomes the default one.
    becomes_default = wsl.named(distribution) is None or (wsl.default is not None and wsl.default.name == distribution)
    return _docker_desktop.second_engine_layer(desktop, distribution, becomes_default)


def _controller(computer_name: str, vm_started: str) -> dict[str, t.Any]:
    """Whether a restart of this Windows would end the run, and what to say then."""
    inside = this_controller().is_inside(computer_name, vm_started)
    finding = CATALOGUE["WIN-010"].finding(f"the controller lives in the WSL of {computer_name}") if inside else None
    return {"inside_wsl": inside, "restart": finding.as_dict() if finding else None}


def _with_wslconfig(layer: Layer, answer: Answer, host: Host) -> Layer:
    """The layer, with what WSL would say to the user's .wslconfig as it is."""
    content, path = answer.content(), str((answer.value or {}).get("path") or _wsl.WSLCONFIG)
    findings = inspected(content, WSLCONFIG, path, host) if content else []
    stops = "" if layer.stops else stopping(findings)
    summary = f"{layer.summary}; {path} keeps WSL from starting" if stops else layer.summary
    return replace(layer, status=stops or layer.status, summary=summary, findings=[*layer.findings, *findings])


def _with_idle_end(layer: Layer, answer: Answer, distribution: str) -> Layer:
    """An engine inside a distribution ends with it; below 0 WSL never ends it."""
    content = answer.content()
    milliseconds = parse(decoded(content)).values.get(IDLE_KEY, IDLE_DEFAULT) if content else IDLE_DEFAULT
    if milliseconds < 0 or layer.stops:
        return layer
    finding = _wsl.CATALOGUE["WSL-029"].finding(f"{IDLE_KEY}={milliseconds}", seconds=f"{milliseconds / 1000:g}", distribution=distribution)
    return replace(layer, findings=[*layer.findings, finding])


def _wslconfig(answer: Answer, path: str) -> dict[str, t.Any]:
    content = answer.content()
    text = None if content is None else decoded(content)
    return {"path": path, "exists": answer.exists, "text": text, "localhost_reaches_linux": _wsl.localhost_reaches_linux(text or "")}
