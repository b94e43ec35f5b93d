"""``llmspell backup create``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.commands.backup_again import again, repeated
from llmspell.cli.commands.backup_ids import proper_id
from llmspell.cli.commands.backup_options import configured, following, open_backed_up
from llmspell.cli.commands.backup_words import contents_text, moment_text, readable, store_text
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.backup.model import Manifest
    from llmspell.state.manager import StateManager

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
    config = configured(settings)
    with open_backed_up(settings, config, existing=True) as state:
        with following("backing up") as follow:
            made = state.create_backup(
                wanted,
                base=None if base is None else proper_id(state.backups, base),
                scope=scope,
                label=label,
                skip_unreadable=skip_unreadable,
                on_event=follow,
            )
        store, place = store_text(config.state), state.backups.repository.location
        warnings = list(_warnings(settings, state, made, store))
    if as_json:
        from llmspell.cli.commands.backup_words import redacted
        from llmspell.cli.jsontext import print_json

        told = {"ok": True, **redacted(made), "unreadable": made.unreadable}
        print_json(told | ({"warnings": warnings} if warnings else {}))
        return 0
    from llmspell.cli.report import print_note

    click.echo(made.id)
    click.echo(made_text(made, store, place), err=True)
    if made.base is not None and base is None:
        click.echo(f"it is made from {made.base}", err=True)
    for warning in warnings:
        print_note("warning", warning)
    return 0


def made_text(made: Manifest, store: str, place: str) -> str:
    """Return in one line what was made, of which store and where."""
    from llmspell.cli.commands.backup_words import size_text, took_text
    from llmspell.cli.report import printable

    article = "an" if made.type == "incremental" else "a"
    what = f"{article} {made.type} backup"
    if made.scope is not None:
        what = f"a backup of scope {readable(made.scope)!r}"
    sizes = f"{size_text(made.stored_bytes)} for {size_text(made.size_bytes)}"
    took = took_text((made.completed_us - made.created_us) / 1000)
    checked = "" if made.verified_us is None else ", verified"
    done = f"made {what} of {store} in {place}"
    return printable(f"{done}: {contents_text(made)}, {sizes}, in {took}{checked}")


def _warnings(settings: Settings, state: StateManager, made: Manifest, store: str) -> Iterator[str]:
    """Yield what whoever made a backup may not have meant."""
    from llmspell.cli.table import counted

    if made.unreadable:
        left = f"left out {counted(made.unreadable, 'value')} that did not decrypt"
        yield repeated(settings, f"{left}; `llmspell keys verify` tells which")
    if made.type == "full" and not made.entries:
        yield from _may_be_lost(settings, state.backups.latest(), store)
    if made.scope is not None and not made.entries:
        yield f"nothing is stored in scope {readable(made.scope)!r}{_nearest(state, made.scope)}"


def _may_be_lost(settings: Settings, latest: Manifest | None, store: str) -> Iterator[str]:
    if latest is not None and (latest.records or latest.chain):
        what = f"backup {latest.id} of {moment_text(latest.snapshot_us)[:-7]} UTC"
        undone = again(settings, "restore", latest.id)
        yield (
            f"the store {store} is empty, and {what} has {contents_text(latest)}."
            f" If it was lost: {undone}"
        )


def _nearest(state: StateManager, scope: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(scope, state.list_scopes(), n=3)
    return f"; the nearest there are: {', '.join(map(readable, near))}" if near else ""
