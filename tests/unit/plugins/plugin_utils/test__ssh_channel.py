# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel over ssh: the line of the server's shell, input without a terminal, and what a reset gives up."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._ssh_channel import SshChannel
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import Target, ssh_cmd_line, ssh_powershell_line

TARGET = Target("wsl.exe", "D", "u")


class FakeCarrier:
    """The public methods of ansible-core's ssh connection."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []

    def exec_command(self, line: str, in_data: bytes, sudoable: bool) -> tuple[int, bytes, bytes]:
        self.log.append((line, in_data, sudoable))
        return 1, b"out", b"err"

    def close(self) -> None:
        self.log.append(("close",))

    def reset(self) -> None:
        self.log.append(("reset",))


@pytest.mark.parametrize(("shell", "line"), [("cmd", ssh_cmd_line(TARGET)), ("powershell", ssh_powershell_line(TARGET))])
def test_a_command_is_the_line_of_the_servers_shell(shell: str, line: str) -> None:
    carrier = FakeCarrier()
    channel = SshChannel(carrier, shell)
    channel.open()
    assert channel.run(TARGET, b"in") == Ended(1, b"out", b"err")
    assert carrier.log == [(line, b"in", False)]


def test_a_reset_ends_the_control_socket_too_and_a_close_does_not() -> None:
    carrier = FakeCarrier()
    channel = SshChannel(carrier, "cmd")
    channel.close()
    channel.reset()
    assert carrier.log == [("close",), ("reset",)]
