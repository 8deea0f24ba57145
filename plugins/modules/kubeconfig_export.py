# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig_export
short_description: Let programs of the other system find a cluster
version_added: 0.1.0
description:
  - Carries one context of a kubeconfig into another kubeconfig, complete with its certificates, so that C(kubectl.exe), Visual Studio Code and Lens on
    Windows find the cluster that minikube made inside WSL2.
  - Everything else in the other file stays as it is, but comments are lost, as they are when C(kubectl) writes it. What was there is kept in a backup.
  - The current context of the other file is set only where there is none, or with O(select=true).
  - Something of the same name that this collection did not put there is never replaced without O(overwrite=true).
options:
  src:
    description: The kubeconfig that has the context.
    type: path
    default: ~/.kube/config
  context:
    description: The context to carry over.
    type: str
    required: true
  dest:
    description:
      - The kubeconfig to carry it to. A Windows path such as C(C:\Users\dev\.kube\config) is looked for under C(/mnt).
    type: path
    required: true
  name:
    description: Name of context, cluster and user over there. Empty takes the name of O(context).
    type: str
    default: ""
  state:
    description: V(present) carries the context over and keeps it up to date, V(absent) takes away what this module put there.
    type: str
    choices:
      - present
      - absent
    default: present
  select:
    description: Make it the current context over there.
    type: bool
    default: false
  overwrite:
    description: Replace something of the same name that this collection did not put there.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Names and addresses only, no keys.
  idempotent:
    support: full
  action:
    support: none
notes:
  - That programs of Windows reach C(127.0.0.1) inside WSL2 is what WSL documents (localhost forwarding, or mirrored networking). It was not run on Windows.
  - The file over there then holds the client's private key, as a kubeconfig does.
requirements:
  - PyYAML, which comes with the kubernetes package
extends_documentation_fragment:
  - gpudev.workstation._attributes
  - gpudev.workstation._attributes.actiongroup
  - gpudev.workstation._attributes.posix
author:
  - gpudev.workstation contributors (@gpudev)
seealso:
  - module: gpudev.workstation.minikube_gpu_cluster
"""

EXAMPLES = r"""
- name: Let kubectl.exe and Visual Studio Code find the cluster
  gpudev.workstation.kubeconfig_export:
    context: minikube
    dest: C:\Users\dev\.kube\config

- name: Beside a cluster of minikube.exe that has the same name
  gpudev.workstation.kubeconfig_export:
    context: minikube
    name: minikube-wsl
    dest: /mnt/c/Users/dev/.kube/config
"""

RETURN = r"""
dest:
  description: The file that was looked at, as this system sees it.
  returned: always
  type: str
  sample: /mnt/c/Users/dev/.kube/config
name:
  description: The name of the context over there.
  returned: always
  type: str
  sample: minikube
backup_file:
  description: Where the file as it was before is kept.
  returned: when a file was replaced
  type: str
  sample: /mnt/c/Users/dev/.kube/config.4711.2026-11-21@09:30:00~
"""

import contextlib
import os
import re
import tempfile
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.gpudev.workstation.plugins.module_utils import _kube
from ansible_collections.gpudev.workstation.plugins.module_utils._kubeconfig import Refused, carried, merged, told, without

YAML_IMPORT_ERROR = ""
try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR = traceback.format_exc()


def as_seen_here(path: str) -> str:
    """A path of Windows as a distribution of WSL2 sees it with its default mounts; any other as it is."""
    match = re.match(r"^([A-Za-z]):[\\/](.*)$", path)
    seen = f"/mnt/{match.group(1).lower()}/{match.group(2)}".replace("\\", "/") if match else path
    return os.path.realpath(seen)


def read_kubeconfig(path: str) -> dict[str, t.Any]:
    """Empty when there is no such file."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            content = yaml.safe_load(stream)
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise Refused(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if content is not None and not isinstance(content, dict):
        raise Refused(f"{path} is no kubeconfig")
    return content or {}


def read_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: run minikube update-context, or make the cluster anew") from error


def wanted(params: t.Mapping[str, t.Any], before: t.Mapping[str, t.Any], name: str) -> dict[str, t.Any]:
    if params["state"] == "absent":
        return without(before, name)
    source = read_kubeconfig(params["src"])
    return merged(before, name, carried(source, params["context"], name, read_bytes), params["select"], params["overwrite"])


def write(module: AnsibleModule, path: str, content: t.Mapping[str, t.Any]) -> str:
    """Replace the file in one step; the backup's path, empty when there was no file."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    new = not os.path.exists(path)
    backup = "" if new else str(module.backup_local(path))
    descriptor, part = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        yaml.safe_dump(dict(content), stream, default_flow_style=False, sort_keys=False)
    module.atomic_move(part, path)
    if new:
        # A drive of Windows without metadata has no such modes; there the profile's own rights protect the file.
        with contextlib.suppress(PermissionError):
            os.chmod(path, 0o600)
    return backup


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "default": _kube.DEFAULT_KUBECONFIG},
            "context": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "name": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "select": {"type": "bool", "default": False},
            "overwrite": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    # Go on under the Python that has the client, and PyYAML with it, if this one has not.
    _kube.client_missing()
    if YAML_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=YAML_IMPORT_ERROR)
    path, name = as_seen_here(module.params["dest"]), module.params["name"] or module.params["context"]
    answer: dict[str, t.Any] = {"dest": path, "name": name}
    try:
        before = read_kubeconfig(path)
        after = wanted(module.params, before, name)
        answer["changed"] = after != before
        if answer["changed"] and not module.check_mode:
            backup = write(module, path, after)
            answer.update({"backup_file": backup} if backup else {})
    except (Refused, OSError) as error:
        module.fail_json(msg=f"The context {module.params['context']} was not carried over to {path}: {error}.", **{**answer, "changed": False})
    if module._diff:
        answer["diff"] = {"before": told(before), "after": told(after)}
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
