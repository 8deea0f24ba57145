# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH front of a station with a real SSH client: logins, what the default shell makes of a command, bytes, exit codes, going down and up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.simstation.cmdexe import CommandShell
from tests.simstation.openssh import default_shell
from tests.simstation.openssh.default_shell import DefaultShell, NotSimple
from tests.simstation.openssh.server import Keys, Loop, Machine, SshServer, create_keys
from tests.simstation.scenarios import document
from tests.simstation.station import Station
from tests.simstation.troubles import Rule, Troubles, parse
from tests.simstation.wsman.server import WireLog

PASSWORD = "Correct-Horse-42"
EVERY_BYTE = bytes(range(256)) * 3000
IN_WSL = "wsl.exe -d Ubuntu-24.04 --exec"


class Front:
    """One station's sshd and a client."""

    def __init__(self, directory: Path, shell: str, scenario: str = "healthy", troubles: Sequence[Rule] = ()) -> None:
        self.station = Station("ws1", document("ws1", scenario), directory / "ws1")
        self.keys: Keys = create_keys(directory)
        self.loop = Loop()
        self.wire_log = directory / "wire.jsonl"
        self.log = WireLog(self.wire_log)
        default_shell = DefaultShell(self.station, CommandShell(self.station), shell)
        machine = Machine("ws1", lambda: {"dev": PASSWORD}, default_shell, self.station.record_error, Troubles(troubles))
        self.server = SshServer(machine, self.loop, self.keys, self.log)

    def run(self, command: str, stdin: bytes = b"", **options: Any) -> tuple[bytes, bytes, int | None]:
        return asyncio.run(self._run(command, stdin, {"username": "dev", "password": PASSWORD, "client_keys": None, **options}))

    async def _run(self, command: str, stdin: bytes, login: dict[str, Any]) -> tuple[bytes, bytes, int | None]:
        known = asyncssh.read_known_hosts(str(self.keys.known_hosts))
        async with asyncssh.connect("127.0.0.1", self.server.port, known_hosts=known, config=None, agent_path=None, **login) as connection:
            done = await connection.run(command, input=stdin, encoding=None)
            assert isinstance(done.stdout, bytes)
            assert isinstance(done.stderr, bytes)
            return done.stdout, done.stderr, done.exit_status

    def close(self) -> None:
        from tests.simstation.serve import close_parts

        self.server.stop()
        self.loop.stop()
        self.station.close()
        close_parts(self.station)
        self.log.close()


@pytest.fixture(scope="module")
def cmd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(tmp_path_factory.mktemp("cmd"), "cmd")
    yield front
    front.close()


@pytest.fixture(scope="module")
def powershell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(tmp_path_factory.mktemp("powershell"), "powershell")
    yield front
    front.close()


@pytest.mark.parametrize("shell", ["cmd", "powershell"])
def test_every_byte_goes_in_and_comes_out(request: pytest.FixtureRequest, shell: str) -> None:
    front: Front = request.getfixturevalue(shell)
    assert front.run(f"{IN_WSL} /bin/cat", EVERY_BYTE) == (EVERY_BYTE, b"", 0)
    assert json.loads(front.wire_log.read_text().splitlines()[-1])["bytes_in"] == len(EVERY_BYTE)
    assert front.station.errors == []


def test_key_and_password_log_in_and_a_wrong_one_does_not(cmd: Front) -> None:
    assert cmd.run(f"{IN_WSL} /bin/true", password=None, client_keys=[cmd.keys.client])[2] == 0
    assert cmd.run(f"{IN_WSL} /bin/true", username="DEV")[2] == 0
    with pytest.raises(asyncssh.PermissionDenied):
        cmd.run(f"{IN_WSL} /bin/true", password="wrong")
    with pytest.raises(asyncssh.PermissionDenied):
        cmd.run(f"{IN_WSL} /bin/true", password=None, client_keys=[asyncssh.generate_private_key("ssh-ed25519")])


@pytest.mark.parametrize("command", ['"C:\\Program Files\\WSL\\wsl.exe"', "wsl", "C:\\Windows\\System32\\wsl.exe"])
def test_cmd_takes_the_command_as_it_is(cmd: Front, command: str) -> None:
    assert cmd.run(f'{command} -d Ubuntu-24.04 --exec /bin/sh -c "echo a\\"b; echo no >&2; exit 67"')[1:] != (b"", 0)
    assert cmd.run(f"{command} -d Ubuntu-24.04 --exec /bin/sh -c \"echo 'a b'; echo no >&2; exit 66\"") == (b"a b\n", b"no\n", 66)


def test_powershell_hands_an_exit_code_on_only_when_told(powershell: Front) -> None:
    call = "& 'C:\\Program Files\\WSL\\wsl.exe' -d Ubuntu-24.04 --exec /bin/sh -c 'exit 66'"
    assert powershell.run(call)[2] == 1
    assert powershell.run(f"{call}; exit $LASTEXITCODE")[2] == 66
    assert powershell.run(f"{call};exit [int]($LASTEXITCODE -ne 0)")[2] == 1
    assert powershell.station.errors == []


