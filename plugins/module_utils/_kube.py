# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to one Kubernetes API server: a thin client on the `kubernetes` package's DynamicClient, and what its errors mean.

Works with kubernetes 24 to 37. Every call has a timeout. The resources used are few and known, so nothing is discovered: no dozen
requests before the first answer, no discovery cache in /tmp, and it works while API groups are still coming up.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import os
import re
import traceback
import typing as t
from dataclasses import dataclass

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

from ansible_collections.gpudev.workstation.plugins.module_utils._wait import wait_until

KUBERNETES_IMPORT_ERROR: str | None = None
try:
    from kubernetes import client as kube_client
    from kubernetes import config as kube_config
    from kubernetes.client.rest import ApiException
    from kubernetes.dynamic import DynamicClient
    from kubernetes.dynamic.resource import Resource
    from urllib3.exceptions import HTTPError
    from yaml import YAMLError
except ImportError:
    KUBERNETES_IMPORT_ERROR = traceback.format_exc()

FIELD_MANAGER = "gpudev.workstation"
DEFAULT_KUBECONFIG = "~/.kube/config"
DEFAULT_CONTEXT = "minikube"
REQUEST_SECONDS = 10.0
# Where role `distro` puts the Python that has the `kubernetes` package.
VENV_PYTHON = "/opt/gpudev/venv/bin/python3"

# Kinds of trouble, told apart because their cures differ.
CONFIG = "config"
UNREACHABLE = "unreachable"
UNAUTHORIZED = "unauthorized"
FORBIDDEN = "forbidden"
NOT_FOUND = "not_found"
CONFLICT = "conflict"
GONE = "gone"
INVALID = "invalid"
SCHEMA = "schema"
BUSY = "busy"
SERVER = "server"
# A second look may well succeed: the server restarts, is overloaded, or a list was too old.
TRANSIENT = frozenset((UNREACHABLE, GONE, BUSY))

_BY_STATUS = {400: INVALID, 401: UNAUTHORIZED, 403: FORBIDDEN, 404: NOT_FOUND, 409: CONFLICT, 410: GONE, 422: INVALID, 429: BUSY, 503: BUSY, 504: BUSY}

# kind: (API group, version, plural, namespaced)
RESOURCES: dict[str, tuple[str, str, str, bool]] = {
    "ConfigMap": ("", "v1", "configmaps", True),
    "DaemonSet": ("apps", "v1", "daemonsets", True),
    "Deployment": ("apps", "v1", "deployments", True),
    "Event": ("", "v1", "events", True),
    "Namespace": ("", "v1", "namespaces", False),
    "Node": ("", "v1", "nodes", False),
    "Pod": ("", "v1", "pods", True),
    "ResourceQuota": ("", "v1", "resourcequotas", True),
    "ResourceSlice": ("resource.k8s.io", "v1", "resourceslices", False),
    "RuntimeClass": ("node.k8s.io", "v1", "runtimeclasses", False),
}

Answer = t.TypeVar("Answer")


class KubeError(Exception):
    """The API server could not be asked, or refused; `kind` says which, `text` is what came back."""

    def __init__(self, kind: str, tried: str, text: str, status: int | None = None) -> None:
        self.kind = kind
        self.tried = tried
        self.text = text
        self.status = status
        super().__init__(f"{tried}: {_MEANINGS[kind]}: {text}" if text else f"{tried}: {_MEANINGS[kind]}")

    @property
    def transient(self) -> bool:
        return self.kind in TRANSIENT


_MEANINGS = {
    CONFIG: "the kubeconfig cannot be used",
    UNREACHABLE: "the API server cannot be reached",
    UNAUTHORIZED: "the API server does not accept these credentials (401)",
    FORBIDDEN: "this account has no right to do that (403)",
    NOT_FOUND: "not found (404)",
    CONFLICT: "conflict with another owner or a newer version (409)",
    GONE: "the list or version asked for is too old (410)",
    INVALID: "the API server refuses the request as invalid",
    SCHEMA: "the API server does not know a field of the object (it says 500 for that)",
    BUSY: "the API server is overloaded or not ready",
    SERVER: "the API server failed",
}


