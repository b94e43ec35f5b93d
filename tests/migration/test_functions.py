"""Functions that transforms name: what they get, what they return, and how they fail."""

from __future__ import annotations

import traceback

import pytest

from llmspell.errors import MigrationFailed, SchemaError
from llmspell.migration import Custom, Validation
from llmspell.migration.compiling import compile_step

from .strategies import SECRET, compiled, functions, step_of


def custom(sources, targets, transformer="f", **more):
    return Custom(from_fields=sources, to_fields=targets, transformer=transformer, **more)


def test_a_transformer_of_one_field_gets_its_value_and_the_config():
    seen = []
    step = compiled(
        custom(["a.b"], ["c"], config={"k": [1]}),
        transformers={"f": lambda value, config: seen.append((value, config))},
    )
    assert step.apply({"a": {"b": 5}}) == {"a": {"b": 5}, "c": None}
    assert seen == [(5, {"k": [1]})]


def test_a_transformer_of_several_fields_gets_a_map_and_returns_one():
    def swap(value, config):
        return {"x.last": value["first"], "x.first": value["name.last"]}

    step = compiled(
        custom(["first", "name.last"], ["x.first", "x.last"], remove_from=True),
        transformers={"f": swap},
    )
    assert step.apply({"first": "A", "name": {"last": "B"}}) == {
        "name": {},
        "x": {"first": "B", "last": "A"},
    }


@pytest.mark.parametrize(
    ("if_missing", "result"), [("null", {"c": [1, None]}), ("skip", {"a": 1})]
)  # fmt: skip
def test_a_missing_source_is_null_or_leaves_the_transform_out(if_missing, result):
    step = compiled(
        custom(["a", "b"], ["c"], if_missing=if_missing, remove_from=True),
        transformers={"f": lambda value, config: [value["a"], value["b"]]},
    )
    assert step.apply({"a": 1}) == result


def test_a_transformer_is_called_for_each_part_with_what_stands_beside_them():
    step = compiled(
        custom(["rate", "items[].net"], ["items[].gross"], remove_from=True),
        transformers={"f": lambda value, config: value["rate"] * value["items[].net"]},
    )
    value = {"rate": 2, "items": [{"net": 1}, {"net": 5}]}
    assert step.apply(value) == {"items": [{"gross": 2}, {"gross": 10}]}


def test_elements_that_went_into_another_field_are_the_ones_removed():
    step = compiled(
        custom(["l[0]", "l[1]"], ["l[0].x"], "join", config={"separator": "-"}, remove_from=True)
    )
    assert step.apply({"l": ["a", "b", {"y": 1}]}) == {"l": [{"y": 1, "x": "a-b"}]}


def test_what_each_part_was_given_stays_where_there_is_no_part():
    step = compiled(custom(["rate"], ["items[].rate"], "to_text", remove_from=True))
    assert step.apply({"rate": 2, "items": []}) == {"rate": 2, "items": []}


def test_what_a_function_does_to_its_arguments_changes_nothing():
    def spoil(value, config):
        value.append(1)
        config["k"] += 1
        return config["k"]

    step = compiled(
        custom(["a"], ["n"], config={"k": 1}),
        Validation(field="a", validator="v", config={"k": 1}),
        transformers={"f": spoil},
        validators={"v": lambda value, config: value.clear()},
    )
    assert step.apply({"a": [0]}) == {"a": [0], "n": 2}
    assert step.apply({"a": [0]}) == {"a": [0], "n": 2}


async def a_coroutine():
    return SECRET


def raising(error):
    def run(value, config):
        raise error

    return run


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (raising(ValueError(SECRET)), "transformer 'f' failed with ValueError (test_functions.py:"),
        (raising(RecursionError(SECRET)), "failed with RecursionError (test_functions.py:"),
        (raising(StopIteration(SECRET)), "failed with StopIteration"),
        (raising(MemoryError()), "failed with MemoryError"),
        (lambda value, config: {SECRET}, "returned set that cannot be stored"),
        (lambda value, config: object(), "returned object that cannot be stored"),
        (lambda value, config: float("nan"), "returned a float that cannot be stored"),
        (lambda value, config: 2**70, "returned an integer that cannot be stored"),
        (lambda value, config: {SECRET: {1}}, "returned a map with a part that cannot be stored"),
        (lambda value, config: {1: 1}, "returned a map"),
        (lambda value, config: "\ud800", "returned text that cannot be stored"),
        (lambda value, config: a_coroutine(), "returned coroutine that cannot be stored"),
        (lambda value, config: value["no"], "failed with TypeError"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["a", "l[]"])
