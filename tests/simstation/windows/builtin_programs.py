# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of Windows itself and of the NVIDIA driver: wsl.exe, nvidia-smi.exe, msiexec.exe, shutdown.exe, hostname.exe."""

from __future__ import annotations

import ntpath
import threading
from typing import Any

from . import files, registry, session, tasks
from .programs import INSTALLERS, PROGRAMS, SYSTEM32, Completed, Invocation, always, crlf, installer_at, shown

State = dict[str, Any]

WSL_FOLDER = "C:\\Program Files\\WSL\\"
# The kernel that came with each package: samples/windows/wsl_version_*.txt
KERNELS = {"2.6.3.0": "6.6.87.2-1", "2.3.26.0": "5.15.167.4-1", "2.1.5.0": "5.15.146.1-2", "1.1.2.0": "5.15.83.1"}
ERROR_INSTALL_PACKAGE_OPEN_FAILED = 1619
ERROR_SUCCESS_REBOOT_REQUIRED = 3010


def wsl_exe(call: Invocation) -> Completed:
    from .. import wsl_exe as wsl

    if call.state["wsl"].get("hangs"):
        # Its service does not answer, so it waits for ever; whoever started it gives up (recordings: workstation.jsonl, a program that is ended).
        return call.hang()
    rc, stdout, stderr = wsl.run(call.station, call.user, call.arguments, call.environment, call.cancelled)
    return Completed(rc, stdout, stderr)


def wslg_exe(call: Invocation) -> Completed:
    """"Its behavior is exactly the same as wsl.exe", without a console (wsl.dev, wslg.exe); so nobody sees what it prints."""
    from .. import wsl_exe as wsl

    if call.state["wsl"].get("hangs"):
        return call.hang()
    rc, _stdout, _stderr = wsl.run(call.station, call.user, call.arguments, call.environment, call.cancelled, parser=wsl.parse_wslg)
    return Completed(rc)


# --- nvidia-smi --------------------------------------------------------------------------------------------------------------


def has_gpu_driver(state: State) -> bool:
    return any(gpu["driver_version"] for gpu in state["windows"]["gpus"])


def nvidia_smi(call: Invocation) -> Completed:
    gpus = call.state["windows"]["gpus"]
    if call.arguments == ["-L"]:
        return Completed(0, crlf("".join(f"GPU {index}: {gpu['name']} (UUID: {gpu['uuid']})\n" for index, gpu in enumerate(gpus))))
    queries = [word.partition("=")[2] for word in call.arguments if word.startswith("--query-gpu=")]
    formats = [word.partition("=")[2] for word in call.arguments if word.startswith("--format=")]
    if len(queries) != 1 or len(formats) != 1 or len(call.arguments) != 2 or formats[0].split(",")[0] != "csv":
        return call.refuse()
    return query(gpus, [name.strip() for name in queries[0].split(",")], formats[0].split(",")[1:])


def query(gpus: list[State], names: list[str], form: list[str]) -> Completed:
    """The form and the error are those of recordings/gpu/docker_gpus_query.json and docker_gpus_bad_field.json."""
    for name in names:
        if name not in FIELDS:
            return Completed(2, crlf(f'Field "{name}" is not a valid field to query.\n\n'))
    lines = []
    if "noheader" not in form:
        lines.append(", ".join(name + (f" [{FIELDS[name]}]" if FIELDS[name] and "nounits" not in form else "") for name in names))
    for index, gpu in enumerate(gpus):
        lines.append(", ".join(_field(gpu, index, name, "nounits" not in form) for name in names))
    return Completed(0, crlf("".join(line + "\n" for line in lines)))


FIELDS = {
    "index": "",
    "uuid": "",
    "name": "",
    "driver_version": "",
    "memory.total": "MiB",
    "memory.used": "MiB",
    "memory.free": "MiB",
    "compute_cap": "",
    "driver_model.current": "",
    "driver_model.pending": "",
    "utilization.gpu": "%",
    "temperature.gpu": "",
    "pci.bus_id": "",
    "mig.mode.current": "",
    "display_active": "",
    "count": "",
}


def _field(gpu: State, index: int, name: str, with_unit: bool) -> str:
    values = {
        "index": index,
        "uuid": gpu["uuid"],
        "name": gpu["name"],
        "driver_version": gpu["driver_version"],
        "memory.total": gpu["memory_mib"],
        "memory.used": 0,
        "memory.free": gpu["memory_mib"],
        "compute_cap": gpu["compute_cap"],
        "driver_model.current": gpu["driver_model"],
        "driver_model.pending": gpu["driver_model"],
        "utilization.gpu": 0,
        "temperature.gpu": 45,
        "pci.bus_id": f"00000000:{index + 1:02X}:00.0",
        "mig.mode.current": "[N/A]",
        "display_active": "Disabled",
        "count": 1,
    }
    unit = f" {FIELDS[name]}" if FIELDS[name] and with_unit else ""
    return f"{values[name]}{unit}"


