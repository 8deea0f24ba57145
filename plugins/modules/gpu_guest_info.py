# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_guest_info
short_description: See whether a WSL2 distribution or a Linux host has the NVIDIA GPU
version_added: 0.1.0
description:
  - Looks at what a WSL2 distribution has of the GPU (C(/dev/dxg), the libraries that WSL provides, the settings in C(/etc/wsl.conf)) and at what
    stands in its way, above all a Linux display driver that somebody installed inside WSL. On native Linux it looks for the NVIDIA devices.
  - This is the layer C(distro) of the chain. The module never fails because of what it sees; the layer's status says it.
  - That C(ldconfig) calls C(libcuda.so.1) no symbolic link is a harmless flaw of the packaging and is not reported.
options:
  user:
    description: The Linux user whose groups are reported. The default is the user that the module runs as.
    type: str
    default: ''
  venv:
    description: The virtual environment that holds the C(kubernetes) client.
    type: path
    default: /opt/gpudev/venv
attributes:
  action:
    support: none
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.info
  - gpudev.workstation._attributes.posix
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.docker_gpu_probe
"""

EXAMPLES = r"""
- name: Look for the GPU inside the distribution
  gpudev.workstation.gpu_guest_info:
  register: guest

- name: Name the packages that do not belong into WSL
  ansible.builtin.debug:
    var: guest.guest.conflicting_packages
"""

RETURN = r"""
guest:
  description: What was seen.
  returned: always
  type: dict
  contains:
    platform:
      description: V(wsl2), V(wsl1) or V(native).
      type: str
      sample: wsl2
    kernel:
      description: The kernel's release.
      type: str
      sample: 6.6.87.2-microsoft-standard-WSL2
    distribution:
      description: Name of the WSL distribution, else of the Linux.
      type: str
      sample: Ubuntu-24.04
    release:
      description: Version of the Linux.
      type: str
      sample: "24.04"
    python:
      description: Version of the interpreter that the module ran with.
      type: str
      sample: 3.12.3
    devices:
      description: GPU devices that are there.
      type: list
      elements: str
      sample: [/dev/dxg]
    libraries:
      description: Where WSL provides which library, on native Linux where the dynamic linker finds it; empty for one that is missing.
      type: dict
      sample: {"libcuda.so.1": /usr/lib/wsl/lib/libcuda.so.1}
    driver_store:
      description: Whether C(/usr/lib/wsl/drivers) has anything in it.
      type: bool
      sample: true
    gpus:
      description: Names of the GPUs that C(nvidia-smi -L) lists.
      type: list
      elements: str
      sample: [NVIDIA GeForce RTX 4050 Laptop GPU]
    nvidia_smi:
      description: The C(nvidia-smi) on the search path.
      type: str
      sample: /usr/lib/wsl/lib/nvidia-smi
    linker_first:
      description: Where the dynamic linker finds C(libcuda.so.1) first.
      type: str
      sample: /usr/lib/wsl/lib/libcuda.so.1
    conflicting_packages:
      description: Installed packages of a Linux display driver inside WSL, by their exact names.
      type: list
      elements: str
      sample: []
    stray_libraries:
      description: Driver libraries inside WSL that do not come from WSL.
      type: list
      elements: str
      sample: []
    library_owners:
      description: The package that each of them belongs to; empty for a file that no package owns, as a runfile installer leaves it.
      type: dict
      sample: {"/usr/lib/x86_64-linux-gnu/libcuda.so.1": "libnvidia-compute-550"}
    wsl_conf:
      description: What WSL accepts of C(/etc/wsl.conf), by section and key.
      type: dict
      sample: {"boot.systemd": true}
    user:
      description: The Linux user.
      type: dict
      sample: {"name": dev, "exists": true, "uid": 1000, "home": /home/dev, "groups": [dev, docker]}
    restart_owed:
      description: Whether role C(gpu_guest) removed a Linux driver since the distribution started.
      type: bool
      sample: false
    venv_ready:
      description: Whether the virtual environment has a Python.
      type: bool
      sample: true
    kubernetes_client:
      description: Version of the C(kubernetes) client in the virtual environment, empty without one.
      type: str
      sample: 31.0.0
layers:
  description: The layer C(distro) with its status, summary, facts and findings.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: distro
      status: ok
      summary: "Ubuntu-24.04 24.04 on wsl2: NVIDIA GeForce RTX 4050 Laptop GPU"
      facts: {}
      findings: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils._guest import guest_layer
from ansible_collections.gpudev.workstation.plugins.module_utils._guest_look import DEFAULT_VENV, look
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner


def main() -> None:
    module = AnsibleModule(
        argument_spec={"user": {"type": "str", "default": ""}, "venv": {"type": "path", "default": DEFAULT_VENV}},
        supports_check_mode=True,
    )
    guest = look(LocalRunner(), module.params["user"], module.params["venv"])
    conclude(module, result([guest_layer(guest)], False, module.check_mode, read_only=True, guest=guest.as_dict()))


if __name__ == "__main__":
    main()
