"""Whether defaults fit their fields, other schemas and validators included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llmspell.errors import SchemaError
from llmspell.schema.fields import ArrayField, CustomField, FieldBase, ObjectField
from llmspell.schema.functions import Functions
from llmspell.schema.models import StateSchema
from llmspell.schema.places import EACH_ITEM, Step, joined

if TYPE_CHECKING:
    from llmspell.schema.lookup import Schemas

__all__ = ["check_defaults"]

_MEMBER = "default"


def check_defaults(schema: StateSchema, registry: Schemas, functions: Functions) -> None:
    """Raise ``SchemaError`` for a default that the schemas and validators of its field refuse."""
    from llmspell.schema.checking import Checker

    for steps, field in _defaults(schema, ()):
        alone = schema.model_copy(
            update={"fields": {_MEMBER: field}, "required": (), "validation_rules": ()}
        )
        checker = Checker(alone, registry, functions)
        for problem in checker.problems({_MEMBER: field.default}):
            path = joined(steps)
            within = problem.path.removeprefix(f"$.{_MEMBER}")
            raise SchemaError(
                f"schema {schema.id}: {path}: the default does not fit: "
                f"{'$' + within}: {problem.message}",
                file=None if schema.source is None else str(schema.source),
                schema=schema.name,
                field=path,
            )


def _defaults(
    owner: StateSchema | ObjectField, within: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], FieldBase]]:
    for name, field in owner.fields.items():
        yield from _of_field(field, (*within, name))


def _of_field(
    field: FieldBase, steps: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], FieldBase]]:
    # What a field alone can tell has been checked when it was made.
    if field.has_default and field.default is not None and _asks_others(field):
        yield steps, field
    if isinstance(field, ArrayField) and field.items is not None:
        yield from _of_field(field.items, (*steps, EACH_ITEM))
    elif isinstance(field, ObjectField):
        yield from _defaults(field, steps)


def _asks_others(field: FieldBase | None) -> bool:
    if isinstance(field, ArrayField):
        return _asks_others(field.items)
    if isinstance(field, ObjectField):
        return field.schema_id is not None or any(map(_asks_others, field.fields.values()))
    return isinstance(field, CustomField)
