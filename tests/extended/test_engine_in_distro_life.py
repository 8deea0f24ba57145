# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an engine inside a simulated distribution: what breaks it is named and mended, proxy and mirrors come and go, systemd is brought about.

Only the layers that matter run (tags); that such an engine leads to a pod is tests/integration/test_engine_in_distro.py.
"""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

import pytest

from tests.harness import Run, Stations, chain_of, playbook, serve

HOST, DISTRO = "engine_in_distro", "Ubuntu-24.04"
TAGS = ("--tags", "docker_desktop,distro,docker_engine,docker_gpu")
NO_CONSENT = ("-e", '{"workstation_allow": []}')
PROXY = {"http": "http://user:p%40ss@proxy.example.com:3128", "https": "", "no_proxy": ".example.com"}
DECLARED = ("-e", json.dumps({"workstation_proxy": PROXY, "workstation_registry_mirrors": ["https://mirror.example.com"]}))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def station(directory: Path) -> t.Iterator[Stations]:
    with serve(HOST, options=("--state-dir", str(directory))) as running:
        yield running
        assert running.errors(HOST) == []


def site(station: Stations, *arguments: str) -> Run:
    return playbook(station, "site.yml", *TAGS, *arguments)


def done(run: Run) -> Run:
    assert run.rc == 0, run.output[-6000:]
    return run


def service(station: Stations) -> dict[str, t.Any]:
    found: dict[str, t.Any] = station.state(HOST)["wsl"]["distros"][DISTRO]["services"]["docker"]
    return found


def change_service(station: Stations, **values: object) -> None:
    station.post(HOST, "patch", {"wsl": {"distros": {DISTRO: {"services": {"docker": values}}}}})


def etc(directory: Path) -> Path:
    (found,) = directory.glob(f"**/distros/{DISTRO}/etc")
    return found


def doctor(station: Stations, tmp_path: Path, *arguments: str) -> tuple[Run, dict[str, str]]:
    run = playbook(station, "playbooks/doctor.yml", "-e", f"workstation_report_directory={tmp_path}", *arguments)
    return run, chain_of(run, HOST)


def test_what_breaks_it_is_named_and_mended(station: Stations, directory: Path, tmp_path: Path) -> None:
    done(site(station))
    # Somebody purged the toolkit and restarted the engine.
    gone = dict.fromkeys(("nvidia-container-toolkit", "nvidia-container-toolkit-base", "libnvidia-container-tools", "libnvidia-container1"))
    station.post(HOST, "patch", {"wsl": {"distros": {DISTRO: {"packages": gone}}}})
    change_service(station, hook=False)
    run, chain = doctor(station, tmp_path)
    assert (run.rc, chain["docker"], chain["docker_gpu"]) == (2, "ok", "broken")
    assert "[DOCKER-GPU-011]" in run.output
    started = service(station)["started"]
    refused = site(station, *NO_CONSENT)
    assert (refused.rc, chain_of(refused, HOST)["docker"], service(station)["started"]) == (2, "needs_consent", started)
    assert "Put docker_restart into workstation_allow" in refused.output
    assert chain_of(done(site(station)), HOST)["docker"] == "changed"
    assert service(station)["started"] > started
    # Without the runtime `--gpus` works all the same, by NVIDIA's hook: drift, no broken link.
    (etc(directory) / "docker" / "daemon.json").write_text('{"log-driver": "local"}\n')
    predicted = done(site(station, "--check"))
    assert "would get runtime nvidia" in predicted.output
    done(site(station))
    assert service(station)["settings"]["log-driver"] == "local"
    assert "nvidia" in service(station)["settings"]["runtimes"]
    # A start needs no consent: nothing runs that it would stop.
    change_service(station, active=False)
    assert "got start of the engine" in done(site(station, *NO_CONSENT)).output
    assert service(station)["active"]
    assert site(station).changed() == 0


def test_proxy_and_mirrors_come_and_the_proxy_goes(station: Stations, directory: Path) -> None:
    done(site(station, *DECLARED))
    drop_in = etc(directory) / "systemd" / "system" / "docker.service.d" / "gpudev-proxy.conf"
    assert (drop_in.stat().st_mode & 0o777, service(station)["read"]["HTTP_PROXY"]) == (0o600, PROXY["http"])
    assert service(station)["settings"]["registry-mirrors"] == ["https://mirror.example.com"]
    again = site(station, *DECLARED)
    assert (again.rc, again.changed()) == (0, 0), again.output
    assert "p%40ss" not in again.output
    predicted = done(site(station, "--check"))
    assert "would get proxy of the engine" in predicted.output
    assert drop_in.exists()
    done(site(station))
    assert (drop_in.exists(), service(station)["read"]) == (False, {})
    assert (etc(directory) / "apt" / "apt.conf.d" / "90gpudev-proxy").exists() is False
    # What is in daemon.json may be somebody else's: a mirror goes when that is declared.
    assert service(station)["settings"]["registry-mirrors"] == ["https://mirror.example.com"]
    done(site(station, "-e", '{"docker_engine_daemon": {"registry-mirrors": []}}'))
    assert service(station)["settings"]["registry-mirrors"] == []


def test_systemd_is_switched_on_and_the_distribution_restarted_with_consent(station: Stations, directory: Path) -> None:
    done(site(station, "--check"))
    without_systemd(directory)
    predicted = done(site(station, "--check"))
    assert {layer for layer, status in chain_of(predicted, HOST).items() if status == "drift"} == {"wsl", "docker"}
    refused = site(station, *NO_CONSENT)
    assert (refused.rc, chain_of(refused, HOST)["wsl"]) == (2, "needs_consent")
    assert "'wsl_shutdown'" in refused.output
    assert chain_of(done(site(station)), HOST)["wsl"] == "changed"
    assert "systemd=true" in (etc(directory) / "wsl.conf").read_text()
    assert service(station)["active"]
    assert site(station).changed() == 0


def without_systemd(directory: Path) -> None:
    """As a distribution is that was started with such a file."""
    (etc(directory) / "wsl.conf").write_text("[boot]\nsystemd=false\n[user]\ndefault=dev\n")
    shutil.rmtree(etc(directory).parent / "run" / "systemd")


def test_after_a_restart_of_the_distribution_engine_and_cluster_come_back(station: Stations, directory: Path) -> None:
    done(playbook(station, "site.yml"))
    without_systemd(directory)
    run = done(playbook(station, "site.yml"))
    chain = chain_of(run, HOST)
    assert {layer for layer, status in chain.items() if status == "changed"} == {"wsl", "cluster"}
    assert (len(chain), set(chain.values())) == (9, {"ok", "changed"})
    assert playbook(station, "site.yml").changed() == 0


def test_docker_desktop_has_to_keep_out_of_it(tmp_path: Path) -> None:
    with serve("healthy") as station:
        before = station.state("healthy")
        engine = ("-e", "workstation_docker=engine")
        run = playbook(station, "site.yml", *engine)
        assert (run.rc, chain_of(run, "healthy")["docker"]) == (2, "broken")
        assert "[DESKTOP-022]" in run.output
        checked = playbook(station, "playbooks/doctor.yml", "-e", f"workstation_report_directory={tmp_path}", *engine)
        assert (checked.rc, chain_of(checked, "healthy")["docker"]) == (2, "broken")
        assert "[DESKTOP-022]" in checked.output
        after = station.state("healthy")
        assert after["docker"]["desktop"] == before["docker"]["desktop"]
        assert after["wsl"]["distros"][DISTRO]["packages"] == before["wsl"]["distros"][DISTRO]["packages"]
        assert station.errors("healthy") == []


def test_dockers_own_packages_and_no_other_engine_in_their_place(station: Stations) -> None:
    """Their key comes from where the versions file says; here from a file of the workstation."""
    pins = {"docker_repository": {"key_url": "file:///mnt/c/Installers/nvidia-container-toolkit.gpgkey"}}
    options = ("-e", json.dumps({"docker_engine_source": "docker", "workstation_pins": pins}))
    run = done(site(station, *options))
    assert "Docker Engine inside the distro, engine 28.2.2, cgroup driver systemd (v2)" in run.output
    assert chain_of(run, HOST)["docker_gpu"] == "ok"
    assert site(station, *options).changed() == 0
    # By default the engine comes from the distribution; where it has stopped no word would be asked for either.
    change_service(station, active=False)
    packages = station.state(HOST)["wsl"]["distros"][DISTRO]["packages"]
    for arguments in (("--check",), ()):
        refused = site(station, *arguments)
        assert (refused.rc, refused.changed()) == (2, 0), refused.output
        assert "docker-ce, docker-ce-cli, containerd.io are installed, and would have to go for docker.io. Nothing was changed." in refused.output
    assert station.state(HOST)["wsl"]["distros"][DISTRO]["packages"] == packages
