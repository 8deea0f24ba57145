# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: members of system:masters everything, anonymous the health paths, others what the document grants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .status import StatusError, details_of, forbidden, qualified

Object = dict[str, Any]

HEALTH_PATHS = ("/healthz", "/livez", "/readyz", "/version")
SELF_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


@dataclass(frozen=True)
class User:
    name: str = "system:anonymous"
    groups: tuple[str, ...] = ("system:unauthenticated",)

    @property
    def anonymous(self) -> bool:
        return self.name == "system:anonymous"

    @property
    def master(self) -> bool:
        return "system:masters" in self.groups


@dataclass(frozen=True)
class Attributes:
    """What is asked, in the terms of RBAC."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""


def may(user: User, asked: Attributes, grants: Object) -> bool:
    """`grants` is `knobs.roles` of the document: user -> list of {verbs, resources (plural.group), namespaces}."""
    if user.master:
        return True
    if asked.resource in SELF_REVIEWS:
        return not user.anonymous
    return any(_covers(rule, asked) for rule in grants.get(user.name, []))


def _covers(rule: Object, asked: Attributes) -> bool:
    wanted = qualified(asked.resource, asked.group)
    return (
        ("*" in rule["verbs"] or asked.verb in rule["verbs"])
        and ("*" in rule["resources"] or wanted in rule["resources"])
        and (not rule.get("namespaces") or asked.namespace in rule["namespaces"])
    )


def may_path(user: User, path: str) -> bool:
    if any(path == health or path.startswith(f"{health}/") for health in HEALTH_PATHS):
        return True
    return not user.anonymous


def refuse_path(user: User, path: str) -> StatusError:
    return forbidden(f'forbidden: User "{user.name}" cannot get path "{path}"', {})


def refuse(user: User, asked: Attributes) -> StatusError:
    plural = asked.resource.split("/")[0]
    subject = qualified(plural, asked.group) + (f' "{asked.name}"' if asked.name else "")
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    text = f'{subject} is forbidden: User "{user.name}" cannot {asked.verb} resource "{asked.resource}" in API group "{asked.group}" {where}'
    return forbidden(text, details_of(plural, asked.group, asked.name))
