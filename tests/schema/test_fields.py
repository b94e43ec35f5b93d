"""Field types: what fits each, and that they are written down as they are."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import SchemaError
from llmspell.schema import (
    ObjectField,
    SchemaRegistry,
    SemanticVersion,
    StateSchema,
    StringField,
    TimestampField,
    parse_schema,
    to_json_schema,
)
from llmspell.security.validation.json_form import json_form
from llmspell_bridges.values import canonical

from .strategies import fields, maps, members, values

NOW = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)
UUID = "0b9fd6b2-2f4c-4f0e-9d2c-3c2f6b1a7e55"
FITTING: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"type": "string"}, ["", "a"], [1, None, True, NOW, b"a", [], {}]),
    ({"type": "string", "min_length": 1, "max_length": 2}, ["a", "ab"], ["", "abc"]),
    ({"type": "string", "pattern": "^a+$"}, ["aa"], ["ab", "a\n"]),
    ({"type": "string", "format": "email"}, ["a@b.de"], ["a"]),
    ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29"]),
    ({"type": "string", "nullable": True}, ["a", None], [1]),
    ({"type": "integer"}, [1, -1, 2.0, 2**62], [1.5, "1", True, None]),
    ({"type": "integer", "min": 1, "max": 3}, [1, 3], [0, 4]),
    ({"type": "float"}, [1, 1.5], ["1", False]),
    ({"type": "float", "min": 0.5, "max": 2}, [0.5, 2], [0, 2.5]),
    ({"type": "boolean"}, [True, False], [0, 1, "true", None]),
    ({"type": "array"}, [[], [1, None, NOW]], [{}, "a", None]),
    ({"type": "array", "items": {"type": "string"}}, [["a"]], [[1], [NOW], [None]]),
    ({"type": "array", "min_items": 1, "max_items": 2, "unique": True}, [[1, 2]], [[], [1, 1], [1, 2, 3]]),
    ({"type": "object"}, [{}, {"a": 1}], [[], None]),
    ({"type": "object", "required": ["a"]}, [{"a": None}], [{}]),
    ({"type": "object", "optional": ["a"], "additional_fields": False}, [{"a": 1}, {}], [{"b": 1}]),
    ({"type": "object", "fields": {"a": {"type": "uuid"}}}, [{}, {"a": UUID}], [{"a": "x"}, {"a": b""}]),
    ({"type": "enum", "variants": ["a", 1]}, ["a", 1, 1.0], ["b", True, None, 2]),
    ({"type": "timestamp"}, [NOW, "2024-01-31T12:00:00Z"], ["2024-01-31", "now", 1, b"x"]),
    ({"type": "uuid"}, [UUID, UUID.upper()], ["x", UUID.replace("-", ""), None]),
    ({"type": "custom", "type_name": "mail", "validator": "email"}, ["a@b.de"], ["a", 1, None]),
    ({"type": "any"}, [1, "a", [], {}, NOW, b"a"], [None]),
    ({"type": "any", "nullable": True}, [1, None], []),
]  # fmt: skip


@pytest.mark.parametrize(("field", "fitting", "others"), FITTING)
def test_a_field_takes_what_its_type_says_and_nothing_else(
    field: dict[str, Any], fitting: list[Any], others: list[Any]
) -> None:
    registry = registry_of({"fields": {"x": field}})
    for value in fitting:
        assert registry.problems("user", 1, {"x": value}) == []
        assert registry.fits("user", 1, {"x": value})
    for value in others:
        problems = registry.problems("user", 1, {"x": value})
        assert problems
        assert all(problem.path.startswith("$.x") for problem in problems)
        assert not registry.fits("user", 1, {"x": value})


@settings(max_examples=80, deadline=None)
@given(members())
def test_a_schema_written_down_is_read_as_the_same(parts: dict[str, Any]) -> None:
    schema = parse_schema({"name": "user", "version": 3, **parts})
    for dumped in (
        schema.model_dump(mode="json", exclude_defaults=True),
        schema.model_dump(mode="json"),
    ):
        again = StateSchema.model_validate(json.loads(json.dumps(dumped)))
        assert again == schema
        assert again.model_dump(mode="json") == schema.model_dump(mode="json")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_the_exported_schema_says_what_the_registry_says(data: Any) -> None:
    parts = data.draw(members())
    schema = parse_schema({"name": "user", "version": 1, **parts})
    registry = SchemaRegistry([schema])
    exported = jsonschema_rs.validator_for(
        json.loads(json.dumps(to_json_schema(schema, registry))), validate_formats=True
    )
    for drawn in (maps(parts), maps(data.draw(members())), values(data.draw(fields()))):
        value = json_form(canonical(data.draw(drawn)))  # JSON has neither timestamps nor bytes
        assert registry.fits("user", 1, value) == exported.is_valid(value)
        assert registry.fits("user", 1, value) == (not registry.problems("user", 1, value))


def test_an_exported_schema_holds_what_it_refers_to() -> None:
    address = parse_schema(
        {
            "name": "address",
            "version": 1,
            "required": ["city"],
            "fields": {"city": {"type": "string"}},
        }
    )
    user = parse_schema(
        {
            "name": "user",
            "version": 1,
            "fields": {"home": {"type": "object", "schema": "address@1", "nullable": True}},
        }
    )
    registry = SchemaRegistry([address, user])
    exported = to_json_schema(user, registry)
    assert exported["$id"] == "urn:llmspell:schema:user:1"
    valid = jsonschema_rs.validator_for(exported)
    assert valid.is_valid({"home": {"city": "x"}})
    assert valid.is_valid({"home": None})
    assert not valid.is_valid({"home": {}})
    (problem,) = registry.problems("user", 1, {"home": {}})
    assert problem == ("$.home", 'must have the member "city"', "schema.user@1.required")
    with pytest.raises(SchemaError, match="address@1"):
        to_json_schema(user)


def test_problems_never_hold_the_value() -> None:
    registry = registry_of(
        {"fields": {"x": {"type": "integer"}, "y": {"type": "string", "max_length": 1}}}
    )
    problems = registry.problems("user", 1, {"x": "s3cret", "y": "s3cret"})
    assert len(problems) == 2
    assert "s3cret" not in str(problems)


def test_a_field_made_in_python_needs_no_type_and_keeps_its_default() -> None:
    field = StringField(nullable=True, default=None)
    assert field.model_dump(exclude_defaults=True) == {
        "type": "string",
        "nullable": True,
        "default": None,
    }
    assert not StringField().has_default
    assert TimestampField(default=NOW).default == "2024-01-31T12:00:00Z"
    assert ObjectField(schema="a@1").schema_id == "a@1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_length": -1},
        {"max_length": True},
        {"default": 1},
        {"default": b"x"},
        {"description": 1},
    ],
)
def test_a_wrong_field_made_in_python_is_a_schema_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match=r"^StringField: "):
        StringField(**wrong)


def test_a_wrong_schema_made_in_python_tells_each_mistake() -> None:
    with pytest.raises(SchemaError) as caught:
        StateSchema(name="user", version=0, fields={"x": {"type": "strin"}})
    assert "version: must be at least 1" in caught.value.message
    assert "fields.x: unknown type" in caught.value.message


def test_semantic_versions_are_ordered_by_their_numbers() -> None:
    texts = ["10.0.0", "2.10.0", "2.9.9", "2.9.10"]
    ordered = sorted(map(SemanticVersion.parse, texts))
    assert [str(version) for version in ordered] == ["2.9.9", "2.9.10", "2.10.0", "10.0.0"]
    for text in ("1", "1.2", "01.2.3", "1.2.3-a", "", "1.2.x"):
        with pytest.raises(ValueError, match="semantic version"):
            SemanticVersion.parse(text)


def registry_of(parts: dict[str, Any]) -> SchemaRegistry:
    return SchemaRegistry([parse_schema({"name": "user", "version": 1, **parts})])
