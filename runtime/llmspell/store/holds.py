"""Positions that the journal is kept back to, whatever its retention: for a while.

A migration can be rolled back as long as the journal has what it replaced, and an incremental
backup be made as long as it has what changed since the last one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgpack

from llmspell.store.base import INTERNAL, Put, Ref, Row, Store

__all__ = ["HOLDS", "RUNS", "Hold", "held", "holding", "holds_in"]

#: Where what is known of migrations is kept.
RUNS: Final = INTERNAL + "migrations"
HOLDS: Final = Ref(RUNS, "holds")


class Hold(NamedTuple):
    """A position of the journal that is kept until a time, for what ``id`` names.

    ``runs`` while that is a migration which has not ended.
    """

    id: str
    seq: int
    at: int
    until: int
    runs: bool


def held(store: Store, now: int) -> Hold | None:
    """Return the earliest position of the journal that must stay, if there is any."""
    row = store.read((HOLDS,))[0]
    holds = [each for each in holds_in(None if row is None else row.blob) if each.until > now]
    return min(holds, key=lambda each: each.seq, default=None)


def holds_in(blob: bytes | None) -> list[Hold]:
    """Return what the entry of the holds tells; nothing if a later version wrote it otherwise."""
    try:
        return [Hold(*facts[:5]) for facts in msgpack.unpackb(blob)] if blob else []
    except (ValueError, TypeError):
        return []


def holding(row: Row | None, id_: str, hold: Hold | None, now: int) -> Put:
    """Return the write that puts ``hold`` in the place of the one of that id, or takes it out.

    ``row`` is the entry of the holds as it is; the write demands that it still is.
    """
    others = holds_in(None if row is None else row.blob)
    holds = [each for each in others if each.id != id_ and each.until > now]
    if hold is not None:
        holds.append(hold)
    return Put(*HOLDS, msgpack.packb(holds), now, if_version=0 if row is None else row.version)
