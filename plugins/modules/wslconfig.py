# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wslconfig
short_description: Set keys of .wslconfig and wsl.conf the way WSL reads them
version_added: 0.1.0
description:
  - Sets and removes single keys of C(%UserProfile%\.wslconfig) on a Windows host, or of C(/etc/wsl.conf) inside a distribution.
  - The file is read exactly as WSL reads it, oddities included. Comments, order, spacing, line ends, byte order mark and foreign keys stay as they are.
  - Values that WSL would silently drop or damage are refused, with what to write instead. What is already wrong in the file is reported as findings.
  - The file is replaced in one step and only if nobody changed it meanwhile, so that it is the old one or the new one, never half.
  - The module never restarts WSL. RV(restart_required) and RV(applied) tell what is owed.
options:
  settings:
    description:
      - The wanted keys by section, a dictionary of dictionaries. The examples show it.
      - A value of V(null) removes the key. Keys that are not mentioned stay.
      - V(gpu) in section V(wsl2), as some guides write it, is taken for V(gpuSupport), the key that WSL knows.
    type: dict
    required: true
  kind:
    description: Which file and which keys.
    type: str
    choices:
      - wslconfig
      - wsl.conf
    default: wslconfig
  path:
    description:
      - The file. Environment variables in C(%) signs are expanded on Windows.
      - The default is C(%UserProfile%\.wslconfig) on Windows and C(/etc/wsl.conf) for O(kind=wsl.conf).
        On Linux it has to be given for O(kind=wslconfig), as in V(/mnt/c/Users/dev/.wslconfig).
    type: str
  backup:
    description: Keep the replaced file beside the new one, with the time in its name.
    type: bool
    default: true
  unknown_keys:
    description: What to do with keys that WSL does not know. They are refused, written with a finding, or just written.
    type: str
    choices:
      - warn
      - fail
      - ignore
    default: fail
  validate:
    description: Whether values are compared with what the host has, such as memory and processors.
    type: bool
    default: true
  host_memory_mib:
    description: Memory of the Windows host. The default is what the host says; inside a distribution nothing is known without it.
    type: int
  host_processors:
    description: Logical processors of the Windows host. The default is what the host says; inside a distribution nothing is known without it.
    type: int
  windows_user:
    description:
      - The user whose file it is. When the connection is somebody else's, nothing is changed and the task fails.
      - The default is whoever is logged on. It is not used on Linux.
    type: str
    default: ''
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  action:
    support: partial
    details: On Windows everything is done by the action plugin; on Linux it runs the module.
  platform:
    support: full
    platforms: windows, posix
    details: Over a Windows connection C(.wslconfig) is edited, over P(gpudev.workstation.wsl#connection) or any Linux connection a file there.
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.wsl
"""

EXAMPLES = r"""
- name: Give WSL 20 GB, 12 processors and the GPU
  gpudev.workstation.wslconfig:
    settings:
      wsl2:
        memory: 20GB
        processors: 12
        gpuSupport: true
  register: wslconfig

- name: Say when that is in force
  ansible.builtin.debug:
    msg: Run wsl --shutdown when it suits you.
  when: wslconfig.restart_required

- name: Make dev the default user of the distribution, and start systemd in it
  gpudev.workstation.wslconfig:
    kind: wsl.conf
    settings:
      user:
        default: dev
      boot:
        systemd: true
  become: true
"""

RETURN = r"""
path:
  description: The file.
  returned: always
  type: str
  sample: C:\Users\dev\.wslconfig
before:
  description: The text that was there, V(null) when there was no file.
  returned: when the file could be read
  type: str
  sample: "[wsl2]\nmemory=8GB\n"
values:
  description: What WSL accepts of the file as it is now, or would be, by canonical name. Sizes are bytes.
  returned: when the file could be read
  type: dict
  sample:
    wsl2.memory: 21474836480
    wsl2.processors: 12
backup_file:
  description: The copy of the replaced file, if one was made.
  returned: when the file could be read
  type: str
  sample: C:\Users\dev\.wslconfig.20260101T120000000Z.bak
restart_required:
  description:
    - Whether WSL runs with other settings than the file says.
    - On Linux it is V(true) when this run changed the file, because a distribution cannot tell when the virtual machine was started.
  returned: when the file could be read
  type: bool
  sample: true
applied:
  description: Whether the file is as declared and nothing is owed, because it is older than the start of the virtual machine or none runs.
  returned: when the file could be read
  type: bool
  sample: false
findings:
  description: What WSL would drop, damage or not be able to give, each with its cause and remedy.
  returned: when the file could be read
  type: list
  elements: dict
  sample:
    - code: WSLCFG-001
      layer: wsl
      severity: warning
      symptom: "gpu: True"
      cause: WSL has no key 'gpu' in [wsl2]; it ignores it with a warning. The key is gpuSupport, and it is on by default.
      remedy: Write gpuSupport instead of gpu. Module gpudev.workstation.wslconfig does so by itself when it is given gpu.
      reference: https://github.com/microsoft/WSL/blob/master/src/windows/common/WslCoreConfig.h
layers:
  description: Layer C(wsl), or C(distro) for O(kind=wsl.conf).
  returned: always
  type: list
  elements: dict
  sample:
    - layer: wsl
      status: changed
      summary: C:\Users\dev\.wslconfig was changed; WSL has to be restarted before it is in force
      facts: {}
      findings: []
"""

import hashlib
import os
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpudev.workstation.plugins.module_utils._layers import BROKEN, Layer
from ansible_collections.gpudev.workstation.plugins.module_utils._result import conclude, result
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import Unreadable
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import WSL_CONF
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_plan import CATALOGUE, Host, Plan, Refused, declared, layer, plan
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_spec import argument_spec


class Manager:
    """One run against a file of this machine."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.kind: str = module.params["kind"]
        self.path = self._path()
        known = module.params["validate"]
        memory, processors = module.params["host_memory_mib"], module.params["host_processors"]
        self.host = Host(memory_mib=memory or 0, processors=processors or 0) if known else Host()

    def _path(self) -> str:
        path: str | None = self.module.params["path"]
        if path is None and self.kind != WSL_CONF:
            self.module.fail_json(msg="path is needed on Linux for kind wslconfig, such as /mnt/c/Users/dev/.wslconfig.")
        return path or "/etc/wsl.conf"

    def run(self) -> dict[str, t.Any]:
        try:
            told = declared(self.module.params["settings"], self.kind, self.module.params["unknown_keys"], self.host)
            made = plan(self.read(), told, self.kind, self.path, self.host)
        except Refused as problem:
            self.module.fail_json(msg=str(problem))
        except Unreadable as problem:
            finding = CATALOGUE["WSLCFG-009"].finding(f"{self.path}: {problem}")
            unreadable = Layer("wsl", BROKEN, f"{self.path} cannot be read", {"path": self.path}, [finding])
            return result([unreadable], False, self.module.check_mode, path=self.path)
        backup = self.write(made) if made.changed and not self.module.check_mode else None
        return self.answer(made, backup)

    def read(self) -> bytes | None:
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as problem:
            self.module.fail_json(msg=f"{self.path} could not be read: {problem}")
            raise

    def write(self, made: Plan) -> str | None:
        """Replace the file in one step, if it is still the one that was read."""
        backup = self.module.backup_local(self.path) if made.before is not None and self.module.params["backup"] else None
        # In the same folder, so that it can be renamed into place.
        descriptor, temporary = tempfile.mkstemp(prefix=".ansible_wslconfig_", dir=os.path.dirname(os.path.abspath(self.path)))
        self.module.add_cleanup_file(temporary)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.content)
        if _checksum(self.read()) != _checksum(made.before):
            self.module.fail_json(msg=f"{self.path} was changed by something else meanwhile; nothing was written. Run again.")
        self.module.atomic_move(temporary, self.path)
        return backup

    def answer(self, made: Plan, backup: str | None) -> dict[str, t.Any]:
        told = layer(made, self.kind, self.path, self.module.check_mode, made.changed)
        return result(
            [told],
            made.changed,
            self.module.check_mode,
            diff=made.diff(self.path) if self.module._diff else None,
            path=self.path,
            before=None if made.before is None else made.before.decode("utf-8", "replace"),
            values=made.values,
            backup_file=backup,
            restart_required=made.changed,
            applied=not made.changed,
            findings=[finding.as_dict() for finding in made.findings],
        )


def _checksum(data: bytes | None) -> str:
    return "absent" if data is None else hashlib.sha256(data).hexdigest()


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    conclude(module, Manager(module).run())


if __name__ == "__main__":
    main()
