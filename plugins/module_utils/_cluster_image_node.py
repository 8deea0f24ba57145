# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images in the node of one minikube profile: look, build, load, remove. No exit code is trusted; what was done is looked at.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image import (
    CATALOGUE,
    ArchiveProblem,
    Build,
    ContextProblem,
    Fingerprint,
    Listed,
    Whereabouts,
    archive_fingerprints,
    context_hash,
    find_listed,
    inspected,
    listed_name,
    parse_listing,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import Finding
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_cluster import CLIENT_SECONDS, Tools, clean
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Completed, Runner

# What a build printed last holds the error; an image's build can print megabytes.
OUTPUT_LENGTH = 6000

BUILD = "build"
LOAD = "load"
REMOVE = "remove"


@dataclass(frozen=True)
class Wanted:
    """One image, as declared."""

    name: str
    profile: str = "minikube"
    present: bool = True
    build: Build | None = None
    archive: str = ""
    engine: bool = False
    force: bool = False
    timeout: float = 1800.0


class ImageProblem(Exception):
    """Why the image cannot be looked at or made."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.cause)
        self.finding = finding


@dataclass(frozen=True)
class Look:
    """What is in the node, and what is to be there."""

    listed: Listed | None
    made_from: Fingerprint | None
    source: Fingerprint | None = None
    context_hash: str = ""

    def as_declared(self, wanted: Wanted) -> bool:
        if not wanted.present:
            return self.listed is None
        if self.listed is None or (wanted.force and wanted.build):
            return False
        if wanted.build:
            return self.made_from is not None and self.made_from.context_hash == self.context_hash
        return self.source is None or self.made_from == self.source


def step(wanted: Wanted, look: Look) -> tuple[str, str]:
    """What has to be done, and why; ("", "") when nothing has."""
    if look.as_declared(wanted):
        return "", ""
    if not wanted.present:
        return REMOVE, "state: absent is declared"
    why = "the node has none of this name"
    if look.listed is not None:
        why = "the one in the node was made from something else"
        if wanted.build and look.made_from is not None and look.made_from.context_hash == look.context_hash:
            why = "force: true is declared"
    return (BUILD if wanted.build else LOAD), why


class Node:
    """One profile's node, through the programs minikube and docker."""

    def __init__(self, runner: Runner, tools: Tools, profile: str, tell: t.Callable[[str], None] = lambda text: None) -> None:
        self.runner = runner
        self.tools = tools
        self.profile = profile
        self.tell = tell
        self.environment = tools.environment()

    # --- looking

    def images(self) -> list[Listed]:
        """Raises ImageProblem for a profile that is absent or does not run: its listing is an empty one with exit code 0."""
        done = self._minikube(["image", "ls", "-p", self.profile, "--format", "json"], CLIENT_SECONDS)
        if CATALOGUE["IMAGE-001"].matches(done.output):
            raise self._problem("IMAGE-001", done.output)
        images = parse_listing(done.stdout) if done.ok else None
        if images is None:
            raise self._problem("IMAGE-003", done.told())
        if not images:
            raise self._problem("IMAGE-002", done.told())
        return images

    def look(self, wanted: Wanted) -> Look:
        source, digest = self._source(wanted)
        listed = find_listed(self.images(), wanted.name)
        return Look(listed, self.inspect(wanted.name) if listed is not None and wanted.present else None, source, digest)

    def inspect(self, name: str) -> Fingerprint | None:
        """In the node: the listing tells no labels, and IDs differ between image stores."""
        done = self._run([self.tools.docker, "exec", self.profile, "docker", "image", "inspect", name], CLIENT_SECONDS)
        return inspected(done.stdout) if done.ok else None

    def _source(self, wanted: Wanted) -> tuple[Fingerprint | None, str]:
        if not wanted.present:
            return None, ""
        if wanted.build:
            try:
                return None, context_hash(wanted.build)
            except (ContextProblem, OSError) as problem:
                raise self._problem("IMAGE-005", str(problem), why=problem) from problem
        if wanted.archive:
            return self._in_archive(wanted), ""
        if wanted.engine:
            return self._on_engine(wanted.name), ""
        return None, ""

    def _in_archive(self, wanted: Wanted) -> Fingerprint:
        try:
            held = archive_fingerprints(wanted.archive)
        except ArchiveProblem as problem:
            raise self._problem("IMAGE-006", str(problem), why=problem) from problem
        found = held.get(listed_name(wanted.name))
        if found is None:
            why = f"{wanted.archive} holds no {wanted.name}, but {', '.join(sorted(held)) or 'no named image'}"
            raise self._problem("IMAGE-006", why, why=why)
        return found

    def _on_engine(self, name: str) -> Fingerprint:
        done = self._run([self.tools.docker, "image", "inspect", name], CLIENT_SECONDS)
        found = inspected(done.stdout) if done.ok else None
        if found is None:
            raise self._problem("IMAGE-007", done.told())
        return found

    def whereabouts(self, image: str) -> Whereabouts:
        """Where an image is that a pod in this profile could not get."""
        in_node = find_listed(self.images(), image) is not None
        others = () if in_node else tuple(name for name in self._other_profiles() if self._has(name, image))
        on_engine = not in_node and self._run([self.tools.docker, "image", "inspect", image], CLIENT_SECONDS).ok
        return Whereabouts(image, self.profile, in_node, others, on_engine)

    def _other_profiles(self) -> list[str]:
        done = self._minikube(["profile", "list", "--light", "-o", "json"], CLIENT_SECONDS)
        try:
            listed = json.loads(done.stdout)["valid"] or []
        except (ValueError, LookupError, TypeError):
            return []
        return sorted(entry["Name"] for entry in listed if entry.get("Name") and entry["Name"] != self.profile)

    def _has(self, profile: str, image: str) -> bool:
        try:
            return find_listed(Node(self.runner, self.tools, profile).images(), image) is not None
        except ImageProblem:
            return False

    # --- doing

    def apply(self, wanted: Wanted, action: str, look: Look) -> tuple[Look, str]:
        """Do it, and look: (what is there now, the output). Raises ImageProblem when it is not what was declared."""
        done = self._do(wanted, action, look)
        output = clean(done.output)[-OUTPUT_LENGTH:]
        if done.timed_out:
            raise self._problem("IMAGE-017", output, command=" ".join(done.argv[:3]), seconds=f"{wanted.timeout:.0f}")
        after = self.look(wanted)
        settled = Look(after.listed, after.made_from, after.source, after.context_hash)
        if not settled.as_declared(_unforced(wanted)):
            raise ImageProblem(failure(action, done.told(), settled))
        return settled, output

    def _do(self, wanted: Wanted, action: str, look: Look) -> Completed:
        listen = _Listener(self.tell)
        if action == REMOVE:
            return self._minikube(["image", "rm", wanted.name, "-p", wanted.profile], CLIENT_SECONDS * 4, listen)
        if action == LOAD:
            what = wanted.archive or wanted.name
            return self._minikube(["image", "load", what, "-p", wanted.profile, *([] if wanted.archive else ["--daemon"])], wanted.timeout, listen)
        if wanted.build is None:
            raise ValueError("nothing to build from")
        build = wanted.build
        arguments = ["image", "build", "-t", wanted.name, "--file", build.dockerfile, *build.options(look.context_hash), "-p", wanted.profile, build.path]
        return self._minikube(arguments, wanted.timeout, listen)

    def _problem(self, code: str, symptom: str, **details: t.Any) -> ImageProblem:
        return ImageProblem(CATALOGUE[code].finding(clean(symptom), profile=self.profile, **details))

    def _run(self, argv: t.Sequence[str], seconds: float) -> Completed:
        return self.runner.run(argv, env=self.environment, timeout=seconds)

    def _minikube(self, arguments: t.Sequence[str], seconds: float, on_line: t.Callable[[str], None] | None = None) -> Completed:
        return self.runner.run([self.tools.minikube, *arguments], env=self.environment, timeout=seconds, on_line=on_line)


def _unforced(wanted: Wanted) -> Wanted:
    return Wanted(wanted.name, wanted.profile, wanted.present, wanted.build, wanted.archive, wanted.engine)


class _Listener:
    """Tells the builder's steps, not every line of what they print."""

    def __init__(self, tell: t.Callable[[str], None]) -> None:
        self.tell = tell

    def __call__(self, line: str) -> None:
        line = line.strip()
        if line.startswith(("Step ", "#", "Successfully ")):
            self.tell(clean(line)[:200])


def failure(action: str, said: str, look: Look) -> Finding:
    """Why the node does not hold what was to be there."""
    if action == REMOVE:
        return CATALOGUE["IMAGE-016"].finding(clean(said))
    if action == LOAD:
        entry = CATALOGUE["IMAGE-007"] if CATALOGUE["IMAGE-007"].matches(said) else CATALOGUE["IMAGE-015"]
        return entry.finding(f"{clean(said)}; listed: {look.listed.id if look.listed else 'nothing'}")
    known = (CATALOGUE[code] for code in ("IMAGE-010", "IMAGE-011", "IMAGE-012", "IMAGE-013"))
    return next((entry for entry in known if entry.matches(said)), CATALOGUE["IMAGE-014"]).finding(clean(said))
