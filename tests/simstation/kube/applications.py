# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications in pods: an image that was built here and whose command is Python is really run, and asked over HTTP.

What the image holds is what the builder recorded (linux/dockerfile.py). `nvidia-smi` is injected as the NVIDIA runtime does it: only where the pod sees a GPU.
A program is started when it is first asked (by its readiness probe, or through the API's proxy) and ends with its pod or with the simulator.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from . import gpu, programs
from .engine import Context
from .scheduler import requests
from .selectors import matches_selector
from .status import StatusError

Object = dict[str, Any]

PROBE_SECONDS = 5.0
REPOSITORY = Path(__file__).resolve().parents[3]
SMI = """#!{python}
import datetime, json, sys
sys.path.insert(0, {repository!r})
from tests.simstation.linux import nvidia_smi
code, text = nvidia_smi.run(json.loads({gpus!r}), sys.argv[1:], datetime.datetime.fromisoformat({now!r}))
sys.stdout.write(text if code is not None else "not imitated: " + " ".join(sys.argv[1:]))
sys.exit(64 if code is None else code)
"""


def short(image: str) -> str:
    """docker.io/library/app:1, library/app:1 and app:1 are one image."""
    name = image.removeprefix("docker.io/").removeprefix("library/").split("@")[0]
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def remember(section: Object, image: str, record: Object | None) -> None:
    """What the node's image is, or that it is gone."""
    known: Object = section.setdefault("image_records", {})
    known.pop(short(image), None)
    if record:
        known[short(image)] = record


def record_of(section: Object, image: str) -> Object:
    found: Object = section.get("image_records", {}).get(short(image), {})
    return found


def runs_by_itself(section: Object, container: Object) -> bool:
    """A Python program of the image, with no other command asked for."""
    command = record_of(section, container["image"]).get("command") or []
    return bool(command) and not container.get("command") and command[0].rsplit("/", 1)[-1].startswith("python3")


class Applications:
    """The programs of one cluster's pods."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()

    def ask(self, pod: Object, port: int, path: str, seconds: float = PROBE_SECONDS) -> Object:
        """Its answer over HTTP: status, type, body. Status 0 when it does not listen."""
        with self._lock:
            program = self._program(pod)
            assert program.stdin is not None and program.stdout is not None
            program.stdin.write(json.dumps({"port": port, "path": path, "seconds": seconds}) + "\n")
            program.stdin.flush()
            answer: Object = json.loads(program.stdout.readline() or '{"status": 0, "type": "", "body": "the program has ended"}')
            return answer

    def healthy(self, pod: Object) -> tuple[bool, str]:
        """The readiness probe: (ready, why not)."""
        probe = pod["spec"]["containers"][0]["readinessProbe"].get("httpGet")
        if not probe:
            self.context.station.record_error("kubernetes: not imitated", "a readiness probe that is no httpGet")
            return False, "not imitated"
        answer = self.ask(pod, probe["port"], probe.get("path", "/"))
        if 200 <= answer["status"] < 400:
            return True, ""
        return False, f"HTTP probe failed with statuscode: {answer['status']}" if answer["status"] else f"Get: {answer['body']}"

    def through_service(self, service: Object, name: str, path: str, query: dict[str, str]) -> Object:
        """As `services/proxy` does it: the first ready pod behind the port."""
        scheme_name_port = name.split(":")
        wanted = scheme_name_port[2] if len(scheme_name_port) == 3 else ""
        ports = [port for port in service["spec"].get("ports") or [] if wanted in ("", str(port["port"]), port.get("name"))]
        pods = [pod for pod in self.context.all("pods", service["metadata"]["namespace"]) if self._behind(service, pod)]
        if not ports or not pods:
            # The API server's words when a Service has no ready endpoint (not recorded: apiserver, registry/core/service/storage).
            raise StatusError(503, f'no endpoints available for service "{name}"', "ServiceUnavailable")
        return self.ask(pods[0], int(ports[0]["targetPort"]), f"/{path}" + (f"?{urlencode(query)}" if query else ""), 35.0)

    def _behind(self, service: Object, pod: Object) -> bool:
        ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod.get("status", {}).get("conditions") or [])
        selector = {"matchLabels": service["spec"].get("selector") or {"": "none"}}
        return ready and not pod["metadata"].get("deletionTimestamp") and matches_selector(selector, pod["metadata"].get("labels") or {})

    # --- programs

    def _program(self, pod: Object) -> subprocess.Popen[str]:
        uid = pod["metadata"]["uid"]
        self._end_gone()
        if uid not in self._running or self._running[uid].poll() is not None:
            self._running[uid] = self._start(pod)
        return self._running[uid]

    def _start(self, pod: Object) -> subprocess.Popen[str]:
        record = record_of(self.context.section, pod["spec"]["containers"][0]["image"])
        folder = Path(self.context.station.root) / "containers" / pod["metadata"]["uid"]
        for name, content in record["files"].items():
            (folder / name.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (folder / name.lstrip("/")).write_text(content)
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        self._inject(pod, folder / "bin" / "nvidia-smi")
        argv = [sys.executable, *(str(folder / word.lstrip("/")) if word in record["files"] else word for word in record["command"][1:])]
        given = {entry["name"]: entry.get("value", "") for entry in pod["spec"]["containers"][0].get("env") or []}
        environment = {**record["environment"], **given, "PATH": str(folder / "bin")}
        plan = {"argv": argv, "env": environment, "cwd": str(folder), "hostname": pod["metadata"]["name"][:63]}
        command = [sys.executable, "-I", str(Path(__file__).with_name("container.py"))]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert program.stdin is not None
        program.stdin.write(json.dumps(plan) + "\n")
        program.stdin.flush()
        return program

    def _inject(self, pod: Object, path: Path) -> None:
        granted = any(name.startswith("nvidia.com/") for name in requests(pod))
        around = programs.Surroundings(pod["spec"]["containers"][0]["image"], gpu.usable(self.context), granted, self.context.now())
        if not around.sees_gpu:
            path.unlink(missing_ok=True)
            return
        values = {"python": sys.executable, "repository": str(REPOSITORY), "gpus": json.dumps(around.gpus), "now": around.now.isoformat()}
        path.write_text(SMI.format(**values))
        path.chmod(0o755)

    def _end_gone(self) -> None:
        alive = {pod["metadata"]["uid"] for pod in self.context.all("pods")}
        for uid in [uid for uid in self._running if uid not in alive]:
            self._end(self._running.pop(uid))

    def _end(self, program: subprocess.Popen[str]) -> None:
        assert program.stdin is not None and program.stdout is not None
        program.stdin.close()
        program.stdout.close()
        try:
            program.wait(5)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def close(self) -> None:
        with self._lock:
            while self._running:
                self._end(self._running.popitem()[1])
