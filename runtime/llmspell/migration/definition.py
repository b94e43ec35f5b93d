"""What the models of a migration share: constants that are values, and errors in words."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from llmspell.errors import LlmSpellError
from llmspell.schema.base import Model
from llmspell_bridges.values import canonical, is_unicode

__all__ = ["Constant", "Definition", "FunctionName", "Label", "Options", "Version", "listed"]

_MAX_INT32: Final = 2**31 - 1


class Definition(Model):
    """A frozen model that tells which one it is."""

    @model_serializer(mode="wrap")
    def _keep_type(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Tell which one of several models it is, even where defaults are left out."""
        data: dict[str, Any] = handler(self)
        kind = getattr(self, "type", None)
        return data if kind is None else {"type": kind, **data}


def listed(value: Any) -> Any:
    """Take a list where a tuple is declared: files and scripts know nothing else."""
    return tuple(value) if isinstance(value, list) else value


def _printable(text: str) -> str:
    if not text.isprintable() or not is_unicode(text) or text != text.strip():
        raise ValueError("must be printable text without spaces around it")
    return text


def _constant(value: Any) -> Any:
    try:
        return canonical(value)
    except LlmSpellError as error:
        raise ValueError(error.message) from None


def _options(value: Any) -> Any:
    return _constant(value) if isinstance(value, dict) else value


Version = Annotated[int, Field(ge=1, le=_MAX_INT32)]
Label = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printable)]
FunctionName = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_printable)]
Constant = Annotated[Any, BeforeValidator(_constant)]
Options = Annotated[dict[str, Any], BeforeValidator(_options)]
