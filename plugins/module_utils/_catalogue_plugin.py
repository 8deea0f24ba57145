# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known failures of the Kubernetes API, the device plugin and GPU pods (layers `device_plugin` and `pod`).

The entries of the device plugin stand in the order in which a cause has to be looked for: no pod, image, container that never started,
configuration, NVML, devices, registration, health. What is said last in a log ("No devices found") is often not why.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry

_PLUGIN = "https://github.com/NVIDIA/k8s-device-plugin"
_TOOLKIT = "https://github.com/NVIDIA/nvidia-container-toolkit"
_KUBERNETES = "https://kubernetes.io/docs"
_KUBELET_PLUGINS = f"{_KUBERNETES}/concepts/extend-kubernetes/compute-storage-net/device-plugins/"
_RUNTIME_REMEDY = (
    "Make nvidia the default container runtime of the node (minikube does it when the cluster is created with --gpus=all), or recreate the cluster with GPUs; "
    "then delete the plugin's pod, because it does not retry by itself."
)
# Reported from the field, not proven here: nobody ran these repairs on WSL2 yet.
_NODE_REPAIR = (
    "Have role minikube carry the missing parts into the node (option wsl_gpu of minikube_gpu_cluster, consent word node_repair; field-reported ways, "
    "unproven), then run role device_plugin again: it recreates the plugin's pod, which never tries by itself."
)

_API: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-API-001",
        layer="device_plugin",
        cause="The Kubernetes API server cannot be reached.",
        remedy="Look at `minikube status -p {context}` and start the cluster; after a restart of WSL or Docker run `minikube update-context -p {context}`.",
        reference="https://minikube.sigs.k8s.io/docs/commands/update-context/",
        patterns=(r"The connection to the server \S+ was refused", r"dial tcp \S+: connect: connection refused", r"\[Errno 111\] Connection refused"),
        status="unreachable",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-API-002",
        layer="device_plugin",
        cause="The API server does not accept the credentials of this kubeconfig: the cluster was recreated, or the kubeconfig is another one's.",
        remedy="Run `minikube update-context -p {context}` as the Linux user who owns the profile, and compare with `kubectl --context {context} get nodes`.",
        reference=f"{_KUBERNETES}/reference/access-authn-authz/authentication/",
        patterns=(r"\bUnauthorized\b",),
        status="unreachable",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-API-003",
        layer="device_plugin",
        cause="The account of this kubeconfig lacks a right that is needed: {verb} {resource}.",
        remedy="Use minikube's own admin context, or let an administrator grant exactly this verb on this resource (docs/gpu-sharing.md lists all that "
        "are used).",
        reference=f"{_KUBERNETES}/reference/access-authn-authz/rbac/",
        patterns=(r"is forbidden: User \S+ cannot (\w+) resource",),
        status="unreachable",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-API-004",
        layer="device_plugin",
        cause="The API server answers, but was not ready within {seconds} s.",
        remedy="Give it time (option timeout), or look at `minikube logs -p {context}`: with too little memory or a slow disk etcd is what fails.",
        reference=f"{_KUBERNETES}/reference/using-api/health-checks/",
        patterns=(r"^\[-\]\S+ failed", r"readyz check failed"),
        status="unreachable",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-API-005",
        layer="device_plugin",
        cause="The API server does not know a field of the object that was applied; it answers 500 for that, which is not a fault of the server.",
        remedy="The cluster's Kubernetes version differs too much from what this collection supports; declare a newer kubernetes_version.",
        reference=f"{_KUBERNETES}/reference/using-api/server-side-apply/",
        patterns=(r"field not declared in schema", r"failed to create typed patch object"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-API-006",
        layer="device_plugin",
        cause="The kubeconfig cannot be used: it does not exist, is damaged, or has no such context.",
        remedy="The cluster was never started by this Linux user, or under another profile name: run role minikube first, or name its kubeconfig and context.",
        reference=f"{_KUBERNETES}/concepts/configuration/organize-cluster-access-kubeconfig/",
        patterns=(r"Invalid kube-config file", r"context \"?[^\"]+\"? does not exist"),
        status="unreachable",
    ),
    Entry(
        code="PLUGIN-API-007",
        layer="device_plugin",
        cause="Somebody else manages fields of the object that the fallback would set.",
        remedy="Find out who with `kubectl -n kube-system get daemonset gpudev-device-plugin -o yaml --show-managed-fields`; delete the object if it is "
        "a leftover.",
        reference=f"{_KUBERNETES}/reference/using-api/server-side-apply/#conflicts",
        patterns=(r"Apply failed with \d+ conflicts?", r"object has been modified; please apply your changes to the latest version"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-API-008",
        layer="device_plugin",
        cause="The API server refused or failed a request in a way that is not known to be harmless.",
        remedy="Read what was seen; if it is an admission policy, allow the object it names; otherwise look at `minikube logs -p {context}`.",
        reference=f"{_KUBERNETES}/reference/using-api/api-concepts/",
        wording="documented",
    ),
    Entry(
        code="PLUGIN-NODE-001",
        layer="device_plugin",
        cause="The node is not Ready: nothing is started on it, whatever minikube's status says about processes.",
        remedy="Look at the node's conditions with `kubectl --context {context} describe node`; most often the network plugin is missing.",
        reference=f"{_KUBERNETES}/reference/node/node-status/#condition",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-ADDON-001",
        layer="device_plugin",
        cause="The addon was applied before the API server served: minikube only warns about that and goes on.",
        remedy="Wait for /readyz, then enable it again with `minikube addons enable nvidia-device-plugin -p {context}`; this module's fallback needs neither.",
        reference="https://github.com/kubernetes/minikube/issues/19114",
        patterns=(
            r"Enabling 'nvidia-device-plugin' returned an error",
            r"error validating \"?[^\"]*\"?: (error validating data: )?failed to download openapi",
            r"unable to recognize \"[^\"]*nvidia[^\"]*\"",
        ),
        wording="unverified",
        rows=("S11",),
    ),
    Entry(
        code="PLUGIN-LABEL-001",
        layer="device_plugin",
        cause="A selector found nothing. That says that namespace or label are wrong, not that there is no device plugin: no current object has "
        "k8s-app=nvidia-device-plugin; the addon's pods carry name=nvidia-device-plugin-ds in kube-system.",
        remedy="Use `kubectl get pods -A -l name=nvidia-device-plugin-ds`, or this module, which looks by every known label and by container in all "
        "namespaces.",
        reference=f"{_PLUGIN}#enabling-gpu-support-in-kubernetes",
        patterns=(r"error: no matching resources found", r"^No resources found"),
        status=None,
        severity="warning",
        wording="documented",
        rows=("S14",),
    ),
)

