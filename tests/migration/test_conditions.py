"""Conditions: what holds, what does not, and what is said then."""

from __future__ import annotations

import datetime as dt

import pytest

from llmspell.errors import MigrationFailed
from llmspell.migration import (
    FieldAbsent,
    FieldEquals,
    FieldExists,
    FieldType,
    FieldValid,
    Remove,
)

from .strategies import SECRET, compiled


def holds(condition, value):
    try:
        compiled(pre_conditions=[condition]).apply(value)
    except MigrationFailed:
        return False
    return True


@pytest.mark.parametrize(
    ("field", "value", "there"),
    [
        ("a", {"a": 1}, True),
        ("a", {"a": None}, True),
        ("a", {}, False),
        ("a", [], False),
        ("a", "a", False),
        ("a.b", {"a": {"b": 1}}, True),
        ("a.b", {"a": "b"}, False),
        ("a[1]", {"a": [1, 2]}, True),
        ("a[1]", {"a": [1]}, False),
        ("a[].b", {"a": [{"b": 1}, {"b": 2}]}, True),
        ("a[].b", {"a": [{"b": 1}, {}]}, False),
        ("a[].b", {"a": []}, True),
        ("a[].b", {}, False),
        ("a.*.b", {"a": {"x": {"b": 1}}}, True),
        ("a.*", {"a": []}, False),
        ("$", None, True),
    ],
)
def test_a_field_is_there_or_not(field, value, there):
    assert holds(FieldExists(field=field), value) is there


@pytest.mark.parametrize(
    ("field", "value", "absent"),
    [
        ("a", {}, True),
        ("a", {"a": None}, False),
        ("a.b", {"a": 1}, True),
        ("a[].b", {"a": [{}, {}]}, True),
        ("a[].b", {"a": [{}, {"b": 1}]}, False),
        ("a[].b", {}, True),
    ],
)
def test_a_field_is_absent_when_none_of_its_parts_is_there(field, value, absent):
    assert holds(FieldAbsent(field=field), value) is absent


KINDS = {
    "string": "x",
    "integer": 1,
    "float": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
    "timestamp": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "bytes": b"",
    "null": None,
}


@pytest.mark.parametrize("expected", [*KINDS, "number"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_of_one_kind_and_numbers_of_two(expected, kind):
    is_meant = kind == expected or (expected == "number" and kind in ("integer", "float"))
    assert holds(FieldType(field="a", expected=expected), {"a": KINDS[kind]}) is is_meant


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, {"a": True}], [1, {"a": True}], True),
        ([1, {"a": True}], [1, {"a": 1}], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], [1, 2], False),
        ("1", 1, False),
        (None, None, True),
    ],
)
def test_equal_is_equal_to_an_author_not_to_python(one, other, equal):
    assert holds(FieldEquals(field="a", value=one), {"a": other}) is equal


def test_a_validator_decides_whether_a_field_is_valid():
    assert holds(FieldValid(field="a[]", validator="email"), {"a": ["x@y.example"]})
    assert not holds(FieldValid(field="a[]", validator="email"), {"a": ["x@y.example", "x"]})
    assert not holds(FieldValid(field="a", validator="email"), {})


@pytest.mark.parametrize(
    ("condition", "value", "path", "why"),
    [
        (FieldExists(field="a.b"), {"a": {}}, "a.b", "is missing"),
        (FieldExists(field="a.b"), {"a": SECRET}, "a", "is text, not a map"),
        (FieldAbsent(field="a"), {"a": SECRET}, "a", "is there and must not be"),
        (FieldType(field="a", expected="array"), {"a": SECRET}, "a", "is text, not a list"),
        (FieldEquals(field="a", value="x"), {"a": SECRET}, "a", "does not have the value"),
        (FieldValid(field="a[]", validator="email"), {"a": [SECRET]}, "a[0]", "must be an e-mail"),
    ],
)
@pytest.mark.parametrize("when", ["pre", "post"])
def test_what_does_not_hold_is_told_without_the_value(when, condition, value, path, why):
    step = compiled(Remove(field="other"), **{f"{when}_conditions": [condition]})
    with pytest.raises(MigrationFailed) as caught:
        step.apply(value)
    assert f"step 'test' (1 -> 2), {when}-condition {condition.words}: {path} {why}" in str(
        caught.value
    )
    assert caught.value.details["path"] == path
    assert SECRET not in str(caught.value.to_dict())
