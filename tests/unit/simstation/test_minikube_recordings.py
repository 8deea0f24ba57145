# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The imitated minikube against what the real one did: same call in the same state, same exit code, same events, same files.

Left out of the comparison: ids, times, versions, the operating system's name,
and what belongs to the recording bed (no registry, a kubectl of another version).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simstation import distro
from tests.unit.simstation import minikube_bed
from tests.unit.simstation.minikube_bed import Recorder

RECORDINGS = Path(__file__).resolve().parents[2] / "simstation" / "recordings" / "minikube"
BED = (
    "Failing to connect to https://registry.k8s.io/",
    "To pull new external images",
    "/usr/bin/kubectl is version",
    "Want kubectl",
    "kubectl not found",
)
Event = tuple[str, tuple[tuple[str, str], ...]]


def recorded(name: str) -> dict[str, Any]:
    call: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return call


class Bed(minikube_bed.Bed):
    """On it recorded calls are repeated."""

    def replay(self, name: str) -> Recorder:
        """Repeat the call of a recording and compare."""
        recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
        code, call = self.call(*recorded["argv"], env=recorded["env"], uid=0 if recorded["user"] == "root" else 1000)
        assert code == recorded["rc"], f"{name}: {call.stdout}{call.stderr}"
        assert events(call.stdout) == events(recorded["stdout"]), name
        assert plain(call.stdout) == plain(recorded["stdout"]), name
        assert glog_free(call.stderr) == glog_free(recorded["stderr"]), name
        return call

    def look(self, name: str) -> str:
        """Repeat the docker calls of a look from outside (`sh -c` of commands joined by `;`), compare their part of what was recorded."""
        recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
        stdout = stderr = ""
        for command in recorded["argv"][2].split(";"):
            words = shlex.split(command)
            if words[0] == "docker":
                _code, call = self.call(*words)
                stdout, stderr = stdout + call.stdout, stderr + call.stderr
        assert stdout_lines(stdout) == stdout_lines(recorded["stdout"])[: len(stdout_lines(stdout))], name
        assert stderr == recorded["stderr"], name
        return stdout

    @property
    def profile(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads((self.home / ".minikube" / "profiles" / "gpu" / "config.json").read_text())
        return config

    def node(self, **values: Any) -> None:
        """What happened in the node behind minikube's back."""
        with self.station.changed():
            self.engine["containers"]["gpu"].update(values)

    def replay_all(self, *names: str) -> None:
        for name in names:
            self.replay(name)

    def files(self) -> set[str]:
        return {str(file.relative_to(self.home)) + "/" * file.is_dir() for file in self.home.rglob("*")}

    def kill_first_start(self, second: float) -> None:
        recorded = json.loads((RECORDINGS / "start_gpus_all_fresh.json").read_text())
        code, _call = self.call(*recorded["argv"], env=recorded["env"], kill_at=second)
        assert code is None


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "ws1")
    yield made
    distro.close(made.station)
    made.station.close()
    assert made.station.errors == []


@pytest.fixture
def cluster(bed: Bed) -> Bed:
    """After `start_gpus_all_fresh`."""
    bed.replay("start_gpus_all_fresh")
    return bed


def same(text: str) -> str:
    """What may differ between the two beds becomes the same word."""
    for pattern, word in (
        (r"gcr\.io/k8s-minikube/kicbase(-builds)?:v[\d.]+(-\d+-\d+)?(@sha256:\w+)?", "KICBASE"),
        (r"(The image '[\w./-]+):v?[\d.]+(-\d+)?'", r"\1:VERSION'"),
        (r"lookup gcr\.io on [\d.]+:53", "lookup gcr.io on RESOLVER"),
        (r"Memory=(5120|6000)MB", "Memory=A QUARTER"),  # of what the engine has, which nobody declared
        (r"on (Debian 12\.11 \(docker/amd64\)|Ubuntu 24\.04 \(amd64\))", "on OS"),
        (r"v1\.3[56]\.\d+", "KUBERNETES"),
        (r"v0\.0\.50(-\d+-\d+)?", "KICBASE"),
        (r"on Docker [\d.+a-z]+", "on DOCKER"),
        (r"k8s-device-plugin:v[\d.]+", "k8s-device-plugin:VERSION"),
        (r"system limit \d+MB", "system limit N"),
        (r"available cpus of \d+", "available cpus of N"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"aused \d+ containers", "aused N containers"),
    ):
        text = re.sub(pattern, word, text)
    if text.startswith("╭"):
        text = re.sub(r" +", " ", text)  # the recorded path in the box was shortened
    match = re.fullmatch(r"Enabled addons: (.*)", text)
    return "Enabled addons: " + ", ".join(sorted(match[1].split(", "))) if match else text


