"""What changed between two schemas, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from llmspell.schema.fields import ArrayField, FieldBase, FieldSchema, ObjectField
from llmspell.schema.models import StateSchema
from llmspell.schema.places import EACH_ITEM, Step, joined

__all__ = ["FieldChange", "differences"]

_SHOWN: Final = 60
#: What is told as changes of its own, or is the same by what the field is.
_INNER: Final = frozenset({"type", "items", "fields", "required", "optional"})
#: What a schema has besides its fields, as far as it says something about values.
_OF_SCHEMAS: Final = ("validation_rules", "dependencies", "applies_to")
_BLANK: Final = {"nullable": False, "unique": False}
_Owner: TypeAlias = StateSchema | ObjectField


class FieldChange(NamedTuple):
    """One change: the ``path`` of the field, ``$`` for the schema itself, and what is different."""

    kind: Literal["added", "removed", "changed"]
    path: str
    what: str


def differences(old: StateSchema, new: StateSchema) -> list[FieldChange]:
    """Return what ``new`` adds, removes and changes, in the order of the fields.

    Names, versions and metadata are not compared. A schema that a field refers to is one thing.
    """
    changes = list(_of_maps(old, new, ()))
    for name in _OF_SCHEMAS:
        before, after = _plain(getattr(old, name)), _plain(getattr(new, name))
        # A version that does not say where it applies takes that over from the one before.
        if before != after and (name != "applies_to" or after is not None):
            changes.append(FieldChange("changed", "$", _turned(name, before, after)))
    return changes


def _of_maps(old: _Owner, new: _Owner, at: tuple[Step, ...]) -> Iterator[FieldChange]:
    if old.additional_fields != new.additional_fields:
        what = _turned("additional_fields", old.additional_fields, new.additional_fields)
        yield FieldChange("changed", joined(at), what)
    names = _names(new)
    for name in dict.fromkeys((*_names(old), *names)):
        path = joined((*at, name))
        if name not in names:
            yield FieldChange("removed", path, _described(old, name))
        elif name not in _names(old):
            yield FieldChange("added", path, _described(new, name))
        else:
            need = _need(old, name), _need(new, name)
            if need[0] != need[1]:
                yield FieldChange("changed", path, f"{need[0]} -> {need[1]}")
            yield from _of_fields(old.fields.get(name), new.fields.get(name), (*at, name))


def _of_fields(
    old: FieldSchema | None, new: FieldSchema | None, at: tuple[Step, ...]
) -> Iterator[FieldChange]:
    path = joined(at)
    if old is None or new is None or old.type != new.type:
        if old is not new:
            yield FieldChange("changed", path, f"{_type(old)} -> {_type(new)}")
        return
    for name in dict.fromkeys((*_bounds(old), *_bounds(new))):
        blank = _BLANK.get(name)
        before, after = _bounds(old).get(name, blank), _bounds(new).get(name, blank)
        if before != after:
            yield FieldChange("changed", path, _turned(name, before, after))
    if isinstance(old, ObjectField) and isinstance(new, ObjectField):
        yield from _of_maps(old, new, at)
    elif isinstance(old, ArrayField) and isinstance(new, ArrayField):
        yield from _of_fields(old.items, new.items, (*at, EACH_ITEM))


def _bounds(field: FieldBase) -> dict[str, Any]:
    dumped = field.model_dump(mode="json", exclude_defaults=True)
    return {
        name: part
        for name, part in dumped.items()
        if name not in _INNER and name != "additional_fields"
    }


def _names(owner: _Owner) -> Sequence[str]:
    return tuple(dict.fromkeys((*owner.fields, *owner.required, *owner.optional)))


def _described(owner: _Owner, name: str) -> str:
    field = owner.fields.get(name)
    bounds = {} if field is None else _bounds(field)
    words = [_type(field), _need(owner, name)]
    return ", ".join([*words, *(f"{bound} {_shown(part)}" for bound, part in bounds.items())])


def _need(owner: _Owner, name: str) -> str:
    return "required" if name in owner.required else "optional"


def _type(field: FieldSchema | None) -> str:
    return "anything" if field is None else field.type


def _turned(name: str, before: Any, after: Any) -> str:
    if name == "description":
        return "description"
    return f"{name} {_shown(before)} -> {_shown(after)}"


def _plain(parts: Any) -> Any:
    if not isinstance(parts, tuple):
        return parts
    return [part if isinstance(part, str) else part.model_dump(mode="json") for part in parts]


def _shown(part: Any) -> str:
    if part is None:
        return "none"
    text = json.dumps(part, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
