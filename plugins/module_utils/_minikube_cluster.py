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
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker, _kube
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import trimmed
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import Outcome, look_at_engine
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, NOT_APPLICABLE, OK, UNSUPPORTED, Finding, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import CATALOGUE, Declaration, Drift, Look, Node, Step
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
GPU_DEVICES = ("/dev/dxg", "/dev/nvidiactl")
WSL_SMI = "/usr/lib/wsl/lib/nvidia-smi"

_SECRET = re.compile(r"(?i)(bearer\s+|(?:token|password|passwd|secret|client-key-data|authorization)[\"']?\s*[:=]\s*[\"']?)[^\s\"',]+")
# As in a proxy's address.
_CREDENTIALS = re.compile(r"(://)[^\s/@\"']+@")


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


@dataclass
class Assessment:
    """One look at the cluster, judged."""

    look: Look
    state: str
    drift: list[Drift] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    engine: Outcome | None = None

    @property
    def pending(self) -> list[Drift]:
        return [item for item in self.drift if item.effect != mk.CANNOT_BE_READ]


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
        self.wanted = wanted
        self.tools = tools
        self.ask_node = ask_node or self._ask_node
        # Without a client the node can never be asked, so there is nothing to wait for.
        self.can_ask = ask_node is not None or not _kube.KUBERNETES_IMPORT_ERROR
        self.tell = tell
        self.environment = tools.environment()
        # What a command that ended well has said on its way.
        self.remarks: list[Finding] = []
        self.profile_path = os.path.join(tools.minikube_home(), "profiles", wanted.name, "config.json")

    # --- looking

    def version_finding(self) -> tuple[str, Finding | None]:
        """minikube's version, and why it cannot be used."""
        seen = self._minikube(["version", "-o", "json"], CLIENT_SECONDS)
        version = mk.parse_version(seen.stdout)
        if seen.missing:
            return "", CATALOGUE["MK-012"].finding(seen.told(), minikube=self.tools.minikube)
        least = "1.33.1" if on_wsl() else "1.32.0"
        if version and self.wanted.gpus and version_key(version) < version_key(least):
            return version, CATALOGUE["MK-011"].finding(f"minikube {version}", found=version, wanted=least)
        return version, None if version else CATALOGUE["MK-199"].finding(seen.told())

    def assess(self) -> Assessment:
        look = self.look()
        state = mk.judge(look)
        assessment = Assessment(look, state)
        cgroup = ""
        if self.wanted.cgroup_driver == "match_engine" and look.engine_reachable:
            assessment.engine = look_at_engine(self.runner, self.tools.docker)
            cgroup = assessment.engine.engine.cgroup_driver if assessment.engine.engine else ""
        if look.profile is not None and state not in (mk.HALF_MADE, mk.CONTAINER_GONE) and self.wanted.state != "absent":
            assessment.drift = mk.compare(self.wanted, look.profile, look.container, cgroup)
        assessment.steps = mk.plan(self.wanted, state, assessment.drift)
        return assessment

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
        return seen.state == mk.API_SILENT and not self.can_ask

    def look(self) -> Look:
        name = self.wanted.name
        profile, damaged = self._profile()
        context_known = mk.kubeconfig_names(read_text(self.tools.kubeconfig_path()) or "", name)
        seen = self._run([self.tools.docker, "container", "inspect", name], CLIENT_SECONDS)
        container = _docker.parse_container(seen.stdout) if seen.ok else None
        gone = re.search(r"No such (container|object)", seen.output, re.IGNORECASE) is not None
        if not seen.ok and not gone:
            return Look(False, seen.told() if seen.missing else _docker.cleaned(seen.output) or seen.told(), None, profile, damaged, context_known)
        if container is None or not container.running or profile is None:
            return Look(True, "", container, profile, damaged, context_known)
        done = self._minikube(["status", "-p", name, "-o", "json"], STATUS_SECONDS)
        status = mk.parse_status(done.rc, done.stdout, done.stderr)
        node = self.ask_node() if status.processes_run and status.kubeconfig == "Configured" else Node()
        return Look(True, "", container, profile, damaged, context_known, status, node)

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

    def gpu_in_node(self) -> tuple[dict[str, t.Any], list[Finding]]:
        """Whether the GPU reached the node: its device, and nvidia-smi. /dev/nvidia0 would be the wrong thing to look for on WSL2."""
        listed = self._run([self.tools.docker, "exec", self.wanted.name, "ls", *GPU_DEVICES], CLIENT_SECONDS)
        devices = [line for line in listed.stdout.split() if line in GPU_DEVICES]
        facts: dict[str, t.Any] = {"devices": devices, "gpus": []}
        if not devices:
            looked = "No such file or directory" in listed.output
            return facts, [CATALOGUE["MK-032"].finding(listed.output) if looked else CATALOGUE["MK-046"].finding(listed.told())]
        smi = self._run([self.tools.docker, "exec", self.wanted.name, "nvidia-smi", "-L"], CLIENT_SECONDS)
        if not smi.ok and "executable file not found" in smi.output and "/dev/dxg" in devices:
            smi = self._run([self.tools.docker, "exec", self.wanted.name, WSL_SMI, "-L"], CLIENT_SECONDS)
        facts["gpus"] = [{"index": gpu.index, "name": gpu.name, "uuid": gpu.uuid} for gpu in parse_list(smi.stdout)]
        if facts["gpus"]:
            return facts, []
        entry = CATALOGUE["MK-034"] if CATALOGUE["MK-034"].matches(smi.output) else CATALOGUE["MK-033"]
        return facts, [entry.finding(smi.output or smi.told())]

    # --- doing

    def refusals(self, assessment: Assessment) -> list[Finding]:
        """What does not fit the engine; asked only when a cluster is to be made."""
        if not any(step.action == mk.START for step in assessment.steps) or assessment.state not in _MADE_ANEW and not _deletes(assessment.steps):
            return []
        if assessment.engine is None:
            assessment.engine = look_at_engine(self.runner, self.tools.docker)
        engine = assessment.engine.engine
        return mk.engine_refusals(self.wanted, engine.memory_mib, engine.cpus) if engine else []

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
        if step.action == mk.START:
            cgroup = assessment.engine.engine.cgroup_driver if assessment.engine and assessment.engine.engine else ""
            return self._checked(mk.start_arguments(self.wanted, cgroup), self.wanted.start_timeout)
        if step.action == mk.DELETE:
            return self._checked(["delete", "-p", name, "-o", "json"], DELETE_SECONDS) or self._verify_deleted()
        if step.action == mk.STOP:
            return self._checked(["stop", "-p", name, "-o", "json"], STOP_SECONDS)
        if step.action == mk.UNPAUSE:
            return self._checked(["unpause", "-p", name, "-o", "json"], CLIENT_SECONDS * 4)
        if step.action == mk.UPDATE_CONTEXT:
            return self._checked(["update-context", "-p", name], CLIENT_SECONDS)
        return self._checked(["addons", "enable" if step.on else "disable", step.subject, "-p", name], CLIENT_SECONDS * 4)

    def _checked(self, arguments: t.Sequence[str], seconds: float) -> Layer | None:
        done = self._minikube(arguments, seconds, self._tell_event)
        if done.ok:
            self.remarks += [CATALOGUE["MK-048"].finding(clean(said), addon=name) for name, said in mk.addons_not_applied(done.stdout).items()]
            return None
        if done.timed_out:
            command = " ".join((self.tools.minikube, *arguments[:3]))
            last = next((event.told() for event in reversed(mk.parse_events(done.stdout))), done.output)
            return self._failed(CATALOGUE["MK-041"].finding(clean(last), command=command, seconds=f"{seconds:.0f}"), done)
        journal = self._journal() if arguments[0] == "start" else ""
        reason = mk.exit_reason(done.stdout, done.stderr)
        entry, finding = mk.classify(mk.Reason(reason.name, clean(reason.message)), journal)
        return self._failed(finding, done, journal, entry.status or BROKEN)

    def _failed(self, finding: Finding, done: Completed, journal: str = "", status: str = BROKEN) -> Layer:
        evidence = {
            "command": clean(" ".join(done.argv)),
            "rc": done.rc,
            "events": [clean(event.told())[:300] for event in mk.parse_events(done.stdout) if event.kind != "download.progress"][-25:],
            "stderr": clean(done.stderr)[-EVIDENCE_LENGTH:],
            "journal": journal,
        }
        return Layer("cluster", status, finding.cause, {"evidence": evidence}, [finding])

    def _journal(self) -> str:
        """The kubelet's own words; minikube's message never has them."""
        argv = [self.tools.docker, "exec", self.wanted.name, "journalctl", "-u", "kubelet", "--no-pager", "-n", str(JOURNAL_LINES)]
        seen = self._run(argv, CLIENT_SECONDS)
        return clean(seen.stdout)[-EVIDENCE_LENGTH:] if seen.ok else ""

    def _verify_deleted(self) -> Layer | None:
        look = self.look()
        if look.engine_reachable and look.container is None and look.profile is None:
            return None
        state = mk.judge(look)
        finding = CATALOGUE["MK-039"].finding(f"after minikube delete -p {self.wanted.name}", state=f"still {state}")
        return Layer("cluster", BROKEN, finding.cause, {}, [finding])

    def wait_ready(self) -> Assessment:
        """The cluster after something was done: Running is not enough, the node must be Ready."""
        wanted_states = {"started": (mk.RUNNING,), "stopped": (mk.STOPPED, mk.ABSENT), "absent": (mk.ABSENT,)}[self.wanted.state]
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
        found = [*self.remarks, *mk.advice(self.wanted), *unreadable_findings(seen.drift)]
        status, finding = state_finding(self.wanted, seen)
        facts = facts_of(self.wanted, seen)
        if finding is not None:
            found.insert(0, finding)
        if seen.state != mk.RUNNING or self.wanted.state != "started":
            summary = finding.cause if finding else f"cluster {self.wanted.name} is {seen.state}, as declared"
            return Layer("cluster", CHANGED if status == OK and changed else status, summary, facts, found)
        if self.wanted.gpus:
            facts["gpu_in_node"], gpu_findings = self.gpu_in_node()
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


