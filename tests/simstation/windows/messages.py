# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of wsl.exe: the localised templates of recordings/windows, and English ones of the same source file (microsoft/WSL Resources.resw)."""

from __future__ import annotations

import functools
import json
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent.parent / "recordings" / "windows" / "wsl_l10n_templates.json"

ENGLISH = {
    "MessageNoDefaultDistro": (
        "Windows Subsystem for Linux has no installed distributions.\n"
        "You can resolve this by installing a distribution with the instructions below:\n\n"
        "Use 'wsl.exe --list --online' to list available distributions\n"
        "and 'wsl.exe --install <Distro>' to install."
    ),
    "MessageVmModeConversionInfo": "For information on key differences with WSL 2 please visit https://aka.ms/wsl2",
    "MessageWsl1NotSupported": (
        'WSL1 is not supported with your current machine configuration.\nPlease enable the "Windows Subsystem for Linux" optional component to use WSL1.'
    ),
    "MessageEnableVirtualization": (
        "WSL2 is unable to start since virtualization is not enabled on this machine.\n"
        'Please ensure the "Virtual Machine Platform" optional component is enabled and virtualization is turned on in your computer\'s '
        "firmware settings.\n\n"
        'Enable "Virtual Machine Platform" by running: wsl.exe --install --no-distribution\n\n'
        "For information please visit https://aka.ms/enablevirtualization"
    ),
    "MessageInstallingWindowsComponent": "Installing Windows optional component: {}",
    "MessageInstalling": "Installing: {}",
    "MessageDistributionInstalled": "Distribution successfully installed. It can be launched via 'wsl.exe -d {}'",
    "MessageStatusUnregistering": "Unregistering.",
    "MessageCheckingForUpdates": "Checking for updates.",
    "MessageUpdatingToVersion": "Updating Windows Subsystem for Linux to version: {}.",
    "MessageDistributionListOnline": "The following is a list of valid distributions that can be installed.\nInstall using 'wsl.exe --install <Distro>'.\n",
    "MessageDistroNameAlreadyExists": "A distribution with the supplied name already exists. Use --name to choose a different name.",
    "MessageRequiredParameterMissing": "Argument {} is missing a required parameter.",
    # System messages of Windows.
    "ERROR_SUCCESS": "The operation completed successfully.",
    "ERROR_SUCCESS_REBOOT_REQUIRED": "The requested operation is successful. Changes will not be effective until the system is rebooted.",
    "ERROR_FILE_NOT_FOUND": "The system cannot find the file specified.",
    "ERROR_INVALID_DATA": "The data is invalid.",
    "HCS_E_SERVICE_NOT_AVAILABLE": "The operation could not be started because a required feature is not installed.",
    # The stub of Windows, before WSL is installed: exit code 50 for --status, 1 otherwise (public reports).
    "NOT_INSTALLED": (
        "The Windows Subsystem for Linux is not installed. You can install by running 'wsl.exe --install'.\n"
        "For more information please visit https://aka.ms/wslinstall"
    ),
}


def text(locale: str, name: str, *values: object) -> str:
    """A message in the station's language where its translation is known, else in English."""
    template = templates().get(locale, {}).get(name) or templates()["en-US"].get(name) or ENGLISH[name]
    for value in values:
        template = template.replace("{}", str(value), 1)
    return template


@functools.cache
def templates() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(TEMPLATES.read_text(encoding="utf-8"))["templates"]
    return found
