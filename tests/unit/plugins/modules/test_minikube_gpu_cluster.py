# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against recorded programs: what it calls, in which order, and what it says."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.gpudev.workstation.plugins.module_utils import _kube, _minikube_assessment, _minikube_cluster
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube import Node
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_evidence import clean
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_inside import MARK
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_options import argument_spec
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed
from ansible_collections.gpudev.workstation.plugins.modules.minikube_gpu_cluster import Manager
from tests.unit.recorded import FIXTURES, RecordedRunner, answer, completed, recording

READY = Node(True, True, "", "v1.36.2")
NO_CONTAINER = answer("[]\n", 1, "Error response from daemon: No such container: gpu\n")
LOOK_INSIDE = "docker exec gpu sh -c"
NO_DXG = "ls: cannot access '/dev/dxg': No such file or directory"


def in_node(listed: str, smi: str, rc: int = 0) -> Completed:
    """The answer of the one look into the node: devices and libraries, daemon.json, the kubelet's configuration, nvidia-smi."""
    parts = (listed, recording("minikube/node_daemon")["stdout"], "cgroupDriver: cgroupfs\n", smi)
    return answer(f"\n{MARK}\n".join(parts), rc)


NODE_GPU = {LOOK_INSIDE: in_node(f"{NO_DXG}\n/dev/nvidiactl", recording("minikube/node_nvidia_smi")["stdout"])}
HEALTHY: dict[str, Any] = {
    "minikube version": completed(recording("minikube/version")),
    "docker container inspect gpu": completed(recording("minikube/docker_inspect_node")),
    "docker volume inspect gpu": answer("[]\n", 1, "Error response from daemon: get gpu: no such volume\n"),
    "minikube logs": answer("==> kubelet <==\nline\n"),
    "docker exec gpu journalctl": answer("-- No entries --\n"),
    "minikube status": completed(recording("minikube/status_running")),
    **NODE_GPU,
}
ENGINE = {"docker version": completed(recording("docker/version_json")), "docker info": completed(recording("docker/info_json"))}
AS_RECORDED = {"name": "gpu", "memory": "6g", "cpus": "2", "kubernetes_version": "v1.36.2"}


def call(name: str) -> Completed:
    return completed(recording(f"minikube/{name}"))


