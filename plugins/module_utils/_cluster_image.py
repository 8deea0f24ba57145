# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image in a node is made from: its reference, the hash of a build context, an archive's fingerprint, and how they are compared.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tarfile
import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_image import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding

CATALOGUE = Catalogue(ENTRIES)
# The label by which a built image says which context it was made from.
CONTEXT_LABEL = "workstation.gpudev.context"
IGNORE_FILE = ".dockerignore"


# --- names ------------------------------------------------------------------------------------------------------------------------------


def listed_name(name: str) -> str:
    """A reference as `minikube image ls` writes it: with registry and tag."""
    name, at, digest = name.partition("@")
    first, slash, _rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    if at:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def pulled_always(name: str, policy: str = "") -> bool:
    """Whether a node asks the registry although it has the image: by policy, or by the default for `:latest`."""
    return policy == "Always" or (not policy and "@" not in name and listed_name(name).endswith(":latest"))


@dataclass(frozen=True)
class Listed:
    """One image of `minikube image ls`."""

    id: str
    names: tuple[str, ...]
    size: int = 0


def parse_listing(text: str) -> list[Listed] | None:
    """None for what is no listing. An empty list means that the cluster does not run: a node always has its system's images."""
    try:
        rows = json.loads(text)
    except ValueError:
        return None
    if not isinstance(rows, list):
        return None
    return [Listed(bare_id(str(row.get("id", ""))), (*(row.get("repoTags") or ()), *(row.get("repoDigests") or ())), int(row.get("size") or 0)) for row in rows]


def find_listed(images: t.Sequence[Listed], name: str) -> Listed | None:
    wanted = listed_name(name)
    return next((image for image in images if wanted in (listed_name(known) for known in image.names)), None)


def bare_id(image_id: str) -> str:
    """`docker://sha256:603a...`, `docker-pullable://name@sha256:603a...` and `603a...` are one ID."""
    return re.split(r"sha256:", image_id)[-1].rpartition("//")[2]


# --- fingerprints -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fingerprint:
    """What is the same of one image in every image store, whose IDs differ: when it was made, and its layers' contents."""

    created: str = ""
    layers: tuple[str, ...] = ()
    labels: t.Mapping[str, str] = field(default_factory=dict, compare=False)
    id: str = field(default="", compare=False)

    @property
    def context_hash(self) -> str:
        return self.labels.get(CONTEXT_LABEL, "")


def inspected(text: str) -> Fingerprint | None:
    """Of `docker image inspect NAME`."""
    try:
        data = json.loads(text)[0]
    except (ValueError, LookupError):
        return None
    layers = tuple((data.get("RootFS") or {}).get("Layers") or ())
    return Fingerprint(_second(str(data.get("Created") or "")), layers, (data.get("Config") or {}).get("Labels") or {}, bare_id(str(data.get("Id") or "")))


def _second(moment: str) -> str:
    """Engines write fractions of seconds and time zones differently; images of one second with the same layers are one."""
    return moment[:19]


class ArchiveProblem(Exception):
    """Why a file is no archive of images that can be loaded."""


def archive_fingerprints(path: str) -> dict[str, Fingerprint]:
    """Listed name -> fingerprint, of a file of `docker save`."""
    try:
        with tarfile.open(path) as archive:
            entries = json.loads(_member(archive, "manifest.json"))
            return {listed_name(name): _archived(archive, entry["Config"]) for entry in entries for name in entry.get("RepoTags") or ()}
    except FileNotFoundError:
        raise ArchiveProblem(f"{path} does not exist") from None
    except (OSError, tarfile.TarError) as error:
        raise ArchiveProblem(f"{path} cannot be read: {error}") from error
    except (KeyError, ValueError, TypeError) as error:
        raise ArchiveProblem(f"{path} is no archive of `docker save`: {error}") from error


def _archived(archive: tarfile.TarFile, config: str) -> Fingerprint:
    data = json.loads(_member(archive, config))
    layers = tuple((data.get("rootfs") or {}).get("diff_ids") or ())
    digest = re.search(r"[0-9a-f]{64}", config)
    return Fingerprint(_second(str(data.get("created") or "")), layers, (data.get("config") or {}).get("Labels") or {}, digest.group(0) if digest else "")


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise ValueError(f"{name} is no file in it")
    return stream.read()


