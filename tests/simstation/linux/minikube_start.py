# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED `minikube start`: the event stream, the files and the states of the `start_*` recordings, in their time (scaled).

Each pause is a point where the caller may be killed; what is left then is what the `left_killed_after_*` recordings show.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import clusters, containers, desktop, docker, engine, minikube_flags, minikube_node, minikube_status, own_engine
from .minikube_files import KUBERNETES, NODE_IP, RECORDINGS, VERSION, Corrupt, Home, Kubeconfig, new_config
from .minikube_flags import Flags
from .minikube_output import Output
from .minikube_status import engine_trouble

if TYPE_CHECKING:
    from ..distro.programs import Call

DRIVER_URL = "https://minikube.sigs.k8s.io/docs/drivers/docker/"
ROOT = (
    'The "docker" driver should not be used with root privileges. If you wish to continue as root, use --force.',
    "If you are running minikube within a VM, consider using --driver=none:",
    "https://minikube.sigs.k8s.io/docs/reference/drivers/none/",
)
DOWNGRADE_ADVICE = (
    "1) Recreate the cluster with Kubernetes {{.new}}, by running:\n\n\t\t  minikube delete{{.profile}}\n\t\t  minikube start{{.profile}} "
    "--kubernetes-version={{.prefix}}{{.new}}\n\n"
    "\t\t2) Create a second cluster with Kubernetes {{.new}}, by running:\n\n\t\t  minikube start -p {{.suggestedName}} "
    "--kubernetes-version={{.prefix}}{{.new}}\n\n"
    "\t\t3) Use the existing cluster at version Kubernetes {{.old}}, by running:\n\n\t\t  minikube start{{.profile}} --kubernetes-version={{.prefix}}{{.old}}"
)
APPLY_FAILED = (
    "Enabling '{addon}' returned an error: running callbacks: [sudo KUBECONFIG=/var/lib/minikube/kubeconfig /var/lib/minikube/binaries/{version}/kubectl "
    "apply --force "
    '-f /etc/kubernetes/addons/{file}: Process exited with status 1\nstdout:\n\nstderr:\nerror: error validating "/etc/kubernetes/addons/{file}": error '
    "validating data: "
    'failed to download openapi: Get "https://localhost:8443/openapi/v2?timeout=32s": dial tcp 127.0.0.1:8443: connect: connection refused; if you choose to '
    "ignore these "
    "errors, turn validation off with --validate=false\n]"
)
STORAGE, DEFAULT_CLASS, PLUGIN, METRICS = "storage-provisioner", "default-storageclass", "nvidia-device-plugin", "metrics-server"
STORAGE_IMAGE = "gcr.io/k8s-minikube/storage-provisioner:v5"
PLUGIN_IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.18.2"  # of minikube v1.38.1: facts/minikube.md, "Plugin image per minikube version"
# 392.66 s in recordings/minikube/start_container_removed.json, most of it this wait.
APISERVER_WAIT = 375
INNER_DOCKER = "29.2.1"
NO_NETWORK = (
    "minikube cannot pull kicbase image from any docker registry, and is trying to download kicbase tarball from github release page via HTTP.",
    "It's very likely that you have an internet issue. Please ensure that you can access the internet at least via HTTP, directly or with proxy. "
    "Currently your proxy configuration is:",
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
OWN_CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")


class Start:
    """One run of `minikube start`."""

    def __init__(self, call: Call, out: Output, home: Home, kubeconfig: Kubeconfig, flags: Flags, name: str) -> None:
        self.call, self.out, self.home, self.kubeconfig, self.flags, self.name = call, out, home, kubeconfig, flags, name
        self.force = flags.on("force")
        self.existing: dict[str, Any] | None = None
        self.version = KUBERNETES

    def run(self) -> int:
        self._greet()
        self._look_at_profile()
        self._choose_driver()
        self._check_flags()
        config = self._config()
        if self.flags.on("dry-run"):
            self.out.step(1, "dry-run validation complete!")
            return 0
        if self.existing is None:
            self.home.save(self.name, config)
            with self.call.station.changed() as state:
                state["minikube"]["profiles"][self.name] = {
                    "distro": self.call.distro,
                    "home": self.home.inside,
                    "kubeconfig": self._kubeconfig_inside(),
                    "written": True,
                }
        self.out.step(3, f'Starting "{self.name}" primary control-plane node in "{self.name}" cluster')
        self._pull_base_image(config)
        fresh = self._container(config)
        self._provision(config)
        return self._kubernetes(config, fresh)

    # --- before anything is done

    def _greet(self) -> None:
        self.home.make()
        self.home.profile(self.name).mkdir(parents=True, exist_ok=True)
        self.out.events_file = self.home.profile(self.name) / "events.json"
        self.out.events_file.write_text("")
        self.out.step(0, f"[{self.name}] minikube {VERSION} on Ubuntu 24.04 (amd64)")
        if "MINIKUBE_HOME" in self.call.env:
            self.out.info(f"MINIKUBE_HOME={self.call.env['MINIKUBE_HOME']}")
        if self.force:
            self.out.warning("minikube skips various validations when --force is supplied; this may lead to unexpected behavior")

    def _look_at_profile(self) -> None:
        try:
            self.existing = self.home.load(self.name)
        except Corrupt as error:
            raise self.out.fail("HOST_CONFIG_LOAD", 38, f"Unable to load config: {error}") from None
        if not _valid_name(self.name):
            self.out.warning(f"Profile name '{self.name}' is not valid")
            raise self.out.fail("MK_USAGE", 14, "Only alphanumeric and dashes '-' are permitted. Minimum 2 characters, starting with alphanumeric.")
        driver = self.flags.value("driver") or self.flags.value("vm-driver")
        if self.existing and driver and driver != self.existing["Driver"]:
            old = self.existing["Driver"]
            advice = (
                f"Delete the existing '{self.name}' cluster using: 'minikube delete -p {self.name}', "
                f"or start the existing '{self.name}' cluster using: 'minikube start -p {self.name} --driver={old}'"
            )
            message = f'The existing "{self.name}" cluster was created using the "{old}" driver, which is incompatible with requested "{driver}" driver.'
            raise self.out.fail("GUEST_DRIVER_MISMATCH", 81, message, advice=advice)
        old_version = self.existing["KubernetesConfig"]["KubernetesVersion"] if self.existing else KUBERNETES
        self.version = minikube_flags.kubernetes_version(self.out, self.flags, old_version)
        if self.existing and minikube_flags.version_key(self.version) < minikube_flags.version_key(old_version):
            message = f"Unable to safely downgrade existing Kubernetes {old_version} cluster to {self.version}"
            raise self.out.fail("K8S_DOWNGRADE_UNSUPPORTED", 106, message, advice=DOWNGRADE_ADVICE)

    def _choose_driver(self) -> None:
        driver = self.flags.value("driver") or self.flags.value("vm-driver") or "docker"
        if driver not in minikube_flags.DRIVERS:
            raise self.out.fail("DRV_UNSUPPORTED_OS", 56, f"The driver '{driver}' is not supported on linux/amd64")
        how = "based on existing profile" if self.existing else "based on user configuration"
        if not self.existing and not (self.flags.value("driver") or self.flags.value("vm-driver")):
            self.out.step(1, f"Automatically selected the {driver} driver")
        else:
            self.out.step(1, f"Using the {driver} driver {how}")
        if driver == "podman":
            message = "The 'podman' provider was not found: exec: \"podman\": executable file not found in $PATH"
            raise self.out.fail("PROVIDER_PODMAN_NOT_FOUND", 65, message, advice="Install Podman", url="https://minikube.sigs.k8s.io/docs/drivers/podman/")
        if driver == "none" and self.call.uid != 0:
            message = "The 'none' provider was not found: running the 'none' driver as a regular user requires sudo permissions"
            raise self.out.fail("PROVIDER_NONE_NOT_FOUND", 65, message)
        if driver != "docker":
            self.call.unknown(f"the driver {driver}")
        self._check_docker()

    def _check_docker(self) -> None:
        with self.call.station.lock:
            installed = bool(self.call.station.state["docker"]["desktop"] or own_engine.distro_of(self.call.station.state) == self.call.distro)
        if not installed:
            message = "The 'docker' provider was not found: exec: \"docker\": executable file not found in $PATH"
            raise self.out.fail("PROVIDER_DOCKER_NOT_FOUND", 65, message, advice="Install Docker", url=DRIVER_URL)
        trouble = engine_trouble(self.call)
        if trouble is not None:
            message = f'"docker version --format <no value>-<no value>:<no value>" exit status 1: {trouble}'
            raise self.out.fail("PROVIDER_DOCKER_NOT_RUNNING", 63, message, advice="Start the Docker service", url=DRIVER_URL)
        if self.call.uid == 0:
            for line in ROOT:
                self.out.error(line)
            if self.existing:
                self.out.error(f"Tip: To remove this root owned cluster, run: sudo minikube delete -p {self.name}")
            if not self.force:
                raise self.out.fail("DRV_AS_ROOT", 57, 'The "docker" driver should not be used with root privileges.')

    def _check_flags(self) -> None:
        minikube_flags.check_gpus_and_runtime(self.out, self.flags, "docker")
        held = desktop.engine(self.call.station)
        with self.call.station.lock:
            system = self.call.station.state["windows"]["memory_bytes"] // desktop.MIB
            system = min(system, held["memory_bytes"] // desktop.MIB)  # the distro sees the VM's memory
        engine_mb = held["memory_bytes"] // desktop.MIB
        text = self.flags.value("memory")
        if text and text not in ("max", "no-limit"):
            minikube_flags.check_memory(self.out, minikube_flags.memory_mb(self.out, text), system, engine_mb, self.existing is None, self.force)
        minikube_flags.check_cpus(self.out, self.flags.value("cpus", "2"), held["cpus"], self.force)
        minikube_flags.check_the_rest(self.out, self.flags)
        runtime = self.flags.value("container-runtime") or (self.existing or {}).get("KubernetesConfig", {}).get("ContainerRuntime", "docker")
        if runtime == "docker":
            self.out.warning('Starting v1.39.0, minikube will default to "containerd" container runtime. See #21973 for more info.')

    def _config(self) -> dict[str, Any]:
        held = desktop.engine(self.call.station)
        if self.existing is not None:
            return self._existing_config(self.existing, held)
        self.out.info("Using Docker driver with root privileges")
        config = new_config(self.name)
        text = self.flags.value("memory")
        engine_mb = held["memory_bytes"] // desktop.MIB
        default = max(3072, min(engine_mb // 4, 6144))
        config["Memory"] = (
            {"": default, "max": engine_mb, "no-limit": 0}.get(text) if text in ("", "max", "no-limit") else minikube_flags.memory_mb(self.out, text)
        )
        config["CPUs"] = minikube_flags.check_cpus(self.out, self.flags.value("cpus", "2"), held["cpus"], self.force)
        config["GPUs"] = self.flags.value("gpus")
        config["KicBaseImage"] = self.flags.value("base-image", config["KicBaseImage"])
        config["StartHostTimeout"] = minikube_flags.nanoseconds(self.flags.value("wait-timeout", "6m"))
        # One mount only (kubernetes/minikube#21346); --mount itself has no effect since 1.37 (#21291).
        config["ContainerVolumeMounts"] = self.flags.get("mount-string", [])[-1:] or None
        config["RegistryMirror"] = self.flags.many("registry-mirror")
        config["StaticIP"], config["Subnet"] = self.flags.value("static-ip"), self.flags.value("subnet")
        kubernetes = config["KubernetesConfig"]
        kubernetes.update(
            KubernetesVersion=self.version,
            ContainerRuntime=self.flags.value("container-runtime") or "docker",
            ExtraOptions=minikube_flags.extra_options(self.flags),
        )
        kubernetes.update(CNI=self.flags.value("cni"), FeatureGates=self.flags.value("feature-gates"))
        config["Nodes"][0].update(KubernetesVersion=self.version, ContainerRuntime=kubernetes["ContainerRuntime"])
        if not self.flags.on("install-addons", default=True):
            config["Addons"] = {PLUGIN: False}
        return config

    def _existing_config(self, config: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
        """Memory and CPUs are refused with a warning; --gpus is not even looked at (facts/minikube.md, "Drift")."""
        text = self.flags.value("memory")
        if text and text not in ("max", "no-limit") and minikube_flags.memory_mb(self.out, text) != config["Memory"]:
            self.out.warning("You cannot change the memory size for an existing minikube cluster. Please first delete the cluster.")
        cpus = self.flags.value("cpus")
        if cpus and minikube_flags.check_cpus(self.out, cpus, held["cpus"], self.force) != config["CPUs"]:
            self.out.warning("You cannot change the CPUs for an existing minikube cluster. Please first delete the cluster.")
        config["KubernetesConfig"]["KubernetesVersion"] = config["Nodes"][0]["KubernetesVersion"] = self.version
        if "extra-config" in self.flags:
            config["KubernetesConfig"]["ExtraOptions"] = minikube_flags.extra_options(self.flags)
        return config

    # --- the container

    def _pull_base_image(self, config: dict[str, Any]) -> None:
        self.out.step(5, "Pulling base image v0.0.50 ...")
        tag = engine.full_tag(config["KicBaseImage"])
        if engine.find_image(self.call.station, tag) is None:
            self.call.pause(6)
            if desktop.engine(self.call.station).get("registry") == "unreachable":
                self._no_network(config)
            with self.call.station.changed():
                desktop.engine(self.call.station)["images"][tag] = engine.new_image(tag, desktop.now_text(self.call.station), 1_310_000_000)

    def _no_network(self, config: dict[str, Any]) -> None:
        """What the first start goes through where no registry can be reached: recordings/minikube/start_{cpus_word,wait_bad,gpus_default_runtime}.json."""
        for tag in minikube_node.NODE_IMAGES if self.flags.on("cache-images", default=True) else ():
            self.out.warning(f"The image '{tag.format(self.version)}' was not found; unable to add it to cache.")
        for said in NO_NETWORK:
            self.out.warning(said)
        minikube_status.glog(self.call, "cache.go:238] Error downloading kic artifacts:  failed to download kic base image or any fallback image")
        self.call.pause(20)
        image = config["KicBaseImage"]
        cause = (
            f"creating host: create: creating: setting up container node: preparing volume for {self.name} container: docker run --rm --name "
            f"{self.name}-preload-sidecar --label created_by.minikube.sigs.k8s.io=true --label name.minikube.sigs.k8s.io={self.name} --entrypoint "
            f"/usr/bin/test -v {self.name}:/var {image} -d /var/lib: exit status 125\nstdout:\n\nstderr:\nUnable to find image '{image}' locally\n"
            'docker: Error response from daemon: Get "https://gcr.io/v2/": dial tcp: lookup gcr.io on 10.255.255.254:53: no such host\n'
            f"{docker.RUN_HELP.rstrip()}"
        )
        creating = self._creating(config)
        self.out.step(8, creating)
        self.home.save_machine(self.name, config)
        self._create_fails(cause, creating)
        url = "https://minikube.sigs.k8s.io/docs/handbook/vpn_and_proxy/"
        advice = "Verify that your HTTP_PROXY and HTTPS_PROXY environment variables are set correctly."
        raise self.out.fail("INET_LOOKUP_HOST", 48, f"Failed to start host: recreate: {cause}", advice=advice, url=url)

    @staticmethod
    def _creating(config: dict[str, Any]) -> str:
        return f"Creating docker container (CPUs={config['CPUs'] or 'no-limit'}, Memory={config['Memory']}MB) ..."

    def _container(self, config: dict[str, Any]) -> bool:
        """The container runs afterwards; True when it was made now."""
        item = minikube_node.container(self.call.station, self.name)
        if item is None:
            if self.existing is not None:
                self.out.step(5, f'docker "{self.name}" container is missing, will recreate.')
            return self._create(config)
        self._choose_cgroup_driver(item)
        if item["state"] == "running":
            self.out.step(4, f'Updating the running docker "{self.name}" container ...')
            self.call.pause(3)
        else:
            self.out.step(5, f'Restarting existing docker container for "{self.name}" ...')
            self.call.pause(2)
            with self.call.station.changed():
                item.update(state="running", started=desktop.now_text(self.call.station), exit_code=0)
        self.home.save_machine(self.name, config)
        return False

    def _provision(self, config: dict[str, Any]) -> None:
        """What each start gives the node: the caller's proxy for its docker, the profile's mirrors, the certificates that lie in the user's folder.

        SIMULATED, read in minikube v1.38.1: engineOptions (machine/start.go), fixHost (machine/fix.go), SetDockerEnv (proxy/proxy.go), collectCACerts
        (bootstrapper/certs.go).
        """
        env = {name.upper(): self.call.env[name] for name in PROXIES if self.call.env.get(name)}
        certificates = [
            file.name for file in sorted((self.home.path / "certs").iterdir()) if file.suffix in (".crt", ".pem") and file.name not in OWN_CERTIFICATES
        ]
        with self.call.station.changed():
            item = desktop.engine(self.call.station)["containers"][self.name]
            item["provisioned"] = {
                "docker_env": [f"{name}={value}" for name, value in env.items()],
                "registry_mirrors": list(config["RegistryMirror"] or []),
                "certificates": certificates,
            }

    def _create(self, config: dict[str, Any]) -> bool:
        creating = self._creating(config)
        self.out.step(8, creating)
        self.home.save_machine(self.name, config)
        trouble = containers.gpu_trouble(self.call) if config["GPUs"] else None
        if trouble:
            self._create_failed(trouble, creating)
        self.call.pause(1.5)
        self.home.save_ssh_key(self.name)
        self._choose_cgroup_driver(minikube_node.create(self.call.station, self.name, config))
        self.call.pause(3)
        config["Nodes"][0]["IP"] = NODE_IP
        self.home.save(self.name, config)
        self.call.pause(4)
        return True

    def _choose_cgroup_driver(self, item: dict[str, Any]) -> None:
        """--force-systemd is not kept in the profile; each start writes the node's daemon.json anew (facts/minikube.md, "cgroup driver")."""
        with self.call.station.changed():
            item["cgroup_driver"] = "systemd" if self.flags.on("force-systemd") else desktop.engine(self.call.station)["cgroup_driver"]

    def _create_failed(self, trouble: tuple[int, str], creating: str) -> None:
        """The order is that of recordings/minikube/first_start_no_gpu_runtime.json.

        The text: samples/minikube/constructed_start_json_error_gpu_device_driver.txt.
        """
        code, text = trouble
        cause = (
            "creating host: create: creating: create kic node: create container: docker run [...] --gpus all --env NVIDIA_DRIVER_CAPABILITIES=all [...]: "
            f"exit status {code}\nstdout:\n\nstderr:\ndocker: {text}."
        )
        self._create_fails(cause, creating)
        raise self.out.fail("GUEST_PROVISION", 80, f"error provisioning guest: Failed to start host: recreate: {cause}", box="start")

    def _create_fails(self, cause: str, creating: str) -> None:
        """Twice."""
        self.call.pause(2)
        self.out.error(f"StartHost failed, but will try again: {cause}")
        self.call.pause(3)
        self.out.step(8, f'docker "{self.name}" container is missing, will recreate.')
        self.out.step(8, creating)
        self.call.pause(2)
        self.out.error(f'Failed to start docker container. Running "minikube delete -p {self.name}" may fix it: recreate: {cause}')

    # --- Kubernetes in it

    def _kubernetes(self, config: dict[str, Any], fresh: bool) -> int:
        station, name = self.call.station, self.name
        item = minikube_node.container(station, name)
        if item is None:
            self.call.unknown("the container went away during start")
        self.out.step(11, f"Preparing Kubernetes {config['KubernetesConfig']['KubernetesVersion']} on Docker {INNER_DOCKER} ...")
        if not config["Nodes"][0]["IP"]:
            self.call.pause(1)
            with station.changed():
                item["failed"] = True
            advice = "Recreate the cluster by running:\n\t\tminikube delete {{.profileArg}}\n\t\tminikube start {{.profileArg}}"
            raise self.out.fail("DRV_CP_ENDPOINT", 50, 'failed to construct cluster server address: failed to lookup ip for ""', advice=advice)
        for option in config["KubernetesConfig"]["ExtraOptions"] or []:
            self.out.info(f"{option['Component']}.{option['Key']}={option['Value']}")
        ran_before = desktop.engine(station)["volumes"].get(name, {}).get("kubeadm", False)
        if not ran_before:
            self._bootstrap(config)
        else:
            self.call.pause(5 if item["bootstrapped"] else 3)
        self._write_kubeconfig(item)
        if ran_before and not item["bootstrapped"]:
            self._never_comes_up(config, item)
        if ran_before:
            minikube_node.halt(station, name)  # the inner docker is restarted, and every pod with it
            self.call.pause(1)
        minikube_node.run(station, self.home, name)
        minikube_node.apply_network(station, name)
        self._write_kubeconfig(item)
        self.home.save(name, config)
        self.out.step(17, "Verifying Kubernetes components...")
        self.call.pause(2)
        self._addons(config)
        self._done(config)
        return 0

    def _bootstrap(self, config: dict[str, Any]) -> None:
        self.call.pause(8)
        self.out.step(12, "Generating certificates and keys ...")
        self.home.save_certificates(self.name)
        self.call.pause(1)
        self.out.step(13, "Booting up control plane ...")
        flags = [option["Key"] for option in config["KubernetesConfig"]["ExtraOptions"] or [] if option["Component"] == "kubelet"]
        for flag in flags:
            if flag != flag.lower():
                self._kubeadm_fails("start_kubelet_camelcase", {"--cgroupDriver": f"--{flag}"}, refused_flag=flag)
        if self.flags.on("force-systemd") and desktop.engine(self.call.station).get("cgroup_version") == "1":
            self._kubeadm_fails("start_force_systemd", {}, kubelet=minikube_node.RUNNING)
        self.call.pause(7)
        minikube_node.bootstrap(self.call.station, self.name, config)
        self.out.step(14, "Configuring RBAC rules ...")
        self.call.pause(1)
        self.out.step(15, "Configuring bridge CNI (Container Networking Interface) ...")
        self.call.pause(1)

    def _kubeadm_fails(self, name: str, words: dict[str, str], **node: Any) -> None:
        """A kubelet that refuses a flag, or cgroups that it cannot use: the recorded words, which do not name the cause."""
        self.call.pause(120)
        recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
        events = [json.loads(line) for line in recorded["stdout"].splitlines() if line.startswith("{")]
        first = next(number for number, event in enumerate(events) if event["data"]["message"].startswith("initialization failed"))
        with self.call.station.changed():
            desktop.engine(self.call.station)["containers"][self.name].update(failed=True, **node)
        for event in events[first:]:
            data = {key: value.replace("v1.36.2", self.version) for key, value in event["data"].items()}
            for recorded_word, word in words.items():
                data = {key: value.replace(recorded_word, word) for key, value in data.items()}
            kind = event["type"].rpartition(".")[2]
            if kind == "step":
                self.out.step(int(data["currentstep"]), data["message"])
            elif "exitcode" in data:
                raise self.out.fail(
                    data["name"], int(data["exitcode"]), data["message"], advice=data["advice"], issues=data["issues"], url=data["url"], box="start"
                )
            else:
                self.out.error(data["message"])

    def _never_comes_up(self, config: dict[str, Any], item: dict[str, Any]) -> None:
        self.home.save(self.name, config)
        with self.call.station.changed():
            item.update(kubelet=minikube_node.STOPPED, apiserver=minikube_node.STOPPED, failed=True)
        self.out.step(17, "Verifying Kubernetes components...")
        self.out.info(f"Using image {STORAGE_IMAGE}")
        version = config["KubernetesConfig"]["KubernetesVersion"]
        for addon, file in ((STORAGE, "storage-provisioner.yaml"), (DEFAULT_CLASS, "storageclass.yaml")):
            self.out.warning(APPLY_FAILED.format(addon=addon, version=version, file=file))
        self.out.step(18, "Enabled addons:")
        self.call.pause(APISERVER_WAIT)
        raise self.out.fail(
            "K8S_APISERVER_MISSING", 105, "wait 6m0s for node: wait for apiserver proc: apiserver process never appeared",
            advice="Check that the provided apiserver flags are valid, and that SELinux is disabled",
            issues="https://github.com/kubernetes/minikube/issues/4536,https://github.com/kubernetes/minikube/issues/6014",
        )  # fmt: skip

    def _write_kubeconfig(self, item: dict[str, Any]) -> None:
        now, select = self.call.station.now(), not self.flags.on("keep-context")
        self.kubeconfig.put(self.name, minikube_node.endpoint(item, self.call.env), self.home.inside, now, select)
        self.kubeconfig.save()

    def _kubeconfig_inside(self) -> str:
        return self.call.env.get("KUBECONFIG", "").split(":")[0] or f"{self.call.env.get('HOME', '/root')}/.kube/config"

    def _addons(self, config: dict[str, Any]) -> None:
        # null until the first start has come this far: recordings/minikube/config_gpu_after_failed_first_start.json
        addons = config["Addons"] = config["Addons"] or {}
        wanted = {STORAGE, DEFAULT_CLASS, *(name for name, on in addons.items() if on)}
        wanted |= {"nvidia-device-plugin" if name == "nvidia-gpu-device-plugin" else name for name in self.flags.many("addons")}
        if config["GPUs"] in ("all", "nvidia", "nvidia.com") and PLUGIN not in addons:
            wanted.add(PLUGIN)
        enabled = [name for name in (STORAGE, METRICS, PLUGIN, DEFAULT_CLASS) if name in wanted]
        self.out.info(f"Using image {STORAGE_IMAGE}")
        if PLUGIN in enabled:
            image = (config["CustomAddonImages"] or {}).get("NvidiaDevicePlugin")
            self.out.info(f"Using image {image or PLUGIN_IMAGE}")
            clusters.get(self.call.station, self.name, self.home.path).enable_addon(PLUGIN, image)
        if METRICS in enabled:
            clusters.get(self.call.station, self.name, self.home.path).enable_addon(METRICS)
        self.call.pause(1)
        addons.update(dict.fromkeys(enabled, True))
        self.home.save(self.name, config)
        self.out.step(18, f"Enabled addons: {', '.join(enabled)}")

    def _done(self, config: dict[str, Any]) -> None:
        if not (self.call.base / "usr-local" / "bin" / "kubectl").exists():
            self.out.info("kubectl not found. If you need it, try: 'minikube kubectl -- get pods -A'")
        namespace = config["KubernetesConfig"]["Namespace"]
        self.out.step(19, f'Done! kubectl is now configured to use "{self.name}" cluster and "{namespace}" namespace by default')


def _valid_name(name: str) -> bool:
    return len(name) >= 2 and name[0].isalnum() and all(character.isalnum() or character in "-_." for character in name)
