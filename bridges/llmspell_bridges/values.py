"""Canonical values: what may be stored, and how Python objects become them.

A canonical value is None, bool, int (64-bit), float (finite), str, bytes, list, dict with text
keys, or an aware UTC datetime with microseconds. Everything else is refused with the path of
the offending part; nothing is changed silently.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final, TypeAlias

from llmspell_bridges.errors import InvalidValue, LimitExceeded

__all__ = [
    "INT_MAX",
    "INT_MIN",
    "MAX_DEPTH",
    "Value",
    "canonical",
    "depth_of",
    "from_milliseconds",
    "is_unicode",
    "member_path",
    "to_milliseconds",
]

Value: TypeAlias = Any
"""A canonical value; ``Any`` because recursive unions help no reader of a signature."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
MAX_DEPTH: Final = 128
"""Default for how deeply lists and maps may nest."""

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_PLAIN_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def canonical(value: Any, *, max_depth: int = MAX_DEPTH) -> Value:
    """Return ``value`` as a canonical value: a deep copy that shares nothing mutable.

    Tuples become lists, aware datetimes become UTC, bytearrays and memoryviews become bytes.
    Raises ``InvalidValue`` with the path of what cannot be held exactly, and ``LimitExceeded``
    for nesting beyond ``max_depth`` (which is what a cycle amounts to).
    """
    try:
        return _copied(value, max_depth)
    except _Unusual:
        pass
    try:
        return _canonical(value, "$", max_depth)
    except _TooDeep as error:
        raise too_deep(error.path, max_depth) from None


class _Unusual(Exception):
    """The quick way met what only the other one handles or explains."""


def _copied(value: Any, room: int) -> Value:
    """Do what ``_canonical`` does for the usual values: at twice its speed, for it has no paths."""
    kind = type(value)
    if kind is dict:
        if room <= 0:
            raise _Unusual
        for key in value:
            if type(key) is not str or not key.isascii():
                raise _Unusual
        return {
            key: member
            if ((of := type(member)) is str and member.isascii()) or of is bool or member is None
            else _copied(member, room - 1)
            for key, member in value.items()
        }
    if kind is int:
        if INT_MIN <= value <= INT_MAX:
            return value
    elif kind is str:
        if value.isascii() or is_unicode(value):
            return value
    elif kind is list:
        if room > 0:
            return [_copied(member, room - 1) for member in value]
    elif kind is float:
        if value - value == 0.0:  # neither NaN nor infinite
            return value
    elif value is None or kind is bool or kind is bytes:
        return value
    raise _Unusual


class _TooDeep(Exception):
    """Carries a path up to where the limit is known."""

    def __init__(self, path: str) -> None:
        self.path = path


def member_path(path: str, key: str) -> str:
    """Return the path of a map's member: ``$.user`` for plain names, ``$["a b"]`` for others."""
    if key and _PLAIN_NAME.issuperset(key) and not key[0].isdigit():
        return f"{path}.{key}"
    shown = key if len(key) <= 40 else key[:39] + "…"
    quoted = shown.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'{path}["{quoted}"]'


def _canonical(value: Any, path: str, room: int) -> Value:
    kind = type(value)
    if kind is str:
        return _text(value, path)
    if value is None or kind is bool or kind is bytes:
        return value
    if kind is int:
        return _integer(value, path)
    if kind is float:
        return _float(value, path)
    if kind is dict or kind is list or kind is tuple:
        if room <= 0:
            raise _TooDeep(path)
        if kind is dict:
            return {
                _key(key, path): _canonical(member, member_path(path, str(key)), room - 1)
                for key, member in value.items()
            }
        return [
            _canonical(member, f"{path}[{index}]", room - 1) for index, member in enumerate(value)
        ]
    return _unusual(value, path, room)


def _unusual(value: Any, path: str, room: int) -> Value:
    """Handle the types seldom seen: timestamps, byte buffers, subclasses of the plain types."""
    if isinstance(value, dt.datetime):
        return _timestamp(value, path)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    for plain in (bool, int, float, str, bytes, dict, list, tuple):
        if isinstance(value, plain):
            raise InvalidValue(
                f"{path} is a {type(value).__name__}, a subclass of {plain.__name__} that would "
                "lose its class",
                hint=f"pass {plain.__name__}(...) of it",
                path=path,
            )
    raise InvalidValue(
        f"{path} is a {type(value).__name__}, which cannot be stored",
        hint="store null, booleans, numbers, text, bytes, lists, maps or timestamps",
        path=path,
    )


def _text(value: str, path: str) -> str:
    if value.isascii() or is_unicode(value):
        return value
    raise InvalidValue(
        f"{path} is not valid Unicode text (a lone surrogate)",
        hint="store it as bytes, or repair the text",
        path=path,
    )


def is_unicode(text: str) -> bool:
    """Return whether text can be encoded: whether it is free of lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: Any, path: str) -> str:
    if type(key) is not str:
        raise InvalidValue(
            f"{path} has a key of type {type(key).__name__}; map keys must be text",
            hint="use text keys",
            path=path,
        )
    return _text(key, member_path(path, key))


def _integer(value: int, path: str) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise InvalidValue(
        f"{path} is an integer beyond 64 bits",
        hint="store it as text, or as a float if exactness does not matter",
        path=path,
    )


def _float(value: float, path: str) -> float:
    if math.isfinite(value):
        return value
    shown = "NaN" if math.isnan(value) else "an infinite number"
    raise InvalidValue(f"{path} is {shown}, which cannot be stored", hint="use null", path=path)


def _timestamp(value: dt.datetime, path: str) -> dt.datetime:
    if value.tzinfo is None:
        raise InvalidValue(
            f"{path} is a datetime without a time zone",
            hint="use datetime.now(timezone.utc), or .replace(tzinfo=...)",
            path=path,
        )
    try:
        utc = value.astimezone(dt.UTC)
    except OverflowError:
        raise InvalidValue(
            f"{path} is a timestamp outside the years 1 to 9999 in UTC", path=path
        ) from None
    return utc if type(utc) is dt.datetime and utc.fold == 0 else _plain_datetime(utc)


def _plain_datetime(value: dt.datetime) -> dt.datetime:
    return EPOCH + (value - EPOCH)


def too_deep(path: str, maximum: int = MAX_DEPTH) -> LimitExceeded:
    """Return the error for a value nested too deeply (or containing itself)."""
    shown = path if len(path) <= 60 else path[:57] + "..."
    return LimitExceeded(
        f"{shown} is nested more than {maximum} levels deep, or contains itself",
        hint="flatten the value, or split it over several keys",
        limit="depth",
        maximum=maximum,
    )


def depth_of(value: Value) -> int:
    """Return how deeply lists and maps nest in a canonical value; a scalar has depth 0."""
    depth = 0
    level = [value]
    while containers := [item for item in level if type(item) is dict or type(item) is list]:
        depth += 1
        level = [
            member
            for item in containers
            for member in (item.values() if type(item) is dict else item)
        ]
    return depth


def to_milliseconds(value: dt.datetime) -> tuple[int, int]:
    """Split a timestamp into whole milliseconds since 1970 and the microseconds (0..999) left."""
    milliseconds, rest = divmod(value - EPOCH, _MILLISECOND)
    return milliseconds, rest.microseconds


def from_milliseconds(milliseconds: int, microseconds: int = 0) -> dt.datetime:
    """Join what ``to_milliseconds`` split. Raises ``OverflowError`` outside the years 1..9999."""
    return EPOCH + dt.timedelta(milliseconds=milliseconds, microseconds=microseconds)
