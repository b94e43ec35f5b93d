"""``llmspell schema diff`` and ``export``: schemas beside others, and for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.schema import Comparison, FieldChange

__all__ = ["diff", "export"]


@click.command(
    cls=Command,
    examples=(
        "llmspell schema diff user_profile 1 2",
        "llmspell schema diff user_profile 1.0.0 2.0.0 --json",
    ),
)
@click.argument("name")
@click.argument("v1")
@click.argument("v2")
@json_option
@config_options
def diff(settings: Settings, name: str, v1: str, v2: str, as_json: bool) -> int:
    """Show what version V2 of a schema adds, removes and changes, and how it is compatible with V1.

    Backward compatible: V2 accepts every value that fits V1. Forward: V1 accepts every value
    that fits V2. The exit code is 0 whatever the answer.
    """
    from llmspell.cli.commands.schema_files import family, migration_section, registry_of
    from llmspell.schema.difference import differences

    section = migration_section(settings)
    registry = registry_of(section)
    family(registry, name, section)
    old, new = registry.resolve(name, v1), registry.resolve(name, v2)
    changes = differences(registry.get(name, old), registry.get(name, new))
    comparison = registry.compare(name, old, new)
    if as_json:
        _print_json(name, (old, new), changes, comparison)
    else:
        _show(changes, comparison, (old, new))
    return 0


@click.command(
    cls=Command,
    examples=(
        "llmspell schema export user_profile",
        "llmspell schema export user_profile@1 -o user_profile.schema.json",
    ),
)
@click.argument("name", metavar="NAME[@V]")
@click.option("-o", "--output", "file", metavar="FILE", help="Write to FILE, which may exist.")
@json_option
@config_options
def export(settings: Settings, name: str, file: str | None, as_json: bool) -> int:
    """Print a schema as JSON Schema (draft 2020-12), or write it to a file.

    V is a version, 2 or 2.0.0; without it, the latest one is meant. What validators check JSON
    Schema cannot say: their names stand under x-validator.
    """
    from llmspell.cli.commands.schema_files import chosen_schema
    from llmspell.cli.jsontext import print_json, to_json
    from llmspell.schema.json_schema import to_json_schema

    schema, registry = chosen_schema(settings, name)
    told = to_json_schema(schema, registry)
    text = to_json(told, indent=2) + "\n"
    if file is not None:
        _write(Path(file), text)
        if as_json:
            print_json({"ok": True, "schema": schema.id, "file": file})
        else:
            click.echo(f"wrote {schema.id} to {file}", err=True)
    elif as_json:
        print_json({"ok": True, "schema": schema.id, "json_schema": told})
    else:
        click.echo(text.encode(errors="replace"), nl=False)
    return 0


def _show(changes: list[FieldChange], comparison: Comparison, ends: tuple[int, int]) -> None:
    from llmspell.cli.report import printable

    for change in changes:
        click.echo(printable(f"{change.kind:<7}  {change.path}  {change.what}"))
    if not changes:
        click.echo(f"versions {ends[0]} and {ends[1]} declare the same", err=True)
    click.echo(f"compatibility: {comparison.level}")
    for direction in ("backward", "forward"):
        for problem in getattr(comparison, direction):
            said = f"  not {direction} compatible: {problem.path}: {problem.message}"
            click.echo(printable(said))


def _print_json(
    name: str, ends: tuple[int, int], changes: list[FieldChange], comparison: Comparison
) -> None:
    from llmspell.cli.jsontext import print_json

    against: dict[str, Any] = {
        direction: [
            {"path": problem.path, "message": problem.message}
            for problem in getattr(comparison, direction)
        ]
        for direction in ("backward", "forward")
    }
    told = {"compatibility": comparison.level, "against": against}
    versions = {"name": name, "old": ends[0], "new": ends[1]}
    print_json({"ok": True, **versions, "changes": [c._asdict() for c in changes], **told})


def _write(path: Path, text: str) -> None:
    from llmspell.cli.failures import UsageFailure

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror}") from error
