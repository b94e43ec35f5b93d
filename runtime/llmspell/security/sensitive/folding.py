"""Texts as the detectors read them: in plain characters, without those nobody sees.

Whoever copies a number out of a document gets no-break spaces, typographic dashes and soft
hyphens with it; other alphabets have digits of their own. Each is taken for what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

__all__ = ["Folded", "fold", "may_fold"]

_SPACES: Final = "\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
#: Soft hyphens, joiners, marks of direction, the mark of byte order: what has no width.
_UNSEEN: Final = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
#: The digit zero in other alphabets; the other nine follow it. Those of scripts beyond 16 bits
#: are left out: a set with one of them is searched ten times slower.
_ZEROS: Final = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0"
    "\u0f20\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0"
    "\ua900\ua9d0\ua9f0\uaa50\uabf0"
)
#: How UTF-8 begins of all of these; a few others begin like them.
_BEGINNINGS: Final = re.compile(
    rb"\xc2[\xa0\xad]|\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xdf[\x80-\x89]|[\xe0\xe1]"
    rb"|\xe2\x80[\x80-\x95\xaa-\xaf]|\xe2\x81[\x9f-\xaf]|\xe2\x88\x92|\xe3\x80\x80"
    rb"|\xea[\x98\xa3\xa4\xa7\xa9\xaf]|\xef[\xb9\xbb-\xbd]"
)
_ASCII: Final = bytes(range(128))


@cache
def _plain() -> dict[str, str]:
    """Return what each character that looks like another one stands for."""
    # From ! to ~ there are forms as wide as a Chinese character.
    wide = {chr(0xFF01 + at): chr(0x21 + at) for at in range(0x5E)}
    digits = {chr(ord(zero) + n): str(n) for zero in _ZEROS for n in range(10)}
    return wide | digits | dict.fromkeys(_SPACES, " ") | dict.fromkeys(_DASHES, "-")


@cache
def _foldable() -> re.Pattern[str]:
    return re.compile(f"[{_UNSEEN}{''.join(_plain())}]")


@cache
def _unseen() -> re.Pattern[str]:
    return re.compile(f"[{_UNSEEN}]")


class Folded(NamedTuple):
    """A text in plain characters; ``places`` are those of its characters in the text it was.

    Without ``places`` they are the same.
    """

    text: str
    places: Sequence[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where something that was found stands in the text as it was."""
        if self.places is None or start == end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def may_fold(packed: bytes) -> bool:
    """Return whether a text in encoded data may have characters to fold."""
    return _BEGINNINGS.search(packed.translate(None, _ASCII)) is not None


def fold(text: str) -> Folded:
    """Return a text with plain characters in place of those that look like them."""
    if text.isascii():
        return Folded(text)
    plain = _plain().get
    folded = _foldable().sub(lambda found: plain(found[0], found[0]), text)
    unseen = set(_unseen().findall(folded))
    if not unseen:
        return Folded(folded)
    places = [at for at, char in enumerate(folded) if char not in unseen]
    return Folded("".join([folded[at] for at in places]), places)
