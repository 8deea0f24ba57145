# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read `.wslconfig` and `/etc/wsl.conf` exactly as WSL reads them, and edit them without touching what was not meant.

Reading follows WSL's parser, its oddities included; recordings/wslconfig holds what the real one did. Editing has its own policy:

* only the wanted key changes; comments, order, spacing, line ends, byte order mark, foreign keys and undecodable bytes stay as they are;
* an entry is changed where it stands; the first one of a key is the one that counts in WSL; later ones are left alone;
* a new key goes behind the last entry of the first section of that name; a new section goes to the end, behind a blank line;
* nothing is written where WSL would not read it: not behind a line at which it gives up (`wsl.conf`), not behind Ctrl-Z, and not where a
  backslash at the end of the file would swallow it;
* values are quoted and escaped so that WSL reads back what was asked for;
* a removed key takes all its lines with it, but not the comment behind it.

Note that this module util is PRIVATE to the collection.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.gpudev.workstation.plugins.module_utils._wslconfig_keys import (
    DUPLICATE,
    INVALID_IP,
    INVALID_MAC,
    UNKNOWN_KEY,
    WSL_CONF,
    WSLCONFIG,
    Key,
    complaint,
    convert,
    find_key,
)

INVALID_KEY_NAME = "invalid_key_name"
INVALID_SECTION = "invalid_section"
EXPECTED = "expected"
INVALID_ESCAPE = "invalid_escape"

BLANKS = " \t"
ESCAPES = {"\\": "\\", '"': '"', "b": "\b", "n": "\n", "t": "\t"}
WRITTEN_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\n": "\\n", "\t": "\\t"}
UTF8_MARK = "\ufeff"
CONTROL_Z = "\x1a"
# What a byte that is no UTF-8 becomes in Windows' text mode.
REPLACEMENT = 0xFFFD
# What the C runtime's end-of-file becomes when it is shown as a character.
END_AS_CHARACTER = "\uffff"


class Unwritable(ValueError):
    """A value that WSL could not read back from this file."""


@dataclass(frozen=True)
class Remark:
    """One warning of WSL: a stable code, its English words, and the line it names."""

    code: str
    message: str
    line: int
    key: str = ""

    def text(self, path: str) -> str:
        head, mark, tail = self.message.partition("\0")
        return f"{head} in {path}:{self.line}{tail.replace('{path}', path)}" if mark else f"{self.message} in {path}:{self.line}"


@dataclass(frozen=True)
class Line:
    """A line with a key. Offsets are places in the text: of the line, of the value as written, of a comment behind it, and of the next line."""

    name: str
    key: Key | None
    number: int
    start: int
    value_start: int
    value_end: int
    comment: int | None
    end: int
    raw: str
    value: t.Any = None
    accepted: bool = False
    malformed: bool = False


@dataclass
class Section:
    """A well-formed header and where a new key of it would go."""

    name: str
    start: int
    insert: int


@dataclass
class Parsed:
    """What WSL understands of a file."""

    values: dict[str, t.Any] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    stopped_at_line: int | None = None
    fatal: Remark | None = None
    # Behind this place of the text WSL reads nothing (more).
    end: int = 0
    # A place at which new text would be misread or never reached: the line at which WSL gives up or whose last character is a backslash.
    barrier: int | None = None
    # The last line ends in a backslash and a line end, so that it would be continued by whatever is added.
    open_end: bool = False

    def warnings(self, path: str) -> list[str]:
        return [remark.text(path) for remark in self.remarks]


def letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def letter_or_digit(character: str) -> bool:
    return character.isascii() and character.isalnum()


def narrowed(character: str, kind: str) -> bytes:
    """What is left of a character in WSL: `.wslconfig` is read as UTF-16 units of which only the lower byte is kept."""
    code = ord(character)
    if kind == WSL_CONF or code < 0x80:
        return bytes([code & 0xFF])
    if 0xDC80 <= code <= 0xDCFF:
        code = REPLACEMENT
    if code > 0xFFFF:
        code -= 0x10000
        return bytes([(0xD800 + (code >> 10)) & 0xFF, (0xDC00 + (code & 0x3FF)) & 0xFF])
    return bytes([code & 0xFF])


