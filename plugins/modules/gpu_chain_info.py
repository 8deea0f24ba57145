# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_chain_info
short_description: Look at layers 4 to 8 of the GPU chain in one task
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Looks at the distribution, the Docker engine, the GPU in a container, the cluster and the device plugin, in this order, with the code of
    M(gpudev.workstation.gpu_guest_info), M(gpudev.workstation.docker_gpu_probe), M(gpudev.workstation.minikube_gpu_cluster) and
    M(gpudev.workstation.device_plugin_fallback).
  - Stops at the first broken link; the layers behind it are C(skipped), because nothing they show could be trusted.
  - Starts nothing and fetches nothing. The container of layer C(docker_gpu) is run only from an image that is already there; otherwise that layer is
    C(skipped) and the look goes on.
  - Never fails because a layer is broken. Together with M(gpudev.workstation.host_info) it is what the playbook C(doctor.yml) does.
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
attributes:
  check_mode:
    support: full
    details: Nothing is changed anyway. With O(pod=true) the pod is not run in check mode.
  diff_mode:
    support: none
    details: This module does not modify state.
  idempotent:
    support: full
    details: A change is reported only with O(pod=true), when leftovers of an earlier, killed run were removed.
  action:
    support: none
options:
  cluster:
    description: Name of the minikube profile, and of its context in O(kubeconfig).
    type: str
    default: minikube
  kubeconfig:
    description: The kubeconfig that knows the cluster. Empty takes the first path of E(KUBECONFIG), else C(~/.kube/config).
    type: path
    default: ""
  image:
    description: Image of the container of layer C(docker_gpu). It is never fetched.
    type: str
    default: ubuntu:24.04
  gpus:
    description: Which GPUs the container asks for, as in M(gpudev.workstation.docker_gpu_probe).
    type: str
    default: all
  timeout:
    description: Seconds after which that container is ended.
    type: int
    default: 60
  min_driver_version:
    description: The oldest acceptable NVIDIA driver, as V(555.85). Empty accepts any.
    type: str
    default: ""
  cluster_gpus:
    description: Declared GPUs of the cluster, as in M(gpudev.workstation.minikube_gpu_cluster). Empty for a cluster without.
    type: str
    default: all
  cluster_state:
    description:
      - Declared state of the cluster. One that is V(stopped) or V(absent) as declared is C(skipped), and so are the layers behind it.
      - One that runs although it is declared otherwise is looked at like any other.
    type: str
    choices: [started, stopped, absent]
    default: started
  memory:
    description: Declared memory of the cluster, as in M(gpudev.workstation.minikube_gpu_cluster). Empty is not compared.
    type: str
    default: ""
  cpus:
    description: Declared CPUs of the cluster. Empty is not compared.
    type: str
    default: ""
  kubernetes_version:
    description: Declared version of Kubernetes. Empty is not compared.
    type: str
    default: ""
  docker:
    description: The docker client, a name on C(PATH) or a path.
    type: str
    default: docker
  minikube:
    description: The minikube program, a name on C(PATH) or a path.
    type: str
    default: minikube
  minikube_home:
    description: Value of E(MINIKUBE_HOME). Empty takes the environment's, else the home directory.
    type: path
    default: ""
  venv:
    description: The virtual environment that holds the C(kubernetes) client.
    type: path
    default: /opt/gpudev/venv
  pod:
    description: Whether layer C(pod) is looked at too. A pod is a change, so it is run only when asked for.
    type: bool
    default: false
  namespace:
    description: Where that pod runs.
    type: str
    default: default
  pod_image:
    description: Image of that pod.
    type: str
    default: docker.io/library/ubuntu:24.04
  pod_timeout:
    description: Seconds within which that pod has to end.
    type: int
    default: 180
requirements:
  - python >= 3.8
  - kubernetes >= 24.2.0 (in the Python that runs the module, or in O(venv))
seealso:
  - module: gpudev.workstation.host_info
  - module: gpudev.workstation.gpu_smoke_test
"""

EXAMPLES = r"""
- name: Look at layers 4 to 8
  gpudev.workstation.gpu_chain_info:
  register: chain

