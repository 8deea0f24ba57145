# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NVIDIA device plugin in a pod, and the kubelet's side of it: registration, counts on the node, what stays when it goes.

Behaviour: facts/device-plugin.md; recordings/gpu/two_plugins_*, restart_timeline, ts_*; log lines: samples/kubernetes/own_v0.20.0_*.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import yaml

from . import gpu
from .engine import Context
from .store import resource

Object = dict[str, Any]

IMAGE = re.compile(r"(?:^|/)k8s-device-plugin(?::(?P<tag>[^@]+))?(?:@|$)")
DEFAULT_RESOURCE = "nvidia.com/gpu"
TEXTS = {"not_supported": "Not Supported", "library_not_found": "ERROR_LIBRARY_NOT_FOUND"}
# samples/kubernetes/own_v0.20.0_config_errors.log
PARSE = "unable to load config: unable to finalize config: unable to parse config file"
HINTS = (
    (100, "If this is a GPU node, did you set the docker default runtime to `nvidia`?"),
    (101, "You can check the prerequisites at: https://github.com/NVIDIA/k8s-device-plugin#prerequisites"),
    (102, "You can learn how to set the runtime at: https://github.com/NVIDIA/k8s-device-plugin#quick-start"),
    (103, "If this is not a GPU node, you should set up a toleration or nodeSelector to only deploy this plugin on GPU nodes"),
)


class ConfigError(Exception):
    """The plugin's configuration cannot be used; the text is the plugin's."""


def is_plugin(image: str) -> bool:
    return bool(IMAGE.search(image))


def version(image: str) -> tuple[int, ...]:
    """The release of an image; an image by digest alone counts as the newest."""
    match = IMAGE.search(image)
    numbers = re.findall(r"\d+", (match.group("tag") or "") if match else "")
    return tuple(int(number) for number in numbers[:3]) or (0, 20, 0)


