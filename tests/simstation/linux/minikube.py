# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED minikube of a distro: its commands, over the user's files and the engine's containers. Texts and codes: recordings/minikube."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distro import tree
from ..station import Station
from . import clusters, containers, desktop, kubectl, minikube_flags, minikube_image, minikube_node, minikube_pause, minikube_status
from .minikube_files import KUBERNETES, NODE_IP, VERSION, Home, Kubeconfig, new_config
from .minikube_flags import Flags
from .minikube_output import Exit, Output
from .minikube_start import DEFAULT_CLASS, METRICS, PLUGIN, PLUGIN_IMAGE, STORAGE, Start

if TYPE_CHECKING:
    from ..distro.programs import Call

COMMIT = "eb25dbc703701fa38c3f65c89a1896baa375e5ed"  # recordings/minikube/version.json
ADDONS = [
    "ambassador",
    "amd-gpu-device-plugin",
    "auto-pause",
    "cloud-spanner",
    "csi-hostpath-driver",
    "dashboard",
    "default-storageclass",
    "efk",
    "freshpod",
    "gcp-auth",
    "gvisor",
    "headlamp",
    "inaccel",
    "ingress",
    "ingress-dns",
    "inspektor-gadget",
    "istio",
    "istio-provisioner",
    "kong",
    "kubeflow",
    "kubetail",
    "kubevirt",
    "logviewer",
    "metallb",
    "metrics-server",
    "nvidia-device-plugin",
    "nvidia-driver-installer",
    "nvidia-gpu-device-plugin",
    "olm",
    "pod-security-policy",
    "portainer",
    "registry",
    "registry-aliases",
    "registry-creds",
    "storage-provisioner",
    "storage-provisioner-rancher",
    "traefik",
    "volcano",
    "volumesnapshots",
    "yakd",
]
DEPRECATED = (
    "* The nvidia-gpu-device-plugin addon is deprecated and it's functionality is merged inside of nvidia-device-plugin addon. It will be removed in a future "
    "release. "
    "Please use the nvidia-device-plugin addon instead. For more details, visit: https://github.com/kubernetes/minikube/issues/19114.\n"
)
PAUSED = "Can't enable addon on a paused cluster, please unpause the cluster first."
THIRD_PARTY = (
    "! nvidia-device-plugin is a 3rd party addon and is not maintained or verified by minikube maintainers, enable at your own risk.\n"
    "! nvidia-device-plugin does not currently have an associated maintainer.\n"
)


# What belongs to the workstation, not to one life of the cluster.
LASTING_KNOBS = ("nvml", "addon", "image_pull", "apiserver_delay_s", "apiserver_delay_from_first_look")


class Session:
    """One call: who called, which profile, where the files are."""

    def __init__(self, call: Call, flags: Flags, words: list[str], behind: list[str]) -> None:
        self.call, self.flags, self.words, self.behind = call, flags, words, behind
        self.name = flags.value("profile") or call.env.get("MINIKUBE_PROFILE") or "minikube"
        self.home = home_of(call)
        self.out = Output(call, flags.value("output") == "json")
        inside = call.env.get("KUBECONFIG", "").split(":")[0] or f"{call.env.get('HOME', '/root')}/.kube/config"
        self.kubeconfig = Kubeconfig(tree.host_path(call.base, inside))

    def item(self) -> dict[str, Any] | None:
        return None if minikube_status.engine_trouble(self.call) is not None else minikube_node.container(self.call.station, self.name)

    def running(self) -> bool:
        item = self.item()
        return bool(item and item["state"] == "running")


def home_of(call: Call) -> Home:
    """MINIKUBE_HOME gets `.minikube` appended unless it ends in it."""
    inside = call.env.get("MINIKUBE_HOME") or call.env.get("HOME", "/root")
    inside = inside if inside.rstrip("/").endswith(".minikube") else f"{inside.rstrip('/')}/.minikube"
    return Home(inside, tree.host_path(call.base, inside))


