# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of a become method, with the real sudo of this Debian or Ubuntu: in a mount namespace of its own, which nothing outside sees.

What the connection sends is fed to the real shell as wsl.exe would; only Windows is missing.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import become_loader, get_shell_plugin

from ansible_collections.gpudev.workstation.plugins.plugin_utils._become_password import refusal, with_password, without_prompt
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import BOOTSTRAP, script, split_trailer

# Nothing of the machine is written: everything goes into the upper layer of an overlay.
MACHINE = """set -e
mount -t tmpfs overlay "$1"; cd "$1"; mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cp "$2" root/sudo.deb; mount -t proc proc root/proc; mount --bind /dev root/dev; mount -t tmpfs -o mode=1777 tmpfs root/tmp
exec chroot root "$3" -c "$4"
"""
PROGRAM = """
import base64, json, subprocess, sys
case = json.load(sys.stdin)
for command, given in (("dpkg -i /sudo.deb", b""), ("useradd -m joe", b""), ("chpasswd", b"joe:right horse")):
    subprocess.run(command.split(), input=given, capture_output=True, check=True)
with open("/etc/sudoers.d/joe", "w") as file:
    file.write(case["sudoers"])
ended = subprocess.run(["su", "joe", "-s", "/bin/sh", "-c", case["shell"]], input=base64.b64decode(case["input"]), capture_output=True)
print(json.dumps([ended.returncode, *(base64.b64encode(stream).decode() for stream in (ended.stdout, ended.stderr))]))
"""
ASKING = "joe ALL=(ALL) ALL\n"
SUDOERS = {
    "asked": ASKING,
    "in a terminal of its own": f"Defaults use_pty\n{ASKING}",
    "asked each time": f"Defaults timestamp_timeout=0\n{ASKING}",
    "many tries": f"Defaults passwd_tries=9\n{ASKING}",
    "not asked": "joe ALL=(ALL) NOPASSWD: ALL\n",
}
DATA = b"import os\nmore of the module\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("the real sudo is tried by root on a Debian or Ubuntu only")
    directory = tmp_path_factory.mktemp("sudo")
    subprocess.run(["apt-get", "download", "-q", "sudo"], cwd=directory, capture_output=True, check=False)
    found = list(directory.glob("sudo_*.deb"))
    if not found:
        pytest.skip("the package sudo cannot be downloaded here")
    return found[0]


def ran(package: Path, directory: Path, sudoers: str, password: str) -> tuple[Any, int | None, bytes, bytes]:
    """The become method, and exit code, standard output and standard error as the connection would see them."""
    become = become_loader.get("sudo")
    become.set_options(var_options={}, direct={"become_user": "root", "become_pass": password})
    built = become.build_become_command("cat; echo err >&2; exit 3", get_shell_plugin(shell_type="sh", executable="/bin/sh"))
    command, data = with_password(become, built, DATA)
    case = {"sudoers": sudoers, "shell": BOOTSTRAP, "input": base64.b64encode(script(command, "mark") + data).decode()}
    words = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", MACHINE, "sh", str(directory), str(package), sys.executable, PROGRAM]
    ended = subprocess.run(words, input=json.dumps(case), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    _code, out, err = json.loads(ended.stdout)
    stderr, rc = split_trailer(base64.b64decode(err), "mark")
    return become, rc, base64.b64decode(out), stderr


@pytest.mark.parametrize("how", SUDOERS)
def test_the_right_password_lets_the_command_have_its_input(package: Path, tmp_path: Path, how: str) -> None:
    become, rc, out, err = ran(package, tmp_path, SUDOERS[how], "right horse")
    assert (rc, out, without_prompt(become, err)) == (3, become.success.encode() + b"\n" + DATA, b"err\n")


@pytest.mark.parametrize("how", [how for how in SUDOERS if how != "not asked"])
def test_a_wrong_password_is_one_attempt(package: Path, tmp_path: Path, how: str) -> None:
    become, rc, out, err = ran(package, tmp_path, SUDOERS[how], "wrong horse")
    assert (rc, out) == (1, b"")
    assert b"sudo: 1 incorrect password attempt" in err
    assert refusal(become, err) == "Incorrect sudo password for user root in the distribution."
