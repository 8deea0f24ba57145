# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers to run the Kubernetes modules against: the simulated one, real binaries (KUBEBUILDER_ASSETS), any cluster (GPUDEV_TEST_KUBECONFIG).

KUBEBUILDER_ASSETS is the folder of controller-runtime's envtest: `etcd` and `kube-apiserver`, no kubelet. Where `kube-scheduler` and `kube-controller-manager`
lie beside them, they are started too. A `Hands` then does by hand what kubelet and plugin do on a node with one GPU.
"""

from __future__ import annotations

import abc
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.gpudev.workstation.plugins.module_utils._kube import Kube, KubeError, connect
from tests.simstation.kube import Cluster
from tests.simstation.kube.certificates import Certificates
from tests.simstation.scenarios import document
from tests.simstation.station import Station

NODE = "minikube"
GPU = "nvidia.com/gpu"
START_SECONDS = 60.0


def until(look: Callable[[], Any], seconds: float = 20.0, what: str = "") -> Any:
    """The first true answer, or a failure."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what or look}: not within {seconds} s"
        time.sleep(0.05)


def kubeconfig(directory: Path, certificates: Certificates, port: int, user: str = "", group: str = "") -> str:
    """A kubeconfig of the admin, or of a user that is made for it."""
    crt, key = certificates.issue_client(user, group) if user else certificates.client
    server = {"certificate-authority": str(certificates.ca), "server": f"https://127.0.0.1:{port}"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NODE, "cluster": server}],
        "users": [{"name": NODE, "user": {"client-certificate": str(crt), "client-key": str(key)}}],
        "contexts": [{"name": NODE, "context": {"cluster": NODE, "user": NODE}}],
    }
    path = directory / f"config-{user or 'admin'}"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def patch(kube: Kube, path: str, body: dict[str, Any]) -> None:
    """A merge patch of something that the product never patches."""
    kube._request(f"patch {path}", "patch", path, body=body, content_type="application/merge-patch+json")


class ApiServer:
    """What the tests need of any server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.context = NODE
        self.config = ""

    def kube(self, user: str = "") -> Kube:
        return connect(self.config_of(user) if user else self.config, self.context, 5)

    def config_of(self, user: str) -> str:
        raise KeyError(f"{self.config} is the only account here, there is no {user}")

    def close(self) -> None:
        """Nothing that is not the test's own is stopped."""


class OwnServer(ApiServer, abc.ABC):
    """A server of the test's own: it says what the node has, who may do what, and when the server is away."""

    # Whether DaemonSets get pods and pods get a node.
    places_pods = True
    # Whether somebody starts and ends pods; else a `Hands` has to.
    has_kubelet = True

    @abc.abstractmethod
    def config_of(self, user: str) -> str:
        """The kubeconfig of an account."""

    @abc.abstractmethod
    def grant(self, user: str, rules: list[dict[str, list[str]]]) -> None:
        """Give an account these rights, everywhere: `{verbs, apiGroups, resources}` as in a ClusterRole."""

    @abc.abstractmethod
    def restart(self) -> None:
        """The server goes away for a moment and comes back with what it had."""

    def gpus(self, capacity: int, allocatable: int, name: str = GPU) -> None:
        patch(self.kube(), f"/api/v1/nodes/{NODE}/status", {"status": {"capacity": {name: str(capacity)}, "allocatable": {name: str(allocatable)}}})


