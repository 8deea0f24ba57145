# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated API gives the answers that a real Kubernetes 1.36 gave (`tests/simstation/recordings/kube`), but for a list of reasoned exceptions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.simstation.kube import Cluster, health, kubelet, lists
from tests.simstation.kube.status import StatusError
from tests.simstation.kube.store import Store, resource
from tests.simstation.kube.watch import Watch
from tests.unit.simstation.kube_replay import RECORDINGS, Plan, World, body_of, differences, exchanges, normalised, replay

NO_ETCD = "this fork's /readyz has no etcd checks; vanilla has them (recordings/README.md, Not vanilla)"
STAND_IN = "the log or exit code of the recorder's stand-in plugin, not NVIDIA's"
CONTAINERD = (
    "minikube's docker keeps the previous log and shows waiting CrashLoopBackOff at once (recordings/gpu/novis_pods.json); this kubelet with containerd did not"
)
OPENAPI = "the OpenAPI document is not served; the simulator says so and logs it"
GO_DIFF = "the message ends in a diff of Go structures, which is not imitated"
MOMENT = "the moment in which the kubelet has not yet written what already holds"
EARLIER = "shows what earlier recordings of the same cluster left behind"

PLANS: dict[str, Plan] = {
    "discovery": Plan(()),
    "readyz_ok": Plan((), exceptions={2: NO_ETCD, 8: NO_ETCD}),
    "not_found_kind": Plan(()),
    "resourceslices_empty": Plan(()),
    "unauthorized": Plan(()),
    "rbac_forbidden": Plan(exceptions={8: NO_ETCD, 12: OPENAPI}),
    "ssa_daemonset_create": Plan(()),
    "ssa_namespace_create": Plan(()),
    "ssa_configmap_create": Plan(("namespace",)),
    "ssa_dry_run_create": Plan(()),
    "ssa_dry_run_update": Plan(),
    "ssa_dry_run_missing_namespace": Plan(()),
    "ssa_noop": Plan(),
    "ssa_conflict": Plan(),
    "ssa_force": Plan(before={3: "settle"}),
    "ssa_immutable_selector": Plan(),
    "ssa_invalid": Plan(),
    "ssa_update_image": Plan(("namespace",), exceptions={11: STAND_IN, 38: EARLIER, 40: EARLIER, 47: EARLIER}),
    "list_by_label": Plan(("namespace",), before={4: "daemon_set"}),
    "daemonset_rollout_ok": Plan(("namespace", "fresh_daemon_set"), exceptions={13: STAND_IN}),
    "daemonset_delete_foreground": Plan(exceptions={6: STAND_IN}, ignore=("eneration: recorded", ".managedFields", ".env:")),
    "daemonset_node_selector_none": Plan(),
    "daemonset_plugin_crashloop": Plan(("namespace", "no_library"), exceptions={63: CONTAINERD, 65: EARLIER}),
    "daemonset_ready_without_gpu": Plan(("namespace", "no_library", "daemon_set"), exceptions={6: EARLIER}),
    "gpu_pod_success": Plan(),
    "gpu_pod_failed": Plan(),
    "gpu_pod_pending": Plan(before={24: "drop_daemon_set"}),
    "gpu_pod_busy": Plan(),
    "gpu_pod_admission_error": Plan(),
    "pod_running": Plan(exceptions={13: GO_DIFF}),
    "pod_container_creating": Plan(),
    "pod_image_pull": Plan(),
    "pod_err_never_pull": Plan(),
    "pod_invalid_image_name": Plan(),
    "pod_create_container_config_error": Plan(),
    "pod_start_error": Plan(),
    "pod_crash_loop": Plan(exceptions=dict.fromkeys((103, 105, 106, 124, 125), CONTAINERD)),
    "pod_sigterm_deadline": Plan(("namespace", "daemon_set", "running_pod")),
    "namespace_delete": Plan(("namespace", "daemon_set", "running_pod")),
    "kubelet_restart": Plan(before={5: "restart_kubelet"}),
    "node_states": Plan(
        ("namespace",),
        before={
            3: "daemon_set",
            4: "drop_daemon_set",
            9: "one_device",
            16: "one_sick_device",
            18: "sick_pod",
            29: "two_devices_one_sick",
            41: "two_devices",
            53: "no_device",
            66: "one_device",
            69: "double_killed",
            173: "five_minutes_pass",
        },
        exceptions={4: MOMENT, 69: MOMENT},
    ),
    "pods_list_mixed": Plan(exceptions=dict.fromkeys((3, 5), EARLIER), ignore=(".env:",)),
    "ansible_k8s_info": Plan(),
    "ansible_k8s_ssa": Plan(("namespace",)),
    "ansible_k8s_daemonset_wait": Plan(ignore=("eneration: recorded", ".managedFields"), exceptions={29: STAND_IN}),
}
TESTS_OF_THEIR_OWN = {"readyz_not_ready", "watch_node", "watch_pod", "watch_gone"}
NOT_COVERED = {
    "apiserver_shutdown": "how a real server drains on SIGTERM is not imitated: stop() breaks connections, as test_kube_client shows",
    "readyz_etcd_stopped": "a hanging etcd is not imitated, and this fork's /readyz does not check it",
}


