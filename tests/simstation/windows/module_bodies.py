# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each imitated `ansible.windows` module does to the station; shapes and texts from recordings/ansible_windows."""

from __future__ import annotations

import base64
import hashlib
import json
import ntpath
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from .. import argv
from ..station import Station, moment
from . import builtin_programs, files, programs, registry, session
from .failure import Failure

Args = dict[str, Any]

REBOOT_REQUIRED = 3010
INSTALLER_TIMEOUT = 3600


class Failed(Exception):
    """`FailJson`: the message, and what the result held by then."""

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True)
class Task:
    """One module run."""

    station: Station
    user: str
    args: Args
    check_mode: bool
    diff: bool

    @property
    def state(self) -> Args:
        return self.station.state

    def path(self, text: str) -> str:
        try:
            return files.resolve(self.station, self.user, text)
        except Failure as problem:
            raise Failed(problem.error["message"]) from None


def ping(task: Task) -> Args:
    return {"ping": task.args["data"]}


# --- the product's own program, and jobs ---------------------------------------------------------------------------------------


def powershell(task: Task) -> Args:
    """Only the product's carrier is known; the shape is that of the recorded run."""
    from .. import powershell as console
    from .. import script_hashes

    texts = {script_hashes.CARRIER: task.args["script"], script_hashes.BOOTSTRAP: (task.args["parameters"] or {}).get("Bootstrap", "")}
    for name, text in texts.items():
        if script_hashes.identify(text) != name:
            task.station.unknown("script of win_powershell", script_hashes.CHANGED if script_hashes.is_present_text(name, text) else text[:2000])
    line = console.reply_line(task.station, task.user, task.args["parameters"]["Frame"])
    empty: Args = {name: [] for name in ("debug", "error", "information", "verbose", "warning")}
    return {**empty, "host_err": "", "host_out": "", "output": [line], "result": {}}


def async_status(task: Task) -> Args:
    """ansible.windows async_status.ps1."""
    folder, job = task.path(task.args["_async_dir"]), task.args["jid"]
    path = f"{folder}\\{job}"
    data = files.read(task.state, path)
    if data is None:
        raise Failed(f"could not find job at '{folder}'", ansible_job_id=job, started=1, finished=1)
    if task.args["mode"] == "cleanup":
        files.remove(task.station, path)
        return {"ansible_job_id": job, "erased": path}
    held: Args = json.loads(data)
    return held


# --- optional features -------------------------------------------------------------------------------------------------------


def optional_feature(task: Task) -> Args:
    """As the real module: only `Enabled*` counts as there, so a pending feature is enabled, and reported as changed, again."""
    features = task.state["windows"]["features"]
    wanted = "Enabled" if task.args["state"] == "present" else "Disabled"
    to_change = []
    for name in task.args["name"]:
        known = next((feature for feature in features if feature.casefold() == name.casefold()), None)
        if known is None:
            raise Failed(f"Failed to find feature '{name}'", reboot_required=False)
        if not features[known].startswith(wanted):
            to_change.append(known)
    result: Args = {"changed": bool(to_change), "reboot_required": False}
    if to_change and not task.check_mode:
        for name in to_change:
            (session.enable_feature if wanted == "Enabled" else session.disable_feature)(task.station, name)
        result["reboot_required"] = True
    return result


# --- packages ----------------------------------------------------------------------------------------------------------------


def package(task: Task) -> Args:
    source = task.args["path"]
    if task.args["state"] == "absent" or not source:
        task.station.unknown("win_package", "state: absent")
    if source.lower().startswith("http"):
        task.station.unknown("win_package", "path as a URL")
    path = task.path(source)
    if files.find(task.state, path) is None and not task.check_mode:
        raise Failed(f"the file at the path '{source}' cannot be reached", reboot_required=False)
    if is_installed(task, path):
        return {"changed": False, "rc": 0, "reboot_required": False}
    if task.check_mode:
        return {"changed": True, "rc": 0, "reboot_required": False}
    result: Args = {"checksum": package_checksum(task, path), "reboot_required": False}
    completed = run_package(task, path)
    result["rc"] = completed.rc
    if completed.rc not in [int(code) for code in task.args["expected_return_code"]]:
        line = command_line(path, task.args["arguments"])
        output = {"stdout": completed.stdout.decode(), "stderr": completed.stderr.decode()}
        raise Failed(f"unexpected rc from '{line}': see rc, stdout, and stderr for more details", **result, **output)
    return {**result, "changed": True, "reboot_required": completed.rc == REBOOT_REQUIRED}


