# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ways of `wsl_gpu` carried out in a real container that stands for the nested node of WSL2. No GPU is seen through it: that stays unproven."""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube as mk
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_options import argument_spec
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed, LocalRunner
from ansible_collections.gpudev.workstation.plugins.modules.minikube_gpu_cluster import Manager
from tests.docker import nested_wsl
from tests.docker.conftest import codes, statuses
from tests.docker.engine import Engine

FAKE = Path(__file__).resolve().parent / "minikube" / "minikube"
NAME = "nested-node"
UUID = "GPU-00000000-0000-0000-0000-000000000000"
SPECIFICATION, CONFIG = "/etc/cdi/nvidia.yaml", "/etc/nvidia-container-runtime/config.toml"
READY = mk.Node(True, True, "", "v1.36.2")
REPAIR_STEPS = 5


class Killed(BaseException):
    """The module's process ends here."""


class MortalRunner(LocalRunner):
    """Dies at the given step of the repair."""

    dies_at = 0

    def run(self, argv: Sequence[str], *rest: t.Any, **options: t.Any) -> Completed:
        if "-i" in argv and self.dies_at:
            self.dies_at -= 1
            if not self.dies_at:
                raise Killed
        return super().run(argv, *rest, **options)


class Bed:
    """The module on a distribution in WSL2, as far as it looks at one."""

    def __init__(self, engine: Engine, image: str, home: Path) -> None:
        self.engine, self.image, self.home = engine, image, home
        # The distribution's own nvidia-smi works, and lists the GPU.
        path = f"{engine.directory}/stubs:{engine.environment['PATH']}"
        given = {**engine.environment, "PATH": path, "NODE_IMAGE": image, "NODE_DEVICE": "/dev/dxg", "HOST_ROOT": str(home / "host")}
        self.runner = MortalRunner(given)

    def run(self, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        given = {"name": NAME, "minikube": str(FAKE), "minikube_home": str(self.home), "kubeconfig": str(self.home / "kubeconfig"), **options}
        checked = ArgumentSpecValidator(argument_spec()).validate({"settle_timeout": 0, "wait_timeout": 20, **given})
        assert not checked.error_messages
        return Manager(checked.validated_parameters, check, self.runner, lambda: READY).run()

    def in_node(self, *argv: str) -> str:
        return self.engine.docker("exec", NAME, *argv).stdout

    def changed_files(self) -> set[str]:
        """Files of the node that are not its image's."""
        lines = self.engine.docker("diff", NAME).stdout.splitlines()
        return {line[2:] for line in lines if line[2:].startswith(("/etc/cdi", "/etc/nvidia-container-runtime"))}

    def specification(self) -> Mapping[str, t.Any]:
        found: Mapping[str, t.Any] = json.loads(self.in_node("cat", SPECIFICATION))
        return found


@pytest.fixture(scope="module")
def stub_image(engine: Engine) -> str:
    nested_wsl.make_stub_image(engine)
    return nested_wsl.STUB_IMAGE


@pytest.fixture(scope="module")
def real_image(engine: Engine, request: pytest.FixtureRequest) -> str:
    reason = nested_wsl.why_no_real_toolkit()
    if reason:
        pytest.skip(reason)
    nested_wsl.make_real_image(engine, request.getfixturevalue("debian"))
    return nested_wsl.REAL_IMAGE


@pytest.fixture(params=["stub_image", "real_image"])
def bed(engine: Engine, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    image = request.getfixturevalue(request.param)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    engine.mode("no_nvidia_smi")
    yield Bed(engine, image, tmp_path)
    engine.docker("rm", "--force", "--volumes", NAME, check=False)
    engine.mode("ok")


@pytest.fixture
def broken(bed: Bed) -> Bed:
    """A cluster whose node has /dev/dxg and the library, but no NVML."""
    for status in ("changed", "ok"):
        made = bed.run()
        assert (statuses(made), codes(made)) == ([f"cluster {status}"], ["MK-034"])
    return bed


def assert_repaired(bed: Bed) -> None:
    found = bed.specification()
    assert (found["cdiVersion"], [device["name"] for device in found["devices"]]) == ("0.5.0", ["all", "0", UUID])
    mount = found["containerEdits"]["mounts"][-1]
    assert (mount["hostPath"], mount["containerPath"]) == (nested_wsl.LIBRARY, nested_wsl.LIBRARY)
    assert os.path.dirname(nested_wsl.LIBRARY) in found["containerEdits"]["hooks"][-1]["args"]
    assert 'mode = "cdi"' in bed.in_node("cat", CONFIG)


def test_the_repair_asks_predicts_changes_these_files_and_is_done_once(broken: Bed) -> None:
    asked = broken.run(wsl_gpu="cdi")
    assert (statuses(asked), "node_repair" in asked["msg"]) == (["cluster needs_consent"], True)
    predicted = broken.run(check=True, wsl_gpu="cdi", allow=["node_repair"])
    assert (statuses(predicted), predicted["changed"], broken.changed_files()) == (["cluster drift"], True, set())
    done = broken.run(allow=["node_repair"])
    assert (statuses(done), done["changed"], codes(done)) == (["cluster changed"], True, ["MK-054"])
    assert_repaired(broken)
    folders = {"/etc/cdi", "/etc/nvidia-container-runtime"}
    assert broken.changed_files() - folders == {SPECIFICATION, CONFIG, "/etc/cdi/gpudev-repaired"}
    for check in (False, True):
        again = broken.run(check=check, wsl_gpu="cdi", allow=["node_repair"])
        assert (statuses(again), again["changed"]) == (["cluster ok"], False)


def test_a_repair_outlives_a_stopped_node(broken: Bed) -> None:
    broken.run(allow=["node_repair"])
    broken.engine.docker("stop", "--time", "0", NAME)
    assert broken.run(allow=["node_repair"])["changed"]
    assert_repaired(broken)
    assert not broken.run(allow=["node_repair"])["changed"]


@pytest.mark.parametrize("step", range(1, REPAIR_STEPS + 1))
def test_a_repair_that_was_killed_is_finished_by_the_next_run(broken: Bed, step: int) -> None:
    broken.runner.dies_at = step
    with pytest.raises(Killed):
        broken.run(allow=["node_repair"])
    done = broken.run(allow=["node_repair"])
    assert (statuses(done), done["changed"]) == (["cluster changed"], True)
    assert_repaired(broken)
    assert not broken.run(allow=["node_repair"])["changed"]


def test_without_the_library_the_finding_names_the_other_way(broken: Bed) -> None:
    broken.in_node("rm", nested_wsl.LIBRARY)
    done = broken.run(wsl_gpu="cdi", allow=["node_repair"])
    assert (statuses(done), codes(done), broken.changed_files()) == (["cluster broken"], ["MK-055"], set())
    assert "wsl_gpu: mounts" in done["msg"]


def test_mounts_need_a_new_node_which_then_has_the_driver(broken: Bed, tmp_path: Path) -> None:
    library = tmp_path / "host" / "usr" / "lib" / "wsl" / "lib"
    library.mkdir(parents=True)
    (library / "libdxcore.so").touch()
    (library / "nvidia-smi").write_text((broken.engine.directory / "stubs" / "nvidia-smi").read_text())
    (library / "nvidia-smi").chmod(0o755)
    before = broken.engine.docker("inspect", "--format", "{{.Id}}", NAME).stdout
    asked = broken.run(wsl_gpu="mounts")
    assert (statuses(asked), "cluster_recreate" in asked["msg"]) == (["cluster needs_consent"], True)
    predicted = broken.run(check=True, wsl_gpu="mounts", allow=["cluster_recreate"])
    assert (predicted["changed"], broken.engine.docker("inspect", "--format", "{{.Id}}", NAME).stdout) == (True, before)
    done = broken.run(wsl_gpu="mounts", allow=["cluster_recreate"])
    assert (statuses(done), codes(done)) == (["cluster changed"], [])
    assert [gpu["uuid"] for gpu in done["cluster"]["gpu_in_node"]["gpus"]] == [UUID]
    again = broken.run(wsl_gpu="mounts", allow=["cluster_recreate"])
    assert (statuses(again), again["changed"]) == (["cluster ok"], False)


# --- what the real toolkit makes of it: no GPU is needed to compose a container

BUNDLE = """set -e
mkdir -p /tmp/bundle/rootfs /tmp/bin
printf '#!/bin/sh\\ncp /tmp/bundle/config.json /tmp/seen.json\\n' >/tmp/bin/runc
chmod +x /tmp/bin/runc
cat >/tmp/bundle/config.json
PATH=/tmp/bin:$PATH nvidia-container-runtime create --bundle /tmp/bundle pod
cat /tmp/seen.json
"""
POD = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["true"], "cwd": "/", "env": [f"NVIDIA_VISIBLE_DEVICES={UUID}"]}, "linux": {}}


@pytest.mark.parametrize("bed", ["real_image"], indirect=True)
def test_nvidias_runtime_gives_a_pod_the_library_after_the_repair(broken: Bed) -> None:
    """The kubelet names a GPU by UUID, as the device plugin told it; the real runtime then edits the container by our specification."""
    broken.run(allow=["node_repair"])
    assert f"nvidia.com/gpu={UUID}" in broken.in_node("nvidia-ctk", "cdi", "list")
    argv = ["exec", "--interactive", NAME, "sh", "-c", BUNDLE]
    pod = json.loads(broken.engine.docker(*argv, input=json.dumps(POD)).stdout)
    assert nested_wsl.LIBRARY in [mount["destination"] for mount in pod["mounts"]]
    assert "/dev/dxg" in [device["path"] for device in pod["linux"]["devices"]]
    assert [hook["args"][-1] for hook in pod["hooks"]["createContainer"] if "update-ldcache" in hook["args"]] == [os.path.dirname(nested_wsl.LIBRARY)]
