# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows connections that can carry a WSL connection, and the channel of each.

A new carrier is one entry here and a class with the methods of `_channel.Channel`.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Channel

BUILTIN = "ansible.builtin."


@dataclass(frozen=True)
class Kind:
    """What differs between carriers: the option that holds the host's address, and the channel of a loaded plugin (with the ssh server's shell)."""

    address: str
    channel: t.Callable[[t.Any, str], Channel]


# Each imports what it needs itself: ansible-core compiles the Python of a collection anew in every worker of every task.


def _pywinrm(plugin: t.Any, _shell: str) -> Channel:
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import WinRSChannel
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs_pywinrm import PywinrmShell

    return WinRSChannel(PywinrmShell(plugin))


def _pypsrp(plugin: t.Any, _shell: str) -> Channel:
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import WinRSChannel
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs_pypsrp import PypsrpShell

    return WinRSChannel(PypsrpShell(plugin))


def _ssh(plugin: t.Any, shell: str) -> Channel:
    from ansible_collections.gpudev.workstation.plugins.plugin_utils._ssh_channel import SshChannel

    return SshChannel(plugin, shell)


KINDS = {"winrm": Kind("remote_addr", _pywinrm), "psrp": Kind("remote_addr", _pypsrp), "ssh": Kind("host", _ssh)}


class Carrier:
    """The host's own Windows connection, with its own options, and the channel over it."""

    def __init__(self, name: str, play_context: PlayContext) -> None:
        self.name = name
        self.kind = self._kind(name)
        # The carrier moves what may be secret; it would print output at -vvv. What this collection's connection prints is enough.
        context = play_context.copy()
        context.no_log = True
        self.plugin = connection_loader.get(name, context, os.devnull)
        self._channel: Channel | None = None

    @staticmethod
    def _kind(name: str) -> Kind:
        kind = KINDS.get(name[len(BUILTIN) :] if name.startswith(BUILTIN) else name)
        if kind is None:
            raise AnsibleError(f"ansible_wsl_carrier: {name!r} cannot carry this connection; it can be {', '.join(KINDS)}.")
        return kind

    def channel(self, ssh_shell: str) -> Channel:
        if self._channel is None:
            self._channel = self.kind.channel(self.plugin, ssh_shell)
        return self._channel

    def address(self) -> str:
        return str(self.plugin.get_option(self.kind.address))

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
