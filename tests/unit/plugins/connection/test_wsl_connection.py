# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection wsl: whose options go where, what leaks from the Windows side (nothing), and files and exit codes through a fake channel.

The fake channel is cmd.exe and wsl.exe boiled down: it runs the script on standard input with the real /bin/sh.
"""

from __future__ import annotations

import hashlib
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from ansible.template import Templar

from ansible_collections.gpudev.workstation.plugins.plugin_utils import _file_pieces
from ansible_collections.gpudev.workstation.plugins.plugin_utils._channel import Ended
from ansible_collections.gpudev.workstation.plugins.plugin_utils._wsl_command import (
    BOOTSTRAP,
    DEFAULT_EXECUTABLE,
    NOTHING_TO_DO,
    SYSTEM32_EXECUTABLE,
    Target,
    winrs_line,
)

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
    """Keeps the targets; runs the script that comes on standard input, or says what it is told to say (for an executable)."""

    def __init__(self, said: tuple[int, bytes, bytes] | dict[str, tuple[int, bytes, bytes]] | None = None) -> None:
        self.said = said
        self.targets: list[Target] = []
        self.largest_input = 0
        self.opened = self.closed = self.resets = 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def reset(self) -> None:
        self.resets += 1

    def run(self, target: Target, stdin: bytes) -> Ended:
        winrs_line(target)  # as every channel makes its line, which refuses a name that cannot be
        self.targets.append(target)
        self.largest_input = max(self.largest_input, len(stdin))
        said = self.said.get(target.executable) if isinstance(self.said, dict) else self.said
        if said is not None:
            return Ended(*said)
        ended = subprocess.run(["/bin/sh", "-c", BOOTSTRAP], input=stdin, capture_output=True, timeout=60, check=False)
        return Ended(ended.returncode, ended.stdout, ended.stderr)


def connection(channel: FakeChannel | None = None, **variables: Any) -> Any:
    """The plugin as a task gets it, with the variables of a Windows host."""
    context = PlayContext()
    context.shell = "powershell"
    plugin = connection_loader.get(NAME, context, "/dev/null")
    all_variables = {**WINDOWS, **variables}
    resolved = plugin._resolve_option_variables(all_variables, Templar(loader=DataLoader(), variables=all_variables))
    plugin.set_options(task_keys={"timeout": 10}, var_options=resolved)
    plugin._carrier._channel = channel or FakeChannel()
    return plugin


def test_the_carrier_gets_its_own_options_unchanged() -> None:
    carrier = connection()._carrier.plugin
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


@pytest.mark.parametrize("carrier", ["winrm", "psrp", "ssh"])
def test_no_option_of_a_carrier_is_declared_again(carrier: str) -> None:
    plugin = connection(ansible_wsl_carrier=carrier)
    ours, theirs = (set(C.config.get_plugin_vars("connection", loaded._load_name)) for loaded in (plugin, plugin._carrier.plugin))
    assert "ansible_wsl_carrier" in ours
    assert "ansible_password" in theirs
    assert ours & theirs <= {"ansible_pipelining"}


@pytest.mark.parametrize(("carrier", "option"), [("winrm", "remote_password"), ("psrp", "remote_password"), ("ssh", "password")])
def test_a_password_that_was_typed_goes_to_the_carrier(carrier: str, option: str) -> None:
    """--ask-pass: task_executor.py hands it over among the task's keys."""
    plugin = connection_loader.get(NAME, PlayContext(), "/dev/null")
    known = {name: value for name, value in WINDOWS.items() if name != "ansible_password"}
    resolved = plugin._resolve_option_variables({**known, "ansible_wsl_carrier": carrier}, Templar(loader=DataLoader(), variables=known))
    plugin.set_options(task_keys={"timeout": 10, "password": "typed"}, var_options=resolved)
    assert plugin._carrier.plugin.get_option(option) == "typed"


def test_our_options_are_the_linux_side() -> None:
    plugin = connection()
    assert (plugin.get_option("remote_user"), plugin.get_option("distribution"), plugin.get_option("pipelining")) == ("joe", "Ubuntu-24.04", True)
    assert not connection(ansible_pipelining=False).get_option("pipelining")


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