class Bed:
    """A home directory, recorded programs, and the module's manager on them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.answers: dict[str, Any] = dict(HEALTHY)
        self.node: Node | list[Node] = READY
        self.runner = RecordedRunner(self.answers)

    def profile(self, name: str = "profile_config_running.json", **changes: Any) -> None:
        directory = self.home / ".minikube" / "profiles" / "gpu"
        directory.mkdir(parents=True, exist_ok=True)
        data = json.loads((FIXTURES / "minikube" / name).read_text())
        (directory / "config.json").write_text(json.dumps({**data, **changes}))

    def no_profile(self, *_argv: Any) -> Completed:
        shutil.rmtree(self.home / ".minikube" / "profiles" / "gpu", ignore_errors=True)
        self.answers["docker container inspect gpu"] = NO_CONTAINER
        return call("delete_running")

    def started(self, *_argv: Any) -> Completed:
        self.profile()
        self.answers["docker container inspect gpu"] = completed(recording("minikube/docker_inspect_node"))
        self.answers["minikube status"] = call("status_running")
        return call("start_gpus_all_fresh")

    def kubeconfig(self, name: str = "kubeconfig_running.txt") -> Path:
        path = self.home / ".kube" / "config"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(FIXTURES / "minikube" / name, path)
        return path

    def ask(self) -> Node:
        if isinstance(self.node, list):
            return self.node.pop(0) if len(self.node) > 1 else self.node[0]
        return self.node

    def run(self, check: bool = False, **options: Any) -> dict[str, Any]:
        checked = ArgumentSpecValidator(argument_spec()).validate({**AS_RECORDED, "settle_timeout": 0, "wait_timeout": 0, **options})
        assert not checked.error_messages
        return Manager(checked.validated_parameters, check, self.runner, self.ask).run()

    @property
    def changes(self) -> list[str]:
        """The calls that do something."""
        verbs = ("start", "delete", "stop", "pause", "unpause", "addons", "update-context")
        return [" ".join(argv[1:]) for argv in self.runner.calls if argv[0] == "minikube" and argv[1] in verbs]


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    for name in ("MINIKUBE_HOME", "KUBECONFIG", "WSL_DISTRO_NAME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_minikube_cluster, "on_wsl", lambda: False)
    bed = Bed(tmp_path)
    bed.kubeconfig()
    bed.profile()
    return bed


def layer(answer_: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer_["layers"][0]
    return found


def codes(answer_: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in layer(answer_)["findings"]]


def test_a_healthy_cluster_is_left_alone(bed: Bed) -> None:
    done = bed.run(background=True)
    assert (done["changed"], layer(done)["status"], bed.changes, codes(done)) == (False, "ok", [], [])
    assert layer(done)["summary"] == "cluster gpu runs Kubernetes v1.36.2, node Ready, sees NVIDIA GeForce RTX 4050 Laptop GPU"
    assert (done["kubeconfig"], done["context"], done["drift"]) == (str(bed.home / ".kube/config"), "gpu", [])
    # version, inspect, status, and one look inside; what they cost is in test_minikube_cost.py.
    assert len(bed.runner.calls) == 4


def test_check_mode_says_the_same_of_a_healthy_cluster(bed: Bed) -> None:
    assert bed.run(check=True)["layers"] == bed.run()["layers"]


def test_running_is_not_ready(bed: Bed) -> None:
    bed.node = Node(True, False, "KubeletNotReady: cni plugin not initialized")
    done = bed.run()
    assert (layer(done)["status"], codes(done), bed.changes) == ("needs_consent", ["MK-029"], [])
    assert "cluster_restart" in done["msg"]


def test_a_node_that_becomes_ready_by_itself_is_waited_for(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_minikube_cluster, "LOOK_SECONDS", 0.05)
    bed.node = [Node(False, False, "connection refused"), READY]
    done = bed.run(settle_timeout=5)
    assert (layer(done)["status"], bed.changes) == ("ok", [])


def test_less_memory_than_declared_needs_consent(bed: Bed) -> None:
    bed.answers.update(ENGINE)
    done = bed.run(memory="16000mb")
    assert (done["failed"], layer(done)["status"], codes(done), bed.changes) == (True, "needs_consent", ["MK-035"], [])
    assert done["drift"] == [{"setting": "memory", "declared": "16000mb", "found": "6144mb", "effect": "needs_recreate"}]
    assert "cluster_recreate" in done["msg"]


def test_check_mode_predicts_the_consent_without_failing(bed: Bed) -> None:
    bed.answers.update(ENGINE)
    done = bed.run(check=True, memory="16000mb")
    assert (done.get("failed"), done["changed"], layer(done)["status"]) == (None, False, "needs_consent")


def test_recreated_with_consent(bed: Bed) -> None:
    bed.answers.update({**ENGINE, "minikube delete": bed.no_profile, "minikube start": bed.started})
    done = bed.run(memory="8g", allow=["cluster_recreate"])
    assert [change.split()[0] for change in bed.changes] == ["delete", "start"]
    assert done["changed"]
    assert done["before"]["memory_mb"] == 6144
    # The recorded cluster comes up with 6 GB again: what was not achieved is said.
    assert layer(done)["status"] == "drift"


def test_recreation_is_predicted(bed: Bed) -> None:
    bed.answers.update(ENGINE)
    done = bed.run(check=True, memory="8g", allow=["cluster_recreate"])
    assert (done["changed"], layer(done)["status"], bed.changes) == (True, "drift", [])
    assert done["diff"] == {"before": {"state": "running", "memory": "6144mb"}, "after": {"state": "running", "memory": "8g"}}


def test_recreate_never_reports_the_drift_and_goes_on(bed: Bed) -> None:
    done = bed.run(memory="8g", recreate="never")
    assert (done["changed"], layer(done)["status"], codes(done)) == (False, "drift", ["MK-035"])


def test_recreate_never_does_not_excuse_a_missing_gpu(bed: Bed) -> None:
    bed.profile(GPUs="")
    done = bed.run(recreate="never")
    assert (layer(done)["status"], codes(done)) == ("broken", ["MK-031"])


def test_a_new_cluster(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": bed.started})
    done = bed.run(addons={"metrics-server": "no"}, wait_timeout=360)
    assert (done["changed"], layer(done)["status"]) == (True, "changed")
    common = "start -p gpu --driver=docker --container-runtime=docker --interactive=false --keep-context -o json"
    assert bed.changes == [f"{common} --gpus=all --memory=6g --cpus=2 --kubernetes-version=v1.36.2"]


def test_a_new_cluster_is_predicted_without_a_dry_run(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update(ENGINE)
    done = bed.run(check=True)
    assert (done["changed"], layer(done)["status"], bed.changes) == (True, "drift", [])
    assert done["diff"]["before"] == {"state": "absent"}
    assert done["diff"]["after"]["memory"] == "6g"


def test_more_memory_than_the_engine_has_is_refused(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update(ENGINE)
    done = bed.run(memory="900g")
    assert (layer(done)["status"], codes(done), bed.changes) == ("unsupported", ["MK-006"], [])


@pytest.mark.parametrize("status", ["status_killed_after_3_0s", "status_killed_after_8_0s", "status_killed_after_16_0s", "status_kubelet_camelcase"])
def test_a_half_made_cluster_is_deleted_without_consent(bed: Bed, status: str) -> None:
    bed.profile("config_gpu_after_failed_first_start.json")
    bed.kubeconfig("kubeconfig_stopped.txt")
    bed.answers.update({**ENGINE, "minikube status": call(status), "minikube delete": bed.no_profile, "minikube start": bed.started})
    done = bed.run()
    assert [change.split()[0] for change in bed.changes] == ["delete", "start"]
    assert (layer(done)["status"], "MK-021" in codes(done)) == ("changed", True)


@pytest.mark.parametrize("version", ["", "v1.36.2"])
def test_a_cluster_made_without_kubernetes_is_somebodys_work(bed: Bed, version: str) -> None:
    """Its start has ended well, so that its images and containers are not to be deleted unasked; and nothing is to be waited for."""
    kubernetes = json.loads((FIXTURES / "minikube" / "profile_config_running.json").read_text())["KubernetesConfig"]
    bed.profile("config_gpu_after_failed_first_start.json", KubernetesConfig={**kubernetes, "KubernetesVersion": "v0.0.0"})
    bed.kubeconfig("kubeconfig_stopped.txt")
    bed.answers.update({**ENGINE, "minikube status": call("status_killed_after_8_0s")})
    done = bed.run(kubernetes_version=version, settle_timeout=600)
    assert (layer(done)["status"], codes(done), bed.changes) == ("needs_consent", ["MK-057", "MK-035"], [])
    assert "cluster_recreate" in done["msg"]
    kept = bed.run(kubernetes_version=version, recreate="never", allow=["cluster_restart", "cluster_recreate"])
    assert (layer(kept)["status"], codes(kept), bed.changes) == ("broken", ["MK-057"], [])
    bed.answers.update({"minikube delete": bed.no_profile, "minikube start": bed.started})
    assert layer(bed.run(kubernetes_version=version, allow=["cluster_recreate"]))["status"] == "changed"
    assert [change.split()[0] for change in bed.changes] == ["delete", "start"]


def test_a_removed_container_is_said_at_once(bed: Bed) -> None:
    bed.answers.update({**ENGINE, "docker container inspect gpu": NO_CONTAINER})
    done = bed.run()
    assert (layer(done)["status"], codes(done), bed.changes) == ("needs_consent", ["MK-022"], [])


def test_an_unreachable_engine_never_means_absent(bed: Bed) -> None:
    bed.answers["docker container inspect gpu"] = completed(recording("docker/daemon_not_running"))
    done = bed.run()
    assert (layer(done)["status"], codes(done), bed.changes) == ("unreachable", ["MK-020"], [])
    assert "Cannot connect to the Docker daemon" in layer(done)["findings"][0]["symptom"]


def test_awaiting_an_engine_in_check_mode(bed: Bed) -> None:
    bed.answers["docker container inspect gpu"] = completed(recording("docker/daemon_not_running"))
    done = bed.run(check=True, awaiting=["Docker Desktop starts"])
    assert (done.get("failed"), layer(done)["status"], layer(done)["summary"]) == (None, "skipped", "cannot be looked at yet: Docker Desktop starts")
    drifted = bed.run(check=True, awaiting=["Docker Desktop starts"], memory="16000mb", allow=["cluster_recreate"])
    assert (drifted["changed"], layer(drifted)["status"]) == (True, "drift")


def test_awaiting_does_not_excuse_a_real_run(bed: Bed) -> None:
    bed.answers["docker container inspect gpu"] = completed(recording("docker/daemon_not_running"))
    assert bed.run(awaiting=["Docker Desktop starts"])["failed"]


@pytest.mark.parametrize(("labels", "has_profile", "code"), [({}, True, "MK-023"), ({"created_by.minikube.sigs.k8s.io": "true"}, False, "MK-024")])
def test_foreign_containers_are_not_touched(bed: Bed, labels: dict[str, str], has_profile: bool, code: str) -> None:
    if not has_profile:
        bed.no_profile()
    data = json.loads(recording("minikube/docker_inspect_node")["stdout"])
    data[0]["Config"]["Labels"] = labels
    bed.answers["docker container inspect gpu"] = answer(json.dumps(data))
    done = bed.run(allow=["cluster_recreate", "cluster_restart"])
    assert (layer(done)["status"], codes(done), bed.changes) == ("broken", [code], [])


def test_a_paused_cluster_is_unpaused(bed: Bed) -> None:
    bed.answers.update({"minikube status": [call("status_paused"), call("status_running")], "minikube unpause": answer()})
    done = bed.run()
    assert (bed.changes, layer(done)["status"]) == (["unpause -p gpu -o json"], "changed")


def test_a_stopped_cluster_is_started_without_consent(bed: Bed) -> None:
    data = json.loads(recording("minikube/docker_inspect_node")["stdout"])
    data[0]["State"]["Status"] = "exited"
    bed.answers.update({"docker container inspect gpu": answer(json.dumps(data)), "minikube start": bed.started})
    done = bed.run()
    assert ([change.split()[0] for change in bed.changes], layer(done)["status"]) == (["start"], "changed")


def test_the_current_context_survives_a_repaired_kubeconfig(bed: Bed) -> None:
    path = bed.kubeconfig()
    path.write_text(path.read_text().replace("current-context: gpu", "current-context: work"))
    path.chmod(0o600)

    def update_context(_argv: list[str]) -> Completed:
        path.write_text(path.read_text().replace("current-context: work", "current-context: gpu").replace(":1\n", ":8443\n"))
        return call("update_context_stale")

    bed.answers.update({"minikube status": [call("status_kubeconfig_stale"), call("status_running")], "minikube update-context": update_context})
    done = bed.run()
    assert (bed.changes, layer(done)["status"]) == (["update-context -p gpu"], "changed")
    assert mk.current_context(path.read_text()) == "work"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("selected", "kept"), [("gpu", "gpu"), ("work", "work"), ('""', "gpu")])
def test_the_current_context_survives_a_recreated_cluster(bed: Bed, selected: str, kept: str) -> None:
    """delete takes the cluster's own context away, and start --keep-context does not select it again (facts/minikube.md, "Other commands")."""
    path = bed.kubeconfig()
    path.write_text(path.read_text().replace("current-context: gpu", f"current-context: {selected}"))

    def delete(*_argv: Any) -> Completed:
        path.write_text(path.read_text().replace("current-context: gpu", 'current-context: ""'))
        return bed.no_profile()

    bed.answers.update({**ENGINE, "minikube delete": delete, "minikube start": bed.started})
    bed.profile(Memory=4000)
    bed.run(allow=["cluster_recreate"])
    assert [change.split()[0] for change in bed.changes] == ["delete", "start"]
    assert mk.current_context(path.read_text()) == kept


