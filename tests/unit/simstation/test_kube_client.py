# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated cluster over HTTPS, with the real Python client: what a GPU workstation's Kubernetes does, good and bad."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client, dynamic
from kubernetes.dynamic.exceptions import ConflictError, ForbiddenError, NotFoundError, ResourceNotFoundError

from tests.simstation.kube import Cluster
from tests.simstation.scenarios.cluster import fallback
from tests.simstation.station import Station

ADDON = "nvidia-device-plugin"
GPU = "nvidia.com/gpu"
CARD = {
    "name": "NVIDIA GeForce RTX 4050 Laptop GPU",
    "uuid": "GPU-5b1f0c5e-3c0d-4a7e-9d6b-405040504050",
    "driver_version": "591.59",
    "cuda_version": "13.1",
    "memory_mib": 6141,
    "compute_cap": "8.9",
}
IMAGE = "nvcr.io/nvidia/cuda:12.8.1-base-ubuntu24.04"
Wait = Callable[[Callable[[], Any]], Any]


class Lab:
    """A served cluster and a client for it."""

    def __init__(self, root: Path, **knobs: Any) -> None:
        document = {"windows": {"gpus": [dict(CARD)]}, "clusters": {"minikube": {"knobs": {"images": [IMAGE], **knobs}}}}
        self.station = Station("lab", document, root, time_scale=0.01)
        self.cluster = Cluster(self.station, "minikube", root / "minikube")
        self.port = self.cluster.start()

    def connection(self, user: str = "") -> client.ApiClient:
        configuration = client.Configuration()
        configuration.host = f"https://127.0.0.1:{self.port}"
        configuration.ssl_ca_cert = str(self.cluster.certificates.ca)
        certificate, key = self.cluster.certificates.issue_client(user) if user else self.cluster.certificates.client
        configuration.cert_file, configuration.key_file = str(certificate), str(key)
        configuration.retries = False
        return client.ApiClient(configuration)

    def kind(self, kind: str, api_version: str = "v1", user: str = "") -> Any:
        return self.client(user).resources.get(api_version=api_version, kind=kind)

    def client(self, user: str = "") -> dynamic.DynamicClient:
        """Its record of what the server has is kept here, not in the temporary directory of the machine."""
        return dynamic.DynamicClient(self.connection(user), cache_file=str(self.station.root / f"discovered{self.port}.json"))

    def http(self, method: str, path: str, body: str = "", content_type: str = "", by: Cluster | None = None) -> urllib3.BaseHTTPResponse:
        """A request as it stands, with the client certificate of this cluster or of another one."""
        certificate, key = (str(path) for path in (by or self.cluster).certificates.client)
        with urllib3.PoolManager(ca_certs=str(self.cluster.certificates.ca), cert_file=certificate, key_file=key) as pool:
            headers = {"content-type": content_type} if content_type else {}
            return pool.request(method, f"https://127.0.0.1:{self.port}{path}", body=body.encode() or None, headers=headers, retries=False, timeout=5)

    def allocatable(self, name: str = GPU) -> tuple[str | None, str | None]:
        status = self.kind("Node").get(name="minikube").status
        return status.capacity.to_dict().get(name), status.allocatable.to_dict().get(name)

    def plugin_pods(self) -> list[Any]:
        return [pod for pod in self.kind("Pod").get(namespace="kube-system").items if "device-plugin" in pod.metadata.name]

    def log(self, name: str, namespace: str = "default", query: str = "") -> str:
        answer = self.http("GET", f"/api/v1/namespaces/{namespace}/pods/{name}/log{query}")
        assert answer.status == 200, answer.data
        return answer.data.decode()

    def pod(self, name: str, command: list[str], gpus: int = 1, image: str = IMAGE, **spec: Any) -> Any:
        container: dict[str, Any] = {"name": "main", "image": image, "command": command}
        if gpus:
            container["resources"] = {"limits": {GPU: str(gpus)}}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [container], **spec}}
        return self.kind("Pod").create(namespace="default", body=body)

    def finished(self, name: str) -> Any:
        return until(lambda: _if(self.kind("Pod").get(name=name, namespace="default"), lambda pod: pod.status.phase in ("Succeeded", "Failed")))

    def events(self, name: str) -> list[tuple[str, str]]:
        found = self.kind("Event").get(field_selector=f"involvedObject.name={name}").items
        return [(event.reason, event.message) for event in found]


