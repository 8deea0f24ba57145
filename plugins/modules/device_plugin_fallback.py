# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_plugin_fallback
short_description: Make exactly one NVIDIA device plugin offer allocatable GPUs
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Layer 8, C(device_plugin). Makes sure that exactly one provider offers C(nvidia.com/gpu) and that the node has GPUs that are B(allocatable).
    Capacity, a Running pod or a Ready DaemonSet prove none of that.
  - Waits for the API server's C(/readyz), then looks for any provider in all namespaces, by label and by container, minikube's addon,
    NVIDIA's static manifest, the helm chart, the GPU Operator, the deprecated addon, and DRA drivers.
  - Where one works, nothing is done. Where there is none within O(grace), an own DaemonSet C(kube-system/gpudev-device-plugin) is applied on the server side,
    with its own field manager and labels. It is never put beside another provider.
  - Where the collection's own plugin stands beside another one that works, it is withdrawn, and the pod of the other one is recreated, because a plugin
    that lost its registration does not register again.
  - Where O(sharing) is declared, what the platform cannot do is refused before anything is touched, and so is another provider that shares otherwise.
  - Only objects with the label C(app.kubernetes.io/managed-by=gpudev.workstation) are changed or deleted, but for a provider's pod under O(repair).
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
  - gpudev.workstation._cluster
  - gpudev.workstation._cluster.awaiting
attributes:
  check_mode:
    support: full
    details: Predicts by server-side dry run and by one look; no grace period is waited.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: A plugin that stays broken has its pod recreated in each run, unless O(repair=false).
  action:
    support: none
