# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the imitated engine: run and its GPU trouble, exec into the cluster's node, stop, start, remove. SIMULATED: nothing runs.

A container can run `nvidia-smi`, `true`, `echo` and `sleep`; everything else is an error of the simulator. GPU errors: recordings/docker/gpus_*.json,
recordings/gpu/docker_*.json, samples/windows/docker_gpu_errors.txt; the scenario's word is the document's `docker.gpu`.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distro import wsl_files
from . import desktop, engine, nvidia_smi, own_engine

if TYPE_CHECKING:
    from ..distro.programs import Call

FLAGS = ("--rm", "-i", "-t", "-it", "-d", "--detach", "--interactive", "--tty", "--privileged", "-q", "--quiet", "--init")
VALUED = (
    "--gpus",
    "--name",
    "--pull",
    "--entrypoint",
    "-e",
    "--env",
    "--network",
    "--runtime",
    "--device",
    "-v",
    "--volume",
    "--label",
    "-l",
    "--platform",
    "-m",
    "--memory",
    "--cpus",
)
FAILED = "Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: "
PRESTART = FAILED + (
    "runc create failed: unable to start container process: error during container init: error running prestart hook #0: exit status 1, "
    "stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: "
)
NOT_FOUND = FAILED + 'runc create failed: unable to start container process: exec: "{}": executable file not found in $PATH'
# `docker.gpu` of the document -> exit code and text of `docker run --gpus`.
GPU_TROUBLE = {
    "no_hook": (125, 'Error response from daemon: could not select device driver "" with capabilities: [[gpu]]'),
    "no_adapters": (125, PRESTART + "initialization error: WSL environment detected but no adapters were found"),
    "no_library": (127, PRESTART + "initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory"),
    "old_cuda": (
        125,
        PRESTART + "requirement error: unsatisfied condition: cuda>=12.9, please update your driver to a newer version, or use an earlier cuda container",
    ),
    "no_smi": (127, NOT_FOUND.format("nvidia-smi")),
}
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings" / "minikube"
HANG_SECONDS = 600
NODE_DAEMON: dict[str, Any] = {
    "exec-opts": ["native.cgroupdriver={}"],
    "log-driver": "json-file",
    "log-opts": {"max-size": "100m"},
    "storage-driver": "overlay2",
}
NVIDIA_RUNTIME = {"default-runtime": "nvidia", "runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime", "runtimeArgs": None}}}


@dataclass
class Request:
    image: str
    command: list[str]
    options: dict[str, str]
    flags: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.options.setdefault("--name", f"simulated_{secrets.token_hex(3)}")


def parse_run(call: Call, words: list[str]) -> Request | str:
    """What `docker run` was asked for, or the CLI's complaint about a flag."""
    options: dict[str, str] = {}
    flags: set[str] = set()
    words = list(words)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in FLAGS:
            flags.add(name)
        elif name in VALUED:
            options[name] = value if equals else words.pop(0)
        else:
            call.unknown(f"run {word}")
    gpus = options.get("--gpus")
    if gpus is not None and (complaint := _bad_gpus(gpus)):
        return f'invalid argument "{gpus}" for "--gpus" flag: {complaint}'
    if not words:
        return "docker: 'docker run' requires at least 1 argument"
    return Request(words[0], words[1:], options, flags)


def _bad_gpus(value: str) -> str | None:
    for part in re.findall(r'"[^"]*"|[^,]+', value):
        key, equals, _rest = part.strip('"').partition("=")
        if equals and key not in ("device", "count", "capabilities", "driver", "options"):
            return f"unexpected key '{key}' in '{part}'"
        if not equals and not (key.isdigit() or key == "all" or key in ("utility", "compute")):
            return f'strconv.Atoi: parsing "{key}": invalid syntax'
    return None