def events(stdout: str) -> list[Event]:
    found = []
    for line in stdout.splitlines():
        if line.startswith('{"specversion"'):
            event = json.loads(line)
            data = {key: same(str(value)) for key, value in event["data"].items()}
            if not data["message"].startswith(BED):
                found.append((event["type"].rpartition(".")[2], tuple(sorted(data.items()))))
    # These come in any order.
    for words in ("Using image", "was not found; unable to add it to cache"):
        images = sorted(event for event in found if words in dict(event[1])["message"])
        found = [images.pop(0) if words in dict(event[1])["message"] else event for event in found]
    return found


def plain(stdout: str) -> Any:
    """What is not an event: JSON as an object (without what is compared elsewhere), text without blank lines."""
    text = "\n".join(line for line in stdout.splitlines() if line.strip() and not line.startswith('{"specversion"'))
    if not text.startswith(("{", "[")):
        return [same(line) for line in text.splitlines() if "local/k8s-device-plugin" not in line or "Using" in line]
    data = json.loads(text)
    if isinstance(data, dict) and "valid" in data:
        return {kind: [{**entry, "Config": sorted(entry["Config"] or [])} for entry in data[kind]] for kind in ("valid", "invalid")}
    if isinstance(data, list):
        return {key: type(value).__name__ for entry in data for key, value in entry.items()}
    return data


def stdout_lines(text: str) -> list[str]:
    return [re.sub(r" Up .*", " Up", line) for line in text.splitlines() if line.strip()]


def glog_free(stderr: str) -> list[str]:
    """Without time, process number and source line; the box at the end of a failure without its width."""
    lines = [re.sub(r"^E\d{4} [\d:.]+ +\d+ (\w+\.go):\d+\]", r"E \1", line) for line in stderr.splitlines()]
    lines = [re.sub(r"\s+", " ", line).strip() for line in lines]
    return [same(line) for line in lines if line and not re.search(r"^[╭╰]|^│ │$", line)]


ABSENT = [
    "version",
    "version_short",
    "status_absent",
    "status_absent_text",
    "profile_list_empty",
    "addons_list_absent",
    "addons_enable_absent",
    "image_ls_absent",
    "ssh_absent",
    "stop_absent",
    "update_context_absent",
    "delete_absent",
    "delete_absent_text",
    "profile_list_empty_table",
    "docker_env_absent",
    "status_not_in_docker_group",
]
REFUSED = [
    "start_gpus_bad_value",
    "start_gpus_containerd",
    "start_gpus_podman",
    "start_gpus_wrong_driver",
    "start_bad_driver",
    "start_bad_runtime",
    "start_cpus_above_engine",
    "start_cpus_too_few",
    "start_extra_config_component",
    "start_extra_config_shape",
    "start_k8s_garbage",
    "start_k8s_patchless_unknown",
    "start_k8s_too_old",
    "start_memory_above_engine",
    "start_memory_bad_unit",
    "start_memory_too_small",
    "start_profile_name_bad",
    "start_static_ip_public",
    "start_subnet_bad",
    "start_insecure_ports",
    "start_unknown_flag",
    "start_addons_unknown_dry_run",
    "start_feature_gates_bad_dry_run",
    "dry_run_fresh",
    "start_as_root",
    "start_docker_daemon_down",
]


def test_without_a_profile(bed: Bed) -> None:
    bed.replay_all(*ABSENT)


def test_refused_starts(bed: Bed) -> None:
    bed.replay_all(*REFUSED)
    shutil.rmtree(bed.home / ".minikube" / "profiles" / "my gpu")
    bed.replay_all("status_after_dry_run", "profile_list_after_dry_run", "profile_list_after_dry_run_table", "profile_list_after_failed_starts")


@pytest.mark.parametrize("name", ["start_cpus_word", "start_wait_bad", "start_gpus_default_runtime"])
def test_a_first_start_without_a_registry(bed: Bed, name: str) -> None:
    with bed.station.changed():
        bed.engine.update(registry="unreachable", images={})
    before = bed.files()
    call = bed.replay(name)
    assert call.clock > 30
    assert set(recorded(name)["files"]["created"]) - (bed.files() - before) == {f".minikube/certs/{file}.pem" for file in ("ca-key", "ca", "cert", "key")}


