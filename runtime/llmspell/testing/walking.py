"""Walking over all that is stored, and the position in the journal it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event

import pytest

from llmspell.errors import RuntimeClosed
from llmspell.store.base import INTERNAL, Clear, Delete, Put, Reader, Ref, Row, Store
from llmspell.store.changes import NOBODY, Origin
from llmspell.store.plan import KEEP_TOMBSTONES_US
from llmspell.testing.clock import ManualClock
from llmspell.testing.scans import AWKWARD
from llmspell.testing.shorthand import put, state_at, sweep

__all__ = ["WalkingRules", "walk_all"]

_FEW = [Ref(scope, key) for scope in ("s", "s:t", "t") for key in "abc"]
_SNAPSHOTS = 5


def walk_all(reader: Reader, *, limit: int = 4) -> list[Row]:
    """Walk to the end, in pages; a short one is the last."""
    rows: list[Row] = []
    while True:
        after = Ref(*rows[-1][:2]) if rows else None
        page = reader.walk(after, limit=limit)
        assert len(page) <= limit
        rows += page
        if len(page) < limit:
            return rows


class WalkingRules:
    """Who walks meets every entry once, in a snapshot as of exactly its position."""

    def test_a_walk_meets_every_entry_of_every_scope_once(self, store: Store) -> None:
        """Whole, with all that reading them one by one tells, and in the same order each time."""
        refs = [Ref(scope, key) for scope in ("s", "s:t", "A", *AWKWARD) for key in AWKWARD[:6]]
        origin = Origin("me", "run", "why")
        store.write([Put(*ref, ref.key.encode(), 1, 3, "bulk") for ref in refs], origin=origin)
        whole = store.walk(limit=10_000)
        assert sorted(row[:2] for row in whole) == sorted(set(refs))
        assert whole == store.read([Ref(*row[:2]) for row in whole])
        for limit in (1, 2, 6, 7, 100, len(whole)):
            assert walk_all(store, limit=limit) == whole
        with store.snapshot() as moment:
            assert walk_all(moment) == whole
        assert store.walk(limit=0) == store.walk(Ref(*whole[-1][:2]), limit=9) == []

    def test_a_walk_passes_by_what_is_gone_and_what_is_internal(
        self, store: Store, clock: ManualClock
    ) -> None:
        """However much of that there is, a page is as long as it was to be; none begins there."""
        internal = Ref(INTERNAL + "s", "k")
        gone = [Ref(f"s{number}", key) for number in range(4) for key in "abcdef"]
        store.write([Put(*ref, b"", clock.now, expires_at=clock.now + 9) for ref in gone[::2]])
        store.write([Put(*ref, b"", clock.now) for ref in (*gone[1::2], internal)])
        store.write([Put("s9", key, b"", clock.now) for key in "abc"])
        store.write([Delete(*ref, clock.now) for ref in gone[1::2]])
        clock.now += 9
        assert sorted(row.key for row in store.walk(limit=3)) == ["a", "b", "c"]
        assert {row.scope for row in walk_all(store, limit=2)} == {"s9"}
        assert {row.scope for row in store.walk(internal, limit=9)} == {"s9"}
        store.write([Clear("s9", clock.now)])
        assert walk_all(store) == []

    @pytest.mark.parametrize("how", ["deleted", "cleared", "purged"])
    def test_a_walk_goes_on_behind_an_entry_that_is_gone(
        self, store: Store, clock: ManualClock, how: str
    ) -> None:
        """The cursor is a place in the order, whether or not anything is there."""
        store.write([Put(*ref, b"", clock.now) for ref in _FEW])
        whole = walk_all(store)
        for row in whole:
            after = Ref(*row[:2])
            if how == "cleared":
                store.write([Clear(after.scope, clock.now)])
            else:
                store.write([Delete(*after, clock.now)])
            if how == "purged":
                clock.now += KEEP_TOMBSTONES_US
                assert sweep(store, clock.now) == (0, 1)
            there = {other[:2] for other in walk_all(store)}
            behind = [other for other in whole if other[:2] in there]
            assert store.walk(after, limit=99) == behind

    def test_what_is_written_meanwhile_disturbs_no_walk(self, store: Store) -> None:
        """What was there all the time is met once; what is replaced keeps its place."""
        store.write([Put(*ref, b"", 1) for ref in _FEW])
        order = [row[:2] for row in walk_all(store)]
        met: list[tuple[str, str]] = []
        for number in count():
            page = store.walk(Ref(*met[-1]) if met else None, limit=1)
            if not page:
                break
            met += [row[:2] for row in page]
            store.write([Put(*ref, b"%d" % number, 1) for ref in _FEW])
            if number < 20:
                put(store, f"new {number % 5}", str(number))
        assert [ref for ref in met if ref in order] == order
        assert len(met) == len(set(met))

    def test_the_position_is_that_of_the_last_change(
        self, store: Store, clock: ManualClock
    ) -> None:
        """What is not journalled and compaction do not move it; a snapshot keeps its own."""
        assert store.position() == 0
        store.write([Put("s", "a", b"", 1), Put("s", "b", b"", 1, expires_at=clock.now + 1)])
        store.put("s", "a", b"", 1, 1, "standard", None, NOBODY)
        put(store, INTERNAL + "s", "k")
        assert store.position() == store.span().last == 3
        with store.snapshot() as moment:
            clock.now += 1
            assert sweep(store, clock.now) == (1, 0)
            store.compact(keep=0)
            store.rewrite([Put("s", "a", b"", 2, if_version=2)])
            assert (moment.position(), store.position()) == (3, 5)
        with store.snapshot() as moment:
            assert moment.position() == 5

    def test_a_snapshot_shows_exactly_the_changes_up_to_its_position(self, store: Store) -> None:
        """While others write in every way, neither one more nor one less."""
        stop = Event()

        def write() -> None:
            for number in count():
                if stop.is_set():
                    return
                blob, ref = b"%d" % number, _FEW[number % len(_FEW)]
                store.put(*ref, blob, number, 1, "standard", None, NOBODY)
                others = [Put(*ref, blob, number) for ref in _FEW[number % 4 :: 3]]
                store.write([*others, Delete(*_FEW[number % 7], number)])
                if number % 5 == 0:
                    store.write([Clear(_FEW[number % 9].scope, number)])

        moments: list[tuple[int, list[Row]]] = []
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            try:
                for _ in range(_SNAPSHOTS):
                    assert store.wait(moments[-1][0] if moments else 0, 60)
                    with store.snapshot() as moment:
                        first = moment.position()
                        assert store.wait(first, 60)
                        moments.append((moment.position(), walk_all(moment)))
                        assert moment.position() == first
            finally:
                stop.set()
                writing.result()
        changes = store.changes(0)
        for position, rows in moments:
            told = state_at(changes, position)
            expected = {ref: (it.version, it.created_at, it.blob) for ref, it in told.items()}
            assert {Ref(*r[:2]): (r.version, r.created_at, r.blob) for r in rows} == expected

    def test_without_a_journal_there_is_no_position(self, store_without_journal: Store) -> None:
        """It is 0, in a snapshot too; walking needs none."""
        store = store_without_journal
        store.write([Put(*ref, b"", 1) for ref in _FEW])
        with store.snapshot() as moment:
            store.write([Clear("s", 2)])
            assert (store.position(), moment.position()) == (0, 0)
            assert sorted(row[:2] for row in walk_all(moment)) == _FEW
        assert len(walk_all(store)) == 6

    def test_nobody_walks_in_what_was_closed(self, store: Store) -> None:
        """Neither a snapshot after its end nor the store after its own."""
        put(store, "s", "k")
        with store.snapshot() as moment:
            assert walk_all(moment)
        ways: list[Callable[[Reader], object]] = [
            lambda reader: reader.walk(limit=1),
            lambda reader: reader.walk(Ref("s", "k"), limit=1),
            lambda reader: reader.position(),
        ]
        for reader in (moment, store):
            if reader is store:
                store.close()
            for way in ways:
                with pytest.raises(RuntimeClosed):
                    way(reader)
