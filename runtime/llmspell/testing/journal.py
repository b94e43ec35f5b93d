"""The journal: what each write leaves in it, and the ways to read it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from llmspell.errors import VersionConflict
from llmspell.store.base import INTERNAL, Check, Clear, Delete, Operation, Put, Ref, Store
from llmspell.store.changes import NOBODY, Change, JournalSpan, Origin
from llmspell.testing.clock import DAY_US, ManualClock
from llmspell.testing.shorthand import put, state_at, sweep

__all__ = ["JournalRules"]

_ORIGIN = Origin("me", "run-1", "cause-1")


class JournalRules:
    """Every write is in the journal, once, in order, and the journal can be read."""

    def test_a_put_is_journalled_with_everything_that_was_given(
        self, store: Store, clock: ManualClock
    ) -> None:
        """Every field of a change is told, whichever way the entry was written."""
        expires_at = clock.now + DAY_US
        store.write([Put("s", "k", b"\x00\xff", -5, 3, "bulk", expires_at)], origin=_ORIGIN)
        store.put("s", "k", b"2", 6, 2, "trusted", None, Origin("you", None, None))
        assert store.changes(0) == [
            Change(
                1, -5, "s", "k", "put", 1, -5, 3, "bulk", expires_at, *_ORIGIN, None, b"\x00\xff"
            ),
            Change(2, 6, "s", "k", "put", 2, -5, 2, "trusted", None, "you", None, None, 1, b"2"),
        ]

    def test_delete_and_clear_journal_each_entry_they_remove(self, store: Store) -> None:
        """Such a change has no value, and the time and origin of the operation."""
        store.write([Put("s", key, b"v", 1, 3, "bulk") for key in "abc"])
        store.write([Delete("s", "c", 5), Clear("s", 6)], origin=_ORIGIN)
        gone = [("c", 5, 3), ("a", 6, 1), ("b", 6, 2)]
        assert store.changes(3) == [
            Change(seq, at, "s", key, "delete", 2, 1, 1, "standard", None, *_ORIGIN, previous, b"")
            for seq, (key, at, previous) in enumerate(gone, start=4)
        ]

    def test_what_changes_nothing_is_not_journalled(self, store: Store) -> None:
        """Checks, empty batches and removing what is not there take no place in the order."""
        put(store, "s", "k")
        for batch in ([], [Check("s", "k", 2, 1)], [Delete("s", "no", 2)], [Clear("t", 2)]):
            assert store.write(batch).seq == 1
        assert len(store.changes(0)) == 1

    def test_positions_have_no_gaps_and_a_write_tells_its_last(self, store: Store) -> None:
        """``seq`` of the result is the place of the batch's last change."""
        assert store.span() == JournalSpan(0, 0, 0)
        assert store.write([Put("s", "a", b"", 1)]).seq == 1
        assert store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1)]).seq == 3
        assert store.write([Clear("s", 2)]).seq == 5
        assert [change.seq for change in store.changes(0)] == [1, 2, 3, 4, 5]
        assert store.span() == JournalSpan(0, 5, 5)

    def test_a_batch_that_failed_left_no_trace_in_the_journal(self, store: Store) -> None:
        """Its places in the order go to the next writer."""
        put(store, "s", "k")
        batch: list[Operation] = [Put("s", str(i), b"", 2) for i in range(5)]
        with pytest.raises(VersionConflict):
            store.write([*batch, Clear("s", 2), Put("s", "k", b"", 2, if_version=9)])
        assert put(store, "s", "k").version == 2
        assert [(c.seq, c.version, c.previous) for c in store.changes(0)] == [
            (1, 1, None),
            (2, 2, 1),
        ]

    def test_each_change_points_to_the_one_before_it_of_its_key(self, store: Store) -> None:
        """The chain goes on through a delete, within a batch and between batches."""
        store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1), Put("s", "a", b"", 1)])
        store.write([Put("t", "a", b"", 2), Delete("s", "a", 2), Put("s", "a", b"", 2)])
        store.put("s", "b", b"", 3, 1, "standard", None, NOBODY)
        chain = [(c.scope + c.key, c.previous) for c in store.changes(0)]
        assert chain == [
            ("sa", None),
            ("sb", None),
            ("sa", 1),
            ("ta", None),
            ("sa", 3),
            ("sa", 5),
            ("sb", 2),
        ]

    def test_changes_come_in_pages(self, store: Store) -> None:
        """``after`` and ``limit`` walk the journal; without values only the values are missing."""
        store.write([Put("s", str(i % 7), b"%d" % i, i) for i in range(25)])
        whole = store.changes(0)
        assert [change.blob for change in whole] == [b"%d" % i for i in range(25)]
        pages: list[Change] = []
        while page := store.changes(len(pages), limit=4):
            assert len(page) <= 4
            pages += page
        assert pages == whole
        assert store.changes(20, values=False) == [c._replace(blob=b"") for c in whole[20:]]
        assert store.changes(25) == store.changes(99) == store.changes(0, limit=0) == []

    def test_recall_finds_changes_by_number(self, store: Store) -> None:
        """Numbers the journal does not have are left out, repeated ones are found once."""
        store.write([Put("s", str(i), b"%d" % i, 1) for i in range(1500)])
        whole = {change.seq: change for change in store.changes(0)}
        assert store.recall(range(1, 1501)) == whole
        assert store.recall([3, 0, 9999, 1500, 3]) == {3: whole[3], 1500: whole[1500]}
        assert store.recall([]) == {}

    def test_history_is_one_keys_changes_the_latest_first(self, store: Store) -> None:
        """It goes through deletion and a new beginning; other keys do not show in it."""
        for number in range(5):
            store.write([Put("s", "k", b"%d" % number, number), Put("s", "other", b"", number)])
            store.write([Put("t", "k", b"", number)])
        store.write([Delete("s", "k", 5)])
        put(store, "s", "k", b"again", at=6)
        history = store.history(Ref("s", "k"))
        assert [(c.version, c.op, c.created_at) for c in history] == [
            (7, "put", 6),
            (6, "delete", 0),
            *((version, "put", 0) for version in (5, 4, 3, 2, 1)),
        ]
        mine = [c for c in store.changes(0) if (c.scope, c.key) == ("s", "k")]
        assert history == mine[::-1]
        assert store.history(Ref("s", "k"), values=False) == [
            change._replace(blob=b"") for change in history
        ]
        assert store.history(Ref("s", "never")) == store.history(Ref("never", "k")) == []

    def test_history_comes_in_pages(self, store: Store) -> None:
        """``below`` is the version to go on from, whether or not the key has it."""
        store.write([Put("s", "k", b"%d" % i, i, versions=1 + i % 2) for i in range(300)])
        whole = store.history(Ref("s", "k"))
        assert len(whole) == 300
        pages: list[Change] = []
        below = None
        while page := store.history(Ref("s", "k"), below=below, limit=70):
            assert len(page) <= 70
            pages += page
            below = page[-1].version
        assert pages == whole
        assert store.history(Ref("s", "k"), below=10**9) == whole
        assert store.history(Ref("s", "k"), below=1) == []
        assert store.history(Ref("s", "k"), limit=0) == []

    def test_every_moment_can_be_told_from_the_journal(self, store: Store) -> None:
        """The latest change of each key at or before a position is the state there."""
        moments = []
        for number in range(12):
            result = store.write(
                [
                    Put("s", str(number % 5), b"%d" % number, number),
                    Delete("s", str(number % 3), number),
                ]
            )
            moments.append((result.seq, {row.key: row.blob for row in store.scan("s")}))
        changes = store.changes(0)
        for position, expected in moments:
            told = state_at(changes, position)
            assert {ref.key: change.blob for ref, change in told.items()} == expected

    def test_internal_scopes_are_not_journalled(self, store: Store, clock: ManualClock) -> None:
        """They take no position either, however they are written."""
        scope = INTERNAL + "lease"
        assert store.write([Put(scope, "a", b"", 1), Put("s", "k", b"", 1)]).seq == 1
        store.put(scope, "b", b"", 1, 1, "standard", None, NOBODY)
        put(store, scope, "c", expires_at=clock.now)
        assert sweep(store, clock.now) == (1, 0)
        assert store.write([Delete(scope, "a", 2), Clear(scope, 2)]).seq == 1
        assert [change.scope for change in store.changes(0)] == ["s"]
        assert store.history(Ref(scope, "a")) == []

    def test_a_reader_of_changes_never_misses_one(self, store: Store) -> None:
        """While threads write, each page goes on where the one before it ended."""

        def write(name: int) -> None:
            for number in range(40):
                if number % 2:
                    store.put("s", f"{name}", b"", number, 1, "standard", None, NOBODY)
                else:
                    store.write([Put("s", f"{name}", b"", number), Delete("s", f"{name}", number)])

        seen: list[int] = []
        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, name) for name in range(4)]
            while not all(writer.done() for writer in writers):
                seen += [change.seq for change in store.changes(len(seen), limit=50)]
        for writer in writers:
            writer.result()
        seen += [change.seq for change in store.changes(len(seen))]
        assert seen == list(range(1, store.span().last + 1))
