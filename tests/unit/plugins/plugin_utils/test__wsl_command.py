# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that cmd.exe gets is constant but for two names; the script behind it keeps bytes and exit codes exact in a real shell."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell
from ansible.errors import AnsibleError
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import (
    BOOTSTRAP,
    DEFAULT_EXECUTABLE,
    LONGEST_LINE,
    NOTHING_TO_DO,
    Target,
    own_words,
    script,
    sends,
    split_trailer,
    ssh_cmd_line,
    ssh_powershell_line,
    validated_executable,
    winrs_line,
)

SYSTEM32 = "C:\\Windows\\System32\\wsl.exe"
END = f'--exec /bin/sh -c "{BOOTSTRAP}"'
LINES = [
    (Target(SYSTEM32, "Ubuntu-24.04", "dev"), f"{SYSTEM32} -d Ubuntu-24.04 -u dev {END}"),
    (Target(SYSTEM32, "Ubuntu-24.04", ""), f"{SYSTEM32} -d Ubuntu-24.04 {END}"),
    (Target(SYSTEM32, "", "root"), f"{SYSTEM32} -u root {END}"),
    (Target(SYSTEM32, "", ""), f"{SYSTEM32} {END}"),
    (Target(DEFAULT_EXECUTABLE, "a_b", "x"), f'@"C:\\Program Files\\WSL\\wsl.exe" -d a_b -u x {END}'),
    (Target("wsl.exe", "D", "u"), f"wsl.exe -d D -u u {END}"),
    (Target("C:\\PROGRA~1\\WSL\\wsl.exe", "D", "u"), f"C:\\PROGRA~1\\WSL\\wsl.exe -d D -u u {END}"),
]


@pytest.mark.parametrize(("target", "line"), LINES)
def test_the_line_of_a_remote_shell(target: Target, line: str) -> None:
    assert winrs_line(target) == line
    assert not line.startswith('"'), "cmd.exe would drop the first and the last quote"


def test_the_line_of_an_ssh_server_with_cmd_exe() -> None:
    assert ssh_cmd_line(Target(DEFAULT_EXECUTABLE, "D", "u")) == (
        f'set WSL_UTF8=1&set WSL_DISABLE_WARNINGS=1&"C:\\Program Files\\WSL\\wsl.exe" -d D -u u --exec /bin/sh -c "{BOOTSTRAP}"||exit 1'
    )


def test_the_line_of_an_ssh_server_with_powershell() -> None:
    assert ssh_powershell_line(Target(DEFAULT_EXECUTABLE, "", "u")) == (
        "$env:WSL_UTF8=1;$env:WSL_DISABLE_WARNINGS=1;"
        f"& 'C:\\Program Files\\WSL\\wsl.exe' '-u' 'u' '--exec' '/bin/sh' '-c' '{BOOTSTRAP}';exit [int]($LASTEXITCODE -ne 0)"
    )


def test_the_line_for_powershell_is_powershell() -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert not parser.parse(ssh_powershell_line(Target(DEFAULT_EXECUTABLE, "D", "u")).encode()).root_node.has_error


def test_the_bootstrap_means_the_same_inside_all_quotes() -> None:
    assert not set("'\"%^`") & set(BOOTSTRAP)


LINES_OF_SHELLS = [winrs_line, ssh_cmd_line, ssh_powershell_line]


@pytest.mark.parametrize("line", LINES_OF_SHELLS)
@pytest.mark.parametrize("name", ["a b", "a&b", 'a"b', "%PATH%", "-d", "--exec", "a\nb", "ü", "a/b", "$(x)", "a;b", "a'b"])
def test_names_that_wsl_exe_would_misread_are_refused(name: str, line: Callable[[Target], str]) -> None:
    with pytest.raises(AnsibleError, match="cannot be the name of a WSL distribution"):
        line(Target(SYSTEM32, name, "dev"))
    with pytest.raises(AnsibleError, match="cannot be the name of a Linux user"):
        line(Target(SYSTEM32, "Ubuntu", name))


@pytest.mark.parametrize("path", ["C:\\x & y\\wsl.exe", 'C:\\"x"\\wsl.exe', "C:\\%x%\\wsl.exe", "C:\\wsl", "wsl.exe --shutdown", "", "C:\\a\nwsl.exe"])
def test_executables_that_cmd_exe_would_misread_are_refused(path: str) -> None:
    with pytest.raises(AnsibleError, match="not a plain Windows path"):
        validated_executable(path)


def test_too_long_a_line_is_refused() -> None:
    with pytest.raises(AnsibleError, match=f"cmd.exe takes at most {LONGEST_LINE}"):
        winrs_line(Target(SYSTEM32, "D" * LONGEST_LINE, "dev"))


