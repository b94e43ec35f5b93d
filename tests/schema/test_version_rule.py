"""Schemas as rules of the validator: values are checked against the version they say."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell.errors import ValidationFailed
from llmspell.schema import SchemaRegistry, SchemaVersionRule, parse_schema
from llmspell.security.validation import Candidate, Validator


def schema(name: str, version: int, kind: str, **parts: Any) -> Any:
    fields = {"x": {"type": kind}}
    return parse_schema({"name": name, "version": version, "fields": fields, **parts})


REGISTRY = SchemaRegistry(
    [
        schema("user", 1, "string"),
        schema("user", 2, "integer"),
        schema("cart", 1, "boolean", applies_to=[{"key": "cart"}]),
    ]
)


def validator(**options: Any) -> Validator:
    return Validator(
        SchemaVersionRule(REGISTRY, name, *place, **options)
        for name in REGISTRY.names
        for place in REGISTRY.scopes_of(name)
    )


def test_a_value_is_checked_against_the_version_it_is_saved_with() -> None:
    validator().check(Candidate("global", "a", {"x": "a"}, schema_version=1))
    validator().check(Candidate("global", "a", {"x": 1}, schema_version=2))
    with pytest.raises(ValidationFailed) as caught:
        validator().check(Candidate("global", "a", {"x": "a"}, schema_version=2))
    (problem,) = caught.value.details["problems"]
    assert problem == {
        "path": "$.x",
        "message": 'must be of type "integer"',
        "rule": "schema.user@2.type",
    }


def test_a_version_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationFailed) as caught:
        validator().check(Candidate("global", "a", {}, schema_version=7))
    (problem,) = caught.value.details["problems"]
    assert problem["rule"] == "schema.version"
    assert problem["message"] == "has version 7 of schema 'user', which has only 1, 2"


def test_only_the_schema_that_claims_an_entry_checks_it() -> None:
    validator().check(Candidate("global", "cart", {"x": True}))
    with pytest.raises(ValidationFailed):
        validator().check(Candidate("global", "cart", {"x": "a"}))


def test_values_of_trusted_classes_are_left_alone() -> None:
    validator().check(Candidate("global", "a", {"x": []}, state_class="trusted"))


def test_at_level_warn_problems_are_told_and_nothing_is_refused() -> None:
    told: list[tuple[str, str, str]] = []
    warning = validator(warn=lambda *problem: told.append(problem))
    warning.check(Candidate("global", "a", {"x": []}))
    warning.check(Candidate("global", "a", {"x": "fits"}))
    assert told == [("global", "a", '$.x: must be of type "string"')]
