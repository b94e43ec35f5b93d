"""How a migration ended, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from llmspell.errors import MigrationFailed
    from llmspell.state.migrating.result import MigrationEvent, MigrationResult

__all__ = ["list_failed", "not_all", "of_schemas", "print_warnings", "tell", "tell_dry_run"]

_LISTED = 20


def tell(result: MigrationResult, as_json: bool, *, can_undo: bool = True) -> None:
    """Tell how a migration ended. Raises ``MigrationFailed`` if some entries failed."""
    if not result.success:
        list_failed(result, as_json)
        if result.status == "rolled_back":
            raise _undone(result)
        raise not_all(result, can_undo=can_undo)
    if as_json:
        _print_json(result)
        return
    print_warnings(result.warnings)
    if result.status == "nothing_to_do":
        click.echo("nothing to migrate: every entry is of the version wanted", err=True)
        return
    took = f"in {result.duration_ms / 1000:,.2f} s"
    click.echo(f"migrated {_entries(result.items_migrated)} {of_schemas(result)} {took}", err=True)
    if can_undo:
        click.echo(f"to undo it: llmspell migrate rollback {result.id}", err=True)


def tell_dry_run(result: MigrationResult, shown: list[MigrationEvent], as_json: bool) -> None:
    """Show what a migration would change. Raises ``MigrationFailed`` if some would fail."""
    entries = [_entry(event) for event in shown]
    if as_json and result.success:
        _print_json(result, entries=entries)
        return
    if not as_json:
        _show_entries(shown, result.items_migrated)
        print_warnings(result.warnings)
    if not result.success:
        list_failed(result, as_json)
        raise not_all(result, "would not be migrated", entries=entries)
    if result.items_migrated:
        done = f"would migrate {_entries(result.items_migrated)} {of_schemas(result)}"
        click.echo(done, err=True)
    else:
        click.echo("nothing to migrate: every entry is of the version wanted", err=True)


def not_all(
    result: MigrationResult,
    what: str = "could not be migrated",
    *,
    can_undo: bool = False,
    **facts: Any,
) -> MigrationFailed:
    """Return the error for entries that failed; its details are the result."""
    from llmspell.errors import MigrationFailed

    total = result.items_failed + result.items_migrated
    hint = "mend them, or the steps, and migrate again"
    if can_undo and result.items_migrated:
        hint += f"; to undo the rest: llmspell migrate rollback {result.id}"
    said = f"{result.items_failed:,} of {_entries(total)} {what}"
    were = "it is as it was" if result.items_failed == 1 else "they are as they were"
    as_were = "" if result.status == "dry_run" else f"; {were}"
    return MigrationFailed(said + as_were, hint=hint, **_told(result), **facts)


def _undone(result: MigrationResult) -> MigrationFailed:
    from llmspell.errors import MigrationFailed

    return MigrationFailed(
        "an entry could not be migrated, so all that was migrated has been brought back",
        hint="mend it, or the steps, and migrate again; `llmspell migrate apply --dry-run` lists"
        " all that would fail",
        **_told(result),
    )


def list_failed(result: MigrationResult, as_json: bool) -> None:
    """Print which entries failed and why, unless a report in JSON is to hold them."""
    from llmspell.cli.report import printable
    from llmspell.security.sensitive.reports import redacted_report

    if as_json:
        return
    for error in redacted_report(result.errors[:_LISTED]):
        click.echo(printable(f"failed: {error['message']}"))
    if result.items_failed > _LISTED:
        click.echo(f"... and {result.items_failed - _LISTED:,} more")


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on the standard error, the first ones if there are many."""
    from llmspell.cli.report import print_note

    listed = list(warnings)
    for warning in listed[:_LISTED]:
        print_note("warning", warning)
    if len(listed) > _LISTED:
        print_note("warning", f"... and {len(listed) - _LISTED:,} more")


def of_schemas(result: MigrationResult) -> str:
    """Return what was migrated, and to which version, in words."""
    from llmspell.cli.report import printable

    names = ", ".join(result.schemas)
    ends = "" if result.from_version is None else f" from version {result.from_version}"
    ends += "" if result.to_version is None else f" to version {result.to_version}"
    return printable(f"of {names}{ends}")


def _show_entries(shown: list[MigrationEvent], total: int) -> None:
    from llmspell.cli.commands.history import difference_lines
    from llmspell.cli.report import printable
    from llmspell.security.sensitive.reports import redacted_report

    for event in shown:
        place = redacted_report(f"{event.scope!r} key {event.key!r}")
        click.echo(printable(f"scope {place} ({event.schema})"))
        for line in difference_lines(list(event.differences)):
            click.echo(f"  {line}")
    if shown and total > len(shown):
        click.echo(f"... and {_entries(total - len(shown))} more; --show N shows more of them")


def _entry(event: MigrationEvent) -> dict[str, Any]:
    from llmspell.security.sensitive.reports import redacted_report

    names = {"schema": event.schema, "scope": event.scope, "key": event.key}
    told: dict[str, Any] = redacted_report(names)
    told["differences"] = [difference.to_dict() for difference in event.differences]
    return told


def _told(result: MigrationResult) -> Mapping[str, Any]:
    from llmspell.security.sensitive.reports import redacted_report

    told: dict[str, Any] = redacted_report(result.to_dict())
    return told


def _print_json(result: MigrationResult, **facts: Any) -> None:
    from llmspell.cli.jsontext import print_json

    print_json({"ok": True, **_told(result), **facts})


def _entries(count: int) -> str:
    from llmspell.cli.table import counted

    return counted(count, "entry", "entries")
