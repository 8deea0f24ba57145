# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions are read from the layers that went on, and a bad combination stops the chain at its component's layer."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Layer
from ansible_collections.gpudev.workstation.plugins.plugin_utils._release_gate import gated, versions_seen


def layer(name: str, status: str = "ok", **facts: t.Any) -> Layer:
    return Layer(name, status, "as seen", facts)


def test_versions_come_from_the_layers_that_went_on() -> None:
    layers = [
        layer("windows", build=26100),
        layer("wsl", "broken", version="2.6.3.0"),
        layer("docker", kind="docker_desktop", desktop_version="4.91.0", version="29.8.0"),
        layer("docker_gpu", image="docker.io/nvidia/cuda:12.9.0-base-ubuntu24.04"),
        layer("cluster", profile={"kubernetes_version": "v1.35.1"}),
    ]
    expected = {"windows": "26100", "docker_desktop": "4.91.0", "docker_engine": "29.8.0", "cuda_image": "12.9.0", "kubernetes": "v1.35.1"}
    assert versions_seen(layers) == expected


def test_the_release_of_docker_desktop_is_known_before_its_engine_was_asked() -> None:
    assert versions_seen([layer("docker", version="4.91.0", settings_path="C:\\x")]) == {"docker_desktop": "4.91.0"}


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("NVIDIA GeForce RTX 4050 Laptop GPU", "8.9"),
        ("NVIDIA GeForce RTX 5070", "12.0"),
        ("NVIDIA GeForce GTX 1060 6GB", "6.1"),
        ("NVIDIA GeForce GTX 960M", "5.2"),
        ("NVIDIA T4", "7.5"),
    ],
)
def test_generation_by_name(name: str, least: str) -> None:
    assert versions_seen([layer("nvidia_driver", gpus=[{"name": name}])]) == {"compute_capability": least}


def test_an_unknown_card_is_not_judged() -> None:
    assert versions_seen([layer("nvidia_driver", gpus=[{"name": "NVIDIA Something"}])]) == {}


def test_a_card_before_pascal_is_unsupported_in_wsl() -> None:
    layers = [layer("nvidia_driver", gpus=[{"name": "NVIDIA GeForce GTX 960M"}]), layer("wsl", version="2.6.3")]
    judged = gated(layers, [])
    assert (judged[0].status, judged[0].findings[0].code) == ("unsupported", "COMPAT-003")
    assert judged[1] == layers[1]


def test_what_was_only_reported_warns_and_goes_on() -> None:
    judged = gated([layer("docker", desktop_version="4.54.0")], [])
    assert (judged[0].status, judged[0].findings[0].severity) == ("ok", "warning")
    assert gated(judged, []) == judged, "a second look adds nothing"


def test_what_this_run_would_replace_is_not_judged_as_it_is() -> None:
    old = {"driver_version": "471.96", "gpus": []}
    assert [layer.status for layer in gated([Layer("nvidia_driver", "ok", "", old)], ())] == ["unsupported"]
    assert [layer.status for layer in gated([Layer("nvidia_driver", "drift", "", old)], ())] == ["drift"]
