"""What fields of every type have: a description, null, a default; and how JSON Schema says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from llmspell.schema.base import Json, Model, Words
from llmspell.schema.patterns import compiled

__all__ = ["FieldBase", "Refer", "fits_alone", "or_null", "translated"]

#: Returns the JSON Schema that stands for a schema that a field names.
Refer: TypeAlias = Callable[[str], dict[str, Any]]


class FieldBase(Model):
    """What fields of every type have.

    Null fits only where ``nullable`` is set. ``default`` has to fit the field; it is what a
    migration fills in where a newer version requires the field, and changes nothing else.
    """

    kind: ClassVar[str] = "any value"
    """The type, in words for messages."""

    json_type: ClassVar[str] = ""
    """The type, in words of JSON Schema."""

    json_format: ClassVar[str] = ""
    """The format that JSON Schema has for it."""

    bounds: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The attributes that bound it, each with what JSON Schema calls it."""

    description: Words = ""
    nullable: bool = False
    default: Json = None

    @property
    def has_default(self) -> bool:
        """Whether a default is given: null can be one, too."""
        return "default" in self.model_fields_set

    def translated(self, refer: Refer) -> dict[str, Any]:
        """Return the type and its bounds as JSON Schema."""
        result: dict[str, Any] = {"type": or_null(self.json_type, self.nullable)}
        if self.json_format:
            result["format"] = self.json_format
        for attribute, keyword in self.bounds:
            bound = getattr(self, attribute)
            if bound is not None:
                result[keyword] = bound
        return result

    @model_validator(mode="after")
    def _is_consistent(self) -> FieldBase:
        self._check()
        if self.has_default and not fits_alone(self, self.default):
            raise ValueError("default does not fit the field itself")
        return self

    def _check(self) -> None:
        """Raise ``ValueError`` for bounds that contradict each other."""

    @model_serializer(mode="wrap")
    def _dumped(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Without its type a field cannot be read back, however usual the type is for its class.
        dumped: dict[str, Any] = {"type": getattr(self, "type", ""), **handler(self)}
        if self.has_default:
            dumped.setdefault("default", None)
        else:
            dumped.pop("default", None)
        if "schema_id" in dumped:
            dumped["schema"] = dumped.pop("schema_id")
        return dumped


def translated(field: FieldBase, refer: Refer) -> dict[str, Any]:
    """Return a field as JSON Schema."""
    result: dict[str, Any] = {"description": field.description} if field.description else {}
    if field.has_default:
        result["default"] = field.default
    return result | field.translated(refer)


def fits_alone(field: FieldBase, value: Any) -> bool:
    """Return whether JSON fits a field, other schemas and validators left aside."""
    if value is None:
        return field.nullable
    valid: bool = compiled(translated(field, _any_map)).is_valid(value)
    return valid


def or_null(types: str, nullable: bool) -> str | list[str]:
    """Return the types of JSON Schema, and null where it is one."""
    return [types, "null"] if nullable else types


def _any_map(_: str) -> dict[str, Any]:
    return {"type": "object"}
