# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_image
short_description: Keep a container image in the node of a minikube cluster
version_added: 0.1.0
description:
  - Builds an image in the node of the named minikube profile, loads it from an archive or from the host's Docker engine, or removes it.
  - No exit code is trusted, because minikube's image commands end with 0 on a stopped cluster and after a failed build. Whatever was done is verified
    by listing the node's images and by reading in the node what the image was made from.
  - A built image carries the hash of its context, its Dockerfile and its build arguments in the label C(workstation.gpudev.context), and is built again
    when that changes. Files that C(.dockerignore) leaves out do not count.
  - A loaded image is compared with its source by the time it was made and by its layers, because IDs differ between image stores.
  - A build runs as a background job on the target; the action plugin shows its steps. When the controller is killed, the next run follows the same job.
options:
  name:
    description: The image, such as V(chat-app:1). Without a tag it is V(latest), which pods pull again at each start unless their pull policy says otherwise.
    type: str
    required: true
  profile:
    description: The minikube profile whose node gets the image.
    type: str
    default: minikube
  state:
    description:
      - V(present) makes sure that the node has the image, made from what is given. Without O(build), O(archive) and O(engine) it only looks.
      - V(absent) makes sure that it has none of this name.
    type: str
    choices:
      - present
      - absent
    default: present
  build:
    description: Build the image from this folder, with the builder of the node.
    type: dict
    suboptions:
      path:
        description: The build context, a folder on the target.
        type: path
        required: true
      dockerfile:
        description: The Dockerfile, relative to O(build.path).
        type: str
        default: Dockerfile
      args:
        description: Build arguments. Their values stay in the image's history, so no secrets.
        type: dict
        default: {}
  archive:
    description: Load the image from this file of C(docker save) on the target.
    type: path
    default: ""
  engine:
    description: Load the image from the Docker engine of the host, where C(docker build) puts it when C(minikube docker-env) is not in effect.
    type: bool
    default: false
  force:
    description: Build although the image in the node was made from the same context.
    type: bool
    default: false
  timeout:
    description: Seconds after which a build or a load is ended.
    type: int
    default: 1800
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
    description: Value of E(KUBECONFIG) for every call. Empty takes the environment's, else C(~/.kube/config).
    type: path
    default: ""
  awaiting:
    description:
      - What earlier steps of a run in check mode would have changed. When the image cannot be looked at in check mode and this is not empty,
        the layer is skipped with this reason and the task is a predicted change.
    type: list
    elements: str
    default: []
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
    support: partial
    details: With O(force=true) every run builds.
  action:
    support: full
    details: Progress is shown by an action plugin; run without it the module does the same work in one silent step.
notes:
  - Run it as the ordinary user who owns the profile.
  - What an image was made from is read with C(docker exec) in the node, so the node's container runtime must be Docker, as GPUs need it anyway.
requirements:
  - minikube >= 1.32.0
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.minikube_gpu_cluster
  - module: gpudev.workstation.gpu_app_probe
"""

EXAMPLES = r"""
- name: Build the application in the node
  gpudev.workstation.cluster_image:
    name: chat-app:1
    build:
      path: /home/dev/chat-app
      args:
        BASE: docker.io/library/python:3.13-slim-bookworm

- name: Load an image from an archive, where no registry can be reached
  gpudev.workstation.cluster_image:
    name: docker.io/library/ubuntu:24.04
    archive: /srv/images/ubuntu-24.04.tar

- name: Bring an image of the host's engine into the node
  gpudev.workstation.cluster_image:
    name: chat-app:1
    engine: true

- name: Remove an image
  gpudev.workstation.cluster_image:
    name: chat-app:1
    state: absent
"""

RETURN = r"""
layers:
  description: The layer C(cluster) with its status, summary and findings, as far as this image is concerned.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: cluster
      status: ok
      summary: the node of minikube has chat-app:1 (2e25b66a9da4)
      facts: {}
      findings: []
image:
  description: The image in the node, after what was done; its C(id) is empty when it is not there, or in check mode not there yet.
  returned: when it was looked at
  type: dict
  sample:
    name: chat-app:1
    listed_name: docker.io/library/chat-app:1
    profile: minikube
    present: true
    id: 2e25b66a9da42a4e9417c0e304d068c07586c745e127632bf7b3019ceb9e52b3
    context_hash: 9d5ed678fe57bcca610140957afab571
    size: 1980000
    pulled_always: false
output:
  description: The end of what the build, the load or the removal printed.
  returned: when something was done
  type: str
  sample: Successfully built 2e25b66a9da4
job:
  description: The background job, its progress and its result. The action plugin follows it and does not return it.
  returned: when O(background=true) and long work was begun, or with O(job)
  type: dict
  sample:
    id: 0f3ad1a5a0f04a1e9d3a6a7d8f7c2b11
    running: true
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils import _jobs
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import CATALOGUE, listed_name, pulled_always
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_node import REMOVE, ImageProblem, Look, Node, step
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_options import argument_spec, refusal, wanted_image
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, OK, Finding, Layer, skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_cluster import Tools
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner, Runner

# A poll over a slow connection should not be answered more often than people read.
POLL_SECONDS = 10.0
ID_LENGTH = 12


