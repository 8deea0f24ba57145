# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/integration/test_wsl_connection.py holds winrm to, through the other carriers."""

from __future__ import annotations

import pytest

from tests.integration.test_wsl_connection import (
    CARRIERS,
    Outcome,
    played,
    test_a_command_may_be_silent_for_longer_than_any_timeout,
    test_a_password_is_given_once_to_whom_asks_and_nothing_else_is_taken_for_it,
    test_a_task_costs_no_more_than_promised,
    test_a_task_that_takes_too_long_is_ended_on_the_host,
    test_names_that_cannot_be_are_refused_with_an_explanation,
    test_nothing_of_the_windows_side_leaks,
    test_nothing_secret_is_printed,
    test_output_input_and_files_are_exact,
    test_the_station_was_asked_nothing_it_does_not_know,
    test_what_wsl_exe_refuses_is_unreachable_with_its_cause,
)

__all__ = [
    "test_a_command_may_be_silent_for_longer_than_any_timeout",
    "test_a_password_is_given_once_to_whom_asks_and_nothing_else_is_taken_for_it",
    "test_a_task_costs_no_more_than_promised",
    "test_a_task_that_takes_too_long_is_ended_on_the_host",
    "test_names_that_cannot_be_are_refused_with_an_explanation",
    "test_nothing_of_the_windows_side_leaks",
    "test_nothing_secret_is_printed",
    "test_output_input_and_files_are_exact",
    "test_the_station_was_asked_nothing_it_does_not_know",
    "test_what_wsl_exe_refuses_is_unreachable_with_its_cause",
]


@pytest.fixture(scope="module", params=[carrier for carrier in CARRIERS if carrier != "winrm"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return played(request.param, tmp_path_factory.mktemp("play"))
