# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection wsl over a real wire: what a task costs, exactness, what leaks, what is printed, and what is told on failure.

One play a carrier does it all, because starting Ansible is what takes time. Here it is winrm; tests/extended/test_wsl_connection_carriers.py runs the
same tests through the others.
"""

from __future__ import annotations

import base64
import json
import random
import re
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.harness import Stations, playbook, serve

HOST = "healthy"
# The station's options of each carrier.
CARRIERS = {
    "winrm": [],
    "psrp": ["--carrier", "psrp"],
    "ssh, cmd": ["--carrier", "ssh", "--ssh-shell", "cmd"],
    "ssh, powershell": ["--carrier", "ssh", "--ssh-shell", "powershell"],
}
LINUX_SIDE = yaml.safe_load((Path(__file__).parents[2] / "playbooks/vars/linux_side_of_windows.yml").read_text(encoding="utf-8"))
OURS = {"ansible_wsl_user": "dev", "ansible_wsl_executable": ""}
# Everything that a Windows inventory, and tasks on the Windows side, may leave behind.
WINDOWS_SIDE = {
    "ansible_shell_type": "powershell",
    "ansible_become": True,
    "ansible_become_method": "runas",
    "ansible_become_user": "SYSTEM",
    "ansible_become_flags": "logon_type=batch",
    "ansible_shell_executable": "powershell.exe",
    "ansible_remote_tmp": "C:\\Windows\\Temp",
    "ansible_async_dir": "%USERPROFILE%\\.ansible_async",
    "ansible_python_interpreter": "C:\\Python312\\python.exe",
}
# Facts of the Windows side, as ansible.windows.setup names them.
WINDOWS_FACTS = {"os_family": "Windows", "system": "Win32NT", "distribution": "Microsoft Windows 11 Pro", "user_dir": "C:\\Users\\dev"}
WINDOWS_PASSWORD = "Correct-Horse-42"
BECOME_PASSWORD = "Battery-Staple-7"
# sudo, boiled down: a prompt, one line of input, and another one after a wrong password; it takes no user but marks what it runs.
ASKING = f"""#!/bin/sh
while [ "$1" != /bin/sh ]; do [ "$1" = -p ] && prompt=$2; shift; done
printf %s "$prompt" >&2; read -r given
[ "$given" = {BECOME_PASSWORD} ] && BY_SUDO=yes exec "$@"
printf 'Sorry, try again.\\n%s' "$prompt" >&2; read -r given; printf %s "$given" > /tmp/second-try; exit 1
"""
CONTENT = "Top-Secret-Content-of-a-file"
ODD = "/tmp/naïve 'name' & %PATH% ^ 漢字"
ALL_BYTES = "".join(f"\\{byte:03o}" for byte in range(256))


@dataclass
class Outcome:
    """What one play left: its output at -vvvv, what its tasks returned, the SOAP verbs of each remote shell, in order, and over how many TCP connections."""

    carrier: str
    output: str
    results: dict[str, t.Any]
    sessions: list[list[str]]
    tcp_connections: list[int]
    requests: int
    errors: list[t.Any]


def tasks() -> list[dict[str, t.Any]]:
    shell, raw = "ansible.builtin.shell", "ansible.builtin.raw"
    return [
        {"ansible.builtin.set_fact": {**WINDOWS_FACTS, "cacheable": True}},
        {"ansible.builtin.ping": {}},
        {"ansible.builtin.setup": {"filter": "ansible_system"}, "register": "facts"},
        {"hundred_kilobytes": {}, "register": "big"},
        {raw: "echo {{ item }}", "loop": list(range(10)), "register": "loop"},
        {shell: "exit {{ item }}", "loop": [0, 1, 67, 87, 255], "register": "codes", "failed_when": "codes.rc != item"},
        {raw: f"printf '{ALL_BYTES}' | base64 -w 0; printf 'to stderr' >&2", "register": "streams"},
        {shell: "cat; echo end", "args": {"stdin": "ünïcode", "stdin_add_newline": False}, "environment": {"ODD": ODD}, "register": "stdin"},
        {shell: 'printf "%s" "$ODD"', "environment": {"ODD": ODD}, "register": "variable"},
        {raw: f"printf %s {'x' * 20000} | wc -c", "register": "long"},
        {"ansible.builtin.copy": {"content": CONTENT, "dest": ODD, "mode": "0600"}, "no_log": True},
        {"ansible.builtin.fetch": {"src": ODD, "dest": "{{ playbook_dir }}/fetched", "flat": True}},
        {raw: "id -un", "register": "user"},
        {"ansible.builtin.command": "id -un", "become": True, "register": "root"},
        {"ansible.builtin.command": "id -un", "register": "unpipelined", "vars": {"ansible_pipelining": False}},
        {"ansible.builtin.copy": {"content": ASKING, "dest": "/tmp/asking", "mode": "0755"}, "no_log": True},
        {shell: "echo $BY_SUDO", "become": True, "register": "asked", "vars": SUDO},
        {shell: "true", "become": True, "ignore_errors": True, "register": "wrong", "vars": {**SUDO, **WRONG}},
        {raw: "cat /tmp/second-try", "register": "second_try"},
        {"ansible.builtin.meta": "reset_connection"},
        {raw: "sleep 3; echo late", "register": "late", "vars": IMPATIENT},
        {"ansible.builtin.command": "echo background", "async": 20, "poll": 1, "register": "background"},
        {shell: "echo $$ > /tmp/lasting; exec sleep 300", "timeout": 3, "ignore_errors": True, "register": "too_long"},
        {raw: "for _ in 1 2 3 4 5 6 7 8 9; do kill -0 $(cat /tmp/lasting) || exit 0; sleep 0.5; done; echo alive", "register": "lasting"},
        {raw: "true", "vars": {"ansible_wsl_distribution": "Nope"}, "ignore_unreachable": True, "register": "no_distribution"},
        {raw: "true", "vars": {"ansible_wsl_user": "nobodyhere"}, "ignore_unreachable": True, "register": "no_user"},
        {raw: "true", "vars": {"ansible_wsl_user": "a & b"}, "ignore_errors": True, "register": "bad_user"},
        {raw: "true", "vars": {"ansible_wsl_distribution": "%PATH%"}, "ignore_errors": True, "register": "bad_distribution"},
    ]


SUDO = {
    "ansible_become_method": "ansible.builtin.sudo",
    "ansible_become_exe": "/tmp/asking",
    "ansible_become_password": BECOME_PASSWORD,
    "ansible_become_user": "root",  # to the user who it is already nothing is asked of sudo (BECOME_ALLOW_SAME_USER)
    "ansible_become_flags": "-H -S",
}
WRONG = {"ansible_become_password": "Wrong-Staple-8"}
# Less than the command is silent.
IMPATIENT = {
    "ansible_winrm_operation_timeout_sec": 1,
    "ansible_winrm_read_timeout_sec": 2,
    "ansible_psrp_operation_timeout": 1,
    "ansible_psrp_read_timeout": 2,
    "ansible_ssh_timeout": 2,
}


def write_play(directory: Path) -> None:
    steps = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks())]
    names = [step["register"] for step in steps if "register" in step]
    collected = f"{{{{ dict({names} | zip({names} | map('extract', hostvars['{HOST}']))) | to_json }}}}"
    written = {"name": "Collect", "ansible.builtin.copy": {"content": collected, "dest": str(directory / "results.json"), "mode": "0600"}}
    plays = [
        {"name": "WSL", "hosts": HOST, "gather_facts": False, "vars": {**LINUX_SIDE, **OURS}, "tasks": steps},
        {"name": "Results", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [written]},
    ]
    (directory / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    (directory / "windows.yml").write_text(yaml.safe_dump({"all": {"hosts": {HOST: WINDOWS_SIDE}}}), encoding="utf-8")
    (directory / "library").mkdir()
    noise = random.Random(1).randbytes(50_000).hex()
    module = f'#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\nNOISE = "{noise}"\nAnsibleModule({{}}).exit_json(size=len(NOISE))\n'
    (directory / "library" / "hundred_kilobytes.py").write_text(module)


def sessions(stations: Stations) -> list[list[str]]:
    """The verbs of each shell, from its Create to its Delete."""
    verbs = " ".join(entry["verb"] for entry in stations.requests())
    return [session.split() for session in re.findall(r"Create.*?Delete", verbs)]


def tcp_connections(stations: Stations) -> list[int]:
    """How many TCP connections served each shell; over ssh there are no shells, and its log knows no ports."""
    ports: list[set[int]] = []
    for entry in stations.requests():
        if entry["verb"] == "Create":
            ports.append(set())
        if "client_port" in entry:
            ports[-1].add(entry["client_port"])
    return [len(known) for known in ports]


def played(carrier: str, directory: Path) -> Outcome:
    write_play(directory)
    with serve(HOST, options=CARRIERS[carrier]) as stations:
        run = playbook(stations, str(directory / "play.yml"), "-i", str(directory / "windows.yml"), "-vvvv")
        assert run.rc == 0, run.output[-6000:]
        results = json.loads((directory / "results.json").read_text(encoding="utf-8"))
        results["fetched"] = (directory / "fetched").read_text(encoding="utf-8")
        return Outcome(carrier, run.output, results, sessions(stations), tcp_connections(stations), len(stations.requests()), stations.errors(HOST))


@pytest.fixture(scope="module", params=["winrm"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return played(request.param, tmp_path_factory.mktemp("play"))


def test_a_task_costs_no_more_than_promised(outcome: Outcome) -> None:
    assert outcome.results["big"]["size"] == 100_000
    assert [item["stdout"].strip() for item in outcome.results["loop"]["results"]] == list("0123456789")
    if outcome.carrier.startswith("ssh"):
        assert outcome.requests < 65, "about one command a task, and some for each file"
        return
    ping, setup, big, loop = outcome.sessions[:4]
    assert (len(ping) <= 7, len(setup) <= 9, len(big) <= 8) == (True, True, True), (ping, setup, big)
    assert (loop.count("Create"), loop.count("Command"), loop.count("Delete")) == (1, 10, 1), loop
    assert outcome.tcp_connections[:4] == [1, 1, 1, 1]


def test_output_input_and_files_are_exact(outcome: Outcome) -> None:
    results = outcome.results
    assert base64.b64decode(results["streams"]["stdout"]) == bytes(range(256))
    assert "to stderr" in results["streams"]["stderr"]
    assert results["stdin"]["stdout"] == "ünïcodeend"
    assert results["variable"]["stdout"] == ODD
    assert results["fetched"] == CONTENT
    assert results["long"]["stdout"].strip() == "20000", "cmd.exe takes 8191 characters"
    assert [item["rc"] for item in results["codes"]["results"]] == [0, 1, 67, 87, 255]


def test_nothing_of_the_windows_side_leaks(outcome: Outcome) -> None:
    results = outcome.results
    assert results["facts"]["ansible_facts"]["ansible_system"] == "Linux"
    assert re.search(r"PUT \S+ TO /home/dev/\.ansible/tmp/\S+/AnsiballZ_command\.py", outcome.output), "not pipelined, and not into a directory of Windows"
    assert results["user"]["stdout"].strip() == results["unpipelined"]["stdout"] == "dev"
    assert results["root"]["stdout"] == "root"
    assert results["background"]["stdout"] == "background"
    assert results["background"]["results_file"].startswith("/home/dev/.ansible_async/")


def test_a_password_is_given_once_to_whom_asks_and_nothing_else_is_taken_for_it(outcome: Outcome) -> None:
    results = outcome.results
    assert results["asked"]["stdout"] == "yes"
    assert "Incorrect sudo password for user root" in results["wrong"]["msg"]
    assert results["second_try"]["stdout"] == ""


def test_a_command_may_be_silent_for_longer_than_any_timeout(outcome: Outcome) -> None:
    assert outcome.results["late"]["stdout"].strip() == "late"


@pytest.mark.parametrize("secret", [WINDOWS_PASSWORD, BECOME_PASSWORD, WRONG["ansible_become_password"], CONTENT])
def test_nothing_secret_is_printed(outcome: Outcome, secret: str) -> None:
    assert secret not in outcome.output
    assert base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] not in outcome.output
    assert "WSL EXEC in Ubuntu-24.04 as dev" in outcome.output, "the log says what happens"


def test_a_task_that_takes_too_long_is_ended_on_the_host(outcome: Outcome) -> None:
    assert "Timed out after 3 second(s)" in outcome.results["too_long"]["msg"]
    # ansible-core's ssh connection lets the command run on, on any host.
    assert ("alive" in outcome.results["lasting"]["stdout"]) == outcome.carrier.startswith("ssh")


@pytest.mark.parametrize(("what", "told"), [("no_distribution", "[CONN-002]"), ("no_user", "[CONN-001]")])
def test_what_wsl_exe_refuses_is_unreachable_with_its_cause(outcome: Outcome, what: str, told: str) -> None:
    result = outcome.results[what]
    assert result["unreachable"]
    assert told in result["msg"]
    assert "What to do:" in result["msg"]


@pytest.mark.parametrize(("what", "variable"), [("bad_user", "ansible_wsl_user or become_user"), ("bad_distribution", "ansible_wsl_distribution")])
def test_names_that_cannot_be_are_refused_with_an_explanation(outcome: Outcome, what: str, variable: str) -> None:
    assert f"{variable}: " in outcome.results[what]["msg"]
    assert "A-Z a-z 0-9 . _ -" in outcome.results[what]["msg"]


def test_the_station_was_asked_nothing_it_does_not_know(outcome: Outcome) -> None:
    assert outcome.errors == []
