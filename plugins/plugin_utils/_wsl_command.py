# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a command gets into a WSL distribution through cmd.exe and wsl.exe, and how its exit code comes back: text only, no wire.

The command line that Windows sees is constant but for two validated names; everything else travels on standard input, so that
nothing is quoted, expanded or logged on the Windows side. An exit code other than 0 comes back in a trailer on standard error: wsl.exe takes
67 and 87 for its own errors, and cmd.exe has 1 for a program that it does not find, so only the trailer proves that the command was run.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import re
import shlex
import typing as t
from dataclasses import dataclass

from ansible.errors import AnsibleError

DEFAULT_EXECUTABLE = r"C:\Program Files\WSL\wsl.exe"

# cmd.exe refuses longer lines; over WinRM it can even answer nothing and exit code 0 (https://github.com/mondoohq/mql/pull/10552).
LONGEST_LINE = 8191

# wsl.exe splits -d and -u at blanks and does not know quotes before --exec.
NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*")

# A path that means nothing to cmd.exe, in quotes or not.
EXECUTABLE = re.compile(r"[A-Za-z0-9 ._:\\()~-]+")

# For cmd.exe the operators stand inside double quotes and `$c` outside: nothing here is special to it on either side.
BOOTSTRAP = r'"IFS= read -r c; c=$(printf %s $c|base64 -d); eval \"$c\""'

SEND_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Target:
    """Whose shell in which distribution; `user` and `distribution` may be empty: WSL's own defaults."""

    executable: str
    distribution: str
    user: str

    def as_user(self, user: str) -> Target:
        return Target(self.executable, self.distribution, user)


def validated_name(what: str, variable: str, name: str) -> str:
    """The name, or an explanation: wsl.exe cannot be given any other, and no user text may reach a Windows command line."""
    if NAME.fullmatch(name):
        return name
    raise AnsibleError(
        f"{variable}: {name!r} cannot be the name of a {what}. Write one that has only the characters A-Z a-z 0-9 . _ - and does not begin with a hyphen: "
        "wsl.exe splits its command line at blanks and knows no quotes there."
    )


def program(executable: str) -> str:
    """wsl.exe as cmd.exe has to be told about it.

    A path with a blank needs quotes, and of a line that *begins* with a quote cmd.exe drops the first and the last one (`cmd /?`). The `@`, which
    only switches the echo off, keeps the quote from being the first character; it also holds if the line is put into quotes once more.
    """
    if not EXECUTABLE.fullmatch(executable) or not executable.lower().endswith(".exe"):
        raise AnsibleError(f"ansible_wsl_executable: {executable!r} is not a plain Windows path of an .exe file, such as {DEFAULT_EXECUTABLE}.")
    return f'@"{executable}"' if re.search(r"[ ()]", executable) else executable


def command_line(target: Target) -> str:
    """The whole line for cmd.exe. It ends in a shell that reads its real command, in base64, from the first line of its input."""
    words = [program(target.executable)]
    if target.distribution:
        words += ["-d", validated_name("WSL distribution", "ansible_wsl_distribution", target.distribution)]
    if target.user:
        words += ["-u", validated_name("Linux user", "ansible_wsl_user", target.user)]
    line = " ".join([*words, "--exec", "/bin/sh", "-c", BOOTSTRAP])
    if len(line) > LONGEST_LINE:
        raise AnsibleError(f"The command line for wsl.exe has {len(line)} characters; cmd.exe takes at most {LONGEST_LINE}.")
    return line


def script(command: str, mark: str, input_is_encoded: bool = False) -> bytes:
    """What the shell really runs, as the first line of its input: the command in the user's home, and if it fails the trailer with its exit code.

    The command runs in a subshell, so that its `exit` does not end the shell that reports the code. Success needs no trailer: neither wsl.exe nor
    cmd.exe say 0 for something that was not run, and a trailer would cost one more round trip.
    """
    run = '(eval " $c")'
    if input_is_encoded:
        run = f"base64 -d | {run}"
    text = f"c={shlex.quote(command)}; cd 2>/dev/null || cd /; {run} && exit 0; printf '\\036%s %s\\036' {mark} $? >&2; exit 1"
    return base64.b64encode(text.encode("utf-8", "surrogateescape")) + b"\n"


def split_trailer(stderr: bytes, mark: str) -> tuple[bytes, int | None]:
    """Standard error without the trailer, and the exit code in it; None when there is none."""
    found = list(re.finditer(rb"\x1e" + mark.encode("ascii") + rb" (\d+)\x1e", stderr))
    if not found:
        return stderr, None
    last = found[-1]
    return stderr[: last.start()] + stderr[last.end() :], int(last.group(1))


def own_words(data: bytes) -> str:
    """What wsl.exe or cmd.exe itself said: UTF-16LE unless WSL_UTF8=1 was heeded (inbox WSL does not)."""
    if b"\x00" in data:
        return data.decode("utf-16-le", "replace").lstrip("\ufeff").strip("\x00").strip()
    return data.decode("utf-8", "replace").lstrip("\ufeff").strip()


def chunks(pieces: t.Iterable[bytes], size: int = SEND_CHUNK) -> t.Iterator[tuple[bytes, bool]]:
    """The pieces regrouped into sends of at most `size` bytes, each with the word whether it is the last: without that word there is no end of input."""
    pending = b""
    for piece in pieces:
        pending += piece
        while len(pending) > size:
            yield pending[:size], False
            pending = pending[size:]
    yield pending, True
