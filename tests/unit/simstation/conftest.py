# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the wire share: one reactor, and servers that end with their test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simstation.wsman.net import Reactor
from tests.unit.simstation.wire_bench import Bench


@pytest.fixture(scope="module")
def reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    yield reactor
    reactor.stop()


@pytest.fixture
def bench(reactor: Reactor, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(reactor, tmp_path)
    yield bench
    for server in bench.servers:
        server.stop()
    bench.log.close()
