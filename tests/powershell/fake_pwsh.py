# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PLUMBING ONLY: stands for `pwsh` where none is. It is no PowerShell and proves nothing about the product's texts.

It takes PowerShell's options, stdin and environment, reads the look-alike's files, does some verbs in the simplest way and answers in the bootstrap's
frame: enough to prove what carries requests to a real PowerShell and its replies back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

OPTIONS = ["-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Unrestricted", "-EncodedCommand"]


class Fake:
    def __init__(self, folder: Path) -> None:
        self.drive = folder / "C"
        self.station = folder / "station.json"

    def answer(self, item: dict[str, Any]) -> Any:
        return getattr(self, item["verb"])(item)

    def path(self, text: str) -> Path:
        return self.drive / re.sub(r"%(\w+)%", lambda match: os.environ[match[1]], text)[3:].replace("\\", "/")

    def shell(self, _item: dict[str, Any]) -> dict[str, Any]:
        return {"powershell": "plumbing", "language_mode": "FullLanguage", "ui_culture": "", "user": "whoever"}

    def environment(self, item: dict[str, Any]) -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in item["names"]}

    def cim(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        rows = json.loads(self.station.read_text(encoding="utf-8"))["cim"][f"{item['class']}|root/cimv2|{item.get('filter', '')}"]
        return [{name: row[name] for name in item["properties"]} for row in rows]

    def file(self, item: dict[str, Any]) -> dict[str, Any]:
        path = self.path(item["path"])
        if not path.is_file():
            return {"exists": False, "path": str(path)}
        return {"exists": True, "path": str(path), "content": base64.b64encode(path.read_bytes()).decode()}

    def write_file(self, item: dict[str, Any]) -> dict[str, Any]:
        path, content = self.path(item["path"]), base64.b64decode(item["content"])
        path.write_bytes(content)
        return {"changed": True, "sha256": hashlib.sha256(content).hexdigest(), "backup": None}

    def native(self, item: dict[str, Any]) -> dict[str, Any]:
        full = self.path(item["program"]) if ":" in item["program"] or "%" in item["program"] else shutil.which(item["program"])
        if full is None or not Path(full).is_file():
            return {"exists": False}
        process = subprocess.Popen(
            [str(full), *item.get("arguments", [])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **item.get("environment", {})}
        )
        if item.get("detach"):
            return {"exists": True, "path": str(full), "pid": process.pid}
        try:
            out, err = process.communicate(timeout=item.get("timeout", 30))
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return {"exists": True, "path": str(full), "timed_out": True, "rc": None, "stdout": "", "stderr": ""}
        told = {"stdout": base64.b64encode(out).decode(), "stderr": base64.b64encode(err).decode()}
        return {"exists": True, "path": str(full), "timed_out": False, "rc": process.returncode, **told}


def main(words: list[str]) -> int:
    assert words[:-1] == OPTIONS, words
    script = base64.b64decode(words[-1], validate=True).decode("utf-16-le")
    imported = re.search(r"^Import-Module '(.+?)' -ArgumentList '(.+?)' -DisableNameChecking$", script, re.MULTILINE)
    assert imported is not None
    assert Path(imported[1]).is_file()
    assert "LOOKALIKE_PWSH" in os.environ
    mode = re.search(r"LanguageMode = '(\w+)'", script)
    if mode:
        print(f"<<gpudev!{mode[1]}>>")
        return 0
    request = json.loads(sys.stdin.buffer.read().decode("ascii"))["request"]
    fake = Fake(Path(imported[2]))
    answers: list[dict[str, Any]] = []
    for item in request["items"]:
        try:
            answers.append({"answer": fake.answer(item)})
        except OSError as problem:
            told = {"type": "System.IO.IOException", "message": f"No space left on device : '{problem.filename}'", "hresult": "0x0000001C", "id": "IOException"}
            answers.append({"error": told})
    reply = json.dumps({"ok": True, "result": {"answers": answers}}, ensure_ascii=False)
    print(f"<<gpudev:{base64.b64encode(reply.encode()).decode()}>>")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
