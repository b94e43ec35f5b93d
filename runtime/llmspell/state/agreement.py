"""Whether an entry and the journal agree, asked while others write."""

from __future__ import annotations

import time
from typing import Any, Final

from llmspell.state.chains import Link
from llmspell.store.base import Ref, Row, Store
from llmspell.store.changes import RESTORE_RUN, Change

__all__ = ["disagreement", "is_lost"]

#: How often an entry is looked at again; one that changes as often as that is in good health.
_LOOKS: Final = 5

_UPDATED: Final = "updated_at"
#: What a row and the change that made it have in common, under the names people know.
_SHARED: Final = (
    ("version", "version", "version"),
    ("blob", "blob", "value"),
    ("created_at", "created_at", "created_at"),
    ("updated_at", "at", _UPDATED),
    ("schema_version", "schema_version", "schema_version"),
    ("state_class", "state_class", "class"),
    ("expires_at", "expires_at", "expires_at"),
    ("correlation_id", "correlation_id", "correlation_id"),
)


def disagreement(store: Store, row: Row, link: Link | None, change: Change | None) -> str | None:
    """Return how an entry differs from the latest change of its key; None if it does not.

    ``link`` and ``change`` are the latest that was met, None if none was; an entry that is newer
    is compared with what is the latest by now.
    """
    if change is not None and row.version == change.version:
        return _difference(row, change)
    if link is None or row.version > link.version:
        return _newest_disagreement(store, Ref(row.scope, row.key))
    (again,) = store.read((Ref(row.scope, row.key),))
    if again is None or again.version > link.version:
        return None
    if again.version == link.version and link.lives:
        return None if change is None else _difference(again, change)
    done = "wrote" if link.lives else "deleted"
    return f"it is at version {again.version}, but a later change {done} version {link.version}"


def is_lost(store: Store, change: Change) -> bool:
    """Return whether an entry is absent that the latest change met of its key left there."""
    ref = Ref(change.scope, change.key)
    for _ in range(_LOOKS):
        (row,) = store.read((ref,))
        latest = store.history(ref, limit=1, values=False)
        if row is not None or (latest and latest[0].op != "put"):
            return False
        if latest and latest[0].seq != change.seq:
            change = latest[0]
            continue
        if change.seq not in store.recall([change.seq]):  # deleted and compacted meanwhile
            return False
        return change.expires_at is None or change.expires_at > _now()
    return False


def _newest_disagreement(store: Store, ref: Ref) -> str | None:
    for _ in range(_LOOKS):
        (row,) = store.read((ref,))
        latest = store.history(ref, limit=1)
        (again,) = store.read((ref,))
        if row is None or again is None:
            return None
        if row.version == again.version:
            return _difference(row, latest[0]) if latest else "the journal knows nothing of it"
    return None


def _difference(row: Row, change: Change) -> str | None:
    if change.op != "put":
        return f"it is there, but its latest change, {change.seq}, removed it"
    if change.version != row.version:
        return (
            f"it is at version {row.version}, but its latest change, {change.seq}, wrote version"
            f" {change.version}"
        )
    differing = [name for left, right, name in _SHARED if _of(row, left) != _of(change, right)]
    if differing == [_UPDATED] and (change.run_id or "").startswith(RESTORE_RUN):
        return None
    if differing:
        return f"it differs from its latest change, {change.seq}, in: {', '.join(differing)}"
    return None


def _of(place: Row | Change, name: str) -> Any:
    return getattr(place, name)


def _now() -> int:
    return time.time_ns() // 1000