def test_dry_run_in_words(bed: Bed) -> None:
    code, call = bed.call("minikube", *recorded("dry_run_fresh_text")["argv"][1:], env=recorded("dry_run_fresh_text")["env"])
    assert (code, glog_free(call.stderr)) == (0, glog_free(recorded("dry_run_fresh_text")["stderr"]))
    # As words a step and an information differ by their indentation only.
    told, real = ([same(line.strip(" *-")) for line in text.splitlines() if line] for text in (call.stdout, recorded("dry_run_fresh_text")["stdout"]))
    assert told == real


def test_start_as_root_in_words(bed: Bed) -> None:
    code, call = bed.call("minikube", "start", "-p", "gpu", "--driver=docker", "--container-runtime=docker", "--interactive=false", uid=0)
    recorded = json.loads((RECORDINGS / "start_as_root_text.json").read_text())
    assert code == recorded["rc"]
    assert glog_free(call.stderr) == glog_free(recorded["stderr"])


def test_without_docker(bed: Bed) -> None:
    bed.station.state["docker"]["desktop"] = None
    bed.replay("start_docker_cli_missing")


def test_first_start_leaves_the_recorded_files(bed: Bed) -> None:
    before = bed.files()
    bed.replay("start_gpus_all_fresh")
    recorded = json.loads((RECORDINGS / "start_gpus_all_fresh.json").read_text())["files"]["created"]
    assert set(recorded) <= bed.files() - before
    assert (bed.home / ".kube" / "config").stat().st_mode & 0o777 == 0o600
    ours = json.loads((bed.home / ".minikube" / "profiles" / "gpu" / "config.json").read_text())
    theirs = json.loads((RECORDINGS / "profile_config_running.json").read_text())
    assert list(ours) == list(theirs)
    assert {key for key in ours if ours[key] != theirs[key]} == set()
    machine = json.loads((bed.home / ".minikube" / "machines" / "gpu" / "config.json").read_text())
    assert machine == json.loads((RECORDINGS / "machine_config_running.json").read_text())


def test_a_healthy_cluster(cluster: Bed) -> None:
    cluster.replay_all(
        "status_running", "status_running_layout_cluster", "status_running_text", "profile_list_running", "addons_list_running", "image_ls_running",
        "ssh_true", "ssh_false", "ssh_exit_3", "image_rm_missing", "addons_enable_unknown_running", "start_downgrade_running", "start_driver_mismatch_running",
        "start_driver_mismatch_kvm2_running", "docker_env_running",
    )  # fmt: skip


def test_looks_into_the_node(cluster: Bed) -> None:
    cluster.look("gpus_after_recreate")
    cluster.look("node_daemon")
    cluster.station.state["clusters"]["gpu"]["knobs"]["gpu_in_node"] = False
    cluster.look("node_dxg_absent")


def test_paused(cluster: Bed) -> None:
    cluster.replay_all("pause", "status_paused", "profile_list_paused", "image_ls_paused", "addons_enable_paused")
    cluster.replay_all("unpause", "status_after_unpause", "profile_list_after_unpause")


def test_processes_of_the_node_that_stopped(cluster: Bed) -> None:
    """The API server's static pod taken away and put back; the kubelet's unit stopped."""
    cluster.node(apiserver="Stopped")
    cluster.replay_all("status_apiserver_stopped", "profile_list_apiserver_stopped")
    cluster.node(apiserver="Running")
    cluster.replay_all("status_apiserver_coming_back", "profile_list_apiserver_coming_back")
    cluster.node(kubelet="Stopped")
    cluster.replay_all("status_kubelet_stopped", "profile_list_kubelet_stopped")


def test_starts_on_a_running_cluster(cluster: Bed) -> None:
    """Same flags, then without --gpus and with other memory: nothing is refused, nothing but a warning comes of it."""
    cluster.replay_all("start_again_healthy", "start_again_no_gpus")
    assert differing(cluster.profile, "profile_config_after_start_without_gpus") == set()
    assert (cluster.profile["GPUs"], cluster.profile["Memory"]) == ("all", 6144)


def differing(ours: dict[str, Any], recorded_name: str) -> set[str]:
    """The settings of a profile that are not as recorded."""
    theirs = json.loads((RECORDINGS / f"{recorded_name}.json").read_text())
    assert list(ours) == list(theirs)
    return {key for key in ours if ours[key] != theirs[key]}


