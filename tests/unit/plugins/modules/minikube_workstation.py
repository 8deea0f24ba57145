# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""minikube_gpu_cluster on a simulated station, in this process: how a cluster gets into each state, and what is to be true of every run."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.gpudev.workstation.plugins.module_utils import _kube, _minikube_cluster
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_options import argument_spec
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from ansible_collections.gpudev.workstation.plugins.modules.minikube_gpu_cluster import Manager
from tests.simstation import distro
from tests.simstation.linux import clusters, minikube_node
from tests.unit.simstation.minikube_bed import Bed

NAME = "gpu"
WORDS = ("cluster_restart", "cluster_recreate")
DECLARED = {"name": NAME, "memory": "6g", "cpus": "2", "settle_timeout": 0, "wait_timeout": 20}
START = ("minikube", "start", "-p", NAME, "--driver=docker", "--container-runtime=docker", "--gpus=all", "--memory=6g", "--cpus=2", "--interactive=false")
WSL = {"WSL_DISTRO_NAME": "Ubuntu-24.04"}


class Killed(BaseException):
    """The module's process ends here."""


class StationRunner:
    """Calls the station's programs in this process."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.clock = 0.0
        self.kill_at: float | None = None

    def run(
        self,
        argv: Sequence[str],
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        left = None if self.kill_at is None else self.kill_at - self.clock
        rc, call = self.bed.call(*argv, env=dict(WSL), kill_at=left)
        self.clock += call.clock
        if rc is None:
            raise Killed
        for line in call.stdout.splitlines() if on_line else ():
            on_line(line)  # type: ignore[misc]
        return Completed(tuple(argv), rc, call.stdout, call.stderr, call.clock)


class Workstation(Bed):
    """With a cluster of the user's own beside the declared one, which is selected."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.do("minikube", "start", "-p", "other", "--driver=docker", "--memory=2g", "--cpus=2", "--interactive=false")
        self.runner = StationRunner(self)

    def do(self, *argv: str, env: Mapping[str, str] | None = None) -> None:
        assert self.call(*argv, env=dict(WSL if env is None else env))[0] == 0, argv

    def make(self) -> None:
        self.do(*START)
        # The user goes on working with the other one.
        self.kubeconfig.write_text(self.kubeconfig.read_text().replace("current-context: gpu", "current-context: other"))

    @property
    def kubeconfig(self) -> Path:
        return self.home / ".kube" / "config"

    @property
    def profile(self) -> Path:
        return self.home / ".minikube" / "profiles" / NAME / "config.json"

    def node(self, **values: t.Any) -> None:
        with self.station.changed():
            self.engine["containers"][NAME].update(values)

    def ask(self) -> mk.Node:
        """As the module asks, but that the certificates' paths are those of the distribution."""
        outside = self.home / "kubeconfig-outside"
        outside.write_text(self.kubeconfig.read_text().replace("/home/dev/", f"{self.home}/"))
        try:
            return _minikube_cluster.node_of(_kube.connect(str(outside), NAME).node())
        except _kube.KubeError as error:
            return mk.Node(False, False, str(error))
        finally:
            outside.unlink()

    def run(self, state: str, check: bool = False, allow: Sequence[str] = WORDS, **options: t.Any) -> dict[str, t.Any]:
        paths = {"minikube_home": str(self.home), "kubeconfig": str(self.kubeconfig)}
        checked = ArgumentSpecValidator(argument_spec()).validate({**DECLARED, **paths, "state": state, "allow": list(allow), **options})
        assert not checked.error_messages
        return Manager(checked.validated_parameters, check, self.runner, self.ask).run()

    def everything(self) -> str:
        """The engine and the user's files, as one word."""
        files = {str(file): file.read_text() for file in sorted(self.home.rglob("*")) if file.is_file()}
        return hashlib.sha256(json.dumps([self.engine, files], sort_keys=True).encode()).hexdigest()

    def others(self) -> t.Any:
        """What is none of the declared cluster's business."""
        engine = copy.deepcopy({kind: self.engine[kind].get("other") for kind in ("containers", "volumes")})
        profile = (self.home / ".minikube" / "profiles" / "other" / "config.json").read_text()
        made_by_hand = [name for name, volume in self.engine["volumes"].items() if not volume.get("labels")]
        return engine, made_by_hand, profile, mk.current_context(self.kubeconfig.read_text()) if self.kubeconfig.exists() else None


