# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`.wslconfig` and `wsl.conf` are read as WSL's own parser read them, and edited as its writer does, except where that one does damage."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import (
    Unreadable,
    Unwritable,
    decode,
    encode,
    parse,
    remove_key,
    set_key,
)
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import KINDS, TABLES, WSL_CONF, WSLCONFIG

FIXTURES = Path(__file__).parents[2] / "fixtures" / "wslconfig"
Case = dict[str, Any]

# Edits after which the file says something else than after Microsoft's writer, and why ours is right.
TAKES_PREFIX_FOR_SECTION = "the writer takes [wsl] for [wsl2] and puts the key where WSL does not know it"
LEAVES_HALF_A_LINE = "the writer leaves half of the removed line behind and destroys the section"
WRITES_UNESCAPED = "the writer neither quotes nor escapes, so WSL does not read back what was asked for"
MISSES_NEXT_LINE = "the writer does not see the line behind a line without '='"
SWALLOWED = "the writer lets a backslash at the end of the file swallow the new key"
CUTS_FILE = "the writer cuts the file at a NUL and loses what is behind it"
OTHER_VALUES = {
    "prefix/section_wsl_before_another": TAKES_PREFIX_FOR_SECTION,
    "prefix/section_w_last": TAKES_PREFIX_FOR_SECTION,
    "prefix/section_exp": TAKES_PREFIX_FOR_SECTION,
    "remove/bad_escape": LEAVES_HALF_A_LINE,
    "value/path_backslashes_doubled_hash": WRITES_UNESCAPED,
    "encoding/nul_cuts_the_file": CUTS_FILE,
    "error/change_after_missing_equals": MISSES_NEXT_LINE,
    "error/remove_after_missing_equals": MISSES_NEXT_LINE,
    "error/section_after_missing_equals": MISSES_NEXT_LINE,
    "error/add_section_after_missing_equals": MISSES_NEXT_LINE,
    "error/backslash_at_eof_add": SWALLOWED,
    **{
        f"value/written_as_is_{what}_{how}": WRITES_UNESCAPED
        for what in ("leading_space", "trailing_space", "hash", "quote", "one_quote", "backslash", "backslash_t", "newline", "trailing_backslash", "tab")
        for how in ("change", "add")
    },
}
# Refused instead of written, because WSL would damage the value.
REFUSED = {"value/written_as_is_non_ascii_change", "value/written_as_is_non_ascii_add", "value/path_backslashes_doubled_non_ascii"}

# The same values in another text.
OTHER_TEXT = {
    "duplicate/key_only_in_second_section_instance": "the entry that counts is changed where it stands, not written a second time",
    "duplicate/alias_in_experimental_after_wsl2_is_added_again": "the entry that counts is changed where it stands, under its old name",
    "prefix/alias_adds_to_experimental_when_first": "a new key goes into its own section, not into that of its old name",
    "add/to_section_first_comment_before_next": "a new key goes behind the last entry; a comment above the next section stays there",
    "add/to_section_last_comment_at_end": "a new key goes behind the last entry, not behind the comments below it",
    "add/commented_out_key_then_section": "a new key goes behind the last entry or the header, not behind the comments below it",
    "sample/ms_docs_example_add_gpuSupport_false": "a comment above the next section stays there",
    "newline/cr_only_remove": "a removed key leaves nothing behind",
    "newline/cr_in_comment_loses_a_character": "no character of a comment is lost",
    "encoding/latin1_becomes_replacement": "bytes that are no UTF-8 stay as they are",
    "encoding/control_z_drops_the_rest": "what stands behind Ctrl-Z stays",
    "error/empty_brackets_change": "the entry that counts is changed where it stands",
}


