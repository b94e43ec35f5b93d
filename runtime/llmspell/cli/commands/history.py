"""``llmspell state history``, ``diff`` and ``revert``: the versions of one key."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_state, read_state

if TYPE_CHECKING:
    from llmspell.state.difference import Difference
    from llmspell.state.history import Version
    from llmspell.state.manager import StateManager

__all__ = ["diff", "difference_lines", "history", "revert"]

_PAGE = 500
_VERSION = click.IntRange(min=1)
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}


@click.command(
    cls=Command,
    examples=(
        "llmspell state history global theme",
        "llmspell state history user:42 prefs --limit 5 --values",
        "llmspell state history user:42 prefs --before 17 --json",
    ),
)
@click.argument("scope")
@click.argument("key")
@click.option("--limit", type=_VERSION, metavar="N", help="At most N versions.")
@click.option("--before", type=_VERSION, metavar="V", help="Only versions before this one.")
@click.option("--values", is_flag=True, help="Show the value of each version, too.")
@json_option
@state_options
def history(
    settings: Settings,
    scope: str,
    key: str,
    limit: int | None,
    before: int | None,
    values: bool,
    as_json: bool,
) -> int:
    """List the versions of KEY in SCOPE, the latest first, as far as the journal reaches.

    Each line tells the version, what was done, when (UTC), the stored size, the class, and for
    whom: actor, run and correlation id. Of a deleted key the history stays for a week.
    """
    with read_state(settings) as state:
        pages = _pages(state, scope, key, before, limit, values)
        if as_json:
            from llmspell.cli.jsontext import print_json

            versions = [_told(version, values) for page in pages for version in page]
            print_json({"ok": True, **_names(scope=scope, key=key), "versions": versions})
        else:
            _print_table(pages, values)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state diff global theme 3", "llmspell state diff user:42 prefs 3 5 --json"),
)
@click.argument("scope")
@click.argument("key")
@click.argument("v1", type=_VERSION)
@click.argument("v2", type=_VERSION, required=False)
@json_option
@state_options
def diff(settings: Settings, scope: str, key: str, v1: int, v2: int | None, as_json: bool) -> int:
    """Show in which places version V1 of KEY in SCOPE differs from V2, by default the current one.

    One line for each: added, removed or changed, the path, the old and the new value. The exit
    code is 0 whether they differ or not.
    """
    with read_state(settings) as state:
        v2 = _current(state, scope, key) if v2 is None else v2
        found = state.diff(scope, key, v1, v2)
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = [difference.to_dict() for difference in found]
        versions = {"old": v1, "new": v2}
        print_json({"ok": True, "scope": scope, "key": key, **versions, "differences": told})
    elif found:
        for line in difference_lines(found):
            click.echo(line)
    else:
        click.echo(f"versions {v1} and {v2} are equal", err=True)
    return 0


@click.command(
    cls=Command,
    examples=("llmspell state revert global theme 3",),
)
@click.argument("scope")
@click.argument("key")
@click.argument("version", type=_VERSION)
@json_option
@state_options
def revert(settings: Settings, scope: str, key: str, version: int, as_json: bool) -> int:
    """Store the value that KEY in SCOPE had at VERSION again, as a new version.

    The versions in between stay in the history, so it can be undone in the same way. A time to
    expire does not come back.
    """
    with open_state(settings) as state:
        metadata = state.revert(scope, key, version)
    if as_json:
        from llmspell.cli.jsontext import print_json

        told = {"reverted_to": version, "metadata": metadata.to_dict()}
        print_json({"ok": True, "scope": scope, "key": key, **told})
    else:
        click.echo(f"version {metadata.version} has the value of version {version}", err=True)
    return 0


def _pages(
    state: StateManager, scope: str, key: str, before: int | None, limit: int | None, values: bool
) -> Iterator[list[Version]]:
    left, below = limit, before
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = state.history(scope, key, limit=size, before=below, values=values)
        if not page and below == before and not state.history(scope, key, limit=1):
            from llmspell.cli.failures import NoSuchEntry

            raise NoSuchEntry(
                f"the journal knows no version of key {key!r} in scope {scope!r}",
                hint=f"llmspell state list {scope}",
                scope=scope,
                key=key,
            )
        if page:
            yield page
        if len(page) < size:
            return
        below = page[-1].version
        left = None if left is None else left - size


def _print_table(pages: Iterator[list[Version]], values: bool) -> None:
    from llmspell.cli.table import Columns, one_line

    numbers = ("version", "bytes")
    table = Columns(
        "version", "op", "time (UTC)", "bytes", "class", "actor", "run", "correlation",
        numbers=numbers,
    )  # fmt: skip
    for page in pages:
        lines = table.lay_out([_row(version) for version in page])
        if len(lines) > len(page):
            click.echo(lines.pop(0))
        for version, line in zip(page, lines, strict=True):
            click.echo(line)
            if values and version.op == "put":
                click.echo(f"    {one_line(version.value)}")


def _row(version: Version) -> list[str]:
    from llmspell.state.entry import timestamp

    origin = _names(actor=version.actor, run=version.run_id, correlation=version.correlation_id)
    return [
        str(version.version),
        version.op,
        # To the microsecond: "llmspell backup restore --at" then has this very change in it.
        f"{timestamp(version.at_us):%Y-%m-%d %H:%M:%S.%f}",
        str(version.size_bytes),
        version.state_class,
        *(name or "-" for name in origin.values()),
    ]


def _told(version: Version, value: bool) -> dict[str, Any]:
    """Return a version as plain data; of its value nothing is hidden, it was asked for."""
    from llmspell.security.sensitive.reports import redacted_report

    facts = version.to_dict(value=value)
    return {name: of if name == "value" else redacted_report(of) for name, of in facts.items()}


def _names(**names: str | None) -> dict[str, str | None]:
    """Return names without what is sensitive in them."""
    from llmspell.security.sensitive.reports import redacted_report

    return {name: redacted_report(of) for name, of in names.items()}


def difference_lines(found: Iterable[Difference]) -> Iterator[str]:
    """Yield differences as lines for people, in colour on a terminal."""
    from llmspell.cli.report import printable, use_colour
    from llmspell.cli.table import one_line

    colour = use_colour(sys.stdout)
    for path, kind, old, new in found:
        sides = [one_line(old)] * (kind != "added") + [one_line(new)] * (kind != "removed")
        line = f"{kind:<7}  {printable(path)}  {' -> '.join(sides)}"
        yield click.style(line, fg=_COLOURS[kind]) if colour else line


def _current(state: StateManager, scope: str, key: str) -> int:
    metadata = state.get_metadata(scope, key)
    if metadata is None:
        from llmspell.cli.failures import NoSuchEntry

        raise NoSuchEntry(
            f"scope {scope!r} has no key {key!r} to compare with",
            hint="name two versions, if it was deleted; llmspell state history lists them",
            scope=scope,
            key=key,
        )
    return metadata.version