class ReplayWorld(World):
    """The preparations that plans name."""

    def fresh_daemon_set(self) -> None:
        self.daemon_set(settled=False)

    def no_library(self) -> None:
        self.knob(nvml="library_not_found")

    def running_pod(self) -> None:
        self.first_of("pod_running")

    def restart_kubelet(self) -> None:
        kubelet.restart(self.cluster._context)

    def devices(self, count: int, healthy: int, pod: str | None = "double") -> None:
        """What the recorder's test double on the node reported to the kubelet."""
        self.station.state["clusters"]["minikube"]["devices"] = {"nvidia.com/gpu": {"count": count, "healthy": healthy, "pod": pod}}

    def one_device(self) -> None:
        self.devices(1, 1)

    def one_sick_device(self) -> None:
        self.devices(1, 0)

    def sick_pod(self) -> None:
        recorded = next(entry for entry in exchanges("node_states") if entry["seq"] == 18)["response_body"]
        containers = [{key: container[key] for key in container if key != "volumeMounts"} for container in recorded["spec"]["containers"]]
        spec = {"containers": containers, **{key: recorded["spec"][key] for key in ("restartPolicy", "terminationGracePeriodSeconds")}}
        body = {"metadata": {"name": recorded["metadata"]["name"], "namespace": "rec", "labels": recorded["metadata"].get("labels")}, "spec": spec}
        self.cluster.registry.create(resource("pods"), body, "coll")

    def two_devices_one_sick(self) -> None:
        self.devices(2, 1)

    def two_devices(self) -> None:
        self.devices(2, 2)

    def no_device(self) -> None:
        self.devices(0, 0)

    def double_killed(self) -> None:
        self.devices(1, 0, None)

    def five_minutes_pass(self) -> None:
        self.settle()
        self.cluster.engine.next_step(longest=400.0)


@pytest.fixture
def world(tmp_path: Path) -> ReplayWorld:
    return ReplayWorld(tmp_path)


@pytest.mark.parametrize("name", sorted(PLANS))
def test_answers_are_those_of_the_recording(name: str, world: ReplayWorld) -> None:
    assert replay(name, PLANS[name], world) == []


def test_every_recording_here_is_used_and_every_exception_names_an_exchange() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == set(PLANS) | TESTS_OF_THEIR_OWN
    assert not set(NOT_COVERED) & (set(PLANS) | TESTS_OF_THEIR_OWN)
    for name, plan in PLANS.items():
        assert set(plan.exceptions) <= {exchange["seq"] for exchange in exchanges(name)}, name


def test_only_what_is_not_imitated_is_logged_as_an_error(world: ReplayWorld) -> None:
    replay("rbac_forbidden", Plan(exceptions={8: NO_ETCD}), world)
    assert [entry["what"] for entry in world.station.errors] == ["kubernetes API: GET /openapi/v2"]


