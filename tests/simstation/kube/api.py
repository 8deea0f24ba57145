# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of the Kubernetes API: discovery, health, objects, logs, reviews."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from . import access, health, lists, schema, status
from .access import Attributes, User
from .applications import Applications
from .logs import Logs
from .registry import Registry
from .status import StatusError
from .store import READ_ONLY, Resource, Store, discovery, known, resources
from .watch import Watch

Object = dict[str, Any]

JSON = "application/json"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
PATCH_FORMS = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
    "application/apply-patch+cbor": "",
}
# The node's address inside minikube's Docker network.
SERVER_ADDRESS = {"clientCIDR": "0.0.0.0/0", "serverAddress": "192.168.49.2:8443"}
DEFAULT_WATCH_SECONDS = 1800.0


REVIEW = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False)


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    user: User = field(default_factory=User)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    @property
    def manager(self) -> str:
        return self.query.get("fieldManager") or self.headers.get("user-agent", "unknown").split("/")[0]


@dataclass
class Answer:
    code: int
    content_type: str = JSON
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None


@dataclass
class Target:
    """What a path names."""

    kind: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def answer_json(code: int, body: Object) -> Answer:
    return Answer(code, JSON, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")


def page_not_found() -> Answer:
    return Answer(404, "text/plain; charset=utf-8", b"404 page not found\n", {"x-content-type-options": "nosniff"})


class Api:
    """Answers requests for one cluster."""

    def __init__(self, store: Store, registry: Registry, logs: Logs, progress: Callable[[], float | None], applications: Applications | None = None) -> None:
        self.store = store
        self.applications = applications
        self.registry = registry
        self.logs = logs
        self.progress = progress

    def handle(self, request: Request) -> Answer:
        try:
            if "authorization" in request.headers:
                # No bearer token is ever issued here, so every one of them is wrong.
                raise status.unauthorized()
            return self._route(request)
        except StatusError as error:
            return answer_json(error.code, error.body)

    def _route(self, request: Request) -> Answer:
        path = request.path.rstrip("/") or "/"
        first = path.split("/")[1]
        if first in ("readyz", "livez", "healthz"):
            return self._health(request, path)
        if not self._is_object_path(path):
            return self._plain(request, path)
        target = self._target(path)
        if isinstance(target, Answer):
            return target
        return self._objects(request, target)

    @staticmethod
    def _is_object_path(path: str) -> bool:
        steps = path.split("/")
        return (steps[1] == "api" and len(steps) > 3) or (steps[1] == "apis" and len(steps) > 4)

    # --- what is not an object ---

    def _health(self, request: Request, path: str) -> Answer:
        endpoint, _slash, check = path[1:].partition("/")
        failed = health.failing(self.progress())
        if failed and request.user.anonymous:
            raise access.refuse_path(request.user, path)
        if check:
            if check not in health.checks(endpoint):
                return page_not_found()
            failed = [check] if check in failed else []
        code, text = health.report(endpoint, failed, "verbose" in request.query and not check)
        return Answer(code, "text/plain; charset=utf-8", text.encode(), {"x-content-type-options": "nosniff"})

    def _plain(self, request: Request, path: str) -> Answer:
        if not access.may_path(request.user, path):
            raise access.refuse_path(request.user, path)
        if path == "/version":
            return answer_json(200, self._version())
        document = discovery()
        if AGGREGATED.split(";", 1)[1].split(",")[0] in request.headers.get("accept", "").replace(" ", "") and path in document["aggregated"]:
            answer = answer_json(200, document["aggregated"][path])
            answer.content_type = AGGREGATED
            return answer
        if path == "/api":
            return answer_json(200, {**document["legacy"][path], "serverAddressByClientCIDRs": [SERVER_ADDRESS]})
        if path in document["legacy"]:
            return answer_json(200, document["legacy"][path])
        steps = path.split("/")
        if steps[1] == "apis" and len(steps) == 4 and any(entry.startswith(f"/apis/{steps[2]}/") for entry in document["legacy"]):
            raise status.no_such_resource()
        if path.startswith("/openapi"):
            self._refuse_unimitated(request, path)
        return page_not_found()

    def _version(self) -> Object:
        version: Object = copy.deepcopy(discovery()["version"])
        text: str = self.store.section.get("version") or version["gitVersion"]
        if text != version["gitVersion"]:
            minor = int(text.lstrip("v").split(".")[1])
            version.update(minor=str(minor), emulationMinor=str(minor), minCompatibilityMinor=str(minor - 1), gitVersion=text)
        return version

    def _refuse_unimitated(self, request: Request, what: str) -> None:
        self.store.station.record_error(f"kubernetes API: {request.method} {what}", "this resource is not imitated")
        raise StatusError(501, f"not simulated: {request.method} {what}", "NotImplemented")

    # --- objects ---

    def _target(self, path: str) -> Target | Answer:
        steps = path.split("/")[1:]
        if steps[0] == "api":
            group, version, rest = "", steps[1], steps[2:]
        else:
            group, version, rest = steps[1], steps[2], steps[3:]
        if (f"/apis/{group}/{version}" if group else f"/api/{version}") not in discovery()["legacy"]:
            return page_not_found()
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = rest[0], rest[1] if len(rest) > 1 else "", "/".join(rest[2:])
        kind = resources().get((group, version, plural))
        if kind is None:
            if not known(group, version, plural):
                raise status.no_such_resource()
            kind = Resource(group, version, plural, "", bool(namespace))
        if not group and plural == "namespaces":
            namespace = name
        return Target(kind, namespace, name, subresource)

    def _objects(self, request: Request, target: Target) -> Answer:
        kind = target.kind
        verb = self._verb(request, target)
        full = f"{kind.plural}/{target.subresource}" if target.subresource else kind.plural
        asked = Attributes(verb, kind.group, full, target.namespace, target.name)
        if not access.may(request.user, asked, self._grants()):
            raise access.refuse(request.user, asked)
        if kind.plural == "selfsubjectaccessreviews" and verb == "create":
            return self._review(request)
        if not kind.kind or (kind.key in READ_ONLY and verb not in ("get", "list", "watch")):
            self._refuse_unimitated(request, request.path)
        if kind.plural == "services" and target.subresource.partition("/")[0] == "proxy" and verb == "get" and self.applications:
            return self._proxy(self.applications, request, target)
        if target.subresource not in ("", "status", "log"):
            if not known(kind.group, kind.version, full):
                raise status.no_such_resource()
            self._refuse_unimitated(request, request.path)
        if target.subresource == "log":
            return self._log(request, target)
        answer: Answer = getattr(self, f"_do_{verb}")(request, target)
        return answer

    def _proxy(self, applications: Applications, request: Request, target: Target) -> Answer:
        name = target.name.split(":")[1] if ":" in target.name else target.name
        service = self.registry.require(target.kind, target.namespace, name)
        answer = applications.through_service(service, target.name, target.subresource.partition("/")[2], request.query)
        if not answer["status"]:
            raise StatusError(503, f"error trying to reach service: {answer['body']}", "ServiceUnavailable")
        return Answer(answer["status"], answer["type"] or "text/plain; charset=utf-8", answer["body"].encode())

    def _grants(self) -> Object:
        knobs: Object = self.store.section.get("knobs", {})
        found: Object = knobs.get("roles", {})
        return found

    def _verb(self, request: Request, target: Target) -> str:
        if request.method == "GET":
            if target.name:
                return "get"
            return "watch" if request.flag("watch") else "list"
        if request.method == "DELETE":
            return "delete" if target.name else "deletecollection"
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(request.method)
        if verb is None or (verb != "create") != bool(target.name):
            raise status.method_not_allowed()
        return verb

    def _one(self, kind: Resource, item: Object, code: int = 200) -> Answer:
        if item.get("kind") == "Status":
            return answer_json(code, item)
        return answer_json(code, {"kind": kind.kind, "apiVersion": kind.api_version, **item})

    def _inside(self, target: Target) -> str:
        return target.namespace if target.kind.namespaced else ""

    def _do_get(self, request: Request, target: Target) -> Answer:
        return self._one(target.kind, self.registry.require(target.kind, self._inside(target), target.name))

    def _do_list(self, request: Request, target: Target) -> Answer:
        return answer_json(200, lists.listing(self.store, target.kind, self._inside(target), request.query))

    def _do_watch(self, request: Request, target: Target) -> Answer:
        timeout = float(request.query.get("timeoutSeconds") or DEFAULT_WATCH_SECONDS)
        wanted = lists.predicate(request.query, target.kind)
        revision = request.query.get("resourceVersion", "")
        watch = Watch(self.store, target.kind, self._inside(target), wanted, revision, timeout, request.flag("allowWatchBookmarks"))
        lines = (json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for event in watch.events())
        return Answer(200, JSON, stream=lines)

    def _do_create(self, request: Request, target: Target) -> Answer:
        item, headers = self._decoded(request, target.kind)
        metadata = item.setdefault("metadata", {})
        if target.kind.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
            text = f"the namespace of the provided object does not match the namespace sent on the request ({metadata['namespace']})"
            raise status.bad_request(text)
        made = self.registry.create(target.kind, item, request.manager, dry_run=request.dry_run)
        answer = self._one(target.kind, made, 201)
        answer.headers.update(headers)
        return answer

    def _do_update(self, request: Request, target: Target) -> Answer:
        item, headers = self._decoded(request, target.kind)
        made = self.registry.replace(
            target.kind, self._inside(target), target.name, item, request.manager, subresource=target.subresource, dry_run=request.dry_run
        )
        answer = self._one(target.kind, made)
        answer.headers.update(headers)
        return answer

    def _do_patch(self, request: Request, target: Target) -> Answer:
        form = PATCH_FORMS.get(request.headers.get("content-type", "").split(";")[0].strip())
        if not form:
            raise StatusError(415, "415: Unsupported Media Type", "UnsupportedMediaType", {})
        body = self._parsed(request)
        where = (target.kind, self._inside(target), target.name)
        if form != "apply":
            made = self.registry.patch(*where, form, body, request.manager, subresource=target.subresource, dry_run=request.dry_run)
            return self._one(target.kind, made)
        if not request.query.get("fieldManager"):
            causes = [status.required_value("is required for apply patch", "fieldManager")]
            raise status.invalid("PatchOptions", "meta.k8s.io", "", causes)
        if not isinstance(body, dict):
            raise status.bad_request("error decoding YAML: json: cannot unmarshal string into Go value of type map[string]interface {}")
        made, created = self.registry.apply(*where, body, request.manager, force=request.flag("force"), subresource=target.subresource, dry_run=request.dry_run)
        return self._one(target.kind, made, 201 if created else 200)

    def _delete_options(self, request: Request) -> Object:
        options: Object = dict(self._parsed(request) or {}) if request.body.strip() else {}
        for name in ("propagationPolicy", "gracePeriodSeconds", "orphanDependents"):
            if name in request.query:
                options[name] = int(request.query[name]) if name == "gracePeriodSeconds" else request.query[name]
        return options

    def _do_delete(self, request: Request, target: Target) -> Answer:
        options = self._delete_options(request)
        dry_run = request.dry_run or options.get("dryRun") == ["All"]
        return self._one(target.kind, self.registry.delete(target.kind, self._inside(target), target.name, options, dry_run=dry_run))

    def _do_deletecollection(self, request: Request, target: Target) -> Answer:
        options = self._delete_options(request)
        found = lists.listing(self.store, target.kind, self._inside(target), request.query)
        for item in found["items"]:
            self.registry.delete(target.kind, item["metadata"].get("namespace", ""), item["metadata"]["name"], options, dry_run=request.dry_run)
        return answer_json(200, found)

    # --- bodies ---

    def _parsed(self, request: Request) -> Any:
        text = request.body.decode("utf-8")
        try:
            return json.loads(text)
        except ValueError:
            if "yaml" not in request.headers.get("content-type", ""):
                raise status.bad_request("the object provided is unrecognized (must be of type ...): couldn't get version/kind; json parse error") from None
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise status.bad_request(f"error decoding YAML: {error}") from None

    def _decoded(self, request: Request, kind: Resource) -> tuple[Object, dict[str, str]]:
        """The object of a POST or PUT; unknown fields are dropped with a warning, or refused if asked for."""
        item = self._parsed(request)
        if not isinstance(item, dict):
            raise status.bad_request("the object provided is unrecognized")
        found = schema.problems(item, schema.root_type(kind.kind) or "object")
        unknown = [problem for problem in found if problem.text == "field not declared in schema"]
        wrong = [problem for problem in found if problem not in unknown]
        if wrong:
            text = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: json: {wrong[0].path.lstrip(".")}: {wrong[0].text}'
            raise status.bad_request(text)
        if not unknown:
            return item, {}
        texts = [f'unknown field "{problem.path.lstrip(".")}"' for problem in unknown]
        if request.query.get("fieldValidation") == "Strict":
            raise status.bad_request(f"strict decoding error: {', '.join(texts)}")
        pruned: Object = schema.pruned(item, schema.root_type(kind.kind) or "object")
        ignored = request.query.get("fieldValidation") == "Ignore"
        return pruned, {} if ignored else {"warning": ", ".join(f'299 - "{text.replace(chr(34), chr(92) + chr(34))}"' for text in texts)}

    # --- logs and reviews ---

    def _log(self, request: Request, target: Target) -> Answer:
        if target.kind.plural != "pods" or request.method != "GET":
            raise status.no_such_resource()
        if request.headers.get("accept") == "text/plain":
            text = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"
            raise StatusError(406, text, "NotAcceptable")
        pod = self.registry.require(target.kind, target.namespace, target.name)
        if not pod["spec"].get("nodeName"):
            return Answer(204, "")
        return Answer(200, "text/plain", stream=self.logs.read(pod, request.query))

    def _review(self, request: Request) -> Answer:
        review, _headers = self._decoded(request, REVIEW)
        wanted = (review.get("spec") or {}).get("resourceAttributes") or {}
        full = "/".join(part for part in (wanted.get("resource", ""), wanted.get("subresource", "")) if part)
        asked = Attributes(wanted.get("verb", ""), wanted.get("group", ""), full, wanted.get("namespace", ""), wanted.get("name", ""))
        allowed = access.may(request.user, asked, self._grants())
        result: Object = {"allowed": allowed}
        if allowed and not request.user.master:
            result["reason"] = "RBAC: granted by the simulated cluster's document"
        body = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": review.get("spec", {}), "status": result}
        return answer_json(201, body)
