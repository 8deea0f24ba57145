# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a file of any size crosses a channel that moves ASCII: the shell texts that write and read one piece of it, and its base64.

Each piece is a command of its own, so that memory stays constant on every carrier; writing a piece twice does no harm, because a carrier may repeat
a command whose connection broke. Needs `base64`, `sha256sum`, `dd`, `head` and `tail`, as coreutils and busybox have them.

Note that this plugin util is PRIVATE to the collection.
"""

from __future__ import annotations

import shlex
import typing as t

# Raw bytes; a multiple of 3, so that base64 has no padding between pieces, and of 4096.
PIECE = 6 * 1024 * 1024


def write_piece(path: str, number: int, last: bool) -> str:
    """Takes base64 on standard input; after the last piece the digest of the whole file comes back."""
    file = shlex.quote(path)
    write = f"base64 -d > {file}" if number == 0 else f"base64 -d | dd of={file} bs={PIECE} seek={number} conv=notrunc"
    return f"{write} && sha256sum < {file}" if last else write


def read_piece(path: str, number: int, mark: str) -> str:
    """Gives base64. A reader that fails says `mark` on standard error, because a pipeline only tells the exit code of its end."""
    skip = f"tail -c +{number * PIECE + 1} <&3 | " if number else ""
    source = "" if number else " <&3"
    return f"exec 3< {shlex.quote(path)}; {{ {skip}head -c {PIECE}{source} || echo {mark} >&2; }} | base64"


def pieces(file: t.BinaryIO) -> t.Iterator[tuple[int, bytes, bool]]:
    """Number, bytes, and whether it is the last; an empty file is one empty piece."""
    number, piece = 0, file.read(PIECE)
    while True:
        following = file.read(PIECE)
        yield number, piece, not following
        if not following:
            return
        number, piece = number + 1, following
