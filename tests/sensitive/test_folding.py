"""Numbers and addresses are found in whatever characters look like the plain ones."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.security.sensitive import scan
from llmspell.security.sensitive.folding import fold, may_fold
from llmspell.security.sensitive.redactor import redactor

CARD = "4111 1111 1111 1111"
DISGUISED = {
    "no-break spaces": CARD.replace(" ", "\u00a0"),
    "narrow spaces": CARD.replace(" ", "\u202f"),
    "en dashes": CARD.replace(" ", "–"),
    "soft hyphens": CARD.replace(" ", "\u00ad"),
    "zero-width spaces": "\u200b".join(CARD),
    "Arabic digits": "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in CARD),
    "wide digits": "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in CARD),
}


def found(value: Any) -> list[tuple[str, str, int, int]]:
    return [
        (hit.detector, hit.path, hit.start, hit.end) for hit in scan(value, msgpack.packb(value))
    ]


@pytest.mark.parametrize("way", DISGUISED)
def test_a_card_number_is_found_in_its_own_place(way: str) -> None:
    card = DISGUISED[way]
    text = f"\u200bmy\u00a0card: {card}, ok"
    start = text.index(card)
    value = {"a": ["x", text]}
    assert found(value) == [("payment_card", "$.a[1]", start, start + len(card))]


@pytest.mark.parametrize("way", DISGUISED)
def test_reports_do_not_show_it_either(way: str) -> None:
    text = f"no entry for {DISGUISED[way]}\u200b!"
    assert redactor().redact(text) == "no entry for [redacted:payment_card]\u200b!"


@pytest.mark.parametrize(
    ("detector", "text"),
    [
        ("email", "ada＠example．com"),
        ("us_ssn", "123\u201145\u20116789"),
        ("iban", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"),
        ("api_key", "ghp_a1B2c3D4e5F6g7H8i9J0\u200bk1L2m3N4o5P6q7R8"),
    ],
)
def test_so_are_the_others(detector: str, text: str) -> None:
    assert found([text]) == [(detector, "$[0]", 0, len(text))]


@pytest.mark.parametrize(
    "text", ["naïve café", "“quoted” – and so on…", "日本語のテキスト", "👩🏽‍🚀"]
)
def test_other_text_is_left_alone(text: str) -> None:
    assert found({text: text}) == []
    assert redactor().redact(text) == text


def test_no_character_that_is_folded_is_overlooked_in_encoded_data() -> None:
    folded = [
        chr(code)
        for code in range(0x80, 0x10000)
        if not 0xD800 <= code < 0xE000 and fold(chr(code)).text != chr(code)
    ]
    assert len(folded) > 400
    assert all(may_fold(char.encode()) for char in folded)
    digits = [char for char in folded if unicodedata.category(char) == "Nd"]
    assert all(fold(char).text == str(unicodedata.decimal(char)) for char in digits)


@given(st.text(alphabet="a1 \u00a0\u200b\u00ad２é", max_size=30), st.data())
def test_what_stands_in_the_folded_text_stands_where_it_says(text: str, data: Any) -> None:
    folded = fold(text)
    end = data.draw(st.integers(0, len(folded.text)))
    start = data.draw(st.integers(0, end))
    begin, stop = folded.span(start, end)
    assert start == end or fold(text[begin:stop]).text == folded.text[start:end]
