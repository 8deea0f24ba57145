# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `ansible_collections.gpudev.workstation` and `tests.simstation` importable from a checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
COLLECTIONS = REPOSITORY / ".ansible" / "collections"


def link_checkout_as_collection() -> None:
    """FQCNs need a path that ends in ansible_collections/gpudev/workstation; the link is ignored by git."""
    link = COLLECTIONS / "ansible_collections" / "gpudev" / "workstation"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(REPOSITORY, link.parent), target_is_directory=True)


link_checkout_as_collection()
os.environ.setdefault("ANSIBLE_COLLECTIONS_PATH", str(COLLECTIONS))
os.environ.setdefault("ANSIBLE_HOME", str(REPOSITORY / ".cache" / "ansible"))  # instead of ~/.ansible, which belongs to the user
sys.path.insert(0, str(REPOSITORY))

# Ansible's own collection finder makes `ansible_collections.*` importable, exactly as at run time.
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader([str(COLLECTIONS)])
