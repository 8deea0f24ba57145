# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wsl: WSL itself at a minimum version, the distribution installed and default, .wslconfig in force."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.module_utils import _windows, _windows_user, _wsl, _wsl_plan
from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, NotAnswered
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, NEEDS_CONSENT, NEEDS_REBOOT, UNKNOWN, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl import CATALOGUE, Wsl, recognised
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl_plan import Step, Wanted
from ansible_collections.gpudev.workstation.plugins.plugin_utils._controller import this_controller
from ansible_collections.gpudev.workstation.plugins.plugin_utils._earlier import follow_earlier
from ansible_collections.gpudev.workstation.plugins.plugin_utils._installer import Codes, Installer, NotAsDeclared, refuse_malformed
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import ALLOW, Arguments, WindowsAction, ask_in_background, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, WorkstationError
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_stop import let_docker_desktop_settle, shut_down, terminate

# Sentences of wsl.exe are localised, its codes are not.
OWN_ERROR = "Wsl/"
CODES = Codes(missing="WSL-019", other="WSL-018", not_fetched="WSL-024")


class Stopped(Exception):
    """A step did not lead where it should; the layer says why."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer.summary)
        self.layer = layer


class ActionModule(WindowsAction):
    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "state": {"type": "str", "default": "present", "choices": ["present", "restarted"]},
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
        layer = _wsl.wsl_layer(found, wanted.distribution, user.connected, wanted.min_version, _left_alone(wanted))
        if not steps:
            return self._told(found, layer, changed=False)
        if any(step.consent == _wsl_plan.WSL_SHUTDOWN for step in steps) and this_controller().is_inside(user.computer, found.vm_started):
            own_end = [_wsl_plan.by_hand(found, step, wanted) for step in steps if step.consent == _wsl_plan.WSL_SHUTDOWN]
            return self._told(found, Layer("wsl", NEEDS_CONSENT, _in_words("needed", steps), found.as_dict(), own_end), changed=False)
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
            files = {step.kind: installer for step in steps if (installer := self._declared(arguments, step)) is not None}
            paths = {kind: installer.path() for kind, installer in files.items()}
            for step in steps:
                self.progress(f"WSL: {step.why}")
                found = self._take(station, arguments, _wsl_plan.with_files(wanted, paths), found, step)
                done.append(step)
            for installer in files.values():
                installer.forget()
        except NotAsDeclared as reason:
            return self._told(found, _broken(found, reason.finding, str(reason)), changed=bool(done), diff=diff)
        except Stopped as stop:
            # What only waits for a restart has been done.
            return self._told(found, stop.layer, changed=bool(done) or stop.layer.status == NEEDS_REBOOT, diff=diff)
        except (WorkstationError, NotAnswered) as error:
            return self._told(found, Layer("wsl", UNKNOWN, str(error)), changed=bool(done), diff=diff)
        layer = _wsl.wsl_layer(found, wanted.distribution, minimum=wanted.min_version, left_alone=_left_alone(wanted))
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
        if step.kind == _wsl_plan.PACKAGE:
            return self._package(station, arguments, wanted, found, step)
        if step.kind == _wsl_plan.DISTRIBUTION:
            return self._distribution(station, arguments, wanted, found)
        if step.kind == _wsl_plan.SHUTDOWN:
            return self._shut_down(station, found, step)
        if step.kind == _wsl_plan.TERMINATE:
            return self._terminate(station, found, wanted, step)
        told, after = self._run(station, _wsl_plan.set_command(found, wanted, step))
        if not told.ok or step in _wsl_plan.plan(after, wanted):
            raise Stopped(_broken(after, recognised(f"wsl.exe: {told.told()}"), step.why))
        return after

    def _shut_down(self, station: Workstation, found: Wsl, step: Step) -> Wsl:
        told, after = shut_down(self, station, found)
        if after.restart_owed or not told.ok:
            raise Stopped(_broken(after, recognised(f"wsl.exe: {told.told()}"), step.why))
        return after

    def _terminate(self, station: Workstation, found: Wsl, wanted: Wanted, step: Step) -> Wsl:
        told, after = terminate(self, station, found, wanted.distribution)
        if not told.ok:
            raise Stopped(_broken(after, recognised(f"wsl.exe: {told.told()}"), step.why))
        return after

    def _run(self, station: Workstation, command: Item) -> tuple[Native, Wsl]:
        answers, seen = ask_named(station, {**_windows_user.questions(), **_wsl.questions()}, [command])
        return answers[0].native(), _wsl.wsl(seen)

    def _run_in_background(self, station: Workstation, command: Item, awaited: str) -> tuple[Native, dict[str, Answer]]:
        """For what takes minutes; the answers are those of the look at what it led to."""
        seconds = _wsl_plan.SECONDS_TO_INSTALL
        questions = {**_windows_user.questions(), **_wsl.questions(), **_windows.pending_questions()}
        answer, seen = ask_in_background(station, questions, command, seconds + 60, self.awaiting("WSL", awaited, seconds))
        return answer.native(), seen

    def _package(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl, step: Step) -> Wsl:
        program, words = _wsl_plan.package_process(found, wanted)
        if follow_earlier(self, station, "WSL", program, words, _wsl_plan.SECONDS_TO_INSTALL):
            after = self._look(station, arguments["windows_user"])[1]
            if not older(after.version, wanted.min_version):
                return after
        if step.consent:
            let_docker_desktop_settle(self, station)
        told, way, after = self._install_package(station, arguments, wanted, found)
        if older(after.version, wanted.min_version):
            known = CATALOGUE.recognise(told) if OWN_ERROR in told else None
            finding = (known or CATALOGUE["WSL-016"]).finding(told, minimum=wanted.min_version, way=way, version=after.version or after.kind)
            raise Stopped(_broken(after, finding, f"WSL did not reach {wanted.min_version}"))
        return after

    def _install_package(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl) -> tuple[str, str, Wsl]:
        """What was told, by which way, and WSL afterwards; exit codes of wsl.exe say nothing of a restart that is owed."""
        if not wanted.installer:
            native, seen = self._run_in_background(station, _wsl_plan.package_command(found), "the package that wsl.exe fetches")
            told, way, after = f"wsl.exe: {native.told()}", "wsl.exe", _wsl.wsl(seen)
            restart = "component servicing" in _windows.reboot_reasons(seen) and older(after.version, wanted.min_version)
        else:
            package = {"path": wanted.installer, "state": "present"}
            if arguments["installer_sha256"]:
                package.update(checksum=arguments["installer_sha256"], checksum_algorithm="sha256")
            tell, seconds = self.awaiting("WSL", f"the end of {wanted.installer}", _wsl_plan.SECONDS_TO_INSTALL), _wsl_plan.SECONDS_TO_INSTALL
            answer = self.windows_module_in_background("ansible.windows.win_package", package, seconds, tell)
            told, way, restart = f"win_package: rc {answer.get('rc')}", f"the package {wanted.installer}", bool(answer.get("reboot_required"))
            _user, after = self._look(station, arguments["windows_user"])
        if restart:
            finding = CATALOGUE["WSL-021"].finding(told)
            raise Stopped(Layer("wsl", NEEDS_REBOOT, "installed; Windows has to be restarted", after.as_dict(), [finding]))
        return told, way, after

    def _distribution(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: Wsl) -> Wsl:
        program, words = _wsl_plan.distribution_process(wanted)
        if follow_earlier(self, station, "WSL", program, words, _wsl_plan.SECONDS_TO_INSTALL):
            after = self._look(station, arguments["windows_user"])[1]
            if after.named(wanted.distribution) is not None:
                return after
        native, seen = self._run_in_background(station, _wsl_plan.distribution_command(found, wanted), f"the installation of {wanted.distribution}")
        after = _wsl.wsl(seen)
        if after.named(wanted.distribution) is None:
            told, way = f"wsl.exe: {native.told()}", wanted.rootfs or "the store"
            known = CATALOGUE.recognise(told) if OWN_ERROR in told else None
            finding = (known or CATALOGUE["WSL-017"]).finding(told, distribution=wanted.distribution, way=way, user=arguments["windows_user"])
            raise Stopped(_broken(after, finding, f"{wanted.distribution} was not installed"))
        return after

    def _declared(self, arguments: Arguments, step: Step) -> Installer | None:
        """The file that this step installs from, if one is declared."""
        option = {_wsl_plan.PACKAGE: "installer", _wsl_plan.DISTRIBUTION: "rootfs"}.get(step.kind, "")
        if not option or not arguments[option]:
            return None
        return Installer(self, arguments[option], arguments[f"{option}_sha256"], CATALOGUE, CODES)


def _wanted(arguments: Arguments) -> Wanted:
    name = arguments["distribution"]
    if not _wsl_plan.NAME.match(name):
        raise AnsibleActionFail(
            f"distribution '{name}' is no name that wsl.exe can be given: it splits its arguments at blanks. "
            "Use letters, digits, '.', '_' and '-', beginning with a letter or a digit, such as Ubuntu-24.04."
        )
    refuse_malformed(arguments, ("installer", "rootfs"))
    return Wanted(
        distribution=name,
        min_version=arguments["min_version"],
        installer=arguments["installer"],
        rootfs=arguments["rootfs"],
        default=arguments["default"],
        restart=arguments["restart"] == "needed",
        restarted=arguments["state"] == "restarted",
        allow=frozenset(arguments["allow"]),
    )


def _left_alone(wanted: Wanted) -> str:
    """Why this task does not bring .wslconfig into force, if it was not to."""
    if wanted.restarted:
        return "this task was to restart the distribution, not WSL"
    return "" if wanted.restart else "this task was told not to stop WSL (wsl_restart: never)"


def _in_words(what: str, steps: t.Sequence[Step]) -> str:
    return f"{what}: {'; '.join(step.why for step in steps)}"


def _broken(found: Wsl, finding: Finding, summary: str) -> Layer:
    status = CATALOGUE[finding.code].status or BROKEN
    return Layer("wsl", status, summary, found.as_dict(), [finding])
