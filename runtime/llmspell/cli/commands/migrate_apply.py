"""``llmspell migrate apply``: migrate what is stored, or show what that would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.migrate_options import (
    Chosen,
    dry_run_option,
    open_migrations,
    selection_options,
    yes_option,
)
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.progress import advancing

if TYPE_CHECKING:
    from llmspell.cli.commands.migrate_ways import Way
    from llmspell.migration.plan import Plan
    from llmspell.migration.versioning import Versioning
    from llmspell.state.manager import StateManager
    from llmspell.state.migrating.result import MigrationEvent, MigrationResult

__all__ = ["apply"]

_WAYS_NAMED = 3


class _How(NamedTuple):
    """The options of ``migrate_all`` that the command line has, under the same names."""

    dry_run: bool
    atomic: bool
    allow_unsafe: bool
    backup: bool
    batch_size: int | None


@click.command(
    cls=Command,
    examples=(
        "llmspell migrate apply --dry-run",
        "llmspell migrate apply --yes",
        "llmspell migrate apply --schema user_profile --to 1 --scope 'user:4*' --yes",
        "llmspell migrate apply --atomic --yes --json",
    ),
)
@selection_options
@dry_run_option
@click.option("--atomic", is_flag=True, help="All or nothing: the first failure undoes the rest.")
@click.option("--allow-unsafe", is_flag=True, help="Take ways that lose data, too.")
@click.option("--no-backup", is_flag=True, help="Do not keep what leads back (migrate rollback).")
@click.option(
    "--batch-size",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Entries in one transaction. Default: state.migration.batch_size.",
)
@yes_option
@click.option(
    "--show",
    type=click.IntRange(0, 1_000_000),
    default=10,
    metavar="N",
    help="Entries that --dry-run shows. Default: 10.",
)
@json_option
@state_options
def apply(
    settings: Settings,
    chosen: Chosen,
    dry_run: bool,
    atomic: bool,
    allow_unsafe: bool,
    no_backup: bool,
    batch_size: int | None,
    yes: bool,
    show: int,
    as_json: bool,
) -> int:
    """Bring stored entries to the latest version of their schemas, or to the one of --to.

    Others may read and write meanwhile, and lose nothing. An entry that cannot be migrated stays
    as it is, is listed, and ends with exit code 1. Interrupted, it goes on when it is started
    again with the same options.
    """
    if atomic and no_backup:
        raise click.UsageError("--atomic needs what --no-backup leaves out")
    from llmspell.cli.commands.migrate_telling import tell, tell_dry_run

    how = _How(dry_run, atomic, allow_unsafe, not no_backup, batch_size)
    shown: list[MigrationEvent] = []
    with open_migrations(settings) as (state, versioning):
        if not dry_run and not _agreed(state, versioning, chosen, how, yes, as_json):
            return 1
        result = _migrated(state, chosen, how, shown, show)
    if dry_run:
        tell_dry_run(result, shown, as_json)
    else:
        tell(result, as_json, can_undo=how.backup)
    return 0


def _agreed(
    state: StateManager,
    versioning: Versioning,
    chosen: Chosen,
    how: _How,
    yes: bool,
    as_json: bool,
) -> bool:
    """Plan, and ask whether to go on where there is something to do.

    Raises what is in the way: that is no question to answer with yes.
    """
    from llmspell.cli.commands.migrate_ways import ways
    from llmspell.cli.confirm import confirmed

    found = ways(state, versioning, chosen)
    for way in found.ways:
        if way.error is not None:
            raise way.error
        if way.plan is not None and not how.allow_unsafe:
            _require_safe(way.plan)
    # Without anything to do it may still be that a run which was broken off is to be closed.
    return not found.ways or confirmed(_question(found.ways, how), yes=yes, as_json=as_json)


def _require_safe(plan: Plan) -> None:
    from llmspell.errors import UnsafeMigration

    try:
        plan.require_safe()
    except UnsafeMigration as error:
        error.hint = (
            "mend the steps as each issue says, or take the way with --allow-unsafe once you know"
            " that nothing of worth is lost"
        )
        raise


def _question(found: list[Way], how: _How) -> str:
    from llmspell.cli.report import printable
    from llmspell.cli.table import counted

    parts = [
        f"{counted(way.entries, 'entry', 'entries')} of {way.schema} from version"
        f" {way.from_version} to {way.to_version}"
        for way in found[:_WAYS_NAMED]
    ]
    if left := sum(way.entries for way in found[_WAYS_NAMED:]):
        parts.append(counted(left, "other"))
    said = f"would migrate {' and '.join(parts)}"
    if any(not way.is_open for way in found):
        said += ", by ways that lose data"
    return printable(said if how.backup else f"{said}, with no way back")


def _migrated(
    state: StateManager, chosen: Chosen, how: _How, shown: list[MigrationEvent], show: int
) -> MigrationResult:
    """Migrate, with a bar; ``shown`` gets the first entries of a dry run."""
    with advancing("migrating") as advance:

        def follow(event: MigrationEvent) -> None:
            if event.kind == "entry" and len(shown) < show:
                shown.append(event)
            elif event.kind == "batch":
                advance(min(1.0, event.done / max(1, event.total)))

        where: dict[str, Any] = chosen._asdict()
        return state.migrate_all(where.pop("target"), **where, **how._asdict(), on_event=follow)
