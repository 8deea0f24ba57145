# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: minikube_gpu_cluster
short_description: Keep a minikube cluster with an NVIDIA GPU as declared
version_added: 0.1.0
description:
  - Makes, starts, corrects, stops or deletes a minikube cluster on the Docker driver, and proves that it is as declared. This is the layer
    C(cluster) of the chain.
  - The current state is read from the profile's C(config.json), from C(minikube status), from the node's container and from the node's Ready condition.
    C(minikube start) is never run on a healthy cluster, because it restarts every pod, and C(--dry-run) is never used, because it leaves a profile.
  - Each setting that differs is known as changed in place, needing a restart, needing a new cluster, or not readable. What disturbs running pods
    needs a word of consent in O(allow).
  - A profile whose first start never finished holds nothing of anybody's, so it is deleted without asking. A cluster whose container was removed
    cannot be started again and needs to be made anew; that is said at once.
  - No exit code is trusted. Whatever was done is verified by looking.
  - A start runs as a background job on the target; the action plugin shows each step. When the controller is killed, the next run follows the
    same job.
options:
  name:
    description:
      - The profile, which is also the name of the container, of the node and of the kubeconfig context. Letters, digits and dashes, at least two.
    type: str
    default: minikube
  state:
    description:
      - V(started) is a running cluster whose node is Ready.
      - V(stopped) is a stopped one, V(absent) is none.
    type: str
    choices:
      - started
      - stopped
      - absent
    default: started
  driver:
    description: The minikube driver. GPUs work with V(docker) only; anything else is refused as long as O(gpus) is not empty.
    type: str
    default: docker
  container_runtime:
    description: The container runtime in the node. GPUs work with V(docker) only.
    type: str
    default: docker
  gpus:
    description:
      - Which GPUs the node gets, V(all), V(nvidia), V(nvidia.com) for CDI (minikube 1.37 or newer), or an empty string for none. Anything else is refused.
      - minikube ignores this flag on an existing cluster, so a change needs a new one.
    type: str
    default: all
  memory:
    description:
      - Memory of the node such as V(16000mb) or V(16g) (binary units), V(auto), V(max) or V(no-limit). A bare number is in MB. Empty leaves it to minikube.
      - V(auto) takes four fifths of what the Docker engine has when the cluster is made, and leaves at least 2 GiB outside. A cluster that is there keeps
        what it has. Where that is less than the guide's 16000 MB, a finding names the key of C(.wslconfig) to raise.
      - Less than 1800 MB, and more than the Docker engine has, is refused.
    type: str
    default: ""
  cpus:
    description:
      - Number of CPUs of the node such as V(8), or V(auto), V(max), V(no-limit). Empty leaves it to minikube. Less than two, and more than the Docker
        engine has, is refused.
      - V(auto) takes what the Docker engine has when the cluster is made, less one or two for the host.
    type: str
    default: ""
  disk_size:
    description: Size of the node's disk such as V(40g). Empty leaves it to minikube.
    type: str
    default: ""
  kubernetes_version:
    description:
      - Version such as V(v1.35.1) or V(1.35), V(stable), V(latest) or V(newest); anything else is refused. A higher one than the cluster has is an
        upgrade in place, a lower one needs a new cluster.
      - Empty leaves it to minikube and is no drift afterwards.
    type: str
    default: ""
  nodes:
    description: Number of nodes. More than one is refused with O(gpus), because every node would offer the same GPU.
    type: int
    default: 1
  addons:
    description: Addons by name, V(true) for enabled and V(false) for disabled; any other value is refused. Others are left alone.
    type: dict
    default: {}
  extra_config:
    description:
      - Settings of Kubernetes components as C(component.option) and value, such as C(kubelet.max-pods).
      - Options of the kubelet are flags in kebab-case; anything else, such as camelCase, is refused with the right spelling, because minikube takes
        minutes to fail on it and never names it. Refused are also other components than C(apiserver), C(controller-manager), C(scheduler), C(etcd),
        C(kubeadm), C(kubelet) and C(kube-proxy), and a value that is empty, a list or a dictionary.
    type: dict
    default: {}
  extra_start_args:
    description:
      - More arguments for C(minikube start), as they are.
      - Refused are flags that an option owns, C(--kvm-gpu) and others of the kvm2 driver, and C(--dry-run), C(--delete-on-failure), C(--output),
        C(--interactive), C(--keep-context) and C(--download-only), which a module must not use.
    type: list
    elements: str
    default: []
  cgroup_driver:
    description:
      - V(auto) leaves the kubelet's cgroup driver to minikube, which aligns it with the runtime by itself.
      - V(match_engine) passes the Docker engine's driver, V(systemd) and V(cgroupfs) pass themselves; all three with a warning. One that contradicts
        O(force_systemd) is refused.
    type: str
    choices:
      - auto
      - match_engine
      - systemd
      - cgroupfs
    default: auto
  base_image:
    description: The image of the node. Empty leaves it to minikube.
    type: str
    default: ""
  force_systemd:
    description:
      - Whether the container runtime in the node is made to use systemd as its cgroup driver. Without a value nothing is passed, and minikube follows
        the cgroup version of the host.
      - The profile does not keep it; it is compared with the node's C(daemon.json).
    type: bool
  static_ip:
    description: A fixed address of the node, a private IPv4 address whose last number is 2 to 254. Empty leaves it to minikube.
    type: str
    default: ""
  preload:
    description: Whether minikube downloads one archive of images instead of each image. Without a value it decides. Only used while a cluster is made.
    type: bool
  cache_images:
    description: Whether minikube keeps the images of Kubernetes in its cache and loads them from there. Without a value it decides.
    type: bool
  mounts:
    description:
      - A directory of the host in the node, as C(/host/path:/node/path), two absolute paths. minikube takes one only, so more are refused.
    type: list
    elements: str
    default: []
  wait:
    description:
      - What C(minikube start) itself waits for, some of V(apiserver), V(system_pods), V(default_sa), V(apps_running), V(node_ready), V(kubelet), V(extra), or
        V(all) or V(none) alone. Empty leaves it to minikube.
      - It is a property of a start, not of the cluster, so it is never drift. This module waits for the node to be Ready in any case.
    type: list
    elements: str
    default: []
  wsl_gpu:
    description:
      - What to do about the nested node of WSL2, in which NVML often fails because C(libdxcore.so) is not carried into it. Elsewhere this does nothing.
      - V(auto) repairs the CDI specification in the node when that is seen and the word V(node_repair) is in O(allow); without the word, or
        where the library is nowhere in the node, it is only told.
      - V(cdi) does the same, and asks for the word where it is missing.
      - V(mounts) mounts C(/usr/lib/wsl) into the node when the cluster is made; a cluster without it needs a new one. It takes the place of O(mounts).
      - V(off) only tells.
      - Both ways are reported from the field (NVIDIA/OpenShell pull request 441, Siemens-Healthineers/K2s pull request 2507). Here they were carried out
        in a container without a GPU, so that NVML works afterwards is unproven.
    type: str
    choices:
      - auto
      - mounts
      - cdi
      - 'off'
    default: auto
  recreate:
    description: Whether a cluster is made anew when a setting differs that cannot change. V(on_drift) also needs the word V(cluster_recreate) in O(allow).
    type: str
    choices:
      - never
      - on_drift
    default: on_drift
  start_timeout:
    description: Seconds after which C(minikube start) is ended.
    type: int
    default: 1200
  wait_timeout:
    description: Seconds to wait for the node to be Ready after something was done.
    type: int
    default: 360
  settle_timeout:
    description:
      - Seconds that a running cluster is given to become ready by itself before it counts as ill.
      - In check mode only an API server that does not answer is waited for.
    type: int
    default: 30
  minikube:
    description: The minikube program, a name on C(PATH) or a path.
    type: str
    default: minikube
  docker:
    description: The docker client, a name on C(PATH) or a path.
    type: str
    default: docker
  minikube_home:
    description: Value of E(MINIKUBE_HOME) for every call. Empty takes the environment's, else the home directory.
    type: path
    default: ""
  kubeconfig:
    description: The kubeconfig that minikube keeps up to date. Empty takes the first path of E(KUBECONFIG), else C(~/.kube/config).
    type: path
    default: ""
  awaiting:
    description:
      - What earlier steps of a run in check mode would have changed. When the cluster cannot be looked at in check mode and this is not empty,
        the layer is skipped with this reason; what can still be read is compared all the same.
    type: list
    elements: str
    default: []
  validate_only:
    description: Only check the declaration. This is done on the controller and touches nothing.
    type: bool
    default: false
  engine_memory_mib:
    description:
      - With O(validate_only), the memory in MiB that the engine will have, where that is known before it runs, for example from C(.wslconfig).
        More for the cluster is refused. V(0) compares nothing.
    type: int
    default: 0
  background:
    description: Return at once with RV(job) when long work is to be done. The action plugin of this module sets it and follows the job.
    type: bool
    default: false
  job:
    description: The job to follow, as returned in RV(job). For the action plugin.
    type: str
    default: ""
  job_offset:
    description: Where in the job's progress to go on. For the action plugin.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  action:
    support: full
    details: Progress is shown by an action plugin; run without it the module does the same work in one silent step.
