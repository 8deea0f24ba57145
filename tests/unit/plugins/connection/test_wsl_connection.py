# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection wsl: whose options go where, what leaks from the Windows side (nothing), and files and exit codes through a fake channel.

The fake channel is cmd.exe and wsl.exe boiled down: it runs the script on standard input with the real /bin/sh.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from ansible.template import Templar

from ansible_collections.gpudev.workstation.plugins.plugin_utils._winrs import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import BOOTSTRAP

NAME = "gpudev.workstation.wsl"
WINDOWS: dict[str, Any] = {
    "ansible_host": "box.example.com",
    "ansible_port": 5986,
    "ansible_user": "BOX\\dev",
    "ansible_password": "Correct-Horse-42",
    "ansible_connection": NAME,
    "ansible_shell_type": "powershell",
    "ansible_become_method": "runas",
    "ansible_winrm_transport": "ntlm",
    "ansible_winrm_scheme": "https",
    "ansible_winrm_server_cert_validation": "validate",
    "ansible_winrm_read_timeout_sec": 90,
    "ansible_wsl_distribution": "Ubuntu-24.04",
    "ansible_wsl_user": "joe",
}


class FakeChannel:
    """Keeps the command lines; runs the script that comes on standard input, or says what it is told to say."""

    def __init__(self, said: tuple[int, bytes, bytes] | None = None) -> None:
        self.said = said
        self.lines: list[str] = []
        self.largest_send = 0
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def run(self, line: str, stdin: Iterable[tuple[bytes, bool]], on_stdout: Callable[[bytes], object]) -> Ended:
        self.lines.append(line)
        sends = list(stdin)
        assert [last for _data, last in sends] == [False] * (len(sends) - 1) + [True]
        self.largest_send = max(len(data) for data, _last in sends)
        if self.said is not None:
            on_stdout(self.said[1])
            return Ended(self.said[0], self.said[2])
        text = BOOTSTRAP[1:-1].replace('\\"', '"')
        ended = subprocess.run(["/bin/sh", "-c", text], input=b"".join(data for data, _last in sends), capture_output=True, timeout=60, check=False)
        for start in range(0, len(ended.stdout), 1000):
            on_stdout(ended.stdout[start : start + 1000])
        return Ended(ended.returncode, ended.stderr)


def connection(channel: FakeChannel | None = None, **variables: Any) -> Any:
    """The plugin as a task gets it, with the variables of a Windows host."""
    context = PlayContext()
    context.shell = "powershell"
    plugin = connection_loader.get(NAME, context, "/dev/null")
    all_variables = {**WINDOWS, **variables}
    resolved = plugin._resolve_option_variables(all_variables, Templar(loader=DataLoader(), variables=all_variables))
    plugin.set_options(task_keys={"timeout": 10}, var_options=resolved)
    plugin._channel = channel or FakeChannel()
    return plugin


def test_the_carrier_gets_its_own_options_unchanged() -> None:
    carrier = connection()._carrier
    wanted = {
        "remote_addr": "box.example.com",
        "port": 5986,
        "remote_user": "BOX\\dev",
        "remote_password": "Correct-Horse-42",
        "transport": ["ntlm"],
        "scheme": "https",
    }
    assert {name: carrier.get_option(name) for name in wanted} == wanted
    assert carrier.get_option("_extras") == {"ansible_winrm_server_cert_validation": "validate", "ansible_winrm_read_timeout_sec": 90}


def test_our_options_are_the_linux_side() -> None:
    plugin = connection()
    assert (plugin.get_option("remote_user"), plugin.get_option("distribution"), plugin.get_option("pipelining")) == ("joe", "Ubuntu-24.04", True)
    assert plugin.is_pipelining_enabled()
    assert not connection(ansible_pipelining=False).is_pipelining_enabled()


def test_nothing_of_windows_leaks() -> None:
    plugin = connection()
    assert (plugin._shell._load_name, plugin._shell.SHELL_FAMILY) == ("sh", "sh")
    plugin.set_become_plugin(become_loader.get("runas"))
    assert plugin.become.name == NAME
    sudo = become_loader.get("sudo")
    plugin.set_become_plugin(sudo)
    assert plugin.become is sudo
    plugin.set_become_plugin(None)
    assert plugin.become is None


