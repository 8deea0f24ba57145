# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel over ssh: the line of the server's shell, input without a terminal, and what a reset gives up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._ssh_channel import SshChannel
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import BOOTSTRAP, Target, ssh_cmd_line, ssh_powershell_line

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


class BrokenPipe(FakeCarrier):
    """ansible-core's ssh (`_send_initial_data`): what is given breaks the pipe; to an empty line the other end tells `rc`."""

    def __init__(self, rc: int, cause: OSError) -> None:
        super().__init__()
        self.rc, self.cause = rc, cause

    def exec_command(self, line: str, in_data: bytes, sudoable: bool) -> tuple[int, bytes, bytes]:
        self.log.append((line, in_data, sudoable))
        assert in_data, "without input ansible-core gives ssh a terminal that never ends (`_bare_run`)"
        if in_data != b"\n":
            raise AnsibleConnectionFailure("Data could not be sent to remote host") from self.cause
        return self.rc, b"Error code: Wsl/E_INVALIDARG", b""


def test_a_program_that_ends_without_reading_is_asked_again_with_nothing_to_do() -> None:
    carrier = BrokenPipe(1, BrokenPipeError())
    assert SshChannel(carrier, "cmd").run(TARGET, b"in") == Ended(1, b"Error code: Wsl/E_INVALIDARG", b"")
    assert [input_ for _line, input_, _sudoable in carrier.log] == [b"in", b"\n"]


@pytest.mark.parametrize(("rc", "cause", "calls"), [(0, BrokenPipeError(), 2), (1, TimeoutError(), 1)])
def test_a_connection_that_breaks_under_a_command_is_a_failure(rc: int, cause: OSError, calls: int) -> None:
    carrier = BrokenPipe(rc, cause)
    with pytest.raises(AnsibleConnectionFailure, match="could not be sent"):
        SshChannel(carrier, "powershell").run(TARGET, b"in")
    assert len(carrier.log) == calls


# The first time ssh stays, but nobody reads; the second time the shell in the distribution starts, as it does after a connection that broke.
BREAKS_ONCE = """#!/bin/sh
case " $* " in *" -O "*|*" -V "*) exit 0;; esac
if mkdir '{begun}' 2>/dev/null; then exec <&-; sleep 1; exit 1; fi
exec timeout 3 /bin/sh -c '{bootstrap}'
"""


def test_asking_again_comes_to_an_end_with_the_real_ssh_connection(tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text(BREAKS_ONCE.format(begun=tmp_path / "begun", bootstrap=BOOTSTRAP), encoding="utf-8")
    program.chmod(0o755)
    carrier = connection_loader.get("ssh", PlayContext(), "/dev/null")
    carrier.set_options(var_options={"ansible_host": "box", "ansible_ssh_executable": str(program), "ansible_ssh_args": ""})
    with pytest.raises(AnsibleConnectionFailure, match="could not be sent"):
        SshChannel(carrier, "cmd").run(TARGET, b"in" * 1_000_000)
    assert (tmp_path / "begun").is_dir()
