"""What all models of schemas share: strict types, no unknown keys, no changes, JSON inside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from llmspell.errors import SchemaError
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.values import canonical, is_unicode

__all__ = ["FieldName", "Json", "Model", "Names", "Words", "twice"]

_MAX_NAME_BYTES: Final = 256
_DEEPEST: Final = 64
_T = TypeVar("_T")


class Model(BaseModel):
    """One table of a schema file. Frozen.

    Making one in Python raises ``SchemaError`` for wrong values, ``model_validate`` pydantic's
    ``ValidationError``.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        # Fields refer to each other in circles: built one by one, each would build all others.
        defer_build=True,
    )

    if not TYPE_CHECKING:  # the arguments are those of the fields

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                from llmspell.schema.mistakes import schema_error

                found = schema_error(error, type(self))
                said = f"{type(self).__name__}: {found.message}"
                raise SchemaError(said, hint=found.hint, **found.details) from None

        # As pydantic's own: without it every validation would call the one above, and the place
        # of a mistake deep inside a file would be lost.
        __init__.__pydantic_base_init__ = True


def _as_json(value: Any) -> Any:
    """Return a value as JSON has it: dates as text, and nothing that JSON lacks."""
    try:
        return canonical(_plain(value, _DEEPEST), max_depth=_DEEPEST)
    except LlmSpellError as error:
        raise ValueError(f"must be plain data: {error.message}") from None


def _plain(value: Any, room: int) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("must be plain data, without bytes")
    if not isinstance(value, dict | list | tuple):
        return value
    if room <= 0:
        raise ValueError(f"must not be nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return {name: _plain(member, room - 1) for name, member in value.items()}
    return [_plain(item, room - 1) for item in value]


def _words(text: str) -> str:
    if not is_unicode(text):
        raise ValueError("must be valid Unicode text")
    return text


def _name(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    if not is_unicode(text) or len(text.encode()) > _MAX_NAME_BYTES or not text.isprintable():
        raise ValueError("must be a printable name of at most 256 bytes")
    return text


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    if (name := twice(names)) is not None:
        raise ValueError(f"names {name!r} twice")
    return names


def twice(parts: Iterable[_T]) -> _T | None:
    """Return the first of some things that comes again, or ``None``."""
    seen: set[_T] = set()
    for part in parts:
        if part in seen:
            return part
        seen.add(part)
    return None


#: Lists of a file are lists; the models hold tuples.
Json: TypeAlias = Annotated[Any, BeforeValidator(_as_json)]
Words: TypeAlias = Annotated[str, AfterValidator(_words)]
FieldName: TypeAlias = Annotated[str, AfterValidator(_name)]
Names: TypeAlias = Annotated[tuple[FieldName, ...], Field(strict=False), AfterValidator(_once)]
