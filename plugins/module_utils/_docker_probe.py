# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the Docker engine and run `nvidia-smi` in a container on it: layers docker and docker_gpu.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker
from ansible_collections.gpudev.workstation.plugins.module_utils._docker import CATALOGUE, Engine
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, OK, UNKNOWN, Finding, Layer, skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import QUERY, Gpu, parse_query, version_key
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed, Runner
from ansible_collections.gpudev.workstation.plugins.module_utils._wait import DeadlinePassed, wait_until

# A plain image with glibc: the toolkit injects nvidia-smi into it. A full tag; no digest, because none is known from a source.
DEFAULT_IMAGE = "ubuntu:24.04"
ENGINE_SECONDS = 20.0
REMOVE_SECONDS = 20.0
JSON = "{{json .}}"


@dataclass(frozen=True)
class Probe:
    """What to run and what to expect of it."""

    docker: str = "docker"
    image: str = DEFAULT_IMAGE
    gpus: str = "all"
    pull: str = "missing"
    timeout: float = 120.0
    pull_timeout: float = 900.0
    min_gpus: int = 1
    min_driver_version: str = ""
    # False: run only an image that is already there (check mode).
    may_pull: bool = True

    def problems(self) -> list[str]:
        """What is wrong with the wishes themselves, each with what to write instead."""
        found = []
        if not _docker.GPUS.match(self.gpus):
            found.append(f"gpus: {self.gpus!r} is not understood; write all, a count such as 1, or device ids such as device=0 or device=GPU-uuid")
        if not self.image or any(character.isspace() for character in self.image) or self.image.startswith("-"):
            found.append(f"image: {self.image!r} is not an image name; write registry/repository:tag, such as {DEFAULT_IMAGE}")
        if self.timeout <= 0:
            found.append(f"timeout: {self.timeout:g} is not a number of seconds above 0")
        if self.min_driver_version and not version_key(self.min_driver_version):
            found.append(f"min_driver_version: {self.min_driver_version!r} is not a version; write it as 555.85")
        return found


@dataclass
class Outcome:
    """A layer, and what was learned on the way."""

    layer: Layer
    engine: Engine | None = None
    gpus: tuple[Gpu, ...] = ()
    pulled: bool = False


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
    ready = _provide_image(runner, probe)
    if isinstance(ready, Layer):
        return Outcome(ready)
    name = f"gpudev-probe-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    argv = [probe.docker, "run", "--rm", "--name", name, "--pull", "never", "--gpus", _gpus_argument(probe.gpus), probe.image, "nvidia-smi", *QUERY]
    done = runner.run(argv, timeout=probe.timeout)
    if done.ok:
        return Outcome(_judged(probe, done), gpus=tuple(parse_query(done.stdout)), pulled=ready)
    removal = _remove(runner, probe, name)
    if done.timed_out:
        finding = CATALOGUE["DOCKER-GPU-040"].finding(done.told(), seconds=f"{probe.timeout:g}", container=name)
        return Outcome(Layer("docker_gpu", BROKEN, finding.cause, {"image": probe.image}, [finding, *removal]), pulled=ready)
    entry, finding = _docker.classify_run(done.rc, done.output, probe.image, probe.gpus)
    status = entry.status or BROKEN
    if entry.layer != "docker_gpu":
        # The engine went away between two calls: still said of this layer, because that is what was tried.
        finding = Finding(**{**finding.as_dict(), "layer": "docker_gpu"})
    return Outcome(Layer("docker_gpu", status, finding.cause, {"image": probe.image, "rc": done.rc}, [finding, *removal]), pulled=ready)


def _gpus_argument(gpus: str) -> str:
    # A list of ids needs quotes of its own, or the client takes the comma for a new field.
    return f'"{gpus}"' if "," in gpus else gpus


def _provide_image(runner: Runner, probe: Probe) -> bool | Layer:
    """True when the image was pulled, False when it was there; a layer when it is not to be had."""
    present = runner.run([probe.docker, "image", "inspect", "--format", "{{.Id}}", probe.image], timeout=ENGINE_SECONDS).ok
    if present and probe.pull != "always":
        return False
    if probe.pull == "never":
        finding = CATALOGUE["DOCKER-GPU-021"].finding(f"no such image: {probe.image}", image=probe.image)
        return Layer("docker_gpu", BROKEN, finding.cause, {"image": probe.image}, [finding])
    if not probe.may_pull:
        if present:
            return False
        return skipped("docker_gpu", f"check mode runs only an image that is there; {probe.image} would be pulled")
    done = runner.run([probe.docker, "pull", "--quiet", probe.image], timeout=probe.pull_timeout)
    if done.ok:
        return True
    if done.timed_out:
        finding = CATALOGUE["DOCKER-GPU-023"].finding(done.told(), image=probe.image)
        return Layer("docker_gpu", BROKEN, finding.cause, {"image": probe.image}, [finding])
    entry, finding = _docker.classify_run(done.rc, done.output, probe.image, probe.gpus)
    return Layer("docker_gpu", entry.status or BROKEN, finding.cause, {"image": probe.image}, [finding])


def _remove(runner: Runner, probe: Probe, name: str) -> list[Finding]:
    """No container is left behind, also not by a client that was killed: `--rm` does nothing then."""
    runner.run([probe.docker, "rm", "-f", name], timeout=REMOVE_SECONDS)
    argv = [probe.docker, "ps", "-a", "--quiet", "--filter", f"name={name}"]
    try:
        wait_until("container removed", lambda: runner.run(argv, timeout=ENGINE_SECONDS), lambda seen: not seen.ok or not seen.stdout.strip(), REMOVE_SECONDS)
    except DeadlinePassed as late:
        return [CATALOGUE["DOCKER-GPU-041"].finding(t.cast(Completed, late.last).output, container=name)]
    return []


def _judged(probe: Probe, done: Completed) -> Layer:
    """The run ended well: are these the GPUs that were expected?"""
    gpus = parse_query(done.stdout)
    if not gpus:
        entry = CATALOGUE.recognise(done.output, ["docker_gpu"]) or CATALOGUE["DOCKER-GPU-060"]
        finding = entry.finding(done.output)
        return Layer("docker_gpu", entry.status or UNKNOWN, finding.cause, {"image": probe.image}, [finding])
    findings = []
    told = "; ".join(f"{gpu.name} (driver {gpu.driver_version or 'unknown'})" for gpu in gpus)
    if len(gpus) < probe.min_gpus:
        findings.append(CATALOGUE["DOCKER-GPU-050"].finding(told, found=len(gpus), wanted=probe.min_gpus))
    for gpu in gpus:
        if probe.min_driver_version and gpu.driver_version and version_key(gpu.driver_version) < version_key(probe.min_driver_version):
            findings.append(CATALOGUE["DOCKER-GPU-051"].finding(told, found=gpu.driver_version, wanted=probe.min_driver_version))
            break
    facts = {"image": probe.image, "gpus": [gpu.as_dict() for gpu in gpus], "seconds": round(done.seconds, 2)}
    summary = f"a container sees {told}" if not findings else findings[0].cause
    return Layer("docker_gpu", BROKEN if findings else OK, summary, facts, findings)
