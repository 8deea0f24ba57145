# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a minikube cluster, and bring it to the declared state: layer cluster.

Every judgement is made in `_minikube`; here programs are run, files are read, and what was done is verified by looking.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
import pwd
import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker, _kube
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_evidence as evidence
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_inside as inside
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_plan as planning
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_process as process
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_wsl_gpu as wsl_gpu
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import look_at_engine
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, OK, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import CATALOGUE, Inside, Look, Node
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_assessment import (
    Assessment,
    drift_findings,
    facts_of,
    state_finding,
    unreadable_findings,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_evidence import clean
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_plan import Step
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import parse_list, version_key
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed, Runner
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

CLIENT_SECONDS = 30.0
# An API server that has just stopped makes status take 14 s (recordings/minikube/status_apiserver_stopped).
STATUS_SECONDS = 60.0
DELETE_SECONDS = 300.0
STOP_SECONDS = 300.0
LOOK_SECONDS = 2.0
JOURNAL_LINES = 80
EVIDENCE_LENGTH = 6000
LOGS_SECONDS = 60.0
LOG_LINES = 200


@dataclass(frozen=True)
class Tools:
    """Where things are for this user."""

    minikube: str = "minikube"
    docker: str = "docker"
    home: str = ""
    kubeconfig: str = ""

    def minikube_home(self) -> str:
        """As minikube finds it: `.minikube` is appended unless the value already ends in it."""
        base = os.path.expanduser(self.home or os.environ.get("MINIKUBE_HOME") or "~")
        return base if os.path.basename(base.rstrip("/")) == ".minikube" else os.path.join(base, ".minikube")

    def kubeconfig_path(self) -> str:
        chosen = self.kubeconfig or (os.environ.get("KUBECONFIG") or "").split(os.pathsep)[0] or _kube.DEFAULT_KUBECONFIG
        return os.path.expanduser(chosen)

    def environment(self) -> dict[str, str]:
        """The same for every call. WSL_DISTRO_NAME decides which address minikube writes into the kubeconfig: a call without it, as
        sudo or a service makes it, takes a healthy cluster for a misconfigured one."""
        wanted = {"KUBECONFIG": self.kubeconfig_path()}
        if self.home:
            wanted["MINIKUBE_HOME"] = os.path.expanduser(self.home)
        if on_wsl() and not os.environ.get("WSL_DISTRO_NAME"):
            wanted["WSL_DISTRO_NAME"] = "wsl2"
        return wanted


def on_wsl() -> bool:
    return bool(os.environ.get("WSL_DISTRO_NAME")) or "microsoft" in os.uname().release.lower() or os.path.exists("/dev/dxg")


def read_text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def root_refusal(wanted: Declaration) -> Finding | None:
    """minikube refuses the docker driver for root: say so at once, and which user to take instead."""
    if os.geteuid() != 0 or wanted.driver != "docker" or "--force" in wanted.extra_start_args:
        return None
    people = sorted((entry.pw_uid, entry.pw_name) for entry in pwd.getpwall() if 1000 <= entry.pw_uid < 60000)
    user = os.environ.get("SUDO_USER") or (people[0][1] if people else "none exists yet")
    return CATALOGUE["MK-010"].finding("this task runs as uid 0", user=f"here: {user}")


class Cluster:
    """One profile of one user's minikube."""

    def __init__(
        self,
        runner: Runner,
        wanted: Declaration,
        tools: Tools,
        ask_node: t.Callable[[], Node] | None = None,
        tell: t.Callable[[str], None] = lambda text: None,
    ) -> None:
        self.runner = runner
        # Natively there is no /usr/lib/wsl to mount.
        self.wanted = replace(wanted, wsl_gpu="off") if wanted.wsl_gpu == "mounts" and not on_wsl() else wanted
        self.tools = tools
        self.ask_node = ask_node or self._ask_node
        # Without a client the node can never be asked, so there is nothing to wait for.
        self.can_ask = ask_node is not None or not _kube.KUBERNETES_IMPORT_ERROR
        self.tell = tell
        self.environment = tools.environment()
        # What a command that ended well has said on its way.
        self.remarks: list[Finding] = []
        # The start that ended well; whether the cluster comes up is seen later.
        self.started: Completed | None = None
        self.profile_path = os.path.join(tools.minikube_home(), "profiles", wanted.name, "config.json")

    # --- looking

    def version_finding(self) -> tuple[str, Finding | None]:
        """minikube's version, and why it cannot be used."""
        seen = self._minikube(["version", "-o", "json"], CLIENT_SECONDS)
        version = mk.parse_version(seen.stdout)
        if seen.missing:
            return "", CATALOGUE["MK-012"].finding(seen.told(), minikube=self.tools.minikube)
        # CDI since kubernetes/minikube#20959.
        least = "1.37.0" if self.wanted.gpus == "nvidia.com" else "1.33.1" if on_wsl() else "1.32.0"
        if version and self.wanted.gpus and version_key(version) < version_key(least):
            return version, CATALOGUE["MK-011"].finding(f"minikube {version}", found=version, wanted=least)
        return version, None if version else CATALOGUE["MK-199"].finding(seen.told())

    def assess(self) -> Assessment:
        look = self.look()
        state = mk.judge(look)
        assessment = Assessment(look, state)
        cgroup = ""
        if self.wanted.cgroup_driver == "match_engine" and look.engine_reachable:
            cgroup = self._engine_cgroup_driver(assessment)
        if look.profile is not None and state not in (mk.HALF_MADE, mk.CONTAINER_GONE, mk.BUSY) and self.wanted.state != "absent":
            assessment.drift = planning.compare(self.wanted, look.profile, look.container, cgroup, look.inside)
        assessment.steps = planning.plan(self.wanted, state, assessment.drift)
        if state == mk.RUNNING and not assessment.steps and self.wanted.state == "started" and inside.needs_repair(look.inside, self.wanted):
            assessment.steps = [Step(planning.REPAIR, "NVML does not work in the nested node of WSL2", "node_repair")]
        return assessment

    def _engine_cgroup_driver(self, assessment: Assessment) -> str:
        if assessment.engine is None:
            assessment.engine = look_at_engine(self.runner, self.tools.docker)
        return assessment.engine.engine.cgroup_driver if assessment.engine.engine else ""

    def settled(self, seconds: float, coming_up: frozenset[str]) -> Assessment:
        """`assess`, but a cluster that is still coming up is given this time before it counts as ill."""
        try:
            return wait_until(
                "cluster settled",
                self.assess,
                lambda seen: seen.state not in coming_up or self.wanted.state != "started" or self._in_vain(seen),
                seconds,
                every=LOOK_SECONDS,
            )
        except DeadlinePassed as passed:
            return t.cast(Assessment, passed.last)

    def _in_vain(self, seen: Assessment) -> bool:
        return seen.state == mk.API_SILENT and not self.can_ask or mk.without_kubernetes(seen.look)

    def look(self) -> Look:
        name = self.wanted.name
        profile, damaged = self._profile()
        context_known = mk.kubeconfig_names(read_text(self.tools.kubeconfig_path()) or "", name)
        seen = self._run([self.tools.docker, "container", "inspect", name], CLIENT_SECONDS)
        container = _docker.parse_container(seen.stdout) if seen.ok else None
        gone = re.search(r"No such (container|object)", seen.output, re.IGNORECASE) is not None
        if not seen.ok and not gone:
            return Look(False, seen.told() if seen.missing else _docker.cleaned(seen.output) or seen.told(), None, profile, damaged, context_known)
        look = Look(True, "", container, profile, damaged, context_known)
        if container is None and profile is None and not damaged:
            volume = self._run([self.tools.docker, "volume", "inspect", name], CLIENT_SECONDS)
            foreign = volume.ok and not mk.made_by_minikube(_docker.parse_volume_labels(volume.stdout), name)
            look = replace(look, volume=volume.ok, volume_foreign=foreign)
        elif container is not None and container.running and profile is not None:
            look = self._look_at_processes(look)
        if mk.judge(look) == mk.RUNNING:
            return look
        return replace(look, at_work=clean(process.at_work(self.tools.minikube_home(), name)))

    def _look_at_processes(self, look: Look) -> Look:
        done = self._minikube(["status", "-p", self.wanted.name, "-o", "json"], STATUS_SECONDS)
        status = mk.parse_status(done.rc, done.stdout, done.stderr)
        look = replace(look, status=status, node=self.ask_node() if status.processes_run and status.kubeconfig == "Configured" else Node())
        return replace(look, inside=self._look_inside()) if look.node.ready else look

    def _look_inside(self) -> Inside:
        return inside.parse_inside(self._run([self.tools.docker, "exec", self.wanted.name, "sh", "-c", inside.QUESTION], CLIENT_SECONDS))

    def _profile(self) -> tuple[mk.Profile | None, bool]:
        """The profile, and whether it is there but damaged: only after a second look, minikube's last write is not atomic."""
        text = read_text(self.profile_path)
        if text is None:
            return None, False
        profile = mk.parse_profile(text)
        if profile is None:
            try:
                profile = wait_until(
                    "profile written", lambda: mk.parse_profile(read_text(self.profile_path) or ""), lambda seen: seen is not None, 1.0, every=0.2
                )
            except DeadlinePassed:
                return None, True
        return profile, False

    def _ask_node(self) -> Node:
        """The node's Ready condition, from the API server itself."""
        if _kube.KUBERNETES_IMPORT_ERROR:
            return Node(False, False, _kube.no_client())
        try:
            kube = _kube.connect(self.tools.kubeconfig_path(), self.wanted.name)
            readiness = kube.readyz()
            if not readiness.ready:
                return Node(False, False, f"API server {readiness.told()}")
            return node_of(kube.node())
        except _kube.KubeError as error:
            return Node(False, False, str(error))

    # --- doing

    def refusals(self, assessment: Assessment) -> list[Finding]:
        """What does not fit the engine; asked only when a cluster is to be made. Sizes that are `auto` become numbers here."""
        if not any(step.action == planning.START for step in assessment.steps) or assessment.state not in _MADE_ANEW and not _deletes(assessment.steps):
            return []
        if assessment.engine is None:
            assessment.engine = look_at_engine(self.runner, self.tools.docker)
        engine = assessment.engine.engine
        if engine is None:
            return []
        self.wanted, said = declaring.with_sizes(self.wanted, engine.memory_mib, engine.cpus)
        refused = [finding for finding in said if finding.severity == "error"]
        self.remarks += [finding for finding in said if finding.severity != "error"]
        return refused or declaring.engine_refusals(self.wanted, engine.memory_mib, engine.cpus)

    def apply(self, assessment: Assessment) -> Layer | None:
        """Do the steps, each verified by looking; the layer of the step that failed, None when all were done."""
        selected = mk.current_context(read_text(self.tools.kubeconfig_path()) or "") or ""
        try:
            for step in assessment.steps:
                self.tell(f"{step.action}{' ' + step.subject if step.subject else ''}: {step.why}")
                failed = self._do(step, assessment)
                if failed is not None:
                    return failed
            return None
        finally:
            self._select_context(selected)

    def _select_context(self, before: str) -> None:
        """The user's current context stays: delete and stop take this cluster's away, update-context switches to it. Who had none gets this one."""
        path = self.tools.kubeconfig_path()
        text = read_text(path) or ""
        wanted = before or (self.wanted.name if self.wanted.state == "started" else "")
        if mk.current_context(text) in (None, wanted) or wanted == self.wanted.name and not mk.kubeconfig_names(text, wanted):
            return
        replace_text(path, mk.with_current_context(text, wanted))

    def _do(self, step: Step, assessment: Assessment) -> Layer | None:
        name = self.wanted.name
        if step.action == planning.REPAIR:
            return self._repair(assessment)
        if step.action == planning.START:
            cgroup = self._engine_cgroup_driver(assessment) if self.wanted.cgroup_driver == "match_engine" else ""
            kept = None if _deletes(assessment.steps) else assessment.look.profile
            wanted = planning.for_kept(self.wanted, kept, assessment.drift) if kept is not None else self.wanted
            return self._checked(declaring.start_arguments(wanted, cgroup), self.wanted.start_timeout)
        if step.action == planning.DELETE:
            return self._checked(["delete", "-p", name, "-o", "json"], DELETE_SECONDS) or self._verify_deleted()
        if step.action == planning.STOP:
            return self._checked(["stop", "-p", name, "-o", "json"], STOP_SECONDS)
        if step.action == planning.UNPAUSE:
            return self._checked(["unpause", "-p", name, "-o", "json"], CLIENT_SECONDS * 4)
        if step.action == planning.UPDATE_CONTEXT:
            return self._checked(["update-context", "-p", name], CLIENT_SECONDS)
        return self._checked(["addons", "enable" if step.on else "disable", step.subject, "-p", name], CLIENT_SECONDS * 4)

    def _repair(self, assessment: Assessment) -> Layer | None:
        def in_node(argv: list[str], stdin: str | None) -> Completed:
            return self.runner.run([self.tools.docker, "exec", "-i", self.wanted.name, *argv], stdin=stdin, env=self.environment, timeout=CLIENT_SECONDS)

        seen = self._run(["nvidia-smi", "-L"], CLIENT_SECONDS)
        if seen.missing:
            seen = self._run([inside.WSL_SMI, "-L"], CLIENT_SECONDS)
        finding = wsl_gpu.repair(in_node, assessment.look.inside or Inside(False), parse_list(seen.stdout))
        return Layer("cluster", BROKEN, finding.cause, {}, [finding]) if finding is not None else None

    def await_other(self) -> Layer | None:
        """Until the minikube that somebody else has begun has ended; its own steps are shown."""
        events = os.path.join(os.path.dirname(self.profile_path), "events.json")
        told: list[str] = []

        def say(_command: str, _left: float) -> None:
            last = next(reversed(mk.parse_events(read_text(events) or "")), None)
            if last is not None and told[-1:] != [last.told()]:
                told.append(last.told())
                self.tell(f"the other minikube: {clean(last.told())[:200]}")

        try:
            home = self.tools.minikube_home()
            wait_until("other minikube", lambda: process.at_work(home, self.wanted.name), lambda found: not found, self.wanted.start_timeout, LOOK_SECONDS, say)
        except DeadlinePassed as passed:
            finding = CATALOGUE["MK-053"].finding(clean(str(passed.last)), name=self.wanted.name)
            return Layer("cluster", BROKEN, f"another minikube still works on the cluster after {passed.seconds:.0f} s", {}, [finding])
        return None

    def _checked(self, arguments: t.Sequence[str], seconds: float) -> Layer | None:
        done = self._minikube(arguments, seconds, self._tell_event)
        if done.ok:
            self.started = done if arguments[0] == "start" else self.started
            self.remarks += [CATALOGUE["MK-048"].finding(clean(said), addon=name) for name, said in mk.addons_not_applied(done.stdout).items()]
            return None
        if done.timed_out:
            command = " ".join((self.tools.minikube, *arguments[:3]))
            last = next((event.told() for event in reversed(mk.parse_events(done.stdout))), done.output)
            journal = self._journal() if arguments[0] == "start" else ""
            return self._failed(CATALOGUE["MK-041"].finding(clean(last), command=command, seconds=f"{seconds:.0f}"), done, journal)
        journal = self._journal() if arguments[0] == "start" else ""
        reason = mk.exit_reason(done.stdout, done.stderr)
        entry, finding = mk.classify(mk.Reason(reason.name, clean(reason.message)), journal)
        if entry.code == "MK-116":
            # The kubelet has not run yet. What keeps the node's docker from starting is not in `minikube logs` either.
            journal = self._journal("docker", "cri-docker")
        return self._failed(finding, done, journal, entry.status or BROKEN)

    def _failed(self, finding: Finding, done: Completed, journal: str = "", status: str = BROKEN) -> Layer:
        return Layer("cluster", status, finding.cause, {"evidence": self._evidence(done, journal)}, [finding])

    def evidence_of_start(self) -> dict[str, t.Any]:
        """Of a start that ended well although the cluster did not come up; empty when there was none."""
        return self._evidence(self.started, self._journal()) if self.started is not None else {}

    def _evidence(self, done: Completed, journal: str) -> dict[str, t.Any]:
        return {
            "command": clean(" ".join(done.argv)),
            "rc": done.rc,
            "events": [clean(event.told())[:300] for event in mk.parse_events(done.stdout) if event.kind != "download.progress"][-25:],
            "stderr": clean(done.stderr)[-EVIDENCE_LENGTH:],
            "journal": clean(journal)[-EVIDENCE_LENGTH:],
            "path": self._keep(done, journal),
        }

    def _keep(self, done: Completed, journal: str) -> str:
        """`minikube logs` and the rest as files on the target: the next run deletes a half-made node, and its words with it."""
        if done.argv[1:2] != ("start",):
            return ""
        logs = self._minikube(["logs", "-p", self.wanted.name, f"--length={LOG_LINES}"], LOGS_SECONDS)
        files = {"start.jsonl": done.stdout, "start.stderr.txt": done.stderr, "journal.txt": journal, "minikube-logs.txt": logs.output}
        try:
            return clean(evidence.keep(evidence.directory(f"minikube-{self.wanted.name}"), files))
        except OSError as error:
            return f"could not be kept: {error}"

    def _journal(self, *units: str) -> str:
        """The own words of the node's services, the kubelet's by default; minikube's message never has them."""
        asked = [part for unit in units or ("kubelet",) for part in ("-u", unit)]
        seen = self._run([self.tools.docker, "exec", self.wanted.name, "journalctl", *asked, "--no-pager", "-n", str(JOURNAL_LINES)], CLIENT_SECONDS)
        return seen.stdout if seen.ok else ""

    def _verify_deleted(self) -> Layer | None:
        look = self.look()
        if look.volume and not look.volume_foreign:
            # Without a profile minikube may not look for it.
            self._run([self.tools.docker, "volume", "rm", self.wanted.name], CLIENT_SECONDS)
            look = self.look()
        gone = look.engine_reachable and look.container is None and look.profile is None
        if gone and (not look.volume or look.volume_foreign and self.wanted.state != "started"):
            return None
        if gone and look.volume_foreign:
            # A new cluster would be made on it.
            finding = CATALOGUE["MK-058"].finding("the cluster was deleted, the volume was not", name=self.wanted.name)
            return Layer("cluster", BROKEN, finding.cause, {}, [finding])
        state = mk.judge(look)
        finding = CATALOGUE["MK-039"].finding(f"after minikube delete -p {self.wanted.name}", state=f"still {state}")
        return Layer("cluster", BROKEN, finding.cause, {}, [finding])

    def wait_ready(self) -> Assessment:
        """The cluster after something was done: Running is not enough, the node must be Ready."""
        wanted_states = {"started": (mk.RUNNING,), "stopped": (mk.STOPPED, *mk.NOT_THERE), "absent": mk.NOT_THERE}[self.wanted.state]
        told: list[str] = []

        def say(seen: Assessment, left: float) -> None:
            if told[-1:] != [seen.state]:
                told.append(seen.state)
                self.tell(f"the cluster is {seen.state}{': ' + seen.look.node.reason if seen.look.node.reason else ''}; waiting up to {left:.0f} s")

        try:
            return wait_until(
                "cluster ready",
                self.assess,
                lambda seen: seen.state in wanted_states or self._in_vain(seen),
                self.wanted.wait_timeout,
                every=LOOK_SECONDS,
                on_look=say,
            )
        except DeadlinePassed as passed:
            return t.cast(Assessment, passed.last)

    # --- judging

    def layer(self, seen: Assessment, changed: bool = False) -> Layer:
        """What the cluster is now, without regard to what could be done about it."""
        found = [*self.remarks, *declaring.advice(self.wanted), *unreadable_findings(seen.drift)]
        status, finding = state_finding(self.wanted, seen)
        facts = facts_of(self.wanted, seen)
        if finding is not None:
            found.insert(0, finding)
        if seen.state != mk.RUNNING or self.wanted.state != "started":
            summary = finding.cause if finding else f"cluster {self.wanted.name} is {seen.state}, as declared"
            return Layer("cluster", CHANGED if status == OK and changed else status, summary, facts, found)
        if self.wanted.gpus and seen.look.inside is not None:
            facts["gpu_in_node"] = inside.gpu_facts(seen.look.inside)
            gpu_findings = inside.gpu_findings(seen.look.inside, self.wanted)
            found = [*gpu_findings, *found]
            status = next((CATALOGUE[problem.code].status or status for problem in gpu_findings), status)
        return self._running_layer(seen, status, facts, found, changed)

    def _running_layer(self, seen: Assessment, status: str, facts: dict[str, t.Any], found: list[Finding], changed: bool) -> Layer:
        told = f"cluster {self.wanted.name} runs Kubernetes {seen.look.node.kubelet_version or 'of unknown version'}, node Ready"
        missing_gpu = [item for item in seen.pending if item.setting == "gpus"]
        if missing_gpu:
            found.insert(0, CATALOGUE["MK-031"].finding(missing_gpu[0].told()))
            return Layer("cluster", BROKEN, found[0].cause, facts, found)
        if status != OK:
            return Layer("cluster", status, found[0].cause, facts, found)
        if seen.pending:
            found = drift_findings(seen.pending) + found
            return Layer("cluster", DRIFT, f"{told}; " + "; ".join(item.told() for item in seen.pending), facts, found)
        gpus = facts.get("gpu_in_node", {}).get("gpus", [])
        told += f", sees {gpus[0]['name']}" if gpus else ", GPU device present" if self.wanted.gpus else ""
        return Layer("cluster", CHANGED if changed else OK, told, facts, found)

    # --- running

    def _run(self, argv: t.Sequence[str], seconds: float) -> Completed:
        return self.runner.run(argv, env=self.environment, timeout=seconds)

    def _minikube(self, arguments: t.Sequence[str], seconds: float, on_line: t.Callable[[str], None] | None = None) -> Completed:
        return self.runner.run([self.tools.minikube, *arguments], env=self.environment, timeout=seconds, on_line=on_line)

    def _tell_event(self, line: str) -> None:
        event = mk.parse_event(line)
        if event is not None and event.kind not in ("download.progress",) and event.message and "╭" not in event.message:
            self.tell(clean(event.told())[:200])


_MADE_ANEW = frozenset((mk.ABSENT, mk.LEFTOVER, mk.HALF_MADE, mk.CONTAINER_GONE, mk.CORRUPT))


def _deletes(steps: t.Sequence[Step]) -> bool:
    return any(step.action == planning.DELETE for step in steps)


def node_of(node: t.Mapping[str, t.Any]) -> Node:
    status = node.get("status") or {}
    ready: t.Mapping[str, t.Any] = next((item for item in status.get("conditions") or [] if item.get("type") == "Ready"), {})
    reason = f"{ready.get('reason', 'no Ready condition')}: {ready.get('message', '')}".strip(": ")
    is_ready = ready.get("status") == "True"
    return Node(True, is_ready, "" if is_ready else reason, str((status.get("nodeInfo") or {}).get("kubeletVersion", "")))


def replace_text(path: str, text: str) -> None:
    """A reader sees the old file or the new one; the mode stays (a kubeconfig is private), and a link stays a link."""
    path = os.path.realpath(path)
    mode = os.stat(path).st_mode & 0o777
    part = f"{path}.gpudev-{os.getpid()}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(part, path)