class Simulated(OwnServer):
    """The simulated API; its own kubelet runs no device plugin, because the image is not there."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.station = Station("ws1", document("ws1", "addon_never_applied"), directory / "station", time_scale=0.01)
        self.station.state["clusters"][NODE]["knobs"].update(image_pull="back_off")
        self.cluster = Cluster(self.station, NODE, directory / "certificates")
        self.config = kubeconfig(directory, self.cluster.certificates, self.cluster.start())

    def config_of(self, user: str) -> str:
        return kubeconfig(self.directory, self.cluster.certificates, self.cluster.port, user)

    def grant(self, user: str, rules: list[dict[str, list[str]]]) -> None:
        named = [
            {"verbs": rule["verbs"], "resources": [f"{name}.{group}" if group else name for group in rule["apiGroups"] for name in rule["resources"]]}
            for rule in rules
        ]
        self.station.state["clusters"][NODE]["knobs"]["roles"] = {user: named}

    def restart(self) -> None:
        self.cluster.close()
        time.sleep(0.5)
        self.cluster = Cluster(self.station, NODE, self.directory / "certificates")
        self.cluster.start()

    def close(self) -> None:
        self.cluster.close()
        self.station.close()
        assert self.station.errors == []


class Binaries(OwnServer):
    """A real kube-apiserver on an etcd of its own, with a node that exists on paper."""

    has_kubelet = False

    def __init__(self, directory: Path, assets: Path) -> None:
        super().__init__(directory)
        self.assets = assets
        self.certificates = Certificates(directory / "certificates", NODE)
        self.certificates.ensure()
        self.port, self.etcd_port = free_port(), free_port()
        self.config = kubeconfig(directory, self.certificates, self.port)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.places_pods = all((assets / name).exists() for name in ("kube-scheduler", "kube-controller-manager"))
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        url = f"http://127.0.0.1:{self.etcd_port}"
        peers = f"http://127.0.0.1:{free_port()}"
        folder = self.directory / "etcd"
        folder.mkdir(mode=0o700)
        self._run("etcd", "--data-dir", str(folder), "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peers)
        self._serve()
        if self.places_pods:
            common = ("--kubeconfig", self._for_components(), "--leader-elect=false", "--secure-port=0")
            self._run("kube-scheduler", *common)
            controllers = "daemonset-controller,garbage-collector-controller,replicaset-controller,deployment-controller,disruption-controller"
            self._run("kube-controller-manager", *common, f"--controllers={controllers}")
        self._make_node()

    def _for_components(self) -> str:
        """Kubernetes' own programs use the current context, which the product never does."""
        path = self.directory / "config-components"
        path.write_text(yaml.safe_dump({**yaml.safe_load(Path(self.config).read_text()), "current-context": NODE}))
        return str(path)

    def _serve(self) -> None:
        crt, key = self.certificates.server
        self._run(
            "kube-apiserver",
            *("--etcd-servers", f"http://127.0.0.1:{self.etcd_port}", "--bind-address=127.0.0.1", "--secure-port", str(self.port)),
            *("--cert-dir", str(self.directory / "certs"), "--tls-cert-file", str(crt), "--tls-private-key-file", str(key)),
            *("--client-ca-file", str(self.certificates.ca), "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"),
            *("--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file", str(key)),
            *("--service-account-signing-key-file", str(key), "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition"),
        )
        until(self._ready, START_SECONDS, "kube-apiserver")

    def _ready(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended:\n{(self.directory / name).with_suffix('.log').read_text()[-2000:]}"
        try:
            return self.kube().readyz().ready
        except KubeError:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        with (self.directory / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen([str(self.assets / program), *arguments], stdout=log, stderr=subprocess.STDOUT, cwd=self.directory)

    def _make_node(self) -> None:
        kube = self.kube()
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "minikube.k8s.io/name": NODE}
        kube._object("post", "Node", "", "", body={"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}})
        size = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "set by the test"}
        patch(kube, f"/api/v1/nodes/{NODE}/status", {"status": {"capacity": size, "allocatable": size, "conditions": [ready]}})

    def config_of(self, user: str) -> str:
        return kubeconfig(self.directory, self.certificates, self.port, user)

    def grant(self, user: str, rules: list[dict[str, list[str]]]) -> None:
        path, meta = "/apis/rbac.authorization.k8s.io/v1", {"name": f"test-{user}"}
        bound = {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": meta["name"]},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        self.kube()._request("make", "post", f"{path}/clusterroles", body={"metadata": meta, "rules": rules})
        self.kube()._request("make", "post", f"{path}/clusterrolebindings", body={"metadata": meta, **bound})

    def restart(self) -> None:
        self._end("kube-apiserver")
        self._serve()

    def _end(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            # kube-apiserver waits for watches of others to end, up to a minute.
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            self._end(name)


class AnyCluster(ApiServer):
    """Somebody's cluster, as it is: nothing is said about its node, and only objects of the collection are made."""

    def __init__(self, directory: Path, config: str, context: str) -> None:
        super().__init__(directory)
        self.config, self.context = config, context


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find(kind: str, directory: Path) -> ApiServer | str:
    """The server, or why there is none here."""
    if kind == "simulated":
        return Simulated(directory)
    if kind == "binaries":
        assets = Path(os.environ.get("KUBEBUILDER_ASSETS", ""))
        if not os.environ.get("KUBEBUILDER_ASSETS"):
            return "KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver"
        missing = [name for name in ("etcd", "kube-apiserver") if not (assets / name).exists()]
        return f"{assets} has no {' and no '.join(missing)}" if missing else Binaries(directory, assets)
    config = os.environ.get("GPUDEV_TEST_KUBECONFIG", "")
    if not config:
        return "GPUDEV_TEST_KUBECONFIG names no kubeconfig of a cluster to test on (GPUDEV_TEST_CONTEXT its context)"
    return AnyCluster(directory, config, os.environ.get("GPUDEV_TEST_CONTEXT", NODE))


class Hands(threading.Thread):
    """Does by hand what kubelet and device plugin do: bound pods run, and a running plugin makes the node offer its GPU as configured."""

    def __init__(self, server: OwnServer) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.over = threading.Event()

    def __enter__(self) -> Hands:
        self.start()
        return self

    def __exit__(self, *_exception: Any) -> None:
        self.over.set()
        self.join(10)

    def run(self) -> None:
        kube = self.server.kube()
        while not self.over.wait(0.1):
            for pod in kube.find("Pod", fields=f"spec.nodeName={NODE}"):
                self._one(kube, pod)

    def _one(self, kube: Kube, pod: dict[str, Any]) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        is_plugin = "device-plugin" in pod["spec"]["containers"][0]["image"]
        if pod["metadata"].get("deletionTimestamp"):
            kube.delete("Pod", name, namespace, grace_seconds=0)
            if is_plugin:
                self._offer(kube, 0, {})
        elif pod["status"].get("phase") == "Pending":
            self._start_pod(kube, pod)
            if is_plugin:
                self._offer(kube, 1, self._config(kube, pod))

    def _start_pod(self, kube: Kube, pod: dict[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        state = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0, "ready": True, "started": True}
        status = {"phase": "Running", "conditions": conditions, "containerStatuses": [{**state, "state": {"running": {"startedAt": now}}}]}
        patch(kube, f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status", {"status": status})

    @staticmethod
    def _config(kube: Kube, pod: dict[str, Any]) -> dict[str, Any]:
        names = [volume["configMap"]["name"] for volume in pod["spec"].get("volumes") or [] if volume.get("configMap")]
        found = kube.get("ConfigMap", names[0], pod["metadata"]["namespace"]) if names else None
        loaded: dict[str, Any] = yaml.safe_load(next(iter(found["data"].values()))) if found else {}
        return loaded

    def _offer(self, kube: Kube, gpus: int, config: dict[str, Any]) -> None:
        """As kubelets do: what is not offered any more stays, with 0 allocatable (recordings/gpu/ts_rename_node)."""
        slicing = (config.get("sharing") or {}).get("timeSlicing") or {}
        name = f"{GPU}.shared" if slicing.get("renameByDefault") else GPU
        count = gpus * (slicing["resources"][0]["replicas"] if slicing else 1)
        known = kube.node(NODE)["status"].get("capacity") or {}
        for stale in [key for key in known if re.match(r"nvidia\.com/", key) and key != name]:
            patch(kube, f"/api/v1/nodes/{NODE}/status", {"status": {"allocatable": {stale: "0"}}})
        offered = {"allocatable": {name: str(count)}, **({"capacity": {name: str(count)}} if count else {})}
        patch(kube, f"/api/v1/nodes/{NODE}/status", {"status": offered})
