# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply and the three patch formats, with ownership of fields kept in `metadata.managedFields`."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from . import fields, schema
from .fields import FieldSet
from .status import StatusError, bad_request, cause, invalid

Object = dict[str, Any]


@dataclass
class Manager:
    """Who writes: name, Apply or Update, through which subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def matches(self, entry: Object) -> bool:
        return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (self.name, self.operation, self.subresource)

    def entry(self, owned: FieldSet, time: str) -> Object:
        made: Object = {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields.encode(owned),
        }
        if self.subresource:
            made["subresource"] = self.subresource
        return made


@dataclass
class Ownership:
    """The managedFields of one object, decoded."""

    entries: list[Object]
    sets: list[FieldSet] = field(default_factory=list)

    @classmethod
    def of(cls, item: Object) -> Ownership:
        entries = copy.deepcopy(item.get("metadata", {}).get("managedFields") or [])
        return cls(entries, [fields.decode(entry.get("fieldsV1", {})) for entry in entries])

    def index(self, manager: Manager) -> int | None:
        return next((number for number, entry in enumerate(self.entries) if manager.matches(entry)), None)

    def owned_by(self, manager: Manager) -> FieldSet:
        number = self.index(manager)
        return set() if number is None else self.sets[number]

    def others(self, manager: Manager) -> FieldSet:
        found: FieldSet = set()
        for entry, owned in zip(self.entries, self.sets):
            if not manager.matches(entry):
                found |= owned
        return found

    def take(self, manager: Manager, paths: FieldSet, time: str) -> None:
        """Make `paths` all that the manager owns."""
        number = self.index(manager)
        if number is None:
            if paths:
                self.entries.append(manager.entry(paths, time))
                self.sets.append(set(paths))
        elif self.sets[number] != paths:
            self.entries[number] = manager.entry(paths, time)
            self.sets[number] = set(paths)

    def withdraw(self, manager: Manager | None, paths: FieldSet) -> None:
        """Take `paths` from everybody but the manager."""
        for number, entry in enumerate(self.entries):
            if manager is not None and manager.matches(entry):
                continue
            left = self.sets[number] - paths
            if left != self.sets[number]:
                self.sets[number] = left
                entry["fieldsV1"] = fields.encode(left)

    def result(self) -> list[Object]:
        kept = [entry for entry, owned in zip(self.entries, self.sets) if owned]
        return sorted(kept, key=lambda entry: (entry["operation"] != "Apply", entry["time"], entry["manager"]))


def apply(live: Object | None, configuration: Object, kind: str, manager: Manager, time: str, force: bool) -> Object:
    """The object after a server-side apply; 409 when another manager owns a field with another value."""
    claimed = fields.applied(configuration, kind)
    base = copy.deepcopy(live) if live else {"metadata": {}}
    ownership = Ownership.of(base)
    conflicts = _conflicts(base, configuration, claimed, ownership, manager)
    if conflicts and not force:
        raise _conflict_error(conflicts)
    ownership.withdraw(manager, {path for paths in conflicts.values() for path in paths})
    merged = merge(base, configuration, schema.root_type(kind) or "object")
    kept = claimed | ownership.others(manager)
    # A list item before its members, because without its key it is not found again; defaults that nobody owns go with it.
    for path in sorted(ownership.owned_by(manager) - kept, key=len):
        if not any(other[: len(path)] == path for other in kept):
            fields.remove_at(merged, path)
    ownership.take(manager, claimed, time)
    _write(merged, ownership)
    return merged


def _write(item: Object, ownership: Ownership) -> None:
    managed = ownership.result()
    if managed:
        item["metadata"]["managedFields"] = managed
    else:
        item["metadata"].pop("managedFields", None)


def _conflicts(base: Object, configuration: Object, claimed: FieldSet, ownership: Ownership, manager: Manager) -> dict[str, list[fields.Path]]:
    found: dict[str, list[fields.Path]] = {}
    for entry, owned in zip(ownership.entries, ownership.sets):
        if manager.matches(entry):
            continue
        for path in sorted(claimed & owned):
            if path[-1].startswith("k:") or fields.value_at(base, path) == fields.value_at(configuration, path):
                continue
            found.setdefault(_describe(entry), []).append(path)
    return found


def _describe(entry: Object) -> str:
    text = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        text += f' with subresource "{entry["subresource"]}"'
    if entry["operation"] == "Update":
        text += f" using {entry['apiVersion']} at {entry['time']}"
    return text


def _conflict_error(conflicts: dict[str, list[fields.Path]]) -> StatusError:
    count = sum(len(paths) for paths in conflicts.values())
    causes = [
        cause("FieldManagerConflict", f"conflict with {manager}", fields.readable(path)) for manager, paths in sorted(conflicts.items()) for path in paths
    ]
    if count == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        blocks = [f"conflicts with {manager}:\n" + "\n".join(f"- {fields.readable(path)}" for path in paths) for manager, paths in sorted(conflicts.items())]
        message = f"Apply failed with {count} conflicts: " + "\n".join(blocks)
    return StatusError(409, message, "Conflict", {"causes": causes})


def merge(base: Any, change: Any, declared: str, owner: str = "", name: str = "", *, deletes: bool = False) -> Any:
    """`change` merged into `base` by the schema; with `deletes` null and `$patch: delete` remove (strategic merge patch)."""
    if isinstance(change, dict) and isinstance(base, dict) and (schema.is_struct(declared) or schema.is_granular_map(owner, name, declared)):
        for key, entry in change.items():
            if deletes and (entry is None or key == "$patch"):
                base.pop(key, None)
                continue
            member = ("object", "", "") if not declared else _member(declared, key)
            base[key] = merge(base.get(key), entry, *member, deletes=deletes) if base.get(key) is not None else _fresh(entry, deletes)
        return base
    keys = schema.list_keys(owner, name)
    if isinstance(change, list) and isinstance(base, list) and keys:
        return _merge_items(base, change, schema.element_type(declared), keys, deletes)
    if isinstance(change, list) and isinstance(base, list) and schema.is_set(owner, name):
        return base + [item for item in change if item not in base]
    return _fresh(change, deletes)


def _member(declared: str, key: str) -> tuple[str, str, str]:
    if declared.startswith("Dict["):
        return schema.element_type(declared), "", ""
    return schema.field_type(declared, key) or "object", declared, key


def _fresh(value: Any, deletes: bool) -> Any:
    value = copy.deepcopy(value)
    if deletes and isinstance(value, dict):
        return {key: _fresh(entry, deletes) for key, entry in value.items() if entry is not None and not key.startswith("$")}
    return value


def _merge_items(base: list[Any], change: list[Any], item_type: str, keys: tuple[str, ...], deletes: bool) -> list[Any]:
    for item in change:
        wanted = {key: item.get(key, schema.KEY_DEFAULTS.get(key)) for key in keys}
        index = fields.item_index(base, {key: value for key, value in wanted.items() if value is not None})
        if deletes and item.get("$patch") == "delete":
            if index is not None:
                del base[index]
        elif index is None:
            base.append(_fresh(item, deletes))
        else:
            base[index] = merge(base[index], item, item_type, deletes=deletes)
    return base


def track_update(old: Object | None, new: Object, kind: str, manager: Manager, time: str) -> None:
    """Write into `new` who owns what after a create, update or patch."""
    touched, removed = fields.compared(old, new, kind)
    ownership = Ownership.of(old or new)
    ownership.withdraw(None, removed)
    ownership.withdraw(manager, {path for path in touched if not path[-1].startswith("k:")} if old else set())
    if touched:
        ownership.take(manager, (ownership.owned_by(manager) - removed) | touched, time)
    _write(new, ownership)


def merge_patch(base: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(document: Object, operations: Any) -> Object:
    """RFC 6902: add, remove, replace, test, copy, move."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = copy.deepcopy(document)
    for operation in operations:
        _operate(document, operation)
    return document


