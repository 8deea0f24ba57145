# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Docker engines for the tests; everything is skipped, with the reason, where there can be none."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from collections.abc import Iterator

import pytest

from tests.docker import distro, packages
from tests.docker import engine as engines
from tests.harness import CACHE, REPOSITORY, environment


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    """One whose PATH has the stub of NVIDIA's hook."""
    reason = engines.why_not()
    if reason:
        pytest.skip(reason)
    with engines.running() as started:
        yield started


@pytest.fixture(scope="session")
def engine_without_hook() -> Iterator[engines.Engine]:
    reason = engines.why_not()
    if reason:
        pytest.skip(reason)
    with engines.running(hook=False) as started:
        yield started


@pytest.fixture(scope="session")
def debian(engine: engines.Engine) -> str:
    """The image of Debian 12 with systemd, in that engine."""
    reason = packages.why_not()
    if reason:
        pytest.skip(reason)
    try:
        distro.load(engine, CACHE / "docker")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the image of Debian cannot be made, is there a network? {error}")
    return distro.IMAGE


def start_module(engine: engines.Engine, name: str, check: bool = False, **options: t.Any) -> subprocess.Popen[str]:
    """The module as Ansible runs it on a target: a Python of its own that is given its arguments on stdin."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_remote_tmp": str(engine.directory)}})
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "plugins" / "modules" / f"{name}.py")],
        env={**environment(), **engine.environment, "PYTHONPATH": str(REPOSITORY / ".ansible" / "collections")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.stdin is None:
        raise ValueError("stdin is a pipe")
    process.stdin.write(arguments)
    process.stdin.close()
    process.stdin = None
    return process


def finished(process: subprocess.Popen[str]) -> dict[str, t.Any]:
    out, err = process.communicate(timeout=180)
    assert out.strip().startswith("{"), out + err
    answer: dict[str, t.Any] = json.loads(out)
    return answer


def probe(engine: engines.Engine, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    return finished(start_module(engine, "docker_gpu_probe", check, **{"image": engines.IMAGE, "pull": "never", **options}))


def codes(answer: dict[str, t.Any]) -> list[str]:
    return [finding["code"] for layer in answer["layers"] for finding in layer["findings"]]


def statuses(answer: dict[str, t.Any]) -> list[str]:
    return [f"{layer['layer']} {layer['status']}" for layer in answer["layers"]]
