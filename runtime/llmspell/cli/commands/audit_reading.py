"""``llmspell audit tail`` and ``search``: records for people, and as JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from llmspell.cli import exits
from llmspell.cli.command import Command
from llmspell.cli.commands.audit_options import TITLES, row, since_option, told, until_option
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.cli.table import Columns
    from llmspell.security.audit.record import AuditRecord

__all__ = ["search", "tail"]

_POLL_S = 0.25
_PAGE = 200
_COUNT = click.IntRange(min=0, max=2**31 - 1)


@click.command(
    cls=Command,
    examples=(
        "llmspell audit tail",
        "llmspell audit tail -n 100 --json",
        "llmspell audit tail --follow",
    ),
)
@click.option("-n", "--lines", type=_COUNT, default=20, metavar="N", help="So many (20).")
@click.option("--follow", is_flag=True, help="Go on with those to come, until Ctrl-C.")
@json_option
@config_options
def tail(settings: Settings, lines: int, follow: bool, as_json: bool) -> int:
    """Show the latest records, the newest at the end.

    With --json there is one JSON object for each line with --follow, else one with all.
    """
    from llmspell.security.audit.reading import records_after, tail

    path = settings.load().audit.path
    columns = _columns()
    records = tail(path, lines)
    if as_json and not follow:
        _print_object(records)
        return exits.OK
    seq = records[-1].seq if records else 0
    if not records and follow:
        seq = next((record.seq for record in tail(path, 1)), 0)
    try:
        while True:
            _print(records, columns, as_json)
            if not follow:
                return exits.OK
            time.sleep(_POLL_S)
            records = list(records_after(path, seq))
            seq = records[-1].seq if records else seq
    except KeyboardInterrupt:
        if not follow:
            raise
        return exits.OK  # how following is meant to end


@click.command(
    cls=Command,
    examples=(
        "llmspell audit search --actor ada --since 7d",
        "llmspell audit search --scope 'user:*' --action delete",
        "llmspell audit search --outcome access_denied --limit 10 --json",
    ),
)
@click.option("--actor", metavar="NAME", help="Only of this actor.")
@click.option("--action", metavar="NAME", help="Only this action: save, delete, grant, ...")
@click.option("--scope", metavar="PATTERN", help="Only in such scopes; * stands for any text.")
@click.option("--key", metavar="KEY", help="Only of this key.")
@click.option("--outcome", metavar="CODE", help='Only with this outcome: "ok" or an error\'s code.')
@click.option("--correlation", metavar="ID", help="Only with this correlation id.")
@since_option
@until_option
@click.option("--limit", type=_COUNT, metavar="N", help="At most so many, the latest.")
@json_option
@config_options
def search(
    settings: Settings,
    actor: str | None,
    action: str | None,
    scope: str | None,
    key: str | None,
    outcome: str | None,
    correlation: str | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    as_json: bool,
) -> int:
    """Find the records that fit all options, the latest first."""
    from llmspell.security.audit.reading import Query
    from llmspell.security.audit.reading import search as searched

    query = Query(actor, action, scope, key, outcome, correlation, since, until)
    found = searched(settings.load().audit.path, query, limit=limit)
    if as_json:
        _print_object(found)
        return exits.OK
    columns = _columns()
    page: list[AuditRecord] = []
    for record in found:
        page.append(record)
        if len(page) == _PAGE:
            _print(page, columns, as_json)
            page = []
    _print(page, columns, as_json)
    return exits.OK


def _columns() -> Columns:
    from llmspell.cli.table import Columns

    return Columns(*TITLES, numbers=("seq", "version"))


def _print_object(records: Iterable[AuditRecord]) -> None:
    from llmspell.cli.jsontext import print_json

    print_json({"ok": True, "records": [told(record) for record in records]})


def _print(records: list[AuditRecord], columns: Columns, as_json: bool) -> None:
    if as_json:
        from llmspell.cli.jsontext import print_json

        for record in records:
            print_json(told(record))
    else:
        for line in columns.lay_out([row(record) for record in records]):
            click.echo(line)
    sys.stdout.flush()
