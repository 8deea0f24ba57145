# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts of the Linux side, run by the real /bin/sh: what they see, that nothing but the named packages is purged, that a proxy comes and goes."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).parents[3] / "roles"
PURGE = (ROLES / "gpu_guest" / "files" / "purge.sh").read_text()
NETWORK = (ROLES / "distro" / "files" / "network.sh").read_text()
OBSERVE = (ROLES / "distro" / "files" / "observe.sh").read_text()

# The plan as apt-get 2.7 prints it, before the question or with -s.
PLAN = """Reading package lists...
Building dependency tree...
Reading state information...
The following packages were automatically installed and are no longer required:
  libfoo1 libbar2
Use 'sudo apt autoremove' to remove them.
The following packages will be REMOVED:
  {removed}
The following held packages will be changed:
  libbaz3
0 upgraded, 0 newly installed, 2 to remove and 3 not upgraded.
"""


def purge(tmp_path: Path, plan: str, names: str = "libnvidia-compute-550 nvidia-utils-550") -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The script with an apt-get that prints the plan; what was run, in order."""
    log = tmp_path / "log"
    (tmp_path / "plan").write_text(plan)
    for program in ("apt-get", "ldconfig"):
        file = tmp_path / program
        file.write_text(f'#!/bin/sh\necho "{program} $*" >> {log}\n[ "$1" != -s ] || cat {tmp_path}/plan\n')
        file.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["/bin/sh", "-c", f"set -- {names}\n{PURGE.replace('/run/', f'{tmp_path}/')}"], capture_output=True, text=True, env=environment, check=False
    )
    return ended, log.read_text().splitlines()


def test_exactly_the_named_packages_are_purged(tmp_path: Path) -> None:
    ended, ran = purge(tmp_path, PLAN.format(removed="libnvidia-compute-550* nvidia-utils-550*"))
    assert ended.returncode == 0
    assert ran == ["apt-get -s purge libnvidia-compute-550 nvidia-utils-550", "apt-get -y purge libnvidia-compute-550 nvidia-utils-550", "ldconfig "]
    assert (tmp_path / "gpudev.workstation.restart_owed").exists()


@pytest.mark.parametrize(
    "removed",
    ["libnvidia-compute-550* nvidia-cuda-toolkit* nvidia-utils-550*", "libnvidia-compute-550* nvidia-utils-550*\n  nvidia-cuda-toolkit*"],
)
def test_nothing_is_purged_when_more_would_go(tmp_path: Path, removed: str) -> None:
    ended, ran = purge(tmp_path, PLAN.format(removed=removed))
    assert ended.returncode == 1
    assert "these packages would go as well: nvidia-cuda-toolkit." in ended.stderr
    assert ran == ["apt-get -s purge libnvidia-compute-550 nvidia-utils-550"]
    assert not (tmp_path / "gpudev.workstation.restart_owed").exists()


def test_a_foreign_architecture_is_the_same_package(tmp_path: Path) -> None:
    ended, ran = purge(tmp_path, PLAN.format(removed="libnvidia-compute-550:i386*"), "libnvidia-compute-550")
    assert (ended.returncode, len(ran)) == (0, 3)


def erase(tmp_path: Path, rpm: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The script where there is rpm and no apt-get."""
    log = tmp_path / "log"
    for program, text in {"ldconfig": "", "rpm": rpm}.items():
        (tmp_path / program).write_text(f'#!/bin/sh\necho "{program} $*" >> {log}\n{text}\n')
        (tmp_path / program).chmod(0o755)
    script = f"set -- nvidia-driver nvidia-driver-libs\n{PURGE.replace('/run/', f'{tmp_path}/')}"
    ended = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, env={"PATH": str(tmp_path)}, check=False)
    return ended, log.read_text().splitlines()


def test_rpm_erases_exactly_the_named_packages(tmp_path: Path) -> None:
    ended, ran = erase(tmp_path, "")
    assert (ended.returncode, ran) == (0, ["rpm --erase nvidia-driver nvidia-driver-libs", "ldconfig "])
    assert (tmp_path / "gpudev.workstation.restart_owed").exists()


