"""Applying a step: what each transform does to a value, and how it fails."""

from __future__ import annotations

import pytest

from llmspell.errors import MigrationFailed
from llmspell.migration import (
    Copy,
    Custom,
    Default,
    FieldExists,
    MigrationStep,
    Move,
    Remove,
    Validation,
)

from .strategies import SECRET, compiled


def custom(sources, targets, transformer="f", **more):
    return Custom(from_fields=sources, to_fields=targets, transformer=transformer, **more)


USER_PROFILE = MigrationStep(
    schema="user_profile",
    from_version=1,
    to_version=2,
    name="restructure_user_profile",
    transformations=[
        Move(from_field="email", to_field="contact_info.email"),
        Default(field="contact_info.verified", value=False),
        custom(
            ["notifications"],
            ["notification_level"],
            "boolean_to_enum",
            config={"true_value": "all", "false_value": "none"},
            remove_from=True,
        ),
        Remove(field="legacy_setting"),
        Validation(
            field="contact_info.email",
            validator="email_format",
            error_action="set_default",
            default="",
        ),
    ],
    pre_conditions=[FieldExists(field="email")],
    post_conditions=[
        FieldExists(field="contact_info.email"),
        FieldExists(field="contact_info.verified"),
    ],
)


@pytest.mark.parametrize(("email", "kept"), [("ada@example.com", "ada@example.com"), ("ada", "")])
def test_the_user_profile_of_the_reference_is_restructured(email, kept):
    step = compiled(
        *USER_PROFILE.transformations,
        pre_conditions=USER_PROFILE.pre_conditions,
        post_conditions=USER_PROFILE.post_conditions,
    )
    value = {"name": "Ada", "email": email, "notifications": True, "legacy_setting": {"x": 1}}
    assert step.apply(value) == {
        "name": "Ada",
        "contact_info": {"email": kept, "verified": False},
        "notification_level": "all",
    }


@pytest.mark.parametrize(
    ("transform", "value", "result"),
    [
        (Copy(from_field="a", to_field="b.c"), {"a": [1]}, {"a": [1], "b": {"c": [1]}}),
        (Copy(from_field="$", to_field="all"), {"a": 1}, {"a": 1, "all": {"a": 1}}),
        (Copy(from_field="a", to_field="$", overwrite=True), {"a": {"b": 1}}, {"b": 1}),
        (Copy(from_field="a", to_field="b", overwrite=True), {"a": 1, "b": 2}, {"a": 1, "b": 1}),
        (Copy(from_field="a", to_field="b", if_missing="skip"), {"b": 2}, {"b": 2}),
        (Copy(from_field="a", to_field="l[1]"), {"a": 1, "l": [0]}, {"a": 1, "l": [0, 1]}),
        (Copy(from_field="c", to_field="l[].c"), {"c": 1, "l": [{}, {}]}, {"c": 1, "l": [{"c": 1}, {"c": 1}]}),
        (Move(from_field="a", to_field="b"), {"a": None}, {"b": None}),
        (Move(from_field="a", to_field="a.b"), {"a": 1}, {"a": {"b": 1}}),
        (Move(from_field="a", to_field="a.b"), {"a": {"x": 1}}, {"a": {"b": {"x": 1}}}),
        (Move(from_field="a.b", to_field="a", overwrite=True), {"a": {"b": 1}}, {"a": 1}),
        (Move(from_field="$", to_field="data"), [1], {"data": [1]}),
        (Move(from_field="data", to_field="$"), {"data": [1]}, [1]),
        (Move(from_field="a.b", to_field="c.d"), {"a": {"b": 1}}, {"a": {}, "c": {"d": 1}}),
        (Move(from_field="a.b", to_field="c", drop_empty=True), {"a": {"b": 1}}, {"c": 1}),
        (Move(from_field="a.b", to_field="c", drop_empty=True), {"a": {"b": 1, "x": 2}}, {"a": {"x": 2}, "c": 1}),
        (Move(from_field="a[].b", to_field="a[].c.d"), {"a": [{"b": 1}, {"b": 2}]}, {"a": [{"c": {"d": 1}}, {"c": {"d": 2}}]}),
        (Move(from_field="u.*.b", to_field="u.*.c"), {"u": {"x": {"b": 1}, "y": {"b": 2}}}, {"u": {"x": {"c": 1}, "y": {"c": 2}}}),
        (Move(from_field="c", to_field="l[].c"), {"c": 1, "l": [{}]}, {"l": [{"c": 1}]}),
        (Move(from_field="c", to_field="l[].c", if_missing="skip"), {"c": 1, "l": []}, {"c": 1, "l": []}),
        (Move(from_field="l[0]", to_field="first"), {"l": [1, 2]}, {"l": [2], "first": 1}),
        (Remove(field="a.b"), {"a": {"b": 1}}, {"a": {}}),
        (Remove(field="a.b", drop_empty=True), {"a": {"b": 1}, "c": 1}, {"c": 1}),
        (Remove(field="a.b"), {"a": "b"}, {"a": "b"}),
        (Remove(field="l[]"), {"l": [1, 2, 3]}, {"l": []}),
        (Remove(field="l[].x"), {"l": [{"x": 1}, {}, {"x": 2, "y": 3}]}, {"l": [{}, {}, {"y": 3}]}),
        (Remove(field="m.*"), {"m": {"x": 1, "y": 2}}, {"m": {}}),
        (Default(field="a.b", value=[1]), {}, {"a": {"b": [1]}}),
        (Default(field="a", value=1), {"a": None}, {"a": None}),
        (Default(field="a", value=1, when_null=True), {"a": None}, {"a": 1}),
        (Default(field="a.b", value=1, when_null=True), {"a": {"b": None}}, {"a": {"b": 1}}),
        (Default(field="l[].x", value=0), {"l": [{}, {"x": 1}]}, {"l": [{"x": 0}, {"x": 1}]}),
        (Default(field="l[]", value=0, when_null=True), {"l": [None, 1]}, {"l": [0, 1]}),
        (Default(field="l[].x", value=0), {}, {}),
        (Validation(field="l[]", validator="email", error_action="remove"), {"l": [1, "a@b.example", 2]}, {"l": ["a@b.example"]}),
        (Validation(field="a", validator="email", error_action="remove"), {"a": 1}, {}),
        (Validation(field="a", validator="email", error_action="skip"), {"a": 1}, {"a": 1}),
        (Validation(field="a", validator="email"), {}, {}),
        (Validation(field="$", validator="email", error_action="set_default", default="x"), 1, "x"),
    ],
)  # fmt: skip
def test_a_transform_does_what_it_says(transform, value, result):
    assert compiled(transform).apply(value) == result


