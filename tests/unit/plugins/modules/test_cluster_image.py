# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against recorded minikube: it believes the listing, never an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import Build, context_hash
from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_options import argument_spec, refusal
from ansible_collections.gpudev.workstation.plugins.modules.cluster_image import Manager
from tests.unit.recorded import RecordedRunner, answer, completed, recording

BUILT = "2e25b66a9da42a4e9417c0e304d068c07586c745e127632bf7b3019ceb9e52b3"
NONE_SUCH = answer("[]\n", 1, "Error response from daemon: No such image: gpu-app:1\n")
IN_NODE = "docker exec gpu docker image inspect"


def call(name: str) -> Any:
    return completed(recording(f"minikube/{name}"))


def made_from(context: str = "", layers: tuple[str, ...] = ("sha256:1",)) -> Any:
    labels = {"workstation.gpudev.context": context} if context else None
    return answer(json.dumps([{"Id": f"sha256:{BUILT}", "Created": "2026-11-01T10:00:00Z", "RootFS": {"Layers": layers}, "Config": {"Labels": labels}}]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "ctx"
    place.mkdir()
    (place / "Dockerfile").write_text("FROM local/cuda-base:1\n")
    return place


def run(answers: dict[str, Any], check_mode: bool = False, **options: Any) -> tuple[dict[str, Any], RecordedRunner]:
    checked = ArgumentSpecValidator(argument_spec()).validate({"name": "gpu-app:1", "profile": "gpu", **options})
    assert not checked.error_messages and not refusal(checked.validated_parameters)
    runner = RecordedRunner(answers)
    return Manager(checked.validated_parameters, check_mode, runner).run(), runner


def codes(answer: dict[str, Any]) -> list[str]:
    return [finding["code"] for layer in answer["layers"] for finding in layer["findings"]]


def test_a_build_is_done_once_and_carries_the_hash_of_its_context(folder: Path) -> None:
    digest = context_hash(Build(str(folder)))
    answers = {
        "minikube image ls": [call("image_ls_running"), call("image_ls_after_build")],
        "minikube image build": call("image_build_ok"),
        IN_NODE: made_from(digest),
    }
    done, runner = run(answers, build={"path": str(folder), "args": {}})
    assert (done["changed"], done["image"]["id"], done["image"]["context_hash"]) == (True, BUILT, digest)
    assert "Successfully tagged gpu-app:1" in done["output"]
    build = next(command for command in runner.commands("minikube") if "build" in command)
    assert f"--build-opt=label=workstation.gpudev.context={digest}" in build and "-p gpu" in build
    again, runner = run({"minikube image ls": call("image_ls_after_build"), IN_NODE: made_from(digest)}, build={"path": str(folder), "args": {}})
    assert not again["changed"] and not [command for command in runner.commands() if "build" in command]


def test_every_call_names_the_profile(folder: Path) -> None:
    answers = {"minikube image ls": [call("image_ls_after_build"), call("image_ls_running")], "minikube image rm": call("image_rm")}
    done, runner = run(answers, state="absent")
    assert done["changed"] and not done["image"]["present"]
    assert all("-p gpu" in command for command in runner.commands("minikube"))


def test_the_lie_of_a_stopped_cluster_is_not_believed(folder: Path) -> None:
    done, runner = run({"minikube image ls": call("image_ls_stopped")}, build={"path": str(folder)})
    assert done["failed"] and codes(done) == ["IMAGE-002"] and len(runner.calls) == 1


def test_an_absent_profile_is_named(folder: Path) -> None:
    done, _runner = run({"minikube image ls": call("image_ls_absent")}, build={"path": str(folder)})
    assert done["failed"] and codes(done) == ["IMAGE-001"] and "profile gpu" in done["msg"]


def test_a_build_that_ends_with_0_and_made_nothing_fails_with_its_output(folder: Path) -> None:
    answers = {"minikube image ls": call("image_ls_running"), "minikube image build": call("image_build_stopped")}
    done, _runner = run(answers, build={"path": str(folder)})
    assert done["failed"] and codes(done) == ["IMAGE-014"]


@pytest.mark.parametrize(
    ("output", "code"),
    [
        # Texts of the Docker engine's classic builder and of BuildKit, as in docker/cli and moby sources.
        ("Step 2/3 : RUN pip install x\nThe command '/bin/sh -c pip install x' returned a non-zero code: 1", "IMAGE-013"),
        ("COPY failed: file not found in build context or excluded by .dockerignore: stat app.py: file does not exist", "IMAGE-012"),
        ("pull access denied for chat-base, repository does not exist or may require 'docker login'", "IMAGE-011"),
        ("write /var/lib/docker/tmp/x: no space left on device", "IMAGE-010"),
    ],
)
def test_a_failed_build_under_an_older_image_of_the_same_name_is_seen_and_explained(folder: Path, output: str, code: str) -> None:
    answers = {"minikube image ls": call("image_ls_after_build"), "minikube image build": answer("", 0, output), IN_NODE: made_from("older")}
    done, _runner = run(answers, build={"path": str(folder)})
    assert done["failed"] and codes(done) == [code] and output.split()[-1] in done["msg"]


def test_force_builds_what_is_there(folder: Path) -> None:
    digest = context_hash(Build(str(folder)))
    answers = {"minikube image ls": call("image_ls_after_build"), "minikube image build": call("image_build_ok"), IN_NODE: made_from(digest)}
    done, runner = run(answers, build={"path": str(folder)}, force=True)
    assert done["changed"]
    assert [command for command in runner.commands() if "image build" in command]


def test_check_mode_predicts_and_runs_nothing(folder: Path) -> None:
    done, runner = run({"minikube image ls": call("image_ls_running")}, check_mode=True, build={"path": str(folder)})
    assert done["changed"] and done["layers"][0]["status"] == "drift" and len(runner.calls) == 1
    assert done["diff"]["before"]["present"] is False and done["diff"]["after"]["present"] is True
    assert done["diff"]["after"]["context_hash"] == context_hash(Build(str(folder)))


def test_check_mode_behind_a_cluster_that_this_run_would_make(folder: Path) -> None:
    done, _runner = run({"minikube image ls": call("image_ls_absent")}, check_mode=True, awaiting=["the cluster is made"], build={"path": str(folder)})
    assert done["changed"] and "failed" not in done and done["layers"][0]["status"] == "skipped"


def test_a_timeout_is_said(folder: Path) -> None:
    answers = {"minikube image ls": call("image_ls_running"), "minikube image build": answer("Step 1/9", None, timed_out=True)}
    done, _runner = run(answers, build={"path": str(folder)}, timeout=5)
    assert codes(done) == ["IMAGE-017"] and "within 5 s" in done["msg"]


def test_an_image_of_the_host_engine_is_compared_by_content(folder: Path) -> None:
    answers: dict[str, Any] = {
        "docker image inspect": made_from(layers=("sha256:1", "sha256:2")),
        "minikube image ls": call("image_ls_after_build"),
        IN_NODE: [made_from(layers=("sha256:1",)), made_from(layers=("sha256:1", "sha256:2"))],
        "minikube image load": call("image_load_tar"),
    }
    done, runner = run(answers, engine=True)
    assert done["changed"] and "minikube image load gpu-app:1 -p gpu --daemon" in runner.commands("minikube")
    again, _runner = run({**answers, IN_NODE: made_from(layers=("sha256:1", "sha256:2"))}, engine=True)
    assert not again["changed"]


def test_an_old_image_that_a_load_left_in_place_is_no_success(folder: Path) -> None:
    answers = {
        "docker image inspect": made_from(layers=("sha256:new",)),
        "minikube image ls": call("image_ls_after_build"),
        IN_NODE: made_from(layers=("sha256:old",)),
        "minikube image load": call("image_load_stopped"),
    }
    done, _runner = run(answers, engine=True)
    assert codes(done) == ["IMAGE-015"]


def test_what_the_host_engine_has_not_cannot_be_loaded(folder: Path) -> None:
    done, _runner = run({"docker image inspect": NONE_SUCH}, engine=True)
    assert codes(done) == ["IMAGE-007"]


def test_without_a_source_it_only_looks(folder: Path) -> None:
    there, _runner = run({"minikube image ls": call("image_ls_after_build"), IN_NODE: made_from()})
    assert not there["changed"] and there["image"]["present"]
    gone, _runner = run({"minikube image ls": call("image_ls_running")})
    assert codes(gone) == ["IMAGE-004"]


def test_a_removal_that_left_the_image_is_no_success(folder: Path) -> None:
    done, _runner = run({"minikube image ls": call("image_ls_after_build"), "minikube image rm": call("image_rm_missing")}, state="absent")
    assert codes(done) == ["IMAGE-016"]
    nothing, runner = run({"minikube image ls": call("image_ls_running")}, state="absent")
    assert not nothing["changed"] and len(runner.calls) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"build": {"path": "/x"}, "engine": True}, "build and engine"),
        ({"state": "absent", "engine": True}, "leave it out"),
        ({"name": "Chat App"}, "without blanks"),
        ({"name": "app@sha256:ab", "build": {"path": "/x"}}, "not a digest"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(options: dict[str, Any], said: str) -> None:
    checked = ArgumentSpecValidator(argument_spec()).validate({"name": "gpu-app:1", **options})
    assert said in refusal(checked.validated_parameters)


def test_a_build_in_the_background_is_followed_to_its_result(folder: Path) -> None:
    digest = context_hash(Build(str(folder)))
    answers: dict[str, Any] = {
        "minikube image ls": [call("image_ls_running"), call("image_ls_after_build")],
        "minikube image build": call("image_build_ok"),
        IN_NODE: made_from(digest),
    }
    begun, _runner = run(answers, build={"path": str(folder)}, background=True)
    job, lines = begun["job"], list(begun["job"]["lines"])
    for _poll in range(20):
        if not job["running"]:
            break
        job = run({}, job=job["id"], job_offset=job["offset"])[0]["job"]
        lines += job["lines"]
    assert job["result"]["changed"] and job["result"]["image"]["id"] == BUILT
    told = [line["text"] for line in lines]
    assert told[0].startswith("build gpu-app:1 in gpu") and "Step 2/3 : COPY app.txt /app.txt" in told
