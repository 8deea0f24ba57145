# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios: each is a function that patches the base document, which is a healthy workstation."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from . import base
from .cluster import cluster
from .docker import docker
from .windows import (
    docker_stopped,
    drifted,
    driver_to_install,
    driver_too_old,
    engine_in_distro,
    factory_fresh,
    linux_driver_in_distro,
    nobody_logged_on,
    other_windows_user,
    unchanged,
)

State = dict[str, Any]

SCENARIOS: dict[str, Callable[[State], None]] = {
    "factory_fresh": factory_fresh,
    "healthy": unchanged,
    "engine_in_distro": engine_in_distro,
    "drifted": drifted,
    "driver_too_old": driver_too_old,
    "driver_to_install": driver_to_install,
    "linux_driver_in_distro": linux_driver_in_distro,
    # The Windows side of the next five is healthy; docker() and cluster() make the difference.
    "addon_never_applied": unchanged,
    "nvml_not_supported": unchanged,
    "node_not_ready": unchanged,
    "node_container_gone": unchanged,
    "apiserver_slow": unchanged,
    "docker_stopped": docker_stopped,
    "nobody_logged_on": nobody_logged_on,
    "other_windows_user": other_windows_user,
}


def document(name: str, scenario: str, now: datetime.datetime | None = None, locale: str = "en-US") -> State:
    """The state document of a station called `name` at the start of `scenario`, whose Windows speaks the language of `locale`."""
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; known: {', '.join(sorted(SCENARIOS))}")
    state = base.document(name, scenario, now or datetime.datetime.now(datetime.UTC))
    state["windows"]["locale"] = locale
    SCENARIOS[scenario](state)
    docker(state, scenario)
    cluster(state, scenario)
    return state
