# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes, return values and requirements that several modules document alike."""

from __future__ import annotations


class ModuleDocFragment:
    # Say what holds for the module itself beside the variants ACTIONGROUP, WINDOWS and POSIX.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
  platform:
    description: Target OS or families that can be operated against.
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
"""

    # Membership of the action group that takes connection and consent defaults.
    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/gpudev.workstation.workstation) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - gpudev.workstation.workstation
"""

    # For modules that only look.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: This module does not modify state.
  diff_mode:
    support: none
    details: This module does not modify state.
  idempotent:
    support: full
    details: This module does not modify state.
"""

    # For action plugins whose target is Windows.
    WINDOWS = r"""
options: {}
attributes:
  platform:
    support: full
    platforms: windows
    details: The work is done by an action plugin on the controller, over the host's own C(winrm), C(psrp) or C(ssh) connection.
  action:
    support: full
"""

    # For Python modules that run inside the WSL2 distribution or on native Linux.
    POSIX = r"""
options: {}
attributes:
  platform:
    support: full
    platforms: posix
    details: On a Windows workstation it runs inside the WSL2 distribution, through the connection P(gpudev.workstation.wsl#connection).
"""

    # Options of everything that may have to ask for consent.
    CONSENT = r"""
options:
  allow:
    description:
      - Disruptive steps that may be taken without asking again.
      - Without the word for a step that is needed, nothing is changed and the layer is reported as C(needs_consent) with the word and the reason.
    type: list
    elements: str
    default: []
    choices:
      - reboot
      - wsl_shutdown
      - docker_restart
      - docker_desktop_upgrade
      - cluster_restart
      - cluster_recreate
      - node_repair
      - package_removal
      - driver_install
      - windows_update
"""