_ABSENT: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-ABSENT-001",
        layer="device_plugin",
        cause="Nothing in the cluster offers GPUs: no device plugin in any namespace, also not after {seconds} s. minikube's addon may count as enabled "
        "all the same.",
        remedy="Run role device_plugin: it deploys its own device plugin where there is none.",
        reference=f"{_PLUGIN}#enabling-gpu-support-in-kubernetes",
        wording="documented",
        rows=("S13",),
    ),
    Entry(
        code="PLUGIN-ABSENT-002",
        layer="device_plugin",
        cause="The DaemonSet {name} matches no node: it wants 0 pods, which neither is Pending nor makes an event.",
        remedy="Its affinity or node selector wants a label that the node lacks: `kubectl --context {context} label node --all "
        "nvidia.com/gpu.present=true`, or take the affinity off.",
        reference=f"{_PLUGIN}/issues/708",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-ABSENT-003",
        layer="device_plugin",
        cause="The DaemonSet {name} is not allowed to create its pods.",
        remedy="A quota, a pod security level or an admission policy of that namespace refuses them: see what was seen.",
        reference=f"{_KUBERNETES}/concepts/policy/resource-quotas/",
        patterns=(r"Error creating: pods \"[^\"]*\" is forbidden", r"exceeded quota", r"violates PodSecurity"),
    ),
    Entry(
        code="PLUGIN-ABSENT-004",
        layer="device_plugin",
        cause="The plugin's pod cannot be scheduled.",
        remedy="See the scheduler's words: a taint that the DaemonSet does not tolerate, or no room for pods on the node.",
        reference=f"{_KUBERNETES}/concepts/scheduling-eviction/taint-and-toleration/",
        patterns=(r"node\(s\) had untolerated taint", r"\d+/\d+ nodes are available: \d+ (Too many pods|Insufficient (cpu|memory))"),
    ),
)

_IMAGE: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-IMAGE-001",
        layer="device_plugin",
        cause="The plugin's image is not on the node and must not be pulled (imagePullPolicy Never).",
        remedy="Load it into this profile: `minikube image load <image> -p {context}`, and check with `minikube image ls -p {context}`.",
        reference="https://minikube.sigs.k8s.io/docs/handbook/pushing/",
        patterns=(r"ErrImageNeverPull",),
        wording="recorded",
        rows=("S15",),
    ),
    Entry(
        code="PLUGIN-IMAGE-002",
        layer="device_plugin",
        cause="The name of the plugin's image is malformed.",
        remedy="Correct the image: registry/repository:tag@sha256:digest, in lower case.",
        reference=f"{_KUBERNETES}/concepts/containers/images/",
        patterns=(r"InvalidImageName", r"invalid reference format"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-IMAGE-003",
        layer="device_plugin",
        cause="The registry does not have this image or digest.",
        remedy="Declare an image that exists; the versions file of role workstation names one with its digest.",
        reference="https://catalog.ngc.nvidia.com/orgs/nvidia/containers/k8s-device-plugin",
        patterns=(r"manifest unknown", r"manifest for \S+ not found", r"failed to resolve reference \"[^\"]+\": \S+: not found"),
    ),
    Entry(
        code="PLUGIN-IMAGE-004",
        layer="device_plugin",
        cause="The plugin's image cannot be pulled into the node: no network, a proxy or firewall in between, or it was built on the host and never "
        "loaded into the node.",
        remedy="Check that the node reaches the registry (proxy settings of minikube). Or load an image by its tag (minikube image load IMAGE -p {context}), "
        "and declare device_plugin_image with that tag and minikube_addons: {nvidia-device-plugin: false}. By a digest, as minikube's addon does it, an image "
        "is pulled although it was loaded.",
        reference="https://minikube.sigs.k8s.io/docs/handbook/vpn_and_proxy/",
        patterns=(r"ImagePullBackOff", r"ErrImagePull", r"Failed to pull image", r"Back-off pulling image"),
        wording="recorded",
        rows=("S15",),
    ),
)