def minikube(call: Call) -> int:
    words = call.argv[1:]
    if not words:
        call.unknown("no command")
    try:
        flags, rest, behind = minikube_flags.parse(call, words)
        command = rest[0] if rest else call.unknown("no command")
        body = COMMANDS.get(command) or call.unknown(command)
        minikube_flags.check_shapes(call, flags)
        return body(Session(call, flags, rest[1:], behind))
    except Exit as end:
        return end.code


# --- commands without a cluster


def version(session: Session) -> int:
    if session.flags.on("short"):
        session.call.out(f"{VERSION}\n")
    elif session.out.as_json:
        session.call.out(json.dumps({"commit": COMMIT, "minikubeVersion": VERSION}, separators=(",", ":")) + "\n")
    else:
        session.call.out(f"minikube version: {VERSION}\ncommit: {COMMIT}\n")
    session.home.make()
    return 0


def config(session: Session) -> int:
    if session.words == ["defaults", "kubernetes-version"]:
        versions = [KUBERNETES, *(patch for minor, patch in minikube_flags.PATCHES.items() if minor != "1.35")]
        session.call.out(json.dumps(versions, separators=(",", ":")) + "\n" if session.out.as_json else "".join(f"* {item}\n" for item in versions))
        return 0
    return session.call.unknown()


def start(session: Session) -> int:
    return Start(session.call, session.out, session.home, session.kubeconfig, session.flags, session.name).run()


def status(session: Session) -> int:
    return minikube_status.status(session.call, session.out, session.home, session.kubeconfig, session.flags, session.name)


def profile(session: Session) -> int:
    if session.words[:1] == ["list"]:
        return minikube_status.profile_list(session.call, session.out, session.home, session.kubeconfig, session.flags)
    return session.call.unknown()


# --- stop, delete


def stop(session: Session) -> int:
    call, out, name = session.call, session.out, session.name
    minikube_status.load(out, session.home, name)
    out.events_file = session.home.profile(name) / "events.json"
    out.named_step(0, "Stopping", f'Stopping node "{name}"  ...', 2)
    error = minikube_status.host_error(call, name, "<no value>")
    if error:
        for _attempt in range(4):
            call.pause(2)
            out.named_step(0, "Stopping", f'Stopping node "{name}"  ...', 2)
        raise out.fail("GUEST_STOP_TIMEOUT", 82, f"Unable to stop VM: ssh power off: {error}", box="stop")
    if session.running():
        out.named_step(1, "PowerOff", f'Powering off "{name}" via SSH ...', 2)
        call.pause(11)
        minikube_node.halt(call.station, name)
        with call.station.changed():
            desktop.engine(call.station)["containers"][name].update(state="exited", exit_code=130)
    out.named_step(2, "Done", "1 node stopped.", 2)
    if not session.flags.on("keep-context-active"):
        session.kubeconfig.remove(name)
        session.kubeconfig.save()
    return 0


def delete(session: Session) -> int:
    call, out, home, name = session.call, session.out, session.home, session.name
    if session.flags.on("all") or session.flags.on("purge"):
        call.unknown("delete --all or --purge")
    home.make()
    settings = home.path / "config" / "config.json"
    if not settings.exists():
        settings.write_text("{}")
    config = _config_or_none(home, name)
    if config is None:
        return _delete_without_config(session)
    out.info(f'Deleting "{name}" in docker ...')
    item = session.item()
    if item is not None:
        out.named_step(0, "Deleting", f'Deleting container "{name}" ...', 3)
        call.pause(4)
    _remove_from_engine(call, name, reachable=minikube_status.engine_trouble(call) is None)
    call.pause(2)
    out.info(f"Removing {home.inside}/machines/{name} ...")
    home.remove(name)
    if session.kubeconfig.file.is_file():
        session.kubeconfig.remove(name)
        session.kubeconfig.save()
    out.info(f'Removed all traces of the "{name}" cluster.')
    return 0


def _config_or_none(home: Home, name: str) -> dict[str, Any] | None:
    from .minikube_files import Corrupt

    try:
        return home.load(name)
    except Corrupt:
        return None