def is_installed(task: Task, path: str) -> bool:
    """By product id (for an MSI its own), or by the path it creates."""
    if task.args["creates_path"]:
        created = task.path(task.args["creates_path"])
        return files.find(task.state, created) is not None or files.folder_exists(task.state, created) or programs.program_at(task.state, created) is not None
    product = task.args["product_id"]
    if not product:
        installer = programs.installer_at(task.state, path)
        if installer is None or installer["kind"] != "wsl_msi":
            raise Failed("product_id is required when the path is not an MSI or the path is an MSI but not accessible", reboot_required=False)
        product = registry.product_code(installer["version"])
    return any(installed_product(task, f"{hive}\\{registry.UNINSTALL}\\{product}") for hive in ("HKLM:", "HKCU:"))


def installed_product(task: Task, key: str) -> bool:
    return registry.canonical(task.station, task.user, key).casefold() in registry.all_keys(task.state, task.user)


def package_checksum(task: Task, path: str) -> str:
    digest = hashlib.new(task.args["checksum_algorithm"], files.read(task.state, path) or b"").hexdigest().upper()
    wanted = task.args["checksum"]
    if wanted and wanted.upper() != digest:
        raise Failed(f"The checksum for {path} did not match '{wanted}', it was '{digest}'", checksum=digest, rc=0, reboot_required=False)
    return digest


def command_line(path: str, arguments: Any) -> str:
    shown = argv.join([path])
    if not arguments:
        return shown
    return f"{shown} {arguments if isinstance(arguments, str) else argv.join([str(word) for word in arguments])}"


def run_package(task: Task, path: str) -> programs.Completed:
    arguments = task.args["arguments"]
    words = argv.split_arguments(arguments) if isinstance(arguments, str) else [str(word) for word in arguments or []]
    call = programs.Invocation(task.station, task.user, path, words, timeout=INSTALLER_TIMEOUT)
    if path.lower().endswith(".msi"):
        return builtin_programs.install_msi(call, path)
    if programs.program_at(task.state, path) is None:
        task.station.unknown("program run by win_package", path)
    completed = programs.run(call)
    if completed is None:
        raise Failed(f"timed out: {path}", reboot_required=False)
    return completed


# --- downloads ---------------------------------------------------------------------------------------------------------------


class Unreachable(Exception):
    """No answer with a file; `status` where there was an answer."""

    def __init__(self, text: str, status: int | None) -> None:
        super().__init__(text)
        self.status = status


def get_url(task: Task) -> Args:
    url, dest, algorithm = task.args["url"], task.path(task.args["dest"]), task.args["checksum_algorithm"]
    if files.folder_exists(task.state, dest):
        dest += "\\" + ntpath.basename(urllib.parse.urlsplit(url).path)
    result: Args = {"dest": dest, "elapsed": 0, "url": url}
    wanted = (task.args["checksum"] or "").strip().lower()
    held = files.read(task.state, dest)
    held_checksum = None if held is None else hashlib.new(algorithm, held).hexdigest()
    force = task.args["force"] or (held is not None and wanted not in ("", held_checksum))
    if held is None or (force and not (wanted and held_checksum == wanted and not task.args["force"])):
        held = download(task, url, dest, algorithm, wanted, result, held_checksum)
    elif not (wanted and held_checksum == wanted):
        task.station.unknown("win_get_url", "force: false without a checksum compares times")
    if held is not None:
        result["checksum_dest"] = hashlib.new(algorithm, held).hexdigest()
        result["size"] = len(held)
    return result


def download(task: Task, url: str, dest: str, algorithm: str, wanted: str, result: Args, held_checksum: str | None) -> bytes | None:
    """The content at `dest` afterwards."""
    folder = ntpath.dirname(dest)
    if not files.folder_exists(task.state, folder):
        advice = "Ensure download destination folder exists (perhaps using win_file state=directory) before win_get_url runs."
        raise Failed(f"The path '{folder}' does not exist for destination '{dest}', or is not visible to the current user. {advice}", **result)
    begin = time.monotonic()
    try:
        data = fetched(task.state, url)
    except Unreachable as problem:
        elapsed = round(time.monotonic() - begin, 7)
        raise Failed(f"Error downloading '{url}' to '{dest}': {problem}", **{**result, "elapsed": elapsed, "status_code": problem.status}) from None
    result["status_code"] = 200
    result["checksum_src"] = hashlib.new(algorithm, data).hexdigest()
    if wanted and wanted != result["checksum_src"]:
        raise Failed(f"The checksum for {url} did not match '{wanted}', it was '{result['checksum_src']}'", **result)
    result.update(elapsed=round(time.monotonic() - begin, 7), msg="OK")
    if held_checksum == result["checksum_src"]:
        return data
    result["changed"] = True
    if not task.check_mode:
        files.put(task.station, dest, data)
        return data
    return files.read(task.state, dest)


