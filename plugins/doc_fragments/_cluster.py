# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that talk to a Kubernetes API server."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description: The kubeconfig that knows the cluster.
    type: path
    default: ~/.kube/config
  context:
    description:
      - The context of O(kubeconfig); minikube names it like the profile.
      - The kubeconfig's current context is never used, because it may point to another cluster.
    type: str
    default: minikube
requirements:
  - python >= 3.8
  - kubernetes >= 24.2.0 (in the Python that runs the module, or in V(/opt/gpudev/venv), where the role P(gpudev.workstation.distro#role) puts it)
notes:
  - Nothing of this needs C(kubectl).
"""

    AWAITING = r"""
options:
  awaiting:
    description:
      - What earlier steps of a check-mode run would have changed.
      - In check mode, where these steps have not been taken and the cluster therefore cannot be looked at yet, the layer is C(skipped) with these words
        and the task does not fail.
    type: list
    elements: str
    default: []
"""
