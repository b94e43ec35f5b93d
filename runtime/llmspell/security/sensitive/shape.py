"""The outline of encoded text: digits, capitals, long tokens. It tells what cannot be there.

All of it works on bytes, msgpack or UTF-8 alike: text stands in both as it is, so what is not in
the outline is not in any text of the value. The reverse does not hold; whoever finds something
here looks at the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Final

__all__ = [
    "DOTTED_CHARACTERS",
    "LONG_TOKEN_CHARACTERS",
    "TOKEN_CHARACTERS",
    "Shape",
    "occurrences",
    "outline",
    "token_runs",
]

#: The alphabets of base64, base64url and hexadecimal numbers.
TOKEN_CHARACTERS: Final = ascii_letters + digits + "+/_=-"
#: Nothing that is told by its token characters is shorter.
LONG_TOKEN_CHARACTERS: Final = 19
#: A key whose mark ends in a dot (``SG.``) begins at most this far before its long token.
DOTTED_CHARACTERS: Final = 5
_LONG_TOKEN: Final = b"a" * LONG_TOKEN_CHARACTERS


def _table(classes: dict[str, str], other: str) -> bytes:
    table = bytearray(other.encode() * 256)
    for shown, members in classes.items():
        for member in members:
            table[ord(member)] = ord(shown)
    return bytes(table)


#: What stands between groups of digits.
_SIGNS: Final = " -.)"
_KINDS: Final = _table(
    {"0": digits, "A": ascii_uppercase, "a": ascii_lowercase, "-": _SIGNS, "+": "+", "(": "("}, "x"
)
_TOKENS: Final = _table({"a": TOKEN_CHARACTERS}, " ")
_UUID: Final = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_UUID_CHARACTERS: Final = 36
_HEX: Final = re.compile(rb"[0-9a-f]{32}|[0-9A-F]{32}")
_IBAN: Final = re.compile(rb"AA00[A0]{11}")
#: msgpack's mark of an unsigned integer beyond 32 bits.
_LARGE_INTEGER: Final = 0xCF


class Shape:
    """What the detectors ask of a piece of encoded text before they look at it."""

    __slots__ = ("_kinds", "_raw", "long_tokens")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._kinds = raw.translate(_KINDS)
        marks = raw.translate(_TOKENS)
        spans = _spans(marks, LONG_TOKEN_CHARACTERS) if _LONG_TOKEN in marks else ()
        #: The long tokens but UUIDs, in a row. Bytes of msgpack may stick to their beginnings.
        self.long_tokens = b" ".join(
            [
                raw[_beginning(raw, start) : end]
                for start, end in spans
                if end - start != _UUID_CHARACTERS or not _UUID.fullmatch(raw, start, end)
            ]
        )

    def has(self, literal: bytes) -> bool:
        """Return whether these very bytes occur."""
        return literal in self._raw

    def may_hold_ssn(self) -> bool:
        """Return whether three, two and four digits stand apart somewhere."""
        return b"000-00-0000" in self._kinds

    def may_hold_card(self) -> bool:
        """Return whether enough digits follow each other, on end or in groups as on a card."""
        kinds = self._kinds
        return (
            b"0000-0000-0000" in kinds or b"0000-000000-0000" in kinds or b"0000000000000" in kinds
        )

    def may_hold_large_integer(self) -> bool:
        """Return whether there may be an integer of as many digits as a card has."""
        return _LARGE_INTEGER in self._raw

    def may_hold_phone(self) -> bool:
        """Return whether there is the end of a North American number, or a + before a number."""
        kinds = self._kinds
        if b"+" in kinds and (b"+0" in kinds or b"+(0" in kinds):
            return True
        return b"-000-0000" in kinds

    def may_hold_random(self) -> bool:
        """Return whether a long token mixes kinds of characters, or is hexadecimal."""
        if not self.long_tokens:
            return False
        kinds = self.long_tokens.translate(_KINDS)
        if b"0" not in kinds:
            return False
        return (b"A" in kinds and b"a" in kinds) or _HEX.search(self.long_tokens) is not None

    def may_hold_iban(self) -> bool:
        """Return whether two capitals and two digits begin a long enough run."""
        if b"AA00" not in self._kinds:
            return False
        return _IBAN.search(self._raw.translate(_KINDS, _SIGNS.encode())) is not None


def _beginning(raw: bytes, start: int) -> int:
    """Return where a key whose mark ends in a dot, which is no token character, would begin."""
    return max(0, start - DOTTED_CHARACTERS) if raw[start - 1 : start] == b"." else start


def outline(text: str) -> bytes:
    """Return a text as its kinds of characters: 0 digits, A capitals, a small letters, - signs."""
    return text.encode("ascii", "replace").translate(_KINDS)


def occurrences(kinds: bytes, wanted: bytes) -> Iterator[int]:
    """Yield where an outline holds another one."""
    at = kinds.find(wanted)
    while at >= 0:
        yield at
        at = kinds.find(wanted, at + 1)


def token_runs(text: str, least: int) -> Iterator[tuple[int, int]]:
    """Yield where runs of token characters of that length or longer begin and end."""
    return _spans(text.encode("ascii", "replace").translate(_TOKENS), least)


def _spans(marks: bytes, least: int) -> Iterator[tuple[int, int]]:
    run = b"a" * least
    start = marks.find(run)
    while start >= 0:
        end = marks.find(b" ", start)
        if end < 0:
            end = len(marks)
        yield start, end
        start = marks.find(run, end)