def _delete_without_config(session: Session) -> int:
    """recordings/minikube/{delete_absent,delete_corrupt_config}.json"""
    out, name = session.out, session.name
    message = f'"{name}" profile does not exist, trying anyways.'
    if out.as_json:
        out.error(message)
    else:
        session.call.err(f"! {message}\n")
    if session.home.profile(name).is_dir():
        out.info(f"Trying to delete invalid profile {name}")
        session.home.remove(name)
    else:
        out.info(f'Removed all traces of the "{name}" cluster.')
    _remove_from_engine(session.call, name, reachable=minikube_status.engine_trouble(session.call) is None)
    return 0


def _remove_from_engine(call: Call, name: str, *, reachable: bool) -> None:
    """Container, volume and the cluster's memory; an engine that does not answer keeps its part, and minikube does not mind."""
    if not reachable:
        return
    knobs = containers.node_knobs(call, name)
    cluster = clusters.existing(call.station, name)
    if cluster is not None:
        cluster.delete()
        clusters.forget(call.station, name)
    with call.station.changed() as state:
        held = desktop.engine(call.station)
        if held["containers"].get(name, {}).get("node"):
            del held["containers"][name]
        # pkg/drivers/kic/oci/volumes.go, DeleteAllVolumesByLabel: only volumes that minikube has labelled with the profile's name.
        if held["volumes"].get(name, {}).get("labels", {}).get("name.minikube.sigs.k8s.io") == name:
            del held["volumes"][name]
        state["clusters"].pop(name, None)
        if knobs:
            state["clusters"][name] = {"knobs": {key: value for key, value in knobs.items() if key in LASTING_KNOBS}}
        state["minikube"]["profiles"].pop(name, None)


# --- addons


def addons(session: Session) -> int:
    action, names = session.words[0] if session.words else "", session.words[1:]
    if action == "list":
        return _addons_list(session)
    if action in ("enable", "disable") and len(names) == 1:
        return _addons_change(session, action, names[0])
    return session.call.unknown()


def _addons_list(session: Session) -> int:
    config = _config_or_none(session.home, session.name)
    if not session.out.as_json:
        session.call.unknown("addons list as a table")
    rows: dict[str, dict[str, str]] = {}
    for addon in ADDONS:
        enabled = ((config or {}).get("Addons") or {}).get(addon, False)
        rows[addon] = {"Profile": session.name, "Status": "enabled" if enabled else "disabled"} if config else {}
    session.call.out(json.dumps(rows, separators=(",", ":")) + "\n" * bool(config is None))
    return 0


def _addons_change(session: Session, action: str, name: str) -> int:
    call, out = session.call, session.out
    config = minikube_status.load(out, session.home, session.name)
    error = minikube_status.host_error(call, session.name, "<no value>")
    if error and action == "enable":
        raise out.fail("MK_ADDON_ENABLE_PAUSED", 11, f"enabled failed: get state: {error}", box="addons")
    item = session.item()
    if action == "enable" and item is not None and item["apiserver"] == minikube_node.PAUSED:
        call.out(f"* {PAUSED}\n\n\n\n")
        raise out.fail("MK_ADDON_ENABLE_PAUSED", 11, f"enabled failed: {PAUSED}", box="addons")
    if name not in ADDONS:
        call.out("\n\n")
        raise out.fail("MK_ADDON_ENABLE", 10, f"{action} failed: run callbacks: {name} is not a valid addon", box="addons")
    if name == "nvidia-gpu-device-plugin":
        call.out(DEPRECATED)
        name = PLUGIN
    if name not in (PLUGIN, STORAGE, DEFAULT_CLASS, METRICS):
        call.unknown(f"the addon {name}")
    images = dict(item.split("=", 1) for item in session.flags.many("images"))
    if images:
        config["CustomAddonImages"] = {**(config["CustomAddonImages"] or {}), **images}
    config["Addons"] = {**(config["Addons"] or {}), name: action == "enable"}
    if action == "enable" and name == PLUGIN:
        _tell_enabled(session, config)
    cluster = clusters.existing(call.station, session.name)
    if session.running() and cluster is not None and name in (PLUGIN, METRICS):
        image = (config["CustomAddonImages"] or {}).get("NvidiaDevicePlugin") if name == PLUGIN else None
        if action == "enable":
            cluster.enable_addon(name, image)
        else:
            cluster.disable_addon(name)
    call.pause(0.3)
    session.home.save(session.name, config)
    call.out(f"* The '{name}' addon is enabled\n" if action == "enable" else f"* \"The '{name}' addon is disabled\n")
    return 0


