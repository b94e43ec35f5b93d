"""Transactions: several reads and writes that happen as one, or not at all.

A transaction is optimistic. It remembers the version of each entry it read and keeps its writes
to itself; at the end all of them are written in one batch, on the condition that nothing it read
has changed. So transactions are serializable in the keys they read and write: none is lost, none
is seen half, and two that read what the other writes cannot both pass. What a transaction reads
is always of one moment, also in one that will not pass.
"""

from __future__ import annotations

from time import time_ns
from typing import Any

from llmspell.errors import StateError, VersionConflict
from llmspell.state.checks import check_integer, check_schema_version
from llmspell.state.core import Scope, entry_of
from llmspell.state.rewriting import Rewriting
from llmspell.store.base import Check, Delete, Operation, Put, Ref, Row
from llmspell.store.checks import conflict_error
from llmspell.store.codec import decode
from llmspell_bridges.frozen import FrozenValue
from llmspell_bridges.values import Value

__all__ = ["Transaction"]

_OPEN, _MET_CONFLICT, _COMMITTED, _ABORTED = "open", "in conflict", "committed", "aborted"


class Transaction:
    """One attempt. Belongs to the thread that began it; ``commit`` or ``abort`` ends it."""

    def __init__(self, state: Rewriting) -> None:
        self._state = state
        self._read: dict[Ref, Row | None] = {}
        self._epoch = -1
        self._writes: dict[Ref, Put | Delete] = {}
        self._status = _OPEN
        #: What ended it, once it met another's write.
        self.conflict: VersionConflict | None = None

    def load(self, scope: Scope, key: str, default: Any = None) -> Any:
        """Return the value as this transaction sees it, its own writes included."""
        found = self.load_frozen(scope, key)
        return default if found is None else found.thaw()

    def load_frozen(self, scope: Scope, key: str) -> FrozenValue | None:
        """Return the value for a script, or ``None``."""
        ref = self._ref(self._state._reads(scope), key)
        if ref not in self._writes:
            row = self._row(ref)
            return None if row is None else entry_of(self._lifted(row))
        write = self._writes[ref]
        if type(write) is not Put:
            return None
        _, _, blob, at, schema_version, state_class, expires_at, _, _ = write
        return entry_of(Row(*ref, 0, at, at, schema_version, state_class, expires_at, None, blob))

    def key_exists(self, scope: Scope, key: str) -> bool:
        """Return whether there is an entry, as this transaction sees it."""
        return self._blob(self._ref(self._state._reads(scope), key)) is not None

    def save(
        self,
        scope: Scope,
        key: str,
        value: Value,
        *,
        ttl: float | None = None,
        if_version: int | None = None,
        state_class: str = "standard",
        schema_version: int | None = None,
    ) -> None:
        """Write when the transaction commits; ``ttl`` counts from there.

        Raises at once what ``save`` raises. ``if_version`` is compared with the version before
        the transaction; the conflict it raises is the caller's, and repeats nothing.
        """
        ref = self._ref(self._state._writes(scope), key)
        if schema_version is not None:
            check_schema_version(schema_version)
        if if_version is not None:
            check_integer("if_version", if_version, least=0)
            actual = _version(self._row(ref))
            if actual != if_version:
                raise conflict_error(*ref, expected=if_version, actual=actual)
        self._writes[ref] = self._state._operation(
            *ref,
            value,
            time_ns() // 1000,
            policy=self._state._policy(state_class),
            ttl=ttl,
            schema_version=schema_version,
            former=self._former(ref, state_class),
        )

    def delete(self, scope: Scope, key: str) -> bool:
        """Remove an entry when the transaction commits; return whether there is one now."""
        ref = self._ref(self._state._deletes(scope), key)
        existed = self._blob(ref) is not None
        self._state._check_deletions([ref])
        self._writes[ref] = Delete(*ref, time_ns() // 1000)
        return existed

    def commit(self) -> None:
        """Make all writes, or none: raises ``VersionConflict`` if something read has changed."""
        self._check_open()
        self._status = _ABORTED
        now = time_ns() // 1000
        batch: list[Operation] = []
        for ref, row in self._read.items():
            if ref not in self._writes:
                batch.append(Check(*ref, now, _version(row)))
        for ref, write in self._writes.items():
            wanted = _version(self._read[ref]) if ref in self._read else None
            if type(write) is Put and write.expires_at is not None:
                write = write._replace(expires_at=write.expires_at - write.at + now)
            batch.append(write._replace(at=now, if_version=wanted))
        try:
            if self._writes:
                self._state._write(batch, durability=self._durability())
        except VersionConflict as conflict:
            self.conflict = conflict
            raise
        self._status = _COMMITTED

    def abort(self) -> None:
        """Drop all writes. Ends a transaction that is open, and does nothing to another."""
        if self._status != _COMMITTED:
            self._status = _ABORTED

    def _durability(self) -> str | None:
        """Return the strongest durability that a class written to asks for."""
        names = {write.state_class for write in self._writes.values() if type(write) is Put}
        asked = {self._state._policy(name).durability for name in names}
        return "fsync" if "fsync" in asked else None

    def _ref(self, scope: str, key: str) -> Ref:
        self._check_open()
        return Ref(scope, self._state._key(key))

    def _former(self, ref: Ref, state_class: str) -> Value:
        """Return the value as this transaction sees it, where validation needs it."""
        if not self._state._needs_former(ref, state_class):
            return None
        blob = self._blob(ref)
        return None if blob is None else decode(blob)

    def _blob(self, ref: Ref) -> bytes | None:
        write = self._writes.get(ref)
        if write is not None:
            return write.blob if type(write) is Put else None
        row = self._row(ref)
        return None if row is None else row.blob

    def _lifted(self, row: Row) -> Row:
        lifting = self._state._lifting
        return row if lifting is None else lifting.row(row)

    def _row(self, ref: Ref) -> Row | None:
        """Read an entry once; all that was read so far is made sure to be of the same moment."""
        if ref in self._read:
            return self._read[ref]
        row = self._read_row(ref)
        if self._state._audit is not None:
            self._state._audit.read_rows((row,))
        return row

    def _read_row(self, ref: Ref) -> Row | None:
        store = self._state._store
        epoch = store.epoch()
        # Nobody has written since the last read: what comes now is of the same moment.
        known = [] if epoch == self._epoch != -1 else list(self._read)
        *again, row = store.read([*known, ref])
        still = store.epoch() == epoch
        if not still and len(known) < len(self._read):
            known = list(self._read)
            *again, row = store.read([*known, ref])
        for address, now in zip(known, again, strict=True):
            then = self._read[address]
            expected, actual = _version(then), _version(now)
            if expected != actual:
                self._status = _MET_CONFLICT
                self.conflict = conflict_error(*address, expected=expected, actual=actual)
                raise self.conflict
        self._epoch = epoch if still else -1
        self._read[ref] = row
        return row

    def _check_open(self) -> None:
        # A function that caught the conflict and goes on meets it again.
        if self._status == _MET_CONFLICT and self.conflict is not None:
            raise self.conflict
        if self._status != _OPEN:
            raise StateError(
                f"the transaction is over ({self._status})",
                hint="use tx inside the function it was given to, and begin another one after it",
            )


def _version(row: Row | None) -> int:
    return 0 if row is None else row.version
