"""Checks of what Python callers pass besides scopes, keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmspell.errors import InvalidArgument, InvalidValue
from llmspell_bridges.values import INT_MAX, is_unicode

__all__ = [
    "MAX_TTL_S",
    "check_integer",
    "check_map",
    "check_schema_version",
    "check_seconds",
    "check_text",
    "check_ttl",
]

#: A hundred years.
MAX_TTL_S: Final = 100 * 365 * 24 * 3600
_MAX_SCHEMA_VERSION: Final = 2**31 - 1  # what every database has room for


def check_integer(name: str, value: Any, *, least: int) -> None:
    """Raise ``InvalidArgument`` for what is no integer, ``InvalidValue`` for one out of range."""
    if type(value) is not int:
        raise _wrong_type(name, "an integer", value)
    if not least <= value <= INT_MAX:
        raise InvalidValue(f"argument '{name}' must be {least} or more, in 64 bits", path=name)


def check_schema_version(value: Any) -> None:
    """Raise ``InvalidArgument`` or ``InvalidValue`` for what no schema can have as its version."""
    check_integer("schema_version", value, least=1)
    if value > _MAX_SCHEMA_VERSION:
        raise InvalidValue(
            f"argument 'schema_version' must be {_MAX_SCHEMA_VERSION} at most",
            path="schema_version",
        )


def check_ttl(ttl: Any, *, hint: str = "leave it out for an entry that does not expire") -> int:
    """Return seconds as microseconds, at least one. Raises for what is no positive number."""
    if type(ttl) is not int and type(ttl) is not float:
        raise _wrong_type("ttl", "a number of seconds", ttl)
    if not 0 < ttl <= MAX_TTL_S:
        raise InvalidValue(
            f"argument 'ttl' must be more than 0 and at most {MAX_TTL_S} seconds",
            hint=hint,
            path="ttl",
        )
    return max(1, round(ttl * 1_000_000))


def check_seconds(name: str, value: Any) -> int:
    """Return seconds, 0 or more, as microseconds. Raises for what is no such number."""
    if type(value) is not int and type(value) is not float:
        raise _wrong_type(name, "a number of seconds", value)
    if not 0 <= value <= MAX_TTL_S:
        raise InvalidValue(f"argument '{name}' must be 0 to {MAX_TTL_S} seconds", path=name)
    return round(value * 1_000_000)


def check_text(name: str, value: Any) -> None:
    """Raise ``InvalidArgument`` for what is not text, ``InvalidValue`` for lone surrogates."""
    if type(value) is not str:
        raise _wrong_type(name, "text", value)
    if not is_unicode(value):
        raise InvalidValue(f"argument '{name}' is not valid Unicode text", path=name)


def check_map(name: str, value: Any) -> None:
    """Raise ``InvalidArgument`` for what does not map keys to values."""
    if not isinstance(value, Mapping):
        raise _wrong_type(name, "a map", value)


def _wrong_type(name: str, wanted: str, value: Any) -> InvalidArgument:
    return InvalidArgument(
        f"argument '{name}' must be {wanted}, not {type(value).__name__}", parameter=name
    )
