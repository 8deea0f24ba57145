# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_gpu_probe
short_description: Prove that a container can use the NVIDIA GPU
version_added: 0.1.0
description:
  - Looks at the Docker engine (which one, which version, which cgroup driver) and then really runs C(nvidia-smi) in a container that
    asks for the GPU. These are the layers C(docker) and C(docker_gpu) of the chain.
  - The container is called C(gpudev-probe-...) and is removed whatever happens. The deadline O(timeout) really ends the run, the client is killed
    and the container is removed by its name. Should the module be killed as well, the next run removes what it left.
  - A failure is recognised by its text, never by the exit code, and explained by a finding with cause and remedy.
  - Nothing but images is fetched, and only when O(pull) allows it.
  - Refused before anything is run are O(gpus) in another form than below, names of images with blanks or a leading dash, O(cuda_command) without
    O(cuda_image), O(min_driver_version) that is no version, and numbers below what they mean.
options:
  image:
    description:
      - The image to run C(nvidia-smi) in. It needs glibc; the program itself is injected by NVIDIA's container toolkit.
      - The default is an exact tag. Its digest is not known from a public source; C(docker image inspect) reads it.
    type: str
    default: ubuntu:24.04
  gpus:
    description:
      - Which GPUs the container asks for.
      - V(all), a count such as V(1), or device ids such as V(device=0) or V(device=0,1) are given to C(docker run --gpus).
      - CDI names such as V(nvidia.com/gpu=0), or several of them with commas between, are given to C(docker run --device). They need an engine with CDI
        and a specification, and do not work with Docker Desktop.
    type: str
    default: all
  pull:
    description:
      - When the image is fetched. V(missing) fetches it when it is not there, V(always) asks the registry each time, V(never) takes only what is there.
    type: str
    choices:
      - missing
      - never
      - always
    default: missing
  timeout:
    description: Seconds after which a run is ended, that of C(nvidia-smi) and that of the CUDA program each.
    type: int
    default: 120
  pull_timeout:
    description: Seconds after which fetching the image is given up.
    type: int
    default: 900
  cuda_image:
    description:
      - An image with a CUDA program that is run after C(nvidia-smi), because C(nvidia-smi) alone does not prove that programs can compute. With a driver of
        555 or newer and a container toolkit older than 1.15, for instance, every CUDA program fails and C(nvidia-smi) works.
      - Any image will do whose program ends with exit code 0 when it could compute, such as V(nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0).
        Empty runs none.
    type: str
    default: ""
  cuda_command:
    description: The command to run in O(cuda_image), as a list. Empty takes the image's own.
    type: list
    elements: str
    default: []
  min_gpus:
    description: How many GPUs the container must see, at least one.
    type: int
    default: 1
  min_driver_version:
    description: The oldest acceptable NVIDIA driver, as V(555.85). Empty accepts any.
    type: str
    default: ""
  name:
    description: A part of the name that every GPU in the container must have, as V(RTX 4050). Case does not matter. Empty accepts any.
    type: str
    default: ""
  min_memory_mib:
    description: How much memory every GPU in the container must have, in MiB. V(0) accepts any. What the driver does not tell is not compared, with a warning.
    type: int
    default: 0
  run:
    description: Whether to run the container. With V(false) only the engine is looked at and layer C(docker_gpu) is skipped.
    type: bool
    default: true
  docker:
    description: The docker client, a name on C(PATH) or a path.
    type: str
    default: docker
  awaiting:
    description:
      - What earlier steps of a run in check mode would have changed. When the engine cannot be looked at in check mode and this is not empty,
        the layers are skipped with this reason instead of broken.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    details:
      - In check mode the container is run only from an image that is already there. Otherwise the module says what it would pull.
  diff_mode:
    support: none
    details: The module changes nothing but the engine's store of images.
  idempotent:
    support: partial
    details:
      - RV(ignore:changed) is V(true) when an image was fetched, or when a container was removed that an earlier, killed run had left. With O(pull=always)
        fetching is not reported, because the client does not tell.
  action:
    support: none
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.gpu_guest_info
  - module: gpudev.workstation.minikube_gpu_cluster
"""

EXAMPLES = r"""
- name: Prove that containers see the GPU
  gpudev.workstation.docker_gpu_probe:
    timeout: 60

- name: Prove that containers see the right GPU, with a driver for CUDA 12.5
  gpudev.workstation.docker_gpu_probe:
    name: RTX 4050
    min_memory_mib: 6000
    min_driver_version: "555.85"

- name: Prove that a CUDA program computes in a container
  gpudev.workstation.docker_gpu_probe:
    cuda_image: nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0

- name: Prove the GPU through CDI
  gpudev.workstation.docker_gpu_probe:
    gpus: nvidia.com/gpu=all

