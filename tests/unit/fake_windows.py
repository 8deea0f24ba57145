# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows side for unit tests: it answers the language from a handful of facts and knows nothing else.

The shapes of answers and errors are those of `fixtures/windows/powershell_replies.json`. What is asked and not prepared fails the test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import MagicMock

from ansible.playbook.task import Task
from ansible.template import Templar

Item = dict[str, Any]
Native = Callable[[list[str]], dict[str, Any]]

COMMAND_PREFIX = "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand "
PROFILE = "C:\\Users\\dev"
LXSS = "Software\\Microsoft\\Windows\\CurrentVersion\\Lxss"
WSL = "C:\\Program Files\\WSL\\wsl.exe"
SYSTEM_WSL = "C:\\Windows\\System32\\wsl.exe"
DOCKER_FOLDER = "C:\\Program Files\\Docker\\Docker"
DOCKER_CLIENT, DOCKER_PROGRAM = "\\resources\\bin\\docker.exe", "\\Docker Desktop.exe"
DOCKER = DOCKER_FOLDER + DOCKER_CLIENT
STORE = PROFILE + "\\AppData\\Roaming\\Docker\\settings-store.json"
UBUNTU = "{11111111-2222-3333-4444-555555555555}"
VARIABLES = {
    "USERNAME": "dev",
    "USERDOMAIN": "BOX",
    "USERPROFILE": PROFILE,
    "COMPUTERNAME": "BOX",
    "APPDATA": PROFILE + "\\AppData\\Roaming",
    "LOCALAPPDATA": PROFILE + "\\AppData\\Local",
    "ProgramFiles": "C:\\Program Files",
    "SystemRoot": "C:\\Windows",
}


def ran(stdout: str = "", rc: int | None = 0, stderr: str = "", encoding: str = "utf-8") -> dict[str, Any]:
    return {
        "exists": True,
        "path": "x",
        "timed_out": rc is None,
        "drained": True,
        "rc": rc,
        "seconds": 0.1,
        "stdout": base64.b64encode(stdout.encode(encoding)).decode(),
        "stderr": base64.b64encode(stderr.encode()).decode(),
    }


