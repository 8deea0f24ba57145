# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a server that answers as a real API server was recorded to, and against servers that do not answer."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from kubernetes.client.rest import ApiException

from ansible_collections.gpudev.workstation.plugins.module_utils import _kube
from ansible_collections.gpudev.workstation.plugins.module_utils._kube import KubeError, api_error, connect, wait_for
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed
from tests.unit.plugins.fake_cluster import FIXTURES

ERRORS: list[dict[str, Any]] = json.loads((FIXTURES / "kube" / "errors.json").read_text())


class Server(http.server.ThreadingHTTPServer):
    """Gives the answers in `answers`, one after the other, the last one for ever; remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = [(200, "{}")]
        self.asked: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_arguments: Any) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        self.server.asked.append({"verb": self.command, "path": self.path, "type": self.headers.get("content-type"), "body": body})
        status, text = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if text.startswith("{") else "text/plain")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PATCH = do_POST = do_DELETE = answer


def kubeconfig(directory: Path, server: str) -> str:
    path = directory / "config"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "somebody-elses",
        "clusters": [{"name": "minikube", "cluster": {"server": server}}],
        "users": [{"name": "minikube", "user": {}}],
        "contexts": [{"name": "minikube", "context": {"cluster": "minikube", "user": "minikube"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def kube(server: Server, tmp_path: Path) -> _kube.Kube:
    return connect(kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_address[1]}"), "minikube", 2)


KINDS = {401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict", 410: "gone", 400: "invalid", 422: "invalid", 415: "server"}
REFUSED = [entry for entry in ERRORS if entry["status"] >= 400 and not entry["path"].startswith("/readyz")]


@pytest.mark.parametrize("entry", REFUSED, ids=[entry["source"].split("/")[-1] for entry in REFUSED])
def test_recorded_errors_are_told_apart(entry: dict[str, Any], server: Server, kube: _kube.Kube) -> None:
    server.answers = [(entry["status"], entry["body"])]
    with pytest.raises(KubeError) as caught:
        kube.find("Pod")
    # Every recorded 500 of these is a field that the server does not know.
    assert caught.value.kind == KINDS.get(entry["status"], "schema")
    assert not caught.value.transient or entry["status"] == 410


def test_forbidden_says_which_verb_on_which_resource() -> None:
    (entry,) = [entry for entry in ERRORS if entry["source"].endswith("rbac_forbidden.jsonl seq 1")]
    assert 'cannot list resource "nodes"' in str(api_error("list Node", entry["status"], entry["body"]))


@pytest.mark.parametrize(
    "entry", [entry for entry in ERRORS if entry["path"].startswith("/readyz") and entry["status"] in (200, 500)], ids=lambda e: e["source"][-8:]
)
def test_readyz_answers_are_readiness_not_errors(entry: dict[str, Any], server: Server, kube: _kube.Kube) -> None:
    server.answers = [(entry["status"], entry["body"])]
    readiness = kube.readyz()
    assert readiness.ready == (entry["status"] == 200)
    assert readiness.ready or readiness.failed


def test_apply_is_an_apply_patch_under_our_manager_and_dry_when_asked(server: Server, kube: _kube.Kube) -> None:
    kube.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d", "namespace": "n"}}, dry_run=True)
    (asked,) = server.asked
    assert asked["verb"] == "PATCH"
    assert asked["type"] == "application/apply-patch+yaml"
    assert asked["path"] == "/apis/apps/v1/namespaces/n/daemonsets/d?dryRun=All&fieldManager=gpudev.workstation"
    assert json.loads(asked["body"])["metadata"]["name"] == "d"
    assert "force" not in asked["path"]


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}}


@pytest.mark.parametrize(("dry_run", "asked"), [(False, "?fieldManager=gpudev.workstation"), (True, "?dryRun=All&fieldManager=gpudev.workstation")])
def test_create_is_dry_when_asked(dry_run: bool, asked: str, server: Server, kube: _kube.Kube) -> None:
    kube.create(POD, dry_run=dry_run)
    assert [(seen["verb"], seen["path"], json.loads(seen["body"])) for seen in server.asked] == [("POST", f"/api/v1/namespaces/n/pods{asked}", POD)]


@pytest.mark.parametrize("dry_run", [False, True])
def test_delete_is_dry_when_asked_and_takes_the_dependents(dry_run: bool, server: Server, kube: _kube.Kube) -> None:
    assert kube.delete("Pod", "p", "n", dry_run=dry_run, grace_seconds=0) is True
    (seen,) = server.asked
    path, _mark, query = seen["path"].partition("?")
    assert (seen["verb"], path) == ("DELETE", "/api/v1/namespaces/n/pods/p")
    wanted = {"gracePeriodSeconds": ["0"], "propagationPolicy": ["Background"], **({"dryRun": ["All"]} if dry_run else {})}
    assert parse_qs(query) == wanted


@pytest.mark.parametrize(("options", "more"), [({}, ""), ({"container": "c", "previous": True, "tail": 7}, "&container=c&previous=true")])
def test_log_of_the_container_asked_for(options: dict[str, Any], more: str, server: Server, kube: _kube.Kube) -> None:
    server.answers = [(200, "words")]
    assert kube.log("p", "n", **options) == "words"
    assert server.asked[0]["path"] == f"/api/v1/namespaces/n/pods/p/log?tailLines={options.get('tail', 400)}&limitBytes=262144{more}"


def test_a_cluster_without_its_node_is_not_found_rather_than_empty(server: Server, kube: _kube.Kube) -> None:
    server.answers = [(200, '{"kind": "NodeList", "items": []}')]
    with pytest.raises(KubeError, match="no node yet") as caught:
        kube.node()
    assert caught.value.kind == "not_found"
    server.answers = [(404, '{"kind": "Status", "message": "nodes \\"x\\" not found", "reason": "NotFound", "code": 404}')]
    with pytest.raises(KubeError) as caught:
        kube.node("x")
    assert caught.value.kind == "not_found"


def test_listed_objects_say_what_they_are(server: Server, kube: _kube.Kube) -> None:
    server.answers = [(200, '{"items": [{"metadata": {"name": "x"}}]}')]
    assert [(kube.find(kind)[0]["apiVersion"], kube.find(kind)[0]["kind"]) for kind in ("DaemonSet", "Pod")] == [("apps/v1", "DaemonSet"), ("v1", "Pod")]


def test_nothing_is_discovered(server: Server, kube: _kube.Kube) -> None:
    server.answers = [(200, '{"kind": "NodeList", "items": [{"metadata": {"name": "n"}}]}')]
    assert kube.node()["kind"] == "Node"
    assert [asked["path"] for asked in server.asked] == ["/api/v1/nodes"]


def test_what_is_not_there_is_none_and_deleting_it_is_no_error(server: Server, kube: _kube.Kube) -> None:
    server.answers = [(404, '{"kind": "Status", "message": "pods \\"x\\" not found", "reason": "NotFound", "code": 404}')]
    assert kube.get("Pod", "x", "n") is None
    assert kube.delete("Pod", "x", "n") is False


@pytest.mark.parametrize(("status", "text"), [(400, "{}"), (404, "{}"), (200, "unable to retrieve container logs for containerd://000c62fa"), (204, "")])
def test_log_that_is_not_there_is_empty(status: int, text: str, server: Server, kube: _kube.Kube) -> None:
    server.answers = [(status, text)]
    assert kube.log("p", "n", previous=True) == ""


def test_server_that_is_gone_is_unreachable_at_once(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(KubeError) as caught:
        connect(kubeconfig(tmp_path, f"https://127.0.0.1:{port}"), "minikube").find("Node")
    assert (caught.value.kind, caught.value.transient) == ("unreachable", True)
    assert "Connection refused" in str(caught.value)


def test_server_that_never_answers_ends_with_the_request_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kube = connect(kubeconfig(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}"), "minikube", 0.2)
        with pytest.raises(KubeError) as caught:
            kube.readyz()
    assert caught.value.kind == "unreachable"


def test_context_is_named_never_guessed(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1")
    for context in ("other", ""):
        with pytest.raises(KubeError) as caught:
            connect(path, context)
        assert caught.value.kind == "config"
    with pytest.raises(KubeError, match="no such file"):
        connect(str(tmp_path / "absent"), "minikube")
    (tmp_path / "damaged").write_text("{")
    with pytest.raises(KubeError, match="cannot be used"):
        connect(str(tmp_path / "damaged"), "minikube")


def test_restart_of_the_server_is_survived_while_waiting(server: Server, kube: _kube.Kube) -> None:
    nodes = '{"kind": "NodeList", "items": [{"metadata": {"name": "n"}}]}'
    server.answers = [(503, "{}"), (410, "{}"), (429, "{}"), (200, nodes)]
    assert wait_for("a node", lambda: kube.find("Node"), bool, 5, 0.01)
    assert len(server.asked) == 4


def test_refusal_is_not_waited_out(server: Server, kube: _kube.Kube) -> None:
    server.answers = [(403, "{}")]
    with pytest.raises(KubeError):
        wait_for("a node", lambda: kube.find("Node"), bool, 5, 0.01)
    assert len(server.asked) == 1


def test_deadline_tells_the_last_error(server: Server, kube: _kube.Kube) -> None:
    server.answers = [(503, "{}")]
    with pytest.raises(DeadlinePassed) as caught:
        wait_for("a node", lambda: kube.find("Node"), bool, 0.05, 0.01)
    assert isinstance(caught.value.last, KubeError)


class OldClient:
    """kubernetes 24 refuses to prepare a dict for an apply patch before anything is sent, and passes text on unchanged."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def request(self, verb: str, path: str, body: Any = None, **_params: Any) -> Any:
        if not isinstance(body, str):
            raise ApiException(status=0, reason="Cannot prepare a request message for provided\n                             arguments.")
        self.sent.append(json.loads(body))
        return SimpleNamespace(data=body.encode())


def test_apply_works_with_the_oldest_client() -> None:
    client = OldClient()
    body = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d", "namespace": "n"}}
    assert _kube.Kube(client).apply(body) == body
    assert client.sent == [body]
