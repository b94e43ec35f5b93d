"""The built-in transformers: what they make of values, and what they refuse."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.errors import MigrationFailed, SchemaError
from llmspell.migration import Custom
from llmspell.migration.transformers import TRANSFORMERS

from .strategies import LAW, SECRET, compiled, values

NEW_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
ENUM = {"true_value": "all", "false_value": "none"}
LEVELS = {"mapping": {"1": "low"}, "pairs": [[1, "one"], [True, "yes"], [None, "null"]]}


def convert(name, value, config):
    transform = Custom(from_fields=["a"], to_fields=["a"], transformer=name, config=config)
    return compiled(transform).apply({"a": value})["a"]


@pytest.mark.parametrize(
    ("name", "config", "value", "result"),
    [
        ("boolean_to_enum", ENUM, True, "all"),
        ("boolean_to_enum", ENUM, False, "none"),
        ("enum_to_boolean", ENUM, "all", True),
        ("enum_to_boolean", {"true_value": 1, "false_value": True}, True, False),
        ("map_values", LEVELS, "1", "low"),
        ("map_values", LEVELS, 1, "one"),
        ("map_values", LEVELS, True, "yes"),
        ("map_values", LEVELS, None, "null"),
        ("map_values", LEVELS | {"default": []}, [1], []),
        ("constant", {"value": {"x": 1}}, 5, {"x": 1}),
        ("to_text", {}, "x", "x"),
        ("to_text", {}, 12, "12"),
        ("to_text", {}, 1.5, "1.5"),
        ("to_text", {}, True, "true"),
        ("to_text", {}, NEW_YEAR, "2024-01-01T00:00:00Z"),
        ("to_integer", {}, " -12 ", -12),
        ("to_integer", {}, 3.0, 3),
        ("to_integer", {}, True, 1),
        ("to_float", {}, "1.5e3", 1500.0),
        ("to_float", {}, ".5", 0.5),
        ("to_float", {}, 3, 3.0),
        ("to_boolean", {}, "Yes", True),
        ("to_boolean", {}, "off", False),
        ("to_boolean", {}, 0, False),
        ("trim", {}, " x ", "x"),
        ("lower", {}, "ÄX", "äx"),
        ("upper", {}, "äx", "ÄX"),
        ("split", {"separator": ", "}, "a, b", ["a", "b"]),
        ("split", {"separator": ","}, "", []),
        ("join", {"separator": ""}, ["a", "b"], "ab"),
        ("add", {"amount": -1}, 3, 2),
        ("multiply", {"by": 0.5}, 3, 1.5),
        ("to_list", {}, {"x": 1}, [{"x": 1}]),
        ("only", {}, [1], 1),
        ("parse_timestamp", {}, "2024-01-01T01:00:00+01:00", NEW_YEAR),
        ("parse_timestamp", {}, "2024-01-01", NEW_YEAR),
        ("parse_timestamp", {}, NEW_YEAR, NEW_YEAR),
        ("parse_timestamp", {"unit": "s"}, 1704067200, NEW_YEAR),
        ("parse_timestamp", {"unit": "ms"}, 1704067200000.0, NEW_YEAR),
        ("parse_timestamp", {"format": "%d.%m.%Y"}, "01.01.2024", NEW_YEAR),
        ("format_timestamp", {}, NEW_YEAR, "2024-01-01T00:00:00Z"),
        ("format_timestamp", {"unit": "s"}, NEW_YEAR, 1704067200),
        ("format_timestamp", {"format": "%Y"}, NEW_YEAR, "2024"),
    ],
)
def test_a_transformer_makes_of_a_value_what_it_says(name, config, value, result):
    made = convert(name, value, config)
    assert made == result
    assert type(made) is type(result)


def test_several_fields_are_joined_in_their_order():
    transform = Custom(
        from_fields=["last", "first"],
        to_fields=["name"],
        transformer="join",
        config={"separator": ", "},
    )
    value = {"first": "Ada", "last": "Lovelace"}
    assert compiled(transform).apply(value)["name"] == "Lovelace, Ada"


@pytest.mark.parametrize(
    ("name", "config", "value", "why"),
    [
        ("boolean_to_enum", ENUM, 1, "is an integer, not a boolean"),
        ("boolean_to_enum", ENUM, None, "is null, not a boolean"),
        ("enum_to_boolean", ENUM, SECRET, "is neither true_value nor false_value"),
        ("enum_to_boolean", ENUM, [], "is neither true_value nor false_value"),
        ("map_values", LEVELS, SECRET, "is none of the values of its mapping"),
        ("map_values", LEVELS, [1], "is none of the values of its mapping"),
        ("to_text", {}, None, "is null, which has no text"),
        ("to_text", {}, b"x", "is bytes, which has no text"),
        ("to_integer", {}, "1.5", "is text that is no whole number"),
        ("to_integer", {}, "1_000", "is text that is no whole number"),
        ("to_integer", {}, "٣", "is text that is no whole number"),
        ("to_integer", {}, 1.5, "is a float that is no whole number"),
        ("to_integer", {}, "9" * 19, "cannot be stored"),
        ("to_integer", {}, "9" * 9999, "is text that is no whole number"),
        ("to_float", {}, "nan", "is text that is no number"),
        ("to_float", {}, "1e999", "cannot be stored"),
        ("to_boolean", {}, "perhaps", "is text that is neither true nor false"),
        ("to_boolean", {}, 2, "is an integer that is neither true nor false"),
        ("trim", {}, 1, "is an integer, not text"),
        ("split", {"separator": ","}, None, "is null, not text"),
        ("join", {"separator": ","}, "a", "is text, not a list"),
        ("join", {"separator": ","}, ["a", 1], "holds something that is no text"),
        ("add", {"amount": 1}, True, "is a boolean, not a number"),
        ("add", {"amount": 1}, 2**63 - 1, "cannot be stored"),
        ("multiply", {"by": 1e300}, 1e300, "cannot be stored"),
        ("only", {}, [], "is a list, not a list of one element"),
        ("parse_timestamp", {}, SECRET, "is text that is no timestamp"),
        ("parse_timestamp", {"unit": "s"}, 1e300, "is a float that is no timestamp"),
        ("parse_timestamp", {"unit": "s"}, "1", "is text, not a number"),
        ("parse_timestamp", {"format": "%Y"}, SECRET, "is text that is no timestamp"),
        ("format_timestamp", {}, "2024-01-01", "is text, not a timestamp"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_its_kind(name, config, value, why):
    with pytest.raises(MigrationFailed) as caught:
        convert(name, value, config)
    assert why in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "config", "why"),
    [
        ("boolean_to_enum", {"true_value": "a"}, "config 'false_value' must be given"),
        ("boolean_to_enum", {"true_value": "a", "false_value": "a"}, "must not be the same"),
        (
            "boolean_to_enum",
            {"true_value": [], "false_value": 1},
            "config 'true_value' must be text, a number",
        ),
        ("enum_to_boolean", {**ENUM, "x": 1}, "config 'x' is unknown"),
        ("map_values", {}, "needs config 'mapping' or 'pairs'"),
        ("map_values", {"mapping": [1]}, "config 'mapping' must be a table"),
        ("map_values", {"pairs": [[1]]}, "config 'pairs' must be a list of pairs"),
        ("map_values", {"pairs": [[1, 2], [1, 3]]}, "names a value twice"),
        ("constant", {}, "config 'value' must be given"),
        ("trim", {"chars": "x"}, "config 'chars' is unknown"),
        ("split", {"separator": ""}, "config 'separator' must be text that is not empty"),
        ("join", {"separator": 1}, "config 'separator' must be text"),
        ("add", {"amount": True}, "config 'amount' must be a number"),
        ("multiply", {"by": "2"}, "config 'by' must be a number"),
        ("parse_timestamp", {"unit": "h"}, "config 'unit' must be"),
        ("parse_timestamp", {"format": "date"}, "config 'format' must be"),
        ("format_timestamp", {"unit": "s", "format": "%Y"}, "either 'unit' or 'format'"),
    ],
)
def test_a_wrong_config_is_told_before_any_value_is_seen(name, config, why):
    with pytest.raises(SchemaError) as caught:
        convert(name, 1, config)
    assert why in str(caught.value)


CONFIGS = {
    "boolean_to_enum": ENUM,
    "enum_to_boolean": ENUM,
    "map_values": LEVELS,
    "constant": {"value": [1]},
    "split": {"separator": ","},
    "join": {"separator": ","},
    "add": {"amount": 2},
    "multiply": {"by": 3},
}


@pytest.mark.parametrize("name", TRANSFORMERS)
@settings(LAW, max_examples=30)
@given(value=values | st.binary(max_size=3) | st.datetimes(timezones=st.just(dt.UTC)))
def test_any_value_is_converted_or_refused_and_never_told(name, value):
    try:
        convert(name, value, CONFIGS.get(name, {}))
    except MigrationFailed as error:
        assert "failed with" not in str(error)
        assert SECRET not in str(error)


@pytest.mark.parametrize("name", TRANSFORMERS)
@settings(LAW, max_examples=30)
@given(value=values | st.text(max_size=5) | st.datetimes(timezones=st.just(dt.UTC)))
def test_what_undoes_a_transformer_without_a_loss_brings_the_value_back(name, value):
    config = CONFIGS.get(name, {})
    undo = TRANSFORMERS[name].undo(config)
    if undo is None or undo.loss:
        return
    try:
        made = convert(name, value, config)
    except MigrationFailed:
        return
    assert convert(undo.transformer, made, undo.config) == value
