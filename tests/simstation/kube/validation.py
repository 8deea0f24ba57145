# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server refuses with 422 before anything is stored."""

from __future__ import annotations

import copy
import re
from typing import Any

from .selectors import matches_selector
from .status import cause, invalid_value, required_value

Object = dict[str, Any]

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
)
LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
)
UPDATABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
WORKLOADS = ("DaemonSet", "Deployment", "ReplicaSet")


def check(new: Object, old: Object | None, kind: str) -> list[Object]:
    """The causes of a 422; empty when the object is valid."""
    causes = _name(new, kind) + _identity(new, old)
    if kind in WORKLOADS:
        causes += _workload(new, old, kind)
    elif kind == "Pod":
        causes += _pod(new["spec"], "spec")
        if old and not causes:
            causes += _pod_update(new["spec"], old["spec"])
    return causes


def _name(new: Object, kind: str) -> list[Object]:
    name = new["metadata"].get("name", "")
    if kind in ("Namespace", "Service"):
        pattern, text = LABEL, LABEL_TEXT
    elif kind in ("Node", "Event") or kind in WORKLOADS or kind in ("Pod", "ConfigMap", "Secret", "ServiceAccount", "RuntimeClass"):
        pattern, text = SUBDOMAIN, SUBDOMAIN_TEXT
    else:
        return []
    return [] if re.fullmatch(pattern, name) else [invalid_value(name, text, "metadata.name")]


def _identity(new: Object, old: Object | None) -> list[Object]:
    uid = new["metadata"].get("uid")
    if not old or not uid or uid == old["metadata"]["uid"]:
        return []
    # Twice, as in recordings/kube/ssa_invalid.jsonl.
    return [invalid_value(uid, "field is immutable", "metadata.uid")] * 2


def _workload(new: Object, old: Object | None, kind: str) -> list[Object]:
    spec = new.get("spec") or {}
    selector, template = spec.get("selector"), spec.get("template") or {}
    if old and selector != old["spec"].get("selector"):
        return [invalid_value(selector, "field is immutable", "spec.selector")]
    if not selector:
        return [required_value("", "spec.selector")]
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not matches_selector(selector, labels):
        return [invalid_value(labels, "`selector` does not match template `labels`", "spec.template.metadata.labels")]
    causes = _pod(template.get("spec") or {}, "spec.template.spec")
    policy = (template.get("spec") or {}).get("restartPolicy", "Always")
    if policy != "Always":
        causes.append(cause("FieldValueNotSupported", f'Unsupported value: "{policy}": supported values: "Always"', "spec.template.spec.restartPolicy"))
    return causes


def _pod(spec: Object, path: str) -> list[Object]:
    containers = spec.get("containers") or []
    if not containers:
        return [required_value("", f"{path}.containers")]
    causes: list[Object] = []
    volumes = {volume.get("name") for volume in spec.get("volumes") or []}
    for index, container in enumerate(containers):
        causes += _container(container, f"{path}.containers[{index}]", volumes)
    return causes


def _container(container: Object, path: str, volumes: set[Any]) -> list[Object]:
    causes: list[Object] = []
    if not container.get("name"):
        causes.append(required_value("", f"{path}.name"))
    if not container.get("image"):
        causes.append(required_value("", f"{path}.image"))
    for number, mount in enumerate(container.get("volumeMounts") or []):
        if mount.get("name") not in volumes:
            causes.append(cause("FieldValueNotFound", f'Not found: "{mount.get("name")}"', f"{path}.volumeMounts[{number}].name"))
    return causes + _extended_resources(container.get("resources") or {}, f"{path}.resources")


def _extended_resources(resources: Object, path: str) -> list[Object]:
    """Extended resources are whole numbers, and requests equal limits (recordings/kube/gpu_pod_pending.jsonl)."""
    causes: list[Object] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if "/" in name and not re.fullmatch(r"\d+", str(amount)):
                causes.append(invalid_value(amount, "must be an integer", f"{path}.{kind}[{name}]"))
    if causes:
        return causes
    for name, amount in requests.items():
        if "/" in name and name not in limits:
            causes.append(required_value("Limit must be set for non overcommitable resources", f"{path}.limits"))
        elif "/" in name and limits[name] != amount:
            causes.append(invalid_value(amount, f"must be equal to {name} limit of {limits[name]}", f"{path}.requests"))
    return causes


def _pod_update(new: Object, old: Object) -> list[Object]:
    comparable = [copy.deepcopy(spec) for spec in (new, old)]
    for spec in comparable:
        for name in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName", "schedulingGates"):
            spec.pop(name, None)
        for container in (spec.get("containers") or []) + (spec.get("initContainers") or []):
            container.pop("image", None)
    if comparable[0] == comparable[1]:
        return []
    return [cause("FieldValueForbidden", f"Forbidden: {UPDATABLE}", "spec")]
