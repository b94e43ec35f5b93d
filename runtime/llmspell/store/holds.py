"""Positions that the journal is kept back to, whatever its retention: for a while.

A migration can be rolled back as long as the journal has what it replaced.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgpack

from llmspell.store.base import INTERNAL, Ref, Store

__all__ = ["HOLDS", "RUNS", "Hold", "held", "holds_in"]

#: Where what is known of migrations is kept.
RUNS: Final = INTERNAL + "migrations"
HOLDS: Final = Ref(RUNS, "holds")


class Hold(NamedTuple):
    """A position of the journal that is kept until a time, for a migration to be rolled back.

    ``runs`` while the migration has not ended.
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
