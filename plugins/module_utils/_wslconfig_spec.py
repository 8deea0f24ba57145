# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of `wslconfig`, one list for the action plugin on Windows and the module on Linux.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import KINDS, WSLCONFIG
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_plan import FAIL, IGNORE, WARN


def argument_spec() -> dict[str, t.Any]:
    return {
        "settings": {"type": "dict", "required": True},
        "kind": {"type": "str", "choices": list(KINDS), "default": WSLCONFIG},
        "path": {"type": "str"},
        "backup": {"type": "bool", "default": True},
        "unknown_keys": {"type": "str", "choices": [WARN, FAIL, IGNORE], "default": FAIL},
        "validate": {"type": "bool", "default": True},
        "host_memory_mib": {"type": "int"},
        "host_processors": {"type": "int"},
        "windows_user": {"type": "str", "default": ""},
    }
