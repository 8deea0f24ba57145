# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test program that was called `wsl.exe` when the requests were recorded on Linux: recordings/powershell/station_win32.json tells what it did.

Standard library only; PowerShell starts it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path


def main(words: list[str]) -> int:
    if words == ["--version"]:
        sys.stdout.buffer.write("WSL version: 2.6.1.0\r\n".encode("utf-16-le"))
    elif words[:1] == ["--args"]:
        sys.stdout.buffer.write("".join(f"<{word}>" for word in words[1:]).encode())
    elif words == ["--hang"]:
        # A grandchild that keeps the pipes open when this program is killed.
        grandchild = subprocess.Popen(["sleep", "60"])
        Path(os.environ["GRANDCHILD_FILE"]).write_text(str(grandchild.pid), encoding="ascii")
        grandchild.wait()
    elif words == ["--flood"]:
        flood()
        return 4
    elif words == ["--environment"]:
        sys.stdout.write(os.environ.get("WSL_UTF8", "(none)"))
    elif words == ["--stdin"]:
        data = sys.stdin.buffer.read()
        sys.stdout.write(f"{len(data)}:{data.hex()}")
    else:
        sys.stderr.write("bad")
        return 1
    return 0


def flood() -> None:
    """Both pipes at once, more than they hold."""
    errors = threading.Thread(target=lambda: sys.stderr.buffer.write(b"e" * 300_000))
    errors.start()
    sys.stdout.buffer.write(b"o" * 3_000_000)
    errors.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
