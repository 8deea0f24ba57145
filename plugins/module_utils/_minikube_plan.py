# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a profile differs from its declaration, what it takes to change that, and the steps from one to the other: dataclasses in and out.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils._docker import Container
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import Inside, Profile
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_declaration import Declaration

# --- drift ------------------------------------------------------------------------------------------------------------------------------

IN_PLACE = "in_place"
RESTART = "needs_restart"
RECREATE = "needs_recreate"
CANNOT_BE_READ = "cannot_be_read"


@dataclass(frozen=True)
class Drift:
    """One setting that is not as declared, and what it takes to change that."""

    setting: str
    declared: t.Any
    found: t.Any
    effect: str

    def as_dict(self) -> dict[str, t.Any]:
        return {"setting": self.setting, "declared": self.declared, "found": self.found, "effect": self.effect}

    def told(self) -> str:
        return f"{self.setting} is {self.found if self.found not in ('', None) else 'none'}, declared {self.declared if self.declared != '' else 'none'}"


def compare(
    wanted: Declaration, profile: Profile, container: Container | None = None, engine_cgroup_driver: str = "", inside: Inside | None = None
) -> list[Drift]:
    """Where the profile, or what runs of it, differs from the declaration, setting by setting."""
    drift = [
        *_made_once(wanted, profile),
        *_cgroup_drift(wanted, inside),
        *_gpu_drift(wanted, profile, container),
        *_kubernetes_drift(wanted.kubernetes_version, profile.kubernetes_version),
        *_extra_config_drift(declaring.effective_extra_config(wanted, engine_cgroup_driver), profile.extra_config),
        *_addon_drift(wanted.addons, profile.addons or {}),
    ]
    unread: tuple[tuple[str, t.Any], ...] = (("preload", wanted.preload), ("cache_images", wanted.cache_images), ("extra_start_args", wanted.extra_start_args))
    drift += [Drift(setting, list(value) if isinstance(value, tuple) else value, None, CANNOT_BE_READ) for setting, value in unread if value not in (None, ())]
    return drift


def _made_once(wanted: Declaration, profile: Profile) -> t.Iterator[Drift]:
    """Settings that an existing cluster keeps, whatever start is told."""
    always = (("driver", wanted.driver, profile.driver), ("container_runtime", wanted.container_runtime, profile.container_runtime))
    declared = (("base_image", wanted.base_image, profile.base_image), ("static_ip", wanted.static_ip, profile.static_ip))
    for setting, value, found in (*always, ("nodes", wanted.nodes, profile.nodes), *(item for item in declared if item[1])):
        if value != found:
            yield Drift(setting, value, found, RECREATE)
    yield from _size_drift(wanted, profile)
    # Another mount ends start with GUEST_MOUNT_CONFLICT.
    if any(mount not in profile.mounts for mount in wanted.all_mounts):
        yield Drift("mounts", list(wanted.all_mounts), list(profile.mounts), RECREATE)


def _size_drift(wanted: Declaration, profile: Profile) -> t.Iterator[Drift]:
    # `no-limit` is kept as 0; `auto` was decided when the cluster was made, and what `max` was then cannot be told.
    for setting, declared, found in (("memory", wanted.memory, profile.memory), ("cpus", wanted.cpus, profile.cpus)):
        if declared == "max":
            yield Drift(setting, declared, found, CANNOT_BE_READ)
        elif declared not in ("", "auto"):
            number = 0 if declared == "no-limit" else declaring.size_mb(declared)
            if number != found:
                yield Drift(setting, declared, f"{found}mb" if setting == "memory" and found else found, RECREATE)
    if wanted.disk_size and declaring.size_mb(wanted.disk_size) != profile.disk_size:
        yield Drift("disk_size", wanted.disk_size, f"{profile.disk_size}mb", RECREATE)


def _cgroup_drift(wanted: Declaration, inside: Inside | None) -> t.Iterator[Drift]:
    """--force-systemd is not kept in the profile; what it did stands in the node's daemon.json, which every start writes anew."""
    if wanted.force_systemd is None:
        return
    found = inside.node_cgroup_driver if inside is not None else ""
    if not found:
        yield Drift("force_systemd", wanted.force_systemd, None, CANNOT_BE_READ)
    elif wanted.force_systemd and found != "systemd":
        yield Drift("force_systemd", True, found, RESTART)


def _gpu_drift(wanted: Declaration, profile: Profile, container: Container | None) -> t.Iterator[Drift]:
    same = {"nvidia": "all"}
    declared, kept = same.get(wanted.gpus, wanted.gpus), same.get(profile.gpus, profile.gpus)
    if declared != kept:
        yield Drift("gpus", wanted.gpus, profile.gpus, RECREATE)
    elif declared == "all" and container is not None and not container.gpus:
        # The profile says so, but the container that runs was made without.
        yield Drift("gpus", wanted.gpus, "", RECREATE)


def _kubernetes_drift(declared: str, found: str) -> t.Iterator[Drift]:
    if found == mk.NO_KUBERNETES:
        # What a start with a version makes of it was never seen, and its container may hold anything.
        yield Drift("kubernetes_version", declared or "stable", found, RECREATE)
        return
    if not declared:
        return
    parts = re.match(r"^v?(\d+)\.(\d+)\.(\d+)$", declared)
    if parts is None:
        minor = re.match(r"^v?(\d+\.\d+)$", declared)
        if minor is None or not found.startswith(f"v{minor.group(1)}."):
            yield Drift("kubernetes_version", declared, found, CANNOT_BE_READ)
        return
    wanted = tuple(int(part) for part in parts.groups())
    have = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if wanted != have:
        yield Drift("kubernetes_version", declared, found, RESTART if wanted > have else RECREATE)


