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
  - With O(cuda_check) a second pod computes, and with O(load_seconds) a third one keeps the GPU busy and watches it meanwhile.
  - The pods have unique names. Leftovers of runs that were killed are found by their label and removed first.
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
  resource:
    description:
      - What the pod asks for. Empty takes what the nodes offer, C(nvidia.com/gpu) first, then C(nvidia.com/gpu.shared), then a MIG instance.
    type: str
    default: ""
  runtime_class:
    description:
      - The RuntimeClass of the pod.
      - V(auto) uses RuntimeClass C(nvidia) where the cluster has one, and else relies on the node's default runtime, as minikube sets it with C(--gpus).
      - Empty never uses one. Any other value has to exist.
    type: str
    default: auto
  cuda_check:
    description:
      - Image of a program that computes on the GPU and ends with 0 when the result is right, as C(nvcr.io/nvidia/k8s/cuda-sample) images do.
      - Empty runs none. C(nvidia-smi) alone proves that the GPU is seen, not that CUDA works.
    type: str
    default: ""
  cuda_command:
    description: The program of O(cuda_check) with its arguments; empty is what the image runs by itself.
    type: list
    elements: str
    default: []
  load_seconds:
    description:
      - Keep the GPU busy for so long with O(cuda_command), which then has to be named, and look at utilisation, SM clock and memory each second.
      - A median utilisation below 50 %, or a clock below half of the highest, is the finding C(POD-PERF-001), a warning with the node's CPUs and memory.
      - The image needs C(/bin/sh). V(0) runs no load.
    type: int
    default: 0
seealso:
  - module: gpudev.workstation.device_plugin_fallback
  - module: gpudev.workstation.docker_gpu_probe
"""

EXAMPLES = r"""
- name: Run a pod on the GPU
  gpudev.workstation.gpu_smoke_test:
    context: minikube

- name: Compute on it too, and look at it under ten seconds of load
  gpudev.workstation.gpu_smoke_test:
    context: minikube
    cuda_check: registry.example/cuda-vectoradd:1
    cuda_command: [vectoradd]
    load_seconds: 10

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
resource:
  description: What the pod asked for.
  returned: when a pod was created
  type: str
  sample: nvidia.com/gpu
cuda_log:
  description: What the program of O(cuda_check) printed.
  returned: when it ran and ended well
  type: str
  sample: "vectorAdd 1048576 ok"
load:
  description: Medians over the seconds under load; null is what C(nvidia-smi) does not say.
  returned: with O(load_seconds)
  type: dict
  sample:
    samples: 9
    utilization_percent: 100
    sm_clock_mhz: 1980
    sm_clock_max_mhz: 1980
    memory_used_mib: 539
    memory_total_mib: 143771
tries:
  description: How many pods were needed for the last program.
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
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_objects import AUTO
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
            "resource": {"type": "str", "default": ""},
            "runtime_class": {"type": "str", "default": AUTO},
            "cuda_check": {"type": "str", "default": ""},
            "cuda_command": {"type": "list", "elements": "str", "default": []},
            "load_seconds": {"type": "int", "default": 0},
            "awaiting": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["load_seconds"] and not (params["cuda_check"] and params["cuda_command"]):
        module.fail_json(msg="load_seconds needs a program to run again and again: name its image in cuda_check and the program in cuda_command.")
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
