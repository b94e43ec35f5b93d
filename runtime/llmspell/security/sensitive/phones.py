"""Phone numbers: with a country code, or as they are written in North America."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from llmspell.security.sensitive.shape import occurrences, outline

__all__ = ["find_phones"]

#: Country codes of one and two digits; all others have three. Source: ITU-T E.164 assigned codes.
_SHORT_CODES: Final = frozenset(
    {"1", "7", "20", "27", "60", "81", "82", "84", "86", "98"}
    | {f"3{digit}" for digit in "0123469"}
    | {f"4{digit}" for digit in "013456789"}
    | {f"5{digit}" for digit in "12345678"}
    | {f"6{digit}" for digit in "123456"}
    | {f"9{digit}" for digit in "012345"}
)
#: What three-digit codes begin with.
_LONG_CODES: Final = frozenset(
    {f"2{digit}" for digit in "1234569"}
    | {f"3{digit}" for digit in "578"}
    | {"42", "50", "59", "67", "68", "69", "80", "85", "87", "88", "96", "97", "99"}
)
_LEAST_DIGITS: Final = 9
_MOST_DIGITS: Final = 15
_DECIMAL: Final = re.compile(r"\+[0-9]+\.[0-9]+")
_GROUP: Final = re.compile("[0-9]+")
_AREA: Final = r"(?![2-9]11)[2-9][0-9]{2}"
#: Longest text before the last seven digits, "1-(415) ", and what must not stand before it.
_BEFORE_CHARACTERS: Final = 9


@cache
def _international() -> re.Pattern[str]:
    return re.compile(
        r"\+(?<![0-9A-Za-z_+/=.]\+)\(?[1-9][0-9]*+(?:(?:\)[ .-]?|[ .-]\(?|\()[0-9]++)*+"
        r"(?![A-Za-z_+/=])"
    )


@cache
def _last_seven() -> re.Pattern[str]:
    return re.compile(
        r"(?<![0-9A-Za-z_])(?!.11)[2-9][0-9]{2}[-. ][0-9]{4}(?![0-9A-Za-z_]|[-.][0-9])"
    )


@cache
def _before_seven() -> re.Pattern[str]:
    return re.compile(
        rf"(?<![0-9A-Za-z_+/=$#.,-])(?:(?:1[-. ])?\({_AREA}\) ?|(?:1[-.])?{_AREA}[-.]|1 {_AREA} )\Z"
    )


def find_phones(text: str) -> Iterator[tuple[int, int]]:
    """Yield phone numbers: ``+`` and 9 to 15 digits, or the ten of North America.

    Without a country code only ``(415) 555-2671``, ``415-555-2671``, ``415.555.2671`` and
    ``1 415 555 2671`` count: other digits are dates, versions and identifiers more often.
    """
    last = 0
    for start, end in sorted((*_with_country(text), *_without_country(text))):
        if start >= last:
            yield start, end
            last = end


def _with_country(text: str) -> Iterator[tuple[int, int]]:
    for match in _international().finditer(text):
        end = _number_end(text, *match.span())
        if end is not None:
            yield match.start(), end


def _without_country(text: str) -> Iterator[tuple[int, int]]:
    for sign in occurrences(outline(text), b"-000-0000"):
        start = sign + 1
        match = _last_seven().match(text, start)
        begin = max(0, start - _BEFORE_CHARACTERS)
        if match and (before := _before_seven().search(text[begin:start])):
            yield begin + before.start(), match.end()


def _number_end(text: str, start: int, end: int) -> int | None:
    """Return where an international number ends; what follows may be another number."""
    number, number_end = "", None
    for group in _GROUP.finditer(text, start, end):
        if len(number) + len(group[0]) > _MOST_DIGITS:
            break
        number += group[0]
        number_end = group.end()
    if len(number) < _LEAST_DIGITS or _DECIMAL.fullmatch(text, start, end):
        return None
    if number[0] == "1":
        return number_end if re.fullmatch(f"1{_AREA}{_AREA}[0-9]{{4}}", number) else None
    known = number[0] in _SHORT_CODES or number[:2] in _SHORT_CODES or number[:2] in _LONG_CODES
    return number_end if known else None