def test_the_options_of_the_carrier_psrp() -> None:
    carrier = connection(ansible_wsl_carrier="psrp", ansible_psrp_auth="ntlm", ansible_psrp_read_timeout=77)._carrier.plugin
    carrier._build_kwargs()
    wanted = {"server": "box.example.com", "port": 5986, "username": "BOX\\dev", "password": "Correct-Horse-42", "auth": "ntlm", "read_timeout": 77}
    assert {name: carrier._psrp_conn_kwargs[name] for name in wanted} == wanted


def test_a_transport_that_the_controller_lacks_is_no_obstacle_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = {"ansible_host": "127.0.0.1", "ansible_port": unused.getsockname()[1], "ansible_winrm_scheme": "http"}
        plugin = connection(**nobody, ansible_winrm_transport=["kerberos", "ntlm"], ansible_winrm_ca_trust_path="")
        plugin._carrier._channel = None
        monkeypatch.setattr(sys.modules[type(plugin._carrier.plugin).__module__], "HAVE_KERBEROS", False)
        with pytest.raises(AnsibleConnectionFailure, match=r"kerberos library is not installed.*, ntlm: .*refused"):
            plugin.exec_command("true")


def test_the_options_of_the_carrier_ssh() -> None:
    plugin = connection(
        ansible_wsl_carrier="ansible.builtin.ssh", ansible_port=22, ansible_ssh_common_args="-o Foo=bar", ansible_wsl_carrier_shell="powershell"
    )
    wanted = {"host": "box.example.com", "port": 22, "remote_user": "BOX\\dev", "password": "Correct-Horse-42", "ssh_common_args": "-o Foo=bar"}
    assert {name: plugin._carrier.plugin.get_option(name) for name in wanted} == wanted
    assert plugin.get_option("remote_user") == "joe"


def test_a_carrier_prints_no_data() -> None:
    plugin = connection(ansible_wsl_carrier="ssh")
    assert plugin._carrier.plugin._play_context.no_log
    assert not plugin._play_context.no_log


def test_other_carriers_are_refused() -> None:
    with pytest.raises(AnsibleError, match="'local' cannot carry this connection; it can be winrm, psrp, ssh"):
        connection(ansible_wsl_carrier="local")


def test_the_items_of_a_loop_keep_the_carrier() -> None:
    plugin = connection()
    carrier = plugin._carrier
    resolved = plugin._resolve_option_variables(WINDOWS, Templar(loader=DataLoader(), variables=WINDOWS))
    plugin.set_options(task_keys={"timeout": 10}, var_options=resolved)
    assert plugin._carrier is carrier


def test_a_target_never_holds_user_data() -> None:
    channel = FakeChannel()
    assert connection(channel).exec_command("echo SECRET; exit 67", in_data=b"SECRET") == (67, b"SECRET\n", b"")
    assert channel.targets == [Target(DEFAULT_EXECUTABLE, "Ubuntu-24.04", "joe")]


def test_input_beyond_ascii_is_exact() -> None:
    data = bytes(range(256)) * 10
    assert connection().exec_command("cat", in_data=data) == (0, data, b"")


@pytest.mark.parametrize("variable", ["ansible_wsl_distribution", "ansible_wsl_user", "ansible_wsl_executable"])
def test_a_bad_name_is_refused_before_anything_is_sent(variable: str) -> None:
    channel = FakeChannel()
    with pytest.raises(AnsibleError, match=variable):
        connection(channel, **{variable: "a & b"}).exec_command("true")
    assert (channel.opened, channel.targets) == (0, [])


def test_a_bad_name_names_every_variable_it_can_come_from() -> None:
    plugin = connection()
    command = escalating(plugin, "BOX\\anna").build_become_command("true", plugin._shell)
    with pytest.raises(AnsibleError, match=r"^ansible_wsl_user or become_user: 'BOX.*anna' cannot be the name of a Linux user"):
        plugin.exec_command(command)


