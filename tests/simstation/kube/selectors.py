# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label and field selectors, with the texts of a real server for what it does not accept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .status import bad_request

Object = dict[str, Any]
Predicate = Callable[[Object], bool]

SET_FORM = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
EQUALITY = re.compile(r"^\s*([^=!\s]+)\s*(==|!=|=)\s*([^=!]*?)\s*$")
SUPPORTED_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "pods": {
        name: tuple(name.split("."))
        for name in (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        )
    },
    "nodes": {"spec.unschedulable": ("spec", "unschedulable")},
    "namespaces": {"status.phase": ("status", "phase")},
    "secrets": {"type": ("type",)},
    "events": {
        name: tuple(name.split("."))
        for name in (
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        )
    },
}


def split_requirements(text: str) -> list[str]:
    """Split at commas that are not inside parentheses."""
    parts = re.split(r",(?![^(]*\))", text)
    return [part for part in parts if part.strip()]


def label_predicate(text: str) -> Predicate:
    checks = [_label_requirement(part) for part in split_requirements(text)]
    return lambda item: all(check(item.get("metadata", {}).get("labels") or {}) for check in checks)


def _label_requirement(part: str) -> Predicate:
    members = SET_FORM.match(part)
    if members:
        key, operator, values = members.group(1), members.group(2), {value.strip() for value in members.group(3).split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: key not in labels or labels[key] not in values
    if "===" in part:
        raise bad_request("unable to parse requirement: found '=', expected: identifier")
    equality = EQUALITY.match(part)
    if equality:
        key, operator, value = equality.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    key = part.strip()
    if key.startswith("!"):
        return lambda labels: key[1:].strip() not in labels
    if not re.fullmatch(r"[A-Za-z0-9./_-]+", key):
        raise bad_request(f"unable to parse requirement: found '{key}', expected: identifier")
    return lambda labels: key in labels


def matches_selector(selector: Object, labels: Object) -> bool:
    """A `LabelSelector` object against labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression_holds(entry, labels) for entry in selector.get("matchExpressions") or [])


def _expression_holds(entry: Object, labels: Object) -> bool:
    key, operator, values = entry["key"], entry["operator"], entry.get("values") or []
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) == (operator == "Exists")


def field_predicate(text: str, plural: str) -> Predicate:
    checks = [_field_requirement(part, plural) for part in split_requirements(text)]
    return lambda item: all(check(item) for check in checks)


def _field_requirement(part: str, plural: str) -> Predicate:
    equality = EQUALITY.match(part)
    if not equality:
        raise bad_request(f"invalid field selector: {part}")
    name, operator, value = equality.groups()
    path = {"metadata.name": ("metadata", "name"), "metadata.namespace": ("metadata", "namespace"), **SUPPORTED_FIELDS.get(plural, {})}.get(name)
    if path is None:
        raise bad_request(f"field label not supported: {name}")
    return lambda item: (_text_at(item, path) == value) == (operator != "!=")


def _text_at(item: Any, path: tuple[str, ...]) -> str:
    for step in path:
        item = item.get(step) if isinstance(item, dict) else None
    if isinstance(item, bool):
        return "true" if item else "false"
    return "" if item is None else str(item)
