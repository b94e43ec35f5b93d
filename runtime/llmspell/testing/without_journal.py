"""Stores that were opened without a journal."""

from __future__ import annotations

import pytest

from llmspell.errors import VersionConflict
from llmspell.store.base import Check, Delete, Put, Ref, Store
from llmspell.store.changes import NOBODY, Compacted, JournalSpan
from llmspell.testing.clock import ManualClock
from llmspell.testing.shorthand import put, sweep, value_of

__all__ = ["NoJournalRules"]


class NoJournalRules:
    """Such a store does everything else."""

    def test_without_a_journal_nothing_is_journalled(
        self, store_without_journal: Store, clock: ManualClock
    ) -> None:
        """It is empty, reaches nowhere and has nothing to compact."""
        store = store_without_journal
        assert store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1)]).seq == 0
        store.put("s", "k", b"", 1, 1, "standard", None, NOBODY)
        store.write([Delete("s", "a", 2), Put("s", "t", b"", 2, expires_at=clock.now)])
        assert sweep(store, clock.now) == (1, 1)
        assert store.span() == JournalSpan(0, 0, 0)
        assert store.changes(0) == store.history(Ref("s", "k")) == []
        assert store.recall([1, 2, 3]) == {}
        assert store.compact(keep=0) == Compacted(0, 0, True)

    def test_without_a_journal_entries_are_kept_as_ever(
        self, store_without_journal: Store, clock: ManualClock
    ) -> None:
        """Versions, preconditions, batches, snapshots and expiry need none."""
        store = store_without_journal
        store.write([Put("s", "a", b"1", 1), Put("s", "b", b"1", 1)])
        store.write([Delete("s", "a", 2)])
        assert store.put("s", "a", b"2", 3, 1, "standard", 0, NOBODY)[:2] == (3, 3)
        with store.snapshot() as moment:
            with pytest.raises(VersionConflict):
                store.write([Put("s", "b", b"2", 2), Check("s", "a", 2, 9)])
            store.write([Put("s", "c", b"1", 2), Delete("s", "c", 2)])
            assert [row.blob for row in moment.scan("s")] == [b"2", b"1"]
        put(store, "s", "b", b"2", expires_at=clock.now + 10)
        clock.now += 10
        assert store.scopes() == [("s", 1)]
        assert value_of(store, "s", "b") is None
        assert put(store, "s", "b", at=clock.now, if_version=0).version == 4
