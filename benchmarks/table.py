"""A run as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.goals import NOT_CHOSEN
from benchmarks.labels import OPERATIONS, duration, grouped, label

__all__ = ["show"]

_COLOURS: Final = {True: "green", False: "red", None: "yellow"}


def show(document: Mapping[str, Any], console: Console) -> None:
    """Print the figures, the goals, and what is missing."""
    if document["results"]:
        console.print(_figures(document))
    if document["size"]:
        console.print(_size(document["size"]))
    # Those of what was not chosen would only be noise.
    judged = [row for row in document["goals"] if not row["note"].endswith(NOT_CHOSEN)]
    if judged:
        console.print(_goals(judged))
    if document["missing"]:
        console.print(_missing(document))


def _figures(document: Mapping[str, Any]) -> Table:
    table = Table("operation", "subject", "caller", title="The best round of each, in one run")
    for heading in ("best", "median", "ratio"):
        table.add_column(heading, justify="right")
    for operation, rows in grouped(document):
        title, yardstick = OPERATIONS[operation]
        for number, (row, ratio) in enumerate(rows):
            table.add_row(
                title if number == 0 else "",
                *label(row["name"]),
                duration(row["best_us"]),
                duration(row["median_us"]),
                "" if ratio is None else f"{ratio:.2f} x",
                style="bold" if row["name"] == yardstick else "",
            )
        table.add_section()
    table.caption = "Ratios are to the row in bold; where there is none, to another operation's."
    return table


def _size(size: Mapping[str, Any]) -> Table:
    table = Table("figure", title=f"SQLite with {size['entries']:,} entries")
    table.add_column("value", justify="right")
    for name, value in size.items():
        table.add_row(name, f"{value:,.1f}" if isinstance(value, float) else f"{value:,}")
    return table


def _goals(goals: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("what", "goal", "measured", "verdict", "note", title="Goals")
    for row in goals:
        colour = _COLOURS[row["met"]]
        table.add_row(
            row["what"],
            row["goal"],
            row["measured"] or "-",
            f"[{colour}]{row['verdict']}[/]",
            row["note"],
        )
    return table


def _missing(document: Mapping[str, Any]) -> Table:
    table = Table("name", "why", title="Not measured")
    for row in document["missing"]:
        table.add_row(row["name"], row["reason"], style="red" if row["failed"] else "")
    return table
