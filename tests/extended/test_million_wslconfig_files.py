# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A million seeded random files never crash the reader or the editor of `.wslconfig` and `wsl.conf`, and no byte of them is lost."""

from __future__ import annotations

import multiprocessing
import random

from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig import Unreadable, Unwritable, decode, encode, parse, remove_key, set_key
from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import KINDS, TABLES

FILES = 1_000_000
BATCH = 10_000
WORDS = [name.partition(".")[2] for table in TABLES.values() for name in table]
PIECES = [
    *(b"[wsl2]", b"[experimental]", b"[user]", b"[", b"]", b"=", b"#", b"\\", b'"', b"\n", b"\r\n", b"\r", b"\t", b" ", b"\x1a", b"\0"),
    *(b"8GB", b"8gb", b"true", b"false", b"C:\\\\x", b"C:\\temp", b"\xc3\xa9", b"\xe9", b"\xf0\x9f\x92\xa9", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"1"),
    *(word.encode() for word in WORDS),
]
WISHES = {"wslconfig": ("wsl2.memory", "8GB"), "wsl.conf": ("user.default", "dev")}


def random_file(source: random.Random) -> bytes:
    if source.random() < 0.2:
        return source.randbytes(source.randrange(80))
    return b"".join(source.choices(PIECES, k=source.randrange(30)))


def check(data: bytes, kind: str) -> None:
    try:
        text = decode(data, kind)
    except Unreadable:
        return
    assert encode(text, kind, data) == data
    parsed = parse(text, kind)
    name, value = WISHES[kind]
    try:
        after = set_key(text, name, value, kind)
    except Unwritable:
        return
    if parsed.fatal is None:
        assert name in parse(after, kind).values
    assert name not in parse(remove_key(after, name, kind), kind).values


def check_batch(seed: int) -> tuple[int, str]:
    """How many were looked at, and the first that failed, to be reproduced by its bytes."""
    source = random.Random(seed)
    for number in range(BATCH):
        data, kind = random_file(source), KINDS[number % len(KINDS)]
        try:
            check(data, kind)
        except Exception as problem:  # any crash at all is the finding
            return number, f"{kind} {data!r}: {type(problem).__name__} {problem}"
    return BATCH, ""


def test_a_million_files() -> None:
    seen = 0
    with multiprocessing.Pool(2) as pool:
        for number, failure in pool.imap_unordered(check_batch, range(FILES // BATCH)):
            assert not failure, failure
            seen += number
            if seen % 100_000 == 0:
                print(f"{seen:,} files", flush=True)
    assert seen == FILES