# --- Windows -----------------------------------------------------------------------------------------------------------------


def hostname_exe(call: Invocation) -> Completed:
    return Completed(0, crlf(call.state["windows"]["computer_name"] + "\n")) if not call.arguments else call.refuse()


SILENT_DRIVER = {"-s", "-noreboot", "-noeula"}
SECONDS_TO_INSTALL_DRIVER = 200


def driver_installer(call: Invocation) -> Completed:
    """NVIDIA's package, with the flags that unattended scripts in public repositories give it; what its exit codes mean is not documented.

    `outcome` of the document's installer: `restart` (in force after the next start), `nothing` (reports success all the same).
    """
    if not set(call.arguments) <= SILENT_DRIVER:
        return call.refuse()
    if "-s" not in call.arguments and not call.interactive:
        return call.hang()
    installer = installer_at(call.state, call.path)
    if installer is None:
        return call.refuse()
    call.station.pause(SECONDS_TO_INSTALL_DRIVER)
    outcome = installer.get("outcome")
    with call.station.changed() as state:
        if outcome == "restart":
            state["windows"]["registry"].setdefault(registry.SESSION_MANAGER, {})["PendingFileRenameOperations"] = ["\\??\\C:\\Windows\\Temp\\nv", ""]
        for gpu in state["windows"]["gpus"] if outcome != "nothing" else ():
            gpu["driver_after_restart" if outcome == "restart" else "driver_version"] = installer["version"]
    return Completed(1 if outcome == "restart" else 0)


def schtasks_exe(call: Invocation) -> Completed:
    """`schtasks /delete /tn NAME /f`."""
    words = call.arguments
    if len(words) != 4 or [word.lower() for word in (words[0], words[1], words[3])] != ["/delete", "/tn", "/f"]:
        return call.refuse()
    name = words[2].lstrip("\\")
    if not tasks.delete(call.station, name):
        return Completed(1, b"", crlf("ERROR: The system cannot find the file specified.\n"))
    return Completed(0, crlf(f'SUCCESS: The scheduled task "{name}" was successfully deleted.\n'))


def shutdown_exe(call: Invocation) -> Completed:
    """`shutdown /r /t N /c text`: the reboot is simulated."""
    words = [word.lower() for word in call.arguments]
    if "/r" not in words:
        return call.refuse()
    seconds = float(words[words.index("/t") + 1]) if "/t" in words else 30.0
    threading.Thread(target=_reboot_later, args=(call, seconds), name="shutdown.exe", daemon=True).start()
    return Completed(0)


def _reboot_later(call: Invocation, seconds: float) -> None:
    if call.station.pause(seconds):
        session.reboot(call.station)


def msiexec_exe(call: Invocation) -> Completed:
    """`msiexec /i package /qn …` for the packages the station has as installers."""
    words = call.arguments
    if len(words) < 2 or words[0].lower() not in ("/i", "-i"):
        return call.refuse()
    known = all(word.lower() in ("/qn", "/quiet", "/norestart") or word.upper() == "REBOOT=REALLYSUPPRESS" for word in words[2:])
    return install_msi(call, words[1]) if known else call.refuse()


def install_msi(call: Invocation, source: str) -> Completed:
    from . import wsl_service

    path = files.resolve(call.station, call.user, source)
    if files.find(call.state, path) is None:
        return Completed(ERROR_INSTALL_PACKAGE_OPEN_FAILED)
    installer = installer_at(call.state, path)
    if installer is None or installer["kind"] != "wsl_msi" or installer["version"] not in KERNELS:
        call.station.unknown("content of an MSI package", ntpath.basename(path))
    with shown(call.station, SYSTEM32 + "msiexec.exe", f'msiexec.exe /i "{path}" /qn /norestart'):
        wsl_service.install_package(call.station, installer["version"], KERNELS[installer["version"]])
    return Completed(0)


def has_wsl_package(state: State) -> bool:
    return state["wsl"]["package"] is not None


PROGRAMS[SYSTEM32 + "wsl.exe"] = (always, wsl_exe)
PROGRAMS[WSL_FOLDER + "wsl.exe"] = (has_wsl_package, wsl_exe)
PROGRAMS[WSL_FOLDER + "wslg.exe"] = (has_wsl_package, wslg_exe)
PROGRAMS[SYSTEM32 + "nvidia-smi.exe"] = (has_gpu_driver, nvidia_smi)
PROGRAMS[SYSTEM32 + "hostname.exe"] = (always, hostname_exe)
PROGRAMS[SYSTEM32 + "shutdown.exe"] = (always, shutdown_exe)
PROGRAMS[SYSTEM32 + "schtasks.exe"] = (always, schtasks_exe)
INSTALLERS["nvidia_driver"] = driver_installer
PROGRAMS[SYSTEM32 + "msiexec.exe"] = (always, msiexec_exe)
