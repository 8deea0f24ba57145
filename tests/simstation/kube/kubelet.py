# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet: takes pods from ContainerCreating to their end with the states, reasons and events of `recordings/kube`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from . import applications, bootstrap, device_plugin, gpu, programs
from .applications import Applications
from .device_plugin import Plugin
from .engine import Context, Step
from .pod_status import PodStatus, container_id
from .scheduler import requests
from .store import resource

Object = dict[str, Any]

MANAGER = "kubelet"
PODS = "pods"
# Simulated seconds, from recordings/kube/gpu_pod_success.jsonl and recordings/gpu (restart_timeline, two_plugins_timeline).
ACCEPT, CREATE, PULL, FINISH, REGISTER, REBOOT = 0.2, 0.3, 6.0, 1.2, 1.0, 6.0
# recordings/kube/kubelet_restart.jsonl: the plugin's pod runs on, its devices are back some ten seconds later.
REGISTER_AGAIN = 10.0
# Between two readiness probes: the default of periodSeconds.
PROBE = 10.0
# recordings/kube/pod_image_pull.jsonl, with the name server's address left out.
PULL_ERROR = (
    'failed to pull and unpack image "{image}": failed to resolve reference "{image}": failed to do request: '
    'Head "https://{host}/v2/{path}/manifests/{tag}": dial tcp: lookup {host}: no such host'
)
PULL_MISSING = 'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
PUBLIC_IMAGES = re.compile(
    r"^(nvcr\.io/nvidia/(cuda|k8s-device-plugin|k8s/cuda-sample)|(docker\.io/)?(library/)?(busybox|alpine|ubuntu|debian|nginx|httpd)"
    r"|(docker\.io/)?nvidia/cuda|registry\.k8s\.io/pause)(:|@|$)"
)


