"""``llmspell backup schedule``: make backups when they are due."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from llmspell.cli import exits
from llmspell.cli.command import Command
from llmspell.cli.commands.backup_options import configured, open_backed_up, open_backups
from llmspell.cli.commands.backup_words import store_text
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import Manifest
    from llmspell.backup.schedule import Schedule
    from llmspell.state.manager import StateManager

__all__ = ["schedule"]


@click.command(
    cls=Command,
    examples=(
        "llmspell backup schedule --show",
        "llmspell backup schedule --once",
        "llmspell -c llmspell.toml backup schedule",
    ),
)
@click.option("--once", is_flag=True, help="Make what is due now and end: for cron and timers.")
@click.option("--show", "only_show", is_flag=True, help="Only tell when which backup comes next.")
@json_option
@state_options
def schedule(settings: Settings, once: bool, only_show: bool, as_json: bool) -> int:
    """Make the backups of state.backup.schedule when they are due, until Ctrl-C or SIGTERM.

    Each one is a line on the standard output, with --json an object. What fails is told, and
    tried again; with --once it ends with exit code 1. A backup under way is made to its end
    before the command ends; a second Ctrl-C gives it up.
    """
    if once and only_show:
        raise click.UsageError("--once makes backups, --show makes none: give one of them")
    if only_show:
        with open_backups(settings) as backups:
            _show(backups, _scheduled(backups), as_json)
        return exits.OK
    config = configured(settings)
    with open_backed_up(settings, config, existing=True) as state:
        wanted, store = _scheduled(state.backups), store_text(config.state)
        if once:
            return _once(state, wanted, store, as_json)
        from llmspell.cli.commands.backup_foreground import Foreground

        return Foreground(settings, state, store, as_json=as_json).run()


def _scheduled(backups: BackupManager) -> Schedule:
    wanted = backups.schedule
    wanted.check_not_empty()
    return wanted


def _show(backups: BackupManager, wanted: Schedule, as_json: bool) -> None:
    from llmspell.backup.model import time_of
    from llmspell.cli.table import Columns, time_text

    latest: dict[str, Manifest] = {}
    for made in backups.list():
        latest.setdefault(made.type, made)
    coming = wanted.next(_now_us())
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = [
            {
                "type": type_,
                "cron": wanted.entries[type_],
                "next": time_of(at_us),
                "last": time_of(latest[type_].created_us) if type_ in latest else None,
            }
            for type_, at_us in coming
        ]
        print_json({"ok": True, "timezone": wanted.timezone, "schedule": told})
        return
    rows = [
        (
            type_,
            wanted.entries[type_],
            time_text(time_of(at_us))[:-4],
            time_text(time_of(latest[type_].created_us))[:-4] if type_ in latest else "never",
        )
        for type_, at_us in coming
    ]
    title = f"cron ({wanted.timezone})"
    for line in Columns("type", title, "next (UTC)", "last (UTC)").lay_out(rows):
        click.echo(line)


def _once(state: StateManager, wanted: Schedule, store: str, as_json: bool) -> int:
    from llmspell.cli.commands.backup_foreground import Lines, next_text

    follow = None if as_json else Lines(state.backups, store).follow
    made = state.run_due_backups(on_event=follow)
    if as_json:
        from llmspell.cli.commands.backup_words import redacted
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "backups": [redacted(each) for each in made]})
    elif not made:
        click.echo(f"nothing is due; {next_text(wanted)}", err=True)
    return exits.OK


def _now_us() -> int:
    return time.time_ns() // 1000
