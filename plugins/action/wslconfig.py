# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`.wslconfig` on the Windows side: look in one round trip, write in at most one more. On a Linux side the module does the work."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.module_utils import _windows, _windows_user, _wsl
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, file, write_file
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import Unreadable
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import WSL_CONF, WSLCONFIG
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_plan import CATALOGUE, Host, Layer, Plan, Refused, declared, layer, plan
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_spec import argument_spec
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import Arguments, WindowsAction
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation

Seen = t.Mapping[str, Answer]


class ActionModule(WindowsAction):
    """Compare, plan, swap."""

    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = argument_spec()
    LAYER = "wsl"

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        if getattr(self._connection._shell, "_IS_WINDOWS", False):
            return super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        answer: dict[str, t.Any] = self._execute_module(module_name="gpudev.workstation.wslconfig", module_args=self._task.args, task_vars=task_vars)
        return answer

    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        if arguments["kind"] == WSL_CONF:
            raise AnsibleActionFail("/etc/wsl.conf is inside the distribution: run this task over the connection gpudev.workstation.wsl.")
        return Editor(station, arguments, self.check_mode, self._task.diff).run()


class Editor:
    """One run against a Windows host."""

    def __init__(self, workstation: Workstation, arguments: Arguments, check_mode: bool, diff: bool) -> None:
        self.workstation = workstation
        self.arguments = arguments
        self.check_mode = check_mode
        self.diff = diff
        self.path = str(arguments["path"] or _wsl.WSLCONFIG)

    def run(self) -> dict[str, t.Any]:
        # What is wrong whatever the host has is refused before the host is asked.
        self.declared(Host())
        seen = self.look()
        refusal = _windows_user.windows_user(seen, self.arguments["windows_user"]).refusal()
        if refusal is not None:
            return result([refusal], False, self.check_mode, path=self.path)
        found = seen["wslconfig"].required()
        self.path = str(found.get("path") or self.path)
        host = self.host(seen)
        try:
            made = plan(self.before(seen["wslconfig"]), self.declared(host), WSLCONFIG, self.path, host)
        except Unreadable as problem:
            return result([self.unreadable(problem)], False, self.check_mode, path=self.path)
        backup = self.write(made, found) if made.changed and not self.check_mode else None
        return self.answer(made, seen, found, backup)

    def declared(self, host: Host) -> t.Any:
        try:
            return declared(self.arguments["settings"], WSLCONFIG, self.arguments["unknown_keys"], host)
        except Refused as problem:
            raise AnsibleActionFail(str(problem)) from problem

    def look(self) -> Seen:
        questions = {**_windows_user.questions(), "wslconfig": file(self.path)}
        questions["current_version"] = _windows.questions()["current_version"]
        questions.update({name: item for name, item in _wsl.questions().items() if name in ("wsl_package", "wsl_policies", "wsl_vm")})
        return dict(zip(questions, self.workstation.ask(list(questions.values())), strict=True))

    def host(self, seen: Seen) -> Host:
        policies = seen["wsl_policies"].values()
        if not self.arguments["validate"]:
            return Host(policies=policies)
        computer = next(iter(seen["computer"].rows()), {})
        memory, processors = self.arguments["host_memory_mib"], self.arguments["host_processors"]
        return Host(
            memory_mib=memory or int(computer.get("TotalPhysicalMemory") or 0) // 1024**2,
            processors=processors or int(computer.get("NumberOfLogicalProcessors") or 0),
            build=int(seen["current_version"].values().get("CurrentBuildNumber") or 0),
            wsl_version=str(seen["wsl_package"].values().get("Version") or ""),
            policies=policies,
        )

    def before(self, answer: Answer) -> bytes | None:
        content = answer.content()
        if answer.exists and content is None:
            raise AnsibleActionFail(f"{self.path} is larger than 1 MiB; that is no {WSLCONFIG}. Look at it, and give another path or remove it.")
        return content

    def unreadable(self, problem: Unreadable) -> Layer:
        finding = CATALOGUE["WSLCFG-009"].finding(f"{self.path}: {problem}")
        return Layer("wsl", BROKEN, f"{self.path} cannot be read", {"path": self.path}, [finding])

    def write(self, made: Plan, found: t.Mapping[str, t.Any]) -> str | None:
        """Swap the file only if it is still the one that was looked at."""
        expect = str(found["sha256"]) if found.get("exists") else "absent"
        (answer,) = self.workstation.ask([write_file(self.path, made.content, expect, backup=bool(self.arguments["backup"]))])
        if answer.failure is None:
            return answer.value.get("backup")
        failure = answer.failure
        what = (
            "another program changed it meanwhile; run again"
            if failure.changed_meanwhile
            else "another program has it open; close it and run again"
            if failure.locked
            else "there is no space left on the disk"
            if failure.disk_full
            else "the connecting user may not write it"
            if failure.denied
            else "the file is as it was"
        )
        raise AnsibleActionFail(f"{self.path} could not be written: {what}. The workstation said: {failure.told()}")

    def answer(self, made: Plan, seen: Seen, found: t.Mapping[str, t.Any], backup: str | None) -> dict[str, t.Any]:
        started = _wsl.vm_started(seen["wsl_vm"])
        stale = made.changed or str(found.get("written") or "") > started
        owed = bool(started) and stale
        told = layer(made, WSLCONFIG, self.path, self.check_mode, owed)
        return result(
            [told],
            made.changed,
            self.check_mode,
            diff=made.diff(self.path) if self.diff else None,
            path=self.path,
            before=None if made.before is None else made.before.decode("utf-8", "replace"),
            values=made.values,
            backup_file=backup,
            restart_required=owed,
            applied=not made.changed and not owed,
            findings=[finding.as_dict() for finding in made.findings],
        )