def test_addons(cluster: Bed) -> None:
    cluster.replay_all("addons_disable_plugin", "addons_enable_plugin_images")
    assert differing(cluster.profile, "profile_config_custom_addon_image") == set()
    cluster.replay_all("addons_disable_plugin_2", "addons_enable_deprecated_gpu", "addons_disable_plugin_3")


def test_stop_and_start(cluster: Bed) -> None:
    cluster.replay_all(
        "addons_disable_plugin", "stop", "status_stopped", "profile_list_stopped", "stop_again", "image_ls_stopped", "image_load_stopped", "image_build_stopped"
    )
    cluster.replay_all(
        "status_stopped_layout_cluster", "addons_disable_stopped", "ssh_stopped", "update_context_stopped", "pause_stopped", "docker_env_stopped"
    )
    assert kubeconfig(cluster) == (RECORDINGS / "kubeconfig_stopped.txt").read_text()
    cluster.replay_all("start_from_stopped", "status_after_restart", "profile_list_after_restart")


def kubeconfig(bed: Bed) -> str:
    return (bed.home / ".kube" / "config").read_text()


def comparable(text: str) -> str:
    """Without dates and ports."""
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", re.sub(r"last-update: .*", "last-update: NOW", text))


def test_the_kubeconfig_is_as_recorded(cluster: Bed) -> None:
    assert comparable(kubeconfig(cluster)) == comparable((RECORDINGS / "kubeconfig_running.txt").read_text())


def test_enable_on_a_stopped_cluster(cluster: Bed) -> None:
    cluster.replay_all("stop", "addons_enable_stopped")


def test_delete_removes_the_recorded_files(cluster: Bed) -> None:
    before = cluster.files()
    cluster.replay("delete_running")
    recorded = json.loads((RECORDINGS / "delete_running.json").read_text())["files"]["removed"]
    assert set(recorded) <= before - cluster.files()
    assert (cluster.engine["containers"], cluster.engine["volumes"]) == ({}, {})
    cluster.replay_all("status_absent", "profile_list_after_delete")
    assert set(cluster.look("after_delete_left").split()) == {"bridge", "host", "none"}


def test_container_stopped_behind_its_back(cluster: Bed) -> None:
    cluster.replay("addons_disable_plugin")
    cluster.look("docker_stop_node")
    cluster.replay_all("status_container_stopped", "profile_list_container_stopped", "start_container_stopped", "status_running")


def test_container_removed_behind_its_back(cluster: Bed) -> None:
    """start recreates it, waits and fails; it does not heal. delete does."""
    cluster.replay("addons_disable_plugin")
    cluster.look("docker_rm_node")
    cluster.replay_all("status_container_removed", "profile_list_container_removed")
    assert cluster.replay("start_container_removed").clock > 360
    cluster.replay_all("status_container_recreated", "profile_list_container_recreated", "delete_broken", "start_gpus_all_fresh", "status_running")


def test_delete_leaves_the_engine_empty(cluster: Bed) -> None:
    cluster.replay("delete_orphan")
    assert cluster.look("after_delete_orphan") == ""


def test_half_made_by_a_missing_gpu_runtime(bed: Bed) -> None:
    bed.station.state["docker"]["gpu"] = "no_hook"
    code, call = bed.call("minikube", "start", "-p", "gpu", "--driver=docker", "--container-runtime=docker", "--gpus=all", "-o", "json")
    assert code == 80
    last = [json.loads(line)["data"] for line in call.stdout.splitlines()][-2]
    assert last["name"] == "GUEST_PROVISION"
    assert 'could not select device driver "" with capabilities: [[gpu]]' in last["message"]
    bed.replay_all("status_after_failed_first_start", "profile_list_after_failed_first_start", "addons_list_after_failed_first_start")
    bed.replay_all("profile_list_light_after_failed_first_start", "image_ls_after_failed_first_start", "addons_enable_unknown")
    bed.replay_all("stop_half_made", "ssh_half_made", "addons_enable_half_made", "delete_half_made")


def test_corrupt_config(cluster: Bed) -> None:
    file = cluster.home / ".minikube" / "profiles" / "gpu" / "config.json"
    file.write_text(file.read_text()[:200])
    (cluster.home / ".kube" / "config").unlink()
    cluster.replay_all("status_corrupt_config", "profile_list_corrupt_config", "start_corrupt_config", "delete_corrupt_config")


