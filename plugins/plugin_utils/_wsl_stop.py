# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`wsl --shutdown` and `wsl --terminate`: never while Docker Desktop starts, and a shutdown is done only when the virtual machine that ran is gone.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker_desktop, _wsl, _wsl_plan
from ansible_collections.gpudev.workstation.plugins.module_utils._console import Native
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until
from ansible_collections.gpudev.workstation.plugins.module_utils._wsl import Wsl
from ansible_collections.gpudev.workstation.plugins.plugin_utils._docker_desktop_seen import docker_desktop_seen
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import WindowsAction, ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation

SECONDS_TO_SETTLE = 180
# The process of the virtual machine can outlive `wsl --shutdown` by a moment.
SECONDS_TO_END = 30


def shut_down(action: WindowsAction, station: Workstation, found: Wsl) -> tuple[Native, Wsl]:
    """What wsl.exe said, and WSL afterwards; another virtual machine may have been started meanwhile."""
    let_docker_desktop_settle(action, station)
    answers, seen = ask_named(station, _wsl.questions(), [_wsl_plan.shutdown_command(found)])
    told, after = answers[0].native(), _wsl.wsl(seen)
    if not told.ok or after.vm_started != found.vm_started:
        return told, after

    def look() -> Wsl:
        return _wsl.wsl(ask_named(station, _wsl.questions())[1])

    try:
        return told, wait_until("the end of the virtual machine", look, lambda now: now.vm_started != found.vm_started, SECONDS_TO_END)
    except DeadlinePassed as late:
        return told, late.last


def terminate(action: WindowsAction, station: Workstation, found: Wsl, distribution: str) -> tuple[Native, Wsl]:
    """The same for one distribution. Docker Desktop may have started it anew before the look, so what wsl.exe said is all there is to go by."""
    let_docker_desktop_settle(action, station)
    answers, seen = ask_named(station, _wsl.questions(), [_wsl_plan.terminate_command(found, distribution)])
    return answers[0].native(), _wsl.wsl(seen)


def let_docker_desktop_settle(action: WindowsAction, station: Workstation) -> None:
    """WSL must not be stopped while Docker Desktop starts (Wsl/Service/0x8007274c); one that never settles does not hold us up for ever."""

    def look() -> _docker_desktop.DockerDesktop:
        return docker_desktop_seen(station, ask_named(station, _docker_desktop.questions())[1])

    tell = action.awaiting("WSL", "Docker Desktop, which is starting", SECONDS_TO_SETTLE)
    try:
        wait_until("Docker Desktop is up or off", look, lambda seen: seen.running or not seen.processes, SECONDS_TO_SETTLE, every=3.0, on_look=tell)
    except DeadlinePassed as late:
        action.progress(f"WSL: {late}; going on, its engine does not answer")