def cases(name: str) -> list[Case]:
    with (FIXTURES / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


PARSE_CASES = cases("parse_cases.jsonl")
EDIT_CASES = cases("edit_cases.jsonl")


def data_of(case: Case) -> bytes:
    return base64.b64decode(case["text_b64"]) if "text_b64" in case else (case["text"] or "").encode()


def path_of(case: Case) -> str:
    return "/etc/wsl.conf" if case["kind"] == WSL_CONF else "{path}"


def test_the_recordings_are_all_there() -> None:
    assert len(PARSE_CASES) == 681
    assert len(EDIT_CASES) == 204


@pytest.mark.parametrize("case", PARSE_CASES, ids=lambda case: case["name"])
def test_parse_as_recorded(case: Case) -> None:
    data = data_of(case)
    if case.get("fatal", "").startswith("open failed"):
        with pytest.raises(Unreadable):
            decode(data, case["kind"])
        return
    text = decode(data, case["kind"])
    parsed = parse(text, case["kind"])
    assert parsed.values == case["values"]
    assert parsed.warnings(path_of(case)) == case["warnings"]
    assert parsed.stopped_at_line == case.get("stopped_at_line")
    assert (parsed.fatal is not None) == ("fatal" in case)
    assert encode(text, case["kind"], data) == data


def test_a_wrong_mac_address_is_told_in_wsls_words() -> None:
    case = next(case for case in PARSE_CASES if case["name"] == "mac/empty")
    fatal = parse(case["text"]).fatal
    assert fatal is not None
    assert fatal.text("{path}") == case["fatal"]


def edited(case: Case) -> str:
    text, edit = decode(data_of(case), case["kind"]), case["edit"]
    return remove_key(text, edit["key"], case["kind"]) if edit.get("remove") else set_key(text, edit["key"], edit["value"], case["kind"])


@pytest.mark.parametrize("case", EDIT_CASES, ids=lambda case: case["name"])
def test_edit_as_recorded(case: Case) -> None:
    if case["name"] in REFUSED:
        with pytest.raises(Unwritable, match="beyond ASCII"):
            edited(case)
        return
    after = edited(case)
    values = parse(after, case["kind"]).values
    assert (values != case["edited_values"]) == (case["name"] in OTHER_VALUES)
    if case["name"] not in OTHER_VALUES:
        assert (same_lines(after) != same_lines(case["edited_text"])) == (case["name"] in OTHER_TEXT)


def same_lines(text: str) -> str:
    """Without what differs by policy everywhere: the line end in use, blank lines around an addition, a final line end, the byte order mark."""
    return re.sub("\n+", "\n", text.replace("\r\n", "\n").strip("\n").lstrip("\ufeff"))


@pytest.mark.parametrize("case", [case for case in EDIT_CASES if "remove" not in case["edit"] and case["name"] not in REFUSED], ids=lambda case: case["name"])
def test_an_edit_says_what_was_asked_for_and_a_second_one_changes_nothing(case: Case) -> None:
    after = edited(case)
    assert set_key(after, case["edit"]["key"], case["edit"]["value"], case["kind"]) == after


KEEPS = [
    ("crlf", "[wsl2]\r\nmemory=8GB\r\n", "wsl2.processors", 4, "[wsl2]\r\nmemory=8GB\r\nprocessors=4\r\n"),
    ("byte order mark", "\ufeff[wsl2]\r\nmemory=8GB # half\r\n", "wsl2.memory", "16GB", "\ufeff[wsl2]\r\nmemory=16GB # half\r\n"),
    ("new file", "", "wsl2.memory", "16GB", "[wsl2]\r\nmemory=16GB\r\n"),
    ("new section", "[experimental]\nsparseVhd=true", "wsl2.memory", "16GB", "[experimental]\nsparseVhd=true\n\n[wsl2]\nmemory=16GB\n"),
    ("foreign keys", "[tool]\nx=1\n[wsl2]\nfoo=2\n", "wsl2.memory", "16GB", "[tool]\nx=1\n[wsl2]\nfoo=2\nmemory=16GB\n"),
    ("a path", "", "wsl2.swapFile", "C:\\temp\\new swap.vhdx", "[wsl2]\r\nswapFile=C:\\\\temp\\\\new swap.vhdx\r\n"),
    ("after a continued last line", "[wsl2]\nkernelCommandLine=a \\\n", "wsl2.memory", "16GB", "[wsl2]\nkernelCommandLine=a \\\n\nmemory=16GB\n"),
    ("after a lone carriage return", "[wsl2]\r# x\r", "wsl2.memory", "16GB", "[wsl2]\r\n\nmemory=16GB\n# x\r"),
    ("before a backslash at the end", "memory=8GB\nfoo=\\", "wsl2.swap", 0, "memory=8GB\n[wsl2]\nswap=0\n\nfoo=\\"),
    ("ports", "", "experimental.ignoredPorts", [80, 443], "[experimental]\r\nignoredPorts=80,443\r\n"),
]


@pytest.mark.parametrize(("what", "before", "name", "value", "after"), KEEPS, ids=[row[0] for row in KEEPS])
def test_set_key_text(what: str, before: str, name: str, value: Any, after: str) -> None:
    assert set_key(before, name, value) == after


WSL_CONF_EDITS = [
    ("new file", "", "user.default", "dev", "[user]\ndefault=dev\n"),
    ("before the line at which WSL stops", "[boot]\nsystemd=true\n; x\n", "user.default", "dev", "[user]\ndefault=dev\n\n[boot]\nsystemd=true\n; x\n"),
    ("in the section with that line", "[boot]\nsystemd=true\n; x\ncommand=a\n", "boot.initTimeout", 5, "[boot]\nsystemd=true\ninitTimeout=5\n; x\ncommand=a\n"),
    ("before a byte order mark", "\ufeff[boot]\nsystemd=true\n", "user.default", "dev", "[user]\ndefault=dev\n\n\ufeff[boot]\nsystemd=true\n"),
    ("beyond ascii", "[user]\ndefault=x\n", "user.default", "josé", "[user]\ndefault=josé\n"),
]


@pytest.mark.parametrize(("what", "before", "name", "value", "after"), WSL_CONF_EDITS, ids=[row[0] for row in WSL_CONF_EDITS])
def test_wsl_conf_edits_land_where_wsl_reads_them(what: str, before: str, name: str, value: Any, after: str) -> None:
    text = set_key(decode(before.encode(), WSL_CONF), name, value, WSL_CONF)
    assert encode(text, WSL_CONF).decode() == after
    assert parse(text, WSL_CONF).values[name] == value


@pytest.mark.parametrize("value", ["a\0b", "a\rb", "a\x1ab", "José"])
def test_what_wsl_could_not_read_back_is_refused(value: str) -> None:
    with pytest.raises(Unwritable, match=r"wsl2\.kernel"):
        set_key("", "wsl2.kernel", value)


# Property: an edit shows, and nothing else changed.

LINES = st.sampled_from(
    ["[wsl2]", "[experimental] # x", "[ wsl2]", "[foo ]", "memory=8GB # half", " swap = 0", "gpuSupport=false", "sparseVhd=true", "memory=4GB",
     "; old", "# note", "", "foo", "kernelCommandLine=a \\", "swapFile=C:\\temp\\x", 'kernelCommandLine="a', "gpu=true", "[user]", "default=dev",
     "[boot]", "systemd=true", "command=echo \\", "networkingMode=nat", "\x1a", "kernel=C:\\\\é", "a\\"]
)  # fmt: skip
FILES = st.builds(
    lambda lines, end, final: end.join(lines) + (end if final else ""), st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans()
)
EDITS = {
    WSLCONFIG: [("wsl2.memory", "16GB"), ("wsl2.gpuSupport", True), ("experimental.sparseVhd", False), ("wsl2.networkingMode", "Mirrored"),
                ("wsl2.kernel", "C:\\new # x")],
    WSL_CONF: [("user.default", "joe"), ("boot.systemd", False), ("boot.command", 'echo "hi" # x')],
}  # fmt: skip
KIND_AND_EDIT = st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), st.sampled_from(EDITS[kind])))


