# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with WSL itself: the findings of layer 3.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry

_SESSION_0 = "https://github.com/microsoft/WSL/issues/9231"

ENTRIES: t.Tuple[Entry, ...] = (
    Entry(
        code="WSL-001",
        layer="wsl",
        cause="WSL is not installed.",
        remedy="Run role gpudev.workstation.wsl. It takes a local package (wsl_installer with wsl_installer_sha256) or fetches it with 'wsl.exe --install'.",
        reference="https://learn.microsoft.com/windows/wsl/install",
        rows=("G8",),
    ),
    Entry(
        code="WSL-002",
        layer="wsl",
        cause="Only the WSL that came with Windows is installed; it has no version, is no longer developed, and Docker Desktop asks for WSL {minimum}.",
        remedy="Run role gpudev.workstation.wsl, which installs the package from a local file (wsl_installer) or with 'wsl.exe --update'.",
        reference="https://learn.microsoft.com/windows/wsl/install",
        rows=("G3",),
    ),
    Entry(
        code="WSL-003",
        layer="wsl",
        cause="WSL {version} is older than {minimum}.",
        remedy="Run role gpudev.workstation.wsl, which updates it ('wsl.exe --update', or a local package by wsl_installer). Updating stops everything that "
        "runs in WSL, so it needs the word 'wsl_shutdown' in workstation_allow.",
        reference="https://docs.docker.com/desktop/setup/install/windows-install/",
        rows=("G3", "G8"),
    ),
    Entry(
        code="WSL-004",
        layer="wsl",
        cause="There is no WSL distribution named {distribution} for the Windows user {user}.",
        remedy="Run role gpudev.workstation.wsl. It takes a local image (wsl_rootfs with wsl_rootfs_sha256) or the name from the store.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands",
        patterns=(r"WSL_E_DISTRO_NOT_FOUND",),
    ),
    Entry(
        code="WSL-005",
        layer="wsl",
        cause="The distribution {distribution} runs under WSL 1, which has no GPU and no Linux kernel.",
        remedy="Convert it with 'wsl.exe --set-version {distribution} 2'. It takes minutes and is left to you; 'wsl.exe --export' first.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#set-wsl-version-to-1-or-2",
    ),
    Entry(
        code="WSL-006",
        layer="wsl",
        status=None,
        severity="warning",
        cause="The default distribution is {default}, not {distribution}.",
        remedy="Run role gpudev.workstation.wsl, which sets it, or set wsl_default to false.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#set-default-linux-distribution",
    ),
    Entry(
        code="WSL-007",
        layer="wsl",
        status="needs_consent",
        cause="{path} was written after the WSL virtual machine had started, so it is not in force yet.",
        remedy="Put the word 'wsl_shutdown' into workstation_allow. Then 'wsl --shutdown' is run, which stops every distribution and Docker Desktop's engine.",
        reference="https://learn.microsoft.com/windows/wsl/wsl-config",
        rows=("G12",),
    ),
    Entry(
        code="WSL-008",
        layer="wsl",
        status="blocked_by_policy",
        cause="A policy of this computer forbids WSL ({policy} is 0 under HKLM\\Software\\Policies\\WSL).",
        remedy="Have the policy changed (Intune or group policy, 'Allow the Windows Subsystem For Linux').",
        reference="https://github.com/microsoft/WSL/blob/master/src/windows/inc/wslpolicies.h",
    ),
    Entry(
        code="WSL-009",
        layer="wsl",
        status="needs_logon",
        cause="The WSL virtual machine could not be created because its Windows user is not logged on.",
        remedy="Log on to Windows as that user once (or switch on automatic logon), then run again.",
        reference="https://github.com/microsoft/WSL/issues/8072",
        # samples/windows/wsl_session0_errors.txt
        patterns=(r"CreateVm/0x8007023f",),
    ),
    Entry(
        code="WSL-010",
        layer="wsl",
        status="blocked_by_policy",
        cause="The account 'NT VIRTUAL MACHINE\\Virtual Machines' lacks the right 'Log on as a service', usually because a group policy replaced the list.",
        remedy="Add it to that right in the policy (secpol.msc, User Rights Assignment), run gpupdate, restart the service vmcompute.",
        reference="https://github.com/microsoft/WSL/issues/5401",
        patterns=(r"0x80070569",),
    ),
    Entry(
        code="WSL-011",
        layer="wsl",
        cause="WSL was stopped while Docker Desktop was starting.",
        remedy="Wait until Docker Desktop runs, or quit it, and run again. Do not stop WSL while it starts.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
        patterns=(r"Wsl/Service/0x8007274c",),
        wording="unverified",
    ),
    Entry(
        code="WSL-012",
        layer="wsl",
        cause="Virtualisation is switched off in the firmware, or the feature VirtualMachinePlatform is missing.",
        remedy="Switch on virtualisation in the firmware, enable the feature (role gpudev.workstation.windows_host), restart Windows.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
        patterns=(r"HCS_E_HYPERV_NOT_INSTALLED", r"0x80370102"),
    ),
    Entry(
        code="WSL-013",
        layer="wsl",
        status="unsupported",
        cause="WSL refuses the account SYSTEM.",
        remedy="Connect as the Windows user who works on this machine; become_user SYSTEM cannot work.",
        reference=_SESSION_0,
        patterns=(r"WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED",),
    ),
    Entry(
        code="WSL-014",
        layer="wsl",
        cause="WSL refused the account of this connection. The built-in Administrator and SYSTEM see no distributions, and unattended tools are refused so.",
        remedy="Connect as the Windows user who works on this machine, or use become with become_method runas and that user's password.",
        reference="https://github.com/microsoft/WSL/issues/12713",
        patterns=(r"Wsl/E_ACCESSDENIED", r"Wsl/\S*/E_ACCESSDENIED"),
    ),
    Entry(
        code="WSL-015",
        layer="wsl",
        cause="This WSL cannot be used without a desktop session: versions before 2.0 are a store application, and those do not run in session 0.",
        remedy="Install the WSL package 2.1.5 or later (role gpudev.workstation.wsl); it lives in C:\\Program Files\\WSL and does not have that limit.",
        reference=_SESSION_0,
        # samples/windows/wsl_session0_errors.txt
        patterns=(
            r"^\s*Access is denied\.?\s*$",
            r"The file cannot be accessed by the system",
            r"The system cannot execute the specified program",
        ),
    ),
    Entry(
        code="WSL-016",
        layer="wsl",
        cause="WSL was to be brought to {minimum} by {way}, and is {version} afterwards. Its exit code says nothing about that.",
        remedy="Give a local package with wsl_installer (from https://github.com/microsoft/WSL/releases), or look whether the machine reaches the internet.",
        reference="https://github.com/microsoft/WSL/blob/master/src/windows/common/WslInstall.cpp",
    ),
    Entry(
        code="WSL-017",
        layer="wsl",
        cause="The distribution {distribution} was to be installed by {way}, and is not there afterwards.",
        remedy="Read what wsl.exe said. Give a local image with wsl_rootfs and wsl_rootfs_sha256 when the machine does not reach the store.",
        reference="https://learn.microsoft.com/windows/wsl/build-custom-distro",
    ),
    Entry(
        code="WSL-018",
        layer="wsl",
        cause="The file {path} is not what was declared: its SHA-256 is {found}, declared is {wanted}.",
        remedy="Download it again, or correct the declared checksum. Nothing was installed from it.",
        reference="https://learn.microsoft.com/windows/wsl/build-custom-distro",
    ),
    Entry(
        code="WSL-019",
        layer="wsl",
        cause="There is no file {path} on the workstation.",
        remedy="Copy it there, or correct the path; it is a path of Windows, such as C:\\Installers\\name.",
        reference="https://learn.microsoft.com/windows/wsl/install-manual",
    ),
    Entry(
        code="WSL-020",
        layer="wsl",
        status="needs_consent",
        cause="WSL {version} has to be updated to {minimum}, and that stops every distribution and Docker Desktop's engine.",
        remedy="Put the word 'wsl_shutdown' into workstation_allow.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#update-wsl",
    ),
    Entry(
        code="WSL-021",
        layer="wsl",
        status="needs_reboot",
        cause="The WSL package was installed and asks for a restart of Windows before it can be used.",
        remedy="Put the word 'reboot' into workstation_allow, or restart Windows by hand, and run again.",
        reference="https://learn.microsoft.com/windows/wsl/install",
    ),
    Entry(
        code="WSL-022",
        layer="wsl",
        cause="wsl.exe could not do what was asked.",
        remedy="Read what it said. The same command, typed in a PowerShell of that user on the workstation, shows whether it fails there as well.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
    Entry(
        code="WSL-023",
        layer="wsl",
        status="needs_consent",
        cause="WSL has to be stopped ({why}), and this run's own controller lives in it: it would end itself half-way.",
        remedy="Type in a PowerShell of Windows: 'wsl --shutdown'. Then open {distribution} again and start the same playbook once more; it goes on from "
        "there.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#shutdown",
    ),
    Entry(
        code="WSL-024",
        layer="wsl",
        cause="The file {url} could not be fetched by the workstation, or was not what was declared.",
        remedy="Look whether the workstation reaches that address (proxy, firewall) and whether the checksum is that of the file; or copy the file to "
        "the workstation and give its path. Nothing was installed.",
        reference="https://docs.ansible.com/ansible/latest/collections/ansible/windows/win_get_url_module.html",
    ),
    Entry(
        code="WSL-025",
        layer="wsl",
        status="needs_consent",
        cause="WSL {version} has to be updated to {minimum}, which stops it, and this run's own controller lives in it.",
        remedy="Type in a PowerShell of Windows that was started as administrator: {command}, then 'wsl --shutdown'. Open {distribution} again and start "
        "the same playbook once more; it goes on from there.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#update-wsl",
    ),
    Entry(
        code="WSL-026",
        layer="wsl",
        status="needs_consent",
        cause="The distribution {distribution} has to be restarted, and that ends every program in it.",
        remedy="Put the word 'wsl_shutdown' into workstation_allow, or type 'wsl --terminate {distribution}' in a PowerShell of Windows.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#terminate",
    ),
    Entry(
        code="WSL-027",
        layer="wsl",
        status="needs_consent",
        cause="The distribution {distribution} has to be restarted, and this run's own controller lives in the WSL of this Windows: it could end itself.",
        remedy="Type in a PowerShell of Windows: 'wsl --terminate {distribution}'. Then start the same playbook once more; it goes on from there.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#terminate",
    ),
    Entry(
        code="WSL-028",
        layer="wsl",
        cause="wsl.exe did not end in time, so WSL's service does not answer.",
        remedy="Restart Windows, or, in a PowerShell that was started as administrator, its service: 'Restart-Service WSLService -Force', which stops every "
        "distribution. Then run again.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
        # The words are those of module_utils/_console.py for a program that had to be ended.
        patterns=(r"wsl\.exe\b.*: no end after \d+ s, ended",),
    ),
    Entry(
        code="WSL-029",
        layer="wsl",
        status=None,
        severity="warning",
        cause="WSL ends an idle distribution after {seconds} s, whatever systemd runs in it: the engine inside {distribution} (workstation_docker: engine) and "
        "its cluster end with the last terminal.",
        remedy="Keep a terminal of the distribution open, or declare wsl_config: {general: {instanceIdleTimeout: -1}, wsl2: {vmIdleTimeout: -1}}.",
        reference="https://github.com/microsoft/WSL/issues/9667",
    ),
    Entry(
        code="WSL-030",
        layer="wsl",
        status=None,
        severity="warning",
        cause="{path} was written after the WSL virtual machine had started, so it is not in force, and stays so: {why}.",
        remedy="Type 'wsl --shutdown' in a PowerShell of Windows when it suits you; the next start of WSL reads the file. Or have it done by wsl_restart: "
        "needed and the word 'wsl_shutdown' in workstation_allow.",
        reference="https://learn.microsoft.com/windows/wsl/wsl-config",
    ),
)
