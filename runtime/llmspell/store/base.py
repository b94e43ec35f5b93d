"""What a store is: the values that cross its border and the protocols a backend implements.

A store sees scopes, keys and opaque bytes; it never looks into a value. Scopes and keys are
valid when they arrive (the manager checks them) and are never joined into one text. Every
time is an integer: microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from llmspell.store.changes import NOBODY, Change, Compacted, JournalSpan, Origin, Swept
from llmspell.store.operations import (
    Check,
    Clear,
    Delete,
    Operation,
    Put,
    Restored,
    Rewritten,
    WriteResult,
    Written,
)

__all__ = [
    "FIRST_SCOPE",
    "GRANTS",
    "INTERNAL",
    "KEY_RING",
    "Check",
    "Clear",
    "Delete",
    "Journal",
    "Operation",
    "Put",
    "Reader",
    "Ref",
    "RestoreWork",
    "Restored",
    "Rewritten",
    "Row",
    "Store",
    "WriteResult",
    "Written",
]

#: Scopes that begin with this character are llmspell's own (leases, checkpoints): no user can
#: name one. They are versioned as all others, but not journalled, counted or listed.
INTERNAL: Final = "\x01"
#: The least scope that is not one of those.
FIRST_SCOPE: Final = "\x02"


class Ref(NamedTuple):
    """The address of one entry."""

    scope: str
    key: str


#: Where the key ring itself is kept. It is wrapped with the master key, not sealed with its own.
KEY_RING: Final = Ref(INTERNAL + "keys", "ring")
#: Where grants of access control are kept.
GRANTS: Final = INTERNAL + "access"


class Row(NamedTuple):
    """One live entry as it is stored. ``blob`` is empty when the reader asked for no values."""

    scope: str
    key: str
    version: int
    created_at: int
    updated_at: int
    schema_version: int
    state_class: str
    expires_at: int | None
    correlation_id: str | None
    blob: bytes


class Reader(Protocol):
    """The ways to read. Order is by Unicode code point.

    Deleted entries never show, nor do those whose ``expires_at`` the store's clock has reached.
    """

    def read(self, refs: Sequence[Ref]) -> list[Row | None]:
        """Return the entries in the order of ``refs``, all of one moment; None where absent."""
        ...

    def scan(
        self,
        scope: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        values: bool = True,
    ) -> list[Row]:
        """Return the entries of a scope in key order.

        ``prefix`` is literal text. ``after`` excludes keys up to and including it, which
        makes it the cursor of the next page. Without ``values`` every ``blob`` is empty.
        """
        ...

    def scopes(self, prefix: str = "") -> list[tuple[str, int]]:
        """Return each scope that holds entries with their number, sorted; no INTERNAL ones."""
        ...

    def versions(self) -> list[tuple[str, int, int]]:
        """Return scope, schema version and number of the entries that have both, sorted.

        No INTERNAL scopes.
        """
        ...

    def walk(self, after: Ref | None = None, *, limit: int) -> list[Row]:
        """Return the stored entries of all scopes, in an order of the store's own.

        That stays the same, so ``after``, the address of the last row of one page, is the
        cursor of the next; the entry need not be there any more. Fewer than ``limit`` rows mean
        that there are no more. No INTERNAL scopes, and nothing that is kept in this process only.
        """
        ...

    def position(self) -> int:
        """Return the journal's last position; 0 without a journal.

        A snapshot shows exactly the changes up to its own.
        """
        ...


#: What a restore asks what to put back: called with a reader, it yields batches.
RestoreWork: TypeAlias = Callable[[Reader], Iterable[Sequence[Restored | Delete]]]


class Journal(Protocol):
    """Reading the journal, and keeping it and the entries to their size.

    A store opened without a journal has an empty one: ``span`` is (0, 0, 0).
    """

    def span(self) -> JournalSpan:
        """Return how far the journal reaches."""
        ...

    def changes(self, after: int, *, limit: int | None = None, values: bool = True) -> list[Change]:
        """Return the changes with a ``seq`` above ``after``, in order. What is returned is final.

        Never does a change appear later below one that was returned.
        """
        ...

    def recall(self, seqs: Sequence[int]) -> Mapping[int, Change]:
        """Return the changes with these numbers, as far as the journal has them."""
        ...

    def history(
        self, ref: Ref, *, below: int | None = None, limit: int | None = None, values: bool = True
    ) -> list[Change]:
        """Return the changes of one key, the latest first.

        ``below`` leaves out versions from that one on, which makes it the cursor of the next
        page. An entry that has expired and was not swept has no ``expire`` yet.
        """
        ...

    def compact(
        self, *, before: int | None = None, keep: int | None = None, limit: int = 1000
    ) -> Compacted:
        """Raise the floor by at most ``limit`` changes and remove what no position needs.

        The floor rises over one change after the other, as long as the next one's time is below
        ``before`` or at least ``keep`` changes come after it. Removed are the changes that
        another one at or below the floor replaced, and deletions at or below it. The last
        change of a store always stays.
        """
        ...

    def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        """Turn at most ``limit`` entries that expired by ``now`` into tombstones, and purge.

        Each takes a version and a journal row with the op ``expire``, whose time is its
        ``expires_at``. A tombstone goes KEEP_TOMBSTONES_US after the deletion; only then may
        versions of its key begin anew.
        """
        ...

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until the journal may reach beyond ``after``; False if the time was up first.

        May return True when it does not. Returns at once after ``close``.
        """
        ...


