# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED `minikube pause`, `unpause` and `docker-env`: recordings/minikube/{pause*,unpause,docker_env_*}.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import clusters, desktop, minikube_node, minikube_status
from .minikube_output import Exit

if TYPE_CHECKING:
    from .minikube import Session

# The number is that of the recording: nobody counts the containers of a simulated node.
PAUSED = "{} 9 containers in: kube-system, kubernetes-dashboard, istio-operator"


def _running(session: Session) -> dict[str, Any]:
    minikube_status.load(session.out, session.home, session.name)
    item = session.item()
    if item is None:
        session.call.unknown("pause without a node")
    if item["state"] != "running":
        session.out.info(f"The control-plane node {session.name} host is not running: state=Stopped")
        session.out.info(f'To start a cluster, run: "minikube start -p {session.name}"')
        raise Exit(minikube_status.NOT_RUNNING)
    return item


def pause(session: Session) -> int:
    item = _running(session)
    session.out.named_step(0, "Pausing", f"Pausing node {session.name} ...", 1)
    session.call.pause(0.5)
    clusters.stop(session.call.station, session.name)
    with session.call.station.changed():
        item.update(kubelet=minikube_node.STOPPED, apiserver=minikube_node.PAUSED)
    session.out.named_step(1, "Done", PAUSED.format("Paused"), 1)
    return 0


def unpause(session: Session) -> int:
    _running(session)
    session.out.named_step(0, "Unpausing", f"Unpausing node {session.name} ...", 1)
    session.call.pause(0.4)
    minikube_node.run(session.call.station, session.home, session.name)
    session.out.named_step(1, "Done", PAUSED.format("Unpaused"), 1)
    return 0


def docker_env(session: Session) -> int:
    call, name = session.call, session.name
    if session.flags.value("shell") != "bash":
        call.unknown("docker-env for another shell than bash")
    item = session.item()
    if session.home.load(name) is None or item is None:
        return _false(session, minikube_status.ABSENT)
    if item["state"] != "running":
        return _false(session, minikube_status.NOT_RUNNING)
    host = f"{minikube_node.NODE_IP}:2376"
    if call.env.get("WSL_DISTRO_NAME"):
        host = f"127.0.0.1:{desktop.engine(call.station)['containers'][name]['ports']['2376/tcp']}"
    call.out(
        f'export DOCKER_TLS_VERIFY="1"\nexport DOCKER_HOST="tcp://{host}"\nexport DOCKER_CERT_PATH="{session.home.inside}/certs"\n'
        f'export MINIKUBE_ACTIVE_DOCKERD="{name}"\n\n# To point your shell to minikube\'s docker-daemon, run:\n# eval $(minikube -p {name} docker-env)\n'
    )
    return 0


def _false(session: Session, code: int) -> int:
    """What a shell that evaluates it stumbles over."""
    session.call.out(f"false exit code {code}\n")
    return code
