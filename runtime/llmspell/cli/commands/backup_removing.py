"""``llmspell backup prune`` and ``delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_ids import proper_id
from llmspell.cli.commands.backup_options import following, open_backed_up
from llmspell.cli.commands.migrate_options import dry_run_option, yes_option
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue
    from llmspell.backup.retention.pruning import RetentionResult

__all__ = ["delete", "prune"]

_NAMED = 3


@click.command(
    cls=Command,
    examples=("llmspell backup prune --dry-run", "llmspell backup prune --yes"),
)
@dry_run_option
@yes_option
@json_option
@state_options
def prune(settings: Settings, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove the backups that state.backup.retention lets go.

    What a backup that is kept is made from stays, too, and so does the latest. One whose label
    is "keep" or begins with "keep:" is never removed.
    """
    from llmspell.cli.confirm import confirmed

    with open_backed_up(settings) as state:
        planned = state.cleanup_backups(dry_run=True)
        if dry_run or not planned.deleted:
            _tell_pruned(planned, as_json, with_reasons=dry_run)
            return 0
        if not confirmed(f"would {_removed(planned, 'remove')}", yes=yes, as_json=as_json):
            return 1
        with following("removing") as follow:
            done = state.cleanup_backups(on_event=follow)
    _tell_pruned(done, as_json)
    return int(bool(done.failed))


def _removed(result: RetentionResult, verb: str) -> str:
    from llmspell.cli.commands.backup_words import size_text
    from llmspell.cli.table import counted

    return f"{verb} {counted(len(result.deleted), 'backup')} of {size_text(result.freed_bytes)}"


def _tell_pruned(result: RetentionResult, as_json: bool, *, with_reasons: bool = False) -> None:
    from llmspell.cli.report import print_note
    from llmspell.security.sensitive.reports import redacted_report

    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": not result.failed, **redacted_report(result.to_dict())})
        return
    if with_reasons:
        _print_verdicts(result)
    if result.deleted:
        verb = "would remove" if result.dry_run else "removed"
        click.echo(f"{_removed(result, verb)}; {len(result.kept):,} stay", err=True)
    elif not result.failed:
        click.echo(f"nothing to remove: {len(result.kept):,} stay", err=True)
    for failure in result.failed:
        print_note("warning", f"{failure.id} could not be removed: {failure.message}")


def _print_verdicts(result: RetentionResult) -> None:
    from llmspell.backup.model import time_of
    from llmspell.cli.commands.backup_words import readable, size_text
    from llmspell.cli.table import Columns, time_text

    found = [("remove", each) for each in result.deleted] + [("keep", each) for each in result.kept]
    table = Columns("", "id", "type", "created (UTC)", "stored", "why", numbers=("stored",))
    rows = [
        (
            what,
            each.id,
            each.type,
            time_text(time_of(each.created_us))[:-4],
            size_text(each.stored_bytes),
            readable(each.reason),
        )
        for what, each in found
    ]
    for line in table.lay_out(rows):
        click.echo(line)


@click.command(
    cls=Command,
    examples=(
        "llmspell backup delete 20260131T120000Z-0a1b2c",
        "llmspell backup delete 20260131T120000Z-0a1b2c 20260131T130000Z-3d4e5f --yes",
    ),
)
@click.argument("backups", metavar="ID...", nargs=-1, required=True)
@yes_option
@json_option
@state_options
def delete(settings: Settings, backups: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Remove backups by their ids. One that others are made from stays until those are gone."""
    from llmspell.cli.confirm import confirmed

    with open_backed_up(settings) as state:
        wanted = [proper_id(state.backups, each) for each in backups]
        ids = _in_order(state.backups.catalogue(), dict.fromkeys(wanted))
        if not confirmed(f"would delete {_named(ids)} for good", yes=yes, as_json=as_json):
            return 1
        for backup_id in ids:
            state.delete_backup(backup_id)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "deleted": ids})
    else:
        click.echo(f"deleted {_named(ids)}", err=True)
    return 0


def _in_order(catalogue: Catalogue, wanted: dict[str, None]) -> list[str]:
    """Return the ids with those first that are made from others. Nothing is removed by halves.

    Raises ``BackupNotFound``, and ``BackupInUse`` while one that stays needs one of them.
    """
    from llmspell.errors import BackupInUse, BackupNotFound

    chains = {each.id: each.chain for each in catalogue.manifests()}
    for backup_id in wanted:
        if backup_id not in chains and backup_id not in catalogue.damaged:
            catalogue.get(backup_id)
            raise BackupNotFound(f"backup {backup_id} has just been removed")
        needed_by = [each for each in catalogue.dependents(backup_id) if each not in wanted]
        if needed_by:
            raise BackupInUse(
                f"backup {backup_id} is needed by {_named(needed_by)}; nothing was deleted",
                hint="give these, too, to delete them with it",
                backup=backup_id,
                needed_by=needed_by,
            )
    return sorted(wanted, key=lambda each: len(chains.get(each, ())), reverse=True)


def _named(ids: list[str]) -> str:
    left = len(ids) - _NAMED
    more = f" and {left:,} more" if left > 0 else ""
    return f"backup{'s' if len(ids) > 1 else ''} {', '.join(ids[:_NAMED])}{more}"
