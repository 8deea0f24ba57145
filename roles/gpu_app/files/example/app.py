# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny web application on the GPU, with nothing but Python's standard library.

`/` says who answers, `/gpu` what nvidia-smi sees (503 when it sees nothing), `/healthz` is for the readiness probe, `/work?seconds=1` keeps one CPU busy.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FIELDS = ("index", "uuid", "name", "driver_version", "memory.total")
LONGEST_WORK = 30.0


def look() -> dict[str, object]:
    """The GPUs that this pod was given, or why there are none."""
    command = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except subprocess.CalledProcessError as error:
        return {"gpus": [], "error": f"nvidia-smi ended with {error.returncode}: {(error.stdout + error.stderr).strip()}"}
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"gpus": [], "error": str(error)}
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
    return {"gpus": [dict(zip(FIELDS, row)) for row in rows]}


def work(seconds: float) -> float:
    """Keep a CPU busy, so that an autoscaler has something to see."""
    began = time.monotonic()
    while time.monotonic() - began < min(seconds, LONGEST_WORK):
        sum(number * number for number in range(10_000))
    return time.monotonic() - began


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(200, {"application": "gpu-example", "host": socket.gethostname()})
        elif url.path in ("/gpu", "/healthz"):
            seen = look()
            self.answer(200 if seen["gpus"] else 503, {"host": socket.gethostname(), **seen})
        elif url.path == "/work":
            seconds = float(parse_qs(url.query).get("seconds", ["1"])[0])
            self.answer(200, {"host": socket.gethostname(), "seconds": round(work(seconds), 3)})
        else:
            self.answer(404, {"error": f"no such path: {url.path}"})

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