def test_a_slow_start_fails_the_recorded_checks_in_the_recorded_order() -> None:
    recorded = [exchange for exchange in exchanges("readyz_not_ready") if exchange["status"] == 500]
    stages = [health.report("readyz", health.failing(step / 100), False)[1] for step in range(100)]
    shown = [re.sub(r"\[\+\]etcd(-readiness)? ok\n", "", text) for text in stages]
    positions = [shown.index(exchange["response_body"]) for exchange in recorded if exchange["query"] == ""]
    assert positions == sorted(positions) and len(set(positions)) == 6
    assert health.failing(1.0) == [] and health.report("readyz", [], False) == (200, "ok")


# --- watches ---


def watch(store: Store, key: str, namespace: str = "", revision: str = "", **query: str) -> list[dict[str, Any]]:
    kind = resource(key)
    return list(Watch(store, kind, namespace, lists.predicate(query, kind), revision, 0.0, False).events())


def in_order(recorded: list[Any], ours: list[Any]) -> list[str]:
    """Recorded events that do not come, in this order, among ours."""
    missing, position = [], 0
    for entry in recorded:
        later = [index for index in range(position, len(ours)) if ours[index] == entry]
        if later:
            position = later[0] + 1
        else:
            closest = min((list(differences(entry, other)) for other in ours[position:]), key=len, default=["nothing left"])
            missing.append(f"{entry['type']}: {closest[:5]}")
    return missing


def events_of(name: str, seq: int) -> list[Any]:
    exchange = next(entry for entry in exchanges(name) if entry["seq"] == seq)
    return [normalised(stream_line(entry)) for entry in exchange["stream"]]


def stream_line(entry: dict[str, Any]) -> Any:
    return entry["line"] if isinstance(entry["line"], dict) else json.loads(entry["line"])


def test_a_watch_of_pods_tells_how_the_plugin_pod_comes_up(world: ReplayWorld) -> None:
    start = str(world.cluster.registry.store.revision)
    world.daemon_set()
    ours = [normalised(event) for event in watch(world.cluster.registry.store, "pods", "kube-system", start, labelSelector="name=nvidia-device-plugin-ds")]
    assert in_order(_comparable(events_of("watch_pod", 1)[:5]), _comparable(ours)) == []


def _comparable(events: list[Any]) -> list[Any]:
    """Pod events without `status.resources`, where the recorded containerd node differs from minikube's docker."""
    for event in events:
        event["object"].get("status", {}).pop("resources", None)
    return events


def test_a_watch_of_the_node_tells_that_the_gpu_appeared(world: ReplayWorld) -> None:
    start = str(world.cluster.registry.store.revision)
    world.daemon_set()
    ours = [normalised(event) for event in watch(world.cluster.registry.store, "nodes", "", start)]
    recorded = [event for event in events_of("watch_node", 1) if event["type"] == "MODIFIED"]
    assert in_order(recorded, ours) == []


def test_a_bookmark_is_an_empty_object_with_the_revision(world: ReplayWorld) -> None:
    store = world.cluster.registry.store
    for name, key in (("watch_node", "nodes"), ("watch_pod", "pods")):
        recorded = next(event for event in events_of(name, 1) if event["type"] == "BOOKMARK")
        made = Watch(store, resource(key), "", lambda item: True, str(store.revision), 1.6, True)
        made.bookmark_at = 0.0
        ours = next(made.events())
        assert normalised(ours) == recorded


def test_a_watch_without_revision_begins_with_what_is_there(world: ReplayWorld) -> None:
    world.daemon_set()
    ours = watch(world.cluster.registry.store, "pods", "kube-system", "", labelSelector="name=nvidia-device-plugin-ds")
    assert [event["type"] for event in ours] == [event["type"] for event in events_of("watch_pod", 2)]


def test_a_watch_from_the_beginning_replays_and_one_from_the_future_is_silent(world: ReplayWorld) -> None:
    store = world.cluster.registry.store
    world.daemon_set()
    replayed = [event["type"] for event in watch(store, "nodes", "", "1")]
    assert replayed[0] == "ADDED" and set(replayed[1:]) == {"MODIFIED"}
    assert watch(store, "pods", "", "99999999") == []


