"""How a restore ended, in words and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from llmspell.backup.restore_result import RestoreResult

__all__ = ["counts_text", "source_text", "tell_restored"]


def tell_restored(result: RestoreResult, as_json: bool, selection: Sequence[str] = ()) -> None:
    """Tell what a restore did, or after a dry run what it would do, and what undoes it.

    ``selection`` are the options that chose the entries: undoing it should touch no others.
    """
    from llmspell.cli.report import printable
    from llmspell.security.sensitive.reports import redacted_report

    if as_json:
        from llmspell.cli.jsontext import print_json

        told: dict[str, Any] = redacted_report(result.to_dict())
        print_json({"ok": True, **told})
        return
    for change in redacted_report(result.changes):
        place = f"scope {change['scope']!r} key {change['key']!r}"
        click.echo(printable(f"{change['action']:<7}  {place}"))
    hidden = result.restored + result.deleted - len(result.changes)
    if result.changes and hidden:
        click.echo(f"... and {hidden:,} more")
    source = source_text(result)
    is_changed = bool(result.restored or result.deleted)
    if not is_changed:
        where = " of that scope" if selection and not _has_seen(result) else ""
        nothing = f"there is nothing{where}, as little {source.removeprefix('as ')}"
        same = f"all is {source}"
        click.echo(f"nothing to restore: {same if _has_seen(result) else nothing}", err=True)
    elif result.status == "dry_run":
        click.echo(f"would {counts_text(result, 'restore', 'delete')}, {source}", err=True)
    else:
        from llmspell.cli.commands.backup_words import took_text

        counts = counts_text(result, "restored", "deleted")
        click.echo(f"{counts}, {source}; it took {took_text(result.duration_ms)}", err=True)
    _tell_left(result)
    if is_changed and result.pre_restore_backup_id is not None:
        undo = shlex.join([result.pre_restore_backup_id, *selection])
        click.echo(printable(f"to undo it: llmspell backup restore {undo}"), err=True)


def counts_text(result: RestoreResult, restore: str, delete: str) -> str:
    """Return how many entries are restored and deleted."""
    from llmspell.cli.table import counted

    said = f"{restore} {counted(result.restored, 'entry', 'entries')}"
    return said + (f" and {delete} {result.deleted:,}" if result.deleted else "")


def source_text(result: RestoreResult) -> str:
    """Return which backup, and which point in time, a restore is of."""
    from llmspell.backup.model import time_of
    from llmspell.cli.table import time_text

    said = f"as in backup {result.backup_id}"
    if result.point_us is not None:
        said += f" as of {time_text(time_of(result.point_us))} UTC"
    return said


def _has_seen(result: RestoreResult) -> bool:
    """Return whether what was chosen holds anything, there or in the backup."""
    return bool(result.unchanged or result.skipped or result.expired)


def _tell_left(result: RestoreResult) -> None:
    """Tell what was not written, and why."""
    left = {
        "unchanged": result.unchanged,
        "left as they are": result.skipped,
        "expired since": result.expired,
    }
    said = [f"{count:,} {why}" for why, count in left.items() if count]
    if said:
        click.echo(f"entries: {', '.join(said)}", err=True)
