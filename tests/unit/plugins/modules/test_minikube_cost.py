# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What minikube_gpu_cluster costs on a healthy cluster, beyond one `minikube status`: at most 0.6 s inside the module.

Programs are processes that take as long as the recorded real ones and print what those printed; the API server is the simulated one, over TLS.
The `nvidia-smi` in the recorded node is a stub: what a real one takes is not in it.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_inside import MARK
from tests.harness import REPOSITORY
from tests.integration.api_servers import kubeconfig
from tests.simstation.kube import Cluster
from tests.simstation.station import Station
from tests.unit.recorded import FIXTURES, recording

ALLOWANCE_SECONDS = 0.6
# Times the run inside the module: the process's start and its imports are over by then.
PROGRAM = """
import json, os, sys, time
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import LocalRunner
from ansible_collections.gpudev.workstation.plugins.modules.minikube_gpu_cluster import Manager, argument_spec
# minikube and so the module refuse root, as which tests may run.
os.geteuid = lambda: 1000
params = {**{name: spec.get("default") for name, spec in argument_spec().items()}, **json.loads(sys.argv[1])}
started = time.perf_counter()
answer = Manager(params, False, LocalRunner()).run()
print(json.dumps([time.perf_counter() - started, answer["changed"], answer["layers"]]))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The kubeconfig of a simulated API server."""
    station = Station("lab", {"windows": {"gpus": []}, "clusters": {"minikube": {"knobs": {}}}}, tmp_path / "station")
    cluster = Cluster(station, "minikube", tmp_path / "minikube")
    file = Path(kubeconfig(tmp_path, cluster.certificates, cluster.start()))
    # The recorded cluster is called gpu.
    file.write_text(file.read_text().replace(": minikube\n", ": gpu\n"))
    yield str(file)
    cluster.stop()
    station.close()


def program(path: Path, answers: dict[str, str], **instead: str) -> None:
    """Prints for the words that it is given what the recorded call printed, or the text instead, after the time that it took."""
    lines = []
    for number, (words, name) in enumerate(answers.items()):
        path.with_suffix(f".{number}").write_text(instead.get(name) or recording(f"minikube/{name}")["stdout"])
        lines.append(f"'{words} '*) sleep {recording(f'minikube/{name}')['seconds']}; cat {path.with_suffix(f'.{number}')}; exit 0;;")
    path.write_text('#!/bin/sh\ncase "$* " in\n' + "\n".join(lines) + "\nesac\nexit 99\n")
    path.chmod(0o755)


def test_a_no_op_costs_little_beyond_minikube_status(tmp_path: Path, server: str) -> None:
    inside = ("/dev/nvidiactl", recording("minikube/node_daemon")["stdout"], "cgroupDriver: cgroupfs", recording("minikube/node_nvidia_smi")["stdout"])
    program(tmp_path / "docker", {"container inspect": "docker_inspect_node", "exec": "node_nvidia_smi"}, node_nvidia_smi=f"\n{MARK}\n".join(inside))
    program(tmp_path / "minikube.sh", {"version": "version", "status": "status_running"})
    profile = tmp_path / ".minikube" / "profiles" / "gpu" / "config.json"
    profile.parent.mkdir(parents=True)
    shutil.copy(FIXTURES / "minikube" / "profile_config_running.json", profile)
    programs = {"docker": str(tmp_path / "docker"), "minikube": str(tmp_path / "minikube.sh")}
    params = {**programs, "name": "gpu", "driver": "docker", "kubeconfig": server, "minikube_home": str(tmp_path)}
    beyond = statistics.median(seconds(params) for _run in range(3)) - recording("minikube/status_running")["seconds"]
    assert beyond <= ALLOWANCE_SECONDS, f"{beyond:.3f} s"


def seconds(params: dict[str, str]) -> float:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / ".ansible" / "collections")}
    done = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(params)], env=environment, capture_output=True, text=True, check=True, timeout=30)
    took, changed, layers = json.loads(done.stdout)
    assert (changed, layers[0]["status"]) == (False, "ok"), layers
    return float(took)