@dataclass
class FakeWindows:
    """Healthy as it stands; tests change what they are about."""

    registry: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    cim: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    programs: dict[str, Native] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=lambda: dict(VARIABLES))
    session: str | None = "BOX\\dev"
    hangs_in_session: bool = False
    is_administrator: bool = True
    commands: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)

    def answer(self, item: Item) -> dict[str, Any]:
        try:
            return {"answer": getattr(self, f"_{item['verb']}")(item)}
        except LookupError as problem:
            return {"error": problem.args[0]}

    def expand(self, text: str) -> str:
        return re.sub(r"%([^%]+)%", lambda match: self.variables.get(match.group(1), match.group(0)), text)

    def _shell(self, _item: Item) -> dict[str, Any]:
        return {
            "powershell": "5.1.26100.1",
            "language_mode": "FullLanguage",
            "ui_culture": "en-US",
            "user": "dev",
            "bits": 64,
            "now": "2026-11-21T06:00:00.0000000Z",
        }

    def _environment(self, item: Item) -> dict[str, str | None]:
        return {name: self.variables.get(name) for name in item["names"]}

    def _registry(self, item: Item) -> dict[str, Any]:
        path = item["path"].replace("SOFTWARE", "Software")
        found = {key.replace("SOFTWARE", "Software"): values for key, values in self.registry.items()}
        below = {key[len(path) + 1 :]: values for key, values in found.items() if key.startswith(path + "\\") and "\\" not in key[len(path) + 1 :]}
        if path not in found and not below:
            return {"exists": False}
        return {"exists": True, "values": found.get(path, {}), "subkeys": below if item.get("subkeys") else {}}

    def _file(self, item: Item) -> dict[str, Any]:
        path = self.expand(item["path"])
        if path not in self.files:
            return {"exists": False, "path": path}
        content, written = self.files[path]
        encoded = base64.b64encode(content).decode()
        return {"exists": True, "path": path, "length": len(content), "written": written, "content": encoded, "sha256": hashlib.sha256(content).hexdigest()}

    def _cim(self, item: Item) -> list[dict[str, Any]]:
        rows = self.cim.get(item["class"], [])
        names = re.findall(r"Name='([^']+)'", item.get("filter", ""))
        return [{name: row.get(name) for name in item["properties"]} for row in rows if not names or row.get("Name") in names]

    def _native(self, item: Item) -> dict[str, Any]:
        path = self.expand(item["program"])
        if path not in self.programs:
            return {"exists": False}
        self.commands.append(" ".join([path, *item.get("arguments", [])]))
        if item.get("detach"):
            self.started.append(path)
            self.programs[path](item.get("arguments", []))
            return {"exists": True, "path": path, "pid": 4711}
        return self.programs[path](item.get("arguments", []))

    def _write_file(self, item: Item) -> dict[str, Any]:
        path, content = self.expand(item["path"]), base64.b64decode(item["content"])
        before = hashlib.sha256(self.files[path][0]).hexdigest() if path in self.files else "absent"
        if before != item["expect"]:
            message = f"changed meanwhile: {path} is {before}, the plan was made for {item['expect']}"
            raise LookupError({"type": "System.Management.Automation.RuntimeException", "message": message, "hresult": "0x80131501", "id": message})
        self.files[path] = (content, "2026-11-21T06:00:00.0000000Z")
        self.written.append(path)
        return {"changed": True, "sha256": hashlib.sha256(content).hexdigest(), "backup": None}

    def _register_task(self, item: Item) -> dict[str, Any]:
        if not self.is_administrator:
            kind, code = "Microsoft.Management.Infrastructure.CimException", "HRESULT 0x80070005,Register-ScheduledTask"
            raise LookupError({"type": kind, "message": "Access is denied.", "hresult": "0x80131500", "id": code})
        # As Windows stores it.
        content = ('<?xml version="1.0" encoding="UTF-16"?>\r\n' + item["definition"]).encode("utf-16")
        self.files[f"C:\\Windows\\System32\\Tasks\\{item['name']}"] = (content, "2026-11-21T06:00:00.0000000Z")
        return {"registered": item["name"]}

    def _in_session(self, item: Item) -> dict[str, Any]:
        if self.session is None:
            return {"logged_on": False, "user": None, "finished": False, "answers": []}
        if self.hangs_in_session:
            return {"logged_on": True, "user": self.session, "finished": False, "answers": []}
        return {"logged_on": True, "user": self.session, "finished": True, "answers": [self.answer(inner) for inner in item["items"]]}

    # --- what a scenario is made of

    def install_wsl(self, version: str = "2.6.3.0", kernel: str = "6.6.87.2-1") -> None:
        self.registry[f"HKLM:\\{LXSS}\\MSI"] = {"InstallLocation": "C:\\Program Files\\WSL\\", "Version": version, "ProductCode": "{x}"}
        labels = ("WSL", "Kernel", "WSLg", "MSRDC", "Direct3D", "DXCore", "Windows")
        numbers = (version, kernel, "1.0.71", "1.2.6353", "1.611.1-81528511", "10.0.26100.1-240331-1435.ge-release", "10.0.26100.1742")
        text = "".join(f"{label} version: {number}\r\n" for label, number in zip(labels, numbers, strict=True))
        self.programs[WSL] = lambda arguments: self.wsl_exe(text, arguments)

    def wsl_exe(self, versions: str, arguments: list[str]) -> dict[str, Any]:
        if arguments == ["--version"]:
            return ran(versions)
        if arguments == ["--list", "--verbose"]:
            return ran(self.listed()) if self.distributions() else ran("Windows Subsystem for Linux has no installed distributions.\r\n", rc=-1)
        if arguments[0] == "--set-default":
            self.registry[f"HKCU:\\{LXSS}"]["DefaultDistribution"] = self.distributions()[arguments[1]]
            return ran("The operation completed successfully.\r\n")
        if arguments == ["--set-default-version", "2"]:
            self.registry[f"HKCU:\\{LXSS}"]["DefaultVersion"] = 2
            return ran("The operation completed successfully.\r\n")
        if arguments == ["--shutdown"]:
            self.cim["Win32_Process"] = []
            return ran()
        if arguments[0] == "--terminate":
            self.stopped.add(arguments[1])
            return ran("The operation completed successfully.\r\n")
        if "--from-file" in arguments:
            self.register(arguments[arguments.index("--name") + 1], "{22222222-2222-3333-4444-555555555555}")
            return ran("Distribution successfully installed.\r\n")
        raise AssertionError(f"wsl.exe {arguments}")

    def distributions(self) -> dict[str, str]:
        below = f"HKCU:\\{LXSS}\\"
        return {values["DistributionName"]: key[len(below) :] for key, values in self.registry.items() if key.startswith(below)}

    def listed(self) -> str:
        default = self.registry[f"HKCU:\\{LXSS}"].get("DefaultDistribution")
        states = {name: "Stopped" if name in self.stopped else "Running" for name in self.distributions()}
        versions = {guid: 2 if self.registry[f"HKCU:\\{LXSS}\\{guid}"]["Flags"] & 8 else 1 for guid in self.distributions().values()}
        rows = [f"{'*' if guid == default else ' '} {name}    {states[name]}         {versions[guid]}\r\n" for name, guid in self.distributions().items()]
        return "  NAME            STATE           VERSION\r\n" + "".join(rows)

    def register(self, name: str, guid: str) -> None:
        parent = self.registry.setdefault(f"HKCU:\\{LXSS}", {})
        parent.setdefault("DefaultDistribution", guid)
        # Without `--version` WSL takes the value DefaultVersion, 2 where there is none (microsoft/WSL, LxssUserSession.cpp, RegisterDistribution).
        flags = 7 if parent.get("DefaultVersion") == 1 else 15
        self.registry[f"HKCU:\\{LXSS}\\{guid}"] = {"DistributionName": name, "Flags": flags, "State": 1, "Version": 2}

    def install_docker(
        self, version: str = "4.91.0", running: bool = True, settings: dict[str, Any] | None = None, folder: str = DOCKER_FOLDER
    ) -> None:
        key = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Docker Desktop"
        self.registry[key] = {"DisplayVersion": version, "InstallLocation": folder}
        for path in [path for path in self.programs if path.endswith((DOCKER_CLIENT, DOCKER_PROGRAM))]:
            del self.programs[path]
        self.programs[folder + DOCKER_CLIENT] = self.docker_exe
        self.programs[folder + DOCKER_PROGRAM] = lambda _arguments: self.docker_runs(True)
        if settings is not None:
            self.files[STORE] = (json.dumps(settings, indent=2).encode(), "2026-11-01T06:00:00.0000000Z")
        self.docker_runs(running)

    def docker_runs(self, running: bool) -> dict[str, Any]:
        others = [row for row in self.cim.get("Win32_Process", []) if row["Name"] != "Docker Desktop.exe"]
        self.cim["Win32_Process"] = [*others, {"Name": "Docker Desktop.exe", "SessionId": 1}] if running else others
        return ran()

    def docker_exe(self, arguments: list[str]) -> dict[str, Any]:
        running = any(row["Name"] == "Docker Desktop.exe" for row in self.cim.get("Win32_Process", []))
        if arguments == ["version", "--format", "{{json .}}"]:
            server = {"Platform": {"Name": "Docker Desktop 4.91.0 (239619)"}, "Version": "29.8.0", "Os": "linux"} if running else None
            return ran(json.dumps({"Client": {}, "Server": server}), 0 if running else 1, "" if running else "cannot find the file specified")
        if arguments == ["desktop", "stop"]:
            return self.docker_runs(False)
        raise AssertionError(f"docker.exe {arguments}")


