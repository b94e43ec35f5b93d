"""How deep and how large schemas are, together with those they refer to: within limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from llmspell.errors import SchemaError
from llmspell.schema.fields import ArrayField, FieldBase, ObjectField
from llmspell.schema.models import StateSchema

__all__ = ["check_extent"]

_DEEPEST: Final = 64
_MOST_FIELDS: Final = 50_000


class _Extent(NamedTuple):
    depth: int = 0
    fields: int = 0


_Known: TypeAlias = dict[str, _Extent]


def check_extent(schemas: Mapping[str, StateSchema], order: Iterable[str]) -> None:
    """Raise ``SchemaError`` for a schema nested too deeply, or of too many fields.

    A schema that is referred to counts at every place: two references each in a short chain of
    schemas are millions of fields. ``order`` has each schema behind those it refers to.
    """
    known: _Known = {}
    for name in order:
        schema = schemas[name]
        extent = known[name] = _of_members(schema.fields.values(), known)
        if extent.depth > _DEEPEST:
            raise _beyond(schema, f"is nested more than {_DEEPEST} levels deep")
        if extent.fields > _MOST_FIELDS:
            raise _beyond(schema, f"has more than {_MOST_FIELDS} fields")


def _of_members(members: Iterable[FieldBase], known: _Known) -> _Extent:
    inner = [_of_field(member, known) for member in members]
    depth = max((extent.depth + 1 for extent in inner), default=0)
    return _Extent(depth, sum(extent.fields + 1 for extent in inner))


def _of_field(field: FieldBase, known: _Known) -> _Extent:
    if isinstance(field, ArrayField) and field.items is not None:
        return _of_members([field.items], known)
    if isinstance(field, ObjectField):
        if field.schema_id is not None:
            return known[field.schema_id]
        return _of_members(field.fields.values(), known)
    return _Extent()


def _beyond(schema: StateSchema, said: str) -> SchemaError:
    return SchemaError(
        f"schema {schema.id} {said}, with the schemas that it refers to",
        hint="take it apart, or leave inner parts undescribed (type any)",
        file=None if schema.source is None else str(schema.source),
        schema=schema.name,
    )