class Plugin:
    """One plugin container."""

    def __init__(self, context: Context, pod: Object) -> None:
        self.context = context
        self.pod = pod
        self.container = pod["spec"]["containers"][0]
        self.image: str = self.container["image"]
        self.version = version(self.image)

    @property
    def environment(self) -> dict[str, str]:
        return {entry["name"]: entry.get("value", "") for entry in self.container.get("env") or []}

    @property
    def nvml(self) -> str:
        if not gpu.in_node(self.context):
            return "library_not_found"
        return str(self.context.knobs.get("nvml", "ok"))

    @property
    def fails_on_error(self) -> bool:
        flag = self.config().get("flags", {}).get("failOnInitError", True)
        return self.environment.get("FAIL_ON_INIT_ERROR", str(flag)).lower() not in ("false", "0")

    def config(self) -> Object:
        """The file that CONFIG_FILE names, out of the ConfigMap that is mounted there."""
        path = self.environment.get("CONFIG_FILE", "")
        if not path:
            return {}
        text = self._mounted(path)
        if text is None:
            raise ConfigError(f"{PARSE}: error opening config file: open {path}: no such file or directory")
        try:
            loaded = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{PARSE}: error parsing config file: {error}") from None
        found = loaded if isinstance(loaded, dict) else {}
        if found.get("version", "v1") != "v1":
            raise ConfigError(f"{PARSE}: error parsing config file: unknown version: {found['version']}")
        return found

    def _mounted(self, path: str) -> str | None:
        volumes = {entry["name"]: entry for entry in self.pod["spec"].get("volumes") or []}
        for mount in self.container.get("volumeMounts") or []:
            source = volumes.get(mount["name"], {}).get("configMap")
            if not source or not path.startswith(mount["mountPath"].rstrip("/") + "/"):
                continue
            found = self.context.store.get(resource("configmaps"), self.pod["metadata"]["namespace"], source["name"])
            data = (found or {}).get("data") or {}
            wanted = path[len(mount["mountPath"].rstrip("/")) + 1 :]
            items = {entry["path"]: entry["key"] for entry in source.get("items") or []}
            return data.get(items.get(wanted, wanted) if items else wanted)
        return None

    def sharing(self) -> Object:
        config = self.config()
        slicing: Object = (config.get("sharing") or {}).get("timeSlicing") or {}
        if (config.get("sharing") or {}).get("mps"):
            raise ConfigError("unable to validate flags: using MPS requires --mps-root to be specified")
        if slicing and not slicing.get("resources"):
            raise ConfigError(f"{PARSE}: error parsing config file: unmarshal error: error unmarshaling JSON: while decoding JSON: no resources specified")
        for entry in slicing.get("resources") or []:
            if int(entry.get("replicas", 0)) < 2:
                raise ConfigError(
                    f"{PARSE}: error parsing config file: unmarshal error: error unmarshaling JSON: while decoding JSON: number of replicas must be >= 2"
                )
        return slicing

    def resource(self) -> tuple[str, int]:
        """(resource name, number of devices) that this plugin offers."""
        slicing = self.sharing()
        gpus = len(gpu.in_node(self.context))
        # One device "all" on WSL2 since 0.19.1 (facts/device-plugin.md).
        count = min(gpus, 1) if self.version >= (0, 19, 1) else gpus
        for entry in slicing.get("resources") or []:
            if entry.get("name") == DEFAULT_RESOURCE:
                name = entry.get("rename") or (f"{DEFAULT_RESOURCE}.shared" if slicing.get("renameByDefault") else DEFAULT_RESOURCE)
                return name, count * int(entry["replicas"])
        return DEFAULT_RESOURCE, count

    def start(self) -> tuple[str, int | None, bool]:
        """(log, exit code or None while it runs, will it register)"""
        lines = Log(self.context.now(), self._pid())
        lines.add("I", "main.go:269", f'"Starting NVIDIA Device Plugin" version="v{".".join(map(str, self.version))}"')
        lines.add("I", "main.go:272", "Starting FS watcher for /var/lib/kubelet/device-plugins")
        lines.add("I", "main.go:279", "Starting OS watcher.")
        lines.add("I", "main.go:294", "Starting Plugins.")
        lines.add("I", "main.go:351", "Loading configuration.")
        try:
            name, count = self.resource()
            fails = self.fails_on_error
        except ConfigError as error:
            lines.add("E", "main.go:198", f"error starting plugins: {error}")
            return lines.text, 1, False
        self._running_config(lines, fails)
        return self._discover(lines, name, count, fails)

    def _pid(self) -> str:
        return f"{1:>7}"

    def _running_config(self, lines: Log, fails: bool) -> None:
        lines.add("I", "main.go:377", "Updating config with default resource matching patterns.")
        flags: Object = {"migStrategy": "none", "failOnInitError": fails, "mpsRoot": "", "nvidiaDriverRoot": "/", "nvidiaDevRoot": "/"}
        flags.update(gdrcopyEnabled=False, gdsEnabled=False, mofedEnabled=False, useNodeFeatureAPI=None, deviceDiscoveryStrategy="auto")
        flags["plugin"] = {
            "passDeviceSpecs": self.environment.get("PASS_DEVICE_SPECS", "").lower() == "true",
            "deviceListStrategy": ["envvar"],
            "deviceIDStrategy": "uuid",
            "cdiAnnotationPrefix": "cdi.k8s.io/",
            "nvidiaCTKPath": "/usr/bin/nvidia-ctk",
            "containerDriverRoot": "/driver-root",
        }
        if self.version >= (0, 20):
            flags["plugin"]["sharedDevicesAllocationPolicy"] = "distributed"
        gpus = {"gpus": [{"pattern": "*", "name": DEFAULT_RESOURCE}]}
        config = {"version": "v1", "flags": flags, "resources": gpus, "sharing": {"timeSlicing": self.sharing()}, "imex": {}}
        lines.add("I", "main.go:388", "\nRunning with config:\n" + json.dumps(config, indent=2))
        lines.add("I", "main.go:391", "Retrieving plugins.")

    def _discover(self, lines: Log, name: str, count: int, fails: bool) -> tuple[str, int | None, bool]:
        problem = self.nvml
        if self.version >= (0, 19, 1):
            platform = "unknown" if problem == "library_not_found" else "wsl"
            lines.add("I", "plugin-manager.go:101", f"Detected platform: {platform}")
            if platform == "unknown":
                lines.add("W", "plugin-manager.go:108", "Unsupported platform detected; defaulting to nvml")
            lines.add("I", "plugin-manager.go:50", "Using device discovery strategy: nvml")
        if problem == "ok":
            if not count:
                lines.add("I", "main.go:416", "No devices found. Waiting indefinitely.")
            return lines.text, None, bool(count)
        text = TEXTS[problem]
        lines.add("E", "factory.go:99", f"Failed to initialize NVML: {text}.")
        for number, hint in HINTS:
            lines.add("E", f"factory.go:{number}", hint)
        if fails:
            reason = "error starting plugins: error getting plugins: unable to create plugins: failed to construct resource managers: nvml init failed"
            lines.add("E", "main.go:198", f"{reason}: {text}")
            return lines.text, 1, False
        lines.add("W", "factory.go:107", f"nvml init failed: {text}")
        lines.add("I", "main.go:416", "No devices found. Waiting indefinitely.")
        return lines.text, None, False

    def register(self) -> str:
        """Tell the kubelet; the last registration of a resource wins. Gives the log lines."""
        name, count = self.resource()
        socket = f"/var/lib/kubelet/device-plugins/nvidia-{name.split('/', 1)[1]}.sock"
        lines = Log(self.context.now(), self._pid())
        lines.add("I", "server.go:198", f"Starting GRPC server for '{name}'")
        lines.add("I", "server.go:142", f"Starting to serve '{name}' on {socket}")
        lines.add("I", "server.go:149", f"Registered device plugin for '{name}' with Kubelet")
        one_each = bool(self.sharing().get("failRequestsGreaterThanOne"))
        devices(self.context)[name] = {"count": count, "healthy": count, "pod": self.pod["metadata"]["uid"], "one_each": one_each}
        return lines.text


class Log:
    """Lines with the prefix of klog."""

    def __init__(self, now: datetime.datetime, pid: str) -> None:
        self.now = now
        self.pid = pid
        self.text = ""

    def add(self, level: str, place: str, text: str) -> None:
        self.now += datetime.timedelta(microseconds=110)
        self.text += f"{level}{self.now:%m%d %H:%M:%S.%f} {self.pid} {place}] {text}\n"


def devices(context: Context) -> Object:
    """resource -> {count, healthy, pod}: what the kubelet's device manager knows."""
    found: Object = context.section.setdefault("devices", {})
    return found


def plugin_gone(context: Context, uid: str) -> None:
    """The endpoint of a plugin pod closed: its devices are unhealthy at once."""
    for entry in devices(context).values():
        if entry.get("pod") == uid:
            entry.update(healthy=0, pod=None)