class Kubelet:
    def __init__(self, context: Context, applications: Applications) -> None:
        self.context = context
        self.applications = applications
        self.status = PodStatus(context)

    # --- planning ---

    def plan(self) -> Iterator[Step]:
        for pod in self.context.all(PODS):
            if not pod["spec"].get("nodeName"):
                continue
            step = self._next(pod)
            if step:
                yield step

    def _next(self, pod: Object) -> Step | None:
        runtime = self._runtime(pod["metadata"]["uid"])
        stage = runtime.get("stage", "new")
        if pod["metadata"].get("deletionTimestamp"):
            return self._deletion(pod, stage)
        if stage in ("running", "waiting") and runtime.get("boot", 0) < self.context.section.get("boots", 0):
            return self._step(pod, f"reboot-{self.context.section['boots']}", REBOOT, self._reboot)
        simple = {
            "new": ("accept", ACCEPT, self._accept),
            "sandbox": ("create", CREATE, self._create),
            "pulling": ("pulled", PULL, self._pulled),
            "deadline": ("deadline-over", pod["spec"]["terminationGracePeriodSeconds"] + 1.0, self._deadline_over),
        }
        if stage in simple:
            return self._step(pod, *simple[stage])
        timed = {"running": self._running, "exited": self._after_exit, "creating": self._waits, "config-error": self._waits}
        if stage in timed:
            return timed[stage](pod, runtime)
        return self._retry(pod, runtime, stage)

    def _deletion(self, pod: Object, stage: str) -> Step:
        if stage not in ("running", "deadline"):
            return self._step(pod, "remove", 0.3, self._remove)
        if pod["status"].get("observedGeneration") != pod["metadata"].get("generation"):
            return self._step(pod, "notice", 0.05, self._notice)
        return self._step(pod, "kill", self._grace(pod), self._kill)

    def _waits(self, pod: Object, runtime: Object) -> Step | None:
        """Nothing to do as long as what the pod needs is not there."""
        if runtime["stage"] == "creating":
            return None if self._blocked(pod) else self._step(pod, "sandbox", CREATE, self._sandbox)
        return None if self._missing_reference(pod) else self._step(pod, "create", CREATE, self._create)

    def _retry(self, pod: Object, runtime: Object, stage: str) -> Step | None:
        if stage == "pull-failed":
            return self._step(pod, f"pull-again-{runtime.get('pulls', 1)}", 10.0 * runtime.get("pulls", 1), self._back_off_pull)
        if stage == "back-off":
            return self._step(pod, f"restart-{runtime['restarts']}", min(10.0 * 2 ** (runtime["restarts"] - 1), 300.0), self._start)
        return None

    def _running(self, pod: Object, runtime: Object) -> Step | None:
        if runtime.get("registers"):
            return self._step(pod, f"register-{runtime.get('restarts', 0)}", runtime.get("register_after", REGISTER), self._register)
        if runtime.get("unready"):
            return self._step(pod, f"probe-{runtime['unready']}", PROBE, self._probe)
        deadline = pod["spec"].get("activeDeadlineSeconds")
        if runtime.get("code") is None:
            return self._step(pod, "deadline", deadline, self._deadline) if deadline else None
        if deadline and deadline < runtime["seconds"]:
            return self._step(pod, "deadline", deadline, self._deadline)
        return self._step(pod, f"exit-{runtime.get('restarts', 0)}", runtime["seconds"], self._exit)

    def _after_exit(self, pod: Object, runtime: Object) -> Step:
        policy = pod["spec"]["restartPolicy"]
        if policy == "Never" or (policy == "OnFailure" and runtime["code"] == 0):
            return self._step(pod, "finish", FINISH, self._finish)
        if not runtime.get("restarts"):
            return self._step(pod, "restart-0", 0.5, self._start)
        return self._step(pod, f"back-off-{runtime['restarts']}", 1.0, self._back_off)

    def _step(self, pod: Object, label: str, delay: float, run: Callable[[Object], None]) -> Step:
        metadata = pod["metadata"]

        def go() -> None:
            found = self.context.store.get(resource(PODS), metadata["namespace"], metadata["name"])
            if found and found["metadata"]["uid"] == metadata["uid"]:
                run(found)

        return Step(f"pod-{metadata['uid']}", label, delay, go)

    def _runtime(self, uid: str) -> Object:
        found: Object = self.context.section.get("runtime", {}).get(uid, {})
        return found

    def _note(self, pod: Object, **values: Any) -> None:
        with self.context.station.changed():
            self.context.runtime(pod["metadata"]["uid"]).update(values)

    def _blocked(self, pod: Object) -> bool:
        """Waits for something that may still come: the network, a volume."""
        return not self._network_ready(pod) or self._missing_volume(pod) is not None

    def _network_ready(self, pod: Object) -> bool:
        return bool(self.context.knobs.get("node_ready", True) or pod["spec"].get("hostNetwork"))

    def _missing_volume(self, pod: Object) -> tuple[str, str] | None:
        for volume in pod["spec"].get("volumes") or []:
            for kind, key, field in (("configmap", "configMap", "name"), ("secret", "secret", "secretName")):
                source = volume.get(key)
                if source and not source.get("optional"):
                    found = self.context.store.get(resource(f"{kind}s"), pod["metadata"]["namespace"], source.get(field, ""))
                    if not found:
                        return volume["name"], f'{kind} "{source.get(field)}" not found'
        return None

    def _missing_reference(self, pod: Object) -> str:
        """What an environment variable refers to and is not there."""
        container = pod["spec"]["containers"][0]
        sources = [(entry.get("valueFrom") or {}) for entry in container.get("env") or []] + list(container.get("envFrom") or [])
        for source in sources:
            for kind, names in (("configmap", ("configMapKeyRef", "configMapRef")), ("secret", ("secretKeyRef", "secretRef"))):
                for name in names:
                    wanted = source.get(name)
                    if not wanted or wanted.get("optional"):
                        continue
                    found = self.context.store.get(resource(f"{kind}s"), pod["metadata"]["namespace"], wanted["name"])
                    if not found:
                        return f'{kind} "{wanted["name"]}" not found'
                    if "key" in wanted and wanted["key"] not in (found.get("data") or {}):
                        return f"couldn't find key {wanted['key']} in {kind.replace('m', 'M').capitalize()} {pod['metadata']['namespace']}/{wanted['name']}"
        return ""

    # --- admission and creation ---

    def _accept(self, pod: Object) -> None:
        problem = self._device_problem(pod)
        if problem:
            self._reject(pod, problem)
            return
        self._note(pod, stage="creating", boot=self.context.section.get("boots", 0))
        self.status.write(pod, {"phase": "Pending"}, {"waiting": {"reason": "ContainerCreating"}}, sandbox=False)
        missing = self._missing_volume(pod)
        if missing:
            self.context.event(pod, "Pod", "FailedMount", f'MountVolume.SetUp failed for volume "{missing[0]}" : {missing[1]}', warning=True)
        elif not self._network_ready(pod):
            self.context.event(pod, "Pod", "NetworkNotReady", f"network is not ready: {bootstrap.NETWORK_NOT_READY}", warning=True)

    def _device_problem(self, pod: Object) -> str:
        """The device manager's refusal of a pod that was bound although the devices are not there."""
        known = device_plugin.devices(self.context)
        for name, amount in requests(pod).items():
            if "/" not in name:
                continue
            entry = known.get(name)
            if entry is None:
                return f"Allocate failed due to cannot allocate unregistered device {name}, which is unexpected"
            if entry.get("one_each") and amount > 1:
                # NVIDIA/k8s-device-plugin, README "With CUDA Time-Slicing"; the plugin's words since 0.15 as in facts/device-plugin.md.
                text = f"invalid request: maximum request size for shared resources is 1; found {int(amount)}"
                return f"Allocate failed due to rpc error: code = Unknown desc = {text}, which is unexpected"
            free = int(entry["healthy"] - self._held(name, pod["metadata"]["uid"]))
            if amount > free:
                text = f"Allocate failed due to requested number of devices unavailable for {name}."
                return f"{text} Requested: {int(amount)}, Available: {free}, which is unexpected"
        return ""

    def _held(self, name: str, but: str) -> int:
        total = 0
        for other in self.context.all(PODS):
            uid = other["metadata"]["uid"]
            if uid != but and self._runtime(uid).get("stage", "new") not in ("new", "done"):
                total += int(requests(other).get(name, 0))
        return total

    def _reject(self, pod: Object, problem: str) -> None:
        def change(status: Object) -> None:
            status.update(phase="Failed", reason="UnexpectedAdmissionError", message=f"Pod was rejected: {problem}", startTime=self.context.stamp())
            status["observedGeneration"] = pod["metadata"].get("generation", 1)
            status.pop("conditions", None)

        self._note(pod, stage="done")
        self.context.set_status(resource(PODS), pod, change, MANAGER)
        self.context.event(pod, "Pod", "UnexpectedAdmissionError", problem, warning=True)

    def _sandbox(self, pod: Object) -> None:
        self._note(pod, stage="sandbox")
        self.status.write(pod, {"phase": "Pending"}, {"waiting": {"reason": "ContainerCreating"}})

    def _create(self, pod: Object) -> None:
        spec = pod["spec"]
        if len(spec["containers"]) > 1 or spec.get("initContainers"):
            what = f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}: more than one container"
            self.context.station.record_error("kubernetes: not imitated", what)
            self._note(pod, stage="exited", code=programs.UNKNOWN_EXIT, seconds=0)
            self.context.logs.begin(pod["metadata"]["uid"], spec["containers"][0]["name"])
            self._terminated(pod, programs.UNKNOWN_EXIT, message=f"simulated station: {what} is not imitated")
            return
        container = spec["containers"][0]
        image, policy = container["image"], container["imagePullPolicy"]
        if not self._image_name_ok(pod, image):
            return
        if policy == "Never" and not self._present(image):
            text = f'Container image "{image}" is not present with pull policy of Never'
            self._waiting(pod, "ErrImageNeverPull", text)
            self._pod_event(pod, "ErrImageNeverPull", text, warning=True)
            self._pod_event(pod, "Failed", "Error: ErrImageNeverPull", warning=True)
        elif policy == "Always" or not self._present(image):
            self._pull(pod)
        else:
            self._pod_event(pod, "Pulled", f'Container image "{image}" already present on machine and can be accessed by the pod')
            self._start_if_configured(pod)

    def _start_if_configured(self, pod: Object) -> None:
        missing = self._missing_reference(pod)
        if not missing:
            self._start(pod)
            return
        self._waiting(pod, "CreateContainerConfigError", missing, stage="config-error")
        self._pod_event(pod, "Failed", f"Error: {missing}", warning=True)

    def _image_name_ok(self, pod: Object, image: str) -> bool:
        name = re.split(r"[:@]", image.rsplit("/", 1)[-1])[0]
        path = image.split("/", 1)[1] if "/" in image and re.search(r"[.:]|^localhost$", image.split("/", 1)[0]) else image
        repository = re.split(r"[:@]", path)[0]
        if repository == repository.lower() and name:
            return True
        text = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": '
        text += f"invalid reference format: repository name ({repository}) must be lowercase"
        self._waiting(pod, "InvalidImageName", text)
        self._pod_event(pod, "InspectFailed", text, warning=True)
        self._pod_event(pod, "Failed", "Error: InvalidImageName", warning=True)
        return False

    def _present(self, image: str) -> bool:
        wanted = image.split("@")[0]
        names = {name for entry in self.context.node()["status"].get("images") or [] for name in entry["names"]} | set(self.context.knobs.get("images") or [])
        short = {_short(name) for name in names} | {_short(name.split("@")[0]) for name in names}
        return _short(image) in short or ("@" in image and ":" in wanted.rsplit("/", 1)[-1] and _short(wanted) in short)

    def _pull_problem(self, image: str) -> str:
        local = bool(applications.record_of(self.context.section, image))
        if (self._present(image) and not local) or (self.context.knobs.get("image_pull", "ok") == "ok" and PUBLIC_IMAGES.match(image)):
            return ""
        host, path, tag = _reference(image)
        if self.context.knobs.get("image_pull", "ok") == "ok" and host != "nvcr.io":
            return PULL_MISSING.format(image=image)
        return PULL_ERROR.format(image=image, host=host, path=path, tag=tag)

    def _pull(self, pod: Object) -> None:
        image = pod["spec"]["containers"][0]["image"]
        self._pod_event(pod, "Pulling", f'Pulling image "{image}"')
        problem = self._pull_problem(image)
        if not problem:
            self._note(pod, stage="pulling")
            self.status.write(pod, {"phase": "Pending"}, {"waiting": {"reason": "ContainerCreating"}})
            return
        self._note(pod, stage="pull-failed", pulls=min(self._runtime(pod["metadata"]["uid"]).get("pulls", 0) + 1, 30))
        self._waiting(pod, "ErrImagePull", problem, stage="pull-failed")
        self._pod_event(pod, "Failed", f'Failed to pull image "{image}": {problem}', warning=True)
        self._pod_event(pod, "Failed", "Error: ErrImagePull", warning=True)

    def _back_off_pull(self, pod: Object) -> None:
        image = pod["spec"]["containers"][0]["image"]
        if self._runtime(pod["metadata"]["uid"]).get("backed_off"):
            self._note(pod, backed_off=False)
            self._pull(pod)
            return
        problem = self._pull_problem(image)
        self._note(pod, backed_off=True, pulls=self._runtime(pod["metadata"]["uid"])["pulls"] + 1)
        self._pod_event(pod, "BackOff", f'Back-off pulling image "{image}"')
        self._pod_event(pod, "Failed", "Error: ImagePullBackOff", warning=True)
        if problem:
            self._waiting(pod, "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {problem}', stage="pull-failed")

    def _pulled(self, pod: Object) -> None:
        image = pod["spec"]["containers"][0]["image"]
        if not self._present(image):

            def change(status: Object) -> None:
                status.setdefault("images", []).append({"names": [image], "sizeBytes": 100_000_000})

            self.context.set_status(resource("nodes"), self.context.node(), change, MANAGER)
        text = f'Successfully pulled image "{image}" in {PULL:.3f}s ({PULL:.3f}s including waiting). Image size: 100000000 bytes.'
        self._pod_event(pod, "Pulled", text)
        self._start_if_configured(pod)

    # --- running ---

    def _start(self, pod: Object) -> None:
        uid, container = pod["metadata"]["uid"], pod["spec"]["containers"][0]
        runtime = self._runtime(uid)
        again = runtime.get("stage") in ("exited", "back-off", "waiting")
        restarts = runtime.get("restarts", 0) + (1 if again else 0)
        if again:
            self._pod_event(pod, "Pulled", f'Container image "{container["image"]}" already present on machine and can be accessed by the pod')
        outcome, registers = self._outcome(pod)
        self._pod_event(pod, "Created", "Container created")
        self.context.logs.begin(uid, container["name"])
        values: Object = {"boot": self.context.section.get("boots", 0), "restarts": restarts, "code": outcome.code, "seconds": outcome.seconds}
        if outcome.start_error:
            self._note(pod, **{**values, "stage": "exited"})
            self._pod_event(pod, "Failed", f"Error: {outcome.start_error}", warning=True)
            self._terminated(pod, outcome.code or 128, message=outcome.start_error, reason="StartError", phase="Pending")
            return
        self.context.logs.write(uid, container["name"], outcome.output, self.context.precise())
        unready = int(self._probed(container))
        self._note(pod, **values, stage="running", registers=registers, started=self.context.stamp(), unready=unready)
        self._pod_event(pod, "Started", "Container started")
        self.status.write(pod, {"phase": "Running"}, {"running": {"startedAt": self.context.stamp()}}, ready=not unready, restarts=restarts)

    def _probed(self, container: Object) -> bool:
        """Only programs that really run can be asked whether they are ready."""
        return "readinessProbe" in container and applications.runs_by_itself(self.context.section, container)

    def _probe(self, pod: Object) -> None:
        runtime = self._runtime(pod["metadata"]["uid"])
        ready, why = self.applications.healthy(pod)
        if not ready:
            self._note(pod, unready=runtime["unready"] + 1)
            self._pod_event(pod, "Unhealthy", f"Readiness probe failed: {why}", warning=True)
            return
        self._note(pod, unready=0)
        self.status.write(pod, {"phase": "Running"}, {"running": {"startedAt": runtime["started"]}}, ready=True, restarts=runtime.get("restarts", 0))

    def _outcome(self, pod: Object) -> tuple[programs.Outcome, bool]:
        container = pod["spec"]["containers"][0]
        if device_plugin.is_plugin(container["image"]) and not container.get("command"):
            text, code, registers = Plugin(self.context, pod).start()
            return programs.Outcome(text, code, 0.5), registers
        if applications.runs_by_itself(self.context.section, container):
            return programs.Outcome(code=programs.FOREVER), False
        granted = any(name.startswith("nvidia.com/") for name in requests(pod))
        surroundings = programs.Surroundings(container["image"], gpu.usable(self.context), granted, self.context.now())
        outcome = programs.run(container, surroundings)
        if outcome.unknown:
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            self.context.station.record_error("kubernetes pod: command not imitated", f"{where}: {outcome.unknown}")
        return outcome, False

    def _register(self, pod: Object) -> None:
        uid, name = pod["metadata"]["uid"], pod["spec"]["containers"][0]["name"]
        with self.context.station.changed():
            text = Plugin(self.context, pod).register()
        self.context.logs.write(uid, name, text, self.context.precise())
        self._note(pod, registers=False)
        self.context.store.on_change()

    def _exit(self, pod: Object) -> None:
        code = self._runtime(pod["metadata"]["uid"])["code"]
        self._note(pod, stage="exited")
        self._terminated(pod, code)

    def _back_off(self, pod: Object) -> None:
        runtime = self._runtime(pod["metadata"]["uid"])
        delay = min(10 * 2 ** (runtime["restarts"] - 1), 300)
        name, metadata = pod["spec"]["containers"][0]["name"], pod["metadata"]
        where = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        text = f"{delay // 60}m{delay % 60}s" if delay >= 60 else f"{delay}s"
        self._note(pod, stage="back-off")
        self._pod_event(pod, "BackOff", f"Back-off restarting failed container {name} in pod {where}", warning=True)
        # The waiting state as in recordings/gpu/novis_pods.json (minikube, docker).
        message = f"back-off {text} restarting failed container={name} pod={where}"
        self._waiting(pod, "CrashLoopBackOff", message, stage="back-off", phase="Running")

    def _finish(self, pod: Object) -> None:
        code = self._runtime(pod["metadata"]["uid"])["code"]
        self._note(pod, stage="done")

        def change(status: Object) -> None:
            status["phase"] = "Succeeded" if code == 0 else "Failed"
            self.status.sandbox_gone(status)

        self.context.set_status(resource(PODS), pod, change, MANAGER)

    def _deadline(self, pod: Object) -> None:
        """First the pod counts as failed although its container still runs, as in recordings/kube/gpu_pod_pending.jsonl."""
        runtime = self._runtime(pod["metadata"]["uid"])
        self._note(pod, stage="deadline", code=137)
        running = {"running": {"startedAt": runtime["started"]}}
        self.status.write(pod, {"phase": "Running"}, running, restarts=runtime.get("restarts", 0), code=137, failed=True)

    def _deadline_over(self, pod: Object) -> None:
        self._note(pod, stage="done")
        reason = {"reason": "DeadlineExceeded", "message": "Pod was active on the node longer than the specified deadline"}
        self._terminated(pod, 137, phase="Failed", failed=True)
        self.context.set_status(resource(PODS), pod, lambda status: status.update(reason), MANAGER)
        self.context.event(pod, "Pod", "DeadlineExceeded", "Pod was active on the node longer than specified deadline")

    def _reboot(self, pod: Object) -> None:
        """After the node came back every container is started anew."""
        runtime = self._runtime(pod["metadata"]["uid"])
        self._lose_plugin(pod)
        if runtime["stage"] == "waiting":
            self._note(pod, boot=self.context.section["boots"], stage="creating")
            return
        self._note(pod, boot=self.context.section["boots"], stage="exited", code=255)
        self._terminated(pod, 255)
        self.context.event(pod, "Pod", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
        if pod["spec"]["restartPolicy"] != "Never":
            found = self.context.store.get(resource(PODS), pod["metadata"]["namespace"], pod["metadata"]["name"])
            self._start(found or pod)

    def _grace(self, pod: Object) -> float:
        """A shell that sleeps ignores SIGTERM, the plugin heeds it."""
        if device_plugin.is_plugin(pod["spec"]["containers"][0]["image"]):
            return 0.5
        return float(pod["metadata"].get("deletionGracePeriodSeconds") or 0) + 0.7

    def _notice(self, pod: Object) -> None:
        """The kubelet acknowledges the deletion before the container has ended."""
        generation = pod["metadata"].get("generation", 1)

        def change(status: Object) -> None:
            status["observedGeneration"] = generation
            for entry in status.get("conditions") or []:
                entry["observedGeneration"] = generation

        self.context.set_status(resource(PODS), pod, change, MANAGER)

    def _kill(self, pod: Object) -> None:
        container = pod["spec"]["containers"][0]
        code = 0 if device_plugin.is_plugin(container["image"]) else 137
        self._pod_event(pod, "Killing", f"Stopping container {container['name']}")
        self._note(pod, stage="killed", code=code)
        self._terminated(pod, code, phase="Failed" if code else "Succeeded", failed=True)

    def _remove(self, pod: Object) -> None:
        self._lose_plugin(pod)
        found = self.context.store.get(resource(PODS), pod["metadata"]["namespace"], pod["metadata"]["name"])
        if found:
            self.context.store.remove(resource(PODS), found)
        self.context.store.on_change()

    def _lose_plugin(self, pod: Object) -> None:
        with self.context.station.changed():
            device_plugin.plugin_gone(self.context, pod["metadata"]["uid"])

    # --- writing status ---

    def _pod_event(self, pod: Object, reason: str, message: str, *, warning: bool = False) -> None:
        name = pod["spec"]["containers"][0]["name"]
        self.context.event(pod, "Pod", reason, message, warning=warning, field_path=f"spec.containers{{{name}}}")

    def _waiting(self, pod: Object, reason: str, message: str, *, stage: str = "waiting", phase: str = "Pending") -> None:
        self._note(pod, stage=stage)
        restarts = self._runtime(pod["metadata"]["uid"]).get("restarts", 0)
        self.status.write(pod, {"phase": phase}, {"waiting": {"reason": reason, "message": message}}, restarts=restarts)

    def _terminated(self, pod: Object, code: int, *, message: str = "", reason: str = "", phase: str = "Running", failed: bool = False) -> None:
        self._lose_plugin(pod)
        runtime = self._runtime(pod["metadata"]["uid"])
        ended: Object = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error")}
        if message:
            ended["message"] = message
        started = "1970-01-01T00:00:00Z" if reason == "StartError" else runtime.get("started", self.context.stamp())
        ended.update(startedAt=started, finishedAt=self.context.stamp(), containerID=container_id(pod, runtime.get("restarts", 0)))
        restarts = runtime.get("restarts", 0)
        self.status.write(pod, {"phase": phase}, {"terminated": ended}, restarts=restarts, code=code, failed=failed, sandbox=phase in ("Running", "Pending"))


def restart(context: Context) -> None:
    """The kubelet alone is restarted: pods run on, the sockets are made anew, and plugins register again (facts/device-plugin.md, "Kubelet")."""
    with context.station.changed():
        registered = {entry.get("pod") for entry in device_plugin.devices(context).values()}
        for entry in device_plugin.devices(context).values():
            entry.update(count=0, healthy=0, pod=None)
        for uid in registered & set(context.section.get("runtime", {})):
            context.runtime(uid).update(registers=True, register_after=REGISTER_AGAIN)
    context.store.on_change()


def _reference(image: str) -> tuple[str, str, str]:
    """(registry host, path, tag)"""
    first, _slash, rest = image.partition("/")
    host, path = (first, rest) if rest and ("." in first or ":" in first or first == "localhost") else ("registry-1.docker.io", image)
    if "@" in path:
        path, tag = path.split("@", 1)
        return host, path.split(":")[0], tag
    name, _colon, tag = path.partition(":")
    return host, name, tag or "latest"


def _short(image: str) -> str:
    """docker.io/library/busybox:latest, busybox:latest and busybox are one image."""
    for prefix in ("docker.io/library/", "docker.io/"):
        if image.startswith(prefix):
            image = image[len(prefix) :]
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