def test_without_a_client_nothing_is_waited_for(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kube, "KUBERNETES_IMPORT_ERROR", "ImportError: no kubernetes")
    bed.answers.update({"minikube status": [call("status_kubeconfig_stale"), call("status_running")], "minikube update-context": answer()})
    started = time.monotonic()
    checked = ArgumentSpecValidator(argument_spec()).validate({**AS_RECORDED, "settle_timeout": 30, "wait_timeout": 30})
    done = Manager(checked.validated_parameters, False, bed.runner).run()
    assert time.monotonic() - started < 5
    assert (layer(done)["status"], codes(done)) == ("unknown", ["MK-047"])


def test_an_api_server_that_is_not_ready_is_named(bed: Bed) -> None:
    bed.node = Node(False, False, "API server not ready, failing checks: etcd")
    assert codes(bed.run()) == ["MK-030"]


def test_a_node_that_cannot_be_looked_into_is_not_said_to_have_no_gpu(bed: Bed) -> None:
    bed.answers[LOOK_INSIDE] = answer("", None, "", timed_out=True)
    done = bed.run()
    assert (layer(done)["status"], codes(done)) == ("unknown", ["MK-046"])


def test_evidence_has_no_credentials_and_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dev")
    text = "proxy http://anna:geheim@proxy:3128, token: abc, /home/dev/.kube/config /home/developer/x"
    assert clean(text) == "proxy http://***@proxy:3128, token: ***, ~/.kube/config /home/developer/x"


