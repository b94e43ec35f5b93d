"""A schema as lines for people to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from llmspell.schema.fields import ArrayField, FieldBase, ObjectField

if TYPE_CHECKING:
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["lines"]

#: What the line of a field says elsewhere.
_TOLD: Final = frozenset(
    {"type", "description", "items", "fields", "required", "optional", "additional_fields"}
)


def lines(schema: StateSchema, registry: SchemaRegistry) -> Iterator[str]:
    """Yield what a schema says, one thing on a line."""
    yield f"{schema.id}  ({schema.semantic_version})"
    if schema.description:
        yield f"  {schema.description}"
    yield from (f"  applies to: {s} / {k}" for s, k in registry.scopes_of(schema.name))
    former = [version for version in registry.versions(schema.name) if version < schema.version]
    if former:
        level = registry.compare(schema.name, former[-1], schema.version).level
        yield f"  compatibility with version {former[-1]}: {level}"
    if schema.source is not None:
        yield f"  file: {schema.source}"
    yield "fields:"
    yield from _fields(schema, "  ")
    if schema.validation_rules:
        yield "rules:"
    for rule in schema.validation_rules:
        config = f" {_json(rule.config)}" if rule.config else ""
        said = f"  {rule.message}" if rule.message else ""
        yield f"  {rule.field}: {rule.validator}{config}{said}"
    if schema.dependencies:
        yield f"depends on: {', '.join(schema.dependencies)}"


def _fields(owner: StateSchema | ObjectField, indent: str) -> Iterator[str]:
    names = dict.fromkeys((*owner.fields, *owner.required, *owner.optional))
    width = max(map(len, names), default=0)
    for name in names:
        need = "required" if name in owner.required else "optional"
        field = owner.fields.get(name)
        if field is None:
            yield f"{indent}{name:<{width}}  {need}"
            continue
        about = f"  {field.description}" if field.description else ""
        yield f"{indent}{name:<{width}}  {need}  {_typed(field)}{about}"
        yield from _inner(field, f"{indent}  ")
    if not owner.additional_fields:
        yield f"{indent}(no other fields)"


def _inner(field: FieldBase, indent: str) -> Iterator[str]:
    while isinstance(field, ArrayField) and field.items is not None:
        field = field.items
    if isinstance(field, ObjectField) and field.schema_id is None:
        yield from _fields(field, indent)


def _typed(field: FieldBase) -> str:
    """Return the type of a field and its bounds: ``string, max_length 40``."""
    dumped = field.model_dump(mode="json", exclude_defaults=True)
    kind = dumped["type"]
    if isinstance(field, ArrayField) and field.items is not None:
        kind = f"array of {_typed(field.items)}"
    bounds = [f"{name} {_json(part)}" for name, part in dumped.items() if name not in _TOLD]
    return ", ".join([kind, *bounds])


def _json(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False)