def _tell_enabled(session: Session, config: dict[str, Any]) -> None:
    session.call.out(THIRD_PARTY)
    if session.running():
        session.call.out(f"  - Using image {(config['CustomAddonImages'] or {}).get('NvidiaDevicePlugin') or PLUGIN_IMAGE}\n")


# --- images in the node


def image(session: Session) -> int:
    if _config_or_none(session.home, session.name) is None:
        raise minikube_image.absent_profile(session)
    return minikube_image.image(session)


# --- through minikube into the node


def need_running(session: Session) -> dict[str, Any]:
    """The running node, or the way minikube ends without one."""
    minikube_status.load(session.out, session.home, session.name)
    error = minikube_status.host_error(session.call, session.name)
    if error:
        session.call.out("\n\n")
        message = f"Unable to get control-plane node {session.name} host status: state: {error}"
        raise session.out.fail("GUEST_STATUS", 80, message)
    item = session.item()
    if item is None or item["state"] != "running":
        session.call.out(
            f'* The control-plane node {session.name} host is not running: state=Stopped\n  To start a cluster, run: "minikube start -p {session.name}"\n'
        )
        raise Exit(minikube_status.NOT_RUNNING)
    return item


def ssh(session: Session) -> int:
    item = need_running(session)
    command = " ".join(session.behind or session.words).split()
    if not command:
        session.call.unknown("an interactive ssh session")
    if command[0] == "exit":
        code = int(command[1]) if len(command) > 1 else 0
    elif command == ["false"]:
        code = 1
    else:
        code = containers.node_command(session.call, session.name, item, command)
    if code:
        session.call.err(f"ssh: Process exited with status {code}\n")
    return 1 if code else 0


def update_context(session: Session) -> int:
    item = need_running(session)
    wanted = minikube_node.endpoint(item, session.call.env)
    changed = session.kubeconfig.server(session.name) != wanted
    session.kubeconfig.put(session.name, wanted, session.home.inside, session.call.station.now())
    session.kubeconfig.save()
    if changed:
        session.call.out(f'* "{session.name}" context has been updated to point to {wanted}\n')
    else:
        session.call.out(f'* No changes required for the "{session.name}" context\n')
    session.call.out(f'* Current context is "{session.name}"\n')
    return 0


def address(session: Session) -> int:
    need_running(session)
    session.call.out(f"{NODE_IP}\n")
    return 0


def through_kubectl(session: Session) -> int:
    if _config_or_none(session.home, session.name) is None:
        session.call.unknown("kubectl without a profile: the real one downloads a kubectl first")
    return kubectl.run(session.call, session.kubeconfig.file, session.name, session.behind or session.words)


def logs(session: Session) -> int:
    """Cut to one of its sections: the kubelet's journal (https://minikube.sigs.k8s.io/docs/commands/logs/; the real one also shows containers and dmesg)."""
    item = need_running(session)
    session.call.out(f"==> kubelet <==\n{containers.kubelet_journal(session.name, item)}")
    return 0


COMMANDS: dict[str, Callable[[Session], int]] = {
    "addons": addons,
    "config": config,
    "delete": delete,
    "docker-env": minikube_pause.docker_env,
    "image": image,
    "ip": address,
    "kubectl": through_kubectl,
    "logs": logs,
    "pause": minikube_pause.pause,
    "profile": profile,
    "ssh": ssh,
    "start": start,
    "status": status,
    "stop": stop,
    "unpause": minikube_pause.unpause,
    "update-context": update_context,
    "version": version,
}