def _if(value: Any, holds: Callable[[Any], bool]) -> Any:
    return value if holds(value) else None


def until(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true answer, or a failure with the last one."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.01)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.cluster.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    made: list[Lab] = []

    def factory(**knobs: Any) -> Lab:
        made.append(Lab(tmp_path / str(len(made)), **knobs))
        return made[-1]

    yield factory
    for entry in made:
        entry.cluster.close()


def with_addon(lab: Lab) -> Lab:
    lab.cluster.enable_addon(ADDON)
    until(lambda: lab.allocatable() == ("1", "1"))
    return lab


# --- the API ---


def test_discovery_version_and_kinds(lab: Lab) -> None:
    found = lab.client()
    assert found.version["kubernetes"]["gitVersion"] == "v1.35.1"
    assert found.resources.get(api_version="resource.k8s.io/v1", kind="ResourceSlice").get().items == []
    with pytest.raises(ResourceNotFoundError):
        found.resources.get(api_version="v1", kind="NoSuchKind")


def test_server_side_apply_dry_run_no_op_conflict_and_force(lab: Lab) -> None:
    sets = lab.kind("DaemonSet", "apps/v1")
    body = fallback()
    arguments = {"name": "gpudev-device-plugin", "namespace": "kube-system"}
    before = lab.station.snapshot()
    assert sets.server_side_apply(body=body, field_manager="mine", dry_run="All", **arguments).metadata.uid
    assert lab.station.snapshot() == before
    made = sets.server_side_apply(body=body, field_manager="mine", **arguments)
    again = sets.server_side_apply(body=body, field_manager="mine", **arguments)
    assert (again.metadata.uid, again.metadata.generation) == (made.metadata.uid, 1)
    other = copy.deepcopy(body)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "nvcr.io/nvidia/k8s-device-plugin:v0.19.3"
    with pytest.raises(ConflictError) as conflict:
        sets.server_side_apply(body=other, field_manager="other", **arguments)
    causes = json.loads(str(conflict.value.body))["details"]["causes"]
    assert [entry["field"] for entry in causes] == ['.spec.template.spec.containers[name="nvidia-device-plugin-ctr"].image']
    assert sets.server_side_apply(body=other, field_manager="other", force_conflicts=True, **arguments).metadata.generation == 2


def test_three_forms_of_patch(lab: Lab) -> None:
    maps = lab.kind("ConfigMap")
    where = {"name": "c", "namespace": "default"}
    maps.create(body={"metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}}, namespace="default")
    assert maps.patch(body={"data": {"a": None, "c": "3"}}, content_type="application/merge-patch+json", **where).data.to_dict() == {"b": "2", "c": "3"}
    operations = [{"op": "test", "path": "/data/b", "value": "2"}, {"op": "remove", "path": "/data/b"}, {"op": "add", "path": "/data/d", "value": "4"}]
    assert maps.patch(body=operations, content_type="application/json-patch+json", **where).data.to_dict() == {"c": "3", "d": "4"}
    strategic = "application/strategic-merge-patch+json"
    assert maps.patch(body={"data": {"c": None}}, content_type=strategic, **where).data.to_dict() == {"d": "4"}


def test_a_strategic_patch_merges_containers_by_name(lab: Lab) -> None:
    lab.cluster.enable_addon(ADDON)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "nvidia-device-plugin-ctr", "env": [{"name": "X", "value": "y"}]}]}}}}
    where = {"name": "nvidia-device-plugin-daemonset", "namespace": "kube-system"}
    changed = lab.kind("DaemonSet", "apps/v1").patch(body=change, content_type="application/strategic-merge-patch+json", **where)
    container = changed.spec.template.spec.containers[0].to_dict()
    assert {entry["name"] for entry in container["env"]} == {"FAIL_ON_INIT_ERROR", "X"} and container["image"]