notes:
  - Run it as an ordinary user in the group C(docker). minikube refuses root.
  - What is said to be refused is refused before anything is touched, with what to write instead; what can be known without the engine already on
    the controller, with O(validate_only).
  - The user's current kubectl context and other profiles stay as they are. Who has selected no context gets this cluster's, as with C(minikube start).
  - To work as another user, give the task C(become_user); minikube's files and the kubeconfig are that user's.
  - How a difference is corrected. Applied in place are O(addons). A restart (C(minikube start), which restarts every pod) is needed for
    O(extra_config), a higher O(kubernetes_version) and O(force_systemd). A new cluster is needed for O(driver), O(container_runtime), O(gpus),
    O(memory), O(cpus), O(disk_size), O(base_image), O(nodes), O(static_ip), O(mounts), O(wsl_gpu=mounts) and a lower O(kubernetes_version). Not
    readable are O(preload), O(cache_images), O(extra_start_args), and V(max) for O(memory) and O(cpus). O(wait), O(wait_timeout) and O(start_timeout)
    belong to a start, not to the cluster.
  - A C(minikube start), C(stop) or C(delete) of this profile that somebody else has typed is recognised by its process and waited for, up to
    O(start_timeout). What a killed run has left running is found in the same way.
requirements:
  - minikube >= 1.32.0, on WSL2 >= 1.33.1
  - kubernetes (Python package)
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
  - gpudev.workstation._attributes.consent
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.docker_gpu_probe
  - module: gpudev.workstation.device_plugin_fallback