- name: Only look at the engine
  gpudev.workstation.docker_gpu_probe:
    run: false
"""

RETURN = r"""
layers:
  description: The layers C(docker) and C(docker_gpu) with their status, summary, facts and findings.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: docker
      status: ok
      summary: Docker Desktop 4.91.0, engine 29.8.0, cgroup driver cgroupfs (v2)
      facts: {}
      findings: []
engine:
  description: The engine that answered, empty when none did.
  returned: always
  type: dict
  sample:
    kind: docker_desktop
    version: 29.8.0
    desktop_version: 4.91.0
    cgroup_driver: cgroupfs
    cgroup_version: "2"
gpus:
  description: The GPUs that the container saw.
  returned: always
  type: list
  elements: dict
  sample:
    - index: 0
      uuid: GPU-5b1f0c5e-3c0d-4a7e-9d6b-405040504050
      name: NVIDIA GeForce RTX 4050 Laptop GPU
      driver_version: "591.59"
      memory_mib: 6141
leftovers:
  description: Containers of earlier, killed runs that were removed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: []
image:
  description: The image that was run, or would be.
  returned: always
  type: str
  sample: ubuntu:24.04
"""

import signal
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils._docker_probe import DEFAULT_IMAGE, Outcome, Probe, look_at_engine, run_probe
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner, Runner


def argument_spec() -> dict[str, t.Any]:
    return {
        "image": {"type": "str", "default": DEFAULT_IMAGE},
        "gpus": {"type": "str", "default": "all"},
        "pull": {"type": "str", "choices": ["missing", "never", "always"], "default": "missing"},
        "timeout": {"type": "int", "default": 120},
        "pull_timeout": {"type": "int", "default": 900},
        "cuda_image": {"type": "str", "default": ""},
        "cuda_command": {"type": "list", "elements": "str", "default": []},
        "min_gpus": {"type": "int", "default": 1},
        "name": {"type": "str", "default": ""},
        "min_memory_mib": {"type": "int", "default": 0},
        "min_driver_version": {"type": "str", "default": ""},
        "run": {"type": "bool", "default": True},
        "docker": {"type": "str", "default": "docker"},
        "awaiting": {"type": "list", "elements": "str", "default": []},
    }


class Manager:
    """One run of the module."""

    def __init__(self, params: t.Mapping[str, t.Any], check_mode: bool, runner: Runner) -> None:
        self.probe = Probe(
            docker=params["docker"],
            image=params["image"],
            gpus=params["gpus"],
            pull=params["pull"],
            timeout=params["timeout"],
            pull_timeout=params["pull_timeout"],
            cuda_image=params["cuda_image"],
            cuda_command=tuple(params["cuda_command"]),
            min_gpus=params["min_gpus"],
            name=params["name"],
            min_driver_version=params["min_driver_version"],
            min_memory_mib=params["min_memory_mib"],
            may_change=not check_mode,
        )
        self.wanted = bool(params["run"])
        self.awaiting: list[str] = list(params["awaiting"]) if check_mode else []
        self.check_mode = check_mode
        self.runner = runner

    def run(self) -> dict[str, t.Any]:
        engine = look_at_engine(self.runner, self.probe.docker)
        gpu = self._gpu(engine)
        if engine.layer.stops and self.awaiting:
            engine.layer = skipped("docker", f"cannot be looked at yet: {', '.join(self.awaiting)}")
            gpu.layer = skipped("docker_gpu", engine.layer.summary)
        return result(
            [engine.layer, gpu.layer],
            changed=(gpu.pulled and self.probe.pull != "always") or bool(gpu.leftovers),
            check_mode=self.check_mode,
            awaiting=self.awaiting,
            engine=engine.engine.as_dict() if engine.engine else {},
            gpus=[found.as_dict() for found in gpu.gpus],
            leftovers=list(gpu.leftovers),
            image=self.probe.image,
        )

    def _gpu(self, engine: Outcome) -> Outcome:
        if engine.layer.stops:
            return Outcome(skipped("docker_gpu", f"not judged: docker is {engine.layer.status}"))
        if not self.wanted:
            return Outcome(skipped("docker_gpu", "run: false, nothing was run"))
        return run_probe(self.runner, self.probe)


def _leave(number: int, _frame: t.Any) -> t.NoReturn:
    raise SystemExit(128 + number)


def main() -> None:
    # A run that is ended from outside removes its container on the way.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    manager = Manager(module.params, module.check_mode, LocalRunner())
    problems = manager.probe.problems()
    if problems:
        module.fail_json(msg="Refused before anything was run: " + ". ".join(problems))
    conclude(module, manager.run())


if __name__ == "__main__":
    main()
