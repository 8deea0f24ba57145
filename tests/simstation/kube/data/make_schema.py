# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write schema.json: the field types of the kinds this API knows, read from the models of the Python package `kubernetes` 37.0.2 (Apache-2.0).

Run by hand when a kind is added: `python tests/simstation/kube/data/make_schema.py`. The simulator itself never imports `kubernetes`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from kubernetes.client import models

KINDS = {
    "Pod": "V1Pod", "Node": "V1Node", "Namespace": "V1Namespace", "ConfigMap": "V1ConfigMap", "Secret": "V1Secret", "Service": "V1Service",
    "ServiceAccount": "V1ServiceAccount", "Event": "CoreV1Event", "DaemonSet": "V1DaemonSet", "Deployment": "V1Deployment",
    "ReplicaSet": "V1ReplicaSet", "ControllerRevision": "V1ControllerRevision", "RuntimeClass": "V1RuntimeClass", "ResourceSlice": "V1ResourceSlice",
    "DeviceClass": "V1DeviceClass", "SelfSubjectAccessReview": "V1SelfSubjectAccessReview", "PriorityClass": "V1PriorityClass",
    "HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
}  # fmt: skip


def main() -> None:
    types: dict[str, dict[str, str]] = {}
    pending = list(KINDS.values())
    while pending:
        name = pending.pop()
        if name in types:
            continue
        model = getattr(models, name)
        types[name] = {model.attribute_map[attribute]: str(kind) for attribute, kind in model.openapi_types.items()}
        pending.extend(found for kind in types[name].values() for found in re.findall(r"[A-Z]\w+", kind) if hasattr(models, found))
    document = {"source": "kubernetes 37.0.2 (PyPI), kubernetes.client.models, Apache-2.0; made by make_schema.py", "kinds": KINDS, "types": types}
    target = Path(__file__).with_name("schema.json")
    target.write_text(json.dumps(document, indent=0, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
