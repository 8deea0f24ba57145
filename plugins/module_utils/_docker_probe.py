# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the Docker engine and run `nvidia-smi`, and if asked a CUDA program, in a container on it: layers docker and docker_gpu.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
import re
import time
import typing as t
import uuid
from dataclasses import dataclass, replace

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker
from ansible_collections.gpudev.workstation.plugins.module_utils._docker import CATALOGUE, Engine
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, SKIPPED, UNKNOWN, Finding, Layer, skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import QUERY, Gpu, parse_list, parse_query, version_key
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed, Runner
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

# A plain image with glibc: the toolkit injects nvidia-smi into it. A full tag; no digest, because none is known from a source.
DEFAULT_IMAGE = "ubuntu:24.04"
ENGINE_SECONDS = 20.0
REMOVE_SECONDS = 20.0
JSON = "{{json .}}"
# gpudev-probe-<pid namespace>-<pid>-<when its run is over, Unix time>-<random>
CONTAINERS = "gpudev-probe-"
_CONTAINER = re.compile(rf"^{CONTAINERS}(\d+)-(\d+)-(\d+)-[0-9a-f]+$")


@dataclass(frozen=True)
class Probe:
    """What to run and what to expect of it."""

    docker: str = "docker"
    image: str = DEFAULT_IMAGE
    gpus: str = "all"
    pull: str = "missing"
    timeout: float = 120.0
    pull_timeout: float = 900.0
    cuda_image: str = ""
    cuda_command: tuple[str, ...] = ()
    min_gpus: int = 1
    name: str = ""
    min_driver_version: str = ""
    min_memory_mib: int = 0
    # False: run only an image that is already there, and leave what an earlier run left (check mode, and a mere look).
    may_change: bool = True

    def problems(self) -> list[str]:
        """What is wrong with the wishes themselves, each with what to write instead."""
        found = []
        if not _docker.GPUS.match(self.gpus):
            found.append(
                f"gpus: {self.gpus!r} is not understood; write all, a count such as 1, device ids such as device=0 or device=GPU-uuid, "
                "or CDI names such as nvidia.com/gpu=0"
            )
        for option, image in (("image", self.image), ("cuda_image", self.cuda_image or DEFAULT_IMAGE)):
            if not image or any(character.isspace() for character in image) or image.startswith("-"):
                found.append(f"{option}: {image!r} is not an image name; write registry/repository:tag, such as {DEFAULT_IMAGE}")
        if self.cuda_command and not self.cuda_image:
            found.append("cuda_command: needs cuda_image, the image that holds the CUDA program")
        for option, seconds in (("timeout", self.timeout), ("pull_timeout", self.pull_timeout)):
            if seconds <= 0:
                found.append(f"{option}: {seconds:g} is not a number of seconds above 0")
        for option, number, least in (("min_gpus", self.min_gpus, 1), ("min_memory_mib", self.min_memory_mib, 0)):
            if number < least:
                found.append(f"{option}: {number} is not a number from {least} up")
        if self.min_driver_version and not version_key(self.min_driver_version):
            found.append(f"min_driver_version: {self.min_driver_version!r} is not a version; write it as 555.85")
        return found


@dataclass
class Outcome:
    """A layer, and what was learned on the way."""

    layer: Layer
    engine: Engine | None = None
    gpus: tuple[Gpu, ...] = ()
    # An image was fetched; in a mere look, it would be.
    pulled: bool = False
    # Containers of an earlier, killed run; removed, but not in a mere look.
    leftovers: tuple[str, ...] = ()


def look_at_engine(runner: Runner, docker: str = "docker") -> Outcome:
    """Layer docker: which engine answers, and whether it is known to be bad."""
    version = runner.run([docker, "version", "--format", JSON], timeout=ENGINE_SECONDS)
    if not version.ok:
        return Outcome(_engine_failed(version))
    info = runner.run([docker, "info", "--format", JSON], timeout=ENGINE_SECONDS)
    if not info.ok:
        return Outcome(_engine_failed(info))
    engine = _docker.parse_engine(version.stdout, info.stdout)
    if engine is None:
        # Some clients print a client section and end well although no server answered.
        return Outcome(_engine_failed(Completed(info.argv, 1, "", info.stderr or version.stderr or "the answer has no server in it", info.seconds)))
    known = _docker.release_findings(engine)
    status = next((entry.status for entry, _finding in known if entry.status), OK)
    return Outcome(Layer("docker", status, engine.told(), engine.as_dict(), [finding for _entry, finding in known]), engine)


def _engine_failed(tried: Completed) -> Layer:
    if tried.timed_out:
        entry = CATALOGUE["DOCKER-013"]
        finding = entry.finding(tried.told(), seconds=f"{tried.seconds:.0f}")
    else:
        entry, finding = _docker.classify_engine(f"{tried.argv[0]}: no such program" if tried.missing else tried.output)
    return Layer("docker", entry.status or UNKNOWN, finding.cause, {}, [finding])


