# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quotas of the service itself, not scripted, and answers that do not come: what passes is waited out, the rest is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.gpudev.workstation.plugins.plugin_utils import _winrs
from tests.harness import Stations, serve
from tests.integration.test_wsl_connection import CARRIERS, HOST, IMPATIENT
from tests.wsl_plugin import connection, variables

pytestmark = pytest.mark.parametrize("carrier", ["winrm", "psrp"])


def limited(carrier: str, *limits: str) -> AbstractContextManager[Stations]:
    options: Sequence[str] = [*CARRIERS[carrier], *limits]
    return serve(HOST, options=options)


def test_a_shell_that_has_had_its_number_of_commands_is_replaced(carrier: str) -> None:
    with limited(carrier, "--max-operations", "3") as stations:
        plugin = connection(variables(stations, HOST))
        said = [plugin.exec_command(f"echo {number}") for number in range(10)]
        plugin.close()
        verbs = [entry["verb"] for entry in stations.requests()]
    assert said == [(0, b"%d\n" % number, b"") for number in range(10)]
    assert (verbs.count("Create"), verbs.count("Delete")) == (4, 4)


def test_a_shell_that_others_hold_is_waited_for_and_not_for_ever(carrier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with limited(carrier, "--max-shells", "1") as stations:
        holder, other = (connection(variables(stations, HOST)) for _number in range(2))
        holder.exec_command("true")
        threading.Timer(3.0, holder.close).start()
        assert other.exec_command("echo in") == (0, b"in\n", b"")
        monkeypatch.setattr(_winrs, "PATIENCE", 3.0)
        with pytest.raises(AnsibleConnectionFailure, match=r"The host stayed busy for 3 s\..*concurrent shells"):
            holder.exec_command("true")
        other.close()
        assert stations.errors(HOST) == []


def test_an_answer_that_does_not_come_in_time_is_told_or_asked_for_once_more(carrier: str) -> None:
    with limited(carrier) as stations:
        plugin = connection(variables(stations, HOST, **IMPATIENT))
        assert plugin.exec_command("true")[0] == 0
        stations.script_troubles({"trouble": "slow", "verb": "Receive", "seconds": 5})
        if carrier == "psrp":
            # pypsrp sends the very same request again, which the service answers in the same way.
            assert plugin.exec_command("echo out; exit 3") == (3, b"out\n", b"")
        else:
            with pytest.raises(AnsibleConnectionFailure, match=r"WinRM failed while a command ran: .*timed out"):
                plugin.exec_command("true")
        stations.script_troubles()
        plugin.close()
        assert connection(variables(stations, HOST)).exec_command("true")[0] == 0
