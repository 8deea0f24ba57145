# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a target is Python 3.8: its syntax, and nothing of the standard library that came later."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
FILES = sorted([*(PLUGINS / "modules").glob("*.py"), *(PLUGINS / "module_utils").glob("*.py")])
LATER_NAMES = frozenset(("removeprefix", "removesuffix", "cache", "UTC", "pairwise", "batched", "TypeAlias", "ParamSpec", "Self", "unparse", "bit_count"))
LATER_ARGUMENTS = {"zip": "strict", "dataclass": "slots kw_only", "Popen": "process_group"}
BUILTIN_GENERICS = frozenset(("dict", "list", "tuple", "set", "frozenset", "type"))


def evaluated(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but annotations, which `from __future__ import annotations` keeps as text."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from evaluated(node)


def too_new(text: str) -> list[str]:
    found = []
    for node in evaluated(ast.parse(text, feature_version=(3, 8))):
        if isinstance(node, ast.Attribute) and node.attr in LATER_NAMES:
            found.append(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in BUILTIN_GENERICS:
            found.append(f"{node.value.id}[]")
        elif isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            later = LATER_ARGUMENTS.get(function, "").split()
            found += [f"{function}({word.arg}=)" for word in node.keywords if word.arg in later]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_runs_on_python_3_8(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert too_new(text) == []
    assert "from __future__ import annotations" in text


@pytest.mark.parametrize("text", ["x = 'a'.removeprefix('b')", "x = dict[str, int]", "zip(a, b, strict=True)", "@dataclass(slots=True)\nclass X: pass"])
def test_what_is_too_new_is_found(text: str) -> None:
    assert too_new(text)


def test_new_syntax_is_found() -> None:
    with pytest.raises(SyntaxError):
        too_new("match x:\n    case 1: pass")