def test_other_carriers_are_refused() -> None:
    with pytest.raises(AnsibleError, match="'ssh' cannot carry this connection; it can be winrm"):
        connection(ansible_wsl_carrier="ssh")


def test_a_command_line_never_holds_user_data() -> None:
    channel = FakeChannel()
    assert connection(channel).exec_command("echo SECRET; exit 67", in_data=b"SECRET") == (67, b"SECRET\n", b"")
    assert channel.lines == [f'@"C:\\Program Files\\WSL\\wsl.exe" -d Ubuntu-24.04 -u joe --exec /bin/sh -c {BOOTSTRAP}']


def test_input_beyond_ascii_is_exact() -> None:
    data = bytes(range(256)) * 10
    assert connection().exec_command("cat", in_data=data) == (0, data, b"")


@pytest.mark.parametrize("variable", ["ansible_wsl_distribution", "ansible_wsl_user", "ansible_wsl_executable"])
def test_a_bad_name_is_refused_before_anything_is_sent(variable: str) -> None:
    channel = FakeChannel()
    with pytest.raises(AnsibleError, match=variable):
        connection(channel, **{variable: "a & b"}).exec_command("true")
    assert (channel.opened, channel.lines) == (0, [])


def escalating(plugin: Any, user: str | None = None) -> Any:
    become = become_loader.get(NAME)
    become.set_options(var_options={}, direct={"become_user": user} if user else {})
    plugin.set_become_plugin(become)
    return become


@pytest.mark.parametrize("user", ["root", "ann"])
def test_become_starts_wsl_exe_as_the_other_user(user: str) -> None:
    channel = FakeChannel()
    plugin = connection(channel)
    become = escalating(plugin, user)
    command = become.build_become_command("echo hi", plugin._shell)
    assert plugin.exec_command(f"/bin/sh -c {command!r}" if "'" not in command else command) == (0, b"hi\n", b"")
    assert plugin.exec_command("echo plain") == (0, b"plain\n", b"")
    assert [re.search(r"-u (\S+)", line).group(1) for line in channel.lines] == [user, "joe"]  # type: ignore[union-attr]


def test_a_method_that_asks_for_a_password_is_refused() -> None:
    plugin = connection()
    sudo = become_loader.get("sudo")
    sudo.set_options(var_options={}, direct={"become_user": "root", "become_pass": "x"})
    plugin.set_become_plugin(sudo)
    command = sudo.build_become_command("true", plugin._shell)
    with pytest.raises(AnsibleError, match="which this connection cannot answer"):
        plugin.exec_command(command)


@pytest.mark.parametrize("size", [0, 1, 3, 1000, 700_001])
def test_files_go_in_and_out_exactly_and_in_pieces(size: int, tmp_path: Path) -> None:
    data = hashlib.shake_128(b"seed").digest(size)
    source, there, back = tmp_path / "source", tmp_path / "it's there", tmp_path / "back"
    source.write_bytes(data)
    channel = FakeChannel()
    plugin = connection(channel)
    plugin.put_file(str(source), str(there))
    assert there.read_bytes() == data
    assert channel.largest_send <= 256 * 1024
    plugin.fetch_file(str(there), str(back))
    assert back.read_bytes() == data


def test_files_that_cannot_be_moved(tmp_path: Path) -> None:
    plugin = connection()
    with pytest.raises(AnsibleFileNotFound):
        plugin.put_file(str(tmp_path / "missing"), "/x")
    (tmp_path / "source").write_text("x")
    with pytest.raises(AnsibleError, match="Could not write /nowhere/x in the WSL distribution Ubuntu-24.04 of box.example.com"):
        plugin.put_file(str(tmp_path / "source"), "/nowhere/x")
    with pytest.raises(AnsibleError, match="Could not read /nowhere/x"):
        plugin.fetch_file("/nowhere/x", str(tmp_path / "back"))


