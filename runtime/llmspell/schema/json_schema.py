"""Schemas as JSON Schema (draft 2020-12). Only this file imports jsonschema_rs, when needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import SchemaError
from llmspell.schema.fields import (
    AnyField,
    ArrayField,
    BooleanField,
    CustomField,
    EnumField,
    FieldBase,
    FloatField,
    IntegerField,
    ObjectField,
    StringField,
    TimestampField,
    UuidField,
)
from llmspell.schema.models import StateSchema
from llmspell.schema.versions import SchemaId

if TYPE_CHECKING:
    from llmspell.schema.lookup import Schemas

__all__ = ["compiled", "fits_alone", "pattern_problem", "to_json_schema"]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NOT_NULL: Final = ["array", "boolean", "number", "object", "string"]

#: By class of field: the attributes that bound it, and what JSON Schema calls them.
_BOUNDS: Final[Mapping[type[FieldBase], Mapping[str, str]]] = {
    StringField: {
        "min_length": "minLength",
        "max_length": "maxLength",
        "pattern": "pattern",
        "format": "format",
    },
    IntegerField: {"min": "minimum", "max": "maximum"},
    FloatField: {"min": "minimum", "max": "maximum"},
    ArrayField: {"min_items": "minItems", "max_items": "maxItems"},
}
_TYPES: Final[Mapping[type[FieldBase], str]] = {
    StringField: "string",
    IntegerField: "integer",
    FloatField: "number",
    BooleanField: "boolean",
    ArrayField: "array",
    ObjectField: "object",
    TimestampField: "string",
    UuidField: "string",
}
_FORMATS: Final[Mapping[type[FieldBase], str]] = {TimestampField: "date-time", UuidField: "uuid"}


def to_json_schema(schema: StateSchema, registry: Schemas | None = None) -> dict[str, Any]:
    """Return a schema as JSON Schema.

    Schemas that it refers to come from ``registry`` and stand in ``$defs``. What validators check
    JSON Schema cannot say: their names stand at ``x-validator`` and ``x-validation-rules``.
    Raises ``SchemaError`` if there is no registry, or not what is referred to.
    """
    definitions: dict[str, Any] = {}
    body = _object(schema, lambda name: _reference(name, definitions, registry))
    result: dict[str, Any] = {
        "$schema": DRAFT,
        "$id": f"urn:llmspell:schema:{schema.name}:{schema.version}",
        "title": schema.id,
    }
    result |= _described(schema.description) | body
    if definitions:
        result["$defs"] = dict(sorted(definitions.items()))
    return result


def fits_alone(field: FieldBase, value: Any) -> bool:
    """Return whether JSON fits a field, other schemas and validators left aside."""
    if value is None:
        return field.nullable
    valid: bool = compiled(_field(field, lambda name: {"type": "object"})).is_valid(value)
    return valid


def pattern_problem(pattern: str) -> str | None:
    """Return why a text is no pattern that can be used."""
    try:
        compiled({"pattern": pattern})
    except ValueError:
        import re
        import warnings

        try:
            with warnings.catch_warnings(action="ignore"):
                re.compile(pattern)
        except re.error as error:
            return error.msg
        except (RecursionError, OverflowError):
            return "it is nested or repeated too much"
        return "uses what patterns in JSON Schemas do not have"
    return None


def compiled(schema: dict[str, Any]) -> Any:
    """Return what tells whether JSON fits a JSON Schema. Raises ``ValueError`` for a wrong one."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema, validate_formats=True)


_Refer = Callable[[str], dict[str, Any]]


def _reference(name: str, definitions: dict[str, Any], registry: Schemas | None) -> dict[str, Any]:
    if registry is None:
        raise SchemaError(
            f"refers to the schema {name}, which is not known here",
            hint="export it with the registry that has both",
        )
    if name not in definitions:
        definitions[name] = {}  # its place is taken while what it refers to is looked for
        schema = registry.get(*SchemaId.parse(name))
        body = _object(schema, lambda other: _reference(other, definitions, registry))
        definitions[name] = {"title": schema.id, **_described(schema.description), **body}
    return {"$ref": f"#/$defs/{name}"}


def _object(schema: StateSchema | ObjectField, refer: _Refer) -> dict[str, Any]:
    names = [*schema.fields, *schema.required, *schema.optional]
    fields = {name: schema.fields.get(name) for name in names}
    result: dict[str, Any] = {"type": "object"}
    if fields:
        result["properties"] = {
            name: {} if field is None else _field(field, refer) for name, field in fields.items()
        }
    if schema.required:
        result["required"] = list(schema.required)
    if not schema.additional_fields:
        result["additionalProperties"] = False
    if isinstance(schema, StateSchema) and schema.validation_rules:
        result["x-validation-rules"] = [
            rule.model_dump(mode="json", exclude_defaults=True) for rule in schema.validation_rules
        ]
    return result


def _field(field: FieldBase, refer: _Refer) -> dict[str, Any]:
    result = _described(field.description)
    if field.has_default:
        result["default"] = field.default
    if isinstance(field, ObjectField) and field.schema_id is not None:
        referred = refer(field.schema_id)
        return result | ({"anyOf": [referred, {"type": "null"}]} if field.nullable else referred)
    if isinstance(field, EnumField):
        return result | {"enum": [*field.variants, *([None] if field.nullable else [])]}
    if isinstance(field, CustomField):
        asked = {"type_name": field.type_name, "validator": field.validator}
        result["x-validator"] = asked | ({"config": field.config} if field.config else {})
    return result | _typed(field, refer)


def _typed(field: FieldBase, refer: _Refer) -> dict[str, Any]:
    kind = type(field)
    if isinstance(field, AnyField | CustomField):
        return {} if field.nullable else {"type": list(_NOT_NULL)}
    name = _TYPES[kind]
    result: dict[str, Any] = {}
    if isinstance(field, ObjectField):
        result = _object(field, refer)
    result["type"] = [name, "null"] if field.nullable else name
    if kind in _FORMATS:
        result["format"] = _FORMATS[kind]
    for attribute, keyword in _BOUNDS.get(kind, {}).items():
        bound = getattr(field, attribute)
        if bound is not None:
            result[keyword] = bound
    if isinstance(field, ArrayField):
        if field.items is not None:
            result["items"] = _field(field.items, refer)
        if field.unique:
            result["uniqueItems"] = True
    return result


def _described(description: str) -> dict[str, Any]:
    return {"description": description} if description else {}
