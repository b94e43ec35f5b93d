"""``llmspell migrate new``: a draft of a migration file, made from what two versions differ in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.config.state_sections import Migration
    from llmspell.schema.models import StateSchema
    from llmspell.schema.registry import SchemaRegistry

__all__ = ["new"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_VERSION: Final = click.IntRange(1, 2**31 - 1)


@click.command(
    cls=Command,
    examples=(
        "llmspell migrate new --schema user_profile",
        "llmspell migrate new split_names --schema user_profile --from 2 --to 3",
        "llmspell migrate new --schema user_profile --from 2 --to 1",
    ),
)
@click.argument("name", required=False)
@click.option("--schema", metavar="NAME", help="The schema; may be left out if there is one only.")
@click.option(
    "--from", "old", type=_VERSION, metavar="V", help="Default: the version before the other one."
)
@click.option("--to", "new", type=_VERSION, metavar="V", help="Default: the latest version.")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@json_option
@config_options
def new(
    settings: Settings,
    name: str | None,
    schema: str | None,
    old: int | None,
    new: int | None,
    force: bool,
    as_json: bool,
) -> int:
    """Write a file for a migration between two versions of a schema, and print its path.

    It holds what the difference of the two versions makes sure, and as comments what is a guess.
    NAME is that of the step and of the file.
    """
    from llmspell.cli.commands.schema_files import migration_section, registry_of
    from llmspell.migration.drafting import draft

    if name is not None and not _NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name of a file; use letters, digits, _, - and .")
    section = migration_section(settings)
    registry = registry_of(section)
    schema, old, new = _ends(registry, section, schema, old, new)
    name = name or f"{schema}_v{old}_to_v{new}"
    path = section.migrations_dir / f"{name.removesuffix('.toml')}.toml"
    _check_free(section, path, schema, old, new)
    text = draft(
        _version(registry, schema, old),
        _version(registry, schema, new),
        schema=schema,
        from_version=old,
        to_version=new,
        name=path.stem,
    )
    _write(path, text, force=force)
    if as_json:
        from llmspell.cli.jsontext import print_json

        facts = {"schema": schema, "from_version": old, "to_version": new, "name": path.stem}
        print_json({"ok": True, "file": str(path), **facts})
    else:
        click.echo(path)
    return 0


def _ends(
    registry: SchemaRegistry,
    section: Migration,
    schema: str | None,
    old: int | None,
    to: int | None,
) -> tuple[str, int, int]:
    """Return the schema and both versions, where an option is left out as its help says."""
    from llmspell.cli.commands.schema_files import family

    if schema is None:
        if len(registry.names) != 1:
            there = ", ".join(registry.names) or f"none in the folder {str(section.schemas_dir)!r}"
            raise click.UsageError(f"name the schema with --schema; there are {there}")
        schema = registry.names[0]
    if old is None or to is None:
        family(registry, schema, section)
        old, to = _filled_in(registry, schema, old, to)
    if old == to:
        raise click.UsageError(f"--from and --to are both version {old}")
    return schema, old, to


def _filled_in(
    registry: SchemaRegistry, schema: str, old: int | None, to: int | None
) -> tuple[int, int]:
    versions = registry.versions(schema)
    target = versions[-1] if to is None else to
    if old is not None:
        return old, target
    before = [version for version in versions if version < target]
    if not before:
        raise click.UsageError(
            f"schema {schema!r} has no version before {target}: write that of the next version"
            " first, or name both with --from and --to"
        )
    return before[-1], target


def _version(registry: SchemaRegistry, schema: str, version: int) -> StateSchema | None:
    """Return a schema. Without one the draft cannot know the fields, which is said."""
    if version in registry.versions(schema):
        return registry.get(schema, version)
    from llmspell.cli.report import print_note

    print_note("note", f"there is no schema {schema}@{version}, so the draft holds examples only")
    return None


def _check_free(section: Migration, path: Path, schema: str, old: int, new: int) -> None:
    """Raise ``SchemaError`` if another file has a step between these versions already."""
    if not section.migrations_dir.is_dir():
        return
    from llmspell.cli.commands.schema_files import files_of, read_each
    from llmspell.errors import SchemaError
    from llmspell.migration.files import read_step

    others = [file for file in files_of(section, "migrations_dir") if file != path]
    for step in read_each(others, read_step)[0]:
        if (step.schema_name, step.from_version, step.to_version) == (schema, old, new):
            raise SchemaError(
                f"there is a migration of {schema!r} from version {old} to {new} already",
                hint=f"change that one: {step.source}",
                schema=schema,
                file=str(step.source),
            )


def _write(path: Path, text: str, *, force: bool) -> None:
    from llmspell.cli.failures import UsageFailure

    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise UsageFailure(f"state.migration.migrations_dir: {folder} is not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError as error:
        raise UsageFailure(
            f"{path} exists already", hint="choose another NAME, or --force to overwrite it"
        ) from error
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror}") from error
