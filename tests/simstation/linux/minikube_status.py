# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`minikube status` and `profile list`: what minikube believes. It asks about processes, never about the Kubernetes node."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from . import desktop, docker, minikube_node, own_engine
from .minikube_files import VERSION, Corrupt, Home, Kubeconfig
from .minikube_flags import Flags
from .minikube_output import Exit, Output

if TYPE_CHECKING:
    from ..distro.programs import Call

ABSENT = 85
NOT_RUNNING = 83
NO_STATUS = 7
GLOG = "E{:%m%d %H:%M:%S.%f}   18581 {}\n"


def say_absent(out: Output, name: str) -> Exit:
    first, second = f'Profile "{name}" not found. Run "minikube profile list" to view all profiles.', f'To start a cluster, run: "minikube start -p {name}"'
    if out.as_json:
        out.info(first)
        out.info(second)
    else:
        out.call.out(f"* {first}\n  {second}\n")
    return Exit(ABSENT)


def load(out: Output, home: Home, name: str) -> dict[str, Any]:
    """The profile's config, or the way minikube ends without one."""
    try:
        config = home.load(name)
    except Corrupt as error:
        raise out.fail("HOST_CONFIG_LOAD", 38, f"Error getting cluster config: {error}", box=out.call.argv[1]) from None
    if config is None:
        raise say_absent(out, name)
    return config


def engine_trouble(call: Call) -> str | None:
    """Why docker does not answer here: the text on its stderr, empty for the stub, which writes to stdout."""
    if not (own_engine.distro_of(call.station.state) == call.distro or desktop.integrated(call.station.state, call.distro)):
        return ""
    return docker.why_silent(call, call.env.get("DOCKER_HOST", docker.DEFAULT_HOST))


def glog(call: Call, text: str) -> None:
    call.err(GLOG.format(call.station.now(), text))


def host_error(call: Call, name: str, form: str = "{{.State.Status}}") -> str | None:
    """minikube's words when `docker container inspect` fails; None when the container is there."""
    trouble = engine_trouble(call)
    if trouble is None and minikube_node.container(call.station, name) is not None:
        return None
    if trouble is None:
        trouble = f"Error response from daemon: No such container: {name}"
    return f'unknown state "{name}": docker container inspect {name} --format={form}: exit status 1\nstdout:\n\n\nstderr:\n{trouble}'


def observe(call: Call, home: Home, kubeconfig: Kubeconfig, name: str, config: dict[str, Any]) -> dict[str, Any] | None:
    """The status object, None where minikube prints `null`. Tells on stderr what it stumbled over."""
    error = host_error(call, name)
    if error:
        glog(call, f"status.go:178] status error: host: state: {error}")
        return None
    item = minikube_node.container(call.station, name)
    assert item is not None
    status = {"Name": name, "Host": "Running", "Kubelet": item["kubelet"], "APIServer": item["apiserver"], "Kubeconfig": "Configured", "Worker": False}
    if item["state"] != "running":
        return {**status, "Host": "Stopped", "Kubelet": "Stopped", "APIServer": "Stopped", "Kubeconfig": "Stopped"}
    complaint = kubeconfig_complaint(call, kubeconfig, name, config, item)
    if complaint:
        glog(call, complaint)
        status["Kubeconfig"] = "Misconfigured"
    return status


def kubeconfig_complaint(call: Call, kubeconfig: Kubeconfig, name: str, config: dict[str, Any], item: dict[str, Any]) -> str | None:
    if not config["Nodes"][0]["IP"]:
        return 'status.go:454] forwarded endpoint: failed to lookup ip for ""'
    got, want = kubeconfig.server(name), minikube_node.endpoint(item, call.env)
    if got is None:
        inside = call.env.get("KUBECONFIG", "").split(":")[0] or f"{call.env.get('HOME', '')}/.kube/config"
        return f'status.go:457] kubeconfig endpoint: get endpoint: "{name}" does not appear in {inside}'
    return f"status.go:457] kubeconfig endpoint: got: {got}, want: {want}" if got != want else None


def exit_code(status: dict[str, Any]) -> int:
    code = 0 if status["Host"] == "Running" else 1
    code |= 0 if status["Kubelet"] == status["APIServer"] == "Running" else 2
    return code | (0 if status["Kubeconfig"] == "Configured" else 4)


