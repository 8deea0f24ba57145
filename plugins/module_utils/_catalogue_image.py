# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known failures of images in a cluster's node (layer `cluster`), and why a pod cannot get its local image (layer `pod`).

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Entry

_IMAGE_COMMANDS = "https://minikube.sigs.k8s.io/docs/commands/image/"
_PUSHING = "https://minikube.sigs.k8s.io/docs/handbook/pushing/"
_PULL_POLICY = "https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting"

ENTRIES: t.Tuple[Entry, ...] = (
    Entry(
        code="IMAGE-001",
        layer="cluster",
        cause="The minikube profile {profile} does not exist, so nothing can be put into its node.",
        remedy="Name the profile that runs (`minikube profile list`), or create it first with minikube_gpu_cluster.",
        reference=_IMAGE_COMMANDS,
        patterns=(r'loading profile: cluster "\S+" does not exist',),
        wording="recorded",
    ),
    Entry(
        code="IMAGE-002",
        layer="cluster",
        cause="The cluster {profile} does not run. minikube's image commands then print nothing, do nothing and exit with 0.",
        remedy="Start it (minikube_gpu_cluster with state: started), then run this again.",
        reference=_IMAGE_COMMANDS,
        wording="recorded",
    ),
    Entry(
        code="IMAGE-003",
        layer="cluster",
        status="unknown",
        cause="The images of the node could not be listed.",
        remedy="Run the command that was tried by hand, as the Linux user who owns the profile.",
        reference=_IMAGE_COMMANDS,
    ),
    Entry(
        code="IMAGE-004",
        layer="cluster",
        cause="There is no such image in the node, and nothing was declared that it could be made from.",
        remedy="Give `build` (a folder with a Dockerfile), `archive` (a file of `docker save`) or `engine: true` (an image of the host's Docker engine).",
        reference=_PUSHING,
    ),
    Entry(
        code="IMAGE-005",
        layer="cluster",
        cause="The build context cannot be used: {why}.",
        remedy="Give the folder that holds the Dockerfile, as it is called on the machine that runs minikube.",
        reference=_IMAGE_COMMANDS,
        wording="recorded",
    ),
    Entry(
        code="IMAGE-006",
        layer="cluster",
        cause="The archive cannot be used: {why}.",
        remedy="Make it with `docker save -o FILE IMAGE` or with playbooks/images_save.yml, and copy it to the machine that runs minikube.",
        reference=_IMAGE_COMMANDS,
    ),
    Entry(
        code="IMAGE-007",
        layer="cluster",
        cause="The host's Docker engine has no image of this name.",
        remedy="Look with `docker image ls` there; build it with `docker build`, or let this module build it in the node with `build`.",
        reference=_PUSHING,
        patterns=(r"No such image", r"was not found; unable to add it to cache"),
        wording="recorded",
    ),
    Entry(
        code="IMAGE-010",
        layer="cluster",
        cause="The build ran out of disk space in the node.",
        remedy="Free space with `minikube ssh -- docker system prune`, or recreate the cluster with a larger disk_size.",
        reference=_IMAGE_COMMANDS,
        patterns=(r"no space left on device",),
    ),
    Entry(
        code="IMAGE-011",
        layer="cluster",
        cause="The base image of the build could not be had: the registry does not know it, refuses it, or cannot be reached from the node.",
        remedy="Check the FROM line, load the base image into the node first (`archive` or `engine`), or give the node access to the registry.",
        reference=_PUSHING,
        patterns=(
            r"pull access denied",
            r"manifest (for \S+ not found|unknown)",
            r"failed to resolve (source metadata|reference)",
            r"dial tcp: lookup \S+.*no such host",
            r"TLS handshake timeout",
        ),
    ),
    Entry(
        code="IMAGE-012",
        layer="cluster",
        cause="The build copies something that is not in the context, or that .dockerignore leaves out.",
        remedy="Compare the COPY and ADD lines with the folder and with its .dockerignore.",
        reference="https://docs.docker.com/build/concepts/context/",
        patterns=(r"(COPY|ADD) failed:", r"failed to compute cache key", r"file not found in build context or excluded by \.dockerignore"),
    ),
    Entry(
        code="IMAGE-013",
        layer="cluster",
        cause="A command of the Dockerfile failed.",
        remedy="Read the output of that step in what was seen, and try it with `docker build` on the same folder.",
        reference="https://docs.docker.com/reference/dockerfile/",
        patterns=(r"returned a non-zero code: \d+", r"did not complete successfully: exit code: \d+", r"(Dockerfile parse error|dockerfile parse error)"),
    ),
    Entry(
        code="IMAGE-014",
        layer="cluster",
        cause="After the build the node has no image of this name made from this context. minikube reports no failed build by its exit code.",
        remedy="Read the build's output in what was seen.",
        reference=_IMAGE_COMMANDS,
        wording="recorded",
    ),
    Entry(
        code="IMAGE-015",
        layer="cluster",
        cause="After the load the node does not hold the image that was given. minikube may have taken an older one of the same name from its cache.",
        remedy="Delete that file below ~/.minikube/cache/images and run this again, or give the image as an archive.",
        reference=_IMAGE_COMMANDS,
    ),
    Entry(
        code="IMAGE-016",
        layer="cluster",
        cause="The image is still in the node after it was removed: a container there uses it.",
        remedy="Delete the pods that run it (`kubectl get pods -A -o wide`), then run this again.",
        reference=_IMAGE_COMMANDS,
        wording="recorded",
    ),
    Entry(
        code="IMAGE-017",
        layer="cluster",
        cause="{command} did not end within {seconds} s and was killed.",
        remedy="Raise timeout, or see which step of the build takes so long.",
        reference=_IMAGE_COMMANDS,
    ),
    Entry(
        code="IMAGE-020",
        layer="pod",
        cause="The image {image} was never built: no profile of this user has it and the host's engine has not either. The node asked a registry for it.",
        remedy="Build it into the cluster with cluster_image (`build`), or push it to a registry that the node reaches.",
        reference=_PUSHING,
        rows=("S15", "R10"),
    ),
    Entry(
        code="IMAGE-021",
        layer="pod",
        cause="The image {image} is in another cluster ({others}), not in the node of {profile}, where the pod runs.",
        remedy="Build or load it with cluster_image and `profile: {profile}`.",
        reference=_PUSHING,
        rows=("S15",),
    ),
    Entry(
        code="IMAGE-022",
        layer="pod",
        cause="The image {image} is on the host's Docker engine, not in the node: `docker build` ran while `eval $(minikube docker-env)` was not in effect.",
        remedy="Use cluster_image with `engine: true`, or build it into the node with `build`.",
        reference=_PUSHING,
        rows=("S15", "R10"),
    ),
    Entry(
        code="IMAGE-023",
        layer="pod",
        cause="The image {image} is in the node, but the pull policy is Always (the default for :latest and for no tag): the node asks a registry anyway.",
        remedy="Set imagePullPolicy to IfNotPresent (or Never) in the pod, or give the image a tag other than latest.",
        reference=_PULL_POLICY,
        rows=("S15",),
    ),
    Entry(
        code="IMAGE-024",
        layer="pod",
        severity="warning",
        cause="The image {image} is in the node now; the pod still waits out the back-off of its earlier failed pulls.",
        remedy="Delete the pod: its owner makes a new one, which starts at once. Role gpu_app does that.",
        reference=_PULL_POLICY,
        rows=("S15", "R11"),
    ),
    Entry(
        code="APP-001",
        layer="pod",
        cause="The application {name} was not ready within {seconds} s.",
        remedy="Look at `kubectl -n {namespace} describe pods -l app.kubernetes.io/name={name}` and at the pod's log.",
        reference="https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/",
    ),
    Entry(
        code="APP-002",
        layer="pod",
        cause="The pod of {name} does not run the image that was built: it runs {seen}, the node has {wanted}.",
        remedy="Delete the pod, so that it starts from the image of today; role gpu_app rolls the Deployment when the image's ID changes.",
        reference="https://kubernetes.io/docs/concepts/containers/images/",
        rows=("R11", "R15"),
    ),
    Entry(
        code="APP-003",
        layer="pod",
        cause="The pod is ready, but the application does not answer as declared through its Service.",
        remedy="Compare the Service's port and selector with the pod's port and labels, and read the pod's log.",
        reference="https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",
    ),
    Entry(
        code="APP-004",
        layer="pod",
        cause="There is no Deployment {name} in namespace {namespace}.",
        remedy="Deploy it with role gpu_app first, or correct name and namespace.",
        reference="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/",
    ),
    Entry(
        code="APP-005",
        layer="pod",
        cause="A pod of {name} asks for no GPU. It may see one all the same under minikube's default runtime, without owning it.",
        remedy="Set gpu_app_gpus to 1 or more.",
        reference="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/",
        severity="warning",
        status=None,
        rows=("G18", "G20"),
    ),
)