def test_a_transformer_that_goes_wrong_is_a_failure_without_its_words(field, function, why):
    step = compiled(custom([field], [field]), transformers={"f": function})
    with pytest.raises(MigrationFailed) as caught:
        step.apply({"a": SECRET, "l": [SECRET]})
    assert why in str(caught.value)
    assert caught.value.details["path"] == {"a": "a", "l[]": "l[0]"}[field]
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "result", [None, 1, [1, 2], {}, {"x": 1}, {"x": 1, "y": 2, SECRET: 3}, {"X": 1, "Y": 2}]
)
def test_several_targets_want_a_map_of_exactly_them(result):
    step = compiled(custom(["a"], ["x", "y"]), transformers={"f": lambda value, config: result})
    with pytest.raises(
        MigrationFailed, match="a transformer returns a map of exactly x, y"
    ) as caught:
        step.apply({"a": 1})
    assert SECRET not in str(caught.value)


def test_a_transformer_is_asked_once_for_each_value():
    seen = []

    def once(value, config):
        seen.append(value)
        raise ValueError

    with pytest.raises(MigrationFailed):
        compiled(custom(["a"], ["b"]), transformers={"f": once}).apply({"a": 1})
    assert seen == [1]


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (None, True),
        (True, True),
        ([], True),
        (False, False),
        ("no", False),
        (["no"], False),
    ],
)
def test_a_validator_accepts_or_refuses(answer, passes):
    step = compiled(
        Validation(field="a", validator="v", error_action="remove"),
        validators={"v": lambda value, config: answer},
    )
    assert ("a" in step.apply({"a": 1})) is passes


def test_a_validator_that_goes_wrong_is_a_failure_whatever_the_action():
    step = compiled(
        Validation(field="a", validator="v", error_action="remove"),
        validators={"v": raising(ValueError(SECRET))},
    )
    with pytest.raises(
        MigrationFailed, match=r"a cannot be checked: validator 'v' failed with ValueError"
    ) as caught:
        step.apply({"a": SECRET})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("action", "done"),
    [("skip", "left as it is"), ("remove", "removed"), ("set_default", "set to its default")],
)
def test_what_a_validation_let_pass_is_told(action, done):
    more = {"default": ""} if action == "set_default" else {}
    step = compiled(Validation(field="l[].e", validator="email", error_action=action, **more))
    told = []
    step.apply({"l": [{"e": "a@b.example"}, {"e": SECRET}]}, told.append)
    assert told == [f"step 'test' (1 -> 2): l[1].e must be an e-mail address; it was {done}"]


@pytest.mark.parametrize(
    ("transform", "why"),
    [
        (custom(["a"], ["b"], "to_txt"), "there is no transformer 'to_txt'"),
        (custom(["a"], ["b"], "f.lua"), "scripts cannot be used here"),
        (custom(["a"], ["b"], "boolean_to_enum"), "config 'true_value' must be given"),
        (custom(["a"], ["b"], "trim", config={"x": 1}), "config 'x' is unknown"),
        (Validation(field="a", validator="emial"), "there is no validator 'emial'"),
        (Validation(field="a", validator="one_of"), "config 'values' must be given"),
        (Validation(field="a", validator="email", config={"x": 1}), "config 'x' is unknown"),
    ],
)
def test_functions_and_their_config_are_checked_before_any_value_is_seen(transform, why):
    with pytest.raises(SchemaError) as caught:
        compiled(transform)
    assert why in str(caught.value)
    assert transform.words in str(caught.value)


def test_a_registered_function_goes_before_a_built_in_one():
    step = compile_step(
        step_of(custom(["a"], ["a"], "trim")),
        transformers=functions(trim=lambda value, config: "mine"),
        validators=functions(),
    )
    assert step.apply({"a": " x "}) == {"a": "mine"}
