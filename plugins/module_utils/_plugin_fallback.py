# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one cluster to exactly one working provider of GPUs that shares them as declared: look, decide, act or wait, look again.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_decision as decision
from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_objects as own_objects
from ansible_collections.gpudev.workstation.plugins.module_utils import _plugin_sharing as sharing
from ansible_collections.gpudev.workstation.plugins.module_utils._device_plugin import CATALOGUE, Provider, View
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import CONFIG, UNREACHABLE, Api, KubeError, wait_for, wait_ready
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, CHANGED, DRIFT, NOT_APPLICABLE, OK, Layer, skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_objects import OWN_NAME, OWN_NAMESPACE
from ansible_collections.gpudev.workstation.plugins.module_utils._plugin_view import LAYER, facts_of, layer_of, layer_of_deadline, layer_of_error, look
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Runner
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed

# How long the pods of a deleted DaemonSet may take to end; the plugin has nothing to finish.
GONE_SECONDS = 60.0


class Fallback:
    """Brings one cluster to exactly one working provider, or predicts how."""

    def __init__(self, kube: Api, params: dict[str, t.Any], check_mode: bool, runner: Runner, every: float = 1.0) -> None:
        self.kube = kube
        self.runner = runner
        self.image: str = params["image"]
        self.runtime_class: str = params.get("runtime_class", own_objects.AUTO)
        self.wanted = sharing.declared(params.get("sharing"))
        self.timeout: float = params["timeout"]
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
        self.phase = decision.PATIENCE if check_mode else decision.GRACE

    def present(self) -> Layer:
        started = time.monotonic()
        view = self._look()
        refused = self._refused_sharing(view) or self._keep_own_as_declared(view)
        if refused is None:
            refused, view = self._reach(self._look() if self.actions else view)
        return refused or self._verdict(layer_of(view, self.context, time.monotonic() - started, self.wanted))

    def _refused_sharing(self, view: View) -> Layer | None:
        """What this platform cannot do, as far as that can be known before anything is touched."""
        if self.wanted is None or self.wanted.mode not in (sharing.MIG, sharing.MPS):
            return None
        if self.wanted.mode == sharing.MPS:
            return self._unshared(view, "PLUGIN-SHARE-001", "sharing: {mode: mps}")
        if view.wsl:
            return self._unshared(view, "PLUGIN-SHARE-002", "the node's kernel is Microsoft's")
        # Only minikube's node is known to be a container of this very machine.
        mig = sharing.mig_state(self.runner) if view.minikube else None
        if mig is None or mig.instances:
            return None
        return self._unshared(view, "PLUGIN-SHARE-004" if mig.capable else "PLUGIN-SHARE-003", mig.text)

    def _unshared(self, view: View, code: str, symptom: str) -> Layer:
        wanted = (self.wanted or sharing.Sharing()).told()
        entry = CATALOGUE[code]
        return Layer(LAYER, entry.status or BROKEN, f"{wanted} is declared and cannot be had here", facts_of(view), [entry.finding(symptom, wanted=wanted)])

    def _reach(self, view: View) -> tuple[Layer | None, View]:
        """Decide, act or wait, look again, until nothing is left to do; a refusal ends it."""
        while True:
            next_step = self._decide(view)
            if next_step.action in (decision.NOTHING, decision.REFUSE, decision.BROKEN):
                return None, view
            if next_step.action == decision.SETTLE:
                if self.check_mode:
                    return None, view
                self._settle()
            else:
                refused = self._act(next_step)
                if refused is not None or self.check_mode:
                    return refused, view
            view = self._look()

    def _look(self) -> View:
        """An API server that restarts just now is waited for, as at the beginning."""
        try:
            return wait_for("a look at the cluster", lambda: look(self.kube), lambda _view: True, 0 if self.check_mode else self.timeout, self.every)
        except DeadlinePassed as passed:
            if isinstance(passed.last, KubeError):
                raise passed.last from passed
            raise

    def _decide(self, view: View) -> decision.Decision:
        return decision.decide(view, self.repair and not self.repairs, self.phase, self.wanted)

    def _settle(self) -> None:
        """Watch until there is something else to do than to wait, or this phase of waiting is over."""
        seconds = self.grace if self.phase == decision.GRACE else self.ready_timeout
        try:
            wait_for(
                "a device plugin that offers a GPU",
                lambda: look(self.kube),
                lambda view: self._decide(view).action != decision.SETTLE,
                seconds,
                self.every,
            )
        except DeadlinePassed as passed:
            if isinstance(passed.last, KubeError):
                raise passed.last from passed
            self.phase = decision.PATIENCE if self.phase == decision.GRACE else decision.OVER

    def absent(self) -> Layer:
        own = self.kube.get("DaemonSet", OWN_NAME, OWN_NAMESPACE)
        if own is not None and own_objects.is_ours(own):
            self._withdraw(own)
        self._drop_config()
        view = look(self.kube)
        others = [provider for provider in view.others if provider.kind != "ResourceSlice"]
        if self.actions and others and others[0].recreatable:
            self._recreate_pods(others[0])
            self.repairs.append("the collection's own device plugin was withdrawn")
            if not self.check_mode:
                _refused, view = self._reach(look(self.kube))
        if others:
            return self._verdict(layer_of(view, self.context))
        return self._verdict(Layer(LAYER, NOT_APPLICABLE, "the collection's own device plugin is absent, as declared", facts_of(view)))

    def _act(self, next_step: decision.Decision) -> Layer | None:
        self.phase = decision.PATIENCE if self.check_mode else decision.GRACE
        if next_step.action == decision.DEPLOY:
            return self._deploy()
        if next_step.provider is not None and next_step.action == decision.WITHDRAW:
            own = self.kube.get("DaemonSet", OWN_NAME, OWN_NAMESPACE)
            if own is not None:
                self._withdraw(own)
            self._drop_config()
        if next_step.provider is not None:
            self._recreate_pods(next_step.provider)
            self.repairs.append(next_step.why)
        return None

    def _keep_own_as_declared(self, view: View) -> Layer | None:
        """An own DaemonSet that stands alone is brought to what is declared."""
        live = self.kube.get("DaemonSet", OWN_NAME, OWN_NAMESPACE)
        if live is None:
            return None
        if not own_objects.is_ours(live):
            return _not_ours("DaemonSet")
        self.before = own_objects.managed_part(live)
        self.after = self.before
        return None if view.others else self._deploy()

    def _deploy(self) -> Layer | None:
        """Configuration first, so that the pod finds it. What equals the server's own prediction is left alone."""
        config = self.wanted.config() if self.wanted else ""
        wanted = own_objects.manifest(self.image, config, own_objects.runtime_class(self.kube, self.runtime_class))
        for body in [*([own_objects.config_map(config)] if config else []), wanted]:
            live = self.kube.get(body["kind"], OWN_NAME, OWN_NAMESPACE)
            if live is not None and not own_objects.is_ours(live):
                return _not_ours(body["kind"])
            self._bring(body, live)
        if not config:
            self._drop_config()
        return None

    def _bring(self, body: dict[str, t.Any], live: dict[str, t.Any] | None) -> None:
        """The comparison is the server's, by dry run."""
        before, after = own_objects.managed_part(live), own_objects.managed_part(self.kube.apply(body, dry_run=True))
        if before == after:
            return
        if not self.check_mode:
            self.kube.apply(body)
        self.actions.append(f"apply {body['kind']} {OWN_NAMESPACE}/{OWN_NAME}")
        self._tell(body["kind"], before, after)

    def _tell(self, kind: str, before: dict[str, t.Any], after: dict[str, t.Any]) -> None:
        """For the diff: the DaemonSet as it is, and the configuration under its own name."""
        if kind == "DaemonSet":
            self.before, self.after = {**self.before, **before}, {**self.after, **after}
        else:
            self.before, self.after = ({**whole, "config": part.get("data", {})} for whole, part in ((self.before, before), (self.after, after)))

    def _drop_config(self) -> None:
        live = self.kube.get("ConfigMap", OWN_NAME, OWN_NAMESPACE)
        if live is None or not own_objects.is_ours(live):
            return
        self.kube.delete("ConfigMap", OWN_NAME, OWN_NAMESPACE, dry_run=self.check_mode)
        self.actions.append(f"delete ConfigMap {OWN_NAMESPACE}/{OWN_NAME}")
        self._tell("ConfigMap", own_objects.managed_part(live), {})

    def _withdraw(self, own: dict[str, t.Any]) -> None:
        """Also waits for its pods to end: a plugin that ends later takes the survivor's registration with it."""
        self.before, self.after = own_objects.managed_part(own), {}
        self.kube.delete("DaemonSet", OWN_NAME, OWN_NAMESPACE, dry_run=self.check_mode)
        self.actions.append(f"delete DaemonSet {OWN_NAMESPACE}/{OWN_NAME}")
        if not self.check_mode:
            wait_for("the end of the collection's own plugin pod", self._own_pods, lambda found: not found, GONE_SECONDS, self.every)

    def _own_pods(self) -> list[dict[str, t.Any]]:
        return self.kube.find("Pod", OWN_NAMESPACE, labels=f"app.kubernetes.io/name={OWN_NAME}")

    def _recreate_pods(self, provider: Provider) -> None:
        for pod in provider.pods:
            name = pod["metadata"]["name"]
            self.kube.delete("Pod", name, provider.namespace, dry_run=self.check_mode)
            self.actions.append(f"recreate Pod {provider.namespace}/{name}")

    def _verdict(self, layer: Layer) -> Layer:
        """The last look, and what led to it."""
        if self.repairs and not self.check_mode:
            layer.findings.append(CATALOGUE["PLUGIN-REPAIR-001"].finding(self.repairs[-1]))
        if self.actions and self.check_mode and layer.status in (OK, BROKEN, NOT_APPLICABLE):
            layer.status, layer.summary = DRIFT, f"would {', then '.join(self.actions)}: now {layer.summary}"
        elif self.actions and layer.status in (OK, NOT_APPLICABLE):
            layer.status, layer.summary = CHANGED, f"{layer.summary} (done: {', then '.join(self.actions)})"
        return layer


