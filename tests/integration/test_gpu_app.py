# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications on the simulated API (the GPU is simulated, the example's Python program is really run): proof, causes, autoscaling; and who may not join."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpudev.workstation.plugins.module_utils import _gpu_app as gpu_app
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import Whereabouts
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import connect, wait_for
from tests.harness import REPOSITORY, environment
from tests.simstation.kube import Cluster
from tests.simstation.kube.store import resource
from tests.simstation.scenarios import document
from tests.simstation.station import Station

EXAMPLE = REPOSITORY / "roles" / "gpu_app" / "files" / "example"
LABELS = {"app.kubernetes.io/name": "chat-app"}
BUILT = "b6" * 32


class Bed:
    """A cluster with the example's image in its node and namespace `chat`."""

    def __init__(self, directory: Path) -> None:
        self.station = Station("ws1", document("ws1", "healthy"), directory / "station", time_scale=0.01)
        self.cluster = Cluster(self.station, "minikube", directory / ".minikube")
        port = self.cluster.start()
        crt, key = self.cluster.certificates.client
        server = {"certificate-authority": str(self.cluster.certificates.ca), "server": f"https://127.0.0.1:{port}"}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "minikube", "cluster": server}],
            "users": [{"name": "minikube", "user": {"client-certificate": str(crt), "client-key": str(key)}}],
            "contexts": [{"name": "minikube", "context": {"cluster": "minikube", "user": "minikube"}}],
        }
        self.kubeconfig = directory / "config"
        self.kubeconfig.write_text(yaml.safe_dump(content))
        self.kube = connect(str(self.kubeconfig), "minikube", 10)
        self.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chat"}})

    def image(self) -> None:
        files = {"/app/app.py": (EXAMPLE / "app.py").read_text()}
        self.cluster.add_image(
            "chat-app:1", {"id": BUILT, "command": ["python3", "/app/app.py"], "files": files, "environment": {}, "layers": [], "labels": {}}
        )

    def deploy(self, gpus: int = 1, image: str = "chat-app:1") -> None:
        """The shape of roles/gpu_app/templates/app.yml.j2."""
        container = {
            "name": "chat-app",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
            "resources": {"requests": {"cpu": "100m"}, **({"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {})},
        }
        spec = {
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 1}},
        }
        where = {"name": "chat-app", "namespace": "chat"}
        self.kube.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": where, "spec": spec})
        service = {"metadata": where, "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]}}
        self.cluster.registry.create(resource("services"), service, "test")

    def probe(self, node: Any = None, seconds: float = 30, **wanted: Any) -> tuple[Any, dict[str, Any]]:
        app = gpu_app.App(self.kube, gpu_app.Wanted("chat-app", "chat", service="chat-app", port=80, path="/gpu", seconds=seconds, **wanted), node, 0.1)
        return gpu_app.probe(app), app.returned

    def replicas(self) -> int:
        found = self.kube.get("Deployment", "chat-app", "chat")
        return int(found["spec"]["replicas"]) if found else 0

    def close(self) -> None:
        self.cluster.close()
        self.station.close()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()
    assert made.station.errors == []


def test_an_application_is_proven_by_its_image_and_its_answer(bed: Bed) -> None:
    bed.image()
    bed.deploy()
    layer, returned = bed.probe(image_id=f"sha256:{BUILT}")
    assert layer.status == "ok", layer.message()
    assert "RTX 4050" in returned["answer"]["gpus"][0]["name"]
    assert returned["answer"]["host"] == returned["app"]["pods"][0]["name"]
    other, _returned = bed.probe(image_id="c7" * 32)
    assert [finding.code for finding in other.findings] == ["APP-002"]


def test_a_pod_without_a_gpu_never_gets_ready_and_says_why(bed: Bed) -> None:
    bed.image()
    bed.deploy(gpus=0)
    layer, _returned = bed.probe(seconds=4)
    assert [finding.code for finding in layer.findings] == ["APP-001"] and "chat-app-" in layer.findings[0].symptom


def test_a_deployment_that_is_not_there_is_not_waited_for(bed: Bed) -> None:
    layer, _returned = bed.probe()
    assert [finding.code for finding in layer.findings] == ["APP-004"]


class KnowingNode:
    """Stands for the look through profiles and engine."""

    def __init__(self, **where: Any) -> None:
        self.where = where

    def whereabouts(self, image: str) -> Whereabouts:
        return Whereabouts(image, "minikube", **self.where)


@pytest.mark.parametrize(
    ("where", "code"),
    [({"in_node": False}, "IMAGE-020"), ({"in_node": False, "other_profiles": ("gpu",)}, "IMAGE-021"), ({"in_node": False, "on_engine": True}, "IMAGE-022")],
)
def test_a_failed_pull_of_a_local_image_is_explained_at_once(bed: Bed, where: dict[str, Any], code: str) -> None:
    bed.deploy()
    layer, _returned = bed.probe(KnowingNode(**where), seconds=60)
    assert [finding.code for finding in layer.findings] == [code]


def test_replicas_go_up_under_load_and_down_after_it(bed: Bed) -> None:
    """Metrics and load are simulated; the GPU is shared so that three pods can have one."""
    bed.image()
    bed.deploy(gpus=0)
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat-app"},
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [metric],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}},
    }
    autoscaler = resource("horizontalpodautoscalers.autoscaling")
    bed.cluster.registry.create(autoscaler, {"metadata": {"name": "chat-app", "namespace": "chat"}, "spec": spec}, "test")

    def condition() -> str:
        conditions = bed.cluster.registry.require(autoscaler, "chat", "chat-app").get("status", {}).get("conditions") or [{}]
        return str(conditions[0].get("reason", ""))

    wait_for("no metrics", condition, lambda reason: reason == "FailedGetResourceMetric", 20, 0.1)
    bed.cluster.enable_addon("metrics-server")
    knobs = bed.station.state["clusters"]["minikube"]["knobs"]
    knobs["cpu_millicores"] = {"chat-app": 400}
    wait_for("more pods", bed.replicas, lambda count: count == 3, 20, 0.1)
    knobs["cpu_millicores"] = {"chat-app": 5}
    wait_for("fewer pods", bed.replicas, lambda count: count == 1, 20, 0.1)