@pytest.mark.parametrize(
    ("method", "content_type", "body"),
    [
        ("PATCH", "application/apply-patch+yaml", json.dumps("{}")),
        ("PATCH", "application/merge-patch+json", "[]"),
        ("PATCH", "application/json-patch+json", "{}"),
        ("PATCH", "application/merge-patch+json", '{"data": 3}'),
        ("PUT", "application/json", "not json"),
        ("PUT", "application/json", '{"metadata": "x"}'),
    ],
)
def test_nonsense_is_a_client_error(lab: Lab, method: str, content_type: str, body: str) -> None:
    lab.kind("ConfigMap").create(body={"metadata": {"name": "c"}, "data": {"a": "1"}}, namespace="default")
    answer = lab.http(method, "/api/v1/namespaces/default/configmaps/c?fieldManager=x", body, content_type)
    assert 400 <= answer.status < 500 and answer.json()["kind"] == "Status"


def test_a_user_without_roles_is_told_what_is_missing_and_grants_of_the_document_count(lab: Lab) -> None:
    with pytest.raises(ForbiddenError) as refused:
        lab.kind("Node", user="viewer").get()
    assert 'User \\"viewer\\" cannot list resource \\"nodes\\"' in str(refused.value.body)
    lab.station.state["clusters"]["minikube"]["knobs"]["roles"] = {"viewer": [{"verbs": ["list"], "resources": ["nodes"]}]}
    assert len(lab.kind("Node", user="viewer").get().items) == 1


def test_a_certificate_of_another_ca_is_not_believed(lab: Lab, tmp_path: Path) -> None:
    stranger = Cluster(lab.station, "stranger", tmp_path / "elsewhere")
    stranger.certificates.ensure()
    # The server's alert, or the end of a connection that the alert did not outrun.
    with pytest.raises((urllib3.exceptions.SSLError, urllib3.exceptions.ProtocolError)):
        lab.http("GET", "/api/v1/nodes", by=stranger)
    assert lab.http("GET", "/api/v1/nodes").status == 200


def test_a_resource_that_is_not_imitated_is_an_error_here_and_there(lab: Lab) -> None:
    with pytest.raises(dynamic.exceptions.DynamicApiError) as refused:
        lab.kind("Ingress", "networking.k8s.io/v1").get()
    assert refused.value.status == 501 and "not simulated" in str(refused.value.body)
    assert "networking.k8s.io" in lab.station.errors[0]["what"]


def test_a_watch_streams_changes_and_ends_with_the_server(lab: Lab) -> None:
    pods = lab.kind("Pod")
    lab.pod("short", ["true"], gpus=0)
    phases = []
    for event in pods.watch(namespace="default", timeout=5):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Succeeded":
            break
    assert [phase for index, phase in enumerate(phases) if phase not in phases[:index]] == ["Pending", "Running", "Succeeded"]


# --- the GPU ---


