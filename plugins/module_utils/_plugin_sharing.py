# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a device plugin shares its GPUs among pods: what is declared, what a plugin says it does, what a node then offers.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import value
from ansible_collections.gpudev.workstation.plugins.module_utils._runner import Runner

RESOURCE = "nvidia.com/gpu"
SHARED_RESOURCE = "nvidia.com/gpu.shared"
MIG_RESOURCES = "nvidia.com/mig-"

EXCLUSIVE = "exclusive"
TIME_SLICING = "time_slicing"
MIG = "mig"
MPS = "mps"
MODES = (EXCLUSIVE, TIME_SLICING, MIG, MPS)

# As long as nvidia-smi may take; with a driver that hangs it takes for ever.
SMI_SECONDS = 20.0


@dataclass(frozen=True)
class Sharing:
    """One way of sharing; what its mode has no use for is 0, false or empty, so that two of them can be compared."""

    mode: str = EXCLUSIVE
    replicas: int = 0
    rename: bool = False
    fail_requests_greater_than_one: bool = False
    strategy: str = ""

    @property
    def resource(self) -> str:
        """What pods have to ask for; with MIG strategy mixed it depends on the instances."""
        if self.strategy == "mixed":
            return MIG_RESOURCES
        return SHARED_RESOURCE if self.rename else RESOURCE

    def told(self) -> str:
        if self.mode == TIME_SLICING:
            return f"time-slicing with {self.replicas} replicas" + (f" as {self.resource}" if self.rename else "")
        if self.mode == MIG:
            return f"MIG with strategy {self.strategy}"
        return "MPS" if self.mode == MPS else "exclusive use"

    def config(self) -> str:
        """The plugin's configuration file; exclusive use needs none."""
        if self.mode == TIME_SLICING:
            return _TIME_SLICING.format(
                rename=str(self.rename).lower(), fail=str(self.fail_requests_greater_than_one).lower(), resource=RESOURCE, replicas=self.replicas
            )
        return f"version: v1\nflags:\n  migStrategy: {self.strategy}\n" if self.mode == MIG else ""

    def met_by(self, allocatable: t.Mapping[str, int], one_device: bool) -> bool:
        """Whether a node that offers this shares as declared. `one_device`: its plugin knows one device, however many GPUs there are."""
        if self.mode == MIG and self.strategy == "mixed":
            return any(amount for name, amount in allocatable.items() if name.startswith(MIG_RESOURCES))
        amount = allocatable.get(self.resource, 0)
        if self.mode == TIME_SLICING:
            return amount == self.replicas if one_device else amount > 0 and amount % self.replicas == 0
        return amount == 1 if one_device else amount > 0


_TIME_SLICING = """\
version: v1
sharing:
  timeSlicing:
    renameByDefault: {rename}
    failRequestsGreaterThanOne: {fail}
    resources:
    - name: {resource}
      replicas: {replicas}
"""


def declared(options: t.Mapping[str, t.Any] | None) -> Sharing | None:
    """The option `sharing` of the module, already free of `problems`; None: nothing is declared."""
    if not options:
        return None
    mode = options["mode"]
    if mode == TIME_SLICING:
        return Sharing(mode, int(options["replicas"]), bool(options.get("rename")), options.get("fail_requests_greater_than_one") is not False)
    return Sharing(mode, strategy=options["strategy"]) if mode == MIG else Sharing(mode)


def problems(options: t.Mapping[str, t.Any] | None) -> list[str]:
    """What is wrong with the option by itself, each with what to write instead."""
    if not options:
        return []
    found = []
    mode, replicas, strategy = options["mode"], options.get("replicas"), options.get("strategy")
    if mode == TIME_SLICING and (replicas or 0) < 2:
        found.append(f"sharing.replicas is {replicas}: time_slicing needs at least 2; write `mode: exclusive` to give each GPU to one pod")
    if mode == MIG and not strategy:
        found.append("sharing.strategy is missing: mig needs `strategy: single` (all instances are alike) or `strategy: mixed`")
    if mode != TIME_SLICING and (replicas is not None or options.get("rename")):
        found.append(f"sharing.replicas and sharing.rename are for time_slicing; leave them out with `mode: {mode}`")
    if mode != MIG and strategy:
        found.append(f"sharing.strategy is for mig; leave it out with `mode: {mode}`")
    return found


def in_log(text: str) -> Sharing | None:
    """What a plugin says it runs with (`Running with config:` and a JSON document); None when it says nothing."""
    start = text.find("{", max(text.rfind("Running with config:"), 0)) if "Running with config:" in text else -1
    if start < 0:
        return None
    try:
        config = json.JSONDecoder().raw_decode(text, start)[0]
    except ValueError:
        # The log was cut.
        return None
    return _in_config(config)


def _in_config(config: t.Mapping[str, t.Any]) -> Sharing:
    sharing = config.get("sharing") or {}
    slices = (sharing.get("timeSlicing") or {}).get("resources") or []
    strategy = str((config.get("flags") or {}).get("migStrategy") or "none")
    if (sharing.get("mps") or {}).get("resources"):
        return Sharing(MPS)
    if slices:
        slicing = sharing["timeSlicing"]
        return Sharing(TIME_SLICING, int(slices[0]["replicas"]), bool(slicing.get("renameByDefault")), bool(slicing.get("failRequestsGreaterThanOne")))
    return Sharing() if strategy == "none" else Sharing(MIG, strategy=strategy)


@dataclass(frozen=True)
class MigState:
    """What nvidia-smi says of MIG: whether a GPU can do it, whether it is on, how many instances there are."""

    text: str
    capable: bool
    enabled: bool
    instances: int


def mig_state(runner: Runner) -> MigState | None:
    """None when this machine has no nvidia-smi that could say."""
    asked = runner.run(("nvidia-smi", "--query-gpu=name,mig.mode.current", "--format=csv,noheader"), timeout=SMI_SECONDS)
    if not asked.ok:
        return None
    modes = [value(line.rsplit(", ", 1)[-1]) for line in asked.stdout.splitlines() if ", " in line]
    if "Enabled" not in modes:
        return MigState(asked.stdout.strip(), any(modes), False, 0)
    listed = runner.run(("nvidia-smi", "-L"), timeout=SMI_SECONDS)
    # `  MIG 3g.20gb     Device  0: (UUID: MIG-...)`: NVIDIA MIG User Guide, "Creating GPU Instances".
    instances = len(re.findall(r"^\s+MIG \S+\s+Device\s+\d+: \(UUID: MIG-", listed.stdout, re.MULTILINE))
    return MigState(f"{asked.stdout.strip()}\n{listed.stdout.strip()}", True, True, instances)