# --- build contexts ---------------------------------------------------------------------------------------------------------------------


class ContextProblem(Exception):
    """Why a folder is no build context."""


@dataclass(frozen=True)
class Build:
    """What an image is built from."""

    path: str
    dockerfile: str = "Dockerfile"
    args: t.Mapping[str, str] = field(default_factory=dict)

    def options(self, context_hash: str) -> list[str]:
        """`minikube image build` hands each of these to `docker build` with two dashes in front."""
        told = [f"--build-opt=label={CONTEXT_LABEL}={context_hash}"]
        return told + [f"--build-opt=build-arg={name}={value}" for name, value in sorted(self.args.items())]


def context_hash(build: Build) -> str:
    """Changes when what would be sent to the builder changes: names, contents, modes, links, Dockerfile and arguments; not when times do."""
    if not os.path.isdir(build.path):
        raise ContextProblem(f"{build.path} is no folder")
    if not os.path.isfile(os.path.join(build.path, build.dockerfile)):
        raise ContextProblem(f"{build.path} has no {build.dockerfile}")
    total = hashlib.sha256(json.dumps([build.dockerfile, dict(build.args)], sort_keys=True).encode())
    ignored = Ignored(_ignore_patterns(build.path), keep=(os.path.normpath(build.dockerfile), IGNORE_FILE))
    for name in sorted(_files(build.path, ignored)):
        total.update(f"\0{name}\0{_content(os.path.join(build.path, name))}".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _ignore_patterns(folder: str) -> list[str]:
    try:
        with open(os.path.join(folder, IGNORE_FILE), encoding="utf-8-sig") as lines:
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        return []


def _files(folder: str, ignored: Ignored) -> t.Iterator[str]:
    for path, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(path, name))]
        inside = os.path.relpath(path, folder)
        for name in [*files, *links]:
            relative = os.path.normpath(os.path.join(inside, name))
            if not ignored.leaves_out(relative):
                yield relative


def _content(path: str) -> str:
    seen = os.lstat(path)
    if stat.S_ISLNK(seen.st_mode):
        return f"link {os.readlink(path)}"
    if not stat.S_ISREG(seen.st_mode):
        return f"special {stat.S_IFMT(seen.st_mode):o}"
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return f"{stat.S_IMODE(seen.st_mode):o} {digest.hexdigest()}"


class Ignored:
    """The rules of a .dockerignore: the last pattern that matches a path or one of its folders decides, `!` takes it in again."""

    def __init__(self, patterns: t.Sequence[str], keep: t.Sequence[str] = ()) -> None:
        self.keep = frozenset(keep)
        self.rules = [(re.compile(_expression(pattern.lstrip("!"))), pattern.startswith("!")) for pattern in patterns]

    def leaves_out(self, path: str) -> bool:
        if path in self.keep:
            return False
        out = False
        for expression, takes_in in self.rules:
            if expression.match(path):
                out = not takes_in
        return out


_WORDS = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|\\.|.", re.DOTALL)
_GLOBS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _expression(pattern: str) -> str:
    """Go's filepath.Match, with `**` for any number of folders; what a pattern matches includes what is below it."""
    pattern = os.path.normpath(pattern.strip().lstrip("/"))
    return _WORDS.sub(lambda word: _translated(word.group(0)), pattern) + r"(?:/.*)?\Z"


def _translated(word: str) -> str:
    if word in _GLOBS:
        return _GLOBS[word]
    return word if word.startswith("[") and len(word) > 1 else re.escape(word[-1])


# --- why a pod does not get its image ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Whereabouts:
    """Where an image is that a pod could not get."""

    image: str
    profile: str
    in_node: bool
    other_profiles: tuple[str, ...] = ()
    on_engine: bool = False


def explain_pull(seen: Whereabouts, symptom: str, policy: str = "") -> Finding:
    """The cause of ImagePullBackOff, ErrImagePull or ErrImageNeverPull of a local image."""
    if seen.in_node:
        code = "IMAGE-023" if pulled_always(seen.image, policy) else "IMAGE-024"
    elif seen.other_profiles:
        code = "IMAGE-021"
    else:
        code = "IMAGE-022" if seen.on_engine else "IMAGE-020"
    return CATALOGUE[code].finding(symptom, image=seen.image, profile=seen.profile, others=", ".join(seen.other_profiles))
