"""The models of transforms and steps: what they accept, and what they say about the rest."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from llmspell.errors import SchemaError
from llmspell.migration import (
    Copy,
    Custom,
    Default,
    FieldEquals,
    FieldExists,
    MigrationStep,
    Move,
    Remove,
    Validation,
)

A_STEP = {
    "schema": "user_profile",
    "from_version": 1,
    "to_version": 2,
    "transformations": [
        {"type": "move", "from_field": "email", "to_field": "$.contact.email"},
        {"type": "custom", "from_fields": ["on"], "to_fields": ["level"], "transformer": "to_text"},
    ],
    "pre_conditions": [{"type": "field_exists", "field": "email"}],
}


def test_a_step_reads_as_it_was_written():
    step = MigrationStep.model_validate(A_STEP)
    written = step.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert MigrationStep.model_validate(written) == step
    assert step.name == "user_profile_v1_to_v2"
    assert step.transformations[0] == Move(from_field="email", to_field="contact.email")


def test_a_step_in_python_takes_models_and_the_attribute_name():
    step = MigrationStep(
        schema_name="user_profile",
        from_version=1,
        to_version=2,
        transformations=[
            Move(from_field="email", to_field="contact.email"),
            Custom(from_fields=["on"], to_fields=["level"], transformer="to_text"),
        ],
        pre_conditions=[FieldExists(field="email")],
    )
    assert step == MigrationStep.model_validate(A_STEP)


def test_a_step_may_lead_down_and_do_nothing():
    step = MigrationStep(schema="x", from_version=3, to_version=1)
    assert step.transformations == ()
    assert step.rollback_transformations is None


def test_a_step_remembers_the_file_it_came_from(tmp_path):
    step = MigrationStep.model_validate(A_STEP)
    assert step.source is None
    assert step.from_file(tmp_path / "a.toml").source == tmp_path / "a.toml"


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (Move(from_field="a", to_field="b.c"), "move a -> b.c"),
        (Copy(from_field="a", to_field="b"), "copy a -> b"),
        (Remove(field="a"), "remove a"),
        (Default(field="a", value=1), "default a"),
        (Custom(from_fields=["a", "b"], to_fields=["c"], transformer="f"), "custom f a, b -> c"),
        (Validation(field="a", validator="email"), "validation email a"),
    ],
)
def test_a_transform_tells_what_it_does(transform, words):
    assert transform.words == words


def test_a_step_cannot_be_changed():
    step = MigrationStep.model_validate(A_STEP)
    with pytest.raises(ValidationError, match="frozen"):
        step.name = "other"


PAIR_MISUSES = [
    ({"from_field": "a"}, "to_field: must be given"),
    ({"from_field": "a", "to_field": "a"}, "are both a"),
    ({"from_field": "a", "to_field": "$.a"}, "are both a"),
    ({"from_field": "a..b", "to_field": "c"}, "'a..b' is no path"),
    ({"from_field": 1, "to_field": "c"}, "from_field: must be text"),
    ({"from_field": "a", "to_field": "b", "overwrit": True}, "overwrit: unknown key"),
    ({"from_field": "a", "to_field": "b", "overwrite": "yes"}, "overwrite: must be true or false"),
    ({"from_field": "a", "to_field": "b", "if_missing": "null"}, "if_missing: "),
    ({"from_field": "a[].b", "to_field": "c[].b"}, "use a custom transform"),
    ({"from_field": "a[].b", "to_field": "c"}, "use a custom transform"),
    ({"from_field": "a[]", "to_field": "b"}, "ends in a wildcard"),
    ({"from_field": "a", "to_field": "b.*"}, "ends in a wildcard"),
]


@pytest.mark.parametrize("model", [Copy, Move])
@pytest.mark.parametrize(("given", "why"), PAIR_MISUSES)
def test_a_copy_or_move_that_makes_no_sense_is_refused(model, given, why):
    with pytest.raises(SchemaError) as caught:
        model(**given)
    assert why in caught.value.message
    assert caught.value.message.startswith(f"{model.__name__}: ")


@pytest.mark.parametrize(
    ("model", "given", "why"),
    [
        (Move, {"from_field": "a", "to_field": "a[].b"}, "a holds all of a[].b"),
        (Move, {"from_field": "$", "to_field": "a[].b"}, "$ holds all of a[].b"),
        (Remove, {}, "field: must be given"),
        (Remove, {"field": "$"}, "not $, the whole value"),
        (Remove, {"field": ""}, "is no path"),
        (Remove, {"field": ["a"]}, "field: must be text"),
        (Remove, {"field": "a", "value": 1}, "value: unknown key"),
        (Remove, {"field": "a", "if_missing": "null"}, "if_missing"),
        (Remove, {"field": "a", "type": "move"}, "type"),
        (Default, {"field": "a"}, "value: must be given"),
        (Default, {"field": "$", "value": 1}, "not $, the whole value"),
        (Default, {"field": "a", "value": {1, 2}}, "is a set, which cannot be stored"),
        (Default, {"field": "a", "value": float("nan")}, "is NaN"),
        (Default, {"field": "a", "value": 2**64}, "beyond 64 bits"),
        (Default, {"field": "a", "value": dt.datetime(2024, 1, 1)}, "without a time zone"),
        (Default, {"field": "a", "value": {"b": object()}}, "$.b is a object"),
        (Default, {"field": "a", "value": 1, "when_null": 1}, "when_null: must be true or false"),
        (Validation, {"field": "a"}, "validator: must be given"),
        (Validation, {"field": "a", "validator": ""}, "validator: "),
        (Validation, {"field": "a", "validator": "x\n"}, "printable"),
        (Validation, {"field": "a", "validator": "x", "error_action": "drop"}, "error_action: "),
        (Validation, {"field": "a", "validator": "x", "error_action": "set_default"}, "needs a default"),
        (Validation, {"field": "a", "validator": "x", "default": 1}, 'for error_action "set_default"'),
        (Validation, {"field": "$", "validator": "x", "error_action": "remove"}, "not $"),
        (Validation, {"field": "a", "validator": "x", "config": [1]}, "config: "),
        (Custom, {"from_fields": ["a"], "to_fields": ["b"]}, "transformer: must be given"),
        (Custom, {"from_fields": "a", "to_fields": ["b"], "transformer": "f"}, "from_fields: must be a list"),
        (Custom, {"from_fields": [], "to_fields": ["b"], "transformer": "f"}, "from_fields: "),
        (Custom, {"from_fields": ["a"], "to_fields": [], "transformer": "f"}, "to_fields: "),
        (Custom, {"from_fields": ["a", "$.a"], "to_fields": ["b"], "transformer": "f"}, "names a field twice"),
        (Custom, {"from_fields": ["a"], "to_fields": ["b", "b.c"], "transformer": "f"}, "within each other"),
        (Custom, {"from_fields": ["a[].x"], "to_fields": ["b"], "transformer": "f"}, "name the list itself"),
        (Custom, {"from_fields": ["a"], "to_fields": ["a[].x", "b"], "transformer": "f"}, "same wildcards"),
        (Custom, {"from_fields": ["$"], "to_fields": ["b"], "transformer": "f", "remove_from": True}, "cannot remove $"),
        (Custom, {"from_fields": ["a[]"], "to_fields": ["a[].b"], "transformer": "f", "remove_from": True}, "cannot remove a[]"),
        (Custom, {"from_fields": ["a"], "to_fields": ["a[].b"], "transformer": "f", "remove_from": True}, "to_fields are in it"),
        (Custom, {"from_fields": ["a"], "to_fields": ["b"], "transformer": "f", "config": {"a": {1}}}, "cannot be stored"),
        (FieldEquals, {"field": "a"}, "value: must be given"),
        (FieldExists, {"field": "a", "value": 1}, "value: unknown key"),
    ],
)  # fmt: skip
def test_a_transform_that_makes_no_sense_is_refused(model, given, why):
    with pytest.raises(SchemaError) as caught:
        model(**given)
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"to_version": 1}, "are both 1"),
        ({"from_version": 0}, "from_version: "),
        ({"from_version": "1"}, "from_version: must be a whole number"),
        ({"to_version": 2.0}, "to_version: must be a whole number"),
        ({"to_version": 2**40}, "to_version: "),
        ({"schema": ""}, "schema: "),
        ({"schema": "a@1"}, "must be the name alone"),
        ({"schema": " a"}, "printable text without spaces"),
        ({"name": "a\nb"}, "name: "),
        ({"transformations": {"type": "move"}}, "transformations: must be a list"),
        ({"transformations": [{"type": "rename"}]}, "transformations.0: unknown type"),
        ({"transformations": [{"field": "a"}]}, "type must be given"),
        ({"transformations": ["remove a"]}, "transformations.0: "),
        ({"pre_conditions": [{"type": "field_is"}]}, "pre_conditions.0: unknown type"),
        (
            {"post_conditions": [{"type": "field_type", "field": "a", "expected": "int"}]},
            "expected: ",
        ),
        ({"steps": []}, "steps: unknown key"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_naming_the_place(change, why):
    with pytest.raises(SchemaError) as caught:
        MigrationStep(**{**A_STEP, **change})
    assert why in caught.value.message
    assert caught.value.message.startswith("MigrationStep: ")


def test_several_mistakes_are_told_at_once():
    with pytest.raises(SchemaError) as caught:
        MigrationStep(schema="x", from_versoin=1, to_version="2")
    assert caught.value.message.startswith("MigrationStep: 3 mistakes:")
    assert len(caught.value.details["problems"]) == 3