def test_an_addon_that_was_not_applied_is_told_although_start_ended_well(bed: Bed) -> None:
    said = [line for line in call("start_container_removed").stdout.splitlines() if "returned an error" in line]
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": lambda argv: replace(bed.started(), stdout="\n".join(said))})
    done = bed.run()
    assert (layer(done)["status"], codes(done)) == ("changed", ["MK-048", "MK-048"])
    assert "the addon storage-provisioner" in " ".join(finding["cause"] for finding in layer(done)["findings"])


def test_addons_change_in_place(bed: Bed) -> None:
    def enable(_argv: list[str]) -> Completed:
        bed.profile(Addons={"metrics-server": True, "nvidia-device-plugin": False})
        return answer()

    bed.answers.update({"minikube addons enable": enable, "minikube addons disable": answer()})
    done = bed.run(addons={"metrics-server": True, "nvidia-device-plugin": False})
    assert bed.changes == ["addons enable metrics-server -p gpu", "addons disable nvidia-device-plugin -p gpu"]
    assert (done["changed"], layer(done)["status"]) == (True, "changed")


def test_an_addon_that_a_new_cluster_has_by_itself_is_switched_off(bed: Bed) -> None:
    def disable(_argv: list[str]) -> Completed:
        bed.profile(Addons={"nvidia-device-plugin": False})
        return answer()

    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": bed.started, "minikube addons disable": disable})
    done = bed.run(addons={"nvidia-device-plugin": False})
    assert (layer(done)["status"], done["drift"]) == ("changed", [])
    assert [change.split(" -p")[0] for change in bed.changes] == ["start", "addons disable nvidia-device-plugin"]


def test_nothing_is_said_of_a_stop_that_was_not_tried(bed: Bed) -> None:
    done = bed.run(state="stopped")
    assert (layer(done)["status"], codes(done), bed.changes) == ("needs_consent", [], [])