# --- for the rest of the station

_materializing = threading.Lock()


def materialize(station: Station, distro: str, base: Path) -> None:
    """Profiles that the document brings along get their files, and those whose node runs are served. Cheap when nothing is to be done."""
    with station.lock:
        mine = {name: entry for name, entry in station.state["minikube"]["profiles"].items() if entry.get("distro") == distro}
    if all(entry.get("written") and (name in clusters.serving(station) or not _should_serve(station, name)) for name, entry in mine.items()):
        return
    with _materializing:
        _materialize(station, mine, base)


def _materialize(station: Station, mine: dict[str, dict[str, Any]], base: Path) -> None:
    for name, entry in mine.items():
        home = Home(entry["home"], tree.host_path(base, entry["home"]))
        if not entry.get("written"):
            _write_profile(station, name, entry, home, base)
        if _should_serve(station, name) and name not in clusters.serving(station):
            _serve(station, name, entry, home, base)


def _should_serve(station: Station, name: str) -> bool:
    with station.lock:
        if not desktop.engine_running(station.state):
            return False
        item = desktop.engine(station)["containers"].get(name)
        return bool(item and item["state"] == "running" and item["bootstrapped"] and item["apiserver"] == minikube_node.RUNNING)


def _write_profile(station: Station, name: str, entry: dict[str, Any], home: Home, base: Path) -> None:
    home.make()
    config = {**new_config(name), **entry["config"]}
    config["Nodes"][0]["IP"] = NODE_IP
    home.save(name, config)
    home.save_machine(name, config)
    home.save_ssh_key(name)
    home.save_certificates(name)
    clusters.get(station, name, home.path).certificates.ensure()
    kubeconfig = Kubeconfig(tree.host_path(base, entry.get("kubeconfig", str(Path(entry["home"]).parent / ".kube" / "config"))))
    item = desktop.engine(station)["containers"].get(name)
    kubeconfig.put(name, minikube_node.endpoint(item, {"WSL_DISTRO_NAME": "x"}) if item else "127.0.0.1:32771", home.inside, station.now())
    kubeconfig.save()
    with station.changed():
        entry["written"] = True


def _serve(station: Station, name: str, entry: dict[str, Any], home: Home, base: Path) -> None:
    """The API again, after a start of the station. Its port may be another one than before: a kubeconfig that was right stays right."""
    item = minikube_node.container(station, name)
    assert item is not None
    old = minikube_node.endpoint(item, {"WSL_DISTRO_NAME": "x"})
    minikube_node.run(station, home, name)
    kubeconfig = Kubeconfig(tree.host_path(base, entry.get("kubeconfig", str(Path(entry["home"]).parent / ".kube" / "config"))))
    if kubeconfig.server(name) in (None, old) and not entry.get("kubeconfig_foreign"):
        kubeconfig.put(name, minikube_node.endpoint(item, {"WSL_DISTRO_NAME": "x"}), home.inside, station.now())
        kubeconfig.save()


def container_gone(station: Station, name: str) -> None:
    """Somebody stopped or removed the node's container behind minikube's back."""
    minikube_node.halt(station, name)


def container_back(station: Station, name: str) -> None:
    """Somebody started it again: what is in it starts, where there is a control plane."""
    item = minikube_node.container(station, name)
    if item and item["bootstrapped"]:
        for entry_name, entry in station.state["minikube"]["profiles"].items():
            if entry_name == name:
                base = tree.path(station, entry["distro"])
                minikube_node.run(station, Home(entry["home"], tree.host_path(base, entry["home"])), name)


def stop_serving(station: Station) -> None:
    """The engine has gone."""
    with station.lock:
        names = [name for name, item in desktop.engine(station)["containers"].items() if item.get("node")]
    for name in names:
        minikube_node.halt(station, name)
