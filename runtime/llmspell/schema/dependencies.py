"""What schemas refer to: it has to be there, and must not lead back to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from llmspell.errors import SchemaError
from llmspell.schema.extent import check_extent
from llmspell.schema.fields import ArrayField, FieldBase, ObjectField
from llmspell.schema.models import StateSchema
from llmspell.schema.versions import SchemaId

__all__ = ["check_dependencies", "references"]


def references(schema: StateSchema) -> Iterator[str]:
    """Yield the schemas that a schema depends on: those it declares, and those of its fields."""
    yield from schema.dependencies
    for field in schema.fields.values():
        yield from _of_field(field)


def check_dependencies(schemas: Mapping[str, StateSchema]) -> None:
    """Raise ``SchemaError`` for a dependency that is not there, a circle, and too much of them.

    ``schemas`` are all there are, by ``name@version``.
    """
    graph = {name: list(dict.fromkeys(references(schema))) for name, schema in schemas.items()}
    for name, needed in graph.items():
        for other in needed:
            if other not in schemas:
                raise _missing(schemas[name], other, schemas)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        # The sorter tells the circle from what is needed to what needs it.
        circle = list(reversed(error.args[1]))
        first = schemas[circle[0]]
        raise SchemaError(
            f"schemas depend on each other in a circle: {' -> '.join(circle)}",
            hint="let one of them keep what they share in fields of its own",
            file=None if first.source is None else str(first.source),
            schema=first.name,
            circle=circle,
        ) from None
    check_extent(schemas, order)


def _of_field(field: FieldBase) -> Iterator[str]:
    if isinstance(field, ArrayField) and field.items is not None:
        yield from _of_field(field.items)
    elif isinstance(field, ObjectField):
        if field.schema_id is not None:
            yield field.schema_id
        for member in field.fields.values():
            yield from _of_field(member)


def _missing(schema: StateSchema, other: str, schemas: Iterable[str]) -> SchemaError:
    name = SchemaId.parse(other).name
    versions = [known for known in schemas if SchemaId.parse(known).name == name]
    guesses = versions or get_close_matches(other, list(schemas), n=3)
    return SchemaError(
        f"schema {schema.id} depends on {other}, and there is no such schema",
        hint=f"there is {', '.join(guesses)}" if guesses else f"add the schema {other}",
        file=None if schema.source is None else str(schema.source),
        schema=schema.name,
        dependency=other,
    )
