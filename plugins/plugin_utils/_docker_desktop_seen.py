# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Desktop as a look found it, wherever it is installed: a client outside the default folders costs one request more.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils._docker_desktop import DockerDesktop, docker_desktop, questions_elsewhere
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_user import Seen
from ansible_collections.gpudev.workstation.plugins.plugin_utils._windows_action import ask_named
from ansible_collections.gpudev.workstation.plugins.plugin_utils._workstation import Workstation


def docker_desktop_seen(station: Workstation, seen: Seen) -> DockerDesktop:
    more = questions_elsewhere(seen)
    return docker_desktop({**seen, **ask_named(station, more)[1]} if more else seen)
