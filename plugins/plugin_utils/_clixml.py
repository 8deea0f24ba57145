# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what PowerShell writes to stderr when nobody formats it: CLIXML.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

MARK = "#< CLIXML"
NAMESPACE = "{http://schemas.microsoft.com/powershell/2004/04}"
# PowerShell writes control characters, and each half of a surrogate pair, as _xHHHH_.
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def readable_errors(stderr: str) -> str:
    """The lines of the error stream, with whatever is not CLIXML left as it is; progress and information records are dropped."""
    plain, mark, rest = stderr.partition(MARK)
    if not mark:
        return stderr.strip()
    told = [plain.strip(), *(line for document in rest.split(MARK) for line in _errors(document))]
    return "\n".join(line for line in told if line)


def _errors(document: str) -> list[str]:
    start, end = document.find("<Objs"), document.rfind("</Objs>")
    if start < 0 or end < 0:
        return [document.strip()]
    try:
        root = ElementTree.fromstring(document[start : end + len("</Objs>")])
    except ElementTree.ParseError:
        return [document.strip()]
    texts = [_unescaped(node.text or "") for node in root.iter(f"{NAMESPACE}S") if node.get("S") == "Error"]
    return ["".join(texts).strip()]


def _unescaped(text: str) -> str:
    units = ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
