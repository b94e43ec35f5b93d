"""Reading entries by RocksDB's iterators, each of which stands at the moment it was made.

The driver's own snapshots are of no use here: their iterators see later writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import methodcaller
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from llmspell.store.base import FIRST_SCOPE, Ref, Row
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.counting import versions_by_scan
from llmspell.store.rocks.errors import failure
from llmspell.store.rocks.format import (
    ALIVE,
    count_of,
    due_name,
    entry_name,
    live_row,
    scope_name,
    scope_prefix,
    split_due,
    split_name,
)

if TYPE_CHECKING:
    from rocksdict import Rdict, RdictIter

__all__ = ["MOMENT", "Moment", "RocksReader", "due_until", "finish", "get_many", "seek_exactly"]

_T = TypeVar("_T")

_check = methodcaller("status")

#: The tables that entries are read from.
MOMENT = ("entries", "expiry", "scopes")


class RocksReader(ABC):
    """The three ways to read, over iterators that a subclass provides."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    def _iterate(self, work: Callable[..., _T], *tables: str) -> _T:
        """Call ``work`` with iterators over the tables, all of one moment."""

    @abstractmethod
    def position(self) -> int: ...

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        now, names = self._clock(), [entry_name(*ref) for ref in refs]

        def read(entries: RdictIter) -> list[Row | None]:
            return [
                live_row(ref, seek_exactly(entries, name), now)
                for ref, name in zip(refs, names, strict=True)
            ]

        return self._iterate(read, "entries")

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        now = self._clock()
        first = start = entry_name(scope, prefix)
        if after is not None:
            start = max(first, entry_name(scope, after) + b"\x00")
        cut = len(scope_name(scope))

        def scan(entries: RdictIter) -> list[Row]:
            rows: list[Row] = []
            entries.seek(start)
            while limit is None or len(rows) < limit:
                name = entries.key()
                if name is None or not name.startswith(first):
                    break
                row = live_row((scope, name[cut:].decode()), entries.value(), now)
                if row is not None:
                    rows.append(row if values else row._replace(blob=b""))
                entries.next()
            return rows

        return self._iterate(scan, "entries")

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        now, first = self._clock(), scope_prefix(prefix)

        def scopes(scopes: RdictIter, expiry: RdictIter) -> list[tuple[str, int]]:
            counts: dict[str, int] = {}
            scopes.seek(first)
            while (name := scopes.key()) is not None and name.startswith(first):
                counts[split_name(name).scope] = count_of(scopes.value())
                scopes.next()
            # Entries that have expired are counted until they are swept.
            for _, name, alive in due_until(expiry, now):
                scope = split_name(name).scope
                if alive and scope in counts:
                    counts[scope] -= 1
            return [(scope, count) for scope, count in counts.items() if count]

        return self._iterate(scopes, "scopes", "expiry")

    def versions(self) -> list[tuple[str, int, int]]:
        return versions_by_scan(self)

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        now, start = self._clock(), scope_prefix(FIRST_SCOPE)
        if after is not None:
            start = max(start, entry_name(*after) + b"\x00")

        def walk(entries: RdictIter) -> list[Row]:
            rows: list[Row] = []
            entries.seek(start)
            while len(rows) < limit and (name := entries.key()) is not None:
                row = live_row(split_name(name), entries.value(), now)
                if row is not None:
                    rows.append(row)
                entries.next()
            return rows

        return self._iterate(walk, "entries")


class Moment(RocksReader):
    """What the store held when this was made, until it is closed."""

    def __init__(
        self, iterators: Mapping[str, RdictIter], clock: Clock, path: Path, last: int
    ) -> None:
        super().__init__(clock)
        self._last = last
        self._iterators = dict(iterators)
        self._path = path
        self._lock = Lock()
        self._gone: Callable[[], Exception] = closed_error

    def _iterate(self, work: Callable[..., _T], *tables: str) -> _T:
        with self._lock:
            if not self._iterators:
                raise self._gone()
            return finish(work, [self._iterators[table] for table in tables], self._path)

    def position(self) -> int:
        with self._lock:
            if not self._iterators:
                raise self._gone()
            return self._last

    def close(self) -> None:
        """Let go of the moment; from now on every call fails."""
        with self._lock:
            self._iterators = {}

    def abandon(self, gone: Callable[[], Exception]) -> list[RdictIter]:
        """Give the iterators away for good; from now on every call fails with that error."""
        iterators, self._iterators = list(self._iterators.values()), {}
        self._lock = Lock()  # another thread may have held it when the process was forked
        self._gone = gone
        return iterators


def finish(work: Callable[..., _T], iterators: list[RdictIter], path: Path) -> _T:
    """Let ``work`` use the iterators, then find out whether any of them stopped too early.

    Empties the list: the traceback of an error must not keep iterators, and so the database.
    """
    try:
        result = work(*iterators)
        list(map(_check, iterators))
    except Exception as error:
        raise failure(error, path) from error
    finally:
        iterators.clear()
    return result


def get_many(table: Rdict, names: list[Any]) -> list[bytes | None]:
    """Return what is stored under each name, all of one moment."""
    return table.get(names) or []


def seek_exactly(iterator: RdictIter, name: bytes) -> bytes | None:
    """Return what is stored under a name."""
    iterator.seek(name)
    return iterator.value() if iterator.key() == name else None


def due_until(expiry: RdictIter, now: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield what is due by ``now``, in order of time: when, the entry's name, whether it lives."""
    end = due_name(now + 1, b"")
    expiry.seek_to_first()
    while (due := expiry.key()) is not None and due < end:
        at, name = split_due(due)
        yield at, name, expiry.value() == ALIVE
        expiry.next()
