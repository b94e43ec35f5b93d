"""Which database a primary store is, so that nothing is replayed into another one.

A share that is not mounted leaves an empty folder, in which a new database is soon made; an
address may come to mean another server. So a primary carries a name, an INTERNAL entry.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from uuid import uuid4

from llmspell.errors import StorageError, VersionConflict
from llmspell.store.base import INTERNAL, Put, Ref, Store
from llmspell.store.clock import Clock
from llmspell.store.failover.breaker import is_outage

__all__ = ["recognize"]

_NAME: Final = Ref(INTERNAL + "failover", "name")


def recognize(primary: Store, expected: str | None, clock: Clock) -> str | None:
    """Return the primary's name, giving it one if it has none; None if it cannot take one.

    Raises StorageError, ``unavailable``, when it is not the ``expected`` one.
    """
    name = _read(primary)
    if expected is not None and name != expected:
        raise StorageError(
            "the database that was found is not the one that failover belongs to",
            hint="check that its share is mounted, or its address; if another one is meant,"
            " choose another state.failover.path",
            reason="unavailable",
        )
    if name is not None:
        return name
    put = Put(*_NAME, uuid4().hex.encode(), clock(), if_version=0)
    try:
        with suppress(VersionConflict):  # somebody else was first
            primary.write([put])
    except StorageError as error:
        if is_outage(error):
            raise
    return _read(primary)


def _read(primary: Store) -> str | None:
    (row,) = primary.read([_NAME])
    return None if row is None else row.blob.decode()