def _not_ours(kind: str) -> Layer:
    finding = CATALOGUE["PLUGIN-OWN-001"].finding(f"{kind} {OWN_NAMESPACE}/{OWN_NAME}", name=OWN_NAME)
    return Layer(LAYER, BROKEN, "the name of the collection's own device plugin is taken", {}, [finding])


def cannot_look_yet(params: dict[str, t.Any], check_mode: bool, error: KubeError | None = None) -> Layer | None:
    """In check mode, what earlier steps have not made yet is no failure."""
    if not check_mode or not params["awaiting"] or (error is not None and error.kind not in (CONFIG, UNREACHABLE)):
        return None
    return skipped(LAYER, f"cannot be looked at yet: {', '.join(params['awaiting'])}")


def converge(kube: Api, params: dict[str, t.Any], check_mode: bool, runner: Runner, every: float = 1.0) -> dict[str, t.Any]:
    """The whole task on a cluster that can be asked."""
    patience = 0 if check_mode and params["awaiting"] else params["timeout"]
    fallback = Fallback(kube, params, check_mode, runner, every)
    started = time.monotonic()
    timings = {}
    try:
        wait_ready(kube, patience, every)
        timings["api_ready"] = round(time.monotonic() - started, 1)
        layer = fallback.present() if params["state"] == "present" else fallback.absent()
    except DeadlinePassed as passed:
        error = passed.last if isinstance(passed.last, KubeError) else None
        layer = cannot_look_yet(params, check_mode, error) or layer_of_deadline(passed, params["context"])
    except KubeError as error:
        layer = cannot_look_yet(params, check_mode, error) or layer_of_error(error, params["context"])
    timings["verdict"] = round(time.monotonic() - started, 1)
    diff = {"before": fallback.before, "after": fallback.after, "before_header": "device plugin", "after_header": "device plugin"}
    changed = bool(fallback.actions)
    return result([layer], changed, check_mode, diff, awaiting=params["awaiting"], actions=fallback.actions, timings=timings, **layer.facts)