def test_a_malformed_revision_is_a_500_and_a_future_list_a_504(world: ReplayWorld) -> None:
    malformed = exchanges("watch_pod")[-1]
    assert body_of(world.play(malformed)) == malformed["response_body"]
    recorded = exchanges("watch_node")[4]
    ours = body_of(world.play(recorded))
    assert ours["message"].startswith("Timeout: Too large resource version: 99999999, current: ")
    assert {**ours, "message": ""} == {**recorded["response_body"], "message": ""}
    exact = exchanges("watch_node")[3]
    assert body_of(world.play(exact)) == exact["response_body"]


def restarted(world: ReplayWorld, root: Path) -> Cluster:
    """Another process over the same document: it has not seen what happened before."""
    return Cluster(world.station, "minikube", root / "minikube")


def test_revisions_from_before_a_restart_are_gone(world: ReplayWorld, tmp_path: Path) -> None:
    world.daemon_set()
    cluster = restarted(world, tmp_path)
    store = cluster.registry.store
    for number, key in ((0, "pods"), (1, "nodes"), (5, "nodes")):
        exchange = exchanges("watch_gone")[number]
        revision = re.search(r"resourceVersion=(\d+)", exchange["query"])
        assert revision
        ours = watch(store, key, "", revision.group(1))
        recorded = normalised(stream_line(exchange["stream"][0]))
        assert _without_numbers([normalised(event) for event in ours]) == _without_numbers([recorded])
    with pytest.raises(StatusError) as gone:
        lists.listing(store, resource("nodes"), "", {"resourceVersion": "2", "resourceVersionMatch": "Exact"})
    assert gone.value.body == exchanges("watch_gone")[4]["response_body"]


def _without_numbers(events: list[Any]) -> list[Any]:
    return [{**event, "object": {**event["object"], "message": re.sub(r"\(\d+\)", "(n)", event["object"]["message"])}} for event in events]


def test_pages_go_on_where_they_ended_and_an_old_token_is_refused_with_a_new_one(world: ReplayWorld, tmp_path: Path) -> None:
    world.daemon_set()
    store = world.cluster.registry.store
    first = lists.listing(store, resource("events"), "", {"limit": "2"})
    assert len(first["items"]) == 2 and first["metadata"]["remainingItemCount"] == len(store.items(resource("events"))) - 2
    rest = lists.listing(store, resource("events"), "", {"continue": first["metadata"]["continue"]})
    names = [item["metadata"]["name"] for item in first["items"] + rest["items"]]
    assert names == [item["metadata"]["name"] for item in store.items(resource("events"))]
    later = restarted(world, tmp_path).registry.store
    world.cluster.registry.create(resource("configmaps"), {"metadata": {"name": "later", "namespace": "default"}}, "test")
    later.oldest = store.revision
    with pytest.raises(StatusError) as gone:
        lists.listing(later, resource("events"), "", {"continue": first["metadata"]["continue"]})
    recorded = exchanges("watch_gone")[3]["response_body"]
    assert {**gone.value.body, "metadata": {}} == {**recorded, "metadata": {}}
    again = lists.listing(later, resource("events"), "", {"continue": gone.value.body["metadata"]["continue"]})
    assert [item["metadata"]["name"] for item in again["items"]] == names[2:]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"continue": "abc"}, "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value"),
        ({"fieldSelector": "spec.foo=bar"}, "field label not supported: spec.foo"),
        ({"labelSelector": "a===b"}, "unable to parse requirement: found '=', expected: identifier"),
    ],
)
def test_bad_lists_are_refused_in_the_recorded_words(world: ReplayWorld, query: dict[str, str], message: str) -> None:
    """recordings/kube/pods_list_mixed.jsonl, 6 to 8."""
    with pytest.raises(StatusError) as refused:
        lists.listing(world.cluster.registry.store, resource("pods"), "", query)
    assert refused.value.body["message"] == message and refused.value.code == 400
