# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every recorded and reported failure of docker is recognised by its text, whatever its exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils import _docker
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_docker import ENTRIES
from tests.unit.recorded import FIXTURES, completed, recording, recordings

RUN_FAILURES = [
    ("docker/gpus_no_hook", 0, "DOCKER-GPU-011"),
    ("docker/gpus_stub_cuda", 0, "DOCKER-GPU-003"),
    ("docker/gpus_stub_nodriver", 0, "DOCKER-GPU-004"),
    ("docker/gpus_stub_nvml", 0, "DOCKER-GPU-005"),
    ("docker/gpus_stub_nosmi", 0, "DOCKER-GPU-026"),
    ("docker/gpus_flag_errors", 0, "DOCKER-GPU-025"),
    ("docker/gpus_flag_errors", 1, "DOCKER-GPU-011"),
    ("docker/gpus_flag_errors", 2, "DOCKER-GPU-012"),
    ("docker/gpus_flag_errors", 3, "DOCKER-GPU-026"),
    ("docker/gpus_flag_errors", 4, "DOCKER-GPU-009"),
    ("docker/gpus_flag_errors", 5, "DOCKER-GPU-099"),
    ("docker/gpus_flag_errors", 6, "DOCKER-GPU-099"),
    ("docker/image_missing_no_registry", 0, "DOCKER-GPU-023"),
    ("docker/image_missing_no_registry", 1, "DOCKER-GPU-021"),
    ("docker/image_missing_no_registry", 2, "DOCKER-GPU-023"),
    ("docker/image_missing_no_registry", 4, "DOCKER-GPU-024"),
    ("docker/permission_denied", 3, "DOCKER-003"),
    ("docker/daemon_not_running", 4, "DOCKER-006"),
    ("gpu/docker_cdi_missing", 0, "DOCKER-GPU-009"),
    ("gpu/docker_gpus_bad_field", 0, "DOCKER-GPU-028"),
    ("gpu/docker_gpus_device_7", 0, "DOCKER-GPU-010"),
    ("gpu/docker_plain_image_nogpus", 0, "DOCKER-GPU-026"),
    ("gpu/docker_runc_no_cli", 0, "DOCKER-GPU-008"),
    ("gpu/docker_scratch_no_libc", 0, "DOCKER-GPU-027"),
    ("gpu/docker_void", 0, "DOCKER-GPU-026"),
]


@pytest.mark.parametrize(("name", "index", "code"), RUN_FAILURES)
def test_recorded_run_failures(name: str, index: int, code: str) -> None:
    done = completed(recording(name, index))
    assert done.rc != 0
    entry, finding = _docker.classify_run(done.rc, done.output)
    assert (entry.code, bool(finding.symptom), "docker run --help" in finding.symptom) == (code, True, False)


def test_no_failed_gpu_recording_is_forgotten() -> None:
    covered = {name for name, _index, _code in RUN_FAILURES}
    failed = set()
    for path in [*FIXTURES.glob("docker/gpus_*.json"), *FIXTURES.glob("gpu/docker_*.json")]:
        name = f"{path.parent.name}/{path.stem}"
        if any(call["rc"] not in (0, None) for call in recordings(name) if "run" in call["argv"]):
            failed.add(name)
    assert failed - covered == set()


def test_the_hook_is_believed_before_the_exit_code() -> None:
    """127 for a hook whose error ends in "no such file or directory", and 127 for a missing nvidia-smi: only the text tells."""
    hook, program = (completed(recording(f"docker/{name}")) for name in ("gpus_stub_nodriver", "gpus_stub_nosmi"))
    assert hook.rc == program.rc == 127
    assert _docker.classify_run(hook.rc, hook.output)[0] != _docker.classify_run(program.rc, program.output)[0]


