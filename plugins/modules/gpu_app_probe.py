# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_app_probe
short_description: Wait until an application on the GPU serves, or say why it does not
version_added: 0.1.0
description:
  - Waits until all pods of a Deployment are of its newest template and ready, compares the image that they run with the one that was built, and asks the
    application through its Service.
  - The Service is asked through the API server's proxy, so nothing has to be published and any kubeconfig will do.
  - Where a pod cannot get its local image, the node's images, the other minikube profiles and the host's Docker engine are looked through, and the cause is
    named. It may be another profile, a C(:latest) that is pulled always, an image that was never built, or one that is on the host's engine only.
options:
  name:
    description: The Deployment.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    default: chat
  image_id:
    description:
      - The image that the pods must run, as V(image.id) of M(gpudev.workstation.cluster_image) returns it, or a digest of a registry.
      - Empty compares nothing.
    type: str
    default: ""
  service:
    description: The Service to ask. Empty asks none.
    type: str
    default: ""
  port:
    description: The port of the Service.
    type: int
    default: 80
  path:
    description: The path to ask for.
    type: str
    default: /
  timeout:
    description: Seconds until the application must serve.
    type: int
    default: 180
  profile:
    description: The minikube profile that the image was put into. With it a failed pull is explained; empty for an image of a registry.
    type: str
    default: ""
  minikube:
    description: The minikube program, a name on C(PATH) or a path. Used with O(profile).
    type: str
    default: minikube
  docker:
    description: The docker client, a name on C(PATH) or a path. Used with O(profile).
    type: str
    default: docker
  minikube_home:
    description: Value of E(MINIKUBE_HOME). Empty takes the environment's, else the home directory.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    details: In check mode the application is not waited for, because this run has not deployed it; the layer is C(skipped).
  diff_mode:
    support: none
    details: This module does not modify state.
  idempotent:
    support: full
    details: This module does not modify state.
  action:
    support: none
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
  - gpudev.workstation._cluster
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.cluster_image
  - module: gpudev.workstation.gpu_smoke_test
"""

EXAMPLES = r"""
- name: Wait until the application serves from the image that was just built
  gpudev.workstation.gpu_app_probe:
    name: chat-app
    namespace: chat
    service: chat-app
    path: /gpu
    profile: minikube
    image_id: "{{ built.image.id }}"
"""

RETURN = r"""
layers:
  description: The layer C(pod) as far as this application is concerned, with its findings.
  returned: always
  type: list
  elements: dict
  sample:
    - layer: pod
      status: ok
      summary: "chat-app in chat: 1 pods ready"
      facts: {}
      findings: []
app:
  description: The Deployment's replicas and its pods.
  returned: when the API server answered
  type: dict
  sample:
    replicas: 1
    pods:
      - name: chat-app-6d5c9d7b8f-x2x9p
        ready: true
        state: Running
        image: chat-app:1
        image_id: 2e25b66a9da42a4e9417c0e304d068c07586c745e127632bf7b3019ceb9e52b3
answer:
  description: What the application answered, decoded when it is JSON.
  returned: when O(service) was asked and answered
  type: raw
  sample:
    gpus:
      - name: NVIDIA GeForce RTX 4050 Laptop GPU
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_node import Node
from ansible_collections.gpudev.workstation.plugins.module_utils._gpu_app import App, Wanted, probe
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import DEFAULT_CONTEXT, DEFAULT_KUBECONFIG, KubeError, connect, require_client
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_cluster import Tools
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from ansible_collections.gpudev.workstation.plugins.module_utils._smoke_test import LAYER, layer_of_api_error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "default": DEFAULT_KUBECONFIG},
            "context": {"type": "str", "default": DEFAULT_CONTEXT},
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "chat"},
            "image_id": {"type": "str", "default": ""},
            "service": {"type": "str", "default": ""},
            "port": {"type": "int", "default": 80},
            "path": {"type": "str", "default": "/"},
            "timeout": {"type": "int", "default": 180},
            "profile": {"type": "str", "default": ""},
            "minikube": {"type": "str", "default": "minikube"},
            "docker": {"type": "str", "default": "docker"},
            "minikube_home": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        conclude(module, result([skipped(LAYER, "an application is not waited for in check mode")], False, True))
    require_client(module)
    try:
        kube = connect(params["kubeconfig"], params["context"])
    except KubeError as error:
        conclude(module, result([layer_of_api_error(error, params["context"])], False, False))
    tools = Tools(params["minikube"], params["docker"], params["minikube_home"] or "", params["kubeconfig"])
    wanted = Wanted(
        params["name"],
        params["namespace"],
        params["image_id"],
        params["service"],
        params["port"],
        params["path"],
        float(params["timeout"]),
        params["context"],
    )
    app = App(kube, wanted, Node(LocalRunner(), tools, params["profile"]) if params["profile"] else None)
    layer = probe(app)
    conclude(module, result([layer], False, False, **app.returned))


if __name__ == "__main__":
    main()
