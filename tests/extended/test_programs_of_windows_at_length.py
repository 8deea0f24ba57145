# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same as tests/integration/test_programs_of_windows.py, at length: predictions, what is put right, what keeps an export away, and that nothing stays."""

from __future__ import annotations

import subprocess
import time
import typing as t

import pytest

from tests.harness import Run, Stations, environment, playbook, serve
from tests.integration.conftest import assert_understood
from tests.integration.test_programs_of_windows import (
    CONFIG,
    PROGRAM,
    STORED,
    TASK,
    WANTED,
    WORK,
    kubeconfig,
    leave_a_kubeconfig,
    put,
    read,
    restart,
    server,
    site,
    windows,
)

WSL_CONF = "/etc/wsl.conf"
# SCHED_S_TASK_RUNNING
STILL_RUNNING = 267009


@pytest.fixture(scope="module")
def stations() -> t.Iterator[Stations]:
    with serve("healthy") as running:
        leave_a_kubeconfig(running)
        yield running


def test_both_are_predicted_and_nothing_is_touched(stations: Stations) -> None:
    before = windows(stations)["files"]
    run = site(stations, "--check", "--diff")
    # The program in the distribution, the task, the kubeconfig.
    assert run.changed() == 3
    assert (windows(stations)["files"], PROGRAM in stations.tree(stations.hosts[0])) == (before, False)


def test_what_somebody_changed_is_put_right(stations: Stations) -> None:
    assert site(stations).changed() == 3
    right = server(stations)
    put(stations, STORED, read(stations, STORED, "utf-16").replace("PT0S", "PT5M").encode("utf-16"))
    put(stations, CONFIG, read(stations, CONFIG).replace(right, "https://127.0.0.1:9").encode())
    predicted = site(stations, "--check", "--diff")
    assert (predicted.changed(), '"ExecutionTimeLimit": "PT5M"' in predicted.output, "https://127.0.0.1:9" in predicted.output) == (2, True, True)
    assert site(stations).changed() == 2
    assert ("PT0S" in read(stations, STORED, "utf-16"), server(stations)) == (True, right)


def test_a_cluster_made_anew_is_predicted_and_followed(stations: Stations) -> None:
    before = kubeconfig(stations)
    other = "{minikube_start_at_logon: true, minikube_export_kubeconfig: true, minikube_memory: 12000mb, workstation_allow: [cluster_recreate]}"
    # The cluster, and where its context leads.
    assert site(stations, "--check", options=other).changed() == 2
    assert kubeconfig(stations) == before
    assert site(stations, options=other).changed() == 2
    assert kubeconfig(stations) != before
    assert [item["name"] for item in kubeconfig(stations)["contexts"]] == ["work", "minikube"]
    assert site(stations, options=other).changed() == 0


def export(stations: Stations, *arguments: str) -> Run:
    return playbook(stations, "site.yml", "--tags", "minikube_cluster", "-e", "{minikube_export_kubeconfig: true, minikube_export_name: second}", *arguments)


@pytest.mark.parametrize(("automount", "code"), [("enabled=false", "EXPORT-001"), ('options="metadata,ro"', "EXPORT-002")])
def test_a_distribution_that_cannot_write_the_profile_says_why(stations: Stations, automount: str, code: str) -> None:
    before = windows(stations)["files"]
    write = f"printf '[boot]\\nsystemd=true\\n[automount]\\n{automount}\\n' > {WSL_CONF}"
    in_distribution(stations, write)
    try:
        run = export(stations)
        assert (run.rc, code in run.output, "wsl --terminate Ubuntu-24.04" in run.output) == (2, True, True), run.output
    finally:
        in_distribution(stations, f"printf '[boot]\\nsystemd=true\\n' > {WSL_CONF}")
    assert windows(stations)["files"] == before


def in_distribution(stations: Stations, script: str) -> None:
    variables = ("-e", "@playbooks/vars/linux_side_of_windows.yml", "-e", "workstation_distribution=Ubuntu-24.04", "-e", "ansible_wsl_user=root")
    command = ["ansible", "-i", str(stations.inventory), stations.hosts[0], *variables, "-m", "raw", "-a", script]
    subprocess.run(command, env=environment(), check=True, capture_output=True)


def test_turned_off_and_without_a_cluster_nothing_is_left(stations: Stations) -> None:
    off = "{minikube_export_kubeconfig: true, minikube_state: absent, workstation_allow: [cluster_recreate]}"
    assert site(stations, options=off).changed() == 4
    assert kubeconfig(stations) == WORK
    assert (STORED in windows(stations)["files"], PROGRAM in stations.tree(stations.hosts[0])) == (False, False)


def test_with_an_engine_in_the_distribution() -> None:
    """The program stays, because the engine ends with the distribution; and where .wslconfig keeps Windows from it, nothing is exported."""
    with serve("engine_in_distro") as stations:
        leave_a_kubeconfig(stations)
        run = playbook(stations, "site.yml", "-e", WANTED)
        assert run.rc == 0, run.output
        assert "-l -k /opt/gpudev/venv/bin/python3" in read(stations, STORED, "utf-16")
        restart(stations)
        time.sleep(30)
        assert windows(stations)["scheduled_tasks"][TASK]["last_result"] == STILL_RUNNING
        assert site(stations).changed() == 0, "the cluster was brought up at the logon"
        put(stations, "C:\\Users\\dev\\.wslconfig", b"[wsl2]\r\nlocalhostForwarding=false\r\n")
        refused = export(stations)
        assert (refused.rc, "EXPORT-005" in refused.output) == (2, True), refused.output
        assert_understood(stations)


def test_the_stations_were_asked_nothing_they_do_not_know(stations: Stations) -> None:
    assert_understood(stations)
