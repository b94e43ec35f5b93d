"""Lines of the keys of a TOML text; Python's reader does not tell them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["key_lines"]

# Trying every line of a very long list again and again would take minutes; keys after it are
# then reported without their own line.
_MAX_STATEMENT_LINES = 1000


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line, from 1, where each key and table of a valid TOML text first appears.

    The tables of a list (``[[name]]``) are numbered from 0: ``("name", "0", "key")``.
    The text is cut into statements by asking the reader itself: a statement ends with the first
    line at which it parses. So quoting, dotted keys and long texts need no grammar of our own.
    """
    lines: dict[tuple[str, ...], int] = {}
    latest: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        if not statement:
            start = number
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except ValueError:
            if number - start >= _MAX_STATEMENT_LINES:
                break
            continue
        if statement.lstrip().startswith("["):
            *parents, name = max(_paths(parsed), key=len)
            table = (*_numbered(parents, latest), name)
            if statement.lstrip().startswith("[["):
                at = latest[table] = latest.get(table, -1) + 1
                table = (*table, str(at))
            _note(lines, table, start)
        else:
            for path in _paths(parsed):
                _note(lines, table + path, start)
        statement = ""
    return lines


def _numbered(path: Sequence[str], latest: Mapping[tuple[str, ...], int]) -> tuple[str, ...]:
    """Return a path with the number of the latest table after each list of tables in it."""
    numbered: tuple[str, ...] = ()
    for part in path:
        numbered = (*numbered, part)
        if numbered in latest:
            numbered = (*numbered, str(latest[numbered]))
    return numbered


def _note(lines: dict[tuple[str, ...], int], path: tuple[str, ...], line: int) -> None:
    for length in range(1, len(path) + 1):
        lines.setdefault(path[:length], line)


def _paths(value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, list) and value:
        value = value[-1]
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield (name,)
            yield from ((name, *rest) for rest in _paths(member))
