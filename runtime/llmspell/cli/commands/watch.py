"""``llmspell state watch``: changes as they are made."""

from __future__ import annotations

import queue
import sys
from typing import TYPE_CHECKING

import click

from llmspell.cli import exits
from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.state.watches import Event

__all__ = ["watch"]

#: As many may wait to be printed; then reading the journal waits, and nothing is left out.
_WAITING = 1000
_TICK_S = 1.0


@click.command(
    cls=Command,
    examples=(
        "llmspell state watch global",
        "llmspell state watch user:42 --prefix prefs.",
        "llmspell state watch global --json | jq .key",
    ),
)
@click.argument("scope")
@click.option("--prefix", default="", metavar="TEXT", help="Only keys that begin with this.")
@json_option
@state_options
def watch(settings: Settings, scope: str, prefix: str, as_json: bool) -> int:
    """Print the changes of SCOPE as they are made, one line each, until Ctrl-C.

    A line tells the time (UTC), what was done, the key, its version and the value. With --json
    each line is a JSON object.
    """
    waiting: queue.Queue[Event] = queue.Queue(_WAITING)
    with open_state(settings) as state:
        state.watch(scope, prefix, waiting.put)
        try:
            click.echo(f"watching scope {scope!r}; Ctrl-C ends it", err=True)
            while True:
                _print_next(waiting, as_json)
        except KeyboardInterrupt:  # how a watch is meant to end
            return exits.OK


def _print_next(waiting: queue.Queue[Event], as_json: bool) -> None:
    """Print what waits, or what comes within a moment."""
    from llmspell.cli.jsontext import print_json

    try:
        event = waiting.get(timeout=_TICK_S)
        while True:
            if as_json:
                print_json(event.to_dict())
            else:
                click.echo(_line(event))
            event = waiting.get_nowait()
    except queue.Empty:
        sys.stdout.flush()


def _line(event: Event) -> str:
    from llmspell.cli.report import printable
    from llmspell.cli.table import one_line, time_text
    from llmspell.state.entry import timestamp

    line = f"{time_text(timestamp(event.at_us))}  {event.op:<6}  {event.key}  v{event.version}"
    return printable(f"{line}  {one_line(event.value)}" if event.op == "put" else line)
