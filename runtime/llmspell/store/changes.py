"""The journal's own values: what a change is, whom it belongs to, how far the journal reaches."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = [
    "NOBODY",
    "RESTORE_RUN",
    "Change",
    "Compacted",
    "JournalSpan",
    "Op",
    "Origin",
    "Swept",
]

Op: TypeAlias = Literal["put", "delete", "expire"]


class Origin(NamedTuple):
    """Whom a write belongs to: texts that are not empty, or None.

    The journal keeps all three, the entry the correlation id.
    """

    actor: str | None = None
    run_id: str | None = None
    correlation_id: str | None = None


NOBODY: Final = Origin()
#: How the run id of a restore begins; the id of the backup follows. What it puts back keeps the
#: time of its last update, which then is not that of the change.
RESTORE_RUN: Final = "restore:"


class Change(NamedTuple):
    """One row of the journal: what one operation did to one key.

    ``seq`` is its place in the one order of all changes of a store; it only grows. ``version``
    is the one the key took by it. ``previous`` is the ``seq`` of the change of the same key
    before this one; it may be compacted away, and is None where the journal knows none.
    ``created_at`` is when the life of the entry began. ``blob`` is empty for a ``delete`` and
    an ``expire``, and when the reader asked for no values.
    """

    seq: int
    at: int
    scope: str
    key: str
    op: Op
    version: int
    created_at: int
    schema_version: int
    state_class: str
    expires_at: int | None
    actor: str | None
    run_id: str | None
    correlation_id: str | None
    previous: int | None
    blob: bytes


class JournalSpan(NamedTuple):
    """How far the journal reaches.

    The state as of every position from ``floor`` to ``last`` can be told: for each key the
    latest change at or before that position is there, unless the key did not exist. Changes
    after ``floor`` are complete; before it there may be gaps. ``last`` is 0 in a store that
    was never written to. ``rows`` is the number of changes kept.
    """

    floor: int
    last: int
    rows: int


class Compacted(NamedTuple):
    """What one step of compaction did; ``done`` is False while there is more to do."""

    removed: int
    floor: int
    done: bool


class Swept(NamedTuple):
    """What one sweep did: entries that had expired, and tombstones that were old enough to go."""

    expired: int
    purged: int
    done: bool