def play(tmp_path: Path, tasks: list[dict[str, Any]], *variable_files: str, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    playbook = tmp_path / "play.yml"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    files = [str(REPOSITORY / "roles" / name) for name in variable_files]
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": variables, "vars_files": files, "tasks": tasks}]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(playbook), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, env={**environment(), "ANSIBLE_NOCOLOR": "1"})


DOCKER = """#!/bin/sh
# Stands for the docker command; what it prints of a push is written as docs.docker.com/reference/cli/docker/image/push describes, not recorded.
echo "$*" >> {room}/calls
case $1 in
  login) cat > {room}/password; echo "$DOCKER_CONFIG" > {room}/folder ;;
  push) [ -d "$DOCKER_CONFIG" ] || exit 1; echo "f1b5933fe4b5: Pushed"; echo "1: digest: sha256:{digest} size: 528" ;;
esac
"""


def test_an_image_of_a_registry_is_pushed_and_deployed_by_its_digest_without_showing_the_password(bed: Bed, tmp_path: Path) -> None:
    """On any kubeconfig. The registry is a stand-in: nothing is really pushed or pulled."""
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(room=tmp_path, digest=BUILT))
    docker.chmod(0o755)
    image, password = "registry.example.org/team/chat-app:1", "not-for-any-log"
    files = {"/app/app.py": (EXAMPLE / "app.py").read_text()}
    record = {"id": BUILT, "command": ["python3", "/app/app.py"], "files": files, "environment": {}, "layers": [], "labels": {}}
    bed.cluster.add_image(f"{image}@sha256:{BUILT}", record)
    declared = {
        "gpu_app_kubeconfig": str(bed.kubeconfig),
        "gpu_app_image_source": "registry",
        "gpu_app_image": image,
        "gpu_app_push": True,
        "gpu_app_build_path": str(EXAMPLE),
        "gpu_app_registry": "registry.example.org",
        "gpu_app_registry_user": "robot",
        "gpu_app_registry_password": password,
        "gpu_app_timeout": 60,
    }
    role = {"ansible.builtin.include_role": {"name": "gpudev.workstation.gpu_app"}, "vars": declared}
    search = {"environment": {"PATH": f"{tmp_path}:{os.environ['PATH']}"}}
    done = play(tmp_path, [{"block": [role], **search}], arguments=("-vvv", "--diff"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert (tmp_path / "calls").read_text().splitlines()[0] == "login --username robot --password-stdin registry.example.org"
    assert (tmp_path / "password").read_text() == password and not Path((tmp_path / "folder").read_text().strip()).exists()
    pod = bed.kube.find("Pod", "chat")[0]["spec"]
    assert pod["containers"][0]["image"] == f"{image}@sha256:{BUILT}" and pod["imagePullSecrets"] == [{"name": "chat-app-pull"}]
    secret = bed.cluster.registry.require(resource("secrets"), "chat", "chat-app-pull")
    encoded = base64.b64encode(f"robot:{password}".encode()).decode()
    assert json.loads(base64.b64decode(secret["data"][".dockerconfigjson"])) == {"auths": {"registry.example.org": {"auth": encoded}}}
    for told in (password, encoded, secret["data"][".dockerconfigjson"]):
        assert told not in done.stdout + done.stderr


def test_the_helm_route_is_refused_beside_another_provider(bed: Bed, tmp_path: Path) -> None:
    helm = tmp_path / "helm"
    helm.write_text(f"#!/bin/sh\necho called >> {tmp_path}/calls\nexit 1\n")
    helm.chmod(0o755)
    role = {"ansible.builtin.include_role": {"name": "gpudev.workstation.gpu_operator"}}
    done = play(tmp_path, [{**role, "vars": {"gpu_operator_kubeconfig": str(bed.kubeconfig), "gpu_operator_helm": str(helm)}}])
    assert done.returncode == 2 and "addon (DaemonSet kube-system/nvidia-device-plugin-daemonset)" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "calls").exists() and "Label the node" not in done.stdout


def test_the_values_of_each_helm_route(tmp_path: Path) -> None:
    routes = ("operator", "mps", "mig")
    shown = ["_gpu_operator_release_values", "_gpu_operator_route", "_gpu_operator_chart"]
    tasks: list[dict[str, Any]] = []
    for route in routes:
        content = "{{ {" + ", ".join(f"'{name}': {name}" for name in shown) + "} | to_json }}"
        copy = {"dest": str(tmp_path / f"{route}.json"), "content": content, "mode": "0600"}
        more = {"gpu_operator_provider": route, "gpu_operator_values": {"driver": {"version": "1"}}}
        tasks.append({"ansible.builtin.copy": copy, "vars": more})
    done = play(tmp_path, tasks, "workstation/defaults/main/versions.yml", "gpu_operator/defaults/main.yml", "gpu_operator/vars/main.yml")
    assert done.returncode == 0, done.stdout
    values = {route: yaml.safe_load((tmp_path / f"{route}.json").read_text()) for route in routes}
    assert values["operator"][shown[0]] == {"driver": {"enabled": False, "version": "1"}, "toolkit": {"enabled": False}}
    assert (values["operator"][shown[1]]["origin"], values["operator"][shown[2]]["version"]) == ("operator", "v26.7.0")
    shared = yaml.safe_load(values["mps"][shown[0]]["config"]["map"]["default"])
    assert shared == {"version": "v1", "sharing": {"mps": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}}
    assert values["mig"][shown[0]]["migStrategy"] == "single" and values["mig"][shown[1]]["origin"] == "helm"