def _extra_config_drift(declared: t.Mapping[str, str], found: t.Mapping[str, str]) -> t.Iterator[Drift]:
    # Nothing declared: kept as it is. It cannot be emptied anyway, an empty flag means "keep".
    if declared and dict(declared) != dict(found):
        yield Drift("extra_config", dict(declared), dict(found), RESTART)


def _addon_drift(declared: t.Mapping[str, bool | None], found: t.Mapping[str, bool]) -> t.Iterator[Drift]:
    for name, on in sorted(declared.items()):
        if bool(found.get(name, False)) != on:
            yield Drift(f"addons.{name}", on, bool(found.get(name, False)), IN_PLACE)


def for_kept(wanted: Declaration, profile: Profile, drift: t.Sequence[Drift]) -> Declaration:
    """What `start` is told of a cluster that is kept although it differs: it would refuse another driver, a lower version, another mount."""
    settings = {item.setting for item in drift if item.effect == RECREATE}
    driver = profile.driver if "driver" in settings else wanted.driver
    version = "" if "kubernetes_version" in settings else wanted.kubernetes_version
    if "mounts" not in settings:
        return replace(wanted, driver=driver, kubernetes_version=version)
    return replace(wanted, driver=driver, kubernetes_version=version, mounts=(), wsl_gpu="off")


# --- plan -------------------------------------------------------------------------------------------------------------------------------

DELETE = "delete"
START = "start"
STOP = "stop"
UNPAUSE = "unpause"
UPDATE_CONTEXT = "update-context"
ADDON = "addon"
AWAIT = "await"
REPAIR = "repair"

# These take so long that they run in the background.
LONG = frozenset((DELETE, START, STOP, AWAIT))


@dataclass(frozen=True)
class Step:
    """One thing to do, why, and the word of consent that it needs."""

    action: str
    why: str
    consent: str = ""
    subject: str = ""
    on: bool = True


def plan(wanted: Declaration, state: str, drift: t.Sequence[Drift]) -> list[Step]:
    """What brings the cluster from this state to the declared one. Empty for a state in which nothing can or need be done."""
    if state in (mk.ENGINE_UNREACHABLE, mk.FOREIGN_CONTAINER, mk.FOREIGN_PROFILE, mk.FOREIGN_VOLUME):
        return []
    if state == mk.BUSY:
        return [Step(AWAIT, "another minikube works on this cluster")]
    if wanted.state == "absent":
        return _plan_absent(state)
    if state == mk.HALF_MADE or wanted.state == "started" and state in (mk.CONTAINER_GONE, mk.CORRUPT, mk.ABSENT, mk.LEFTOVER):
        return _plan_anew(wanted, state)
    if wanted.state == "stopped":
        # Of these nothing runs; what is wrong with them is said.
        runs = state not in (mk.STOPPED, mk.CONTAINER_GONE, mk.CORRUPT, mk.ABSENT, mk.LEFTOVER)
        return [Step(STOP, "state: stopped is declared", "cluster_restart")] if runs else []
    recreate = [item for item in drift if item.effect == RECREATE]
    if recreate and wanted.recreate == "on_drift":
        why = "; ".join(item.told() for item in recreate)
        return [Step(DELETE, why, "cluster_recreate"), Step(START, "make the cluster as declared")]
    # Started again, it would still be without Kubernetes.
    return [] if any(item.found == mk.NO_KUBERNETES for item in recreate) else _plan_running(state, drift)


def _plan_absent(state: str) -> list[Step]:
    if state == mk.ABSENT:
        return []
    return [Step(DELETE, "state: absent is declared", "" if state == mk.HALF_MADE else "cluster_recreate")]


def _plan_anew(wanted: Declaration, state: str) -> list[Step]:
    steps = []
    if state == mk.HALF_MADE:
        steps.append(Step(DELETE, "its first start never finished, so it holds nothing of yours"))
    elif state == mk.LEFTOVER:
        steps.append(Step(DELETE, "a volume of a former cluster is left, on which a new one would not come up", "cluster_recreate"))
    elif state != mk.ABSENT:
        steps.append(Step(DELETE, f"the cluster is {state} and cannot be started", "cluster_recreate"))
    if wanted.state == "started":
        steps.append(Step(START, "the cluster does not exist" if not steps else "make the cluster as declared"))
    return steps


def _plan_running(state: str, drift: t.Sequence[Drift]) -> list[Step]:
    """For a cluster that can be kept."""
    restart = [item for item in drift if item.effect == RESTART]
    why = "; ".join(item.told() for item in restart)
    if state == mk.STOPPED:
        return [Step(START, "the cluster is stopped"), *_addon_steps(drift, only_off=True)]
    if restart or state in (mk.API_DOWN, mk.KUBELET_DOWN, mk.NOT_READY):
        return [Step(START, why or f"the cluster is {state}", "cluster_restart"), *_addon_steps(drift, only_off=True)]
    steps = [Step(UNPAUSE, "the cluster is paused")] if state == mk.PAUSED else []
    if state == mk.STALE_KUBECONFIG:
        steps.append(Step(UPDATE_CONTEXT, "the kubeconfig does not lead to the cluster"))
    return [*steps, *_addon_steps(drift)]


def _addon_steps(drift: t.Sequence[Drift], only_off: bool = False) -> list[Step]:
    """start enables what is declared, but never disables."""
    steps = []
    for item in drift:
        if item.effect == IN_PLACE and item.setting.startswith("addons.") and not (only_off and item.declared):
            name = item.setting.partition(".")[2]
            steps.append(Step(ADDON, f"addon {name} is {'off' if item.declared else 'on'}", subject=name, on=bool(item.declared)))
    return steps
