# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts that Ansible sends outside its module frame, each known by its whole text with named gaps.

Sources: ansible-core `plugins/shell/powershell.py` (remove, exists) and ansible.windows `plugin_utils/_reboot.py` (3.x).
"""

from __future__ import annotations

import datetime
import re
import threading
import time
from collections.abc import Callable

from tests.simstation import script_hashes
from tests.simstation.process import Call
from tests.simstation.station import Station, moment

LOGON_UI = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon\\AutoLogonChecked"
SHUTDOWN = "C:\\Windows\\System32\\shutdown.exe"
ANSWER_ON_ITS_WAY = 0.003
FILETIME_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)
Script = Callable[[Station, str, Call], int]
Meaning = Callable[[Station, str, Call, re.Match[str]], int]

BOOT_TIME = "(Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime).LastBootUpTime.ToFileTime()"
REBOOT = """$ErrorActionPreference = 'Continue'
if ($<forget>) {
Remove-Item -LiteralPath '<key>' -Force -ErrorAction SilentlyContinue
}
$stdout = $null
$stderr = . { C:\\Windows\\System32\\shutdown.exe /r /t <seconds> /c <message> | Set-Variable stdout } 2>&1 | ForEach-Object ToString
ConvertTo-Json -Compress -InputObject @{
stdout = (@($stdout) -join "`n")
stderr = (@($stderr) -join "`n")
rc = $LASTEXITCODE
}"""
ABORT = f"{SHUTDOWN} /a"
LOGON_SHOWN = "Get-Item -LiteralPath '<key>' -ErrorAction Stop; '<token>'"
REMOVE_TREE = "Remove-Item '<path>' -Force -Recurse;"
REMOVE = "Remove-Item '<path>' -Force;"
EXISTS = "If (Test-Path '<path>')\n{\n$res = 0;\n}\nElse\n{\n$res = 1;\n}\nWrite-Output '$res';\nExit $res;"
GAPS = {
    "forget": "True|False",
    "key": re.escape(LOGON_UI),
    "seconds": r"\d+",
    "message": "'(?:[^']|'')*'",
    "token": r"success-[0-9a-f-]{36}",
    "path": "(?:[^']|'')*",
}


def find(script: str) -> Script | None:
    text = _without_exit_code_line(script_hashes.normal(script))
    for template, meaning in KNOWN.items():
        match = re.fullmatch(_pattern(template), text)
        if match:
            return lambda station, user, call: meaning(station, user, call, match)
    return None


def _without_exit_code_line(text: str) -> str:
    """win_reboot puts ansible-core's last line behind a semicolon."""
    return re.sub(r"\s*;\s*" + re.escape(script_hashes.ADDED_BEHIND) + r"\Z", "", text)


def _pattern(template: str) -> str:
    parts = re.split(r"<(\w+)>", template)
    seen: set[str] = set()
    pattern = ""
    for position, part in enumerate(parts):
        if position % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{GAPS[part]})"
            seen.add(part)
    return pattern


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def _boot_time(station: Station, _user: str, call: Call, _match: re.Match[str]) -> int:
    booted = moment(station.state["windows"]["boot_time"])
    ticks = (booted - FILETIME_EPOCH) // datetime.timedelta(microseconds=1) * 10
    call.write(f"{ticks}\r\n".encode())
    return 0


def _shutdown(station: Station, user: str, arguments: list[str]) -> tuple[int, str, str]:
    from tests.simstation.windows import builtin_programs

    completed = builtin_programs.shutdown_exe(builtin_programs.Invocation(station, user, SHUTDOWN, arguments))
    return completed.rc, completed.stdout.decode(), completed.stderr.decode()


def show_logon_prompt(station: Station) -> None:
    """LogonUI makes this key when it is about to show the prompt, unless it is there; it does not survive a restart."""
    with station.changed() as state:
        state["windows"]["registry"][LOGON_UI] = {}


def _reboot(station: Station, user: str, call: Call, match: re.Match[str]) -> int:
    from tests.simstation.windows import registry

    if match["forget"] == "True":
        with station.changed() as state:
            state["windows"]["registry"].pop(registry.storage_key(station, user, LOGON_UI), None)
    seconds, message = float(match["seconds"]), _unquoted(match["message"][1:-1])
    threading.Thread(target=_go_down, args=(station, user, call, seconds, message), name="shutdown.exe /r", daemon=True).start()
    call.write(b'{"stdout":"","stderr":"","rc":0}\r\n')
    return 0


def _go_down(station: Station, user: str, call: Call, seconds: float, message: str) -> None:
    """The delay of `/t` is there for the client to take the answer: simulated time needs no more of it than that."""
    call.wait_for_client_to_leave(seconds * station.time_scale)
    time.sleep(ANSWER_ON_ITS_WAY)
    _shutdown(station, user, ["/r", "/t", "0", "/c", message])


def _abort(station: Station, user: str, call: Call, _match: re.Match[str]) -> int:
    code, stdout, stderr = _shutdown(station, user, ["/a"])
    call.write(stdout.encode())
    call.write_error(stderr.encode())
    return code


def _logon_shown(station: Station, user: str, call: Call, match: re.Match[str]) -> int:
    """The key's listing, which stands before the token, is left out."""
    from tests.simstation.windows import registry

    if not registry.answer(station, user, LOGON_UI, False)["exists"]:
        call.write_error(f"Get-Item : Cannot find path '{LOGON_UI}' because it does not exist.\r\n".encode())
        return 1
    call.write(f"{match['token']}\r\n".encode())
    return 0


def _remove(station: Station, user: str, call: Call, match: re.Match[str]) -> int:
    from tests.simstation.windows import files

    path = files.resolve(station, user, _unquoted(match["path"]))
    if files.remove(station, path) or files.remove_folder(station, path):
        return 0
    call.write_error(f"Remove-Item : Cannot find path '{path}' because it does not exist.\r\n".encode())
    return 1


def _exists(station: Station, user: str, call: Call, match: re.Match[str]) -> int:
    """Prints `$res` literally: the real script has it in single quotes."""
    from tests.simstation.windows import files

    path = files.resolve(station, user, _unquoted(match["path"]))
    call.write(b"$res\r\n")
    return 0 if files.find(station.state, path) is not None or files.folder_exists(station.state, path) else 1


KNOWN: dict[str, Meaning] = {
    BOOT_TIME: _boot_time,
    REBOOT: _reboot,
    ABORT: _abort,
    LOGON_SHOWN: _logon_shown,
    REMOVE_TREE: _remove,
    REMOVE: _remove,
    EXISTS: _exists,
}
