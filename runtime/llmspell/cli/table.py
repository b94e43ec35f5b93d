"""Values, times and columns for people to read, on lines of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from llmspell.cli.display import display
from llmspell.cli.report import printable

__all__ = ["Columns", "counted", "one_line", "time_text"]


class Columns:
    """Lays out rows of text in columns; those of numbers stand to the right.

    A column never gets narrower, so that rows may be laid out a page at a time. The last one is
    as wide as its text.
    """

    def __init__(self, *titles: str, numbers: Sequence[str] = ()) -> None:
        self._titles = titles
        self._right = [title in numbers for title in titles]
        self._widths = [len(title) for title in titles]
        self._begun = False

    def lay_out(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return the rows as lines; the first time a line of titles leads them."""
        shown = [[printable(cell) for cell in row] for row in rows]
        if shown and not self._begun:
            shown.insert(0, list(self._titles))
            self._begun = True
        for row in shown:
            self._widths = [
                max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)
            ]
        return [self._line(row) for row in shown]

    def _line(self, row: Sequence[str]) -> str:
        cells = zip(row, self._widths, self._right, strict=True)
        padded = [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells]
        return "  ".join(padded).rstrip()


def one_line(value: Any) -> str:
    """Return a value on one line, text in quotes."""
    from json import dumps

    if isinstance(value, str):
        return printable(dumps(value, ensure_ascii=False))
    return printable(" ".join(line.strip() for line in display(value).splitlines()))


def time_text(moment: dt.datetime) -> str:
    """Return a time in UTC, to the millisecond, as people read it."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 entry``, ``2 entries``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
