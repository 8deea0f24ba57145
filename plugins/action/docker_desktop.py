# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker_desktop: installed above the gate, its settings merged, running in the session of its user."""

from __future__ import annotations

import ntpath
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils import (
    _docker_desktop,
    _docker_desktop_plan,
    _leftover_tasks,
    _windows_driver,
    _windows_user,
    _wsl,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_desktop import CATALOGUE, DockerDesktop
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_desktop_plan import (
    DOCKER_RESTART,
    INSTALL,
    SETTINGS,
    START,
    UPGRADE,
    Step,
    Wanted,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._language import Answer, Item, NotAnswered
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import (
    BROKEN,
    CHANGED,
    DRIFT,
    NEEDS_CONSENT,
    NEEDS_LOGON,
    OK,
    UNKNOWN,
    Finding,
    Layer,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._versions import older
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until
from ansible_collections.gpudev.workstation.plugins.plugin_utils._controller import this_controller
from ansible_collections.gpudev.workstation.plugins.plugin_utils._docker_desktop_seen import docker_desktop_seen
from ansible_collections.gpudev.workstation.plugins.plugin_utils._earlier import follow_earlier
from ansible_collections.gpudev.workstation.plugins.plugin_utils._installer import Codes, Installer, NotAsDeclared, refuse_malformed
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import ALLOW, Arguments, WindowsAction, ask_in_background, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation, WorkstationError

CODES = Codes(missing="DESKTOP-012", other="DESKTOP-011", not_fetched="DESKTOP-019")
POLL_SECONDS = 2.0
# Its processes can outlive `docker desktop stop` by a moment.
SECONDS_TO_END = 30


class Stopped(Exception):
    """A step did not lead where it should; the layer says why."""

    def __init__(self, summary: str, finding: Finding, desktop: DockerDesktop) -> None:
        super().__init__(summary)
        self.layer = Layer("docker", CATALOGUE[finding.code].status or BROKEN, summary, desktop.as_dict(), [finding])


class ActionModule(WindowsAction):
    ARGUMENTS: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "state": {"type": "str", "default": "running", "choices": ["running"]},
        "installer": {"type": "str", "default": ""},
        "installer_sha256": {"type": "str", "default": ""},
        "min_version": {"type": "str", "default": _docker_desktop.MINIMUM},
        "settings": {"type": "dict", "default": {}},
        "integration": {"type": "list", "elements": "str", "default": []},
        "start_timeout": {"type": "int", "default": 300},
        "windows_user": {"type": "str", "default": ""},
        "allow": ALLOW,
    }
    LAYER = "docker"

    def converge(self, station: Workstation, arguments: Arguments) -> dict[str, t.Any]:
        wanted = _wanted(arguments)
        self._user, self._driver, found = self._look(station, arguments["windows_user"])
        refusal = self._user.refusal()
        if refusal is not None:
            return result([refusal], changed=False, check_mode=self.check_mode)
        steps = _docker_desktop_plan.plan(found, wanted)
        if not steps:
            return self._told(found, self._as_declared(found, wanted, OK), changed=False)
        obstacle = self._obstacle(found, steps, wanted)
        if obstacle is not None:
            return self._told(found, obstacle, changed=False)
        diff = self.diff(_docker_desktop_plan.managed(found), _docker_desktop_plan.predicted(found, wanted, steps))
        if self.check_mode:
            predicted = self._predicted(found, steps)
            # Without a session nothing can be started; whatever comes before the start is still done.
            changed = predicted.status == DRIFT or any(step.kind != START for step in steps)
            return self._told(found, predicted, changed=changed, diff=diff)
        return self._apply(station, arguments, wanted, found, diff)

    def _obstacle(self, found: DockerDesktop, steps: list[Step], wanted: Wanted) -> Layer | None:
        impossible = _docker_desktop_plan.impossible(found, wanted, self._driver)
        if impossible:
            return Layer("docker", BROKEN, "Docker Desktop cannot be brought to the declared state", found.as_dict(), impossible)
        ending = [step for step in steps if step.consent and found.processes]
        if ending and self._controller_inside:
            by_hand = [_docker_desktop_plan.by_hand(found, step, wanted) for step in ending]
            return Layer("docker", NEEDS_CONSENT, _in_words("needed", steps), found.as_dict(), by_hand)
        missing = _docker_desktop_plan.refused(found, steps, wanted, self._driver)
        if missing:
            return Layer("docker", NEEDS_CONSENT, _in_words("needed", steps), found.as_dict(), missing)
        return None

    def _predicted(self, found: DockerDesktop, steps: list[Step]) -> Layer:
        if self._user.is_logged_on:
            return Layer("docker", DRIFT, _in_words("would be done", steps), found.as_dict())
        finding = CATALOGUE["DESKTOP-005"].finding(_logged_on(self._user), user=self._user.connected)
        return Layer("docker", NEEDS_LOGON, _in_words("would be done after logon", steps), found.as_dict(), [finding])

    def _apply(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: DockerDesktop, diff: dict[str, t.Any] | None) -> dict[str, t.Any]:
        """Step after step, planned anew after each: an upgrade may have another settings file, a stop writes settings back."""
        done: list[Step] = []
        try:
            while True:
                step = next(iter(_docker_desktop_plan.plan(found, wanted)), None)
                kinds = {taken.kind for taken in done}
                if step is None or step.kind in kinds:
                    break
                # What only shows on the way was not asked for before; an upgrade has stopped everything already.
                obstacle = self._obstacle(found, [step], wanted) if done and UPGRADE not in kinds else None
                if obstacle is not None:
                    return self._told(found, obstacle, changed=True, diff=diff)
                self.progress(f"Docker Desktop: {step.why}")
                found = self._take(station, arguments, wanted, found, step)
                done.append(step)
        except Stopped as stop:
            return self._told(found, stop.layer, changed=bool(done), diff=diff)
        except (WorkstationError, NotAnswered) as error:
            return self._told(found, Layer("docker", UNKNOWN, str(error)), changed=bool(done), diff=diff)
        left = _docker_desktop_plan.plan(found, wanted)
        if left:
            finding = CATALOGUE["DESKTOP-015"].finding(_in_words("still owed", left))
            return self._told(found, Layer("docker", BROKEN, "a step had no effect", found.as_dict(), [finding]), changed=True, diff=diff)
        return self._told(found, self._as_declared(found, wanted, CHANGED, f"{_in_words('done', done)}: "), changed=True, diff=diff)

    def _take(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: DockerDesktop, step: Step) -> DockerDesktop:
        if step.kind in (INSTALL, UPGRADE):
            return self._install(station, arguments, wanted, found)
        if step.kind == SETTINGS:
            return self._write_settings(station, wanted, found)
        return self._start(station, wanted, found, arguments["start_timeout"])

    def _look(self, station: Workstation, declared_user: str) -> tuple[_windows_user.WindowsUser, str, DockerDesktop]:
        others = {"adapters": _windows_driver.questions()["adapters"], "wsl_vm": _wsl.questions()["wsl_vm"]}
        _none, seen = ask_named(station, {**_windows_user.questions(), **others, **_docker_desktop.questions()})
        driver = next((gpu.driver_version for gpu in _windows_driver.from_adapters(seen["adapters"].rows())), "")
        user = _windows_user.windows_user(seen, declared_user)
        self._controller_inside = this_controller().is_inside(user.computer, _wsl.vm_started(seen["wsl_vm"]))
        return user, driver, docker_desktop_seen(station, seen)

    def _do(self, station: Workstation, *steps: Item) -> tuple[list[Answer], DockerDesktop]:
        answers, seen = ask_named(station, _docker_desktop.questions(), steps)
        return answers, docker_desktop_seen(station, seen)

    def _do_in_session(self, station: Workstation, step: Item) -> tuple[Answer, DockerDesktop]:
        """A step on the user's desktop; what earlier ones left behind there is cleared away."""
        (answer,), seen = ask_named(station, {**_docker_desktop.questions(), **_leftover_tasks.questions()}, [step])
        names = _leftover_tasks.ours(seen)
        old = _leftover_tasks.left_over(names, station.ask(_leftover_tasks.age_questions(names))) if names else []
        if old:
            self.progress(f"Docker Desktop: scheduled tasks of runs that were killed are removed: {', '.join(old)}")
            station.ask(_leftover_tasks.removals(old))
        return answer, docker_desktop_seen(station, seen)

    def _install(self, station: Workstation, arguments: Arguments, wanted: Wanted, found: DockerDesktop) -> DockerDesktop:
        installer = Installer(self, wanted.installer, arguments["installer_sha256"], CATALOGUE, CODES)
        try:
            path = installer.path()
        except NotAsDeclared as reason:
            raise Stopped(str(reason), reason.finding, found) from reason
        seconds = _docker_desktop_plan.SECONDS_TO_INSTALL
        if follow_earlier(self, station, "Docker Desktop", path, ntpath.basename(path), seconds):
            after = self._do(station)[1]
            if after.installed and not older(after.version, wanted.min_version):
                return after
        tell, questions = self.awaiting("Docker Desktop", f"the end of {path}", seconds), _docker_desktop.questions()
        answer, seen = ask_in_background(station, questions, _docker_desktop_plan.install_command(path), seconds + 60, tell)
        after = docker_desktop_seen(station, seen)
        if not after.installed or older(after.version, wanted.min_version):
            symptom = f"{path}: {answer.native().told()}"
            raise _stopped("the installation did not succeed", "DESKTOP-010", symptom, after, path=path, version=after.version or "none")
        installer.forget()
        return after

    def _write_settings(self, station: Workstation, wanted: Wanted, found: DockerDesktop) -> DockerDesktop:
        if found.processes:
            found = self._stop(station, found)
        if not _docker_desktop_plan.keys_to_change(found.settings, wanted):
            return found
        (written,), after = self._do(station, _docker_desktop_plan.write_command(found, wanted))
        written.required()
        return after

    def _stop(self, station: Workstation, found: DockerDesktop) -> DockerDesktop:
        if older(found.version, _docker_desktop_plan.FIRST_WITH_COMMAND):
            raise _stopped("it has to be stopped by hand", "DESKTOP-014", f"Docker Desktop {found.version} runs", found, version=found.version)
        answer, after = self._do_in_session(station, _docker_desktop_plan.stop_command(found))
        self._require_session(answer, after, _docker_desktop_plan.SECONDS_TO_STOP)
        if after.processes and all(inner.native().ok for inner in answer.in_session()):
            after = self._until_it_is_gone(station)
        if after.processes:
            told = "; ".join(inner.native().told() for inner in answer.in_session())
            raise _stopped("it did not stop", "DESKTOP-014", f"docker desktop stop: {told}", after, version=after.version)
        return after

    def _start(self, station: Workstation, wanted: Wanted, found: DockerDesktop, seconds: int) -> DockerDesktop:
        if found.processes:
            try:
                restarts = DOCKER_RESTART in wanted.allow and not self._controller_inside
                patience = seconds / 2 if restarts else seconds
                return self._until_it_answers(station, "the engine of Docker Desktop, which is starting already", patience)
            except DeadlinePassed as late:
                found = self._stop_what_does_not_answer(station, wanted, late)
        answer, after = self._do_in_session(station, _docker_desktop_plan.start_command(found))
        self._require_session(answer, after, _docker_desktop_plan.SECONDS_TO_LAUNCH)
        if not all(inner.native().exists for inner in answer.in_session()):
            raise _stopped("its program is not there", "DESKTOP-023", f"{found.program}: no such program", after, path=found.program)
        try:
            return after if after.running else self._until_it_answers(station, "the engine of Docker Desktop", seconds)
        except DeadlinePassed as late:
            symptom, user = f"docker version: {late.last.engine_told}", self._user.connected
            raise _stopped("its engine does not answer", "DESKTOP-006", symptom, late.last, user=user, seconds=seconds) from late

    def _stop_what_does_not_answer(self, station: Workstation, wanted: Wanted, late: DeadlinePassed) -> DockerDesktop:
        """That nothing answers here is no proof that nothing runs there: the user's docker context may point elsewhere."""
        if self._controller_inside:
            owed = Step(START, "it runs and its engine does not answer")
            by_hand = _docker_desktop_plan.by_hand(late.last, owed, wanted)
            raise Stopped("its engine does not answer, and the controller of this run lives in WSL", by_hand, late.last)
        if DOCKER_RESTART not in wanted.allow:
            details = {"version": late.last.version, "seconds": f"{late.seconds:.0f}", "user": self._user.connected}
            raise _stopped("its engine does not answer, and a restart is not allowed", "DESKTOP-017", late.last.engine_told, late.last, **details)
        return self._stop(station, late.last)

    def _until_it_answers(self, station: Workstation, awaited: str, seconds: float) -> DockerDesktop:
        tell = self.awaiting("Docker Desktop", awaited, seconds)
        return wait_until(awaited, lambda: self._do(station)[1], lambda seen: seen.running, seconds, every=POLL_SECONDS, on_look=tell)

    def _until_it_is_gone(self, station: Workstation) -> DockerDesktop:
        try:
            return wait_until("the end of Docker Desktop", lambda: self._do(station)[1], lambda seen: not seen.processes, SECONDS_TO_END, every=POLL_SECONDS)
        except DeadlinePassed as late:
            return t.cast(DockerDesktop, late.last)

    def _require_session(self, answer: Answer, found: DockerDesktop, seconds: int) -> None:
        user = self._user.connected
        nobody = answer.failure is not None and answer.failure.nobody_there
        told = {} if nobody else answer.required()
        if not told.get("logged_on"):
            raise _stopped("its user is not logged on", "DESKTOP-005", _logged_on(self._user), found, user=user)
        if not told.get("finished"):
            raise _stopped("a step in the session of its user hangs", "DESKTOP-013", "the scheduled task did not end", found, user=user, seconds=seconds)
        for inner in answer.in_session():
            inner.required()

    def _as_declared(self, found: DockerDesktop, wanted: Wanted, status: str, what: str = "") -> Layer:
        wrong = _docker_desktop.wrong_engine_layer(found)
        if wrong is not None:
            return wrong
        findings: list[Finding] = _docker_desktop.release_findings(found, wanted.min_version, self._driver)
        summary = f"{what}Docker Desktop {found.version} runs, engine {found.engine.get('version', 'unknown')}"
        return Layer("docker", status, summary, found.as_dict(), findings)

    def _told(self, found: DockerDesktop, layer: Layer, changed: bool, diff: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        return result([layer], changed=changed, check_mode=self.check_mode, diff=diff, docker_desktop=found.as_dict())


def _stopped(summary: str, code: str, symptom: str, desktop: DockerDesktop, **details: t.Any) -> Stopped:
    return Stopped(summary, CATALOGUE[code].finding(symptom, **details), desktop)


def _wanted(arguments: Arguments) -> Wanted:
    refuse_malformed(arguments, ("installer",))
    return Wanted(
        min_version=arguments["min_version"],
        installer=arguments["installer"],
        settings=arguments["settings"],
        integration=tuple(arguments["integration"]),
        allow=frozenset(arguments["allow"]),
    )


def _logged_on(user: _windows_user.WindowsUser) -> str:
    return f"logged on: {', '.join(user.logged_on) or 'nobody'}"


def _in_words(what: str, steps: t.Sequence[Step]) -> str:
    return f"{what}: {'; '.join(step.why for step in steps)}"
