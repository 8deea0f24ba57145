# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every integration test ends by asking the stations whether they were asked anything they do not know."""

from __future__ import annotations

import typing as t

from tests.harness import Stations


def assert_understood(stations: Stations) -> None:
    complaints: dict[str, t.Any] = {host: errors for host in stations.hosts if (errors := stations.errors(host))}
    assert complaints == {}
