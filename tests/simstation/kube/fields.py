# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Field sets of `metadata.managedFields`: which paths an object holds, which of them a change touched, and their FieldsV1 form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from . import schema

Object = dict[str, Any]
Path = tuple[str, ...]
FieldSet = set[Path]

# Never owned: identity and what the server itself writes.
STRIPPED: FieldSet = {("f:apiVersion",), ("f:kind",), ("f:metadata",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    )
}
# Present in every object of their kind, so that an update never "adds" them (recordings: no "." in them).
ALWAYS_THERE = {"metadata", "spec", "status", "template", "containers", "updateStrategy", "strategy", "involvedObject", "source"}


def applied(value: Object, kind: str) -> FieldSet:
    """The paths that an applied configuration claims."""
    found: FieldSet = set()
    _claim(value, schema.root_type(kind) or "object", "", "", (), found)
    return {path for path in found if not _is_stripped(path)}


def _is_stripped(path: Path) -> bool:
    return path in STRIPPED or path[:2] == ("f:metadata", "f:managedFields")


def _claim(value: Any, declared: str, owner: str, field: str, path: Path, found: FieldSet) -> None:
    if value is None:
        return
    if isinstance(value, dict) and (schema.is_struct(declared) or schema.is_granular_map(owner, field, declared)):
        if not value and path:
            found.add(path)
        for key, entry in value.items():
            _claim(entry, *_child(declared, key), (*path, f"f:{key}"), found)
        return
    keys = schema.list_keys(owner, field)
    if isinstance(value, list) and keys:
        item_type = schema.element_type(declared)
        for item in value:
            item_path = (*path, schema.item_key(item, keys))
            found.add(item_path)
            if schema.is_struct(item_type):
                for key, entry in item.items():
                    _claim(entry, *_child(item_type, key), (*item_path, f"f:{key}"), found)
        return
    if isinstance(value, list) and schema.is_set(owner, field):
        found.update((*path, f"v:{json.dumps(item)}") for item in value)
        return
    found.add(path)


def _child(declared: str, key: str) -> tuple[str, str, str]:
    """(declared type, owner, field) of a member."""
    if declared.startswith("Dict["):
        return schema.element_type(declared), "", ""
    return schema.field_type(declared, key) or "object", declared, key


def compared(old: Object | None, new: Object, kind: str) -> tuple[FieldSet, FieldSet]:
    """(added or changed paths, removed paths) between two versions of an object."""
    before: dict[Path, Any] = {}
    after: dict[Path, Any] = {}
    _index(old or {}, schema.root_type(kind) or "object", "", "", (), before)
    _index(new, schema.root_type(kind) or "object", "", "", (), after)
    touched = {path for path, value in after.items() if path not in before or before[path] != value}
    removed = {path for path in before if path not in after}
    return {path for path in touched if not _is_stripped(path)}, {path for path in removed if not _is_stripped(path)}


CONTAINER = "<container>"


def _index(value: Any, declared: str, owner: str, field: str, path: Path, found: dict[Path, Any]) -> None:
    """Every path with its value; structures count as themselves, so that a new one is seen as added."""
    if value is None:
        return
    if isinstance(value, dict) and (schema.is_struct(declared) or schema.is_granular_map(owner, field, declared)):
        if path and field not in ALWAYS_THERE:
            found[path] = CONTAINER
        for key, entry in value.items():
            _index(entry, *_child(declared, key), (*path, f"f:{key}"), found)
        return
    keys = schema.list_keys(owner, field)
    if isinstance(value, list) and keys:
        if field not in ALWAYS_THERE:
            found[path] = CONTAINER
        item_type = schema.element_type(declared)
        for item in value:
            item_path = (*path, schema.item_key(item, keys))
            found[item_path] = CONTAINER if schema.is_struct(item_type) else item
            if schema.is_struct(item_type):
                for key, entry in item.items():
                    _index(entry, *_child(item_type, key), (*item_path, f"f:{key}"), found)
        return
    found[path] = value


def value_at(value: Any, path: Path) -> Any:
    """The value at a path; None when there is none."""
    for step in path:
        value = _step(value, step)
        if value is None:
            return None
    return value


def _step(value: Any, step: str) -> Any:
    if step.startswith("f:"):
        return value.get(step[2:]) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    wanted = json.loads(step[2:])
    if step.startswith("v:"):
        return wanted if wanted in value else None
    index = item_index(value, wanted)
    return None if index is None else value[index]


def item_index(items: list[Any], wanted: Object) -> int | None:
    for index, item in enumerate(items):
        if isinstance(item, dict) and all(item.get(key, schema.KEY_DEFAULTS.get(key)) == value for key, value in wanted.items()):
            return index
    return None


def remove_at(value: Any, path: Path) -> None:
    """Delete what is at a path, and structures that become empty by it."""
    parent = value_at(value, path[:-1])
    step = path[-1]
    if parent is None:
        return
    if step.startswith("f:") and isinstance(parent, dict):
        parent.pop(step[2:], None)
    elif isinstance(parent, list):
        wanted = json.loads(step[2:])
        if step.startswith("v:"):
            parent[:] = [item for item in parent if item != wanted]
        else:
            index = item_index(parent, wanted)
            if index is not None:
                del parent[index]
    if not parent and len(path) > 2:
        remove_at(value, path[:-1])


def encode(paths: Iterable[Path]) -> Object:
    """FieldsV1: nested maps, "." where a structure itself is owned beside its members."""
    tree: Object = {}
    chosen = set(paths)
    for path in sorted(chosen):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    for path in chosen:
        node = tree
        for step in path:
            node = node[step]
        if node:
            node["."] = {}
    return tree


def decode(tree: Object, path: Path = ()) -> FieldSet:
    found: FieldSet = set()
    for step, members in tree.items():
        if step == ".":
            found.add(path)
        elif members:
            found |= decode(members, (*path, step))
        else:
            found.add((*path, step))
    return found


def readable(path: Path) -> str:
    """As conflicts name a field: .spec.template.spec.containers[name="main"].image"""
    text = ""
    for step in path:
        if step.startswith("f:"):
            text += f".{step[2:]}"
        elif step.startswith("k:"):
            keys = json.loads(step[2:])
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(keys.items())) + "]"
        else:
            text += f"[={step[2:]}]"
    return text