def prepare(call: Call, request: Request) -> tuple[int, str] | None:
    """The image is there or is fetched, the GPU can be had; else exit code and the text after `docker: `."""
    if not re.fullmatch(r"[a-z0-9._/:@-]+(:[\w][\w.-]*)?(@sha256:[0-9a-f]{64})?", request.image):
        return 125, f"invalid reference format: repository name (library/{request.image}) must be lowercase"
    if engine.find_image(call.station, request.image) is None:
        tag = engine.full_tag(request.image)
        if request.options.get("--pull") == "never":
            return 125, f"Error response from daemon: No such image: {tag}"
        call.err(f"Unable to find image '{tag}' locally\n")
        problem = download(call, tag, call.err)
        if problem:
            return 125, f"Error response from daemon: {problem}"
    if request.options.get("--runtime", "runc") not in desktop.engine(call.station)["runtimes"]:
        return 125, f"Error response from daemon: unknown or invalid runtime name: {request.options['--runtime']}"
    device = request.options.get("--device", "")
    if device.startswith("nvidia.com/gpu="):
        if own_engine.distro_of(call.station.state):
            call.unknown(f"run --device {device}")
        return 125, f"Error response from daemon: CDI device injection failed: unresolvable CDI devices {device}"  # docker/desktop-feedback#501
    return gpu_trouble(call, request) if "--gpus" in request.options else None


def download(call: Call, tag: str, tell: Callable[[str], None] | None) -> str | None:
    """Fetch from the simulated registry; the engine's complaint when it has no such image."""
    repository, _colon, label = tag.rpartition(":")
    if not engine.offered(tag):
        if "/" in repository and not repository.startswith(("docker.io/", "nvcr.io/", "gcr.io/", "nvidia/")):
            call.unknown(f"a registry for {tag}")
        return f"manifest for {tag} not found: manifest unknown: manifest unknown"
    if tell:
        tell(f"{label}: Pulling from {engine.long_name(tag).rpartition(':')[0].partition('/')[2]}\n")
    call.pause(4)
    known = engine.find_image(call.station, tag)
    with call.station.changed():
        desktop.engine(call.station)["images"].setdefault(tag, engine.new_image(tag, desktop.now_text(call.station)))
    if tell:
        tell(f"Digest: {engine.image_id(tag)}\nStatus: {'Image is up to date' if known else 'Downloaded newer image'} for {tag}\n")
    return None


def gpu_trouble(call: Call, request: Request | None = None) -> tuple[int, str] | None:
    """Why a container with `--gpus` cannot start on this station; None when it can."""
    with call.station.lock:
        state = call.station.state
        knob = state["docker"].get("gpu", "ok")
        gpus = nvidia_smi.usable_gpus(state)
        visible = wsl_files.gpu_visible(state)
        # Whether NVIDIA's hook was there when the engine was started: facts/testbeds.md section 3.
        own = own_engine.distro_of(state)
        if own and not own_engine.service(state).get("hook"):
            knob = "no_hook"
    if knob == "hang":
        call.pause(HANG_SECONDS)
    if knob in GPU_TROUBLE:
        return GPU_TROUBLE[knob]
    if not visible or not gpus:
        return GPU_TROUBLE["no_adapters"]
    device = re.search(r"device=([\w-]+)", request.options["--gpus"]) if request else None
    if device and device[1] not in [str(index) for index in range(len(gpus))] + [gpu["uuid"] for gpu in gpus] and device[1] != "all":
        # recordings/gpu/docker_gpus_device_7.json is of a CDI engine; the legacy path says "device error".
        return 125, PRESTART + f"device error: {device[1]}: unknown device"
    return None


def run(call: Call, request: Request) -> int:
    if "-d" in request.flags or "--detach" in request.flags:
        call.unknown("run --detach")
    command = [request.options["--entrypoint"]] if "--entrypoint" in request.options else []
    command += request.command
    if engine.find_container(call.station, request.name):
        call.err(
            f'docker: Error response from daemon: Conflict. The container name "/{request.name}" is already in use by container "{secrets.token_hex(32)}".\n'
        )
        return 125
    _create(call, request, command)
    try:
        call.pause(0.5)
        _set(call, request.name, state="running")
        code = _program(call, command, "--gpus" in request.options)
    finally:
        if "--rm" in request.flags:
            with call.station.changed():
                desktop.engine(call.station)["containers"].pop(request.name, None)
    _set(call, request.name, state="exited", exit_code=code)
    return code