def test_the_addon_makes_the_gpu_allocatable_and_a_pod_sees_it(lab: Lab) -> None:
    assert lab.allocatable() == (None, None)
    with_addon(lab)
    lab.pod("smi", ["nvidia-smi", "-L"])
    assert lab.finished("smi").status.phase == "Succeeded"
    assert lab.log("smi") == f"GPU 0: {CARD['name']} (UUID: {CARD['uuid']})\n"
    lab.pod("query", ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"])
    assert lab.finished("query") and lab.log("query") == f"{CARD['name']}, 591.59, 6141 MiB\n"
    lab.pod("table", ["nvidia-smi"])
    assert lab.finished("table") and "Driver Version: 591.59         CUDA Version: 13.1     |" in lab.log("table")
    lab.pod("sum", ["nvidia-smi", "--query-gpu=bogus", "--format=csv"])
    assert lab.finished("sum").status.containerStatuses[0].state.terminated.exitCode == 2
    assert lab.station.errors == []


def test_the_second_pod_waits_for_the_gpu_of_the_first(lab: Lab) -> None:
    with_addon(lab)
    lab.pod("holder", ["sleep", "infinity"])
    until(lambda: lab.kind("Pod").get(name="holder", namespace="default").status.phase == "Running")
    lab.pod("waiter", ["nvidia-smi"])
    until(lambda: any(reason == "FailedScheduling" and "1 Insufficient nvidia.com/gpu." in text for reason, text in lab.events("waiter")))
    lab.kind("Pod").delete(name="holder", namespace="default")
    assert lab.finished("waiter").status.phase == "Succeeded"


def test_an_unknown_command_fails_visibly(lab: Lab) -> None:
    with_addon(lab)
    lab.pod("odd", ["python3", "-c", "import torch"])
    assert lab.finished("odd").status.phase == "Failed"
    assert "not imitated: python3" in lab.log("odd")
    assert lab.station.errors[0]["what"] == "kubernetes pod: command not imitated"


def test_nvidia_smi_is_not_there_for_a_plain_image_without_a_limit(lab: Lab) -> None:
    lab.pod("plain", ["nvidia-smi"], gpus=0, image="busybox:1.36")
    terminated = lab.finished("plain").status.containerStatuses[0].state.terminated
    assert (terminated.exitCode, terminated.reason) == (128, "StartError") and 'exec: "nvidia-smi": executable file not found' in terminated.message


def test_two_plugins_last_registration_wins_and_the_survivor_does_not_come_back(lab: Lab) -> None:
    """recordings/gpu/two_plugins_timeline.json, two_plugins_after_delete.json"""
    with_addon(lab)
    sets = lab.kind("DaemonSet", "apps/v1")
    sets.create(body=fallback(), namespace="kube-system")
    devices = lab.station.state["clusters"]["minikube"]["devices"]
    second = until(lambda: [pod.metadata.uid for pod in lab.plugin_pods() if pod.metadata.name.startswith("gpudev") and pod.status.phase == "Running"])[0]
    until(lambda: devices[GPU]["pod"] == second)
    sets.delete(name="gpudev-device-plugin", namespace="kube-system")
    until(lambda: lab.allocatable() == ("1", "0"))
    survivor = until(lambda: _if(lab.plugin_pods(), lambda pods: len(pods) == 1))[0]
    ready = [entry.status for entry in survivor.status.conditions if entry.type == "Ready"]
    time.sleep(0.3)  # thirty simulated seconds
    assert (ready, lab.allocatable()) == (["True"], ("1", "0"))
    lab.kind("Pod").delete(name=survivor.metadata.name, namespace="kube-system")
    until(lambda: lab.allocatable() == ("1", "1"))


@pytest.mark.parametrize(("nvml", "text"), [("not_supported", "Not Supported"), ("library_not_found", "ERROR_LIBRARY_NOT_FOUND")])
def test_a_plugin_whose_nvml_fails_looks_healthy_when_it_may_not_fail(make: Callable[..., Lab], nvml: str, text: str) -> None:
    lab = make(nvml=nvml)
    lab.cluster.enable_addon(ADDON)
    pod = until(lambda: _if(lab.plugin_pods(), lambda pods: pods and pods[0].status.phase == "Running"))[0]
    log = lab.log(pod.metadata.name, "kube-system")
    assert f"Failed to initialize NVML: {text}." in log and "No devices found. Waiting indefinitely." in log
    assert lab.kind("DaemonSet", "apps/v1").get(name="nvidia-device-plugin-daemonset", namespace="kube-system").status.numberReady == 1
    assert lab.allocatable() == (None, None)


def test_a_plugin_whose_nvml_fails_crashes_by_default(make: Callable[..., Lab]) -> None:
    lab = make(nvml="not_supported")
    lab.kind("DaemonSet", "apps/v1").create(body=fallback(), namespace="kube-system")

    def backing_off() -> Any:
        states = [pod.status.containerStatuses[0] for pod in lab.plugin_pods() if pod.status.containerStatuses]
        return [state for state in states if state.state.waiting and state.state.waiting.reason == "CrashLoopBackOff"]

    assert until(backing_off)[0].restartCount >= 1
    name = lab.plugin_pods()[0].metadata.name
    assert "nvml init failed: Not Supported" in lab.log(name, "kube-system", "?previous=true")
    assert any(reason == "BackOff" for reason, _text in lab.events(name))


def sliced(config: str) -> dict[str, Any]:
    """The fallback with a configuration file from a ConfigMap."""
    body = fallback()
    spec = body["spec"]["template"]["spec"]
    spec["containers"][0]["env"] = [{"name": "CONFIG_FILE", "value": "/config/config.yaml"}]
    spec["containers"][0]["volumeMounts"].append({"name": "config", "mountPath": "/config"})
    spec["volumes"].append({"name": "config", "configMap": {"name": "sharing"}})
    return body


@pytest.mark.parametrize(("rename", "resource"), [("false", GPU), ("true", f"{GPU}.shared")])
def test_time_slicing_multiplies_the_gpu(lab: Lab, rename: str, resource: str) -> None:
    config = f"version: v1\nsharing:\n  timeSlicing:\n    renameByDefault: {rename}\n    resources:\n    - name: nvidia.com/gpu\n      replicas: 4\n"
    lab.kind("DaemonSet", "apps/v1").create(body=sliced(config), namespace="kube-system")
    until(lambda: lab.plugin_pods() and any("sharing" in text for reason, text in lab.events(lab.plugin_pods()[0].metadata.name) if reason == "FailedMount"))
    lab.kind("ConfigMap").create(body={"metadata": {"name": "sharing"}, "data": {"config.yaml": config}}, namespace="kube-system")
    until(lambda: lab.allocatable(resource) == ("4", "4"))


def test_more_than_one_slice_is_refused_where_the_plugin_was_told_so(lab: Lab) -> None:
    slicing = "    failRequestsGreaterThanOne: true\n    resources:\n    - name: nvidia.com/gpu\n      replicas: 4\n"
    config = f"version: v1\nsharing:\n  timeSlicing:\n{slicing}"
    lab.kind("ConfigMap").create(body={"metadata": {"name": "sharing"}, "data": {"config.yaml": config}}, namespace="kube-system")
    lab.kind("DaemonSet", "apps/v1").create(body=sliced(config), namespace="kube-system")
    until(lambda: lab.allocatable() == ("4", "4"))
    lab.pod("greedy", ["nvidia-smi"], gpus=2)
    status = lab.finished("greedy").status
    assert status.reason == "UnexpectedAdmissionError" and "maximum request size for shared resources is 1; found 2" in status.message
    lab.pod("modest", ["nvidia-smi"])
    assert lab.finished("modest").status.phase == "Succeeded"


def test_an_image_that_cannot_be_pulled_backs_off(make: Callable[..., Lab]) -> None:
    lab = make(image_pull="back_off")
    lab.cluster.enable_addon(ADDON)

    def reasons() -> set[str]:
        states = [pod.status.containerStatuses[0].state.waiting for pod in lab.plugin_pods() if pod.status.containerStatuses]
        return {state.reason for state in states if state}

    until(lambda: "ImagePullBackOff" in reasons())
    lab.cluster.add_image("nvcr.io/nvidia/k8s-device-plugin:v0.18.2")
    until(lambda: lab.allocatable() == ("1", "1"))


def test_an_addon_that_is_never_applied_and_one_that_is_disabled(make: Callable[..., Lab]) -> None:
    never = make(addon="never_applied")
    never.cluster.enable_addon(ADDON)
    assert never.kind("DaemonSet", "apps/v1").get(namespace="kube-system").items == []
    lab = with_addon(make())
    lab.cluster.disable_addon(ADDON)
    until(lambda: lab.allocatable() == ("1", "0"))
    assert until(lambda: not lab.plugin_pods())


# --- the life of the cluster ---


def test_after_stop_and_start_the_gpu_comes_back_later_than_the_plugin_looks_ready(lab: Lab) -> None:
    """recordings/gpu/restart_timeline.json"""
    with_addon(lab)
    lab.cluster.stop()
    assert not lab.cluster.ready
    with pytest.raises(urllib3.exceptions.HTTPError):
        lab.kind("Node").get()
    assert lab.cluster.start() == lab.port
    assert lab.allocatable() == ("0", "0") and lab.plugin_pods()[0].status.phase == "Running"
    until(lambda: lab.allocatable() == ("1", "1"))
    assert lab.plugin_pods()[0].status.containerStatuses[0].restartCount == 1


def test_a_station_restarted_from_its_document_goes_on(lab: Lab, tmp_path: Path) -> None:
    with_addon(lab)
    lab.cluster.close()
    document = json.loads(lab.station.snapshot())
    station = Station("lab", document, tmp_path / "again", time_scale=0.01)
    lab.cluster = Cluster(station, "minikube", tmp_path / "minikube")
    lab.port = lab.cluster.start()
    assert lab.allocatable() == ("1", "1") and lab.plugin_pods()[0].status.containerStatuses[0].restartCount == 0


def test_a_delayed_api_refuses_then_is_not_ready_then_serves(make: Callable[..., Lab]) -> None:
    lab = make(apiserver_delay_s=60)
    seen: list[Any] = []

    def look() -> Any:
        try:
            answer = lab.http("GET", "/readyz?verbose")
            seen.append((answer.status, "[-]" in answer.data.decode()))
        except urllib3.exceptions.HTTPError:
            seen.append("refused")
        return seen[-1] == (200, False)

    assert not lab.cluster.ready
    until(look)
    assert [entry for index, entry in enumerate(seen) if entry not in seen[:index]] == ["refused", (500, True), (200, False)]
    assert lab.cluster.ready


def test_a_slow_api_may_begin_to_be_slow_when_somebody_looks(make: Callable[..., Lab]) -> None:
    lab = make(apiserver_delay_s=30, apiserver_delay_from_first_look=True)
    time.sleep(0.4)  # longer than the delay: it has not begun
    with pytest.raises(urllib3.exceptions.HTTPError):
        lab.http("GET", "/api/v1/nodes")
    assert not lab.cluster.ready
    until(lambda: lab.cluster.ready)
    assert lab.kind("Node").get().items


def test_a_node_that_is_not_ready_keeps_pods_away_until_it_is(make: Callable[..., Lab]) -> None:
    lab = with_addon(make())
    knobs = lab.station.state["clusters"]["minikube"]["knobs"]
    knobs["node_ready"] = False
    lab.cluster.look()

    def ready() -> str:
        return str([entry.status for entry in lab.kind("Node").get(name="minikube").status.conditions if entry.type == "Ready"][0])

    until(lambda: ready() == "False")
    lab.pod("early", ["nvidia-smi"])
    until(lambda: any("untolerated taint {node.kubernetes.io/not-ready: }" in text for _reason, text in lab.events("early")))
    knobs["node_ready"] = True
    lab.cluster.look()
    assert lab.finished("early").status.phase == "Succeeded"


def test_deletion_takes_the_section_and_the_client_certificate_away(lab: Lab) -> None:
    with_addon(lab)
    lab.cluster.delete()
    assert lab.station.state["clusters"] == {} and not lab.cluster.certificates.client[0].exists() and lab.cluster.certificates.ca.exists()
    lab.port = lab.cluster.start()
    assert lab.allocatable() == (None, None)


def test_a_deployment_rolls_to_a_new_image_and_a_deleted_owner_takes_its_pods(lab: Lab) -> None:
    labels = {"app": "web"}
    container = {"name": "web", "image": "registry.k8s.io/pause:3.9"}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}
    deployments = lab.kind("Deployment", "apps/v1")
    where = {"name": "web", "namespace": "default"}
    deployments.create(body={"metadata": {"name": "web"}, "spec": spec}, namespace="default")
    until(lambda: deployments.get(**where).status.to_dict().get("readyReplicas") == 2)
    change = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.k8s.io/pause:3.10"}]}}}}
    deployments.patch(body=change, content_type="application/strategic-merge-patch+json", **where)

    def images() -> list[str]:
        return [pod.spec.containers[0].image for pod in lab.kind("Pod").get(namespace="default", label_selector="app=web").items]

    until(lambda: images() == ["registry.k8s.io/pause:3.10"] * 2)
    deployments.delete(**where)
    until(lambda: images() == [])
    with pytest.raises(NotFoundError):
        deployments.get(**where)
