# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED kubectl: `get nodes|pods|ds`, `logs`, `version --client`, `config current-context`; a client of the station's own Kubernetes API."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distro import tree
from .minikube_files import KUBERNETES, Kubeconfig

if TYPE_CHECKING:
    from ..distro.programs import Call

RESOURCES = {
    "node": ("/api/v1", "nodes", False), "nodes": ("/api/v1", "nodes", False), "no": ("/api/v1", "nodes", False),
    "pod": ("/api/v1", "pods", True), "pods": ("/api/v1", "pods", True), "po": ("/api/v1", "pods", True),
    "ds": ("/apis/apps/v1", "daemonsets", True), "daemonset": ("/apis/apps/v1", "daemonsets", True), "daemonsets": ("/apis/apps/v1", "daemonsets", True),
    "events": ("/api/v1", "events", True), "namespaces": ("/api/v1", "namespaces", False), "ns": ("/api/v1", "namespaces", False),
}  # fmt: skip
SINGULAR = {"nodes": "node", "pods": "pod", "daemonsets": "daemonset.apps", "events": "event", "namespaces": "namespace"}


def kubectl(call: Call) -> int:
    inside = call.env.get("KUBECONFIG", "").split(":")[0] or f"{call.env.get('HOME', '/root')}/.kube/config"
    return run(call, tree.host_path(call.base, inside), None, call.argv[1:])


def run(call: Call, file: Path, name: str | None, words: list[str]) -> int:
    kubeconfig = Kubeconfig(file)
    options, rest = _options(call, words)
    name = options.get("context") or name or kubeconfig.current
    if rest[:1] == ["version"] and "client" in options:
        call.out(f"Client Version: {KUBERNETES}\nKustomize Version: v5.7.1\n")
        return 0
    if rest == ["config", "current-context"]:
        if not kubeconfig.current:
            call.err("error: current-context is not set\n")
            return 1
        call.out(f"{kubeconfig.current}\n")
        return 0
    server = kubeconfig.server(name)
    if server is None:
        call.err(
            'E0000 memcache.go:265] couldn\'t get current server API group list: Get "http://localhost:8080/api?timeout=32s": dial tcp 127.0.0.1:8080: '
            "connect: connection refused\n"
        )
        call.err("The connection to the server localhost:8080 was refused - did you specify the right host or port?\n")
        return 1
    client = _Client(call, kubeconfig, name, server)
    try:
        if rest[:1] == ["get"]:
            return _get(call, client, rest[1:], options)
        if rest[:1] == ["logs"]:
            return _logs(call, client, rest[1:], options)
    except OSError:
        call.err(f"The connection to the server {server} was refused - did you specify the right host or port?\n")
        return 1
    return call.unknown()


def _options(call: Call, words: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    short = {"-n": "namespace", "-o": "output", "-A": "all-namespaces", "-l": "selector", "-c": "container"}
    while words:
        word = words.pop(0)
        key, equals, value = word.partition("=")
        if not word.startswith("-"):
            rest.append(word)
            continue
        key = short.get(key, key.lstrip("-"))
        if key in ("all-namespaces", "client", "no-headers"):
            options[key] = "true"
        elif key in ("namespace", "output", "selector", "container", "context", "tail", "cluster"):
            options[key] = value if equals else words.pop(0)
        else:
            call.unknown(word)
    return options, rest


class _Client:
    def __init__(self, call: Call, kubeconfig: Kubeconfig, name: str, server: str) -> None:
        host, _colon, port = server.partition(":")
        self._home = kubeconfig
        context = ssl.create_default_context(cafile=str(self._file(call, name, "clusters", "certificate-authority")))
        context.load_cert_chain(self._file(call, name, "users", "client-certificate"), self._file(call, name, "users", "client-key"))
        self._connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)

    def _file(self, call: Call, name: str, section: str, key: str) -> Path:
        for line in self._home.entries[section][name].splitlines():
            if line.strip().startswith(f"{key}: "):
                return tree.host_path(call.base, line.split(": ", 1)[1].strip())
        return call.unknown(f"a kubeconfig without {key}")

    def get(self, path: str) -> tuple[int, bytes]:
        self._connection.request("GET", path, headers={"Accept": "application/json"})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def _get(call: Call, client: _Client, words: list[str], options: dict[str, str]) -> int:
    kind, _slash, name = words[0].partition("/")
    name = name or (words[1] if len(words) > 1 else "")
    if kind not in RESOURCES:
        call.err(f'error: the server doesn\'t have a resource type "{kind}"\n')
        return 1
    prefix, plural, namespaced = RESOURCES[kind]
    namespace = options.get("namespace", "default")
    scope = f"/namespaces/{namespace}" if namespaced and "all-namespaces" not in options else ""
    query = f"?labelSelector={options['selector']}" if "selector" in options else ""
    status, body = client.get(f"{prefix}{scope}/{plural}" + (f"/{name}" if name else "") + query)
    data: dict[str, Any] = json.loads(body)
    if status != 200:
        call.err(f"Error from server ({data.get('reason', '')}): {data.get('message', '')}\n")
        return 1
    items = data.get("items", [data])
    form = options.get("output", "")
    if form == "json":
        call.out(json.dumps(data, indent=4) + "\n")
    elif form == "name":
        call.out("".join(f"{SINGULAR[plural]}/{item['metadata']['name']}\n" for item in items))
    elif form in ("", "wide"):
        _table(call, plural, items, "all-namespaces" in options, namespace)
    else:
        call.unknown(f"-o {form}")
    return 0


