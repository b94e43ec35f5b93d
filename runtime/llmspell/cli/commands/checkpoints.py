"""``llmspell state checkpoint``, ``checkpoints`` and ``rollback``: going back as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_state, read_state

if TYPE_CHECKING:
    from llmspell.state.checkpoints import RolledBack

__all__ = ["checkpoint", "checkpoints", "rollback"]


@click.command(
    cls=Command,
    examples=("llmspell state checkpoint", "llmspell state checkpoint 'before the import'"),
)
@click.argument("label", required=False)
@json_option
@state_options
def checkpoint(settings: Settings, label: str | None, as_json: bool) -> int:
    """Mark this moment, so that rollback can return to it, and print the mark's id.

    LABEL is a name for people; of several with one label, rollback takes the latest.
    """
    with open_state(settings) as state:
        name = state.checkpoint(label)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "checkpoint": name, "label": label})
    else:
        click.echo(name)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state checkpoints", "llmspell state checkpoints --json"),
)
@json_option
@state_options
def checkpoints(settings: Settings, as_json: bool) -> int:
    """List the checkpoints, the latest first.

    One to which the journal no longer reaches is marked "compacted": it is of no use any more.
    """
    with read_state(settings) as state:
        marks = state.list_checkpoints()
    from llmspell.security.sensitive.reports import redacted_report

    if as_json:
        from llmspell.cli.jsontext import print_json

        told = [redacted_report(mark.to_dict()) for mark in marks]
        print_json({"ok": True, "checkpoints": told})
        return 0
    from llmspell.cli.table import Columns, time_text
    from llmspell.state.entry import timestamp

    rows = [
        (
            mark.id,
            time_text(timestamp(mark.at_us)),
            "usable" if mark.usable else "compacted",
            redacted_report(mark.label or ""),
        )
        for mark in marks
    ]
    for line in Columns("id", "time (UTC)", "state", "label").lay_out(rows):
        click.echo(line)
    return 0


@click.command(
    cls=Command,
    examples=(
        "llmspell state rollback c3 --dry-run",
        "llmspell state rollback 'before the import' --yes",
        "llmspell state rollback c3 --scope agent:gpt-4",
    ),
)
@click.argument("checkpoint")
@click.option("--scope", metavar="SCOPE", help="Only the entries of this scope.")
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@json_option
@state_options
def rollback(
    settings: Settings, checkpoint: str, scope: str | None, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Bring every entry back to what it was at CHECKPOINT, named by its id or label.

    It is one transaction of ordinary writes. It prints the checkpoint that undoes it: one of
    the moment before.
    """
    from llmspell.cli.confirm import confirmed

    with open_state(settings) as state:
        planned = state.rollback(checkpoint, scope, dry_run=True)
        nothing = not planned.restored and not planned.removed
        if dry_run or nothing:
            _tell(planned, checkpoint, as_json, dry_run=dry_run)
            return 0
        if not confirmed(
            f"would {_counts(planned, 'restore', 'remove')}", yes=yes, as_json=as_json
        ):
            return 1
        done = state.rollback(checkpoint, scope)
    _tell(done, checkpoint, as_json, dry_run=False)
    return 0


def _counts(result: RolledBack, restore: str, remove: str) -> str:
    from llmspell.cli.table import counted

    restored = counted(result.restored, "entry", "entries")
    return f"{restore} {restored} and {remove} {result.removed:,}"


def _tell(result: RolledBack, checkpoint: str, as_json: bool, *, dry_run: bool) -> None:
    from llmspell.security.sensitive.reports import redacted_report

    named = redacted_report(checkpoint)
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = {"checkpoint": named, "dry_run": dry_run, **result._asdict()}
        print_json({"ok": True, **told})
    elif not result.restored and not result.removed:
        click.echo(f"nothing differs from checkpoint {named!r}", err=True)
    elif dry_run:
        click.echo(f"would {_counts(result, 'restore', 'remove')}", err=True)
    else:
        click.echo(_counts(result, "restored", "removed"), err=True)
        click.echo(f"to undo it: llmspell state rollback {result.before}", err=True)
