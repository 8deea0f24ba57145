# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""chain_report: gather what the tasks of a run say of the nine layers into one chain, as facts, a table and a JSON file."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.gpudev.workstation.plugins.module_utils._compatibility import Row, rows_from
from ansible_collections.gpudev.workstation.plugins.module_utils._layers import LAYERS, WINDOWS_LAYERS, Layer, layer_from_dict
from ansible_collections.gpudev.workstation.plugins.plugin_utils._chain import Chain, write_report

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "add": {"type": "raw"},
    "about": {"type": "list", "elements": "str", "choices": list(LAYERS), "default": []},
    "native": {"type": "bool", "default": False},
    "enforce": {"type": "bool", "default": True},
    "dest": {"type": "path"},
    "show": {"type": "list", "elements": "str", "default": []},
}

display = Display()


class ActionModule(ActionBase):
    """Works on the controller only: no connection is opened, so it also speaks for hosts that cannot be reached."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        chain = self._chain_so_far(variables)
        if arguments["native"]:
            chain.mark_native(WINDOWS_LAYERS)
        for registered in _as_list(arguments["add"]):
            if not isinstance(registered, dict):
                raise AnsibleActionFail(f"chain_report: 'add' takes registered results, not {registered!r}. Write add: \"{{{{ __registered }}}}\".")
            chain.add(registered, arguments["about"], self._task.check_mode)
        refused = chain.gate(self._compatibility(variables))
        host = str(variables.get("inventory_hostname", "localhost"))
        if arguments["dest"]:
            write_report(arguments["dest"], host, chain, bool(self._task.check_mode))
        for name in arguments["show"]:
            show(name, variables["hostvars"][name].get("ansible_facts", {}))
        answer.update(_told(chain, bool(self._task.check_mode)), changed=False)
        if arguments["add"] is None and not arguments["native"]:
            # Nothing new was learned, and with run_once facts would be taken for those of every host.
            del answer["ansible_facts"]
        if refused is not None and arguments["enforce"]:
            answer.update(failed=True, msg=refused.message(), layers=[refused.as_dict()])
        return answer

    def _compatibility(self, variables: t.Mapping[str, t.Any]) -> list[Row]:
        """The user's own rows: a variable rather than an option, because every role reports and all must judge alike."""
        declared = self._templar.template(variables.get("workstation_compatibility", []))
        try:
            return rows_from(declared)
        except (TypeError, ValueError) as error:
            raise AnsibleActionFail(f"workstation_compatibility cannot be read: {error}. See docs/compatibility.md for how a row is written.") from error

    def _chain_so_far(self, variables: t.Mapping[str, t.Any]) -> Chain:
        facts = variables.get("ansible_facts", {})
        layers: list[Layer] = [layer_from_dict(layer) for layer in facts.get("workstation_layers", [])]
        return Chain(layers, list(facts.get("workstation_pending", [])))


def _told(chain: Chain, check_mode: bool) -> dict[str, t.Any]:
    closed = [layer.as_dict() for layer in chain.closed()]
    broken = chain.broken()
    verdict, table = chain.verdict(check_mode), chain.table()
    return {
        "chain": closed,
        "broken": broken.as_dict() if broken else None,
        "verdict": verdict,
        "table": table,
        "ansible_facts": {
            "workstation_layers": [layer.as_dict() for layer in chain.layers],
            "workstation_chain": closed,
            "workstation_pending": chain.pending,
            "workstation_verdict": verdict,
            "workstation_table": table,
        },
    }


def show(host: str, facts: t.Mapping[str, t.Any]) -> None:
    """The chain of one host as plain lines, to be read by people."""
    display.display(f"{host}: {facts.get('workstation_verdict', 'nothing was learned of this host')}")
    for line in facts.get("workstation_table", []):
        display.display(f"  {line}")


def _as_list(value: t.Any) -> list[t.Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
