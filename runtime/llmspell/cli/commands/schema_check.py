"""``llmspell schema check``: whether schema files are right, and what is stored fits them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.errors import SchemaError
    from llmspell.schema.registry import SchemaRegistry
    from llmspell.state.manager import StateManager

__all__ = ["check"]

_LISTED: Final = 1000
_PROBLEMS_EACH: Final = 3


class _Checked(NamedTuple):
    """An entry, and why it does not fit the schema of its version."""

    scope: str
    key: str
    schema: str
    version: int
    problems: list[dict[str, str]]


@click.command(
    cls=Command,
    examples=(
        "llmspell schema check",
        "llmspell schema check schemas/user_profile_2.toml",
        "llmspell schema check --data --json",
    ),
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--data", is_flag=True, help="Check every stored entry against its version, too.")
@json_option
@state_options
def check(settings: Settings, files: tuple[Path, ...], data: bool, as_json: bool) -> int:
    """Check all schemas, or FILES together with the others, and the compatibility they declare.

    Mistakes are listed and end with exit code 1; so do entries that do not fit, with --data. The
    store is opened with --data only.
    """
    registry = _registry(settings, files, as_json)
    count = sum(len(registry.versions(name)) for name in registry.names)
    checked = _check_data(settings, as_json) if data else 0
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "schemas": count} | ({"entries": checked} if data else {}))
    else:
        from llmspell.cli.table import counted

        entries = f", {counted(checked, 'entry', 'entries')}" if data else ""
        click.echo(f"all well: {counted(count, 'schema')}{entries}", err=True)
    return 0


def _registry(settings: Settings, files: tuple[Path, ...], as_json: bool) -> SchemaRegistry:
    """Return the schemas. Raises ``SchemaError`` after listing every file that is wrong."""
    from llmspell.cli.commands.migrate_validate import problems_error
    from llmspell.cli.commands.schema_files import (
        files_of,
        migration_section,
        nothing_there,
        read_each,
        schema_validators,
    )
    from llmspell.schema.files import read_schema
    from llmspell.schema.registry import SchemaRegistry

    section = migration_section(settings)
    configured = files_of(section, "schemas_dir")
    schemas, errors = read_each(files or configured, read_schema)
    if errors:
        _list_errors(errors, as_json)
        raise problems_error(errors)
    if not schemas:
        raise nothing_there(section, "schemas", "schemas_dir")
    if files:
        # They stand for those of the folder; one of the others that is wrong is not asked about.
        named = {schema.id for schema in schemas}
        given = {file.resolve() for file in files}
        others = [file for file in configured if file.resolve() not in given]
        schemas += (each for each in read_each(others, read_schema)[0] if each.id not in named)
    return SchemaRegistry(schemas, validators=schema_validators())


def _list_errors(errors: list[SchemaError], as_json: bool) -> None:
    from llmspell.cli.report import print_error

    if not as_json and len(errors) > 1:
        for error in errors:
            print_error(error)


def _check_data(settings: Settings, as_json: bool) -> int:
    """Return how many entries have a schema. Raises ``ValidationFailed`` if not all fit."""
    from llmspell.cli.store_access import open_state

    checked = found = 0
    misfits: list[_Checked] = []
    with open_state(settings) as state:
        for misfit in _entries(state):
            checked += 1
            if misfit.problems:
                found += 1
                misfits += [misfit] * (found <= _LISTED)
    if found:
        raise _unfit(misfits, found, checked, as_json)
    return checked


def _entries(state: StateManager) -> Iterator[_Checked]:
    """Yield every entry that has a schema, with what is wrong with it."""
    from llmspell.cli.progress import tracked

    registry = state.schemas
    total = state.get_stats().get("entries", 0)
    for entry in tracked(state.export_entries(), "checking", total):
        name = registry.family_of(entry.scope, entry.key)
        if name is not None:
            version = entry.metadata.schema_version
            problems = _problems(registry, name, version, entry.value)
            yield _Checked(entry.scope, entry.key, name, version, problems)


def _problems(
    registry: SchemaRegistry, name: str, version: int, value: Any
) -> list[dict[str, str]]:
    known = registry.versions(name)
    if version not in known:
        there = ", ".join(map(str, known))
        return [{"path": "$", "message": f"there is no such version of the schema, only {there}"}]
    if registry.fits(name, version, value):
        return []
    found = registry.problems(name, version, value)
    return [{"path": problem.path, "message": problem.message} for problem in found]


def _unfit(misfits: list[_Checked], found: int, checked: int, as_json: bool) -> Exception:
    from llmspell.cli.report import printable
    from llmspell.cli.table import counted
    from llmspell.errors import ValidationFailed
    from llmspell.security.sensitive.reports import redacted_report

    if not as_json:
        for line in map(_line, misfits):
            click.echo(printable(redacted_report(line)))
        if found > len(misfits):
            click.echo(f"... and {found - len(misfits):,} more")
    return ValidationFailed(
        f"{found:,} of {counted(checked, 'entry', 'entries')} with a schema do not fit it",
        hint="save them again, migrate them, or correct the schema",
        found=found,
        entries=checked,
        problems=[misfit._asdict() for misfit in misfits],
    )


def _line(misfit: _Checked) -> str:
    said = [f"{each['path']}: {each['message']}" for each in misfit.problems[:_PROBLEMS_EACH]]
    if len(misfit.problems) > _PROBLEMS_EACH:
        said.append(f"and {len(misfit.problems) - _PROBLEMS_EACH} more")
    place = f"scope {misfit.scope!r} key {misfit.key!r}"
    return f"{place} ({misfit.schema}@{misfit.version}): {'; '.join(said)}"