def test_a_damaged_transfer_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    with pytest.raises(AnsibleError, match="differs from"):
        connection(FakeChannel((0, b"0000  -\n", b""))).put_file(str(tmp_path / "source"), "/x")


# Texts: samples/windows/wsl_session0_errors.txt, wsl_l10n_templates.txt; cmd.exe's own in English and Spanish.
SAID = [
    ("There is no distribution with the supplied name.\r\nError code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n", "CONN-002"),
    ("No hay ninguna distribución con el nombre proporcionado.\r\nCódigo de error: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n", "CONN-002"),
    ("User not found.\r\nError code: Wsl/WSL_E_USER_NOT_FOUND\r\n", "CONN-001"),
    ("Error code: Wsl/WSL_E_DEFAULT_DISTRO_NOT_FOUND", "CONN-003"),
    ("Error code: Wsl/WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED", "CONN-004"),
    ("{Application Error} The application was unable to start correctly (0x%lx). Error code: Wsl/Service/CreateInstance/CreateVm/0x8007023f", "CONN-005"),
    ("Error code: Wsl/InstallDistro/Service/RegisterDistro/CreateVm/HCS/0x80070569", "CONN-006"),
    ("Error code: Wsl/Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED", "CONN-007"),
    ("The Windows Subsystem for Linux is not installed. You can install by running 'wsl.exe --install'.", "CONN-008"),
    ("Error code: Wsl/Service/0x8007274c", "CONN-009"),
    ("Error code: Wsl/Service/CreateInstance/CreateVm/HCS/0x80070003", "CONN-010"),
    ("The file cannot be accessed by the system.", "CONN-011"),
    ("Access is denied.", "CONN-011"),
    ("Error code: Wsl/E_ACCESSDENIED", "CONN-012"),
    ("Error code: Wsl/Service/E_UNEXPECTED", "CONN-013"),
    ("The system cannot find the path specified.", "CONN-014"),
    ("El sistema no puede encontrar la ruta especificada.", "CONN-014"),
    ("", "CONN-015"),
]


@pytest.mark.parametrize(("said", "code"), SAID, ids=[f"{code}-{number}" for number, (_said, code) in enumerate(SAID)])
@pytest.mark.parametrize(("encoding", "rc"), [("utf-8", -1), ("utf-16-le", 4294967295)])
def test_what_wsl_exe_complains_about_makes_the_host_unreachable(said: str, code: str, encoding: str, rc: int) -> None:
    with pytest.raises(AnsibleConnectionFailure) as failure:
        connection(FakeChannel((rc, said.encode(encoding), b""))).exec_command("true")
    assert f"[{code}]" in str(failure.value)
    assert " ".join(said.split()) in str(failure.value)
    assert "{" not in str(failure.value).replace("{Application Error}", "")


def test_words_of_cmd_exe_come_on_standard_error() -> None:
    with pytest.raises(AnsibleConnectionFailure, match=r"CONN-014.*no program at C:.Program Files.WSL.wsl\.exe"):
        connection(FakeChannel((1, b"", b"The system cannot find the path specified.\r\n"))).exec_command("true")


def test_reset_and_close_give_the_shell_back() -> None:
    channel = FakeChannel()
    plugin = connection(channel)
    plugin.exec_command("true")
    plugin.exec_command("true")
    plugin.reset()
    plugin.exec_command("true")
    plugin.close()
    assert (channel.opened, channel.closed) == (2, 2)


def test_the_linux_play_undoes_become_that_an_inventory_sets_for_windows() -> None:
    """ansible_become outranks what a task says (task_executor.py, unless it is null): every Linux task would run as root, which minikube refuses."""
    play = yaml.safe_load((Path(__file__).parents[4] / "playbooks/vars/linux_side_of_windows.yml").read_text(encoding="utf-8"))
    assert {"ansible_become", "ansible_become_method", "ansible_shell_type", "ansible_python_interpreter"} <= set(play)
    assert play["ansible_become"] is None
    assert play["ansible_become_method"] == NAME