def status(call: Call, out: Output, home: Home, kubeconfig: Kubeconfig, flags: Flags, name: str) -> int:
    layout = flags.value("layout", "nodes")
    if layout not in ("nodes", "cluster") or layout == "cluster" and not out.as_json:
        call.unknown("status --layout")
    config = load(out, home, name)
    seen = observe(call, home, kubeconfig, name, config)
    if layout == "cluster":
        call.out(json.dumps(_as_cluster(call, home, name, seen), separators=(",", ":")))
        return exit_code(seen) if seen and seen["Host"] == "Running" else NO_STATUS
    if seen is None:
        glog(call, f"status.go:127] status error: host: state: {host_error(call, name)}")
        if out.as_json:
            call.out("null")
        return NO_STATUS
    form = flags.value("format")
    if out.as_json:
        call.out(json.dumps(seen, separators=(",", ":")))
    elif form:
        call.out(re.sub(r"\{\{\s*\.(\w+)\s*\}\}", lambda match: str(seen[match[1]]), form))
    else:
        call.out(
            f"{name}\ntype: Control Plane\nhost: {seen['Host']}\nkubelet: {seen['Kubelet']}\napiserver: {seen['APIServer']}\nkubeconfig: "
            f"{seen['Kubeconfig']}\n\n"
        )
    return exit_code(seen)


LAYOUT_CODES = {"Running": (200, "OK"), "Configured": (200, "OK"), "Stopped": (405, "Stopped")}


def _as_cluster(call: Call, home: Home, name: str, seen: dict[str, Any] | None) -> dict[str, Any]:
    """recordings/minikube/status_{running,stopped}_layout_cluster.json; the real one crashes without a container, other states were not recorded."""
    if seen is None or not {seen[key] for key in ("Host", "Kubelet", "APIServer", "Kubeconfig")} <= LAYOUT_CODES.keys():
        call.unknown("status --layout=cluster in this state")

    def part(label: str, word: str) -> dict[str, Any]:
        code, told = LAYOUT_CODES[word]
        return {"Name": label, "StatusCode": code, "StatusName": told}

    events = [json.loads(line)["data"] for line in (home.profile(name) / "events.json").read_text().splitlines()]
    last = next(event for event in reversed(events) if "currentstep" in event)
    parts = {label: part(label, seen[key]) for label, key in (("apiserver", "APIServer"), ("kubelet", "Kubelet"))}
    return {
        **part(name, seen["Host"]),
        "Step": last["name"],
        "StepDetail": last["message"],
        "BinaryVersion": VERSION,
        "Components": {"kubeconfig": part("kubeconfig", seen["Kubeconfig"])},
        "Nodes": [{**part(name, seen["Host"]), "Components": parts}],
    }


def profile_list(call: Call, out: Output, home: Home, kubeconfig: Kubeconfig, flags: Flags) -> int:
    valid, invalid = [], []
    for name in home.profiles():
        try:
            config = home.load(name)
        except Corrupt:
            config = None
        entry: dict[str, Any] = {"Name": name, "Status": "", "Config": config, "Active": False, "ActiveKubeContext": False}
        if config is None:
            if not flags.on("light"):
                invalid.append(entry)
            continue
        entry["Status"] = "Skipped" if flags.on("light") else _summary(call, home, kubeconfig, name, config)
        entry["ActiveKubeContext"] = kubeconfig.current == name
        valid.append(entry)
    if out.as_json:
        call.out(json.dumps({"invalid": invalid, "valid": valid}, separators=(",", ":")) + "\n")
        return 0
    if not valid:
        raise out.fail("MK_USAGE_NO_PROFILE", 14, "No minikube profile was found.", advice="You can create one using 'minikube start'.")
    for entry in valid:
        call.out(f"{entry['Name']}\t{entry['Config']['Driver']}\t{entry['Status']}\n")
    return 0


def _summary(call: Call, home: Home, kubeconfig: Kubeconfig, name: str, config: dict[str, Any]) -> str:
    """The StatusName of the profile: the `profile_list_*` recordings."""
    seen = observe(call, home, kubeconfig, name, config)
    if seen is None:
        glog(call, f"profile_list.go:125] error getting statuses: host: state: {host_error(call, name)}")
        return ""
    item = minikube_node.container(call.station, name)
    if seen["Host"] == "Stopped":
        return "Stopped"
    if seen["APIServer"] == "Running":
        return "OK"
    if seen["APIServer"] == "Paused":
        return "Paused"
    if item and item.get("failed"):
        return ""
    return "Stopped" if item and item["bootstrapped"] else "Starting"
