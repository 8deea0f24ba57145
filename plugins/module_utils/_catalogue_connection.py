# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can keep a command from reaching the inside of a WSL distribution, recognised from what wsl.exe or cmd.exe said.

The codes `Wsl/...` are never localised, so they come before any sentence. Texts: samples/windows/wsl_session0_errors.txt and
wsl_l10n_templates.txt (from microsoft/WSL), facts/wsl.md.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BLOCKED_BY_POLICY, NEEDS_LOGON, UNREACHABLE

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="CONN-001",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"WSL_E_USER_NOT_FOUND", r"\bUser not found\b", r"LX_INIT_USER_NOT_FOUND"),
        cause="The distribution {distribution} has no Linux user {user}.",
        remedy=(
            "Set ansible_wsl_user (for a task with become: become_user) to a user of the distribution, "
            "or let role gpudev.workstation.distro create it (it works as root)."
        ),
        reference="https://github.com/microsoft/WSL/blob/master/src/windows/common/WslClient.cpp",
    ),
    Entry(
        code="CONN-002",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"WSL_E_DISTRO_NOT_FOUND", r"There is no distribution with the supplied name"),
        cause="The Windows user that connects has no WSL distribution named {distribution}. Distributions belong to one Windows user.",
        remedy=(
            "Write the name as `wsl -l -q` shows it into ansible_wsl_distribution, connect as the Windows user who owns it, "
            "or let role gpudev.workstation.wsl install it."
        ),
        reference="https://learn.microsoft.com/windows/wsl/basic-commands",
    ),
    Entry(
        code="CONN-003",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"WSL_E_DEFAULT_DISTRO_NOT_FOUND", r"has no installed distributions", r"'wsl(\.exe)? --list --online'"),
        cause="The Windows user that connects has no WSL distribution at all. Distributions belong to one Windows user.",
        remedy="Install one with role gpudev.workstation.wsl, or connect as the Windows user who owns it.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands",
    ),
    Entry(
        code="CONN-004",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED",),
        cause="WSL refuses to run for the account LocalSystem: distributions belong to ordinary Windows users.",
        remedy="Connect as the Windows user who owns the distribution; do not become SYSTEM.",
        reference="https://github.com/microsoft/WSL/blob/master/src/windows/service/exe/LxssUserSessionFactory.cpp",
    ),
    Entry(
        code="CONN-005",
        layer="wsl",
        status=NEEDS_LOGON,
        patterns=(r"CreateVm/0x8007023f",),
        cause="WSL could not create its virtual machine because that Windows user has no interactive logon.",
        remedy="Log the user on at the machine (or by remote desktop) and run again; WSL 2.x (`wsl --update`) is needed for work from a service session.",
        reference="https://github.com/microsoft/WSL/issues/8072",
    ),
    Entry(
        code="CONN-006",
        layer="wsl",
        status=BLOCKED_BY_POLICY,
        patterns=(r"CreateVm/HCS/0x80070569", r"has not been granted the requested logon type"),
        cause="A group policy took the right 'Log on as a service' from 'NT VIRTUAL MACHINE\\Virtual Machines', so no virtual machine can start.",
        remedy="Give the right back in the policy 'User Rights Assignment', then `gpupdate /force` and restart the service vmcompute.",
        reference="https://github.com/microsoft/WSL/issues/5401",
    ),
    Entry(
        code="CONN-007",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"HCS_E_HYPERV_NOT_INSTALLED", r"0x80370102", r"HCS_E_SERVICE_NOT_AVAILABLE", r"WSL_E_VIRTUAL_MACHINE_PLATFORM_REQUIRED"),
        cause="WSL's virtual machine cannot start: virtualization is off in the firmware, or the Windows feature VirtualMachinePlatform is missing.",
        remedy="Switch virtualization on in the firmware and enable VirtualMachinePlatform (role gpudev.workstation.windows_host), then restart Windows.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
    Entry(
        code="CONN-008",
        layer="wsl",
        status=UNREACHABLE,
        # The command stands in the text in every language.
        patterns=(
            r"WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED",
            r"Windows Subsystem for Linux (is not|has not been) (installed|enabled)",
            r"\bwsl(\.exe)? --install\b",
        ),
        cause="WSL is not installed on this machine: only the stub wsl.exe of Windows answered.",
        remedy="Run role gpudev.workstation.wsl first; it installs WSL from the given installer.",
        reference="https://learn.microsoft.com/windows/wsl/install",
    ),
    Entry(
        code="CONN-009",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"Wsl/Service/0x8007274c",),
        cause="WSL was stopped while something, most likely Docker Desktop, was starting in it.",
        remedy="Wait until Docker Desktop is up, or run `wsl --shutdown` while it is stopped, and try again.",
        reference="https://github.com/microsoft/WSL/issues/9231",
        wording="unverified",
    ),
    Entry(
        code="CONN-016",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"Wsl/\S*Mount(Vhd|Disk)/\S*(ERROR_FILE_NOT_FOUND|ERROR_PATH_NOT_FOUND|ERROR_NOT_FOUND)",),
        cause="A virtual disk that WSL needs is gone from its place: the distribution's ext4.vhdx was moved or deleted, or WSL's own system.vhd was.",
        remedy=(
            "The message has the path. For system.vhd install the MSI of WSL again (role gpudev.workstation.wsl). Put the distribution's disk back, "
            "or, when its content may be lost, `wsl --unregister {distribution}` and let the role install it again."
        ),
        reference="https://github.com/microsoft/WSL/issues/10858",
    ),
    Entry(
        code="CONN-017",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"Wsl/\S*Mount(Vhd|Disk)/\S*ERROR_SHARING_VIOLATION",),
        cause="The virtual disk of {distribution} is held by another program, such as a backup, or by a virtual machine that still runs.",
        remedy="Close that program, run `wsl --shutdown`, and try again; if it stays, restart Windows.",
        reference="https://github.com/microsoft/WSL/issues/14434",
    ),
    Entry(
        code="CONN-010",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"Wsl/.*CreateVm/\S+",),
        cause="WSL's virtual machine cannot start.",
        remedy="Look up the code after CreateVm/ and try `wsl --update`, a restart of Windows, and a look at %UserProfile%\\.wslconfig.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
    Entry(
        code="CONN-011",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(
            r"The file cannot be accessed by the system",
            r"The system cannot execute the specified program",
            r"^\s*(wsl\.exe *: *)?Access is denied\.",
            # Windows PowerShell joins its own words to those of Windows, without a full stop: https://github.com/microsoft/WSL/issues/2323
            r"Program 'wsl\.exe' failed to run: Access is denied",
            # https://github.com/microsoft/WSL/issues/11279
            r"Das System kann auf die Datei nicht zugreifen",
        ),
        cause="This wsl.exe is the packaged (Store) application, which Windows does not start from session 0, where WinRM works.",
        remedy=(
            "Install the MSI of WSL 2 (role gpudev.workstation.wsl) and let ansible_wsl_executable name C:\\Program Files\\WSL\\wsl.exe, "
            "which does work from session 0."
        ),
        reference="https://github.com/microsoft/WSL/issues/9231",
    ),
    Entry(
        code="CONN-012",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"Wsl/(\S*/)?E_ACCESSDENIED", r"Wsl/\S*0x80070005"),
        cause="Windows denied WSL to this account: the built-in Administrator, SYSTEM and users who own no distribution see this.",
        remedy="Connect as the Windows user who owns the distribution.",
        reference="https://github.com/microsoft/WSL/issues/12713",
    ),
    Entry(
        code="CONN-013",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(r"\bWsl/\S+",),
        cause="wsl.exe failed by itself, before the command could run.",
        remedy="Run `wsl.exe -d {distribution} -u {user} --exec /bin/true` at the machine and look up the code that it prints.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
    Entry(
        code="CONN-018",
        layer="wsl",
        status=UNREACHABLE,
        # cmd.exe names the word that it does not know; PowerShell repeats the line that it cannot read.
        patterns=(r"\$env:WSL_UTF8", r"AmpersandNotAllowed", r"set WSL_UTF8=1&set"),
        cause="The shell of the host's OpenSSH server is not the one that ansible_wsl_carrier_shell says.",
        remedy="Set ansible_wsl_carrier_shell to what HKLM\\SOFTWARE\\OpenSSH\\DefaultShell names: powershell or cmd; without that value it is cmd.",
        reference="https://learn.microsoft.com/windows-server/administration/openssh/openssh-server-configuration",
        wording="unverified",
    ),
    Entry(
        code="CONN-014",
        layer="wsl",
        status=UNREACHABLE,
        patterns=(
            r"The system cannot find the (path|file) specified",
            r"is not recognized as an internal or external command",
            r"no puede encontrar (la ruta|el archivo) especificad",
            r"no se reconoce como un comando",
        ),
        cause="cmd.exe found no program at {executable}.",
        remedy=(
            "Run role gpudev.workstation.wsl first, or set ansible_wsl_executable to the wsl.exe of this machine "
            "(C:\\Windows\\System32\\wsl.exe for inbox WSL)."
        ),
        reference="https://github.com/microsoft/WSL/issues/9231",
    ),
    Entry(
        code="CONN-015",
        layer="wsl",
        status=UNREACHABLE,
        # https://github.com/microsoft/WSL/issues/12832, https://github.com/DesktopECHO/xWSL/issues/41
        patterns=(r"execvpe\(?\s*/bin/sh\b", r"\bbase64: .*not found"),
        cause="The command ended without telling its exit code: the distribution or its virtual machine was stopped under it, or it has no /bin/sh and base64.",
        remedy="Run again; if it stays, run `wsl.exe -d {distribution} -u {user} --exec /bin/sh -c 'echo ok | base64'` at the machine.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
)
