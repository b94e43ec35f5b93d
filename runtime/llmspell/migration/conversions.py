"""The conversions behind the built-in transformers; what they cannot convert they refuse."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Final

from llmspell.migration.refusal import kind_of
from llmspell.migration.transformer import Unconvertible
from llmspell_bridges.values import EPOCH

__all__ = [
    "changed_text",
    "joined",
    "only_element",
    "parsed_timestamp",
    "shown_timestamp",
    "split_text",
    "to_boolean",
    "to_float",
    "to_integer",
    "to_text",
]

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
# As people write them: no digits of other scripts, no 1_000, no "nan".
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MOST_DIGITS: Final = 400
_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1000, "us": 1}
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def to_text(value: Any) -> str:
    """Return text: numbers as in JSON, true and false, timestamps in ISO 8601."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dt.datetime):
        return _iso(value)
    raise Unconvertible(f"is {kind_of(value)}, which has no text")


def to_integer(value: Any) -> int:
    """Return a whole number of a number without fraction, a boolean or text of digits."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is str and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise Unconvertible(f"is {kind_of(value)} that is no whole number")


def to_float(value: Any) -> float:
    """Return a float of a number, a boolean or text of a number."""
    if isinstance(value, bool | int | float):
        return float(value)
    if type(value) is str and len(value) <= _MOST_DIGITS and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    raise Unconvertible(f"is {kind_of(value)} that is no number")


def to_boolean(value: Any) -> bool:
    """Return a boolean of one, of 0 and 1, and of true, yes, on, false, no, off in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    word = value.strip().lower() if type(value) is str else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Unconvertible(f"is {kind_of(value)} that is neither true nor false")


def changed_text(change: Callable[[str], str]) -> Callable[[Any], str]:
    """Return a conversion of text to other text."""
    return lambda value: change(_text(value))


def split_text(separator: str) -> Callable[[Any], list[str]]:
    """Return what takes text apart; empty text becomes an empty list."""

    def run(value: Any) -> list[str]:
        text = _text(value)
        return text.split(separator) if text else []

    return run


def joined(separator: str) -> Callable[[Any], str]:
    """Return what puts the texts of a list, or of several fields, together."""

    def run(value: Any) -> str:
        parts = list(value.values()) if type(value) is dict else value
        if type(parts) is not list:
            raise Unconvertible(f"is {kind_of(value)}, not a list")
        if not all(type(part) is str for part in parts):
            raise Unconvertible("holds something that is no text")
        return separator.join(parts)

    return run


def only_element(value: Any) -> Any:
    """Return the element of a list that has one."""
    if type(value) is list and len(value) == 1:
        return value[0]
    raise Unconvertible(f"is {kind_of(value)}, not a list of one element")


def parsed_timestamp(unit: str | None, form: str | None) -> Callable[[Any], dt.datetime]:
    """Return what makes a timestamp: of a number in ``unit`` since 1970, or of text.

    Text is ISO 8601, or as ``form`` says for ``strptime``; without a time zone it is UTC.
    """

    def run(value: Any) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            if unit is not None:
                return _since_1970(value, unit)
            text = _text(value)
            read = dt.datetime.fromisoformat(text) if form is None else _as_formed(text, form)
            return read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            raise Unconvertible(f"is {kind_of(value)} that is no timestamp") from None

    return run


def _as_formed(text: str, form: str) -> dt.datetime:
    return dt.datetime.strptime(text, form)


def _since_1970(value: Any, unit: str) -> dt.datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unconvertible(f"is {kind_of(value)}, not a number")
    return EPOCH + round(value * _MICROSECONDS[unit]) * _MICROSECOND


def shown_timestamp(unit: str | None, form: str | None) -> Callable[[Any], Any]:
    """Return what makes text of a timestamp, or a whole number in ``unit`` since 1970."""

    def run(value: Any) -> Any:
        if not isinstance(value, dt.datetime):
            raise Unconvertible(f"is {kind_of(value)}, not a timestamp")
        if unit is not None:
            return (value - EPOCH) // _MICROSECOND // _MICROSECONDS[unit]
        return _iso(value) if form is None else value.strftime(form)

    return run


def _iso(value: dt.datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Unconvertible(f"is {kind_of(value)}, not text")
