"""Exported files: nothing is lost on the way through one, and no broken one is read."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.cli.exchange import FORMATS, PortableEntry, read_entries, write_entries
from llmspell.errors import InvalidValue
from llmspell.portable import tag, untag

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.binary(max_size=20),
    st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: moment.replace(fold=0)),
)
KEYS = st.one_of(TEXT, st.sampled_from(["$bytes", "$int", "$map", "$"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and from True, and 0.0 from -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right)


def written(entries: list[PortableEntry], form: str) -> bytes:
    pieces: list[bytes] = []
    assert write_entries(entries, pieces.append, format=form) == len(entries)
    return b"".join(pieces)


@pytest.mark.parametrize("form", FORMATS)
@given(values=st.lists(VALUES, max_size=4))
def test_what_is_written_is_read_back_exactly(form: str, values: list[Any]) -> None:
    entries = [
        PortableEntry("global", f"k{number}", value, {"version": number})
        for number, value in enumerate(values)
    ]
    read = read_entries(written(entries, form), format=form)
    assert same([entry[2] for entry in read], values)
    assert [entry[:2] for entry in read] == [entry[:2] for entry in entries]


@given(value=VALUES)
def test_the_json_form_survives_tools_that_know_only_doubles(value: Any) -> None:
    through_javascript = json.loads(json.dumps(tag(value)), parse_int=float)
    whole_again = json.loads(
        json.dumps(through_javascript), parse_float=lambda text: _as_javascript(float(text))
    )
    assert same(untag(whole_again), value)


def _as_javascript(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def file(*entries: dict[str, Any], **header: Any) -> bytes:
    document = {"format": "llmspell-state", "version": 1, "entries": list(entries)} | header
    return json.dumps(document).encode()


GOOD = {"scope": "global", "key": "a", "value": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"[1, 2", "line 1, column 6"),
        (b"[]", "not an export"),
        (file(GOOD, version=2), "version 2"),
        (file(GOOD, entries=5), 'no list "entries"'),
        (file(GOOD, {"scope": "global", "key": "b"}), "entry 2 ('global', 'b') has no \"value\""),
        (file({**GOOD, "vlaue": 2}), "unknown member 'vlaue'"),
        (file({**GOOD, "scope": 5}), 'entry 1 has no text "scope"'),
        (file({**GOOD, "key": ""}), "entry 1 "),
        (file({**GOOD, "scope": "agent:"}), "entry 1 "),
        (file(GOOD, GOOD), "entry 2 has the scope and key of entry 1"),
        (file({**GOOD, "value": {"a": [1, {"$byte": "AA=="}]}}), "$.a[1] is not a known tag"),
        (file({**GOOD, "value": {"$bytes": "?"}}), "$ is not a valid base64"),
        (file({**GOOD, "value": {"$int": "1_0"}}), "not a valid integer"),
        (file({**GOOD, "value": {"$float": "inf"}}), "not a valid float"),
        (file({**GOOD, "value": {"$float": "1e999"}}), "infinite"),
        (file({**GOOD, "value": {"$timestamp": "2026-02-30T00:00:00Z"}}), "not a valid timestamp"),
        (file({**GOOD, "value": 2**63}), "beyond 64 bits"),
        (file(GOOD).replace(b": 1}", b": NaN}"), "NaN"),
        (file(GOOD).replace(b'"key"', b'"scope"'), "twice"),
        (file(GOOD).replace(b": 1}", b": " + b"9" * 5000 + b"}"), "too long"),
        (file(GOOD).replace(b": 1}", b": " + b"[" * 100_000 + b"}"), ""),
        (file({**GOOD, "value": "\ud800"}), "not valid Unicode"),
    ],
)
def test_a_broken_json_file_is_refused_naming_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        read_entries(data, format="json")
    assert message in refusal.value.message


@pytest.mark.parametrize("lost", [1, 2, 5, 30])
def test_a_msgpack_file_that_was_cut_off_is_refused(lost: int) -> None:
    data = written([PortableEntry("global", "a", [1, 2, 3], {})], "msgpack")
    with pytest.raises(InvalidValue):
        read_entries(data[:-lost], format="msgpack")


def test_a_cut_between_two_msgpack_entries_is_noticed() -> None:
    data = written([PortableEntry("global", "a", 1, {})], "msgpack")
    end = len(msgpack.packb({"entries": 1}))
    with pytest.raises(InvalidValue, match="incomplete"):
        read_entries(data[:-end], format="msgpack")


def test_a_msgpack_timestamp_finer_than_a_microsecond_is_refused() -> None:
    head = msgpack.packb({"format": "llmspell-state", "version": 1})
    entry = msgpack.packb({**GOOD, "value": msgpack.Timestamp(0, 1)})
    end = msgpack.packb({"entries": 1})
    with pytest.raises(InvalidValue, match="finer than a microsecond"):
        read_entries(head + entry + end, format="msgpack")
