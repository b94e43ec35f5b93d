"""The numbers and other single values that a schema may hold, as pydantic checks them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, PlainValidator

from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.values import INT_MAX, INT_MIN, canonical

__all__ = ["Count", "Integer", "Number", "Scalar"]


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_storable(value):
        raise ValueError("must be a finite number")
    return value


def _scalar(value: Any) -> bool | int | float | str:
    if not isinstance(value, bool | int | float | str) or not _is_storable(value):
        raise ValueError("must be text, a number, true or false")
    return value


def _is_storable(value: bool | int | float | str) -> bool:
    try:
        canonical(value)
    except LlmSpellError:
        return False
    return True


Count: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Integer: TypeAlias = Annotated[int, Field(ge=INT_MIN, le=INT_MAX)]
Number: TypeAlias = Annotated[int | float, PlainValidator(_number)]
Scalar: TypeAlias = Annotated[bool | int | float | str, PlainValidator(_scalar)]