def healthy() -> FakeWindows:
    """Everything as it should be; the numbers are those of the simulated workstation."""
    windows = FakeWindows()
    windows.registry.update(
        {
            "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion": {
                "CurrentBuildNumber": "26100",
                "UBR": 4349,
                "DisplayVersion": "24H2",
                "EditionID": "Professional",
                "ProductName": "Windows 10 Pro",
            },
            "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-1001": {"ProfileImagePath": PROFILE},
            "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager": {},
        }
    )
    computer = {"TotalPhysicalMemory": 34359738368, "NumberOfLogicalProcessors": 16, "HypervisorPresent": True, "UserName": "BOX\\dev"}
    windows.cim.update(
        {
            "Win32_ComputerSystem": [computer],
            "Win32_OperatingSystem": [{"Caption": "Microsoft Windows 11 Pro", "ProductType": 1, "LastBootUpTime": "2026-11-20T06:00:00.0000000Z"}],
            "Win32_Processor": [{"VirtualizationFirmwareEnabled": False}],
            "Win32_OptionalFeature": [
                {"Name": "VirtualMachinePlatform", "InstallState": 1},
                {"Name": "Microsoft-Windows-Subsystem-Linux", "InstallState": 2},
            ],
            "Win32_VideoController": [{"Name": "NVIDIA GeForce RTX 4050 Laptop GPU", "DriverVersion": "32.0.15.9159"}],
            "Win32_Process": [{"Name": "vmmemWSL", "CreationDate": "2026-11-20T07:00:00.0000000Z"}],
        }
    )
    row = "0, GPU-1, NVIDIA GeForce RTX 4050 Laptop GPU, 591.59, 6141, WDDM\r\n"
    windows.programs["nvidia-smi.exe"] = lambda _arguments: ran(row)
    windows.files[PROFILE + "\\.wslconfig"] = (b"[wsl2]\r\ngpuSupport=true\r\n", "2026-11-01T06:00:00.0000000Z")
    windows.install_wsl()
    windows.register("Ubuntu-24.04", UBUNTU)
    windows.install_docker(settings={"AutoStart": True, "IntegratedWslDistros": ["Ubuntu-24.04"], "proxyHttpMode": "system"})
    return windows


