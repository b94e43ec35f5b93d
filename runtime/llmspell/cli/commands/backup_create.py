"""``llmspell backup create``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_options import following, open_backed_up
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.backup.model import Manifest

__all__ = ["create", "made_text"]


@click.command(
    cls=Command,
    examples=(
        "llmspell backup create",
        "llmspell backup create --type incremental",
        "llmspell backup create --scope user:42 --label 'before the import'",
    ),
)
@click.option(
    "--type",
    "type_",
    metavar="TYPE",
    help="full, incremental, differential or scope. Default: full.",
)
@click.option("--base", metavar="ID", help="Hold the changes since this one. Default: the last.")
@click.option("--scope", metavar="SCOPE", help="Only the entries of this scope (--type scope).")
@click.option(
    "--label", metavar="TEXT", help='A name for people. Prune never removes "keep" and "keep: ...".'
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out values that do not decrypt.")
@json_option
@state_options
def create(
    settings: Settings,
    type_: str | None,
    base: str | None,
    scope: str | None,
    label: str | None,
    skip_unreadable: bool,
    as_json: bool,
) -> int:
    """Make a backup and print its id.

    A full one has every stored entry. An incremental one has what was changed since the last
    backup, a differential one what was changed since the last full one. Scripts may go on
    meanwhile: a backup shows one moment.
    """
    wanted = type_ or ("scope" if scope is not None else "incremental" if base else "full")
    with open_backed_up(settings) as state, following("backing up") as follow:
        made = state.create_backup(
            wanted,
            base=base,
            scope=scope,
            label=label,
            skip_unreadable=skip_unreadable,
            on_event=follow,
        )
    if as_json:
        from llmspell.cli.commands.backup_words import redacted
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, **redacted(made), "unreadable": made.unreadable})
        return 0
    click.echo(made.id)
    click.echo(made_text(made), err=True)
    if made.base is not None and base is None:
        click.echo(f"it is made from {made.base}", err=True)
    _warn(made)
    return 0


def made_text(made: Manifest) -> str:
    """Return what was made in one line."""
    from llmspell.cli.commands.backup_words import contents_text, readable, size_text, took_text
    from llmspell.cli.report import printable

    article = "an" if made.type == "incremental" else "a"
    what = f"{article} {made.type} backup"
    if made.scope is not None:
        what = f"a backup of scope {readable(made.scope)!r}"
    sizes = f"{size_text(made.stored_bytes)} for {size_text(made.size_bytes)}"
    took = took_text((made.completed_us - made.created_us) / 1000)
    checked = "" if made.verified_us is None else ", verified"
    return printable(f"made {what}: {contents_text(made)}, {sizes}, in {took}{checked}")


def _warn(made: Manifest) -> None:
    from llmspell.cli.report import print_note
    from llmspell.cli.table import counted

    if made.unreadable:
        left = f"left out {counted(made.unreadable, 'value')} that did not decrypt"
        print_note("warning", f"{left}; `llmspell keys verify` tells which")
