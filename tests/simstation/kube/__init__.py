# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Kubernetes cluster: an HTTPS API that real clients talk to, and the controllers behind it. It imports nothing from `plugins/`."""

from __future__ import annotations

from .cluster import Cluster

__all__ = ["Cluster"]
