# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a command gets into a WSL distribution through a Windows shell and wsl.exe, and how its exit code comes back: text only, no wire.

The command line that Windows sees is constant but for a validated path and two validated names; everything else travels on standard input,
so that nothing is quoted, expanded or logged on the Windows side. An exit code other than 0 comes back in a trailer on standard error: wsl.exe takes
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

# Where the MSI of WSL 2 puts it, and the one of Windows itself, which can be a mere stub.
DEFAULT_EXECUTABLE = r"C:\Program Files\WSL\wsl.exe"
SYSTEM32_EXECUTABLE = r"C:\Windows\System32\wsl.exe"

# WSL_UTF8: wsl.exe speaks UTF-8 instead of UTF-16; WSL_DISABLE_WARNINGS: its remarks on .wslconfig stay out of the command's standard error.
ENVIRONMENT = {"WSL_UTF8": "1", "WSL_DISABLE_WARNINGS": "1"}

# cmd.exe refuses longer lines; over WinRM it can even answer nothing and exit code 0 (https://github.com/mondoohq/mql/pull/10552).
LONGEST_LINE = 8191

# wsl.exe splits -d and -u at blanks and does not know quotes before --exec.
NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*")

# A path that means nothing to cmd.exe, in quotes or not.
EXECUTABLE = re.compile(r"[A-Za-z0-9 ._:\\()~-]+")

# Neither quotes nor percent signs nor carets, so that it means the same inside the quotes of cmd.exe and of PowerShell, and PowerShell 5.1 cannot
# mangle it. With an empty IFS and no globbing an unquoted `$c` is one word. `&&`: a distribution without base64 must not look like a success.
BOOTSTRAP = "read -r c;set -f;IFS=;c=$(echo $c|base64 -d)&&eval $c"

# Input with which that shell does nothing, and ends with 0.
NOTHING_TO_DO = b"\n"

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


def validated_executable(path: str) -> str:
    if EXECUTABLE.fullmatch(path) and path.lower().endswith(".exe"):
        return path
    raise AnsibleError(f"ansible_wsl_executable: {path!r} is not a plain Windows path of an .exe file, such as {DEFAULT_EXECUTABLE}.")


def _arguments(target: Target) -> list[str]:
    """The arguments of wsl.exe up to the bootstrap, which needs quotes."""
    words: list[str] = []
    if target.distribution:
        words += ["-d", validated_name("WSL distribution", "ansible_wsl_distribution", target.distribution)]
    if target.user:
        words += ["-u", validated_name("Linux user", "ansible_wsl_user or become_user", target.user)]
    return [*words, "--exec", "/bin/sh", "-c"]


def _quoted_program(target: Target) -> str:
    path = validated_executable(target.executable)
    return f'"{path}"' if re.search(r"[ ()]", path) else path


def winrs_line(target: Target) -> str:
    """The line for the cmd.exe of a WinRS shell, whose environment the shell already has.

    Of a line that *begins* with a quote cmd.exe drops the first and the last one (`cmd /?`). The `@`, which only switches the echo off, keeps the
    quote from being the first character.
    """
    program = _quoted_program(target)
    return _fitting(" ".join(["@" + program if program.startswith('"') else program, *_arguments(target), f'"{BOOTSTRAP}"']))


def ssh_cmd_line(target: Target) -> str:
    """The line for an OpenSSH server whose shell is cmd.exe. sshd gives no environment, and wsl.exe's -1 would arrive as 255: ssh's own failure."""
    environment = "".join(f"set {name}={value}&" for name, value in ENVIRONMENT.items())
    return _fitting(environment + " ".join([_quoted_program(target), *_arguments(target), f'"{BOOTSTRAP}"']) + "||exit 1")


def ssh_powershell_line(target: Target) -> str:
    """The same for PowerShell. Without `exit` it would say 0 or 1 by its own rules; a program that it does not find leaves $LASTEXITCODE null."""
    environment = "".join(f"$env:{name}={value};" for name, value in ENVIRONMENT.items())
    words = " ".join(f"'{word}'" for word in [validated_executable(target.executable), *_arguments(target), BOOTSTRAP])
    return _fitting(f"{environment}& {words};exit [int]($LASTEXITCODE -ne 0)")


def _fitting(line: str) -> str:
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
    text = f"IFS=' \t\n'; set +f; c={shlex.quote(command)}; cd 2>/dev/null || cd /; {run} && exit 0; printf '\\036%s %s\\036' {mark} $? >&2; exit 1"
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


def sends(data: bytes, size: int = SEND_CHUNK) -> t.Iterator[tuple[bytes, bool]]:
    """The data in sends of at most `size` bytes, each with the word whether it is the last: without that word there is no end of input."""
    for start in range(0, max(1, len(data)), size):
        yield data[start : start + size], start + size >= len(data)