def test_a_user_who_is_not_there_is_looked_for_in_become_too() -> None:
    plugin = connection(FakeChannel((-1, b"Error code: Wsl/WSL_E_USER_NOT_FOUND", b"")))
    command = escalating(plugin, "nosuch").build_become_command("true", plugin._shell)
    with pytest.raises(AnsibleConnectionFailure, match=r"no Linux user nosuch\..*Set ansible_wsl_user \(for a task with become: become_user\)"):
        plugin.exec_command(command)


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
    assert [target.user for target in channel.targets] == [user, "joe"]


# What sudo and su do with standard input, boiled down: a prompt without line end on standard error, one line taken byte by byte. sudo 1.9.13p3 has three
# tries, and at the end of input none (getln in its src/tgetpass.c; tried with the real one); su has one.
ASKING = """#!/bin/sh
if [ -n "$FREE" ]; then while [ "$1" != -c ] && [ "$1" != /bin/sh ]; do shift; done; [ "$1" = -c ] && exec /bin/sh "$@"; exec "$@"; fi
for try in $TRIES; do
    printf '%s' "$PROMPT" >&2
    read -r given || { echo "no password was provided" >&2; exit 1; }
    echo "$given" >> "$GIVEN"
    if [ "$given" = 'pass w%rd"é' ]; then while [ "$1" != -c ] && [ "$1" != /bin/sh ]; do shift; done; [ "$1" = -c ] && exec /bin/sh "$@"; exec "$@"; fi
    echo "$COMPLAINT" >&2
done
exit 1
"""


def asked(plugin: Any, tmp_path: Path, method: str, password: str = 'pass w%rd"é') -> str:
    """A command of the method, whose program is the one above."""
    program = tmp_path / method
    prompt = {"sudo": "", "su": "Contraseña: "}[method]
    become = become_loader.get(method)
    become.set_options(var_options={}, direct={"become_user": "root", "become_pass": password, "become_exe": str(program)})
    plugin.set_become_plugin(become)
    command = str(become.build_become_command("cat; echo err >&2; exit 3", plugin._shell))
    complaint = {"sudo": "Sorry, try again.", "su": "su: Authentication failure"}[method]
    tries = {"sudo": "1 2 3", "su": "1"}[method]
    settings = f"PROMPT='{prompt or become.prompt}'\nCOMPLAINT='{complaint}'\nTRIES='{tries}'\n"
    settings += f"GIVEN={tmp_path}/given\nFREE=$(cat {tmp_path}/free 2>/dev/null)\n"
    program.write_text(ASKING.replace("#!/bin/sh\n", f"#!/bin/sh\n{settings}"), encoding="utf-8")
    program.chmod(0o755)
    return f"/bin/sh -c {shlex.quote(command + ' && sleep 0')}"


@pytest.mark.parametrize("method", ["sudo", "su"])
@pytest.mark.parametrize("data", [b"", b"one\n\xfftwo", b"END-\n"])
@pytest.mark.parametrize("free", [False, True])
def test_a_password_is_given_when_it_is_asked_for(tmp_path: Path, method: str, data: bytes, free: bool) -> None:
    plugin = connection()
    command = asked(plugin, tmp_path, method)
    if free:
        (tmp_path / "free").write_text("yes")
    rc, out, err = plugin.exec_command(command, in_data=data)
    assert (rc, out, err) == (3, plugin.become.success.encode() + b"\n" + data, b"err\n")


@pytest.mark.parametrize("method", ["sudo", "su"])
def test_a_wrong_password_is_told_without_it(tmp_path: Path, method: str) -> None:
    plugin = connection()
    with pytest.raises(AnsibleError, match=f"Incorrect {method} password for user root") as refused:
        plugin.exec_command(asked(plugin, tmp_path, method, "wr0ng"), in_data=b"the module\nand more of it\n")
    assert "wr0ng" not in str(refused.value)
    assert (tmp_path / "given").read_text() == "wr0ng\n", "tried once, and nothing of the module was taken for a password"


def test_a_missing_password_is_told() -> None:
    plugin = connection()
    sudo = become_loader.get("sudo")
    sudo.set_options(var_options={}, direct={"become_user": "root", "become_exe": "echo 'sudo: a password is required' >&2; false"})
    plugin.set_become_plugin(sudo)
    with pytest.raises(AnsibleError, match="Missing sudo password"):
        plugin.exec_command(sudo.build_become_command("true", plugin._shell))


