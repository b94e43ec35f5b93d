"""Undoing a step: what leads back, and what is said where nothing does."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.errors import SchemaError
from llmspell.migration import Copy, Custom, Default, Move, Remove, Validation
from llmspell.migration.inverse import invert

from .strategies import LAW, compiled, functions, step_of, values


def custom(source, target, transformer, **more):
    return Custom(from_fields=[source], to_fields=[target], transformer=transformer, **more)


def undone(*transforms, **registered):
    return invert(step_of(*transforms), functions(**registered))


ENUM = {"true_value": "all", "false_value": "none"}


@pytest.mark.parametrize(
    ("transforms", "value"),
    [
        ([Move(from_field="a", to_field="b.c.d")], {"a": 1}),
        ([Move(from_field="a.x", to_field="a.y.z")], {"a": {"x": 1}}),
        ([Move(from_field="a", to_field="a.b")], {"a": 1}),
        ([Move(from_field="a.b", to_field="c", drop_empty=True)], {"a": {"b": {}}}),
        ([Move(from_field="$", to_field="data")], [1]),
        ([Move(from_field="data", to_field="$")], {"data": [1]}),
        ([Move(from_field="l[].a", to_field="l[].b.c")], {"l": [{"a": 1}, {"a": 2}]}),
        ([Move(from_field="a", to_field="b", if_missing="skip")], {}),
        ([Copy(from_field="a", to_field="b.c")], {"a": [1]}),
        ([Move(from_field="a", to_field="b"), Move(from_field="c", to_field="a")], {"a": 1, "c": 2}),
        ([custom("a", "b.c", "boolean_to_enum", config=ENUM)], {"a": True}),
        ([custom("a", "b.c", "boolean_to_enum", config=ENUM, remove_from=True)], {"a": False}),
        ([custom("l[]", "l[]", "split", config={"separator": ","})], {"l": ["a,b", "", ","]}),
        ([custom("a", "b", "to_list")], {"a": {"x": [1]}}),
        ([custom("$", "all", "to_list")], {"a": 1}),
        ([custom("a", "a", "map_values", config={"mapping": {"x": 1, "y": True}})], {"a": "y"}),
        ([custom("a", "b", "trim", if_missing="skip")], {}),
        ([Validation(field="a", validator="email")], {"a": "a@b.example"}),
        ([Validation(field="a", validator="email", error_action="skip")], {"a": 1}),
    ],
)  # fmt: skip
def test_a_step_and_then_its_inverse_end_where_they_began(transforms, value):
    inverse = undone(*transforms)
    assert inverse.reasons == ()
    there = compiled(*transforms).apply(copy.deepcopy(value))
    assert compiled(*inverse.transforms).apply(there) == value


@st.composite
def invertible(draw):
    """Draw transforms from fields that are there to fields that are not."""
    sources = draw(st.permutations(["a", "b", "n.a", "n.b"]))
    targets = draw(st.permutations(["x", "y.x", "y.z.x", "n.m.c", "n.c"]))
    step = []
    for source, target in list(zip(sources, targets, strict=False))[: draw(st.integers(1, 4))]:
        kind = draw(st.sampled_from(["move", "clean move", "copy", "custom", "custom move"]))
        if kind.startswith("custom"):
            step.append(custom(source, target, "to_list", remove_from=kind == "custom move"))
        elif kind == "copy":
            step.append(Copy(from_field=source, to_field=target))
        else:
            step.append(Move(from_field=source, to_field=target, drop_empty=kind != "move"))
    if draw(st.booleans()):
        step.append(Copy(from_field=targets[0], to_field="last.one"))
    return step


@LAW
@given(
    invertible(),
    st.fixed_dictionaries(
        {"a": values, "b": values, "n": st.fixed_dictionaries({"a": values, "b": values})},
        optional={"c": values},
    ),
)
def test_what_is_undone_without_a_loss_is_as_it_was(transforms, value):
    inverse = undone(*transforms)
    assert inverse.reasons == inverse.losses == ()
    there = compiled(*transforms).apply(copy.deepcopy(value))
    assert compiled(*inverse.transforms).apply(there) == value


@pytest.mark.parametrize(
    ("transform", "why"),
    [
        (Remove(field="a"), "remove a has no inverse: what it removes is gone"),
        (Copy(from_field="a", to_field="b", overwrite=True), "what it overwrites is gone"),
        (Copy(from_field="a", to_field="l[0]"), "an element of a list cannot be taken out again"),
        (Move(from_field="l[0]", to_field="a"), "an element of a list cannot be put back"),
        (Move(from_field="a", to_field="l[].a"), "of what was given to many, none can be chosen"),
        (Default(field="l[]", value=1), "it cannot be told which elements it set"),
        (
            custom("a", "a", "trim"),
            "custom trim a -> a has no inverse: nothing undoes its transformer",
        ),
        (custom("a", "b", "trim", remove_from=True), "nothing undoes its transformer"),
        (custom("a", "a", "mine"), "nothing undoes its transformer"),
        (custom("a", "$", "to_list"), "what stood around it cannot be put back"),
        (custom("a", "l[].a", "to_list"), "of what was given to many"),
        (custom("a", "a", "map_values", config={"mapping": {"x": 1, "y": 1}}), "nothing undoes"),
        (custom("a", "a", "map_values", config={"mapping": {"x": [1]}}), "nothing undoes"),
    ],
)
def test_what_cannot_be_undone_is_told_with_the_reason(transform, why):
    inverse = undone(transform, mine=lambda value, config: value)
    assert inverse.transforms is None
    assert len(inverse.reasons) == 1
    assert why in inverse.reasons[0]


def test_every_transform_that_cannot_be_undone_is_named():
    inverse = undone(Remove(field="a"), Move(from_field="x", to_field="y"), Remove(field="b"))
    assert [reason.split(" has")[0] for reason in inverse.reasons] == ["remove b", "remove a"]


@pytest.mark.parametrize(
    ("transform", "loss"),
    [
        (
            Default(field="a", value=1),
            "what has been saved there since, or was there before, is gone",
        ),
        (Move(from_field="a", to_field="b", overwrite=True), "what b held before is gone"),
        (
            Copy(from_field="a", to_field="b", if_missing="skip"),
            "where there was no a, a b is removed",
        ),
        (custom("a", "b", "trim"), "what has been saved there since"),
        (custom("a", "b", "mine"), "what has been saved there since"),
        (custom("a", "a", "join", config={"separator": ","}), "does not come back as it was"),
        (custom("a", "b", "to_list", if_missing="null"), "there is a a even where there was none"),
        (custom("a", "a", "parse_timestamp"), "how the text or number was written"),
        (Validation(field="a", validator="email", error_action="remove"), "it does not come back"),
        (
            Validation(field="a", validator="email", error_action="set_default", default=1),
            "it does not come back",
        ),
    ],
)
def test_what_is_lost_although_it_can_be_undone_is_told(transform, loss):
    inverse = undone(transform, mine=lambda value, config: value)
    assert inverse.transforms is not None
    assert [transform.words in said and loss in said for said in inverse.losses] == [True]


def test_maps_that_a_step_made_go_when_they_are_empty_again():
    step = [
        Move(from_field="email", to_field="contact.email"),
        Default(field="contact.verified", value=False),
    ]
    inverse = undone(*step)
    there = compiled(*step).apply({"email": "a@b.example"})
    assert compiled(*inverse.transforms).apply(there) == {"email": "a@b.example"}


def test_an_unknown_transformer_is_a_mistake_here_too():
    with pytest.raises(SchemaError, match="there is no transformer 'nothing'"):
        undone(custom("a", "b", "nothing"))