@pytest.mark.parametrize(
    ("transform", "value", "path", "why"),
    [
        (Move(from_field="a", to_field="b"), {}, "a", "is missing"),
        (Move(from_field="a.b", to_field="c"), {"a": SECRET}, "a", "is text, not a map"),
        (Move(from_field="a", to_field="b"), [SECRET], "$", "is a list, not a map"),
        (Move(from_field="a", to_field="b"), {"a": SECRET, "b": 1}, "b", "is there already"),
        (Move(from_field="a", to_field="b.c"), {"a": 1, "b": SECRET}, "b", "is text, not a map"),
        (Move(from_field="a", to_field="b.c"), {"a": 1, "b": {"c": SECRET}}, "b.c", "is there already"),
        (Move(from_field="a", to_field="b.c"), {"a": 1, "b": None}, "b", "is null, not a map"),
        (Move(from_field="a", to_field="$"), {"a": 1, "b": SECRET}, "$", "is there already"),
        (Move(from_field="l[].a", to_field="l[].b"), {"l": [{"a": 1}, {}]}, "l[1].a", "is missing"),
        (Move(from_field="l[].a", to_field="l[].b"), {"l": {"x": SECRET}}, "l", "is a map, not a list"),
        (Move(from_field="c", to_field="l[].c"), {"c": SECRET, "l": []}, "c", "has no part to be moved to"),
        (Move(from_field="l[0]", to_field="l[].c"), {"l": [{}]}, "l[0]", "has no part to be moved to"),
        (Copy(from_field="a", to_field="l[3]"), {"a": 1, "l": []}, "l[3]", "lies beyond the end"),
        (Copy(from_field="a", to_field="l[0].x"), {"a": 1}, "l", "is missing, and only maps are made"),
        (Copy(from_field="a", to_field="m[0]"), {"a": 1, "m": {}}, "m", "is a map, not a list"),
        (Remove(field="a", if_missing="fail"), {"b": SECRET}, "a", "is missing"),
        (Default(field="a.b", value=1), {"a": SECRET}, "a", "is text, not a map"),
        (Validation(field="a", validator="email"), {"a": SECRET}, "a", "must be an e-mail address"),
        (Validation(field="a", validator="email", if_missing="fail"), {}, "a", "is missing"),
        (custom(["a"], ["b"], "to_integer"), {"a": SECRET}, "a", "is text that is no whole number"),
        (custom(["a"], ["b"], "to_integer"), {}, "a", "is missing"),
    ],
)  # fmt: skip
def test_a_transform_that_cannot_be_done_says_where_and_why(transform, value, path, why):
    with pytest.raises(MigrationFailed) as caught:
        compiled(transform).apply(value)
    error = caught.value
    assert str(error).startswith(f"step 'test' (1 -> 2), {transform.words}: {path} {why}")
    assert error.details == {
        "step": "test",
        "transform": transform.words,
        "path": path,
        "from_version": 1,
        "to_version": 2,
    }


def test_copies_and_defaults_share_nothing():
    step = compiled(Copy(from_field="a", to_field="b"), Default(field="c", value={"x": []}))
    one, other = step.apply({"a": [1]}), step.apply({"a": [1]})
    one["a"].append(2)
    one["c"]["x"].append(2)
    assert one["b"] == [1]
    assert other["c"] == {"x": []}
