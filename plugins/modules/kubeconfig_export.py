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
      - The kubeconfig to carry it to. A Windows path such as C(C:\Users\dev\.kube\config) is looked for where C(/etc/wsl.conf) has the drives, which is
        C(/mnt) if it does not say. Its folder is made where it is missing, the folder above has to be there.
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
  reachable:
    description:
      - Whether programs of Windows reach C(127.0.0.1) of this system. With Docker Desktop they do, because it publishes the port on Windows. With an engine
        inside the distribution they do unless C(.wslconfig) switches that off; M(gpudev.workstation.host_info) returns it.
      - V(false) refuses the export, because nothing on Windows could use it.
    type: bool
    default: true
  awaiting:
    description:
      - In check mode, what earlier steps would have changed, so that the context would be another one; a change is predicted then. Ignored otherwise.
    type: list
    elements: str
    default: []
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
  - After a start of the cluster the API server can have another port. The next run of this module carries it over.
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
  sample: /mnt/c/Users/dev/.kube/config.20261121T093000000000Z.bak
findings:
  description: What keeps the file from being written, with the cure.
  returned: on failure, when that is known
  type: list
  elements: dict
  sample:
    - code: EXPORT-002
      layer: cluster
      severity: error
      symptom: "/mnt/c/Users/dev: read-only file system"
      cause: The Windows drive is mounted read-only in this distribution.
      remedy: Take 'ro' out of options below [automount] in /etc/wsl.conf.
      reference: https://learn.microsoft.com/windows/wsl/wsl-config#automount-settings
"""

import os
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.gpudev.workstation.plugins.module_utils import _kube
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue import Catalogue
from ansible_collections.gpudev.workstation.plugins.module_utils._catalogue_export import ENTRIES
from ansible_collections.gpudev.workstation.plugins.module_utils._kubeconfig import Refused, carried, merged, told, without
from ansible_collections.gpudev.workstation.plugins.module_utils._windows_file import (
    Obstacle,
    as_seen_here,
    automount,
    content,
    refuse_unwritable,
    replace,
)

YAML_IMPORT_ERROR = ""
try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR = traceback.format_exc()

CATALOGUE = Catalogue(ENTRIES)


def kubeconfig(path: str, data: bytes | None) -> dict[str, t.Any]:
    """Empty when there is no such file."""
    try:
        found = yaml.safe_load((data or b"").decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if found is not None and not isinstance(found, dict):
        raise Refused(f"{path} is no kubeconfig")
    return found or {}


def read_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: run minikube update-context, or make the cluster anew") from error


def wanted(params: t.Mapping[str, t.Any], before: t.Mapping[str, t.Any], name: str) -> dict[str, t.Any]:
    if params["state"] == "absent":
        return without(before, name)
    source = kubeconfig(params["src"], content(params["src"]))
    taken = carried(source, params["context"], name, read_bytes)
    if not params["reachable"]:
        raise Obstacle("EXPORT-005", f"API server {taken.server}", server=taken.server)
    return merged(before, name, taken, params["select"], params["overwrite"])


def export(params: t.Mapping[str, t.Any], check_mode: bool, answer: dict[str, t.Any]) -> None:
    """What was done, or would be, goes into the answer, also where it ends half-way."""
    path = answer["dest"] = as_seen_here(params["dest"], automount())
    data = content(path)
    before = kubeconfig(path, data)
    answer["diff"] = {"before": told(before)}
    if check_mode and params["awaiting"]:
        # The cluster would get another address first.
        refuse_unwritable(path)
        answer["diff"]["after"] = {**told(before), "awaiting": params["awaiting"]}
        answer["changed"] = True
        return
    after = wanted(params, before, answer["name"])
    answer["diff"]["after"] = told(after)
    if after == before:
        return
    refuse_unwritable(path)
    if not check_mode:
        backup = replace(path, data, yaml.safe_dump(after, default_flow_style=False, sort_keys=False).encode())
        answer.update({"backup_file": backup} if backup else {})
    answer["changed"] = True


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
            "reachable": {"type": "bool", "default": True},
            "awaiting": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    # Go on under the Python that has the client, and PyYAML with it, if this one has not.
    _kube.client_missing()
    if YAML_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=YAML_IMPORT_ERROR)
    params = module.params
    answer: dict[str, t.Any] = {"changed": False, "dest": params["dest"], "name": params["name"] or params["context"]}
    failure = f"The context {params['context']} was not carried over to {params['dest']}: "
    try:
        export(params, module.check_mode, answer)
    except Obstacle as obstacle:
        finding = CATALOGUE[obstacle.code].finding(
            obstacle.seen, **{"dest": params["dest"], "distribution": os.environ.get("WSL_DISTRO_NAME", "<distribution>"), **obstacle.details}
        )
        module.fail_json(msg=f"{failure}{finding.sentence()}", findings=[finding.as_dict()], **answer)
    except (Refused, OSError) as error:
        module.fail_json(msg=f"{failure}{error}.", **answer)
    if not module._diff:
        answer.pop("diff")
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
