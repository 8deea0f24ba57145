# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with Windows itself and with the NVIDIA driver for Windows: the findings of layers 1 and 2.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry

_DOCKER_INSTALL = "https://docs.docker.com/desktop/setup/install/windows-install/"
_CUDA_ON_WSL = "https://docs.nvidia.com/cuda/wsl-user-guide/index.html"

ENTRIES: t.Tuple[Entry, ...] = (
    Entry(
        code="WIN-001",
        layer="windows",
        status="unsupported",
        cause="Windows build {build} is older than {minimum}, the oldest that Docker Desktop and GPU support in WSL2 are made for.",
        remedy="Update Windows to 10 22H2 (build 19045) or 11 23H2 (build 22631) or later, by Windows Update or ansible.windows.win_updates.",
        reference=_DOCKER_INSTALL,
        rows=("G2",),
    ),
    Entry(
        code="WIN-002",
        layer="windows",
        cause="No hypervisor runs and the firmware says that virtualisation is off.",
        remedy="Switch on Intel VT-x or AMD-V (SVM) in the firmware (UEFI) settings, then start Windows again.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
    Entry(
        code="WIN-003",
        layer="windows",
        cause="The optional feature {feature} is off, and WSL2 cannot start a virtual machine without it.",
        remedy="Run role gpudev.workstation.windows_host, which enables it; Windows has to be restarted afterwards.",
        reference="https://learn.microsoft.com/windows/wsl/install-manual",
    ),
    Entry(
        code="WIN-004",
        layer="windows",
        cause="The connection uses the Windows account {connected}, but the user of this workstation is {wanted}. WSL distributions, .wslconfig and the "
        "settings of Docker Desktop belong to one Windows user, so everything would be set up for the wrong one.",
        remedy="Connect as {wanted} (ansible_user), or name the user with workstation_windows_user if {connected} is the one who works here.",
        reference="https://github.com/microsoft/WSL/issues/9231",
    ),
    Entry(
        code="WIN-005",
        layer="windows",
        status="needs_reboot",
        cause="Windows has to be restarted before what was enabled or installed is in force ({reasons}).",
        remedy="Put the word 'reboot' into workstation_allow, or restart Windows by hand, and run again.",
        reference="https://learn.microsoft.com/windows/wsl/install-manual#step-3---enable-virtual-machine-feature",
    ),
    Entry(
        code="WIN-006",
        layer="windows",
        status="blocked_by_policy",
        cause="PowerShell runs in a restricted language mode for this account, set by an application control policy (WDAC or AppLocker).",
        remedy="Have the managing account, or the collection's scripts, exempted in that policy. Nothing else can be asked until then.",
        reference="https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_language_modes",
        # recordings/powershell/invocation.jsonl, "constrained language: ..."
        patterns=(r"only on core types in this language mode", r"Only core types are supported in this language mode"),
        wording="recorded",
    ),
    Entry(
        code="WIN-007",
        layer="windows",
        status=None,
        severity="warning",
        cause="A restart of Windows is pending ({reasons}). What the chain needs works without it.",
        remedy="Restart when it suits; with the word 'reboot' in workstation_allow role windows_host does it only when something needs it.",
        reference="https://learn.microsoft.com/windows/wsl/install-manual",
    ),
    Entry(
        code="WIN-008",
        layer="windows",
        status="needs_reboot",
        cause="VirtualMachinePlatform is enabled, but no hypervisor runs: a restart is owed, or the boot settings switch it off.",
        remedy="Restart Windows (word 'reboot' in workstation_allow). If it stays so, run 'bcdedit /set hypervisorlaunchtype auto' and restart once more.",
        reference="https://learn.microsoft.com/windows/wsl/troubleshooting",
    ),
    Entry(
        code="WIN-009",
        layer="windows",
        status="unsupported",
        cause="This is a server edition of Windows ({product}); Docker Desktop does not support those.",
        remedy="Use Windows 10 or 11, or a native Linux host with Docker Engine and the NVIDIA container toolkit.",
        reference=_DOCKER_INSTALL,
    ),
    Entry(
        code="DRIVER-001",
        layer="nvidia_driver",
        status="unsupported",
        cause="Windows shows no NVIDIA display adapter.",
        remedy="Check Device Manager: the GPU may be disabled, hidden behind a hybrid-graphics setting, or without any driver. GPU support in WSL2 needs "
        "an NVIDIA GPU of the Pascal generation or later.",
        reference=_CUDA_ON_WSL,
        rows=("G1",),
    ),
    Entry(
        code="DRIVER-002",
        layer="nvidia_driver",
        cause="The NVIDIA driver {version} is older than {minimum}, the first that serves WSL2 on this Windows.",
        remedy="Give a current driver for this GPU with nvidia_driver_installer and nvidia_driver_installer_sha256, and put 'driver_install' into "
        "workstation_allow; or install it by hand (nvidia.com/drivers, or the NVIDIA App) and run again. Never install a Linux driver inside WSL.",
        reference=_CUDA_ON_WSL,
        rows=("G4", "S1"),
    ),
    Entry(
        code="DRIVER-003",
        layer="nvidia_driver",
        cause="The GPU {name} runs in {model} mode; WSL2 sees only GPUs in WDDM or MCDM mode.",
        remedy="Switch it with 'nvidia-smi -i {index} -dm 0' as administrator and restart Windows.",
        reference="https://docs.nvidia.com/cuda/archive/11.4.4/wsl-user-guide/index.html",
        rows=("S1",),
    ),
    Entry(
        code="DRIVER-004",
        layer="nvidia_driver",
        status=None,
        severity="warning",
        cause="nvidia-smi.exe gave no list of GPUs, so the driver version was read from the display adapter instead.",
        remedy="Run nvidia-smi.exe in Windows; if it fails there as well, reinstall the driver.",
        reference=_CUDA_ON_WSL,
        # recordings/nvidia and recordings/docker/gpus_stub_nodriver.json: the sentence nvidia-smi prints without a driver
        patterns=(r"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver",),
        wording="recorded",
    ),
    Entry(
        code="DRIVER-005",
        layer="nvidia_driver",
        cause="Windows shows a display adapter of NVIDIA ({name}) without NVIDIA's driver.",
        remedy="Give the driver for this GPU with nvidia_driver_installer and nvidia_driver_installer_sha256, and put 'driver_install' into "
        "workstation_allow; or install it by hand (nvidia.com/drivers).",
        reference=_CUDA_ON_WSL,
        rows=("G4",),
    ),
    Entry(
        code="DRIVER-006",
        layer="nvidia_driver",
        status="needs_consent",
        cause="A driver has to be installed in Windows ({version} is there, at least {minimum} is needed). The screen goes dark for a moment, and programs "
        "that use the GPU may end.",
        remedy="Put the word 'driver_install' into workstation_allow. When WSL runs it has to be stopped as well, which needs the word 'wsl_shutdown'.",
        reference=_CUDA_ON_WSL,
    ),
    Entry(
        code="DRIVER-007",
        layer="nvidia_driver",
        status="needs_reboot",
        cause="The driver's installer ended, and Windows has to be restarted before the new driver is in force ({reasons}).",
        remedy="Put the word 'reboot' into workstation_allow, or restart Windows by hand, and run again.",
        reference=_CUDA_ON_WSL,
    ),
    Entry(
        code="DRIVER-008",
        layer="nvidia_driver",
        cause="The driver's installer {path} ended, and the driver is {version} afterwards; at least {minimum} is needed. Its exit code proves nothing.",
        remedy="Is it the package for this GPU (desktop or notebook, GeForce or professional) and this Windows? Start it by "
        "hand on the desktop of the workstation to see what it says.",
        reference="https://www.nvidia.com/drivers/",
    ),
    Entry(
        code="DRIVER-009",
        layer="nvidia_driver",
        cause="There is no file {path} on the workstation.",
        remedy="Copy it there, or correct the path; it is a path of Windows, such as C:\\Installers\\name.exe.",
        reference="https://www.nvidia.com/drivers/",
    ),
    Entry(
        code="DRIVER-010",
        layer="nvidia_driver",
        cause="The file {path} is not what was declared: its SHA-256 is {found}, declared is {wanted}.",
        remedy="Download it again, or correct the declared checksum. Nothing was installed from it.",
        reference="https://www.nvidia.com/drivers/",
    ),
    Entry(
        code="DRIVER-011",
        layer="nvidia_driver",
        cause="The file {url} could not be fetched by the workstation, or was not what was declared.",
        remedy="Look whether the workstation reaches that address (proxy, firewall) and whether the checksum is that of the file; or copy the file to "
        "the workstation and give its path. Nothing was installed.",
        reference="https://docs.ansible.com/ansible/latest/collections/ansible/windows/win_get_url_module.html",
    ),
    Entry(
        code="DRIVER-012",
        layer="nvidia_driver",
        cause="The driver is installed, but WSL's virtual machine, which still has the old one, did not end.",
        remedy="Type 'wsl --shutdown' in a PowerShell of that user on the workstation, then run again.",
        reference="https://learn.microsoft.com/windows/wsl/basic-commands#shutdown",
    ),
    Entry(
        code="DRIVER-013",
        layer="nvidia_driver",
        status="needs_consent",
        cause="A driver has to be installed, WSL has to be stopped for it, and this run's own controller lives in WSL: it would end itself half-way.",
        remedy="Install the driver by hand in Windows ({path}), type 'wsl --shutdown' in a PowerShell of Windows, open the distribution again and start the "
        "same playbook once more; it goes on from there.",
        reference=_CUDA_ON_WSL,
    ),
    Entry(
        code="WIN-010",
        layer="windows",
        status="needs_reboot",
        cause="Windows has to be restarted, and this run's own controller lives in the WSL of that Windows: the restart would end the run half-way.",
        remedy="Save your work and type in a PowerShell of Windows: 'shutdown /r /t 0'. After the logon start the same playbook again; it goes on where "
        "it stopped.",
        reference="https://learn.microsoft.com/windows-server/administration/windows-commands/shutdown",
    ),
    Entry(
        code="WIN-011",
        layer="windows",
        cause="Windows did not take the scheduled task {task}: a task that starts at a logon is registered by an administrator.",
        remedy="Let {user} be an administrator of the workstation, or have a policy allow scheduled tasks; or write minikube_start_at_logon: false.",
        reference="https://learn.microsoft.com/powershell/module/scheduledtasks/register-scheduledtask",
    ),
    Entry(
        code="WIN-012",
        layer="windows",
        cause="There is no wslg.exe beside {executable}, so nothing could start {distribution} at logon without a console window that stays open.",
        remedy="Install the WSL package (role gpudev.workstation.wsl); the WSL of Windows itself has no wslg.exe. Or write minikube_start_at_logon: false.",
        reference="https://wsl.dev/technical-documentation/wslg.exe/",
    ),
    Entry(
        code="WIN-013",
        layer="windows",
        cause="The scheduled task {task} is not what was asked for, although the step went through without an error.",
        remedy="Look at the task in the Task Scheduler of {user}, and whether a policy or another program changes it; then run again.",
        reference="https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-start-page",
    ),
)