@dataclass(frozen=True)
class Readiness:
    """What /readyz?verbose said; `failed` are the checks with a minus."""

    ready: bool
    text: str

    @property
    def failed(self) -> list[str]:
        return re.findall(r"^\[-\](\S+)", self.text, re.MULTILINE)

    def told(self) -> str:
        if self.ready:
            return "ready"
        return f"not ready, failing checks: {', '.join(self.failed)}" if self.failed else f"not ready: {' '.join(self.text.split()) or 'no answer'}"


class Api(t.Protocol):
    """What the modules ask of a cluster; `Kube` is the real one, tests bring their own."""

    def readyz(self) -> Readiness: ...

    def node(self, name: str = "") -> dict[str, t.Any]: ...

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, t.Any] | None: ...

    def find(self, kind: str, namespace: str = "", labels: str = "", fields: str = "") -> list[dict[str, t.Any]]: ...

    def apply(self, body: dict[str, t.Any], dry_run: bool = False) -> dict[str, t.Any]: ...

    def create(self, body: dict[str, t.Any], dry_run: bool = False) -> dict[str, t.Any]: ...

    def delete(self, kind: str, name: str, namespace: str = "", dry_run: bool = False, grace_seconds: int | None = None) -> bool: ...

    def log(self, pod: str, namespace: str, container: str = "", previous: bool = False, tail: int = 400) -> str: ...

    def events(self, namespace: str, name: str, kind: str = "Pod") -> list[dict[str, t.Any]]: ...