REPORTED = {
    "could not select device driver": "DOCKER-GPU-011",
    "unknown or invalid runtime name": "DOCKER-GPU-012",
    "no adapters were found": "DOCKER-GPU-001",
    "failed to process request": "DOCKER-GPU-002",
    "load library failed": "DOCKER-GPU-004",
    "file exists": "DOCKER-GPU-006",
    "unresolvable CDI": "DOCKER-GPU-009",
    "Failed to initialize NVML: GPU access": "DOCKER-GPU-013",
    "Failed to properly shut down": "DOCKER-GPU-013",
    "NVML: N/A": "DOCKER-GPU-014",
    "NVML: Not Supported": "DOCKER-GPU-014",
    "could not load NVML": "DOCKER-GPU-004",
    "only 0 Devices": "DOCKER-GPU-018",
    "manifest unknown": "DOCKER-GPU-020",
    "named symbol": "DOCKER-GPU-017",
}


def reported_lines() -> list[str]:
    text = (FIXTURES / "docker" / "docker_gpu_errors.txt").read_text(encoding="utf-8")
    return [line.split("   # ")[0] for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", reported_lines())
def test_reported_texts(line: str) -> None:
    expected = next(code for part, code in REPORTED.items() if part in line)
    assert _docker.classify_run(1, line)[0].code == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # rows of facts/nvidia.md without a sample line
        ("docker: Error response from daemon: dxcore initialization failed, continuing assuming a non-WSL environment", "DOCKER-GPU-004"),
        ("Failed to initialize NVML: Unknown Error", "DOCKER-GPU-015"),
        ("nvidia-container-cli: mount error: failed to add device rules: bpf_jit_harden", "DOCKER-GPU-007"),
        ("error: no GPUs available", "DOCKER-GPU-031"),
        ("error during connect: this error may indicate: open //./pipe/dockerDesktopLinuxEngine: not found", "DOCKER-004"),
        ("something nobody has seen", "DOCKER-GPU-099"),
    ],
)
def test_other_rows_of_the_facts(text: str, code: str) -> None:
    assert _docker.classify_run(1, text)[0].code == code


# Docker Desktop's stub in a distro without integration, as https://github.com/docker/for-win/issues/14517 shows it.
STUB = """
The command 'docker' could not be found in this WSL 2 distro.
We recommend to activate the WSL integration in Docker Desktop settings.

For details about using Docker Desktop with WSL 2, visit:

https://docs.docker.com/go/wsl2/
"""

ENGINE_FAILURES = [
    ("docker/daemon_not_running", 0, "DOCKER-006"),
    ("docker/daemon_stale_socket", 0, "DOCKER-006"),
    ("docker/wrong_docker_host", 0, "DOCKER-006"),
    ("docker/wrong_docker_host", 1, "DOCKER-006"),
    ("docker/wrong_docker_host", 2, "DOCKER-005"),
    ("docker/wrong_docker_host", 3, "DOCKER-005"),
    ("docker/permission_denied", 0, "DOCKER-003"),
]


@pytest.mark.parametrize(("name", "index", "code"), ENGINE_FAILURES)
def test_engine_failures(name: str, index: int, code: str) -> None:
    assert _docker.classify_engine(completed(recording(name, index)).stderr)[0].code == code


def test_the_stub_of_docker_desktop() -> None:
    entry, finding = _docker.classify_engine(STUB)
    assert entry.code == "DOCKER-001"
    assert finding.symptom == "The command 'docker' could not be found in this WSL 2 distro."


def engine(**changes: Any) -> _docker.Engine:
    parsed = _docker.parse_engine(recording("docker/version_json")["stdout"], recording("docker/info_json")["stdout"])
    assert parsed is not None
    return _docker.Engine(**{**parsed.__dict__, **changes})


def test_engine_of_a_native_host() -> None:
    found = engine()
    assert (found.kind, found.version, found.cgroup_driver, found.cgroup_version) == ("native", "20.10.24+dfsg1", "cgroupfs", "1")
    assert found.memory_mib > 1000
    assert found.cpus > 0
    assert "nvidia" not in found.runtimes


def test_engine_with_the_runtime_nvidia() -> None:
    found = _docker.parse_engine(recording("docker/gpu_engine_version_json")["stdout"], recording("docker/gpu_engine_info_json")["stdout"])
    assert found is not None
    assert "nvidia" in found.runtimes


