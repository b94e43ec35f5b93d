"""Whether one version of a schema accepts the values of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from llmspell.migration.compatible import filling
from llmspell.schema import SchemaRegistry, StateSchema, compare, parse_schema
from llmspell_bridges.values import canonical

from .strategies import changed, maps, members


def schema(version: int = 1, **parts: Any) -> StateSchema:
    return parse_schema({"name": "user", "version": version, **parts})


def one(field: dict[str, Any], version: int = 1) -> StateSchema:
    return schema(version, fields={"x": field})


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_fits_an_older_version_fits_one_that_is_backward_compatible(data: Any) -> None:
    old_parts = data.draw(members())
    new_parts = data.draw(changed(old_parts))
    old, new = schema(1, **old_parts), schema(2, **new_parts)
    registry = SchemaRegistry([old, new])
    compared = registry.compare("user", 1, 2)
    event(compared.level)
    value = canonical(data.draw(maps(old_parts)))
    assert registry.fits("user", 1, value)
    if not compared.backward:
        filled = filling(old, new, registry=registry).run(canonical(value))
        assert registry.problems("user", 2, filled) == []
    value = canonical(data.draw(maps(new_parts)))
    assert registry.fits("user", 2, value)
    if not compared.forward:
        assert registry.problems("user", 1, value) == []


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_schema_is_fully_compatible_with_itself(data: Any) -> None:
    parts = data.draw(members())
    assert compare(schema(1, **parts), schema(2, **parts)).level == "full"


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
LEVELS = [
    (TEXT, TEXT | {"max_length": 5}, "forward", "max_length"),
    (TEXT | {"max_length": 5}, TEXT | {"max_length": 9}, "backward", "max_length"),
    (TEXT | {"min_length": 2}, TEXT | {"min_length": 1}, "backward", "min_length"),
    (TEXT, TEXT | {"pattern": "^a"}, "forward", "pattern"),
    (TEXT | {"pattern": "^a"}, TEXT | {"pattern": "^b"}, "breaking", "pattern"),
    (TEXT, TEXT | {"format": "email"}, "forward", "format"),
    (TEXT, {"type": "uuid"}, "forward", "format"),
    (TEXT, NUMBER, "breaking", "type"),
    (TEXT, TEXT | {"nullable": True}, "backward", "nullable"),
    (TEXT, {"type": "any"}, "backward", "type"),
    (TEXT, {"type": "timestamp"}, "breaking", "type"),
    (NUMBER, {"type": "float"}, "backward", "type"),
    (NUMBER | {"min": 1}, {"type": "float", "min": 0.5}, "backward", "type"),
    (NUMBER | {"min": 0}, {"type": "float", "min": 0.5}, "breaking", "min"),
    ({"type": "enum", "variants": ["a"]}, TEXT, "backward", "type"),
    (
        {"type": "enum", "variants": ["a"]},
        {"type": "enum", "variants": ["a", "b"]},
        "backward",
        "variants",
    ),
    ({"type": "boolean"}, {"type": "enum", "variants": [True, False]}, "full", ""),
    ({"type": "array"}, {"type": "array", "unique": True}, "forward", "unique"),
    ({"type": "array", "items": NUMBER}, {"type": "array", "items": TEXT}, "breaking", "type"),
    ({"type": "array", "items": NUMBER}, {"type": "array"}, "backward", "type"),
    (
        {"type": "object"},
        {"type": "object", "additional_fields": False},
        "forward",
        "additional_fields",
    ),
    (
        {"type": "custom", "type_name": "t", "validator": "email"},
        {"type": "custom", "type_name": "t", "validator": "url"},
        "breaking",
        "validator",
    ),
]


@pytest.mark.parametrize(("old", "new", "level", "rule"), LEVELS)
def test_a_change_of_a_field_has_its_level_and_names_the_field(
    old: dict[str, Any], new: dict[str, Any], level: str, rule: str
) -> None:
    found = compare(one(old), one(new, 2))
    assert found.level == level
    problems = [*found.backward, *found.forward]
    assert all(problem.path.startswith("x") for problem in problems)
    assert not rule or f"compatibility.{rule}" in {problem.rule for problem in problems}


def test_an_optional_field_can_be_added_and_removed() -> None:
    assert compare(schema(), one(TEXT, 2)).level == "full"
    assert compare(one(TEXT), schema(2)).level == "full"


def test_a_required_field_can_be_added_only_with_a_default() -> None:
    required = schema(2, fields={"x": TEXT}, required=["x"])
    found = compare(schema(), required)
    assert [problem.path for problem in found.backward] == ["x"]
    assert "no default" in found.backward[0].message
    with_default = schema(2, fields={"x": TEXT | {"default": ""}}, required=["x"])
    assert compare(schema(), with_default).level == "full"
    null = schema(2, fields={"x": TEXT | {"nullable": True, "default": None}}, required=["x"])
    assert compare(schema(), null).level == "full"


def test_a_default_does_not_help_where_items_have_to_differ() -> None:
    items = {"type": "array", "unique": True, "items": {"type": "object", "fields": {"b": TEXT}}}
    inside = {"type": "object", "fields": {"b": TEXT | {"default": ""}}, "required": ["b"]}
    found = compare(one(items), one(items | {"items": inside}, 2))
    assert [problem.path for problem in found.backward] == ["x[].b"]


def test_a_default_does_not_help_where_a_validator_may_refuse_it() -> None:
    rules = [{"field": "x", "validator": "email"}]
    old = schema(fields={"x": TEXT}, validation_rules=rules)
    new = schema(2, fields={"x": TEXT | {"default": ""}}, required=["x"], validation_rules=rules)
    assert [problem.path for problem in compare(old, new).backward] == ["x"]


def test_a_new_validation_rule_is_a_demand() -> None:
    rules = [{"field": "x", "validator": "email"}]
    found = compare(one(TEXT), schema(2, fields={"x": TEXT}, validation_rules=rules))
    assert found.level == "forward"
    assert found.backward[0].path == "x"


def test_schemas_that_fields_refer_to_are_looked_into() -> None:
    def address(version: int, length: int) -> StateSchema:
        city = {"type": "string", "max_length": length}
        return parse_schema({"name": "address", "version": version, "fields": {"city": city}})

    users = [one({"type": "object", "schema": f"address@{number}"}, number) for number in (1, 2)]
    registry = SchemaRegistry([*users, address(1, 9), address(2, 5)])
    assert [each.path for each in registry.compare("user", 1, 2).backward] == ["x.city"]
    assert "registry" in compare(*users).backward[0].message


def test_names_with_odd_characters_are_quoted_in_paths() -> None:
    found = compare(schema(fields={"a.b": TEXT}), schema(2, fields={"a.b": NUMBER}))
    assert found.backward[0].path == '["a.b"]'
