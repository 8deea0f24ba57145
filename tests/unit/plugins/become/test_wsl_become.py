# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The become method wsl marks a command for the connection, changes nothing else of it, and takes no user from the Windows inventory."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.loader import become_loader, get_shell_plugin


def method(**options: Any) -> Any:
    plugin = become_loader.get("gpudev.workstation.wsl")
    plugin.set_options(var_options={"ansible_become_user": "Administrator"}, direct=options)
    return plugin


SHELL = get_shell_plugin(shell_type="sh", executable="/bin/sh")


def test_the_marked_command_does_what_it_did_and_prints_no_more() -> None:
    plugin = method()
    command = plugin.build_become_command("echo 'a  b'; exit 3", SHELL)
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, b"a  b\n", b"")
    assert plugin.marks(command)


def test_a_mark_is_good_for_one_command() -> None:
    plugin = method()
    first = plugin.build_become_command("true", SHELL)
    assert not plugin.marks("true")
    plugin.build_become_command("true", SHELL)
    assert not plugin.marks(first)


def test_an_empty_command_stays_empty() -> None:
    assert method().build_become_command("", SHELL) == ""


def test_the_windows_account_of_the_inventory_is_not_taken() -> None:
    assert method().get_option("become_user") == "root"
    assert method(become_user="ann").get_option("become_user") == "ann"


def test_nobody_is_no_user() -> None:
    with pytest.raises(AnsibleError, match="name the Linux user"):
        method(become_user="").build_become_command("true", SHELL)


def test_no_password_is_asked_for() -> None:
    assert not method().expect_prompt()