_START: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-START-001",
        layer="device_plugin",
        cause="The plugin's container never started: the driver in the node does not fit its libraries, because the driver was updated without a restart.",
        remedy="Restart WSL (`wsl --shutdown`, or reboot native Linux), then recreate the node container.",
        reference=f"{_PLUGIN}/issues/1431",
        patterns=(r"nvidia-container-cli: initialization error: nvml error: driver/library version mismatch",),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-START-002",
        layer="device_plugin",
        cause="The plugin's container never started: the NVIDIA container runtime found no usable driver in the node.",
        remedy="Check layers docker_gpu and cluster: the node was created without --gpus, or the driver's libraries are not visible in it.",
        reference=f"{_TOOLKIT}/issues/1739",
        patterns=(r"nvidia-container-cli: [^\n]*", r"CDI device injection failed", r"could not apply required modification to OCI specification"),
    ),
    Entry(
        code="PLUGIN-START-003",
        layer="device_plugin",
        cause="The node does not have the runtime class that the pod asks for.",
        remedy="Take runtimeClassName off, or create the RuntimeClass nvidia and configure the runtime in the node.",
        reference=f"{_KUBERNETES}/concepts/containers/runtime-class/",
        patterns=(r"no runtime for \"[^\"]+\" is configured", r"RuntimeClass \"[^\"]+\" not found"),
    ),
    Entry(
        code="PLUGIN-START-004",
        layer="device_plugin",
        cause="The plugin's container cannot be created: it refers to a ConfigMap or Secret that does not exist, or a volume cannot be mounted.",
        remedy="Create what is named in what was seen, or take the reference off.",
        reference=f"{_KUBERNETES}/tasks/configure-pod-container/configure-pod-configmap/",
        patterns=(r"CreateContainerConfigError", r"MountVolume\.SetUp failed", r"FailedMount", r"hostPath type check failed"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-START-005",
        layer="device_plugin",
        cause="The plugin's container never started.",
        remedy="Read what the runtime said; `docker run --rm --gpus all` with the same image on the host shows whether the cause lies below Kubernetes.",
        reference=f"{_TOOLKIT}",
        patterns=(r"OCI runtime create failed", r"failed to create (shim|containerd) task", r"RunContainerError", r"StartError", r"CreateContainerError"),
        wording="recorded",
    ),
)

_CONFIG: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-CONFIG-001",
        layer="device_plugin",
        cause="MPS sharing was configured without what it needs; it cannot be had from a single DaemonSet.",
        remedy="Use the plugin's helm chart for MPS, or time-slicing.",
        reference=f"{_PLUGIN}/issues/1132",
        patterns=(r"using MPS requires --mps-root to be specified", r"is not supported with MPS"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-CONFIG-002",
        layer="device_plugin",
        cause="The plugin's configuration file is refused; it is not read again by itself.",
        remedy="Correct the ConfigMap, then delete the plugin's pod.",
        reference=f"{_PLUGIN}#configuring-the-nvidia-device-plugin-binary",
        patterns=(r"unable to load config:",),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-CONFIG-003",
        layer="device_plugin",
        cause="A flag or environment variable of the plugin is refused.",
        remedy="Correct the DaemonSet's arguments or environment; the line says which one.",
        reference=f"{_PLUGIN}#configuring-the-nvidia-device-plugin-binary",
        patterns=(r"unable to validate flags:",),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-CONFIG-004",
        layer="device_plugin",
        cause="The plugin was told not to register with the kubelet (KUBELET_SOCKET is empty), although it says that it did.",
        remedy="Take KUBELET_SOCKET off the DaemonSet.",
        reference=f"{_PLUGIN}#configuring-the-nvidia-device-plugin-binary",
        patterns=(r"Skipping registration with Kubelet",),
        wording="recorded",
    ),
)

