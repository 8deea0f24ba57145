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

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils import _device_plugin as plugin
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import (
    CONFIG,
    DEFAULT_CONTEXT,
    DEFAULT_KUBECONFIG,
    UNREACHABLE,
    Api,
    KubeError,
    client_missing,
    connect,
    require_client,
    wait_for,
    wait_ready,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import (
    BROKEN,
    CHANGED,
    DRIFT,
    NOT_APPLICABLE,
    OK,
    Layer,
    skipped,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_view import LAYER, facts_of, layer_of, layer_of_deadline, layer_of_error, look
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed

# How long the pods of a deleted DaemonSet may take to end; the plugin has nothing to finish.
GONE_SECONDS = 60.0


class Fallback:
    """Brings one cluster to exactly one working provider, or predicts how."""

    def __init__(self, kube: Api, params: dict[str, t.Any], check_mode: bool, every: float = 1.0) -> None:
        self.kube = kube
        self.image: str = params["image"]
        self.grace: float = params["grace"]
        self.ready_timeout: float = params["ready_timeout"]
        self.repair: bool = params["repair"]
        self.context: str = params["context"]
        self.check_mode = check_mode
        self.every = every
        self.actions: list[str] = []
        self.repairs: list[str] = []
        self.before: dict[str, t.Any] = {}
        self.after: dict[str, t.Any] = {}
        # Nothing is waited for in check mode, so what is not there now is taken as not coming.
        self.phase = plugin.PATIENCE if check_mode else plugin.GRACE

    def present(self) -> Layer:
        started = time.monotonic()
        refused = self._keep_own_as_declared()
        view = look(self.kube)
        if refused is None:
            refused, view = self._reach(view)
        return refused or self._verdict(layer_of(view, self.context, time.monotonic() - started))

    def _reach(self, view: plugin.View) -> tuple[Layer | None, plugin.View]:
        """Decide, act or wait, look again, until nothing is left to do; a refusal ends it."""
        while True:
            decision = self._decide(view)
            if decision.action in (plugin.NOTHING, plugin.REFUSE, plugin.BROKEN):
                return None, view
            if decision.action == plugin.SETTLE:
                if self.check_mode:
                    return None, view
                self._settle()
            else:
                refused = self._act(decision)
                if refused is not None or self.check_mode:
                    return refused, view
            view = look(self.kube)

    def _decide(self, view: plugin.View) -> plugin.Decision:
        return plugin.decide(view, self.repair and not self.repairs, self.phase)

    def _settle(self) -> None:
        """Watch until there is something else to do than to wait, or this phase of waiting is over."""
        seconds = self.grace if self.phase == plugin.GRACE else self.ready_timeout
        try:
            wait_for(
                "a device plugin that offers a GPU",
                lambda: look(self.kube),
                lambda view: self._decide(view).action != plugin.SETTLE,
                seconds,
                self.every,
            )
        except DeadlinePassed as passed:
            if isinstance(passed.last, KubeError):
                raise passed.last from passed
            self.phase = plugin.PATIENCE if self.phase == plugin.GRACE else plugin.OVER

    def absent(self) -> Layer:
        own = self.kube.get("DaemonSet", plugin.OWN_NAME, plugin.OWN_NAMESPACE)
        if own is not None and plugin.is_ours(own):
            self._withdraw(own)
        view = look(self.kube)
        others = [provider for provider in view.others if provider.kind != "ResourceSlice"]
        if self.actions and others:
            self._recreate_pods(others[0])
            self.repairs.append("the collection's own device plugin was withdrawn")
            if not self.check_mode:
                _refused, view = self._reach(look(self.kube))
        if others:
            return self._verdict(layer_of(view, self.context))
        return self._verdict(Layer(LAYER, NOT_APPLICABLE, "the collection's own device plugin is absent, as declared", facts_of(view)))

    def _act(self, decision: plugin.Decision) -> Layer | None:
        self.phase = plugin.PATIENCE if self.check_mode else plugin.GRACE
        if decision.action == plugin.DEPLOY:
            return self._deploy()
        if decision.provider is not None and decision.action == plugin.WITHDRAW:
            own = self.kube.get("DaemonSet", plugin.OWN_NAME, plugin.OWN_NAMESPACE)
            if own is not None:
                self._withdraw(own)
        if decision.provider is not None:
            self._recreate_pods(decision.provider)
            self.repairs.append(decision.why)
        return None

    def _keep_own_as_declared(self) -> Layer | None:
        """An own DaemonSet that stands alone is brought to the declared image; the comparison is the server's, by dry run."""
        live = self.kube.get("DaemonSet", plugin.OWN_NAME, plugin.OWN_NAMESPACE)
        if live is None:
            return None
        if not plugin.is_ours(live):
            return _not_ours()
        self.before = plugin.managed_part(live)
        self.after = self.before
        if look(self.kube).others:
            return None
        wanted = plugin.manifest(self.image)
        if plugin.managed_part(self.kube.apply(wanted, dry_run=True)) != self.before:
            self._apply(wanted)
        return None

    def _deploy(self) -> Layer | None:
        live = self.kube.get("DaemonSet", plugin.OWN_NAME, plugin.OWN_NAMESPACE)
        if live is not None and not plugin.is_ours(live):
            return _not_ours()
        self._apply(plugin.manifest(self.image))
        return None

    def _apply(self, wanted: dict[str, t.Any]) -> None:
        self.after = plugin.managed_part(self.kube.apply(wanted, dry_run=self.check_mode))
        self.actions.append(f"apply DaemonSet {plugin.OWN_NAMESPACE}/{plugin.OWN_NAME}")

    def _withdraw(self, own: dict[str, t.Any]) -> None:
        """Also waits for its pods to end: a plugin that ends later takes the survivor's registration with it."""
        self.before, self.after = plugin.managed_part(own), {}
        self.kube.delete("DaemonSet", plugin.OWN_NAME, plugin.OWN_NAMESPACE, dry_run=self.check_mode)
        self.actions.append(f"delete DaemonSet {plugin.OWN_NAMESPACE}/{plugin.OWN_NAME}")
        if not self.check_mode:
            wait_for("the end of the collection's own plugin pod", self._own_pods, lambda found: not found, GONE_SECONDS, self.every)

    def _own_pods(self) -> list[dict[str, t.Any]]:
        return self.kube.find("Pod", plugin.OWN_NAMESPACE, labels=f"app.kubernetes.io/name={plugin.OWN_NAME}")

    def _recreate_pods(self, provider: plugin.Provider) -> None:
        for pod in provider.pods:
            name = pod["metadata"]["name"]
            self.kube.delete("Pod", name, provider.namespace, dry_run=self.check_mode)
            self.actions.append(f"recreate Pod {provider.namespace}/{name}")

    def _verdict(self, layer: Layer) -> Layer:
        """The last look, and what led to it."""
        if self.repairs and not self.check_mode:
            layer.findings.append(plugin.CATALOGUE["PLUGIN-REPAIR-001"].finding(self.repairs[-1]))
        if self.actions and self.check_mode and layer.status in (OK, BROKEN, NOT_APPLICABLE):
            layer.status, layer.summary = DRIFT, f"would {', then '.join(self.actions)}: now {layer.summary}"
        elif self.actions and layer.status in (OK, NOT_APPLICABLE):
            layer.status, layer.summary = CHANGED, f"{layer.summary} (done: {', then '.join(self.actions)})"
        return layer


def _not_ours() -> Layer:
    finding = plugin.CATALOGUE["PLUGIN-OWN-001"].finding(f"DaemonSet {plugin.OWN_NAMESPACE}/{plugin.OWN_NAME}", name=plugin.OWN_NAME)
    return Layer(LAYER, BROKEN, "the name of the collection's own device plugin is taken", {}, [finding])


def cannot_look_yet(params: dict[str, t.Any], check_mode: bool, error: KubeError | None = None) -> Layer | None:
    """In check mode, what earlier steps have not made yet is no failure."""
    if not check_mode or not params["awaiting"] or (error is not None and error.kind not in (CONFIG, UNREACHABLE)):
        return None
    return skipped(LAYER, f"cannot be looked at yet: {', '.join(params['awaiting'])}")


def converge(kube: Api, params: dict[str, t.Any], check_mode: bool, every: float = 1.0) -> dict[str, t.Any]:
    """The whole task on a cluster that can be asked."""
    patience = 0 if check_mode and params["awaiting"] else params["timeout"]
    fallback = Fallback(kube, params, check_mode, every)
    try:
        wait_ready(kube, patience, every)
        layer = fallback.present() if params["state"] == "present" else fallback.absent()
    except DeadlinePassed as passed:
        error = passed.last if isinstance(passed.last, KubeError) else None
        layer = cannot_look_yet(params, check_mode, error) or layer_of_deadline(passed, params["context"])
    except KubeError as error:
        layer = cannot_look_yet(params, check_mode, error) or layer_of_error(error, params["context"])
    diff = {"before": fallback.before, "after": fallback.after, "before_header": "device plugin", "after_header": "device plugin"}
    return result([layer], bool(fallback.actions), check_mode, diff, awaiting=params["awaiting"], actions=fallback.actions, **layer.facts)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "default": DEFAULT_KUBECONFIG},
            "context": {"type": "str", "default": DEFAULT_CONTEXT},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "image": {"type": "str", "default": plugin.DEFAULT_IMAGE},
            "grace": {"type": "int", "default": 30},
            "timeout": {"type": "int", "default": 120},
            "ready_timeout": {"type": "int", "default": 300},
            "repair": {"type": "bool", "default": True},
            "awaiting": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    early = cannot_look_yet(params, module.check_mode)
    if early is not None and client_missing():
        conclude(module, result([early], False, True))
    require_client(module)
    try:
        kube = connect(params["kubeconfig"], params["context"])
    except KubeError as error:
        layer = cannot_look_yet(params, module.check_mode, error) or layer_of_error(error, params["context"])
        conclude(module, result([layer], False, module.check_mode))
    conclude(module, converge(kube, params, module.check_mode))


if __name__ == "__main__":
    main()
