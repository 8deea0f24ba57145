# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what minikube does while it does it: the module runs once; when it leaves a job behind, its steps are followed here."""

from __future__ import annotations

import typing as t

from ansible_collections.gpudev.workstation.plugins.module_utils import _minikube_declaration as declaring
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import skipped
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_assessment import refused_layer
from ansible_collections.gpudev.workstation.plugins.module_utils._minikube_options import argument_spec, declaration
from ansible_collections.gpudev.workstation.plugins.module_utils._result import result
from ansible_collections.gpudev.workstation.plugins.plugin_utils._followed_job import FollowedJobAction


class ActionModule(FollowedJobAction):
    """Refuse a bad declaration on the controller, run the module, follow its job."""

    _supports_check_mode = True
    _supports_async = False
    module_name = "gpudev.workstation.minikube_gpu_cluster"

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = super().run(tmp, task_vars)
        _validated, params = self.validate_argument_spec(argument_spec=argument_spec())
        wanted = declaration(params)
        refused = declaring.refusals(wanted)
        if params["validate_only"] and not refused:
            refused = declaring.engine_refusals(wanted, params["engine_memory_mib"], 0)
        if refused:
            answer.update(result([refused_layer(refused)], False, self._task.check_mode))
        elif params["validate_only"]:
            answer.update(result([skipped("cluster", "validate_only: the declaration is well formed")], False, self._task.check_mode))
        else:
            answer.update(self._converge(task_vars or {}))
        return answer
