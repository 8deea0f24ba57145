# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole site.yml on a simulated workstation whose GPU is to be shared: refused beside the addon, predicted, done, and left alone."""

from __future__ import annotations

import json

from tests import harness

FOUR = {"device_plugin_sharing": {"mode": "time_slicing", "replicas": 4}}
WITHOUT_ADDON = {**FOUR, "minikube_addons": {"nvidia-device-plugin": False}}


def test_four_slices_take_the_place_of_the_addon() -> None:
    with harness.serve("healthy") as stations:
        (host,) = stations.hosts
        refused = harness.playbook(stations, "site.yml", "-e", json.dumps(FOUR))
        assert refused.rc != 0
        assert "PLUGIN-SHARE-005" in refused.output and "addons: {nvidia-device-plugin: false}" in refused.output
        predicted = harness.playbook(stations, "site.yml", "-e", json.dumps(WITHOUT_ADDON), "--check")
        chain = harness.chain_of(predicted, host)
        assert (predicted.rc, chain["cluster"], chain["device_plugin"]) == (0, "drift", "skipped")
        done = harness.playbook(stations, "site.yml", "-e", json.dumps(WITHOUT_ADDON))
        chain = harness.chain_of(done, host)
        assert (done.rc, chain["cluster"], chain["device_plugin"], chain["pod"]) == (0, "changed", "changed", "ok")
        assert "4 of 4 nvidia.com/gpu allocatable" in done.output
        again = harness.playbook(stations, "site.yml", "-e", json.dumps(WITHOUT_ADDON))
        assert (again.rc, again.changed()) == (0, 0)
        assert stations.errors(host) == []