def _table(call: Call, plural: str, items: list[dict[str, Any]], every: bool, namespace: str) -> None:
    if not items:
        call.err(f"No resources found in {namespace} namespace.\n" if not every else "No resources found\n")
        return
    rows = [_row(plural, item) for item in items]
    if every:
        rows = [{"NAMESPACE": item["metadata"].get("namespace", ""), **row} for item, row in zip(items, rows, strict=True)]
    table = [list(rows[0])] + [list(row.values()) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    call.out("".join("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in table))


def _row(plural: str, item: dict[str, Any]) -> dict[str, str]:
    name, status = item["metadata"]["name"], item.get("status", {})
    if plural == "nodes":
        ready = next((condition["status"] for condition in status.get("conditions", []) if condition["type"] == "Ready"), "Unknown")
        return {
            "NAME": name,
            "STATUS": "Ready" if ready == "True" else "NotReady",
            "ROLES": "control-plane",
            "VERSION": status.get("nodeInfo", {}).get("kubeletVersion", ""),
        }
    if plural == "pods":
        states = status.get("containerStatuses", [])
        waiting = next((state["state"]["waiting"].get("reason", "") for state in states if "waiting" in state.get("state", {})), "")
        ready = sum(bool(state.get("ready")) for state in states)
        restarts = sum(state.get("restartCount", 0) for state in states)
        phase = {"Succeeded": "Completed"}.get(status.get("phase", ""), status.get("phase", ""))
        return {"NAME": name, "READY": f"{ready}/{len(item['spec']['containers'])}", "STATUS": waiting or phase, "RESTARTS": str(restarts)}
    if plural == "daemonsets":
        keys = {
            "DESIRED": "desiredNumberScheduled",
            "CURRENT": "currentNumberScheduled",
            "READY": "numberReady",
            "UP-TO-DATE": "updatedNumberScheduled",
            "AVAILABLE": "numberAvailable",
        }
        return {"NAME": name, **{title: str(status.get(key, 0)) for title, key in keys.items()}}
    if plural == "events":
        return {
            "TYPE": item.get("type", ""),
            "REASON": item.get("reason", ""),
            "OBJECT": item.get("involvedObject", {}).get("name", ""),
            "MESSAGE": item.get("message", ""),
        }
    return {"NAME": name, "STATUS": status.get("phase", "")}


def _logs(call: Call, client: _Client, words: list[str], options: dict[str, str]) -> int:
    namespace, name = options.get("namespace", "default"), words[0].partition("/")[2] or words[0]
    status, body = client.get(f"/api/v1/namespaces/{namespace}/pods/{name}/log")
    if status != 200:
        data = json.loads(body)
        call.err(f"Error from server ({data.get('reason', '')}): {data.get('message', '')}\n")
        return 1
    call.out(body)
    return 0
