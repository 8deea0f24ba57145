# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server fills in: defaults of each kind, and what admission adds to a new pod (as seen in `recordings/kube`)."""

from __future__ import annotations

import hashlib
from typing import Any

from . import schema

Object = dict[str, Any]

# The classes that every cluster has; the numbers are in recordings/kube (priority of the plugin pod) and the Kubernetes documentation.
PRIORITY_CLASSES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}


def normalise(item: Object, kind: str) -> Object:
    """Drop nulls and empty lists as Go's omitempty does, write quantities as text."""
    cleaned = _clean(item, schema.root_type(kind) or "object")
    return cleaned if isinstance(cleaned, dict) else item


def _clean(value: Any, declared: str) -> Any:
    if isinstance(value, list):
        return [_clean(entry, schema.element_type(declared)) for entry in value]
    if not isinstance(value, dict):
        return str(value) if declared == "quantity" and not isinstance(value, str) else value
    cleaned: Object = {}
    for key, entry in value.items():
        member = schema.element_type(declared) if declared.startswith("Dict[") else schema.field_type(declared, key) or "object"
        if not _omitted(entry, member):
            cleaned[key] = _clean(entry, member)
    return cleaned


def _omitted(entry: Any, declared: str) -> bool:
    """Null times are written out (lastProbeTime, eventTime), other empty values are not."""
    if entry is None:
        return declared != "datetime"
    return (entry == [] and declared.startswith("List[")) or (entry == {} and declared.startswith("Dict["))


def fill(item: Object, kind: str) -> None:
    """Static defaults, in place."""
    filler = {
        "Pod": lambda pod: pod_spec(pod["spec"]),
        "DaemonSet": _daemon_set,
        "Deployment": _deployment,
        "ReplicaSet": _replica_set,
        "Namespace": _namespace,
        "Service": _service,
        "Secret": lambda secret: secret.setdefault("type", "Opaque"),
        "PriorityClass": lambda entry: entry.setdefault("preemptionPolicy", "PreemptLowerPriority"),
    }.get(kind)
    if filler:
        filler(item)


def pod_spec(spec: Object) -> None:
    for container in (spec.get("initContainers") or []) + (spec.get("containers") or []):
        _container(container)
    for volume in spec.get("volumes") or []:
        _volume(volume)
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def _container(container: Object) -> None:
    resources = container.setdefault("resources", {})
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = container.get("image", "")
    if image:
        container.setdefault("imagePullPolicy", "Always" if _is_latest(image) else "IfNotPresent")
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or []:
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            reference.setdefault("apiVersion", "v1")


def _is_latest(image: str) -> bool:
    if "@" in image:
        return False
    return ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest")


def _volume(volume: Object) -> None:
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    for kind in ("configMap", "secret", "projected", "downwardAPI"):
        if kind in volume:
            volume[kind].setdefault("defaultMode", 420)
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _daemon_set(item: Object) -> None:
    spec = item["spec"]
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    status = item.setdefault("status", {})
    for name in ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"):
        status.setdefault(name, 0)


def _deployment(item: Object) -> None:
    spec = item["spec"]
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    item.setdefault("status", {})


def _replica_set(item: Object) -> None:
    spec = item["spec"]
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    spec.setdefault("replicas", 1)
    item.setdefault("status", {}).setdefault("replicas", 0)


def _namespace(item: Object) -> None:
    item["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = item["metadata"]["name"]
    item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    item.setdefault("status", {}).setdefault("phase", "Active")


def _service(item: Object) -> None:
    spec = item.setdefault("spec", {})
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName" and "clusterIP" not in spec:
        digest = hashlib.sha256(f"{item['metadata'].get('namespace')}/{item['metadata']['name']}".encode()).digest()
        spec["clusterIP"] = f"10.{96 + digest[0] % 16}.{digest[1]}.{1 + digest[2] % 254}"
    if spec.get("clusterIP"):
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    item.setdefault("status", {}).setdefault("loadBalancer", {})


def admit_pod(pod: Object, token: str) -> None:
    """What the admission plug-ins add to a pod: account, token volume, tolerations, priority."""
    spec = pod["spec"]
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    class_name = spec.get("priorityClassName", "")
    spec.setdefault("priority", PRIORITY_CLASSES.get(class_name, 0))
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    if spec.get("automountServiceAccountToken", True):
        _mount_token(spec, f"kube-api-access-{token}")
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(entry.get("key") == key and entry.get("effect") == "NoExecute" for entry in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    pod["status"] = {"phase": "Pending", "qosClass": quality(spec)}


def _mount_token(spec: Object, name: str) -> None:
    mount = {"name": name, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]
    spec.setdefault("volumes", []).append({"name": name, "projected": {"sources": sources, "defaultMode": 420}})
    for container in (spec.get("initContainers") or []) + spec["containers"]:
        if not any(entry["mountPath"] == mount["mountPath"] for entry in container.get("volumeMounts") or []):
            container.setdefault("volumeMounts", []).append(dict(mount))


def quality(spec: Object) -> str:
    """qosClass: only cpu and memory count."""
    resources = [container.get("resources") or {} for container in spec["containers"]]
    named = [{key: (entry.get(kind) or {}).get(key) for kind in ("limits", "requests") for key in ("cpu", "memory")} for entry in resources]
    asked = [
        {(kind, key): (entry.get(kind) or {}).get(key) for kind in ("limits", "requests") for key in ("cpu", "memory") if (entry.get(kind) or {}).get(key)}
        for entry in resources
    ]
    if not any(asked):
        return "BestEffort"
    complete = all(len(entry) == 4 and entry["limits", "cpu"] == entry["requests", "cpu"] for entry in asked) and bool(named)
    return "Guaranteed" if complete and all(entry["limits", "memory"] == entry["requests", "memory"] for entry in asked) else "Burstable"