def test_what_rpm_refuses_is_told(tmp_path: Path) -> None:
    # As rpm 4.18 prints it.
    ended, ran = erase(tmp_path, "echo 'error: Failed dependencies:\n\tnvidia-driver-libs is needed by (installed) app-1-1.noarch' >&2; exit 1")
    assert (ended.returncode, ran) == (1, ["rpm --erase nvidia-driver nvidia-driver-libs"])
    assert "nvidia-driver-libs is needed by (installed) app-1-1.noarch\nNothing was removed." in ended.stderr
    assert not (tmp_path / "gpudev.workstation.restart_owed").exists()


def observe(user: str, venv: str) -> dict[str, str]:
    ended = subprocess.run(["/bin/sh", "-c", f"user={user} venv={venv}\n{OBSERVE}"], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return dict(line.split("=", 1) for line in ended.stdout.splitlines())


def test_observe_a_prepared_place(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to("/bin/sh")
    (tmp_path / "lib/python3.12/site-packages/kubernetes-31.0.0.dist-info").mkdir(parents=True)
    seen = observe("root", str(tmp_path))
    assert set(seen) == {"whoami", "wsl", "python", "venv_module", "apt", "user", "groups", "docker_group", "client", "apt_proxy", "certificates"}
    assert (seen["user"], seen["client"]) == ("0", "31.0.0")
    assert "root" in seen["groups"].split()


def test_observe_a_bare_place(tmp_path: Path) -> None:
    seen = observe("nobody-has-this-name", str(tmp_path))
    assert (seen["user"], seen["groups"], seen["client"]) == ("", "", "")


def test_a_client_without_its_python_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "lib/python3.12/site-packages/kubernetes-31.0.0.dist-info").mkdir(parents=True)
    assert observe("root", str(tmp_path))["client"] == ""


PROXY = 'Acquire::http::Proxy "http://proxy.example.com:3128";\n'


def network(place: Path, proxy: str, check: str = "no", certificates: str = "") -> str:
    """The script with `place` for both of its folders, and an update-ca-certificates that writes down how it was called."""
    words = f"check={check}\nproxy={base64.b64encode(proxy.encode()).decode()}\nset -- {certificates}\n"
    script = NETWORK.replace("/etc/apt/apt.conf.d", str(place)).replace("/usr/local/share/ca-certificates", str(place))
    program = place / "update-ca-certificates"
    program.write_text(f'#!/bin/sh\necho "update $*" >>{place}/calls\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}
    return subprocess.run(["/bin/sh", "-c", words + script], capture_output=True, text=True, check=True, env=environment).stdout


def test_a_proxy_that_is_no_longer_declared_is_taken_away_and_nobody_elses(tmp_path: Path) -> None:
    ours, other = tmp_path / "90gpudev-proxy", tmp_path / "95proxy"
    other.write_text(PROXY)
    assert network(tmp_path, PROXY) == "changed proxy of apt\n"
    assert network(tmp_path, PROXY) == ""
    assert network(tmp_path, "", check="yes") == "changed no proxy of apt\n"
    assert ours.read_text() == PROXY
    assert network(tmp_path, "") == "changed no proxy of apt\n"
    assert (ours.exists(), other.read_text()) == (False, PROXY)
    assert network(tmp_path, "") == ""
    assert not (tmp_path / "calls").exists()


def test_a_certificate_that_is_no_longer_declared_is_taken_away_and_nobody_elses(tmp_path: Path) -> None:
    others = tmp_path / "company.crt"
    others.write_text("theirs")
    both = "one=MQ== two=Mg=="
    assert network(tmp_path, "", certificates=both) == "changed certificate one\nchanged certificate two\n"
    assert network(tmp_path, "", certificates=both) == ""
    assert network(tmp_path, "", certificates="two=Mg==", check="yes") == "changed no certificate one\n"
    assert (tmp_path / "gpudev-one.crt").read_text() == "1\n"
    assert network(tmp_path, "", certificates="two=Mg==") == "changed no certificate one\n"
    assert sorted(file.name for file in tmp_path.glob("*.crt")) == ["company.crt", "gpudev-two.crt"]
    assert network(tmp_path, "") == "changed no certificate two\n"
    assert network(tmp_path, "") == ""
    assert others.read_text() == "theirs"
    assert (tmp_path / "calls").read_text() == "update \nupdate --fresh\nupdate --fresh\n"
