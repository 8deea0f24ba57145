# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_smoke_test
short_description: Prove that a pod which asks for a GPU gets one
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Layer 9, C(pod). Runs a pod with a limit of one C(nvidia.com/gpu) that executes C(nvidia-smi) once, reads its log, and removes it again.
  - A pod without a limit would prove nothing, because it may see a GPU that it was not given.
  - The pod has a unique name. Leftovers of runs that were killed are found by their label and removed first.
  - A pod that the kubelet refuses with C(UnexpectedAdmissionError), as happens right after a restart, is replaced by a fresh one.
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
  - gpudev.workstation._cluster
  - gpudev.workstation._cluster.awaiting
attributes:
  check_mode:
    support: full
    details: Nothing is run, because a pod is a change; the layer is C(skipped) and says so.
  diff_mode:
    support: none
    details: The pod is gone when the task ends.
  idempotent:
    support: full
    details: A run reports a change only when it removed leftovers of an earlier one.
  action:
    support: none
options:
  namespace:
    description: Where the pod runs. It must exist.
    type: str
    default: default
  image:
    description:
      - A glibc image. C(nvidia-smi) comes from the node; the container runtime puts it into the pod.
    type: str
    default: docker.io/library/ubuntu:24.04
  timeout:
    description: Seconds within which the pod has to end, including the pull of its image.
    type: int
    default: 180
  expected:
    description:
      - The GPU that Docker showed (layer 6). What both sides say has to be equal.
    type: dict
    default: {}
    suboptions:
      name:
        description: Name of the GPU.
        type: str
      uuid:
        description: UUID of the GPU.
        type: str
      driver_version:
        description: Version of the driver.
        type: str
seealso:
  - module: gpudev.workstation.device_plugin_fallback
  - module: gpudev.workstation.docker_gpu_probe
"""

EXAMPLES = r"""
- name: Run a pod on the GPU
  gpudev.workstation.gpu_smoke_test:
    context: minikube

- name: It has to be the GPU that Docker showed
  gpudev.workstation.gpu_smoke_test:
    context: minikube
    expected:
      uuid: GPU-11111111-2222-3333-4444-555555555555
"""

RETURN = r"""
layers:
  description: What is known of layer C(pod), as a list of one.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: pod
      status: ok
      summary: "a pod with one nvidia.com/gpu saw NVIDIA H200, driver 580.159.04"
      facts: {}
      findings: []
gpu:
  description: The GPU that the pod saw.
  returned: when the pod succeeded
  type: dict
  sample:
    index: 0
    uuid: GPU-11111111-2222-3333-4444-555555555555
    name: NVIDIA H200
    driver_version: 580.159.04
    memory_mib: 143771
log:
  description: What the pod printed.
  returned: when a pod ran
  type: str
  sample: "0, GPU-11111111-2222-3333-4444-555555555555, NVIDIA H200, 580.159.04, 143771"
pod:
  description: Name of the last pod that was run. It is gone now.
  returned: when a pod was created
  type: str
  sample: gpudev-smoke-test-1f0c2d3e
tries:
  description: How many pods were needed.
  returned: when a pod was created
  type: int
  sample: 1
leftovers:
  description: Pods of earlier, killed runs that were removed.
  returned: when a pod was created
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils._kube import (
    DEFAULT_CONTEXT,
    DEFAULT_KUBECONFIG,
    KubeError,
    connect,
    require_client,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_pod import DEFAULT_IMAGE
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_test import LAYER, layer_of_api_error, smoke_test


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "default": DEFAULT_KUBECONFIG},
            "context": {"type": "str", "default": DEFAULT_CONTEXT},
            "namespace": {"type": "str", "default": "default"},
            "image": {"type": "str", "default": DEFAULT_IMAGE},
            "timeout": {"type": "int", "default": 180},
            "expected": {
                "type": "dict",
                "default": {},
                "options": {"name": {"type": "str"}, "uuid": {"type": "str"}, "driver_version": {"type": "str"}},
            },
            "awaiting": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        awaited = f" (and it cannot be looked at yet: {', '.join(params['awaiting'])})" if params["awaiting"] else ""
        conclude(module, result([skipped(LAYER, f"a pod is a change, so none is run in check mode{awaited}")], False, True))
    require_client(module)
    try:
        kube = connect(params["kubeconfig"], params["context"])
    except KubeError as error:
        conclude(module, result([layer_of_api_error(error, params["context"])], False, False))
    layer, returned = smoke_test(kube, params)
    conclude(module, result([layer], bool(returned.get("leftovers")), False, **returned))


if __name__ == "__main__":
    main()
