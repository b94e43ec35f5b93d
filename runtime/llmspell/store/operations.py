"""What can be asked of a store in a write, and what it tells of it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = [
    "Check",
    "Clear",
    "Delete",
    "Operation",
    "Put",
    "Restored",
    "Rewritten",
    "WriteResult",
    "Written",
]


class Put(NamedTuple):
    """Write one entry.

    ``if_version`` N demands that the current version is N; 0 that there is no live entry.
    From ``expires_at`` on the entry counts as absent. ``versions`` is how many versions the
    write takes: more than one when it stands for several that were put together.
    """

    scope: str
    key: str
    blob: bytes
    at: int
    schema_version: int = 1
    state_class: str = "standard"
    expires_at: int | None = None
    if_version: int | None = None
    versions: int = 1


class Delete(NamedTuple):
    """Remove one entry; removing what is not there is no error and takes no version."""

    scope: str
    key: str
    at: int
    if_version: int | None = None


class Clear(NamedTuple):
    """Remove every entry of one scope."""

    scope: str
    at: int


class Check(NamedTuple):
    """Demand a version of one entry, as ``if_version`` does, without writing it."""

    scope: str
    key: str
    at: int
    version: int


Operation: TypeAlias = Put | Delete | Clear | Check


class Restored(NamedTuple):
    """Put an entry back as it was; only ``Store.restore`` takes this.

    ``at`` is the time of the journal's row. All other times, and the correlation id, become the
    entry's. It takes ``version``, or the next one if its key has come as far already.
    """

    scope: str
    key: str
    blob: bytes
    at: int
    version: int
    created_at: int
    updated_at: int
    schema_version: int
    state_class: str
    expires_at: int | None
    correlation_id: str | None


class Written(NamedTuple):
    """What one operation did.

    ``version`` is the one it took (a delete takes one too; 0 when it found nothing, for a
    clear and a check). ``created_at`` is when the present life of the entry began, 0 when
    there is none to speak of. ``existed`` tells whether there was a live entry before.
    ``count`` is the number of entries put or removed.
    """

    version: int
    created_at: int
    existed: bool
    count: int  # type: ignore[assignment]  # nobody counts the fields of a result


class WriteResult(NamedTuple):
    """The outcome of a batch, in its order, and the epoch on both sides of its commit.

    A cache filled at ``epoch_before`` stays valid at ``epoch_after`` once the caller applied
    its own change to it. ``epoch_before`` is -1 when other writes were under way.
    ``seq`` is the journal's last position after the batch.
    """

    written: list[Written]
    epoch_before: int
    epoch_after: int
    seq: int


class Rewritten(NamedTuple):
    """The epoch on both sides of a rewrite or a restore and the journal's last position after it.

    They mean what they mean in a WriteResult.
    """

    epoch_before: int
    epoch_after: int
    seq: int