_NVML: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-NVML-001",
        layer="device_plugin",
        cause="The plugin's container has no driver library (libnvidia-ml.so.1): the NVIDIA runtime did not inject it.",
        remedy=_RUNTIME_REMEDY,
        reference=f"{_PLUGIN}#prerequisites",
        patterns=(r"NVML:? (init failed: )?ERROR_LIBRARY_NOT_FOUND", r"nvml init failed: ERROR_LIBRARY_NOT_FOUND"),
        wording="recorded",
        versions="0.13 and newer",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-002",
        layer="device_plugin",
        cause="The plugin's container has no driver library (wording of plugins up to 0.12).",
        remedy=f"Use a current plugin. {_RUNTIME_REMEDY}",
        reference=f"{_PLUGIN}/issues/303",
        patterns=(r"Failed to initialize NVML: could not load NVML library", r"could not load NVML library: libnvidia-ml\.so\.1"),
        wording="recorded",
        versions="up to 0.15",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-003",
        layer="device_plugin",
        cause="The plugin recognises no platform: neither WSL's libdxcore.so nor libnvidia-ml.so.1 is visible in its container.",
        remedy=_RUNTIME_REMEDY,
        reference=f"{_PLUGIN}/issues/1220",
        patterns=(
            r"Incompatible strategy detected auto",
            r"invalid device discovery strategy",
            r"Incompatible platform detected",
            r"platform detection failed",
        ),
        versions="0.13 to 0.19.0",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-004",
        layer="device_plugin",
        cause="NVML answers Not Supported: in a node nested in WSL2, libdxcore.so or the driver store was not carried into the node, so the library "
        "finds no adapter.",
        remedy=f"Look in the node: `minikube ssh -p {{context}} -- ls /dev/dxg /usr/lib/wsl/lib/libdxcore.so /usr/lib/wsl/drivers`. {_NODE_REPAIR}",
        reference=f"{_TOOLKIT}/issues/1739",
        patterns=(r"(Failed to initialize NVML|nvml init failed): (Not Supported|ERROR_NOT_SUPPORTED)",),
        wording="recorded",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-005",
        layer="device_plugin",
        cause="NVML answers Unknown Error: the container lost its right to the GPU's device nodes (systemd daemon-reload), or the nodes are missing.",
        remedy="Delete the plugin's pod; if it comes back, use the cgroupfs driver or CDI, see the reference.",
        reference=f"{_TOOLKIT}/issues/251",
        patterns=(r"(Failed to initialize NVML|nvml init failed): (Unknown Error|ERROR_UNKNOWN)",),
        wording="recorded",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-006",
        layer="device_plugin",
        cause="The driver was updated without a restart: its libraries and its kernel side differ.",
        remedy="Restart WSL (`wsl --shutdown`, or reboot native Linux), recreate the node container, then delete the plugin's pod.",
        reference=f"{_PLUGIN}/issues/1431",
        patterns=(r"(Failed to initialize NVML|nvml init failed): (Driver/library version mismatch|ERROR_LIB_RM_VERSION_MISMATCH)",),
        wording="recorded",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-007",
        layer="device_plugin",
        cause="The NVIDIA kernel driver is not loaded.",
        remedy="Load it on the host (`modprobe nvidia`) or install it; on WSL2 the driver is the Windows one: look at layer nvidia_driver.",
        reference="https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        patterns=(r"(Failed to initialize NVML|nvml init failed): (Driver Not Loaded|ERROR_DRIVER_NOT_LOADED)",),
        wording="recorded",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-008",
        layer="device_plugin",
        cause="The plugin may not open the GPU's device nodes.",
        remedy="Correct the permissions of /dev/nvidia* (or /dev/dxg) in the node.",
        reference=f"{_PLUGIN}#prerequisites",
        patterns=(r"(Failed to initialize NVML|nvml init failed): (Insufficient Permissions|ERROR_NO_PERMISSION)",),
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-009",
        layer="device_plugin",
        cause="The GPU fell off the bus.",
        remedy="Reboot the machine; look for Xid messages in the kernel's log.",
        reference="https://docs.nvidia.com/deploy/xid-errors/",
        patterns=(r"nvml: GPU is lost", r"NVML[^\n]*GPU is lost"),
        wording="recorded",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-NVML-010",
        layer="device_plugin",
        cause="NVML could not be initialised.",
        remedy=f"The text names why. {_RUNTIME_REMEDY}",
        reference=f"{_PLUGIN}#prerequisites",
        patterns=(r"Failed to initialize NVML", r"nvml init failed"),
        rows=("S12",),
    ),
)

_DEVICES: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-DEVICE-001",
        layer="device_plugin",
        cause="The plugin takes a WSL machine for a plain NVML one and asks for a device minor number, which WSL does not have: libdxcore.so is not "
        "visible to it.",
        remedy=f"Use a plugin of at least 0.15. {_NODE_REPAIR}",
        reference=f"{_PLUGIN}/issues/332",
        patterns=(r"error getting GPU device minor number: Not Supported",),
    ),
    Entry(
        code="PLUGIN-DEVICE-002",
        layer="device_plugin",
        cause="The MIG layout of the GPUs does not fit the plugin's MIG strategy.",
        remedy="Configure all GPUs alike, or use migStrategy none; then delete the plugin's pod.",
        reference=f"{_PLUGIN}#migstrategy",
        patterns=(
            r"invalid MIG configuration",
            r"must be configured with the same migEnabled value",
            r"at least one device with migEnabled=true was not configured correctly",
        ),
    ),
    Entry(
        code="PLUGIN-DEVICE-003",
        layer="device_plugin",
        cause="A MIG strategy was set, but there is no NVML.",
        remedy=_RUNTIME_REMEDY,
        reference=f"{_PLUGIN}#migstrategy",
        patterns=(r"mig-strategy=\"?\w+\"? is only supported with NVML",),
    ),
)

_REGISTER: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-REGISTER-001",
        layer="device_plugin",
        cause="The kubelet's device plugin directory does not exist where the plugin looks for it.",
        remedy="The node's kubelet uses another root directory: correct the hostPath, or KUBELET_SOCKET.",
        reference=_KUBELET_PLUGINS,
        patterns=(r"failed to create FS watcher for [^\n]*: no such file or directory", r"failed to create FS watcher"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-MPS-001",
        layer="device_plugin",
        cause="The plugin waits for an MPS control daemon that does not run.",
        remedy="Deploy MPS through the plugin's helm chart, or take the MPS sharing off.",
        reference=f"{_PLUGIN}/issues/679",
        patterns=(r"error (waiting for|checking) MPS daemon",),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-REGISTER-002",
        layer="device_plugin",
        cause="The plugin cannot register: the kubelet does not answer on its socket. It tries again every 30 s.",
        remedy="Look at the kubelet: `minikube ssh -p {context} -- sudo systemctl status kubelet`.",
        reference=_KUBELET_PLUGINS,
        patterns=(r"Could not register device plugin", r"Failed to start one or more plugins\. Retrying"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-REGISTER-003",
        layer="device_plugin",
        cause="The plugin's own server ended again and again, and the plugin gave up.",
        remedy="Two plugins may fight over the same socket: look for a second provider; then delete the pod.",
        reference=_KUBELET_PLUGINS,
        patterns=(r"has repeatedly crashed recently\. Quitting",),
    ),
)

