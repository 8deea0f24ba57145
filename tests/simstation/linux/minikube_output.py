# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What minikube prints: CloudEvents lines with `-o json`, marked lines as text. Every event of a start also goes to the profile's events.json."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..distro.programs import Call

SOURCE = "https://minikube.sigs.k8s.io/"
TYPE = "io.k8s.sigs.minikube."
START_STEPS = 19
# Step number -> its name: the `start` recordings.
STEPS = {
    0: "Initial Minikube Setup",
    1: "Selecting Driver",
    3: "Starting Node",
    4: "Updating Driver",
    5: "Pulling Base Image",
    8: "Creating Container",
    11: "Preparing Kubernetes",
    12: "Generating certificates",
    13: "Booting control plane",
    14: "Configuring RBAC rules",
    15: "Configuring CNI",
    17: "Verifying Kubernetes",
    18: "Enabling Addons",
    19: "Done",
}


class Exit(Exception):
    """minikube ends with this code; everything it says about it has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Output:
    def __init__(self, call: Call, as_json: bool) -> None:
        self.call = call
        self.as_json = as_json
        self.events_file: Path | None = None

    def step(self, number: int, message: str) -> None:
        self.named_step(number, STEPS[number], message, START_STEPS)

    def named_step(self, number: int, name: str, message: str, total: int) -> None:
        self._emit("step", {"currentstep": str(number), "message": message, "name": name, "totalsteps": str(total)}, f"* {message}\n")

    def info(self, message: str) -> None:
        self._emit("info", {"message": message}, f"* {message}\n")

    def warning(self, message: str) -> None:
        self._emit("warning", {"message": message}, f"! {message}\n", error=True)

    def error(self, message: str) -> None:
        self._emit("error", {"message": message}, f"* {message}\n", error=True)

    def fail(self, name: str, code: int, message: str, *, advice: str = "", issues: str = "", url: str = "", box: str = "") -> Exit:
        """Say why minikube ends; the caller raises what this returns. `box` names the command whose log the closing box mentions."""
        data = {"advice": advice, "exitcode": str(code), "issues": issues, "message": message, "name": name, "url": url}
        # recordings/minikube/{start_as_root_text,profile_list_empty_table}.json
        mark = "*" if name == "MK_USAGE_NO_PROFILE" else "X"
        text = f"{mark} Exiting due to {name}: {message}\n" + (f"* Suggestion: \n\n    {advice}\n    \n" if advice else "")
        self._emit("error", data, text, error=True)
        if box:
            self._box(box)
        return Exit(code)

    def _box(self, command: str) -> None:
        """recordings/minikube/{status_corrupt_config,addons_enable_half_made}.json"""
        mark = "" if self.as_json else "* "
        lines = [
            "If the above advice does not help, please let us know:",
            "https://github.com/kubernetes/minikube/issues/new/choose",
            "",
            "Please run `minikube logs --file=logs.txt` and attach logs.txt to the GitHub issue.",
        ]
        if command != "start":  # recordings/minikube/start_kubelet_camelcase.json
            lines += ["Please also attach the following file to the GitHub issue:", f"- /tmp/minikube_{command}_0.log"]
        marks = [mark, " " * len(mark), "", mark, mark, mark][: len(lines)]
        width = 91 if self.as_json else 93
        body = [f"│    {begin}{line}".ljust(width + 1) + "│" for begin, line in zip(marks, lines, strict=True)]
        blank = f"│{' ' * width}│"
        text = "\n".join([f"╭{'─' * width}╮", blank, *body, blank, f"╰{'─' * width}╯"])
        if self.as_json:
            self._emit("error", {"message": text}, "")
        else:
            self.call.err(f"* \n{text}\n")

    def _emit(self, kind: str, data: dict[str, str], text: str, *, error: bool = False) -> None:
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": SOURCE, "type": TYPE + kind, "datacontenttype": "application/json", "data": data}
        line = json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n"
        if self.events_file is not None and self.events_file.parent.is_dir():
            with self.events_file.open("a", encoding="utf-8") as events:
                events.write(line)
        if self.as_json:
            self.call.out(line)
        elif error:
            self.call.err(text)
        else:
            self.call.out(text)