def cut(text: str) -> str:
    """C strings end at the first NUL."""
    return text.partition("\0")[0]


class _Malformed(Exception):
    """The rest of the line is skipped (`.wslconfig`), or reading ends (`wsl.conf`)."""


class _Fatal(Exception):
    """Reading ends with an error and nothing of the file applies."""


class _Parser:
    """One pass over the characters that WSL sees; `places` maps them back to the text on disk."""

    def __init__(self, text: str, kind: str) -> None:
        self.kind = kind
        self.characters, self.places = _seen(text, kind)
        self.position = 0
        self.number = 1
        # The buffer in which WSL builds "section.key"; after a malformed header it holds the wrong name, cut or padded.
        self.buffer = ""
        self.section_length = 0
        self.taken: dict[str, tuple[str, int]] = {}
        self.result = Parsed(end=self.places[-1])

    # Characters

    def peek(self) -> str:
        return self.characters[self.position] if self.position < len(self.characters) else ""

    def take(self) -> str:
        character = self.peek()
        self.position += 1 if character else 0
        return character

    def place(self, position: int | None = None) -> int:
        return self.places[min(self.position if position is None else position, len(self.characters))]

    def skip_blanks(self) -> None:
        while self.peek() and self.peek() in BLANKS:
            self.take()

    def word(self, first: str) -> str:
        word = first
        while self.peek() and letter_or_digit(self.peek()):
            word += self.take()
        return word

    def remark(self, code: str, message: str, key: str = "") -> Remark:
        remark = Remark(code, message, self.number, key)
        self.result.remarks.append(remark)
        return remark

    def expected(self, what: str) -> _Malformed:
        self.remark(EXPECTED, f"Expected {what}")
        return _Malformed()

    # Lines

    def parse(self) -> Parsed:
        try:
            while self.peek():
                start = self.position
                try:
                    self.line()
                except _Malformed:
                    self.malformed(start)
                    if self.result.stopped_at_line is not None:
                        break
        except _Fatal:
            self.result.values.clear()
        return self.result

    def line(self) -> None:
        start = self.position
        self.skip_blanks()
        character = self.take()
        if character == "\n":
            self.number += 1
        elif character == "\r":
            if self.peek() == "\n":
                self.take()
                self.number += 1
        elif character == "#":
            self.comment()
        elif character == "[":
            self.header(start)
        elif character and letter(character):
            self.entry(start, character)
        elif character:
            self.remark(INVALID_KEY_NAME, "Invalid key name")
            raise _Malformed

    def comment(self) -> None:
        """A CR in a comment takes one more character with it."""
        while character := self.take():
            if character == "\r":
                character = self.take()
            if character == "\n":
                self.number += 1
                return

    def end_of_line(self) -> None:
        """Behind a header or a value: the line's end, or a comment. A lone CR counts as an end, and a LF behind it as one more."""
        if self.take() == "#":
            self.comment()
        else:
            self.number += 1

    def malformed(self, start: int) -> None:
        if self.kind == WSL_CONF:
            self.result.stopped_at_line = self.number
            self.result.end = self.result.barrier = self.place(start)
            return
        while self.peek() and self.take() != "\n":
            pass
        self.number += 1
        self.note_insertion_point()
        if self.place(start) == self.result.barrier:
            self.result.end = self.place()

    def header(self, start: int) -> None:
        if not letter(self.peek() or "?"):
            self.close_section(start)
            self.remark(INVALID_SECTION, "Invalid section name")
            if self.peek() != "\n":
                self.take()
            raise _Malformed
        self.close_section(start)
        self.buffer = self.word(self.take())
        if self.peek() != "]":
            raise self.expected("']'")
        self.take()
        self.skip_blanks()
        if self.peek() not in ("", "\n", "\r", "#"):
            raise self.expected("' ' or '\\n'")
        self.section_length = len(self.buffer)
        self.end_of_line()
        self.result.sections.append(Section(self.buffer, self.place(start), self.place()))
        self.section_open = True

    section_open = False

    def close_section(self, start: int) -> None:
        """Any header, also a broken one, ends the part of the file into which new keys of the section before may go."""
        self.section_open = False

    def note_insertion_point(self) -> None:
        if self.section_open:
            self.result.sections[-1].insert = self.place()

    def entry(self, start: int, first: str) -> None:
        self.buffer = self.buffer[: self.section_length].ljust(self.section_length, "\0")
        self.buffer = self.word(f"{self.buffer}.{first}" if self.buffer else first)
        self.skip_blanks()
        if self.peek() != "=":
            raise self.expected("'='")
        self.take()
        self.skip_blanks()
        value_start = self.position
        name = cut(self.buffer)
        reader = _Value(self)
        try:
            raw = reader.read()
        except _Malformed:
            self.malformed_entry(name, start, value_start, reader)
            raise
        number, comment = self.number, self.place() if self.peek() == "#" else None
        value_end = max(reader.text_end, value_start)
        self.end_of_line()
        value, accepted = self.set_value(name, raw, number)
        places = (self.place(start), self.place(value_start), self.place(value_end), comment, self.place())
        self.result.lines.append(Line(name, find_key(self.kind, name), number, *places, raw=raw, value=value, accepted=accepted))
        self.note_insertion_point()

    def malformed_entry(self, name: str, start: int, value_start: int, reader: _Value) -> None:
        """Its extent on disk, for an editor that replaces or removes it: up to a comment or the line's end."""
        end = self.position
        while end < len(self.characters) and self.characters[end] not in "\n":
            end += 1
        rest = self.characters[value_start:end]
        mark = rest.find("#") if reader.bad_escape else -1
        comment = value_start + mark if mark >= 0 else None
        value_end = value_start + len((rest if comment is None else rest[:mark]).rstrip(BLANKS + "\r"))
        following = min(end + 1, len(self.characters))
        if reader.backslash_at_end:
            self.result.barrier = self.place(start)
        places = (self.place(start), self.place(value_start), self.place(value_end), None if comment is None else self.place(comment), self.place(following))
        self.result.lines.append(Line(name, find_key(self.kind, name), self.number, *places, raw=rest, malformed=True))

    def set_value(self, name: str, raw: str, number: int) -> tuple[t.Any, bool]:
        key = find_key(self.kind, name)
        if key is None:
            self.result.remarks.append(Remark(UNKNOWN_KEY, f"Unknown key '{name}'", number, name))
            return None, False
        if key.name in self.taken:
            other, line = self.taken[key.name]
            # The NUL stands for the place that WSL puts between the two parts of this sentence.
            words = f"Duplicated config key '{name}'\0 (Conflicting key: '{other}' in {{path}}:{line})"
            self.result.remarks.append(Remark(DUPLICATE, words, number, name))
            return None, False
        self.taken[key.name] = (name, number)
        return self.convert(key, name, raw, number)

    def convert(self, key: Key, name: str, raw: str, number: int) -> tuple[t.Any, bool]:
        conversion = convert(self.kind, key, raw)
        if conversion.code:
            words = complaint(conversion, name, raw) + (f"\0{conversion.wrong}" if conversion.wrong else "")
            remark = Remark(conversion.code, words, number, name)
            if conversion.code == INVALID_MAC:
                self.result.fatal = remark
                raise _Fatal
            self.result.remarks.append(remark)
        if conversion.accepted:
            self.result.values[key.name] = conversion.value
        elif conversion.code == INVALID_IP and "wsl2.dnsTunneling" in self.result.values:
            self.result.values["wsl2.dnsTunneling"] = False
        return conversion.value, conversion.accepted


