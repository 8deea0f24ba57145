# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""start_at_logon: a scheduled task of the workstation's user that starts a distribution, and a program in it, at logon."""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker_desktop, _logon_task, _windows_user, _wsl
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._logon_task import Meaning, Program
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import WindowsUser
from ansible_collections.gpudev.workstation.plugins.plugin_utils._docker_desktop_seen import docker_desktop_seen
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import CATALOGUE, Arguments, WindowsAction, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import validated_name

# The task scheduler puts environment variables and $(Arg0) in their place, and quotes cannot protect them.
NOT_LITERAL = re.compile(r"[\x00-\x1f%]|\$\(")


class ActionModule(WindowsAction):
    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        "distribution": {"type": "str", "default": ""},
        "linux_user": {"type": "str", "default": ""},
        "command": {"type": "list", "elements": "str", "default": []},
        "needs_docker_desktop": {"type": "bool", "default": True},
        "windows_user": {"type": "str", "default": ""},
    }

    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        present = arguments["state"] == "present"
        if present:
            _refuse_malformed(arguments)
        questions = {**_windows_user.questions(), **_wsl.questions(), **_docker_desktop.questions(), "task": _logon_task.question()}
        _none, seen = ask_named(station, questions)
        user = _windows_user.windows_user(seen, arguments["windows_user"])
        before = _logon_task.registered(seen["task"], user)
        if not present:
            return self._removed(station, user, before)
        refusal = user.refusal()
        if refusal is not None:
            return self._only(refusal)
        wsl = _wsl.wsl(seen)
        executable = _logon_task.windowless(wsl.executable)
        if not executable or wsl.named(arguments["distribution"]) is None:
            return self._only(_nothing_to_start(wsl, user, arguments["distribution"]))
        program = _logon_task.in_distribution(executable, arguments["distribution"], arguments["linux_user"], arguments["command"])
        answer = self._registered(station, user, before, program)
        finding = _without_docker(docker_desktop_seen(station, seen), user) if arguments["needs_docker_desktop"] else None
        if finding is not None:
            answer.update(findings=[finding.as_dict()], warnings=[finding.sentence()])
        return answer

    def _registered(self, station: Workstation, user: WindowsUser, before: Meaning, program: Program) -> dict[str, t.Any]:
        wanted = _logon_task.wanted(user, program)
        if before == wanted:
            return self._told(before, wanted)
        if not self.check_mode:
            description = f"Starts a distribution of WSL when {user.connected} logs on. Made by Ansible (gpudev.workstation.start_at_logon)."
            done, stored = station.ask([_logon_task.registration(user, program, description), _logon_task.question()])
            if done.failure is not None:
                return self._only(_broken("WIN-011", done.failure.told(), user))
            after = _logon_task.registered(stored, user)
            if after != wanted:
                return self._only(_broken("WIN-013", f"wanted {wanted}, found {after}", user))
        return self._told(before, wanted)

    def _removed(self, station: Workstation, user: WindowsUser, before: Meaning) -> dict[str, t.Any]:
        if before and not self.check_mode:
            done, stored = station.ask([_logon_task.removal(), _logon_task.question()])
            if stored.exists:
                return self._only(_broken("WIN-013", done.native().told(), user))
        return self._told(before, {})

    def _told(self, before: Meaning, after: Meaning) -> dict[str, t.Any]:
        changed = before != after
        return result([], changed=changed, check_mode=self.check_mode, diff=self.diff(before, after) if changed else None, task=_logon_task.NAME)


def _refuse_malformed(arguments: Arguments) -> None:
    for option, what in (("distribution", "WSL distribution"), ("linux_user", "Linux user")):
        validated_name(what, option, arguments[option])
    command = arguments["command"]
    if not command or not command[0].startswith("/") or any(NOT_LITERAL.search(word) for word in command):
        raise AnsibleActionFail(
            f"command {command} cannot be the action of a scheduled task. Write a program of the distribution by its absolute path, and arguments without '%', "
            "'$(' and control characters, in which the task scheduler would put something else."
        )


def _nothing_to_start(wsl: _wsl.Wsl, user: WindowsUser, distribution: str) -> Layer:
    if wsl.named(distribution) is None:
        return _wsl.wsl_layer(wsl, distribution, user.connected)
    finding = CATALOGUE["WIN-012"].finding(f"WSL: {wsl.kind} {wsl.version}", executable=wsl.executable or "wsl.exe", distribution=distribution)
    return Layer("windows", BROKEN, "nothing starts a distribution without a window", {}, [finding])


def _broken(code: str, seen: str, user: WindowsUser) -> Layer:
    finding = CATALOGUE[code].finding(seen, task=_logon_task.NAME, user=user.connected)
    return Layer("windows", BROKEN, f"the scheduled task {_logon_task.NAME} is not as declared", {}, [finding])


def _without_docker(desktop: _docker_desktop.DockerDesktop, user: WindowsUser) -> Finding | None:
    """A missing key has its default; settings files as Docker Desktop writes them have `autoStart: false` (samples of settings.json)."""
    starts = next((value for key, value in desktop.settings.values.items() if key.casefold() == "autostart"), "not set")
    if starts is True:
        return None
    return _docker_desktop.CATALOGUE["DESKTOP-021"].finding(f"{desktop.settings.path}: AutoStart is {starts}", user=user.connected)