def _create(call: Call, request: Request, command: list[str]) -> None:
    now = desktop.now_text(call.station)
    item = {
        "id": secrets.token_hex(32), "image": engine.full_tag(request.image), "command": command or ["/bin/bash"], "created": now, "started": now,
        "state": "created",
        "gpus": request.options.get("--gpus", ""), "auto_remove": "--rm" in request.flags, "labels": {},
    }  # fmt: skip
    with call.station.changed():
        desktop.engine(call.station)["containers"][request.name] = item


def _set(call: Call, name: str, **values: Any) -> None:
    with call.station.changed():
        item = desktop.engine(call.station)["containers"].get(name)
        if item is not None:
            item.update(values)


def _program(call: Call, command: list[str], gpus: bool) -> int:
    name, arguments = (command[0], command[1:]) if command else ("bash", [])
    if name in ("nvidia-smi", "/usr/bin/nvidia-smi"):
        if not gpus:
            call.err(f"docker: {NOT_FOUND.format(name)}: unknown.\n\nRun 'docker run --help' for more information\n")
            return 127
        with call.station.lock:
            found = nvidia_smi.usable_gpus(call.station.state)
        code, text = nvidia_smi.run(found, arguments, call.station.now())
        if code is None:
            call.unknown(f"nvidia-smi {' '.join(arguments)} in a container")
        call.out(text)
        return code
    if name in ("true", "/bin/true"):
        return 0
    if name == "echo":
        call.out(" ".join(arguments) + "\n")
        return 0
    if name == "sleep":
        call.pause(float(arguments[0]))
        return 0
    return call.unknown(f"the program {name} in a container")


# --- stop, start, remove


def remove(call: Call, name: str, *, forced: bool, volumes: bool) -> str | None:
    found = engine.find_container(call.station, name)
    if found is None:
        return f"No such container: {name}"
    key, item = found
    if item["state"] == "running" and not forced:
        return f'cannot remove container "{key}": container is running: stop the container before removing or force remove'
    _leave(call, key, item)
    with call.station.changed():
        held = desktop.engine(call.station)
        held["containers"].pop(key, None)
        if volumes and not item.get("node"):
            held["volumes"].pop(key, None)
    return None


def stop(call: Call, name: str) -> str | None:
    found = engine.find_container(call.station, name)
    if found is None:
        return f"No such container: {name}"
    _leave(call, *found)
    _set(call, found[0], state="exited", exit_code=130 if found[1].get("node") else 137)
    return None


def _leave(call: Call, name: str, item: dict[str, Any]) -> None:
    if item.get("node"):
        from . import minikube

        minikube.container_gone(call.station, name)


def start(call: Call, name: str) -> str | None:
    found = engine.find_container(call.station, name)
    if found is None:
        return f"No such container: {name}"
    if not found[1].get("node"):
        call.unknown("start of a container that is no cluster node")
    from . import minikube

    _set(call, found[0], state="running", started=desktop.now_text(call.station))
    minikube.container_back(call.station, found[0])
    return None


# --- exec into the cluster's node


def execute(call: Call, name: str, command: list[str]) -> int:
    found = engine.find_container(call.station, name)
    if found is None:
        call.err(f"Error response from daemon: No such container: {name}\n")
        return 1
    key, item = found
    if item["state"] != "running":
        call.err(f"Error response from daemon: container {item['id']} is not running\n")
        return 1
    if not item.get("node"):
        call.unknown("exec into a container that is no cluster node")
    return node_command(call, key, item, command)


