"""Ordinary data is left alone: programs, prose, identifiers, times, versions, figures."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.security.sensitive import scan

from .samples import packed

ROOT = Path(__file__).resolve().parents[2]
TEXTS = sorted(
    file
    for pattern in ("runtime/**/*.py", "bridges/**/*.py", "stdlib/**/*.py", "docs/*.md")
    for file in ROOT.glob(pattern)
    if "sensitive" not in str(file) and file.name != "security.md"
)
#: Addresses and digests that stand in the manual as what they are, and passwords in examples.
TOLERATED = {"email", "high_entropy", "url_password"}

moments = st.datetimes(
    timezones=st.just(dt.UTC), min_value=dt.datetime(1990, 1, 1), max_value=dt.datetime(2037, 1, 1)
)
ordinary = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda one: f"run-{one}"),
    moments.map(dt.datetime.isoformat),
    moments.map(lambda moment: moment.strftime("%Y%m%d-%H%M%S")),
    moments.map(lambda moment: str(int(moment.timestamp()))),
    moments.map(lambda moment: int(moment.timestamp() * 1000)),
    moments.map(lambda moment: int(moment.timestamp() * 1_000_000)),
    st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: "v{}.{}.{}".format(*parts)),
    st.tuples(*[st.integers(0, 255)] * 4).map(lambda parts: "{}.{}.{}.{}".format(*parts)),
    st.integers(0, 10**10 - 1).map(lambda number: f"{number:010}"),
    st.floats(0, 1e9).map(str),
    st.floats(0, 1e9),
    st.sampled_from(
        [
            "agent:gpt-4",
            "https://example.org/articles/analytical-engine?page=2#top",
            "/usr/lib/python3.11/site-packages/package_name/module_name.py",
            "SELECT * FROM entries WHERE scope = ? AND key > ? LIMIT 100",
            "function getUserByIdentifier(userIdentifier) { return users[userIdentifier]; }",
            "The notes describe how the engine separates the mill from the store.",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "507f1f77bcf86cd799439011",
        ]
    ),
)


@pytest.mark.parametrize("start", range(0, len(TEXTS), 60))
def test_programs_and_manuals_are_left_alone(start: int) -> None:
    for file in TEXTS[start : start + 60]:
        text = file.read_text(encoding="utf-8")
        told = {hit.detector for hit in scan(text, packed(text))}
        assert told <= TOLERATED, file


@given(st.lists(ordinary, max_size=12))
@settings(max_examples=150, deadline=None)
def test_identifiers_times_versions_and_figures_are_left_alone(value: list[Any]) -> None:
    assert scan(value, packed(value)) == []
    text = json.dumps(value)
    assert scan(text, packed(text)) == []


def test_a_thousand_identifiers_are_none() -> None:
    value = [
        {"id": str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC060))} for number in range(1000)
    ]
    assert scan(value, packed(value)) == []
