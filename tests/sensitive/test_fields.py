"""Paths name the fields they say, and wrong ones are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.security.sensitive.fields import Fields, parse_field
from llmspell_bridges.values import member_path

from .samples import packed

VALUE = {
    "password": 1,
    "user": {"password": 2, "api_key": 3, "a b": 4, "password_hint": 5},
    "items": [{"token": 6}, {"token": 7}, {"other": 8}, 9],
}


def find(path: str, value: Any = VALUE) -> set[Any]:
    return set(Fields({parse_field(path): 1}).find(value, packed(value)))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("password", {("password",), ("user", "password")}),
        ("$.password", {("password",)}),
        ("user.api_key", {("user", "api_key")}),
        ("$.user.api_key", {("user", "api_key")}),
        ("api_key", {("user", "api_key")}),
        ("user.*", {("user", name) for name in VALUE["user"]}),  # type: ignore[attr-defined]
        ("*.password", {("user", "password")}),
        ("items[].token", {("items", 0, "token"), ("items", 1, "token")}),
        ("items[1].token", {("items", 1, "token")}),
        ("items[3]", {("items", 3)}),
        ("items[9]", set()),
        ('user["a b"]', {("user", "a b")}),
        ('$["user"]["a b"]', {("user", "a b")}),
        ('["a b"]', {("user", "a b")}),
        ("user.password.inner", set()),
        ("nothing", set()),
        ("password[]", set()),
    ],
)
def test_a_path_leads_to_its_fields(path: str, found: set[Any]) -> None:
    assert find(path) == found


@pytest.mark.parametrize(
    "path",
    [
        "",
        "$",
        "a..b",
        ".a",
        "a.",
        "a b",
        "a[",
        "a[x]",
        "a]",
        'a["b',
        "a.b c",
        "$a",
        "a[]b",
        "a**",
        "[1",
    ],
)
def test_a_wrong_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path of a field"):
        parse_field(path)


def test_null_is_nothing_to_protect() -> None:
    assert find("password", {"password": None}) == set()


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_the_path_an_error_shows_names_the_same_field(names: list[str]) -> None:
    path, value = "$", "x"
    nested: Any = value
    for name in reversed(names):
        nested = {name: nested}
    for name in names:
        path = member_path(path, name)
    assert find(path, nested) == {tuple(names)}
