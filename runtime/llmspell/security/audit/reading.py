"""Read a log: its latest records, those that fit a search, those from a moment on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from llmspell.security.audit.database import FAILURES, open_reader
from llmspell.security.audit.problems import failure
from llmspell.security.audit.record import AuditRecord

__all__ = ["Query", "records_after", "records_between", "search", "tail"]


class Query(NamedTuple):
    """What a search asks for; what is None is not asked. Times are in microseconds.

    In ``scope`` an asterisk stands for any text. ``until_us`` itself is no longer in it.
    """

    actor: str | None = None
    action: str | None = None
    scope: str | None = None
    key: str | None = None
    outcome: str | None = None
    correlation_id: str | None = None
    since_us: int | None = None
    until_us: int | None = None


_CONDITIONS: Final = {
    "actor": "actor = ?",
    "action": "action = ?",
    "scope": "scope GLOB ?",
    "key": "key = ?",
    "outcome": "outcome = ?",
    "correlation_id": "correlation_id = ?",
    "since_us": "at_us >= ?",
    "until_us": "at_us < ?",
}


def search(path: Path, query: Query, *, limit: int | None = None) -> Iterator[AuditRecord]:
    """Yield the records that fit, the latest first. Raises AuditError."""
    asked = {name: value for name, value in query._asdict().items() if value is not None}
    if "scope" in asked:
        asked["scope"] = _glob(asked["scope"])
    where = " AND ".join(_CONDITIONS[name] for name in asked) or "1"
    values = (*asked.values(), -1 if limit is None else limit)
    yield from _select(path, f"WHERE {where} ORDER BY seq DESC LIMIT ?", values)


def tail(path: Path, count: int) -> list[AuditRecord]:
    """Return the latest records, the oldest of them first. Raises AuditError."""
    latest = list(_select(path, "ORDER BY seq DESC LIMIT ?", (count,)))
    return latest[::-1]


def records_after(path: Path, seq: int) -> Iterator[AuditRecord]:
    """Yield the records after a number, in their order. Raises AuditError."""
    yield from _select(path, "WHERE seq > ? ORDER BY seq", (seq,))


def records_between(
    path: Path, *, since_us: int | None = None, until_us: int | None = None
) -> Iterator[AuditRecord]:
    """Yield a part of the chain without gaps: from the first record at or after ``since_us``
    to the last one before ``until_us``, whatever the clock did in between. Raises AuditError.
    """
    first = "coalesce((SELECT min(seq) FROM records WHERE at_us >= ?), 9e18)"
    last = "coalesce((SELECT max(seq) FROM records WHERE at_us < ?), -1)"
    conditions, values = ["1"], []
    if since_us is not None:
        conditions.append(f"seq >= {first}")
        values.append(since_us)
    if until_us is not None:
        conditions.append(f"seq <= {last}")
        values.append(until_us)
    yield from _select(path, f"WHERE {' AND '.join(conditions)} ORDER BY seq", tuple(values))


def _select(path: Path, rest: str, values: tuple[Any, ...]) -> Iterator[AuditRecord]:
    with _reading(path) as raw:
        for row in raw.execute(f"SELECT * FROM records {rest}", values):
            yield AuditRecord(*row)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    raw = open_reader(path)
    try:
        yield raw
    except FAILURES as error:
        told = failure(error, path)
        if told is error:
            raise
        raise told from error
    finally:
        raw.close()


def _glob(pattern: str) -> str:
    """Leave only the asterisk of what GLOB knows."""
    return pattern.replace("[", "[[]").replace("?", "[?]")
