"""The types that a field of a schema can have, and their bounds."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from llmspell.schema.base import Count, FieldName, Json, Model, Names, Words
from llmspell.schema.versions import SchemaId
from llmspell_bridges.errors import LlmSpellError
from llmspell_bridges.values import INT_MAX, INT_MIN, canonical

__all__ = [
    "AnyField",
    "ArrayField",
    "BooleanField",
    "CustomField",
    "EnumField",
    "FieldBase",
    "FieldSchema",
    "Fields",
    "FloatField",
    "IntegerField",
    "ObjectField",
    "Reference",
    "Scalar",
    "StringField",
    "TimestampField",
    "UuidField",
    "check_listed",
]


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


def _reference(text: str) -> str:
    return str(SchemaId.parse(text))


Reference: TypeAlias = Annotated[str, AfterValidator(_reference)]
_Integer: TypeAlias = Annotated[int, Field(ge=INT_MIN, le=INT_MAX)]
_Number: TypeAlias = Annotated[int | float, PlainValidator(_number)]
Scalar: TypeAlias = Annotated[bool | int | float | str, PlainValidator(_scalar)]
_Format: TypeAlias = Literal[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "json-pointer",
    "regex",
    "time",
    "uri",
    "uri-reference",
    "uuid",
]


class FieldBase(Model):
    """What fields of every type have.

    Null fits only where ``nullable`` is set. ``default`` has to fit the field; it is what a
    migration fills in where a newer version requires the field, and changes nothing else.
    """

    kind: ClassVar[str] = "any value"
    """The type, in words for messages."""

    description: Words = ""
    nullable: bool = False
    default: Json = None

    @property
    def has_default(self) -> bool:
        """Whether a default is given: null can be one, too."""
        return "default" in self.model_fields_set

    @model_validator(mode="after")
    def _is_consistent(self) -> FieldBase:
        self._check()
        if self.has_default:
            from llmspell.schema.json_schema import fits_alone

            if not fits_alone(self, self.default):
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


class StringField(FieldBase):
    """Text. ``pattern`` may match anywhere in it unless it begins with ^ and ends with $."""

    kind = "text"
    type: Literal["string"] = "string"
    min_length: Count | None = None
    max_length: Count | None = None
    pattern: Words | None = None
    format: _Format | None = None

    def _check(self) -> None:
        _ordered("min_length", self.min_length, "max_length", self.max_length)
        if self.pattern is not None:
            from llmspell.schema.json_schema import pattern_problem

            if problem := pattern_problem(self.pattern):
                raise ValueError(f"pattern is no regular expression: {problem}")


class IntegerField(FieldBase):
    """A whole number; as in JSON, 2.0 is one. Bounds belong to what is allowed."""

    kind = "an integer"
    type: Literal["integer"] = "integer"
    min: _Integer | None = None
    max: _Integer | None = None

    def _check(self) -> None:
        _ordered("min", self.min, "max", self.max)


class FloatField(FieldBase):
    """A number, whole or not. Bounds belong to what is allowed."""

    kind = "a number"
    type: Literal["float"] = "float"
    min: _Number | None = None
    max: _Number | None = None

    def _check(self) -> None:
        _ordered("min", self.min, "max", self.max)


class BooleanField(FieldBase):
    """True or false."""

    kind = "true or false"
    type: Literal["boolean"] = "boolean"


class ArrayField(FieldBase):
    """A list. Without ``items`` anything may be in it, null too."""

    kind = "a list"
    type: Literal["array"] = "array"
    items: FieldSchema | None = None
    min_items: Count | None = None
    max_items: Count | None = None
    unique: bool = False

    def _check(self) -> None:
        _ordered("min_items", self.min_items, "max_items", self.max_items)


class ObjectField(FieldBase):
    """A map. Fields in neither list are optional.

    With ``schema`` (``address@1``) it is a value of that schema, and has no fields of its own.
    Without ``fields`` the lists are only names, and their values may be anything.
    """

    kind = "a map"
    type: Literal["object"] = "object"
    fields: Fields = Field(default_factory=dict)
    required: Names = ()
    optional: Names = ()
    additional_fields: bool = True
    schema_id: Reference | None = Field(default=None, alias="schema")

    def _check(self) -> None:
        has_own = bool(self.fields or self.required or self.optional) or not self.additional_fields
        if self.schema_id is not None and has_own:
            raise ValueError("takes either a schema, or fields of its own")

    @field_validator("required", "optional")
    @classmethod
    def _are_fields(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return check_listed(names, info, is_listing=True)


class EnumField(FieldBase):
    """One of some texts, numbers or booleans."""

    kind = "one of some values"
    type: Literal["enum"] = "enum"
    variants: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)]

    def _check(self) -> None:
        if len({(isinstance(part, bool), part) for part in self.variants}) < len(self.variants):
            raise ValueError("variants must not name a value twice")


class TimestampField(FieldBase):
    """A timestamp, or text in ISO 8601 with date, time and offset: 2024-01-31T12:00:00Z."""

    kind = "a timestamp"
    type: Literal["timestamp"] = "timestamp"


class UuidField(FieldBase):
    """A UUID as text of 36 characters."""

    kind = "a UUID"
    type: Literal["uuid"] = "uuid"


class CustomField(FieldBase):
    """What a validator accepts. It is asked about values, never about null."""

    kind = "a value of its own type"
    type: Literal["custom"] = "custom"
    type_name: FieldName
    validator: FieldName
    config: Annotated[dict[str, Json], Field(default_factory=dict)]


class AnyField(FieldBase):
    """Anything but null, or anything at all if ``nullable``."""

    type: Literal["any"] = "any"


FieldSchema: TypeAlias = Annotated[
    StringField
    | IntegerField
    | FloatField
    | BooleanField
    | ArrayField
    | ObjectField
    | EnumField
    | TimestampField
    | UuidField
    | CustomField
    | AnyField,
    Field(discriminator="type"),
]
Fields: TypeAlias = dict[FieldName, FieldSchema]


def check_listed(
    names: tuple[str, ...], info: ValidationInfo, *, is_listing: bool
) -> tuple[str, ...]:
    """Raise ``ValueError`` for names that are in two lists, or that no field has.

    ``is_listing``: without fields the lists are all there is, and may name what they like.
    """
    fields: dict[str, Any] | None = info.data.get("fields")
    for name in names:
        if info.field_name == "optional" and name in info.data.get("required", ()):
            raise ValueError(f"{name!r} is both required and optional")
        if fields is None or name in fields or (is_listing and not fields):
            continue
        guess = get_close_matches(name, fields, n=1)
        meant = f"; did you mean {guess[0]!r}?" if guess else ""
        raise ValueError(f"names {name!r}, and there is no such field{meant}")
    return names


def _ordered(least: str, minimum: float | None, most: str, maximum: float | None) -> None:
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ValueError(f"{least} is more than {most}")
