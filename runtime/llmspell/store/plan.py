"""What a batch does, worked out before anything is written: the same for every backend.

A backend that holds the only right to write reads what it knows of the keys (``Known``), lets
``Plan.apply`` work out the new records, journal rows and results of each batch, and writes
them. Nothing of a batch whose precondition fails is in the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from llmspell.errors import InvalidArgument
from llmspell.store.backend import Seal
from llmspell.store.base import (
    INTERNAL,
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Ref,
    Restored,
    Written,
)
from llmspell.store.changes import NOBODY, Change, Op, Origin
from llmspell.store.checks import conflict_error
from llmspell.store.restoring import came_twice

__all__ = ["KEEP_TOMBSTONES_US", "Known", "Plan", "Record", "touched"]

#: How long a deleted key remembers its version: seven days. A compare-and-set that was begun
#: longer ago than that could meet the same version of another life.
KEEP_TOMBSTONES_US: Final = 7 * 24 * 3600 * 1_000_000


class Known(NamedTuple):
    """What a plan must know of a key that was ever written: all but its value.

    ``alive`` is False for a tombstone, whose ``expires_at`` is when it may be purged.
    ``last_seq`` is the key's latest change, None when the journal has none.
    """

    version: int
    created_at: int
    expires_at: int | None
    alive: bool
    last_seq: int | None


class Record(NamedTuple):
    """What is stored for a key from now on: a Row, and the key's latest change.

    ``blob`` is None for a tombstone.
    """

    scope: str
    key: str
    version: int
    created_at: int
    updated_at: int
    schema_version: int
    state_class: str
    expires_at: int | None
    correlation_id: str | None
    blob: bytes | None
    last_seq: int | None


_new_ref: Any = partial(tuple.__new__, Ref)
_new_record: Any = partial(tuple.__new__, Record)
_new_change: Any = partial(tuple.__new__, Change)
_new_known: Any = partial(tuple.__new__, Known)
_new_written: Any = partial(tuple.__new__, Written)
_ABSENT: Final = Known(0, 0, None, False, None)
_NOTHING: Final = Written(0, 0, False, 0)


def touched(batch: Iterable[Operation]) -> tuple[list[Ref], list[str]]:
    """Return the keys a plan for this batch must know, and the scopes it clears.

    Of a scope that is cleared every live key must be known. Raises InvalidArgument for what is
    no operation.
    """
    refs: dict[Ref, None] = {}
    scopes: dict[str, None] = {}
    for operation in batch:
        kind = type(operation)
        if kind is Clear:
            scopes[operation.scope] = None
        elif kind is Put or kind is Delete or kind is Check:
            refs[_new_ref(operation[:2])] = None
        else:
            raise InvalidArgument(
                f"a batch holds Put, Delete, Clear and Check, not {kind.__name__}",
                parameter="batch",
            )
    return list(refs), list(scopes)


_Undo: TypeAlias = list[tuple[Ref, Known | None, Record | None]]


class Plan:
    """The records and changes of the batches applied so far.

    ``known`` maps (scope, key) to what is stored now; ``last`` is the journal's last position.
    Without ``journal`` no changes are made. ``seal`` makes of each blob what is stored. Read
    ``records`` (by key, each once), ``changes`` and ``last`` when all batches are in.
    """

    def __init__(
        self,
        known: Mapping[Ref, Known],
        last: int,
        *,
        journal: bool = True,
        seal: Seal | None = None,
    ) -> None:
        self._known = dict(known)
        self._journal = journal
        self._seal = seal
        self._undo: _Undo | None = None
        self.last = last
        self.records: dict[Ref, Record] = {}
        self.changes: list[Change] = []

    def apply(self, batch: Sequence[Operation], origin: Origin) -> list[Written]:
        """Add a batch and return what it does.

        Raises VersionConflict and what sealing raises, and then the plan is as it was before.
        """
        last, count = self.last, len(self.changes)
        # What cannot be refused need not be undone: most batches are puts without a condition,
        # and without anything to seal.
        plain = all(type(operation) is Put and operation[7] is None for operation in batch)
        undo: _Undo = []
        self._undo = None if plain and self._seal is None else undo
        try:
            if plain:
                return self._put_all(batch, origin)  # type: ignore[arg-type]
            return [_STEPS[type(operation)](self, operation, origin) for operation in batch]
        except BaseException:
            for ref, known, record in reversed(undo):
                _put_back(self._known, ref, known)
                _put_back(self.records, ref, record)
            self.last = last
            del self.changes[count:]
            raise

    def learn(self, known: Mapping[Ref, Known]) -> None:
        """Know of more keys."""
        self._known.update(known)

    def restore(self, batch: Iterable[Restored | Delete], origin: Origin, *, since: int) -> None:
        """Add a batch of a restore that began at the position ``since``.

        What raises leaves a plan that is good for nothing.
        """
        actor, run_id, correlation_id = origin
        journal, changes, seal, known = self._journal, self.changes, self._seal, self._known
        for operation in batch:
            ref = _new_ref(operation[:2])
            if ref in self.records or (known.get(ref, _ABSENT)[4] or 0) > since:
                raise came_twice(*ref)
            if isinstance(operation, Delete):
                self._delete(operation, origin)
                continue
            scope, key, blob, at, version, created_at, updated_at = operation[:7]
            about: tuple[int, str, int | None] = operation[7:10]
            why = operation[10]
            reached, _, _, _, previous = self._current(ref, at)[0]
            version = max(version, reached + 1)
            if seal is not None:
                blob = seal(scope, key, version, about[0], blob)
            seq = previous
            if journal and scope[:1] != INTERNAL:
                self.last = seq = self.last + 1
                life = (seq, at, scope, key, "put", version, created_at)
                who = (actor, run_id, correlation_id or why, previous, blob)
                changes.append(_new_change((*life, *about, *who)))
            record = (scope, key, version, created_at, updated_at, *about, why, blob, seq)
            self._set(
                ref, _new_known((version, created_at, about[2], True, seq)), _new_record(record)
            )

    def sweep(self, ref: Ref, now: int) -> bool:
        """Turn an entry that has expired by ``now`` into a tombstone; tell whether it had."""
        known = self._known[ref]
        if not known.alive or known.expires_at is None or known.expires_at > now:
            return False
        self._bury(ref, known, known.expires_at, "expire", NOBODY)
        return True

    def _put(self, operation: Put, origin: Origin) -> Written:
        scope, key, _, at, _, _, _, wanted, _ = operation
        if wanted is not None:
            ref = _new_ref((scope, key))
            known, alive = self._current(ref, at)
            _require(ref, wanted, known.version if alive else 0)
        return self._put_all((operation,), origin)[0]

    def _put_all(self, batch: Iterable[Put], origin: Origin) -> list[Written]:
        """Add puts whose conditions hold. One loop, for a batch may have ten thousand of them."""
        actor, run_id, correlation_id = origin
        journal, changes, seal = self._journal, self.changes, self._seal
        done: list[Written] = []
        for scope, key, blob, at, schema_version, state_class, expires_at, _, versions in batch:
            ref = _new_ref((scope, key))
            version, created_at, _, alive, previous = self._current(ref, at)[0]
            version += versions
            if not alive:
                created_at = at
            if seal is not None:
                blob = seal(scope, key, version, schema_version, blob)
            seq = previous
            facts = (schema_version, state_class, expires_at)
            if journal and scope[:1] != INTERNAL:
                self.last = seq = self.last + 1
                life = (seq, at, scope, key, "put", version, created_at)
                who = (actor, run_id, correlation_id, previous, blob)
                changes.append(_new_change((*life, *facts, *who)))
            known = _new_known((version, created_at, expires_at, True, seq))
            record = (scope, key, version, created_at, at, *facts, correlation_id, blob, seq)
            self._set(ref, known, _new_record(record))
            done.append(_new_written((version, created_at, alive, 1)))
        return done

    def _delete(self, operation: Delete, origin: Origin) -> Written:
        scope, key, at, wanted = operation
        ref = Ref(scope, key)
        known, alive = self._current(ref, at)
        if wanted is not None:
            _require(ref, wanted, known.version if alive else 0)
        if not alive:
            return _NOTHING
        self._bury(ref, known, at, "delete", origin)
        return Written(known.version + 1, known.created_at, True, 1)

    def _clear(self, operation: Clear, origin: Origin) -> Written:
        scope, at = operation
        count = 0
        for ref in sorted(ref for ref in self._known if ref[0] == scope):
            known, alive = self._current(ref, at)
            if alive:
                self._bury(ref, known, at, "delete", origin)
                count += 1
        return Written(0, 0, count > 0, count)

    def _check(self, operation: Check, _: Origin) -> Written:
        scope, key, at, wanted = operation
        ref = Ref(scope, key)
        known, alive = self._current(ref, at)
        _require(ref, wanted, known.version if alive else 0)
        return Written(0, 0, alive, 0)

    def _current(self, ref: Ref, at: int) -> tuple[Known, bool]:
        """Return what is there at that time, after burying what has expired by then."""
        known = self._known.get(ref, _ABSENT)
        if known.alive and known.expires_at is not None and known.expires_at <= at:
            known = self._bury(ref, known, known.expires_at, "expire", NOBODY)
        return known, known.alive

    def _bury(self, ref: Ref, known: Known, at: int, op: Op, origin: Origin) -> Known:
        scope, key = ref
        version, seq = known.version + 1, known.last_seq
        if self._journal and scope[:1] != INTERNAL:
            self.last = seq = self.last + 1
            self.changes.append(
                Change(
                    seq,
                    at,
                    scope,
                    key,
                    op,
                    version,
                    known.created_at,
                    1,
                    "standard",
                    None,
                    *origin,
                    known.last_seq,
                    b"",
                )
            )
        purge_at = at + KEEP_TOMBSTONES_US
        gone = Known(version, known.created_at, purge_at, False, seq)
        self._set(
            ref,
            gone,
            Record(
                scope, key, version, known.created_at, at, 1, "standard", purge_at, None, None, seq
            ),
        )
        return gone

    def _set(self, ref: Ref, known: Known, record: Record) -> None:
        if self._undo is not None:
            self._undo.append((ref, self._known.get(ref), self.records.get(ref)))
        self._known[ref] = known
        self.records[ref] = record


_STEPS: Final[dict[type, Any]] = {
    Put: Plan._put,
    Delete: Plan._delete,
    Clear: Plan._clear,
    Check: Plan._check,
}


def _require(ref: Ref, wanted: int, actual: int) -> None:
    if actual != wanted:
        raise conflict_error(*ref, expected=wanted, actual=actual)


def _put_back(table: dict[Ref, Any], ref: Ref, value: Any) -> None:
    if value is None:
        table.pop(ref, None)
    else:
        table[ref] = value
