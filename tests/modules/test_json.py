"""JSON files as modules."""

from __future__ import annotations

import pytest

from .conftest import Failure, Program

TEXT = (
    '{"name": "x", "list": [1, null, 2.5, "é"], "empty": [], "nothing": null, "deep": {"a": true}}'
)


def test_javascript_reads_them_with_or_without_the_ending(program: Program) -> None:
    program.write("data/config.json", TEXT)
    expected = {
        "name": "x",
        "list": [1, None, 2.5, "é"],
        "empty": [],
        "nothing": None,
        "deep": {"a": True},
    }
    for name in ("./data/config", "./data/config.json", "data/config"):
        assert program.js(f"require('{name}')") == expected


def test_lua_reads_them_without_the_ending(program: Program) -> None:
    program.write("data/config.json", TEXT)
    assert program.lua("return require 'data.config'") == {
        "name": "x",
        "list": [1, None, 2.5, "é"],
        "empty": [],
        "deep": {"a": True},
    }
    assert program.lua("return #require('data.config').list") == 4


def test_code_wins_over_data_of_the_same_name(program: Program) -> None:
    program.write("m.json", '"data"')
    assert program.lua("return require 'm'", m="return 'code'") == "code"
    assert program.js("require('./m')", m="module.exports = 'code'") == "code"


def test_the_value_is_one_and_the_same_each_time(program: Program) -> None:
    program.write("d.json", "{}")
    assert program.lua("require('d').x = 1 return require('d').x") == 1
    assert program.js("require('./d').x = 1; require('./d.json').x") == 1


@pytest.mark.parametrize("text", ["1", '"text"', "true", "[]", "[[1]]", "1e3", "-0.5"])
def test_any_value_may_stand_at_the_top(program: Program, text: str) -> None:
    program.write("d.json", text)
    assert program.lua("return require 'd'") == program.js("require('./d')")


def test_null_is_the_null_of_each_language(program: Program) -> None:
    program.write("d.json", "null")
    assert program.lua("return require 'd' == JSON.null") is True
    assert program.js("require('./d') === null") is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "(line 1, column 1)"),
        ('{"a": 1,\n "b": }', "(line 2, column 7)"),
        ("{a: 1}", "d.json is not valid JSON"),
        ("[1,]", "d.json is not valid JSON"),
        ("// no\n1", "d.json is not valid JSON"),
        ("NaN", "d.json is not valid JSON"),
        ('"\\ud800"', "d.json is not valid JSON"),
    ],
)
def test_what_is_no_json_is_an_error_with_its_place(
    program: Program, failing: Failure, language: str, text: str, said: str
) -> None:
    program.write("d.json", text)
    error = failing(language, "local d = require 'd'" if language == "lua" else "require('./d')")
    assert error.code == "module_error"
    assert said in error.message
    assert error.source_line is not None


def test_nesting_without_end_is_a_limit(program: Program, failing: Failure, language: str) -> None:
    program.write("d.json", "[" * 5000 + "]" * 5000)
    error = failing(language, "local d = require 'd'" if language == "lua" else "require('./d')")
    assert error.code in ("limit_exceeded", "module_error")


def test_integers_that_lua_cannot_hold_are_refused_there(
    program: Program, failing: Failure
) -> None:
    program.write("d.json", "[9223372036854775807]")
    assert program.lua("return require('d')[1]") == 2**63 - 1
    program.write("d.json", "[9223372036854775808]")
    assert failing("lua", "local d = require 'd'").code == "module_error"
