"""How a restore ended, in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

if TYPE_CHECKING:
    from llmspell.backup.restore_result import RestoreResult
    from llmspell.cli.options import Settings

__all__ = ["Telling", "is_changed"]

_ALL_IS: Final = {
    "replace": "all is as in",
    "keep": "nothing is missing that is in",
    "newer": "nothing is missing or older than in",
}


class Telling(NamedTuple):
    """Tells what a restore did, or would do, and what undoes it.

    ``selection`` are the options that chose the entries: undoing it should touch no others.
    ``into`` is another store that was restored into.
    """

    settings: Settings
    as_json: bool
    selection: list[str]
    policy: str
    into: str | None

    def tell(self, result: RestoreResult, newer: str | None = None) -> None:
        """Tell how it ended. ``newer`` goes into the JSON."""
        from llmspell.security.sensitive.reports import redacted_report

        if self.as_json:
            from llmspell.cli.jsontext import print_json

            told: dict[str, Any] = redacted_report(result.to_dict())
            print_json({"ok": True, **told} | ({"note": newer} if newer else {}))
            return
        _print_changes(result)
        click.echo(self._sentence(result), err=True)
        _tell_left(result)
        made = result.pre_restore_backup_id
        if is_changed(result) and made is not None:
            from llmspell.cli.commands.backup_again import again
            from llmspell.cli.report import printable

            undo = again(self.settings, "restore", made, *self.selection)
            click.echo(printable(f"to undo it: {undo}"), err=True)

    def tell_newer(self, newer: str | None) -> None:
        """Tell people of a newer backup than the one that was taken as the latest."""
        if newer is not None and not self.as_json:
            from llmspell.cli.commands.backup_again import repeated
            from llmspell.cli.report import print_note

            print_note("note", repeated(self.settings, newer))

    def question(self, planned: RestoreResult, *, can_undo: bool) -> str:
        """Return what would be done, for somebody to agree to."""
        counts = _counts_text(planned, "restore", "delete")
        can_undo = can_undo and self.into is None
        no_way_back = "" if can_undo else ", which cannot be undone"
        return f"would {counts}{self._where}, {_source_text(planned)}{no_way_back}"

    @property
    def _where(self) -> str:
        if self.into is None:
            return ""
        from llmspell.cli.commands.backup_into import named_text

        return f" in {named_text(self.into)}"

    def _sentence(self, result: RestoreResult) -> str:
        from llmspell.cli.report import printable

        source = _source_text(result)
        if not is_changed(result):
            all_is = _ALL_IS[self.policy] + source.removeprefix("as in")
            nothing = f"there is nothing, as little {source.removeprefix('as ')}"
            return f"nothing to restore: {all_is if _has_seen(result) else nothing}"
        if result.status == "dry_run":
            counts = _counts_text(result, "restore", "delete")
            return printable(f"would {counts}{self._where}, {source}")
        from llmspell.cli.commands.backup_words import took_text

        counts = _counts_text(result, "restored", "deleted")
        took = took_text(result.duration_ms)
        return printable(f"{counts}{self._where}, {source}; it took {took}")


def _print_changes(result: RestoreResult) -> None:
    from llmspell.cli.report import printable
    from llmspell.security.sensitive.reports import redacted_report

    for change in redacted_report(result.changes):
        place = f"scope {change['scope']!r} key {change['key']!r}"
        click.echo(printable(f"{change['action']:<7}  {place}"))
    hidden = result.restored + result.deleted - len(result.changes)
    if result.changes and hidden:
        click.echo(f"... and {hidden:,} more")


def is_changed(result: RestoreResult) -> bool:
    """Return whether anything is restored or deleted."""
    return bool(result.restored or result.deleted)


def _counts_text(result: RestoreResult, restore: str, delete: str) -> str:
    """Return how many entries are restored and deleted."""
    from llmspell.cli.table import counted

    said = f"{restore} {counted(result.restored, 'entry', 'entries')}"
    return said + (f" and {delete} {result.deleted:,}" if result.deleted else "")


def _source_text(result: RestoreResult) -> str:
    """Return which backup, and which point in time, a restore is of."""
    said = f"as in backup {result.backup_id}"
    if result.point_us is not None:
        from llmspell.cli.commands.backup_words import moment_text

        said += f" as of {moment_text(result.point_us)} UTC"
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
