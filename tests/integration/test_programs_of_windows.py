# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows user sees of the cluster: its context in the own kubeconfig, and that it is there after a logon. Over WinRM, on a simulated Windows."""

from __future__ import annotations

import base64
import subprocess
import time
import typing as t

import pytest
import yaml

from tests.harness import Run, Stations, environment, playbook, serve
from tests.integration.conftest import assert_understood

TASK = "gpudev-start-at-logon"
STORED = f"C:\\Windows\\System32\\Tasks\\{TASK}"
PROGRAM = "/usr/local/lib/gpudev/start-cluster.sh"
CONFIG = "C:\\Users\\dev\\.kube\\config"
WORK: dict[str, t.Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "preferences": {},
    "current-context": "work",
    "clusters": [{"name": "work", "cluster": {"server": "https://work.example:6443"}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
    "users": [{"name": "me", "user": {"token": "not-a-real-one"}}],
}
WANTED = "{minikube_start_at_logon: true, minikube_export_kubeconfig: true}"


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve("healthy") as running:
        leave_a_kubeconfig(running)
        yield running


def leave_a_kubeconfig(stations: Stations) -> None:
    """A kubeconfig of Windows, as an editor there leaves it."""
    put(stations, CONFIG, yaml.safe_dump(WORK).replace("\n", "\r\n").encode("utf-8-sig"))


def put(stations: Stations, path: str, content: bytes) -> None:
    held = {"content": base64.b64encode(content).decode(), "written": "2026-11-20T05:00:00.000000Z"}
    stations.post(stations.hosts[0], "patch", {"windows": {"files": {path: held}}})


def windows(stations: Stations) -> dict[str, t.Any]:
    found: dict[str, t.Any] = stations.state(stations.hosts[0])["windows"]
    return found


def read(stations: Stations, path: str, encoding: str = "utf-8") -> str:
    return base64.b64decode(windows(stations)["files"][path]["content"]).decode(encoding)


def kubeconfig(stations: Stations) -> dict[str, t.Any]:
    found: dict[str, t.Any] = yaml.safe_load(read(stations, CONFIG, "utf-8-sig"))
    return found


def server(stations: Stations) -> str:
    return str(next(item["cluster"]["server"] for item in kubeconfig(stations)["clusters"] if item["name"] == "minikube"))


def site(stations: Stations, *arguments: str, options: str = WANTED) -> Run:
    run = playbook(stations, "site.yml", "--tags", "minikube", "-e", options, *arguments)
    assert run.rc == 0, run.output
    return run


def restart(stations: Stations) -> None:
    """On battery, as laptops are started."""
    stations.post(stations.hosts[0], "patch", {"windows": {"on_battery": True}})
    command = ["ansible", "-i", str(stations.inventory), stations.hosts[0], "-m", "ansible.windows.win_reboot"]
    subprocess.run(command, env=environment(), check=True, capture_output=True)


def result_of_task(stations: Stations, deadline: float) -> int | None:
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        result = windows(stations)["scheduled_tasks"][TASK].get("last_result")
        # 267009: it runs.
        if result not in (None, 267009):
            return int(result)
        time.sleep(0.2)
    return None


def test_the_context_is_merged_complete_in_itself_and_the_task_registered(stations: Stations) -> None:
    assert site(stations).changed() == 3
    content = kubeconfig(stations)
    assert (content["current-context"], [item["name"] for item in content["contexts"]]) == ("work", ["work", "minikube"])
    assert content["users"][0] == WORK["users"][0]
    cluster, user = content["clusters"][1]["cluster"], content["users"][1]["user"]
    assert cluster["server"].startswith("https://127.0.0.1:")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(cluster["certificate-authority-data"])
    assert set(user) == {"client-certificate-data", "client-key-data"}
    assert [path for path in windows(stations)["files"] if path.startswith(CONFIG + ".") and path.endswith(".bak")] != []
    arguments = f"-d Ubuntu-24.04 -u dev --shell-type none -- {PROGRAM} -p minikube"
    assert f"\\WSL\\wslg.exe</Command><Arguments>{arguments}" in read(stations, STORED, "utf-16")


def test_after_a_restart_the_logon_brings_the_cluster_up_and_the_context_leads_to_it(stations: Stations) -> None:
    right = server(stations)
    # As if Docker had given the started cluster another port than it had when the context was carried over.
    put(stations, CONFIG, read(stations, CONFIG).replace(right, "https://127.0.0.1:9").encode())
    restart(stations)
    assert result_of_task(stations, 60) == 0
    assert (server(stations), kubeconfig(stations)["current-context"]) == (right, "work")
    assert site(stations).changed() == 0, "the cluster runs, the context leads to it, the task is as it was"


def test_the_stations_were_asked_nothing_they_do_not_know(stations: Stations) -> None:
    assert_understood(stations)
