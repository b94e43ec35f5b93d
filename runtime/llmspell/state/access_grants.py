"""Stored grants: entries of llmspell's own, which count for every process that has the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgpack

from llmspell.errors import InvalidArgument, StorageError
from llmspell.security.access import Grant
from llmspell.security.sensitive.logs import get_log
from llmspell.store.base import GRANTS, Delete, Operation, Put, Ref, Row, Store
from llmspell.store.failover.breaker import is_outage

__all__ = ["StoredGrants"]

_NUMBER: Final = Ref(GRANTS, "last")
_PREFIX: Final = "g"
_MOST_DIGITS: Final = 15
_log = get_log("llmspell.access")


class StoredGrants:
    """Reads the grants, and makes the writes that add one or take one away.

    Every change also writes the entry that holds the last grant's number: its version tells
    whether anything has changed, and keeps two writers from changing at once.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._epoch = -1
        self._revision: int | None = None

    def changed(self) -> Sequence[Grant] | None:
        """Return all grants, or None when they are what the last call returned.

        While the database is away they are what they were; to one who never saw them, none.
        """
        try:
            return self._changed()
        except StorageError as error:
            if not is_outage(error):
                raise
            self._epoch = -1
            return None

    def _changed(self) -> Sequence[Grant] | None:
        store = self._store()
        epoch = store.epoch()
        if epoch == self._epoch != -1:
            return None
        row = store.read((_NUMBER,))[0]
        self._epoch = epoch
        revision = 0 if row is None else row.version
        if revision == self._revision:
            return None
        grants = self.all()
        # The revision was read first: what came in between is read again at the next call.
        self._revision = revision
        return grants

    def all(self) -> list[Grant]:
        """Return all grants, the first one first."""
        rows = self._store().scan(GRANTS, prefix=_PREFIX)
        found = filter(None, map(_grant, rows))
        return sorted(found, key=lambda grant: int(grant.id.removeprefix(_PREFIX)))

    def find(self, grant_id: str) -> Grant | None:
        """Return the grant of that id, or None."""
        if not _is_id(grant_id):
            return None
        row = self._store().read((Ref(GRANTS, grant_id),))[0]
        return None if row is None else _grant(row)

    def adding(self, grant: Grant, at: int, *, looks: bool = False) -> tuple[str, list[Operation]]:
        """Return the id that a grant gets and the writes that store it.

        With ``looks`` it is one no other has, whatever the entry of the last number says.
        """
        number, version = self._last(looks=looks)
        id_ = f"{_PREFIX}{number + 1}"
        blob = msgpack.packb(grant.told())
        return id_, [_numbered(number + 1, version, at), Put(GRANTS, id_, blob, at, if_version=0)]

    def removing(self, grant_id: str, at: int) -> list[Operation]:
        """Return the writes that take a grant away."""
        number, version = self._last()
        return [_numbered(number, version, at), Delete(GRANTS, grant_id, at)]

    def _last(self, *, looks: bool = False) -> tuple[int, int]:
        row = self._store().read((_NUMBER,))[0]
        version = 0 if row is None else row.version
        number = 0 if row is None else _number(row.blob)
        if number is None or looks:
            # Somebody else wrote to the file: what there is counts, not what it says.
            ids = (each.key for each in self._store().scan(GRANTS, prefix=_PREFIX, values=False))
            there = (int(id_.removeprefix(_PREFIX)) for id_ in ids if _is_id(id_))
            number = max(number or 0, *there, 0)
        return number, version


def _numbered(number: int, version: int, at: int) -> Put:
    return Put(*_NUMBER, b"%d" % number, at, if_version=version)


def _number(blob: bytes) -> int | None:
    return int(blob) if blob.isdigit() and len(blob) <= _MOST_DIGITS else None


def _is_id(text: str) -> bool:
    number = text.removeprefix(_PREFIX)
    return text != number and number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS


def _grant(row: Row) -> Grant | None:
    """Read a grant; one that a later version stored and this one cannot read permits nothing."""
    try:
        facts = msgpack.unpackb(row.blob)
        return Grant.read(row.key, facts) if isinstance(facts, dict) and _is_id(row.key) else None
    except (InvalidArgument, ValueError) as error:
        _log.warning("grant %s cannot be read (%s): it is ignored", row.key, type(error).__name__)
        return None
