"""``llmspell state conflicts``: writes of an outage that the database no longer took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.command import Command, Group, Lazy
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_state

if TYPE_CHECKING:
    from llmspell.state.manager import StateManager
    from llmspell.store.base import Row
    from llmspell.store.failover.store import FailoverStore
    from llmspell.store.failover.values import Conflict, Side

__all__ = ["conflicts", "list_", "resolve", "show"]

_HERE = "llmspell.cli.commands.conflicts"


@click.group(
    cls=Group,
    name="conflicts",
    invoke_without_command=True,
    lazy={
        "list": Lazy(f"{_HERE}:list_", "List the conflicts."),
        "show": Lazy(f"{_HERE}:show", "Show both sides of one."),
        "resolve": Lazy(f"{_HERE}:resolve", "Keep one side."),
    },
    examples=(
        "llmspell state conflicts",
        "llmspell state conflicts show 17",
        "llmspell state conflicts resolve 17 --ours",
    ),
)
@json_option
@state_options
@click.pass_context
def conflicts(ctx: click.Context, settings: Settings, as_json: bool) -> int | None:
    """Show and resolve conflicts: writes of an outage that the database no longer took.

    Somebody else had written the entry meanwhile. Without a command, list them.
    """
    return None if ctx.invoked_subcommand else _list(settings, as_json or settings.as_json)


@click.command(
    cls=Command,
    name="list",
    examples=("llmspell state conflicts list", "llmspell state conflicts list --json"),
)
@json_option
@state_options
def list_(settings: Settings, as_json: bool) -> int:
    """List the conflicts, the oldest first, one line for each key.

    A line tells the number, when ours was written (UTC), scope and key, the version it was
    based on, what ours did, and what the database holds instead.
    """
    return _list(settings, as_json)


@click.command(
    cls=Command,
    examples=("llmspell state conflicts show 17", "llmspell state conflicts show 17 --json"),
)
@click.argument("number", metavar="ID", type=int)
@json_option
@state_options
def show(settings: Settings, number: int, as_json: bool) -> int:
    """Show both sides of conflict ID with their values."""
    with _open(settings) as (state, store):
        conflict = _permitted(state, store.conflict(number), "read")
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "conflict": _to_dict(conflict, values=True)})
        return 0
    from llmspell.cli.display import display

    for name, text in _facts(conflict):
        click.echo(f"{name:<8}  {text}")
    for side in conflict.sides:
        click.echo(f"\n{side.scope} {side.key}")
        click.echo(f"  base    {_version(side.base)}")
        for name, row in (("ours", side.ours), ("theirs", side.theirs)):
            shown = "(deleted)" if row is None else display(_value(row))
            told = "" if row is None or name == "ours" else f"  (version {row.version})"
            click.echo(f"  {name:<6}  " + shown.replace("\n", "\n          ") + told)
    return 0


@click.command(
    cls=Command,
    examples=(
        "llmspell state conflicts resolve 17 --ours",
        "llmspell state conflicts resolve 17 18 --theirs",
        "llmspell state conflicts resolve --all --theirs",
    ),
)
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All conflicts, the oldest first.")
@click.option("--ours", "keep", flag_value="ours", help="Write ours over theirs.")
@click.option("--theirs", "keep", flag_value="theirs", help="Drop ours.")
@json_option
@state_options
def resolve(
    settings: Settings, numbers: tuple[int, ...], everything: bool, keep: str | None, as_json: bool
) -> int:
    """End conflicts: keep ours, as a new version over theirs, or theirs.

    Ours needs the database. If theirs has changed since the conflict was found, nothing is
    written (version_conflict): look at it again first.
    """
    if keep is None:
        raise click.UsageError("say which side to keep: --ours or --theirs")
    if everything == bool(numbers):
        raise click.UsageError("give either IDs or --all")
    with _open(settings) as (state, store):
        chosen = [found.id for found in store.conflicts()] if everything else list(numbers)
        for number in chosen:
            _permitted(state, store.conflict(number), "read_write,delete")
        for number in chosen:
            store.keep_ours(number) if keep == "ours" else store.keep_theirs(number)
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "resolved": chosen, "kept": keep})
    else:
        click.echo(f"kept {keep} of {_count(len(chosen), 'conflict')}", err=True)
    return 0


def _list(settings: Settings, as_json: bool) -> int:
    with _open(settings) as (state, store):
        found, health = _readable(state, store.conflicts()), store.health()
    from llmspell.security.sensitive.reports import redacted_report

    if as_json:
        from llmspell.cli.jsontext import print_json

        listed = [redacted_report(_to_dict(conflict, values=False)) for conflict in found]
        print_json({"ok": True, "conflicts": listed, "failover": health})
        return 0
    for conflict in found:
        for side in conflict.sides:
            click.echo(redacted_report("  ".join(_line(conflict, side))))
    if health["breaker"] != "closed":
        from llmspell.cli.report import print_note

        waiting = _count(health["waiting_writes"], "write")
        print_note("note", f"the database cannot be reached; waiting for it: {waiting}")
    return 0


@contextmanager
def _open(settings: Settings) -> Iterator[tuple[StateManager, FailoverStore]]:
    from llmspell.errors import ConfigError
    from llmspell.store.failover.store import failover_of

    with open_state(settings) as state:
        store = failover_of(state.store)
        if store is None:
            raise ConfigError(
                "failover is not switched on, so there are no conflicts",
                hint="set state.failover.enabled = true",
                key="state.failover.enabled",
            )
        yield state, store


def _permitted(state: StateManager, conflict: Conflict, permission: str) -> Conflict:
    """Return the conflict if whoever calls may do that in all scopes it is about."""
    for side in conflict.sides:
        state.check_access(side.scope, permission)
    return conflict


def _readable(state: StateManager, conflicts: list[Conflict]) -> list[Conflict]:
    """Leave out what whoever calls may not read."""
    from llmspell.errors import AccessDenied

    found = []
    for conflict in conflicts:
        with suppress(AccessDenied):
            found.append(_permitted(state, conflict, "read"))
    return found


def _line(conflict: Conflict, side: Side) -> Iterator[str]:
    yield str(conflict.id)
    yield _time(conflict.at)
    yield f"{side.scope} {side.key}"
    yield f"base: {_version(side.base)}"
    yield "ours: " + ("deleted" if side.ours is None else f"{len(side.ours.blob)} bytes")
    theirs = side.theirs
    yield "theirs: " + ("deleted" if theirs is None else f"version {theirs.version}")


def _facts(conflict: Conflict) -> Iterator[tuple[str, str]]:
    yield "conflict", str(conflict.id)
    yield "written", _time(conflict.at)
    yield "refused", _time(conflict.found_at)
    who = [part for part in conflict.origin if part]
    if who:
        yield "by", " ".join(who)
    if conflict.problem:
        yield "because", conflict.problem


def _to_dict(conflict: Conflict, *, values: bool) -> dict[str, Any]:
    return {
        "id": conflict.id,
        "written_at": _time(conflict.at),
        "refused_at": _time(conflict.found_at),
        "problem": conflict.problem,
        **conflict.origin._asdict(),
        "entries": [
            {
                "scope": side.scope,
                "key": side.key,
                "base_version": side.base,
                "ours": _row(side.ours, values, {}),
                "theirs": side.theirs
                and _row(side.theirs, values, {"version": side.theirs.version}),
            }
            for side in conflict.sides
        ],
    }


def _row(row: Row | None, values: bool, facts: dict[str, Any]) -> dict[str, Any] | None:
    if row is None:
        return None
    facts |= {
        "updated_at": _time(row.updated_at),
        "size_bytes": len(row.blob),
        "schema_version": row.schema_version,
        "class": row.state_class,
        "correlation_id": row.correlation_id,
        "expires_at": None if row.expires_at is None else _time(row.expires_at),
    }
    return facts | {"value": _value(row)} if values else facts


def _value(row: Row) -> Any:
    from llmspell.store.codec import decode

    return decode(row.blob)


def _version(version: int | None) -> str:
    if version is None:
        return "not known"
    return f"version {version}" if version else "no entry"


def _time(at: int) -> str:
    from llmspell.cli.jsontext import iso_text

    return iso_text(datetime.fromtimestamp(at / 1_000_000, UTC))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
