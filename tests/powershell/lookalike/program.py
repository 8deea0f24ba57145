# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind every program on the look-alike's drive C: it has the station run the imitation, and gives its output and exit code as its own.

Called as `program.py PATH ARGUMENT…`. Standard library only.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys


def main(path: str, arguments: list[str]) -> int:
    call = {"path": path, "arguments": arguments, "environment": dict(os.environ), "session": "LOOKALIKE_SESSION" in os.environ}
    with socket.socket(socket.AF_UNIX) as station:
        station.connect(os.environ["LOOKALIKE_SOCKET"])
        station.sendall(json.dumps(call).encode() + b"\n")
        # A program that hangs gets no answer: it waits here until it is killed, or until the station closes.
        answer = station.makefile("rb").readline()
    if not answer:
        return 1
    ended = json.loads(answer)
    sys.stdout.buffer.write(base64.b64decode(ended["stdout"]))
    sys.stderr.buffer.write(base64.b64decode(ended["stderr"]))
    return int(ended["rc"]) & 0xFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