@pytest.mark.parametrize("said", ["sudo: a password is required", "Sorry, try again."])
def test_a_command_that_itself_calls_sudo_in_vain_keeps_its_result(said: str) -> None:
    plugin = connection()
    sudo = become_loader.get("sudo")
    sudo.set_options(var_options={}, direct={"become_user": "root", "become_exe": "/usr/bin/env", "become_flags": ""})
    plugin.set_become_plugin(sudo)
    command = sudo.build_become_command(f"echo out; echo '{said}' >&2; exit 1", plugin._shell).replace(" -u root", "")
    assert plugin.exec_command(command) == (1, sudo.success.encode() + b"\nout\n", said.encode() + b"\n")


def test_other_commands_of_the_task_get_no_password(tmp_path: Path) -> None:
    plugin = connection()
    asked(plugin, tmp_path, "sudo")
    assert plugin.exec_command("cat", in_data=b"x") == (0, b"x", b"")


@pytest.mark.parametrize("size", [0, 1, 3, 1000, 11_999, 12_000, 12_001, 48_000, 50_000])
def test_files_go_in_and_out_exactly_and_in_pieces(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file_pieces, "PIECE", 12_000)
    data = hashlib.shake_128(b"seed").digest(size)
    source, there, back = tmp_path / "source", tmp_path / "it's thére", tmp_path / "back"
    source.write_bytes(data)
    there.write_bytes(b"x" * 60_000)
    channel = FakeChannel()
    plugin = connection(channel)
    plugin.put_file(str(source), str(there))
    assert there.read_bytes() == data
    assert channel.largest_input < 20_000
    plugin.fetch_file(str(there), str(back))
    assert back.read_bytes() == data


def test_a_file_that_has_no_size_is_fetched(tmp_path: Path) -> None:
    connection().fetch_file("/proc/self/mounts", str(tmp_path / "back"))
    assert b" / " in (tmp_path / "back").read_bytes()


def test_files_that_cannot_be_moved(tmp_path: Path) -> None:
    plugin = connection()
    with pytest.raises(AnsibleFileNotFound):
        plugin.put_file(str(tmp_path / "missing"), "/x")
    (tmp_path / "source").write_text("x")
    with pytest.raises(AnsibleError, match="Could not write /nowhere/x in the WSL distribution Ubuntu-24.04 of box.example.com"):
        plugin.put_file(str(tmp_path / "source"), "/nowhere/x")
    with pytest.raises(AnsibleError, match=r"Could not read /nowhere/x.*exit code 2.*/nowhere/x"):
        plugin.fetch_file("/nowhere/x", str(tmp_path / "back"))
    with pytest.raises(AnsibleError, match=r"Could not read /tmp in .*directory"):
        plugin.fetch_file("/tmp", str(tmp_path / "back"))


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
    ("Das Windows-Subsystem ... 'wsl.exe --install' ...", "CONN-008"),
    ("... 'wsl.exe --list --online' ... 'wsl.exe --install <Distro>'", "CONN-003"),
    ("Error code: Wsl/Service/0x8007274c", "CONN-009"),
    ("Det gick inte att ansluta disken. Felkod: Wsl/Service/CreateInstance/CreateVm/MountVhd/HCS/ERROR_FILE_NOT_FOUND", "CONN-016"),
    ("This error occurred: Error code: Wsl/Service/CreateInstance/MountDisk/HCS/ERROR_SHARING_VIOLATION", "CONN-017"),
    ("Error code: Wsl/Service/CreateInstance/CreateVm/HCS/0x80070003", "CONN-010"),
    ("The file cannot be accessed by the system.", "CONN-011"),
    ("Access is denied.", "CONN-011"),
    ("Program 'wsl.exe' failed to run: Access is deniedAt line:1 char:1\n+ & 'C:\\Program Files\\WSL\\wsl.exe'", "CONN-011"),
    ("Program 'wsl.exe' failed to run: The file cannot be accessed by the systemAt line:1 char:1", "CONN-011"),
    ("Das System kann auf die Datei nicht zugreifen.", "CONN-011"),
    ("Error code: Wsl/E_ACCESSDENIED", "CONN-012"),
    ("Error code: Wsl/Service/E_UNEXPECTED", "CONN-013"),
    ("'$env:WSL_UTF8' is not recognized as an internal or external command,\noperable program or batch file.", "CONN-018"),
    ("At line:1 char:15\n+ set WSL_UTF8=1&set WSL_DISABLE_WARNINGS=1\n+ FullyQualifiedErrorId : AmpersandNotAllowed", "CONN-018"),
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