# The script, run by the real shell that the bootstrap is for.


def run(command: str, stdin: bytes = b"", encoded: bool = False) -> tuple[int | None, bytes, bytes]:
    """As wsl.exe runs it: exit code of the command, stdout, stderr."""
    data = script(command, "mark", encoded) + (base64.encodebytes(stdin) if encoded else stdin)
    ended = subprocess.run(["/bin/sh", "-c", BOOTSTRAP], input=data, capture_output=True, timeout=30, check=False)
    if ended.returncode == 0:
        return 0, ended.stdout, ended.stderr
    stderr, rc = split_trailer(ended.stderr, "mark")
    return rc, ended.stdout, stderr


@pytest.mark.parametrize("code", [0, 1, 2, 67, 87, 126, 127, 128, 254, 255])
def test_exit_codes_are_exact(code: int) -> None:
    assert run(f"echo out; echo err >&2; exit {code}") == (code, b"out\n", b"err\n")


COMMANDS = [
    ("echo 'a  b' \"$((1 + 1))\" % ^ '&' '|' '<' '>' ü '!'", b"a  b 2 % ^ & | < > \xc3\xbc !\n"),
    ("cat <<'END'\n$HOME\nEND", b"$HOME\n"),
    ("(echo a; echo b) | tail -n 1", b"b\n"),
    ("set -e; x=1; echo $x", b"1\n"),
    ("-x 2>/dev/null || echo no", b"no\n"),
    ("", b""),
]


@pytest.mark.parametrize(("command", "out"), COMMANDS)
def test_commands_are_not_touched_on_the_way(command: str, out: bytes) -> None:
    assert run(command) == (0, out, b"")


def test_a_syntax_error_is_the_commands_own() -> None:
    rc, _out, err = run("if")
    assert rc == 2
    assert b"\x1e" not in err


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=2000))
def test_input_and_output_are_byte_exact(data: bytes) -> None:
    encoded = not data.isascii()
    assert run("cat", data, encoded) == (0, data, b"")


def test_end_of_input_arrives() -> None:
    assert run("cat; cat; echo end") == (0, b"end\n", b"")


def test_trailer_is_found_among_other_output() -> None:
    assert split_trailer(b"before\x1emark 3\x1eafter", "mark") == (b"beforeafter", 3)
    assert split_trailer(b"\x1eother 3\x1e", "mark") == (b"\x1eother 3\x1e", None)


WORDS = [
    ("There is no distribution.\r\n".encode("utf-16-le"), "There is no distribution."),
    ("\ufeffNo hay ninguna distribución.\r\n".encode("utf-16-le"), "No hay ninguna distribución."),
    ("Es ist keine Distribution für".encode(), "Es ist keine Distribution für"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    (b"", ""),
]


@pytest.mark.parametrize(("data", "text"), WORDS)
def test_own_words(data: bytes, text: str) -> None:
    assert own_words(data) == text


SENDS = [
    (b"", [(b"", True)]),
    (b"abc", [(b"abc", True)]),
    (b"abcdef", [(b"abc", False), (b"def", True)]),
    (b"abcdefg", [(b"abc", False), (b"def", False), (b"g", True)]),
]


@pytest.mark.parametrize(("data", "sent"), SENDS)
def test_sends_always_end_the_input(data: bytes, sent: list[tuple[bytes, bool]]) -> None:
    assert list(sends(data, 3)) == sent


def test_a_distribution_without_base64_is_no_success() -> None:
    ended = subprocess.run(["/bin/sh", "-c", BOOTSTRAP], input=script("true", "mark"), env={"PATH": "/nowhere"}, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 127


def installed(shell: list[str]) -> list[str]:
    if not Path(shell[0]).exists():
        pytest.skip(f"{shell[0]} is not installed here")
    return shell


SHELLS = pytest.mark.parametrize("shell", [["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"]])


@SHELLS
def test_every_sh_ends_well_when_there_is_nothing_to_do(shell: list[str]) -> None:
    ended = subprocess.run([*installed(shell), "-c", BOOTSTRAP], input=NOTHING_TO_DO, capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@SHELLS
def test_every_sh_runs_it(shell: list[str]) -> None:
    data = script('printf "%s|" "$IFS" * a; read -r line; echo "$line"; exit 5', "mark") + b"in  put\n"
    ended = subprocess.run([*installed(shell), "-c", BOOTSTRAP], input=data, capture_output=True, timeout=30, check=False)
    assert split_trailer(ended.stderr, "mark") == (b"", 5)
    assert ended.stdout.startswith(b" \t\n|")
    assert ended.stdout.endswith(b"|a|in  put\n")
