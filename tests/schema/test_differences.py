"""What `differences` tells of two versions of a schema."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from llmspell.schema import differences, parse_schema

from .strategies import members


def schema(version: int, **parts: Any) -> Any:
    return parse_schema({"name": "user", "version": version, **parts})


def test_each_change_names_its_field() -> None:
    old = schema(
        1,
        fields={
            "name": {"type": "string", "max_length": 50},
            "email": {"type": "string"},
            "age": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "home": {"type": "object", "fields": {"city": {"type": "string"}}},
        },
        required=["name"],
    )
    new = schema(
        2,
        fields={
            "name": {"type": "string", "max_length": 80, "nullable": True},
            "age": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string", "min_length": 1}},
            "home": {
                "type": "object",
                "fields": {"city": {"type": "string"}, "zip": {"type": "string"}},
                "required": ["city"],
            },
            "level": {"type": "integer", "default": 0},
        },
        required=["level"],
        additional_fields=False,
        applies_to=[{"key": "profile"}],
    )
    assert [(change.kind, change.path, change.what) for change in differences(old, new)] == [
        ("changed", "$", "additional_fields true -> false"),
        ("changed", "name", "required -> optional"),
        ("changed", "name", "max_length 50 -> 80"),
        ("changed", "name", "nullable false -> true"),
        ("removed", "email", "string, optional"),
        ("changed", "age", "string -> integer"),
        ("changed", "tags[]", "min_length none -> 1"),
        ("changed", "home.city", "optional -> required"),
        ("added", "home.zip", "string, optional"),
        ("added", "level", "integer, required, default 0"),
        ("changed", "$", 'applies_to none -> [{"scope": "*", "key": "profile"}]'),
    ]


@settings(max_examples=50, deadline=None)
@given(members())
def test_a_schema_does_not_differ_from_itself(parts: dict[str, Any]) -> None:
    assert differences(schema(1, **parts), schema(2, **parts)) == []
