"""``llmspell migrate validate``: find what is wrong before a migration does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.cli.commands.migrate_checks import Checked
    from llmspell.errors import SchemaError
    from llmspell.state.migrating.result import MigrationResult

__all__ = ["problems_error", "validate"]


@click.command(
    cls=Command,
    examples=(
        "llmspell migrate validate",
        "llmspell migrate validate --data",
        "llmspell migrate validate --value old.json --schema user_profile --from 1 --to 2",
    ),
)
@click.option("--data", is_flag=True, help="Try all that is stored, too (nothing is changed).")
@click.option("--value", "file", metavar="FILE", help="Show what the value in a JSON file becomes.")
@click.option("--schema", metavar="NAME", help="With --value: of which schema it is.")
@click.option("--from", "old", metavar="V", help="With --value: of which version it is.")
@click.option("--to", "new", metavar="V", help="With --value: the version to reach.")
@json_option
@state_options
def validate(
    settings: Settings,
    data: bool,
    file: str | None,
    schema: str | None,
    old: str | None,
    new: str | None,
    as_json: bool,
) -> int:
    """Check all schema and migration files, and whether every version can reach the latest.

    Mistakes are listed and end with exit code 1; so does --data when an entry would fail. Scripts
    that files name are loaded. The store is opened with --data only.
    """
    if file is not None:
        if data:
            raise click.UsageError("give either --data or --value FILE")
        from llmspell.cli.commands.migrate_value import show_value

        return show_value(settings, file, schema, old, new, as_json=as_json)
    if schema or old or new:
        raise click.UsageError("--schema, --from and --to are for --value FILE")
    from llmspell.cli.commands.migrate_checks import check_files
    from llmspell.cli.commands.schema_files import migration_section

    checked = check_files(migration_section(settings))
    if not as_json:
        _show(checked)
    if checked.errors:
        raise problems_error(checked.errors, warnings=list(checked.warnings))
    result = _tried(settings, as_json) if data else None
    _tell(checked, result, as_json)
    return 0


def problems_error(errors: list[SchemaError], **facts: Any) -> SchemaError:
    """Return the error to end with after mistakes in files were listed."""
    from llmspell.cli.table import counted
    from llmspell.errors import SchemaError

    if len(errors) == 1:
        errors[0].details.update(facts)
        return errors[0]
    return SchemaError(
        f"found {counted(len(errors), 'mistake')} in the files",
        hint="correct them; each mistake above says how",
        problems=[error.to_dict() for error in errors],
        **facts,
    )


def _show(checked: Checked) -> None:
    from llmspell.cli.commands.migrate_telling import print_warnings
    from llmspell.cli.report import print_error

    print_warnings(checked.warnings)
    if len(checked.errors) > 1:
        for error in checked.errors:
            print_error(error)


def _tried(settings: Settings, as_json: bool) -> MigrationResult:
    """Migrate everything without writing. Raises ``MigrationFailed`` if some entries fail."""
    from llmspell.cli.commands.migrate_telling import list_failed, not_all
    from llmspell.cli.progress import advancing
    from llmspell.cli.store_access import open_state

    # Without an observer, for that would have it work out what differs in each entry.
    with open_state(settings) as state, advancing("trying"):
        result = state.migrate_all(dry_run=True)
    if not result.success:
        list_failed(result, as_json)
        raise not_all(result, "would not be migrated")
    return result


def _tell(checked: Checked, result: MigrationResult | None, as_json: bool) -> None:
    from llmspell.cli.table import counted

    if as_json:
        from llmspell.cli.jsontext import print_json

        facts: dict[str, Any] = {
            "schemas": checked.schemas,
            "migrations": checked.migrations,
            "warnings": list(checked.warnings),
        }
        if result is not None:
            facts["data"] = result.to_dict()
        print_json({"ok": True, **facts})
        return
    said = f"{counted(checked.schemas, 'schema')} and {counted(checked.migrations, 'migration')}"
    if checked.warnings:
        click.echo(f"no mistakes in {said}; {counted(len(checked.warnings), 'warning')}", err=True)
    else:
        click.echo(f"all well: {said}", err=True)
    if result is not None:
        from llmspell.cli.commands.migrate_telling import print_warnings

        print_warnings(result.warnings)
        checked_entries = counted(result.items_checked, "entry", "entries")
        moved = f"{result.items_migrated:,} of {checked_entries} would be migrated"
        click.echo(f"{moved}, none would fail", err=True)