KILLED = {
    "3_0": (
        "left_killed_after_3_0s",
        "status_killed_after_3_0s",
        "profile_list_killed_after_3_0s",
        "start_after_kill_3_0s",
        "status_after_resume_3_0s",
        "profile_list_after_resume_3_0s",
    ),
    "8_0": (
        "left_killed_after_8_0s",
        "status_killed_after_8_0s",
        "profile_list_killed_after_8_0s",
        "start_after_kill_8_0s",
        "status_after_resume_8_0s",
        "profile_list_after_resume_8_0s",
    ),
    "16_0": (
        "left_killed_after_16_0s",
        "status_killed_after_16_0s",
        "profile_list_killed_after_16_0s",
        "start_after_kill_16_0s",
        "status_after_resume_16_0s",
        "profile_list_after_resume_16_0s",
    ),
}


@pytest.mark.parametrize("second", KILLED)
def test_first_start_killed(bed: Bed, second: str) -> None:
    bed.kill_first_start(float(second.replace("_", ".")))
    left, *calls = KILLED[second]
    bed.look(left)
    assert sorted(file.name for file in (bed.home / ".minikube" / "profiles" / "gpu").iterdir()) == ["config.json", "events.json"]
    bed.replay_all(*calls)


def test_engine_not_reachable(cluster: Bed) -> None:
    cluster.replay_all("daemon_down_status", "daemon_down_profile_list", "daemon_down_start")


def test_wsl_decides_the_endpoint(bed: Bed) -> None:
    bed.replay_all("wsl_start", "wsl_status", "wsl_status_without_variable")
    assert bed.call("minikube", "update-context", "-p", "gpu")[0] == 0
    bed.replay_all("wsl_status_after_flip", "wsl_update_context", "wsl_status")
    assert comparable(kubeconfig(bed)) == comparable((RECORDINGS / "kubeconfig_wsl.txt").read_text())


def test_a_start_without_the_variable_flips_the_endpoint(bed: Bed) -> None:
    """As recorded but for one event: there minikube's addons raced, and it listed one fewer than it had just named."""
    bed.replay("wsl_start")
    recorded = json.loads((RECORDINGS / "wsl_start_again_without_variable.json").read_text())
    code, call = bed.call(*recorded["argv"], env=recorded["env"])

    def told(stdout: str) -> list[Event]:
        return [event for event in events(stdout) if not dict(event[1])["message"].startswith("Enabled addons: ")]

    assert (code, told(call.stdout), call.stderr) == (recorded["rc"], told(recorded["stdout"]), recorded["stderr"])
    assert comparable(kubeconfig(bed)) == comparable((RECORDINGS / "kubeconfig_wsl_after_start_without_variable.txt").read_text())


def test_kubectl_through_minikube(bed: Bed) -> None:
    """In WSL: elsewhere kubeconfig names the node's own address, which nothing here answers, as with Docker Desktop."""
    bed.replay_all("wsl_start", "kubectl_via_minikube", "kubectl_via_minikube_fail")


def test_stale_kubeconfig(cluster: Bed) -> None:
    file = cluster.home / ".kube" / "config"
    file.write_text(file.read_text().replace("192.168.49.2:8443", "192.168.49.2:1"))
    cluster.replay_all("status_kubeconfig_stale", "profile_list_kubeconfig_stale", "update_context_stale", "status_kubeconfig_repaired")
    cluster.replay("profile_list_kubeconfig_repaired")
    file.unlink()
    cluster.replay_all("update_context_missing", "status_running")


def test_kubelet_flag_in_camel_case(bed: Bed) -> None:
    call = bed.replay("start_kubelet_camelcase")
    assert call.clock > 120
    bed.replay_all("status_kubelet_camelcase", "profile_list_kubelet_camelcase")
    assert differing(bed.profile, "profile_config_kubelet_camelcase") == set()
    code, journal = bed.call("docker", "exec", "gpu", "journalctl", "-u", "kubelet", "--no-pager", "-n", "6")
    assert (code, journal.stdout) == (0, json.loads((RECORDINGS / "kubelet_camelcase_journal.json").read_text())["stdout"])


def test_systemd_forced_on_cgroup_v1(bed: Bed) -> None:
    """The kubelet runs, the API server never does."""
    with bed.station.changed():
        bed.engine["cgroup_version"] = "1"
    call = bed.replay("start_force_systemd")
    assert call.clock > 120
    bed.replay_all("status_force_systemd", "profile_list_force_systemd")
    bed.look("force_systemd_node")


def test_kubelet_cgroup_driver_is_ignored(bed: Bed) -> None:
    bed.replay_all("start_kubelet_cgroup_mismatch", "status_kubelet_cgroup_mismatch", "profile_list_kubelet_cgroup_mismatch")


