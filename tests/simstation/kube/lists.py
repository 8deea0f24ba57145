# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists: selectors, pages, exact old revisions."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from .selectors import Predicate, field_predicate, label_predicate
from .status import StatusError, bad_request, expired
from .store import Resource, Store
from .watch import parse_revision

Object = dict[str, Any]

GONE_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, "
    "or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


def predicate(query: dict[str, str], kind: Resource) -> Predicate:
    checks: list[Predicate] = []
    if query.get("labelSelector"):
        checks.append(label_predicate(query["labelSelector"]))
    if query.get("fieldSelector"):
        checks.append(field_predicate(query["fieldSelector"], kind.plural))
    return lambda item: all(check(item) for check in checks)


def listing(store: Store, kind: Resource, namespace: str, query: dict[str, str]) -> Object:
    """A `<Kind>List`."""
    wanted = predicate(query, kind)
    with store.locked():
        revision, items = _items(store, kind, namespace, query)
    metadata: Object = {"resourceVersion": str(revision)}
    chosen = [item for item in items if wanted(item)]
    limit = int(query.get("limit") or "0")
    if limit and len(chosen) > limit:
        metadata["continue"] = encode_token(revision, kind, chosen[limit - 1], namespace)
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(chosen) - limit
        chosen = chosen[:limit]
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": chosen}


def _items(store: Store, kind: Resource, namespace: str, query: dict[str, str]) -> tuple[int, list[Object]]:
    if query.get("continue"):
        return _continued(store, kind, namespace, query["continue"])
    asked = parse_revision(query.get("resourceVersion", ""))
    if asked > store.revision:
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        text = f"Timeout: Too large resource version: {asked}, current: {store.revision}"
        raise StatusError(504, text, "Timeout", {"causes": causes, "retryAfterSeconds": 1})
    if asked and query.get("resourceVersionMatch") == "Exact":
        if asked < store.oldest:
            raise expired("The resourceVersion for the provided list is too old.")
        return asked, _as_of(store, kind, namespace, asked)
    return store.revision, store.items(kind, namespace)


def _as_of(store: Store, kind: Resource, namespace: str, revision: int) -> list[Object]:
    """The list as it was: later changes undone."""
    found = {_identity(item): item for item in store.items(kind)}
    for event in reversed(store.history):
        if event.revision <= revision or event.key != kind.key:
            continue
        if event.previous is None:
            found.pop(_identity(event.item), None)
        else:
            found[_identity(event.item)] = event.previous
    return [item for _key, item in sorted(found.items()) if not namespace or item["metadata"].get("namespace") == namespace]


def _identity(item: Object) -> str:
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def encode_token(revision: int, kind: Resource, last: Object, namespace: str) -> str:
    # The start of the next page, relative to the listed prefix, as the real token holds it.
    start = last["metadata"]["name"] if namespace or not kind.namespaced else _identity(last)
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": f"{start}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _continued(store: Store, kind: Resource, namespace: str, token: str) -> tuple[int, list[Object]]:
    try:
        decoded = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = int(decoded["rv"]), str(decoded["start"]).rstrip("\0").lstrip("/")
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad_request("invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value") from None
    if 0 < revision < store.oldest:
        decoded["rv"] = -1
        again = base64.urlsafe_b64encode(json.dumps(decoded, separators=(",", ":")).encode()).decode().rstrip("=")
        raise expired(GONE_CONTINUE, {"continue": again})
    items = store.items(kind, namespace) if revision < 0 else _as_of(store, kind, namespace, revision)
    named = [(item["metadata"]["name"] if namespace or not kind.namespaced else _identity(item), item) for item in items]
    return (store.revision if revision < 0 else revision), [item for name, item in named if name > start]
