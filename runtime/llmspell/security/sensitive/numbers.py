"""Numbers of people: social security numbers and payment cards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

__all__ = ["find_cards", "find_ssns", "is_card"]

# Patterns begin with a class of characters, which the matcher searches for at full speed; what
# stands before it is asked afterwards.


@cache
def _ssn() -> re.Pattern[str]:
    return re.compile(
        r"[0-8](?<![0-9A-Za-z_][0-9])(?<![0-9][-. ][0-9])"
        r"(?!(?<=0)00|(?<=6)66)[0-9]{2}"  # no area 000, 666 or 9xx was ever given out
        r"([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9A-Za-z_]|[-.][0-9])"
    )


def find_ssns(text: str) -> Iterator[tuple[int, int]]:
    """Yield US social security numbers written with dashes or spaces.

    Areas 000, 666 and from 900 on, group 00 and serial 0000 do not exist. Nine digits on end are
    anything, so they are not taken for one.
    """
    for match in _ssn().finditer(text):
        yield match.span()


@cache
def _digit_groups() -> re.Pattern[str]:
    return re.compile(r"[0-9](?<![0-9A-Za-z_.][0-9])[0-9]*+(?:[ -][0-9]++)*+(?![A-Za-z_]|\.[0-9])")


_GROUP: Final = re.compile("[0-9]+")
_MOST_DIGITS: Final = 19
_LEAST_DIGITS: Final = 13
#: How digits are grouped on cards, besides groups of four and none at all.
_LAYOUTS: Final = ((4, 6, 5), (4, 6, 4))

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
    for match in _digit_groups().finditer(text):
        if match.end() - match.start() >= _LEAST_DIGITS:
            spans = [group.span() for group in _GROUP.finditer(text, *match.span())]
            yield from _cards_among(text, spans)


def _cards_among(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Try every row of groups: a year or a count may stand before the number."""
    first = 0
    while first < len(spans):
        last = _card_from(text, spans, first)
        if last is not None:
            yield spans[first][0], spans[last][1]
            first = last
        first += 1


def _card_from(text: str, spans: list[tuple[int, int]], first: int) -> int | None:
    number, found = "", None
    sizes: tuple[int, ...] = ()
    for last in range(first, len(spans)):
        start, end = spans[last]
        if len(number) + end - start > _MOST_DIGITS or not _can_go_on(sizes):
            break
        number += text[start:end]
        sizes = (*sizes, end - start)
        if len(number) >= _LEAST_DIGITS and _is_laid_out(sizes) and is_card(number):
            found = last
    return found


def _can_go_on(sizes: tuple[int, ...]) -> bool:
    """Return whether another group may follow groups of these sizes."""
    return all(size == 4 for size in sizes) or sizes == (4, 6)


def _is_laid_out(sizes: tuple[int, ...]) -> bool:
    if len(sizes) == 1 or sizes in _LAYOUTS:
        return True
    return sizes[-1] <= 4 and all(size == 4 for size in sizes[:-1])


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
