# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Troubles by script: what goes wrong at which request of which station.

A script is a JSON list of rules. Each rule names a trouble and when it strikes; all that match in order are asked, the first that strikes wins.

    {"host": "healthy-*", "verb": "Send", "request": 3, "times": 1, "trouble": "fault", "code": 2150859173}

`host` (a pattern), `verb` (Create, Command, Send, Receive, Signal, Delete; Exec is a command over SSH) default to `*`. `request`: from which matching
request of a host on, 1 by default. `times`: how many in a row, 1 by default, 0 for ever. The troubles:

    status    an HTTP `status` without content instead of an answer; 401 also forgets who the connection belongs to
    fault     a WSMan fault with `code`, and if given `subcode`, `message`, `wmi_error`
    drop      the request is performed; the connection breaks after the first `after` bytes of the answer (0 by default)
    lose      the connection breaks before the request is performed
    truncate  the answer is whole for HTTP, but its XML ends after `after` bytes
    slow      the answer comes `seconds` later
"""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

VERBS = {"*", "Create", "Command", "Send", "Receive", "Signal", "Delete", "Exec"}
WHEN = {"host", "verb", "request", "times", "trouble"}
# Trouble -> (what it needs, what it may be given)
DETAILS: dict[str, tuple[set[str], set[str]]] = {
    "status": ({"status"}, set()),
    "fault": ({"code"}, {"subcode", "message", "wmi_error"}),
    "drop": (set(), {"after"}),
    "lose": (set(), set()),
    "truncate": (set(), {"after"}),
    "slow": ({"seconds"}, set()),
}
OVER_SSH = {"drop", "lose", "slow"}


class BadScript(ValueError):
    """A script that says nothing, or something that does not exist."""


@dataclass(frozen=True)
class Rule:
    trouble: str
    details: dict[str, Any]
    host: str = "*"
    verb: str = "*"
    request: int = 1
    times: int = 1

    def matches(self, host: str, verb: str) -> bool:
        return fnmatch.fnmatchcase(host, self.host) and self.verb in ("*", verb)

    def strikes(self, number: int) -> bool:
        """Whether the `number`-th matching request of a host is meant."""
        return number >= self.request and (self.times == 0 or number < self.request + self.times)


def parse(script: Any) -> list[Rule]:
    if not isinstance(script, list):
        raise BadScript("a script of troubles is a JSON list of rules")
    return [_rule(entry) for entry in script]


def _rule(entry: Any) -> Rule:
    if not isinstance(entry, dict) or entry.get("trouble") not in DETAILS:
        raise BadScript(f"{json.dumps(entry)}: `trouble` is one of {', '.join(DETAILS)}")
    needed, allowed = DETAILS[entry["trouble"]]
    given = set(entry) - WHEN
    if needed - given or given - needed - allowed:
        raise BadScript(f"{json.dumps(entry)}: {entry['trouble']} needs {sorted(needed)} and takes {sorted(allowed)}")
    if entry.get("verb", "*") not in VERBS or (entry.get("verb") == "Exec" and entry["trouble"] not in OVER_SSH):
        raise BadScript(f"{json.dumps(entry)}: `verb` is one of {', '.join(sorted(VERBS))}; Exec knows only {', '.join(sorted(OVER_SSH))}")
    when = {name: entry[name] for name in ("host", "verb", "request", "times") if name in entry}
    return Rule(entry["trouble"], {name: entry[name] for name in given}, **when)


@dataclass
class _Counted:
    rule: Rule
    seen: dict[str, int] = field(default_factory=dict)
    struck: int = 0


class Troubles:
    """The script in force for all stations; may be replaced while they run."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._counted = [_Counted(rule) for rule in rules]

    def replace(self, rules: Sequence[Rule]) -> None:
        with self._lock:
            self._counted = [_Counted(rule) for rule in rules]

    def next(self, host: str, verb: str) -> Rule | None:
        """The trouble of this request. Every rule that matches counts it, whichever strikes."""
        with self._lock:
            striking = None
            for counted in self._counted:
                if counted.rule.matches(host, verb):
                    number = counted.seen[host] = counted.seen.get(host, 0) + 1
                    if striking is None and counted.rule.strikes(number):
                        striking = counted
            if striking is None:
                return None
            striking.struck += 1
            return striking.rule

    def report(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{"trouble": counted.rule.trouble, "verb": counted.rule.verb, "struck": counted.struck} for counted in self._counted]