def run_probe(runner: Runner, probe: Probe) -> Outcome:
    """Layer docker_gpu: a container that asks for the GPU runs nvidia-smi, and ends before the deadline whatever happens."""
    leftovers = _clear(runner, probe)
    ready = _provide_image(runner, probe, probe.image)
    if isinstance(ready, Layer):
        return Outcome(ready, pulled=ready.status == SKIPPED, leftovers=leftovers)
    done, findings = _nvidia_smi(runner, probe)
    if findings:
        return Outcome(_failed(probe.image, done, findings), pulled=ready, leftovers=leftovers)
    gpus = tuple(parse_query(done.stdout) or parse_list(done.stdout))
    layer = _judged(probe, done, gpus)
    if layer.stops or not probe.cuda_image:
        return Outcome(layer, None, gpus, ready, leftovers)
    pulled = _check_cuda(runner, probe, layer)
    return Outcome(layer, None, gpus, ready or pulled, leftovers)


def _nvidia_smi(runner: Runner, probe: Probe) -> tuple[Completed, list[Finding]]:
    """A driver that does not know one of the fields still lists its GPUs."""
    done, findings = _contained(runner, probe, probe.image, ["nvidia-smi", *QUERY])
    if findings and findings[0].code == "DOCKER-GPU-028":
        done, findings = _contained(runner, probe, probe.image, ["nvidia-smi", "-L"])
    return done, findings


def _check_cuda(runner: Runner, probe: Probe, layer: Layer) -> bool:
    """nvidia-smi alone proves no CUDA (error 500 of a driver >= 555 with an old toolkit). True when the program's image was, or would be, pulled."""
    ready = _provide_image(runner, probe, probe.cuda_image)
    if isinstance(ready, Layer):
        if ready.status == SKIPPED:
            layer.summary += f"; {ready.summary}"
            return True
        layer.status, layer.summary, layer.findings = ready.status, ready.summary, layer.findings + ready.findings
        return False
    done, findings = _contained(runner, probe, probe.cuda_image, list(probe.cuda_command))
    layer.facts["cuda"] = {"image": probe.cuda_image, "rc": done.rc, "seconds": round(done.seconds, 2)}
    if findings:
        failed = _failed(probe.cuda_image, done, findings)
        layer.status, layer.summary = failed.status, failed.summary
        layer.findings += findings
    else:
        layer.summary += f"; a CUDA program ran in {probe.cuda_image}"
    return ready


def _contained(runner: Runner, probe: Probe, image: str, command: list[str]) -> tuple[Completed, list[Finding]]:
    """Run a command in a container that asks for the GPU, with why it failed. Whatever happens, no container is left."""
    name = container_name(probe.timeout)
    done, removal = None, []
    try:
        argv = [probe.docker, "run", "--rm", "--name", name, "--pull", "never", *gpu_arguments(probe.gpus), image, *command]
        done = runner.run(argv, timeout=probe.timeout)
    finally:
        # Also when a signal ended this program: `--rm` does nothing for a client that was killed.
        if done is None or not done.ok:
            removal = _remove(runner, probe, name)
    if done.ok:
        return done, []
    if done.timed_out:
        return done, [CATALOGUE["DOCKER-GPU-040"].finding(done.told(), seconds=f"{probe.timeout:g}", container=name), *removal]
    _entry, finding = _docker.classify_run(done.rc, done.output, image, probe.gpus, nvidia_smi=command[:1] == ["nvidia-smi"])
    # The engine may have gone away between two calls: still said of this layer, because that is what was tried.
    return done, [replace(finding, layer="docker_gpu"), *removal]


def _failed(image: str, done: Completed, findings: list[Finding]) -> Layer:
    return Layer("docker_gpu", CATALOGUE[findings[0].code].status or BROKEN, findings[0].cause, {"image": image, "rc": done.rc}, findings)


def container_name(seconds: float) -> str:
    """Says whose it is and until when, so that a later run can tell a leftover from a container that is still needed."""
    over = int(time.time() + seconds + 2 * REMOVE_SECONDS)
    return f"{CONTAINERS}{_pid_namespace()}-{os.getpid()}-{over}-{uuid.uuid4().hex[:8]}"


def abandoned(name: str) -> bool:
    """Whether the run that made this container is over: its time has passed, or its process, which had to be seen from here, is gone."""
    match = _CONTAINER.match(name)
    if match is None:
        return False
    namespace, pid, over = match.groups()
    return time.time() > int(over) or (namespace == _pid_namespace() and not os.path.exists(f"/proc/{pid}"))


def _pid_namespace() -> str:
    try:
        return "".join(re.findall(r"\d+", os.readlink("/proc/self/ns/pid"))) or "0"
    except OSError:
        return "0"


def gpu_arguments(gpus: str) -> list[str]:
    """CDI names go to --device; everything else to --gpus, where a list of ids needs quotes of its own, or the client takes the comma for a new field."""
    if "/" in gpus:
        return [argument for name in gpus.split(",") for argument in ("--device", name)]
    return ["--gpus", f'"{gpus}"' if "," in gpus else gpus]


