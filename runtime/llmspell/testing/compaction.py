"""Keeping the journal to its size: by age, by count, in steps."""

from __future__ import annotations

from llmspell.store.base import Clear, Delete, Put, Ref, Store
from llmspell.store.changes import NOBODY, Compacted, JournalSpan
from llmspell.testing.shorthand import compact, put, state_at

__all__ = ["CompactionRules"]


class CompactionRules:
    """Compaction raises the floor and removes what no position from it on needs."""

    def test_compaction_by_age_takes_what_is_older(self, store: Store) -> None:
        """The floor rises over changes before the time; one of that very time stays above."""
        store.write([Put("s", "k", b"", at) for at in range(10)])
        assert compact(store, before=6) == 5
        assert store.span() == JournalSpan(6, 10, 5)
        assert [change.at for change in store.changes(0)] == [5, 6, 7, 8, 9]
        assert compact(store, before=6) == compact(store, before=2) == 0

    def test_nothing_younger_than_the_age_is_compacted(self, store: Store) -> None:
        """The floor stops below the first change that is young enough, whatever follows it."""
        store.write([Put("s", "k", b"", at) for at in (1, 2, 9, 3, 4)])
        compact(store, before=5)
        assert store.span().floor == 2

    def test_compaction_by_count_leaves_that_many(self, store: Store) -> None:
        """So many changes stay above the floor, and never does the floor sink."""
        store.write([Put("s", "k", b"", 1) for _ in range(10)])
        assert compact(store, keep=4) == 5
        assert store.span() == JournalSpan(6, 10, 5)
        assert compact(store, keep=7) == compact(store, keep=100) == 0
        assert store.span().floor == 6

    def test_age_and_count_are_each_reason_enough(self, store: Store) -> None:
        """A change goes when it is old enough or enough come after it; with neither none goes."""
        store.write([Put("s", "k", b"", at) for at in (9, 1, 2, 9, 3, *range(20, 25))])
        assert store.compact() == Compacted(0, 0, True)
        compact(store, before=5, keep=9)
        assert store.span().floor == 3
        compact(store, before=5, keep=6)
        assert store.span().floor == 5
        compact(store, before=22, keep=6)
        assert store.span().floor == 7

    def test_compaction_works_in_steps(self, store: Store) -> None:
        """One call raises the floor by at most ``limit`` and says whether there is more."""
        store.write([Put("s", str(i % 10), b"", 1) for i in range(2500)])
        assert store.compact(keep=0, limit=100) == Compacted(90, 100, False)
        assert store.span() == JournalSpan(100, 2500, 2410)
        assert compact(store, keep=0) == 2400
        assert store.span() == JournalSpan(2500, 2500, 10)

    def test_what_the_positions_that_are_left_need_stays(self, store: Store) -> None:
        """Values that still hold stay however old, replaced and deleted ones go."""
        store.write([Put("s", key, b"1", 1) for key in ("kept", "replaced", "deleted", "cleared")])
        store.write(
            [Put("s", "replaced", b"2", 1), Delete("s", "deleted", 1), Put("t", "x", b"", 1)]
        )
        changes = store.changes(0)
        compact(store, keep=1)
        told = [(change.key, change.blob) for change in store.changes(0)]
        assert told == [("kept", b"1"), ("cleared", b"1"), ("replaced", b"2"), ("x", b"")]
        for position in range(store.span().floor, store.span().last + 1):
            assert state_at(store.changes(0), position) == state_at(changes, position)
        store.write([Clear("s", 2), Put("t", "y", b"", 2)])
        compact(store, keep=0)
        assert [change.key for change in store.changes(0)] == ["x", "y"]

    def test_a_deleted_key_leaves_nothing_for_long(self, store: Store) -> None:
        """The store's last change stays, even a deletion, but only as long as it is the last."""
        for number in range(5):
            store.write([Put("s", str(number), b"", 1), Delete("s", str(number), 1)])
            compact(store, keep=0)
            last = 2 * number + 2
            assert store.span() == JournalSpan(last, last, 1)
            assert [change.op for change in store.changes(0)] == ["delete"]

    def test_compaction_touches_no_entry(self, store: Store) -> None:
        """Entries, their versions and the order of changes go on as if nothing had happened."""
        store.write([Put("s", "a", b"1", 1), Put("s", "b", b"1", 1), Delete("s", "b", 1)])
        store.put("s", "a", b"2", 1, 1, "standard", None, NOBODY)
        rows = store.scan("s")
        compact(store, keep=0)
        assert store.scan("s") == rows
        assert (put(store, "s", "a").version, put(store, "s", "b").version) == (3, 3)
        assert [(c.seq, c.key, c.version) for c in store.changes(4)] == [(5, "a", 3), (6, "b", 3)]

    def test_history_and_recall_end_where_compaction_cut(self, store: Store) -> None:
        """What is left of a key is told, without a gap; the rest is no error."""
        store.write([Put("s", "k", b"%d" % i, 1) for i in range(10)])
        compact(store, keep=3)
        assert [change.version for change in store.history(Ref("s", "k"))] == [10, 9, 8, 7]
        assert [change.version for change in store.history(Ref("s", "k"), below=9)] == [8, 7]
        assert store.history(Ref("s", "k"), below=7) == []
        assert sorted(store.recall(range(11))) == [7, 8, 9, 10]
        assert [change.seq for change in store.changes(2, limit=2)] == [7, 8]

    def test_an_empty_journal_has_nothing_to_compact(self, store: Store) -> None:
        """That is no error, and it is done at once."""
        assert store.compact(before=10**18, keep=0) == Compacted(0, 0, True)
