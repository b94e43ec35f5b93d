"""``llmspell backup schedule``: make backups when they are due."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import click

from llmspell.cli import exits
from llmspell.cli.command import Command
from llmspell.cli.commands.backup_options import open_backed_up, open_backups
from llmspell.cli.options import Settings, json_option, state_options

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import BackupEvent, Manifest
    from llmspell.backup.schedule import Schedule
    from llmspell.state.manager import StateManager

__all__ = ["schedule"]

_RETRY_US: Final = 300 * 1_000_000
_TICK_S: Final = 1.0
_ENDING: Final = ("SIGINT", "SIGTERM", "SIGHUP")


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
    with open_backed_up(settings) as state:
        state.backup_health()  # who may not make backups is told now, not at the first one
        wanted = _scheduled(state.backups)
        return _once(state, wanted, as_json) if once else _Foreground(state, as_json).run()


def _scheduled(backups: BackupManager) -> Schedule:
    wanted = backups.schedule
    if not wanted.entries:
        from llmspell.errors import ConfigError

        raise ConfigError(
            "no backups are scheduled",
            hint='set state.backup.schedule.full, for example to "0 3 * * 0" (Sundays at three),'
            '\nand state.backup.schedule.incremental, for example to "0 * * * *" (every hour)',
            key="state.backup.schedule",
        )
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


def _once(state: StateManager, wanted: Schedule, as_json: bool) -> int:
    told = _Lines(state.backups, is_quiet=as_json)
    made = state.run_due_backups(on_event=told.follow)
    if as_json:
        from llmspell.cli.commands.backup_words import redacted
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "backups": [redacted(each) for each in made]})
    elif not made:
        click.echo(f"nothing is due; {_next_text(wanted)}", err=True)
    return exits.OK


class _Lines:
    """Prints a line for every backup when it is made, and for what was removed."""

    def __init__(
        self, backups: BackupManager, *, as_json: bool = False, is_quiet: bool = False
    ) -> None:
        self._backups, self._as_json, self._is_quiet = backups, as_json, is_quiet

    def follow(self, event: BackupEvent) -> None:
        if event.kind != "finished" or self._is_quiet:
            return
        if event.action == "create":
            self._print_made(self._backups.get(event.id))
        elif event.action == "prune" and event.done and not self._as_json:
            from llmspell.cli.table import counted

            click.echo(f"{_now_text()}  removed {counted(event.done, 'old backup')}")

    def _print_made(self, made: Manifest) -> None:
        if self._as_json:
            from llmspell.cli.commands.backup_words import redacted
            from llmspell.cli.jsontext import print_json

            print_json({"ok": True, **redacted(made)})
            return
        from llmspell.cli.commands.backup_create import made_text

        click.echo(f"{_now_text()}  {made.id}  {made_text(made)}")


class _Foreground:
    """Makes what is due, in a thread, while the main one waits to be told to end."""

    def __init__(self, state: StateManager, as_json: bool) -> None:
        self._state, self._as_json = state, as_json
        self._lines = _Lines(state.backups, as_json=as_json)
        self._retry_at_us: int | None = None
        self._gives_up = threading.Event()

    def run(self) -> int:
        from llmspell.backup.scheduler import Scheduler

        click.echo(f"{_next_text(self._state.backups.schedule)}; Ctrl-C ends it", err=True)
        with _asked_to_end() as is_asked:
            scheduler = Scheduler(self._run_due, self._next_at)
            scheduler.start()
            is_asked()
            ending = threading.Thread(target=scheduler.close)
            ending.start()
            while ending.is_alive():
                ending.join(_TICK_S)
                if ending.is_alive() and not self._gives_up.is_set() and is_asked(wait=False):
                    self._gives_up.set()
        return exits.OK

    def _run_due(self) -> None:
        self._retry_at_us = None
        try:
            self._state.run_due_backups(on_event=self._follow)
        except Exception as error:
            from llmspell.cli.guard import report_failure

            self._retry_at_us = _now_us() + _RETRY_US
            report_failure(error, as_json=self._as_json)

    def _follow(self, event: BackupEvent) -> None:
        if self._gives_up.is_set():
            from llmspell.cli.failures import Interrupted

            raise Interrupted("the backup under way was given up; nothing is left of it")
        self._lines.follow(event)

    def _next_at(self) -> int:
        at_us = self._state.backups.next_due()
        return at_us if self._retry_at_us is None else min(at_us, self._retry_at_us)


@contextmanager
def _asked_to_end() -> Iterator[Callable[..., bool]]:
    """Yield a function that tells whether a signal has asked for the end, or waits for one.

    A handler must not touch a lock that the thread it interrupts may hold: this queue has none.
    """
    asked: SimpleQueue[int] = SimpleQueue()

    def is_asked(*, wait: bool = True) -> bool:
        while True:
            try:
                asked.get(timeout=_TICK_S if wait else 0)
                return True
            except Empty:
                if not wait:
                    return False

    previous = {}
    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, lambda number, _frame: asked.put(number))
    try:
        yield is_asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _next_text(wanted: Schedule) -> str:
    from llmspell.backup.model import time_of
    from llmspell.cli.table import time_text

    coming = [f"{name} at {time_text(time_of(at))[:-7]}" for name, at in wanted.next(_now_us())]
    return f"next (UTC): {', '.join(coming)}"


def _now_us() -> int:
    return time.time_ns() // 1000


def _now_text() -> str:
    from llmspell.backup.model import time_of
    from llmspell.cli.table import time_text

    return time_text(time_of(_now_us()))[:-4]
