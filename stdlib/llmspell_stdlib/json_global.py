"""The ``JSON`` global. Lua gets all of it; JavaScript keeps its own and gains what it lacks."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from orjson import JSONDecodeError, loads

from llmspell_bridges.api import Global, Param, Record
from llmspell_bridges.errors import InvalidValue
from llmspell_bridges.limits import check_answer, check_items
from llmspell_bridges.values import MAX_DEPTH, Value, canonical, depth_of
from llmspell_bridges.wire import check_depth, plain_json
from llmspell_stdlib.preludes import Preludes

__all__ = ["JSON"]

_LONG_DIGITS: Final = re.compile(r"[0-9]{19}")
OPTIONS: Final = Record(
    "JsonOptions",
    "Options of `JSON.stringify`.",
    (Param("pretty", "boolean", "Write members on lines of their own, indented."),),
)
JSON: Final = Global(
    "JSON",
    "Values as JSON text and back. `JSON.null` stands for null where a list needs one.",
    records=[OPTIONS],
    preludes=Preludes("json_global"),
)


@JSON.function(Param("text", "text"), internal=True, serves="JSON.parse", result="value")
def parse_text(_: None, text: str) -> Value:
    """Return the value of JSON text."""
    check_items(text)
    try:
        value = loads(text)
    except JSONDecodeError as error:
        raise InvalidValue(
            f"JSON.parse: not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            line=error.lineno,
            column=error.colno,
        ) from None
    check_depth(text, value, MAX_DEPTH)
    # The fast decoder makes floats of integers beyond 64 bits; only long digits can be any.
    return canonical(json.loads(text)) if _LONG_DIGITS.search(text) else value


@JSON.function(
    Param("value", "value"),
    Param("options", "JsonOptions", optional=True),
    internal=True,
    serves="JSON.stringify",
    result="text",
)
def to_text(_: None, value: Value, options: dict[str, Any] | None = None) -> str:
    """Return a value as JSON text, members in order of their names."""
    text = plain_json(value)
    if not (options or {}).get("pretty"):
        return text
    # Every member gets a line of its own, indented by its depth.
    lines = text.count(",") + 2 * (text.count("[") + text.count("{"))
    check_answer(len(text) + lines * (2 * depth_of(value) + 1))
    return plain_json(value, pretty=True)


@JSON.prelude_function(Param("text", "text", "JSON text."), result="value")
def parse() -> None:
    """Return the value of JSON text."""


@JSON.prelude_function(
    Param("value", "value", "What to write."),
    Param("options", "JsonOptions", "pretty", optional=True),
    result="text",
)
def stringify() -> None:
    """Return a value as JSON text; timestamps become ISO 8601 text."""


@JSON.prelude_function(Param("items", "map", "The items, 1 to n.", optional=True), result="list")
def array() -> None:
    """Mark a table as a list, so that it is one even when it is empty."""