class _Value:
    """The text behind `=`: quotes, escapes, continuation lines, and where the value ends on disk."""

    def __init__(self, parser: _Parser) -> None:
        self.parser = parser
        self.value = bytearray()
        self.trimmed = 0
        self.text_end = 0
        self.bad_escape = False
        self.backslash_at_end = False

    def read(self) -> str:
        parser, quoted = self.parser, False
        while (character := parser.peek()) not in ("", "\n", "\r"):
            if character == "#" and not quoted:
                break
            parser.take()
            if character == '"':
                quoted = not quoted
            elif character == "\\":
                self.escape()
            else:
                self.value += narrowed(character, parser.kind)
            if character not in BLANKS:
                self.trimmed, self.text_end = len(self.value), parser.position
        if quoted:
            raise parser.expected('"')
        return cut(bytes(self.value[: self.trimmed]).decode("utf-8", "replace"))

    def escape(self) -> None:
        parser = self.parser
        character = parser.take()
        if character in ("\n", "\r"):
            # Both are skipped: with LF the value goes on, with CR (CRLF in wsl.conf) the LF behind it ends the value.
            parser.number += 1
            parser.result.open_end = not parser.peek()
        elif character in ESCAPES:
            self.value += ESCAPES[character].encode("ascii")
        elif not character and parser.kind == WSL_CONF:
            parser.result.fatal = Remark(INVALID_ESCAPE, "Invalid escaped character at the end of the file", parser.number)
            raise _Fatal
        else:
            self.bad_escape, self.backslash_at_end = True, not character
            shown = character or END_AS_CHARACTER
            parser.remark(INVALID_ESCAPE, f"Invalid escaped character: '{shown}'")
            raise _Malformed


