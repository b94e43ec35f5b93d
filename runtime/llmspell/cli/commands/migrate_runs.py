"""``llmspell migrate status`` and ``history``: what is of which version, and how it became so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from llmspell.cli.command import Command
from llmspell.cli.options import Settings, json_option, state_options
from llmspell.cli.store_access import open_state

__all__ = ["history", "status"]

_GO_ON: Final = "llmspell migrate apply, with the options it had, goes on with it"
_ENDS: Final[Mapping[str, str]] = {
    "completed": "completed",
    "partial": "some entries could not be migrated; llmspell migrate apply --dry-run lists them",
    "rolled_back": "rolled back",
    "interrupted": f"was interrupted; {_GO_ON}",
    "broken_off": f"was broken off, its process has ended; {_GO_ON}",
    "running": "is running",
    "rolling_back": "is not yet rolled back; unless that is going on, llmspell migrate rollback"
    " goes on with it",
}


@click.command(
    cls=Command,
    examples=(
        "llmspell migrate status",
        "llmspell migrate status --check",
        "llmspell migrate status --json",
    ),
)
@click.option("--check", is_flag=True, help="End with exit code 1 when something is to migrate.")
@json_option
@state_options
def status(settings: Settings, check: bool, as_json: bool) -> int:
    """Show how many entries are of which version, and how the last migration ended.

    "pending" are those that are not of the latest version of their schema.
    """
    with open_state(settings) as state:
        told = state.migration_status()
        if not told["running"] and told.get("last", {}).get("status") == "running":
            told["last"]["status"] = "broken_off"
    fails = check and not told["up_to_date"]
    if as_json:
        from llmspell.cli.jsontext import print_json
        from llmspell.security.sensitive.reports import redacted_report

        print_json({"ok": not fails, **redacted_report(told)})
    else:
        _show(told)
    return int(fails)


@click.command(
    cls=Command,
    examples=("llmspell migrate history", "llmspell migrate history --limit 5 --json"),
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N migrations.")
@json_option
@state_options
def history(settings: Settings, limit: int | None, as_json: bool) -> int:
    """List the migrations of many entries, the latest first.

    What scripts migrated one by one is in the history of each key: llmspell state history.
    """
    from llmspell.security.sensitive.reports import redacted_report

    with open_state(settings) as state:
        goes_on = state.migration_status()["running"]
        runs = [redacted_report(run.to_dict()) for run in state.migration_history(limit)]
    for run in runs:
        if run["status"] == "running" and not goes_on:
            run["status"] = "broken_off"
    if as_json:
        from llmspell.cli.jsontext import print_json

        print_json({"ok": True, "migrations": runs})
        return 0
    from llmspell.cli.table import Columns

    table = Columns(
        "id", "started (UTC)", "status", "entries", "failed", "actor", "migrated to",
        numbers=("entries", "failed"),
    )  # fmt: skip
    for line in table.lay_out([_row(run) for run in runs]):
        click.echo(line)
    return 0


def _show(told: dict[str, Any]) -> None:
    from llmspell.cli.report import print_note, printable
    from llmspell.cli.table import Columns, counted

    columns = ("schema", "latest", "semantic", "entries", "pending", "entries by version")
    table = Columns(*columns, numbers=("latest", "entries", "pending"))
    for line in table.lay_out([_state(name, of) for name, of in told["schemas"].items()]):
        click.echo(line)
    for line in _last(told.get("last")):
        click.echo(printable(line))
    if not told["schemas"]:
        said = "there are no schemas and no migrations in the folders of the configuration"
        print_note("warning", said)
    elif told["up_to_date"]:
        click.echo("up to date", err=True)
    elif told.get("last", {}).get("status") != "rolling_back":
        pending = counted(told["pending"], "entry is", "entries are")
        click.echo(f"{pending} to be migrated: llmspell migrate plan, then apply", err=True)


def _state(name: str, of: dict[str, Any]) -> list[str]:
    by_version = ", ".join(f"{version}: {count:,}" for version, count in of["entries"].items())
    return [
        name,
        str(of["latest"]),
        of.get("semantic_version", "-"),
        f"{sum(of['entries'].values()):,}",
        f"{of['pending']:,}",
        by_version or "-",
    ]


def _last(run: dict[str, Any] | None) -> Iterator[str]:
    from llmspell.cli.table import counted, time_text

    if run is None:
        return
    done = counted(run["items_migrated"], "entry", "entries")
    yield f"last migration: {run['id']}, {time_text(run['started_at'])} UTC, {done}"
    yield f"  {_ENDS.get(run['status'], run['status'])}"


def _row(run: dict[str, Any]) -> list[str]:
    from llmspell.cli.table import time_text

    targets = [f"{name} {version}" for name, version in run["targets"].items()]
    where = [f"{name} {run[name]}" for name in ("scope", "key") if name in run]
    return [
        run["id"],
        time_text(run["started_at"]),
        run["status"],
        f"{run['items_migrated']:,}",
        f"{run['items_failed']:,}",
        run.get("actor", "-"),
        ", ".join([*targets, *where]),
    ]
