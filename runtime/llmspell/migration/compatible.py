"""The step between two schemas of which the one accepts the values of the other."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from llmspell.schema.places import EACH_ITEM, Step, found, joined
from llmspell.schema.versions import SchemaId
from llmspell_bridges.values import Value

if TYPE_CHECKING:
    from llmspell.migration.plan import Warn
    from llmspell.schema.fields import FieldSchema, ObjectField
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["Filling", "filling"]


class _Fill(NamedTuple):
    within: tuple[Step, ...]
    name: str
    default: Any


class Filling:
    """Fills in the defaults of fields that the one schema requires and the other does not.

    Only where the map is that the field belongs to: none is made for it.
    """

    def __init__(self, fills: tuple[_Fill, ...]) -> None:
        self._fills = fills

    @property
    def words(self) -> tuple[str, ...]:
        """What is filled in, as transforms are named."""
        return tuple(f"default {joined((*fill.within, fill.name))}" for fill in self._fills)

    def run(self, value: Value, warn: Warn | None = None) -> Value:
        """Fill in what is missing, in place, and return the value."""
        for within, name, default in self._fills:
            for _, part in found(value, within):
                if isinstance(part, dict) and name not in part:
                    part[name] = deepcopy(default)
        return value


def filling(old: StateSchema, new: StateSchema, *, registry: SchemaRegistry) -> Filling:
    """Return what a value of ``old`` needs to be one of ``new``, where they are compatible."""
    return Filling(tuple(_fills(old, new, (), registry)))


def _fills(
    old: StateSchema | ObjectField,
    new: StateSchema | ObjectField,
    within: tuple[Step, ...],
    registry: SchemaRegistry,
) -> Iterator[_Fill]:
    for name, wanted in new.fields.items():
        if name in new.required and name not in old.required and wanted.has_default:
            yield _Fill(within, name, wanted.default)
        if (former := old.fields.get(name)) is not None:
            yield from _inside(former, wanted, (*within, name), registry)


def _inside(
    old: FieldSchema, new: FieldSchema, at: tuple[Step, ...], registry: SchemaRegistry
) -> Iterator[_Fill]:
    if old.type == "array" and new.type == "array":
        if old.items and new.items:
            yield from _inside(old.items, new.items, (*at, EACH_ITEM), registry)
    elif old.type == "object" and new.type == "object" and not _is_same(old, new):
        yield from _fills(_map(old, registry), _map(new, registry), at, registry)


def _is_same(old: ObjectField, new: ObjectField) -> bool:
    """Tell whether both are the same schema: nothing to fill, and no way round in circles."""
    return old.schema_id is not None and old.schema_id == new.schema_id


def _map(field: ObjectField, registry: SchemaRegistry) -> StateSchema | ObjectField:
    return field if field.schema_id is None else registry.get(*SchemaId.parse(field.schema_id))
