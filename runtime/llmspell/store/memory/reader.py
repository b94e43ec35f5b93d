"""Reading from dictionaries: the same for the memory store and for a snapshot of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any, Final

from llmspell.store.base import FIRST_SCOPE, INTERNAL, Ref, Row
from llmspell.store.checks import closed_error
from llmspell.store.clock import Clock
from llmspell.store.plan import Known, Record
from llmspell.store.prefix import upper_bound

__all__ = ["MemoryReader", "Scope"]

# Three times faster than calling the class; a record begins with the fields of a row.
_new_row: Any = partial(tuple.__new__, Row)
_BEFORE_ALL: Final = Ref(FIRST_SCOPE, "")


def is_alive(record: Record, now: int) -> bool:
    return record[7] is None or record[7] > now


def live_row(record: Record | None, now: int) -> Row | None:
    if record is None or not is_alive(record, now):
        return None
    return _new_row(record[:10])  # type: ignore[no-any-return]


class Scope:
    """The live records of one scope, and what is known of its deleted keys."""

    __slots__ = ("order", "records", "shared", "tombstones")

    def __init__(self, records: dict[str, Record], tombstones: dict[str, Known]) -> None:
        self.records = records
        self.tombstones = tombstones
        self.order: list[str] | None = None
        self.shared = False

    def copy(self) -> Scope:
        return Scope(dict(self.records), dict(self.tombstones))

    def sorted_keys(self) -> list[str]:
        if self.order is None:
            self.order = sorted(self.records)
        return self.order

    def known(self, key: str) -> Known | None:
        record = self.records.get(key)
        if record is None:
            return self.tombstones.get(key)
        return Known(record.version, record.created_at, record.expires_at, True, record.last_seq)


class MemoryReader:
    """Reads from a set of scopes until it is closed."""

    def __init__(
        self, scopes: dict[str, Scope], lock: Lock, clock: Clock, position: int = 0
    ) -> None:
        self._scopes = scopes
        self._order: list[str] = []
        self._position = position
        self._lock = lock
        self._clock = clock
        self._closed = False

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        with self._lock:
            self._check_open()
            scopes, now = self._scopes, self._clock()
            found: list[Row | None] = []
            for scope, key in refs:
                space = scopes.get(scope)
                record = space.records.get(key) if space is not None else None
                found.append(live_row(record, now))
            return found

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        rows: list[Row] = []
        with self._lock:
            self._check_open()
            space = self._scopes.get(scope)
            if space is None:
                return []
            keys, now = space.sorted_keys(), self._clock()
            start = bisect_left(keys, prefix)
            if after is not None:
                start = max(start, bisect_right(keys, after))
            top = upper_bound(prefix)
            stop = len(keys) if top is None else bisect_left(keys, top)
            for index in range(start, stop):
                if limit is not None and len(rows) >= limit:
                    break
                row = live_row(space.records[keys[index]], now)
                if row is not None:
                    rows.append(row)
        return rows if values else [row._replace(blob=b"") for row in rows]

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        with self._lock:
            self._check_open()
            return [(name, len(rows)) for name, rows in self._living(prefix)]

    def versions(self) -> list[tuple[str, int, int]]:
        counts: Counter[tuple[str, int]] = Counter()
        with self._lock:
            self._check_open()
            for name, records in self._living():
                counts.update((name, record.schema_version) for record in records)
        return [(name, version, count) for (name, version), count in sorted(counts.items())]

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        rows: list[Row] = []
        with self._lock:
            self._check_open()
            names, now = self._sorted_scopes(), self._clock()
            scope, key = max(after or _BEFORE_ALL, _BEFORE_ALL)
            for index in range(bisect_left(names, scope), len(names)):
                space = self._scopes[names[index]]
                keys = space.sorted_keys()
                start = bisect_right(keys, key) if names[index] == scope else 0
                for at in range(start, len(keys)):
                    if len(rows) >= limit:
                        return rows
                    row = live_row(space.records[keys[at]], now)
                    if row is not None:
                        rows.append(row)
        return rows

    def position(self) -> int:
        with self._lock:
            self._check_open()
            return self._position

    def _sorted_scopes(self) -> list[str]:
        # Scopes come and never go, so their number tells whether these are all.
        if len(self._order) != len(self._scopes):
            self._order = sorted(self._scopes)
        return self._order

    def _living(self, prefix: str = "") -> list[tuple[str, list[Record]]]:
        """Return the users' scopes that hold live records, with these."""
        now, living = self._clock(), []
        for name in sorted(self._scopes):
            if name.startswith(prefix) and name[:1] != INTERNAL:
                records = self._scopes[name].records.values()
                if alive := [record for record in records if is_alive(record, now)]:
                    living.append((name, alive))
        return living

    def _check_open(self) -> None:
        if self._closed:
            raise closed_error()
