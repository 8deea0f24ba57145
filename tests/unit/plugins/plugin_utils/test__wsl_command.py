# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that cmd.exe gets is constant but for two names; the script behind it keeps bytes and exit codes exact in a real shell."""

from __future__ import annotations

import base64
import subprocess

import pytest
from ansible.errors import AnsibleError
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import (
    BOOTSTRAP,
    DEFAULT_EXECUTABLE,
    LONGEST_LINE,
    Target,
    chunks,
    command_line,
    own_words,
    program,
    script,
    split_trailer,
)

SYSTEM32 = "C:\\Windows\\System32\\wsl.exe"
END = f"--exec /bin/sh -c {BOOTSTRAP}"
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
def test_command_line(target: Target, line: str) -> None:
    assert command_line(target) == line
    assert not line.startswith('"'), "cmd.exe would drop the first and the last quote"
    assert line.count("%") == 1, "a pair of % would be expanded"


@pytest.mark.parametrize("name", ["a b", "a&b", 'a"b', "%PATH%", "-d", "--exec", "a\nb", "ü", "a/b", "$(x)", "a;b"])
def test_names_that_wsl_exe_would_misread_are_refused(name: str) -> None:
    with pytest.raises(AnsibleError, match="cannot be the name of a WSL distribution"):
        command_line(Target(SYSTEM32, name, "dev"))
    with pytest.raises(AnsibleError, match="cannot be the name of a Linux user"):
        command_line(Target(SYSTEM32, "Ubuntu", name))


@pytest.mark.parametrize("path", ["C:\\x & y\\wsl.exe", 'C:\\"x"\\wsl.exe', "C:\\%x%\\wsl.exe", "C:\\wsl", "wsl.exe --shutdown", "", "C:\\a\nwsl.exe"])
def test_executables_that_cmd_exe_would_misread_are_refused(path: str) -> None:
    with pytest.raises(AnsibleError, match="not a plain Windows path"):
        program(path)


def test_too_long_a_line_is_refused() -> None:
    with pytest.raises(AnsibleError, match=f"cmd.exe takes at most {LONGEST_LINE}"):
        command_line(Target(SYSTEM32, "D" * LONGEST_LINE, "dev"))


# The script, run by the real shell that the bootstrap is for.


def run(command: str, stdin: bytes = b"", encoded: bool = False) -> tuple[int | None, bytes, bytes]:
    """As wsl.exe runs it: what stands between the quotes of the bootstrap goes to /bin/sh; exit code of the command, stdout, stderr."""
    text = BOOTSTRAP[1:-1].replace('\\"', '"')
    data = script(command, "mark", encoded) + (base64.encodebytes(stdin) if encoded else stdin)
    ended = subprocess.run(["/bin/sh", "-c", text], input=data, capture_output=True, timeout=30, check=False)
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


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([b""], [(b"", True)]),
        ([b"abc"], [(b"abc", True)]),
        ([b"ab", b"cd"], [(b"abc", False), (b"d", True)]),
        ([b"abcdef"], [(b"abc", False), (b"def", True)]),
        ([b"abcdefg", b""], [(b"abc", False), (b"def", False), (b"g", True)]),
    ],
)
def test_chunks_always_end_the_input(pieces: list[bytes], sent: list[tuple[bytes, bool]]) -> None:
    assert list(chunks(pieces, 3)) == sent