def fetched(state: Args, url: str) -> bytes:
    """From `internet` of the document, or really from this machine's loopback; nothing else is reachable from a station."""
    known = state.get("internet", {}).get(url)
    if known is not None:
        return base64.b64decode(known["content"])
    address = urllib.parse.urlsplit(url)
    if address.hostname not in ("127.0.0.1", "localhost"):
        raise Unreachable(f"The remote name could not be resolved: '{address.hostname}'", None)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as response:
            return response.read()
    except urllib.error.HTTPError as problem:
        raise Unreachable(f"The remote server returned an error: ({problem.code}) {problem.reason}.", problem.code) from None
    except urllib.error.URLError:
        where = f"{address.hostname}:{address.port}"
        raise Unreachable(f"Connection refused. [::ffff:{address.hostname}]:{address.port} ({where})", None) from None


# --- files -------------------------------------------------------------------------------------------------------------------


def stat(task: Task) -> Args:
    path = task.path(task.args["path"])
    entry = files.find(task.state, path)
    if entry is None:
        return {"stat": folder_stat(path) if files.folder_exists(task.state, path) else {"exists": False}}
    data = files.content(entry)
    written = moment(entry["written"]).timestamp()
    read_only = "read-only" in entry.get("attributes", [])
    found: Args = {
        **common_stat(path),
        "attributes": "ReadOnly, Archive" if read_only else "Archive",
        "creationtime": written,
        "extension": ntpath.splitext(path)[1],
        "isarchive": True,
        "isreadonly": read_only,
        "isreg": True,
        "lastaccesstime": written,
        "lastwritetime": written,
        "size": len(data),
    }
    if task.args["get_checksum"]:
        found["checksum"] = hashlib.new(task.args["checksum_algorithm"], data).hexdigest()
    return {"stat": found}


def folder_stat(path: str) -> Args:
    return {**common_stat(path), "attributes": "Directory", "isarchive": False, "isdir": True, "isreadonly": False, "isreg": False}


def common_stat(path: str) -> Args:
    return {
        "exists": True,
        "filename": ntpath.basename(path),
        "hlnk_targets": [],
        "isdir": False,
        "ishidden": False,
        "isjunction": False,
        "islnk": False,
        "isshared": False,
        "nlink": 1,
        "owner": "BUILTIN\\Administrators",
        "path": path,
    }


def file(task: Task) -> Args:
    path = task.path(task.args["path"])
    is_folder = files.folder_exists(task.state, path)
    is_file = files.find(task.state, path) is not None
    if task.args["state"] == "directory":
        if is_file:
            raise Failed(f"path {path} is not a directory")
        if not is_folder and not task.check_mode:
            files.make_folder(task.station, path)
        return {"changed": not is_folder}
    if not task.check_mode:
        files.remove(task.station, path)
        files.remove_folder(task.station, path)
    return {"changed": is_folder or is_file}


# --- registry ----------------------------------------------------------------------------------------------------------------


def reg_stat(task: Task) -> Args:
    if task.args["name"] is None:
        task.station.unknown("win_reg_stat", "without a name")
    answer = registry.answer(task.station, task.user, task.args["path"], False)
    held = next((value for name, value in answer.get("values", {}).items() if name.casefold() == task.args["name"].casefold()), None)
    if held is None:
        return {"exists": False}
    raw = registry.value(task.station, task.user, task.args["path"], task.args["name"])
    return {"exists": True, "raw_value": raw["expand_sz"] if isinstance(raw, dict) and "expand_sz" in raw else raw, "type": kind_of(raw), "value": held}


def kind_of(raw: Any) -> str:
    if isinstance(raw, dict):
        return "REG_EXPAND_SZ" if "expand_sz" in raw else "REG_BINARY"
    if isinstance(raw, list):
        return "REG_MULTI_SZ"
    return ("REG_DWORD" if raw < 2**32 else "REG_QWORD") if isinstance(raw, int) else "REG_SZ"


def regedit(task: Task) -> Args:
    key = registry.storage_key(task.station, task.user, task.args["path"])
    wanted = typed(task.args["type"], task.args["data"])
    held = registry.value(task.station, task.user, task.args["path"], task.args["name"])
    same_kind = held is None or kind_of(held) == kind_of(wanted)
    result: Args = {"changed": held != wanted, "data_changed": held is not None and held != wanted, "data_type_changed": not same_kind}
    if result["changed"] and task.diff:
        result["diff"] = {"before": shown(task, held), "after": shown(task, wanted)}
    if result["changed"] and not task.check_mode:
        with task.station.changed() as state:
            state["windows"]["registry"].setdefault(key, {})[task.args["name"]] = wanted
    return result


def typed(kind: str, data: Any) -> Any:
    if kind in ("dword", "qword"):
        return int(str(data), 0)
    if kind == "multistring":
        return [str(line) for line in data]
    return {"expand_sz": str(data)} if kind == "expandstring" else str(data or "")


def shown(task: Task, held: Any) -> Args:
    """One value in the module's diff; only a number was recorded."""
    if held is None:
        return {}
    if kind_of(held) != "REG_DWORD":
        task.station.unknown("win_regedit", f"diff of {kind_of(held)}")
    return {task.args["path"]: {task.args["name"]: {"type": "DWord", "value": f"0x{held:08X}"}}}