def test_a_failed_start_names_the_cause_in_the_journal(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": call("start_kubelet_camelcase"), "docker exec gpu journalctl": call("kubelet_camelcase_journal")})
    done = bed.run()
    assert (done["failed"], codes(done)) == (True, ["MK-100"])
    assert "unknown flag: --cgroupDriver" in done["evidence"]["journal"]
    assert done["evidence"]["rc"] == 80
    assert len(done["evidence"]["events"]) <= 25


def test_what_keeps_docker_from_starting_in_the_node_is_kept(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": call("start_no_docker_in_node")})
    bed.answers["docker exec gpu journalctl -u docker"] = call("no_docker_in_node_journal")
    done = bed.run()
    assert codes(done) == ["MK-116"]
    assert "Unable to locate executable '/usr/bin/dockerd'" in done["evidence"]["journal"]


def test_a_start_that_does_not_end(bed: Bed) -> None:
    bed.no_profile()
    begun = recording("minikube/start_gpus_all_fresh")["stdout"].splitlines()[:8]
    bed.answers.update({**ENGINE, "minikube start": answer("\n".join(begun), None, timed_out=True)})
    done = bed.run(start_timeout=600)
    assert codes(done) == ["MK-041"]
    assert "600 s" in done["msg"]


def test_a_start_that_ends_well_is_not_believed(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": bed.started})
    bed.node = Node(True, False, "KubeletNotReady: network plugin is not ready")
    bed.answers["docker exec gpu journalctl"] = call("kubelet_camelcase_journal")
    done = bed.run()
    assert (done["failed"], layer(done)["status"], codes(done)[0]) == (True, "broken", "MK-029")
    # What was said is kept for this one too.
    assert (done["evidence"]["rc"], "unknown flag: --cgroupDriver" in done["evidence"]["journal"]) == (0, True)
    assert (bed.home / done["evidence"]["path"].replace("~", str(bed.home)) / "minikube-logs.txt").exists()


def test_a_delete_that_deletes_nothing_is_not_believed(bed: Bed) -> None:
    bed.answers["minikube delete"] = call("delete_running")
    done = bed.run(state="absent", allow=["cluster_recreate"])
    assert (codes(done), done["failed"]) == (["MK-039"], True)


def test_absent(bed: Bed) -> None:
    bed.answers["minikube delete"] = bed.no_profile
    done = bed.run(state="absent", allow=["cluster_recreate"])
    assert (done["changed"], layer(done)["status"]) == (True, "not_applicable")
    again = bed.run(state="absent")
    assert (again["changed"], layer(again)["status"]) == (False, "not_applicable")


def test_no_gpu_in_the_node(bed: Bed) -> None:
    bed.answers[LOOK_INSIDE] = in_node(call("node_dxg_absent").stderr, "sh: 1: nvidia-smi: not found", 127)
    done = bed.run()
    assert (layer(done)["status"], codes(done)) == ("broken", ["MK-032"])


def test_nvml_not_supported_in_the_node_is_a_warning(bed: Bed) -> None:
    # NVIDIA/nvidia-container-toolkit#1739
    bed.answers[LOOK_INSIDE] = in_node("/dev/dxg", "Failed to initialize NVML: Not Supported\n", 255)
    done = bed.run()
    assert (layer(done)["status"], codes(done)) == ("ok", ["MK-034"])


def test_root_is_refused_with_the_user_to_use(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "dev")
    done = bed.run()
    assert (codes(done), bed.runner.calls) == (["MK-010"], [])
    assert "dev" in done["msg"]


@pytest.mark.parametrize(
    ("version", "wsl", "gpus", "old"),
    [
        ("v1.31.2", False, "all", True),
        ("v1.32.0", False, "all", False),
        ("v1.33.0", True, "all", True),
        ("v1.33.1", True, "all", False),
        ("v1.36.0", False, "nvidia.com", True),
        ("v1.37.0", True, "nvidia.com", False),
        ("v1.31.2", False, "", False),
    ],
)
def test_too_old_for_gpus(bed: Bed, monkeypatch: pytest.MonkeyPatch, version: str, wsl: bool, gpus: str, old: bool) -> None:
    monkeypatch.setattr(_minikube_cluster, "on_wsl", lambda: wsl)
    bed.answers.update({**ENGINE, "minikube version": answer(json.dumps({"minikubeVersion": version}))})
    assert (codes(bed.run(gpus=gpus, check=True)) == ["MK-011"]) is old


def test_no_minikube(bed: Bed) -> None:
    bed.answers["minikube version"] = answer(rc=None, missing=True)
    assert codes(bed.run()) == ["MK-012"]


def test_refused_before_anything_is_run(bed: Bed) -> None:
    done = bed.run(cpus="lots")
    assert (bed.runner.calls, codes(done), done["failed"]) == ([], ["MK-007"], True)


def test_every_call_has_the_same_environment(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_minikube_cluster, "on_wsl", lambda: True)
    bed.run()
    assert {environment["WSL_DISTRO_NAME"] for environment in bed.runner.environments} == {"wsl2"}
    assert len({tuple(sorted(environment.items())) for environment in bed.runner.environments}) == 1


def test_no_secret_in_evidence(bed: Bed) -> None:
    text = clean(f"token=xyz client-key-data: QUJD {bed.home}/x")
    assert "xyz" not in text
    assert "QUJD" not in text
    assert str(bed.home) not in text


@pytest.mark.parametrize("value", ["maybe", "", None, 2])
def test_an_addon_that_is_neither_on_nor_off_is_refused(bed: Bed, value: Any) -> None:
    assert (codes(bed.run(addons={"metrics-server": value})), bed.runner.calls) == (["MK-007"], [])


@pytest.mark.parametrize("value", [None, {"a": True}, ["a"]])
def test_a_setting_without_one_plain_value_is_refused(bed: Bed, value: Any) -> None:
    assert (codes(bed.run(extra_config={"kubelet.max-pods": value})), bed.runner.calls) == (["MK-007"], [])


def test_no_home_in_what_is_said_of_a_state(bed: Bed) -> None:
    """As recorded, minikube names the kubeconfig by its path."""
    said = f'E1121 status.go:457] kubeconfig endpoint: get endpoint: "gpu" does not appear in {bed.home}/.kube/config'
    bed.answers["minikube status"] = replace(call("status_kubeconfig_stale"), stderr=said)
    done = bed.run(check=True)
    assert codes(done) == ["MK-028"]
    assert "~/.kube/config" in layer(done)["findings"][0]["symptom"]
    assert str(bed.home) not in json.dumps(done["layers"])


def test_the_job_of_a_killed_run_is_found_again(bed: Bed) -> None:
    """The whole way in real processes: a job begins, its starter forgets it, the next run attaches, a poll brings the result."""
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": bed.started})
    begun = bed.run(background=True)
    assert begun["job"]["id"]
    job, offset, texts = begun["job"]["id"], 0, []
    for _poll in range(20):
        view = bed.run(job=job, job_offset=offset)["job"]
        offset = view["offset"]
        texts += [line["text"] for line in view["lines"]]
        if not view["running"]:
            break
    assert view["result"]["layers"][0]["status"] == "changed"
    assert any("step 8/19 Creating Container" in text for text in texts)


# --- states that are easily taken for others


def busy(monkeypatch: pytest.MonkeyPatch, *commands: str) -> None:
    """What the looks for other minikube processes find, one after the other; the last stays."""
    seen = list(commands)
    monkeypatch.setattr(_minikube_cluster.process, "at_work", lambda home, name: seen.pop(0) if len(seen) > 1 else seen[0])
    monkeypatch.setattr(_minikube_cluster, "LOOK_SECONDS", 0.01)


def half_made(bed: Bed) -> None:
    bed.profile("config_gpu_after_failed_first_start.json")
    bed.kubeconfig("kubeconfig_stopped.txt")
    bed.answers["minikube status"] = call("status_killed_after_8_0s")


def test_a_start_that_somebody_types_now_is_not_half_made(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    half_made(bed)
    busy(monkeypatch, "minikube start -p gpu", "minikube start -p gpu", "")
    looked = bed.runner.run

    def run(argv: list[str], **options: Any) -> Completed:
        if argv[:2] == ["minikube", "status"] and len(bed.runner.calls) > 3:
            bed.started()
        return looked(argv, **options)

    monkeypatch.setattr(bed.runner, "run", run)
    done = bed.run(start_timeout=5, kubernetes_version="", memory="", cpus="")
    assert (bed.changes, layer(done)["status"], done["changed"]) == ([], "ok", False)


def test_what_the_other_start_left_is_dealt_with(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    half_made(bed)
    busy(monkeypatch, "minikube start -p gpu", "")
    bed.answers.update({**ENGINE, "minikube delete": bed.no_profile, "minikube start": bed.started})
    done = bed.run(start_timeout=5)
    assert ([change.split()[0] for change in bed.changes], layer(done)["status"]) == (["delete", "start"], "changed")


def test_another_start_that_does_not_end(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    half_made(bed)
    busy(monkeypatch, "minikube start -p gpu")
    done = bed.run(start_timeout=0)
    assert (bed.changes, codes(done), done["failed"], done["changed"]) == ([], ["MK-053"], True, False)


def test_check_mode_does_not_wait_for_another_start(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    half_made(bed)
    busy(monkeypatch, "minikube start -p gpu")
    done = bed.run(check=True)
    assert (layer(done)["status"], bed.changes) == ("drift", [])
    assert "another minikube" in layer(done)["summary"]


def volume_of(profile: str) -> Completed:
    """`docker volume inspect` of what `docker volume create` with minikube's labels makes (pkg/drivers/kic/oci/volumes.go, createVolume)."""
    return answer(json.dumps([{"Driver": "local", "Labels": {"created_by.minikube.sigs.k8s.io": "true", "name.minikube.sigs.k8s.io": profile}, "Name": "gpu"}]))


NOT_OURS = [
    answer('[{"Driver": "local", "Labels": null, "Name": "gpu"}]'),
    answer('[{"Driver": "local", "Labels": {}, "Name": "gpu"}]'),
    answer('[{"Driver": "local", "Labels": {"com.docker.compose.volume": "gpu"}, "Name": "gpu"}]'),
    volume_of("other"),
    answer("cut off"),
]


@pytest.mark.parametrize("volume", NOT_OURS)
@pytest.mark.parametrize(("state", "seen"), [("started", ("broken", ["MK-058"])), ("stopped", ("broken", ["MK-049"])), ("absent", ("not_applicable", []))])
def test_a_volume_that_minikube_did_not_make_is_never_touched(bed: Bed, volume: Completed, state: str, seen: tuple[str, list[str]]) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "docker volume inspect gpu": volume})
    done = bed.run(state=state, allow=["cluster_recreate", "cluster_restart"])
    assert ((layer(done)["status"], codes(done)), done["changed"], bed.changes) == (seen, False, [])


@pytest.mark.parametrize("volume", NOT_OURS)
@pytest.mark.parametrize(("state", "seen"), [("started", ("broken", ["MK-058"])), ("absent", ("not_applicable", []))])
def test_a_half_made_cluster_goes_and_the_users_volume_stays(bed: Bed, volume: Completed, state: str, seen: tuple[str, list[str]]) -> None:
    half_made(bed)
    bed.answers.update({**ENGINE, "docker volume inspect gpu": volume, "minikube delete": bed.no_profile})
    done = bed.run(state=state, allow=["cluster_recreate"])
    assert (layer(done)["status"], [code for code in codes(done) if code != "MK-021"]) == seen
    assert [change.split()[0] for change in bed.changes] == ["delete"]


def test_a_volume_of_a_former_cluster_needs_consent_and_is_removed_first(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "docker volume inspect gpu": volume_of("gpu")})
    done = bed.run()
    assert (layer(done)["status"], codes(done), bed.changes) == ("needs_consent", ["MK-052"], [])

    def remove(*_argv: Any) -> Completed:
        bed.answers["docker volume inspect gpu"] = NO_CONTAINER
        return answer("gpu\n")

    bed.answers.update({"minikube delete": call("delete_absent"), "docker volume rm gpu": remove, "minikube start": bed.started})
    done = bed.run(allow=["cluster_recreate"])
    assert ([change.split()[0] for change in bed.changes], layer(done)["status"]) == (["delete", "start"], "changed")


def test_a_volume_that_stays_is_told(bed: Bed) -> None:
    bed.no_profile()
    in_use = answer("", 1, "Error response from daemon: remove gpu: volume is in use")
    bed.answers.update({**ENGINE, "docker volume inspect gpu": volume_of("gpu"), "minikube delete": call("delete_absent"), "docker volume rm gpu": in_use})
    assert codes(bed.run(allow=["cluster_recreate"])) == ["MK-039"]


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_no_cluster(bed: Bed, state: str) -> None:
    bed.no_profile()
    done = bed.run(state=state)
    expected = ("broken", ["MK-049"]) if state == "stopped" else ("not_applicable", [])
    assert ((layer(done)["status"], codes(done)), done["changed"]) == (expected, False)
    if state == "stopped":
        assert "state: started" in done["msg"]


def test_stopped_does_not_delete_what_is_only_damaged(bed: Bed) -> None:
    bed.answers["docker container inspect gpu"] = NO_CONTAINER
    done = bed.run(state="stopped", allow=["cluster_recreate"])
    assert (codes(done), bed.changes) == (["MK-022"], [])


def test_the_windows_profile_of_a_foreign_node_is_named(tmp_path: Path) -> None:
    profile = tmp_path / "c" / "Users" / "Anna" / ".minikube" / "profiles" / "gpu" / "config.json"
    profile.parent.mkdir(parents=True)
    profile.write_text("{}")
    assert _minikube_assessment.windows_profile("gpu", str(tmp_path)) == str(profile)
    assert _minikube_assessment.windows_profile("other", str(tmp_path)) == ""
    assert _minikube_assessment._maker(str(profile)) == "minikube.exe of the Windows user Anna"


def test_an_api_server_of_another_profile(bed: Bed) -> None:
    bed.node = Node(False, False, "GET /readyz: the API server cannot be reached: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    assert codes(bed.run()) == ["MK-056"]


# --- sizes


def engine_of(mib: int) -> dict[str, Any]:
    info = recording("docker/info_json")
    return {**ENGINE, "docker info": answer(json.dumps({**json.loads(info["stdout"]), "MemTotal": mib * 1024 * 1024}))}


def test_auto_sizes_leave_room_and_say_where_the_limit_is(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**engine_of(8192), "minikube start": bed.started})
    done = bed.run(memory="auto", cpus="auto", kubernetes_version="", wait_timeout=360)
    assert bed.changes[-1].endswith("--gpus=all --memory=6144mb --cpus=2")
    finding = next(item for item in layer(done)["findings"] if item["code"] == "MK-051")
    assert ".wslconfig" in finding["remedy"]
    again = bed.run(memory="auto", cpus="auto", kubernetes_version="")
    assert (again["changed"], again["drift"], layer(again)["status"]) == (False, [], "ok")


def test_auto_sizes_are_predicted(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update(engine_of(20480))
    done = bed.run(check=True, memory="auto", cpus="auto")
    assert (done["diff"]["after"]["memory"], "MK-051" in codes(done)) == ("16384mb", False)
    bed.answers.update(engine_of(8192))
    assert "MK-051" in codes(bed.run(check=True, memory="auto", cpus="auto"))


@pytest.mark.parametrize(("engine", "given"), [(32768, 26112), (20480, 16384), (8192, 6144), (4096, 2048), (2048, 0)])
def test_auto_memory(engine: int, given: int) -> None:
    assert declaring.auto_memory(engine) == given


def test_an_engine_too_small_for_auto_is_refused() -> None:
    _wanted, said = declaring.with_sizes(declaring.Declaration(memory="auto", cpus="auto"), 3000, 2)
    assert [(finding.code, finding.severity) for finding in said] == [("MK-050", "error")]


@pytest.mark.parametrize(("engine", "given"), [(2, "2"), (4, "3"), (16, "14"), (1, "2")])
def test_auto_cpus(engine: int, given: str) -> None:
    assert declaring.with_sizes(declaring.Declaration(cpus="auto"), 32768, engine)[0].cpus == given


# --- the GPU in the nested node of WSL2

NO_NVML = in_node("/dev/dxg\n/usr/lib/x86_64-linux-gnu/libdxcore.so", "Failed to initialize NVML: Not Supported\n", 255)
REPAIRED_NODE = in_node("/dev/dxg\n/usr/lib/x86_64-linux-gnu/libdxcore.so\n/etc/cdi/gpudev-repaired", "Failed to initialize NVML: Not Supported\n", 255)


def repairable(bed: Bed) -> None:
    bed.answers.update(
        {
            LOOK_INSIDE: [NO_NVML, REPAIRED_NODE],
            "nvidia-smi -L": answer("GPU 0: NVIDIA GeForce RTX 4050 Laptop GPU (UUID: GPU-1)\n"),
            "docker exec -i gpu nvidia-ctk cdi generate": answer('{"cdiVersion": "0.3.0", "devices": []}'),
            "docker exec -i gpu": answer(),
        }
    )


def test_auto_only_tells_without_the_word(bed: Bed) -> None:
    repairable(bed)
    done = bed.run()
    assert (done["changed"], layer(done)["status"], codes(done)) == (False, "ok", ["MK-034"])
    finding = layer(done)["findings"][0]
    assert "/usr/lib/x86_64-linux-gnu/libdxcore.so" in finding["cause"]
    assert "node_repair" in finding["remedy"]
    assert "unproven" in finding["remedy"]


def test_cdi_asks_for_the_word(bed: Bed) -> None:
    repairable(bed)
    done = bed.run(wsl_gpu="cdi")
    assert (layer(done)["status"], done["failed"]) == ("needs_consent", True)
    assert "node_repair" in done["msg"]


@pytest.mark.parametrize("wsl_gpu", ["auto", "cdi"])
def test_the_node_is_repaired_once(bed: Bed, wsl_gpu: str) -> None:
    repairable(bed)
    done = bed.run(wsl_gpu=wsl_gpu, allow=["node_repair"])
    assert (done["changed"], layer(done)["status"], codes(done)) == (True, "changed", ["MK-054"])
    assert any("nvidia-container-runtime.mode=cdi" in command for command in bed.runner.commands("docker"))
    again = bed.run(wsl_gpu=wsl_gpu, allow=["node_repair"])
    assert (again["changed"], layer(again)["status"]) == (False, "ok")


@pytest.mark.parametrize("wsl_gpu", ["auto", "cdi"])
def test_a_new_node_is_repaired_in_the_run_that_makes_it(bed: Bed, wsl_gpu: str) -> None:
    """Also behind an addon that the start has switched on; the next run has nothing left to do."""
    repairable(bed)
    bed.answers[LOOK_INSIDE] = [NO_NVML, NO_NVML, REPAIRED_NODE]

    def disable(*_argv: Any) -> Completed:
        bed.profile(Addons={"nvidia-device-plugin": False})
        return answer()

    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": bed.started, "minikube addons disable": disable})
    options: dict[str, Any] = {"wsl_gpu": wsl_gpu, "allow": ["node_repair"], "addons": {"nvidia-device-plugin": False}}
    predicted = bed.run(check=True, **options)
    done = bed.run(**options)
    assert (predicted["changed"], done["changed"], layer(done)["status"], codes(done)) == (True, True, "changed", ["MK-054"])
    assert any("nvidia-container-runtime.mode=cdi" in command for command in bed.runner.commands("docker"))
    again = bed.run(**options)
    assert (again["changed"], layer(again)["status"]) == (False, "ok")


def test_a_new_node_is_not_repaired_without_the_word(bed: Bed) -> None:
    repairable(bed)
    bed.no_profile()
    bed.answers.update({**ENGINE, LOOK_INSIDE: NO_NVML, "minikube start": bed.started})
    done = bed.run(wsl_gpu="cdi")
    assert (layer(done)["status"], codes(done)) == ("changed", ["MK-034"])
    assert not [command for command in bed.runner.commands("docker") if "exec -i" in command]


def test_a_repair_of_a_new_node_that_fails_is_told(bed: Bed) -> None:
    repairable(bed)
    bed.no_profile()
    bed.answers.update({**ENGINE, LOOK_INSIDE: NO_NVML, "minikube start": bed.started, "docker exec -i gpu nvidia-ctk cdi generate": answer("", 1, "no")})
    done = bed.run(allow=["node_repair"])
    assert (done["changed"], layer(done)["status"], codes(done)) == (True, "broken", ["MK-055"])


def test_a_repair_is_predicted(bed: Bed) -> None:
    repairable(bed)
    done = bed.run(check=True, allow=["node_repair"])
    assert (done["changed"], layer(done)["status"]) == (True, "drift")
    assert not [command for command in bed.runner.commands("docker") if "exec -i" in command]


def test_off_offers_the_options(bed: Bed) -> None:
    repairable(bed)
    done = bed.run(wsl_gpu="off", allow=["node_repair"])
    assert (done["changed"], codes(done)) == (False, ["MK-034"])


def test_mounts_need_a_new_cluster(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bed.run(wsl_gpu="mounts")["drift"] == []
    monkeypatch.setattr(_minikube_cluster, "on_wsl", lambda: True)
    bed.answers.update(ENGINE)
    done = bed.run(check=True, wsl_gpu="mounts")
    assert [(item["setting"], item["effect"]) for item in done["drift"]] == [("mounts", "needs_recreate")]
    bed.profile(ContainerVolumeMounts=["/usr/lib/wsl:/usr/lib/wsl"])
    assert bed.run(wsl_gpu="mounts")["drift"] == []


# --- the rest


@pytest.mark.parametrize(
    ("options", "missing"),
    [({"kubernetes_version": "v1.31.0"}, "--kubernetes-version"), ({"mounts": ["/a:/a"]}, "--mount-string"), ({"gpus": "", "driver": "kvm2"}, "--driver=kvm2")],
)
def test_a_cluster_that_is_kept_is_not_started_with_what_minikube_would_refuse(bed: Bed, options: dict[str, Any], missing: str) -> None:
    data = json.loads(recording("minikube/docker_inspect_node")["stdout"])
    data[0]["State"]["Status"] = "exited"
    bed.answers.update({"docker container inspect gpu": answer(json.dumps(data)), "minikube start": bed.started})
    bed.run(recreate="never", **options)
    assert bed.changes[0].startswith("start -p gpu --driver=docker")
    assert missing not in bed.changes[0]


def test_cgroup_drivers_are_reported(bed: Bed) -> None:
    assert bed.run()["cluster"]["cgroup_driver"] == {"node": "cgroupfs", "kubelet": "cgroupfs"}


def test_force_systemd_is_compared_with_the_node(bed: Bed) -> None:
    done = bed.run(check=True, force_systemd=True)
    assert [(item["setting"], item["found"], item["effect"]) for item in done["drift"]] == [("force_systemd", "cgroupfs", "needs_restart")]
    assert bed.run(force_systemd=False)["drift"] == []


def test_evidence_of_a_failed_start_is_kept_on_the_target(bed: Bed) -> None:
    bed.no_profile()
    bed.answers.update({**ENGINE, "minikube start": call("start_kubelet_camelcase"), "docker exec gpu journalctl": call("kubelet_camelcase_journal")})
    path = bed.home / bed.run()["evidence"]["path"].replace("~", str(bed.home))
    assert sorted(file.name for file in path.iterdir()) == ["journal.txt", "minikube-logs.txt", "start.jsonl"]
    assert "unknown flag: --cgroupDriver" in (path / "journal.txt").read_text()