def _seen(text: str, kind: str) -> tuple[str, list[int]]:
    """The characters that WSL's parser gets, and the place of each in the text; one more place for the end.

    For `.wslconfig` the Windows text mode drops a byte order mark, turns CRLF into LF and ends at Ctrl-Z.
    """
    if kind == WSL_CONF:
        return text, list(range(len(text) + 1))
    begin = len(UTF8_MARK) if text.startswith(UTF8_MARK) else 0
    stop = text.find(CONTROL_Z, begin)
    stop = len(text) if stop < 0 else stop
    characters: list[str] = []
    places: list[int] = []
    for place in range(begin, stop):
        if text[place] == "\n" and characters and characters[-1] == "\r" and places[-1] == place - 1:
            characters[-1] = "\n"
        else:
            characters.append(text[place])
            places.append(place)
    return "".join(characters), [*places, stop]


def parse(text: str, kind: str = WSLCONFIG) -> Parsed:
    """What WSL understands of the text of a file, as `decode` gives it."""
    return _Parser(text, kind).parse()


# Bytes on disk


UTF16_LE = b"\xff\xfe"
UTF16_BE = b"\xfe\xff"


class Unreadable(ValueError):
    """WSL cannot open a file in this encoding."""


def decode(data: bytes, kind: str = WSLCONFIG) -> str:
    """The text of a file such that `encode` gives every byte back: `wsl.conf` byte by byte, `.wslconfig` as UTF-8 or UTF-16 with its mark."""
    if kind == WSL_CONF:
        return data.decode("latin-1")
    if data.startswith(UTF16_BE):
        raise Unreadable("the file is UTF-16 with a big-endian byte order mark, which WSL cannot open; save it as UTF-8")
    if data.startswith(UTF16_LE):
        try:
            return data.decode("utf-16-le", "surrogatepass")
        except UnicodeDecodeError as problem:
            raise Unreadable("the file has the byte order mark of UTF-16 but ends in the middle of a character; save it as UTF-8") from problem
    return data.decode("utf-8", "surrogateescape")


def encode(text: str, kind: str = WSLCONFIG, like: bytes = b"") -> bytes:
    """The inverse of `decode`, for a text that was made from the file `like`."""
    if kind == WSL_CONF:
        return text.encode("latin-1")
    if like.startswith(UTF16_LE):
        return text.encode("utf-16-le", "surrogatepass")
    return text.encode("utf-8", "surrogateescape")


# Editing