_HEALTH: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-HEALTH-001",
        layer="device_plugin",
        cause="The GPU is too old for health checks, and this plugin (up to 0.18.2) counts it as unhealthy therefore.",
        remedy="Use a plugin of at least 0.19.0, or set DP_DISABLE_HEALTHCHECKS=all.",
        reference=f"{_PLUGIN}/pull/1562",
        patterns=(r"is too old to support healthchecking",),
        versions="up to 0.18.2",
    ),
    Entry(
        code="PLUGIN-HEALTH-002",
        layer="device_plugin",
        cause="The GPU reported a critical error (Xid) and was taken out of service; the plugin does not take it back by itself.",
        remedy="Look the Xid number up, reset or reboot, then delete the plugin's pod.",
        reference="https://docs.nvidia.com/deploy/xid-errors/",
        patterns=(r"XidCriticalError: Xid=\d+", r"device marked unhealthy", r"marked unhealthy:"),
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-HEALTH-003",
        layer="device_plugin",
        cause="The plugin cannot watch the GPU for errors, and counts it as unhealthy therefore.",
        remedy="Update the driver; or set DP_DISABLE_HEALTHCHECKS=all, which switches the watch off.",
        reference=f"{_PLUGIN}#configuring-the-nvidia-device-plugin-binary",
        patterns=(r"unable to determine the supported events for [^\n]*; marking it as unhealthy",),
        wording="recorded",
    ),
    # Said last by a plugin that failed for one of the reasons above, and alone only by one that really saw no GPU.
    Entry(
        code="PLUGIN-DEVICE-004",
        layer="device_plugin",
        cause="The plugin sees no GPU in the node and waits for ever: it looks again only when its pod is recreated.",
        remedy="Check layer cluster (is the GPU in the node?), then delete the plugin's pod.",
        reference=f"{_PLUGIN}/issues/646",
        patterns=(r"No devices found\. Waiting indefinitely",),
        wording="recorded",
    ),
)

_ALLOCATABLE: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-TWO-001",
        layer="device_plugin",
        cause="There are {count} providers of nvidia.com/gpu: {providers}. The last one to register wins, the others keep Running and do nothing.",
        remedy="Keep one. The collection only ever removes its own: delete the others where they come from (helm uninstall, kubectl delete daemonset, "
        "minikube addons disable), "
        "then delete the pod of the one that stays, because it does not register again.",
        reference=_KUBELET_PLUGINS,
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-TWO-002",
        layer="device_plugin",
        cause="The collection's own device plugin stands beside {providers}.",
        remedy="The collection removes its own one as soon as the other one works.",
        reference=_KUBELET_PLUGINS,
        status=None,
        severity="warning",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-ALLOC-001",
        layer="device_plugin",
        cause="The node has never offered nvidia.com/gpu: no plugin has registered with its kubelet.",
        remedy="Look at the plugin's pod and log; deleting the pod makes it try again.",
        reference=_KUBELET_PLUGINS,
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-ALLOC-002",
        layer="device_plugin",
        cause="The node offered GPUs before, but 0 of 0 now: the kubelet restarted and the plugin has not registered again, or it reports no device.",
        remedy="After a start it comes back within some 10 s; if not, delete the plugin's pod.",
        reference=_KUBELET_PLUGINS,
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-ALLOC-003",
        layer="device_plugin",
        cause="The node has {capacity} GPU(s), none of them allocatable: the plugin is gone, its device is unhealthy, or it lost its registration to a "
        "second plugin and "
        "does not register again. Its pod may be Running and Ready all the same.",
        remedy="Delete the plugin's pod; capacity alone proves nothing.",
        reference=_KUBELET_PLUGINS,
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-STARTING-001",
        layer="device_plugin",
        cause="The device plugin is still starting.",
        remedy="Look again in a moment.",
        reference=_KUBELET_PLUGINS,
        status="unknown",
        severity="warning",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-OWN-001",
        layer="device_plugin",
        cause="There is an object named {name} that this collection did not make.",
        remedy="Rename or delete it; the collection changes only objects that carry its label app.kubernetes.io/managed-by=gpudev.workstation.",
        reference=f"{_KUBERNETES}/concepts/overview/working-with-objects/common-labels/",
    ),
    Entry(
        code="PLUGIN-WSL-001",
        layer="device_plugin",
        cause="The node runs on WSL2, but the plugin took it for a machine of another kind: libdxcore.so is not visible in the plugin's container.",
        remedy=_NODE_REPAIR,
        reference=f"{_TOOLKIT}/issues/1739",
        status=None,
        severity="warning",
        versions="0.19.1 and newer, which name the platform",
        rows=("S12",),
    ),
    Entry(
        code="PLUGIN-DRA-001",
        layer="device_plugin",
        cause="The GPUs are offered by a DRA driver (ResourceSlices of gpu.nvidia.com), not by a device plugin: the node's allocatable may show none.",
        remedy="Nothing to do: pods that ask for nvidia.com/gpu are served through the DeviceClass. No device plugin is put beside it.",
        reference=f"{_KUBERNETES}/concepts/scheduling-eviction/dynamic-resource-allocation/",
        status=None,
        severity="info",
    ),
    Entry(
        code="PLUGIN-REPAIR-001",
        layer="device_plugin",
        cause="The plugin's pod was recreated, because a plugin that failed or lost its registration does not try again by itself.",
        remedy="Nothing to do.",
        reference=_KUBELET_PLUGINS,
        status=None,
        severity="info",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-OTHER-001",
        layer="device_plugin",
        cause="The plugin's container does not stay up, for a reason that is not known here.",
        remedy="Read its log: `kubectl --context {context} -n {namespace} logs {pod} --previous`.",
        reference=f"{_PLUGIN}/issues",
    ),
)

