"""``llmspell schema list`` and ``show``: the schemas there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["list_", "show"]


@click.command(
    cls=Command,
    name="list",
    examples=("llmspell schema list", "llmspell schema list --json"),
)
@json_option
@config_options
def list_(settings: Settings, as_json: bool) -> int:
    """List every version of every schema, and the entries it applies to.

    "compatibility" is computed: how a version goes with the one before it.
    """
    from llmspell.cli.commands.schema_files import migration_section, registry_of

    section = migration_section(settings)
    registry = registry_of(section)
    found = [
        _listed(registry, name, at) for name in registry.names for at in _versions(registry, name)
    ]
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "schemas": found})
        return 0
    from llmspell.cli.table import Columns

    table = Columns(
        "schema", "version", "semantic", "compatibility", "fields", "applies to",
        numbers=("version", "fields"),
    )  # fmt: skip
    for line in table.lay_out([_row(each) for each in found]):
        click.echo(line)
    if not found:
        click.echo(f"there are no schemas in the folder {str(section.schemas_dir)!r}", err=True)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell schema show user_profile", "llmspell schema show user_profile@1 --json"),
)
@click.argument("name", metavar="NAME[@V]")
@json_option
@config_options
def show(settings: Settings, name: str, as_json: bool) -> int:
    """Show the fields of a schema, their types and bounds, its rules and where it applies.

    V is a version, 2 or 2.0.0; without it, the latest one is shown.
    """
    from llmspell.cli.commands.schema_files import chosen_schema, file_of

    schema, registry = chosen_schema(settings, name)
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = schema.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        places = [_place(place) for place in registry.scopes_of(schema.name)]
        print_json({"ok": True, "schema": told, "applies_to": places, **file_of(schema)})
        return 0
    from llmspell.cli.commands.schema_words import lines
    from llmspell.cli.report import printable

    for line in lines(schema, registry):
        click.echo(printable(line))
    return 0


def _versions(registry: SchemaRegistry, name: str) -> Iterator[tuple[StateSchema, int | None]]:
    """Yield each version of a schema with the number of the one before it."""
    former: int | None = None
    for version in registry.versions(name):
        yield registry.get(name, version), former
        former = version


def _listed(
    registry: SchemaRegistry, name: str, at: tuple[StateSchema, int | None]
) -> dict[str, Any]:
    from llmspell.cli.commands.schema_files import file_of

    schema, former = at
    told: dict[str, Any] = {
        "name": name,
        "version": schema.version,
        "semantic_version": str(schema.semantic_version),
        "description": schema.description,
        "fields": len(schema.fields),
        "applies_to": [_place(place) for place in registry.scopes_of(name)],
        **file_of(schema),
    }
    if former is not None:
        told["compatibility"] = registry.compare(name, former, schema.version).level
    return told


def _place(place: tuple[str, str]) -> dict[str, str]:
    return {"scope": place[0], "key": place[1]}


def _row(told: dict[str, Any]) -> list[str]:
    places = [f"{place['scope']} / {place['key']}" for place in told["applies_to"]]
    return [
        told["name"],
        str(told["version"]),
        told["semantic_version"],
        told.get("compatibility", "-"),
        str(told["fields"]),
        ", ".join(places) or "-",
    ]
