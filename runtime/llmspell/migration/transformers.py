"""The transformers that are there without an application, by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from llmspell.errors import SchemaError
from llmspell.migration.conversions import (
    changed_text,
    joined,
    only_element,
    parsed_timestamp,
    shown_timestamp,
    split_text,
    to_boolean,
    to_float,
    to_integer,
    to_text,
)
from llmspell.migration.parts import copied
from llmspell.migration.refusal import kind_of
from llmspell.migration.transformer import Option, Transformer, Unconvertible, Undo
from llmspell.schema.functions import Function

__all__ = ["TRANSFORMERS"]

_SCALARS: Final = (str, int, float, bool, type(None), dt.datetime)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, _SCALARS)


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_scalar, pair)) for pair in value
    )


_ANY: Final = Option("a value", lambda value: True)
_SCALAR: Final = Option("text, a number, a boolean or null", _is_scalar)
_NUMBER: Final = Option("a number", _is_number)
_SEPARATOR: Final = Option(
    "text that is not empty", lambda value: isinstance(value, str) and bool(value)
)
_MAPPING: Final = Option(
    "a table from text to values", lambda value: isinstance(value, dict), required=False
)
_PAIRS: Final = Option('a list of pairs such as [[1, "low"]]', _is_pairs, required=False)
_ANYTHING: Final = Option("a value", lambda value: True, required=False)
_UNIT: Final = Option('"s", "ms" or "us"', lambda value: value in ("s", "ms", "us"), required=False)
_FORMAT: Final = Option(
    "a format of strftime such as %Y-%m-%d",
    lambda value: isinstance(value, str) and "%" in value,
    required=False,
)


def _token(value: Any) -> tuple[bool, Any]:
    """Return what tells values apart in a dict: to Python true is 1."""
    return isinstance(value, bool), value


def _two_values(config: dict[str, Any]) -> tuple[Any, Any]:
    yes, no = config["true_value"], config["false_value"]
    if _token(yes) == _token(no):
        raise SchemaError("config 'true_value' and 'false_value' must not be the same")
    return yes, no


def _boolean_to_enum(config: dict[str, Any]) -> Callable[[Any], Any]:
    yes, no = _two_values(config)

    def run(value: Any) -> Any:
        if value is True:
            return yes
        if value is False:
            return no
        raise Unconvertible(f"is {kind_of(value)}, not a boolean")

    return run


def _enum_to_boolean(config: dict[str, Any]) -> Callable[[Any], Any]:
    yes, no = map(_token, _two_values(config))

    def run(value: Any) -> bool:
        token = _token(value)
        if token in (yes, no):
            return token == yes
        raise Unconvertible("is neither true_value nor false_value")

    return run


def _table(config: dict[str, Any]) -> dict[tuple[bool, Any], Any]:
    """Return the values to find and what they become; texts of ``mapping``, any of ``pairs``."""
    if not config.get("mapping") and not config.get("pairs"):
        raise SchemaError("transformer 'map_values' needs config 'mapping' or 'pairs'")
    table = {_token(name): value for name, value in config.get("mapping", {}).items()}
    for value, result in config.get("pairs", []):
        if _token(value) in table:
            raise SchemaError("transformer 'map_values': config names a value twice")
        table[_token(value)] = result
    return table


def _map_values(config: dict[str, Any]) -> Callable[[Any], Any]:
    table = _table(config)
    has_default, default = "default" in config, config.get("default")

    def run(value: Any) -> Any:
        if _is_scalar(value) and (token := _token(value)) in table:
            return copied(table[token])
        if has_default:
            return copied(default)
        raise Unconvertible("is none of the values of its mapping")

    return run


def _undo_map_values(config: dict[str, Any]) -> Undo | None:
    results = [*_table(config).items()]
    if not all(_is_scalar(result) for _, result in results):
        return None
    pairs = [[result, value] for (_, value), result in results]
    if len({_token(result) for result, _ in pairs}) < len(pairs):
        return None
    loss = "what had become the default" if "default" in config else None
    return Undo("map_values", {"pairs": pairs}, loss)


def _add(config: dict[str, Any]) -> Callable[[Any], Any]:
    amount = config["amount"]
    return lambda value: _number(value) + amount


def _multiply(config: dict[str, Any]) -> Callable[[Any], Any]:
    by = config["by"]
    return lambda value: _number(value) * by


def _undo_add(config: dict[str, Any]) -> Undo:
    return Undo("add", {"amount": -config["amount"]}, "the last digits of floats")


def _number(value: Any) -> Any:
    if _is_number(value):
        return value
    raise Unconvertible(f"is {kind_of(value)}, not a number")


def _plain(convert: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Callable[[Any], Any]]:
    """Return the maker of a conversion that has no config."""
    return lambda config: convert


def _one_way(
    make: Callable[[str | None, str | None], Callable[[Any], Any]],
) -> Callable[[dict[str, Any]], Callable[[Any], Any]]:
    """Return the maker of a conversion that takes a unit or a format."""

    def run(config: dict[str, Any]) -> Callable[[Any], Any]:
        if len(config) > 1:
            raise SchemaError("config takes either 'unit' or 'format', not both")
        return make(config.get("unit"), config.get("format"))

    return run


_TWO: Final = {"true_value": _SCALAR, "false_value": _SCALAR}
_ALL = (
    Transformer(
        "boolean_to_enum",
        _boolean_to_enum,
        _TWO,
        lambda config: Undo("enum_to_boolean", config),
    ),
    Transformer(
        "enum_to_boolean",
        _enum_to_boolean,
        _TWO,
        lambda config: Undo("boolean_to_enum", config),
    ),
    Transformer(
        "map_values",
        _map_values,
        {"mapping": _MAPPING, "pairs": _PAIRS, "default": _ANYTHING},
        _undo_map_values,
    ),
    Transformer("constant", lambda config: lambda value: copied(config["value"]), {"value": _ANY}),
    Transformer("to_text", _plain(to_text)),
    Transformer("to_integer", _plain(to_integer)),
    Transformer("to_float", _plain(to_float)),
    Transformer("to_boolean", _plain(to_boolean)),
    Transformer("trim", _plain(changed_text(str.strip))),
    Transformer("lower", _plain(changed_text(str.lower))),
    Transformer("upper", _plain(changed_text(str.upper))),
    Transformer(
        "split",
        lambda config: split_text(config["separator"]),
        {"separator": _SEPARATOR},
        lambda config: Undo("join", config),
    ),
    Transformer(
        "join",
        lambda config: joined(config["separator"]),
        {"separator": Option("text", lambda value: isinstance(value, str))},
        lambda config: (
            Undo("split", config, "where a part held the separator or was empty")
            if config["separator"]
            else None
        ),
    ),
    Transformer("add", _add, {"amount": _NUMBER}, _undo_add),
    Transformer("multiply", _multiply, {"by": _NUMBER}),
    Transformer(
        "to_list", _plain(lambda value: [copied(value)]), undo=lambda config: Undo("only", {})
    ),
    Transformer("only", _plain(only_element), undo=lambda config: Undo("to_list", {})),
    Transformer(
        "parse_timestamp",
        _one_way(parsed_timestamp),
        {"unit": _UNIT, "format": _FORMAT},
        lambda config: Undo("format_timestamp", config, "how the text or number was written"),
    ),
    Transformer(
        "format_timestamp",
        _one_way(shown_timestamp),
        {"unit": _UNIT, "format": _FORMAT},
        lambda config: Undo(
            "parse_timestamp",
            config,
            None if config.get("unit", "us") == "us" and "format" not in config else "fractions",
        ),
    ),
)

TRANSFORMERS: Final[Mapping[str, Function]] = {each.name: each for each in _ALL}
