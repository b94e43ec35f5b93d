"""The fields that a schema declares, at every depth, by the path that leads to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from llmspell.migration.paths import Path, PathStep, Wildcard

if TYPE_CHECKING:
    from llmspell.schema.fields import FieldSchema, ObjectField
    from llmspell.schema.models import StateSchema

__all__ = ["Declared", "declared"]


class Declared(NamedTuple):
    """One field. ``is_required`` and ``is_closed`` are about the map that it is part of.

    ``is_sure``: so are the maps around it required, so that every value has them.
    """

    spec: FieldSchema
    is_required: bool
    is_closed: bool
    is_sure: bool


def declared(schema: StateSchema | None) -> dict[Path, Declared]:
    """Return the fields, those of referred schemas left out, parents before their parts."""
    return {} if schema is None else dict(_declared(schema, (), is_sure=True))


def _declared(
    of: StateSchema | ObjectField, within: tuple[PathStep, ...], *, is_sure: bool
) -> Iterator[tuple[Path, Declared]]:
    for name, spec in of.fields.items():
        at = (*within, name)
        is_required = name in of.required
        yield Path(*at), Declared(spec, is_required, not of.additional_fields, is_sure)
        is_inside_sure = is_sure and is_required
        while spec.type == "array" and spec.items is not None:
            spec, at = spec.items, (*at, Wildcard.ELEMENTS)
        if spec.type == "object":
            yield from _declared(spec, at, is_sure=is_inside_sure)
