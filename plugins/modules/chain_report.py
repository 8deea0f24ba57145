# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chain_report
short_description: Gather what the tasks of a run say of the nine layers into one chain
version_added: 0.1.0
author:
  - gpudev.workstation contributors (@gpudev)
description:
  - Every module of this collection returns C(layers), its word on the links between bare Windows and a pod on the GPU.
    This action collects them per host, closes the chain behind the first broken link, and gives it back as facts, as a table for people and as a JSON file.
  - It also judges which releases meet (driver, WSL, Docker Desktop, minikube, device plugin and others) by one data file of combinations that are known
    to be good or bad.
  - It works on the controller and opens no connection, so it also speaks for hosts that cannot be reached.
extends_documentation_fragment:
  - gpudev.workstation._attributes
attributes:
  check_mode:
    support: full
    details: The report of a check-mode run is written too, because it is the run's output and no managed state.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
    platforms: all
    details: Runs on the controller.
  action:
    support: full
options:
  add:
    description:
      - A registered result, or a list of them, whose C(layers) join the chain.
      - A result without C(layers) is judged by how the task ended, see O(about).
      - In check mode the summaries of layers that would change are added to the fact C(workstation_pending).
    type: raw
  about:
    description:
      - The layers that the task of O(add) speaks of, for results that carry no C(layers) because the task failed, was skipped, or the host was unreachable.
    type: list
    elements: str
    default: []
    choices: [windows, nvidia_driver, wsl, distro, docker, docker_gpu, cluster, device_plugin, pod]
  native:
    description:
      - The host is a native Linux one; the layers C(windows), C(nvidia_driver) and C(wsl) become C(not_applicable).
    type: bool
    default: false
  enforce:
    description:
      - Whether the task fails where releases meet that are known not to go together. The finding is entered into the chain either way.
      - Rows of your own stand in the variable C(workstation_compatibility); they are judged before those of the collection, see C(docs/compatibility.md).
    type: bool
    default: true
  dest:
    description:
      - Where on the controller the report of this host is written as JSON. It is replaced as a whole.
    type: path
  show:
    description:
      - Hosts whose chain is printed, nine lines each and the findings below them.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the Windows side
  gpudev.workstation.host_info:
  register: __seen

- name: Enter it into the chain
  gpudev.workstation.chain_report:
    add: "{{ __seen }}"
    about: [windows]

- name: Write the report of this workstation
  gpudev.workstation.chain_report:
    dest: "reports/{{ inventory_hostname }}.json"
  register: __report
"""

RETURN = r"""
chain:
  description: All nine layers in order. Behind the first broken link they are C(skipped), with the reason.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: windows
      status: ok
      summary: Windows 11 Pro 24H2 (build 26100)
      facts: {}
      findings: []
broken:
  description: The first layer that stops the chain, or V(null).
  returned: always
  type: dict
  sample: null
verdict:
  description: Where the workstation stands, in a few words.
  returned: always
  type: str
  sample: "stops at wsl: needs_consent"
layers:
  description: The layer in which releases meet that are known not to go together.
  returned: when O(enforce=true) and the task fails for that
  type: list
  elements: dict
  sample: []
table:
  description: The chain as lines of text, one a layer, followed by the findings with cause and cure.
  returned: always
  type: list
  elements: str
  sample: ["1 windows        ok             Windows 11 Pro 24H2 (build 26100)"]
"""