def _provide_image(runner: Runner, probe: Probe, image: str) -> bool | Layer:
    """True when the image was pulled, False when it was there; a layer when it is not to be had."""
    present = runner.run([probe.docker, "image", "inspect", "--format", "{{.Id}}", image], timeout=ENGINE_SECONDS).ok
    if present and probe.pull != "always":
        return False
    if probe.pull == "never":
        finding = CATALOGUE["DOCKER-GPU-021"].finding(f"no such image: {image}", image=image)
        return Layer("docker_gpu", BROKEN, finding.cause, {"image": image}, [finding])
    if not probe.may_change:
        if present:
            return False
        return skipped("docker_gpu", f"check mode runs only an image that is there; {image} would be pulled")
    done = runner.run([probe.docker, "pull", "--quiet", image], timeout=probe.pull_timeout)
    if done.ok:
        return True
    if done.timed_out:
        finding = CATALOGUE["DOCKER-GPU-023"].finding(done.told(), image=image)
    else:
        _entry, finding = _docker.classify_run(done.rc, done.output, image, probe.gpus)
    return _failed(image, done, [replace(finding, layer="docker_gpu")])


def _clear(runner: Runner, probe: Probe) -> tuple[str, ...]:
    """The containers of modules that were killed together with their clients; removed unless this is a mere look."""
    seen = runner.run([probe.docker, "ps", "--all", "--filter", f"name={CONTAINERS}", "--format", "{{.Names}}"], timeout=ENGINE_SECONDS)
    names = tuple(name for name in seen.stdout.split() if abandoned(name)) if seen.ok else ()
    if names and probe.may_change:
        runner.run([probe.docker, "rm", "--force", *names], timeout=REMOVE_SECONDS)
    return names


def _remove(runner: Runner, probe: Probe, name: str) -> list[Finding]:
    """Remove the container; a finding when the engine cannot do so yet."""
    runner.run([probe.docker, "rm", "--force", name], timeout=REMOVE_SECONDS)
    argv = [probe.docker, "ps", "--all", "--quiet", "--filter", f"name={name}"]
    try:
        wait_until("container removed", lambda: runner.run(argv, timeout=ENGINE_SECONDS), lambda seen: not seen.ok or not seen.stdout.strip(), REMOVE_SECONDS)
    except DeadlinePassed as late:
        return [CATALOGUE["DOCKER-GPU-041"].finding(t.cast(Completed, late.last).output, container=name)]
    return []


def _judged(probe: Probe, done: Completed, gpus: tuple[Gpu, ...]) -> Layer:
    """The run ended well: are these the GPUs that were expected?"""
    if not gpus:
        entry = CATALOGUE.recognise(done.output, ["docker_gpu"]) or CATALOGUE["DOCKER-GPU-060"]
        finding = entry.finding(done.output)
        return Layer("docker_gpu", entry.status or UNKNOWN, finding.cause, {"image": probe.image}, [finding])
    findings = list(_unmet(probe, gpus))
    errors = [finding for finding in findings if finding.severity == "error"]
    facts = {"image": probe.image, "gpus": [gpu.as_dict() for gpu in gpus], "seconds": round(done.seconds, 2)}
    return Layer("docker_gpu", BROKEN if errors else OK, errors[0].cause if errors else f"a container sees {_told(gpus)}", facts, findings)


def _told(gpus: t.Iterable[Gpu]) -> str:
    return "; ".join(f"{gpu.name} (driver {gpu.driver_version or 'unknown'})" for gpu in gpus)


def _unmet(probe: Probe, gpus: tuple[Gpu, ...]) -> t.Iterator[Finding]:
    """Each expectation that is not met, with the first GPU that does not meet it."""
    if len(gpus) < probe.min_gpus:
        yield CATALOGUE["DOCKER-GPU-050"].finding(_told(gpus), found=len(gpus), wanted=probe.min_gpus)
    old = [gpu for gpu in gpus if gpu.driver_version and version_key(gpu.driver_version) < version_key(probe.min_driver_version)]
    if old:
        yield CATALOGUE["DOCKER-GPU-051"].finding(_told(gpus), found=old[0].driver_version, wanted=probe.min_driver_version)
    others = [gpu for gpu in gpus if probe.name.lower() not in gpu.name.lower()]
    if others:
        yield CATALOGUE["DOCKER-GPU-052"].finding(_told(gpus), found=others[0].name, wanted=probe.name)
    small = [gpu for gpu in gpus if gpu.memory_mib is not None and gpu.memory_mib < probe.min_memory_mib]
    if small:
        yield CATALOGUE["DOCKER-GPU-053"].finding(f"{small[0].name}: {small[0].memory_mib} MiB", found=small[0].memory_mib, wanted=probe.min_memory_mib)
    silent = [gpu for gpu in gpus if not gpu.driver_version or gpu.memory_mib is None]
    if silent and (probe.min_driver_version or probe.min_memory_mib):
        yield CATALOGUE["DOCKER-GPU-054"].finding(_told(silent))