- name: Name the first broken link
  ansible.builtin.debug:
    msg: "{{ chain.broken or 'nothing is broken' }}"

- name: Prove the whole chain, with a pod
  gpudev.workstation.gpu_chain_info:
    pod: true
"""

RETURN = r"""
layers:
  description: What is known of layers C(distro) to C(pod), in order.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: docker
      status: broken
      summary: the Docker engine does not run
      facts: {}
      findings: []
    - layer: docker_gpu
      status: skipped
      summary: "not judged: docker is broken"
      facts: {}
      findings: []
broken:
  description: Name of the first layer that stops the chain; empty when none does.
  returned: always
  type: str
  sample: docker
gpus:
  description: The GPUs that the container saw.
  returned: always
  type: list
  elements: dict
  sample:
    - index: 0
      uuid: GPU-11111111-2222-3333-4444-555555555555
      name: NVIDIA H200
      driver_version: 580.159.04
      memory_mib: 143771
gpu:
  description: The GPU that the pod saw.
  returned: when O(pod=true) and the pod succeeded
  type: dict
  sample:
    index: 0
    uuid: GPU-11111111-2222-3333-4444-555555555555
    name: NVIDIA H200
    driver_version: 580.159.04
    memory_mib: 143771
log:
  description: What the pod printed.
  returned: when O(pod=true) and a pod ran
  type: str
  sample: "0, GPU-11111111-2222-3333-4444-555555555555, NVIDIA H200, 580.159.04, 143771"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import DEFAULT_IMAGE as PROBE_IMAGE
from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import Probe, look_at_engine, run_probe
from ansible_collections.gpudev.workstation.plugins.module_utils._guest import guest_layer
from ansible_collections.gpudev.workstation.plugins.module_utils._guest_look import DEFAULT_VENV
from ansible_collections.gpudev.workstation.plugins.module_utils._guest_look import look as look_at_guest
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import Api, KubeError, client_missing, connect
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import LAYERS, SKIPPED, UNKNOWN, Finding, Layer, first_broken, skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_assessment import refused_layer
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_cluster import Cluster, Tools, root_refusal
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_view import layer_of, layer_of_error, look
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner, Runner
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_pod import DEFAULT_IMAGE
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_test import layer_of_api_error, smoke_test

# Where this module's part of the chain begins.
FIRST = LAYERS.index("distro")