_POD: tuple[Entry, ...] = (
    Entry(
        code="POD-ADMISSION-002",
        layer="pod",
        cause="The pod asked for more than one slice of a shared GPU, which the device plugin was told to refuse (fail_requests_greater_than_one): two slices "
        "give no more than one.",
        remedy="Ask for one nvidia.com/gpu, and delete the refused pod: it never comes back by itself.",
        reference=f"{_PLUGIN}#with-cuda-time-slicing",
        patterns=(r"maximum request size for shared resources is 1",),
    ),
    Entry(
        code="POD-ADMISSION-001",
        layer="pod",
        cause="The kubelet refused the pod after it was scheduled: the GPU was gone from its books at that moment, as it is right after a restart of "
        "node, kubelet or plugin.",
        remedy="Such a pod never comes back; a fresh one was tried. If it happens again, delete the device plugin's pod.",
        reference="https://github.com/kubernetes/kubernetes/issues/130145",
        patterns=(
            r"UnexpectedAdmissionError",
            r"Allocate failed due to (requested number of devices unavailable|device plugin|rpc error|no healthy devices)",
            r"cannot allocate (unhealthy|unregistered) devices?",
        ),
        wording="recorded",
    ),
    Entry(
        code="POD-PENDING-001",
        layer="pod",
        cause="The pod stays Pending: no node has an allocatable nvidia.com/gpu.",
        remedy="Look at layer device_plugin: run role device_plugin, which says why none is offered.",
        reference=f"{_KUBERNETES}/tasks/manage-gpus/scheduling-gpus/",
        wording="recorded",
        rows=("S6",),
    ),
    Entry(
        code="POD-PENDING-002",
        layer="pod",
        cause="The pod stays Pending: all {allocatable} allocatable GPU(s) are taken by {holders}.",
        remedy="Delete or wait for that pod, or share the GPU by time-slicing.",
        reference=f"{_KUBERNETES}/tasks/manage-gpus/scheduling-gpus/",
        status="unknown",
        wording="recorded",
        rows=("S6",),
    ),
    Entry(
        code="POD-PENDING-003",
        layer="pod",
        cause="The pod stays Pending: the node has a taint that it does not tolerate.",
        remedy="Remove the taint named in what was seen, or tolerate it.",
        reference=f"{_KUBERNETES}/concepts/scheduling-eviction/taint-and-toleration/",
        patterns=(r"had untolerated taint", r"node\(s\) had taint \{[^}]*\}, that the pod didn't tolerate"),
        rows=("S6",),
    ),
    Entry(
        code="POD-PENDING-004",
        layer="pod",
        cause="A quota of the namespace does not allow the pod.",
        remedy="Raise the quota (requests.nvidia.com/gpu), or use another namespace.",
        reference=f"{_KUBERNETES}/concepts/policy/resource-quotas/",
        patterns=(r"exceeded quota", r"failed quota"),
        rows=("S6",),
    ),
    Entry(
        code="POD-PENDING-005",
        layer="pod",
        cause="The pod stays Pending: the scheduler finds no node for it.",
        remedy="Read the scheduler's words; `kubectl describe pod` shows them as event FailedScheduling.",
        reference=f"{_KUBERNETES}/concepts/scheduling-eviction/kube-scheduler/",
        patterns=(r"\d+/\d+ nodes are available", r"FailedScheduling"),
        wording="recorded",
        rows=("S6",),
    ),
    Entry(
        code="POD-IMAGE-001",
        layer="pod",
        cause="The image is not on the node and must not be pulled (imagePullPolicy Never).",
        remedy="Load it into this profile: `minikube image load <image> -p {context}`, and check with `minikube image ls -p {context}`.",
        reference="https://minikube.sigs.k8s.io/docs/handbook/pushing/",
        patterns=(r"ErrImageNeverPull",),
        wording="recorded",
        rows=("S15",),
    ),
    Entry(
        code="POD-IMAGE-002",
        layer="pod",
        cause="The name of the image is malformed.",
        remedy="Correct it: registry/repository:tag@sha256:digest, in lower case.",
        reference=f"{_KUBERNETES}/concepts/containers/images/",
        patterns=(r"InvalidImageName", r"invalid reference format"),
        wording="recorded",
    ),
    Entry(
        code="POD-IMAGE-003",
        layer="pod",
        cause="The image cannot be pulled into the node: it was built elsewhere (on the host, or in another profile) or never, its tag is :latest and "
        "is therefore always "
        "pulled, or the node does not reach the registry.",
        remedy="Load it into this profile (`minikube image load <image> -p {context}`), use a fixed tag, or give the node a way to the registry (proxy).",
        reference="https://minikube.sigs.k8s.io/docs/handbook/pushing/",
        patterns=(r"ImagePullBackOff", r"ErrImagePull", r"Failed to pull image", r"Back-off pulling image"),
        wording="recorded",
        rows=("S15",),
    ),
    Entry(
        code="POD-START-001",
        layer="pod",
        cause="nvidia-smi is not in the container: the NVIDIA runtime injects it from the node, so the runtime did nothing here; the image is not at fault.",
        remedy="Make nvidia the node's default runtime (cluster created with --gpus=all), and check layer docker_gpu.",
        reference="https://github.com/NVIDIA/nvkind/issues/31",
        patterns=(r"exec: \"nvidia-smi\": executable file not found", r"nvidia-smi: (command )?not found"),
        wording="recorded",
    ),
    Entry(
        code="POD-START-002",
        layer="pod",
        cause="The image has no C library that nvidia-smi can use (scratch, Alpine/musl).",
        remedy="Use a glibc image, such as ubuntu or debian.",
        reference=f"{_TOOLKIT}/issues/665",
        patterns=(r"exec /usr/bin/nvidia-smi: no such file or directory",),
        wording="recorded",
    ),
    Entry(
        code="POD-START-003",
        layer="pod",
        cause="The container cannot be created: it refers to something that does not exist.",
        remedy="Create what is named in what was seen.",
        reference=f"{_KUBERNETES}/tasks/debug/debug-application/debug-pods/",
        patterns=(r"CreateContainerConfigError", r"FailedMount", r"MountVolume\.SetUp failed"),
        wording="recorded",
    ),
    Entry(
        code="POD-START-004",
        layer="pod",
        cause="The container never started: the runtime could not give it the GPU.",
        remedy="Read what the runtime said; check layer docker_gpu, then the runtime in the node.",
        reference=f"{_TOOLKIT}",
        patterns=(r"nvidia-container-cli:", r"CDI device injection failed", r"OCI runtime create failed", r"StartError", r"RunContainerError"),
        wording="recorded",
    ),
    Entry(
        code="POD-SMI-001",
        layer="pod",
        cause="nvidia-smi runs in the pod but cannot talk to the driver.",
        remedy="Look at layers distro and docker_gpu: a Linux display driver in the distribution, or a driver updated without a restart of WSL.",
        reference="https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        patterns=(
            r"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver",
            r"Failed to initialize NVML",
            r"NVIDIA-SMI couldn't find libnvidia-ml\.so",
        ),
    ),
    Entry(
        code="POD-SMI-002",
        layer="pod",
        cause="nvidia-smi runs in the pod and sees no GPU.",
        remedy="The pod was granted a GPU that the runtime did not give it: delete the device plugin's pod, and check layer docker_gpu.",
        reference=f"{_PLUGIN}#prerequisites",
        patterns=(r"No devices were found", r"No devices found"),
    ),
    Entry(
        code="POD-EXIT-001",
        layer="pod",
        cause="The smoke test ended with exit code {exit_code}.",
        remedy="Read its log in what was seen.",
        reference=f"{_KUBERNETES}/tasks/debug/debug-application/debug-pods/",
        wording="recorded",
    ),
    Entry(
        code="POD-DEADLINE-001",
        layer="pod",
        cause="The smoke test did not end within {seconds} s; its last state was: {state}.",
        remedy="Give it more time (option timeout) if an image is being pulled; otherwise look at the node.",
        reference=f"{_KUBERNETES}/tasks/debug/debug-application/debug-pods/",
        status="unknown",
        wording="recorded",
    ),
    Entry(
        code="POD-GONE-001",
        layer="pod",
        cause="The smoke test's pod was deleted or evicted by somebody else while it was awaited.",
        remedy="Run it again; two smoke tests at once remove each other's pods.",
        reference=f"{_KUBERNETES}/concepts/workloads/pods/pod-lifecycle/",
        status="unknown",
    ),
    Entry(
        code="POD-LOG-001",
        layer="pod",
        cause="The pod succeeded, but its log names no GPU.",
        remedy="Use an image in which nvidia-smi is the driver's own, not a stand-in.",
        reference=f"{_TOOLKIT}",
    ),
    Entry(
        code="POD-MISMATCH-001",
        layer="pod",
        cause="The GPU in the pod is not the one that Docker showed: {difference}.",
        remedy="Check which cluster and which node this kubeconfig context points to.",
        reference=f"{_KUBERNETES}/tasks/manage-gpus/scheduling-gpus/",
    ),
    Entry(
        code="POD-PERF-001",
        layer="pod",
        cause="Low GPU performance in pods: the node has {cpus} CPUs and {memory} of memory, which may starve a program that feeds the GPU; or the program "
        "itself does not keep it busy, or another one shares it.",
        remedy="Give the cluster more CPU and memory (role minikube), and compare utilisation and clocks under load with `nvidia-smi -q -d UTILIZATION,CLOCK`.",
        reference=f"{_KUBERNETES}/tasks/debug/debug-cluster/resource-usage-monitoring/",
        patterns=(r"low GPU (performance|utili[sz]ation)",),
        status=None,
        severity="warning",
        wording="unverified",
        rows=("S7",),
    ),
    Entry(
        code="POD-PERF-002",
        layer="pod",
        cause="The load ended before the GPU could be looked at once.",
        remedy="Raise load_seconds, or name a program in cuda_command that computes for some seconds.",
        reference=f"{_KUBERNETES}/tasks/debug/debug-application/debug-pods/",
        status="unknown",
    ),
    Entry(
        code="POD-CUDA-001",
        layer="pod",
        cause="nvidia-smi sees the GPU in a pod, but CUDA does not.",
        remedy="Check that the pod gets libcuda.so.1 (NVIDIA_DRIVER_CAPABILITIES must include compute), and on WSL2 that the stub in /usr/lib/wsl/lib is "
        "intact.",
        reference="https://docs.nvidia.com/cuda/wsl-user-guide/index.html",
        patterns=(r"no CUDA-capable device is detected", r"libcuda\.so\.1: cannot open shared object file"),
    ),
    Entry(
        code="POD-CUDA-002",
        layer="pod",
        cause="The driver is older than the CUDA of the image.",
        remedy="Update the driver (on WSL2 the Windows one), or name an image in cuda_check that is built for an older CUDA.",
        reference="https://docs.nvidia.com/deploy/cuda-compatibility/",
        patterns=(r"CUDA driver version is insufficient for CUDA runtime version", r"unsatisfied condition: cuda>="),
    ),
    Entry(
        code="POD-CUDA-003",
        layer="pod",
        cause="The program of the image has no code for this GPU's architecture.",
        remedy="Name an image in cuda_check that is built for it.",
        reference="https://docs.nvidia.com/deploy/cuda-compatibility/",
        patterns=(r"no kernel image is available for execution on the device",),
    ),
)

