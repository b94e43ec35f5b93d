"""Resolving a conflict: ours is written over theirs, or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmspell.errors import VersionConflict
from llmspell.store.base import Check, Operation, Put, Ref, Row, Store, Written
from llmspell.store.clock import Clock
from llmspell.store.failover.log import FailoverLog
from llmspell.store.failover.replay import MARKS, rows_of
from llmspell.store.failover.values import Conflict, put_row

__all__ = ["keep_ours", "keep_theirs"]

#: For how long the primary remembers that a conflict was resolved, if we die right after it.
_REMEMBER_US: Final = 7 * 24 * 3600 * 1_000_000


def keep_theirs(log: FailoverLog, number: int) -> None:
    """Drop our side of a conflict."""
    log.replace_conflicts([], resolved=log.conflict(number).id)


def keep_ours(primary: Store, log: FailoverLog, number: int, clock: Clock) -> None:
    """Write our side of a conflict over theirs, as one batch, and once only.

    Raises VersionConflict when theirs is no longer what the conflict shows; it then shows what
    is there now.
    """
    conflict, now = log.conflict(number), clock()
    refs = conflict.entry.written
    mark = Ref(MARKS, conflict.entry.token)
    (done,) = primary.read([mark])
    renewed: list[Conflict] = []
    if done is None:
        operations = [operation._replace(at=now) for operation in conflict.entry.operations]
        batch = [
            Put(*mark, b"", now, expires_at=now + _REMEMBER_US, if_version=0),
            *(Check(*ref, now, _version(conflict.theirs.get(ref))) for ref in refs),
            *operations,
        ]
        try:
            written = primary.write(batch, origin=conflict.origin).written
        except VersionConflict as error:
            if error.details.get("scope") != MARKS:
                theirs = rows_of(primary, refs)
                log.replace_conflicts([conflict._replace(theirs=theirs)], resolved=None)
                raise _changed(conflict, error) from error
        else:
            renewed = _renewed(log, conflict, operations, written[-len(operations) :])
    log.replace_conflicts(renewed, resolved=number)


def _renewed(
    log: FailoverLog,
    resolved: Conflict,
    operations: Sequence[Operation],
    written: Sequence[Written],
) -> list[Conflict]:
    """Return the other conflicts over what was just replaced, showing what replaced it."""
    now: dict[Ref, Row | None] = {}
    for operation, done in zip(operations, written, strict=True):
        ref = Ref(*operation[:2])
        now[ref] = None
        if isinstance(operation, Put):
            now[ref] = put_row(operation, done, resolved.origin)
    changed = []
    for other in log.conflicts():
        theirs = dict(other.theirs)
        for ref in other.entry.written:
            if ref in now and _version(theirs.get(ref)) == _version(resolved.theirs.get(ref)):
                theirs.pop(ref, None)
                row = now[ref]
                if row is not None:
                    theirs[ref] = row
        if other.id != resolved.id and theirs != other.theirs:
            changed.append(other._replace(theirs=theirs))
    return changed


def _version(row: Row | None) -> int:
    return row.version if row is not None else 0


def _changed(conflict: Conflict, error: VersionConflict) -> VersionConflict:
    return VersionConflict(
        f"conflict {conflict.id} is no longer what it was: {error.message}",
        hint="look at it again, and resolve it then",
        **error.details,
    )
