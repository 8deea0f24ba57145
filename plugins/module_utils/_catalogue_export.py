# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the cluster's context out of the kubeconfig of the Windows user: layer cluster.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry

_WSL_CONF = "https://learn.microsoft.com/windows/wsl/wsl-config#automount-settings"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="EXPORT-001",
        layer="cluster",
        cause="This distribution does not see the Windows drive of {dest}: {why}.",
        remedy="Write enabled=true below [automount] in /etc/wsl.conf (module wslconfig with kind: wsl.conf) and run 'wsl --terminate {distribution}'; or "
        "mount the drive by hand and give minikube_export_dest as a path of the distribution.",
        reference=_WSL_CONF,
    ),
    Entry(
        code="EXPORT-002",
        layer="cluster",
        cause="The Windows drive of {dest} is mounted read-only in this distribution.",
        remedy="Take 'ro' out of options below [automount] in /etc/wsl.conf, or out of /etc/fstab, and run 'wsl --terminate {distribution}'.",
        reference=_WSL_CONF,
    ),
    Entry(
        code="EXPORT-003",
        layer="cluster",
        cause="{dest} may not be written: a distribution has the rights of the Windows user who owns it, and another program may have the file open.",
        remedy="Give minikube_export_dest in the profile of that Windows user; close programs that keep the file open; clear its attribute 'read-only'.",
        reference="https://learn.microsoft.com/windows/wsl/file-permissions",
    ),
    Entry(
        code="EXPORT-004",
        layer="cluster",
        cause="There is no folder {folder}, so {dest} is not in the profile of a user of this Windows.",
        remedy="Give minikube_export_dest as that user's kubeconfig, such as C:\\Users\\dev\\.kube\\config. Only the folder .kube is made where it is missing.",
        reference="https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/",
    ),
    Entry(
        code="EXPORT-005",
        layer="cluster",
        cause="Programs of Windows do not reach {server}: the Docker engine runs inside the distribution, and .wslconfig keeps Windows from the ports of WSL.",
        remedy="In .wslconfig write networkingMode=mirrored, or leave networkingMode out and localhostForwarding=true (role wsl, wsl_config), and bring it "
        "into force with 'wsl --shutdown'.",
        reference="https://learn.microsoft.com/windows/wsl/networking",
    ),
)
