# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod that keeps the GPU busy and watches it meanwhile: the script that it runs, and what its samples mean.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import statistics
import typing as t
from dataclasses import dataclass

from ansible_collections.gpudev.workstation.plugins.module_utils._nvidia_smi import value

FIELDS = ("utilization.gpu", "clocks.current.sm", "clocks.max.sm", "memory.used", "memory.total")
# Under a program that does nothing but compute the recorded GPU was at 99 to 100 % (recordings/gpu/load_*); half of that is not explained by starting it anew.
LOW_UTILIZATION_PERCENT = 50
LOW_CLOCK_PERCENT = 50

# The program is started again until the time is over; a line is printed a second. Its own output is shown only when it fails.
SCRIPT = """\
seconds=$1; shift
end=$(( $(date +%s) + seconds ))
( while [ "$(date +%s)" -lt "$end" ]; do "$@" || exit; done ) >/tmp/load.log 2>&1 &
load=$!
while kill -0 "$load" 2>/dev/null && [ "$(date +%s)" -lt "$end" ]; do
  sleep 1
  echo "load: $(nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits)"
done
if kill -0 "$load" 2>/dev/null; then
  kill "$load"
  exit 0
fi
wait "$load" && exit 0
code=$?
cat /tmp/load.log
exit "$code"
""".replace("FIELDS", ",".join(FIELDS))


def command(seconds: int, program: t.Sequence[str]) -> tuple[str, ...]:
    return ("/bin/sh", "-c", SCRIPT, "sh", str(seconds), *program)


@dataclass(frozen=True)
class Load:
    """Medians over the samples; None: nvidia-smi does not say it, as under WSL it often does not."""

    samples: int
    utilization_percent: int | None
    sm_clock_mhz: int | None
    sm_clock_max_mhz: int | None
    memory_used_mib: int | None
    memory_total_mib: int | None

    def as_dict(self) -> dict[str, t.Any]:
        return dict(self.__dict__)

    @property
    def low(self) -> bool:
        slow = self.sm_clock_mhz is not None and bool(self.sm_clock_max_mhz) and self.sm_clock_mhz * 100 < (self.sm_clock_max_mhz or 0) * LOW_CLOCK_PERCENT
        return slow or (self.utilization_percent is not None and self.utilization_percent < LOW_UTILIZATION_PERCENT)

    def told(self) -> str:
        def said(amount: int | None) -> str:
            return "?" if amount is None else str(amount)

        return (
            f"utilisation {said(self.utilization_percent)} %, SM clock {said(self.sm_clock_mhz)} of {said(self.sm_clock_max_mhz)} MHz, "
            f"memory {said(self.memory_used_mib)} of {said(self.memory_total_mib)} MiB (medians of {self.samples} samples under load)"
        )


def load_in(log: str) -> Load | None:
    """None when there is no sample in it: the program ended before the first look."""
    rows = [line[len("load: ") :].split(", ") for line in log.splitlines() if line.startswith("load: ")]
    rows = [row for row in rows if len(row) == len(FIELDS)]
    if not rows:
        return None
    medians = [_median([row[column] for row in rows]) for column in range(len(FIELDS))]
    return Load(len(rows), *medians)


def _median(texts: t.Sequence[str]) -> int | None:
    numbers = [int(match.group()) for match in (re.match(r"\d+", value(text)) for text in texts) if match]
    return int(statistics.median(numbers)) if numbers else None
