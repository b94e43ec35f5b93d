"""International bank account numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from string import ascii_uppercase, digits
from typing import Final

from llmspell.security.sensitive.shape import occurrences, outline

__all__ = ["find_ibans"]

#: Length by country, from the SWIFT IBAN Registry, release 100.
_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}


#: Letters count as 10 to 35.
_VALUES: Final = {sign: str(int(sign, 36)) for sign in digits + ascii_uppercase}


@cache
def _whole(length: int) -> re.Pattern[str]:
    fours, rest = divmod(length - 4, 4)
    tail = f" ?[0-9A-Z]{{{rest}}}" if rest else ""
    return re.compile(
        f"(?<![0-9A-Za-z_])[A-Z0-9]{{4}}(?: ?[0-9A-Z]{{4}}){{{fours}}}{tail}(?![0-9A-Za-z_])"
    )


def find_ibans(text: str) -> Iterator[tuple[int, int]]:
    """Yield account numbers with the length of their country and a right checksum.

    They are in capitals, on end or in groups of four.
    """
    for start in occurrences(outline(text), b"AA00"):
        length = _LENGTHS.get(text[start : start + 2])
        match = None if length is None else _whole(length).match(text, start)
        if match is not None and _checks(match[0].replace(" ", "")):
            yield match.span()


def _checks(iban: str) -> bool:
    # ISO 7064, MOD 97-10.
    return int("".join([_VALUES[sign] for sign in iban[4:] + iban[:4]])) % 97 == 1
