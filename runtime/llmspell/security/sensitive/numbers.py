"""Numbers of people: social security numbers and payment cards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from llmspell.security.sensitive.shape import occurrences, outline

__all__ = ["find_cards", "find_ssns", "is_card"]

#: What must not stand right before a number, and what must not follow it.
_APART: Final = r"(?<![0-9A-Za-z_])"
_ENDED: Final = r"(?![0-9A-Za-z_]|\.[0-9])"


@cache
def _ssn() -> re.Pattern[str]:
    return re.compile(
        rf"{_APART}(?<![0-9][-. ])(?!000|666|9)[0-9]{{3}}([- ])(?!00)[0-9]{{2}}\1(?!0000)[0-9]{{4}}"
        rf"{_ENDED}(?!-[0-9])"
    )


def find_ssns(text: str) -> Iterator[tuple[int, int]]:
    """Yield US social security numbers written with dashes or spaces.

    Areas 000, 666 and from 900 on, group 00 and serial 0000 do not exist. Nine digits on end are
    anything, so they are not taken for one.
    """
    for start in occurrences(outline(text), b"000-00-0000"):
        if match := _ssn().match(text, start):
            yield match.span()


#: How digits stand on cards, each with the outline it begins with. The longer ones go first: what
#: follows a number in groups may be its last group.
_LAYOUTS: Final = (
    (b"0000-0000-0000-0000-0", r"[0-9]{4}(?:[ -][0-9]{4}){3}[ -][0-9]{1,3}"),
    (b"0000-0000-0000-0", r"[0-9]{4}(?:[ -][0-9]{4}){2}[ -][0-9]{1,4}"),
    (b"0000-000000-00000", r"[0-9]{4}[ -][0-9]{6}[ -][0-9]{5}"),
    (b"0000-000000-0000", r"[0-9]{4}[ -][0-9]{6}[ -][0-9]{4}"),
    (b"0000000000000", r"[0-9]{13,19}"),
)


@cache
def _laid_out(layout: str) -> re.Pattern[str]:
    return re.compile(rf"{_APART}(?<!\.){layout}{_ENDED}")


# First and last prefix, and the lengths in use: ISO/IEC 7812 ranges as the networks publish them.
_ISSUERS: Final = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard, since 2017
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),  # American Express
    ("6011", "6011", (16, 17, 18, 19)),  # Discover
    ("644", "649", (16, 17, 18, 19)),  # Discover
    ("65", "65", (16, 17, 18, 19)),  # Discover, RuPay
    ("300", "305", (14, 16)),  # Diners Club
    ("3095", "3095", (14, 16)),  # Diners Club
    ("36", "36", (14, 16)),  # Diners Club
    ("38", "39", (14, 16)),  # Diners Club
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("81", "82", (16,)),  # UnionPay, RuPay
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("60", "60", (16,)),  # RuPay
    ("508", "508", (16,)),  # RuPay
    ("5018", "5018", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("5020", "5020", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("5038", "5038", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("5893", "5893", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("6304", "6304", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("6759", "6763", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
)
_BY_FIRST_DIGIT: Final = {
    digit: tuple(row for row in _ISSUERS if row[0][0] == digit)
    for digit in {first[0] for first, _, _ in _ISSUERS}
}
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find_cards(text: str) -> Iterator[tuple[int, int]]:
    """Yield payment card numbers: grouped as on a card, or 13 to 19 digits on end."""
    spans = []
    kinds = outline(text)
    for wanted, layout in _LAYOUTS:
        for start in occurrences(kinds, wanted):
            match = _laid_out(layout).match(text, start)
            if match and is_card(match[0].replace(" ", "").replace("-", "")):
                spans.append(match.span())
    last = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= last:
            yield start, end
            last = end


def is_card(number: str) -> bool:
    """Return whether digits are a card number: a known issuer, its length, the Luhn sum."""
    length = len(number)
    return any(
        length in lengths and first <= number[: len(first)] <= last
        for first, last, lengths in _BY_FIRST_DIGIT.get(number[0], ())
    ) and _luhn(number)


def _luhn(number: str) -> bool:
    figures = [ord(digit) - 48 for digit in reversed(number)]
    return (sum(figures[::2]) + sum(_DOUBLED[figure] for figure in figures[1::2])) % 10 == 0
