# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nvidia_driver: the NVIDIA driver of Windows at a minimum version, from a given installer, proven by looking again."""

from __future__ import annotations

import ntpath
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils import _windows, _windows_driver, _windows_driver_plan, _windows_user, _wsl
from ansible_collections.gpudev.workstation.plugins.module_utils._address import without_secrets
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, NotAnswered
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, NEEDS_CONSENT, UNKNOWN, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_driver import CATALOGUE, NvidiaDriver
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_driver_plan import SECONDS_TO_INSTALL, SHUTDOWN, Step, Wanted
from ansible_collections.gpudev.workstation.plugins.plugin_utils._controller import this_controller
from ansible_collections.gpudev.workstation.plugins.plugin_utils._earlier import follow_earlier
from ansible_collections.gpudev.workstation.plugins.plugin_utils._installer import Codes, Installer, NotAsDeclared, refuse_malformed
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import ALLOW, Arguments, WindowsAction, ask_in_background, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, WorkstationError
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_stop import shut_down

CODES = Codes(missing="DRIVER-009", other="DRIVER-010", not_fetched="DRIVER-011")


@dataclass(frozen=True)
class Seen:
    """One look at what a driver's installation is about."""

    user: _windows_user.WindowsUser
    windows_11: bool
    reboot_reasons: tuple[str, ...]
    driver: NvidiaDriver
    wsl: _wsl.Wsl


