# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One context of a kubeconfig, carried into another kubeconfig: what is taken along, what is merged, what is refused. Dicts in and out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import copy
import re
import typing as t
from dataclasses import dataclass

# Marks entries that this collection has put there, as minikube marks its own; kubectl keeps extensions that it does not know.
MARK = "gpudev.workstation"
SECTIONS = (("clusters", "cluster"), ("contexts", "context"), ("users", "user"))
_EMBEDDED = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key"),
}
_LOOPBACK = re.compile(r"^https://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")


class Refused(Exception):
    """It cannot be done as asked; the text says why and what to do."""


@dataclass(frozen=True)
class Carried:
    """A context with its cluster and its user, complete in itself: certificates by content, no paths."""

    cluster: dict[str, t.Any]
    context: dict[str, t.Any]
    user: dict[str, t.Any]

    @property
    def server(self) -> str:
        return str(self.cluster.get("server", ""))


def carried(source: t.Mapping[str, t.Any], context: str, name: str, read: t.Callable[[str], bytes]) -> Carried:
    """The context of that name under its new name; `read` gives the content of a certificate's file."""
    found = _named(source, "contexts", context)
    if found is None:
        raise Refused(f"there is no context {context}: start the cluster first, minikube removes the context of a stopped one")
    inner = found.get("context") or {}
    cluster = (_named(source, "clusters", str(inner.get("cluster"))) or {}).get("cluster")
    user = (_named(source, "users", str(inner.get("user"))) or {}).get("user")
    if not cluster or not user:
        raise Refused(f"the context {context} names a cluster or user that is not there: run minikube update-context")
    mark = [{"name": MARK, "extension": {"context": context}}]
    taken = Carried(
        {**_embedded("cluster", cluster, read), "extensions": mark},
        {**{key: value for key, value in inner.items() if key != "extensions"}, "cluster": name, "user": name, "extensions": mark},
        _embedded("user", user, read),
    )
    if not _LOOPBACK.match(taken.server):
        raise Refused(
            f"the API server's address {taken.server} is not reachable from Windows: start the cluster with WSL_DISTRO_NAME in the environment, as module "
            "minikube_gpu_cluster does, so that minikube publishes it at 127.0.0.1"
        )
    return taken


def _embedded(kind: str, entry: t.Mapping[str, t.Any], read: t.Callable[[str], bytes]) -> dict[str, t.Any]:
    """Paths of one system mean nothing on another one."""
    new = {key: copy.deepcopy(value) for key, value in entry.items() if key not in _EMBEDDED[kind] and key != "extensions"}
    for key in _EMBEDDED[kind]:
        if entry.get(key):
            new[f"{key}-data"] = base64.b64encode(read(str(entry[key]))).decode("ascii")
    return new


def merged(target: t.Mapping[str, t.Any], name: str, taken: Carried, select: bool, overwrite: bool = False) -> dict[str, t.Any]:
    """The other kubeconfig with this context in it; what is not of that name stays as it is. A current context is only set where there is none."""
    new = _whole(target)
    if not overwrite:
        _refuse_foreign(new, name)
    for (section, kind), value in zip(SECTIONS, (taken.cluster, taken.context, taken.user)):
        entry = {"name": name, kind: value}
        position = next((index for index, item in enumerate(new[section]) if item.get("name") == name), None)
        if position is None:
            new[section].append(entry)
        else:
            new[section][position] = entry
    if select or not new.get("current-context"):
        new["current-context"] = name
    return new


def without(target: t.Mapping[str, t.Any], name: str) -> dict[str, t.Any]:
    """The other kubeconfig without what this collection put there under that name."""
    new = _whole(target)
    if not _is_ours(new, name):
        return dict(target)
    for section, _kind in SECTIONS:
        new[section] = [item for item in new[section] if item.get("name") != name]
    if new.get("current-context") == name:
        new["current-context"] = ""
    return new


def told(target: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What can be shown of a kubeconfig: contexts and servers, no key."""
    clusters = {item.get("name"): (item.get("cluster") or {}).get("server", "") for item in target.get("clusters") or []}
    contexts = {str(item.get("name")): clusters.get((item.get("context") or {}).get("cluster"), "") for item in target.get("contexts") or []}
    return {"contexts": contexts, "current_context": target.get("current-context") or ""}


def _whole(target: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    new: dict[str, t.Any] = {"apiVersion": "v1", "kind": "Config", **copy.deepcopy(dict(target))}
    for section, _kind in SECTIONS:
        new[section] = list(new.get(section) or [])
    return new


def _named(target: t.Mapping[str, t.Any], section: str, name: str) -> dict[str, t.Any] | None:
    return next((item for item in target.get(section) or [] if item.get("name") == name), None)


def _is_ours(target: t.Mapping[str, t.Any], name: str) -> bool:
    entry = _named(target, "clusters", name)
    extensions = ((entry or {}).get("cluster") or {}).get("extensions") or []
    return any(item.get("name") == MARK for item in extensions)


def _refuse_foreign(target: t.Mapping[str, t.Any], name: str) -> None:
    if any(_named(target, section, name) for section, _kind in SECTIONS) and not _is_ours(target, name):
        raise Refused(
            f"there is something named {name} that this collection did not put there, for example a cluster of minikube.exe: give the context another name, or "
            "write overwrite: true"
        )
