# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of the running stations: how to connect, and the facts of the scenario that a user would declare."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simstation.scenarios import base
from tests.simstation.station import Station

if TYPE_CHECKING:
    from tests.simstation.openssh.server import Keys

HEADER = "# Written by `python -m tests.simstation serve`. The workstations are simulated; the accounts are theirs alone.\n"
CONNECT_AS = "dev"
# YAML takes some short words for something else than text.
PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]{2,}(?<!^yes)(?<!^off)(?<!^true)(?<!^null)(?<!^false)")
# Kind of an installer in the state document -> the variables of the roles that take its path and its checksum.
INSTALLER_VARIABLES = {
    "wsl_msi": ("wsl_installer", "wsl_installer_sha256"),
    "distribution": ("wsl_rootfs", "wsl_rootfs_sha256"),
    "docker_desktop": ("docker_desktop_installer", "docker_desktop_installer_sha256"),
    "nvidia_driver": ("nvidia_driver_installer", "nvidia_driver_installer_sha256"),
    "minikube": ("minikube_installer", "minikube_installer_sha256"),
}


@dataclass(frozen=True)
class Host:
    """One inventory host; `port` is that of its carrier."""

    station: Station
    port: int


@dataclass(frozen=True)
class WayIn:
    """How Ansible reaches the Windows side of all hosts: `variables` of the carrier, and what they need to trust."""

    carrier: str = "winrm"
    ca_file: Path | None = None
    ssh_shell: str = "cmd"
    ssh_keys: Keys | None = None


def build(hosts: Sequence[Host], way_in: WayIn, *, control_port: int, allow: Sequence[str]) -> dict[str, Any]:
    workstations = {
        "children": {"windows_workstations": {"hosts": {host.station.name: _host(host) for host in hosts}, "vars": CONNECTIONS[way_in.carrier](way_in)}},
        "vars": {"workstation_distribution": base.DISTRIBUTION, **({"workstation_allow": list(allow)} if allow else {})},
    }
    return {"all": {"vars": {"simstation_control": f"http://127.0.0.1:{control_port}"}, "children": {"workstations": workstations}}}


def write(path: Path, inventory: dict[str, Any]) -> None:
    """Whole or not at all: somebody may be waiting for the file to appear."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(HEADER + "---\n" + to_yaml(inventory), encoding="utf-8")
    temporary.replace(path)


def to_yaml(value: Any, indent: int = 0) -> str:
    """Block style for mappings; everything else is JSON, which is YAML."""
    if not (isinstance(value, dict) and value):
        return f"{json.dumps(value)}\n"
    text = ""
    for name, inner in value.items():
        text += " " * indent + (name if PLAIN_KEY.fullmatch(name) else json.dumps(name)) + ":"
        text += "\n" + to_yaml(inner, indent + 2) if isinstance(inner, dict) and inner else " " + to_yaml(inner)
    return text


def _winrm(way_in: WayIn) -> dict[str, Any]:
    common = {"ansible_connection": "ansible.builtin.winrm", "ansible_shell_type": "powershell", "ansible_winrm_transport": "ntlm"}
    if way_in.ca_file is None:
        return {**common, "ansible_winrm_scheme": "http", "ansible_winrm_message_encryption": "always"}
    trust = {"ansible_winrm_server_cert_validation": "validate", "ansible_winrm_ca_trust_path": str(way_in.ca_file)}
    return {**common, "ansible_winrm_scheme": "https", **trust}


def _psrp(way_in: WayIn) -> dict[str, Any]:
    """For what travels over `ansible_wsl_carrier` only: PowerShell pipelines (MS-PSRP) are not simulated, so Windows modules cannot run this way."""
    common = {
        "ansible_connection": "ansible.builtin.psrp",
        "ansible_shell_type": "powershell",
        "ansible_wsl_carrier": "psrp",
        "ansible_psrp_auth": "ntlm",
    }
    if way_in.ca_file is None:
        return {**common, "ansible_psrp_protocol": "http", "ansible_psrp_message_encryption": "always"}
    return {**common, "ansible_psrp_protocol": "https", "ansible_psrp_cert_validation": "validate", "ansible_psrp_ca_cert": str(way_in.ca_file)}


def _ssh(way_in: WayIn) -> dict[str, Any]:
    """Password login (ansible-core 2.18 needs the program sshpass for that); `simstation_ssh_key` names a private key that works as well."""
    if way_in.ssh_keys is None:
        raise ValueError("the stations have no SSH server")
    trust = f"-o UserKnownHostsFile={way_in.ssh_keys.known_hosts} -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes"
    return {
        "ansible_connection": "ansible.builtin.ssh",
        "ansible_shell_type": way_in.ssh_shell,
        "ansible_wsl_carrier": "ssh",
        "ansible_wsl_carrier_shell": way_in.ssh_shell,
        "ansible_ssh_common_args": f"{trust} -F none",
        "simstation_ssh_key": str(way_in.ssh_keys.client_file),
    }


CONNECTIONS: dict[str, Callable[[WayIn], dict[str, Any]]] = {"winrm": _winrm, "psrp": _psrp, "ssh": _ssh}


def _host(host: Host) -> dict[str, Any]:
    state = host.station.state
    user = state["windows"].get("connect_as", CONNECT_AS)
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": host.port,
        "ansible_user": user,
        "ansible_password": state["windows"]["users"][user]["password"],
        "simstation_scenario": state["scenario"],
        **_installers(state),
        **state.get("declared", {}),
    }


def _installers(state: dict[str, Any]) -> dict[str, str]:
    """What lies on the station's disk, as a team would declare it: path and checksum."""
    found: dict[str, str] = {}
    for path, entry in state["installers"].items():
        file, variables = state["windows"]["files"].get(path), INSTALLER_VARIABLES.get(entry["kind"])
        if file is not None and variables is not None:
            checksum = hashlib.sha256(base64.b64decode(file["content"])).hexdigest()
            found.update(zip(variables, (path, checksum), strict=True))
    return found