def test_engine_with_cdi() -> None:
    found = _docker.parse_engine(recording("gpu/docker_version")["stdout"], recording("gpu/docker_info")["stdout"])
    assert found is not None
    assert (found.kind, found.default_runtime, found.cgroup_version) == ("native", "nvidia", "2")


@pytest.mark.parametrize(
    ("platform", "info", "kind"),
    [
        ("Docker Desktop 4.91.0 (239619)", {}, "docker_desktop"),
        ("", {"OperatingSystem": "Docker Desktop"}, "docker_desktop"),
        ("", {"KernelVersion": "6.6.87.2-microsoft-standard-WSL2"}, "engine_in_distro"),
        ("", {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, "rootless"),
        ("Docker Desktop 4.91.0 (239619)", {"OSType": "windows"}, "windows_containers"),
    ],
)
def test_kinds_of_engine(platform: str, info: dict[str, Any], kind: str) -> None:
    version = json.loads(recording("docker/version_json")["stdout"])
    version["Server"]["Platform"]["Name"] = platform
    found = _docker.parse_engine(json.dumps(version), json.dumps({**json.loads(recording("docker/info_json")["stdout"]), **info}))
    assert found is not None
    assert found.kind == kind
    assert found.desktop_version == ("4.91.0" if platform else "")


def test_no_server_is_no_engine() -> None:
    call = recording("docker/daemon_not_running")
    assert _docker.parse_engine(call["stdout"], call["stdout"]) is None


@pytest.mark.parametrize(
    ("version", "code", "stops"),
    [
        ("4.17.1", "DOCKER-008", True),
        ("3.3.2", "DOCKER-009", True),
        ("3.3.1", "DOCKER-010", False),
        ("4.30.0", "DOCKER-010", False),
        ("4.54.0", "DOCKER-011", False),
        ("4.31.0", "", False),
        ("4.91.0", "", False),
    ],
)
def test_known_bad_releases(version: str, code: str, stops: bool) -> None:
    found = _docker.release_findings(engine(kind="docker_desktop", desktop_version=version))
    assert [entry.code for entry, _finding in found] == ([code] if code else [])
    assert any(entry.status for entry, _finding in found) is stops
    assert all(version in finding.cause for _entry, finding in found)


@pytest.mark.parametrize(("version", "codes"), [("18.09.9", ["DOCKER-014"]), ("19.03.15", []), ("20.10.24+dfsg1", []), ("29.6.2", [])])
def test_engines_that_know_no_gpus(version: str, codes: list[str]) -> None:
    assert [entry.code for entry, _finding in _docker.release_findings(engine(version=version))] == codes


def test_where_cdi_specifications_lie() -> None:
    found = _docker.parse_engine(recording("gpu/docker_version")["stdout"], recording("gpu/docker_info")["stdout"])
    assert found is not None
    assert found.as_dict()["cdi_spec_dirs"] == ["/etc/cdi", "/var/run/cdi"]


def test_a_container_with_all_gpus() -> None:
    found = _docker.parse_container(recording("docker/inspect_gpus_all")["stdout"])
    assert found is not None
    assert (found.name, found.gpus, found.running) == ("gpu-inspect", "all", True)


def test_the_node_container_of_minikube() -> None:
    found = _docker.parse_container(recording("minikube/docker_inspect_node")["stdout"])
    assert found is not None
    assert (found.name, found.gpus, found.memory_bytes) == ("gpu", "all", 6144 * 1024 * 1024)
    assert found.labels["created_by.minikube.sigs.k8s.io"] == "true"
    assert "8443/tcp" in found.ports


def test_no_container() -> None:
    assert _docker.parse_container(recording("docker/inspect_gpus_all", 3)["stdout"]) is None


def test_every_symptom_of_the_guides_has_an_entry() -> None:
    rows = {row for entry in ENTRIES for row in entry.rows}
    assert rows >= {"S1", "S2", "S3", "S4"}
