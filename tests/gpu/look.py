# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the real modules against a real NVIDIA GPU and a real Docker engine, hold what they say to what is expected, and keep it as recordings.

Called by tests/gpu/run.sh. Standard library only (and ansible-core, which the modules need): a lent GPU machine may have nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from tests.docker import engine as engines
from tests.gpu import cdi

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "gpudev.test/glibc:1"
CUDA_IMAGE = "gpudev.test/cuda:1"
BUSYBOX = engines.IMAGE
RUNS = 7
QUERY = ("--query-gpu=index,uuid,name,driver_version,memory.total", "--format=csv,noheader,nounits")


@dataclass
class Book:
    """What was seen, one line of JSON each; the machine's own names are replaced."""

    folder: Path
    failures: list[str] = field(default_factory=list)

    def write(self, file: str, entry: t.Mapping[str, t.Any]) -> None:
        with open(self.folder / file, "a", encoding="utf-8") as book:
            book.write(scrubbed(json.dumps(entry)) + "\n")

    def judge(self, name: str, seen: t.Any, expected: t.Any) -> None:
        print(f"{'ok  ' if seen == expected else 'FAIL'} {name}: {seen}" + ("" if seen == expected else f", expected {expected}"), flush=True)
        if seen != expected:
            self.failures.append(name)


def scrubbed(text: str) -> str:
    for number, uuid in enumerate(re.findall(r"GPU-[0-9a-f-]{36}", listing()), start=1):
        text = text.replace(uuid, f"GPU-{str(number) * 8}-2222-3333-4444-555555555555")
    text = re.sub(r"/tmp/gpudev-[\w-]+", "/tmp/gpudev", text)
    return re.sub(rf"\b{re.escape(platform.node())}\b", "workstation", text.replace(platform.release(), "6.8.0-generic"))


@functools.cache
def listing() -> str:
    """What the driver itself lists."""
    return subprocess.run([cdi.nvidia_smi(), "-L"], capture_output=True, text=True, check=False, timeout=60).stdout


@contextlib.contextmanager
def an_engine(carried: Path) -> t.Iterator[tuple[engines.Engine, str]]:
    """The machine's own engine, or the one that was carried here, with what it is."""
    own = engines.Engine(Path("/var/run"))
    if shutil.which("docker") and own.docker("info", check=False).returncode == 0:
        yield own, "the engine of this machine"
        return
    with tempfile.TemporaryDirectory(prefix="gpudev-gpu-") as name:
        tree, specifications = Path(name) / "tree", Path(name) / "cdi"
        with tarfile.open(carried / "engine.tar.xz") as archive:
            archive.extractall(tree, filter="tar")
        cdi.write(specifications)
        # Only what is missing here: a newer C library's friends would disturb the machine's programs.
        if not Path("/usr/lib/x86_64-linux-gnu/libseccomp.so.2").exists():
            os.environ["LD_LIBRARY_PATH"] = str(tree / "usr/lib/x86_64-linux-gnu")
        if subprocess.run([tree / "usr/sbin/runc", "--version"], capture_output=True, check=False).returncode:
            # It needs a newer C library than this machine has; then the machine's own has to do.
            (tree / "usr/sbin/runc").unlink()
        path = f"{tree}/usr/sbin:{tree}/usr/bin:{os.environ['PATH']}"
        with engines.running(hook=False, path=path, settings={"features": {"cdi": True}, "cdi-spec-dirs": [str(specifications)]}) as engine:
            yield engine, "Debian 13's docker.io 26.1.5, carried here; CDI specification by tests/gpu/cdi.py; nvidia-container-toolkit not installed"


def needed_files(*programs: str) -> dict[str, str]:
    """The programs' dynamic libraries here, without the driver's, which the engine brings in."""
    files: dict[str, str] = {}
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False, timeout=30).stdout
        for path in re.findall(r"(/\S+) \(0x", listed):
            if "nvidia" not in path and "libcuda.so" not in path:
                files[path] = path
    return files


def images(engine: engines.Engine, work: Path) -> bool:
    """A glibc image without anything of NVIDIA, and, where there is a compiler, one with a CUDA program. True when there is one."""
    libraries = needed_files(cdi.nvidia_smi(), "/bin/ls")
    engines.import_image(engine, IMAGE, libraries)
    nvcc = shutil.which("nvcc") or next((path for path in ["/usr/local/cuda/bin/nvcc"] if os.path.exists(path)), "")
    if not nvcc:
        print("skip the CUDA program: no nvcc here", flush=True)
        return False
    program = str(work / "vectoradd")
    subprocess.run([nvcc, "-o", program, str(REPOSITORY / "tests/gpu/vectoradd.cu")], check=True, timeout=300)
    engines.import_image(engine, CUDA_IMAGE, {**libraries, **needed_files(program), "/usr/bin/vectoradd": program})
    return True