"""

EXAMPLES = r"""
- name: Keep a GPU cluster running
  gpudev.workstation.minikube_gpu_cluster:
    memory: 16000mb
    cpus: "8"
    addons:
      metrics-server: true

- name: Correct a cluster that was made with other settings, even if that means making it anew
  gpudev.workstation.minikube_gpu_cluster:
    memory: 24g
    allow:
      - cluster_restart
      - cluster_recreate

- name: Check a declaration on the controller before anything else is touched
  gpudev.workstation.minikube_gpu_cluster:
    cpus: "{{ my_cpus }}"
    validate_only: true

- name: Delete the cluster
  gpudev.workstation.minikube_gpu_cluster:
    state: absent
    allow:
      - cluster_recreate
"""

RETURN = r"""
layers:
  description: The layer C(cluster) with its status, summary, facts and findings.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: cluster
      status: ok
      summary: cluster minikube runs Kubernetes v1.35.1, node Ready, sees NVIDIA GeForce RTX 4050 Laptop GPU
      facts: {}
      findings: []
cluster:
  description: What was seen of the cluster.
  returned: when it was looked at
  type: dict
  sample:
    name: minikube
    state: running
    status:
      host: Running
      kubelet: Running
      apiserver: Running
      kubeconfig: Configured
    node:
      ready: true
      reason: ""
      kubelet_version: v1.35.1
    cgroup_driver:
      node: cgroupfs
      kubelet: cgroupfs
    gpu_in_node:
      devices:
        - /dev/dxg
      libraries: []
      gpus: []
