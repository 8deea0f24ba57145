# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answering the password prompt of sudo, su and their like without a terminal and without a round trip of its own.

These methods read one line of standard input, byte by byte, and only if they want a password. A wrong one makes sudo ask again and take the next line,
which must not be the command's input. So the method first runs a mere `exit 0`, with the password as its whole input: that either works, or ends at the
end of input after a single try. Then it runs the command, whose input begins with the password once more and with a random line; the command,
once it runs as the other user, reads up to that line: what sudo did not take never reaches the command.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import secrets

from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.become import BecomeBase

# The password stands in no command line: printf is a builtin of dash, bash and busybox.
AFTER_A_TRIAL = r"""IFS= read -r p; e=$(printf '%s\n' "$p" | ({trial}) 2>&1 >/dev/null) || {{ x=$?; printf '%s\n' "$e" >&2; exit $x; }}; p=; {command}"""

# What a prompt ends with; su translates the word before it.
PROMPT = re.compile("^[^\n]*?(:|：) ?".encode())


def built_by(become: BecomeBase | None, command: str) -> BecomeBase | None:
    """The method, if this command was built by it; a task has others, too, that stay with the connection's user."""
    return become if become is not None and become.success and become.success in command else None


def with_password(become: BecomeBase, command: str, data: bytes) -> tuple[str, bytes]:
    """The command that tries and skips the password, and the input that begins with it twice. The words added to what the method built need no quotes,
    however deep they stand in them.

    Without a password to give, both are as they were.
    """
    if not become.expect_prompt():
        return command, data
    mark = f"END-{secrets.token_hex(8)}"
    announced = f"echo {become.success}"
    if announced not in command:
        raise AnsibleError(f"The become method {become.name} cannot be given a password through this connection; use one that needs none.")
    trial = command.replace(announced, f"{announced}; exit 0", 1)
    skipping = command.replace(announced, f"{announced}; while read -r x; do case $x in {mark}) break;; esac; done", 1)
    password = to_bytes(become.get_option("become_pass"), errors="surrogate_or_strict")
    return AFTER_A_TRIAL.format(trial=trial, command=skipping), b"%s\n%s\n%s\n%s" % (password, password, mark.encode(), data)


def without_prompt(become: BecomeBase, stderr: bytes) -> bytes:
    """Standard error without the prompt, which has no line end of its own."""
    prompt = PROMPT.match(stderr) if become.expect_prompt() else None
    return stderr[prompt.end() :] if prompt and become.check_password_prompt(prompt.group()) else stderr


def refusal(become: BecomeBase, stderr: bytes) -> str | None:
    """What to tell the user when the method did not believe the password, or missed it."""
    if become.check_incorrect_password(stderr):
        return f"Incorrect {become.name} password for user {become.get_option('become_user')} in the distribution."
    if become.check_missing_password(stderr):
        return f"Missing {become.name} password: set ansible_become_password, or use a become method that needs none, such as gpudev.workstation.wsl."
    return None