class ChainLook:
    """One look at everything on the Linux side; each step is taken only when the one before it held."""

    def __init__(self, params: dict[str, t.Any], runner: Runner, check_mode: bool, no_client: str = "") -> None:
        self.params = params
        self.runner = runner
        self.check_mode = check_mode
        self.no_client = no_client
        self.tools = Tools(params["minikube"], params["docker"], params["minikube_home"] or "", params["kubeconfig"] or "")
        self.returned: dict[str, t.Any] = {"gpus": []}
        # Why there is nothing to look at from the cluster on.
        self.at_rest = ""

    def layers(self) -> list[Layer]:
        looks: dict[str, t.Callable[[], Layer]] = {
            "distro": self.distro,
            "docker": self.docker,
            "docker_gpu": self.docker_gpu,
            "cluster": self.cluster,
            "device_plugin": self.device_plugin,
            "pod": self.pod,
        }
        found: list[Layer] = []
        for name in LAYERS[FIRST:]:
            broken = first_broken(found)
            found.append(looks[name]() if broken is None else skipped(name, f"not judged: {broken.layer} is {broken.status}"))
        return found

    def distro(self) -> Layer:
        return guest_layer(look_at_guest(self.runner, "", self.params["venv"]))

    def docker(self) -> Layer:
        return look_at_engine(self.runner, self.params["docker"]).layer

    def docker_gpu(self) -> Layer:
        outcome = run_probe(self.runner, probe_of(self.params))
        self.returned["gpus"] = [gpu.as_dict() for gpu in outcome.gpus]
        if outcome.layer.status == SKIPPED:
            return skipped("docker_gpu", f"not looked at: the image {self.params['image']} is not there, and a look fetches nothing")
        return outcome.layer

    def cluster(self) -> Layer:
        params = self.params
        wanted = declaring.Declaration(
            name=params["cluster"],
            gpus=params["cluster_gpus"],
            memory=params["memory"],
            cpus=params["cpus"],
            kubernetes_version=params["kubernetes_version"],
        )
        refused = declaring.refusals(wanted) or [finding for finding in [root_refusal(wanted)] if finding]
        if refused:
            return refused_layer(refused)
        cluster = Cluster(self.runner, wanted, self.tools)
        _version, unusable = cluster.version_finding()
        if unusable is not None:
            return _of_finding("cluster", unusable)
        seen = cluster.assess()
        if seen.state == params["cluster_state"]:
            self.at_rest = f"the cluster is {seen.state}, as declared"
            return skipped("cluster", self.at_rest)
        return cluster.layer(seen)

    def device_plugin(self) -> Layer:
        if self.at_rest:
            return skipped("device_plugin", f"not looked at: {self.at_rest}")
        if self.no_client:
            return Layer("device_plugin", UNKNOWN, self.no_client)
        try:
            return layer_of(look(self._api()), self.params["cluster"])
        except KubeError as error:
            return layer_of_error(error, self.params["cluster"])

    def pod(self) -> Layer:
        if self.at_rest:
            return skipped("pod", f"not looked at: {self.at_rest}")
        if not self.params["pod"]:
            return skipped("pod", "a pod is a change; it is run only when asked for (pod: true)")
        if self.check_mode:
            return skipped("pod", "a pod is a change, so none is run in check mode")
        seen = self.returned["gpus"]
        params = {
            "namespace": self.params["namespace"],
            "image": self.params["pod_image"],
            "timeout": self.params["pod_timeout"],
            "context": self.params["cluster"],
            # With several GPUs any of them may be the pod's.
            "expected": seen[0] if len(seen) == 1 else {},
        }
        try:
            layer, returned = smoke_test(self._api(), params)
        except KubeError as error:
            return layer_of_api_error(error, self.params["cluster"])
        self.returned.update(returned)
        return layer

    def _api(self) -> Api:
        return connect(self.tools.kubeconfig_path(), self.params["cluster"])


def probe_of(params: t.Mapping[str, t.Any]) -> Probe:
    """The container of layer docker_gpu; never pulls."""
    return Probe(
        docker=params["docker"],
        image=params["image"],
        gpus=params["gpus"],
        pull="missing",
        timeout=params["timeout"],
        min_driver_version=params["min_driver_version"],
        may_change=False,
    )


def _of_finding(layer: str, finding: Finding) -> Layer:
    return Layer(layer, mk.CATALOGUE[finding.code].status or UNKNOWN, finding.cause, {}, [finding])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "default": "minikube"},
            "kubeconfig": {"type": "path", "default": ""},
            "image": {"type": "str", "default": PROBE_IMAGE},
            "gpus": {"type": "str", "default": "all"},
            "timeout": {"type": "int", "default": 60},
            "min_driver_version": {"type": "str", "default": ""},
            "cluster_gpus": {"type": "str", "default": "all"},
            "cluster_state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
            "memory": {"type": "str", "default": ""},
            "cpus": {"type": "str", "default": ""},
            "kubernetes_version": {"type": "str", "default": ""},
            "docker": {"type": "str", "default": "docker"},
            "minikube": {"type": "str", "default": "minikube"},
            "minikube_home": {"type": "path", "default": ""},
            "venv": {"type": "path", "default": DEFAULT_VENV},
            "pod": {"type": "bool", "default": False},
            "namespace": {"type": "str", "default": "default"},
            "pod_image": {"type": "str", "default": DEFAULT_IMAGE},
            "pod_timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    problems = probe_of(module.params).problems()
    if problems:
        module.fail_json(msg="Refused before anything was run: " + ". ".join(problems))
    chain = ChainLook(module.params, LocalRunner(), module.check_mode, client_missing(f"{module.params['venv']}/bin/python3"))
    layers = chain.layers()
    broken = first_broken(layers)
    changed = bool(chain.returned.get("leftovers"))
    conclude(module, result(layers, changed, module.check_mode, read_only=True, broken=broken.layer if broken else "", **chain.returned))


if __name__ == "__main__":
    main()