def node_command(call: Call, name: str, item: dict[str, Any], command: list[str]) -> int:
    """A command in the node. What is there follows how the container was made and the cluster's knobs."""
    if len(command) == 3 and command[:2] in (["sh", "-c"], ["/bin/sh", "-c"], ["bash", "-c"]):
        return _node_shell(call, name, item, command[2])
    return _node_program(call, name, item, command)


def _node_shell(call: Call, name: str, item: dict[str, Any], script: str) -> int:
    """`sh -c` of simple commands joined by `;` and `||`, each with `2>&1` or without; more of a shell is not imitated."""
    code = 0
    for line in script.split(";"):
        for number, part in enumerate(line.split("||")):
            words = shlex.split(part)
            joined = words[-1:] == ["2>&1"]
            if set("".join(words[: -1 if joined else None])) & set("&|<>$`"):
                call.unknown(f"in the node: {script}")
            if number == 0 or code:
                code = _node_program(_Joined(call) if joined else call, name, item, words[:-1] if joined else words)  # type: ignore[arg-type]
    return code


class _Joined:
    """A call whose stderr goes where its stdout goes, as behind `2>&1`; the shell itself says what it cannot find."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def err(self, text: str) -> None:
        missing = re.search(r'exec: "([^"]+)": executable file not found', text)
        self._call.out(f"sh: 1: {missing[1]}: not found\n" if missing else text)


def _node_program(call: Call, name: str, item: dict[str, Any], command: list[str]) -> int:
    program, arguments = command[0], command[1:]
    if program == "ls":
        return _ls(call, item, [argument for argument in arguments if not argument.startswith("-")], "-d" in arguments)
    if program in ("nvidia-smi", "/usr/bin/nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"):
        return _node_nvidia_smi(call, name, item, program, arguments)
    if command[:3] == ["docker", "image", "inspect"] and len(command) == 4:
        return _node_image_inspect(call, item, command[3])
    if program == "test" and len(arguments) == 2 and arguments[0] in ("-e", "-f", "-c"):
        return 0 if arguments[1] in _node_files(call, item) else 1
    call.out(_node_text(call, name, item, command))
    return 0


def _node_image_inspect(call: Call, item: dict[str, Any], name: str) -> int:
    from .minikube_image import inspected

    found = inspected(item, name)
    call.out(json.dumps(found or []) + "\n")
    if found is None:
        call.err(f"Error response from daemon: No such image: {engine.full_tag(name)}\n")
    return 0 if found else 1


def _node_text(call: Call, name: str, item: dict[str, Any], command: list[str]) -> str:
    """What programs of the node print that cannot fail."""
    program, arguments = command[0], command[1:]
    if program in ("true", "/bin/true"):
        return ""
    if program == "echo":
        return " ".join(arguments) + "\n"
    if program == "cat" and arguments == ["/etc/docker/daemon.json"]:
        return daemon_json(call, item)
    if program == "grep" and arguments[-2:] == ["cgroupDriver", "/var/lib/kubelet/config.yaml"]:
        # recordings/minikube/force_systemd_node.json: the kubelet's driver is the node's docker's.
        return f"cgroupDriver: {_cgroup_driver(call, item)}\n" if item["bootstrapped"] or item["kubelet"] == "Running" else ""
    if program == "journalctl" and arguments[:2] == ["-u", "kubelet"]:
        return kubelet_journal(name, item)
    if program == "docker" and arguments[:1] == ["info"] and "{{.CgroupDriver}}" in arguments:
        return f"{_cgroup_driver(call, item)}\n"
    return call.unknown(f"in the node: {' '.join(command)}")


def kubelet_journal(name: str, item: dict[str, Any]) -> str:
    """What a kubelet with an unknown flag keeps saying; a healthy one's own chatter is not imitated, and what never ran has none."""
    if item.get("refused_flag"):
        recorded = json.loads((RECORDINGS / "kubelet_camelcase_journal.json").read_text())
        return str(recorded["stdout"]).replace(" gpu ", f" {name} ").replace("--cgroupDriver", f"--{item['refused_flag']}")
    return "-- No entries --\n"