_MADE_ANEW = frozenset((mk.ABSENT, mk.HALF_MADE, mk.CONTAINER_GONE, mk.CORRUPT))

_STATE_CODES = {
    mk.ENGINE_UNREACHABLE: "MK-020",
    mk.ABSENT: "MK-044",
    mk.FOREIGN_CONTAINER: "MK-023",
    mk.FOREIGN_PROFILE: "MK-024",
    mk.HALF_MADE: "MK-021",
    mk.CONTAINER_GONE: "MK-022",
    mk.CORRUPT: "MK-025",
    mk.STOPPED: "MK-045",
    mk.PAUSED: "MK-040",
    mk.KUBELET_DOWN: "MK-027",
    mk.API_DOWN: "MK-026",
    mk.STALE_KUBECONFIG: "MK-028",
    mk.API_SILENT: "MK-042",
    mk.NOT_READY: "MK-029",
}


def _deletes(steps: t.Sequence[Step]) -> bool:
    return any(step.action == mk.DELETE for step in steps)


def state_finding(wanted: Declaration, seen: Assessment) -> tuple[str, Finding | None]:
    """The layer's status for a state, and the finding that explains it; none for the state that is declared."""
    as_declared = {"started": (mk.RUNNING,), "stopped": (mk.STOPPED,), "absent": (mk.ABSENT,)}[wanted.state]
    if seen.state in as_declared:
        return (NOT_APPLICABLE if wanted.state == "absent" else OK), None
    look = seen.look
    if seen.state == mk.RUNNING:
        return BROKEN, CATALOGUE["MK-039"].finding(f"state: {wanted.state} is declared", state=seen.state)
    code = _STATE_CODES[seen.state]
    if seen.state == mk.API_SILENT:
        code = next((known for known in ("MK-030", "MK-047") if CATALOGUE[known].matches(look.node.reason)), code)
    symptom = {mk.ENGINE_UNREACHABLE: look.engine_text, mk.NOT_READY: look.node.reason, mk.API_SILENT: look.node.reason}.get(seen.state, look.status.text)
    entry = CATALOGUE[code]
    return entry.status or BROKEN, entry.finding(symptom or f"the cluster is {seen.state}", name=wanted.name)


