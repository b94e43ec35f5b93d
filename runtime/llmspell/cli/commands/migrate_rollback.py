"""``llmspell migrate rollback``: bring back what a migration changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.migrate_options import dry_run_option, yes_option
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.progress import advancing
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.state.manager import StateManager
    from llmspell.state.migrating.result import MigrationEvent, MigrationResult

__all__ = ["rollback"]


@click.command(
    cls=Command,
    examples=(
        "llmspell migrate rollback --dry-run",
        "llmspell migrate rollback --yes",
        "llmspell migrate rollback m20260131T120000-1f0c3a --yes",
    ),
)
@click.argument("migration", metavar="[ID]", required=False)
@dry_run_option
@yes_option
@json_option
@state_options
def rollback(
    settings: Settings, migration: str | None, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Bring back what the last migration changed, or migration ID: the very bytes that were there.

    What somebody has changed since stays as he left it. "llmspell migrate history" has the ids.
    Several migrations are rolled back one by one, the latest first.
    """
    from llmspell.cli.confirm import confirmed

    with open_state(settings) as state:
        planned = _rolled_back(state, migration, dry_run=True)
        if dry_run:
            _tell(planned, as_json)
            return 0
        if not confirmed(_question(planned), yes=yes, as_json=as_json):
            return 1
        done = _rolled_back(state, planned.id)
    _tell(done, as_json)
    return int(done.status == "nothing_to_do")


def _rolled_back(
    state: StateManager, migration: str | None, *, dry_run: bool = False
) -> MigrationResult:
    with advancing("looking" if dry_run else "bringing back") as advance:

        def follow(event: MigrationEvent) -> None:
            advance(min(1.0, event.done / max(1, event.total)))

        return state.rollback_migration(migration, dry_run=dry_run, on_event=follow)


def _question(planned: MigrationResult) -> str:
    from llmspell.cli.commands.migrate_telling import of_schemas
    from llmspell.cli.table import counted

    entries = counted(planned.items_migrated, "entry", "entries")
    said = f"would bring back {entries} {of_schemas(planned)} as before migration {planned.id}"
    if planned.items_skipped:
        said += f" and leave {planned.items_skipped:,} that changed since"
    return said


def _tell(result: MigrationResult, as_json: bool) -> None:
    from llmspell.cli.commands.migrate_telling import print_warnings
    from llmspell.cli.table import counted

    if as_json:
        from llmspell.cli.jsontext import print_json
        from llmspell.security.sensitive.reports import redacted_report

        is_ok = result.status != "nothing_to_do"
        print_json({"ok": is_ok, **redacted_report(result.to_dict())})
        return
    print_warnings(result.warnings)
    verb = "would bring back" if result.status == "dry_run" else "brought back"
    said = f"{verb} {counted(result.items_migrated, 'entry', 'entries')} of migration {result.id}"
    if result.items_skipped:
        said += f"; {result.items_skipped:,} changed since stay as they are"
    click.echo(said, err=True)
    if result.status == "nothing_to_do":
        click.echo("a later migration may have to be rolled back first", err=True)
