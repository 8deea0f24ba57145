# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of `.wslconfig` a policy of the computer keeps out of force, and which values of them are in force all the same.

Sources: microsoft/WSL, src/windows/inc/wslpolicies.h (names of the policies), test/windows/PolicyTests.cpp and WslCoreConfig.cpp (what each does).

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

REGISTRY_KEY = "HKLM:\\SOFTWARE\\Policies\\WSL"
DEFAULT_NETWORKING_MODE = "DefaultNetworkingMode"

# key -> (policy that forbids it when it is 0, values that WSL takes all the same, in lower case)
POLICIES: t.Mapping[str, t.Tuple[str, t.Tuple[str, ...]]] = {
    "wsl2.kernel": ("AllowKernelUserSetting", ()),
    "wsl2.kernelModules": ("AllowKernelUserSetting", ()),
    "wsl2.systemDistro": ("AllowSystemDistroUserSetting", ()),
    "wsl2.kernelCommandLine": ("AllowKernelCommandLineUserSetting", ()),
    "wsl2.kernelDebugPort": ("AllowKernelDebugUserSetting", ()),
    "wsl2.nestedVirtualization": ("AllowNestedVirtualization", ("false",)),
    "wsl2.networkingMode": ("AllowNetworkingModeUserSetting", ("nat", "none")),
    "wsl2.firewall": ("AllowFirewallUserSetting", ("true",)),
}


def forbidding(policies: t.Mapping[str, t.Any], name: str, value: t.Any) -> str:
    """The policy that keeps this value out of force, or nothing.

    Where a policy sets the default networking mode, a wished mode may be that one: WSL's numbers of the modes are not documented, so it is not judged.
    """
    policy, harmless = POLICIES.get(name, ("", ()))
    if not policy or policies.get(policy) != 0 or str(value).lower() in harmless:
        return ""
    return "" if name == "wsl2.networkingMode" and DEFAULT_NETWORKING_MODE in policies else policy