def spelled(key: Key | None, value: t.Any, kind: str) -> str:
    """The value as it has to stand in the file so that WSL reads it back; raises Unwritable when nothing does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ",".join(str(part) for part in value) if isinstance(value, (list, tuple)) else str(value)
    name = key.name if key else "the value"
    if "\0" in text or "\r" in text or CONTROL_Z in text:
        raise Unwritable(f"{name}: {text!r} has a character that cannot stand in the file.")
    if kind == WSLCONFIG and not text.isascii():
        raise Unwritable(
            f"{name}: WSL keeps only half of every character beyond ASCII in .wslconfig, so {text!r} would arrive damaged. Write it with ASCII characters only."
        )
    written = "".join(WRITTEN_ESCAPES.get(character, character) for character in text)
    if "#" in text or text != text.strip(BLANKS):
        written = f'"{written}"'
    return written if kind == WSLCONFIG else written.encode("utf-8").decode("latin-1")


def line_end(text: str, kind: str) -> str:
    """The file's own line end; a new `.wslconfig` gets that of Windows."""
    if "\n" not in text:
        return "\r\n" if kind == WSLCONFIG and not text.strip(UTF8_MARK) else "\n"
    return "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"


def _wanted(line: Line, name: str, key: Key | None) -> bool:
    names = {name.lower()} if key is None else {known.lower() for known in key.names}
    return line.name.lower() in names


def set_key(text: str, name: str, value: t.Any, kind: str = WSLCONFIG) -> str:
    """The text with this key at this value; the same text when WSL reads that value already."""
    parsed, key = parse(text, kind), find_key(kind, name)
    written = spelled(key, value, kind)
    line = next((line for line in parsed.lines if _wanted(line, name, key)), None)
    if line is None:
        return _add(text, parsed, key.name if key else name, written, kind)
    if _says(line, key, written, kind):
        return text
    return text[: line.value_start] + written + text[line.value_end :]


def _says(line: Line, key: Key | None, written: str, kind: str) -> bool:
    """Whether WSL makes the same of the line as it would of the new spelling."""
    if line.malformed:
        return False
    probe = parse(f"[{line.name.partition('.')[0]}]\n{line.name.partition('.')[2]}={written}\n", kind)
    if key is None or not line.accepted:
        return bool(probe.lines) and probe.lines[0].raw == line.raw
    return bool(probe.lines) and probe.lines[0].accepted and probe.lines[0].value == line.value


def _add(text: str, parsed: Parsed, name: str, written: str, kind: str) -> str:
    section, _dot, word = name.partition(".")
    end = line_end(text, kind)
    home = next((known for known in parsed.sections if known.name.lower() == section.lower()), None)
    if home is not None:
        place = home.insert if parsed.barrier is None else min(home.insert, max(parsed.barrier, home.start))
        return _inserted(text, place, f"{word}={written}{end}", end, parsed.open_end and place >= parsed.end)
    block = f"[{section}]{end}{word}={written}{end}"
    if parsed.barrier is not None:
        # Before the header of the section in question, so that its keys stay in it.
        place = max((known.start for known in parsed.sections if known.start <= parsed.barrier), default=parsed.barrier)
        return _inserted(text, place, block + end, end)
    before = _ended(text[: parsed.end], end) + (end if parsed.open_end else "")
    gap = end if not _blank(before) and not before.endswith(("\n\n", "\r\n\r\n")) else ""
    return before + gap + block + text[parsed.end :]


def _blank(text: str) -> bool:
    """Nothing but a byte order mark; a second one is a character that WSL stumbles over."""
    return text in ("", UTF8_MARK)


def _ended(text: str, end: str) -> str:
    """The text with an end of its last line. A lone CR is none: it neither ends a comment nor keeps a backslash from continuing the line."""
    if _blank(text) or text.endswith("\n"):
        return text
    return text + ("\n\n" if text.endswith("\r") else end)


def _inserted(text: str, place: int, block: str, end: str, continued: bool = False) -> str:
    return _ended(text[:place], end) + (end if continued else "") + block + text[place:]


def remove_key(text: str, name: str, kind: str = WSLCONFIG) -> str:
    """The text without any line of this key."""
    parsed, key = parse(text, kind), find_key(kind, name)
    for line in reversed([line for line in parsed.lines if _wanted(line, name, key)]):
        kept = text[line.comment : line.end] if line.comment is not None else ""
        text = text[: line.start] + kept + text[line.end :]
    return text