def docker(book: Book, engine: engines.Engine, name: str, note: str, *arguments: str) -> None:
    started = time.monotonic()
    done = engine.docker(*arguments, check=False)
    seconds = round(time.monotonic() - started, 2)
    entry = {"name": name, "note": note, "argv": ["docker", *arguments], "rc": done.returncode, "seconds": seconds}
    book.write("docker.jsonl", {**entry, "stdout": done.stdout, "stderr": done.stderr})
    print(f"     docker {' '.join(arguments)}: rc {done.returncode}, {seconds} s", flush=True)


def module(book: Book, engine: engines.Engine, name: str, note: str, /, **options: t.Any) -> dict[str, t.Any]:
    arguments = {**options, "_ansible_remote_tmp": str(engine.directory)}
    environment = {**engine.environment, "PYTHONPATH": f"{REPOSITORY}/.ansible/collections:{os.environ.get('PYTHONPATH', '')}"}
    program = [sys.executable, str(REPOSITORY / "plugins/modules" / f"{name}.py")]
    started = time.monotonic()
    done = subprocess.run(
        program, input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    if not done.stdout.strip():
        raise RuntimeError(f"{name} said nothing: {done.stderr}")
    answer: dict[str, t.Any] = json.loads(done.stdout)
    answer.pop("invocation", None)
    entry = {"module": f"gpudev.workstation.{name}", "note": note, "options": options, "seconds": round(time.monotonic() - started, 2)}
    book.write("modules.jsonl", {**entry, "answer": answer})
    return answer


def said(answer: t.Mapping[str, t.Any]) -> list[str]:
    """Each layer with its status and the codes of its findings."""
    return [" ".join([layer["layer"], layer["status"], *(finding["code"] for finding in layer["findings"])]) for layer in answer["layers"]]


GOOD = ["docker ok", "docker_gpu ok"]


def broken(code: str) -> list[str]:
    return ["docker ok", f"docker_gpu broken {code}"]


def modules(book: Book, engine: engines.Engine, gpus: str, cuda: bool) -> None:
    guest = module(book, engine, "gpu_guest_info", "layer 4 on the machine itself")
    book.judge("gpu_guest_info", (said(guest), guest["guest"]["platform"]), (["distro ok"], "native"))
    good = module(book, engine, "docker_gpu_probe", "layers 5 and 6", image=IMAGE, pull="never", gpus=gpus)
    book.judge("docker_gpu_probe", said(good), GOOD)
    if gpus == "nvidia.com/gpu=all":
        alone = module(book, engine, "docker_gpu_probe", "one device of all", image=IMAGE, pull="never", gpus="nvidia.com/gpu=0")
        book.judge("docker_gpu_probe, one device of all", [gpu["index"] for gpu in alone["gpus"]], [0])
        book.judge("GPUs of this machine", len(good["gpus"]), len(glob.glob("/dev/nvidia[0-9]*")))
    seen: dict[str, t.Any] = good["gpus"][0] if good["gpus"] else {"name": "", "memory_mib": 0}
    cases: list[tuple[str, list[str], dict[str, t.Any]]] = [
        ("the GPU that is expected", GOOD, {"name": seen["name"].lower(), "min_memory_mib": seen["memory_mib"], "min_driver_version": "555"}),
        ("another GPU is expected", broken("DOCKER-GPU-052"), {"name": "RTX 4050"}),
        ("more GPUs are expected", broken("DOCKER-GPU-050"), {"min_gpus": 9}),
        ("more memory is expected", broken("DOCKER-GPU-053"), {"min_memory_mib": seen["memory_mib"] + 1}),
        ("a newer driver is expected", broken("DOCKER-GPU-051"), {"min_driver_version": "9999"}),
        ("a device that is not there", broken("DOCKER-GPU-009"), {"gpus": "nvidia.com/gpu=77"}),
        ("an image without a C library", broken("DOCKER-GPU-027"), {"image": BUSYBOX}),
        ("an image that is not there", broken("DOCKER-GPU-021"), {"image": "gpudev.test/none:1"}),
    ]
    if cuda:
        cases.append(("a CUDA program", GOOD, {"cuda_image": CUDA_IMAGE, "cuda_command": ["vectoradd"]}))
        cases.append(
            ("a CUDA program that cannot find the driver", [], {"cuda_image": CUDA_IMAGE, "cuda_command": ["sh", "-c", "CUDA_VISIBLE_DEVICES= vectoradd"]})
        )
    for note, expected, options in cases:
        answer = module(book, engine, "docker_gpu_probe", note, **{"image": IMAGE, "pull": "never", "gpus": gpus, **options})
        book.judge(f"docker_gpu_probe, {note}", said(answer), expected or said(answer))
    legacy = module(book, engine, "docker_gpu_probe", "--gpus all", image=IMAGE, pull="never")
    book.judge("docker_gpu_probe, --gpus all (depends on the engine)", said(legacy), said(legacy))
    chain = module(book, engine, "gpu_chain_info", "the whole Linux side at once", image=IMAGE, gpus=gpus)
    book.judge("gpu_chain_info", said(chain)[:3], ["distro ok", *GOOD])
    book.judge("containers left", engine.containers(), [])


def cost(book: Book, engine: engines.Engine, gpus: str) -> None:
    device = ["--device", gpus] if "/" in gpus else ["--gpus", gpus]
    bare = statistics.median(_seconds(lambda: engine.docker("run", "--rm", *device, IMAGE, "nvidia-smi", *QUERY)) for _run in range(RUNS))
    program = (
        "import sys, time\n"
        "from ansible_collections.gpudev.workstation.plugins.modules.docker_gpu_probe import Manager, argument_spec\n"
        "from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner\n"
        "params = {name: spec.get('default') for name, spec in argument_spec().items()}\n"
        "started = time.perf_counter()\n"
        "Manager({**params, 'image': sys.argv[1], 'gpus': sys.argv[2], 'pull': 'never'}, False, LocalRunner()).run()\n"
        "print(time.perf_counter() - started)\n"
    )
    environment = {**engine.environment, "PYTHONPATH": f"{REPOSITORY}/.ansible/collections:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", program, IMAGE, gpus]
    inside = statistics.median(
        float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout) for _run in range(RUNS)
    )
    book.write(
        "cost.jsonl", {"bare_docker_run_s": round(bare, 3), "docker_gpu_probe_s": round(inside, 3), "beyond_s": round(inside - bare, 3), "median_of": RUNS}
    )
    print(f"     bare docker run {bare:.3f} s, inside the module {inside:.3f} s", flush=True)
    book.judge("docker_gpu_probe costs at most 0.15 s more", inside - bare <= 0.15, True)


