"""Validators: the built-in ones, those of the application, and scripts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import InvalidArgument, SchemaError
from llmspell.schema import Functions
from llmspell.schema.functions import Function
from llmspell.schema.validators import VALIDATORS, refusal

ACCEPTS: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "email": ({}, ["ada@example.com", "a.b+c@x-y.co.uk"], ["", "a@b", "a..b@c.de", "a@-b.de", "a@b.de\n", "a b@c.de", 1, None, "a@b.de" * 50]),
    "email_format": ({}, ["ada@example.com"], ["ada"]),
    "url": ({}, ["https://x.org/a?b#c", "http://localhost:80"], ["ftp://x.org", "https://", "https://x:99999", "x.org", "https://a b", 1]),
    "uuid": ({}, ["0b9fd6b2-2f4c-4f0e-9d2c-3c2f6b1a7e55"], ["0b9fd6b22f4c4f0e9d2c3c2f6b1a7e55", "", 1]),
    "date": ({}, ["2024-02-29"], ["2023-02-29", "20240229", "2024-02-29T00:00:00Z", 1]),
    "timestamp": ({}, ["2024-01-31T12:00:00Z", dt.datetime.now(dt.UTC)], ["2024-01-31", "2024-01-31T12:00:00", 1]),
    "ipv4": ({}, ["127.0.0.1"], ["127.0.0.256", "::1", 2130706433]),
    "ipv6": ({}, ["::1"], ["127.0.0.1", 1]),
    "non_empty": ({}, ["a", [0], {"a": 1}, 0, False], ["", "  ", [], {}, None, b""]),
    "one_of": ({"values": ["a", 1, True]}, ["a", 1, 1.0, True], ["b", False, 0, None]),
    "matches": ({"pattern": "^a+$"}, ["aa"], ["ab", 1]),
    "between": ({"min": 1, "max": 2}, [1, 1.5, 2], [0, 3, "1", True]),
    "length": ({"min": 1, "max": 2}, ["a", [1, 2], {"a": 1}], ["", [1, 2, 3], 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", VALIDATORS)
def test_a_built_in_validator_accepts_what_its_name_says(name: str) -> None:
    config, accepted, refused = ACCEPTS[name]
    for value in accepted:
        assert refusal(VALIDATORS[name](value, config)) is None
    for value in refused:
        assert refusal(VALIDATORS[name](value, config))


def test_a_pattern_that_takes_too_long_refuses() -> None:
    answer = VALIDATORS["matches"]("a" * 40 + "!", {"pattern": "(a|a|aa)+$"})
    assert answer is None or "pattern" in answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, None),
        (True, None),
        ([], None),
        ({}, None),
        (False, "is refused"),
        ("", "is refused"),
        ("must be even", "must be even"),
        (["a", "b"], "a; b"),
        ("x" * 999, "x" * 299 + "…"),
        ("a\nb", "a b"),
        (1, "gets from its validator what is no answer (int)"),
        ([1], "gets from its validator what is no answer (list)"),
    ],
)
def test_an_answer_accepts_or_says_why_not(answer: Any, said: str | None) -> None:
    assert refusal(answer) == said


def accept(value: Any, config: dict[str, Any]) -> bool:
    return True


def test_what_an_application_registers_goes_before_what_is_built_in() -> None:
    functions = Functions("validator", VALIDATORS, {"email": accept, "mine": accept})
    assert functions.find("email") is accept
    assert functions.find("mine") is accept
    assert functions.find("url") is VALIDATORS["url"]
    assert "mine" in functions.names


async def later(value: Any, config: dict[str, Any]) -> bool:
    return True


class Later:
    async def __call__(self, value: Any, config: dict[str, Any]) -> bool:
        return True


@pytest.mark.parametrize(
    ("name", "function", "said"),
    [
        ("x", None, "is a NoneType, not a function"),
        ("x", "email", "is a str, not a function"),
        ("x", later, "cannot be async"),
        ("x", Later(), "cannot be async"),
        ("x", lambda value: True, "has to take two arguments"),
        ("x", lambda value, config, more: True, "has to take two arguments"),
        ("", accept, "is text and not empty"),
        (1, accept, "is text and not empty"),
    ],
)
def test_what_is_no_validator_is_refused_when_it_is_registered(
    name: Any, function: Any, said: str
) -> None:
    with pytest.raises(InvalidArgument, match=said):
        Functions("validator", VALIDATORS, {name: function})


def test_a_script_is_found_beside_the_file_that_names_it_and_loaded_once(tmp_path: Path) -> None:
    loaded: list[tuple[Path, str | None]] = []

    def load(path: Path, function: str | None) -> Function:
        loaded.append((path, function))
        return accept

    (tmp_path / "checks.lua").write_text("return true")
    functions = Functions("validator", {}, scripts=load)
    source = tmp_path / "user.toml"
    for _ in range(2):
        assert functions.find("checks.lua:is_even", source) is accept
    functions.find("checks.lua", source)
    assert loaded == [(tmp_path / "checks.lua", "is_even"), (tmp_path / "checks.lua", None)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.js", "there is no script"),
        ("checks.lua:is-even", "names no function"),
        ("checks.lua:", "names no function"),
        ("checks.py", "there is no validator 'checks.py'"),
    ],
)
def test_a_script_that_is_not_there_is_refused(tmp_path: Path, name: str, said: str) -> None:
    functions = Functions("validator", VALIDATORS, scripts=lambda path, function: accept)
    with pytest.raises(SchemaError, match=said):
        functions.find(name, tmp_path / "user.toml")
