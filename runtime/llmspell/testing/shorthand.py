"""The few calls the rules are written in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmspell.store.base import Put, Ref, Store, Written
from llmspell.store.changes import NOBODY, Change, Origin

__all__ = ["compact", "put", "state_at", "sweep", "value_of"]


def put(
    store: Store, scope: str, key: str, blob: bytes = b"v", *, origin: Origin = NOBODY, **rest: Any
) -> Written:
    """Write one entry, at the time 1 unless told otherwise."""
    operation = Put(scope, key, blob, rest.pop("at", 1), **rest)
    (written,) = store.write([operation], origin=origin).written
    return written


def value_of(store: Store, scope: str, key: str) -> bytes | None:
    """Return the value of an entry, None where there is none."""
    (row,) = store.read([Ref(scope, key)])
    return None if row is None else row.blob


def sweep(store: Store, now: int, *, limit: int = 1000) -> tuple[int, int]:
    """Sweep to the end; return how many expired and how many tombstones went.

    A tombstone may be old enough as soon as it is made. Whether the sweep that made it takes
    it, or the next one, is the store's own affair: so this ends when there is nothing left.
    """
    expired = purged = 0
    while True:
        step = store.sweep(now, limit=limit)
        assert step.expired <= limit
        if not step.expired and not step.purged:
            assert step.done, "a sweep that is not done must get on"
            return expired, purged
        expired, purged = expired + step.expired, purged + step.purged


def compact(store: Store, *, limit: int = 1000, **how: int) -> int:
    """Compact to the end; return how many changes were removed."""
    removed = 0
    while True:
        before = store.span()
        step = store.compact(limit=limit, **how)
        after = store.span()
        assert (after.floor, before.rows - after.rows) == (step.floor, step.removed)
        assert 0 <= after.floor - before.floor <= limit
        removed += step.removed
        if step.done:
            return removed
        assert after.floor > before.floor, "a compaction that is not done must get on"


def state_at(changes: Iterable[Change], position: int) -> Mapping[Ref, Change]:
    """Tell from the journal what was there at a position: for each key the put that made it."""
    latest = {Ref(c.scope, c.key): c for c in changes if c.seq <= position}
    return {ref: change for ref, change in latest.items() if change.op == "put"}
