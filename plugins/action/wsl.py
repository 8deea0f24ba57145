# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wsl: WSL itself at a minimum version, the distribution installed and default, .wslconfig in force."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker_desktop, _windows_user, _wsl, _wsl_plan
from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Item, NotAnswered
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, NEEDS_CONSENT, NEEDS_REBOOT, UNKNOWN, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl import CATALOGUE, Wsl, recognised
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl_plan import Step, Wanted
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import ALLOW, Arguments, WindowsAction, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, WorkstationError

# Sentences of wsl.exe are localised, its codes are not.
OWN_ERROR = "Wsl/"
SECONDS_TO_SETTLE = 180
# The process of the virtual machine can outlive `wsl --shutdown` by a moment.
SECONDS_TO_END = 30


class Stopped(Exception):
    """A step did not lead where it should; the layer says why."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer.summary)
        self.layer = layer


class ActionModule(WindowsAction):
    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "state": {"type": "str", "default": "present", "choices": ["present"]},
        "distribution": {"type": "str", "required": True},
        "min_version": {"type": "str", "default": _wsl.MINIMUM},
        "installer": {"type": "str", "default": ""},
        "installer_sha256": {"type": "str", "default": ""},
        "rootfs": {"type": "str", "default": ""},
        "rootfs_sha256": {"type": "str", "default": ""},
        "default": {"type": "bool", "default": True},
        "restart": {"type": "str", "default": "needed", "choices": ["needed", "never"]},
        "wslconfig_pending": {"type": "bool", "default": False},
        "windows_user": {"type": "str", "default": ""},
        "allow": ALLOW,
    }
    LAYER = "wsl"

    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        wanted = _wanted(arguments)
        user, found = self._look(station, arguments["windows_user"])
        refusal = user.refusal()
        if refusal is not None:
            return result([refusal], changed=False, check_mode=self.check_mode)
        if self.check_mode and arguments["wslconfig_pending"]:
            found = replace(found, wslconfig_pending=True)
        steps = _wsl_plan.plan(found, wanted)
        layer = _wsl.wsl_layer(found, wanted.distribution, user.connected, wanted.min_version)
        if not steps:
            return self._told(found, layer, changed=False)
        missing = _wsl_plan.refused(found, steps, wanted)
        if missing:
            return self._told(found, Layer("wsl", NEEDS_CONSENT, _in_words("needed", steps), found.as_dict(), missing), changed=False)
        diff = self.diff(_wsl_plan.managed(found), _wsl_plan.predicted(found, wanted, steps))
        if self.check_mode:
            return self._told(found, Layer("wsl", DRIFT, _in_words("would be done", steps), found.as_dict()), changed=True, diff=diff)
        return self._apply(station, arguments, wanted, found, steps, diff)

    def _apply(
        self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl, steps: list[Step], diff: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        done: list[Step] = []
        try:
            # Before the first change, not before the step that uses it.
            self._require_files(arguments, steps)
            for step in steps:
                self.progress(f"WSL: {step.why}")
                found = self._take(station, arguments, wanted, found, step)
                done.append(step)
        except Stopped as stop:
            return self._told(found, stop.layer, changed=bool(done), diff=diff)
        except (WorkstationError, NotAnswered) as error:
            return self._told(found, Layer("wsl", UNKNOWN, str(error)), changed=bool(done), diff=diff)
        layer = _wsl.wsl_layer(found, wanted.distribution, minimum=wanted.min_version)
        if not layer.stops:
            layer = Layer("wsl", CHANGED, f"{_in_words('done', done)}: {layer.summary}", layer.facts, layer.findings)
        return self._told(found, layer, changed=True, diff=diff)

    def _told(self, found: Wsl, layer: Layer, changed: bool, diff: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        reboot = layer.status == NEEDS_REBOOT
        return result([layer], changed=changed, check_mode=self.check_mode, diff=diff, wsl=found.as_dict(), reboot_required=reboot)

    def _look(self, station: Workstation, declared_user: str, first: t.Sequence[Item] = ()) -> tuple[_windows_user.WindowsUser, Wsl]:
        _none, seen = ask_named(station, {**_windows_user.questions(), **_wsl.questions()}, first)
        return _windows_user.windows_user(seen, declared_user), _wsl.wsl(seen)

    def _take(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl, step: Step) -> Wsl:
        """One step and the look at what it led to."""
        if step.consent == _wsl_plan.WSL_SHUTDOWN:
            self._let_docker_desktop_settle(station)
        if step.kind == _wsl_plan.PACKAGE:
            return self._package(station, arguments, wanted, found)
        if step.kind == _wsl_plan.DISTRIBUTION:
            return self._distribution(station, arguments, wanted, found)
        if step.kind == _wsl_plan.SHUTDOWN:
            return self._shut_down(station, found, step)
        told, after = self._run(station, _wsl_plan.default_command(found, wanted))
        if not (told.ok and _is_default(after, wanted)):
            raise Stopped(_broken(after, recognised(f"wsl.exe: {told.told()}"), step.why))
        return after

    def _shut_down(self, station: Workstation, found: Wsl, step: Step) -> Wsl:
        told, after = self._run(station, _wsl_plan.shutdown_command(found))
        if told.ok and after.restart_owed:
            try:
                after = wait_until("the end of the virtual machine", lambda: self._look(station, "")[1], lambda seen: not seen.restart_owed, SECONDS_TO_END)
            except DeadlinePassed as late:
                after = late.last
        if after.restart_owed or not told.ok:
            raise Stopped(_broken(after, recognised(f"wsl.exe: {told.told()}"), step.why))
        return after

    def _run(self, station: Workstation, command: Item) -> tuple[Native, Wsl]:
        answers, seen = ask_named(station, {**_windows_user.questions(), **_wsl.questions()}, [command])
        return answers[0].native(), _wsl.wsl(seen)

    def _let_docker_desktop_settle(self, station: Workstation) -> None:
        """WSL must not be stopped while Docker Desktop starts (Wsl/Service/0x8007274c); one that never settles does not hold us up for ever."""

        def look() -> _docker_desktop.DockerDesktop:
            _none, seen = ask_named(station, _docker_desktop.questions())
            return _docker_desktop.docker_desktop(seen)

        try:
            wait_until("Docker Desktop is up or off", look, lambda seen: seen.running or not seen.processes, SECONDS_TO_SETTLE, every=3.0)
        except DeadlinePassed as late:
            self.progress(f"WSL: {late}; going on, its engine does not answer")

    def _package(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl) -> Wsl:
        told, way = "", f"the package {wanted.installer}" if wanted.installer else "wsl.exe"
        if wanted.installer:
            answer = self.install_package(wanted.installer, arguments["installer_sha256"])
            told = f"win_package: rc {answer.get('rc')}"
            _user, after = self._look(station, arguments["windows_user"])
            if answer.get("reboot_required"):
                finding = CATALOGUE["WSL-021"].finding(told)
                raise Stopped(Layer("wsl", NEEDS_REBOOT, "installed; Windows has to be restarted", after.as_dict(), [finding]))
        else:
            native, after = self._run(station, _wsl_plan.package_command(found))
            told = f"wsl.exe: {native.told()}"
        if older(after.version, wanted.min_version):
            known = CATALOGUE.recognise(told) if OWN_ERROR in told else None
            finding = (known or CATALOGUE["WSL-016"]).finding(told, minimum=wanted.min_version, way=way, version=after.version or after.kind)
            raise Stopped(_broken(after, finding, f"WSL did not reach {wanted.min_version}"))
        return after

    def _distribution(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl) -> Wsl:
        native, after = self._run(station, _wsl_plan.distribution_command(found, wanted))
        if after.named(wanted.distribution) is None:
            told, way = f"wsl.exe: {native.told()}", wanted.rootfs or "the store"
            known = CATALOGUE.recognise(told) if OWN_ERROR in told else None
            finding = (known or CATALOGUE["WSL-017"]).finding(told, distribution=wanted.distribution, way=way, user=arguments["windows_user"])
            raise Stopped(_broken(after, finding, f"{wanted.distribution} was not installed"))
        return after

    def _require_files(self, arguments: Arguments, steps: t.Sequence[Step]) -> None:
        for kind, option in ((_wsl_plan.PACKAGE, "installer"), (_wsl_plan.DISTRIBUTION, "rootfs")):
            if arguments[option] and any(step.kind == kind for step in steps):
                self._require(arguments[option], arguments[f"{option}_sha256"])

    def _require(self, path: str, sha256: str) -> None:
        """The file must be there and, where a checksum is declared, be the declared one."""
        found = self.checksum(path)
        if found is None:
            raise Stopped(Layer("wsl", BROKEN, f"{path} is missing", {}, [CATALOGUE["WSL-019"].finding(path, path=path)]))
        if sha256 and found != sha256.lower():
            finding = CATALOGUE["WSL-018"].finding(f"SHA-256 {found}", path=path, found=found, wanted=sha256.lower())
            raise Stopped(Layer("wsl", BROKEN, f"{path} has another checksum", {}, [finding]))


def _wanted(arguments: Arguments) -> Wanted:
    name = arguments["distribution"]
    if not _wsl_plan.NAME.match(name):
        raise AnsibleActionFail(
            f"distribution '{name}' is no name that wsl.exe can be given: it splits its arguments at blanks. "
            "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit, such as Ubuntu-24.04."
        )
    for option in ("installer_sha256", "rootfs_sha256"):
        digest = arguments[option]
        if digest and (len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef")):
            raise AnsibleActionFail(f"{option} '{digest}' is no SHA-256: write its 64 hexadecimal digits.")
    return Wanted(
        distribution=name,
        min_version=arguments["min_version"],
        installer=arguments["installer"],
        rootfs=arguments["rootfs"],
        default=arguments["default"],
        restart=arguments["restart"] == "needed",
        allow=frozenset(arguments["allow"]),
    )


def _in_words(what: str, steps: t.Sequence[Step]) -> str:
    return f"{what}: {'; '.join(step.why for step in steps)}"


def _is_default(found: Wsl, wanted: Wanted) -> bool:
    ours = found.named(wanted.distribution)
    return ours is not None and ours.default


def _broken(found: Wsl, finding: Finding, summary: str) -> Layer:
    status = CATALOGUE[finding.code].status or BROKEN
    return Layer("wsl", status, summary, found.as_dict(), [finding])
