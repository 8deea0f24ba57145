# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether another minikube is at work on the same profile at this moment: somebody typed it, or a killed run has left it behind.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

VERBS = ("start", "stop", "delete")
_PROGRAM = re.compile(r"^minikube([.-].*)?$")


def at_work(home: str, name: str, proc: str = "/proc") -> str:
    """The command line of such a process, else empty. `home` is our .minikube; one of another user, or of another mount namespace, is another profile."""
    for entry in os.listdir(proc):
        if entry.isdigit() and int(entry) != os.getpid():
            command = _works_on(os.path.join(proc, entry), home, name)
            if command:
                return command
    return ""


def _works_on(process: str, home: str, name: str) -> str:
    try:
        argv = _strings(os.path.join(process, "cmdline"))
        words = _behind_program(argv)
        if next((word for word in words if not word.startswith("-")), "") not in VERBS:
            return ""
        environment = dict(item.partition("=")[::2] for item in _strings(os.path.join(process, "environ")))
        theirs = _home_of(environment)
        if not theirs or not os.path.samefile(f"{process}/root{theirs}", home):
            return ""
    except OSError:
        # It has ended meanwhile, or belongs to somebody else.
        return ""
    profile = _flag(words) or environment.get("MINIKUBE_PROFILE") or _active_profile(home)
    return " ".join(argv) if profile == name else ""


def _strings(path: str) -> list[str]:
    with open(path, "rb") as stream:
        return [part for part in stream.read().decode("utf-8", "replace").split("\0") if part]


def _behind_program(argv: t.Sequence[str]) -> list[str]:
    """The words after `minikube`, which may itself be a script behind an interpreter."""
    for position, word in enumerate(argv[:3]):
        if _PROGRAM.match(os.path.basename(word)):
            return list(argv[position + 1 :])
    return []


def _home_of(environment: t.Mapping[str, str]) -> str:
    base = environment.get("MINIKUBE_HOME") or environment.get("HOME") or ""
    return base if not base or os.path.basename(base.rstrip("/")) == ".minikube" else os.path.join(base, ".minikube")


def _flag(words: t.Sequence[str]) -> str:
    for position, word in enumerate(words):
        match = re.match(r"^(?:--profile=|-p=?)(.+)$", word)
        if match:
            return match.group(1)
        if word in ("-p", "--profile") and position + 1 < len(words):
            return words[position + 1]
    return ""


def _active_profile(home: str) -> str:
    """What `minikube profile NAME` has chosen."""
    try:
        with open(os.path.join(home, "config", "config.json"), encoding="utf-8") as stream:
            settings = json.load(stream)
    except (OSError, ValueError):
        return "minikube"
    return str(settings.get("profile") or "minikube") if isinstance(settings, dict) else "minikube"
