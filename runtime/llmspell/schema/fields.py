"""The types that a field of a schema can have, and their bounds."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from llmspell.schema.base import FieldName, Json, Names, Words
from llmspell.schema.field import FieldBase, Refer, or_null, translated
from llmspell.schema.patterns import pattern_problem
from llmspell.schema.scalars import Count, Integer, Number, Scalar
from llmspell.schema.versions import SchemaId

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
    "StringField",
    "TimestampField",
    "UuidField",
    "check_listed",
    "members",
]


_NOT_NULL: Final = ("array", "boolean", "number", "object", "string")


def _reference(text: str) -> str:
    return str(SchemaId.parse(text))


Reference: TypeAlias = Annotated[str, AfterValidator(_reference)]
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


class StringField(FieldBase):
    """Text. ``pattern`` may match anywhere in it unless it begins with ^ and ends with $."""

    kind = "text"
    json_type = "string"
    bounds = (
        ("min_length", "minLength"),
        ("max_length", "maxLength"),
        ("pattern", "pattern"),
        ("format", "format"),
    )
    type: Literal["string"] = "string"
    min_length: Count | None = None
    max_length: Count | None = None
    pattern: Words | None = None
    format: _Format | None = None

    def _check(self) -> None:
        _ordered("min_length", self.min_length, "max_length", self.max_length)
        if self.pattern is not None and (problem := pattern_problem(self.pattern)):
            raise ValueError(f"pattern is no regular expression: {problem}")


class IntegerField(FieldBase):
    """A whole number; as in JSON, 2.0 is one. Bounds belong to what is allowed."""

    kind = "an integer"
    json_type = "integer"
    bounds = (("min", "minimum"), ("max", "maximum"))
    type: Literal["integer"] = "integer"
    min: Integer | None = None
    max: Integer | None = None

    def _check(self) -> None:
        _ordered("min", self.min, "max", self.max)


class FloatField(FieldBase):
    """A number, whole or not. Bounds belong to what is allowed."""

    kind = "a number"
    json_type = "number"
    bounds = (("min", "minimum"), ("max", "maximum"))
    type: Literal["float"] = "float"
    min: Number | None = None
    max: Number | None = None

    def _check(self) -> None:
        _ordered("min", self.min, "max", self.max)


class BooleanField(FieldBase):
    """True or false."""

    kind = "true or false"
    json_type = "boolean"
    type: Literal["boolean"] = "boolean"


class ArrayField(FieldBase):
    """A list. Without ``items`` anything may be in it, null too."""

    kind = "a list"
    json_type = "array"
    bounds = (("min_items", "minItems"), ("max_items", "maxItems"))
    type: Literal["array"] = "array"
    items: FieldSchema | None = None
    min_items: Count | None = None
    max_items: Count | None = None
    unique: bool = False

    def _check(self) -> None:
        _ordered("min_items", self.min_items, "max_items", self.max_items)

    def translated(self, refer: Refer) -> dict[str, Any]:
        """Add what is said of the items."""
        result = super().translated(refer)
        if self.items is not None:
            result["items"] = translated(self.items, refer)
        if self.unique:
            result["uniqueItems"] = True
        return result


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

    def translated(self, refer: Refer) -> dict[str, Any]:
        """Return what is said of its fields, or what stands for the schema that it names."""
        if self.schema_id is not None:
            referred = refer(self.schema_id)
            return {"anyOf": [referred, {"type": "null"}]} if self.nullable else referred
        own = members(
            self.fields,
            refer,
            required=self.required,
            optional=self.optional,
            additional_fields=self.additional_fields,
        )
        return own | {"type": or_null("object", self.nullable)}

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

    def translated(self, refer: Refer) -> dict[str, Any]:
        """Return the variants, whatever their types are."""
        return {"enum": [*self.variants, *([None] if self.nullable else [])]}


class TimestampField(FieldBase):
    """A timestamp, or text in ISO 8601 with date, time and offset: 2024-01-31T12:00:00Z."""

    kind = "a timestamp"
    json_type = "string"
    json_format = "date-time"
    type: Literal["timestamp"] = "timestamp"


class UuidField(FieldBase):
    """A UUID as text of 36 characters."""

    kind = "a UUID"
    json_type = "string"
    json_format = "uuid"
    type: Literal["uuid"] = "uuid"


class CustomField(FieldBase):
    """What a validator accepts. It is asked about values, never about null."""

    kind = "a value of its own type"
    type: Literal["custom"] = "custom"
    type_name: FieldName
    validator: FieldName
    config: Annotated[dict[str, Json], Field(default_factory=dict)]

    def translated(self, refer: Refer) -> dict[str, Any]:
        """Name the validator, which JSON Schema does not know."""
        asked = {"type_name": self.type_name, "validator": self.validator}
        asked_of = {"x-validator": asked | ({"config": self.config} if self.config else {})}
        return asked_of | ({} if self.nullable else {"type": list(_NOT_NULL)})


class AnyField(FieldBase):
    """Anything but null, or anything at all if ``nullable``."""

    type: Literal["any"] = "any"

    def translated(self, refer: Refer) -> dict[str, Any]:
        """Leave out null, unless it fits."""
        return {} if self.nullable else {"type": list(_NOT_NULL)}


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


def members(
    fields: Fields,
    refer: Refer,
    *,
    required: Names,
    optional: Names,
    additional_fields: bool,
) -> dict[str, Any]:
    """Return the fields of a map as JSON Schema."""
    result: dict[str, Any] = {"type": "object"}
    names = [*fields, *required, *optional]
    if names:
        result["properties"] = {
            name: translated(fields[name], refer) if name in fields else {} for name in names
        }
    if required:
        result["required"] = list(required)
    if not additional_fields:
        result["additionalProperties"] = False
    return result


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
