"""Checks of what Python callers pass besides scopes, keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmspell.errors import InvalidArgument, InvalidValue
from llmspell_bridges.values import INT_MAX, is_unicode

__all__ = ["check_integer", "check_map", "check_text"]


def check_integer(name: str, value: Any, *, least: int) -> None:
    """Raise ``InvalidArgument`` for what is no integer, ``InvalidValue`` for one out of range."""
    if type(value) is not int:
        raise _wrong_type(name, "an integer", value)
    if not least <= value <= INT_MAX:
        raise InvalidValue(f"argument '{name}' must be {least} or more, in 64 bits", path=name)


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
