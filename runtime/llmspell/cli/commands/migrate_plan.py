"""``llmspell migrate plan``: the ways to the latest versions, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.migrate_options import Chosen, open_migrations, selection_options
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.cli.commands.migrate_ways import Way, Ways

__all__ = ["plan"]

_KINDS: Final[Mapping[str, str]] = {
    "step": "step",
    "rollback": "rollback, as written",
    "derived_rollback": "rollback, derived",
    "compatible": "the schemas are compatible",
}


@click.command(
    cls=Command,
    examples=(
        "llmspell migrate plan",
        "llmspell migrate plan --schema user_profile --to 1",
        "llmspell migrate plan --scope 'user:*' --json",
    ),
)
@selection_options
@json_option
@state_options
def plan(settings: Settings, chosen: Chosen, as_json: bool) -> int:
    """Show for each version that is stored how it gets to the latest one, and what is in the way.

    Nothing is changed. A way that would lose data, or that is missing, ends with exit code 1.
    """
    from llmspell.cli.commands.migrate_ways import ways

    with open_migrations(settings) as (state, versioning):
        found = ways(state, versioning, chosen)
    closed = [way for way in found.ways if not way.is_open]
    if as_json:
        from llmspell.cli.jsontext import print_json
        from llmspell.security.sensitive.reports import redacted_report

        told = {
            "plans": [redacted_report(way.to_dict()) for way in found.ways],
            "up_to_date": found.up_to_date,
            "warnings": found.warnings,
        }
        print_json({"ok": not closed, **told})
    else:
        _show(found)
        _end(found, closed)
    return int(bool(closed))


def _show(found: Ways) -> None:
    from llmspell.cli.report import print_note, printable

    for warning in found.warnings:
        print_note("warning", warning)
    for way in found.ways:
        for line in _lines(way):
            click.echo(printable(line))


def _lines(way: Way) -> Iterator[str]:
    from llmspell.cli.table import counted

    entries = counted(way.entries, "entry", "entries")
    yield f"{way.schema}  {way.from_version} -> {way.to_version}  ({entries})"
    if way.error is not None:
        yield f"  no way: {way.error.message}"
        if way.error.hint:
            yield f"    help: {way.error.hint}"
    if way.plan is None:
        return
    for step in way.plan.steps:
        said = f": {step.description}" if step.description else ""
        ends = f"{step.from_version} -> {step.to_version}"
        yield f"  {ends}  {step.name} ({_KINDS[step.kind]}){said}"
        yield from (f"    {words}" for words in step.transforms)
    yield from (f"  unsafe: {issue}" for issue in way.plan.issues)
    yield from (f"  warning: {warning}" for warning in way.plan.warnings)


def _end(found: Ways, closed: list[Way]) -> None:
    from llmspell.cli.table import counted

    if not found.ways:
        ready = counted(found.up_to_date, "entry is", "entries are")
        click.echo(f"nothing to migrate: {ready} of the version wanted", err=True)
    elif not closed:
        click.echo("to migrate: llmspell migrate apply", err=True)
    else:
        ways = counted(len(found.ways), "way")
        said = f"{len(closed)} of {ways} cannot be taken; nothing is migrated until that is mended"
        if all(way.plan is not None for way in closed):
            said += ", or with --allow-unsafe, once you know that nothing of worth is lost"
        click.echo(said, err=True)
