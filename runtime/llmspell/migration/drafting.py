"""Drafts of migration files, made from what differs between two versions of a schema."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from llmspell.config.writer import toml_value
from llmspell.migration.declared import Declared, declared
from llmspell.migration.fitting import TRANSFORMERS, may_be
from llmspell.migration.paths import Path, Wildcard
from llmspell.migration.step import MigrationStep
from llmspell.schema.field import fits_alone

if TYPE_CHECKING:
    from llmspell.schema.fields import FieldSchema
    from llmspell.schema.models import StateSchema

__all__ = ["draft"]

_WIDTH: Final = 92
_Fields = Mapping[Path, Declared]

_HEAD: Final = (
    "Check it with `llmspell migrate validate`; `llmspell migrate plan` shows what it would do."
)
_EXAMPLES: Final = """\
# Transforms are done in their order. There are copy, move, remove, default, custom, validation:
#
# [[transformations]]
# type = "move"
# from_field = "email"
# to_field = "contact_info.email"
#
# [[transformations]]
# type = "default"
# field = "contact_info.verified"
# value = false
#
# [[transformations]]
# type = "custom"
# from_fields = ["notifications"]
# to_fields = ["notification_level"]
# transformer = "boolean_to_enum"
# config = { true_value = "all", false_value = "none" }
# remove_from = true
#
# [[transformations]]
# type = "remove"
# field = "legacy_setting"
#
# What must hold before and after:
#
# [[pre_conditions]]
# type = "field_exists"
# field = "email"
"""


def draft(
    old: StateSchema | None,
    new: StateSchema | None,
    *,
    schema: str,
    from_version: int,
    to_version: int,
    name: str | None = None,
) -> str:
    """Return the text of a TOML file for a step between two versions of a schema.

    What is sure stands in it: a default for each field the new version requires, and a remove
    for each that it has no room for. What is a guess is a comment: moves, and other types.
    Without the two schemas it is a file of examples. Raises ``SchemaError`` for a name or
    versions that no step can have.
    """
    given: dict[str, Any] = {"schema": schema, "name": name}
    step = MigrationStep(from_version=from_version, to_version=to_version, **given)
    return "\n".join(_lines(step, old, new)).rstrip("\n") + "\n"


def _lines(step: MigrationStep, old: StateSchema | None, new: StateSchema | None) -> Iterator[str]:
    ends = f"from version {step.from_version} to version {step.to_version}"
    yield from _comment(f"A migration {ends}. {_HEAD}")
    yield ""
    yield f"schema = {toml_value(step.schema_name)}"
    yield f"from_version = {step.from_version}"
    yield f"to_version = {step.to_version}"
    yield f"name = {toml_value(step.name)}"
    yield 'description = ""'
    yield ""
    if old is None or new is None:
        yield _EXAMPLES
        return
    before, after = declared(old), declared(new)
    found = [
        *_moves(before, after),
        *_defaults(before, after, step.to_version),
        *_types(before, after),
        *_removes(before, after, new, step.to_version),
    ]
    yield from found
    misfits = [] if found else _misfits(old, new)
    for text in misfits:
        yield from _comment(text)
    if not found and not misfits:
        yield from _comment("The two schemas name the same fields: nothing has to be done.")


def _misfits(old: StateSchema, new: StateSchema) -> list[str]:
    """Return why values of the one version may not fit the other, though the fields are there."""
    from llmspell.schema.compatibility import compare

    return [
        f"Not every value of version {old.version} fits here: {problem.path}: {problem.message}."
        " Write a transform for those."
        for problem in compare(old, new).backward
    ]


def _moves(before: _Fields, after: _Fields) -> Iterator[str]:
    """Suggest a move for each field that is gone and may be another one that is new."""
    new = [path for path in after if path not in before]
    moved: list[Path] = []
    for source in before:
        if source in after or any(path.leads_into(source) for path in moved):
            continue
        kind = before[source].spec.type
        alike = {
            str(path.steps[-1]): path
            for path in reversed(new)
            if after[path].spec.type == kind and path.split[0] == source.split[0]
        }
        if guess := get_close_matches(str(source.steps[-1]), alike, n=1):
            target = alike[guess[0]]
            new.remove(target)
            moved.append(source)
            skip = {} if before[source].is_required else {"if_missing": "skip"}
            ends = {"from_field": str(source), "to_field": str(target)}
            text = f"{source} is gone and {target} is new, both of type {kind}. If it only moved:"
            yield from _comment(text)
            yield from _suggested({"type": "move", **ends, **skip})


def _defaults(before: _Fields, after: _Fields, version: int) -> Iterator[str]:
    """Write a default for each field that is required and was not."""
    for path, field in after.items():
        former = before.get(path)
        if not field.is_required or (former is not None and former.is_required):
            continue
        if _is_made_by_others(path, before, after):
            continue
        value, is_chosen = _default_of(field.spec)
        table = {"type": "default", "field": str(path), "value": value}
        was = "is new" if former is None else "was optional"
        said = f"Version {version} requires {path} ({field.spec.type}), which {was}."
        if not is_chosen:
            said += " Choose the value."
        around = before.get(_without_wildcards(Path(*path.steps[:-1])))
        if field.is_sure or (around is not None and around.is_required and around.is_sure):
            yield from _comment(said)
            yield from _table(table)
        else:
            yield from _comment(
                f"{said} This makes the maps around it, too, where they are missing:"
            )
            yield from _suggested(table)


def _is_made_by_others(path: Path, before: _Fields, after: _Fields) -> bool:
    """Tell whether the defaults of other fields make it: those in it, or a list it is in."""
    if any(Path(*path.steps[:at]) not in before for at in path.wildcards):
        return True
    return any(
        other.is_plain and field.is_required and path.leads_into(other) and other != path
        for other, field in after.items()
    )


def _types(before: _Fields, after: _Fields) -> Iterator[str]:
    """Suggest a conversion for each field that is of another type now."""
    for path, field in after.items():
        if path not in before or may_be(before[path].spec.type, field.spec.type):
            continue
        text = f"{path} was of type {before[path].spec.type} and is of type {field.spec.type} now:"
        yield from _comment(text)
        transformer = TRANSFORMERS.get(field.spec.type, "name_of_a_transformer")
        fields = {"from_fields": [str(path)], "to_fields": [str(path)]}
        yield from _suggested({"type": "custom", **fields, "transformer": transformer})


def _removes(before: _Fields, after: _Fields, new: StateSchema, version: int) -> Iterator[str]:
    """Write a remove for each field that the new version has no room for."""
    for path in before:
        parent = _without_wildcards(Path(*path.steps[:-1]))
        if path in after or (parent.steps and parent not in after):
            continue
        around = new if not parent.steps else _element_of(after[parent].spec)
        table = {"type": "remove", "field": str(path)}
        if getattr(around, "additional_fields", True):
            yield from _comment(
                f"Version {version} does not declare {path}, and takes other fields: it stays. "
                "To remove it:"
            )
            yield from _suggested(table)
        else:
            yield from _comment(f"Version {version} has no field {path}.")
            yield from _table(table)


def _without_wildcards(path: Path) -> Path:
    steps = path.steps
    while steps and isinstance(steps[-1], Wildcard):
        steps = steps[:-1]
    return Path(*steps)


def _element_of(spec: FieldSchema) -> FieldSchema | None:
    found: FieldSchema | None = spec
    while found is not None and found.type == "array":
        found = found.items
    return found


def _default_of(spec: FieldSchema) -> tuple[Any, bool]:
    """Return a value to begin with, and whether the schema names it as the default."""
    if spec.has_default and _is_toml(spec.default):
        return spec.default, True
    fitting = (value for value in _placeholders(spec) if fits_alone(spec, value))
    return next(fitting, ""), False


def _placeholders(spec: FieldSchema) -> Iterator[Any]:
    if spec.type == "enum":
        yield from spec.variants
    elif spec.type == "string":
        yield from ("", "unknown", "unknown@example.com", "x" * min(spec.min_length or 0, 1000))
    elif spec.type in ("integer", "float"):
        bounds = (getattr(spec, "min", None), getattr(spec, "max", None))
        yield from (bound for bound in (0, *bounds) if bound is not None)
    yield from (False, "", [], {}, "1970-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000000")


def _is_toml(value: Any) -> bool:
    """Tell whether TOML can hold a value: it has no null."""
    if isinstance(value, dict):
        return all(map(_is_toml, value.values()))
    return all(map(_is_toml, value)) if isinstance(value, list) else value is not None


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    yield "[[transformations]]"
    for name, value in table.items():
        yield f"{name} = {toml_value(value)}"
    yield ""


def _suggested(table: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"# {line}" if line else "" for line in _table(table))
