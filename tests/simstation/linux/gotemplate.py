# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of Go's text/template that people give to `--format`: `{{.A.B}}`, `{{json .A}}`, `{{.}}` between literal text."""

from __future__ import annotations

import json
import re
from typing import Any

PLACEHOLDER = re.compile(r"\{\{-?\s*(json\s+)?(\.[\w.]*)\s*-?\}\}")


class NoSuchField(Exception):
    """The template names a field that the object has not; the text is docker's."""


class NotImitated(Exception):
    """Something of the template language beyond this."""


def render(template: str, data: Any, type_name: str) -> str:
    text = template.replace("\\t", "\t").replace("\\n", "\n")
    if "{{" in PLACEHOLDER.sub("", text):
        raise NotImitated(template)
    return PLACEHOLDER.sub(lambda match: _value(match, data, type_name), text)


def _value(match: re.Match[str], data: Any, type_name: str) -> str:
    value = data
    for field in match[2].strip(".").split("."):
        if not field:
            continue
        if not isinstance(value, dict) or field not in value:
            column = match.start() + 2
            raise NoSuchField(f'template: :1:{column}: executing "" at <{match[2]}>: can\'t evaluate field {field} in type {type_name}')
        value = value[field]
    return compact(value) if match[1] else plain(value)


def compact(value: Any) -> str:
    """JSON as Go's encoder writes it: no blanks, and the characters it escapes for HTML."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def plain(value: Any) -> str:
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + " ".join(plain(item) for item in value) + "]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{plain(item)}" for key, item in sorted(value.items())) + "]"
    return str(value)