drift:
  description:
    - Settings that differ from the declaration before anything was done, each with its C(effect), which is one of C(in_place), C(needs_restart),
      C(needs_recreate) and C(cannot_be_read).
  returned: when it was looked at
  type: list
  elements: dict
  sample:
    - setting: memory
      declared: 16000mb
      found: 8000mb
      effect: needs_recreate
before:
  description: The profile's settings before anything was done, enough to put them back.
  returned: when something was done to an existing profile
  type: dict
  sample:
    memory_mb: 8000
    cpus: 8
evidence:
  description:
    - The failed command, its last events, and the end of the kubelet's journal, without secrets. After a failed start C(path) is a directory on the
      target with more of each and with C(minikube logs); the newest five are kept.
  returned: when a command failed, or a start ended well and the cluster did not come up
  type: dict
  sample:
    command: minikube start -p minikube
    rc: 80
    path: ~/.cache/gpudev.workstation/evidence/minikube-minikube/20261121T093000.000000Z
minikube_version:
  description: The version of the minikube program.
  returned: when it was looked at
  type: str
  sample: 1.38.1
kubeconfig:
  description: The kubeconfig that has the cluster's context.
  returned: always
  type: str
  sample: /home/dev/.kube/config
context:
  description: The name of the context to use.
  returned: always
  type: str
  sample: minikube
job:
  description: The background job, its progress and its result. The action plugin follows it and does not return it.
  returned: when O(background=true) and long work was begun, or with O(job)
  type: dict
  sample:
    id: 0f3ad1a5a0f04a1e9d3a6a7d8f7c2b11
    running: true
