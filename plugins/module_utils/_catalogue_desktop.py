# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with Docker Desktop as a Windows program: installation, gate, settings, start. Its engine is judged elsewhere.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry

_RELEASE_NOTES = "https://docs.docker.com/desktop/release-notes/"
_INTERACTIVE = "https://github.com/docker/for-win/issues/11396"

ENTRIES: t.Tuple[Entry, ...] = (
    Entry(
        code="DESKTOP-001",
        layer="docker",
        cause="Docker Desktop is not installed, and no installer was given.",
        remedy="Set docker_desktop_installer (a path on the workstation) with docker_desktop_installer_sha256, or install Docker Desktop by hand.",
        reference="https://docs.docker.com/desktop/setup/install/windows-install/",
    ),
    Entry(
        code="DESKTOP-002",
        layer="docker",
        cause="Docker Desktop {version} is older than {minimum}. {reason}",
        remedy="Set docker_desktop_installer with docker_desktop_installer_sha256 and put 'docker_desktop_upgrade' into workstation_allow.",
        reference=_RELEASE_NOTES,
        rows=("G5", "S1"),
    ),
    Entry(
        code="DESKTOP-003",
        layer="docker",
        status="needs_consent",
        cause="Docker Desktop {version} has to be upgraded to at least {minimum}. {reason} The upgrade stops every container.",
        remedy="Put the word 'docker_desktop_upgrade' into workstation_allow.",
        reference=_RELEASE_NOTES,
        rows=("G5",),
    ),
    Entry(
        code="DESKTOP-004",
        layer="docker",
        status="needs_consent",
        cause="Docker Desktop runs, and its settings ({keys}) can only be changed while it is stopped: a running one writes them back from memory.",
        remedy="Put the word 'docker_restart' into workstation_allow; Docker Desktop is then stopped, changed and started again.",
        reference="https://github.com/docker/docs/pull/21003",
    ),
    Entry(
        code="DESKTOP-005",
        layer="docker",
        status="needs_logon",
        cause="Docker Desktop runs only in the desktop session of a logged-on user, and {user} is not logged on.",
        remedy="Log on to Windows as {user} (or switch on automatic logon), then run again.",
        reference=_INTERACTIVE,
    ),
    Entry(
        code="DESKTOP-006",
        layer="docker",
        cause="Docker Desktop was started in the session of {user}, but its engine did not answer within {seconds} s.",
        remedy="Look at its window on the desktop of the workstation: it may wait for an answer (terms, sign-in, an error). Then run again, or raise "
        "docker_desktop_start_timeout.",
        reference="https://github.com/docker/for-win/issues/14510",
    ),
    Entry(
        code="DESKTOP-007",
        layer="docker",
        cause="Docker Desktop's settings file {path} is not readable as JSON ({problem}), so it is not touched.",
        remedy="Repair or remove the file while Docker Desktop is stopped. A byte order mark makes Docker Desktop itself refuse it.",
        reference="https://github.com/docker/docs/pull/21003",
    ),
    Entry(
        code="DESKTOP-009",
        layer="docker",
        cause="The Windows user is neither an administrator nor a member of the group docker-users.",
        remedy="Add the user to docker-users and let the user log on again.",
        reference=_RELEASE_NOTES,
        patterns=(r"connect ENOENT \\\\\.\\pipe\\errorReporter",),
    ),
    Entry(
        code="DESKTOP-010",
        layer="docker",
        cause="The installation of Docker Desktop from {path} ended without the version that was asked for (found: {version}).",
        remedy="Read the log in %LOCALAPPDATA%\\Docker\\install-log.txt on the workstation, or %PROGRAMDATA%\\DockerDesktop\\install-log-admin.txt.",
        reference="https://docs.docker.com/desktop/troubleshoot-and-support/troubleshoot/",
    ),
    Entry(
        code="DESKTOP-011",
        layer="docker",
        cause="The file {path} is not what was declared: its SHA-256 is {found}, declared is {wanted}.",
        remedy="Download it again, or correct the declared checksum. Nothing was installed from it.",
        reference="https://docs.docker.com/desktop/release-notes/",
    ),
    Entry(
        code="DESKTOP-012",
        layer="docker",
        cause="There is no installer {path} on the workstation.",
        remedy="Copy it there, or correct the path; it is a path of Windows, such as C:\\Installers\\Docker Desktop Installer.exe.",
        reference="https://docs.docker.com/desktop/setup/install/windows-install/",
    ),
    Entry(
        code="DESKTOP-013",
        layer="docker",
        cause="A step in the session of {user} did not end within {seconds} s.",
        remedy="Look at the desktop of the workstation: a dialog may wait for an answer. Then run again.",
        reference="https://github.com/docker/for-win/issues/14510",
    ),
    Entry(
        code="DESKTOP-014",
        layer="docker",
        cause="Docker Desktop {version} could not be stopped, so its settings were not touched.",
        remedy="Quit Docker Desktop on the desktop of the workstation (its icon, Quit), then run again. Releases before 4.37 can only be stopped so.",
        reference="https://docs.docker.com/desktop/features/desktop-cli/",
    ),
    Entry(
        code="DESKTOP-015",
        layer="docker",
        cause="A step was taken without an error, and what it was to change is as before.",
        remedy="Look at Docker Desktop on the desktop of the workstation: settings that an administrator has locked cannot be changed in the file.",
        reference="https://docs.docker.com/enterprise/security/hardened-desktop/settings-management/",
    ),
    Entry(
        code="DESKTOP-016",
        layer="docker",
        cause="Docker Desktop {version} is installed, but its engine does not answer.",
        remedy="Start Docker Desktop in the Windows session of {user}, or run site.yml, which does so. It shows the reason in its window when it cannot start.",
        reference=_INTERACTIVE,
    ),
    Entry(
        code="DESKTOP-017",
        layer="docker",
        status="needs_consent",
        cause="Docker Desktop {version} runs, but no engine answered 'docker version' within {seconds} s. Restarting it would end whatever runs in it.",
        remedy="Put the word 'docker_restart' into workstation_allow, or restart Docker Desktop by hand. If containers do run, the current docker context of "
        "{user} points elsewhere: 'docker context use desktop-linux'.",
        reference=_INTERACTIVE,
    ),
    Entry(
        code="DESKTOP-018",
        layer="docker",
        cause="Docker Desktop {version} does not run Linux containers in WSL2; only there do containers see the GPU.",
        remedy="Run role gpudev.workstation.docker_desktop, which sets WslEngineEnabled and clears UseWindowsContainers (word 'docker_restart'). If it "
        "stays so, choose 'Switch to Linux containers' in the menu of its icon; an administrator may have locked the setting.",
        reference="https://docs.docker.com/desktop/features/gpu/",
    ),
    Entry(
        code="DESKTOP-019",
        layer="docker",
        cause="The file {url} could not be fetched by the workstation, or was not what was declared.",
        remedy="Look whether the workstation reaches that address (proxy, firewall) and whether the checksum is that of the file; or copy the file to "
        "the workstation and give its path. Nothing was installed.",
        reference="https://docs.ansible.com/ansible/latest/collections/ansible/windows/win_get_url_module.html",
    ),
    Entry(
        code="DESKTOP-020",
        layer="docker",
        status="needs_consent",
        cause="Docker Desktop has to be stopped ({why}), and this run's own controller lives in the WSL of that Windows, which it may take down with it.",
        remedy="Type in a PowerShell of Windows: {command}. Then start the same playbook again; it goes on from there.",
        reference="https://docs.docker.com/desktop/features/desktop-cli/",
    ),
    Entry(
        code="DESKTOP-021",
        layer="docker",
        status=None,
        severity="warning",
        cause="The cluster is to start when {user} logs on, but Docker Desktop does not: its setting 'Start Docker Desktop when you sign in' is off.",
        remedy="Switch it on in Docker Desktop, or write docker_desktop_settings: {AutoStart: true}. Until then start Docker Desktop by hand after a logon; "
        "the cluster's start waits for it only so long (minikube_start_at_logon_wait).",
        reference="https://docs.docker.com/desktop/settings-and-maintenance/settings/#general",
    ),
    Entry(
        code="DESKTOP-022",
        layer="docker",
        cause="workstation_docker is engine, but Docker Desktop's WSL integration is on for {distribution}: it puts its own docker program and socket in the "
        "place of those of the engine in the distribution.",
        remedy="In Docker Desktop, Settings, Resources, WSL integration, switch off {distribution} and the integration with the default distribution; or "
        "uninstall Docker Desktop; or set workstation_docker: desktop, and remove the engine from the distribution.",
        reference="https://docs.docker.com/desktop/features/wsl/",
    ),
    Entry(
        code="DESKTOP-023",
        layer="docker",
        cause="The registry says that Docker Desktop is installed, and its program {path} is not there: an uninstallation left its entry behind, or the folder "
        "was moved.",
        remedy="Install it again by hand, or remove the entry with 'Installed apps' in Windows' settings, and give docker_desktop_installer.",
        reference="https://docs.docker.com/desktop/uninstall/",
    ),
)
