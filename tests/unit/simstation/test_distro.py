# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a simulated distro really run, as its users, over its own files, and leave the machine below alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import ansible
import pytest

from tests.simstation import distro, scenarios
from tests.simstation.distro import processes
from tests.simstation.serve import Wishes, serve
from tests.simstation.station import Station

DISTRO = scenarios.base.DISTRIBUTION
needs_namespaces = pytest.mark.skipif(not distro.namespaces_work(), reason="this kernel forbids user namespaces; the station says so too")


def run(station: Station, *argv: str, user: str | None = None, stdin: bytes = b"", **options: str) -> subprocess.CompletedProcess[str]:
    process = distro.popen(station, DISTRO, argv, user=user, **options)  # type: ignore[arg-type]
    out, error = process.communicate(stdin, timeout=60)
    return subprocess.CompletedProcess(argv, process.returncode, out.decode(), error.decode())


def seen(path: Path) -> bool:
    """Where an ordinary user may not look, the station of an ordinary user cannot have written."""
    return os.access(path.parent, os.X_OK) and path.exists()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station("ws1", scenarios.document("ws1", "healthy"), tmp_path / "ws1", time_scale=0.01)
    yield made
    distro.close(made)
    made.close()
    assert made.errors == []


def processor_seconds() -> float:
    """Of this process and of those that have ended: unlike the clock on the wall it does not depend on what else the machine does."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@needs_namespaces
class TestPrivateRoot:
    def test_users_are_who_they_are(self, station: Station) -> None:
        assert run(station, "id", "-un").stdout == "dev\n"
        assert run(station, "id", "-u", user="dev").stdout == "1000\n"
        assert run(station, "id", "-u", user="root").stdout == "0\n"

    def test_unknown_user_is_refused(self, station: Station) -> None:
        with pytest.raises(distro.NoSuchUser):
            run(station, "id", user="nobody-here")

    def test_etc_and_home_are_its_own(self, station: Station) -> None:
        assert 'PRETTY_NAME="Ubuntu 24.04.3 LTS"' in run(station, "cat", "/etc/os-release").stdout
        assert run(station, "sh", "-c", "echo here > ~/mine; pwd; ls /home").stdout == "/home/dev\ndev\n"
        assert (distro.tree.path(station, DISTRO) / "home" / "dev" / "mine").read_text() == "here\n"

    def test_nothing_is_written_outside(self, station: Station) -> None:
        mark = f"simstation-{os.getpid()}"
        done = run(
            station, "sh", "-c", f"for place in /etc /root /opt /var/tmp /tmp /run /usr/local/bin; do echo x > $place/{mark} && echo $place; done", user="root"
        )
        assert done.stdout.split() == ["/etc", "/root", "/opt", "/var/tmp", "/tmp", "/run", "/usr/local/bin"]
        assert not [place for place in done.stdout.split() if seen(Path(place, mark))]

    def test_root_of_the_machine_cannot_be_seen(self, station: Station, tmp_path: Path) -> None:
        assert run(station, "ls", str(tmp_path), user="root").returncode != 0
        assert run(station, "sh", "-c", "cd ~root && ls -A", user="root").stdout.split() in ([], [".pyenv"])

    def test_ordinary_users_write_no_system_files(self, station: Station) -> None:
        assert run(station, "sh", "-c", "echo x > /etc/passwd", user="dev").returncode != 0
        assert run(station, "touch", "/usr/local/bin/x", user="dev").returncode != 0

    def test_windows_drive_shows_the_documents_files(self, station: Station) -> None:
        assert "minikube-linux-amd64" in run(station, "ls", "/mnt/c/Installers").stdout
        assert run(station, "cat", "/mnt/c/Users/dev/.wslconfig").stdout == scenarios.base.WSLCONFIG

    def test_wsl_looks_like_wsl(self, station: Station) -> None:
        assert run(station, "uname", "-r").stdout.strip().endswith("microsoft-standard-WSL2")
        assert "microsoft" in run(station, "cat", "/proc/version").stdout
        assert run(station, "sh", "-c", "echo $WSL_DISTRO_NAME").stdout == f"{DISTRO}\n"
        assert run(station, "test", "-c", "/dev/dxg").returncode == 0
        assert run(station, "sh", "-c", "command -v nvidia-smi").stdout == "/usr/lib/wsl/lib/nvidia-smi\n"

    def test_no_gpu_without_gpu_support(self, station: Station) -> None:
        with station.changed() as state:
            state["wsl"]["vm"]["gpu"] = False
        assert run(station, "ls", "/dev/dxg").returncode != 0
        assert run(station, "sh", "-c", "command -v nvidia-smi").returncode != 0

    def test_missing_program(self, station: Station) -> None:
        done = run(station, "no-such-program")
        assert done.returncode == 127
        assert "execvpe(no-such-program) failed: No such file or directory" in done.stderr

    def test_bytes_go_through_unchanged(self, station: Station) -> None:
        data = bytes(range(256)) * 4096
        process = distro.popen(station, DISTRO, ["cat"])
        out, _error = process.communicate(data, timeout=60)
        assert out == data

    def test_starting_costs_little(self, station: Station) -> None:
        run(station, "true")
        began = processor_seconds()
        for _number in range(10):
            run(station, "true")
        assert (processor_seconds() - began) / 10 < 0.1  # about 0.03

    def test_terminate_ends_background_processes(self, station: Station) -> None:
        run(station, "sh", "-c", "setsid sleep 300 > /dev/null 2>&1 < /dev/null &")
        assert distro.terminate(station, DISTRO) == 1
        assert distro.terminate(station, DISTRO) == 0


@needs_namespaces
class TestAccounts:
    def test_useradd_makes_a_user_who_can_log_in(self, station: Station) -> None:
        assert run(station, "useradd", "-m", "-s", "/bin/bash", "-G", "sudo", "anna", user="root").returncode == 0
        assert run(station, "id", "-un", user="anna").stdout == "anna\n"
        assert "anna" in run(station, "getent", "group", "sudo").stdout
        assert station.state["wsl"]["distros"][DISTRO]["users"]["anna"]["home"] == "/home/anna"

    def test_useradd_twice(self, station: Station) -> None:
        done = run(station, "useradd", "dev", user="root")
        assert (done.returncode, done.stderr) == (9, "useradd: user 'dev' already exists\n")

    def test_ordinary_users_may_not(self, station: Station) -> None:
        assert run(station, "useradd", "anna").returncode == 1

    def test_sudo_asks_for_a_password_unless_told_otherwise(self, station: Station) -> None:
        refused = run(station, "sudo", "-n", "id", "-u")
        assert (refused.returncode, refused.stderr) == (1, "sudo: a password is required\n")
        run(station, "sh", "-c", "echo 'dev ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/dev", user="root")
        assert run(station, "sudo", "-n", "id", "-u").stdout == "0\n"

    def test_sudo_passes_streams_and_exit_code(self, station: Station) -> None:
        done = run(station, "sudo", "-u", "dev", "sh", "-c", "cat; exit 7", user="root", stdin=b"through")
        assert (done.returncode, done.stdout) == (7, "through")

    def test_default_user_of_wsl_conf_counts(self, station: Station) -> None:
        run(station, "sh", "-c", "printf '[user]\\ndefault=root\\n' >> /etc/wsl.conf", user="root")
        assert run(station, "id", "-un").stdout == "root\n"


@needs_namespaces
class TestPackages:
    def test_query_and_install(self, station: Station) -> None:
        assert run(station, "dpkg-query", "-W", "-f", "${Status} ${Version}\\n", "python3-venv").stdout == "install ok installed 3.12.3-0ubuntu1\n"
        assert run(station, "dpkg-query", "-W", "jq").returncode == 1
        assert run(station, "apt-get", "install", "-y", "jq", user="dev").returncode == 100
        assert run(station, "apt-get", "install", "-y", "jq", user="root").returncode == 0
        assert run(station, "dpkg-query", "-W", "-f=${Version}", "jq").stdout == "1.7.1-3build1"
        assert "Package: jq\n" in run(station, "cat", "/var/lib/dpkg/status").stdout

    def test_a_linux_driver_shadows_and_goes(self, tmp_path: Path) -> None:
        station = Station("ws1", scenarios.document("ws1", "linux_driver_in_distro"), tmp_path / "ws1", time_scale=0.01)
        try:
            assert "GPU access blocked by the operating system" in run(station, "nvidia-smi", "-L").stdout
            names = run(station, "sh", "-c", "dpkg-query -W -f '${Package} ' '*nvidia*'").stdout.split()
            assert run(station, "apt-get", "purge", "-y", *names, user="root").returncode == 0
            assert run(station, "nvidia-smi", "-L").stdout.startswith("GPU 0: NVIDIA GeForce RTX 4050 Laptop GPU")
            assert "/lib/x86_64-linux-gnu/libcuda" not in run(station, "ldconfig", "-p").stdout
            assert run(station, "sh", "-c", ": > /run/mark").returncode == 0
            distro.terminate(station, "Ubuntu-24.04")
            assert run(station, "test", "-e", "/run/mark").returncode == 1, "/run is a tmpfs of the running distribution"
        finally:
            distro.close(station)
            station.close()


@needs_namespaces
def test_venv_and_pip_are_real(station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_wheelhouse(tmp_path / "wheels")
    monkeypatch.setenv("SIMSTATION_WHEELHOUSE", str(tmp_path / "wheels"))
    made = run(station, "python3", "-m", "venv", "/opt/tools", user="root")
    assert made.returncode == 0, made.stderr
    installed = run(station, "/opt/tools/bin/pip", "install", "little", user="root")
    assert installed.returncode == 0, installed.stderr
    assert run(station, "/opt/tools/bin/python", "-c", "import little; print(little.ANSWER)", user="dev").stdout == "42\n"


@needs_namespaces
def test_without_the_package_there_is_no_ensurepip(station: Station) -> None:
    with station.changed() as state:
        del state["wsl"]["distros"][DISTRO]["packages"]["python3-venv"]
    assert run(station, "python3", "-c", "import ensurepip").returncode == 1
    assert run(station, "apt-get", "install", "-y", "--no-install-recommends", "python3", "python3-venv", user="root").returncode == 0
    assert run(station, "python3", "-c", "import ensurepip, venv").returncode == 0


@needs_namespaces
def test_modules_of_ansible_run_in_it(station: Station) -> None:
    """`ansible.builtin.user` for real against the imitated useradd: it creates once."""
    module = {
        "ANSIBLE_MODULE_ARGS": {
            "name": "anna",
            "shell": "/bin/bash",
            "groups": ["sudo"],
            "append": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_check_mode": False,
        }
    }
    source = Path(ansible.__file__).parent
    packed = station.root / "distros" / DISTRO
    run(station, "true")
    with zipfile.ZipFile(packed / "srv" / "ansible.zip", "w") as archive:
        archive.writestr("ansible/__init__.py", "")
        for file in [*source.glob("module_utils/**/*.py"), source / "modules" / "__init__.py", source / "modules" / "user.py"]:
            archive.write(file, Path("ansible") / file.relative_to(source))
    command = (
        "import sys; sys.path.insert(0, '/srv/ansible.zip'); import ansible.module_utils.basic as basic; basic._ANSIBLE_ARGS = sys.stdin.buffer.read(); "
        "basic._ANSIBLE_PROFILE = 'legacy'; from ansible.modules import user; user.main()"
    )
    results = []
    for _time in range(2):
        done = run(station, "python3", "-c", command, user="root", stdin=json.dumps(module).encode())
        assert done.returncode == 0, done.stdout + done.stderr
        results.append(json.loads(done.stdout.splitlines()[-1]))
    assert [result["changed"] for result in results] == [True, False]
    assert results[0]["home"] == "/home/anna"


@needs_namespaces
def test_unknown_programs_and_options_are_errors(tmp_path: Path) -> None:
    station = Station("ws1", scenarios.document("ws1", "healthy"), tmp_path / "ws1", time_scale=0.01)
    try:
        done = run(station, "docker", "compose", "up")
        assert done.returncode == 97
        assert "not simulated" in done.stderr
        assert [error["what"] for error in station.errors] == ["docker in a distro"]
    finally:
        distro.close(station)
        station.close()


@needs_namespaces
def test_listing_tells_what_changed(station: Station) -> None:
    run(station, "true")
    before = distro.listing(station, DISTRO)
    assert "/etc/passwd" in before
    run(station, "sh", "-c", "echo new > ~/file; mkdir -p ~/.ansible; touch ~/.ansible/x")
    assert {name for name, content in distro.listing(station, DISTRO).items() if before.get(name) != content} == {"/home/dev/file"}


def test_without_namespaces_nothing_runs_on_the_machine_below(monkeypatch: pytest.MonkeyPatch, station: Station, capsys: pytest.CaptureFixture[str]) -> None:
    refused = subprocess.CompletedProcess([], 1, "", "OSError: [Errno 1] unshare: Operation not permitted\n")
    monkeypatch.setattr(processes.subprocess, "run", lambda *_arguments, **_options: refused)
    reason = processes.forbidden.__wrapped__()
    assert "forbids private user and mount namespaces (OSError: [Errno 1] unshare: Operation not permitted)" in str(reason)
    monkeypatch.setattr(processes, "forbidden", lambda: reason)
    monkeypatch.setattr(distro, "forbidden", lambda: reason)
    with pytest.raises(RuntimeError, match="apparmor_restrict_unprivileged_userns=0"):
        run(station, "true")
    assert serve(Wishes(["healthy"])) == 2
    assert "apparmor_restrict_unprivileged_userns=0" in capsys.readouterr().err


def small_wheelhouse(directory: Path) -> None:
    """One pure Python wheel, made by hand."""
    directory.mkdir()
    files = {
        "little.py": "ANSWER = 42\n",
        "little-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: little\nVersion: 1.0\n",
        "little-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    records = []
    with zipfile.ZipFile(directory / "little-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(text)}\n")
            wheel.writestr(name, text)
        wheel.writestr("little-1.0.dist-info/RECORD", "".join([*records, "little-1.0.dist-info/RECORD,,\n"]))