class Store(Reader, Journal, Protocol):
    """A durable (or in-memory) map from scope and key to a versioned blob. Thread-safe.

    Versions of a key start at 1, grow by one with each write, delete or expiry of it and do
    not come back after a delete, so that compare-and-set cannot be fooled. ``created_at``
    starts anew when a deleted key is written again.

    Every method raises RuntimeClosed after ``close`` and StorageError, with a ``reason`` in
    its details, when the medium fails; nothing is ever half-written.
    """

    def write(
        self,
        batch: Sequence[Operation],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> WriteResult:
        """Apply a batch in order, whole or not at all; durable when this returns.

        Entries and their journal rows are one transaction. Each operation sees the ones before
        it, its ``if_version`` included. An entry that expired at the operation's ``at`` counts
        as absent; writing it journals its expiry first, which takes a version of its own.
        ``durability`` is ``"commit"`` (survives the death of the process) or ``"fsync"``
        (survives power loss) for this batch; None is what the store was opened with.

        Raises VersionConflict naming the first operation whose precondition failed.
        """
        ...

    def put(
        self,
        scope: str,
        key: str,
        blob: bytes,
        at: int,
        schema_version: int,
        state_class: str,
        if_version: int | None,
        origin: Origin,
    ) -> tuple[int, int, int, int]:
        """Write one entry: what ``write([Put(...)])`` does, without the cost of its objects.

        Return the version it took, when its present life began, and the epoch before and after.
        """
        ...

    def rewrite(
        self,
        batch: Sequence[Put],
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        """Put other values in the place of entries, each at the version its put demands.

        What ``write`` does with the same batch, without telling what became of each: every
        entry takes the next version. For a thousand entries and more, some stores do it in
        much less time than they need to write them.

        Raises InvalidArgument for anything but a Put, for a key that comes twice, for one
        without ``if_version`` or with 0, and for ``versions`` other than 1.
        """
        ...

    def restore(
        self,
        work: RestoreWork,
        *,
        durability: str | None = None,
        origin: Origin = NOBODY,
    ) -> Rewritten:
        """Put entries back as they were, all or none, in one transaction however many they are.

        ``work`` is called once, with a reader of what there is, while nobody else can write, and
        yields batches; the reader shows nothing of what is restored. What it raises leaves
        everything as it was. Each address comes once. Versions never come back: an entry whose
        key has reached its version, be it as a tombstone, takes the next one. Journal rows of
        entries have the op ``put``, ``origin``'s actor and run and, where it has none itself,
        the entry's correlation id.

        Raises InvalidArgument for anything but Restored and Delete, for an ``if_version``, a
        version that is none, and an address that comes twice; StorageError, ``locked``, to whoever
        writes to this store from inside ``work``.
        """
        ...

    def snapshot(self) -> AbstractContextManager[Reader]:
        """Open a reader of this one moment, which sees no later write and delays no writer."""
        ...

    def epoch(self) -> int:
        """Return a number that changes whenever somebody may have written; -1 means unknown.

        To cache what was read: take the epoch, read, take it again, and keep the result for
        as long as the epoch stays the same. With -1 on either side, do not cache. Numbers
        never come back. Writes of programs that are not llmspell show within 100 ms.
        """
        ...

    def stats(self) -> dict[str, Any]:
        """Return facts for people: backend, entries, scopes, bytes, durability, location."""
        ...

    def close(self) -> None:
        """Release everything. May be called again; what was written stays."""
        ...