def drift_findings(drift: t.Sequence[Drift]) -> list[Finding]:
    found = []
    for effect, code in ((mk.RECREATE, "MK-035"), (mk.RESTART, "MK-036")):
        items = [item for item in drift if item.effect == effect]
        if items:
            found.append(CATALOGUE[code].finding("; ".join(item.told() for item in items), settings=", ".join(item.setting for item in items)))
    return found


def unreadable_findings(drift: t.Sequence[Drift]) -> list[Finding]:
    items = [item.setting for item in drift if item.effect == mk.CANNOT_BE_READ]
    return [CATALOGUE["MK-037"].finding(", ".join(items), settings=", ".join(items))] if items else []


def facts_of(wanted: Declaration, seen: Assessment) -> dict[str, t.Any]:
    look = seen.look
    return {
        "name": wanted.name,
        "state": seen.state,
        "status": look.status.as_dict(),
        "node": {"ready": look.node.ready, "reason": look.node.reason, "kubelet_version": look.node.kubelet_version},
        "profile": look.profile.as_dict() if look.profile else {},
        "container": {"status": look.container.status, "gpus": look.container.gpus, "image": look.container.image} if look.container else {},
    }


def refused_layer(findings: t.Sequence[Finding]) -> Layer:
    return Layer("cluster", UNSUPPORTED, "refused before anything was touched: " + " ".join(finding.cause for finding in findings), {}, list(findings))


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


def clean(text: str) -> str:
    """Evidence without secrets and without the home directory."""
    home = os.path.expanduser("~")
    text = _CREDENTIALS.sub(r"\1***@", _SECRET.sub(r"\1***", text))
    return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text) if len(home) > 1 else text


def told_steps(steps: t.Sequence[Step]) -> str:
    return trimmed("; ".join(f"{step.action}{' ' + step.subject if step.subject else ''} ({step.why})" for step in steps))
