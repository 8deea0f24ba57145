# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fields the known kinds have (`data/schema.json`), and which of their lists and maps merge by key or are replaced whole."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

# Merge keys as in the OpenAPI document of Kubernetes (x-kubernetes-list-map-keys); every other list of objects is atomic.
LIST_KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("V1PodSpec", "containers"): ("name",),
    ("V1PodSpec", "initContainers"): ("name",),
    ("V1PodSpec", "ephemeralContainers"): ("name",),
    ("V1PodSpec", "volumes"): ("name",),
    ("V1PodSpec", "imagePullSecrets"): ("name",),
    ("V1PodSpec", "hostAliases"): ("ip",),
    ("V1PodSpec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("V1PodSpec", "schedulingGates"): ("name",),
    ("V1PodSpec", "resourceClaims"): ("name",),
    ("V1Container", "env"): ("name",),
    ("V1Container", "ports"): ("containerPort", "protocol"),
    ("V1Container", "volumeMounts"): ("mountPath",),
    ("V1Container", "volumeDevices"): ("devicePath",),
    ("V1ObjectMeta", "ownerReferences"): ("uid",),
    ("V1PodStatus", "conditions"): ("type",),
    ("V1PodStatus", "podIPs"): ("ip",),
    ("V1NodeStatus", "conditions"): ("type",),
    ("V1NodeStatus", "addresses"): ("type",),
    ("V1NamespaceStatus", "conditions"): ("type",),
    ("V1DaemonSetStatus", "conditions"): ("type",),
    ("V1DeploymentStatus", "conditions"): ("type",),
    ("V1ReplicaSetStatus", "conditions"): ("type",),
    ("V1ServiceSpec", "ports"): ("port", "protocol"),
    ("V1ServiceAccount", "secrets"): ("name",),
}
KEY_DEFAULTS = {"protocol": "TCP"}
SETS = {("V1ObjectMeta", "finalizers"), ("V1NodeSpec", "podCIDRs")}
ATOMIC_TYPES = {
    "V1LabelSelector",
    "V1NodeSelectorTerm",
    "V1NodeSelector",
    "V1SecretKeySelector",
    "V1ConfigMapKeySelector",
    "V1ObjectFieldSelector",
    "V1ResourceFieldSelector",
    "V1LocalObjectReference",
    "V1ObjectReference",
    "V1OwnerReference",
    "V1TypedLocalObjectReference",
}
ATOMIC_FIELDS = {("V1PodSpec", "nodeSelector")}
# Fields that Kubernetes declares as int-or-string or as a quantity: the models say "object" or "str".
QUANTITY_MAPS = {"limits", "requests", "capacity", "allocatable", "overhead", "allocatedResources", "hard", "used"}


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    return dict(json.loads((DATA / "schema.json").read_text(encoding="utf-8")))


def root_type(kind: str) -> str | None:
    return _document()["kinds"].get(kind)


def fields(type_name: str) -> dict[str, str]:
    return _document()["types"].get(type_name, {})


def field_type(type_name: str, field: str) -> str | None:
    """The declared type of a field: V1PodSpec, List[V1Container], Dict[str, str], str, int, bool, datetime, object."""
    found = fields(type_name).get(field)
    if found == "Dict[str, str]" and field in QUANTITY_MAPS:
        return "Dict[str, quantity]"
    return found


def element_type(declared: str) -> str:
    match = re.fullmatch(r"(?:List\[|Dict\[str, )(.+)\]", declared)
    return match.group(1) if match else "object"


def is_struct(declared: str) -> bool:
    return bool(fields(declared)) and declared not in ATOMIC_TYPES


def is_granular_map(owner: str, field: str, declared: str) -> bool:
    return declared.startswith("Dict[") and (owner, field) not in ATOMIC_FIELDS


def list_keys(owner: str, field: str) -> tuple[str, ...] | None:
    return LIST_KEYS.get((owner, field))


def item_key(item: Any, keys: tuple[str, ...]) -> str:
    """The managedFields key of a list item: k:{"name":"main"}."""
    chosen = {key: item.get(key, KEY_DEFAULTS.get(key)) for key in keys}
    return "k:" + json.dumps({key: value for key, value in chosen.items() if value is not None}, separators=(",", ":"))


def is_set(owner: str, field: str) -> bool:
    return (owner, field) in SETS


class SchemaProblem(Exception):
    """A field that is not declared, or a value of another type than declared."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path
        self.text = text


def problems(value: Any, declared: str, path: str = "") -> list[SchemaProblem]:
    """Everything in `value` that the schema does not allow."""
    if value is None or declared in ("object", "datetime", "bytes", "quantity"):
        return []
    if declared.startswith("List["):
        return _list_problems(value, declared, path)
    if declared.startswith("Dict["):
        if not isinstance(value, dict):
            return [SchemaProblem(path, f"expected map, got {_go_type(value)}")]
        return [found for key, entry in value.items() for found in problems(entry, element_type(declared), f"{path}.{key}")]
    if fields(declared):
        return _struct_problems(value, declared, path)
    return _scalar_problems(value, declared, path)


def _list_problems(value: Any, declared: str, path: str) -> list[SchemaProblem]:
    if not isinstance(value, list):
        return [SchemaProblem(path, f"expected list, got {_go_type(value)}")]
    return [found for index, entry in enumerate(value) for found in problems(entry, element_type(declared), f"{path}[{index}]")]


def _struct_problems(value: Any, declared: str, path: str) -> list[SchemaProblem]:
    if not isinstance(value, dict):
        return [SchemaProblem(path, f"expected map, got {_go_type(value)}")]
    found: list[SchemaProblem] = []
    for key, entry in value.items():
        kind = field_type(declared, key)
        if kind is None:
            found.append(SchemaProblem(f"{path}.{key}", "field not declared in schema"))
        else:
            found.extend(problems(entry, kind, f"{path}.{key}"))
    return found


def _scalar_problems(value: Any, declared: str, path: str) -> list[SchemaProblem]:
    expected = {"str": (str, "string"), "int": (int, "numeric (int or float)"), "bool": (bool, "boolean")}.get(declared)
    if expected is None:
        return []
    wanted, text = expected
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return []
    return [SchemaProblem(path, f"expected {text}, got {_go_type(value)}")]


def _go_type(value: Any) -> str:
    return {"str": "string", "int": "int", "float": "float", "bool": "boolean", "dict": "map", "list": "list"}.get(type(value).__name__, "null")


def pruned(value: Any, declared: str) -> Any:
    """A copy without fields that the schema does not know (what fieldValidation=Warn does to them)."""
    if isinstance(value, list) and declared.startswith("List["):
        return [pruned(entry, element_type(declared)) for entry in value]
    if not isinstance(value, dict):
        return value
    if declared.startswith("Dict["):
        return {key: pruned(entry, element_type(declared)) for key, entry in value.items()}
    if not fields(declared):
        return value
    return {key: pruned(entry, field_type(declared, key) or "object") for key, entry in value.items() if field_type(declared, key)}