def _operate(document: Object, operation: Object) -> None:
    kind, path = operation.get("op"), operation.get("path", "")
    if kind in ("add", "replace"):
        _set(document, path, copy.deepcopy(operation.get("value")), must_exist=kind == "replace")
    elif kind == "remove":
        _take_out(document, path)
    elif kind == "test":
        if _look_up(document, path) != operation.get("value"):
            raise StatusError(422, f"testing value {path} failed: test failed", "Invalid", {"causes": []})
    elif kind in ("copy", "move"):
        value = copy.deepcopy(_look_up(document, operation.get("from", "")))
        if kind == "move":
            _take_out(document, operation["from"])
        _set(document, path, value, must_exist=False)
    else:
        raise bad_request(f"Unexpected kind: {kind}")


def _pointer(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _missing(path: str) -> StatusError:
    return invalid("", "", "", [cause("FieldValueInvalid", f"missing path: {path}", "patch")])


def _look_up(document: Any, path: str) -> Any:
    value = document
    for step in _pointer(path):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise _missing(path) from None
    return value


def _parent(document: Any, path: str) -> tuple[Any, str]:
    steps = _pointer(path)
    return _look_up(document, "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps[:-1])), steps[-1]


def _set(document: Any, path: str, value: Any, *, must_exist: bool) -> None:
    parent, last = _parent(document, path)
    if must_exist:
        _look_up(document, path)
    if isinstance(parent, list):
        if last == "-":
            parent.append(value)
        elif must_exist:
            parent[int(last)] = value
        else:
            parent.insert(int(last), value)
    else:
        parent[last] = value


def _take_out(document: Any, path: str) -> None:
    _look_up(document, path)
    parent, last = _parent(document, path)
    if isinstance(parent, list):
        del parent[int(last)]
    else:
        del parent[last]
