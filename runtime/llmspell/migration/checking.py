"""What each condition asks, for every path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from llmspell.migration.calling import Check
from llmspell.migration.conditions import (
    Condition,
    FieldAbsent,
    FieldEquals,
    FieldExists,
    FieldType,
)
from llmspell.migration.operations import Operation, Warn
from llmspell.migration.parts import MISSING, Box, find, matches, missing
from llmspell.migration.paths import Path
from llmspell.migration.refusal import Refused, kind_of

__all__ = ["asking"]

_TYPES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "string": ((str,), "text"),
    "integer": ((int,), "an integer"),
    "float": ((float,), "a float"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "a boolean"),
    "array": ((list,), "a list"),
    "object": ((dict,), "a map"),
    "timestamp": ((dt.datetime,), "a timestamp"),
    "bytes": ((bytes,), "bytes"),
    "null": ((type(None),), "null"),
}

_Question: TypeAlias = Callable[[Any], "str | None"]


def asking(condition: Condition, check: Check | None) -> Operation:
    """Return what raises ``Refused`` when a condition does not hold; it changes nothing."""
    around, rest = Path.parse(condition.field).split
    wants_absence = isinstance(condition, FieldAbsent)
    question = _question(condition, check)

    def on_missing(refused: Refused) -> None:
        if not wants_absence:
            raise refused

    def run(box: Box, warn: Warn | None) -> None:
        for part in matches(box, around, on_missing):
            place = (*part, *rest)
            value = find(box, place)
            if value is MISSING:
                on_missing(missing(box, place))
                continue
            try:
                why = question(value)
            except Refused as refused:
                raise Refused(refused.why, place, hint=refused.hint) from None
            if why is not None:
                raise Refused(why, place)

    return run


def _question(condition: Condition, check: Check | None) -> _Question:
    if check is not None:
        return check
    if isinstance(condition, FieldAbsent):
        return lambda value: "is there and must not be"
    if isinstance(condition, FieldType):
        types, wanted = _TYPES[condition.expected]
        return lambda value: None if type(value) in types else f"is {kind_of(value)}, not {wanted}"
    if isinstance(condition, FieldEquals):
        expected = condition.value
        return lambda value: (
            None if _equal(value, expected) else "does not have the value it must have"
        )
    assert isinstance(condition, FieldExists)
    return lambda value: None


def _equal(one: Any, other: Any) -> bool:
    """Compare values: true is not 1, though Python has it so."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
