# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel over a remote shell: used-up shells, late and busy answers, what is repeated and what never is, and nothing lost in cleaning up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.gpudev.workstation.plugins.plugin_utils import _winrs
from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import (
    BUSY,
    NOTHING_YET,
    OPERATIONS_USED_UP,
    SERVICE_UNAVAILABLE,
    SHELL_GONE,
    WinRSChannel,
    WireFailure,
)
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import Target, winrs_line

TARGET = Target("wsl.exe", "D", "u")
MAX_SHELLS = 0x803381A5


def failure(*codes: int) -> WireFailure:
    return WireFailure("the reason", codes)


@dataclass
class FakeWire:
    """Keeps what is asked of it; `trouble` maps a verb to failures that come before it works."""

    trouble: dict[str, list[WireFailure]] = field(default_factory=dict)
    output: list[tuple[bytes, bytes, int, bool]] = field(default_factory=lambda: [(b"out", b"err", 0, True)])
    log: list[tuple[Any, ...]] = field(default_factory=list)
    largest_send: int = 3
    is_open: bool = False

    def _turn(self, *entry: Any) -> None:
        self.log.append(entry)
        waiting = self.trouble.get(entry[0], [])
        if waiting:
            raise waiting.pop(0)

    def open(self, environment: Mapping[str, str]) -> None:
        self._turn("create", dict(environment))
        self.is_open = True

    def start(self, line: str) -> str:
        self._turn("command", line)
        return "command"

    def send(self, command: str, data: bytes, last: bool) -> None:
        self._turn("send", data, last)

    def receive(self, command: str) -> tuple[bytes, bytes, int, bool]:
        self._turn("receive")
        return self.output.pop(0)

    def end(self, command: str) -> None:
        self._turn("signal")

    def close(self) -> None:
        self.is_open = False
        self._turn("delete")

    def verbs(self) -> list[str]:
        return [entry[0] for entry in self.log]


def run(wire: FakeWire, stdin: bytes = b"in") -> Ended:
    return WinRSChannel(wire).run(TARGET, stdin)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_winrs, "PAUSE", 0.0)
    monkeypatch.setattr(_winrs, "PATIENCE", 0.2)


def test_one_command() -> None:
    wire = FakeWire()
    assert run(wire, b"input") == Ended(0, b"out", b"err")
    assert wire.log == [
        ("create", {"WSL_UTF8": "1", "WSL_DISABLE_WARNINGS": "1"}),
        ("command", winrs_line(TARGET)),
        ("send", b"inp", False),
        ("send", b"ut", True),
        ("receive",),
        ("signal",),
    ]


def test_a_second_command_uses_the_same_shell_until_it_is_closed() -> None:
    wire = FakeWire(output=[(b"", b"", 0, True)] * 2)
    channel = WinRSChannel(wire)
    for _time in range(2):
        channel.run(TARGET, b"")
    channel.reset()
    assert wire.verbs() == ["create", *["command", "send", "receive", "signal"] * 2, "delete"]


def test_output_comes_in_pieces_and_silence_is_no_failure() -> None:
    wire = FakeWire({"receive": [failure(NOTHING_YET)]}, [(b"a", b"", -1, False), (b"b", b"x", -1, False), (b"", b"y", 7, True)])
    assert run(wire) == Ended(7, b"ab", b"xy")


@pytest.mark.parametrize("code", [OPERATIONS_USED_UP, SHELL_GONE])
def test_a_shell_that_is_used_up_is_replaced(code: int) -> None:
    wire = FakeWire({"command": [failure(code)], "delete": [failure(SHELL_GONE)]})
    assert run(wire).rc == 0
    assert wire.verbs() == ["create", "command", "delete", "create", "command", "send", "receive", "signal"]


def test_a_new_shell_that_is_used_up_at_once_is_no_endless_loop() -> None:
    with pytest.raises(AnsibleConnectionFailure, match="WinRM failed while a command ran: the reason"):
        run(FakeWire({"command": [failure(OPERATIONS_USED_UP)] * 2}))