_SHARING: tuple[Entry, ...] = (
    Entry(
        code="PLUGIN-SHARE-001",
        layer="device_plugin",
        cause="MPS cannot be had from a single DaemonSet: it needs a control daemon with rights of its own beside the plugin, and GPU feature discovery.",
        remedy="Use the helm route, role gpu_operator with `gpu_operator_provider: mps`; or "
        "declare time_slicing, which needs neither. On WSL2 MPS is not known to work at all.",
        reference=f"{_PLUGIN}#with-cuda-mps",
        status="unsupported",
    ),
    Entry(
        code="PLUGIN-SHARE-002",
        layer="device_plugin",
        cause="There is no MIG on WSL2: NVIDIA's stack knows one device there, `all`, and no instances.",
        remedy="Declare time_slicing, or run on native Linux with a GPU that can do MIG.",
        reference="https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
        status="unsupported",
    ),
    Entry(
        code="PLUGIN-SHARE-003",
        layer="device_plugin",
        cause="No GPU of this machine can do MIG; consumer and most workstation GPUs cannot.",
        remedy="Declare time_slicing.",
        reference="https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-gpus.html",
        status="unsupported",
    ),
    Entry(
        code="PLUGIN-SHARE-004",
        layer="device_plugin",
        cause="{wanted} is declared, but MIG is off, or has no instances. The plugin would offer whole GPUs without a word about it.",
        remedy="Turn MIG on and make instances first (`nvidia-smi -i 0 -mig 1`, then `nvidia-smi mig -cgi <profiles> -C`), or let the GPU Operator's MIG "
        "manager do it (role gpu_operator); or declare exclusive or time_slicing.",
        reference="https://docs.nvidia.com/datacenter/tesla/mig-user-guide/getting-started-with-mig.html",
        wording="recorded",
    ),
    Entry(
        code="PLUGIN-SHARE-005",
        layer="device_plugin",
        cause="{wanted} is declared, but minikube's addon nvidia-device-plugin serves this cluster, and it has no setting for that.",
        remedy="Give the addon up in the declaration of the cluster, which minikube_gpu_cluster applies: `addons: {nvidia-device-plugin: false}` (role "
        "minikube: minikube_addons). The collection's own plugin, which can share, then takes its place.",
        reference="https://minikube.sigs.k8s.io/docs/tutorials/nvidia/",
    ),
    Entry(
        code="PLUGIN-SHARE-006",
        layer="device_plugin",
        cause="{wanted} is declared, but {provider} serves this cluster and shares otherwise; the collection changes only its own plugin.",
        remedy="Declare the sharing there (helm values; role gpu_operator), or take that provider away, or leave `sharing` out.",
        reference=f"{_PLUGIN}#shared-access-to-gpus",
    ),
    Entry(
        code="PLUGIN-SHARE-007",
        layer="device_plugin",
        cause="The node offers another number of GPUs, or another resource, than {wanted} makes.",
        remedy="Look at the plugin's log: `kubectl --context {context} -n kube-system logs -l app.kubernetes.io/name=gpudev-device-plugin`; it prints the "
        "configuration that it runs with.",
        reference=f"{_PLUGIN}#with-cuda-time-slicing",
    ),
)

# A container that never started has its cause in its status and events; one that runs has it in its log.
STATUS_ENTRIES: tuple[Entry, ...] = (*_ABSENT, *_IMAGE, *_START)
LOG_ENTRIES: tuple[Entry, ...] = (*_CONFIG, *_NVML, *_DEVICES, *_REGISTER, *_HEALTH)
POD_ENTRIES: tuple[Entry, ...] = _POD
ENTRIES: tuple[Entry, ...] = (*STATUS_ENTRIES, *LOG_ENTRIES, *_ALLOCATABLE, *_SHARING, *POD_ENTRIES, *_API)
