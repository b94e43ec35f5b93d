"""Files and schemas that nobody writes on purpose: clear errors, and soon."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmspell.errors import SchemaError
from llmspell.schema import Functions, SchemaRegistry, parse_schema, read_schema
from llmspell.schema.repeats import least_length
from llmspell.schema.validators import refusal

HEAD = 'name = "a"\nversion = 1\n'


def registry(*tables: dict[str, Any]) -> SchemaRegistry:
    return SchemaRegistry([parse_schema({"version": 1} | table) for table in tables])


def matching(pattern: str) -> dict[str, Any]:
    field = {"type": "custom", "type_name": "t", "validator": "matches"}
    return {"name": "a", "fields": {"x": field | {"config": {"pattern": pattern}}}}


def chain(length: int, *names: str) -> list[dict[str, Any]]:
    """Return schemas of which each refers to the next by every one of some names."""
    inner = [
        {
            "name": f"c{at}",
            "fields": {name: {"type": "object", "schema": f"c{at + 1}@1"} for name in names},
        }
        for at in range(length)
    ]
    return [*inner, {"name": f"c{length}", "fields": {"x": {"type": "string"}}}]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(SchemaError, match="a pipe or a device"):
        read_schema(tmp_path / "a.toml")


def test_a_key_of_thousands_of_dots_is_a_mistake_like_others(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(f"{HEAD}fields.{'.'.join('a' * 3000)} = 1\n")
    with pytest.raises(SchemaError, match=r"fields\.a: type must be given"):
        read_schema(file)


@pytest.mark.parametrize("kind", ["object", "array"])
@pytest.mark.parametrize("levels", [100, 400])
def test_fields_within_fields_have_a_deepest_level(kind: str, levels: int) -> None:
    field: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        inner = {"fields": {"a": field}} if kind == "object" else {"items": field}
        field = {"type": kind} | inner
    with pytest.raises(SchemaError, match="nested"):
        registry({"name": "a", "fields": {"a": field}})


def test_a_long_chain_of_references_is_nested_too_deeply() -> None:
    with pytest.raises(SchemaError, match=r"schema c33\d@1 is nested more than 64 levels"):
        registry(*chain(400, "x"))


def test_references_that_multiply_are_too_many_fields() -> None:
    with pytest.raises(SchemaError, match="more than 50000 fields"):
        registry(*chain(25, "x", "y"))


def test_a_short_chain_of_references_is_followed_to_its_end() -> None:
    schemas = registry(*chain(8, "x", "y"))
    value: Any = {"x": 1}
    for _ in range(8):
        value = {"x": value}
    assert [problem.path for problem in schemas.problems("c0", 1, value)] == ["$" + ".x" * 9]


@pytest.mark.parametrize(
    "pattern", ["(((a{1000}){1000}){1000})", "a{10000000}", "a{" + "9" * 50 + "}", "(?:b{200}){99}"]
)
def test_a_pattern_that_would_fill_the_memory_is_refused(pattern: str) -> None:
    with pytest.raises(SchemaError, match="repeats too much"):
        registry(matching(pattern))


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("abc", 3),
        (r"\d{4}-\d{2}", 7),
        ("(ab){3}", 6),
        ("[(]{3}", 3),
        (r"\{5}", 3),
        ("(a{0,100}){0,100}", 1),
        ("a{5,}b", 6),
    ],
)
def test_repetitions_are_counted_as_they_are_written_out(pattern: str, length: int) -> None:
    assert least_length(pattern) == length


def test_a_pattern_of_too_many_parentheses_is_refused() -> None:
    pattern = "(" * 2000 + ")" * 2000
    with pytest.raises(SchemaError, match="nested"):
        registry(matching(pattern))
    with pytest.raises(SchemaError, match="nested"):
        registry({"name": "a", "fields": {"x": {"type": "string", "pattern": pattern}}})


def test_a_pattern_python_would_warn_of_gives_an_error_and_no_warning() -> None:
    with pytest.raises(SchemaError, match="unterminated character set"):
        registry({"name": "a", "fields": {"x": {"type": "string", "pattern": "[[a"}}})


@pytest.mark.parametrize("path", [r'["\q"]', json.dumps(["\ud800"]), "a." * 600 + "a"])
def test_a_rule_for_an_odd_path_says_what_a_path_is(path: str) -> None:
    rule = {"field": path, "validator": "non_empty"}
    with pytest.raises(SchemaError, match=r"validation_rules\.0\.field: must be a path"):
        registry({"name": "a", "validation_rules": [rule]})


def test_a_script_of_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    functions = Functions("validator", {}, scripts=lambda path, name: lambda value, config: None)
    with pytest.raises(SchemaError, match="there is no script"):
        functions.find("x" * 300 + ".lua", tmp_path / "a.toml")


@pytest.mark.parametrize("answer", [[], (), {}])
def test_no_texts_of_any_kind_accept_a_value(answer: object) -> None:
    assert refusal(answer) is None
