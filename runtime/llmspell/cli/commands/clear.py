"""``llmspell state clear``: all entries of a scope at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.state.manager import StateManager

__all__ = ["clear"]

_PAGE = 5000


@click.command(
    cls=Command,
    examples=("llmspell state clear session:77", "llmspell state clear session:77 --yes"),
)
@click.argument("scope")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@json_option
@state_options
def clear(settings: Settings, scope: str, yes: bool, as_json: bool) -> int:
    """Delete every entry of SCOPE; a scope that holds none ends with exit code 1.

    With the journal on, a checkpoint made before leads back, and each key keeps its history.
    """
    from llmspell.cli.confirm import confirmed
    from llmspell.cli.table import counted

    with open_state(settings) as state:
        there = _count(state, scope)
        if not there:
            raise _empty(scope)
        entries = counted(there, "entry", "entries")
        if not confirmed(f"would delete {entries} of scope {scope!r}", yes=yes, as_json=as_json):
            return 1
        count = state.clear(scope)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "scope": scope, "entries": count})
    else:
        click.echo(f"deleted {counted(count, 'entry', 'entries')}", err=True)
    return 0


def _count(state: StateManager, scope: str) -> int:
    count, after = 0, None
    while keys := state.list_keys(scope, after=after, limit=_PAGE):
        count, after = count + len(keys), keys[-1]
    return count


def _empty(scope: str) -> Exception:
    from llmspell.cli.failures import NoSuchEntry

    return NoSuchEntry(
        f"scope {scope!r} holds no entries", hint="llmspell state scopes", scope=scope
    )