@pytest.mark.parametrize(
    ("shell", "command"),
    [("cmd", "set WSL_UTF8=1&wsl.exe -d nope --exec /bin/true||exit 9"), ("powershell", "$env:WSL_UTF8=1;$env:A='b c';wsl.exe '-d' 'nope';exit $LASTEXITCODE")],
)
def test_variables_are_set_in_front_of_the_call(request: pytest.FixtureRequest, shell: str, command: str) -> None:
    out, _error, code = request.getfixturevalue(shell).run(command)
    assert out.startswith(b"There is no distribution with the supplied name.\r\n")
    assert code == (9 if shell == "cmd" else 255)  # the lowest byte of -1


def test_powershell_without_the_program_fails_unless_the_exit_code_is_asked_for(tmp_path: Path) -> None:
    front = Front(tmp_path, "powershell", "factory_fresh")
    try:
        call = "& 'C:\\Program Files\\WSL\\wsl.exe' --version"
        out, error, code = front.run(call)
        assert (out, code) == (b"", 1)
        assert b"is not recognized as the name of a cmdlet" in error
        assert front.run(f"{call}; exit $LASTEXITCODE")[2] == 0
        assert front.run(f"{call};exit [int]($LASTEXITCODE -ne 0)")[2] == 1
    finally:
        front.close()


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("wsl.exe -d X", "wsl.exe -d X"),
        ("& 'C:\\a b\\wsl.exe' -c \"it's\"", "& 'C:\\a b\\wsl.exe' -c \"it's\""),
        ("'C:\\a  b\\wsl.exe'  -d", "'C:\\a b\\wsl.exe' -d"),
    ],
)
def test_sshd_quotes_for_powershell_but_not_what_begins_with_a_single_quote(sent: str, seen: str) -> None:
    assert default_shell.as_powershell_reads(sent) == seen


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("wsl.exe -d X", "wsl.exe -d X"),
        ("& 'C:\\a b\\wsl.exe' -d X", '"C:\\a b\\wsl.exe" -d X'),
        ("wsl.exe -c 'a b' \"it's\"", 'wsl.exe -c "a b" it\'s'),
        ("wsl.exe 'say \"hi you\"' 'a \"b\" c'", 'wsl.exe "say "hi you"" "a "b" c"'),
        ('wsl.exe --% -c "%USERNAME% $x"', 'wsl.exe -c "dev $x"'),
    ],
)
def test_powershell_makes_a_command_line_with_its_well_known_trap(text: str, line: str) -> None:
    assert default_shell.native_line(text, {"USERNAME": "dev"}) == line


@pytest.mark.parametrize(
    "text", ["wsl.exe $x", "wsl.exe | more", "'wsl.exe' -d X", "& { wsl.exe }", 'wsl.exe "$x"', "wsl.exe a,b", "wsl.exe 'a'b", "", "wsl `a"]
)
def test_other_powershell_is_not_simple(text: str) -> None:
    with pytest.raises(NotSimple):
        default_shell.native_line(text, {})


@pytest.mark.parametrize(("shell", "command"), [("cmd", "dir"), ("cmd", "wsl.exe & dir"), ("powershell", "Get-ChildItem"), ("powershell", "$a = 1")])
def test_what_is_not_imitated_fails_and_is_written_down(request: pytest.FixtureRequest, shell: str, command: str) -> None:
    front: Front = request.getfixturevalue(shell)
    _out, error, code = front.run(command)
    assert error.startswith(b"not simulated:")
    assert code == 1
    assert front.station.errors
    front.station.errors.clear()


def test_a_terminal_is_refused(cmd: Front) -> None:
    assert cmd.run(f"{IN_WSL} /bin/true")[2] == 0

    async def with_terminal() -> int | None:
        async with asyncssh.connect(
            "127.0.0.1", cmd.server.port, known_hosts=None, config=None, agent_path=None, username="dev", client_keys=[cmd.keys.client]
        ) as connection:
            return (await connection.run(f"{IN_WSL} /bin/true", term_type="xterm")).exit_status

    assert asyncio.run(with_terminal()) == 1
    assert [error["what"] for error in cmd.station.errors] == ["SSH session that is not one command without a terminal"]
    cmd.station.errors.clear()


def test_a_machine_that_goes_down_ends_sessions_and_comes_back_on_its_port(tmp_path: Path) -> None:
    front = Front(tmp_path, "cmd")
    try:
        going = threading.Timer(0.3, front.server.power_off)
        going.start()
        assert front.run(f"{IN_WSL} /bin/sleep 20")[2] is None
        going.join()
        with pytest.raises(OSError, match="refused|Connect call failed"):
            front.run(f"{IN_WSL} /bin/true")
        front.server.power_on()
        assert front.run(f"{IN_WSL} /bin/true")[2] == 0
    finally:
        front.close()


def test_scripted_troubles_of_commands(tmp_path: Path) -> None:
    script = [{"trouble": "lose"}, {"trouble": "drop", "request": 2, "after": 100}, {"trouble": "slow", "request": 3, "seconds": 0.1}]
    front = Front(tmp_path, "cmd", troubles=parse(script))
    try:
        assert front.run(f"{IN_WSL} /bin/cat", EVERY_BYTE)[2] is None
        out, _error, code = front.run(f"{IN_WSL} /bin/cat", EVERY_BYTE)
        assert code is None
        assert len(out) < len(EVERY_BYTE)
        assert front.run(f"{IN_WSL} /bin/cat", b"third") == (b"third", b"", 0)
        assert front.station.errors == []
    finally:
        front.close()
