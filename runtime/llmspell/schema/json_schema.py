"""Schemas as JSON Schema (draft 2020-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import SchemaError
from llmspell.schema.field import Refer
from llmspell.schema.fields import members
from llmspell.schema.models import StateSchema
from llmspell.schema.versions import SchemaId

if TYPE_CHECKING:
    from llmspell.schema.lookup import Schemas

__all__ = ["to_json_schema"]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def to_json_schema(schema: StateSchema, registry: Schemas | None = None) -> dict[str, Any]:
    """Return a schema as JSON Schema.

    Schemas that it refers to come from ``registry`` and stand in ``$defs``. What validators check
    JSON Schema cannot say: their names stand at ``x-validator`` and ``x-validation-rules``.
    Raises ``SchemaError`` if there is no registry, or not what is referred to.
    """
    definitions: dict[str, Any] = {}
    body = _body(schema, lambda name: _reference(name, definitions, registry))
    result: dict[str, Any] = {
        "$schema": DRAFT,
        "$id": f"urn:llmspell:schema:{schema.name}:{schema.version}",
        "title": schema.id,
    }
    result |= _described(schema.description) | body
    if definitions:
        result["$defs"] = dict(sorted(definitions.items()))
    return result


def _reference(name: str, definitions: dict[str, Any], registry: Schemas | None) -> dict[str, Any]:
    if registry is None:
        raise SchemaError(
            f"refers to the schema {name}, which is not known here",
            hint="export it with the registry that has both",
        )
    if name not in definitions:
        definitions[name] = {}  # its place is taken while what it refers to is looked for
        schema = registry.get(*SchemaId.parse(name))
        body = _body(schema, lambda other: _reference(other, definitions, registry))
        definitions[name] = {"title": schema.id, **_described(schema.description), **body}
    return {"$ref": f"#/$defs/{name}"}


def _body(schema: StateSchema, refer: Refer) -> dict[str, Any]:
    result = members(
        schema.fields,
        refer,
        required=schema.required,
        optional=schema.optional,
        additional_fields=schema.additional_fields,
    )
    if schema.validation_rules:
        result["x-validation-rules"] = [
            rule.model_dump(mode="json", exclude_defaults=True) for rule in schema.validation_rules
        ]
    return result


def _described(description: str) -> dict[str, Any]:
    return {"description": description} if description else {}