options:
  state:
    description:
      - V(present) makes sure of one working provider, whoever it is.
      - V(absent) removes the collection's own DaemonSet, and nothing else.
    type: str
    choices: [present, absent]
    default: present
  image:
    description: Image of the collection's own DaemonSet, with its digest.
    type: str
    default: nvcr.io/nvidia/k8s-device-plugin:v0.20.0@sha256:a61ba9fd8efb82f3a79f877f7580e02c1e8e7593f62473644bc9c79e315c3312
  grace:
    description:
      - Seconds in which minikube's addon, or a plugin that runs, may still come up by itself before something is done. It is a watch, not a pause.
    type: int
    default: 30
  timeout:
    description: Seconds within which the API server has to become ready.
    type: int
    default: 120
  ready_timeout:
    description: Seconds within which a plugin that is starting has to make a GPU allocatable. Includes the time in which its image is pulled.
    type: int
    default: 300
  repair:
    description:
      - Recreate the pod of a provider that failed before. The plugin tries NVML only once in the life of its pod.
      - The provider's DaemonSet is left alone.
    type: bool
    default: true
  runtime_class:
    description:
      - The RuntimeClass of the collection's own plugin pod.
      - V(auto) uses the RuntimeClass C(nvidia) where the cluster has one, and else relies on the node's default runtime, as minikube sets it with C(--gpus).
      - Empty never uses one. Any other value has to exist.
    type: str
    default: auto
  sharing:
    description:
      - How a GPU is shared among pods. Left out, the collection's own plugin gives each GPU to one pod, and other providers are taken as they are.
      - What minikube's addon, which has no such setting, cannot do is refused as long as the addon is enabled.
    type: dict
    suboptions:
      mode:
        description:
          - V(exclusive) gives each GPU to one pod at a time.
          - V(time_slicing) lets O(sharing.replicas) pods use one GPU in turns. Memory is neither divided nor protected.
          - V(mig) offers the MIG instances that exist; none are made. Not on WSL2, and not on consumer GPUs.
          - V(mps) is refused with the reason; it needs the helm route, role P(gpudev.workstation.gpu_operator#role).
        type: str
        choices: [exclusive, time_slicing, mig, mps]
        required: true
      replicas:
        description: How many pods share one GPU; at least 2. For V(time_slicing) only.
        type: int
      rename:
        description: Offer the slices as C(nvidia.com/gpu.shared), so that nobody takes one for a whole GPU. For V(time_slicing) only.
        type: bool
        default: false
      fail_requests_greater_than_one:
        description: Refuse pods that ask for more than one slice, because two slices give no more than one. For V(time_slicing) only.
        type: bool
        default: true
      strategy:
        description:
          - V(single) offers instances that are all alike as C(nvidia.com/gpu); V(mixed) offers them as C(nvidia.com/mig-1g.5gb) and so on. For V(mig) only.
        type: str
        choices: [single, mixed]
seealso:
  - module: gpudev.workstation.gpu_smoke_test
  - module: gpudev.workstation.gpu_chain_info
"""

EXAMPLES = r"""
- name: Make the GPU allocatable
  gpudev.workstation.device_plugin_fallback:
    context: minikube

- name: Wait longer for the addon, and never touch its pods
  gpudev.workstation.device_plugin_fallback:
    context: minikube
    grace: 90
    repair: false

- name: Let four pods share the GPU
  gpudev.workstation.device_plugin_fallback:
    context: minikube
    sharing:
      mode: time_slicing
      replicas: 4

- name: Take the collection's own device plugin away
  gpudev.workstation.device_plugin_fallback:
    context: minikube
    state: absent
"""

RETURN = r"""
layers:
  description: What is known of layer C(device_plugin), as a list of one.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: device_plugin
      status: ok
      summary: 1 of 1 nvidia.com/gpu allocatable, offered by the collection's own device plugin, DaemonSet kube-system/gpudev-device-plugin, version 0.20.0
      facts: {}
      findings: []
provider:
  description: Who offers the GPUs, one of V(addon), V(fallback), V(helm), V(operator), V(deprecated_addon), V(dra), V(other), V(none).
  returned: when the cluster could be looked at
  type: str
  sample: addon
version:
  description: Version of the provider by the tag of its image; empty when the tag names none.
  returned: when the cluster could be looked at
  type: str
  sample: 0.18.2
allocatable:
  description: GPUs that pods can be given. On WSL2 this is 1 however many GPUs there are, from plugin 0.19.1 on.
  returned: when the cluster could be looked at
  type: int
  sample: 1
resources:
  description: Capacity and allocatable of every resource that an NVIDIA plugin gave the nodes. A name that was given up stays for minutes with 0 allocatable.
  returned: when the cluster could be looked at
  type: dict
  sample:
    nvidia.com/gpu:
      capacity: 1
      allocatable: 1
sharing:
  description: How the provider shares its GPUs, as it says itself; empty when it does not say.
  returned: when the cluster could be looked at
  type: str
  sample: time-slicing with 4 replicas
timings:
  description: Seconds until the API server was ready, and until the verdict.
  returned: when the cluster could be looked at
  type: dict
  sample:
    api_ready: 0.1
    verdict: 7.4
capacity:
  description: GPUs that the node knows, healthy or not.
  returned: when the cluster could be looked at
  type: int
  sample: 1
providers:
  description: All providers that were found.
  returned: when the cluster could be looked at
  type: list
  elements: dict
  sample:
    - origin: addon
      kind: DaemonSet
      namespace: kube-system
      name: nvidia-device-plugin-daemonset
      image: nvcr.io/nvidia/k8s-device-plugin:v0.18.2
actions:
  description: What was done, or in check mode would be done, in order.
  returned: when the cluster could be looked at
  type: list
  elements: str
  sample:
    - apply DaemonSet kube-system/gpudev-device-plugin
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils._kube import (
    DEFAULT_CONTEXT,
    DEFAULT_KUBECONFIG,
    KubeError,
    client_missing,
    connect,
    require_client,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_fallback import cannot_look_yet, converge
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_objects import DEFAULT_IMAGE
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_sharing import MODES, problems
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_view import layer_of_error
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner

SHARING = {
    "mode": {"type": "str", "choices": list(MODES), "required": True},
    "replicas": {"type": "int"},
    "rename": {"type": "bool", "default": False},
    "fail_requests_greater_than_one": {"type": "bool", "default": True},
    "strategy": {"type": "str", "choices": ["single", "mixed"]},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "default": DEFAULT_KUBECONFIG},
            "context": {"type": "str", "default": DEFAULT_CONTEXT},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "image": {"type": "str", "default": DEFAULT_IMAGE},
            "grace": {"type": "int", "default": 30},
            "timeout": {"type": "int", "default": 120},
            "ready_timeout": {"type": "int", "default": 300},
            "repair": {"type": "bool", "default": True},
            "runtime_class": {"type": "str", "default": "auto"},
            "sharing": {"type": "dict", "options": SHARING},
            "awaiting": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    wrong = problems(params["sharing"])
    if wrong:
        module.fail_json(msg="Refused before anything was touched: " + ". ".join(wrong))
    early = cannot_look_yet(params, module.check_mode)
    if early is not None and client_missing():
        conclude(module, result([early], False, True))
    require_client(module)
    try:
        kube = connect(params["kubeconfig"], params["context"])
    except KubeError as error:
        layer = cannot_look_yet(params, module.check_mode, error) or layer_of_error(error, params["context"])
        conclude(module, result([layer], False, module.check_mode))
    conclude(module, converge(kube, params, module.check_mode, LocalRunner()))


if __name__ == "__main__":
    main()