class Stopped(Exception):
    """A step did not lead where it should; the layer says why."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer.summary)
        self.layer = layer


class ActionModule(WindowsAction):
    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "min_version": {"type": "str", "default": ""},
        "installer": {"type": "str", "default": ""},
        "installer_sha256": {"type": "str", "default": ""},
        "installer_arguments": {"type": "list", "elements": "str", "default": list(_windows_driver_plan.SILENT)},
        "windows_user": {"type": "str", "default": ""},
        "allow": ALLOW,
    }
    LAYER = "nvidia_driver"

    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        refuse_malformed(arguments, ("installer",))
        _none, answers = ask_named(station, _questions())
        seen = _seen(answers, arguments["windows_user"])
        refusal = seen.user.refusal()
        if refusal is not None:
            return result([refusal], changed=False, check_mode=self.check_mode)
        wanted = _wanted(arguments, seen)
        steps = _windows_driver_plan.plan(seen.driver, seen.wsl.vm_started, wanted)
        if not steps:
            return self._told(seen, _judged(seen, wanted), changed=False)
        obstacle = _obstacle(seen, steps, wanted)
        if obstacle is not None:
            return self._told(seen, obstacle, changed=False)
        diff = self.diff(_windows_driver_plan.managed(seen.driver), _windows_driver_plan.predicted(wanted))
        if self.check_mode:
            return self._told(seen, _layer(seen, DRIFT, f"would be done: {_in_words(steps)}"), changed=True, diff=diff)
        return self._apply(station, arguments, wanted, seen, steps, diff)

    def _apply(
        self, station: Workstation, arguments: Arguments, wanted: Wanted, seen: Seen, steps: list[Step], diff: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        changed = False
        try:
            installer = Installer(self, arguments["installer"], arguments["installer_sha256"], CATALOGUE, CODES)
            path = installer.path()
            changed = True
            seen = self._installed(station, path, wanted, seen)
            # First what no later run would make up for: it finds the new driver and has nothing to do.
            if any(step.kind == SHUTDOWN for step in steps):
                self._stop_wsl(station, seen)
            installer.forget()
        except NotAsDeclared as reason:
            return self._told(seen, _layer(seen, BROKEN, str(reason), reason.finding), changed=changed, diff=diff)
        except Stopped as stop:
            return self._told(seen, stop.layer, changed=changed, diff=diff)
        except (WorkstationError, NotAnswered) as error:
            return self._told(seen, _layer(seen, UNKNOWN, str(error)), changed=changed, diff=diff)
        layer = _judged(seen, wanted)
        if not layer.stops:
            layer = Layer("nvidia_driver", CHANGED, f"done: {_in_words(steps)}: {layer.summary}", layer.facts, layer.findings)
        return self._told(seen, layer, changed=True, diff=diff)

    def _installed(self, station: Workstation, path: str, wanted: Wanted, before: Seen) -> Seen:
        """Run the installer as a job; the driver that is seen afterwards counts, whatever the exit code was."""
        if follow_earlier(self, station, "NVIDIA driver", path, ntpath.basename(path), SECONDS_TO_INSTALL):
            after = _seen(ask_named(station, _questions())[1], before.user.wanted)
            if after.driver.gpus and not older(after.driver.driver_version, wanted.minimum):
                return after
        self.progress(f"NVIDIA driver: {path} is installed")
        tell = self.awaiting("NVIDIA driver", f"the end of {path}", SECONDS_TO_INSTALL)
        limit = SECONDS_TO_INSTALL + 60
        answer, answers = ask_in_background(station, _questions(), _windows_driver_plan.install_command(path, wanted), limit, tell)
        after = _seen(answers, before.user.wanted)
        if after.driver.gpus and not older(after.driver.driver_version, wanted.minimum):
            return after
        symptom, version = f"{path}: {answer.native().told()}", after.driver.driver_version or "none"
        reasons = ", ".join(reason for reason in after.reboot_reasons if reason not in before.reboot_reasons)
        if reasons:
            raise Stopped(_known(after, "DRIVER-007", "installed; Windows has to be restarted", symptom, reasons=reasons))
        details = {"path": path, "version": version, "minimum": wanted.minimum}
        raise Stopped(_known(after, "DRIVER-008", "the installer did not bring the driver", symptom, **details))

    def _stop_wsl(self, station: Workstation, seen: Seen) -> None:
        if not seen.wsl.vm_started:
            return
        self.progress("NVIDIA driver: WSL is stopped, so that it takes the new driver when it starts again")
        told, after = shut_down(self, station, seen.wsl)
        if not told.ok or after.vm_started == seen.wsl.vm_started:
            raise Stopped(_known(seen, "DRIVER-012", "WSL still has the old driver", f"wsl.exe: {told.told()}"))

    def _told(self, seen: Seen, layer: Layer, changed: bool, diff: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        reboot = any(finding.code == "DRIVER-007" for finding in layer.findings)
        return result([layer], changed=changed, check_mode=self.check_mode, diff=diff, nvidia_driver=seen.driver.as_dict(), reboot_required=reboot)


def _questions() -> dict[str, Item]:
    current = {"current_version": _windows.questions()["current_version"]}
    return {**_windows_user.questions(), **current, **_windows.pending_questions(), **_windows_driver.questions(), **_wsl.questions()}


def _seen(answers: t.Mapping[str, Answer], declared_user: str) -> Seen:
    return Seen(
        user=_windows_user.windows_user(answers, declared_user),
        windows_11=_windows.build_number(answers) >= _windows.FIRST_WINDOWS_11,
        reboot_reasons=_windows.reboot_reasons(answers),
        driver=_windows_driver.nvidia_driver(answers),
        wsl=_wsl.wsl(answers),
    )


def _wanted(arguments: Arguments, seen: Seen) -> Wanted:
    return Wanted(
        minimum=_windows_driver.minimum_driver(seen.windows_11, arguments["min_version"]),
        installer=arguments["installer"],
        arguments=tuple(arguments["installer_arguments"]),
        allow=frozenset(arguments["allow"]),
    )


def _obstacle(seen: Seen, steps: list[Step], wanted: Wanted) -> Layer | None:
    stops_wsl = any(step.kind == SHUTDOWN for step in steps)
    if stops_wsl and this_controller().is_inside(seen.user.computer, seen.wsl.vm_started):
        return _known(seen, "DRIVER-013", "needed, but the controller of this run lives in WSL", _in_words(steps), path=without_secrets(wanted.installer))
    missing = _windows_driver_plan.refused(seen.driver, steps, wanted)
    return _layer(seen, NEEDS_CONSENT, f"needed: {_in_words(steps)}", *missing) if missing else None


def _judged(seen: Seen, wanted: Wanted) -> Layer:
    return _windows_driver.nvidia_driver_layer(seen.driver, seen.windows_11, wanted.minimum)


def _known(seen: Seen, code: str, summary: str, symptom: str, **details: t.Any) -> Layer:
    return _layer(seen, CATALOGUE[code].status or BROKEN, summary, CATALOGUE[code].finding(symptom, **details))


def _layer(seen: Seen, status: str, summary: str, *findings: Finding) -> Layer:
    return Layer("nvidia_driver", status, summary, seen.driver.as_dict(), list(findings))


def _in_words(steps: t.Sequence[Step]) -> str:
    return "; ".join(step.why for step in steps)
