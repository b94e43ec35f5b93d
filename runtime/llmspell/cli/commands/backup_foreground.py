"""Making scheduled backups in the foreground, until a signal asks for the end."""

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
from llmspell.cli.commands.backup_options import advising

if TYPE_CHECKING:
    from llmspell.backup.manager import BackupManager
    from llmspell.backup.model import BackupEvent, Manifest
    from llmspell.backup.schedule import Schedule
    from llmspell.backup.scheduler import Scheduler
    from llmspell.cli.options import Settings
    from llmspell.state.manager import StateManager

__all__ = ["Foreground", "Lines", "next_text"]

_RETRY_US: Final = 300 * 1_000_000
_TICK_S: Final = 1.0
_PATIENCE_S: Final = 0.05
_ENDING: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Lines:
    """Prints a line for every backup when it is made, and for what was removed."""

    def __init__(self, backups: BackupManager, store: str, *, as_json: bool = False) -> None:
        self._backups, self._store, self._as_json = backups, store, as_json

    def follow(self, event: BackupEvent) -> None:
        """Take a callback's event."""
        if event.kind != "finished":
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

        told = made_text(made, self._store, self._backups.repository.location)
        click.echo(f"{_now_text()}  {made.id}  {told}")


class Foreground:
    """Makes what is due, in a thread, while the main one waits to be told to end."""

    def __init__(
        self, settings: Settings, state: StateManager, store: str, *, as_json: bool
    ) -> None:
        self._settings, self._state, self._as_json = settings, state, as_json
        self._lines = Lines(state.backups, store, as_json=as_json)
        self._retry_at_us: int | None = None
        self._gives_up = threading.Event()

    def run(self) -> int:
        """Return the exit code when a signal has asked for the end."""
        from llmspell.backup.scheduler import Scheduler

        self._state.backup_health()  # who may not make backups is told now, not at the first one
        click.echo(f"{next_text(self._state.backups.schedule)}; Ctrl-C ends it", err=True)
        with _asked_to_end() as is_asked:
            scheduler = Scheduler(self._run_due, self._next_at)
            scheduler.start()
            is_asked()
            self._end(scheduler, is_asked)
        return exits.OK

    def _end(self, scheduler: Scheduler, is_asked: Callable[..., bool]) -> None:
        ending = threading.Thread(target=scheduler.close)
        ending.start()
        ending.join(_PATIENCE_S)
        if ending.is_alive():
            click.echo("ending after the backup under way; Ctrl-C again gives it up", err=True)
        while ending.is_alive():
            if not self._gives_up.is_set() and is_asked(wait=False):
                self._gives_up.set()
            ending.join(_PATIENCE_S)

    def _run_due(self) -> None:
        self._retry_at_us = None
        try:
            with advising(self._settings):
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


def next_text(wanted: Schedule) -> str:
    """Return when which backup is due next."""
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
