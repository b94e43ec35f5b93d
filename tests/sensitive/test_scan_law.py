"""The quick scan finds what a slow one finds that looks at every text with every detector."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.security.sensitive import DETECTORS, Detector, scan
from llmspell.security.sensitive.scanner import found_in

from .samples import FOUND, LEFT_ALONE, packed

SAMPLES = [text for table in (FOUND, LEFT_ALONE) for texts in table.values() for text in texts]

pieces = st.one_of(
    st.sampled_from(SAMPLES),
    st.text(max_size=6),
    st.text(alphabet="0123456789-. +()@AKIeyJ/:=", max_size=12),
    st.sampled_from(["sk-", "ghp_", "-----BEGIN ", "://u:p@h", "@x.de", "0x", "\0", "\n"]),
)
texts = st.lists(pieces, max_size=4).map("".join)
leaves = st.one_of(
    texts,
    texts.map(str.encode),
    st.integers(min_value=0, max_value=2**63 - 1),
    st.sampled_from([4111111111111111, 378282246310005]),
    st.none() | st.booleans() | st.floats(allow_nan=False),
    st.just(dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


def slowly(value: Any, name: str = "") -> Iterator[tuple[str, int, int, str]]:
    """Look at every part with every detector, one by one, without a look at the outline."""
    rows = list(DETECTORS.values())
    if isinstance(value, str):
        for start, end, row in found_in(value, rows):
            if not (row.unless_named and row.unless_named(name)):
                yield row.name, start, end, "text"
    elif isinstance(value, bytes):
        for row in rows:
            if row.in_bytes:
                yield from (
                    (row.name, *span, "bytes") for span in row.find(value.decode("latin-1"))
                )
    elif isinstance(value, int):
        yield from (
            (row.name, 0, len(str(value)), "number")
            for row in rows
            if value >= 10**12 and row.is_number and row.is_number(str(value))
        )
    elif isinstance(value, list):
        for member in value:
            yield from slowly(member, name)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from ((row.name, *span, "name") for *span, row in found_in(key, rows))
            yield from slowly(member, key)


def kind(value: Any, hit: Any) -> str:
    if hit.in_name:
        return "name"
    return {str: "text", bytes: "bytes", int: "number"}[type(value)]


@given(values)
@settings(max_examples=150, deadline=None)
def test_the_quick_scan_finds_what_the_slow_one_finds(value: Any) -> None:
    quick = sorted((hit.detector, hit.start, hit.end) for hit in scan(value, packed(value)))
    assert quick == sorted(hit[:3] for hit in slowly(value))


@given(st.sampled_from(list(DETECTORS.values())), texts)
@settings(max_examples=150, deadline=None)
def test_what_a_detector_yields_is_in_order_and_apart(row: Detector, text: str) -> None:
    spans = list(row.find(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