@pytest.mark.parametrize(("rc", "out", "code"), [(1, b"", "CONN-014"), (9009, b"", "CONN-014"), (1, b"some", "CONN-015"), (137, b"", "CONN-015")])
def test_a_program_that_is_not_found_is_known_in_any_language(rc: int, out: bytes, code: str) -> None:
    with pytest.raises(AnsibleConnectionFailure, match=code):
        connection(FakeChannel((rc, out, "Impossible de trouver le chemin d'accès spécifié.".encode("cp850")))).exec_command("true")


NOT_FOUND = (1, b"", b"The system cannot find the path specified.\r\n")
IN_SESSION_0 = (1, b"", b"The file cannot be accessed by the system.\r\n")
NOT_INSTALLED = (-1, b"The Windows Subsystem for Linux is not installed.", b"")
OWN = "D:\\wsl.exe"


def test_the_usual_places_are_tried_when_the_named_one_does_not_start() -> None:
    channel = FakeChannel({OWN: NOT_FOUND, DEFAULT_EXECUTABLE: NOT_INSTALLED})
    plugin = connection(channel, ansible_wsl_executable=OWN)
    assert plugin.exec_command("echo hi") == (0, b"hi\n", b"")
    assert plugin.exec_command("exit 4")[0] == 4
    twice = [OWN, OWN, DEFAULT_EXECUTABLE, DEFAULT_EXECUTABLE]  # the second time with nothing to do
    assert [target.executable for target in channel.targets] == [*twice, SYSTEM32_EXECUTABLE, SYSTEM32_EXECUTABLE]


def test_nothing_else_is_tried_when_the_first_one_works_or_has_begun() -> None:
    channel = FakeChannel({DEFAULT_EXECUTABLE: (-1, b"Error code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND", b"")})
    with pytest.raises(AnsibleConnectionFailure, match="CONN-002"):
        connection(channel).exec_command("true")
    assert [target.executable for target in channel.targets] == [DEFAULT_EXECUTABLE]


def test_a_command_that_was_killed_is_not_run_again() -> None:
    channel = FakeChannel((137, b"Access is denied.", b""))
    with pytest.raises(AnsibleConnectionFailure):
        connection(channel).exec_command("true")
    assert len(channel.targets) == 1


class StoppedUnderIt(FakeChannel):
    """Every command is run, but all that is told of it is what was said until the distribution was stopped, and wsl.exe's own exit code for that: 1, when
    its channel to the distribution closes (microsoft/WSL, src/windows/common/interop.cpp, VmModeWorkerThread). `again`: of a wsl.exe with nothing to do."""

    def __init__(self, end: tuple[int, bytes, bytes], again: tuple[int, bytes, bytes] | None = None) -> None:
        super().__init__()
        self.end, self.again = end, again

    def run(self, target: Target, stdin: bytes) -> Ended:
        ended = super().run(target, stdin)
        if stdin != NOTHING_TO_DO:
            return Ended(*self.end)
        return Ended(*self.again) if self.again else ended