def _cgroup_driver(call: Call, item: dict[str, Any]) -> str:
    return str(item.get("cgroup_driver") or desktop.engine(call.station)["cgroup_driver"])


def daemon_json(call: Call, item: dict[str, Any]) -> str:
    """recordings/minikube/node_daemon.json"""
    data = {**NODE_DAEMON, "exec-opts": [NODE_DAEMON["exec-opts"][0].format(_cgroup_driver(call, item))]}
    return json.dumps({**data, **(NVIDIA_RUNTIME if item.get("gpus") else {})}, separators=(",", ":"))


def node_knobs(call: Call, name: str) -> dict[str, Any]:
    with call.station.lock:
        return dict(call.station.state["clusters"].get(name, {}).get("knobs", {}))


def _has_gpu(call: Call, item: dict[str, Any]) -> bool:
    with call.station.lock:
        visible = wsl_files.gpu_visible(call.station.state) and nvidia_smi.usable_gpus(call.station.state)
    return bool(item.get("gpus") and visible and node_knobs(call, item["node"]).get("gpu_in_node", True))


def _node_files(call: Call, item: dict[str, Any]) -> dict[str, list[str]]:
    """Path -> what `ls` shows of it. In the nested node libdxcore.so is the one that may be missing (NVIDIA/nvidia-container-toolkit#1739)."""
    files: dict[str, list[str]] = {"/etc/docker/daemon.json": ["/etc/docker/daemon.json"]}
    if _has_gpu(call, item):
        nested = ["libcuda.so.1.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1", "nvidia-smi"]
        if node_knobs(call, item["node"]).get("nvml", "ok") == "ok":
            nested.insert(1, "libdxcore.so")
        files["/dev/dxg"] = ["/dev/dxg"]
        files["/usr/lib/wsl/lib"] = nested
        files["/usr/lib/wsl/drivers"] = [wsl_files.DRIVER_STORE.partition("/")[2]]
        files.update({f"/usr/lib/wsl/lib/{name}": [f"/usr/lib/wsl/lib/{name}"] for name in nested})
    return files


def _ls(call: Call, item: dict[str, Any], paths: list[str], only_names: bool) -> int:
    files, code = _node_files(call, item), 0
    missing = [path for path in paths if path not in files]
    for path in missing:
        call.err(f"ls: cannot access '{path}': No such file or directory\n")
        code = 2
    found = [path for path in paths if path in files]
    plain = [path for path in found if only_names or files[path] == [path]]
    folders = [path for path in found if path not in plain]
    call.out("".join(f"{path}\n" for path in plain))
    for number, path in enumerate(folders):
        if len(paths) > 1:
            call.out(f"{chr(10) if plain or number else ''}{path}:\n")
        call.out("".join(f"{name}\n" for name in files[path]))
    return code


def _node_nvidia_smi(call: Call, name: str, item: dict[str, Any], program: str, arguments: list[str]) -> int:
    if not _has_gpu(call, item):
        call.err(f'OCI runtime exec failed: exec failed: unable to start container process: exec: "{program}": executable file not found in $PATH\n')
        return 127
    knob = node_knobs(call, name).get("nvml", "ok")
    if knob != "ok":
        # samples/windows/docker_gpu_errors.txt: NVIDIA/OpenShell#404 and NVIDIA/k8s-device-plugin#207
        texts = {
            "not_supported": "Failed to initialize NVML: Not Supported\n",
            "library_not_found": "Failed to initialize NVML: could not load NVML library.\n",
        }
        call.out(texts[knob])
        return nvidia_smi.NVML_FAILED
    with call.station.lock:
        gpus = nvidia_smi.usable_gpus(call.station.state)
    code, text = nvidia_smi.run(gpus, arguments, call.station.now())
    if code is None:
        call.unknown(f"nvidia-smi {' '.join(arguments)} in the node")
    call.out(text)
    return code
