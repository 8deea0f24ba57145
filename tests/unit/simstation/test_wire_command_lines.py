# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables for the three layers of Windows quoting: cmd.exe, CommandLineToArgvW, wsl.exe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simstation import argv, cmdexe, wsl_exe

# Rows 2-6 are the examples of Microsoft's documentation of CommandLineToArgvW.
ARGUMENTS = [
    ("a  b\tc", ["a", "b", "c"]),
    ('"a b c" d e', ["a b c", "d", "e"]),
    (r'"ab\"c" "\\" d', ['ab"c', "\\", "d"]),
    (r'a\\\b d"e f"g h', ["a\\\\\\b", "de fg", "h"]),
    (r"a\\\"b c d", ['a\\"b', "c", "d"]),
    (r'a\\\\"b c" d e', ["a\\\\b c", "d", "e"]),
    ('""', [""]),
    ('a "" b', ["a", "", "b"]),
    ('"a"" b', ['a"', "b"]),
    ('"a""" b', ['a" b']),
    (r'"C:\dir\\" x', ["C:\\dir\\", "x"]),
    ("é 中", ["é", "中"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), ARGUMENTS)
def test_arguments_are_split_as_by_commandlinetoargvw(text: str, expected: list[str]) -> None:
    assert argv.split_arguments(text) == expected


@given(st.lists(st.text(alphabet='ab \t\\"%é', max_size=8), max_size=5))
def test_join_is_the_inverse_of_split(arguments: list[str]) -> None:
    assert argv.split_arguments(argv.join(arguments)) == arguments


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("wsl.exe -l -v", ["wsl.exe", "-l", "-v"]),
        (r'"C:\Program Files\WSL\wsl.exe" --version', [r"C:\Program Files\WSL\wsl.exe", "--version"]),
        (r'C:\a"b c"', [r'C:\a"b', "c"]),
    ],
)
def test_program_name_ends_at_its_quote_or_blank(line: str, expected: list[str]) -> None:
    assert argv.split(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("wsl.exe -l", "wsl.exe -l"),
        (r'"C:\Program Files\WSL\wsl.exe" -l', r'"C:\Program Files\WSL\wsl.exe" -l'),
        (r'"C:\Windows\System32\wsl.exe" -l', r"C:\Windows\System32\wsl.exe -l"),
        (r'"C:\Program Files\WSL\wsl.exe" --exec "a b"', r'C:\Program Files\WSL\wsl.exe" --exec "a b'),
        (r'""C:\Program Files\WSL\wsl.exe" --exec "a b""', r'"C:\Program Files\WSL\wsl.exe" --exec "a b"'),
    ],
)
def test_cmd_strips_the_outer_quotes(line: str, expected: str) -> None:
    assert cmdexe.strip_outer_quotes(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo %NAME% %name%", "echo value value"),
        ('echo "%NAME%"', 'echo "value"'),
        ("echo %UNKNOWN% 100%", "echo %UNKNOWN% 100%"),
        ("echo a^&b ^^", "echo a&b ^"),
        ('echo "a^&b | c > d"', 'echo "a^&b | c > d"'),
        ("echo first\nsecond", "echo first"),
        (r'@"C:\Program Files\WSL\wsl.exe" -l', r'"C:\Program Files\WSL\wsl.exe" -l'),
    ],
)
def test_cmd_expands_and_unescapes(line: str, expected: str) -> None:
    assert cmdexe.parse(line, {"Name": "value"}) == cmdexe.Line({}, expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('set A=1&set B=x y &"C:\\a b\\wsl.exe" -c "b && c || d"||exit 1', cmdexe.Line({"A": "1", "B": "x y "}, '"C:\\a b\\wsl.exe" -c "b && c || d"', 1)),
        ("SET A=%NAME%&wsl.exe -l", cmdexe.Line({"A": "value"}, "wsl.exe -l")),
        ("wsl.exe ^&^& a||EXIT 7", cmdexe.Line({}, "wsl.exe && a", 7)),
    ],
)
def test_variables_may_be_set_in_front_and_a_code_for_failure_given_behind(line: str, expected: cmdexe.Line) -> None:
    assert cmdexe.parse(line, {"Name": "value"}) == expected


def test_a_code_for_failure_does_not_touch_success() -> None:
    line = cmdexe.parse("a||exit 7", {})
    assert [line.exit_code(code) for code in (0, 1, -1)] == [0, 7, 7]


@pytest.mark.parametrize("line", ["a & b", "a && b", "set A=1&&b", "a | b", "a > b", "a < b", "(a)", "a %NAME:~0,1%", "a||b", "a||exit 1||exit 2", "set A=1|b"])
def test_other_operators_are_refused(line: str) -> None:
    with pytest.raises(cmdexe.NotSimple):
        cmdexe.parse(line, {"NAME": "value"})


def test_wsl_exec_splits_as_windows_does() -> None:
    invocation = wsl_exe.parse(r'-d Ubuntu-24.04 -u dev --cd "/a b" --exec /bin/sh -c "a \"b\" $c"')
    assert (invocation.distribution, invocation.user, invocation.directory) == ("Ubuntu-24.04", "dev", "/a b")
    assert invocation.command == ["/bin/sh", "-c", 'a "b" $c']


@pytest.mark.parametrize(("line", "text"), [("-- echo  $HOME", "echo  $HOME"), ("echo  $HOME", "echo  $HOME"), ("-d x ls *", "ls *")])
def test_wsl_without_exec_hands_the_raw_text_to_a_shell(line: str, text: str) -> None:
    invocation = wsl_exe.parse(line)
    assert invocation.shell_text == text
    assert invocation.command is None


def test_wsl_does_not_strip_the_quotes_of_a_distribution() -> None:
    assert wsl_exe.parse('-d "My Distro" --exec id').distribution == '"My'


def test_wsl_management_words_are_split() -> None:
    assert wsl_exe.parse(r'--import x "C:\a b" C:\f.tar --version 2').management == ["--import", "x", "C:\\a b", "C:\\f.tar", "--version", "2"]


@pytest.mark.parametrize("line", ["--no-such-option", "-x", "-d", "-u  "])
def test_wsl_refuses_what_it_does_not_know(line: str) -> None:
    with pytest.raises(wsl_exe.Refused):
        wsl_exe.parse(line)


@pytest.mark.parametrize(
    ("variables", "encoding"),
    [({}, "utf-16-le"), ({"WSL_UTF8": "1"}, "utf-8"), ({"WSL_UTF8": "0"}, "utf-16-le"), ({"WSL_UTF8": "true"}, "utf-16-le")],
)
def test_wsl_text_is_utf16_unless_asked(variables: dict[str, str], encoding: str) -> None:
    assert wsl_exe.encode("é\n", variables) == "é\r\n".encode(encoding)
