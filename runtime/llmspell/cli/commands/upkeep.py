"""``llmspell state compact`` and ``verify``: keeping a store small, and knowing it sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, age, json_option, state_options
from llmspell.cli.progress import advancing
from llmspell.cli.store_access import open_existing, open_state

if TYPE_CHECKING:
    from llmspell.state.verified import Problem

__all__ = ["compact", "verify"]

#: Nothing is older than this; it keeps times within 64 bits.
_CENTURY_S = 100 * 365 * 86_400.0
#: So many problems are listed; beyond that the store is best restored from a backup.
_LISTED = 1000


@click.command(
    cls=Command,
    examples=(
        "llmspell state compact",
        "llmspell state compact --older-than 30d",
        "llmspell state compact --max-changes 10000",
    ),
)
@click.option(
    "--older-than",
    callback=age,
    metavar="TIME",
    help="Changes older than this may go (30d, 12h, 5m).",
)
@click.option(
    "--max-changes",
    type=click.IntRange(min=0, max=2**53),
    metavar="N",
    help="Changes may go that N later ones follow.",
)
@json_option
@state_options
def compact(
    settings: Settings, older_than: float | None, max_changes: int | None, as_json: bool
) -> int:
    """Remove changes from the journal that were replaced since, and entries that have expired.

    Without options the bounds are the configured ones; otherwise those given alone. What is
    stored stays as it is. Versions and checkpoints that are compacted away cannot be returned to.
    """
    removed = expired = purged = 0
    age = None if older_than is None else min(older_than, _CENTURY_S)
    with open_state(settings) as state, advancing("compacting") as show:
        for step in state.compact(max_age_s=age, max_changes=max_changes):
            removed += step.removed
            expired += step.expired
            purged += step.purged
            show(None)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "removed": removed, "expired": expired, "purged": purged})
    else:
        from llmspell.cli.table import counted

        done = f"removed {counted(removed, 'change')}"
        if expired or purged:
            done += f", {expired:,} expired, {purged:,} forgotten that were deleted long ago"
        click.echo(done, err=True)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state verify", "llmspell state verify --json"),
)
@json_option
@state_options
def verify(settings: Settings, as_json: bool) -> int:
    """Check the whole store; what is wrong is listed, and ends with exit code 1.

    Every value must decode and have its checksum, the journal must have no gaps and be one chain
    of rising versions for each key, and each entry must be what its latest change wrote. On
    SQLite the file itself is checked, too. Scripts may go on meanwhile.
    """
    entries = changes = found = 0
    problems: list[Problem] = []
    with open_existing(settings) as state, advancing("checking") as show:
        for step in state.verify():
            entries += step.entries
            changes += step.changes
            found += len(step.problems)
            problems += step.problems[: _LISTED - len(problems)]
            show(step.share)
    counts = {"entries": entries, "changes": changes}
    if found:
        raise _damaged(problems, found, counts, as_json)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **counts})
    else:
        from llmspell.cli.table import counted

        click.echo(
            f"all well: {counted(entries, 'entry', 'entries')}, {counted(changes, 'change')}"
        )
    return 0


def _damaged(
    problems: list[Problem], found: int, counts: dict[str, int], as_json: bool
) -> Exception:
    """List the problems, unless a report in JSON is to hold them; return the error to end with."""
    from llmspell.cli.table import counted
    from llmspell.errors import StorageError

    if not as_json:
        for problem in problems:
            click.echo(_line(problem))
        if found > len(problems):
            click.echo(f"... and {found - len(problems):,} more")
    checked = f"{counted(counts['entries'], 'entry', 'entries')} and"
    return StorageError(
        f"found {counted(found, 'problem')} in {checked} {counted(counts['changes'], 'change')}",
        hint="save a damaged entry again, revert it, or restore a backup",
        reason="corrupt",
        found=found,
        **counts,
        problems=[problem.to_dict() for problem in problems],
    )


def _line(problem: Problem) -> str:
    from llmspell.cli.report import printable

    places = (
        f"scope {problem.scope!r}" if problem.scope is not None else "",
        f"key {problem.key!r}" if problem.key is not None else "",
        f"version {problem.version}" if problem.version is not None else "",
        f"change {problem.seq}" if problem.seq is not None else "",
    )
    place = " ".join(filter(None, places))
    return printable(f"{place}: {problem.what}" if place else problem.what)
