# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell as a syntax tree, without PowerShell: what does not parse, what 5.1 does not have, and what PSScriptAnalyzer reports above Information.

The grammar (tree-sitter-powershell) does not know the ternary, `??` and `?.` either: they are syntax errors here. Rules are named as PSScriptAnalyzer names
them where it has them; only what can be decided from the text alone is decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from tests.powershell import known51

PARSER = Parser(Language(tree_sitter_powershell.language()))
FUNCTION = "function_statement"
# Where names are looked for; not below a function inside.
SCOPES = (FUNCTION, "program")


@dataclass(frozen=True)
class Problem:
    rule: str
    line: int
    told: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.rule}: {self.told}"


def problems(text: str) -> list[Problem]:
    """Everything wrong with a PowerShell text; where it does not parse, only that."""
    tree = PARSER.parse((text if text.endswith("\n") else text + "\n").encode())
    broken = list(syntax(tree.root_node))
    if broken:
        return broken
    found = [problem for rule in RULES for problem in rule(tree.root_node)]
    return sorted([*of_text(text), *found], key=lambda problem: problem.line)


def here_strings(text: str) -> list[str]:
    """The bodies of @' '@ in a text: PowerShell within PowerShell."""
    root = PARSER.parse(text.encode()).root_node
    return ["\n".join(words(node).splitlines()[1:-1]) for node in every(root, "verbatim_here_string_characters")]


def syntax(root: Node) -> Iterator[Problem]:
    for node in walk(root):
        if node.is_error or node.is_missing:
            yield problem("syntax", node, words(node)[:60] or f"{node.type} is missing")