@pytest.mark.parametrize("verb", ["create", "command", "send", "receive"])
@pytest.mark.parametrize("code", [BUSY, SERVICE_UNAVAILABLE, MAX_SHELLS])
def test_what_a_busy_host_refused_is_repeated(verb: str, code: int) -> None:
    wire = FakeWire({verb: [failure(code), failure(code)]})
    assert run(wire) == Ended(0, b"out", b"err")
    assert wire.verbs().count(verb) == 3


def test_operations_that_are_short_for_a_new_shell_are_waited_for() -> None:
    wire = FakeWire({"create": [failure(OPERATIONS_USED_UP)] * 2})
    assert run(wire).rc == 0
    assert wire.verbs()[:3] == ["create"] * 3


@pytest.mark.parametrize("verb", ["create", "command", "send", "receive"])
def test_a_host_that_stays_busy_is_unreachable(verb: str) -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"The host stayed busy for 0 s\. the reason"):
        run(FakeWire({verb: [failure(BUSY)] * 100000}))


def test_a_send_that_is_late_counts_as_sent() -> None:
    wire = FakeWire({"send": [failure(NOTHING_YET)]})
    run(wire, b"abcd")
    assert [entry[1] for entry in wire.log if entry[0] == "send"] == [b"abc", b"d"]


NEVER_REPEATED = [(verb, codes) for verb in ("command", "receive") for codes in ((), (1,), (500,), (401,))]


@pytest.mark.parametrize(("verb", "codes"), [*NEVER_REPEATED, ("send", ())])
def test_what_may_have_been_begun_is_never_repeated(verb: str, codes: tuple[int, ...]) -> None:
    wire = FakeWire({verb: [failure(*codes)]})
    with pytest.raises(AnsibleConnectionFailure, match="WinRM failed while a command ran: the reason"):
        run(wire)
    assert wire.verbs().count(verb) == 1


# What Windows says of the input of a program that has ended (https://github.com/ansible/ansible/issues/69595); the others stand for whatever else it may say.
PIPE_ENDED = 109
REFUSED_INPUT = pytest.mark.parametrize("code", [PIPE_ENDED, 1, 500, SHELL_GONE])


@REFUSED_INPUT
def test_a_program_that_ended_before_its_input_is_heard_all_the_same(code: int) -> None:
    wire = FakeWire({"send": [failure(code)]}, [(b"said", b"", -1, False), (b"", b"why", 1, True)])
    assert run(wire, b"input") == Ended(1, b"said", b"why")
    assert wire.verbs() == ["create", "command", "send", "receive", "receive", "signal"]


@REFUSED_INPUT
@pytest.mark.parametrize("silence", [NOTHING_YET, 1])
def test_a_program_that_waits_for_input_that_was_refused_is_given_up(code: int, silence: int) -> None:
    wire = FakeWire({"send": [WireFailure("the pipe", [code])], "receive": [failure(silence)]})
    with pytest.raises(AnsibleConnectionFailure, match="WinRM failed while a command ran: the pipe"):
        run(wire, b"input")
    assert wire.verbs() == ["create", "command", "send", "receive", "signal"]


def test_a_login_that_is_refused_is_unreachable() -> None:
    with pytest.raises(AnsibleConnectionFailure, match="^the reason$"):
        run(FakeWire({"create": [failure(401)]}))


def test_what_cannot_be_cleaned_up_does_not_hide_the_result() -> None:
    assert run(FakeWire({"signal": [failure(400)]})) == Ended(0, b"out", b"err")


def test_a_command_that_is_given_up_is_ended_on_the_host() -> None:
    wire = FakeWire()
    wire.output = []
    with pytest.raises(IndexError):
        run(wire)
    assert wire.verbs()[-1] == "signal"


def test_a_gone_shell_is_closed_enough() -> None:
    wire = FakeWire({"delete": [failure(SHELL_GONE)]})
    channel = WinRSChannel(wire)
    channel.open()
    channel.close()
    assert not wire.is_open