@dataclass
class FakeConnection:
    """Takes the command line and the frame as the real connection would, and answers with the real frame."""

    windows: FakeWindows
    requests: list[dict[str, Any]] = field(default_factory=list)
    become: Any = None
    raw: tuple[int, bytes, bytes] | None = None
    _shell: MagicMock = field(default_factory=MagicMock)

    def exec_command(self, cmd: str, in_data: bytes, sudoable: bool) -> tuple[int, bytes, bytes]:
        assert cmd.startswith(COMMAND_PREFIX)
        assert in_data.isascii()
        assert not sudoable
        if self.raw is not None:
            return self.raw
        frame = json.loads(in_data)
        self.requests.append(frame["request"])
        reply = {"ok": True, "result": {"answers": self._answers(frame["request"])}}
        return 0, b"<<gpudev:" + base64.b64encode(json.dumps(reply).encode()) + b">>\r\n", b""

    def _answers(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        given = []
        for item in request["items"]:
            given.append(self.windows.answer(item))
            if request.get("stop_on_error") and "error" in given[-1]:
                break
        return given


def run_action(
    action: Callable[..., Any],
    connection: FakeConnection,
    arguments: dict[str, Any],
    *,
    check_mode: bool = False,
    modules: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
    async_val: int = 0,
    poll: int = 1,
) -> dict[str, Any]:
    """One run of an action plugin; `modules` answers for the ansible.windows modules it calls."""
    task = MagicMock(Task)
    task.args, task.check_mode, task.diff, task.async_val, task.action, task.environment = arguments, check_mode, True, async_val, "test", {}
    task.poll = poll
    templar = Templar(loader=None)
    plugin = action(task, connection, MagicMock(), MagicMock(), templar, MagicMock())

    def module(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "ansible.windows.win_powershell":
            _rc, line, complaint = connection.exec_command(COMMAND_PREFIX, arguments["parameters"]["Frame"].encode("ascii"), sudoable=False)
            return {"output": [line.decode().strip()], "error": [complaint.decode()]}
        if modules is None:
            raise AssertionError(f"no answer was prepared for {name}")
        return modules(name, arguments)

    plugin._execute_module = FakeJobs(task, module).execute
    answer: dict[str, Any] = plugin.run(task_vars={"inventory_hostname": "box"})
    return answer


@dataclass
class FakeJobs:
    """Modules, and modules as Ansible's jobs: a job has ended when it is asked about for the first time."""

    task: Any
    module: Callable[[str, dict[str, Any]], dict[str, Any]]
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)

    def execute(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if module_name == "ansible.windows.async_status":
            assert module_args["_async_dir"] == "C:\\jobs"
            return self.ended.pop(module_args["jid"]) if module_args["mode"] == "cleanup" else self.ended[module_args["jid"]]
        answer = self.module(module_name, module_args)
        if not self.task.async_val:
            return answer
        job = f"j{len(self.ended)}.1"
        self.ended[job] = {**answer, "finished": True}
        return {"started": True, "finished": False, "ansible_job_id": job, "results_file": f"C:\\jobs\\{job}"}