@pytest.mark.parametrize("rc", [1, 9009, -1, 4294967295])
@pytest.mark.parametrize("said", [b"Cloning into 'app'...\n", b"Access is denied.\n", b"The system cannot find the file specified.\n"])
@pytest.mark.parametrize("again", [None, (-1, b"Error code: Wsl/Service/E_UNEXPECTED", b"")], ids=["it starts again", "it says something else"])
def test_a_command_whose_distribution_was_stopped_is_not_run_again(tmp_path: Path, rc: int, said: bytes, again: tuple[int, bytes, bytes] | None) -> None:
    channel = StoppedUnderIt((rc, b"", said), again)
    with pytest.raises(AnsibleConnectionFailure, match=r"did not tell how the command ended.*CONN-015.*was stopped under it") as failure:
        connection(channel).exec_command(f"echo run >> {tmp_path}/log")
    assert (tmp_path / "log").read_text() == "run\n"
    assert {target.executable for target in channel.targets} == {DEFAULT_EXECUTABLE}
    assert said.decode().strip() in str(failure.value)


# https://github.com/microsoft/WSL/issues/12832 (there of /bin/bash), https://github.com/DesktopECHO/xWSL/issues/41; then dash, bash and busybox.
WITHOUT_A_SHELL = [
    b"<3>WSL (14 - Relay) ERROR: CreateProcessCommon:639: execvpe(/bin/sh) failed: No such file or directory\n",
    b"<3>WSL (43) ERROR: CreateProcessEntryCommon:577: execvpe /bin/sh failed 2\n",
    b"/bin/sh: 1: base64: not found\n",
    b"/bin/sh: line 1: base64: command not found\n",
    b"/bin/sh: base64: not found\n",
]


@pytest.mark.parametrize("said", WITHOUT_A_SHELL)
@pytest.mark.parametrize("rc", [1, 127])
def test_a_distribution_without_shell_or_base64_is_not_a_missing_wsl_exe(said: bytes, rc: int) -> None:
    channel = FakeChannel((rc, b"", said))
    with pytest.raises(AnsibleConnectionFailure, match="CONN-015.*has no /bin/sh and base64"):
        connection(channel).exec_command("true")
    assert len(channel.targets) == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({DEFAULT_EXECUTABLE: NOT_FOUND, SYSTEM32_EXECUTABLE: NOT_INSTALLED}, r"CONN-008.*Also tried: C:.Program Files.WSL.wsl\.exe \(CONN-014\)"),
        (
            {DEFAULT_EXECUTABLE: NOT_FOUND, SYSTEM32_EXECUTABLE: NOT_FOUND},
            r"CONN-014.*at C:.Program Files.*Also tried: C:.Windows.System32.wsl\.exe \(CONN-014\)",
        ),
        ({DEFAULT_EXECUTABLE: NOT_FOUND, SYSTEM32_EXECUTABLE: IN_SESSION_0}, r"CONN-011"),
    ],
)
def test_of_many_executables_the_most_telling_one_is_reported(said: dict[str, tuple[int, bytes, bytes]], told: str) -> None:
    with pytest.raises(AnsibleConnectionFailure, match=told):
        connection(FakeChannel(said)).exec_command("true")


def test_a_connection_that_never_connected_can_be_reset() -> None:
    channel = FakeChannel()
    connection(channel).reset()
    assert (channel.opened, channel.resets) == (0, 1)
    for carrier in ("winrm", "psrp"):
        fresh = connection(ansible_wsl_carrier=carrier)
        fresh._carrier._channel = None
        fresh.reset()


def test_reset_and_close_give_the_shell_back() -> None:
    channel = FakeChannel()
    plugin = connection(channel)
    plugin.exec_command("true")
    plugin.exec_command("true")
    plugin.reset()
    plugin.exec_command("true")
    plugin.close()
    assert (channel.opened, channel.closed, channel.resets) == (2, 1, 1)


def test_the_linux_play_undoes_become_that_an_inventory_sets_for_windows() -> None:
    """ansible_become outranks what a task says (task_executor.py, unless it is null): every Linux task would run as root, which minikube refuses."""
    play = yaml.safe_load((Path(__file__).parents[4] / "playbooks/vars/linux_side_of_windows.yml").read_text(encoding="utf-8"))
    assert {"ansible_become_method", "ansible_shell_type", "ansible_python_interpreter", "ansible_remote_tmp", "ansible_async_dir"} <= set(play)
    assert play["ansible_become"] is None
    assert play["ansible_become_method"] == NAME
