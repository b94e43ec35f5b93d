"""Which store a backup is of, and how far back its journal is kept for the next one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from time import time_ns
from typing import Final, TypeAlias

import msgpack

from llmspell.errors import VersionConflict
from llmspell.store.base import INTERNAL, Operation, Put, Ref, Store, WriteResult
from llmspell.store.holds import HOLDS, Hold, holding

__all__ = ["Write", "keep_journal", "mark_of", "store_id_of"]

#: Writes entries of llmspell's own.
Write: TypeAlias = Callable[[Sequence[Operation]], WriteResult]

_IDENTITY: Final = Ref(INTERNAL + "backups", "store")
_HOLD_ID: Final = "backup"
_FULL_HOLD_ID: Final = "backup-full"
_ID_BYTES: Final = 16
_ATTEMPTS: Final = 20


def store_id_of(store: Store, write: Write | None = None) -> str | None:
    """Return what tells this store from all others; made now if there is none and ``write``."""
    while True:
        row = store.read((_IDENTITY,))[0]
        if row is not None or write is None:
            return None if row is None else row.blob.decode()
        with suppress(VersionConflict):  # somebody else was faster
            made = secrets.token_hex(_ID_BYTES)
            write([Put(*_IDENTITY, made.encode(), _now(), if_version=0)])
            return made


def keep_journal(
    store: Store, write: Write, seq: int, keep_us: int, *, is_full: bool = False
) -> None:
    """Keep the journal back to ``seq`` for so long, and no longer to where the last one was.

    Back to a full backup it is kept while others follow, for differential ones go on from there.
    If others change the holds all the time it stays as it was: then the next incremental backup
    may find that the journal was compacted, and say so.
    """
    for _ in range(_ATTEMPTS):
        row, now = store.read((HOLDS,))[0], _now()
        id_ = _FULL_HOLD_ID if is_full else _HOLD_ID
        hold = Hold(id_, seq, now, now + keep_us, False) if keep_us else None
        with suppress(VersionConflict):
            write([holding(row, id_, hold, now)])
            return


def mark_of(store: Store, seq: int) -> str:
    """Return what a change is known by again, so that nobody takes another journal for this one.

    Empty when the journal does not have it any more.
    """
    change = store.recall((seq,)).get(seq)
    if change is None:
        return ""
    facts = (change.at, change.scope, change.key, change.op, change.version, change.created_at)
    return sha256(msgpack.packb(facts)).hexdigest()[:32]


def _now() -> int:
    return time_ns() // 1000