def without(values: Case, name: str) -> Case:
    return {key: value for key, value in values.items() if key != name}


@settings(max_examples=10_000, deadline=None)
@given(FILES, KIND_AND_EDIT)
def test_an_edit_shows_and_nothing_else_changes(file: str, kind_and_edit: tuple[str, tuple[str, Any]]) -> None:
    kind, (name, value) = kind_and_edit
    before = decode(file.encode(), kind)
    was = parse(before, kind)
    if was.fatal is not None:
        return
    after = set_key(before, name, value, kind)
    now = parse(after, kind)
    expected = parse(set_key("", name, value, kind), kind).values[name]
    assert now.values[name] == expected
    assert without(now.values, name) == without(was.values, name)
    assert set_key(after, name, value, kind) == after


@settings(max_examples=1_000, deadline=None)
@given(FILES, KIND_AND_EDIT)
def test_a_removal_shows_and_nothing_else_changes(file: str, kind_and_edit: tuple[str, tuple[str, Any]]) -> None:
    kind, (name, _value) = kind_and_edit
    before = decode(file.encode(), kind)
    was = parse(before, kind)
    if was.fatal is not None:
        return
    now = parse(remove_key(before, name, kind), kind)
    assert name not in now.values
    assert without(now.values, name) == without(was.values, name)


@settings(max_examples=2_000, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_no_bytes_crash_the_parser_or_are_lost(data: bytes, kind: str) -> None:
    try:
        text = decode(data, kind)
    except Unreadable:
        assert data.startswith((b"\xff\xfe", b"\xfe\xff"))
        return
    parse(text, kind)
    assert encode(text, kind, data) == data


def test_every_key_has_a_known_type() -> None:
    known = {"bool", "int", "size", "string", "path", "mac", "ip", "ports", "networking", "reclaim", "cgroups"}
    assert {key.type for table in TABLES.values() for key in table.values()} == known
