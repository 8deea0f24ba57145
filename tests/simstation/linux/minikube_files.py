# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a minikube user: ~/.minikube with its profiles and machines, and the kubeconfig. They really lie in the distro's tree.

Shapes: recordings/minikube/{profile_config_running.json,machine_config_running.json,kubeconfig_*.yaml,after_delete_left.json}.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings" / "minikube"
VERSION = "v1.38.1"
KUBERNETES = "v1.35.1"
KIC_VERSION = "v0.0.50"
KIC_IMAGE = f"gcr.io/k8s-minikube/kicbase:{KIC_VERSION}"
NODE_IP = "192.168.49.2"
API_PORT = 8443
EMPTY_KUBECONFIG = 'apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: ""\nkind: Config\nusers: null\n'
PROFILE_FILES = ("apiserver.crt.dec5bdd4", "apiserver.key.dec5bdd4", "proxy-client.crt", "proxy-client.key")


class Corrupt(Exception):
    """config.json cannot be read; the text is Go's."""


class Home:
    """One ~/.minikube: `inside` is its path in the distro, `path` on disk."""

    def __init__(self, inside: str, path: Path) -> None:
        self.inside = inside
        self.path = path

    def profile(self, name: str) -> Path:
        return self.path / "profiles" / name

    def machine(self, name: str) -> Path:
        return self.path / "machines" / name

    def profiles(self) -> list[str]:
        directory = self.path / "profiles"
        return sorted(item.name for item in directory.iterdir() if item.is_dir()) if directory.is_dir() else []

    def make(self) -> None:
        for name in ("addons", "certs", "config", "files", "logs", "machines"):
            (self.path / name).mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> dict[str, Any] | None:
        """The profile's config; None when there is none."""
        file = self.profile(name) / "config.json"
        if not file.is_file():
            return None
        try:
            data = json.loads(file.read_text())
        except ValueError:
            raise Corrupt("unmarshal: unexpected end of JSON input") from None
        return data if isinstance(data, dict) else None

    def save(self, name: str, config: dict[str, Any]) -> None:
        file = self.profile(name) / "config.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(config, indent="\t"))
        file.chmod(0o600)

    def save_machine(self, name: str, config: dict[str, Any]) -> None:
        machine = json.loads(
            (RECORDINGS / "machine_config_running.json").read_text().replace("/home/dev/.minikube", self.inside).replace('"gpu"', json.dumps(name))
        )
        machine["Driver"]["SSHKeyPath"] = f"{self.inside}/machines/{name}/id_rsa"
        node = machine["Driver"]["NodeConfig"]
        node.update(CPU=config["CPUs"], Memory=config["Memory"], ImageDigest=config["KicBaseImage"], GPUs=config["GPUs"])
        node.update(KubernetesVersion=config["KubernetesConfig"]["KubernetesVersion"], ContainerRuntime=config["KubernetesConfig"]["ContainerRuntime"])
        directory = self.machine(name)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "config.json").write_text(json.dumps(machine, indent=4))
        for file in ("server.pem", "server-key.pem"):
            (self.path / "machines" / file).write_text("SIMULATED\n")

    def save_ssh_key(self, name: str) -> None:
        for file in ("id_rsa", "id_rsa.pub"):
            (self.machine(name) / file).write_text("SIMULATED\n")
            (self.machine(name) / file).chmod(0o600)

    def save_certificates(self, name: str) -> None:
        """What the cluster itself does not write; nobody reads these."""
        for file in PROFILE_FILES:
            (self.profile(name) / file).write_text("SIMULATED\n")

    def remove(self, name: str) -> None:
        shutil.rmtree(self.machine(name), ignore_errors=True)
        shutil.rmtree(self.profile(name), ignore_errors=True)


def new_config(name: str) -> dict[str, Any]:
    """A profile's config as saved before the container exists: no address, no enabled addon."""
    config: dict[str, Any] = json.loads((RECORDINGS / "profile_config_running.json").read_text())
    config.update(Name=name, KicBaseImage=KIC_IMAGE, Addons=None, GPUs="")
    config["KubernetesConfig"].update(ClusterName=name, KubernetesVersion=KUBERNETES)
    config["Nodes"] = [{**config["Nodes"][0], "IP": "", "KubernetesVersion": KUBERNETES}]
    return config


class Kubeconfig:
    """A kubeconfig as minikube and kubectl write it (block style); entries of others are kept as they are."""

    SECTIONS = ("clusters", "contexts", "users")

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: dict[str, dict[str, str]] = {section: {} for section in self.SECTIONS}
        self.current = ""
        if file.is_file():
            self._read(file.read_text())

    def _read(self, text: str) -> None:
        section = ""
        blocks: list[tuple[str, list[str]]] = []
        for line in text.splitlines():
            key = re.match(r"([\w-]+):(.*)$", line)
            if key:
                section = key[1]
                if section == "current-context":
                    self.current = key[2].strip().strip('"')
            elif line.startswith("- ") and section in self.SECTIONS:
                blocks.append((section, [line]))
            elif blocks and section in self.SECTIONS:
                blocks[-1][1].append(line)
        for section, lines in blocks:
            name = next((match[1] for line in lines if (match := re.match(r"[- ] name: (.*)$", line))), "")
            self.entries[section][name] = "\n".join(lines) + "\n"

    def save(self) -> None:
        lines = ["apiVersion: v1\n"]
        for section in ("clusters", "contexts"):
            lines += self._section(section)
        lines.append(f"current-context: {self.current or chr(34) * 2}\nkind: Config\n")
        lines += self._section("users")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("".join(lines))
        self.file.chmod(0o600)

    def _section(self, section: str) -> list[str]:
        entries = self.entries[section]
        return [f"{section}: null\n"] if not entries else [f"{section}:\n", *(entries[name] for name in sorted(entries))]

    def server(self, name: str) -> str | None:
        match = re.search(r"^\s+server: https://(\S+)$", self.entries["clusters"].get(name, ""), re.MULTILINE)
        return match[1] if match else None

    def put(self, name: str, server: str, home: str, now: datetime.datetime, select: bool = True) -> None:
        stamp = f"{now:%a, %d %b %Y %H:%M:%S} UTC"

        def extension(kind: str) -> str:
            return (
                f"    extensions:\n    - extension:\n        last-update: {stamp}\n        provider: minikube.sigs.k8s.io\n"
                f"        version: {VERSION}\n      name: {kind}\n"
            )

        cluster = f"- cluster:\n    certificate-authority: {home}/ca.crt\n{extension('cluster_info')}    server: https://{server}\n  name: {name}\n"
        context = f"- context:\n    cluster: {name}\n{extension('context_info')}    namespace: default\n    user: {name}\n  name: {name}\n"
        user = f"- name: {name}\n  user:\n    client-certificate: {home}/profiles/{name}/client.crt\n    client-key: {home}/profiles/{name}/client.key\n"
        for section, text in (("clusters", cluster), ("contexts", context), ("users", user)):
            self.entries[section][name] = text
        if select:
            self.current = name

    def remove(self, name: str) -> None:
        for entries in self.entries.values():
            entries.pop(name, None)
        if self.current == name:
            self.current = ""
