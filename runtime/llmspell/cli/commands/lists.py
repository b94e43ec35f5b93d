"""``llmspell state list``, ``scopes`` and ``stats``: what there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_existing, read_state

if TYPE_CHECKING:
    from llmspell.state.manager import StateManager

__all__ = ["list_", "scopes", "stats"]

_PAGE = 5000


@click.command(
    cls=Command,
    name="list",
    examples=(
        "llmspell state list global",
        "llmspell state list user:42 --prefix prefs. --limit 20",
        "llmspell state list user:42 --after prefs.size --limit 20",
    ),
)
@click.argument("scope")
@click.option("--prefix", default="", metavar="TEXT", help="Only keys that begin with this.")
@click.option("--after", metavar="KEY", help="Only keys sorted after this one.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N keys.")
@json_option
@state_options
def list_(
    settings: Settings,
    scope: str,
    prefix: str,
    after: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    """List the keys of SCOPE, sorted, one per line; of an empty scope, nothing.

    What is sensitive in a name is not shown; "llmspell state export" has the names as they are.
    """
    from llmspell.security.sensitive.reports import redact_names, redacted_report

    with read_state(settings) as state:
        keys = map(redact_names, _pages(state, scope, prefix, after, limit))
        if as_json:
            from llmspell.cli.jsontext import print_json

            found = [key for page in keys for key in page]
            print_json({"ok": True, "scope": redacted_report(scope), "keys": found})
        else:
            for page in keys:
                click.echo("\n".join(page))
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state scopes", "llmspell state scopes --prefix agent:"),
)
@click.option("--prefix", default="", metavar="TEXT", help="Only scopes that begin with this.")
@json_option
@state_options
def scopes(settings: Settings, prefix: str, as_json: bool) -> int:
    """List the scopes that hold keys, sorted, one per line.

    What is sensitive in a name is not shown; "llmspell state export" has the names as they are.
    """
    from llmspell.security.sensitive.reports import redact_names

    with read_state(settings) as state:
        found = redact_names(state.list_scopes(prefix))
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "scopes": found})
    elif found:
        click.echo("\n".join(found))
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state stats", "llmspell state stats --json"),
)
@json_option
@state_options
def stats(settings: Settings, as_json: bool) -> int:
    """Show where the state is stored, how much there is, and how safely it is written.

    The journal counts as "changes"; "cache" is what this one command kept in memory.
    """
    with open_existing(settings) as state:
        figures = state.get_stats()
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "stats": figures})
        return 0
    flat = dict(_flat(figures))
    width = max(map(len, flat), default=0)
    for name, value in flat.items():
        click.echo(f"{name:<{width}}  {value}")
    return 0


def _pages(
    state: StateManager, scope: str, prefix: str, after: str | None, limit: int | None
) -> Iterator[list[str]]:
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = state.list_keys(scope, prefix=prefix, after=after, limit=size)
        if page:
            yield page
        if len(page) < size:
            return
        after = page[-1]
        left = None if left is None else left - size


def _flat(figures: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
