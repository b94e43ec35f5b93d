"""``llmspell backup list``: what there is. It does not need the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_again import again
from llmspell.cli.commands.backup_ids import failed_ids
from llmspell.cli.commands.backup_options import open_backups
from llmspell.cli.options import Settings, config_options, json_option

if TYPE_CHECKING:
    from llmspell.backup.chain import Catalogue
    from llmspell.backup.model import Manifest

__all__ = ["list_"]


@click.command(
    cls=Command,
    name="list",
    examples=(
        "llmspell backup list",
        "llmspell backup list --type full --limit 5",
        "llmspell backup list --json",
    ),
)
@click.option("--type", "type_", metavar="TYPE", help="Only full, incremental, ... ones.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N backups.")
@json_option
@config_options
def list_(settings: Settings, type_: str | None, limit: int | None, as_json: bool) -> int:
    """List the backups, the latest first.

    Those that were DAMAGED when they were verified for the last time say so; of those whose
    manifest is damaged a warning tells.
    """
    with open_backups(settings) as backups:
        if type_ is not None:
            from llmspell.backup.model import check_type

            check_type(type_)
        catalogue = backups.catalogue()
        found = [each for each in catalogue.manifests() if type_ in (None, each.type)][:limit]
        failed = failed_ids(backups)
        place = backups.repository.location
    if as_json:
        from llmspell.cli.commands.backup_words import redacted
        from llmspell.cli.jsontext import print_json

        listed = [redacted(each) for each in found]
        failing = [each.id for each in found if each.id in failed]
        damaged = {"damaged": catalogue.damaged, "failed_verification": failing}
        print_json({"ok": True, "backups": listed, **damaged})
        return 0
    _print_table(found, failed)
    _print_damaged(catalogue)
    if not found and not catalogue.damaged:
        what = "backups" if type_ is None else f"{type_} backups"
        click.echo(
            f"there are no {what} in {place}; {again(settings, 'create')} makes one", err=True
        )
    return 0


def _print_table(found: list[Manifest], failed: set[str]) -> None:
    from llmspell.backup.model import time_of
    from llmspell.cli.commands.backup_words import readable, size_text
    from llmspell.cli.table import Columns, time_text

    table = Columns(
        "id", "type", "created (UTC)", "entries", "deleted", "stored", "made from", "label",
        numbers=("entries", "deleted", "stored"),
    )  # fmt: skip
    rows = [
        (
            each.id,
            each.type,
            time_text(time_of(each.created_us))[:-4],
            f"{each.entries:,}",
            f"{each.deletions:,}",
            size_text(each.stored_bytes),
            each.base or readable(each.scope),
            "DAMAGED " * (each.id in failed) + readable(each.label),
        )
        for each in found
    ]
    for line in table.lay_out(rows):
        click.echo(line)


def _print_damaged(catalogue: Catalogue) -> None:
    from llmspell.cli.report import print_note

    for problem in catalogue.damaged.values():
        print_note("warning", problem)