def half_made(bed: Bed) -> None:
    """The profile that the bed had when its dry runs and refusals on an existing profile were recorded; there an unusable node image had made it."""
    (bed.home / ".minikube" / "profiles" / "gpu").mkdir(parents=True)
    shutil.copy(RECORDINGS / "config_gpu_after_failed_first_start.json", bed.home / ".minikube" / "profiles" / "gpu" / "config.json")


def test_starts_on_a_half_made_profile(bed: Bed) -> None:
    half_made(bed)
    bed.replay_all("start_existing_gpus_removed", "start_existing_memory_change", "start_k8s_downgrade", "start_driver_mismatch")


def test_images(cluster: Bed) -> None:
    archive(cluster.base / "tmp" / "plugin_standin.tar", "local/gpu-plugin-standin:1")
    archive(cluster.base / "tmp" / "plugin_real.tar", "local/k8s-device-plugin:v0.20.0")
    archive(cluster.base / "tmp" / "cuda.tar", "local/cuda-base:1")
    cluster.replay_all("image_load_tar", "image_load_again", "image_load_real", "image_load_cuda", "image_build_no_dockerfile")
    archive(cluster.base / "tmp" / "app.tar", "gpu-app:1")
    assert cluster.call("minikube", "image", "load", "/tmp/app.tar", "-p", "gpu", env={"MINIKUBE_HOME": "/home/dev"})[0] == 0
    cluster.replay_all("image_ls_after_build", "image_rm")


def archive(file: Path, tag: str) -> None:
    """As `docker save` writes it, as far as minikube reads it."""
    contents = {"manifest.json": [{"Config": "x.json", "RepoTags": [tag], "Layers": []}], "x.json": {"rootfs": {"diff_ids": []}}}
    with tarfile.open(file, "w") as packed:
        for name, content in contents.items():
            part = file.with_name(name)
            part.write_text(json.dumps(content))
            packed.add(part, name)


# Recordings that are not replayed, and why. All others stand by name in a test above.
API = "looks at objects of the Kubernetes API, whose imitation is held to recordings/kube (tests/simstation/kube)"
EXCEPTIONS = {
    "first_start_no_gpu_runtime": "the node's image of the recording bed has no /usr/bin/test, and the start does not get as far as the GPU",
    **dict.fromkeys(("kubectl_absent",), "the real one downloads a kubectl first; the simulated one refuses that loudly"),
    **dict.fromkeys(
        (
            "allocatable_after_restart",
            "ds_real_plugin_no_nvml_strict",
            "ds_real_plugin_no_nvml_tolerant",
            "ds_standin",
            "gpu_pod_ok",
            "kubectl_after_addon_disable",
            "kubectl_apiserver_stopped",
            "kubectl_ds_addon",
            "kubectl_ds_addon_custom_image",
            "kubectl_events_addon_backoff",
            "kubectl_nodes",
            "kubectl_pods_addon_backoff",
        ),
        API,
    ),
    "status_container_removed_layout_cluster": "the real one crashes with addresses of its memory; the simulated one refuses it loudly",
    **dict.fromkeys(("image_build_ok", "image_build_cached"), "the words are the builder's, and those of the Dockerfile that was built"),
    **dict.fromkeys(("before_restart_uptime", "after_restart_uptime"), "shows the inner engine's containers; simulated pods restart in the API"),
    "kubelet_cgroup_mismatch_journal": "a healthy kubelet's own chatter is not imitated",
    "node_nvidia_smi": "the stub in the recorded node answers every call like -L; the simulated one draws the table",
    **dict.fromkeys(("docker_inspect_node", "docker_ps_node"), "ids, addresses and ports throughout; what is read of them is tested in test__docker.py"),
    "config_defaults_k8s": "the list is that of the recorded build; the simulated one lists the newest patch of each minor",
}


def test_every_recording_is_replayed_or_excepted() -> None:
    """Also one that is added later."""
    there = {file.stem for file in RECORDINGS.iterdir() if file.suffix == ".json" or file.name.startswith("kubeconfig_")}
    replayed = set(re.findall(r'["/]([a-z0-9_]+)(?:[.]json|[.]txt)?"', Path(__file__).read_text().partition("# Recordings that are not replayed")[0]))
    assert there - replayed - EXCEPTIONS.keys() == set()
    known = set((RECORDINGS / "all.txt").read_text().split())
    assert (known - there - EXCEPTIONS.keys(), EXCEPTIONS.keys() - known, replayed & EXCEPTIONS.keys()) == (set(), set(), set())
