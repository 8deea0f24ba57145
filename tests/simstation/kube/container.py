# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that really runs: a program in network, host name and user namespaces of its own, asked over HTTP by whoever started it.

It runs as a program of its own (`python -I container.py`). The first line on stdin is the plan: `argv`, `env`, `cwd`, `hostname`. Each further line is a
request: `port`, `path`, `seconds`; the answer is one line on stdout. When stdin ends, the program ends with it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

CLONE_NEWUTS, CLONE_NEWUSER, CLONE_NEWNET = 0x04000000, 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces(hostname: str) -> None:
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    socket.sethostname(hostname)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def ask(port: int, path: str, seconds: float) -> dict[str, Any]:
    """What the program answers; status 0 when nothing listens in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=seconds) as answer:
                return told(answer.status, answer)
        except urllib.error.HTTPError as error:
            return told(error.code, error)
        except OSError as error:
            if time.monotonic() > deadline:
                return {"status": 0, "type": "", "body": str(error)}
            time.sleep(0.02)


def told(status: int, answer: Any) -> dict[str, Any]:
    return {"status": status, "type": answer.headers.get("content-type", ""), "body": answer.read().decode("utf-8", "replace")}


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    enter_namespaces(plan["hostname"])
    program = subprocess.Popen(plan["argv"], env=plan["env"], cwd=plan["cwd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps(ask(request["port"], request["path"], request["seconds"])), flush=True)
    finally:
        program.kill()
        program.wait()


if __name__ == "__main__":
    os.environ.pop("http_proxy", None)
    main()