class Manager:
    """One run of the module."""

    def __init__(self, params: t.Mapping[str, t.Any], check_mode: bool, runner: Runner) -> None:
        self.params = params
        self.check_mode = check_mode
        self.wanted = wanted_image(params)
        tools = Tools(params["minikube"], params["docker"], params["minikube_home"] or "", params["kubeconfig"] or "")
        self.node = Node(runner, tools, self.wanted.profile)
        self.awaiting: list[str] = list(params["awaiting"]) if check_mode else []
        self.jobs = _jobs.directory(f"image-{self.wanted.profile}")

    def run(self) -> dict[str, t.Any]:
        if self.params["job"]:
            view = _jobs.follow(self.jobs, self.params["job"], self.params["job_offset"], POLL_SECONDS)
            return {"changed": False, "job": view.as_dict()}
        at_work = _jobs.current(self.jobs)
        if at_work is not None and not self.check_mode:
            return self._attached(at_work)
        return self._converge()

    def _attached(self, view: _jobs.View) -> dict[str, t.Any]:
        """Another run, perhaps a killed one, has begun what is still going on."""
        layer = Layer("cluster", DRIFT, f"an earlier run's work on an image of {self.wanted.profile} is still going on")
        return {**self._answer(layer, changed=True), "job": view.as_dict(), "attached": True}

    def _converge(self) -> dict[str, t.Any]:
        try:
            look = self.node.look(self.wanted)
        except ImageProblem as problem:
            return self._not_seen(problem.finding)
        action, why = step(self.wanted, look)
        if not action:
            return self._answer(self._settled(look, OK), look)
        if look.listed is None and not (self.wanted.build or self.wanted.archive or self.wanted.engine):
            return self._answer(self._broken(CATALOGUE["IMAGE-004"].finding(f"no {listed_name(self.wanted.name)} in the node of {self.wanted.profile}")), look)
        if self.check_mode:
            layer = Layer("cluster", DRIFT, f"would {action} {self.wanted.name} in {self.wanted.profile}: {why}")
            return self._answer(layer, look, changed=True, action=action)
        if self.params["background"] and action != REMOVE:
            view = _jobs.start(self.jobs, lambda tell: self._work(look, action, why, tell), self.wanted.timeout)
            if view is not None:
                return {**self._answer(Layer("cluster", DRIFT, why), look, changed=True), "job": view.as_dict()}
            at_work = _jobs.current(self.jobs)
            if at_work is not None:
                return self._attached(at_work)
        return self._work(look, action, why, lambda text: None)

    def _not_seen(self, finding: Finding) -> dict[str, t.Any]:
        if self.awaiting:
            return self._answer(skipped("cluster", f"cannot be looked at yet: {', '.join(self.awaiting)}"), changed=True)
        return self._answer(self._broken(finding))

    def _work(self, look: Look, action: str, why: str, tell: _jobs.Tell) -> dict[str, t.Any]:
        tell(f"{action} {self.wanted.name} in {self.wanted.profile}: {why}")
        self.node.tell = tell
        try:
            after, output = self.node.apply(self.wanted, action, look)
        except ImageProblem as problem:
            return self._answer(self._broken(problem.finding), changed=True, output=problem.finding.symptom)
        return self._answer(self._settled(after, CHANGED), after, before=look, changed=True, output=output)

    def _settled(self, look: Look, status: str) -> Layer:
        if look.listed is None:
            return Layer("cluster", status, f"the node of {self.wanted.profile} has no {self.wanted.name}, as declared")
        return Layer("cluster", status, f"the node of {self.wanted.profile} has {self.wanted.name} ({look.listed.id[:ID_LENGTH]})")

    def _broken(self, finding: Finding) -> Layer:
        return Layer("cluster", CATALOGUE[finding.code].status or BROKEN, finding.cause, {}, [finding])

    def _answer(
        self, layer: Layer, look: Look | None = None, before: Look | None = None, changed: bool = False, action: str = "", **returned: t.Any
    ) -> dict[str, t.Any]:
        diff = None
        if look is not None:
            returned["image"] = self._told(look)
            after = {**self._told(look), "present": action != REMOVE, "id": "", "context_hash": look.context_hash} if action else self._told(look)
            diff = {"before": self._told(before or look), "after": after}
        return result([layer], changed, self.check_mode, diff=diff, awaiting=self.awaiting, **returned)

    def _told(self, look: Look) -> dict[str, t.Any]:
        return {
            "name": self.wanted.name,
            "listed_name": listed_name(self.wanted.name),
            "profile": self.wanted.profile,
            "present": look.listed is not None,
            "id": look.listed.id if look.listed else "",
            "context_hash": look.made_from.context_hash if look.made_from else "",
            "size": look.listed.size if look.listed else 0,
            "pulled_always": pulled_always(self.wanted.name),
        }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    refused = refusal(module.params)
    if refused:
        module.fail_json(msg=refused)
    answer = Manager(module.params, module.check_mode, LocalRunner()).run()
    if not module._diff:
        answer.pop("diff", None)
    conclude(module, answer)


if __name__ == "__main__":
    main()