attached:
  description: Whether RV(job) is one that an earlier run has begun. The action plugin follows it, looks again, and does not return it.
  returned: when such a job is still at work
  type: bool
  sample: true
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils import _jobs, _kube
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_plan as planning
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import DRIFT, NEEDS_CONSENT, UNKNOWN, Finding, Layer, skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_assessment import (
    Assessment,
    drift_findings,
    facts_of,
    refused_layer,
    state_finding,
    told_steps,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_cluster import DELETE_SECONDS, Cluster, Tools, root_refusal
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_options import argument_spec, declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner, Runner

# A poll over a slow connection should not be answered more often than people read.
POLL_SECONDS = 10.0
# States that pass by themselves while a cluster comes up; in check mode only an API server that does not answer yet is worth a wait.
SILENT = frozenset((mk.API_SILENT,))
COMING_UP = SILENT | {mk.API_DOWN, mk.KUBELET_DOWN, mk.NOT_READY}
# States that earlier steps of the same run may be about to end.
NOT_YET = frozenset((mk.ENGINE_UNREACHABLE, mk.API_DOWN, mk.API_SILENT, mk.KUBELET_DOWN, mk.NOT_READY))


class Manager:
    """One run of the module."""

    def __init__(self, params: t.Mapping[str, t.Any], check_mode: bool, runner: Runner, ask_node: t.Callable[[], mk.Node] | None = None) -> None:
        self.params = params
        self.check_mode = check_mode
        self.wanted = declaration(params)
        self.tools = Tools(params["minikube"], params["docker"], params["minikube_home"] or "", params["kubeconfig"] or "")
        self.cluster = Cluster(runner, self.wanted, self.tools, ask_node)
        self.wanted = self.cluster.wanted
        self.awaiting: list[str] = list(params["awaiting"]) if check_mode else []
        self.jobs = _jobs.directory(f"minikube-{self.wanted.name}")
        self.version = ""

    def run(self) -> dict[str, t.Any]:
        if self.params["job"]:
            view = _jobs.follow(self.jobs, self.params["job"], self.params["job_offset"], POLL_SECONDS)
            return {"changed": False, "job": view.as_dict()}
        refused = declaring.refusals(self.wanted) or [finding for finding in [root_refusal(self.wanted)] if finding]
        if refused:
            return self._answer(refused_layer(refused))
        if self.params["validate_only"]:
            return self._answer(skipped("cluster", "validate_only: the declaration is well formed"))
        at_work = _jobs.current(self.jobs)
        if at_work is not None:
            return self._attached(at_work)
        return self._converge()

    def _attached(self, view: _jobs.View) -> dict[str, t.Any]:
        """Another run, perhaps a killed one, has begun what is still going on."""
        summary = "a start that an earlier run has begun is still going on"
        if self.check_mode:
            return self._answer(Layer("cluster", DRIFT, summary), changed=True)
        return {**self._answer(Layer("cluster", DRIFT, summary), changed=True), "job": view.as_dict(), "attached": True}

    def _converge(self) -> dict[str, t.Any]:
        self.version, unusable = self.cluster.version_finding()
        if unusable is not None and not self.awaiting:
            entry = mk.CATALOGUE[unusable.code]
            return self._answer(Layer("cluster", entry.status or UNKNOWN, unusable.cause, {}, [unusable]))
        seen = self._settled()
        if self.awaiting and seen.state in NOT_YET:
            return self._from_files(seen)
        return self._decide(seen)

    def _settled(self) -> Assessment:
        return self.cluster.settled(0 if self.awaiting else self.params["settle_timeout"], SILENT if self.check_mode else COMING_UP)

    def _decide(self, seen: Assessment, tell: _jobs.Tell | None = None) -> dict[str, t.Any]:
        refused = [] if self.awaiting else self.cluster.refusals(seen)
        if refused:
            return self._answer(refused_layer(refused), seen)
        if not seen.steps:
            return self._answer(self.cluster.layer(seen), seen)
        return self._act(seen, tell)

    def _from_files(self, seen: Assessment) -> dict[str, t.Any]:
        """Check mode, and engine or API server are not there yet: config.json can still be compared."""
        if not seen.pending:
            return self._answer(skipped("cluster", f"cannot be looked at yet: {', '.join(self.awaiting)}"), seen)
        seen.steps = planning.plan(self.wanted, mk.RUNNING, seen.drift)
        return self._act(seen)

    def _act(self, seen: Assessment, tell: _jobs.Tell | None = None) -> dict[str, t.Any]:
        """Do the steps, or say why not. `tell` is that of the job in which this runs already."""
        words = sorted({step.consent for step in seen.steps if step.consent} - set(self.params["allow"]))
        if words:
            summary = f"{told_steps(seen.steps)}: needs {' and '.join(words)} in workstation_allow"
            return self._answer(Layer("cluster", NEEDS_CONSENT, summary, facts_of(self.wanted, seen), self._reasons(seen)), seen)
        if self.check_mode:
            layer = Layer("cluster", DRIFT, f"would {told_steps(seen.steps)}", facts_of(self.wanted, seen), self._reasons(seen))
            return self._answer(layer, seen, changed=True)
        if tell is None and self.params["background"] and any(step.action in planning.LONG for step in seen.steps):
            seconds = self.wanted.start_timeout + self.wanted.wait_timeout + DELETE_SECONDS
            view = _jobs.start(self.jobs, lambda told: self._work(seen, told), seconds * (2 if seen.state == mk.BUSY else 1))
            if view is not None:
                return {**self._answer(Layer("cluster", DRIFT, told_steps(seen.steps)), changed=True), "job": view.as_dict()}
            at_work = _jobs.current(self.jobs)
            if at_work is not None:
                return self._attached(at_work)
        return self._work(seen, tell or (lambda text: None))

    def _work(self, seen: Assessment, tell: _jobs.Tell) -> dict[str, t.Any]:
        self.cluster.tell = tell
        if seen.state == mk.BUSY:
            return self._after_the_other(seen, tell)
        failed = self.cluster.apply(seen)
        if failed is not None:
            return self._answer(failed, seen, changed=True, evidence=failed.facts.pop("evidence", {}))
        after = self.cluster.wait_ready()
        # A node is repaired when nothing else is to be done: first the addons, then that.
        for _round in range(2):
            after.steps = self._late(after)
            if not after.steps:
                break
            failed = self.cluster.apply(after)
            if failed is not None:
                return self._answer(failed, after, changed=True, evidence=failed.facts.pop("evidence", {}))
            after = self.cluster.wait_ready()
        layer = self.cluster.layer(after, changed=True)
        layer.findings += [finding for finding in self._reasons(seen) if finding.code == "MK-021"]
        evidence = self.cluster.evidence_of_start() if layer.stops else {}
        return self._answer(layer, seen, changed=True, **({"evidence": evidence} if evidence else {}))

    def _late(self, after: Assessment) -> list[planning.Step]:
        """What shows only in a cluster that runs: an addon that nobody asked for (`start --gpus` switches the device plugin on, and never switches
        anything off), and a nested node of WSL2 without NVML."""
        return [step for step in after.steps if step.action in (planning.ADDON, planning.REPAIR) and step.consent in ("", *self.params["allow"])]

    def _after_the_other(self, seen: Assessment, tell: _jobs.Tell) -> dict[str, t.Any]:
        """Somebody else's minikube ends first; what it left is looked at like any other cluster."""
        late = self.cluster.await_other()
        return self._answer(late, seen) if late is not None else self._decide(self._settled(), tell)

    def _reasons(self, seen: Assessment) -> list[Finding]:
        _status, finding = state_finding(self.wanted, seen)
        known = [finding] if finding is not None and finding.code not in ("MK-044", "MK-045", "MK-020", "MK-039") else []
        known += self.cluster.remarks if self.check_mode else []
        return known + drift_findings(seen.pending) + declaring.advice(self.wanted)

    def _answer(self, layer: Layer, seen: Assessment | None = None, changed: bool = False, **returned: t.Any) -> dict[str, t.Any]:
        if seen is not None:
            # What was seen last: after a change the layer's facts are newer than the assessment that led to it.
            returned["cluster"] = {key: value for key, value in (layer.facts or facts_of(self.wanted, seen)).items() if key != "evidence"}
            returned["drift"] = [item.as_dict() for item in seen.drift]
            returned["minikube_version"] = self.version
            if changed and seen.look.profile is not None:
                returned["before"] = seen.look.profile.as_dict()
        diff = self._diff(seen, changed) if seen is not None else None
        returned.update(kubeconfig=self.tools.kubeconfig_path(), context=self.wanted.name)
        return result([layer], changed, self.check_mode, diff=diff, awaiting=self.awaiting, **returned)

    def _diff(self, seen: Assessment, changed: bool) -> dict[str, t.Any]:
        before: dict[str, t.Any] = {"state": seen.state}
        before.update({item.setting: item.found for item in seen.pending})
        if not changed:
            return {"before": before, "after": before}
        after: dict[str, t.Any] = {"state": mk.RUNNING if self.wanted.state == "started" else self.wanted.state}
        after.update({item.setting: item.declared for item in seen.pending})
        if seen.look.profile is None:
            after.update({key: value for key, value in self.params.items() if key in _SHOWN and value})
            # `auto` has become a number.
            after.update({key: value for key, value in (("memory", self.cluster.wanted.memory), ("cpus", self.cluster.wanted.cpus)) if value})
        return {"before": before, "after": after}


_SHOWN = ("driver", "container_runtime", "gpus", "memory", "cpus", "disk_size", "kubernetes_version", "addons", "extra_config")


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    if not module.params["job"] and not module.params["validate_only"]:
        # Go on under the Python that has the client, if this one has not; a lack is reported where the client is needed.
        _kube.client_missing()
    answer = Manager(module.params, module.check_mode, LocalRunner()).run()
    if not module._diff:
        answer.pop("diff", None)
    conclude(module, answer)


if __name__ == "__main__":
    main()
