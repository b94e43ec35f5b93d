"""Class external: each part of a value has its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import ValidationFailed
from llmspell.security.validation import Candidate, ExternalBounds, Validator

TIGHT = ExternalBounds(
    max_string_bytes=4, max_items=2, max_members=2, max_name_bytes=3, max_total_nodes=6
)


def problems(value, bounds=TIGHT):
    return [(problem.path, problem.rule) for problem in bounds.problems(value)]


@pytest.mark.parametrize(
    ("value", "path", "rule"),
    [
        ("abcde", "$", "max_string_bytes"),
        ("äää", "$", "max_string_bytes"),
        ({"a": ["abcde"]}, "$.a[0]", "max_string_bytes"),
        ([1, 2, 3], "$", "max_items"),
        ({"a": {"b": 1, "c": 2, "d": 3}}, "$.a", "max_members"),
        ({"abcd": 1}, "$.abcd", "max_name_bytes"),
        ([[1, 2], [[1], 2]], "$", "max_total_nodes"),
        ("a\0b", "$", "control_character"),
        (["\x1b[2J"[:4]], "$[0]", "control_character"),
        ("\x9b", "$", "control_character"),
        ({"a\n": 1}, '$["a\\n"]', "control_character"),
        (float("nan"), "$", "finite"),
        ([float("-inf")], "$[0]", "finite"),
        ({"raw": b"x"}, "$.raw", "allow_bytes"),
    ],
)
def test_what_is_out_of_bounds_is_told_with_its_path(value, path, rule):
    assert problems(value) == [(path, f"external.{rule}")]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "prototype"])
def test_names_that_reach_the_prototype_of_an_object_are_refused_at_any_depth(name):
    found = problems([{"a": {name: 1}}], ExternalBounds())
    assert found == [(f"$[0].a.{name}", "external.forbidden_name")]


@pytest.mark.parametrize(
    "value",
    ["abcd", "a\t\n\r", [1, 2], {"abc": 1}, None, True, 2**63 - 1, 1.5, {}, "😀", "é\u2028"],
)
def test_what_is_within_its_bounds_is_kept(value):
    bounds = ExternalBounds(max_string_bytes=5, max_items=2, max_members=2, max_name_bytes=3)
    assert problems(value, bounds) == []


def test_bytes_may_be_allowed_and_are_then_as_long_as_texts_at_most():
    bounds = ExternalBounds(allow_bytes=True, max_string_bytes=2)
    assert problems([b"ab", b"abc"], bounds) == [("$[1]", "external.max_string_bytes")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\0", max_size=3) | st.binary(),
        lambda part: (
            st.lists(part, max_size=4)
            | st.dictionaries(st.text("ab", max_size=3), part, max_size=4)
        ),
    )
)
def test_a_value_is_refused_exactly_if_one_of_its_parts_is_out_of_bounds(value):
    bounds = ExternalBounds(max_items=3, max_members=3, max_name_bytes=2, max_total_nodes=10)

    def parts(part):
        yield part
        for member in part.values() if isinstance(part, dict) else part:
            if isinstance(member, dict | list):
                yield from parts(member)
            else:
                yield member

    everything = list(parts(value)) if isinstance(value, dict | list) else [value]
    wrong = len(everything) > 10 or any(
        isinstance(part, bytes)
        or (isinstance(part, str) and "\0" in part)
        or (isinstance(part, dict | list) and len(part) > 3)
        or (isinstance(part, dict) and any(len(name) > 2 for name in part))
        for part in everything
    )
    assert bool(problems(value, bounds)) == wrong


def test_the_bounds_hold_for_class_external_alone():
    value = {"__proto__": 1}
    Validator.none.check(Candidate("s", "k", value, state_class="standard"))
    with pytest.raises(ValidationFailed, match="must not have this name"):
        Validator.none.check(Candidate("s", "k", value, state_class="external"))
