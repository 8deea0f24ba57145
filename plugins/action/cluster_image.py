# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a build's steps while it builds: the module runs once; when it leaves a job behind, its steps are followed here."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.gpudev.workstation.plugins.module_utils._cluster_image_options import argument_spec, refusal
from ansible_collections.gpudev.workstation.plugins.plugin_utils._followed_job import FollowedJobAction


class ActionModule(FollowedJobAction):
    """Refuse a bad declaration on the controller, run the module, follow its job."""

    _supports_check_mode = True
    _supports_async = False
    module_name = "gpudev.workstation.cluster_image"

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = super().run(tmp, task_vars)
        _validated, params = self.validate_argument_spec(argument_spec=argument_spec())
        refused = refusal(params)
        if refused:
            raise AnsibleActionFail(refused)
        answer.update(self._converge(task_vars or {}))
        return answer
