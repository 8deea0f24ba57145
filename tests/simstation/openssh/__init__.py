# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH for Windows as the ssh carrier sees it: log in, run one command in the default shell, bytes in and out, an exit status."""

from __future__ import annotations