def _seconds(action: t.Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def recordings(book: Book, engine: engines.Engine, gpus: str, cuda: bool) -> None:
    docker(book, engine, "version", "", "version", "--format", "{{json .}}")
    docker(book, engine, "info", "", "info", "--format", "{{json .}}")
    device = ["--device", gpus] if "/" in gpus else ["--gpus", gpus]
    for name, note, arguments in (
        ("smi", "", [*device, IMAGE, "nvidia-smi"]),
        ("list", "", [*device, IMAGE, "nvidia-smi", "-L"]),
        ("query", "the probe's own", [*device, IMAGE, "nvidia-smi", *QUERY]),
        ("bad_field", "an unknown field", [*device, IMAGE, "nvidia-smi", "--query-gpu=index,nosuchfield", "--format=csv"]),
        ("no_device", "no GPU asked for", [IMAGE, "nvidia-smi", "-L"]),
        ("missing_device", "no such device", ["--device", "nvidia.com/gpu=77", IMAGE, "nvidia-smi", "-L"]),
        ("no_libc", "an image without a C library", [*device, BUSYBOX, "nvidia-smi", "-L"]),
        ("gpus_all", "--gpus all", ["--gpus", "all", IMAGE, "nvidia-smi", "-L"]),
        ("runtime_nvidia", "--runtime nvidia", ["--runtime", "nvidia", IMAGE, "nvidia-smi", "-L"]),
        *([("cuda", "a CUDA program", [*device, CUDA_IMAGE, "vectoradd"]), ("cuda_no_device", "", [CUDA_IMAGE, "vectoradd"])] if cuda else []),
        *([("cuda_hidden", "", [*device, "-e", "CUDA_VISIBLE_DEVICES=", CUDA_IMAGE, "vectoradd"])] if cuda else []),
    ):
        docker(book, engine, name, note, "run", "--rm", *arguments)


def main(folder: str, carried: str) -> int:
    book = Book(Path(folder))
    if not cdi.nvidia_smi():
        print("no nvidia-smi here: this needs a Linux machine with an NVIDIA GPU and its driver")
        return 2
    with an_engine(Path(carried)) as (engine, what), tempfile.TemporaryDirectory() as work:
        print(f"==> {what}", flush=True)
        book.write("about.jsonl", {"engine": what, "nvidia_smi": listing()})
        cuda = images(engine, Path(work))
        gpus = os.environ.get("GPUS") or ("nvidia.com/gpu=all" if "carried" in what else "all")
        recordings(book, engine, gpus, cuda)
        modules(book, engine, gpus, cuda)
        cost(book, engine, gpus)
    print(f"==> {len(book.failures)} of the expectations did not hold; what was seen is in {folder}")
    return 1 if book.failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
