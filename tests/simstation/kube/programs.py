# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container does: a few shell words, `nvidia-smi`, the CUDA sample. Anything else is not known and fails visibly."""

from __future__ import annotations

import datetime
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from ..linux import nvidia_smi

Object = dict[str, Any]

# Images whose environment asks for all GPUs, so that under the default runtime nvidia any pod sees them (recordings/gpu/README.md, finding 4).
SEES_ALL = re.compile(r"(^|/)(nvidia/cuda|cuda-base|nvidia/k8s/cuda-sample|k8s-device-plugin)(:|@|$)")
CUDA_SAMPLE = re.compile(r"(^|/)(cuda-sample:vectoradd|cuda-vector-add)")
# The log of NVIDIA's vectorAdd sample: documentation of the CUDA samples and of the GPU operator.
VECTOR_ADD = (
    "[Vector addition of 50000 elements]\n"
    "Copy input data from the host memory to the CUDA device\n"
    "CUDA kernel launch with 196 blocks of 256 threads\n"
    "Copy output data from the CUDA device to the host memory\n"
    "Test PASSED\nDone\n"
)
NO_DEVICE = "[Vector addition of 50000 elements]\nFailed to allocate device vector A (error code no CUDA-capable device is detected)!\n"
# recordings/kube/pod_start_error.jsonl
NOT_FOUND = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    'exec: "{program}": executable file not found in $PATH: unknown'
)
SERVERS = re.compile(r"(^|/)(pause|nginx|httpd)(:|@|$)")
FOREVER = None
UNKNOWN_EXIT = 64


@dataclass
class Outcome:
    """How a container goes: its output, exit code (None: it keeps running), duration, or why it never started."""

    output: str = ""
    code: int | None = 0
    seconds: float = 0.3
    start_error: str = ""
    unknown: str = ""


@dataclass
class Surroundings:
    """What the container finds around it."""

    image: str
    gpus: list[Object]
    granted: bool
    now: datetime.datetime

    @property
    def sees_gpu(self) -> bool:
        return bool(self.gpus) and (self.granted or bool(SEES_ALL.search(self.image)))


@dataclass
class Shell:
    """The little of /bin/sh that test pods use."""

    surroundings: Surroundings
    output: str = ""
    seconds: float = 0.2
    code: int = 0
    running: bool = False
    unknown: str = ""
    exited: bool = field(default=False)

    def run(self, script: str) -> None:
        for operator, command in _commands(script):
            if self.exited or self.running or self.unknown:
                return
            if (operator == "&&" and self.code) or (operator == "||" and not self.code):
                continue
            self._one(command)

    def _one(self, command: str) -> None:
        try:
            words = [word for word in shlex.split(command) if word not in (">&2", "1>&2", "2>&1")]
        except ValueError:
            self.unknown = command
            return
        if not words:
            return
        program, arguments = words[0], words[1:]
        if program == "echo":
            self.output += " ".join(arguments) + "\n"
            self.code = 0
        elif program in ("true", ":", "false"):
            self.code = int(program == "false")
        elif program == "exit":
            self.code, self.exited = int(arguments[0]) if arguments else self.code, True
        elif program == "sleep":
            self._sleep(arguments)
        elif program == "exec":
            self._one(shlex.join(arguments))
            self.exited = True
        elif program == "nvidia-smi":
            self._nvidia_smi(arguments, command)
        else:
            self.unknown = command

    def _sleep(self, arguments: list[str]) -> None:
        if arguments in (["infinity"], ["inf"]):
            self.running = True
        else:
            self.seconds += float(arguments[0]) if arguments and re.fullmatch(r"[0-9.]+", arguments[0]) else 0.0
            self.code = 0

    def _nvidia_smi(self, arguments: list[str], command: str) -> None:
        if not self.surroundings.sees_gpu:
            self.output += "/bin/sh: 1: nvidia-smi: not found\n"
            self.code = 127
            return
        code, text = nvidia_smi.run(self.surroundings.gpus, arguments, self.surroundings.now)
        if code is None:
            self.unknown = command
        else:
            self.output += text
            self.code = code


def _commands(script: str) -> list[tuple[str, str]]:
    parts = re.split(r"(;|&&|\|\||\n)", script)
    commands = [("", parts[0])]
    commands += [(parts[index], parts[index + 1]) for index in range(1, len(parts) - 1, 2)]
    return [(operator, command.strip()) for operator, command in commands if command.strip()]


def run(container: Object, surroundings: Surroundings) -> Outcome:
    """What becomes of this container."""
    argv = [*(container.get("command") or []), *(container.get("args") or [])]
    if not container.get("command") and CUDA_SAMPLE.search(surroundings.image):
        return Outcome(VECTOR_ADD, 0, 0.8) if surroundings.sees_gpu else Outcome(NO_DEVICE, 1, 0.5)
    if not argv:
        return _without_command(surroundings)
    program = argv[0].rsplit("/", 1)[-1]
    if program in ("sh", "bash") and len(argv) >= 3 and argv[1] in ("-c", "-ec", "-lc"):
        return _shell(argv[2], surroundings)
    if program == "nvidia-smi" and not surroundings.sees_gpu:
        return Outcome(code=128, start_error=NOT_FOUND.format(program=argv[0]))
    return _shell(shlex.join([program, *argv[1:]]), surroundings)


def _shell(script: str, surroundings: Surroundings) -> Outcome:
    shell = Shell(surroundings)
    shell.run(script)
    if shell.unknown:
        return unknown(shell.unknown, shell.output)
    return Outcome(shell.output, FOREVER if shell.running else shell.code, shell.seconds)


def _without_command(surroundings: Surroundings) -> Outcome:
    if SERVERS.search(surroundings.image):
        return Outcome(code=FOREVER)
    return unknown(f"the default command of {surroundings.image}", "")


def unknown(what: str, output: str) -> Outcome:
    text = f"simulated station: this command is not imitated: {what}\n"
    return Outcome(output + text, UNKNOWN_EXIT, 0.3, unknown=what)