@contextlib.contextmanager
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workstation]:
    for name in ("MINIKUBE_HOME", "KUBECONFIG", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WSL_DISTRO_NAME", WSL["WSL_DISTRO_NAME"])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_minikube_cluster, "LOOK_SECONDS", 0.02)
    made = Workstation(tmp_path / "ws1")
    yield made
    distro.close(made.station)
    made.station.close()
    assert made.station.errors == []


# --- how a cluster gets into each state


def absent(_workstation: Workstation) -> None:
    """Nothing was ever done."""


def leftover(workstation: Workstation) -> None:
    with workstation.station.changed():
        workstation.engine["volumes"][NAME] = {**minikube_node.new_volume(NAME), "kubeadm": True}


def foreign_volume(workstation: Workstation) -> None:
    """The user's own, not in use: `docker volume create`."""
    with workstation.station.changed():
        workstation.engine["volumes"][NAME] = {}


def half_made_on_a_foreign_volume(workstation: Workstation) -> None:
    foreign_volume(workstation)
    half_made(workstation)


def half_made(workstation: Workstation) -> None:
    assert workstation.call(*START, env=dict(WSL), kill_at=8)[0] is None


def failed(workstation: Workstation) -> None:
    with workstation.station.changed() as state:
        state["docker"]["gpu"] = "no_hook"
    assert workstation.call(*START, env=dict(WSL))[0] == 80
    with workstation.station.changed() as state:
        state["docker"]["gpu"] = "ok"


def running(workstation: Workstation) -> None:
    workstation.make()


def stopped(workstation: Workstation) -> None:
    workstation.make()
    workstation.do("minikube", "stop", "-p", NAME)


def container_stopped(workstation: Workstation) -> None:
    workstation.make()
    workstation.do("docker", "stop", NAME)


def container_removed(workstation: Workstation) -> None:
    workstation.make()
    workstation.do("docker", "rm", "-f", NAME)


def paused(workstation: Workstation) -> None:
    workstation.make()
    workstation.do("minikube", "pause", "-p", NAME)


def api_server_down(workstation: Workstation) -> None:
    workstation.make()
    workstation.node(apiserver="Stopped")
    clusters.stop(workstation.station, NAME)


def kubelet_down(workstation: Workstation) -> None:
    workstation.make()
    workstation.node(kubelet="Stopped")


def not_ready(workstation: Workstation) -> None:
    workstation.make()
    with workstation.station.changed() as state:
        state["clusters"][NAME]["knobs"]["node_ready"] = False
    clusters.get(workstation.station, NAME, workstation.home / ".minikube").look()


def stale(workstation: Workstation) -> None:
    workstation.make()
    port = workstation.engine["containers"][NAME]["ports"]["8443/tcp"]
    workstation.kubeconfig.write_text(workstation.kubeconfig.read_text().replace(f"127.0.0.1:{port}", "127.0.0.1:1"))


def other_environment(workstation: Workstation) -> None:
    workstation.make()
    workstation.do("minikube", "update-context", "-p", NAME, env={})
    workstation.kubeconfig.write_text(workstation.kubeconfig.read_text().replace("current-context: gpu", "current-context: other"))


def corrupt(workstation: Workstation) -> None:
    workstation.make()
    workstation.profile.write_text(workstation.profile.read_text()[:200])


def other_settings(workstation: Workstation) -> None:
    workstation.do(*(word.replace("6g", "4g") for word in START))
    workstation.kubeconfig.write_text(workstation.kubeconfig.read_text().replace("current-context: gpu", "current-context: other"))


STATES: dict[str, Callable[[Workstation], None]] = {
    function.__name__: function
    for function in (
        absent, leftover, foreign_volume, half_made, half_made_on_a_foreign_volume, failed, running, stopped, container_stopped, container_removed, paused,
        api_server_down, kubelet_down, not_ready, stale,
        other_environment, corrupt, other_settings,
    )
}  # fmt: skip
# `stopped` makes nothing, and deletes nothing that is not half made.
NOT_REACHED = {
    ("absent", "stopped"),
    ("leftover", "stopped"),
    ("foreign_volume", "started"),
    ("foreign_volume", "stopped"),
    ("half_made_on_a_foreign_volume", "started"),
    ("half_made_on_a_foreign_volume", "stopped"),
    ("half_made", "stopped"),
    ("failed", "stopped"),
    ("container_removed", "stopped"),
    ("corrupt", "stopped"),
}
FINAL = {"started": "ok", "stopped": "ok", "absent": "not_applicable"}


def status(answer: Mapping[str, t.Any]) -> str:
    return str(answer["layers"][0]["status"])


def assert_reached(workstation: Workstation, state: str, wanted: str) -> None:
    """Check mode predicts exactly, the second run changes nothing, and what is the user's own stays as it is."""
    STATES[state](workstation)
    others, before = workstation.others(), workstation.everything()
    predicted = workstation.run(wanted, check=True)
    assert workstation.everything() == before, "check mode has changed something"
    done = workstation.run(wanted)
    assert done["changed"] == predicted["changed"], (predicted["layers"], done["layers"])
    again = workstation.run(wanted)
    assert not again["changed"], again["layers"]
    assert (status(again) == FINAL[wanted]) is ((state, wanted) not in NOT_REACHED), again["layers"]
    assert workstation.others() == others


def assert_finished_after_a_kill(workstation: Workstation, state: str, second: float) -> None:
    STATES[state](workstation)
    others = workstation.others()
    workstation.runner.kill_at = second
    try:
        workstation.run("started")
    except Killed:
        workstation.runner.kill_at = None
        assert status(workstation.run("started")) in ("ok", "changed")
    workstation.runner.kill_at = None
    again = workstation.run("started")
    assert (status(again), again["changed"]) == ("ok", False), again["layers"]
    assert workstation.others() == others