class Kube:
    """One API server, reached through one context of one kubeconfig."""

    def __init__(self, dynamic: t.Any, seconds: float = REQUEST_SECONDS) -> None:
        self._dynamic = dynamic
        self.seconds = seconds

    @property
    def server(self) -> str:
        return str(self._dynamic.configuration.host)

    def readyz(self) -> Readiness:
        """Never raises for an answer: 500 with failing checks is one. 401 and 403 mean that the server is there, but are errors."""
        try:
            return Readiness(True, self._text("get", "/readyz", [("verbose", "")]))
        except KubeError as error:
            if error.status is not None and error.status >= 500:
                return Readiness(False, error.text)
            raise

    def node(self, name: str = "") -> dict[str, t.Any]:
        """The named node, or the only (else the first) one."""
        if name:
            found = self.get("Node", name)
            if found is None:
                raise KubeError(NOT_FOUND, f"get Node {name}", "")
            return found
        nodes = self.find("Node")
        if not nodes:
            raise KubeError(NOT_FOUND, "list Node", "the cluster has no node yet")
        return nodes[0]

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, t.Any] | None:
        try:
            return self._object("get", kind, name, namespace)
        except KubeError as error:
            if error.kind == NOT_FOUND:
                return None
            raise

    def find(self, kind: str, namespace: str = "", labels: str = "", fields: str = "") -> list[dict[str, t.Any]]:
        """All of a kind, in one namespace or (`""`) in all. The items carry kind and apiVersion, which lists leave out."""
        query = {"label_selector": labels or None, "field_selector": fields or None}
        answer = self._object("get", kind, "", namespace, tried=f"list {kind}", **query)
        group, version = RESOURCES[kind][:2]
        return [{"apiVersion": f"{group}/{version}" if group else version, "kind": kind, **item} for item in answer.get("items") or []]

    def apply(self, body: dict[str, t.Any], dry_run: bool = False) -> dict[str, t.Any]:
        """Server-side apply under our own field manager; never takes fields from another manager by force."""
        try:
            return self._apply(body, body, dry_run)
        except KubeError as error:
            # kubernetes 24 prepares no dict for this content type, but passes text on; later releases would encode the text once more.
            if "Cannot prepare a request message" not in error.text:
                raise
            return self._apply(body, json.dumps(body), dry_run)

    def _apply(self, body: dict[str, t.Any], sent: dict[str, t.Any] | str, dry_run: bool) -> dict[str, t.Any]:
        metadata = body["metadata"]
        return self._object(
            "patch",
            body["kind"],
            metadata["name"],
            metadata.get("namespace", ""),
            tried=f"apply {body['kind']} {metadata['name']}",
            body=sent,
            content_type="application/apply-patch+yaml",
            field_manager=FIELD_MANAGER,
            dry_run="All" if dry_run else None,
        )

    def create(self, body: dict[str, t.Any], dry_run: bool = False) -> dict[str, t.Any]:
        metadata = body["metadata"]
        tried = f"create {body['kind']} {metadata['name']}"
        namespace = metadata.get("namespace", "")
        return self._object("post", body["kind"], "", namespace, tried=tried, body=body, field_manager=FIELD_MANAGER, dry_run="All" if dry_run else None)

    def delete(self, kind: str, name: str, namespace: str = "", dry_run: bool = False, grace_seconds: int | None = None) -> bool:
        """False when it was not there."""
        options: dict[str, t.Any] = {"grace_period_seconds": grace_seconds, "dry_run": "All" if dry_run else None}
        try:
            self._object("delete", kind, name, namespace, propagation_policy="Background", **options)
        except KubeError as error:
            if error.kind == NOT_FOUND:
                return False
            raise
        return True

    def log(self, pod: str, namespace: str, container: str = "", previous: bool = False, tail: int = 400) -> str:
        """The text; empty when the container has not said anything or does not exist (yet): then the pod's status tells more."""
        query: list[tuple[str, t.Any]] = [("tailLines", tail), ("limitBytes", 256 * 1024)]
        query += [("container", container)] if container else []
        query += [("previous", "true")] if previous else []
        try:
            text = self._text("get", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query)
        except KubeError as error:
            # 400: waiting to start; 404: gone meanwhile; 500: the node's kubelet has no address or does not answer.
            if error.status in (400, 404, 500):
                return ""
            raise
        # The log of a container that was removed meanwhile is a 200 with these words.
        return "" if text.startswith("unable to retrieve container logs for") else text

    def ask_service(self, service: str, namespace: str, port: int, path: str = "/") -> str:
        """What a Service answers over HTTP, through the API server's proxy: it needs no published port and no other credentials."""
        return self._text("get", f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy/{path.lstrip('/')}", [])

    def events(self, namespace: str, name: str, kind: str = "Pod") -> list[dict[str, t.Any]]:
        """What happened to one object, oldest first."""
        found = self.find("Event", namespace, fields=f"involvedObject.name={name},involvedObject.kind={kind}")
        return sorted(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")))

    def _object(self, verb: str, kind: str, name: str, namespace: str, tried: str = "", body: t.Any = None, **params: t.Any) -> dict[str, t.Any]:
        group, version, plural, namespaced = RESOURCES[kind]
        prefix = "apis" if group else "api"
        resource = Resource(prefix=prefix, group=group, api_version=version, kind=kind, namespaced=namespaced, name=plural, client=self._dynamic)
        path = resource.path(name=name or None, namespace=namespace or None)
        text = self._request(tried or f"{verb} {kind} {name}".rstrip(), verb, path, body=body, **params)
        answer: dict[str, t.Any] = json.loads(text)
        return answer

    def _text(self, verb: str, path: str, query: t.Sequence[tuple[str, t.Any]]) -> str:
        return self._request(f"{verb} {path}", verb, path, query_params=list(query), header_params={"Accept": "*/*"})

    def _request(self, tried: str, verb: str, path: str, **params: t.Any) -> str:
        """One exchange; every way in which it can fail becomes a KubeError."""
        try:
            response = self._dynamic.request(verb, path, serialize=False, _request_timeout=self.seconds, **params)
            return bytes(response.data).decode("utf-8", "replace")
        except ApiException as error:
            raise api_error(tried, error.status, _body_text(error)) from error
        except (HTTPError, OSError) as error:
            raise KubeError(UNREACHABLE, tried, _reason(error)) from error


def api_error(tried: str, status: int | None, body: str) -> KubeError:
    """What an HTTP status and a Status body mean; not every 500 is a broken server."""
    if not status:
        return KubeError(UNREACHABLE, tried, body)
    message = _status_message(body)
    if status >= 500 and re.search(r"field not declared in schema|failed to create typed patch object", message):
        return KubeError(SCHEMA, tried, message, status)
    return KubeError(_BY_STATUS.get(status, SERVER), tried, message, status)


def _status_message(body: str) -> str:
    try:
        parsed = json.loads(body)
    except ValueError:
        return body.strip()
    return str(parsed.get("message") or parsed.get("reason") or body) if isinstance(parsed, dict) else body.strip()


def _body_text(error: t.Any) -> str:
    body = error.body if error.body is not None else error.reason
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")


def _reason(error: BaseException) -> str:
    """The operating system's words, without urllib3's pool and object addresses."""
    text = str(getattr(error, "reason", None) or error)
    text = re.sub(r"<[\w.]+ object at 0x[0-9a-f]+>[:,]?\s*", "", text)
    return re.sub(r"^\w+\((?:host=[^)]*)?\):?\s*", "", text).strip() or type(error).__name__


class _NoDiscovery:
    """Takes the place of kubernetes' discoverer, which would ask a dozen questions and keep the answers in /tmp."""

    def __init__(self, _client: t.Any, _cache_file: str | None) -> None:
        pass


def connect(kubeconfig: str, context: str, timeout: float = REQUEST_SECONDS) -> Kube:
    """The API server of this context; nothing is asked of it yet. Never uses the kubeconfig's current context."""
    path = os.path.expanduser(kubeconfig or DEFAULT_KUBECONFIG)
    tried = f"read context {context!r} of {path}"
    if not context:
        raise KubeError(CONFIG, tried, "no context was named; the current context is never used, because it may be another cluster's")
    if not os.path.isfile(path):
        raise KubeError(CONFIG, tried, "there is no such file")
    configuration = kube_client.Configuration()
    try:
        kube_config.load_kube_config(config_file=path, context=context, client_configuration=configuration, persist_config=False)
    except (kube_config.ConfigException, YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        # What a damaged file raises depends on the client's release and on the damage.
        raise KubeError(CONFIG, tried, str(error)) from error
    # One attempt per call: the caller has a deadline, and retries would multiply the timeout of each.
    configuration.retries = 0
    if re.match(r"https?://(127\.|localhost[:/]|\[::1\])", str(configuration.host)):
        # A proxy of the environment cannot reach this machine's loopback.
        configuration.proxy = None
    return Kube(DynamicClient(kube_client.ApiClient(configuration), discoverer=_NoDiscovery), timeout)


def wait_for(
    awaited: str,
    look: t.Callable[[], Answer],
    satisfied: t.Callable[[Answer], bool],
    seconds: float,
    every: float = 1.0,
) -> Answer:
    """`_wait.wait_until` that survives an API server which restarts meanwhile; DeadlinePassed.last may be a KubeError then."""

    def tolerant() -> t.Any:
        try:
            return look()
        except KubeError as error:
            if not error.transient:
                raise
            return error

    def satisfying(answer: t.Any) -> bool:
        return not isinstance(answer, KubeError) and satisfied(answer)

    found: Answer = wait_until(awaited, tolerant, satisfying, seconds, every)
    return found


def wait_ready(kube: Api, seconds: float, every: float = 1.0) -> Readiness:
    """/readyz with a deadline; raises DeadlinePassed whose `last` is the last Readiness or KubeError."""
    return wait_for("API server ready", kube.readyz, lambda readiness: readiness.ready, seconds, every)


def client_missing(python: str = VENV_PYTHON) -> str:
    """Empty when the `kubernetes` package is there; else why not, after trying to respawn under the Python that has it (then never returns)."""
    if KUBERNETES_IMPORT_ERROR is None:
        return ""
    if not has_respawned():
        interpreter = probe_interpreters_for_module([python], "kubernetes")
        if interpreter:
            respawn_module(interpreter)
    return no_client()


def no_client() -> str:
    """That the `kubernetes` package is missing, and who brings it."""
    return f"{missing_required_lib('kubernetes')} The role gpudev.workstation.distro puts it into {os.path.dirname(os.path.dirname(VENV_PYTHON))}."


def require_client(module: t.Any) -> None:
    """Go on only with the `kubernetes` package."""
    reason = client_missing()
    if reason:
        module.fail_json(msg=reason, exception=KUBERNETES_IMPORT_ERROR)