def of_text(text: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii():
            yield Problem("UseBOMForUnicodeEncodedFile", number, "not ASCII")
        if line != line.rstrip():
            yield Problem("AvoidTrailingWhitespace", number, "blanks at the end")


# --- the tree ----------------------------------------------------------------------------------------------------------------


def walk(node: Node, *, stop_at: tuple[str, ...] = ()) -> Iterator[Node]:
    yield node
    for child in node.children:
        if child.type not in stop_at:
            yield from walk(child, stop_at=stop_at)


def every(root: Node, *types: str) -> Iterator[Node]:
    return (node for node in walk(root) if node.type in types)


def words(node: Node) -> str:
    return (node.text or b"").decode()


def problem(rule: str, node: Node, told: str) -> Problem:
    return Problem(rule, node.start_point[0] + 1, told)


def child(node: Node, kind: str) -> Node | None:
    return next((part for part in node.children if part.type == kind), None)


def bare(node: Node) -> str:
    """`$Name`, `${name}` and `@name` as `name`."""
    return words(node).lstrip("$@").strip("{}").lower()


def variables(node: Node, *, stop_at: tuple[str, ...] = ()) -> Iterator[Node]:
    return (part for part in walk(node, stop_at=stop_at) if part.type == "variable")


def enclosing(node: Node, *types: str) -> Node | None:
    parent = node.parent
    while parent is not None and parent.type not in types:
        parent = parent.parent
    return parent


def only_variable(node: Node) -> Node | None:
    """The variable that is all there is to an expression."""
    while node.type != "variable" and len(node.children) == 1:
        node = node.children[0]
    return node if node.type == "variable" else None


# --- what 5.1 does not have --------------------------------------------------------------------------------------------------


def chains(root: Node) -> Iterator[Problem]:
    for node in every(root, "pipeline_chain_tail"):
        yield problem("UseCompatibleSyntax", node, "&& and || between pipelines came with PowerShell 7")


def commands(root: Node) -> Iterator[Problem]:
    """Only known commands, spelled as they are (no alias, no `clean` block, no Invoke-Expression, no Write-Host), with parameters that they have."""
    own = {words(name) for name in every(root, "function_name")}
    for command in every(root, "command"):
        name = child(command, "command_name")
        if name is None:
            if "[ScriptBlock]::Create" not in words(command):
                yield problem("AvoidUsingInvokeExpression", command, "a command that is only known when it runs")
        elif words(name) in known51.COMMANDS:
            yield from parameters(command, words(name))
        elif words(name) not in own:
            yield problem("UseCompatibleCmdlets", name, f"{words(name)} is not on the list of commands of 5.1, as it is spelled there")


def parameters(command: Node, name: str) -> Iterator[Problem]:
    allowed = known51.COMMANDS[name] | known51.COMMON_PARAMETERS
    elements = child(command, "command_elements")
    for node in elements.children if elements else []:
        if node.type == "command_parameter" and words(node)[1:].rstrip(":") not in allowed:
            yield problem("UseCompatibleCommands", node, f"{name} has no parameter {words(node)} on the list")


def types(root: Node) -> Iterator[Problem]:
    for node in every(root, "type_literal"):
        name = type_name(words(node))
        if name not in known51.TYPES:
            yield problem("UseCompatibleTypes", node, f"[{name}] is not on the list of types")
    for command in every(root, "command"):
        if words(child(command, "command_name") or command) == "New-Object":
            yield from constructed(command)
    for node in every(root, "member_access", "invokation_expression"):
        if node.children and node.children[0].type == "type_literal":
            yield from member(node)


def type_name(written: str) -> str:
    return written[1:-1].removeprefix("System.")


def constructed(command: Node) -> Iterator[Problem]:
    elements = child(command, "command_elements")
    arguments = [node for node in (elements.children if elements else []) if node.type != "command_argument_sep"]
    name = words(arguments[0]).removeprefix("System.") if arguments else ""
    bracketed = next((node for node in arguments[1:] if node.type == "argument_list"), None)
    count = argument_count(bracketed) if bracketed is not None else len(arguments) - 1
    if f"new/{count}" not in known51.TYPES.get(name, set()):
        yield problem("UseCompatibleTypes", command, f"New-Object {name} with {count} arguments is not on the list")


def member(node: Node) -> Iterator[Problem]:
    name = type_name(words(node.children[0]))
    called = words(child(node, "member_name") or node)
    arguments = child(node, "argument_list")
    if arguments is not None:
        called += f"/{argument_count(arguments)}"
    if name in known51.TYPES and called not in known51.TYPES[name]:
        yield problem("UseCompatibleTypes", node, f"[{name}]::{called} is not on the list")


def argument_count(arguments: Node) -> int:
    inner = child(arguments, "argument_expression_list")
    return 0 if inner is None else sum(1 for part in inner.children if part.type == "argument_expression")


# --- what PSScriptAnalyzer says besides --------------------------------------------------------------------------------------


def null_on_the_right(root: Node) -> Iterator[Problem]:
    for node in every(root, "comparison_expression"):
        operator = child(node, "comparison_operator")
        right = only_variable(node.children[-1])
        if operator is not None and words(operator).lower().lstrip("-ci") in ("eq", "ne") and right is not None and bare(right) == "null":
            yield problem("PossibleIncorrectComparisonWithNull", node, f"{words(node)}: an array on the left is filtered, not compared")


def functions(root: Node) -> Iterator[Problem]:
    for node in every(root, FUNCTION):
        name = child(node, "function_name")
        verb, _dash, noun = words(name or node).partition("-")
        if verb not in known51.APPROVED_VERBS or not noun:
            yield problem("UseApprovedVerbs", node, f"{verb}-{noun}")
        if child(node, "function_parameter_declaration") is not None and any(every(child(node, "script_block") or node, "param_block")):
            yield problem("syntax", node, f"{verb}-{noun} declares its parameters twice")
        if re.search(r"[^s]s$", noun):
            yield problem("UseSingularNouns", node, f"{verb}-{noun}")
        supports, asks = "SupportsShouldProcess" in words(node), ".ShouldProcess(" in words(node)
        if verb in known51.STATE_CHANGING_VERBS and not supports:
            yield problem("UseShouldProcessForStateChangingFunctions", node, f"{verb}-{noun}")
        if supports != asks:
            yield problem("ShouldProcess", node, f"{verb}-{noun}: SupportsShouldProcess and a call of ShouldProcess belong together")


def assignments(scope: Node) -> Iterator[Node]:
    """Variables that get a value in a scope itself, not in a function inside it."""
    for node in walk(scope, stop_at=(FUNCTION,)):
        if node.type == "assignment_expression":
            target = only_variable(node.children[0])
            if target is not None:
                yield target


def assigned_variables(root: Node) -> Iterator[Problem]:
    for scope in every(root, *SCOPES):
        targets = list(assignments(scope))
        targets_at = {target.start_byte for target in targets}
        # A script's variables are seen by its functions; a function's are its own.
        read = {bare(node) for node in variables(scope) if node.start_byte not in targets_at}
        for target in targets:
            name = bare(target)
            if name in known51.AUTOMATIC:
                yield problem("AvoidAssignmentToAutomaticVariable", target, words(target))
            elif name.startswith("global:"):
                yield problem("AvoidGlobalVars", target, words(target))
            elif name not in read | known51.PREFERENCES | {"null"} and ":" not in name:
                yield problem("UseDeclaredVarsMoreThanAssignments", target, f"{words(target)} is never read")


def unused_parameters(root: Node) -> Iterator[Problem]:
    """As PSScriptAnalyzer counts: what only a function or a script block inside reads is not read here."""
    for scope in every(root, *SCOPES):
        declared = [node for node in walk(scope, stop_at=(FUNCTION,)) if node.type == "script_parameter"]
        counted = [bare(node) for node in variables(scope, stop_at=(FUNCTION, "script_block_expression"))]
        for node in declared:
            variable = child(node, "variable")
            if variable is not None and counted.count(bare(variable)) < 2 and "psboundparameters" not in counted:
                yield problem("ReviewUnusedParameter", node, words(variable))


def empty_catches(root: Node) -> Iterator[Problem]:
    for node in every(root, "catch_clause"):
        block = child(node, "statement_block")
        if block is not None and not block.named_children:
            yield problem("AvoidUsingEmptyCatchBlock", node, "an error that nobody hears of")


RULES = (chains, commands, types, null_on_the_right, functions, assigned_variables, unused_parameters, empty_catches)


# --- which constructs a text is made of --------------------------------------------------------------------------------------


def constructs(text: str) -> set[str]:
    """Commands, parameters, static members and types, each as one name: `Get-Item -LiteralPath`, `[IO.File]::Move`, `[guid]`."""
    root = PARSER.parse((text if text.endswith("\n") else text + "\n").encode()).root_node
    found = {words(node) for node in every(root, "type_literal")}
    for node in every(root, "member_access", "invokation_expression"):
        if node.children[0].type == "type_literal":
            found.add(f"{words(node.children[0])}::{words(child(node, 'member_name') or node)}")
    for command in every(root, "command"):
        name = words(child(command, "command_name") or command)
        if name in known51.COMMANDS:
            elements = child(command, "command_elements")
            given = [node for node in (elements.children if elements else []) if node.type == "command_parameter"]
            found |= {name, *(f"{name} {words(node).rstrip(':')}" for node in given)}
    return found
